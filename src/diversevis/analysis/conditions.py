"""What the criteria of the claims ask of single units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from diversevis.analysis.tables import values_of
from diversevis.measures import RESPONSE
from diversevis.results.quantities import ABOVE, INDEX, Registry, column, start

PHASE, DEFORMATION = "phase", "deformation"
"""The indices of claims C2 and C3."""

PHASE_INVARIANT, DEFORMATION_INVARIANT = f"{PHASE}_invariant", f"{DEFORMATION}_invariant"

_DIGITS = 1e-6  # tables are written with seven digits


def invariant(
    units: pd.DataFrame, registry: Registry, criteria: Mapping[str, Any]
) -> dict[str, pd.Series]:
    """Return whether units meet the first edition's C2 and C3; false where it cannot be told.

    Indices are of responses relative to the peak's. C3's uncertainty is the standard deviation
    between seeds of index less surrogate: the unit's own or that pooled within its layer, whichever
    is larger, since two seeds can agree by chance.

    Parameters
    ----------
    units
        Columns of `diversevis.analysis.units.unit_table`.
    registry
        Quantities of the run.
    criteria
        ``config/criteria.yaml``.
    """
    phase, above, bent = (
        values_of(units, quantity)
        for quantity in (
            registry.of(PHASE, INDEX, RESPONSE),
            registry.of(PHASE, ABOVE, RESPONSE),
            registry.of(DEFORMATION, ABOVE, RESPONSE),
        )
    )
    own = values_of(units, column(start(DEFORMATION, RESPONSE), "above_uncertainty"))
    pooled = np.sqrt((own**2).groupby([units["network"], units["layer"]]).transform("mean"))
    least = criteria["C2"]
    return {
        PHASE_INVARIANT: (phase >= least["phase_index"]) & (above >= least["above"]),
        DEFORMATION_INVARIANT: bent - np.maximum(own, pooled) >= criteria["C3"]["above"],
    }


def conditions(
    units: pd.DataFrame, registry: Registry, criteria: Mapping[str, Any]
) -> pd.DataFrame:
    """Return what the first edition's claims ask of single units, and which meet it.

    Parameters
    ----------
    units
        `diversevis.analysis.units.unit_table`.
    registry
        Quantities of the run.
    criteria
        ``config/criteria.yaml``.

    Returns
    -------
    pandas.DataFrame
        Indexed as `units`; 1 where a unit meets the condition, 0 where not, NaN where it cannot be
        told, or the unit is left out:

        - ``more_distinct`` (C1): its diverse set keeps enough of the restarts' activation and has a
          larger smallest distance than they;
        - ``phase_index_high`` (C2, its first half), ``phase_invariant`` (C2),
          ``deformation_invariant`` (C3);
        - ``both_invariant``: the last two.
    """
    kept = units["left_out"] == ""
    least = criteria["C1"]["fraction"] - _DIGITS
    ratio = values_of(units, "distance_ratio")
    distinct = (ratio > 1) & (values_of(units, "activation_ratio") >= least)
    index, gain = (
        values_of(units, quantity)
        for quantity in (
            registry.of(PHASE, INDEX, RESPONSE),
            registry.of(DEFORMATION, ABOVE, RESPONSE),
        )
    )
    phase, bent = index.notna(), gain.notna()
    high = index >= criteria["C2"]["phase_index"]
    of_phase, of_deformation = units[PHASE_INVARIANT], units[DEFORMATION_INVARIANT]
    met = {
        "more_distinct": (distinct, ratio.notna()),
        f"{PHASE}_index_high": (high, phase),
        PHASE_INVARIANT: (of_phase, phase),
        DEFORMATION_INVARIANT: (of_deformation, bent),
        "both_invariant": (of_phase & of_deformation, phase & bent),
    }
    return pd.DataFrame(
        {name: yes.astype(float).where(told & kept) for name, (yes, told) in met.items()}
    )
