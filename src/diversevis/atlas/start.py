"""The start page: the question, one unit that shows it, and two controls to read indices by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from diversevis.atlas import addresses
from diversevis.atlas.pictures import png, sheet
from diversevis.atlas.source import ALL_SHIFTS, Source, best_tests
from diversevis.atlas.unit import path_of, touch_of
from diversevis.fetching.files import cache_directory

CONTROLS_SHOWN = {
    "simple": "A simple cell: one linear filter.",
    "complex": "A complex cell: a pair of filters whose squares are added.",
}


def start_page(
    source: Source, rows: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return what the start page shows, and the pictures of the controls by name."""
    files: dict[str, bytes] = {}
    controls = []
    for kind, words in CONTROLS_SHOWN.items():
        tests = source.control(kind)
        found = None if tests is None else best_tests((tests,), tests.channels[0].item())
        entry = found.get((ALL_SHIFTS, None)) if found else None
        if entry is not None:
            files[f"{kind}.png"] = png(sheet(entry[1].canvases[entry[2]][None], 1))
        controls.append(
            {
                "kind": kind,
                "words": words,
                "touch": None if entry is None else touch_of(*entry),
                "canvas": f"{addresses.SHARED}/{kind}.png",
            }
        )
    return {
        "example": _example(source, rows),
        "controls": controls,
        "networks": [
            {
                "title": source.title(network),
                "href": addresses.link(addresses.network_path(network), "index.html"),
                "units": sum(row["network"] == network for row in rows),
                "layers": [
                    {
                        "name": layer,
                        "href": addresses.link(addresses.layer_path(network, layer), "index.html"),
                        "units": sum((r["network"], r["layer"]) == (network, layer) for r in rows),
                    }
                    for of, layer in source.places
                    if of == network
                ],
            }
            for network in dict.fromkeys(name for name, _ in source.places)
        ],
        "top": _top(source, rows),
    }, files


def _known(source: Source, rows: Sequence[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    """Return the units that have a number and were not left out, the highest first."""
    kept = [row for row in rows if not row["left_out"] and not pd.isna(row.get(name, float("nan")))]
    return sorted(kept, key=lambda row: -float(row[name]))


def _example(source: Source, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the unit whose phase index is furthest above its linear surrogate's."""
    for row in _known(source, rows, "phase_above"):
        path = source.layout.tests(row["network"], row["layer"], 0)["arrays"]
        if not path.is_file():
            continue
        arrays = source.arrays(row["network"], row["layer"])
        entry = best_tests(arrays.seeds, row["channel"]).get((ALL_SHIFTS, None))
        if entry is not None:
            stem = addresses.link(path_of(row), "index.html")
            folder = stem.rpartition("/")[0]
            return {
                "touch": touch_of(*entry),
                "name": f"{source.title(row['network'])} {row['layer']}, unit {row['channel']}",
                "stem": stem,
                "veil": f"{folder}/veil.png",
                "row": row,
            }
    return None


def _top(source: Source, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return, index by index, the units that are highest above their linear surrogates."""
    found = []
    for entry in source.main:
        name = f"{entry.index}_above"
        found.append(
            {
                "title": entry.title,
                "units": [
                    {
                        "href": addresses.link(f"{path_of(row)}.html", "index.html"),
                        "name": source.name(row),
                        "value": row.get(entry.name),
                    }
                    for row in _known(source, rows, name)[:4]
                ],
            }
        )
    return [one for one in found if one["units"]]


def credits_text() -> str:
    """Return the credits of the photographs as they lie in the cache; empty if they do not."""
    path = cache_directory() / "photographs" / "ATTRIBUTION.md"
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
