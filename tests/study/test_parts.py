"""Parts: however a layer's units are split, the same bytes, the same records."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from diversevis.errors import UserError
from diversevis.pipeline import all_jobs
from diversevis.study.job import make_job, settled, stale
from diversevis.study.parts import check_split, part_names, read_part, splits, units_of_part
from diversevis.study.settings import read_criteria, read_settings
from diversevis.study.stage import Job, Run, jobs, of_part, paths, records_of
from diversevis.study.stages import COMPUTING

ROOT = Path(__file__).parents[2]
CONFIG = {
    "scale": "few",
    "device": "cpu",
    "layers": {"vgg19": ["conv1_2"]},
    "synthesis": {"images": 2, "grid": [0.1], "steps": 4},
    "natural": {"patches": 50},
    "invariance": {
        "families": ["all-shifts", "shifts"],
        "delta": [2],
        "steps": 3,
        "starts": 2,
        "trial_steps": 1,
        "per_step": 4,
        "training": 8,
        "held_out": 8,
        "peak_steps": 4,
        "repeats": 1,
    },
    "controls": {"kinds": "plain"},
}
ELSEWHERE = ("control_tests", "control_sets", "norms", "distances")
LAYER = ("vgg19", "conv1_2")


def run_of(results: Path, parts: int, *, units: int = 4, **changes: object) -> Run:
    chosen = {"per_layer": units, "parts": parts}
    return Run.of(read_settings({**CONFIG, "units": chosen, **changes}), {}, results=results)


def computing(run: Run) -> list[Job]:
    return [job for job in jobs(COMPUTING, run) if job.stage.name not in ELSEWHERE]


def finish(run: Run, ordered: list[Job] | None = None) -> list[str]:
    """Make what is stale of a run, in the order given; return the keys of what was made."""
    threads, records, done = torch.get_num_threads(), records_of(computing(run)), []
    torch.set_num_threads(1)
    try:
        for job in ordered or computing(run):
            if stale(job):
                make_job(job, records)
                assert stale(job) == []
                done.append(job.key)
    finally:
        torch.set_num_threads(threads)
    return done


def contents(run: Run) -> dict[str, bytes]:
    return {
        str(path.relative_to(run.layout.root)): path.read_bytes()
        for job in computing(run)
        if "part" not in job.place and job.stage.name not in ("network", "photographs")
        for path in job.writes.values()
    }


def named(run: Run, key: str) -> Job:
    (found,) = [job for job in computing(run) if job.key == key]
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    run = run_of(tmp_path_factory.mktemp("whole"), 1)
    finish(run)
    return run


@pytest.fixture(scope="module")
def parted(tmp_path_factory):
    """A run in three parts, two units in the first and one in the others, the last part first."""
    run = run_of(tmp_path_factory.mktemp("parted"), 3)
    ordered = computing(run)
    for part in part_names(3)[::-1]:
        finish(run, of_part(ordered, part))
    finish(run)
    return run


@pytest.fixture
def copied(parted, tmp_path):
    """The same, free to be damaged."""
    shutil.copytree(parted.layout.results, tmp_path / "copied")
    return run_of(tmp_path / "copied", 3)


def test_results_do_not_depend_on_the_split(whole, parted):
    """To the last bit: one thread, batches filled up to what a CPU multiplies alike."""
    expected, found = contents(whole), contents(parted)
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []


def test_nor_do_records(whole, parted):
    for job in computing(whole):
        here, there = (json.loads(path.read_text()) for path in (job.record, _same(job, parted)))
        told = ("settings", "code", "reads", "files")
        if job.stage.name in ("network", "photographs"):  # they tell when they were looked at
            continue
        assert {name: here[name] for name in told} == {name: there[name] for name in told}
        assert here.get("channels") == there.get("channels")


def _same(job: Job, other: Run) -> Path:
    return other.layout.results / job.record.relative_to(job.run.layout.results)


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_another_split_makes_nothing_stale(parted, parts):
    run = run_of(parted.layout.results, parts)
    every = computing(run)
    of_no_use = settled(every)
    assert {job.key for job in every if stale(job)} <= of_no_use
    assert of_no_use == {job.key for job in every if "part" in job.place}


def test_without_parts_there_is_nothing_new(whole):
    assert not {job.key for job in computing(whole) if "part" in job.place or job.gathered}
    assert not whole.layout.parts.exists()


def test_jobs_of_a_run_in_parts_find_what_they_read():
    config = {
        **CONFIG,
        "layers": {"vgg19": ["conv1_2", "conv2_1"], "resnet50": ["layer1.0"]},
        "units": {"parts": 2, "other_parts": {"resnet50": {"layer1.0": 3}}},
    }
    run = Run.of(read_settings(config), read_criteria(ROOT / "config/criteria.yaml"))
    made: set[Path] = set()
    for job in all_jobs(run):
        wanted = {*paths(job.reads), *paths(job.gathered)}
        assert not wanted - made, job.key
        written = {*job.writes.values(), job.record}
        assert not written & made, "two jobs write one file"
        made |= written
        assert json.loads(json.dumps(job.settings)) == job.settings
    counts = {
        layer: len([j for j in all_jobs(run) if j.key.startswith(f"sweep_part/{layer}/")])
        for layer in ("vgg19/conv1_2", "resnet50/layer1.0")
    }
    assert counts == {"vgg19/conv1_2": 2, "resnet50/layer1.0": 3}
    of_second = {job.key for job in of_part(computing(run), "2-of-2")}
    assert "tests_part/vgg19/conv1_2/seed-0/2-of-2" in of_second
    assert "natural/vgg19/conv2_1" in of_second
    assert not [key for key in of_second if "1-of-2" in key or key.startswith("effort")]


def test_a_run_of_indices_alone_draws_the_units_of_its_tests():
    run = run_of(Path("results"), 2, indices_only=True)
    kinds = {job.stage.name for job in computing(run)}
    assert kinds == {"photographs", "network", "natural", "tests_part", "tests", "contrasts"}
    job = named(run, "tests_part/vgg19/conv1_2/seed-0/2-of-2")
    assert not {"sweep", "tests"} & set(job.reads)
    assert {"units", "include", "units_seed"} <= set(job.settings)


def test_what_was_gathered_needs_its_parts_no_more(copied):
    shutil.rmtree(copied.layout.parts)
    every = computing(copied)
    assert not [job.key for job in every if job.key not in settled(every) and stale(job)]


def test_parts_of_what_is_fresh_are_made_if_parts_of_others_are_made_of_them(copied):
    shutil.rmtree(copied.layout.parts)
    changes = {"invariance": {**CONFIG["invariance"], "steps": 2}}
    run = run_of(copied.layout.results, 3, **changes)
    asked = {job.key for job in computing(run) if "part" in job.place} - settled(computing(run))
    kinds = {key.split("/")[0] for key in asked}
    assert kinds == {"sweep_part", "tests_part", "surrogate_set_part", "natural_stability_part"}


def test_a_part_that_is_lost_or_damaged_is_made_anew_and_no_other(copied):
    before = contents(copied)
    for job in computing(copied):
        if job.stage.name in ("sweep", "gratings"):
            job.record.unlink()
    first, second, third = named(copied, "sweep/vgg19/conv1_2").parts
    array = first.writes["arrays"]
    array.write_bytes(array.read_bytes()[:-100])
    assert stale(first) == ["not as it was made: sweep.npz"]
    second.writes["arrays"].unlink()
    shutil.copy(third.writes["table"], first.writes["table"])  # of another unit
    assert stale(first) == ["not as it was made: sweep.npz, sweep.csv"]
    done = finish(copied)
    assert {key for key in done if key.startswith("sweep")} == {
        first.key,
        second.key,
        "sweep/vgg19/conv1_2",
    }
    # What reads the parts finds the same in them.
    assert done.count("gratings/vgg19/conv1_2") == 1
    assert not [key for key in done if key.startswith("gratings_part")]
    assert contents(copied) == before


@pytest.mark.parametrize(
    ("where", "name", "value", "said"),
    [
        ("settings", "steps", 7, r"steps 4\n.*7 in .*2-of-3"),
        ("code", "diversevis.seeds", "0", r"diversevis.seeds .*\n.*0.* in .*2-of-3"),
        ("channels", None, [0], r"its share of all channels"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(copied, where, name, value, said):
    whole = named(copied, "sweep/vgg19/conv1_2")
    record = whole.parts[1].record
    made = json.loads(record.read_text())
    made[where] = value if name is None else {**made[where], name: value}
    record.write_text(json.dumps(made))
    with pytest.raises(UserError, match=said):
        make_job(whole, records_of(computing(copied)))


def test_a_damaged_part_is_not_gathered(copied):
    whole = named(copied, "gratings/vgg19/conv1_2")
    whole.parts[0].writes["table"].write_text("network,layer,channel\n")
    with pytest.raises(UserError, match="as it was made"):
        make_job(whole, records_of(computing(copied)))


def test_parts_of_another_split_are_refused_both_named(parted):
    layout = parted.layout
    assert list(splits(layout)) == [LAYER]
    check_split(layout, parted.settings)
    check_split(layout, run_of(layout.results, 3, layers={"vgg19": ["conv1_1"]}).settings)
    with pytest.raises(UserError, match=r"in 2 parts\n.*parts of 3 in .*1-of-3"):
        check_split(layout, run_of(layout.results, 2).settings)


def test_parts_share_out_the_units():
    units = list(range(10, 20))
    for count in range(1, 11):
        shares = [units_of_part(part, units) for part in part_names(count)]
        assert sorted(unit for share in shares for unit in share) == units
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_part_is_named_as_a_share():
    assert read_part("2/8") == ("2-of-8", 8)


@pytest.mark.parametrize("text", ["0/8", "9/8", "1/0", "2", "2/8/1", "-1/8", "a/b", "1/1001", ""])
def test_parts_that_there_are_not_are_refused(text):
    with pytest.raises(UserError, match="one of at most 1000 parts"):
        read_part(text)


@pytest.mark.long
@pytest.mark.parametrize("layer", [("vgg19", "conv2_1"), ("resnet50", "layer1.0")])
def test_one_three_and_seven_parts(tmp_path, layer):
    layers = {layer[0]: [layer[1]]}
    invariance = {**CONFIG["invariance"], "families": ["all-shifts", "shifts", "deformations"]}
    found = {}
    for parts in (1, 3, 7):
        changes = {"layers": layers, "invariance": invariance}
        run = run_of(tmp_path / str(parts), parts, units=7, **changes)
        finish(run)
        found[parts] = contents(run)
    for parts in (3, 7):
        assert [name for name in found[1] if found[parts][name] != found[1][name]] == []
