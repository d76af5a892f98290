"""Results in words, for people: what an index says, what a set keeps. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from diversevis.measures import CONTRAST, RESPONSE
from diversevis.results.formats import place_in
from diversevis.results.words import short

if TYPE_CHECKING:
    from diversevis.results.sets import SweepResult
    from diversevis.results.tests import FamilyTests, LayerTests


@dataclass(frozen=True)
class Bar:
    """What a unit's values have to reach; what is not stated, any does.

    Attributes
    ----------
    index, above, drive : float
        Least mean over members, least mean less the surrogate's, least best member.
    variation : float
        Largest standard deviation over the mean.
    """

    index: float = -np.inf
    above: float = -np.inf
    drive: float = -np.inf
    variation: float = np.inf


PHASE = {
    CONTRAST: Bar(index=0.5, above=0.3, variation=0.1),
    RESPONSE: Bar(index=0.8, above=0.5),
}
"""Phase invariance: the criteria of C2, of the second edition and of the first."""

OTHERS = {CONTRAST: Bar(index=0.5, above=0.1, drive=0.6), RESPONSE: Bar(above=0.1)}
"""Invariance to any other family: those of C3."""

MEANING = {
    CONTRAST: "Effective contrast is 1 for a unit's best patch, and 0 for grey.",
    RESPONSE: "Responses are relative to that to a unit's best patch.",
}


def sentences(tests: LayerTests, channel: object) -> Iterator[str]:
    """Yield what each test says of a unit, one sentence a family and displacement.

    Parameters
    ----------
    tests
        Of the unit's layer.
    channel
        The unit: one of ``tests.channels``.
    """
    place = tests.place(channel)
    if place is None:
        return
    for family in tests.families:
        strength = f"{family.mask} mask" if family.delta is None else f"{family.delta:g} px"
        where = f"{tests.network} {tests.layer} {channel}, {family.family.title} ({strength})"
        yield f"{where}: {_said(tests, family, place)}"


def _said(tests: LayerTests, family: FamilyTests, place: int) -> str:
    if not tests.driven[place]:
        return "nothing drives it above zero, so that it has no index"
    values = tests.measured(family)[place].astype(float)
    if not np.isfinite(values).all():
        return "grey drives it as much as its best patch, so that it has no index"
    mean, best, variation = values.mean(), values.max(), np.inf
    if mean > 0:
        variation = values.std() / mean
    linear = float(family.surrogate[place])
    if tests.measure == CONTRAST:
        linear = float(family.surrogate_responses[place].mean())
    of_phase = family.family.name == "all-shifts"
    bar = (PHASE if of_phase else OTHERS)[tests.measure]
    what = "phase invariant" if of_phase else f"invariant to {family.family.title}"
    above = mean - linear
    reached = (mean >= bar.index, above >= bar.above, best >= bar.drive, variation <= bar.variation)
    if all(reached):
        verdict = f"near perfectly {what}" if np.isfinite(bar.variation) else what
    elif above >= OTHERS[tests.measure].above:
        verdict = f"partly {what}"
    else:
        verdict = f"no more {what} than a linear unit"
    value = f"{mean:.2f} of its best response"
    if tests.measure == CONTRAST:
        value = f"effective contrast {mean:.2f}"
    spread = f"on average, {values.min():.2f} to {best:.2f}"
    if variation <= PHASE[CONTRAST].variation:
        spread = f"throughout, varying by {100 * variation:.0f} %"
    return f"{verdict}: {value} {spread}; a linear unit with the same best patch: {linear:.2f}"


def kept(sweep: SweepResult, channel: object) -> str:
    """Return what the set that was chosen for a unit keeps of its restarts, and what it gains."""
    place = place_in(sweep.channels, channel)
    if place is None:
        raise KeyError(channel)
    restarts, chosen = sweep.levels[0].take([channel]), sweep.chosen.take([channel])
    where = f"{restarts.network} {restarts.layer} {channel}"
    first, then = restarts.activations.mean(), chosen.activations.mean()
    if not sweep.relative[sweep.selected[place]] > 0:
        return f"{where}: restarts reach {short(first)}; no diverse set keeps enough of it"
    apart = float(chosen.min_distance[0]), float(restarts.min_distance[0])
    far = f"{short(apart[0])} apart at least, in {chosen.distance}; restarts {short(apart[1])}"
    share = f"{100 * then / first:.0f} % of the restarts' activation"
    return f"{where}: the diverse set keeps {share} ({short(then)} of {short(first)}), {far}"
