"""Measures of single units that are numbers alone: a table of one row per unit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diversevis.results.formats import write_rows

if TYPE_CHECKING:
    from diversevis.invariance.grating_response import GratingResponses
    from diversevis.invariance.stability import Stability

GRATING_COLUMNS = (
    "network",
    "layer",
    "channel",
    "grating_orientation",
    "grating_frequency",
    "grating_response",
    "f1_f0",
    "seed",
)
STABILITY_COLUMNS = ("network", "layer", "channel", "delta", "stability_mean", "stability_median")


def grating_rows(result: GratingResponses) -> list[dict[str, Any]]:
    """Return one row per unit with the columns `GRATING_COLUMNS`: its best grating and F1/F0."""
    columns = zip(
        result.channels,
        result.orientation.tolist(),
        result.frequency.tolist(),
        result.best.tolist(),
        result.modulation.tolist(),
        strict=True,
    )
    return [
        dict(zip(GRATING_COLUMNS, (result.network, result.layer, *row, result.seed), strict=True))
        for row in columns
    ]


def save_gratings(path: Path | str, result: GratingResponses) -> None:
    """Write one row per unit."""
    write_rows(path, grating_rows(result), GRATING_COLUMNS)


def stability_rows(
    network: str, layer: str, channels: Sequence[int], delta: float, result: Stability
) -> list[dict[str, Any]]:
    """Return one row per unit with the columns `STABILITY_COLUMNS`, at one displacement."""
    columns = zip(channels, result.mean.tolist(), result.median.tolist(), strict=True)
    return [
        dict(zip(STABILITY_COLUMNS, (network, layer, channel, delta, *row), strict=True))
        for channel, *row in columns
    ]
