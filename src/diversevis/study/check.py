"""Checks of a run before anything is fetched or computed: names that exist, tests that fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from diversevis.controls.name import CONTROLS
from diversevis.devices import choose_device
from diversevis.errors import UserError, unknown_name
from diversevis.invariance.families.base import Warps
from diversevis.invariance.families.registry import FAMILIES, fitting_families, get_family
from diversevis.networks.base import NULL_MARK
from diversevis.networks.registry import NETWORKS
from diversevis.results.quantities import quantities
from diversevis.results.tests import FamilyInfo
from diversevis.stimuli.pictures import check_pictures, own_pictures
from diversevis.study.knobs import plain, read
from diversevis.study.named import shape_of
from diversevis.study.settings import Layer, Settings
from diversevis.synthesis.targets import check_channels

NEEDED = ("all-shifts", "deformations")
"""Families whose indices the claims speak of."""


def check(
    settings: Settings, criteria: Mapping[str, Any] | None = None, *, device: bool = True
) -> None:
    """Check that a run's names exist, and that it measures what its claims are judged by.

    Parameters
    ----------
    settings
        Of the run.
    criteria
        ``config/criteria.yaml``, where the run is to be judged by them.
    device
        Whether the run's device has to be here.

    Raises
    ------
    UserError
        For an unknown network, layer, family or device, a channel out of range, a pair of layers
        that are not in the run, a displacement, a family or a quantity that claims need and the run
        lacks, or a run that is its own reference.
    """
    settings = read(Settings, plain(settings))  # it may not come from a file
    _check_nulls(settings)
    if others := [name for name in settings.checkpoints if name not in settings.layers]:
        raise UserError("networks of the run in checkpoints", others[0], "add it, or drop it")
    sizes = {shape_of(network, layer).size for network, layer in settings.every_layer}
    if settings.scale == CONTROLS:  # a folder of results that all scales share
        raise UserError(f"another name than {CONTROLS} for scale", repr(CONTROLS), "choose another")
    if device:
        choose_device(settings.device)
    for name in settings.invariance.families:
        get_family(name)
    _check_units(settings)
    _check_pairs(settings)
    if settings.synthesis.images < 2:
        raise UserError(
            "at least two images for a diverse set, in synthesis.images", "1", "ask for more images"
        )
    if (settings.reference or "").lower() == settings.scale.lower():  # on some disks the same
        raise UserError(
            "another scale than the run's own for reference, or null",
            repr(settings.reference),
            "name the scale whose committed results it is checked against",
        )
    if criteria is not None:
        _check_judged(settings, criteria["C3"]["delta"])
        _check_criteria(settings, criteria)
    asked = settings.invariance
    if left := [delta for delta in asked.repeat_delta if delta not in asked.delta]:
        wanted = "in invariance.repeat_delta only displacements of invariance.delta"
        raise UserError(wanted, f"{left[0]:g}", "add it to invariance.delta, or drop it")
    if settings.photographs is not None:
        check_pictures(own_pictures(settings.photographs), max(sizes))
    for size in sorted(sizes):
        # Raises for displacements that cannot be had there.
        fitting_families(asked.families, asked.delta, size)


def _check_nulls(settings: Settings) -> None:
    """Check that nulls are of trained networks."""
    null = next((network for network in settings.layers if NULL_MARK in network), None)
    if settings.nulls.kinds and null:
        wanted = "in layers no null beside nulls.kinds, which asks for nulls of every network"
        raise UserError(wanted, repr(null), "drop one of the two")


def _check_units(settings: Settings) -> None:
    """Check that layers and channels under `units` are those of the run."""
    of_run = {(network, layer) for network, names in settings.layers.items() for layer in names}
    for key in ("include", "other", "other_parts"):
        for network, layers in getattr(settings.units, key).items():
            for layer, value in layers.items():
                if (network, layer) not in of_run:
                    raise _not_in_run(f"units.{key}", network, layer)
                if key == "include":
                    total = shape_of(network, layer).units
                    check_channels(value, total, f"units.include.{network}.{layer}")
    for network, layer in settings.every_layer:
        total = shape_of(network, layer).units
        asked = settings.units_of(network, layer)
        count = total if asked["units"] == "all" else max(asked["units"], len(asked["include"]))
        if (parts := settings.parts_of(network, layer)) > min(count, total):
            wanted = f"at most {min(count, total)} parts of {network} {layer}, a unit in each"
            raise UserError(wanted, str(parts), "ask for fewer in units.parts")


def _check_pairs(settings: Settings) -> None:
    """Check that pairs are of two different layers, and that all layers are the run's."""
    used = [("pairs", name) for pair in settings.pairs for name in pair]
    used += [("distances", settings.compared)]
    for key, (network, layer) in used:
        if (network, layer) not in settings.every_layer:
            raise _not_in_run(key, network, layer)
    seen: set[frozenset[Layer]] = set()
    for pair in settings.pairs:
        first, second = map(" ".join, pair)
        if first == second:
            raise UserError("two different layers in each of pairs", f"{first} twice", "drop it")
        if frozenset(pair) in seen:
            received = f"{first} and {second} twice"
            raise UserError("each two layers once in pairs", received, "drop one")
        seen.add(frozenset(pair))


def _not_in_run(key: str, network: str, layer: str) -> UserError:
    remedy = "add it to layers, or drop it"
    return UserError(f"layers of the run in {key}", f"{network} {layer}", remedy)


def _check_judged(settings: Settings, delta: float) -> None:
    """Check that the tests of a run are those that its tables and claims are made of."""
    asked = settings.invariance
    for name in NEEDED:
        if name not in asked.families:
            raise UserError(f"{name} among invariance.families", "none", "add it")
    for key, values in (("delta", asked.delta), ("repeat_delta", asked.repeat_delta)):
        if delta not in values:
            raise UserError(
                f"{delta:g}, the displacement of claim C3, in invariance.{key}",
                str(list(values)),
                "add it",
            )
    # Where only indices are made, seeds of nulls tell what chance does; a single seed's difference
    # from a reference tells it, too.
    if asked.repeats < 2 and not settings.indices_only and settings.reference is None:
        raise UserError(
            "at least 2 for invariance.repeats: their spread is the uncertainty",
            str(asked.repeats),
            "ask for 2, or name a reference",
        )


def _check_criteria(settings: Settings, criteria: Mapping[str, Any]) -> None:
    """Check that networks and quantities of the criteria exist: without units a claim just fails.

    What decides has to be measured by this run; what is explored, by some.
    """
    second = criteria["second"]
    judged = {name: criteria[name] for name in _CLAIMS}
    judged |= {f"second.{name}": second[name] for name in (*_CLAIMS, "C5")}
    judged["calibration"] = criteria["calibration"]
    for claim, stated in judged.items():
        if "network" not in stated:
            continue
        name = stated["network"]
        if not name or not any(known.startswith(name) for known in NETWORKS):
            raise unknown_name("network", name, NETWORKS, where=f" in {claim}.network")
    delta = criteria["C3"]["delta"]
    if second["C3"]["delta"] != delta:
        wanted = f"{delta:g}, as in C3, for second.C3.delta"
        raise UserError(wanted, f"{second['C3']['delta']:g}", "judge both editions at one")
    asked = settings.invariance
    for claim, key, families in (
        ("C4", "quantities", asked.families),
        ("C4", "exploratory", tuple(FAMILIES)),
        ("second.C4", "quantities", asked.families),
        ("second.C5", "quantities", asked.families),
        ("calibration", "indices", asked.families),
    ):
        known = [
            entry.name
            for at in (*asked.delta, delta)
            for entry in quantities(*_described(families), at)
        ]
        for name in judged[claim][key]:
            if name not in known:
                names = dict.fromkeys(known)
                raise unknown_name("quantity", name, names, where=f" in {claim}.{key}")


_CLAIMS = ("C1", "C2", "C3", "C4")


def _described(names: Sequence[str]) -> tuple[list[FamilyInfo], list[str], list[str]]:
    """Return families, those with a displacement, and those whose mask may be learned."""
    families = [get_family(name) for name in names]
    return (
        [FamilyInfo(family.name, family.index, family.title, family.colour) for family in families],
        [family.name for family in families if issubclass(family, Warps)],
        [family.name for family in families if family.learns_mask],
    )
