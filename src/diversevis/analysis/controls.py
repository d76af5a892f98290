"""What units of known invariance had to show, before an index may be reported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from diversevis.analysis.conditions import DEFORMATION, PHASE
from diversevis.analysis.indices import ABOVE, MEAN, index_table
from diversevis.analysis.tables import groups_of, read_frames, write_frame
from diversevis.controls.kinds import EXTENDED
from diversevis.measures import CONTRAST, RESPONSE
from diversevis.results.tests import FIXED, FamilyInfo, load_families

COLUMNS = ("criterion", "index", "measure", "value", "threshold", "holds")

_LINEAR = ("simple", "rigid")
_SHIFT, _VARIATION = "shift", "variation"

_NONLINEAR = {name: kind.plain for name, kind in EXTENDED.items() if kind.nonlinearity is not None}
"""Plain kinds of those with an output nonlinearity."""

_TOO_NARROW = ("complex-s8",)
"""Complex cells whose variation has no say: `config/criteria.yaml` says why."""

_Row = tuple[Any, ...]


def controls_table(
    indices: pd.DataFrame, families: Iterable[FamilyInfo], criteria: Mapping[str, Any]
) -> pd.DataFrame:
    """Return what the controls had to show, and whether they did.

    Parameters
    ----------
    indices
        `diversevis.analysis.indices.index_table` of the controls, whose kinds are the layers.
    families
        Of the tests.
    criteria
        ``config/criteria.yaml``: its section ``controls``, and the displacement of C3.

    Returns
    -------
    pandas.DataFrame
        One row per criterion: ``criterion``, the ``index`` it licenses, the ``measure`` it is
        about, ``value``, ``threshold``, ``holds``. An index one of whose criteria fails is not to
        be reported. Rows without a say have no ``threshold``, and nothing in ``holds``. Criteria
        of kinds that were not measured are left out.
    """
    names = {family.name: family.index for family in families}
    fixed = indices[indices["mask"] == FIXED]
    fixed = fixed.assign(index=fixed["family"].map(names))
    responses, contrasts = (fixed[fixed["measure"] == name] for name in (RESPONSE, CONTRAST))
    limits, delta = criteria["controls"], criteria["C3"]["delta"]
    rows = [*_first_edition(responses, limits, delta), *_second_edition(contrasts, limits, delta)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _first_edition(
    shown: pd.DataFrame, criteria: Mapping[str, float], delta: float
) -> Iterator[_Row]:
    own, above = (shown[shown["statistic"] == statistic] for statistic in (MEAN, ABOVE))
    yield from _linear(above, RESPONSE, criteria["linear_difference"])
    phase = own[own["index"] == PHASE].groupby("layer")["value"]
    if phase.ngroups:
        lowest, highest = phase.min()["complex"], phase.max()["simple"]
        least, gap = criteria["complex_index"], criteria["complex_above_simple"]
        yield _least("complex cells: lowest phase index", PHASE, RESPONSE, lowest, least)
        yield _least("complex cells above simple cells", PHASE, RESPONSE, lowest - highest, gap)
    yield from _templates(above, RESPONSE, "", criteria["deformable_above_rigid"], delta)


def _second_edition(
    shown: pd.DataFrame, criteria: Mapping[str, float], delta: float
) -> Iterator[_Row]:
    own, above = (shown[shown["statistic"] == statistic] for statistic in (MEAN, ABOVE))
    yield from _linear(above, CONTRAST, criteria["linear_difference"])
    kinds = set(shown["layer"])
    nonlinear = {kind: plain for kind, plain in _NONLINEAR.items() if kind in kinds}
    yield from _variants(own, nonlinear, criteria["variant_difference"])
    spread = shown[(shown["index"] == PHASE) & (shown["statistic"] == _VARIATION)]
    for (kind,), same in groups_of(spread, "layer"):
        if str(kind).partition("-")[0] == "complex":
            decides, most = kind not in _TOO_NARROW, criteria["complex_variation"]
            name = f"{kind} cells: largest variation over shifts"
            yield _most(name, PHASE, CONTRAST, same["value"].max(), most if decides else np.nan)
    cut = own[(own["index"] == PHASE) & (own["layer"] == "rectified")]["value"]
    if len(cut):
        name = "half-rectified simple cells: highest phase index"
        yield _most(name, PHASE, CONTRAST, cut.max(), np.nan)
    least = criteria["deformable_above_rigid"]
    for suffix in ("", *dict.fromkeys(f"-{kind.partition('-')[2]}" for kind in nonlinear)):
        yield from _templates(above, CONTRAST, suffix, least, delta)


def _linear(above: pd.DataFrame, measure: str, most: float) -> Iterator[_Row]:
    """Yield how far linear units lie from their closed form, by index."""
    name = "linear units: largest difference from their surrogate"
    linear = above[above["layer"].isin(_LINEAR)]
    for (index,), same in groups_of(linear, "index"):
        yield _most(name, index, measure, same["value"].abs().max(), most)


def _variants(own: pd.DataFrame, plain: Mapping[str, str], most: float) -> Iterator[_Row]:
    """Yield how far units with an output nonlinearity lie from the same without, by index."""
    same_test = ["channel", "family", "delta"]
    for index in (PHASE, _SHIFT, DEFORMATION):
        values = own[own["index"] == index].set_index(["layer", *same_test])["value"]
        for kind, without in plain.items():
            if {kind, without} <= set(values.index.get_level_values("layer")):
                worst = (values[kind] - values[without]).abs().max(skipna=False)
                name = f"{kind}: largest difference from {without}"
                yield _most(name, index, CONTRAST, worst, most)


def _templates(
    above: pd.DataFrame, measure: str, suffix: str, least: float, main_delta: float
) -> Iterator[_Row]:
    """Yield how far deformable templates lie above rigid ones, less surrogates, by displacement.

    Below that of C3 they only have to lie above.
    """
    kinds = [f"{plain}{suffix}" for plain in ("deformable", "rigid")]
    bent = above[(above["index"] == DEFORMATION) & above["layer"].isin(kinds)]
    for (delta,), same in groups_of(bent, "delta"):
        values = same.groupby("layer")["value"]
        gap = values.min()[kinds[0]] - values.max()[kinds[1]]
        name = f"{kinds[0]} above {kinds[1]} templates at {delta:g} px, less surrogates"
        yield _least(name, DEFORMATION, measure, gap, least if delta >= main_delta else 0.0)


def _least(criterion: str, index: str, measure: str, value: float, threshold: float) -> _Row:
    return criterion, index, measure, value, threshold, bool(value >= threshold)


def _most(criterion: str, index: str, measure: str, value: float, threshold: float) -> _Row:
    holds = np.nan if np.isnan(threshold) else bool(value <= threshold)
    return criterion, index, measure, value, threshold, holds


def run(
    reads: Mapping[str, Any], writes: Mapping[str, Path], *, criteria: Mapping[str, Any]
) -> None:
    """Tell whether the controls allow the indices to be reported."""
    indices = index_table(read_frames(reads["tests"]))
    families = load_families(reads["families"])
    write_frame(writes["controls"], controls_table(indices, families, criteria))
    write_frame(writes["indices"], indices)
