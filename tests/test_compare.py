"""Two layers compared without a configuration: which run that is, and what is said of it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from diversevis import cli
from diversevis.analysis.pairs import COLUMNS
from diversevis.compare import LIKE, compare, read_layer, settings_of, summary
from diversevis.errors import UserError
from diversevis.pipeline import MADE
from diversevis.results.formats import write_rows
from diversevis.study import needs
from diversevis.study.settings import read_criteria, read_settings
from diversevis.study.stage import Run, jobs, leading_to

FIRST, SECOND = ("vgg19", "conv3_1"), ("torchvision:mobilenet_v2", "features.2")
CRITERIA = read_criteria(LIKE.with_name("criteria.yaml"))


def test_layers_are_read_whatever_is_in_their_names():
    assert read_layer("vgg19:conv3_1") == FIRST
    assert read_layer("torchvision:mobilenet_v2:features.2") == SECOND
    assert read_layer("resnet50+he.1:layer1.1") == ("resnet50+he.1", "layer1.1")
    for text in ("vgg19", "vgg19:", ":conv3_1", "torchvision:resnet18", ""):
        with pytest.raises(UserError, match="two layers such as"):
            read_layer(text)


def test_units_are_measured_as_the_configuration_says_and_nothing_else_is_of_it():
    found, like = settings_of(FIRST, SECOND, units=5, seed=3), read_settings(LIKE)
    assert found.synthesis == like.synthesis
    assert found.invariance == replace(like.invariance, effort_units=0)
    assert found.layers == {FIRST[0]: (FIRST[1],), SECOND[0]: (SECOND[1],)}
    assert found.pairs == ((FIRST, SECOND),)
    assert (found.units.per_layer, found.units.include, found.seed) == (5, {}, 3)
    assert (found.reference, found.compared) == (None, FIRST)


def test_two_layers_of_one_network():
    found = settings_of(FIRST, ("vgg19", "conv3_2"))
    assert found.layers == {"vgg19": ("conv3_1", "conv3_2")}


def test_every_comparison_has_folders_of_its_own():
    pairs = [(FIRST, SECOND), (SECOND, FIRST), (FIRST, ("vgg19", "conv3_2"))]
    long = ("torchvision:" + "x" * 60, "features.2")
    pairs += [(long, FIRST), (long, SECOND)]
    scales = [settings_of(*pair).scale for pair in pairs]
    assert len(set(scales)) == len(scales)
    assert scales[0] == "vgg19_conv3_1_torchvision-mobilenet_v2_features-2"


def test_what_compares_is_made_of_the_workflows_stages():
    run = Run.of(settings_of(FIRST, ("resnet50", "layer1.1")), CRITERIA)
    every = jobs(MADE, run)
    wanted = leading_to(every, lambda job: job.stage.name in ("pairs", "comparison_figure"))
    names = {job.stage.name for job in wanted}
    assert names >= {"sweep", "tests", "contrasts", "control_tests", "units", "layers", "pairs"}
    # What no table of pairs is made of is left to a configuration.
    assert not names & {"pixel_sweep", "distances", "claims", "gallery_figure", "effort"}
    made = {path for job in wanted for path in (*job.writes.values(), job.record)}
    for job in wanted:
        for entry in job.reads.values():
            assert {entry} <= made if isinstance(entry, Path) else set(entry) <= made, job.key


def test_bad_names_are_told_before_anything_is_made(tmp_path):
    settings = settings_of(FIRST, ("vgg19", "conv9_1"))
    with pytest.raises(UserError, match="conv9_1"):
        compare(settings, CRITERIA, results=tmp_path / "results", figures=tmp_path / "figures")
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError, match="criteria"):
        settings_of(FIRST, SECOND, like=tmp_path / "nothing.yaml")


def test_the_summary_has_a_line_for_each_quantity(tmp_path):
    run = Run.of(settings_of(FIRST, SECOND), CRITERIA, results=tmp_path)
    numbers = dict.fromkeys(COLUMNS[7:-1], "0.25")
    row = {**dict.fromkeys(COLUMNS, ""), "first_units": 32, "second_units": 31}
    tested = {**row, **numbers, "quantity": "phase_above", "family": "second C4"}
    tested |= {"first_units": 32, "second_units": 31, "cliffs_delta": "-0.5"}
    table = run.layout.table("pairs")
    table.parent.mkdir(parents=True)
    write_rows(table, [tested, {**row, "quantity": "f1_f0"}], COLUMNS)
    write_rows(run.layout.table("controls"), [{"holds": "True"}], ["holds"])
    first, second = summary(run)
    assert re.match(r"phase_above \(second C4\): median 0.25 of 32 units, 0.25 of 31; ", first)
    assert "Cliff's delta -0.50 (0.25 to 0.25), corrected p 0.25" in first
    assert second == "f1_f0: not compared, as too few units have it"
    write_rows(run.layout.table("controls"), [{"holds": "False"}], ["holds"])
    assert summary(run)[1] == f"{second}, or controls failed: see controls.csv"


def test_what_a_run_takes_at_most_is_told(capsys, monkeypatch, tmp_path):
    run = Run.of(settings_of(FIRST, ("resnet50", "layer1.1"), device="cpu"), CRITERIA)
    few = Run.of(settings_of(FIRST, ("resnet50", "layer1.1"), units=2, device="cpu"), CRITERIA)
    hours, minutes = (needs.foretold(jobs(MADE, each)) for each in (run, few))
    assert re.fullmatch(r"at most \d+ h on one core, less .*; \d\.\d GiB", hours)
    assert re.fullmatch(r"at most \d+ (min|h) on one core, less .*; \d\.\d GiB", minutes)
    assert needs.in_words(61, 2048) == needs.in_words(120, 2048)
    monkeypatch.setattr(cli, "_LONG", 0)
    monkeypatch.setattr(cli, "make", _stop)
    where = ("--out", str(tmp_path / "out"), "--device", "cpu")
    with pytest.raises(_StoppedError):
        cli.main(["visualize", "vgg19", "conv3_1", "21", *where])
    assert "1 units to be made: at most 1 min on one core" in capsys.readouterr().out


class _StoppedError(Exception):
    pass


def _stop(*_arguments, **_settings):
    raise _StoppedError
