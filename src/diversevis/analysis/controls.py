"""What units of known invariance had to show, before an index may be reported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from diversevis.analysis.conditions import DEFORMATION, PHASE
from diversevis.analysis.indices import ABOVE, MEAN, index_table
from diversevis.analysis.tables import read_frames, write_frame
from diversevis.results.tests import FIXED, RESPONSE, FamilyInfo, load_families

COLUMNS = ("criterion", "index", "value", "threshold", "holds")


def controls_table(
    indices: pd.DataFrame, families: Iterable[FamilyInfo], criteria: Mapping[str, float]
) -> pd.DataFrame:
    """Return what the controls had to show, and whether they did.

    Parameters
    ----------
    indices
        `diversevis.analysis.indices.index_table` of the controls, whose kinds are the layers.
    families
        Of the tests.
    criteria
        The section ``controls`` of ``config/criteria.yaml``.

    Returns
    -------
    pandas.DataFrame
        One row per criterion: ``criterion``, the ``index`` it licenses, ``value``, ``threshold``,
        ``holds``. An index one of whose criteria fails is not to be reported.
    """
    shown = indices[(indices["mask"] == FIXED) & (indices["measure"] == RESPONSE)]
    names = {family.name: family.index for family in families}
    shown = shown.assign(index=shown["family"].map(names))
    own, above = (shown[shown["statistic"] == statistic] for statistic in (MEAN, ABOVE))
    rows: list[tuple[Any, ...]] = []

    def least(criterion: str, index: str, value: float, threshold: float) -> None:
        rows.append((criterion, index, value, threshold, bool(value >= threshold)))

    linear, most = above[above["layer"].isin(["simple", "rigid"])], criteria["linear_difference"]
    for index, same in linear.groupby("index", sort=False):
        worst = same["value"].abs().max()
        name = "linear units: largest difference from their surrogate"
        rows.append((name, index, worst, most, bool(worst <= most)))
    phase = own[own["index"] == PHASE].groupby("layer")["value"]
    if phase.ngroups:
        lowest, highest = phase.min()["complex"], phase.max()["simple"]
        gap = lowest - highest
        least("complex cells: lowest phase index", PHASE, lowest, criteria["complex_index"])
        least("complex cells above simple cells", PHASE, gap, criteria["complex_above_simple"])
    for delta, same in above[above["index"] == DEFORMATION].groupby("delta"):
        templates = same.groupby("layer")["value"]
        gap = templates.min()["deformable"] - templates.max()["rigid"]
        name = f"deformable above rigid templates at {delta:g} px, less surrogates"
        least(name, DEFORMATION, gap, criteria["deformable_above_rigid"])
    return pd.DataFrame(rows, columns=list(COLUMNS))


def run(
    reads: Mapping[str, Any], writes: Mapping[str, Path], *, criteria: Mapping[str, Any]
) -> None:
    """Tell whether the controls allow the indices to be reported."""
    indices = index_table(read_frames(reads["tests"]))
    families = load_families(reads["families"])
    write_frame(writes["controls"], controls_table(indices, families, criteria["controls"]))
    write_frame(writes["indices"], indices)
