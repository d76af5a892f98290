"""What units answer to natural patches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from diversevis.errors import UserError
from diversevis.results.formats import Array, read_arrays, write_arrays
from diversevis.results.sets import Sets, SweepResult

if TYPE_CHECKING:
    from diversevis.stimuli.natural import NaturalResponses


@dataclass(frozen=True)
class NaturalResult:
    """A layer's responses to natural patches, all of the same norm.

    Attributes
    ----------
    network, layer : str
        The layer.
    best : ndarray
        ``[channels, 3, s, s]`` float32, each unit's best patch, in patch units.
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
    quantiles: Array
    levels: Array
    count: int

    @classmethod
    def of(cls, network: str, layer: str, responses: NaturalResponses) -> NaturalResult:
        """Return responses that were just measured, as arrays."""
        names = ("best", "quantiles", "levels")
        arrays: dict[str, Any] = {name: getattr(responses, name).numpy() for name in names}
        return cls(network, layer, **arrays, count=responses.count)

    def at(self, channel: int, level: float) -> float:
        """Return the quantile of a unit's responses whose level is nearest to `level`."""
        return float(self.quantiles[channel, np.abs(self.levels - level).argmin()])

    def save(self, path: Path | str) -> None:
        """Write the arrays."""
        content = {name: getattr(self, name) for name in ("best", "quantiles", "levels")}
        about = {"network": self.network, "layer": self.layer, "count": self.count}
        write_arrays(path, "natural", content, about)

    @classmethod
    def load(cls, path: Path | str) -> NaturalResult:
        """Return responses of `save`; raise `UserError` if the file holds none."""
        arrays, about = read_arrays(path, "natural")
        return cls(**arrays, **about)


@dataclass(frozen=True)
class SetsAndNatural(Sets):
    """Restarts and chosen sets, with what the units answer to natural patches.

    Attributes
    ----------
    natural : ndarray
        ``[units, 3, s, s]``, each unit's best natural patch.
    natural_quantiles, natural_levels : ndarray
        ``[units, levels]`` and ``[levels]``, quantiles of the responses to natural patches; the
        last is the response to `natural`.
    """

    natural: Array
    natural_quantiles: Array
    natural_levels: Array

    @property
    def natural_best(self) -> Array:
        """Response to the best natural patch, ``[units]``."""
        return self.natural_quantiles[:, -1]

    def natural_at(self, level: float) -> Array:
        """Return a quantile of the natural responses, ``[units]``, interpolated between levels."""
        return np.array([np.interp(level, self.natural_levels, q) for q in self.natural_quantiles])


def with_natural(sweep: Path | str, natural: Path | str) -> SetsAndNatural:
    """Return what is shown of a layer's sweep, with its responses to natural patches.

    Raises
    ------
    UserError
        If the sweep's units are not among those of the other file.
    """
    sets, responses = SweepResult.load(sweep).shown, NaturalResult.load(natural)
    channels, available = sets.channels, len(responses.best)
    if channels.dtype.kind not in "iu" or channels.max() >= available:
        raise UserError(
            f"channels 0 to {available - 1} in {sweep}",
            ", ".join(map(str, channels)),
            "make both files anew, for the same layer",
        )
    return SetsAndNatural(
        **vars(sets),
        natural=responses.best[channels],
        natural_quantiles=responses.quantiles[channels],
        natural_levels=responses.levels,
    )


def load_with_natural(
    sweeps: Sequence[Path | str], natural: Sequence[Path | str]
) -> list[SetsAndNatural]:
    """Return `with_natural` of several layers, file by file."""
    return [with_natural(*paths) for paths in zip(sweeps, natural, strict=True)]
