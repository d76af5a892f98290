"""How much memory a patch costs on its way through a layer's units."""

from __future__ import annotations

import torch
from torch import Tensor

from diversevis.units.contract import PIXELS, Units
from diversevis.units.responding import FEWEST

_WORKSPACE = 2.0
"""Gradients and scratch space, relative to what is kept for the backward pass (measured: < 1.9)."""


def bytes_per_patch(units: Units, example: Tensor, tap: str = PIXELS) -> int:
    """Return an upper estimate of the bytes that one patch takes, forward and backward.

    Counts what autograd keeps for several of one `example` ``[1, 3, s, s]``, each storage once.
    """
    kept: dict[int, int] = {}

    def count(tensor: Tensor) -> Tensor:
        if not tensor.is_leaf:  # parameters are there once, however many patches there are
            kept[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with (
        torch.enable_grad(),
        torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor),
    ):
        # So many that none are added to them.
        units.respond(example.repeat(FEWEST, 1, 1, 1).requires_grad_(), tap)
    return int(_WORKSPACE * sum(kept.values()) / FEWEST) + 8 * example.nbytes
