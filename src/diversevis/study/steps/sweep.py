"""Synthesise restarts and diverse sets of a layer's chosen units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from diversevis.devices import choose_device
from diversevis.results.natural import NaturalResult
from diversevis.results.sets import SweepResult
from diversevis.stimuli.natural import scenes
from diversevis.stimuli.pictures import shown_photographs
from diversevis.study.load import load_units, origin
from diversevis.study.sample import drawn_units
from diversevis.study.visualization import visualize
from diversevis.synthesis.sweep import Sweep
from diversevis.units.contract import Units, check_distance, default_distance

if TYPE_CHECKING:
    from diversevis.study.stage import Reads, Writes


def run(
    reads: Reads,
    writes: Writes,
    *,
    network: str,
    layer: str,
    device: str,
    seed: int,
    units: int | str = "all",
    include: Sequence[int] = (),
    channels: Sequence[int] | None = None,
    distance: str | None = None,
    photographs: Mapping[str, str] | None = None,
    **knobs: Any,
) -> dict[str, Any]:
    """Write ``arrays`` and ``table`` of a sweep, with starts from ``natural`` if that is given.

    Parameters
    ----------
    network, layer
        Where the units are.
    device
        By name.
    seed
        Of the choice of units, and of the starts.
    units, include
        As for `drawn_units`, unless `channels` are given.
    distance
        Where images are to differ; by default the layer that ends the previous stage.
    photographs
        A user's own, as `own_pictures`.
    **knobs
        Others of `diversevis.study.visualization.visualize`; without ``patches`` none are looked
        for.
    """
    place = choose_device(device)
    of_layer = load_units(network, layer, device=place)
    if channels is None:
        channels = drawn_units(of_layer, units, include=include, seed=seed)
    if distance is None:
        distance = default_distance(of_layer)
    check_distance(of_layer, distance)
    own = None if photographs is None else shown_photographs(photographs)
    knobs = {"patches": 0, **knobs, "photographs": own, "distance": distance, "seed": seed}
    natural = _natural(reads, of_layer, channels, knobs["images"], photographs)
    made = visualize(of_layer, channels=channels, natural=natural, **knobs)
    SweepResult.of(cast(Sweep, made)).save(writes["arrays"], writes["table"])
    return {**origin(network, place), "channels": list(channels), "distance": distance}


def _natural(
    reads: Reads,
    units: Units,
    channels: Sequence[int],
    images: int,
    photographs: Mapping[str, str] | None,
) -> Tensor | None:
    """Return each unit's best natural patches, ``[units, images, 3, s, s]``, if they suffice."""
    if "natural" not in reads:
        return None
    places = NaturalResult.load(cast(Path, reads["natural"])).places[list(channels), :images]
    if places.shape[1] < images or (places < 0).any():
        return None
    each = torch.from_numpy(places).flatten(0, 1)
    found: Tensor = scenes(shown_photographs(photographs), each, units.size).unflatten(
        0, (-1, images)
    )
    return found
