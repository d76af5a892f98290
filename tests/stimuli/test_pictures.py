"""A user's own pictures: read, scaled alike, kept; what is wrong with one names its file."""

from __future__ import annotations

import json

import pytest
import torch
from torchvision.io import write_jpeg, write_png

from diversevis.errors import UserError
from diversevis.fetching import files
from diversevis.stimuli import pictures
from diversevis.stimuli.pictures import (
    about_pictures,
    check_pictures,
    own_pictures,
    shown_photographs,
)
from diversevis.study.settings import read_settings
from diversevis.study.stage import Run, jobs
from diversevis.study.stages import COMPUTING
from diversevis.study.steps import norms
from diversevis.study.steps.photographs import run


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    """Pictures of 30 x 40, 20 x 50 and 300 x 600 px, uniformly of three greys, and a text."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, shape, value in (("b.png", (30, 40), 10), ("a.PNG", (20, 50), 90)):
        write_png(torch.full((3, *shape), value, dtype=torch.uint8), str(folder / name))
    write_jpeg(torch.full((3, 300, 600), 200, dtype=torch.uint8), str(folder / "c.jpg"))
    (folder / "notes.txt").write_text("mine")
    return folder


def test_pictures_are_scaled_to_the_smallest_and_kept_in_order(folder):
    own = own_pictures(folder)
    found = shown_photographs(own)
    assert found.shape == (3, 3, 20, 20)
    assert found.dtype == torch.uint8
    assert found[:, 0, 0, 0].tolist() == [90, 10, 200]
    assert json.loads(about_pictures(own)["names"]) == ["a.PNG", "b.png", "c.jpg"]


def test_grey_pictures_have_three_channels(tmp_path):
    write_png(torch.full((1, 9, 9), 7, dtype=torch.uint8), str(tmp_path / "grey.png"))
    assert shown_photographs(own_pictures(tmp_path)).unique().tolist() == [7]


def test_pictures_are_decoded_once_and_anew_when_one_changes(folder, monkeypatch):
    own = own_pictures(folder)
    shown_photographs(own)
    with monkeypatch.context() as without:
        without.setattr(pictures, "_decoded", None)
        shown_photographs(own)
    write_png(torch.zeros(3, 25, 25, dtype=torch.uint8), str(folder / "a.PNG"))
    assert own_pictures(folder)["digest"] != own["digest"]
    assert shown_photographs(own_pictures(folder)).shape[-1] == 25


def test_a_folder_that_changes_during_a_run_is_refused(folder):
    own = own_pictures(folder)
    (folder / "b.png").unlink()
    with pytest.raises(UserError, match="as they were when the run began"):
        shown_photographs(own)


def test_pictures_smaller_than_the_patch_are_named(folder):
    check_pictures(own_pictures(folder), 20)
    with pytest.raises(UserError) as caught:
        check_pictures(own_pictures(folder), 24)
    assert caught.value.received == "a.PNG, 20 x 50 px"
    with pytest.raises(UserError, match="earlier layer"):
        check_pictures(own_pictures(folder), 300)


def test_folders_without_pictures(tmp_path):
    with pytest.raises(UserError, match="none"):
        own_pictures(tmp_path)
    with pytest.raises(UserError, match="No such file"):
        own_pictures(tmp_path / "nowhere")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"broken\.jpg"):
        shown_photographs(own_pictures(tmp_path))


def test_the_record_tells_the_files(folder, tmp_path):
    run({}, {"record": tmp_path / "record.json"}, photographs=own_pictures(folder))
    record = json.loads((tmp_path / "record.json").read_text())
    assert record["files"] == ["a.PNG", "b.png", "c.jpg"]
    assert record["source"] == str(folder)


def test_norms_are_those_of_own_pictures(folder, tmp_path):
    own, table = own_pictures(folder), tmp_path / "norms.csv"
    norms.run({}, {"table": table}, layers=[["vgg19", "conv1_1"]], seed=0, photographs=own)
    assert table.read_text().count("\n") == 1 + 4  # 3, 5, 10 and 14 px fit into 20


def test_jobs_that_show_pictures_depend_on_them(folder):
    plain = {"scale": "mine", "layers": {"vgg19": ["conv1_1"]}}
    with_own = Run.of(read_settings({**plain, "photographs": str(folder)}), {})
    names = {job.stage.name for job in jobs(COMPUTING, with_own) if "photographs" in job.settings}
    assert names == {
        *("photographs", "natural", "sweep", "pixel_sweep", "tests", "norms", "natural_stability")
    }
    without = jobs(COMPUTING, Run.of(read_settings(plain), {}))
    assert not any("photographs" in job.settings for job in without)
