"""Traced trunks against those of built-in networks: ``python -m benchmarks.trunks``.

Both take the same patches in turn, many times; what counts is the ratio of each pair.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.any_network import randomised
from benchmarks.timing import seconds, spread
from diversevis.devices import choose_device
from diversevis.networks.conventions import Convention
from diversevis.networks.modules import traced
from diversevis.networks.registry import get_network
from diversevis.networks.trunk import build_trunk
from diversevis.results.formats import write_rows

LAYERS = (("vgg19", "conv3_1"), ("resnet50", "layer1.1"))
COLUMNS = (
    "network",
    "layer",
    "pass",
    "patches",
    "repeats",
    "walked_ms",
    "traced_ms",
    "median",
    "low",
    "high",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trunks", description=__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--patches", type=int, default=48)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks/trunks.csv"))
    options = parser.parse_args(arguments)
    device = choose_device(options.device)
    rows = []
    for name, layer in LAYERS:
        network = get_network(name)
        module = randomised(network.build(), name)
        diagonal = [tuple(s * (i == j) for j in range(3)) for i, s in enumerate(network.scale)]
        wants = Convention(tuple(diagonal), network.shift)
        both: list[Any] = [
            build_trunk(module, layer, network=network),
            traced(module, layer, wants, name, None),
        ]
        kind = {"dtype": torch.float32, "memory_format": torch.channels_last}
        both = [trunk.to(device=device, **kind) for trunk in both]
        shape = (options.patches, 3, both[0].size, both[0].size)
        patches = 50 * torch.randn(shape, generator=torch.Generator().manual_seed(0))
        patches = patches.to(device)
        for which, run in (("forward", forward), ("forward and backward", backward)):
            times = np.array([taken(run, both, patches) for _ in range(1 + options.repeats)])[1:]
            walked, found = np.median(1e3 * times, axis=0)
            known = (name, layer, which, options.patches, options.repeats, walked, found)
            row = dict(zip(COLUMNS, known, strict=False))
            rows.append({**row, **spread(times[:, 1] / times[:, 0])})
            print(*rows[-1].values(), flush=True)
    write_rows(options.out, rows, COLUMNS)
    return 0


def taken(
    run: Callable[[nn.Module, Tensor], Any], both: Sequence[nn.Module], x: Tensor
) -> list[float]:
    """Return seconds of each in turn; on a CPU those of the processor, whoever else is at it."""
    times = []
    for trunk in both:
        begin = time.process_time()
        elapsed = seconds(partial(run, trunk, x), x.device)
        times.append(time.process_time() - begin if x.device.type == "cpu" else elapsed)
    return times


def forward(trunk: nn.Module, patches: Tensor) -> None:
    """Take one pass without gradients."""
    with torch.no_grad():
        trunk(patches)


def backward(trunk: nn.Module, patches: Tensor) -> None:
    """Take one pass, and back to the patches."""
    patches = patches.detach().requires_grad_()
    trunk(patches).sum().backward()


if __name__ == "__main__":
    sys.exit(main())
