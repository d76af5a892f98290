"""What runs: the package and its plugins, with the rights of whoever starts it; no data."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import diversevis
from diversevis.discovery import modules_of
from diversevis.invariance import families
from diversevis.invariance.families import registry
from diversevis.networks import entries

ROOT = Path(diversevis.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))


def offences(source: str) -> list[str]:
    """Return the calls in a source that could run what they read."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            found += [n for n in names if n.partition(".")[0] in ("pickle", "shelve", "marshal")]
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        given = {k.arg: ast.unparse(k.value) for k in node.keywords}
        if called in ("eval", "exec", "compile", "os.system", "os.popen", "yaml.unsafe_load"):
            found.append(called)
        if called == "torch.load" and given.get("weights_only") != "True":
            found.append("torch.load without weights_only=True")
        if called == "yaml.load" and [ast.unparse(a) for a in node.args[1:]] != ["Strict"]:
            found.append("yaml.load without our loader, a SafeLoader")
        if given.get("allow_pickle", "False") != "False" or given.get("shell", "False") != "False":
            found.append(f"{called} with allow_pickle or shell")
        if called.endswith((".extractall", ".extract", ".unpack_archive")):
            found.append(called)
    return found


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from shelve import open",
        "eval(text)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "yaml.load(text, Loader)",
        "np.load(path, allow_pickle=True)",
        "subprocess.run(command, shell=True)",
        "archive.extractall(folder)",
    ],
)
def test_offences_would_be_noticed(source):
    assert offences(source)


def test_no_module_runs_what_it_reads():
    assert len(SOURCES) > 100
    found = {str(path.relative_to(ROOT)): offences(path.read_text("utf-8")) for path in SOURCES}
    assert {path: said for path, said in found.items() if said} == {}


@pytest.mark.parametrize(
    ("package", "find"),
    [(entries, lambda: list(modules_of(entries))), (families, registry._find)],
    ids=["network", "family"],
)
def test_plugin_is_code_and_runs_with_our_rights(package, find, tmp_path, monkeypatch):
    """A file in the package's folder of networks or families is imported, whatever it does."""
    mark = tmp_path / "ran"
    (tmp_path / "zz_plugin.py").write_text(f"open({str(mark)!r}, 'w').close()")
    find()
    assert not mark.exists()
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    find()
    assert mark.exists()
    del sys.modules[f"{package.__name__}.zz_plugin"]


def test_nothing_is_imported_from_where_one_works(tmp_path):
    """Not from the working directory, nor from folders there that are called as ours."""
    for folder in ("", "networks/entries", "diversevis/networks/entries", "families"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for name in ("evil", "numpy", "torch", "sitecustomize"):
            (tmp_path / folder / f"{name}.py").write_text("raise SystemExit('ran')")
    command = str(Path(sys.executable).with_name("diversevis"))
    result = subprocess.run(
        [command, "--version"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert diversevis.__version__ in result.stdout
