"""Two layers of any networks compared, without a configuration: the workflow's own stages."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diversevis
from diversevis.errors import UserError
from diversevis.pipeline import MADE
from diversevis.results.formats import read_rows
from diversevis.running import make_all
from diversevis.study.check import check
from diversevis.study.plugins import bring
from diversevis.study.settings import (
    Layer,
    Settings,
    read_criteria,
    read_file,
    read_settings,
)
from diversevis.study.stage import Run, jobs, leading_to, records_of

LIKE = Path(diversevis.__file__).parents[2] / "config" / "standard.yaml"
"""How units are measured by default; the criteria lie beside it."""

_WANTED = ("pairs", "comparison_figure")
"""Stages that compare; what they read is made first."""

_OWN = (
    *("scale", "layers", "pairs", "distances", "reference", "weights", "nulls", "indices_only"),
    *("units", "plugins", "checkpoints", "photographs"),
)
"""Settings that follow from what is compared."""


def read_layer(text: str) -> Layer:
    """Return network and layer of a text such as ``vgg19:conv3_1``.

    Raises
    ------
    UserError
        If it does not name both.
    """
    network, _, layer = text.rpartition(":")
    if not network or not layer or network in ("torchvision", "timm"):
        wanted = "two layers such as vgg19:conv3_1 and torchvision:mobilenet_v2:features.2"
        raise UserError(wanted, repr(text), "write the layer after the network and a colon")
    return network, layer


def settings_of(
    first: Layer, second: Layer, *, like: Path = LIKE, units: int = 32, **more: Any
) -> Settings:
    """Return the settings of a run that compares two layers.

    Parameters
    ----------
    first, second
        Networks and layers.
    like
        A configuration, whose settings of synthesis, tests and so on are taken.
    units
        Drawn at random from each layer.
    **more
        Other settings by name.

    Raises
    ------
    UserError
        As `read_settings`.
    """
    if not like.exists():
        wanted = f"a configuration that says how to measure, {like}"
        raise UserError(wanted, "none", "give one with --like, and criteria.yaml beside it")
    content = {name: value for name, value in read_file(like).items() if name not in _OWN}
    content["invariance"] = {**content.get("invariance", {}), "effort_units": 0}
    layers: dict[str, list[str]] = {}
    for network, layer in (first, second):
        layers.setdefault(network, []).append(layer)
    return read_settings(
        {
            **content,
            "scale": _scale(first, second),
            "layers": layers,
            "pairs": [[list(first), list(second)]],
            "distances": list(first),
            "units": {"per_layer": units},
            **more,
        }
    )


def _scale(first: Layer, second: Layer) -> str:
    """Return what the folders of results are called."""
    text = "_".join([*first, *second])
    name = re.sub("[^A-Za-z0-9_]+", "-", text)
    return name if len(name) <= _LONGEST else f"{name[:_LONGEST]}-{_digest(text)}"


_LONGEST = 50


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def compare(
    settings: Settings, criteria: Mapping[str, Any], *, results: Path, figures: Path
) -> Run:
    """Make the tables and the figure that compare two layers, and return the run.

    Parameters
    ----------
    settings
        As `settings_of`.
    criteria
        ``config/criteria.yaml``.
    results, figures
        Folders of all scales.

    Raises
    ------
    UserError
        If something that is named does not exist or does not fit, before anything is computed.
    """
    check(settings, criteria)
    run = Run.of(settings, criteria, results=results, figures=figures)
    every = jobs(MADE, run)
    wanted = leading_to(every, lambda job: job.stage.name in _WANTED)
    make_all(wanted, records_of(every), run.layout.timings())
    return run


def summary(run: Run) -> list[str]:
    """Return what the comparison found, one line for each quantity."""
    lines, withheld = [], ""
    if any(row["holds"] == "False" for row in read_rows(run.layout.table("controls"))):
        withheld = ", or controls failed: see controls.csv"
    for row in read_rows(run.layout.table("pairs")):
        if row["u"] == "":
            lines.append(f"{row['quantity']}: not compared, as too few units have it{withheld}")
            continue
        number = {name: float(row[name]) for name in _NUMBERS}
        lines.append(
            f"{row['quantity']} ({row['family']}): median {number['first_median']:.3g} of "
            f"{row['first_units']} units, {number['second_median']:.3g} of {row['second_units']}; "
            f"Cliff's delta {number['cliffs_delta']:.2f} ({number['low']:.2f} to "
            f"{number['high']:.2f}), corrected p {number['p_holm']:.2g}"
        )
    return lines


_NUMBERS = ("first_median", "second_median", "cliffs_delta", "low", "high", "p_holm")


def from_options(options: Any) -> None:
    """Compare what the command line names, and print what was found and where it is."""
    first, second = map(read_layer, options.layers)
    settings = settings_of(
        first,
        second,
        like=options.like,
        units=options.units,
        seed=options.seed,
        device=options.device,
        plugins=[str(path) for path in options.plugin],
        checkpoints=dict(options.weights),
        photographs=None if options.photographs is None else str(options.photographs),
    )
    bring(settings.plugins, settings.checkpoints)
    criteria = read_criteria(options.like.parent / "criteria.yaml")
    run = compare(settings, criteria, results=options.out, figures=options.figures)
    for line in summary(run):
        print(line)
    print(f"tables: {run.layout.table('pairs').parent}")
    print(f"figure: {run.layout.drawing('comparison')['png']}")


def read_weights(text: str) -> tuple[str, str]:
    """Return network and file of ``torchvision:resnet50=robust.pt``.

    Raises
    ------
    UserError
        If it does not name both.
    """
    network, _, file = text.partition("=")
    if not network or not file:
        wanted = "a network and its file, torchvision:resnet50=robust.pt"
        raise UserError(wanted, repr(text), "write both, with = between them")
    return network, file
