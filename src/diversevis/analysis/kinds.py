"""Units that are near perfectly phase invariant, and that bend: how many, which, and where."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from diversevis.analysis.conditions import BENDS, NEAR_PERFECT, UNDECIDED, YES, second_conditions
from diversevis.analysis.layers import ALL, groups, second_edition, unexamined
from diversevis.analysis.nulls import trained
from diversevis.analysis.statistics import share_interval
from diversevis.analysis.tables import read_frame, write_frame

COLUMNS = (
    "kind",
    "sample",
    "network",
    "layer",
    "size",
    "units",
    "met",
    "undecided",
    "share",
    "low",
    "high",
    "most",
    "channels",
    "undecided_channels",
)

EVERY, UNEXAMINED = "every unit", "unexamined"
"""Samples: all units, and those alone that no earlier run examined."""

KINDS = (NEAR_PERFECT, BENDS)
"""What the second edition's C2 and C3 ask of single units."""


def kind_table(units: pd.DataFrame, criteria: Mapping[str, Any]) -> pd.DataFrame:
    """Return how many units of each layer are of either kind, and which.

    Parameters
    ----------
    units
        `diversevis.analysis.units.unit_table`; units of nulls are left out.
    criteria
        The section ``second`` of ``config/criteria.yaml``.

    Returns
    -------
    pandas.DataFrame
        Tidy, columns `COLUMNS`: one row per kind, sample and layer, network (``layer`` is ``all``),
        and over all. ``units`` is how many can be told, ``met`` of them are of the kind,
        ``undecided`` may be; ``share`` is that of ``met``, ``low`` and ``high`` its Wilson 95 %
        interval. ``most`` marks the layer with the largest share, or several if it is the same.
        ``channels`` and ``undecided_channels`` are numbers with spaces between, of layers alone.
    """
    drawn = second_edition(units[trained(units)])
    met = second_conditions(drawn, criteria)
    samples = {EVERY: drawn, UNEXAMINED: unexamined(drawn)}
    rows = [
        (kind, sample, *names, *_counted(own["channel"], met.loc[own.index, kind], names[1] != ALL))
        for kind in KINDS
        for sample, some in samples.items()
        if len(some)
        for names, own in groups(some)
    ]
    table = pd.DataFrame(rows, columns=[name for name in COLUMNS if name != "most"])
    of_layers = table["share"].where((table["layer"] != ALL) & (table["share"] > 0))
    largest = of_layers.groupby([table["kind"], table["sample"]]).transform("max")
    return table.assign(most=of_layers.notna() & (of_layers == largest))[list(COLUMNS)]


def _counted(channels: pd.Series, outcomes: pd.Series, named: bool) -> tuple[Any, ...]:
    told = int((outcomes != "").sum())
    yes, maybe = (channels[outcomes == outcome] for outcome in (YES, UNDECIDED))
    share = len(yes) / told if told else float("nan")
    lists = (" ".join(map(str, sorted(some))) if named else "" for some in (yes, maybe))
    return told, len(yes), len(maybe), share, *share_interval(len(yes), told), *lists


def run(
    reads: Mapping[str, Any], writes: Mapping[str, Path], *, criteria: Mapping[str, Any]
) -> None:
    """Say which units are of either kind."""
    write_frame(writes["kinds"], kind_table(read_frame(reads["units"]), criteria["second"]))
