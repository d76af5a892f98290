"""Freshness: what counts as a change of code, and on which code a result depends."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from diversevis.errors import UserError
from diversevis.study.freshness import (
    check_whole,
    code_digests,
    content_digests,
    file_digests,
    reasons,
    syntax_digest,
)

SOURCE = '''
"""Module."""
import math


def area(radius: float) -> float:
    """Return the area."""
    # pi r squared
    return math.pi * radius ** 2
'''


@pytest.mark.parametrize(
    "other",
    [
        SOURCE.replace("# pi r squared", "# something else"),
        SOURCE.replace("Return the area.", "Give the area."),
        SOURCE.replace('    """Return the area."""\n', ""),
        SOURCE.replace("radius ** 2", "(radius\n        **2)"),
    ],
    ids=["comment", "docstring", "no docstring", "layout"],
)
def test_form_and_words_do_not_count(other):
    assert other != SOURCE
    assert syntax_digest(other) == syntax_digest(SOURCE)


@pytest.mark.parametrize(
    "other",
    [
        SOURCE.replace("** 2", "** 3"),
        SOURCE.replace("radius: float", "radius: int"),
        SOURCE.replace("math.pi", "math.e"),
        SOURCE + "\nUNUSED = 'text'\n",
    ],
)
def test_code_counts(other):
    assert syntax_digest(other) != syntax_digest(SOURCE)


def test_a_text_that_is_a_value_counts():
    assert syntax_digest("NAME = 'one'") != syntax_digest("NAME = 'two'")


def test_a_sweep_depends_on_the_engine_but_on_no_figure_table_or_family():
    modules = set(code_digests("diversevis.study.steps.sweep"))
    assert {"diversevis.optimisation.engine", "diversevis.synthesis.sweep"} <= modules
    beyond = ("figures", "analysis", "invariance", "controls.units", "fetching", "cli", "pipeline")
    assert not [m for m in modules if m.startswith(tuple(f"diversevis.{name}" for name in beyond))]


def test_tests_depend_on_no_family_until_it_is_asked_for():
    families = "diversevis.invariance.families."
    found = {
        m.removeprefix(families)
        for m in code_digests("diversevis.study.steps.tests")
        if m.startswith(families)
    }
    assert found == {"base", "registry"}
    assert f"{families}shifts" in code_digests("diversevis.study.steps.tests", f"{families}shifts")


def test_figures_and_tables_depend_on_nothing_that_computes():
    computing = ("invariance", "synthesis", "optimisation", "networks", "stimuli", "units")
    for module in ("figures.phase", "figures.sheets", "analysis.units", "analysis.claims"):
        found = code_digests(f"diversevis.{module}")
        assert not [m for m in found if m.startswith(tuple(f"diversevis.{n}." for n in computing))]


@pytest.fixture
def copy(tmp_path):
    """A copy of the package, and a function that tells what digests it has now."""
    source = Path(__file__).parents[2] / "src" / "diversevis"
    shutil.copytree(source, tmp_path / "diversevis", ignore=shutil.ignore_patterns("__pycache__"))

    def digests(*modules: str) -> dict[str, str]:
        code = (
            "import json; from diversevis.study.freshness import code_digests; "
            f"print(json.dumps(code_digests(*{modules!r})))"
        )
        found = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return json.loads(found.stdout)

    return tmp_path / "diversevis", digests


def test_one_changed_line_makes_its_own_results_stale(copy):
    folder, digests = copy
    family = "diversevis.invariance.families.shifts"
    entries = {
        "tests": ("diversevis.study.steps.tests", family),
        "sweep": ("diversevis.study.steps.sweep",),
        "phase": ("diversevis.figures.phase",),
    }

    def state():
        return {name: digests(*modules) for name, modules in entries.items()}

    def stale(before, after):
        return {name for name in entries if before[name] != after[name]}

    def edit(file, old, new):
        path = folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    first = state()
    edit("invariance/families/shifts.py", "2 * math.pi / count", "math.tau / count")
    second = state()
    assert stale(first, second) == {"tests"}
    edit("figures/phase.py", "_MOST_ACROSS = 3", "_MOST_ACROSS = 2")
    third = state()
    assert stale(second, third) == {"phase"}
    edit("optimisation/engine.py", '"""Minimise every job', '"""Make smaller every job')
    assert state() == third


def test_reasons_name_setting_code_input_and_damage(tmp_path):
    record, read, written = (tmp_path / name for name in ("record.json", "read.csv", "written.csv"))
    read.write_text("a\n1\n")
    written.write_text("b\n1\n")
    settings, code, reads = {"seed": 0, "grid": [0.1]}, {"module": "abc"}, {"table": read}

    def why(settings=settings, code=code):
        return reasons(record, settings, code, reads, {"table": written})

    assert why() == ["nothing tells what it was made with"]
    content = {
        "settings": settings,
        "code": code,
        "reads": content_digests(reads),
        "files": file_digests([written]),
    }
    record.write_text(json.dumps(content))
    assert why() == []
    assert why({**settings, "seed": 1}) == ["seed was 0, is 1"]
    assert why(code={"module": "abd"}) == ["changed code: module"]
    read.write_text("a\n2\n")
    assert why() == ["changed input: table"]
    read.write_text("a\n1\n")
    written.write_text("b\n2\n")
    assert why() == ["not as it was made: written.csv"]
    with pytest.raises(UserError, match=r"written\.csv as it was made"):
        check_whole({written: record})
    record.write_text(json.dumps({key: content[key] for key in ("settings", "code", "reads")}))
    assert why() == ["nothing tells what it was made with"]
    record.write_text("{")
    assert why() == ["nothing tells what it was made with"]


def test_content_counts_whatever_the_time_of_a_file(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a\n1\n")
    times, before = path.stat(), file_digests([path])
    path.write_text("a\n2\n")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert file_digests([path]) != before
