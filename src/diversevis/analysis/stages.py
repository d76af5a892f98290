"""The tables of a run: what each is made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from diversevis.analysis.names import MARK, parts_of
from diversevis.study.knobs import plain
from diversevis.study.stage import Place, Reads, Run, Stage, Writes, reduced
from diversevis.study.stages import (
    COMPUTING,
    control_tests,
    every_control,
    every_layer,
    every_network,
    every_test,
)


def of_tests(run: Run, name: str) -> list[Path]:
    """Return one file of every test, seed by seed."""
    # A stable sort: layers keep their order.
    found = sorted(every_test(run), key=lambda place: place["repeat"])
    return [run.layout.tests(p["network"], p["layer"], p["repeat"])[name] for p in found]


def of_controls(run: Run, name: str) -> list[Path]:
    """Return one file of the tests of every kind of control."""
    return [control_tests(run, place["kind"])[name] for place in every_control(run)]


def of_layers(run: Run, name: str) -> list[Path]:
    """Return a file of every layer: ``natural``, ``gratings`` or ``stability``."""
    return [getattr(run.layout, name)(p["network"], p["layer"]) for p in every_layer(run)]


def sweeps(run: Run, name: str) -> list[Path]:
    """Return a file of every layer's sweep: ``arrays`` or ``table``."""
    return [run.layout.sweep(p["network"], p["layer"])[name] for p in every_layer(run)]


def with_nulls(run: Run) -> list[Place]:
    """Return a place if a layer of the run is one of its nulls' as well, else none."""
    layers = run.settings.every_layer
    shared = [
        layer
        for network, layer in layers
        if MARK in network and (parts_of(network)[0], layer) in layers
    ]
    return [{}] if shared else []


def tables(*names: str) -> Any:
    """Return the function that names tables of a run, to be read or written."""

    def named(run: Run, _place: Place) -> Writes:
        return {name: run.layout.table(name) for name in names}

    return named


def criteria(*sections: str) -> Callable[[Run, Place], dict[str, Any]]:
    """Return the function that gives some sections of the criteria as settings."""
    return lambda run, _: {"criteria": {name: run.criteria[name] for name in sections}}


def _seeded(*sections: str) -> Callable[[Run, Place], dict[str, Any]]:
    judged = criteria(*sections)
    return lambda run, place: {**judged(run, place), "seed": run.settings.seed}


def made(run: Run, stage: str, file: str) -> list[Path]:
    """Return one file of every job of a computing stage; none if the run has no such jobs."""
    return [
        entry.writes(run, place)[file]
        for entry in COMPUTING
        if entry.name == stage
        for place in entry.places(run)
    ]


def _unit_reads(run: Run, _place: Place) -> Reads:
    found = {name: made(run, *where) for name, where in _MADE.items()}
    # A single seed has no spread: what it is uncertain by is its difference from the reference.
    single = run.settings.invariance.repeats == 1
    found["reference"] = reference(run)
    found["reference_indices"] = reference(run, "indices") if single else []
    return {
        **{name: files for name, files in found.items() if files},
        **{name: of_tests(run, file) for name, file in _TEST_FILES.items()},
        "controls": run.layout.table("controls"),
    }


def _unit_settings(run: Run, place: Place) -> dict[str, Any]:
    return {
        **_seeded("C2", "C3")(run, place),
        "measure": run.settings.invariance.measure,
        "included": plain(run.settings.units.include),
    }


_MADE = {
    "sweeps": ("sweep", "table"),
    "natural": ("natural", "arrays"),
    "contrasts": ("contrasts", "table"),
    "gratings": ("gratings", "table"),
    "stability": ("stability", "table"),
    "surrogate_set": ("surrogate_set", "table"),
    "natural_stability": ("natural_stability", "table"),
    "effort_tests": ("effort", "table"),
    "effort_peaks": ("effort", "peaks"),
}
"""What the table of units is made of, as far as a run has it: stages and their files."""


_TEST_FILES = {"tests": "table", "peaks": "peaks", "families": "families"}


def reference(run: Run, table: str = "units") -> list[Path]:
    """Return a committed table of the reference, if there is one."""
    name = run.settings.reference
    path = run.layout.results / (name or "") / "tables" / f"{table}.csv"
    return [path] if name and path.exists() else []


def checked_against(run: Run) -> str | None:
    """Return what a run is checked against, in words, or None."""
    name = run.settings.reference
    return f"{name}, which has no committed results" if name and not reference(run) else name


def _claim_reads(run: Run, place: Place) -> Reads:
    """Return what claims are judged by: pairs, sizes and nulls as far as the run compares them."""
    names = ["units", "quantities"]
    names += [] if run.settings.indices_only else ["pairs", "sizes"]
    names += ["nulls"] if with_nulls(run) else []
    return {name: run.layout.table(name) for name in names}


def _in_report(name: str, category: str = "Tables", title: str | None = None) -> dict[str, Any]:
    return {name: (category, {"table": title or name})}


_STAGES = (
    Stage(
        "networks",
        "diversevis.analysis.networks:run",
        reads=lambda run, _: {
            "networks": [run.layout.network(place["network"]) for place in every_network(run)]
        },
        writes=tables("networks"),
        local=True,
        report=_in_report("networks"),
    ),
    Stage(
        "controls",
        "diversevis.analysis.controls:run",
        reads=lambda run, _: {
            "tests": of_controls(run, "table"),
            "families": of_controls(run, "families"),
        },
        writes=lambda run, _: {
            "controls": run.layout.table("controls"),
            "indices": run.layout.table("control_indices"),
        },
        settings=criteria("C3", "controls"),
        local=True,
        report=_in_report("controls", "Controls", "criteria"),
    ),
    Stage(
        "units",
        "diversevis.analysis.units:run",
        reads=_unit_reads,
        writes=tables("units", "sweeps", "tests", "indices", "effort", "agreement", "quantities"),
        settings=_unit_settings,
        local=True,
        report={
            **_in_report("units"),
            **_in_report("sweeps"),
            **_in_report("agreement", title="agreement of seeds and measures"),
            **_in_report("effort", title="four times the effort"),
        },
    ),
    Stage(
        "layers",
        "diversevis.analysis.layers:run",
        reads=tables("units", "quantities"),
        writes=tables("layers"),
        settings=_seeded("C1", "C2", "C3"),
        local=True,
        report=_in_report("layers"),
    ),
    Stage(
        "pairs",
        "diversevis.analysis.pairs:run",
        reads=tables("units", "quantities"),
        writes=tables("pairs"),
        settings=lambda run, place: {
            **criteria("C4", "second")(run, place),
            "pairs": plain(run.settings.pairs),
        },
        local=True,
        report=_in_report("pairs", title="pairs of layers"),
    ),
    Stage(
        "sizes",
        "diversevis.analysis.sizes:run",
        reads=tables("units"),
        writes=tables("sizes"),
        settings=lambda run, place: {
            **_seeded("C3", "second")(run, place),
            "pairs": plain(run.settings.pairs),
        },
        local=True,
        report=_in_report("sizes", title="equal receptive field"),
    ),
    Stage(
        "kinds",
        "diversevis.analysis.kinds:run",
        reads=tables("units"),
        writes=tables("kinds"),
        settings=criteria("second"),
        local=True,
        report=_in_report("kinds", title="invariant units, by layer"),
    ),
    Stage(
        "prediction",
        "diversevis.analysis.prediction:run",
        reads=tables("units"),
        writes=tables("prediction"),
        settings=lambda run, _: {
            "delta": run.criteria["C3"]["delta"],
            "seed": run.settings.seed,
        },
        local=True,
        report=_in_report("prediction", title="stability of natural patches"),
    ),
    Stage(
        "nulls",
        "diversevis.analysis.nulls:run",
        reads=tables("units"),
        writes=tables("nulls"),
        settings=_seeded("second"),
        places=with_nulls,
        local=True,
        report=_in_report("nulls", title="trained networks and their nulls"),
    ),
    Stage(
        "claims",
        "diversevis.analysis.claims:run",
        reads=_claim_reads,
        writes=tables("claims"),
        settings=_seeded("C1", "C2", "C3", "C4", "second"),
        # Of indices alone no claim can be judged but that of nulls.
        places=lambda run: with_nulls(run) if run.settings.indices_only else [{}],
        local=True,
        report=_in_report("claims", "Claims", "the paper's claims"),
    ),
    Stage(
        "reproduction",
        "diversevis.analysis.reproduction:run",
        reads=lambda run, _: {"units": run.layout.table("units"), "reference": reference(run)},
        writes=tables("reproduction"),
        settings=lambda run, place: {
            **criteria("reproduction")(run, place),
            "reference": checked_against(run),
        },
        local=True,
        report=_in_report("reproduction", title="reproduction check"),
    ),
    Stage(
        "calibration",
        "diversevis.analysis.calibration:run",
        reads=lambda run, _: {"units": run.layout.table("units"), "reference": reference(run)},
        writes=tables("calibration"),
        settings=lambda run, place: {
            **criteria("calibration", "second")(run, place),
            "reference": checked_against(run),
        },
        places=lambda run: [{}] if reference(run) else [],
        local=True,
        report=_in_report("calibration", title="calibration with the reference"),
    ),
)

_FOR_INDICES = ("networks", "controls", "units", "nulls", "claims")
"""Tables that a run of indices alone has."""

TABLES = tuple(reduced(stage, kept=stage.name in _FOR_INDICES) for stage in _STAGES)
