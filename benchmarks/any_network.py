"""Which layers of which networks are units: ``python -m benchmarks.any_network``.

Networks of torchvision and, where it is installed, of timm, with random weights. Every row was
compared with the whole padded network, or says what prevents it.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from diversevis.errors import UserError
from diversevis.networks.conventions import convention
from diversevis.networks.modules import from_module, whole
from diversevis.networks.traced import TracedTrunk
from diversevis.networks.whole import WholeTrunk
from diversevis.results.formats import write_rows
from diversevis.seeds import generator

NETWORKS = {
    "torchvision:vgg19": ("conv3_1", "conv4_1"),
    "torchvision:resnet50": ("layer1.1", "layer2.0", "layer3.0"),
    "torchvision:convnext_tiny": ("features.1.2", "features.3.0"),
    "torchvision:densenet121": ("features.denseblock1.denselayer3", "features.transition1"),
    "torchvision:inception_v3": ("Mixed_5b", "Mixed_6a"),
    "torchvision:mobilenet_v2": ("features.4", "features.7"),
    "torchvision:efficientnet_b0": ("features.1.0.block.0", "features.2"),
    "torchvision:shufflenet_v2_x1_0": ("stage2.1", "stage3.0"),
    "timm:resnet50": ("layer1.1", "layer2.0"),
    "timm:convnext_atto": ("stages.0.blocks.1", "stages.1.blocks.0"),
    "torchvision:alexnet": ("conv2_1", "conv3_1"),
    "torchvision:resnet18": ("layer1.1", "layer2.0", "layer3.0"),
    "torchvision:resnext50_32x4d": ("layer1.1", "layer2.0"),
    "torchvision:googlenet": ("inception3a", "inception3b"),
    "torchvision:squeezenet1_1": ("features.3", "features.6"),
    "torchvision:mnasnet1_0": ("layers.8.0", "layers.9.0"),
    "torchvision:mobilenet_v3_large": ("features.2", "features.4"),
    "torchvision:efficientnet_v2_s": ("features.1", "features.2", "features.4"),
    "torchvision:regnet_x_400mf": ("stem", "trunk_output.block1", "trunk_output.block2"),
    "torchvision:regnet_y_400mf": ("stem", "trunk_output.block1"),
    "torchvision:swin_t": ("features.0", "features.1.0"),
    "torchvision:vit_b_16": ("conv_proj", "encoder.layers.encoder_layer_0"),
    "timm:seresnet50": ("layer1.0.bn3", "layer1.0"),
    "timm:nf_resnet26": ("stages.0.0", "stages.1.0"),
    "timm:tf_mobilenetv3_small_minimal_100": ("blocks.1", "blocks.2"),
    "timm:dla34": ("level2", "level3"),
    "timm:repvgg_a0": ("stages.0", "stages.1"),
    "timm:res2net50_14w_8s": ("layer1.0", "layer1.1"),
    "timm:hrnet_w18_small": ("layer1", "stage2"),
}
"""Layers to look at, by network."""

AS_THEY_ARE = (
    ("torchvision:convnext_tiny", "features.1.2"),
    ("torchvision:densenet121", "features.denseblock1.denselayer3"),
    ("torchvision:inception_v3", "Mixed_5b"),
    ("torchvision:mobilenet_v2", "features.4"),
)
"""Layers that are traced, and looked at a second time as if they could not be."""

COLUMNS = (
    "network",
    "layer",
    "way",
    "pixels",
    "stride",
    "units",
    "error",
    "cpu_seconds",
    "prevented_by",
    "remedy",
)

MEAN, STD = 0.45, 0.225
"""Of the input, near enough for all of them."""

_MOST_DRAWN = 10_000_000
"""Numbers of a tensor; only heads have more, which no layer needs, and stay zero."""


def build(name: str) -> nn.Module:
    """Return a network in evaluation mode with random weights, always the same ones."""
    origin, _, own = name.partition(":")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # These compute sizes, or tables of positions, while they are built.
        with torch.device("cpu" if own.startswith(("regnet", "swin")) else "meta"):
            if origin == "timm":
                module: nn.Module = importlib.import_module("timm").create_model(own)
            else:
                from torchvision.models import get_model

                module = get_model(own, weights=None)
    return randomised(module, name)


def randomised(module: nn.Module, name: str) -> nn.Module:
    """Fill a module with random weights that depend on `name`, and put it into evaluation mode."""
    if next(module.parameters()).is_meta:
        module.to_empty(device="cpu")
    stream = generator(0, name)
    with torch.no_grad():
        for path, tensor in [*module.named_parameters(), *module.named_buffers()]:
            if tensor.numel() > _MOST_DRAWN or "num_batches" in path:
                tensor.zero_()
            elif tensor.ndim > 1:
                if tensor.is_floating_point():
                    tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5, generator=stream)
            elif path.endswith(("weight", "running_var", "gain")):
                tensor.uniform_(0.5, 1.5, generator=stream)
            elif tensor.is_floating_point():
                tensor.normal_(0, 0.1, generator=stream)
    return module.eval()


def row(name: str, module: nn.Module, layer: str, *, as_it_is: bool = False) -> dict[str, Any]:
    """Return what is found of one layer, the module run as it is if so asked."""
    known: dict[str, Any] = {"network": name, "layer": layer}
    units: TracedTrunk | WholeTrunk
    begin = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        try:
            if as_it_is:
                units = whole(module, layer, convention(MEAN, STD), name)
            else:
                units = from_module(
                    module, layer, mean=MEAN, std=STD, dtype=torch.float64, cache=Path(folder)
                )
        except UserError as error:
            known |= {"way": "refused", "prevented_by": error.received, "remedy": error.remedy}
        else:
            known |= {"pixels": units.size, "units": units.channels}
        known["cpu_seconds"] = f"{time.process_time() - begin:.2f}"
        if known.get("way") == "refused":
            return known
        if isinstance(units, WholeTrunk):
            return known | {"way": "whole", "error": f"{units.check():.1e}"}
        (found,) = (Path(folder) / "checked").iterdir()
        worst = json.loads(found.read_text())["error"]
        return known | {"way": "traced", "stride": units.stride, "error": f"{worst:.1e}"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the table, network by network; those that it holds already are left out."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.any_network", description=__doc__)
    parser.add_argument("networks", nargs="*", default=[*NETWORKS], help="by default all")
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks/any_network.csv"))
    options = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    if options.out.exists():
        with options.out.open() as file:
            rows = [*csv.DictReader(file)]
    for name in options.networks:
        if any(known["network"] == name for known in rows):
            continue
        try:
            module = build(name)
        except ImportError as error:
            print(f"{name}: {error}", file=sys.stderr)
            continue
        asked = [(layer, False) for layer in NETWORKS[name]]
        asked += [(layer, True) for own, layer in AS_THEY_ARE if own == name]
        for layer, as_it_is in asked:
            rows.append(row(name, module, layer, as_it_is=as_it_is))
            print(*(f"{value}" for value in rows[-1].values()), flush=True)
        write_rows(options.out, rows, COLUMNS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
