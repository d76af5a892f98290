"""README.md from its template and the results: every measured number in it comes from a table."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import yaml

from diversevis.analysis.layers import ALL
from diversevis.analysis.pairs import CLAIM
from diversevis.analysis.tables import UNIT, read_frame
from diversevis.analysis.verdicts import between, in_words, number, verdicts
from diversevis.errors import UserError
from diversevis.files import write_text
from diversevis.invariance.transformation import TEXTURES
from diversevis.synthesis.engine import SCHEDULES

TEMPLATE = Path("docs", "README.template.md")
TARGET = Path("README.md")
SCALES = ("quick", "standard", "full")
"""From the smallest to the largest; the largest that has results is shown."""

NOT_RUN = "not run"
PAIR_QUANTITIES = ("phase_above", "deformation_above")


def render(root: Path) -> str:
    """Return the text of README.md.

    Parameters
    ----------
    root
        A checkout: its folders docs, config, results are read.

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
    )
    shown = values(root)
    try:
        template = environment.from_string((root / TEMPLATE).read_text(encoding="utf-8"))
        return template.render(shown)
    except jinja2.TemplateError as error:
        remedy = "mend the template, or add it to diversevis.analysis.readme.values"
        raise UserError(f"only known values in {TEMPLATE}", str(error), remedy) from None


def values(root: Path) -> dict[str, Any]:
    """Return what the template may show, numbers as texts; what was not measured is None."""
    scale = shown_scale(root)
    tables = root / "results" / scale / "tables"
    config = _config(root, scale)
    layers = _table(tables / "layers.csv")
    return {
        "scale": scale,
        "config": config,
        "criteria": yaml.safe_load((root / "config" / "criteria.yaml").read_text()),
        "published": {
            "sets": SCHEDULES["published"].steps,
            "tests": TEXTURES["published"].steps,
        },
        "verdicts": verdicts(read_frame(tables / "claims.csv")),
        "layers": None if layers is None else layer_rows(layers),
        "pairs": pair_rows(_table(tables / "pairs.csv")),
        "controls": _controls(_table(tables / "controls.csv")),
        "seeds": _seeds(_table(tables / "agreement.csv")),
        "units": len(read_frame(tables / "units.csv")),
        "scales": [scale_row(root, name) for name in SCALES],
        "checks": [text for name in SCALES if (text := check_text(root, name))],
        "benchmarks": _benchmarks(root / "results" / "benchmarks"),
        "fast": _fast(_table(root / "results" / "benchmarks" / "quality.csv")),
    }


def shown_scale(root: Path) -> str:
    """Return the largest scale that has results in `root`; raise `UserError` if none has."""
    for scale in reversed(SCALES):
        if (root / "results" / scale / "tables" / "claims.csv").exists():
            return scale
    raise UserError(f"results of a scale in {root / 'results'}", "none", "run make reproduce")


def _table(path: Path) -> pd.DataFrame | None:
    """Return a table, or None if it was not made, or has no rows."""
    if not path.exists():
        return None
    table = read_frame(path)
    return table if len(table) else None


def _config(root: Path, scale: str) -> dict[str, Any]:
    return yaml.safe_load((root / "config" / f"{scale}.yaml").read_text(encoding="utf-8"))


# --- Results ---


def layer_rows(layers: pd.DataFrame) -> list[dict[str, str]]:
    """Return one row a layer: medians and counts of units, from the layer table."""
    rows = []
    of_layers = layers[(layers.layer != ALL) & (layers.network != ALL)]
    for (network, layer), group in of_layers.groupby(["network", "layer"], sort=False):
        found = group.set_index("quantity")

        def median(name: str, found: pd.DataFrame = found) -> str:
            entry = found.loc[name]
            return between(entry.value, entry.low, entry.high)

        def count(name: str, found: pd.DataFrame = found) -> str:
            entry = found.loc[name]
            if pd.isna(entry.value):
                return number(entry.value)
            return f"{round(entry.value * entry.units)} of {int(entry.units)}"

        rows.append(
            {
                "name": f"{network} {layer}",
                "size": f"{int(group['size'].iloc[0])}",
                "distance_ratio": median("distance_ratio"),
                "phase_index": median("phase_index"),
                "phase_invariant": count("phase_invariant"),
                "deformation_above": median("deformation_above"),
                "deformation_invariant": count("deformation_invariant"),
            }
        )
    return rows


def pair_rows(pairs: pd.DataFrame | None) -> list[dict[str, Any]]:
    """Return one row a pair of layers: Cliff's delta of what claim C4 rests on."""
    if pairs is None:
        return []
    tests = pairs[pairs.family == CLAIM]
    names = ["first_network", "first_layer", "second_network", "second_layer"]
    rows = []
    for key, group in tests.groupby(names, sort=False):
        first, second = " ".join(key[:2]), " ".join(key[2:])
        found = {test.quantity: _difference(test) for test in group.itertuples()}
        missing = number(float("nan"))
        cells = {name: found.get(name, missing) for name in PAIR_QUANTITIES}
        rows.append({"name": f"{first}, {second}", **cells})
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
    met = controls.holds.map(in_words) == in_words(True)
    failed = sorted(set(controls[~met]["index"]))
    return {"met": int(met.sum()), "all": len(met), "failed": ", ".join(failed)}


def _seeds(agreement: pd.DataFrame | None) -> str | None:
    """Return the correlations of indices between seeds, over all units."""
    if agreement is None:
        return None
    of_seeds = agreement[(agreement.layer == ALL) & agreement.quantity.str.contains(": seed")]
    parts = [f"{row.quantity.split(':')[0]} {number(row.value)}" for row in of_seeds.itertuples()]
    return ", ".join(parts) or None


# --- Runs ---


def scale_row(root: Path, scale: str) -> dict[str, str]:
    """Return what a scale consists of, and what it took where it was run."""
    config = _config(root, scale)
    layers = sum(len(names) for names in config["layers"].values())
    row = {"scale": scale, "layers": f"{layers}", "per_layer": per_layer(config["units"])}
    tables = root / "results" / scale / "tables"
    units, resources = _table(tables / "units.csv"), _table(tables / "resources.csv")
    row["units"] = NOT_RUN if units is None else f"{len(units)}"
    blank = NOT_RUN if units is None else "not recorded"
    if resources is None:
        return {**row, "time": blank, "memory": blank, "machine": blank}
    total = resources[resources.rule == ALL].iloc[0]
    elsewhere = f"; {total.note}" if isinstance(total.note, str) else ""
    if not total.measured:
        return {**row, "time": blank, "memory": blank, "machine": total.note}
    return {
        **row,
        "time": run_time(total),
        "memory": f"{number(total.peak_mib / 1024, 2)} GiB",
        "machine": machine_text(total) + elsewhere,
    }


def per_layer(units: Mapping[str, Any]) -> str:
    """Return the number of units a layer, and where it is another one."""
    others = units.get("other", {}).values()
    parts = [f"{number} in {layer}" for layers in others for layer, number in layers.items()]
    return ", ".join([f"{units['per_layer']}", *parts])


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
    reference = _config(root, scale)["reference"] or "an earlier reference"
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
    origin = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    shown = ratios[ratios.wanted.notna() | ratios.ratio.str.startswith("seconds for")]
    rows = [
        {
            "name": row.ratio,
            "value": between(row.value, row.low, row.high),
            "wanted": row.wanted if isinstance(row.wanted, str) else "",
            "holds": "" if pd.isna(row.holds) else {1: "holds", 0: "missed"}[int(row.holds)],
        }
        for row in shown.itertuples()
    ]
    return {"rows": rows, "device": origin["device"], "threads": origin["threads"]}


def _fast(quality: pd.DataFrame | None) -> dict[str, str] | None:
    """Return how sets of the fast schedule compare with those of the published loop."""
    if quality is None:
        return None
    found = quality[quality.contender.str.startswith("fast schedule, ")]
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
    """Write README.md of a checkout, by default of the one in the current folder."""
    try:
        write_text(root / TARGET, render(root))
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"wrote {root / TARGET} from {TEMPLATE} and the results of {shown_scale(root)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
