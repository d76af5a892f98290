"""The computing stages of a run: everything that needs PyTorch.

The workflow's rules and `diversevis run` are made of these: what was computed on a machine that has
PyTorch alone is taken up by the workflow as if it had computed it itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from diversevis.controls.kinds import EXTENDED, KINDS, SHOWN
from diversevis.controls.name import CONTROLS
from diversevis.optimisation.schedule import SETS, TESTS, get_schedule
from diversevis.study.homes import home_of
from diversevis.study.knobs import plain
from diversevis.study.parts import part_names
from diversevis.study.settings import Invariance, Layer
from diversevis.study.stage import Place, Reads, Run, Stage, Writes, reduced

STEPS = "diversevis.study.steps"

_JUDGED = ("all-shifts", "deformations")
"""Families whose indices claims speak of."""

_NATURAL = ("shifts", "deformations")
"""Families that natural patches are moved by."""


def every_network(run: Run) -> list[Place]:
    """Return a place for each network."""
    return [{"network": network} for network in run.settings.networks]


def every_layer(run: Run) -> list[Place]:
    """Return a place for each layer."""
    return [_place(name) for name in run.settings.every_layer]


def every_test(run: Run) -> list[Place]:
    """Return a place for each layer's seed."""
    repeats = range(run.settings.invariance.repeats)
    return [{**place, "repeat": str(repeat)} for place in every_layer(run) for repeat in repeats]


def every_control(run: Run) -> list[Place]:
    """Return a place for each kind of control."""
    further = EXTENDED if run.settings.controls.kinds == "all" else ()
    return [{"kind": kind} for kind in (*KINDS, *further)]


def control_tests(run: Run, kind: str) -> Writes:
    """Return the files of the tests of a kind of control."""
    return run.layout.controls(_control_digest(run), kind)


def _place(name: Layer) -> Place:
    return {"network": name[0], "layer": name[1]}


def network_code(network: str) -> list[str]:
    """Return the modules that load the units of a network, and that say what it is."""
    from diversevis.networks.given import depends_on, is_given
    from diversevis.networks.registry import declared_in

    if network == CONTROLS:
        declared = []
    else:
        declared = depends_on(network) if is_given(network) else declared_in(network)
    return [home_of(network)[0], *declared]


def family_code(families: Iterable[str]) -> list[str]:
    """Return the modules of families."""
    from diversevis.invariance.families.registry import get_family

    return [get_family(name).__module__ for name in families]


def _network_code(_run: Run, place: Place) -> list[str]:
    return network_code(place["network"])


def _test_code(run: Run, place: Place) -> list[str]:
    return [*family_code(run.settings.invariance.families), *network_code(place["network"])]


def _norm_code(run: Run, _place: Place) -> list[str]:
    return [module for network in run.settings.networks for module in network_code(network)]


def _sets(run: Run, place: Place, **more: Any) -> dict[str, Any]:
    return {
        **place,
        **run.settings.units_of(place["network"], place["layer"]),
        **plain(run.settings.synthesis),
        "seed": run.settings.seed,
        **_pictures(run),
        **more,
    }


def _pictures(run: Run) -> dict[str, Any]:
    """Return what settings say of a user's own pictures; nothing of the package's photographs."""
    if run.settings.photographs is None:
        return {}
    from diversevis.stimuli.pictures import own_pictures

    return {"photographs": own_pictures(run.settings.photographs)}


def _compared(run: Run) -> Place:
    return _place(run.settings.compared)


def _network_record(run: Run, place: Place) -> Reads:
    return {"record": run.layout.network(place["network"])}


def _sweep_reads(run: Run, place: Place) -> Reads:
    """Return what a sweep starts from where noise leads nowhere."""
    return {
        **_network_record(run, place),
        "natural": run.layout.natural(place["network"], place["layer"]),
    }


def _sweep_of(run: Run, place: Place) -> Reads:
    return {"sweep": run.layout.sweep(place["network"], place["layer"])["arrays"]}


def _test_reads(run: Run, place: Place) -> Reads:
    """Return what the tests of a layer start from."""
    natural = {"natural": run.layout.natural(place["network"], place["layer"])}
    if run.settings.indices_only:  # without a sweep the units are drawn by the tests
        return natural
    return {**_sweep_of(run, place), **natural}


def _test_settings(run: Run, place: Place) -> dict[str, Any]:
    """Return what tests are made with; all but the first test fewer displacements."""
    repeat, content = int(place["repeat"]), plain(run.settings.invariance)
    repeat_delta = content.pop("repeat_delta")
    del content["repeats"], content["effort_units"]
    if repeat:
        content |= {"delta": repeat_delta, "learn_masks": False}
    seed = run.settings.seed + repeat
    if run.settings.indices_only:
        content |= run.settings.units_of(place["network"], place["layer"])
        content["units_seed"] = run.settings.seed
    where = {"network": place["network"], "layer": place["layer"]}
    return {**where, **content, "seed": seed, **_pictures(run)}


def _effort_settings(run: Run, place: Place) -> dict[str, Any]:
    """Return what a layer's first units are tested with once more: four times the steps."""
    content, asked = _test_settings(run, {**place, "repeat": "0"}), run.settings.invariance
    return {
        **content,
        "families": [name for name in asked.families if name in _JUDGED],
        "delta": list(asked.repeat_delta),
        "learn_masks": False,
        "steps": 4 * get_schedule(asked.schedule, TESTS, steps=asked.steps).steps,
        "peak_steps": 4 * get_schedule(asked.schedule, SETS, steps=asked.peak_steps).steps,
        "first": asked.effort_units,
    }


def _seeds_of(run: Run, place: Place) -> Reads:
    """Return the arrays of all seeds' tests of a layer."""
    repeats = range(run.settings.invariance.repeats)
    layer = place["network"], place["layer"]
    return {"tests": [run.layout.tests(*layer, repeat)["arrays"] for repeat in repeats]}


def _measured_with(run: Run) -> dict[str, Any]:
    """Return what controls are measured with: nothing that differs between scales.

    Beside three families at three displacements only families that a run asks for besides.
    """
    asked, usual = run.settings.controls, Invariance()
    further = [name for name in run.settings.invariance.families if name not in usual.families]
    return {
        "families": [*usual.families, *sorted(further)],
        "delta": list(usual.delta),
        "steps": asked.steps,
        "peak_steps": asked.peak_steps,
        "starts": 3,
        "trial_steps": usual.trial_steps,
        "per_step": usual.per_step,
        "training": asked.members,
        "held_out": asked.members // 2,
        "seed": 0,
    }


def _control_digest(run: Run) -> str:
    """Return the name of what controls are measured with."""
    text = json.dumps(_measured_with(run), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _control_code(run: Run, _place: Place) -> list[str]:
    return family_code(_measured_with(run)["families"])


def _control_settings(run: Run, place: Place) -> dict[str, Any]:
    content = plain(run.settings.synthesis)
    knobs = {name: content[name] for name in ("images", "fraction", "schedule", "steps")}
    return {**place, **knobs, "seed": run.settings.seed}


def _both_sweeps(run: Run, _place: Place) -> Reads:
    network, layer = run.settings.compared
    return {
        "record": run.layout.network(network),
        "features": run.layout.sweep(network, layer)["arrays"],
        "pixels": run.layout.pixel_sweep(network, layer)["arrays"],
    }


def _surrogate_set_settings(run: Run, place: Place) -> dict[str, Any]:
    """Return what surrogates' sets are made with: as the units' own."""
    content = plain(run.settings.synthesis)
    knobs = {name: content[name] for name in ("images", "schedule", "steps", "precision")}
    return _seeded(run, place, **knobs)


def _seeded(run: Run, place: Place, **more: Any) -> dict[str, Any]:
    return {**place, **more, "seed": run.settings.seed}


def _writes(name: str, file: str) -> Any:
    """Return the function that names the one file of a layer: `Layout`'s of that name."""

    def writes(run: Run, place: Place) -> Writes:
        return {file: getattr(run.layout, name)(place["network"], place["layer"])}

    return writes


_STAGES = (
    Stage(
        "photographs",
        f"{STEPS}.photographs:run",
        writes=lambda run, _: {"record": run.layout.photographs()},
        settings=lambda run, _: _pictures(run),
        local=True,
    ),
    Stage(
        "network",
        f"{STEPS}.network:run",
        places=every_network,
        writes=lambda run, place: {"record": run.layout.network(place["network"])},
        settings=lambda _, place: dict(place),
        code=_network_code,
        local=True,
    ),
    Stage(
        "sweep",
        f"{STEPS}.sweep:run",
        places=every_layer,
        reads=_sweep_reads,
        writes=lambda run, place: run.layout.sweep(place["network"], place["layer"]),
        settings=_sets,
        code=_network_code,
        on_device=True,
        priority=3,
    ),
    Stage(
        "natural",
        f"{STEPS}.natural:run",
        places=every_layer,
        reads=lambda run, place: {
            **_network_record(run, place),
            "photographs": run.layout.photographs(),
        },
        writes=_writes("natural", "arrays"),
        settings=lambda run, place: _seeded(
            run, place, patches=run.settings.natural.patches, **_pictures(run)
        ),
        code=_network_code,
        on_device=True,
        priority=4,
    ),
    Stage(
        "tests",
        f"{STEPS}.tests:run",
        places=every_test,
        reads=_test_reads,
        writes=lambda run, place: run.layout.tests(
            place["network"], place["layer"], place["repeat"]
        ),
        settings=_test_settings,
        code=_test_code,
        on_device=True,
        priority=2,
    ),
    # The first units of each layer with more effort: what is left of the optimum.
    Stage(
        "effort",
        f"{STEPS}.tests:run",
        places=lambda run: every_layer(run) if run.settings.invariance.effort_units else [],
        reads=_test_reads,
        writes=lambda run, place: run.layout.effort(place["network"], place["layer"]),
        settings=_effort_settings,
        code=_test_code,
        on_device=True,
        priority=2,
    ),
    Stage(
        "contrasts",
        f"{STEPS}.contrasts:run",
        places=every_layer,
        reads=_seeds_of,
        writes=_writes("contrasts", "table"),
        settings=lambda _, place: dict(place),
        local=True,
    ),
    Stage(
        "gratings",
        f"{STEPS}.gratings:run",
        places=every_layer,
        reads=_sweep_of,
        writes=_writes("gratings", "table"),
        settings=_seeded,
        code=_network_code,
        on_device=True,
    ),
    Stage(
        "stability",
        f"{STEPS}.stability:run",
        places=every_layer,
        reads=_sweep_of,
        writes=_writes("stability", "table"),
        settings=lambda run, place: _seeded(run, place, delta=list(run.settings.invariance.delta)),
        code=_network_code,
        on_device=True,
    ),
    Stage(
        "surrogate_set",
        f"{STEPS}.surrogate_set:run",
        places=every_layer,
        reads=lambda run, place: {**_sweep_of(run, place), **_seeds_of(run, place)},
        writes=_writes("surrogate_set", "table"),
        settings=_surrogate_set_settings,
        code=_network_code,
        on_device=True,
    ),
    Stage(
        "natural_stability",
        f"{STEPS}.natural_stability:run",
        places=every_layer,
        reads=lambda run, place: {
            "natural": run.layout.natural(place["network"], place["layer"]),
            **_seeds_of(run, place),
            "photographs": run.layout.photographs(),
        },
        writes=_writes("natural_stability", "table"),
        settings=lambda run, place: _seeded(
            run,
            place,
            delta=list(run.settings.invariance.repeat_delta),
            families=list(_NATURAL),
            **_pictures(run),
        ),
        code=lambda run, place: [*family_code(_NATURAL), *_network_code(run, place)],
        on_device=True,
    ),
    # The same units as one layer's sweep, made distinct in pixels.
    Stage(
        "pixel_sweep",
        f"{STEPS}.sweep:run",
        places=lambda run: [_compared(run)],
        reads=_sweep_reads,
        writes=lambda run, place: run.layout.pixel_sweep(place["network"], place["layer"]),
        settings=lambda run, place: _sets(run, place, distance="pixels"),
        code=_network_code,
        on_device=True,
        priority=1,
    ),
    Stage(
        "distances",
        f"{STEPS}.distances:run",
        reads=_both_sweeps,
        writes=lambda run, _: {"table": run.layout.table("distances")},
        settings=lambda run, _: dict(_compared(run)),
        code=lambda run, _: network_code(_compared(run)["network"]),
        on_device=True,
        report={"table": ("Tables", {"table": "distances"})},
    ),
    # Of no scale: whoever needs them first makes them.
    Stage(
        "control_tests",
        f"{STEPS}.controls:run",
        places=every_control,
        writes=lambda run, place: control_tests(run, place["kind"]),
        settings=lambda run, place: {**place, **_measured_with(run)},
        code=_control_code,
        on_device=True,
        priority=2,
        shared=lambda run: f"{CONTROLS}/{_control_digest(run)}",
    ),
    Stage(
        "control_sets",
        f"{STEPS}.control_sets:run",
        places=lambda _: [{"kind": kind} for kind in SHOWN],
        writes=lambda run, place: run.layout.sweep(CONTROLS, place["kind"]),
        settings=_control_settings,
        local=True,
    ),
    Stage(
        "norms",
        f"{STEPS}.norms:run",
        reads=lambda run, _: {"photographs": run.layout.photographs()},
        writes=lambda run, _: {"table": run.layout.table("norms")},
        settings=lambda run, _: {
            "layers": plain(run.settings.every_layer),
            "seed": run.settings.seed,
            **_pictures(run),
        },
        code=_norm_code,
        local=True,
        report={"table": ("Tables", {"table": "norms"})},
    ),
)

_GATHERED = {
    "sweep": "sweep",
    "pixel_sweep": "sweep",
    "tests": "tests",
    "gratings": "table",
    "stability": "table",
    "surrogate_set": "table",
    "natural_stability": "table",
}
"""Stages whose work grows with the units: they are made in parts where a run asks for parts. Each
with what its parts are gathered by."""


def in_parts(stage: Stage, gather: str) -> tuple[Stage, Stage, Stage]:
    """Return a stage without parts, that of its parts, and one that gathers them.

    A run has either the first or the others. Both leave the same files with the same records:
    nothing that is made of them, or asks whether they are fresh, can tell how units were split.

    Parameters
    ----------
    stage
        Of layers, or of their seeds.
    gather
        Function of the step that gathers.
    """

    def split(run: Run) -> list[Place]:
        return [
            {**place, "part": part}
            for place in stage.places(run)
            for part in part_names(run.settings.parts_of(place["network"], place["layer"]))
        ]

    def seen(run: Run, place: Place) -> tuple[Run, Place]:
        whole = {name: value for name, value in place.items() if name != "part"}
        return run.at(place["part"]), whole

    def code(run: Run, place: Place) -> list[str]:
        return [stage.step.partition(":")[0], *stage.code(*seen(run, place))]

    def settings(run: Run, place: Place) -> dict[str, Any]:
        its_own = {"step": stage.step, "part": place["part"]}
        return {**stage.settings(*seen(run, place)), **its_own}

    part = replace(
        stage,
        name=f"{stage.name}_part",
        step=f"{STEPS}.part:run",
        places=lambda run: split(run) if run.settings.parted else [],
        reads=lambda run, place: stage.reads(*seen(run, place)),
        writes=lambda run, place: stage.writes(*seen(run, place)),
        settings=settings,
        code=code,
    )
    return (
        replace(stage, places=lambda run: [] if run.settings.parted else stage.places(run)),
        part,
        replace(
            stage,
            places=lambda run: stage.places(run) if run.settings.parted else [],
            part=part,
            gather=f"{STEPS}.gather:{gather}",
            on_device=False,
            local=True,
        ),
    )


_FOR_INDICES = (
    *("photographs", "network", "natural", "tests", "contrasts"),
    "control_tests",
)
"""Stages that a run of indices alone has."""

_KEPT = tuple(reduced(stage, kept=stage.name in _FOR_INDICES) for stage in _STAGES)

COMPUTING = tuple(
    replace(one, torch=not one.gather)
    for stage in _KEPT
    for one in (in_parts(stage, _GATHERED[stage.name]) if stage.name in _GATHERED else [stage])
)
