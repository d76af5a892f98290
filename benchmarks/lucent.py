"""torch-lucent's `render_vis` with its diversity objective, on the same unit and patch size.

Optional: without the package its rows are absent.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable

import torch
import torchvision
from torch import nn

from diversevis.networks.registry import get_network
from diversevis.networks.store import load_weights
from diversevis.networks.trunk import Trunk, walk


def why_not(network: str, device: torch.device) -> str | None:
    """Return why lucent cannot be timed, or None if it can."""
    if importlib.util.find_spec("lucent") is None:
        return "torch-lucent is not installed (pip install 'diversevis[bench]')"
    if (device.type == "cuda") != torch.cuda.is_available():
        return "torch-lucent takes the GPU wherever there is one"
    if not hasattr(get_network(network).build(), "features"):
        return f"its contender is written for VGG-like networks, not {network}"
    return None


def as_documented(
    network: str, layer: str, channel: int, images: int, diversity: float, tap: str, size: int
) -> Callable[[int], None]:
    """Return a function that takes a number of steps as lucent's documentation shows it.

    On torchvision's padded network with the standard transformations and normalisation; only the
    resizing is set to the patch size, where the default would be 224 px.
    """
    with torch.device("meta"):
        # A patch of early layers' size ends within the features: the classifier is never reached.
        module = torchvision.models.get_model(network).features
    module.to_empty(device="cpu")
    for parameter in module.parameters():
        # Later layers stay random, on which no time depends.
        nn.init.normal_(parameter, std=0.02)
    weights = load_weights(network, progress=False)[0].items()
    own = {name.removeprefix("features."): tensor for name, tensor in weights}
    module.load_state_dict(own, strict=False)
    module = module.to(_device()).eval()
    names = (str(layer_index(network, layer)), str(layer_index(network, tap) + 1))
    return _renderer(module, names, channel, images, diversity, size)


def bare(
    trunk: Trunk, channel: int, images: int, diversity: float, tap: str
) -> Callable[[int], None]:
    """Return the same at its fastest: on the unpadded trunk, with no transformation.

    Parameters
    ----------
    trunk
        In contiguous memory format, which lucent's diversity objective demands.
    channel, images, diversity, tap
        As for the published loop.
    """
    names = tuple(
        f"steps_{index}"
        for index in (layer_index(trunk.network, trunk.layer), layer_index(trunk.network, tap) + 1)
    )
    return _renderer(
        trunk, names, channel, images, diversity, trunk.size, transforms=[], preprocess=False
    )


def _renderer(
    module: nn.Module,
    names: tuple[str, str],
    channel: int,
    images: int,
    diversity: float,
    size: int,
    **settings,
) -> Callable[[int], None]:
    from lucent.optvis import objectives, param, render

    objective = objectives.neuron(names[0], channel) - diversity * objectives.diversity(names[1])

    def run(steps: int) -> None:
        with warnings.catch_warnings():
            # It says that a small patch does not reach the last layers.
            warnings.filterwarnings("ignore", message="Some layers could not be computed")
            render.render_vis(
                module,
                objective,
                lambda: param.image(size, batch=images),
                thresholds=(steps,),
                fixed_image_size=size,
                progress=False,
                show_image=False,
                **settings,
            )
        # Its hooks stay on the module, and would add up from run to run.
        for child in module.modules():
            child._forward_hooks.clear()

    return run


def layer_index(network: str, layer: str) -> int:
    """Return the place of a layer's convolution in the network's chain and in its trunk."""
    steps = walk(get_network(network).build())
    return next(index for index, step in enumerate(steps) if step.layer == layer)


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
