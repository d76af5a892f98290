"""Sets of images measured alike, whatever they were made for: activation and both distances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from diversevis.devices import choose_device
from diversevis.results.formats import write_rows
from diversevis.results.sets import SweepResult
from diversevis.study.load import load_units, origin
from diversevis.synthesis.diverse import measure
from diversevis.synthesis.targets import channels
from diversevis.units.contract import PIXELS, Units, default_distance

if TYPE_CHECKING:
    from diversevis.results.sets import Sets
    from diversevis.study.stage import Reads, Writes

COLUMNS = (
    "network",
    "layer",
    "channel",
    "set",
    "features",
    "relative_diversity",
    "mean_activation",
    "pixel_distance",
    "feature_distance",
    "activation_ratio",
    "pixel_ratio",
    "feature_ratio",
)


def compared_sets(units: Units, features: Sets, pixels: Sets) -> list[dict[str, Any]]:
    """Return `distance_rows` of the units that both sweeps have.

    Parameters
    ----------
    units
        The layer's.
    features, pixels
        Sets made distinct in feature space, whose restarts count, and in pixels.
    """
    both = [channel for channel in features.channels.tolist() if channel in pixels.channels]
    features, pixels = features.take(both), pixels.take(both)
    return distance_rows(
        units,
        both,
        {
            "restarts": torch.from_numpy(features.restarts),
            "pixels": torch.from_numpy(pixels.diverse),
            "features": torch.from_numpy(features.diverse),
        },
        {
            "restarts": torch.zeros(len(both)),
            "pixels": torch.from_numpy(pixels.relative_diversity),
            "features": torch.from_numpy(features.relative_diversity),
        },
    )


def distance_rows(
    units: Units,
    chosen: Sequence[int],
    sets: Mapping[str, Tensor],
    relative: Mapping[str, Tensor],
) -> list[dict[str, Any]]:
    """Return one row per unit and kind of set, for a tidy table.

    Parameters
    ----------
    units
        A trunk, or anything else that satisfies `Units`.
    chosen
        Channels, ``n_units`` of them.
    sets
        ``[n_units, n, 3, s, s]`` by the kind of set, patch units; among them ``restarts``, to whose
        activation and distances the ratios refer.
    relative
        ``[n_units]`` by the kind of set: relative diversity ``c`` at which each set was made.

    Returns
    -------
    list of dict
        Columns `COLUMNS`: ``pixel_distance`` and ``feature_distance`` are the smallest within the
        set, in pixels and in the layer's default distance space, which ``features`` names; ratios
        are to the unit's restarts, NaN for restarts that do not drive the unit above zero.
    """
    targets, features = channels(units, list(chosen)), default_distance(units)
    measured = {}
    for kind, images in sets.items():
        activation, pixel = measure(units, targets, images, distance=PIXELS)
        _, feature = measure(units, targets, images, distance=features)
        measured[kind] = torch.stack([activation.mean(1), pixel.amin(1), feature.amin(1)])
    restarts = measured["restarts"]
    driven = torch.where(restarts[0] > 0, 1.0, torch.nan)
    rows = []
    for place, channel in enumerate(chosen):
        for kind, values in measured.items():
            before = (units.network, units.layer, channel, kind, features)
            level = round(relative[kind][place].item(), 6)
            numbers, ratios = values[:, place], (values / restarts * driven)[:, place]
            row = (*before, level, *numbers.tolist(), *ratios.tolist())
            rows.append(dict(zip(COLUMNS, row, strict=True)))
    return rows


def run(reads: Reads, writes: Writes, *, network: str, layer: str, device: str) -> dict[str, Any]:
    """Write ``table``: `compared_sets` of the sweeps ``features`` and ``pixels``."""
    place = choose_device(device)
    units = load_units(network, layer, device=place)
    sweeps = (SweepResult.load(cast(Path, reads[name])) for name in ("features", "pixels"))
    features, pixels = (sweep.shown for sweep in sweeps)
    write_rows(writes["table"], compared_sets(units, features, pixels), COLUMNS)
    return origin(network, place)
