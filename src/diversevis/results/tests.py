"""Transformation tests of a layer's units: canvases, responses, indices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from diversevis.measures import CONTRAST, RESPONSE
from diversevis.results.formats import (
    Array,
    check_shapes,
    fitting,
    place_in,
    read_arrays,
    read_json,
    write_arrays,
    write_json,
    write_rows,
)
from diversevis.results.templates import frequency, radius
from diversevis.results.words import listed
from diversevis.views import Views

if TYPE_CHECKING:
    from diversevis.invariance.contrast import ContrastCurves
    from diversevis.invariance.measure import Invariance
    from diversevis.invariance.transformation import FamilyResponses

TEST_COLUMNS = (
    "network",
    "layer",
    "channel",
    "family",
    "delta",
    "mask",
    "measure",
    "statistic",
    "value",
    "surrogate",
    "members",
    "seed",
)
TEMPLATE_COLUMNS = ("offset", "elasticity", "curve_fault", "radius", "frequency")
"""Of each unit's best patch: response to grey over the peak's, relative change of the response to
one of contrast, how far the contrast curve falls below its running maximum relative to its rise,
root mean square radius in patch sides, mean spatial frequency in cycles per pixel."""

PEAK_COLUMNS = (
    *("network", "layer", "channel", "f_max", "from_noise"),
    *TEMPLATE_COLUMNS,
    *("seed", "left_out"),
)

NEVER_DRIVEN = "no patch drives it above zero"

FIXED, LEARNED = "fixed", "learned"
"""Masks."""

_ARRAYS = (
    *("canvases", "masks", "responses", "contrasts", "members"),
    *("surrogate", "surrogate_responses", "shown", "patches"),
)
_OPTIONAL = ("unmoved", "fields")
_OF_UNITS = (
    *("best", "f_max", "from_noise"),
    *("offset", "elasticity", "curve_fault", "contrast"),
)


@dataclass(frozen=True)
class FamilyInfo:
    """What tables and figures know of a family of transformations.

    Attributes
    ----------
    name, index, title, colour : str
        As `diversevis.invariance.families.base.Family` says.
    """

    name: str
    index: str
    title: str
    colour: str


@dataclass(frozen=True)
class FamilyTests:
    """Canvases of one family of transformations, and what its members drove.

    Attributes
    ----------
    family : FamilyInfo
        The family.
    delta : float or None
        Its displacement in pixels per 24 px of patch; None where it has none.
    mask : str
        `FIXED` or `LEARNED`.
    canvases : ndarray
        ``[units, 3, side, side]``, patch units.
    masks : ndarray
        ``[units, s, s]``.
    responses : ndarray
        ``[units, members]``, before the ReLU.
    members : ndarray
        ``[members, ...]``.
    contrasts : ndarray
        ``[units, members]``, the same as effective contrasts; NaN for units that grey drives as
        much as their best patch.
    surrogate : ndarray
        ``[units]``, index of the linear surrogate.
    surrogate_responses : ndarray
        ``[units, members]``, what it answers to its own best canvas, relative to its best patch:
        effective contrasts as well.
    shown : ndarray
        ``[units, 2 k]``, places of the members that drive each unit most, then of those that drive
        it least; most first, least last.
    patches : ndarray
        ``[units, 2 k, 3, s, s]``, these members as the unit was shown them.
    unmoved : ndarray or None
        ``[units, 3, s, s]``, the masked middle of the canvas, for families that have an identity.
    fields : ndarray or None
        ``[units, 2 k, s, s, 2]``, how far these members move every pixel, (x, y) in pixels, for
        families that move pixels.
    """

    family: FamilyInfo
    delta: float | None
    mask: str
    canvases: Array
    masks: Array
    responses: Array
    contrasts: Array
    members: Array
    surrogate: Array
    surrogate_responses: Array
    shown: Array
    patches: Array
    unmoved: Array | None = None
    fields: Array | None = None

    @classmethod
    def of(cls, tested: FamilyResponses, curves: ContrastCurves) -> FamilyTests:
        """Return a family's responses that were just measured, as arrays."""
        arrays = {name: getattr(tested, name).cpu().numpy() for name in ("shown", "members")} | {
            name: getattr(tested, name).float().cpu().numpy()
            for name in (*_ARRAYS, *_OPTIONAL)
            if name not in ("shown", "members", "contrasts") and getattr(tested, name) is not None
        }
        arrays["contrasts"] = curves.effective(tested.responses).numpy()
        info = FamilyInfo(tested.family, tested.index, tested.title, tested.colour)
        return cls(info, tested.delta, tested.mask, **arrays)

    @property
    def most(self) -> slice:
        """Of `shown` and what goes with it, the members that drive a unit most."""
        return slice(0, self.shown.shape[1] // 2)

    @property
    def least(self) -> slice:
        """Of `shown` and what goes with it, the members that drive a unit least."""
        return slice(self.shown.shape[1] // 2, None)


@dataclass(frozen=True, repr=False)
class LayerTests(Views):
    """Transformation tests of some units of a layer.

    Attributes
    ----------
    network, layer : str
        Where the units are.
    channels : ndarray
        ``[units]``, whole numbers; texts for targets that are no channels.
    best : ndarray
        ``[units, 3, s, s]``, each unit's best patch, patch units.
    f_max : ndarray
        ``[units]``, the best response to any patch; not above zero for units that nothing drives.
    from_noise : ndarray
        ``[units]``, the best response that starts from noise alone reached.
    offset, elasticity, curve_fault : ndarray
        ``[units]``, of the contrast curves: see `TEMPLATE_COLUMNS`.
    contrast : ndarray
        ``[units, points]``, responses to the best patch at contrasts from -2 to 2.
    measure : str
        What canvases maximise: `RESPONSE` or `CONTRAST`.
    families : tuple of FamilyTests
        One for each family, displacement and kind of mask.
    seed : int
        Of starts and members.
    """

    network: str
    layer: str
    channels: Array
    best: Array
    f_max: Array
    from_noise: Array
    offset: Array
    elasticity: Array
    curve_fault: Array
    contrast: Array
    measure: str
    families: tuple[FamilyTests, ...]
    seed: int

    @classmethod
    def of(cls, result: Invariance | LayerTests) -> LayerTests:
        """Return tests that were just made, as arrays."""
        if isinstance(result, LayerTests):
            return result
        numbers = all(name.isdigit() for name in result.names)
        return cls(
            network=result.network,
            layer=result.layer,
            channels=np.array([int(n) for n in result.names] if numbers else result.names),
            best=result.peaks.patches.float().cpu().numpy(),
            f_max=result.f_max.cpu().numpy(),
            from_noise=result.peaks.from_noise.cpu().numpy(),
            offset=result.curves.offset.numpy(),
            elasticity=result.curves.elasticity.numpy(),
            curve_fault=result.curves.fault.numpy(),
            contrast=result.curves.responses.float().numpy(),
            measure=result.measure,
            families=tuple(FamilyTests.of(tests, result.curves) for tests in result.families),
            seed=result.seed,
        )

    def numpy(self) -> LayerTests:
        """Return the tests themselves."""
        return self

    def summary(self) -> str:
        """Return in a line what they are."""
        names = dict.fromkeys(tests.family.title for tests in self.families)
        where = f"{self.network} {self.layer}, {listed(self.channels)}"
        count = len(self.families)
        return f"{where}: {count} test{'s' * (count != 1)} of {', '.join(names) or 'nothing'}"

    @property
    def size(self) -> int:
        """Side of a patch, the receptive field, in pixels."""
        return int(self.best.shape[-1])

    @property
    def driven(self) -> Array:
        """Whether any patch drives the unit above zero, ``[units]``: it has no index if not."""
        return self.f_max > 0

    def place(self, channel: object) -> int | None:
        """Return the place of a channel among the units; None if it is not among them."""
        return place_in(self.channels, channel)

    def find(
        self, family: str, delta: float | None = None, mask: str = FIXED
    ) -> FamilyTests | None:
        """Return the tests of a family at a displacement, or None if there are none."""
        for tests in self.families:
            if (tests.family.name, tests.delta, tests.mask) == (family, delta, mask):
                return tests
        return None

    def relative(self, tests: FamilyTests) -> Array:
        """Return a family's responses over `f_max`, ``[units, members]``; NaN if never driven."""
        f_max = np.where(self.driven, self.f_max, np.nan)
        return np.asarray(tests.responses / f_max[:, None])

    def measured(self, tests: FamilyTests) -> Array:
        """Return what canvases were made to be high in, by members, ``[units, members]``.

        Responses over `f_max`, or effective contrasts: as `measure` says; NaN if never driven.
        """
        if self.measure == RESPONSE:
            return self.relative(tests)
        return np.where(self.driven[:, None], tests.contrasts, np.nan)

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per unit, test, measure and statistic with the columns `TEST_COLUMNS`.

        Of responses relative to this run's own ``f_max`` ``mean``, ``p10`` and ``min`` over
        members; NaN for units that nothing drives above zero. Of effective contrasts also
        ``drive``, the best member's; ``flatness``, the mean over it; and ``variation``, the
        standard deviation over the mean. Beside each the linear surrogate's, where it has one.
        """
        table = []
        for tests in self.families:
            index = self.relative(tests).astype(float)
            contrasts = np.where(self.driven[:, None], tests.contrasts, np.nan).astype(float)
            for unit, channel in enumerate(self.channels.tolist()):
                mean = {"mean": float(tests.surrogate[unit])}
                measured = (
                    (RESPONSE, _spread(index[unit]), mean),
                    (
                        CONTRAST,
                        _factors(contrasts[unit]),
                        _factors(tests.surrogate_responses[unit].astype(float)),
                    ),
                )
                delta = np.nan if tests.delta is None else tests.delta
                before = (self.network, self.layer, channel, tests.family.name, delta, tests.mask)
                for measure, statistics, surrogate in measured:
                    for name, value in statistics.items():
                        linear, count = surrogate.get(name, np.nan), index.shape[1]
                        values = (measure, name, value, linear, count, self.seed)
                        table.append(dict(zip(TEST_COLUMNS, (*before, *values), strict=True)))
        return table

    def peak_rows(self) -> list[dict[str, Any]]:
        """Return one row per unit with the columns `PEAK_COLUMNS`."""
        measured = {
            "f_max": self.f_max,
            "from_noise": self.from_noise,
            "offset": self.offset,
            "elasticity": self.elasticity,
            "curve_fault": self.curve_fault,
            "radius": radius(self.best),
            "frequency": frequency(self.best),
        }
        return [
            {
                "network": self.network,
                "layer": self.layer,
                "channel": channel,
                **{name: float(values[unit]) for name, values in measured.items()},
                "seed": self.seed,
                "left_out": "" if self.f_max[unit] > 0 else NEVER_DRIVEN,
            }
            for unit, channel in enumerate(self.channels.tolist())
        ]

    def save(
        self,
        arrays: Path | str,
        table: Path | str | None = None,
        peaks: Path | str | None = None,
        families: Path | str | None = None,
    ) -> None:
        """Write the arrays, and what else is named: two tables, and what families are called."""
        content: dict[str, Array] = {name: getattr(self, name) for name in ("channels", *_OF_UNITS)}
        about = []
        for number, tests in enumerate(self.families):
            about.append({"family": asdict(tests.family), "delta": tests.delta, "mask": tests.mask})
            for name in (*_ARRAYS, *_OPTIONAL):
                if (value := getattr(tests, name)) is not None:
                    content[f"{number}/{name}"] = value
        names = {
            "network": self.network,
            "layer": self.layer,
            "measure": self.measure,
            "seed": self.seed,
        }
        write_arrays(arrays, "tests", content, {**names, "families": about})
        if table is not None:
            write_rows(table, self.rows(), TEST_COLUMNS)
        if peaks is not None:
            write_rows(peaks, self.peak_rows(), PEAK_COLUMNS)
        if families is not None:
            infos = _once(tests.family for tests in self.families)
            write_json(families, [asdict(info) for info in infos])

    @classmethod
    def load(cls, path: Path | str) -> LayerTests:
        """Return tests of `save`; raise `UserError` if the file holds none."""
        arrays, about = read_arrays(path, "tests")
        with fitting(path):
            units = (len(arrays["channels"]),)
            check_shapes(dict.fromkeys(_OF_UNITS, units), **arrays)
            tests = []
            for number, entry in enumerate(about.pop("families")):
                its = {
                    name: arrays.pop(f"{number}/{name}")
                    for name in (*_ARRAYS, *_OPTIONAL)
                    if f"{number}/{name}" in arrays
                }
                shapes = {name: units for name in _ARRAYS if name not in ("members", "responses")}
                check_shapes(shapes, **its)
                check_shapes({"responses": (*units, len(its["members"]))}, **its)
                tests.append(FamilyTests(FamilyInfo(**entry.pop("family")), **entry, **its))
            return cls(**arrays, **about, families=tuple(tests))


def _spread(values: Array) -> dict[str, float]:
    """Return mean, 10th percentile and minimum of what members reach, ``[members]``."""
    return {
        "mean": float(values.mean()),
        "p10": float(np.quantile(values, 0.1)),
        "min": float(values.min()),
    }


def _factors(values: Array) -> dict[str, float]:
    """Return the same of effective contrasts, and what their mean is made of."""
    mean, best = float(values.mean()), float(values.max())
    return {
        **_spread(values),
        "drive": best,
        "flatness": mean / best if best > 0 else np.nan,
        "variation": float(values.std()) / mean if mean > 0 else np.nan,
    }


def load_tests(paths: Sequence[Path | str]) -> list[LayerTests]:
    """Return the tests of several layers, file by file."""
    return [LayerTests.load(path) for path in paths]


def load_families(paths: Iterable[Path | str]) -> list[FamilyInfo]:
    """Return the families of several layers, each once, in the order in which they come."""
    entries: list[Mapping[str, str]] = [entry for path in paths for entry in read_json(path)]
    return _once(FamilyInfo(**entry) for entry in entries)


def _once(families: Iterable[FamilyInfo]) -> list[FamilyInfo]:
    return list({info.name: info for info in families}.values())
