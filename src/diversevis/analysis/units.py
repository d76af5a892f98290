"""One row a unit: everything that was measured of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from diversevis.analysis.tables import UNIT
from diversevis.invariance.indices import NEVER_DRIVEN


def unit_table(
    synthesis: pd.DataFrame, invariance: pd.DataFrame, criteria: Mapping[str, Any]
) -> pd.DataFrame:
    """Return one row a unit, with what the criteria of C2 and C3 say of it.

    Parameters
    ----------
    synthesis
        `diversevis.analysis.tables.synthesis_table`.
    invariance
        `diversevis.analysis.invariance.invariance_table`, of the same units or fewer.
    criteria
        ``config/criteria.yaml``; its sections ``C2`` and ``C3`` are used.

    Returns
    -------
    pandas.DataFrame
        The columns of both tables, and

        - ``phase_above``, ``shift_above``, ``deformation_above``: index less that of the unit's
          linear stand-in, the latter two at the displacement of C3;
        - ``phase_invariant``, ``deformation_invariant``: the unit meets the criterion of C2, of C3;
          false for units whose index was not measured, too. C3's uncertainty is the standard
          deviation between seeds of index less surrogate: the unit's own or that pooled within its
          layer, whichever is larger, since two seeds can agree by chance;
        - ``left_out``: why the unit is left out of all statistics, empty for those that stay.
    """
    table = synthesis.merge(invariance, on=UNIT, how="left", validate="one_to_one")
    table["withheld"] = " ".join(invariance.withheld.unique())
    table["needed_natural"] = table.needed_natural.eq(True)
    delta = f"{criteria['C3']['delta']:g}"
    table["phase_above"] = table.phase_index - table.phase_surrogate
    for name in ("shift", "deformation"):
        table[f"{name}_above"] = table[f"{name}_index_{delta}"] - table[f"{name}_surrogate_{delta}"]
    table["phase_invariant"] = (table.phase_index >= criteria["C2"]["phase_index"]) & (
        table.phase_above >= criteria["C2"]["above"]
    )
    own, names = table.deformation_above_uncertainty, [table.network, table.layer]
    pooled = np.sqrt((own**2).groupby(names).transform("mean"))
    table["deformation_invariant"] = (
        table.deformation_above - np.maximum(own, pooled) >= criteria["C3"]["above"]
    )
    # Layers too small for any test have no reason of theirs.
    driven = table[["f_max", "restart_mean_activation", "natural_maximum"]].max(axis=1) > 0
    reasons = table.pop("left_out").fillna("")
    table["left_out"] = reasons.where(driven | (reasons != ""), NEVER_DRIVEN)
    table["withheld"] = table.pop("withheld")
    return table
