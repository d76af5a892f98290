"""Trunks of any convolutional module, from what it was seen to do.

Every operand is cropped to what its operation needs for one position of the layer, and nothing is
padded: the response is that of the whole padded network wherever the patch lies inside an image.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from diversevis.errors import unknown_name
from diversevis.networks.conventions import Convention
from diversevis.networks.fields import Field, response_of
from diversevis.networks.layouts import COLUMNS, ROWS
from diversevis.networks.plans import Held, Plan, Value
from diversevis.networks.recording import IMAGE, Recording
from diversevis.units.contract import PIXELS, check_shape


class TracedTrunk(nn.Module):
    """Units of one layer of any module, as a function of one receptive field each.

    Satisfies `diversevis.units.contract.Units`. Parameters are frozen; `to` moves them.

    Parameters
    ----------
    module
        In evaluation mode; its tensors are copied, in float64.
    recording
        Of what it does, up to the layer.
    field
        What one position of the layer needs.
    layer
        The layer's name in the recording.
    convention
        How the module wants its input.
    network
        What to call the module.
    names
        What to call layers, by their names in the recording; as there by default.

    Attributes
    ----------
    stride : int
        Distance between the receptive fields of neighbouring units, in pixels.
    """

    def __init__(
        self,
        module: nn.Module,
        recording: Recording,
        field: Field,
        layer: str,
        convention: Convention,
        *,
        network: str,
        names: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.network, self.layer = network, (names or {}).get(layer, layer)
        self.size, self.stride = field.size, field.stride
        target = response_of(recording, layer)
        layout = recording.nodes[target.node].layouts[target.output]
        positions = layout.size(ROWS) * layout.size(COLUMNS)
        self.channels = math.prod(layout.shape[1:]) // positions
        self._shape = torch.Size((3, self.size, self.size))
        plan = Plan(module, recording, field, convention)
        self._target, self._taps = plan.value(target), plan.taps(names, target)
        self.earlier_layers = tuple(self._taps)
        self._steps = plan.steps({target.node, *(value.node for value in self._taps.values())})
        for name, tensor in plan.held.items():
            self.register_buffer(name, tensor)
        self.requires_grad_(False).eval()

    def respond(self, patches: Tensor, tap: str = PIXELS) -> tuple[Tensor, Tensor]:
        """Return the responses to `patches` and the feature map of an earlier layer.

        Parameters
        ----------
        patches
            ``[N, 3, size, size]``, RGB, 0-255 scale with the channel means subtracted.
        tap
            ``"pixels"`` or one of `earlier_layers`.

        Returns
        -------
        responses
            ``[N, channels]``, before the ReLU where the layer ends in one.
        features
            The patches themselves, or the map of `tap` after its ReLU, ``[N, C, h, w]``.

        Raises
        ------
        UserError
            For patches of another size, or another tap.
        """
        if not isinstance(patches, Tensor) or patches.ndim != 4 or patches.shape[1:] != self._shape:
            check_shape(f"patches for {self.network} {self.layer}", patches, ("N", *self._shape))
        if tap != PIXELS and tap not in self._taps:
            known = (PIXELS, *self.earlier_layers)
            raise unknown_name("layer", tap, known, where=f" before {self.layer}, or {PIXELS}")
        at = self._taps.get(tap)
        features = patches
        values: dict[int, Any] = {IMAGE: patches}
        for node, value in self._run(values):
            if at is not None and node == at.node:
                features = value if at.output is None else value[at.output]
        response: Tensor = self._get(self._target, values)
        return response.flatten(1), features

    def forward(self, patches: Tensor) -> Tensor:
        """Return the responses ``[N, channels]`` to patches ``[N, 3, size, size]``."""
        return self.respond(patches)[0]

    def values(self, patches: Tensor) -> Iterator[tuple[int, Any]]:
        """Yield the number of each node and its result, as they are computed."""
        return self._run({IMAGE: patches})

    def _run(self, values: dict[int, Any]) -> Iterator[tuple[int, Any]]:
        for step in self._steps:
            value = step.call(*[self._get(argument, values) for argument in step.arguments])
            values[step.node] = value
            for node in step.spent:
                del values[node]
            yield step.node, value

    def _get(self, argument: Any, values: Mapping[int, Any]) -> Any:
        kind = type(argument)
        if kind is Value:
            value = values[argument.node]
            if argument.output is not None:
                value = value[argument.output]
            return value if argument.crop is None else value[argument.crop]
        if kind is Held:
            return self._buffers[argument.name]
        if kind is list:
            return [self._get(each, values) for each in argument]
        return argument

    def extra_repr(self) -> str:
        """Name the units in the printed form."""
        return f"{self.network} {self.layer}: {self.channels} units, {self.size} px"
