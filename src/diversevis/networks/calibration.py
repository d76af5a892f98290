"""Batch norm statistics from natural patches, for weights that no training gave any."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from diversevis.fetching.tensors import tensor_digest
from diversevis.networks.base import Network, Tensors
from diversevis.networks.trunk import walk
from diversevis.seeds import generator
from diversevis.stimuli.natural import random_crops

_CROPS, _SIDE = 64, 64
"""Crops of photographs, pixels. Other crops change a variance by 4 to 9 %, larger ones of the same
number hardly."""

SAID = f"batch norms calibrated on {_CROPS} natural crops of {_SIDE} px"

_STATISTICS = (".running_mean", ".running_var")

_KNOWN: dict[str, Tensors] = {}
"""Statistics that this process has computed, by the digest of all that they follow from."""


def has_batch_norms(weights: Mapping[str, Tensor]) -> bool:
    """Tell whether there are statistics to calibrate."""
    return any(name.endswith(_STATISTICS) for name in weights)


def calibrated(network: Network, weights: Tensors, photographs: Tensor) -> Tensors:
    """Return weights whose batch norms have the mean and variance of what natural crops give them.

    The crops pass through the padded network as one batch, whose statistics every batch norm takes
    before it normalises: each layer is calibrated on what the calibrated layers before it make. In
    float64, so that the statistics, in float32, do not depend on the number of threads.

    Parameters
    ----------
    network
        Gives architecture and scaling of the input.
    weights
        Tensors under torchvision's names; they stay as they are.
    photographs
        ``[n, 3, h, w]``, RGB, 0 to 255, of at least 64 x 64 pixels.

    Raises
    ------
    UserError
        If the photographs are too small or none.
    """
    made_of = (network.architecture, network.scale, network.shift, network.stride_in_1x1)
    digests = (tensor_digest(weights), tensor_digest({"photographs": photographs}))
    key = hashlib.sha256(repr((made_of, digests)).encode()).hexdigest()
    if key not in _KNOWN:
        _KNOWN[key] = _statistics(network, weights, photographs)
    return {**weights, **_KNOWN[key]}


@torch.no_grad()
def _statistics(network: Network, weights: Tensors, photographs: Tensor) -> Tensors:
    module = network.build()
    double = {name: tensor.double() for name, tensor in weights.items()}
    module.load_state_dict(double, strict=False, assign=True)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.register_forward_pre_hook(_take)
    crops = random_crops(photographs, _SIDE, _CROPS, generator(0, "calibration")).double()
    scale, shift = (crops.new_tensor(v)[:, None, None] for v in (network.scale, network.shift))
    x = crops * scale + shift
    for step in walk(module):
        if any(parameter.is_meta for parameter in step.module.parameters()):
            break  # the layers that are kept end here
        x = step.module(x)
    found = module.state_dict()
    return {name: found[name].float() for name in weights if name.endswith(_STATISTICS)}


def _take(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """Set the statistics of a batch norm to those of what comes in, as they are kept in float32."""
    (maps,) = inputs
    norm.running_mean = maps.mean((0, 2, 3)).float().double()
    norm.running_var = maps.var((0, 2, 3), correction=0).float().double()
