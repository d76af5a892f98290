"""README.md and docs/*.md from their templates and the results: every number is from a table."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from diversevis.analysis.claim_parts import CONFIRMATION, FIRST, SECOND, SHARE, TEST
from diversevis.analysis.conditions import BENDS, NEAR_PERFECT
from diversevis.analysis.layers import ALL
from diversevis.analysis.pairs import SECOND as SECOND_C4
from diversevis.analysis.second_edition import LEVEL_RATIO, SHARE_RATIO
from diversevis.analysis.stages import TABLES
from diversevis.analysis.tables import UNIT, groups_of, read_frame, rows_of
from diversevis.analysis.verdicts import between, in_words, number, verdicts
from diversevis.errors import UserError
from diversevis.fetching.files import write_text
from diversevis.optimisation.schedule import SETS, TESTS
from diversevis.results.formats import read_json
from diversevis.results.quantities import Registry
from diversevis.study.freshness import check_whole
from diversevis.study.settings import Choice, Settings, read_criteria, read_settings
from diversevis.study.stage import Run, jobs, records_of

ENDING = ".template.md"
TOP = "README.md"
"""Goes to the top of the checkout; all others stay beside their templates."""

SCALES = ("quick", "nulls", "standard", "census", "full")
"""From the smallest to the largest."""

KEPT = SCALES[1:]
"""Those whose results are committed. Texts that told of others would be stale in every other
checkout."""

NULLS = "nulls"
"""Has the networks that claim C5 compares."""

SHOWN = ("standard", "census", "full")
"""Those that measure all: the largest that has results is shown."""

NOT_RUN, NOT_KEPT, NOT_RECORDED = "not run", "not kept", "not recorded"


def templates(root: Path) -> Iterator[tuple[Path, Path]]:
    """Yield every template of a checkout, ``docs/*.template.md``, and what is made of it."""
    for template in sorted((root / "docs").glob(f"*{ENDING}")):
        name = f"{template.name.removesuffix(ENDING)}.md"
        yield template, (root if name == TOP else template.parent) / name


def render(root: Path, template: Path, shown: Mapping[str, Any] | None = None) -> str:
    """Return the text that a template gives.

    Parameters
    ----------
    root
        A checkout: its folders config and results are read.
    template
        One of `templates`.
    shown
        `values` of the checkout, if they are at hand.

    Raises
    ------
    UserError
        If no scale has results, or the template asks for something that there is not.
    """
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: f"{value:g}" if isinstance(value, float) else value,
    )
    shown = values(root) if shown is None else shown
    try:
        return environment.from_string(template.read_text(encoding="utf-8")).render(shown)
    except jinja2.TemplateError as error:
        remedy = "mend the template, or add it to diversevis.documents.values"
        raise UserError(f"only known values in {template}", str(error), remedy) from None


def values(root: Path) -> dict[str, Any]:
    """Return what templates may show, numbers as texts; what was not measured is None."""
    scale = shown_scale(root)
    tables = root / "results" / scale / "tables"
    layers = _table(tables / "layers.csv")
    return {
        "scale": scale,
        "config": _settings(root, scale),
        "criteria": read_criteria(root / "config" / "criteria.yaml"),
        "published": {"sets": SETS["published"].steps, "tests": TESTS["published"].steps},
        "quantities": {entry.name: entry for entry in Registry.load(tables / "quantities.csv")},
        "claims": claim_rows(root, scale),
        "claim_layers": claim_layer_rows(read_frame(tables / "claims.csv")),
        "layers": None if layers is None else layer_rows(layers),
        "pairs": pair_rows(_table(tables / "pairs.csv")),
        "controls": _controls(_table(tables / "controls.csv")),
        "seeds": _seeds(_table(tables / "agreement.csv")),
        "units": len(read_frame(tables / "units.csv")),
        "figures": [row for row in figure_rows(scale) if _is_made(root, row)],
        "scales": [scale_row(root, name) for name in SCALES],
        "checks": [text for name in KEPT if (text := check_text(root, name))],
        "benchmarks": _benchmarks(root / "results" / "benchmarks"),
        "fast": _fast(_table(root / "results" / "benchmarks" / "quality.csv")),
    }


def shown_scale(root: Path) -> str:
    """Return the largest scale that keeps results in `root`; raise `UserError` if none does."""
    for scale in reversed(SHOWN):
        if (root / "results" / scale / "tables" / "claims.csv").exists():
            return scale
    raise UserError(
        f"results of a scale in {root / 'results'}", "none", "run make reproduce SCALE=standard"
    )


def check_tables(root: Path, scale: str) -> None:
    """Raise `UserError` if a table of a scale is not what its record says was written."""
    criteria = read_criteria(root / "config" / "criteria.yaml")
    run = Run.of(_settings(root, scale), criteria, results=root / "results")
    check_whole(
        {
            path: record
            for path, record in records_of(jobs(TABLES, run)).items()
            if path.exists() and record.exists()
        }
    )


def _table(path: Path) -> pd.DataFrame | None:
    """Return a table, or None if it was not made, or has no rows."""
    if not path.exists():
        return None
    table = read_frame(path)
    return table if len(table) else None


def _settings(root: Path, scale: str) -> Settings:
    return read_settings(root / "config" / f"{scale}.yaml")


# --- Results ---


def claim_rows(root: Path, scale: str) -> list[dict[str, Any]]:
    """Return one row per claim: its name, ``statement``, the editions' verdicts, its figures.

    Verdicts are `diversevis.analysis.verdicts.Verdict`, or None where an edition has none.
    ``figures`` are paths by name. The claim about nulls is that of their own scale, if it was run.
    """
    found: dict[str, dict[str, Any]] = {}
    for of in dict.fromkeys((scale, NULLS)):
        claims = _table(root / "results" / of / "tables" / "claims.csv")
        for entry in verdicts(claims) if claims is not None else []:
            about: dict[str, Any] = {"claim": entry.claim, "statement": entry.statement}
            editions = dict.fromkeys((FIRST, SECOND, CONFIRMATION))
            row = found.setdefault(entry.claim, about | editions | {"figures": {}})
            row[entry.edition] = entry
            row["figures"][entry.figure] = f"figures/{of}/{entry.figure}.png"
    return [found[claim] for claim in sorted(found)]


def claim_layer_rows(claims: pd.DataFrame) -> list[dict[str, str]]:
    """Return one row per layer: its ``name``, and what the second edition's claims say of it.

    ``level`` and ``share`` are median ratios of C1, ``phase`` and ``bends`` how many units meet C2
    and C3.
    """
    parts = {LEVEL_RATIO: "level", SHARE_RATIO: "share", NEAR_PERFECT: "phase", BENDS: "bends"}
    found: dict[str, dict[str, str]] = {}
    for entry in rows_of(claims[claims["edition"] == SECOND]):
        part, *layer = entry.part.split("/")
        kind = TEST if part in (LEVEL_RATIO, SHARE_RATIO) else SHARE
        if part not in parts or not layer or entry.kind != kind:
            continue
        row = found.setdefault(" ".join(layer), {"name": " ".join(layer)})
        shown = between(entry.value, entry.low, entry.high)
        if kind == SHARE and entry.units:
            shown = f"{round(entry.value * entry.units)} of {int(entry.units)}: {shown}"
        row[parts[part]] = shown
    rest = dict.fromkeys(parts.values(), "not judged")
    return [rest | row for row in found.values()]


def layer_rows(layers: pd.DataFrame) -> list[dict[str, str]]:
    """Return one row per layer: its ``name`` and ``size``, and what the layer table says of it.

    Medians with their intervals, and counts of units where that has shares, by quantity.
    """
    rows = []
    of_layers = layers[(layers["layer"] != ALL) & (layers["network"] != ALL)]
    for (network, layer), group in groups_of(of_layers, "network", "layer"):
        about = {"name": f"{network} {layer}", "size": f"{int(group['size'].iloc[0])}"}
        rows.append(about | {entry.quantity: _summary(entry) for entry in rows_of(group)})
    return rows


def _summary(entry: Any) -> str:
    if entry.statistic == "share" and not pd.isna(entry.value):
        return f"{round(entry.value * entry.units)} of {int(entry.units)}"
    return between(entry.value, entry.low, entry.high)


def pair_rows(pairs: pd.DataFrame | None) -> list[dict[str, Any]]:
    """Return one row per pair of layers: its ``name``, and Cliff's delta by quantity of C4.

    Quantities are the second edition's.
    """
    if pairs is None:
        return []
    tests = pairs[pairs["family"] == SECOND_C4]
    names = ["first_network", "first_layer", "second_network", "second_layer"]
    rows = []
    for key, group in groups_of(tests, *names):
        cells = {test.quantity: _difference(test) for test in rows_of(group)}
        rows.append({"name": f"{' '.join(key[:2])}, {' '.join(key[2:])}", **cells})
    return rows


def _difference(test: Any) -> str:
    shown = between(test.cliffs_delta, test.low, test.high)
    if pd.isna(test.p_holm):
        return shown
    cell = f"{shown}, p = {number(test.p_holm, 2)}"
    return f"**{cell}**" if in_words(test.differs) == in_words(True) else cell


def _controls(controls: pd.DataFrame | None) -> dict[str, Any] | None:
    """Return how many criteria the controls meet, and which indices fail theirs."""
    if controls is None:
        return None
    judged = controls.dropna(subset="holds")  # some are reported without a say
    met = judged["holds"].astype(bool)
    failed = sorted(set(judged.loc[~met, "index"]))
    return {"met": int(met.sum()), "all": len(met), "failed": ", ".join(failed)}


def _seeds(agreement: pd.DataFrame | None) -> str | None:
    """Return the correlations of indices between seeds, over all units."""
    if agreement is None:
        return None
    of_seeds = agreement[(agreement["layer"] == ALL) & agreement["seeds"].notna()]
    parts = []
    for row in rows_of(of_seeds):
        at = "" if pd.isna(row.delta) else f" {row.delta:g}"
        parts.append(f"{row.family}{at} {number(row.value)}")
    return ", ".join(parts) or None


def figure_rows(scale: str) -> list[dict[str, str]]:
    """Return one row per figure: ``number`` (empty in the supplement), ``title``, ``data``.

    ``path`` is that of its picture in the checkout; of their folder if there are several.
    """
    from diversevis.figures.stages import FIGURES

    return [
        {
            "name": figure.name,
            "number": figure.number,
            "title": figure.title,
            "path": f"figures/{figure.scale or scale}/{_picture(figure)}",
            "data": f"../{figure.scale}/{figure.data}" if figure.scale else figure.data,
        }
        for figure in FIGURES
    ]


def _is_made(root: Path, row: Mapping[str, str]) -> bool:
    """Tell whether a figure is there, or is of the scale that is shown: others may not have run."""
    return not row["data"].startswith("../") or (root / row["path"]).exists()


def _picture(figure: Any) -> str:
    file = figure.file or figure.name
    many = "{" in file
    return file.split("/")[0] if many else f"{file}.{figure.kinds[0]}"


# --- Runs ---


def scale_row(root: Path, scale: str) -> dict[str, str]:
    """Return what a scale consists of, and what it took where it was run."""
    settings = _settings(root, scale)
    row = {
        "scale": scale,
        "layers": f"{len(settings.every_layer)}",
        "per_layer": per_layer(settings.units),
    }
    measured = ("units", "time", "memory", "machine")
    if scale not in KEPT:
        return row | dict.fromkeys(measured, NOT_KEPT)
    tables = root / "results" / scale / "tables"
    units, resources = _table(tables / "units.csv"), _table(tables / "resources.csv")
    if units is None:
        return row | dict.fromkeys(measured, NOT_RUN)
    row |= dict.fromkeys(measured, NOT_RECORDED) | {"units": f"{len(units)}"}
    if resources is None:
        return row
    total = resources[resources["rule"] == ALL].iloc[0]
    elsewhere = f"; {total.note}" if isinstance(total.note, str) and total.note else ""
    if not total.measured:
        return row | {"machine": total.note}
    return {
        **row,
        "time": run_time(total),
        "memory": f"{number(total.peak_mib / 1024, 2)} GiB",
        "machine": machine_text(total) + elsewhere,
    }


def per_layer(units: Choice) -> str:
    """Return the number of units per layer, and where it is another one."""
    others = units.other.values()
    parts = [f"{number} in {layer}" for layers in others for layer, number in layers.items()]
    return ", ".join([f"{units.per_layer}", *parts])


def run_time(entry: Any) -> str:
    """Return the time of a run by the resource table; that of all jobs if no other is known."""
    if pd.isna(entry.wall_seconds):
        return f"{duration(entry.seconds)}, jobs summed"
    return duration(entry.wall_seconds)


def machine_text(entry: Any) -> str:
    """Return a machine of the resource table in words."""
    memory = "" if pd.isna(entry.memory_gib) else f", {entry.memory_gib:.0f} GiB"
    return f"{entry.device}, {int(entry.cores)} cores{memory}"


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


def check_text(root: Path, scale: str) -> str | None:
    """Return the outcome of a scale's reproduction check in words, None if there was none."""
    table = _table(root / "results" / scale / "tables" / "reproduction.csv")
    if table is None:
        return None
    reference = _settings(root, scale).reference or "an earlier reference"
    within, units = int(table.within.sum()), len(table.drop_duplicates(UNIT))
    return (
        f"{scale} against {reference}: {within} of {len(table)} values of {units} shared units "
        f"({100 * within / len(table):.1f} %) agree within their tolerance"
    )


# --- Benchmarks ---


def _benchmarks(folder: Path) -> dict[str, Any] | None:
    """Return the ratios of which something was wanted, and the time of a whole layer."""
    ratios = _table(folder / "ratios.csv")
    if ratios is None:
        return None
    origin = read_json(folder / "provenance.json")
    shown = ratios[ratios["wanted"].notna() | (ratios["measure"] == "all_units")]
    rows = [
        {
            "name": row.ratio,
            "value": between(row.value, row.low, row.high),
            "wanted": row.wanted if isinstance(row.wanted, str) else "",
            "holds": "" if pd.isna(row.holds) else {1: "holds", 0: "missed"}[int(row.holds)],
        }
        for row in rows_of(shown)
    ]
    return {"rows": rows, "device": origin["device"], "threads": origin["threads"]}


def _fast(quality: pd.DataFrame | None) -> dict[str, str] | None:
    """Return how sets of the fast schedule compare with those of the published loop."""
    if quality is None:
        return None
    found = quality[quality["schedule"] == "fast"]
    if found.empty:
        return None
    # The precision of the scales, if it was measured.
    entry = found.sort_values("dtype").iloc[0]
    return {
        "dtype": entry["dtype"],
        "where": f"{entry['network']} {entry['layer']}",
        "units": f"{int(entry['compared'])}",
        **{
            name: between(entry[name], entry[f"{name}_low"], entry[f"{name}_high"])
            for name in ("activation", "distance")
        },
    }


def main(root: Path = Path()) -> int:
    """Write README.md and docs of a checkout, by default of the one in the current folder."""
    try:
        check_tables(root, shown_scale(root))
        shown = values(root)
        texts = {target: render(root, template, shown) for template, target in templates(root)}
        for target, text in texts.items():
            write_text(target, text)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    written = ", ".join(str(target) for target in texts)
    print(f"wrote {written} from their templates and the results of {shown_scale(root)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
