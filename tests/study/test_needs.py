"""What jobs ask a cluster for, beside what they took: `measured_jobs.csv` is of the scale standard.

Two cores shared with other work took it down: seconds are those that a job had a core for.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from diversevis.pipeline import STAGES
from diversevis.study.needs import needs, units_at
from diversevis.study.settings import read_settings
from diversevis.study.stage import Run, jobs
from diversevis.study.stages import COMPUTING

ROOT = Path(__file__).parents[2]
BASE = 10
"""Minutes, of every job."""

with Path(__file__).with_name("measured_jobs.csv").open() as file:
    MEASURED = list(csv.DictReader(file))


def scale(name: str, **changes) -> Run:
    return Run.of(replace(read_settings(ROOT / f"config/{name}.yaml"), **changes), {})


@pytest.fixture(scope="module")
def standard():
    """Jobs of standard on a CPU, by name."""
    return {job.key: job for job in jobs(COMPUTING, scale("standard", device="cpu"))}


def asked(job, attempt=1):
    return needs(job.stage, job.run, job.place, attempt)


@pytest.mark.parametrize("row", MEASURED, ids=lambda row: row["job"])
def test_a_job_is_within_its_bound_and_the_bound_within_reason(standard, row):
    """Beyond the base, time is at most twenty minutes or sixteen times what was taken.

    Trunks of VGG-19 take up to eight times as long as ResNet-50's of the same receptive field, and
    a core may be half as fast. Memory is at most five times what was held.
    """
    bound, took = asked(standard[row["job"]]), float(row["core_seconds"])
    assert took <= 60 * bound["runtime"]
    assert 60 * (bound["runtime"] - BASE) <= max(60 * 20, 16 * took)
    assert float(row["mib"]) <= bound["mem_mb"] <= 5 * float(row["mib"])


def test_what_costs_most_leaves_room_for_a_core_half_as_fast(standard):
    most = sorted(MEASURED, key=lambda row: float(row["core_seconds"]))[-10:]
    for row in most:
        bound = asked(standard[row["job"]])["runtime"]
        assert 2 * float(row["core_seconds"]) <= 60 * (bound - BASE), row["job"]


def test_rules_are_within_their_bounds_in_the_committed_table(standard):
    """There seconds are those of a clock, on two cores for more than two jobs."""
    table = pd.read_csv(ROOT / "results/standard/tables/resources.csv").set_index("rule")
    compared = set()
    for rule in {job.stage.name for job in standard.values() if not job.stage.local}:
        of_rule = [asked(job) for job in standard.values() if job.stage.name == rule]
        took = table.loc[rule]
        if took.measured:
            assert took.seconds <= 60 * sum(bound["runtime"] for bound in of_rule), rule
            assert took.peak_mib <= max(bound["mem_mb"] for bound in of_rule), rule
            compared.add(rule)
    assert {"sweep", "tests"} <= compared


def test_every_attempt_is_given_as_much_more(standard):
    job = standard["tests/vgg19/conv3_1/seed-0"]
    first = asked(job)
    assert asked(job, 3) == {name: 3 * value for name, value in first.items()}


def test_more_units_larger_fields_and_more_work_need_more(standard):
    def tests(run, layer="conv3_1", repeat=0):
        (job,) = (j for j in jobs(COMPUTING, run) if j.key == f"tests/vgg19/{layer}/seed-{repeat}")
        return asked(job)

    few, many = scale("standard"), scale("full")
    assert units_at(few, {"network": "vgg19", "layer": "conv3_1"}) == 32
    assert units_at(many, {"network": "vgg19", "layer": "conv3_1"}) == 256
    for less, more in (
        (tests(few), tests(many)),
        (tests(many), tests(many, "conv3_2")),
    ):
        assert less["mem_mb"] < more["mem_mb"]
        assert less["runtime"] < more["runtime"]
    assert tests(few, repeat=1)["runtime"] < tests(few)["runtime"]  # one displacement of three
    longer = replace(few.settings.invariance, steps=1000)
    more = scale("standard", invariance=longer)
    assert tests(few)["runtime"] < tests(more)["runtime"]


def test_units_that_are_included_count_among_those_drawn():
    run = scale("quick")
    asked_for = run.settings.units_of("vgg19", "conv3_1")
    assert (asked_for["units"], len(asked_for["include"])) == (4, 3)
    assert units_at(run, {"network": "vgg19", "layer": "conv3_1"}) == 4


def test_a_part_needs_what_its_units_do(standard):
    whole = scale("standard", device="cpu")
    units = replace(whole.settings.units, parts=5)
    split = scale("standard", device="cpu", units=units)
    found = {job.key: job for job in jobs(COMPUTING, split)}
    part = found["tests_part/vgg19/conv3_1/seed-0/3-of-5"]
    assert units_at(split, part.place) == 7  # the most that one of five has of 32
    alone = asked(standard["tests/vgg19/conv3_1/seed-0"])
    assert asked(part)["mem_mb"] < alone["mem_mb"]
    assert asked(part)["runtime"] < alone["runtime"]


def test_memory_for_cuda_is_asked_for_unless_the_device_is_a_cpu(standard):
    job = standard["sweep/vgg19/conv3_1"]
    elsewhere = needs(job.stage, scale("standard"), job.place)
    assert elsewhere["mem_mb"] - asked(job)["mem_mb"] == 3000
    assert elsewhere["runtime"] == asked(job)["runtime"]


@pytest.mark.parametrize("name", ["quick", "standard", "nulls", "full"])
def test_every_job_asks_for_whole_numbers(name):
    for job in jobs(STAGES, scale(name)):
        for value in asked(job).values():
            assert isinstance(value, int), job.key
            assert value > 0, job.key
