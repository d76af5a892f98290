"""What `visualize` makes: diverse sets of units, from names and numbers alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from diversevis.optimisation.schedule import Schedule, get_schedule
from diversevis.stimuli.natural import NaturalResponses, scenes
from diversevis.study.load import units_of
from diversevis.study.natural import PATCHES, best_natural
from diversevis.synthesis.diverse import DiverseSets, diverse_sets
from diversevis.synthesis.sweep import DEFAULT_GRID, Sweep, sweep
from diversevis.synthesis.targets import Targets, as_targets, check_channels
from diversevis.units.contract import Units


def visualize(
    network: str | Units,
    layer: str | None = None,
    channels: Targets | Sequence[int] | int | None = None,
    *,
    diversity: float | None = None,
    images: int = 6,
    grid: Sequence[float] = DEFAULT_GRID,
    fraction: float = 0.9,
    distance: str | None = None,
    schedule: str | Schedule = "fast",
    steps: int | None = None,
    precision: str | None = None,
    natural: Tensor | None = None,
    patches: int = PATCHES,
    photographs: Tensor | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: bool = True,
) -> Sweep | DiverseSets:
    """Return restarts and diverse sets of units, and which of these keep their activation.

    As ``diversevis visualize NETWORK LAYER CHANNEL ...``.

    Parameters
    ----------
    network
        Name of a network, or units: a trunk, those of `from_module`, or your own.
    layer
        Name of its layer; None with units, which are of one.
    channels
        Numbers of channels, or one; or targets, of `directions` for example.
    diversity
        Weight of the smallest distance: one set of each unit at this weight, in place of a sweep.
    images
        Images in a set, ``n``.
    grid, fraction
        Of the sweep: relative diversities, and the share of the restarts' activation that a chosen
        set keeps.
    distance
        Where images differ: ``"pixels"`` or an earlier layer; by default the end of the stage
        before.
    schedule, steps
        ``"fast"``, ``"published"`` or a `Schedule`, and steps at most.
    precision
        Of the steps: ``"float32"`` or ``"bfloat16"``; by default the units' own.
    natural
        ``[channels, n, 3, s, s]``, natural patches that drive each unit, the starts of units that
        noise does not wake; by default they are looked for.
    patches, photographs
        Natural patches among which each channel's best are looked for, 0 for none; and
        photographs ``[k, 3, h, w]`` (RGB, 0 to 255), by default those of the package.
    seed
        Of all starts, and of the natural patches.
    device
        For a network by name: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``.
    progress
        Show a bar.

    Returns
    -------
    Sweep or DiverseSets
        A sweep: ``.chosen()`` has the diverse sets, ``images`` ``[units, n, 3, s, s]`` in patch
        units and ``activations`` ``[units, n]``; ``.restarts`` the same of restarts; ``.natural``
        is ``[units, 3, s, s]``. With `diversity`, the sets alone. ``.show()`` shows either.

    Raises
    ------
    UserError
        For names, numbers and settings that cannot be; `NonFiniteLossError` if a loss becomes
        infinite.

    Examples
    --------
    >>> import diversevis as dv
    >>> found = dv.visualize(
    ...     "controls", "complex", 2, images=3, grid=[0.3], steps=2, progress=False
    ... )
    >>> found.chosen().images.shape
    torch.Size([1, 3, 3, 24, 24])
    """
    units = units_of(network, layer, device=device)
    targets = as_targets(units, () if channels is None else channels)
    common = {
        "images": images,
        "distance": distance,
        "schedule": get_schedule(schedule, steps=steps),
        "precision": precision,
        "seed": seed,
        "progress": progress,
    }
    if diversity is not None:
        return diverse_sets(units, targets, diversity=diversity, **common)  # type: ignore[arg-type]
    found = None
    if natural is None and not isinstance(channels, Targets):
        found = best_natural(units, patches, photographs, seed)
    if found is None:
        return sweep(units, targets, grid=grid, fraction=fraction, natural=natural, **common)
    responses, shown = found
    places = check_channels([int(name) for name in targets.names], units.channels, units.layer)
    starts = _starts(responses, shown, places, units.size, images)
    made = sweep(units, targets, grid=grid, fraction=fraction, natural=starts, **common)
    best, activations = responses.best[places], responses.top[places, 0]
    return replace(made, natural=best, natural_activations=activations)


def _starts(
    responses: NaturalResponses, photographs: Tensor, channels: list[int], size: int, images: int
) -> Tensor | None:
    """Return each unit's best natural patches, ``[units, images, 3, s, s]``, if they suffice."""
    places = responses.places[channels, :images]
    if places.shape[1] < images or (places < 0).any():
        return None
    found: Tensor = scenes(photographs, places.flatten(0, 1), size).unflatten(0, (-1, images))
    return found
