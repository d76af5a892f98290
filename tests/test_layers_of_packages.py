"""The path of the data is the layout: no package imports from one that stands above it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import diversevis

ROOT = Path(diversevis.__file__).parent
ORDER = (
    {"errors", "seeds", "discovery", "devices", "measures", "views"},
    {"units"},
    {"fetching"},
    {"stimuli"},
    {"networks"},
    {"optimisation"},
    {"synthesis"},
    {"invariance"},
    {"controls"},
    {"results"},
    {"study"},
    {"analysis"},
    {"figures"},
    {"atlas"},
    {"pipeline", "documents", "takeover", "doctor", "listing", "running", "following"},
    {"compare"},
    {"cli"},
)
HEIGHT = {name: height for height, names in enumerate(ORDER) for name in names}
MODULES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def part(path: Path) -> str:
    """Return the package of a module, or the module itself at the root."""
    return path.relative_to(ROOT).with_suffix("").parts[0]


def imported(path: Path) -> set[str]:
    """Return the packages that a module imports when it runs, wherever in it."""
    tree = ast.parse(path.read_text())
    hidden = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    names = []
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    ours = [name.split(".") for name in names if name.startswith("diversevis.")]
    return {parts[1] for parts in ours}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_imported_from_above(path):
    own = HEIGHT[part(path)]
    above = {name for name in imported(path) & set(HEIGHT) if HEIGHT[name] > own}
    assert not above


def test_every_package_has_its_place():
    assert {part(path) for path in MODULES} == set(HEIGHT)


@pytest.mark.parametrize(
    ("modules", "without"),
    [
        (["diversevis"], {"torch", "numpy", "pandas"}),
        (["diversevis.pipeline"], {"torch", "pandas", "matplotlib"}),
        (["diversevis.study.settings"], {"torch", "numpy", "yaml"}),
        (["diversevis.results.sets", "diversevis.results.tests"], {"torch", "pandas"}),
        (["diversevis.analysis.units", "diversevis.figures.phase"], {"torch", "torchvision"}),
        (["diversevis.atlas.site"], {"torch", "torchvision", "seaborn", "scipy"}),
        (["diversevis.study.steps.tests", "diversevis.study.steps.sweep"], {"pandas", "scipy"}),
        (["diversevis.study.steps.tests", "diversevis.networks.trunk"], {"torchvision"}),
    ],
)
def test_what_is_heavy_is_imported_where_it_is_needed(modules, without):
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not without & set(loaded.stdout.split())


def test_public_names_are_there_and_named_once():
    homes = [name for names in diversevis._HOMES.values() for name in names]
    # That package has the name of a command: it is what is called.
    assert sorted([*homes, "invariance"]) == sorted(diversevis.__all__)
    for name in diversevis.__all__:
        assert getattr(diversevis, name).__name__.split(".")[-1] == name
    assert diversevis.__version__
    with pytest.raises(AttributeError, match="nothing"):
        _ = diversevis.nothing
