"""Sets of images beside what the same units answer to natural patches: for figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diversevis.errors import UserError
from diversevis.results.formats import Array
from diversevis.results.natural import NaturalResult
from diversevis.results.sets import Sets, SweepResult


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
