"""Null networks: a network with one thing taken away that training may have put there.

They are called by the network's name, a plus, and the null's; a seed other than 0 follows after a
dot: ``vgg19+positions``, ``vgg19+positions.1``. Nothing of them is stored: their weights follow
from the network's, the null and the seed alone.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from diversevis.errors import UserError, unknown_name
from diversevis.fetching.tensors import tensor_digest
from diversevis.networks import calibration
from diversevis.networks.base import NULL_MARK, Derivation, Network, Tensors
from diversevis.networks.registry import get_network
from diversevis.seeds import check_seed, generator
from diversevis.stimuli import photographs

_SEED = re.compile("[1-9][0-9]{0,8}")


def _he(kernels: Tensor, stream: torch.Generator) -> Tensor:
    """Return normal weights that keep the mean square of activations (He et al. 2015)."""
    # Drawn in float64: float32's last digits differ between processors.
    drawn = torch.randn(kernels.shape, generator=stream, dtype=torch.float64)
    return (drawn * math.sqrt(2 / kernels[0].numel())).to(kernels.dtype)


def _units(kernels: Tensor, stream: torch.Generator) -> Tensor:
    """Permute all weights of each output unit together."""
    weights = kernels.flatten(1)
    return weights.gather(1, _orders(weights.shape, stream)).view_as(kernels)


def _positions(kernels: Tensor, stream: torch.Generator) -> Tensor:
    """Permute the positions inside each kernel, for each pair of channels by itself."""
    weights = kernels.flatten(2)
    return weights.gather(2, _orders(weights.shape, stream)).view_as(kernels)


def _channels(kernels: Tensor, stream: torch.Generator) -> Tensor:
    """Permute the input channels of each output unit, whole kernels."""
    orders = _orders(kernels.shape[:2], stream)
    return kernels.gather(1, orders[..., None, None].expand_as(kernels))


def _orders(shape: torch.Size, stream: torch.Generator) -> Tensor:
    """Return random orders along the last dimension, one for each place in the others."""
    drawn = torch.rand(shape, generator=stream, dtype=torch.float64)
    return drawn.argsort(dim=-1, stable=True)


NULLS: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "he": _he,
    "units": _units,
    "positions": _positions,
    "channels": _channels,
}
"""What each makes of a convolution's weights, ``[out, in, k, k]``."""

_TITLES = {
    "he": "He-initialised",
    "units": "weights permuted",
    "positions": "positions permuted",
    "channels": "channels permuted",
}


def derived(weights: Tensors, null: str, seed: int = 0) -> Tensors:
    """Return the weights of a null, batch norms not calibrated.

    Each tensor has a random stream of its own, so that a layer's null does not depend on which
    other layers there are.

    Parameters
    ----------
    weights
        Tensors of the network under torchvision's names; they stay as they are.
    null
        Of `NULLS`. ``he`` also sets biases to zero and batch norms to the identity; the others
        leave all that is no convolution's weights.
    seed
        Of the random streams.

    Raises
    ------
    UserError
        For an unknown null or a bad seed.
    """
    _check_null(null)
    seed = check_seed(seed)
    found = {}
    for name, tensor in weights.items():
        if tensor.ndim == 4:
            found[name] = NULLS[null](tensor, generator(seed, "null", null, name))
        elif null == "he":
            is_one = name.endswith((".weight", ".running_var"))  # batch norms have vectors of them
            found[name] = torch.full_like(tensor, float(is_one))
        else:
            found[name] = tensor
    return found


def null_network(name: str) -> Network:
    """Return the null network of that name.

    Raises
    ------
    UserError
        For an unknown network or null, a null of a null, or a bad seed.
    """
    base, _, rest = name.partition(NULL_MARK)
    network = get_network(base)
    null, dot, number = rest.partition(".")
    if NULL_MARK in rest:
        wanted = f"one null of {base}, and none of a null"
        raise UserError(wanted, _short(name), "take one of them")
    _check_null(null, where=f" of {base}")
    if dot and not _SEED.fullmatch(number):
        plain = f"{base}{NULL_MARK}{null}"
        wanted = f"a seed of 1 to 999999999 after {plain}. as digits"
        raise UserError(wanted, _short(name), f"write {plain}.1, or {plain} for seed 0")
    seed = int(number or 0)
    title = f"{network.title}, {_TITLES[null]}" + (f" (seed {seed})" if seed else "")
    derivation = Derivation(
        base=network,
        derive=partial(_derive, network, null, seed),
        ready=partial(_ready, network),
    )
    return replace(network, name=name, title=title, sources=(), digest=None, derivation=derivation)


def _short(name: str) -> str:
    return repr(name if len(name) < 80 else f"{name[:77]}...")


def _check_null(null: str, where: str = "") -> None:
    if not isinstance(null, str) or null not in NULLS:
        raise unknown_name("null", null, NULLS, where=where)


def _derive(
    network: Network, null: str, seed: int, weights: Tensors, cache: Path | None, progress: bool
) -> tuple[Tensors, str]:
    """Return a null's weights, and how they came about, in words."""
    said = f"{network.name} with tensors {tensor_digest(weights)}, null {null}, seed {seed}"
    found = derived(weights, null, seed)
    if calibration.has_batch_norms(weights):
        # Whatever the null: with another input to it a batch norm's statistics are wrong, and how
        # wrong hangs on chance. Units die, or answer a hundred times as strongly, by the seed.
        pictures = photographs.load_photographs(cache=cache, progress=progress)
        found = calibration.calibrated(network, found, pictures)
        said += f", {calibration.SAID}"
        if progress:
            print(f"{network.name}, null {null}, seed {seed}: {calibration.SAID}", file=sys.stderr)
    return found, said


def _ready(network: Network, cache: Path | None) -> bool:
    """Tell whether nothing has to be fetched for a null, given the network's weights."""
    weights = network.build().state_dict()
    return not calibration.has_batch_norms(weights) or photographs.stored(cache=cache)
