"""What synthesis needs of a layer of units: the contract, and a probe that checks it."""

from __future__ import annotations

import copy
from typing import Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn

from diversevis.errors import UserError

PIXELS = "pixels"
"""The distance space that every layer has."""


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


def check_units(units: Units, dtype: torch.dtype | None = torch.bfloat16) -> None:
    """Check with a pair of patches that `units` keep their contract.

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
    device, own = placement(units)
    shape = (2, 3, units.size, units.size)
    patches = torch.linspace(-1, 1, 2 * 3 * units.size**2, dtype=own, device=device).view(shape)
    patches.requires_grad_()
    with torch.enable_grad():
        responses, features = units.respond(patches)
    expected = (2, units.channels)
    demand(responses.shape == expected, f"responses {expected}", tuple(responses.shape))
    demand(responses.requires_grad, "differentiable responses", "responses without gradient")
    demand(responses.isfinite().all(), "finite responses to a faint ramp", "infinite or NaN ones")
    demand(features.shape == shape, f"pixels {shape} as features", tuple(features.shape))
    for layer in units.earlier_layers:
        features = units.respond(patches.detach(), layer)[1]
        demand(features.shape[:1] == (2,), f"a map of {layer} for each patch", features.shape)
    if dtype not in (None, own):
        try:
            responses = copy.deepcopy(units).to(dtype).respond(patches.detach().to(dtype))[0]
        except (AttributeError, RuntimeError, TypeError) as error:
            demand(False, f"a copy that responds in {dtype}", error)
        demand(responses.shape == expected, f"responses {expected} in {dtype}", responses.shape)


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
