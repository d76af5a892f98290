"""Sets of images measured alike, whatever they were made for: activation and both distances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from diversevis.synthesis.diverse import measure
from diversevis.synthesis.targets import channels
from diversevis.units import PIXELS, Units, default_distance

if TYPE_CHECKING:
    from diversevis.figures.data import Sets


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
    """Return one row a unit and kind of set, for a tidy table.

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
        ``network``, ``layer``, ``channel``, ``set``, ``relative_diversity``, ``mean_activation``,
        ``pixel_distance`` and ``feature_distance`` (the smallest within the set, in pixels and in
        the layer's default distance space, named by ``features``), and of each the ratio to the
        unit's restarts, NaN for restarts that do not drive the unit above zero.
    """
    targets, features = channels(units, list(chosen)), default_distance(units)
    measured = {}
    for kind, images in sets.items():
        activation, pixel = measure(units, targets, images, distance=PIXELS)
        _, feature = measure(units, targets, images, distance=features)
        measured[kind] = torch.stack([activation.mean(1), pixel.amin(1), feature.amin(1)])
    restarts = measured["restarts"]
    driven = torch.where(restarts[0] > 0, 1.0, torch.nan)
    names = ("mean_activation", "pixel_distance", "feature_distance")
    ratios = ("activation_ratio", "pixel_ratio", "feature_ratio")
    return [
        {
            "network": units.network,
            "layer": units.layer,
            "channel": channel,
            "set": kind,
            "features": features,
            "relative_diversity": round(relative[kind][place].item(), 6),
            **dict(zip(names, values[:, place].tolist(), strict=True)),
            **dict(zip(ratios, (values / restarts * driven)[:, place].tolist(), strict=True)),
        }
        for place, channel in enumerate(chosen)
        for kind, values in measured.items()
    ]
