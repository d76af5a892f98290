"""What the criteria of the claims ask of single units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from diversevis.analysis.tables import values_of
from diversevis.measures import RESPONSE
from diversevis.results.quantities import ABOVE, INDEX, Registry, column, start

PHASE, SHIFT, DEFORMATION = "phase", "shift", "deformation"
"""The indices of claims C2 and C3, and the one between them."""

PHASE_INVARIANT, DEFORMATION_INVARIANT = f"{PHASE}_invariant", f"{DEFORMATION}_invariant"

YES, NO, UNDECIDED = "yes", "no", "undecided"
"""What the second edition says of a condition; nothing of what was not measured."""

NEAR_PERFECT, BENDS, BENDS_MORE = "near_perfect", "bends", "bends_more_than_shifts"
"""The second edition's conditions of single units."""

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
    doubt = values_of(units, column(start(DEFORMATION, RESPONSE), "above_uncertainty"))
    phase, bent = index.notna(), gain.notna() & doubt.notna()
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


def reaches(
    low: pd.Series, high: pd.Series, threshold: float, *, beyond: bool = False
) -> pd.Series:
    """Return whether values reach a threshold, by their intervals.

    Parameters
    ----------
    low, high
        ``[n]``, ends of each value's interval; NaN where it is not known.
    threshold
        What is to be reached.
    beyond
        Whether the threshold itself is not enough.

    Returns
    -------
    pandas.Series
        `YES`, `NO`, or `UNDECIDED` where the interval contains the threshold, or there is none.
    """
    yes = (low > threshold) if beyond else (low >= threshold)
    no = (high <= threshold) if beyond else (high < threshold)
    return pd.Series(np.select([yes, no], [YES, NO], UNDECIDED), low.index)


def stays_within(low: pd.Series, high: pd.Series, threshold: float) -> pd.Series:
    """Return whether values are at most `threshold`, by their intervals, as `reaches`."""
    return reaches(-high, -low, -threshold)


def every(*parts: pd.Series) -> pd.Series:
    """Return whether all parts are met: one `NO` settles it, else one `UNDECIDED`."""
    table = pd.concat(parts, axis=1)
    no, undecided = (table == NO).any(axis=1), (table == UNDECIDED).any(axis=1)
    return pd.Series(np.select([no, undecided], [NO, UNDECIDED], YES), table.index)


def second_conditions(units: pd.DataFrame, criteria: Mapping[str, Any]) -> pd.DataFrame:
    """Return what the second edition says of single units.

    A value's interval is ``uncertainties`` times its uncertainty either way. A value whose
    uncertainty is not known decides nothing.

    Parameters
    ----------
    units
        `diversevis.analysis.units.unit_table`.
    criteria
        The section ``second`` of ``config/criteria.yaml``.

    Returns
    -------
    pandas.DataFrame
        Indexed as `units`; `YES`, `NO`, `UNDECIDED`, or nothing where the index was not measured,
        or the unit is left out or was picked by hand:

        - ``near_perfect`` (C2): phase invariant, by variation, index, and what it has above its
          linear surrogate;
        - ``bends`` (C3): invariant to deformations, by index, what it has above its surrogate, and
          the best member;
        - ``bends_more_than_shifts``: it gains more on its surrogate in deformations than in shifts,
          the two uncertainties added in squares.
    """
    times, phase, bent = criteria["uncertainties"], criteria["C2"], criteria["C3"]

    def interval(value: pd.Series, uncertainty: pd.Series) -> tuple[pd.Series, pd.Series]:
        return value - times * uncertainty, value + times * uncertainty

    def of(name: str, uncertainty: str) -> tuple[pd.Series, pd.Series]:
        return interval(values_of(units, name), values_of(units, uncertainty))

    def at(statistic: str) -> str:
        return column(DEFORMATION, statistic, bent["delta"])

    above = {name: column(name, ABOVE) for name in (PHASE, SHIFT, DEFORMATION)}
    doubt = {name: f"{start}_uncertainty" for name, start in above.items()}
    gain, shifted = values_of(units, above[DEFORMATION]), values_of(units, above[SHIFT])
    squares = values_of(units, doubt[DEFORMATION]) ** 2 + values_of(units, doubt[SHIFT]) ** 2
    index = {PHASE: column(PHASE, INDEX), DEFORMATION: at(INDEX)}
    met = {
        NEAR_PERFECT: every(
            stays_within(
                *of(f"{PHASE}_variation", f"{PHASE}_variation_uncertainty"), phase["variation"]
            ),
            reaches(*of(index[PHASE], f"{PHASE}_uncertainty"), phase["phase_index"]),
            reaches(*of(above[PHASE], doubt[PHASE]), phase["above"]),
        ),
        BENDS: every(
            reaches(*of(index[DEFORMATION], f"{DEFORMATION}_uncertainty"), bent["index"]),
            reaches(*of(above[DEFORMATION], doubt[DEFORMATION]), bent["above"]),
            reaches(*of(at("drive"), f"{DEFORMATION}_drive_uncertainty"), bent["drive"]),
        ),
        BENDS_MORE: reaches(*interval(gain - shifted, squares**0.5), 0, beyond=True),
    }
    told = {
        NEAR_PERFECT: values_of(units, index[PHASE]).notna(),
        BENDS: values_of(units, index[DEFORMATION]).notna(),
        BENDS_MORE: (gain - shifted).notna(),
    }
    kept = (units["left_out"] == "") & (values_of(units, "hand_picked") != 1)
    return pd.DataFrame({name: yes.where(told[name] & kept, "") for name, yes in met.items()})
