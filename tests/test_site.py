"""The documents as a site: links lead somewhere, nothing is loaded from elsewhere.

Builds need the generator, which `make docs` installs into an environment of its own.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from links import problems

import diversevis

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".venv-docs/bin/python"
IMPORTED = re.compile(r"^(?:from|import) (diversevis[\w.]*)", re.MULTILINE)
needs_generator = pytest.mark.skipif(
    not PYTHON.exists(), reason="the site's generator is not installed: make docs"
)


def build(source: Path, out: Path, *options: str) -> None:
    command = [PYTHON, "-m", "sphinx", "--quiet", "--fail-on-warning", "-c", ROOT / "docs/site"]
    command += ["-d", out / "doctrees", *options, source, out / "site"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("page", "wrong"),
    [
        ("<h2 id='a'>A</h2><a href='#a'></a><a href='index.html#a'></a>", None),
        ("<a href='https://example.org/'></a><a href='mailto:me@example.org'></a>", None),
        ("<a href='two%20words.png?v=1'></a><img src='two%20words.png' alt='//a.b'>", None),
        ("<svg xmlns='http://www.w3.org/2000/svg'></svg><style>/* //a.b */</style>", None),
        ("<a href='atlas/index.html#sort=phase'></a>", "leads to no anchor"),
        ("<a href='atlas/index.html'></a>", None),
        ("<a href='#b'></a>", "#b leads to no anchor"),
        ("<a href='gone.html'></a>", "gone.html leads to no file"),
        ("<a href='atlas'></a>", "atlas leads to no file"),
        ("<a href='../index.html'></a>", "../index.html leads out of the site"),
        ("<a href='file:///etc/hosts'></a>", "leads out of the site"),
        ("<a href='//example.org/'></a>", "leads out of the site"),
        ("<a href='#' ping='https://example.org/'></a>", "loads from a host"),
        ("<script src='https://example.org/x.js'></script>", "loads from a host"),
        ("<link rel='stylesheet' href='//example.org/x.css'>", "loads from a host"),
        ("<style>@import url(https://example.org/x.css);</style>", "loads from a host"),
        ("<p style='background: url(//example.org/x.png)'>", "loads from a host"),
        ("<script>fetch('https://example.org/')</script>", "loads from a host"),
    ],
)
def test_a_wrong_link_is_named(tmp_path, page, wrong):
    (tmp_path / "atlas").mkdir()
    (tmp_path / "atlas" / "index.html").write_text("<a href='left to its own tests'></a>")
    (tmp_path / "two words.png").touch()
    (tmp_path / "index.html").write_text(page)
    found = [*problems(tmp_path)]
    assert len(found) == (wrong is not None)
    assert wrong is None or wrong in found[0]


@pytest.mark.parametrize("name", ["x.js", "x.css"])
def test_a_host_in_a_file_is_named(tmp_path, name):
    (tmp_path / name).write_text("/* https://example.org/ */\n x('https://example.org/')")
    assert [text.split(":")[0] for text in problems(tmp_path)] == [f"{name} loads from a host"]


def test_reference_has_every_module_that_the_documents_import():
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md")]
    reference = "\n".join(path.read_text() for path in ROOT.glob("docs/api/*.rst"))
    listed = set(re.findall(r"^\.\. automodule:: (.+)$", reference, re.MULTILINE))
    imported = {name for path in documents for name in IMPORTED.findall(path.read_text())}
    # An example makes the one that is not there.
    there = {name for name in imported if (ROOT / "src" / f"{name.replace('.', '/')}.py").exists()}
    assert len(there) >= 5
    assert there | {"diversevis"} <= listed


@needs_generator
def test_site_of_the_documents(tmp_path):
    """Warnings of the generator are errors, broken links of documents among them."""
    build(ROOT, tmp_path)
    pages = tmp_path / "site"
    assert [*problems(pages)] == []
    first = (pages / "index.html").read_text()
    documents = [p for p in ROOT.glob("docs/*.md") if not p.name.endswith(".template.md")]
    for path in documents:
        assert f'href="docs/{path.stem}.html"' in first
    names = (pages / "docs/api/diversevis.html").read_text()
    for name in diversevis.__all__:
        assert f'id="diversevis.{name}"' in names
    # The formulas of the method are text.
    assert (
        "index(family) = mean over g of f(m g t) / f_max"
        in (pages / "docs/method.html").read_text()
    )


@needs_generator
def test_site_with_notebooks_and_an_atlas(tmp_path):
    """Notebooks stand as they were committed; formulas need no script; the atlas is linked."""
    source, atlas = tmp_path / "source", tmp_path / "an atlas"
    cell = {"cell_type": "code", "execution_count": 1, "metadata": {}, "source": "1 / 0"}
    cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "as committed"}]
    text = {"cell_type": "markdown", "metadata": {}, "source": "# A tour\n\n$x^2$"}
    language = {"language_info": {"name": "python", "pygments_lexer": "ipython3"}}
    notebook = {"cells": [text, cell], "metadata": language, "nbformat": 4, "nbformat_minor": 4}
    (source / "docs/notebooks").mkdir(parents=True)
    (source / "docs/notebooks/tour.ipynb").write_text(json.dumps(notebook))
    (source / "folder").mkdir()
    (source / "folder" / "a.csv").touch()
    (source / "README.md").write_text("# First\n\n[all](folder)\n\n```{math}\ny^2\n```\n")
    (source / "docs/api").mkdir()
    (source / "docs/api/index.rst").write_text("Reference\n=========\n")
    atlas.mkdir()
    (atlas / "index.html").write_text("<a href='left to its own tests'></a>")
    build(source, tmp_path, "-D", f"atlas={atlas}")
    pages = tmp_path / "site"
    assert [*problems(pages)] == []
    first, tour = ((pages / n).read_text() for n in ("index.html", "docs/notebooks/tour.html"))
    assert re.search(r'href="_downloads/\w+/a.csv"', first)
    assert "<math" in first
    assert 'href="atlas/index.html"' in first
    assert 'href="docs/notebooks/tour.html"' in first
    assert "<math" in tour
    assert "as committed" in tour
    assert 'href="../../atlas/index.html"' in tour
