"""The registry of quantities: what the columns of the unit table are called, and how they are read.

Layers, pairs, figures, contact sheets and the report go through it. Indices come from the families
that were measured; everything else that is said of single units has an entry in `OTHERS`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from diversevis.errors import unknown_name
from diversevis.measures import CONTRAST, RESPONSE
from diversevis.results.formats import read_rows, write_rows
from diversevis.results.tests import FamilyInfo

GREY = "#6B6B6B"

INDEX, ABOVE, LEARNED_MASK, FACTOR = "index", "above", "learned mask", "factor"
MEASURE = "measure"
"""Roles: an index, an index less its linear surrogate's, an index with a learned mask, what an
index is made of, others."""


@dataclass(frozen=True)
class Quantity:
    """A column of the unit table whose medians are reported.

    Attributes
    ----------
    name : str
        The column.
    title : str
        What it is in words, for axes and tables.
    role : str
        `INDEX`, `ABOVE`, `LEARNED_MASK`, `FACTOR` or `MEASURE`.
    index : str
        The index that it belongs to, with which it is withheld; empty for others.
    family : str
        The family whose index it is; empty for others.
    delta : float or None
        Displacement in pixels per 24 px of patch; None where there is none.
    colour : str
        In figures.
    invariance : int
        1: higher is more invariant; -1: less; 0: it says nothing of invariance.
    measure : str
        What it is made of: effective contrasts (`CONTRAST`, the second edition) or, for indices,
        responses relative to the peak's (`RESPONSE`, the first); empty for others.
    """

    name: str
    title: str
    role: str = MEASURE
    index: str = ""
    family: str = ""
    delta: float | None = None
    colour: str = GREY
    invariance: int = 0
    measure: str = ""


FIRST = (
    Quantity("activation_ratio", "activation, diverse over restarts"),
    Quantity("distance_ratio", "smallest distance, diverse over restarts"),
    Quantity(
        "surrogate_set_ratio",
        "smallest distance, diverse over linear surrogate's",
        measure=CONTRAST,
    ),
    Quantity(
        "surrogate_set_level_ratio",
        "smallest distance, diverse over linear surrogate's of the same contrast",
        measure=CONTRAST,
    ),
)
LAST = (
    Quantity("f1_f0", "F1/F0 of the best grating", invariance=-1),
    Quantity("stability_mean", "relative stability, by means"),
    Quantity("stability_median", "relative stability, by medians"),
    Quantity("offset", "response to grey over the peak's"),
    Quantity("elasticity", "elasticity at full contrast"),
    Quantity("radius", "radius of the best patch, patch sides"),
    Quantity("frequency", "frequency of the best patch, cycles per pixel"),
    Quantity("displacement_cycles", "displacement in cycles of the best patch"),
    Quantity(
        "natural_shift", "natural patches shifted, over undisturbed", invariance=1, measure=CONTRAST
    ),
    Quantity(
        "natural_deformation",
        "natural patches deformed, over undisturbed",
        invariance=1,
        measure=CONTRAST,
    ),
)
"""What is measured beside the indices, before and after them in tables."""

_WITH_DELTA = (
    *("stability_mean", "stability_median"),
    *("displacement_cycles", "natural_shift", "natural_deformation"),
)
"""Those that are taken at the main displacement."""


FACTORS = {
    "drive": ("best member", 0),
    "flatness": ("mean over best member", 1),
    "variation": ("deviation over mean", -1),
}
"""What else is said of an index: words, and how it reads, as `Quantity.invariance`."""


def column(start: str, statistic: str, delta: float | None = None) -> str:
    """Return the name of a column of the unit table: ``shift_index_2``, for instance."""
    return with_delta(f"{start}_{statistic}", delta)


def start(index: str, measure: str = CONTRAST) -> str:
    """Return what the columns of an index start with: plain names are of effective contrast."""
    return index if measure == CONTRAST else f"{index}_{measure}"


def quantities(
    families: Iterable[FamilyInfo],
    displaced: Collection[str],
    learned: Collection[str],
    main_delta: float,
) -> list[Quantity]:
    """Return the registry of a run.

    Parameters
    ----------
    families
        The families that were measured.
    displaced
        Names of those that have a displacement.
    learned
        Names of those that were measured with a learned mask too.
    main_delta
        The displacement that claims speak of.
    """
    found = list(FIRST)
    for family in families:
        delta = main_delta if family.name in displaced else None
        at = "" if delta is None else f" at δ = {delta:g} px"
        title = f"{family.index} index{at}"
        common = {"index": family.index, "family": family.name, "colour": family.colour}
        common["measure"] = CONTRAST
        for measure, kind in ((CONTRAST, title), (RESPONSE, f"{title}, of responses")):
            begin, own = start(family.index, measure), common | {"measure": measure}
            found += [
                Quantity(
                    column(begin, "index", delta), kind, INDEX, delta=delta, invariance=1, **own
                ),
                Quantity(
                    column(begin, "above"),
                    f"{kind}, less linear surrogate's",
                    ABOVE,
                    delta=delta,
                    invariance=1,
                    **own,
                ),
            ]
        found += [
            Quantity(
                column(family.index, name, delta),
                f"{title}, {words}",
                FACTOR,
                delta=delta,
                invariance=invariance,
                **common,
            )
            for name, (words, invariance) in FACTORS.items()
        ]
        if family.name in learned:
            found.append(
                Quantity(
                    column(family.index, "learned_mask"),
                    f"{title}, mask learned",
                    LEARNED_MASK,
                    delta=delta,
                    invariance=1,
                    **common,
                )
            )
    return found + [_displaced(quantity, main_delta) for quantity in LAST]


def _displaced(quantity: Quantity, delta: float) -> Quantity:
    if quantity.name not in _WITH_DELTA:
        return quantity
    content = asdict(quantity) | {"name": with_delta(quantity.name, delta), "delta": delta}
    return Quantity(**content)


def with_delta(name: str, delta: float | None) -> str:
    """Return the name of a column at a displacement; the name itself without one."""
    return name if delta is None else f"{name}_{delta:g}"


class Registry(Sequence[Quantity]):
    """The quantities of a run, in the order in which tables have them.

    Parameters
    ----------
    entries
        From `quantities`.
    """

    def __init__(self, entries: Iterable[Quantity]) -> None:
        self._entries = list(entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, which):  # type: ignore[no-untyped-def]  # as of any sequence
        return self._entries[which]

    def __iter__(self) -> Iterator[Quantity]:
        return iter(self._entries)

    def named(self, name: str) -> Quantity:
        """Return the quantity of a column; raise `UserError` with the nearest names otherwise."""
        for entry in self._entries:
            if entry.name == name:
                return entry
        names = [entry.name for entry in self._entries]
        raise unknown_name("quantity", name, names, where=" of units.csv")

    def of(self, index: str, role: str = INDEX, measure: str = CONTRAST) -> Quantity | None:
        """Return an index's quantity of a role: ``of("deformation", ABOVE)``; None without it."""
        for entry in self.having(role, measure):
            if entry.index == index:
                return entry
        return None

    def having(self, role: str, measure: str = CONTRAST) -> list[Quantity]:
        """Return all quantities of a role, indices and their factors by one measure."""
        return [
            entry
            for entry in self._entries
            if entry.role == role and entry.measure in (measure, "")
        ]

    def save(self, path: Path | str) -> None:
        """Write one row per quantity."""
        rows = [asdict(entry) for entry in self._entries]
        write_rows(path, rows, [field.name for field in fields(Quantity)])

    @classmethod
    def load(cls, path: Path | str) -> Registry:
        """Return a registry of `save`."""
        entries = []
        for row in read_rows(path):
            delta = float(row["delta"]) if row["delta"] else None
            content: dict[str, Any] = {**row, "delta": delta, "invariance": int(row["invariance"])}
            entries.append(Quantity(**content))
        return cls(entries)
