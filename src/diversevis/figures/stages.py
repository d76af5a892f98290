"""The figures of a run: number, title, what each is drawn from. To add one, add an entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from diversevis.analysis.stages import criteria, of_layers, of_tests, sweeps, with_nulls
from diversevis.controls.kinds import KINDS, SHOWN
from diversevis.controls.name import CONTROLS
from diversevis.study.stage import Place, Reads, Run, Stage, reduced
from diversevis.study.stages import control_tests, every_layer, every_network


@dataclass(frozen=True)
class Figure:
    """A figure.

    Attributes
    ----------
    name : str
        Of its module, its rule and its files.
    number : str
        As README has it; empty in the supplement.
    title : str
        What it shows, in a few words.
    data : str
        The table or arrays behind it.
    reads, settings : callable
        As `diversevis.study.stage.Stage`, of the tables by their names.
    places : callable
        As there; by default it is drawn once.
    file : str
        Its file, without suffix, with the names of a place as wildcards.
    kinds : tuple of str
        Suffixes of its files.
    of_indices : bool
        Whether a run of indices alone draws it, too.
    scale : str
        The scale whose drawing documents show; by default that which they are about.
    """

    name: str
    number: str
    title: str
    data: str
    reads: Callable[[Run, Place], Reads]
    settings: Callable[[Run, Place], dict[str, Any]] = lambda _run, _place: {}
    places: Callable[[Run], list[Place]] = lambda _run: [{}]
    file: str = ""
    kinds: tuple[str, ...] = ("png", "pdf")
    of_indices: bool = False
    scale: str = ""

    @property
    def stage(self) -> Stage:
        """The stage that draws it."""
        file = self.file or self.name
        label = {"figure": self.number, "shows": self.title}
        if not self.number:
            label = {"supplement": self.title}
        stage = Stage(
            f"{self.name}_figure",
            f"diversevis.figures.{self.name}:run",
            reads=lambda run, place: {
                **self.reads(run, place),
                "networks": run.layout.table("networks"),
            },
            writes=lambda run, place: {
                kind: path
                for kind, path in run.layout.drawing(file.format(**place)).items()
                if kind in self.kinds
            },
            settings=self.settings,
            places=self.places,
            local=True,
            report={self.kinds[0]: ("Figures" if self.number else "Supplement", label)},
        )
        return reduced(stage, kept=self.of_indices)


def _tables(*names: str) -> Callable[[Run], Reads]:
    return lambda run: {name: run.layout.table(name) for name in names}


def _fraction(run: Run, _place: Place) -> dict[str, Any]:
    return {"fraction": run.settings.synthesis.fraction}


def _of_network(run: Run, network: str) -> list[Place]:
    return [place for place in every_layer(run) if place["network"] == network]


def _restarts(run: Run, _place: Place) -> Reads:
    shown = _of_network(run, next(iter(run.settings.layers)))
    return {
        "controls": [run.layout.sweep(CONTROLS, kind)["arrays"] for kind in SHOWN],
        "sweeps": [run.layout.sweep(p["network"], p["layer"])["arrays"] for p in shown],
        **_tables("control_indices", "units", "quantities")(run),
    }


def _distances(run: Run, _place: Place) -> Reads:
    network, layer = run.settings.compared
    return {
        "features": run.layout.sweep(network, layer)["arrays"],
        "pixels": run.layout.pixel_sweep(network, layer)["arrays"],
        "table": run.layout.table("distances"),
    }


def _gallery(run: Run, place: Place) -> Reads:
    shown = _of_network(run, place["network"])
    return {
        "sweeps": [run.layout.sweep(p["network"], p["layer"])["arrays"] for p in shown],
        "natural": [run.layout.natural(p["network"], p["layer"]) for p in shown],
    }


def _seeds(run: Run) -> Reads:
    return {"arrays": of_tests(run, "arrays"), **_tables("tests")(run)}


def _of_every_unit(run: Run) -> list[Place]:
    """Return a place if the run has every unit: of a sample no one asks which are the extremes."""
    return [{}] if run.settings.units.per_layer == "all" else []


def _controls(run: Run, _place: Place) -> Reads:
    return {
        "tests": [control_tests(run, kind)["arrays"] for kind in KINDS],
        **_tables("control_indices")(run),
    }


def _curves(run: Run, _place: Place) -> Reads:
    """Return all seeds' tests of the compared layer, and of the one it is paired with."""
    first = run.settings.compared
    pairs = [pair for pair in run.settings.pairs if first in pair]
    layers = [first, *(layer for pair in pairs[:1] for layer in pair if layer != first)]
    repeats = range(run.settings.invariance.repeats)
    tests = [run.layout.tests(*layer, repeat)["arrays"] for layer in layers for repeat in repeats]
    return {"tests": tests, **_tables("units", "quantities")(run)}


def _sheets(run: Run, place: Place) -> Reads:
    return {
        "sweep": run.layout.sweep(place["network"], place["layer"])["arrays"],
        **_tables("units", "quantities")(run),
    }


FIGURES = (
    Figure(
        "controls_and_restarts",
        "1",
        "why invariance matters",
        "tables/units.csv",
        _restarts,
        _fraction,
    ),
    Figure(
        "distances",
        "2",
        "distances in pixels and in features",
        "tables/distances.csv",
        _distances,
        _fraction,
    ),
    Figure(
        "tradeoff",
        "3",
        "distance gained for activation lost",
        "tables/sweeps.csv",
        lambda run, _: _tables("sweeps")(run),
        _fraction,
    ),
    Figure(
        "gallery",
        "4, 5",
        "galleries by layer",
        "sweeps/<network>/<layer>/sweep.npz",
        _gallery,
        _fraction,
        places=every_network,
        file="gallery/{network}",
    ),
    Figure(
        "phase",
        "6",
        "phase: textures, shift maps, distributions",
        "tables/units.csv",
        lambda run, _: {**_seeds(run), **_tables("units", "layers", "quantities")(run)},
        criteria("second"),
    ),
    Figure(
        "deformations",
        "7",
        "shifts and deformations",
        "tables/indices.csv",
        lambda run, _: {**_seeds(run), **_tables("units", "indices", "quantities")(run)},
    ),
    # Without a pair there is nothing to compare.
    Figure(
        "comparison",
        "8",
        "the two networks",
        "tables/pairs.csv",
        lambda run, _: _tables("units", "layers", "pairs", "quantities")(run),
        criteria("second"),
        places=lambda run: [{}] if run.settings.pairs else [],
    ),
    Figure(
        "natural",
        "9",
        "natural patches beside synthesised ones",
        "sweeps/<network>/<layer>/sweep.npz",
        lambda run, _: {"sweeps": sweeps(run, "arrays"), "natural": of_layers(run, "natural")},
        _fraction,
    ),
    Figure(
        "nulls",
        "10",
        "trained networks and their nulls",
        "tables/nulls.csv",
        lambda run, _: _tables("units", "nulls", "quantities")(run),
        criteria("second"),
        places=with_nulls,
        of_indices=True,
        scale="nulls",
    ),
    Figure(
        "contrast",
        "11",
        "contrast curves, and indices with and without offsets",
        "tables/units.csv",
        _curves,
    ),
    Figure(
        "variation",
        "12",
        "phase: variation against index, with surrogates and controls",
        "tables/units.csv",
        lambda run, _: _tables("units", "control_indices")(run),
        criteria("second"),
    ),
    Figure(
        "sizes",
        "13",
        "indices against receptive field",
        "tables/sizes.csv",
        lambda run, _: _tables("units", "sizes", "quantities")(run),
    ),
    Figure(
        "prediction",
        "14",
        "indices against the stability of natural patches",
        "tables/prediction.csv",
        lambda run, _: _tables("units", "prediction", "quantities")(run),
    ),
    Figure(
        "controls",
        "",
        "controls",
        "tables/control_indices.csv",
        _controls,
        criteria("C3", "controls"),
    ),
    Figure(
        "most_invariant",
        "",
        "the ten most invariant units of each kind",
        "tables/units.csv",
        lambda run, _: {
            **_seeds(run),
            "sweeps": sweeps(run, "arrays"),
            **_tables("units", "quantities")(run),
        },
        criteria("second"),
        places=_of_every_unit,
        scale="census",
    ),
    Figure(
        "sheets",
        "",
        "contact sheets of every unit",
        "tables/units.csv",
        _sheets,
        places=every_layer,
        file="sheets/{network}_{layer}",
        kinds=("pdf",),
    ),
)
