"""Caches, environments and output folders that are not as they should be."""

from __future__ import annotations

import json

import pytest
import safetensors.torch
import torch

LOOK = ("visualize", "controls", "simple", "0", "--images", "2", "--steps", "1", "--grid", "0.1")
TEST = (
    *("invariance", "controls", "simple", "0", "--families", "shifts", "--delta", "1"),
    *("--steps", "1", "--peak-steps", "1", "--training", "4", "--held-out", "4", "--starts", "1"),
)
V = ("visualize", "vgg19", "conv1_2", "0")
GOOD = "scale: mine\nlayers: {vgg19: [conv1_2]}\n"

CACHES = [
    # what the variables say, the command, what the message names
    ({"DIVERSEVIS_CACHE": "~nobody-of-that-name/x"}, V, "DIVERSEVIS_CACHE"),
    ({"DIVERSEVIS_CACHE": "~nobody-of-that-name/x"}, ("fetch", "photographs"), "DIVERSEVIS_CACHE"),
    ({"DIVERSEVIS_CACHE": "~nobody-of-that-name/x"}, ("networks",), "DIVERSEVIS_CACHE"),
    ({"DIVERSEVIS_CACHE": "/dev/null"}, V, "DIVERSEVIS_CACHE"),
    ({"DIVERSEVIS_CACHE": "/dev/null/x"}, ("fetch", "vgg19"), "DIVERSEVIS_CACHE"),
    ({"DIVERSEVIS_CACHE": "/proc/x"}, V, "DIVERSEVIS_CACHE"),
    ({"DIVERSEVIS_CACHE": "/proc/x"}, ("fetch", "photographs"), "DIVERSEVIS_CACHE"),
    ({"DIVERSEVIS_CACHE": "file"}, V, "DIVERSEVIS_CACHE"),
    ({"DIVERSEVIS_CACHE": "file/x"}, ("fetch", "resnet50"), "DIVERSEVIS_CACHE"),
    ({"DIVERSEVIS_CACHE": "y" * 300}, V, "y" * 300),
    ({"DIVERSEVIS_CACHE": "/" + "x/" * 3000}, ("fetch", "vgg19"), "name too long"),
    ({"DIVERSEVIS_CACHE": None, "XDG_CACHE_HOME": "~nobody-of-that-name"}, V, "XDG_CACHE_HOME"),
    ({"DIVERSEVIS_CACHE": None, "XDG_CACHE_HOME": "file"}, V, "file"),
    ({"DIVERSEVIS_CACHE": None, "HOME": "/proc/x"}, V, "/proc/x"),
]


@pytest.mark.parametrize(
    ("environment", "arguments", "fragment"), CACHES, ids=lambda value: ascii(value)[:60]
)
def test_bad_cache_folder(sandbox, environment, arguments, fragment):
    (sandbox.folder / "file").write_text("mine")
    sandbox.refused(fragment, "cli", *arguments, environment=environment)


@pytest.mark.parametrize("arguments", [V, ("fetch", "vgg19"), ("fetch", "photographs")], ids=str)
def test_what_is_not_in_the_cache_is_refused_where_nothing_may_be_downloaded(sandbox, arguments):
    folders = {"cache", "cache/downloads", "cache/networks", "cache/photographs"}
    environment = {"DIVERSEVIS_OFFLINE": "1"}
    sandbox.refused(
        "$DIVERSEVIS_OFFLINE", "cli", *arguments, environment=environment, leaves=folders
    )


LOOKED_AT = [row[0] for row in CACHES if row[1] is V]


@pytest.mark.parametrize("environment", LOOKED_AT, ids=lambda value: ascii(value)[:60])
def test_what_only_looks_writes_nothing_and_says_what_is_wrong(sandbox, environment):
    (sandbox.folder / "file").write_text("mine")
    before = sandbox.files()
    for command in ("doctor", "networks"):
        answer = sandbox.run("cli", command, environment=environment)
        assert "Traceback" not in answer.messages, answer.messages
        # Whether the kernel lets anyone make a folder in /proc only an attempt would tell.
        if command == "doctor" and "/proc/x" not in environment.values():
            assert answer.code in (1, 2), answer.output
    assert sandbox.files() == before


def tensors(**about: str) -> bytes:
    return safetensors.torch.save({"features.0.weight": torch.zeros(2)}, about or None)


CACHED = {
    "empty": b"",
    "garbage": b"\xff" * 500,
    "text": b"<html>sign in to this network</html>",
    "cut": tensors()[:40],
    "nothing about it": tensors(),
    "another version": tensors(format_version="0"),
    "only a version": tensors(format_version="1"),
    "another declaration": tensors(format_version="1", declared="0" * 64),
    "no digest": tensors(format_version="1", network="vgg19", source="x"),
}


@pytest.mark.parametrize("damage", CACHED)
def test_damaged_network_is_listed_as_absent_and_fetched_anew(sandbox, damage):
    path = sandbox.cache / "networks" / "vgg19.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(CACHED[damage])
    listed = sandbox.run("cli", "networks")
    assert (listed.code, listed.messages.count("\n")) == (0, 1)  # the command that comes next
    assert "cached, from" not in listed.output
    asked = sandbox.run("cli", *V)
    assert "reached out" in asked.messages
    assert "Traceback" not in asked.messages


@pytest.mark.parametrize("damage", ["empty", "garbage", "nothing about it", "only a version"])
def test_damaged_photographs_are_fetched_anew(sandbox, damage):
    path = sandbox.cache / "photographs" / "photographs.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(CACHED[damage])
    asked = sandbox.run("cli", "fetch", "photographs")
    assert "reached out" in asked.messages
    assert "Traceback" not in asked.messages


@pytest.mark.parametrize("name", ["networks", "downloads", "networks/vgg19.safetensors"])
def test_cache_with_something_else_in_it(sandbox, name):
    """A file where a folder should be, and a folder where a file should be."""
    path = sandbox.cache / name
    path.parent.mkdir(parents=True)
    if path.suffix:
        path.mkdir()
    else:
        path.write_text("mine")
    # Whether it can be stored is tried before anything is fetched.
    sandbox.refused(str(path), "cli", *V, leaves={"cache/networks"} - {f"cache/{name}"})


OUTPUTS = [
    # where, the command, what the message names
    ("file", LOOK, "file"),
    ("file", TEST, "file"),
    ("file/x", LOOK, "file"),
    ("/dev/null", LOOK, "/dev/null"),
    ("/proc/x", LOOK, "/proc/x"),
    ("/proc/x", TEST, "/proc/x"),
    ("x" * 300, LOOK, "x" * 300),
    ("dangling", LOOK, "dangling"),
    ("loop", LOOK, "loop"),
    ("file", ("run", "good.yaml"), "file"),
    ("/proc/x", ("run", "good.yaml"), "/proc/x"),
    ("loop", ("run", "good.yaml"), "loop"),
]


@pytest.mark.parametrize(
    ("where", "arguments", "fragment"), OUTPUTS, ids=lambda value: ascii(value)[:60]
)
def test_bad_output_folder(sandbox, where, arguments, fragment):
    (sandbox.folder / "good.yaml").write_text(GOOD)
    (sandbox.folder / "file").write_text("mine")
    (sandbox.folder / "dangling").symlink_to("/proc/nothing/there")
    (sandbox.folder / "loop").symlink_to("loop")
    sandbox.refused(fragment, "cli", *arguments, "--out", where)


IN_THE_WAY = [
    # a file below --out, what is in it, what the message names
    ("mine", b"mine", "out/mine"),
    ("mine/networks", b"mine", "out/mine/networks"),
    ("mine/provenance", b"mine", "out/mine/provenance"),
    ("mine/timings.csv", b"\xff\xfe\0", "out/mine/timings.csv"),
    ("mine/timings.csv", b"a,b\n1,2\n", "out/mine/timings.csv"),
    (
        "mine/timings.csv",
        b"stage,seconds,device\nsweep/vgg19/conv1_2,long,cpu\n",
        "out/mine/timings.csv",
    ),
]


@pytest.mark.parametrize(
    ("name", "content", "fragment"), IN_THE_WAY, ids=lambda value: ascii(value)[:40]
)
def test_own_files_in_the_way_of_a_run(sandbox, name, content, fragment):
    (sandbox.folder / "good.yaml").write_text(GOOD)
    path = sandbox.folder / "out" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    leaves = {"work/out/mine/provenance", "work/out/mine/networks"}
    sandbox.refused(fragment, "cli", "run", "good.yaml", "--out", "out", leaves=leaves)


MINE = {
    "visualize": (
        "sweep.npz",
        "sweep.csv",
        "metrics.csv",
        "visualizations.npz",
        "contact_sheet.png",
    ),
    "invariance": ("tests.npz", "tests.csv", "peaks.csv", "families.json", "unit_0.png"),
}


@pytest.mark.parametrize("arguments", [LOOK, TEST], ids=lambda value: value[0])
def test_own_files_of_the_same_names_stop_the_command(sandbox, arguments):
    for name in (*MINE[arguments[0]], "provenance.json"):
        path = sandbox.folder / name
        path.write_text("mine")
        sandbox.refused(name, "cli", *arguments, "--out", ".")
        path.unlink()


KEPT = ("settings", "code", "reads", "files", "created", "packages", "checkout")
RECORDS = {
    "no JSON": "mine",
    "a list": "[]",
    "a number": "5",
    "files that are a list": json.dumps({"files": ["sweep.py", "../home/mine"]}),
    "files that are numbers": json.dumps({"files": [1, None]}),
    "files elsewhere": json.dumps({"files": {"../home/mine": "0", "/etc/passwd": "0", ".": "0"}}),
    "files that are a number": json.dumps({"files": 5}),
    "numbers throughout": json.dumps(dict.fromkeys(KEPT, 5)),
    "nothing throughout": json.dumps(dict.fromkeys(KEPT)),
    "texts throughout": json.dumps(dict.fromkeys(KEPT, "sweep.py")),
    "whole, of files elsewhere": json.dumps({name: {"../home/mine": "0"} for name in KEPT}),
}


@pytest.mark.parametrize("record", RECORDS)
def test_records_that_lie_remove_nothing(sandbox, record):
    """Whatever a record says, files of other names and files elsewhere stay."""
    (sandbox.home / "mine").write_text("mine")
    (sandbox.folder / "sweep.py").write_text("mine")
    (sandbox.folder / "provenance.json").write_text(RECORDS[record])
    before = sandbox.files()
    answer = sandbox.run("cli", *LOOK, "--out", ".")
    assert "Traceback" not in answer.messages
    assert answer.code == 2
    assert sandbox.files() == before


@pytest.mark.parametrize("record", RECORDS)
def test_doctor_names_records_that_lie(sandbox, record):
    folder = sandbox.folder / "visualizations" / "vgg19" / "conv3_1"
    (sandbox.folder / "mine.yaml").write_text(GOOD)
    job = sandbox.folder / "results/mine/provenance/sweep/vgg19/conv1_2.json"
    for path in (folder / "provenance.json", job):
        path.parent.mkdir(parents=True)
        path.write_text(RECORDS[record])
    before = sandbox.files()
    for arguments in ((), (str(folder.relative_to(sandbox.folder)),)):
        answer = sandbox.run("cli", "doctor", *arguments)
        assert "Traceback" not in answer.messages, answer.messages
        assert answer.code == 1, answer.output
        (line,) = [line for line in answer.output.splitlines() if "conv3_1" in line]
        assert "WRONG" in line
    assert sandbox.files() == before


@pytest.mark.parametrize("folder", ["mine", "/dev/null", "/proc", "."])
def test_doctor_says_so_where_there_are_no_results(sandbox, folder):
    (sandbox.folder / "mine").write_text("mine")
    answer = sandbox.run("cli", "doctor", folder)
    assert (answer.code, answer.messages) == (1, "")
    assert f"WRONG {folder}: nothing tells" in answer.output


@pytest.mark.parametrize("damage", CACHED)
def test_doctor_names_damaged_networks(sandbox, damage):
    path = sandbox.cache / "networks" / "vgg19.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(CACHED[damage])
    before = sandbox.files()
    answer = sandbox.run("cli", "doctor")
    assert "Traceback" not in answer.messages, answer.messages
    assert answer.code == 1, answer.output
    (line,) = [line for line in answer.output.splitlines() if " vgg19:" in line]
    assert "WRONG" in line
    assert sandbox.files() == before


@pytest.mark.parametrize("arguments", [LOOK, TEST], ids=lambda value: value[0])
def test_own_files_of_other_names_stay(sandbox, arguments):
    mine = ("sweep.py", "sweep.txt", "sweep.npz.bak", "unit_1.jpg", "unit_9.png", "tests.py")
    for name in mine:
        (sandbox.folder / name).write_text("mine")
    (sandbox.folder / "sweep").mkdir()
    answer = sandbox.run("cli", *arguments, "--out", ".")
    assert answer.code == 0, answer
    assert all((sandbox.folder / name).read_text() == "mine" for name in mine)
    assert (sandbox.folder / "sweep").is_dir()


@pytest.mark.parametrize("line", ["", "x", "-1", "1.5"])
def test_threads_in_the_environment_are_nothing_to_stop_for(sandbox, line):
    answer = sandbox.run("cli", "networks", environment={"OMP_NUM_THREADS": line})
    assert answer.code == 0


def test_working_folder_that_is_gone(sandbox):
    """Nothing is written where nobody finds it."""
    gone = sandbox.folder / "gone"
    gone.mkdir()
    sandbox.folder = gone
    remove = f"import os; os.rmdir({str(gone)!r})"
    start = f"from diversevis import cli; raise SystemExit(cli.main({list(LOOK)!r}))"
    answer = sandbox.run("python", f"{remove}; {start}")
    assert answer.code == 2, answer
    assert "Traceback" not in answer.messages
    assert not gone.exists()
