"""Documents say what the code does: settings, links, words, captions, examples."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
import shlex
import typing
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import jinja2
import pytest

from diversevis import cli
from diversevis.pipeline import STAGES, all_jobs
from diversevis.study import settings
from diversevis.study.knobs import plain
from diversevis.study.stage import Run, Stage

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "config" / "README.md"]
WORDS = (
    "unit",
    "layer",
    "patch",
    "canvas",
    "page",
    "family",
    "member",
    "index",
    "surrogate",
    "control",
    "scale",
    "restart",
    "diverse set",
    "quantity",
    "stage",
    "job",
)
_BLOCK = re.compile(r"^```(\w+)\n# (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


EXAMPLES = _BLOCK.findall(read(ROOT / "CONTRIBUTING.md"))


def test_readme_is_short():
    assert len(read(ROOT / "README.md").split()) <= 900


@pytest.mark.parametrize("path", sorted(DOCUMENTS), ids=name_of)
def test_links_lead_somewhere(path):
    # A template's links are those of the document that is made of it; README lies at the top.
    folder = ROOT if path.name == "README.template.md" else path.parent
    for target in re.findall(r"\]\(([^)\s]+)\)", read(path)):
        file, _, anchor = target.partition("#")
        if "{{" in target or re.match(r"[a-z]+:", target):
            continue
        linked = folder / file if file else path
        assert linked.exists(), target
        assert not anchor or anchor in anchors(read(linked)), target


def anchors(text: str) -> set[str]:
    """Return the names of a document's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_settings_stand_with_their_defaults_and_limits():
    lines = read(ROOT / "config" / "README.md").splitlines()
    found = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    stated = {row[0]: (row[2], row[3]) for row in found if len(row) == 5 and row[0][:1] == "`"}
    fields = [*fields_of(settings.Settings), *fields_of(settings.Criteria)]
    assert stated == {f"`{key}`": (default_of(field), limits_of(field)) for key, field in fields}


def fields_of(cls: type, before: str = "") -> Iterator[tuple[str, dataclasses.Field]]:
    """Yield every field of a settings class and of its sections, under dotted names."""
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        kind, key = hints[field.name], before + field.name
        if dataclasses.is_dataclass(kind):
            yield from fields_of(kind, f"{key}.")
            continue
        yield key, field
        for entry in filter(dataclasses.is_dataclass, typing.get_args(kind)):
            yield from fields_of(entry, f"{key}.NAME.")


def default_of(field: dataclasses.Field) -> str:
    if field.default is field.default_factory is dataclasses.MISSING:
        return "required"
    if field.default in (dataclasses.MISSING, ()):
        return "none"
    text = re.sub(r"[.]0(?=[],]|$)", "", json.dumps(plain(field.default)))
    return f"`{text}`".replace('"', "")


def limits_of(field: dataclasses.Field) -> str:
    """Return the limits of a setting in words."""
    words = {
        "minimum": "at least {:g}",
        "above": "above {:g}",
        "maximum": "at most {:g}",
        "choices": "{}",
        "pattern": "{[1]}",
        "least": "{} or more entries",
        "rising": "rising",
        "once": "each once",
    }
    limits = {**field.metadata}
    if "choices" in limits:
        limits["choices"] = " or ".join(f"`{name}`" for name in limits["choices"])
    return ", ".join(text.format(limits[name]) for name, text in words.items() if name in limits)


RUNS = ("quick", "nulls", "census")
"""Scales that have every table and figure between them."""


def run_of(scale: str) -> Run:
    configuration, criteria = (ROOT / "config" / f"{name}.yaml" for name in (scale, "criteria"))
    return Run.of(settings.read_settings(configuration), settings.read_criteria(criteria))


def test_results_name_every_table():
    jobs = [job for scale in RUNS for job in all_jobs(run_of(scale))]
    written = {path for job in jobs for path in job.writes.values()}
    tables = {path.name for path in written if path.parent.name == "tables"}
    _, _, listed = read(ROOT / "docs" / "results.template.md").partition("## Tables")
    assert set(re.findall(r"`(\w+\.csv)`", listed.partition("\n## ")[0])) == tables


@pytest.mark.parametrize("path", sorted(DOCUMENTS), ids=name_of)
def test_commands_and_python_are_understood(path):
    for block in re.findall(r"^```python\n(.*?)^```$", read(path), re.MULTILINE | re.DOTALL):
        ast.parse(block)
    parser = cli._parser()
    for command in re.findall(r"^    (?:\.venv/bin/)?diversevis (.*)$", read(path), re.MULTILINE):
        parser.parse_args(shlex.split(command, comments=True))


@pytest.mark.parametrize("word", WORDS)
def test_glossary_has_the_word(word):
    assert re.search(rf"^\*\*{word}\*\*", read(ROOT / "docs" / "glossary.md"), re.MULTILINE)


@pytest.mark.parametrize(
    "pattern", ["stand-in", r"\bone\s+(dot|file|line|page|row)\s+an?\s"], ids=["surrogate", "per"]
)
def test_one_way_to_say_it(pattern):
    """The linear unit is called surrogate; there is one row per unit."""
    folders = ("src", "docs", "config", "workflow", "benchmarks")
    found = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    found = [p for p in found if p.suffix in (".py", ".md", ".rst", ".yaml", ".smk")]
    found += [*ROOT.glob("*.md"), ROOT / "workflow" / "Snakefile"]
    assert [name_of(path) for path in found if re.search(pattern, read(path), re.I)] == []


def test_every_reported_file_has_its_caption_and_no_caption_is_left_over():
    named = {name for stage in STAGES for name in captions_of(stage)}
    captions = {path.stem for path in (ROOT / "workflow" / "report").glob("*.rst")}
    assert captions == named | {"workflow"}


def captions_of(stage: Stage) -> list[str]:
    """Return the names of a stage's captions: its own, or those of its files if they are many."""
    return list(stage.report) if len(stage.report) > 1 else [stage.name] * len(stage.report)


@pytest.mark.parametrize("scale", RUNS)
def test_captions_find_their_values(scale):
    run = run_of(scale)
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    config = plain(run.settings)
    about = SimpleNamespace(config=config, wildcards=None, params=None)
    captions = {"workflow": about}
    for job in all_jobs(run):
        params = SimpleNamespace(settings=job.settings)
        about = SimpleNamespace(
            config=config, wildcards=SimpleNamespace(**job.place), params=params
        )
        captions.update(dict.fromkeys(captions_of(job.stage), about))
    for name, about in captions.items():
        text = read(ROOT / "workflow" / "report" / f"{name}.rst")
        assert "None" not in environment.from_string(text).render(snakemake=about)


@pytest.mark.parametrize(("kind", "path", "text"), EXAMPLES)
def test_examples_fit_what_is_there(kind, path, text):
    """New Python files parse; of changed ones, the lines that stay and go are there, once."""
    if kind == "diff":
        before = "".join(line[1:] + "\n" for line in text.splitlines() if line[:1] != "+")
        assert read(ROOT / path).count(before) == 1
    elif kind == "python":
        assert not (ROOT / path).exists()
        ast.parse(text)
