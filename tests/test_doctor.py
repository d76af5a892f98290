"""What the doctor finds: each fault named, with a remedy, and an exit code for scripts."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from diversevis import doctor
from diversevis.cli import main
from diversevis.doctor import NOTE, OK, WRONG
from diversevis.networks import store
from diversevis.study.folder import RECORD, alone_in, renewed
from diversevis.study.freshness import code_digests
from diversevis.study.job import make_job
from diversevis.study.settings import read_settings
from diversevis.study.stage import Run, jobs
from diversevis.study.stages import COMPUTING

SETTINGS = {"scale": "some", "layers": {"vgg19": ["conv1_1"]}}


def of(section, name):
    """Return the finding whose text begins with a name."""
    (found,) = (finding for finding in section if finding.text.startswith(name))
    return found


def test_a_sound_machine_is_told_on_one_screen(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(store, "problem", lambda *_, **__: None)  # the cache is another test's
    monkeypatch.setattr(doctor.photographs, "problem", lambda **_: None)
    assert main(["doctor"]) == 0
    output = capsys.readouterr().out
    for word in ("Python 3.", f"torch {torch.__version__.split('+')[0]}", "cores", "memory"):
        assert word in output
    assert "vgg19" in output
    assert len(output.splitlines()) < 40
    assert WRONG not in output


def test_packages_that_are_missing_or_old_are_told(monkeypatch):
    assert {finding.level for finding in doctor.environment()} == {OK}
    monkeypatch.setattr(doctor, "_needs", lambda: [("torch", "99.0"), ("nothing-such", "1.2")])
    monkeypatch.setattr(doctor, "_OPTIONAL", {"nothing_such": "no such thing"})
    found = list(doctor.environment())
    wrong = {finding.remedy for finding in found if finding.level == WRONG}
    assert wrong == {"install torch>=99.0", "install nothing-such>=1.2"}
    assert of(found, "no nothing_such: no such thing").level == NOTE


def test_declared_needs_are_those_of_the_project():
    assert {"numpy", "torch", "torchvision", "safetensors", "tqdm"} == {
        n for n, _ in doctor._needs()
    }


def test_full_disks_and_busy_memory_are_told(monkeypatch):
    monkeypatch.setattr(doctor, "free_bytes", lambda _: 2**29)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: SimpleNamespace(free=2**30))
    found = list(doctor.machine())
    assert of(found, "0.5 GiB of memory").level == NOTE
    assert of(found, "1.0 GiB of disk free for the cache").remedy.startswith("6 GiB")


def test_damage_in_the_cache_is_found_by_its_digest(tmp_path, monkeypatch):
    monkeypatch.setenv("DIVERSEVIS_CACHE", str(tmp_path))
    assert {finding.level for finding in doctor.cache()} == {NOTE}
    path = tmp_path / "photographs/photographs.safetensors"
    path.parent.mkdir()
    path.write_bytes(b"no photographs")
    found = of(doctor.cache(), "photographs")
    assert (found.level, found.remedy) == (WRONG, "diversevis fetch photographs")


@pytest.fixture
def by_hand(tmp_path):
    """A folder as a command leaves it."""
    folder = tmp_path / "visualizations/vgg19/conv3_1"
    code = code_digests("diversevis.synthesis.choice")
    with alone_in(folder), renewed(folder, []) as making:
        (making / "sweep.csv").write_text("a\n1\n")
        settings = {"network": "vgg19", "layer": "conv3_1", "channels": [21], "seed": 7}
        record = {"settings": settings, "code": code, "reads": {}, "files": {}, "created": "then"}
        (making / RECORD).write_text(json.dumps(record))
    return folder


def test_folders_made_by_hand_are_told_whose_and_how_they_are(by_hand):
    (found,) = doctor.results([by_hand])
    assert found.level == OK
    assert "vgg19 conv3_1 [21], seed 7, of then: whole and fresh" in found.text
    record = json.loads((by_hand / RECORD).read_text())
    changed = {**record, "code": dict.fromkeys(record["code"], "0")}
    (by_hand / RECORD).write_text(json.dumps(changed))
    (found,) = doctor.results([by_hand])
    assert found.level == NOTE
    (by_hand / "sweep.csv").write_text("a\n2\n")
    (found,) = doctor.results([by_hand])
    assert found.level == WRONG
    assert found.text.endswith("not as made: sweep.csv")
    (by_hand / RECORD).write_text("{")
    assert next(doctor.results([by_hand])).level == WRONG


def test_scales_are_told_how_complete_fresh_and_whole_they_are(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("some.json").write_text(json.dumps(SETTINGS))
    every = jobs(COMPUTING, Run.of(read_settings(SETTINGS), {}))
    job = next(job for job in every if job.key == "network/vgg19")
    make_job(job, {})
    (found,) = doctor.results(doctor.found_here(Path()))
    total = len(every)
    assert found.text == f"results/some: 1 of {total} jobs complete, 1 of them fresh"
    job.writes["record"].write_text("{}")
    with pytest.raises(SystemExit, match="1"):
        main(["doctor", "results/some"])
    assert "network/vgg19 is not as made: vgg19.json" in capsys.readouterr().out
    Path("some.json").unlink()
    (found,) = doctor.results([Path("results/some")])
    assert (found.level, found.remedy) == (NOTE, "call doctor where its configuration is")
