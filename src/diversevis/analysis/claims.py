"""The paper's claims against criteria that were fixed before any run, edition by edition."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from diversevis.analysis.claim_parts import (
    CONFIRMATION,
    DECIDES,
    FIRST,
    SECOND,
    Row,
    every_part,
)
from diversevis.analysis.first_edition import first_parts
from diversevis.analysis.layers import unexamined
from diversevis.analysis.nulls import trained
from diversevis.analysis.pairs import CONFIRMED as OF_PAIRS
from diversevis.analysis.pairs import SECOND as FAMILY
from diversevis.analysis.second_edition import null_parts, second_parts
from diversevis.analysis.sizes import CONFIRMED, PAIR
from diversevis.analysis.tables import groups_of, read_frame, write_frame
from diversevis.results.quantities import Registry

COLUMNS = (
    "edition",
    "claim",
    "statement",
    "part",
    "kind",
    "criterion",
    "quantity",
    "value",
    "low",
    "high",
    "units",
    "met",
    "holds",
    "reason",
    "note",
    "figure",
    "table",
)

STATEMENTS = {
    "C1": "Diverse sets show invariances that restarts miss.",
    "C2": "Some units in early layers of VGG-19 are phase invariant.",
    "C3": "Others are invariant to local deformations.",
    "C4": "ResNet-50 differs from VGG-19 in corresponding layers.",
    "C5": "These invariances are learned: trained networks have more of them than their nulls.",
}
FIGURES = {
    (FIRST, "C1"): "tradeoff",
    (FIRST, "C2"): "phase",
    (FIRST, "C3"): "deformations",
    (FIRST, "C4"): "comparison",
    (SECOND, "C1"): "tradeoff",
    (SECOND, "C2"): "variation",
    (SECOND, "C3"): "deformations",
    (SECOND, "C4"): "sizes",
    (SECOND, "C5"): "nulls",
}
FIGURES |= {(CONFIRMATION, claim): FIGURES[SECOND, claim] for claim in STATEMENTS if claim != "C5"}
TABLES = {"C1": "layers", "C2": "units", "C3": "units", "C4": "pairs", "C5": "nulls"}

EXAMINED = "on units with which the criteria were fixed; decided on others"
"""What is to be known of the second edition's verdicts: its criteria were fixed with the units of
the first edition's run in view, and are to be decided on units that no earlier run examined."""

WITH_EXAMINED = "on all units; decided by the confirmation, on those that no earlier run examined"
"""The same where a run has such units."""


def claim_table(
    units: pd.DataFrame,
    pairs: pd.DataFrame | None,
    registry: Registry,
    criteria: Mapping[str, Any],
    *,
    sizes: pd.DataFrame | None = None,
    nulls: pd.DataFrame | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the claims, part by part, each with its criterion and what was measured.

    Both editions judge C1 to C4, each by criteria of its own; C5 is the second's. All but C5 are
    about trained networks. Where there are units that no earlier run examined, the confirmation
    judges C1 to C4 by the second's criteria on these alone.

    Parameters
    ----------
    units
        `diversevis.analysis.units.unit_table`.
    pairs
        `diversevis.analysis.pairs.pair_table`; without one, C1 to C4 are left out.
    registry
        Quantities of the run.
    criteria
        ``config/criteria.yaml``.
    sizes
        `diversevis.analysis.sizes.size_table`; without one, no difference keeps its sign.
    nulls
        `diversevis.analysis.nulls.null_table`; without one, C5 is left out.
    seed
        Of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`. ``edition`` is `FIRST`, `SECOND` or `CONFIRMATION`, ``part`` names what
        a row is about,
        ``kind`` whether it has a say (`DECIDES`) or reports (`SHARE`, `TEST`, `BESIDE`). ``met``
        says whether the row meets its criterion, ``holds`` whether the whole claim does, the same
        in all of its rows of an edition; both are empty (None) where it cannot be told, for a
        ``reason`` that deciding rows give: no unit was measured, or the index was withheld since
        its controls failed, or, for C4, nothing is compared, or so few units that no outcome could
        meet the criterion; and in the second edition, where an interval contains the threshold, or
        units of which this is so could turn it. ``low`` and ``high`` are 95 % intervals; of counts
        in the second edition, and of the share that meets both C3 and C2, what they are without and
        with undecided units. ``note`` says on which units it was decided.
    """
    rows: list[Row] = []
    own, second = units[trained(units)], criteria["second"]
    new = unexamined(own)
    if pairs is not None:
        rows += first_parts(own, pairs, registry, criteria, seed)
        rows += second_parts(own, pairs, sizes, registry, second, seed)
    if nulls is not None:
        rows += null_parts(units, nulls, registry, second["C5"])
    if pairs is not None and len(new):
        tests = pairs[pairs["family"] == OF_PAIRS].assign(family=FAMILY)
        equal = None if sizes is None else sizes[sizes["kind"] == CONFIRMED].assign(kind=PAIR)
        parts = second_parts(new, tests, equal, registry, second, seed)
        rows += [{**part, "edition": CONFIRMATION} for part in parts]
    table = pd.DataFrame(rows)
    notes = {
        FIRST: "",
        SECOND: WITH_EXAMINED if len(new) else EXAMINED,
        CONFIRMATION: f"on {len(new)} units that no earlier run examined: {_counted(new)}",
    }
    names = list(zip(table["edition"], table["claim"], strict=True))
    verdicts = {
        name: every_part(
            [
                entry["met"]
                for entry in rows
                if (entry["edition"], entry["claim"], entry["kind"]) == (*name, DECIDES)
            ]
        )
        for name in dict.fromkeys(names)
    }
    return table.assign(
        statement=table["claim"].map(STATEMENTS),
        holds=pd.Series([verdicts[name] for name in names], dtype=object),
        note=table["edition"].map(notes),
        figure=[FIGURES[name] for name in names],
        table=table["claim"].map(TABLES),
    )[list(COLUMNS)]


def _counted(units: pd.DataFrame) -> str:
    """Return how many units there are, layer by layer."""
    layers = groups_of(units, "network", "layer")
    return ", ".join(f"{network} {layer} {len(own)}" for (network, layer), own in layers)


def run(
    reads: Mapping[str, Any],
    writes: Mapping[str, Path],
    *,
    criteria: Mapping[str, Any],
    seed: int,
) -> None:
    """Judge the claims by their criteria, C1 to C4 if there are ``pairs``, C5 if ``nulls``."""
    units, registry = read_frame(reads["units"]), Registry.load(reads["quantities"])
    pairs, sizes, nulls = (
        read_frame(reads[name]) if name in reads else None for name in ("pairs", "sizes", "nulls")
    )
    table = claim_table(units, pairs, registry, criteria, sizes=sizes, nulls=nulls, seed=seed)
    write_frame(writes["claims"], table)
