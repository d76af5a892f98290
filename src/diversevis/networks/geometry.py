"""Receptive field arithmetic of chains of convolutions and poolings."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class Geometry:
    """Where the positions of a feature map look at in the input.

    Position `i` of the padded network's map sees the input rows ``start + i * jump`` to
    ``start + i * jump + size - 1``, and likewise columns (Araujo, Norris & Sim, Distill 2019).

    Parameters
    ----------
    size
        Side of the receptive field, in input pixels.
    jump
        Distance between the receptive fields of neighbouring positions, in input pixels.
    start
        First input row that position 0 sees; negative where it looks into the padding.
    """

    size: int = 1
    jump: int = 1
    start: int = 0

    def through(self, kernel: int, stride: int, padding: int) -> Geometry:
        """Return the geometry after one more window of these sizes."""
        return Geometry(
            self.size + (kernel - 1) * self.jump,
            self.jump * stride,
            self.start - padding * self.jump,
        )

    def after(self, module: nn.Module) -> Geometry:
        """Return the geometry after a square convolution or pooling.

        Raises
        ------
        ValueError
            If the window is not the same in both directions, or padded by name.
        """
        kernel, stride, padding, dilation = (
            _square(getattr(module, name, 1), name)
            for name in ("kernel_size", "stride", "padding", "dilation")
        )
        return self.through(dilation * (kernel - 1) + 1, stride, padding)


def _square(value: int | tuple[int, ...] | str, name: str) -> int:
    values = set(value) if isinstance(value, tuple) else {value}
    if len(values) == 1 and isinstance(number := values.pop(), int):
        return number
    raise ValueError(f"{name} must be one whole number for both directions, not {value!r}")
