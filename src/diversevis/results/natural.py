"""What units answer to natural patches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from diversevis.results.formats import Array, check_shapes, fitting, read_arrays, write_arrays

if TYPE_CHECKING:
    from diversevis.stimuli.natural import NaturalResponses

_ARRAYS = ("best", "places", "top", "quantiles", "levels")


@dataclass(frozen=True)
class NaturalResult:
    """A layer's responses to natural patches, all of the same norm.

    Attributes
    ----------
    network, layer : str
        The layer.
    best : ndarray
        ``[channels, 3, s, s]`` float32, each unit's best patch, in patch units.
    places : ndarray
        ``[channels, k, 3]``, photograph, top and left of each unit's best patches, one from each
        photograph, best first; -1 where there are fewer.
    top : ndarray
        ``[channels, k]``, the responses to these; NaN where there are fewer.
    quantiles : ndarray
        ``[channels, levels]``, quantiles of each unit's responses over patches.
    levels : ndarray
        ``[levels]``, 0 to 1; the last is the maximum, the response to `best`.
    count : int
        Patches shown.
    """

    network: str
    layer: str
    best: Array
    places: Array
    top: Array
    quantiles: Array
    levels: Array
    count: int

    @classmethod
    def of(cls, network: str, layer: str, responses: NaturalResponses) -> NaturalResult:
        """Return responses that were just measured, as arrays."""
        arrays: dict[str, Any] = {name: getattr(responses, name).numpy() for name in _ARRAYS}
        return cls(network, layer, **arrays, count=responses.count)

    def at(self, channel: int, level: float) -> float:
        """Return the quantile of a unit's responses whose level is nearest to `level`."""
        return float(self.quantiles[channel, np.abs(self.levels - level).argmin()])

    def save(self, path: Path | str) -> None:
        """Write the arrays."""
        content = {name: getattr(self, name) for name in _ARRAYS}
        about = {"network": self.network, "layer": self.layer, "count": self.count}
        write_arrays(path, "natural", content, about)

    @classmethod
    def load(cls, path: Path | str) -> NaturalResult:
        """Return responses of `save`; raise `UserError` if the file holds none."""
        arrays, about = read_arrays(path, "natural")
        with fitting(path):
            units, levels = len(arrays["best"]), len(arrays["levels"])
            shapes = {"quantiles": (units, levels), "places": (units,), "top": (units,)}
            check_shapes(shapes, **arrays)
            return cls(**arrays, **about)
