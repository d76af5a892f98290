"""The page of a layer: a wall of its units, and how their numbers are distributed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diversevis.atlas import addresses, charts
from diversevis.atlas.pictures import png, sheet
from diversevis.atlas.source import LayerArrays, Source
from diversevis.atlas.unit import path_of, plain, zoom
from diversevis.atlas.words import KINDS, kinds_of, two
from diversevis.results.best import best_of
from diversevis.results.formats import Array, place_in
from diversevis.results.quantities import column

_COLUMNS = 16
_WIDE = 96  # px on a screen of a thumbnail, at most about
_BINS = 20


@dataclass(frozen=True)
class Thumbnails:
    """One sheet of a picture for each unit.

    Attributes
    ----------
    picture : bytes or None
        As a PNG file; None if there is nothing to show.
    places : dict
        Places of channels in the sheet; those without a picture are not among them.
    side : int
        Of a picture, in pixels.
    shows : str
        What pictures are, in words.
    """

    picture: bytes | None
    places: Mapping[Any, int]
    side: int
    shows: str


def thumbnails(arrays: LayerArrays, channels: Sequence[Any]) -> Thumbnails:
    """Return each unit's best patch, or else its first restart."""
    found: Array | None = None
    known: Array = np.array([])
    shows = ""
    if arrays.seeds:
        known, found = arrays.seeds[0].channels, best_of(arrays.seeds).patches
        shows = "best patch"
    elif arrays.sweep is not None:
        restarts = arrays.sweep.levels[0]
        known, found, shows = restarts.channels, restarts.images[:, 0], "restart"
    places = {c: place for c in channels if (place := place_in(known, c)) is not None}
    if found is None or not places:
        return Thumbnails(None, {}, 1, "")
    cells = found[list(places.values())]
    picture = png(sheet(cells, min(_COLUMNS, len(cells))))
    return Thumbnails(picture, {c: at for at, c in enumerate(places)}, int(cells.shape[-1]), shows)


def layer_page(
    source: Source,
    network: str,
    layer: str,
    rows: Sequence[Mapping[str, Any]],
    judged: Mapping[str, Mapping[str, str]],
    thumbs: Thumbnails,
) -> dict[str, Any]:
    """Return what a layer's page shows, for its template."""
    entries = [entry for entry in source.registry if entry.name in rows[0]]
    units = [
        {
            "channel": row["channel"],
            "href": addresses.link(f"{path_of(row)}.html", addresses.layer_path(network, layer)),
            "at": thumbs.places.get(row["channel"]),
            "kinds": kinds_of(judged[path_of(row)]),
            "left_out": row["left_out"],
            "phase": row.get(source.main[0].name) if source.main else None,
            "text": "; ".join(f"{e.title} {two(row.get(e.name))}" for e in source.main),
        }
        for row in rows
    ]
    count = len(thumbs.places)
    columns = min(_COLUMNS, count) or 1
    counts = {kind: sum(kind in unit["kinds"] for unit in units) for kind in KINDS}
    return {
        "network": network,
        "layer": layer,
        "title": f"{source.title(network)} {layer} \N{EN DASH} Atlas of invariances",
        "size": int(rows[0]["size"]),
        "units": units,
        "part": {
            "side": thumbs.side,
            "zoom": zoom(thumbs.side, _WIDE),
            "columns": columns,
            "rows": -(-count // columns) or 1,
        },
        "wide": thumbs.side * zoom(thumbs.side, _WIDE),
        "shows": thumbs.shows,
        "kinds": [(kind, words, counts[kind]) for kind, words in KINDS.items() if counts[kind]],
        "quantities": [(entry.name, entry.title) for entry in entries],
        "ranges": [(entry.name, entry.title) for entry in source.main if entry.name in rows[0]],
        "data": {
            "quantities": [entry.name for entry in entries],
            "main": source.main[0].name if source.main else "",
            "units": [
                [str(unit["channel"]), unit["kinds"], [_short(row.get(e.name)) for e in entries]]
                for unit, row in zip(units, rows, strict=True)
            ],
        },
        "distributions": _distributions(source, rows),
        "medians": [
            (entry.title, _median([row.get(entry.name) for row in rows])) for entry in source.main
        ],
    }


def _short(value: Any) -> Any:
    value = plain(value)
    return float(f"{value:.5g}") if isinstance(value, float) else value


def _median(values: Sequence[Any]) -> float:
    known = [float(v) for v in values if v is not None and math.isfinite(float(v))]
    return float(np.median(known)) if known else math.nan


def _distributions(source: Source, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return histograms of indices, with those of linear surrogates, and of what else varies."""
    found = []
    wanted = [(entry, column(entry.index, "surrogate", entry.delta)) for entry in source.main]
    wanted += [
        (entry, "")
        for entry in source.registry
        if entry.name in ("phase_variation", "f1_f0", "distance_ratio")
    ]
    for entry, linear in wanted:
        values = np.array([row.get(entry.name, math.nan) for row in rows], float)
        others = np.array([row.get(linear, math.nan) for row in rows], float)
        known = values[np.isfinite(values)]
        if not len(known):
            continue
        is_index = bool(linear)
        low = min(0.0, float(known.min()))
        # One unit far from all others leaves the rest room.
        high = max(1.0, float(known.max())) if is_index else float(np.quantile(known, 0.98))
        high = high if high > low else low + 1.0
        x = charts.Axis(low, high, 8, 292)
        bars, beside = (charts.histogram(v, low, high, _BINS) for v in (values, others))
        most = max(int(bars.max()), int(beside.max()), 1)
        wide = (292 - 8) / _BINS

        def shapes(counts: Array, most: int = most, wide: float = wide) -> list[Any]:
            return [
                (round(8 + at * wide, 1), round(78 - 70 * n / most, 1), round(70 * n / most, 1))
                for at, n in enumerate(counts.tolist())
                if n
            ]

        found.append(
            {
                "title": entry.title,
                "x": x,
                "bars": shapes(bars),
                "linear": shapes(beside) if is_index else [],
                "wide": round(wide - 1, 1),
                "median": float(np.median(known)),
                "low": float(known.min()),
                "high": float(known.max()),
                "beyond": int((known > high).sum()),
            }
        )
    return found
