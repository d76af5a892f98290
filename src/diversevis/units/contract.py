"""What synthesis needs of a layer of units: the contract, and a probe that checks it."""

from __future__ import annotations

import copy
import math
from typing import Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn

from diversevis.devices import exact_float32
from diversevis.errors import UserError
from diversevis.seeds import generator
from diversevis.units.patches import patch_norm

PIXELS = "pixels"
"""The distance space that every layer has."""

_DTYPES = (torch.float32, torch.float64)
"""In which units can compute; steps of an optimisation in bfloat16 are taken by copies of them."""


@runtime_checkable
class Units(Protocol):
    """A layer of units as a function of one receptive field each.

    Trunks of networks and analytic controls satisfy it alike.

    Attributes
    ----------
    network, layer : str
        Names used in seeds, messages and tables.
    size : int
        Side of the patch that one response sees, in pixels.
    channels : int
        Number of units.
    earlier_layers : tuple of str
        Layers whose feature map `respond` can return beside the response, input side first.
    """

    network: str
    layer: str
    size: int
    channels: int
    earlier_layers: tuple[str, ...]

    def to(self, dtype: torch.dtype, /) -> Self:
        """Return the units in another dtype: themselves, changed, or others; for steps in bfloat16.

        Only copies (`copy.deepcopy`) are asked for it.
        """

    def respond(self, patches: Tensor, tap: str = PIXELS) -> tuple[Tensor, Tensor]:
        """Return responses before the ReLU and what `tap` sees.

        Must treat every patch by itself, be differentiable, and compute in the dtype and on the
        device of its own tensors.

        Parameters
        ----------
        patches
            ``[N, 3, size, size]``, RGB, 0-255 scale with the channel means subtracted.
        tap
            ``"pixels"``, or one of `earlier_layers` for its map after the ReLU.

        Returns
        -------
        responses
            ``[N, channels]``.
        features
            ``[N, ...]``; the patches themselves for ``"pixels"``.
        """


def placement(units: Units) -> tuple[torch.device, torch.dtype]:
    """Return the device and dtype that `units` compute with: those of their tensors."""
    tensors = [*units.parameters(), *units.buffers()] if isinstance(units, nn.Module) else []
    for tensor in tensors:
        if tensor.is_floating_point():
            return tensor.device, tensor.dtype
    return torch.device("cpu"), torch.float32


def check_shape(what: str, value: object, shape: tuple[int | str, ...]) -> None:
    """Raise `UserError` unless `value` is a tensor of a shape, in which words stand for any side.

    No side may be zero.
    """
    wanted = f"{what} of shape [{', '.join(map(str, shape))}]"
    if not isinstance(value, Tensor):
        raise UserError(wanted, type(value).__name__, "give a tensor")
    sides = list(value.shape)
    fits = len(sides) == len(shape) and 0 not in sides
    if not fits or any(isinstance(a, int) and a != b for a, b in zip(shape, sides, strict=True)):
        raise UserError(wanted, str(sides), "give a tensor that fits")


@exact_float32()
def check_units(units: Units, dtype: torch.dtype | None = torch.bfloat16) -> None:
    """Check with a few patches that `units` keep their contract.

    Parameters
    ----------
    units
        A layer of units.
    dtype
        In which a copy of them has to respond too; None leaves this out.

    Raises
    ------
    UserError
        Naming what is missing or wrong.

    Examples
    --------
    >>> import diversevis as dv
    >>> from diversevis.controls.units import Controls
    >>> dv.check_units(Controls("complex"))  # says nothing: all is well
    """

    def demand(holds: bool | Tensor, expected: str, received: object) -> None:
        if not holds:
            raise UserError(
                f"{type(units).__name__} to have {expected}",
                str(received),
                "see the contract, diversevis.units.contract.Units",
            )

    for name in ("network", "layer", "size", "channels", "earlier_layers", "to", "respond"):
        demand(hasattr(units, name), f"an attribute {name!r}", "none")
    for name in ("size", "channels"):
        number = getattr(units, name)
        whole = isinstance(number, int) and not isinstance(number, bool) and number > 0
        demand(whole, f"a whole number above zero as {name!r}", repr(number))
    device, own = placement(units)
    demand(own in _DTYPES, "tensors in float32 or float64", own)
    shape = (2, 3, units.size, units.size)
    patches = torch.linspace(-1, 1, 2 * 3 * units.size**2, dtype=own, device=device).view(shape)
    patches.requires_grad_()
    try:
        with torch.enable_grad():
            responses, features = units.respond(patches, PIXELS)
    except torch.OutOfMemoryError:
        raise
    except (AttributeError, RuntimeError, TypeError, ValueError) as error:
        demand(False, "respond(patches, tap) that returns responses and features", _short(error))
    answer = (responses, features)
    kinds = ", ".join(type(part).__name__ for part in answer)
    demand(all(isinstance(part, Tensor) for part in answer), "two tensors as answer", kinds)
    expected = (2, units.channels)
    demand(responses.shape == expected, f"responses {expected}", tuple(responses.shape))
    demand(responses.requires_grad, "differentiable responses", "responses without gradient")
    demand(responses.isfinite().all(), "finite responses to a faint ramp", "infinite or NaN ones")
    demand(features.shape == shape, f"pixels {shape} as features", tuple(features.shape))
    for layer in units.earlier_layers:
        features = units.respond(patches.detach(), layer)[1]
        demand(features.shape[:1] == (2,), f"a map of {layer} for each patch", features.shape)
    mixed = _mixed(units, device, own)
    demand(mixed is None, "answers to each patch that do not depend on its neighbours", mixed)
    if dtype not in (None, own):
        try:
            responses = copy.deepcopy(units).to(dtype).respond(patches.detach().to(dtype))[0]
        except (AttributeError, RuntimeError, TypeError) as error:
            demand(False, f"a copy that responds in {dtype}", error)
        demand(responses.shape == expected, f"responses {expected} in {dtype}", responses.shape)


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


@torch.no_grad()
def _mixed(units: Units, device: torch.device, dtype: torch.dtype) -> str | None:
    """Return how far answers to a patch differ between batches; None if no further than rounding.

    The last map before the layer is looked at too, which all earlier ones have a say in.
    """
    stream = generator(0, "probe")
    noise = torch.randn(3, 3, units.size, units.size, generator=stream)
    patches = (noise * (patch_norm(units.size) / noise[0].norm())).to(device, dtype)
    tap = units.earlier_layers[-1] if units.earlier_layers else PIXELS
    together = units.respond(patches, tap)
    # The first alone, the others in other places and beside another.
    parts = [units.respond(some, tap) for some in (patches[:1], patches[1:].flip(0))]
    for what, first, *others in zip(("responses", tap), together, *parts, strict=True):
        apart = torch.cat(others)[[0, 2, 1]]
        # Sums in another order differ by a few units in the last of their digits.
        allowed = math.sqrt(torch.finfo(dtype).eps) * first.abs().max()
        change = (apart - first).abs().max()
        if first.isfinite().all() and not change <= allowed:
            return f"{what} that differ by {change.item():.3g}, of {first.abs().max().item():.3g}"
    return None


def stage(layer: str) -> str:
    """Return the stage of a layer: ``conv3`` of ``conv3_1``, ``layer1`` of ``layer1.2``."""
    return layer.replace(".", "_").split("_")[0]


def default_distance(units: Units) -> str:
    """Return the layer that ends the stage before the target's; ``"pixels"`` in the first."""
    before = [name for name in units.earlier_layers if stage(name) != stage(units.layer)]
    return before[-1] if before else PIXELS


def check_distance(units: Units, distance: str) -> str:
    """Return `distance` if it names the pixels or a layer before the target; raise otherwise."""
    if distance != PIXELS and distance not in units.earlier_layers:
        raise UserError(
            f"a distance in {PIXELS!r} or a layer before {units.layer}",
            repr(distance),
            f"choose from {', '.join((PIXELS, *units.earlier_layers))}",
        )
    return distance
