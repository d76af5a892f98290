"""What units of known invariance had to show, before an index may be reported."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from diversevis.invariance.families import FAMILIES


def controls_table(tests: pd.DataFrame, criteria: Mapping[str, float]) -> pd.DataFrame:
    """Return what the controls had to show, and whether they did.

    Parameters
    ----------
    tests
        Rows of `diversevis.invariance.indices.rows` for the control units.
    criteria
        The section ``controls`` of ``config/criteria.yaml``.

    Returns
    -------
    pandas.DataFrame
        One row a criterion: ``criterion``, the families' ``index`` it licenses, ``value``,
        ``threshold``, ``holds``. An index one of whose criteria fails is not to be reported.
    """
    tests = tests[tests["mask"] == "fixed"].assign(
        above=lambda table: table["mean"] - table["surrogate_mean"]
    )
    linear = tests[tests.layer.isin(["simple", "rigid"])]
    rows = []

    def add(criterion: str, index: str, value: float, threshold: float, holds: bool) -> None:
        rows.append(
            {
                "criterion": criterion,
                "index": index,
                "value": value,
                "threshold": threshold,
                "holds": bool(holds),
            }
        )

    highest = criteria["linear_difference"]
    for family, same in linear.groupby("family", sort=False):
        worst = same.above.abs().max()
        name = "linear units: largest difference from their surrogate"
        add(name, FAMILIES[family].index, worst, highest, worst <= highest)
    phase = tests[tests.family == "all-shifts"].groupby("layer")["mean"]
    if phase.ngroups:
        complex_cell, simple_cell = phase.min()["complex"], phase.max()["simple"]
        least = criteria["complex_index"]
        add(
            "complex cells: lowest phase index", "phase", complex_cell, least, complex_cell >= least
        )
        gap, least = complex_cell - simple_cell, criteria["complex_above_simple"]
        add("complex cells above simple cells", "phase", gap, least, gap >= least)
    least = criteria["deformable_above_rigid"]
    for delta, same in tests[tests.family == "deformations"].groupby("delta"):
        above = same.groupby("layer")["above"]
        gap = above.min()["deformable"] - above.max()["rigid"]
        name = f"deformable above rigid templates at {delta:g} px, less surrogates"
        add(name, "deformation", gap, least, gap >= least)
    return pd.DataFrame(rows)
