"""Sets of images: of one level of diversity, of a whole sweep, and what is shown of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from diversevis.errors import UserError
from diversevis.results.formats import (
    Array,
    check_shapes,
    fitting,
    place_in,
    read_arrays,
    write_arrays,
    write_rows,
)
from diversevis.results.words import listed, short
from diversevis.views import Views

if TYPE_CHECKING:
    from diversevis.synthesis.diverse import DiverseSets
    from diversevis.synthesis.sweep import Sweep

SETS_COLUMNS = (
    "network",
    "layer",
    "channel",
    "diversity",
    "mean_activation",
    "min_activation",
    "max_activation",
    "min_distance",
    "mean_distance",
    "steps",
    "seed",
)
SWEEP_COLUMNS = (*SETS_COLUMNS, "relative_diversity", "selected", "from_natural")

_OF_LEVELS = ("images", "activations", "min_distance", "mean_distance", "diversity", "steps")

_OF_UNITS = ("selected", "from_natural")

_NATURAL = ("natural", "natural_activations")
"""Of each unit, too, where they are known."""


@dataclass(frozen=True, repr=False)
class ImageSets(Views):
    """One set of images for each unit of a layer.

    Attributes
    ----------
    network, layer : str
        Where the units are.
    channels : ndarray
        ``[units]``, whole numbers; texts for targets that are no channels.
    images : ndarray
        ``[units, n, 3, s, s]`` float32, patch units.
    activations : ndarray
        ``[units, n]``, before the ReLU.
    min_distance, mean_distance : ndarray
        ``[units]``, within each set; NaN for single images.
    diversity : ndarray
        ``[units]``, the weight lambda of the smallest distance.
    steps : ndarray
        ``[units]``, optimisation steps taken.
    distance : str
        Where distances are measured: ``"pixels"`` or a layer.
    seed : int
        Of the starts.
    """

    network: str
    layer: str
    channels: Array
    images: Array
    activations: Array
    min_distance: Array
    mean_distance: Array
    diversity: Array
    steps: Array
    distance: str
    seed: int

    @classmethod
    def of(cls, sets: DiverseSets | ImageSets) -> ImageSets:
        """Return sets that were just synthesised, as arrays; raise `UserError` for others."""
        if isinstance(sets, ImageSets):
            return sets
        if not hasattr(sets, "diversity"):
            kind = type(sets).__name__
            raise UserError("sets of images, as diverse_sets returns them", kind, "make them first")
        numbers = all(name.isdigit() for name in sets.names)
        return cls(
            network=sets.network,
            layer=sets.layer,
            channels=np.array([int(n) for n in sets.names] if numbers else sets.names),
            images=sets.images.float().cpu().numpy(),
            **{name: getattr(sets, name).cpu().numpy() for name in _OF_LEVELS[1:]},
            distance=sets.distance,
            seed=sets.seed,
        )

    def numpy(self) -> ImageSets:
        """Return the sets themselves."""
        return self

    def summary(self) -> str:
        """Return in a line what they are."""
        _, n, _, s, _ = self.images.shape
        each = f"{n} images of {s} px each" if n > 1 else f"an image of {s} px each"
        most = f"{short(self.activations.min())} to {short(self.activations.max())}"
        where = f"{self.network} {self.layer}, {listed(self.channels)}"
        return f"{where}: {each}, activation {most}, diversity {_range(self.diversity)}"

    def take(self, channels: Sequence[Any]) -> ImageSets:
        """Return the sets of some of the units."""
        places = [place_in(self.channels, channel) for channel in channels]
        picked = {name: getattr(self, name)[places] for name in ("channels", *_OF_LEVELS)}
        return replace(self, **picked)

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per unit with the columns `SETS_COLUMNS`."""
        columns = zip(
            self.channels.tolist(),
            self.diversity.tolist(),
            self.activations.mean(1).tolist(),
            self.activations.min(1).tolist(),
            self.activations.max(1).tolist(),
            self.min_distance.tolist(),
            self.mean_distance.tolist(),
            self.steps.tolist(),
            strict=True,
        )
        return [
            dict(zip(SETS_COLUMNS, (self.network, self.layer, *row, self.seed), strict=True))
            for row in columns
        ]

    def save(self, arrays: Path | str, table: Path | str | None = None) -> None:
        """Write the arrays, and a table of one row per unit if it is named."""
        content = {name: getattr(self, name) for name in ("channels", *_OF_LEVELS)}
        write_arrays(arrays, "sets", content, self._about())
        if table is not None:
            write_rows(table, self.rows(), SETS_COLUMNS)

    @classmethod
    def load(cls, path: Path | str) -> ImageSets:
        """Return sets of `save`; raise `UserError` if the file holds none."""
        arrays, about = read_arrays(path, "sets")
        with fitting(path):
            check_shapes(dict.fromkeys(_OF_LEVELS, (len(arrays["channels"]),)), **arrays)
            return cls(**arrays, **about)

    def _about(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("network", "layer", "distance", "seed")}


@dataclass(frozen=True, repr=False)
class SweepResult(Views):
    """Restarts and diverse sets of the same units, level by level.

    Attributes
    ----------
    levels : tuple of ImageSets
        One for each relative diversity, restarts first.
    relative : ndarray
        ``[levels]``, relative diversities ``c``; the first is 0.
    selected : ndarray
        ``[units]``, the level that was chosen for each unit.
    from_natural : ndarray
        ``[units]``, whether a unit's sets started from natural patches, since noise led no higher
        than these.
    natural, natural_activations : ndarray or None
        ``[units, 3, s, s]`` and ``[units]``, each unit's best natural patch and its response to it,
        where they are known.
    """

    levels: tuple[ImageSets, ...]
    relative: Array
    selected: Array
    from_natural: Array
    natural: Array | None = None
    natural_activations: Array | None = None

    @classmethod
    def of(cls, sweep: Sweep | SweepResult) -> SweepResult:
        """Return a sweep that was just made, as arrays."""
        if isinstance(sweep, SweepResult):
            return sweep
        levels = tuple(map(ImageSets.of, sweep.levels))
        arrays = {
            name: values.cpu().numpy()
            for name in ("relative", *_OF_UNITS, *_NATURAL)
            if (values := getattr(sweep, name)) is not None
        }
        return cls(levels, **arrays)

    def numpy(self) -> SweepResult:
        """Return the sweep itself."""
        return self

    def summary(self) -> str:
        """Return in a line what it is."""
        first, chosen = self.levels[0], self.chosen
        _, n, _, s, _ = first.images.shape
        where = f"{first.network} {first.layer}, {listed(first.channels)}"
        kept = chosen.activations.mean(1) / first.activations.mean(1)
        return (
            f"{where}: sets of {n} images of {s} px at {len(self.levels)} weights of diversity; "
            f"the chosen ones keep {_range(100 * kept)} % of the restarts' activation"
        )

    def take(self, channels: Sequence[Any]) -> SweepResult:
        """Return the sweep of some of the units."""
        places = [place_in(self.levels[0].channels, channel) for channel in channels]
        picked = {
            name: values[places]
            for name in (*_OF_UNITS, *_NATURAL)
            if (values := getattr(self, name)) is not None
        }
        return replace(self, levels=tuple(level.take(channels) for level in self.levels), **picked)

    @property
    def channels(self) -> Array:
        """The units, ``[units]``."""
        return self.levels[0].channels

    @property
    def chosen(self) -> ImageSets:
        """Each unit's selected set."""
        units = np.arange(len(self.selected))
        picked: dict[str, Any] = {
            name: np.stack([getattr(level, name) for level in self.levels])[self.selected, units]
            for name in _OF_LEVELS
        }
        return replace(self.levels[0], **picked)

    @property
    def shown(self) -> Sets:
        """Restarts beside the chosen sets."""
        first, chosen = self.levels[0], self.chosen
        return Sets(
            network=first.network,
            layer=first.layer,
            channels=first.channels,
            restarts=first.images,
            restart_activations=first.activations,
            restart_distance=first.min_distance,
            diverse=chosen.images,
            diverse_activations=chosen.activations,
            diverse_distance=chosen.min_distance,
            relative_diversity=self.relative[self.selected],
        )

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per unit and level with the columns `SWEEP_COLUMNS`."""
        return [
            {
                **row,
                "relative_diversity": round(float(c), 6),
                "selected": int(which == number),
                "from_natural": int(natural),
            }
            for number, (c, level) in enumerate(zip(self.relative, self.levels, strict=True))
            for row, which, natural in zip(
                level.rows(), self.selected, self.from_natural, strict=True
            )
        ]

    def save(self, arrays: Path | str, table: Path | str | None = None) -> None:
        """Write the arrays, with a leading axis of levels.

        If a table is named, it gets one row per unit and level.
        """
        content = {
            name: np.stack([getattr(level, name) for level in self.levels]) for name in _OF_LEVELS
        }
        content |= {"channels": self.levels[0].channels}
        content |= {
            name: values
            for name in ("relative", *_OF_UNITS, *_NATURAL)
            if (values := getattr(self, name)) is not None
        }
        write_arrays(arrays, "sweep", content, self.levels[0]._about())
        if table is not None:
            write_rows(table, self.rows(), SWEEP_COLUMNS)

    @classmethod
    def load(cls, path: Path | str) -> SweepResult:
        """Return a sweep of `save`; raise `UserError` if the file holds none."""
        arrays, about = read_arrays(path, "sweep")
        with fitting(path):
            shape = (len(arrays["relative"]), len(arrays["channels"]))
            there = [name for name in (*_OF_UNITS, *_NATURAL) if name in arrays]
            of_units = dict.fromkeys((*_OF_UNITS, *there), shape[1:])
            check_shapes({**dict.fromkeys(_OF_LEVELS, shape), **of_units}, **arrays)
            levels = tuple(
                ImageSets(
                    channels=arrays["channels"],
                    **{name: arrays[name][number] for name in _OF_LEVELS},
                    **about,
                )
                for number in range(shape[0])
            )
            return cls(levels, arrays["relative"], **{name: arrays[name] for name in there})


@dataclass(frozen=True)
class Sets:
    """Restarts and chosen diverse sets of a layer's units.

    Attributes
    ----------
    network, layer : str
        Where the units are.
    channels : ndarray
        ``[units]``, whole numbers.
    restarts, diverse : ndarray
        ``[units, n, 3, s, s]``, images in patch units.
    restart_activations, diverse_activations : ndarray
        ``[units, n]``, before the ReLU.
    restart_distance, diverse_distance : ndarray
        ``[units]``, smallest distance within each set.
    relative_diversity : ndarray
        ``[units]``, of the chosen set; 0 where no diverse set was selected, so that `diverse` holds
        the restarts themselves.
    """

    network: str
    layer: str
    channels: Array
    restarts: Array
    restart_activations: Array
    restart_distance: Array
    diverse: Array
    diverse_activations: Array
    diverse_distance: Array
    relative_diversity: Array

    @property
    def size(self) -> int:
        """Side of a patch, the receptive field, in pixels."""
        return int(self.restarts.shape[-1])

    @property
    def selected(self) -> Array:
        """Whether a diverse set was selected, ``[units]``: `diverse` holds restarts if not."""
        return self.relative_diversity > 0

    def place(self, channel: int) -> int | None:
        """Return the place of a channel among the units; None if it is not among them."""
        return place_in(self.channels, channel)

    def take(self, channels: Sequence[int]) -> Sets:
        """Return the same of some channels, all of which are among the units, in this order."""
        places = [self.place(channel) for channel in channels]
        of_units = [field.name for field in fields(Sets) if field.name not in ("network", "layer")]
        return replace(self, **{name: getattr(self, name)[places] for name in of_units})


def _range(values: Array) -> str:
    """Return the least and the largest of some numbers, or the one that they are."""
    ends = [short(values.min()), short(values.max())]
    return " to ".join(dict.fromkeys(ends))


def load_sets(paths: Sequence[Path | str]) -> list[Sets]:
    """Return what is shown of sweeps, file by file."""
    return [SweepResult.load(path).shown for path in paths]
