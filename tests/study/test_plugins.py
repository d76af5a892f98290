"""Plugins: what they register is found by every job, and results depend on their files."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torchvision.io import write_png

import diversevis as dv
from diversevis import cli
from diversevis.errors import UserError
from diversevis.fetching import files
from diversevis.invariance.families import registry
from diversevis.invariance.families.registry import get_family
from diversevis.networks import given
from diversevis.results.tests import LayerTests
from diversevis.study import plugins
from diversevis.study.freshness import code_digests
from diversevis.study.job import make_job, run_rule, stale
from diversevis.study.knobs import plain
from diversevis.study.plugins import bring, load_plugin
from diversevis.study.settings import read_settings
from diversevis.study.stage import Run, jobs, leading_to, records_of
from diversevis.study.stages import COMPUTING, family_code, network_code

ROOT = Path(__file__).parents[2]
V1 = ROOT / "docs" / "plugins" / "v1.py"
FAMILY = """
import torch
import diversevis as dv

@dv.register_family
class Fades(dv.Family):
    name, index, title, colour = "fades", "fade", "fades", "#112233"
    def __init__(self, size, delta=None):
        super().__init__(size)
        self.side = size
    def draw(self, count, stream):
        return 1 - 0.5 * torch.rand(count, generator=stream)
    def act(self, canvases, members):
        return canvases[:, None] * members.to(canvases)[None, :, None, None, None]
"""


@pytest.fixture(autouse=True)
def nothing_brought(monkeypatch, tmp_path):
    """Nothing was brought along; the cache is empty."""
    every = [given.GIVEN, given.FILES, given.KNOWN, given._WEIGHTS, given._DECLARED]
    every += [plugins._LOADED, plugins._FAMILIES, registry.FAMILIES]
    kept = [dict(each) for each in every]
    for each in every[:-1]:
        each.clear()
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path / "cache"))
    yield
    for each, before in zip(every, kept, strict=True):
        each.clear()
        each.update(before)
    for name in [name for name in sys.modules if name.startswith("plugin ")]:
        del sys.modules[name]


def write(path, text):
    path.write_text(text)
    return path


def test_the_example_is_units_that_keep_the_contract():
    assert load_plugin(V1) == "plugin v1.py"
    for layer in ("simple", "complex"):
        units = dv.load_trunk("v1", layer)
        dv.check_units(units)
        assert (units.size, units.channels) == (25, 8)
    # Shifts along the wave, by quarters of a cycle: a complex cell answers alike, a simple one not.
    at = torch.arange(31) - 15.0
    rows = [40 * torch.cos(2 * torch.pi * (at[3:28] - by) / 8) for by in (0, 2, 4)]
    patches = torch.stack([row.expand(3, 25, 25) for row in rows])
    simple = dv.load_trunk("v1", "simple").respond(patches)[0][:, 0]
    complex_ = dv.load_trunk("v1", "complex").respond(patches)[0][:, 0]
    assert simple[0] > 10 * simple[1].abs()
    assert simple[2] < -0.9 * simple[0]
    # The mask weighs the phases a little differently.
    assert complex_.std() < 0.02 * complex_.mean()


def test_the_example_is_short():
    assert len(V1.read_text().splitlines()) <= 50


def test_results_depend_on_the_file_of_a_plugin(tmp_path):
    path = Path(shutil.copy(V1, tmp_path))
    load_plugin(path)
    before = code_digests(*network_code("v1"))
    assert "plugin v1.py" in before
    assert "diversevis.networks.trunk" not in network_code("v1")
    write(path, f"# In other words.\n{path.read_text()}")
    assert code_digests(*network_code("v1")) == before
    write(path, path.read_text().replace("/ 8  #", "/ 6  #"))
    load_plugin(path)
    after = code_digests(*network_code("v1"))
    assert {name for name in after if after[name] != before.get(name)} == {"plugin v1.py"}


def test_built_in_networks_do_not_depend_on_how_others_are_found():
    found = code_digests("diversevis.study.steps.tests", *network_code("vgg19"))
    ours = {name.removeprefix("diversevis.") for name in found}
    assert not ours & {"networks.given", "networks.loading", "networks.modules", "study.plugins"}


def test_a_family_of_a_plugin_is_one_like_others(tmp_path):
    load_plugin(write(tmp_path / "fades.py", FAMILY))
    assert get_family("fades").index == "fade"
    assert family_code(["fades"]) == ["plugin fades.py"]
    content = {"scale": "mine", "layers": {"vgg19": ["conv1_1"]}}
    run = Run.of(read_settings({**content, "invariance": {"families": ["fades"]}}), {})
    depending = {j.stage.name for j in jobs(COMPUTING, run) if "plugin fades.py" in j.digests}
    assert depending == {"tests", "control_tests"}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("import nothing_of_that_name", 1, "ModuleNotFoundError: No module named"),
        ("x = 1\ny = (", 2, "SyntaxError"),
        ("\n\nraise SystemExit(3)", 3, "SystemExit: 3"),
        ("import diversevis as dv\ndv.register_network(1)", 2, "int, not a ModuleNetwork"),
        (FAMILY.replace("dv.Family", "object"), 5, "Fades, not a subclass of diversevis.Family"),
        (FAMILY.replace('"fades", "fade",', '"fades", "phase",'), 5, "index of its own"),
        (FAMILY.replace('"fades", "fade",', '"shifts", "fade",'), 5, "name and an index"),
        (FAMILY.replace("#112233", "blue"), 5, "a colour such as"),
        (FAMILY.replace("canvases[:, None]", "canvases[:, None] ** 2"), 5, "that are linear"),
        (FAMILY.replace("canvases[:, None]", "canvases[:1, None]"), 5, "[1, 3, 3, 24, 24]"),
        (FAMILY.replace("    def draw", "    def drawn"), 5, "TypeError"),
    ],
)
def test_a_plugin_that_fails_says_where_in_one_line(tmp_path, text, line, said):
    path = write(tmp_path / "mine.py", text)
    with pytest.raises(UserError) as caught:
        load_plugin(path)
    assert caught.value.expected == f"to run the plugin {path}, line {line}"
    assert said in caught.value.received
    assert "\n" not in caught.value.received
    assert "fades" not in registry.FAMILIES


def test_files_that_are_no_plugin(tmp_path):
    for path in (tmp_path / "nowhere.py", tmp_path, write(tmp_path / "mine.txt", FAMILY)):
        with pytest.raises(UserError, match="a Python file as a plugin"):
            load_plugin(path)
    with pytest.raises(UserError, match="registered by the plugin"):
        load_plugin(write(tmp_path / "empty.py", "x = 1\n"))


def test_two_plugins_of_one_file_name(tmp_path):
    (tmp_path / "other").mkdir()
    load_plugin(write(tmp_path / "mine.py", FAMILY))
    with pytest.raises(UserError, match="different file names"):
        load_plugin(write(tmp_path / "other" / "mine.py", FAMILY))


def test_installed_packages_can_have_families(monkeypatch):
    class Fades(dv.Family):
        name, index, title = "fades", "fade", "fades"

        def __init__(self, size, delta=None):
            super().__init__(size)
            self.side = size

        def draw(self, count, stream):
            return torch.rand(count, generator=stream)

        def act(self, canvases, members):
            return canvases[:, None] * members.to(canvases)[None, :, None, None, None]

    entry = metadata.EntryPoint("fades", f"{plugins.__name__}:INSTALLED", "diversevis.families")
    monkeypatch.setattr(plugins, "INSTALLED", Fades, raising=False)
    monkeypatch.setattr(plugins.metadata, "entry_points", lambda group: [entry])
    bring()
    assert get_family("fades") is Fades
    bring()  # once
    del plugins._FAMILIES["fades"]
    monkeypatch.setattr(plugins, "INSTALLED", dv.Schedule)
    with pytest.raises(UserError):
        bring()


@pytest.fixture
def run_of_v1(tmp_path):
    """A run of indices of one V1 cell on four pictures, with a plugin of its own."""
    plugin = Path(shutil.copy(V1, tmp_path))
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(4):
        picture = torch.randint(256, (3, 30, 30), generator=torch.Generator().manual_seed(number))
        write_png(picture.to(torch.uint8), str(folder / f"{number}.png"))
    invariance = {"families": ["all-shifts"], "delta": [2], "repeat_delta": [2], "repeats": 1}
    few = {"steps": 2, "starts": 1, "trial_steps": 1, "per_step": 2, "training": 4}
    settings = read_settings(
        {
            "scale": "mine",
            "device": "cpu",
            "indices_only": True,
            "layers": {"v1": ["complex"]},
            "plugins": [str(plugin)],
            "photographs": str(folder),
            "units": {"per_layer": 1},
            "natural": {"patches": 20},
            "invariance": {**invariance, **few, "held_out": 4, "peak_steps": 2},
        }
    )
    return Run.of(settings, {}, results=tmp_path / "results")


def test_a_plugin_goes_through_the_jobs_of_a_run(run_of_v1):
    bring(run_of_v1.settings.plugins)
    every = jobs(COMPUTING, run_of_v1)
    wanted = leading_to(every, lambda job: job.stage.name == "tests")
    assert [job.stage.name for job in wanted] == ["photographs", "network", "natural", "tests"]
    for job in wanted:
        make_job(job, records_of(every))
    assert not any(stale(job) for job in wanted)
    tests = LayerTests.load(wanted[-1].writes["arrays"])
    assert (tests.network, tests.layer) == ("v1", "complex")
    record = json.loads(run_of_v1.layout.network("v1").read_text())
    assert record["title"] == "model of V1"
    # With another model, all that is of it is made anew.
    path = Path(run_of_v1.settings.plugins[0])
    write(path, path.read_text().replace("/ 8  #", "/ 6  #"))
    bring(run_of_v1.settings.plugins)
    again = {job.stage.name: stale(job) for job in wanted}
    assert not again["photographs"]
    for name in ("network", "natural", "tests"):
        assert again[name] == ["changed code: plugin v1.py"]
    # And with other pictures, all that is shown them.
    picture = Path(run_of_v1.settings.photographs) / "0.png"
    write_png(torch.zeros(3, 30, 30, dtype=torch.uint8), str(picture))
    assert not any("photographs" in why for why in stale(wanted[1]))
    for job in (wanted[0], wanted[2], wanted[3]):
        assert any("photographs was" in why for why in stale(job))


def test_a_job_of_the_workflow_loads_the_plugin_by_itself(run_of_v1, tmp_path):
    bring(run_of_v1.settings.plugins)
    (job,) = (job for job in jobs(COMPUTING, run_of_v1) if job.stage.name == "network")
    params = SimpleNamespace(
        step=job.stage.step,
        settings=job.settings,
        sources={},
        gather="",
        modules=job.stage.code(run_of_v1, job.place),
        gathers=[],
        on_device=False,
        torch=False,
    )
    writes = {name: str(path) for name, path in job.writes.items()}
    snakemake = SimpleNamespace(
        rule="network",
        input={},
        output=Output({**writes, "provenance": str(job.record)}),
        params=params,
        log=[str(tmp_path / "log.txt")],
        threads=1,
        config=plain(run_of_v1.settings),
    )
    job.record.parent.mkdir(parents=True)
    for brought in (given.GIVEN, given.FILES, plugins._LOADED):
        brought.clear()  # as in a process of its own
    run_rule(snakemake)
    assert not stale(job)


class Output(dict):
    """Snakemake's: a file by its name, or as an attribute."""

    __getattr__ = dict.__getitem__


def test_the_command_line_takes_a_plugin(capsys, tmp_path):
    arguments = ["visualize", "v1", "complex", "2", "--plugin", str(V1), "--steps", "2"]
    arguments += ["--diversity", "0.1", "--images", "2", "--out", str(tmp_path), "--device", "cpu"]
    assert cli.main(arguments) == 0
    assert "v1 complex 2: activation" in capsys.readouterr().out
    made = json.loads((tmp_path / "provenance.json").read_text())
    assert "plugin v1.py" in made["code"]
    assert cli.main(["networks", "v1", "--plugin", str(V1)]) == 0
    assert "model of V1" in capsys.readouterr().out
    assert cli.main(["networks", "v2", "--plugin", str(V1)]) == cli.BAD_INPUT
    assert "did you mean v1" in capsys.readouterr().err


def test_checkpoints_are_of_networks_of_the_run():
    settings = read_settings({"scale": "mine", "layers": {"torchvision:resnet18": ["conv1"]}})
    name = "torchvision:resnet18"
    bring((), replace(settings, checkpoints={name: "random"}).checkpoints)
    assert given.weights_of(given.find_given(name)) is None
