"""The page of a unit: what it shows, and the files beside it."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from diversevis.analysis.names import parts_of
from diversevis.analysis.tables import UNIT
from diversevis.atlas import addresses, charts
from diversevis.atlas.pictures import png, sheet
from diversevis.atlas.source import ALL_SHIFTS, LayerArrays, Source, best_tests
from diversevis.atlas.words import kind_sentence, kinds_of, rank, sentence
from diversevis.measures import CONTRAST
from diversevis.results.natural import NaturalResult
from diversevis.results.quantities import Quantity, column
from diversevis.results.sets import SweepResult
from diversevis.results.tests import FIXED, FamilyTests, LayerTests

_ZOOMED = 104  # px on a screen, about, of a patch
_CANVAS = 384  # px on a screen, about, of a canvas
_WIDTH, _HEIGHT = 340, 206  # of charts

Files = dict[str, bytes]
"""Content by the end of a file's name, after that of the unit."""


@dataclass(frozen=True)
class Layer:
    """What the pages of a layer's units share.

    Attributes
    ----------
    units, tests, indices : DataFrame
        The layer's rows of these tables.
    scales, strips : list of dict
        Index by index, the layer beside its nulls and controls, and its units on a line.
    """

    units: pd.DataFrame
    tests: pd.DataFrame
    indices: pd.DataFrame
    scales: list[dict[str, Any]]
    strips: list[dict[str, Any]]

    @classmethod
    def of(cls, source: Source, units: pd.DataFrame) -> Layer:
        """Return what the units of a layer share."""
        network, layer = units["network"].iloc[0], units["layer"].iloc[0]

        def of(table: pd.DataFrame) -> pd.DataFrame:
            own: pd.DataFrame = table[(table["network"] == network) & (table["layer"] == layer)]
            return own

        return cls(
            units,
            of(source.tests),
            of(source.indices),
            _scales(source, network, layer, units),
            _strips(source, units),
        )


@dataclass(frozen=True)
class Unit:
    """A unit, and the units to which its page leads.

    Attributes
    ----------
    row : mapping
        Its row of the table of units.
    judged : mapping
        What the second edition says of it.
    before, after : mapping or None
        Rows of its neighbours in the layer.
    alike : sequence of mappings
        Rows of the units that are most alike by indices.
    layer : Layer
        What it shares with the units of its layer.
    """

    row: Mapping[str, Any]
    judged: Mapping[str, str]
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    alike: Sequence[Mapping[str, Any]]
    layer: Layer

    @property
    def path(self) -> str:
        """Of its files, without a suffix."""
        return path_of(self.row)


def path_of(row: Mapping[str, Any]) -> str:
    """Return the path of a unit's files from its row of a table."""
    return addresses.unit_path(row["network"], row["layer"], row["channel"])


def unit_page(source: Source, arrays: LayerArrays, unit: Unit) -> tuple[dict[str, Any], Files]:
    """Return what a unit's page shows, for its template, and the files beside it."""
    row, channel = unit.row, unit.row["channel"]
    title = f"{source.title(row['network'])} {row['layer']}"
    tests = best_tests(arrays.seeds, channel)
    files: Files = {}
    words = sentence(title, row, source.main)
    context = {
        "heading": f"{title}, unit {channel}",
        "row": row,
        "unit": unit,
        "sentence": words,
        "kind": kind_sentence(unit.judged, by_hand=row.get("hand_picked") == 1),
        "kinds": kinds_of(unit.judged),
        "sets": _sets(arrays, channel, files),
        "touch": _touch(tests.get((ALL_SHIFTS, None)), files),
        "families": _families(source, tests, row, files),
        "sweep": _sweep(arrays.sweep, channel, files),
        "contrast": _contrast(arrays.seeds, channel),
        "agreement": _agreement(source, unit),
        "scales": [_scaled(chart, row) for chart in unit.layer.scales],
        "strips": [_marked(strip, unit) for strip in unit.layer.strips],
        "missing": arrays,
    }
    files["json"] = _json(source, unit, words)
    files["csv"] = _own(unit.layer.indices, channel).to_csv(index=False).encode()
    return context, files


def float_arrays(arrays: LayerArrays, channel: Any) -> bytes:
    """Return a unit's patches and canvases as an ``.npz``, patch units in half precision."""
    found: dict[str, Any] = {}
    sweep = arrays.sweep
    if sweep is not None and (place := _place(sweep.levels[0].channels, channel)) is not None:
        found["restarts"] = sweep.levels[0].images[place]
        found["diverse"] = sweep.levels[int(sweep.selected[place])].images[place]
    if (at := _natural_place(arrays.natural, channel)) is not None and arrays.natural:
        found["natural"] = arrays.natural.best[at]
    if (entry := best_tests(arrays.seeds, channel).get((ALL_SHIFTS, None))) is not None:
        of_seed, tests, place = entry
        found |= {"best": of_seed.best[place], "canvas": tests.canvases[place]}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{name: v.astype(np.float16) for name, v in found.items()})
    return buffer.getvalue()


def zoom(side: int, wanted: int) -> int:
    """Return how many pixels of a screen one of a picture takes, so that all are equal."""
    return max(1, round(wanted / side))


def _place(channels: Any, channel: Any) -> int | None:
    (found,) = np.nonzero(channels == channel)
    return int(found[0]) if len(found) else None


def _natural_place(natural: NaturalResult | None, channel: Any) -> int | None:
    """Return the place of a channel among a layer's responses to natural patches: its number."""
    fits = natural is not None and isinstance(channel, int) and 0 <= channel < len(natural.best)
    return int(channel) if fits else None


def _own(table: pd.DataFrame, channel: Any) -> pd.DataFrame:
    own: pd.DataFrame = table[table["channel"] == channel]
    return own


def _sets(arrays: LayerArrays, channel: Any, files: Files) -> dict[str, Any] | None:
    """Return restarts, the chosen set and the best natural patch; their pictures in one sheet."""
    sweep, natural = arrays.sweep, arrays.natural
    place = None if sweep is None else _place(sweep.levels[0].channels, channel)
    groups: list[dict[str, Any]] = []
    cells: list[Any] = []
    columns = 1

    def add(name: str, patches: Any, values: Any, **more: Any) -> None:
        first = len(cells)
        cells.extend(patches)
        values = np.asarray(values, float).tolist()
        groups.append({"name": name, "first": first, "values": values, **more})

    if sweep is not None and place is not None:
        restarts, at = sweep.levels[0], int(sweep.selected[place])
        columns = restarts.images.shape[1]
        add(
            "restarts",
            restarts.images[place],
            restarts.activations[place],
            distance=float(restarts.min_distance[place]),
        )
        chosen = sweep.levels[at]
        add(
            "diverse",
            chosen.images[place],
            chosen.activations[place],
            distance=float(chosen.min_distance[place]),
            chosen=at > 0,
            relative=float(sweep.relative[at]),
            layer=chosen.distance,
        )
    if natural is not None and (own := _natural_place(natural, channel)) is not None:
        pairs = zip(natural.places[own].tolist(), natural.top[own].tolist(), strict=True)
        add(
            "natural",
            natural.best[own][None],
            natural.quantiles[own, -1:],
            count=natural.count,
            places=[
                {"photograph": p[0], "top": p[1], "left": p[2], "response": r}
                for p, r in pairs
                if p[0] >= 0
            ],
        )
    if not groups:
        return None
    side = cells[0].shape[-1]
    files["sets.png"] = png(sheet(np.stack(cells), columns))
    rows = -(-len(cells) // columns)
    return {
        "groups": {group["name"]: group for group in groups},
        "columns": columns,
        "rows": rows,
        "side": side,
        "zoom": zoom(side, _ZOOMED),
    }


def _touch(
    found: tuple[LayerTests, FamilyTests, int] | None, files: Files
) -> dict[str, Any] | None:
    """Return the canvas of all shifts, and what each shift reaches, row by row."""
    if found is None:
        return None
    of_seed, tests, place = found
    files["canvas.png"] = png(sheet(tests.canvases[place][None], 1))
    files["png"] = png(sheet(of_seed.best[place][None], 1))
    return touch_of(of_seed, tests, place)


def touch_of(of_seed: LayerTests, tests: FamilyTests, place: int) -> dict[str, Any]:
    """Return the numbers of the canvas of all shifts; `None` stands where none is known."""
    size, side = of_seed.size, tests.canvases.shape[-1]
    steps = side - size
    corners = tests.members.astype(int)
    inside = (corners < steps).all(1)
    driven = bool(of_seed.driven[place])

    def grid(values: Any, digits: int) -> list[float | None]:
        full = np.full((steps, steps), np.nan)
        full[tuple(corners[inside].T)] = np.asarray(values, float)[inside]
        return [None if math.isnan(v) else round(v, digits) for v in full.ravel().tolist()]

    contrasts = np.asarray(tests.contrasts[place], float)
    contrasts = contrasts if driven else np.full_like(contrasts, np.nan)
    linear = np.asarray(tests.surrogate_responses[place], float)
    f_max = float(of_seed.f_max[place])
    digits = max(0, 3 - math.floor(math.log10(abs(f_max)))) if f_max else 3
    known = contrasts[np.isfinite(contrasts)]
    best = int(np.nanargmax(contrasts)) if len(known) else 0
    return {
        "size": size,
        "side": side,
        "steps": steps,
        "zoom": zoom(side, _CANVAS),
        "contrasts": grid(contrasts, 3),
        "responses": grid(tests.responses[place], digits),
        "linear": grid(linear, 3) if np.isfinite(linear).any() else None,
        "start": [int(v) for v in corners[best]],
        "seed": of_seed.seed,
        "f_max": f_max,
        "count": len(known),
        "mean": float(known.mean()) if len(known) else math.nan,
        "least": float(known.min()) if len(known) else math.nan,
        "most": float(known.max()) if len(known) else math.nan,
        "linear_mean": float(linear.mean()),
        "linear_least": float(linear.min()),
        "linear_most": float(linear.max()),
    }


def _families(
    source: Source,
    tests: Mapping[tuple[str, float | None], tuple[LayerTests, FamilyTests, int]],
    row: Mapping[str, Any],
    files: Files,
) -> list[dict[str, Any]]:
    """Return every other family: its strengths, members that drive the unit most and least."""
    named: dict[str, list[Any]] = {}
    for (family, _), found in tests.items():
        if family != ALL_SHIFTS:
            named.setdefault(family, []).append(found)
    families = []
    for name, strengths in named.items():
        info = strengths[0][1].family
        cells: list[Any] = []
        described: list[dict[str, Any]] = []
        for of_seed, own, place in strengths:
            values = of_seed.measured(own)[place].astype(float)
            linear = np.asarray(own.surrogate_responses[place], float)
            index = row.get(column(info.index, "index", own.delta), math.nan)
            surrogate = row.get(column(info.index, "surrogate", own.delta), math.nan)
            described.append(
                {
                    "delta": own.delta,
                    "index": index,
                    "surrogate": surrogate,
                    "first": len(cells),
                    "most": values[own.shown[place, own.most]].tolist(),
                    "least": values[own.shown[place, own.least]].tolist(),
                    "count": len(values),
                    "lowest": float(values.min()),
                    "highest": float(values.max()),
                    "chart": _ranked(values, linear),
                }
            )
            cells += list(own.patches[place])
        side = cells[0].shape[-1]
        columns = strengths[0][1].shown.shape[1]
        main = [entry for entry in source.main if entry.family == name]
        deltas = [strength["delta"] for strength in described]
        chosen = main[0].delta if main and main[0].delta in deltas else deltas[0]
        files[f"{addresses.safe(name)}.png"] = png(sheet(np.stack(cells), columns))
        families.append(
            {
                "name": addresses.safe(name),
                "title": info.title,
                "colour": info.colour,
                "strengths": described,
                "chosen": deltas.index(chosen),
                "columns": columns,
                "rows": len(described),
                "side": side,
                "zoom": zoom(side, _ZOOMED),
            }
        )
    return families


def _ranked(values: Any, linear: Any) -> dict[str, Any]:
    """Return the chart of all members by rank, and that of the linear surrogate's."""
    x = charts.Axis(0, 100, 34, _WIDTH - 8)
    y = charts.spanning(np.append(values, linear), 138, 24, including=(0, 1))

    def line(content: Any) -> str:
        ordered = np.sort(np.asarray(content, float))[::-1]
        ordered = ordered[np.linspace(0, len(ordered) - 1, min(40, len(ordered))).astype(int)]
        return charts.path(x, y, 100 * (np.arange(len(ordered)) + 0.5) / len(ordered), ordered)

    return {"x": x, "y": y, "own": line(values), "linear": line(linear)}


def _sweep(sweep: SweepResult | None, channel: Any, files: Files) -> dict[str, Any] | None:
    """Return activation and distance at every level, and the sheet of all levels' images."""
    place = None if sweep is None else _place(sweep.levels[0].channels, channel)
    if sweep is None or place is None:
        return None
    levels = sweep.levels
    activations = np.array([level.activations[place].mean() for level in levels], float)
    distances = np.array([level.min_distance[place] for level in levels], float)
    images = np.concatenate([level.images[place] for level in levels])
    count, side = levels[0].images.shape[1], images.shape[-1]
    files["sweep.png"] = png(sheet(images, count))
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = (
            activations / activations[0] if activations[0] > 0 else np.full(len(levels), np.nan)
        )
    x = charts.spanning(distances, 40, _WIDTH - 8, including=(0,))
    y = charts.spanning(shares, _HEIGHT - 34, 24, including=(0.5, 1))
    return {
        "levels": [
            {
                "relative": float(f"{c:.4g}"),
                "activation": float(a),
                "share": float(share),
                "distance": float(d),
                "at": (x.at(d), y.at(share)) if math.isfinite(d + share) else None,
            }
            for c, a, share, d in zip(sweep.relative, activations, shares, distances, strict=True)
        ],
        "chosen": int(sweep.selected[place]),
        "natural": bool(sweep.from_natural[place]),
        "distance": levels[0].distance,
        "columns": count,
        "rows": len(levels),
        "side": side,
        "zoom": zoom(side, _ZOOMED),
        "line": charts.path(x, y, distances, shares),
        "x": x,
        "y": y,
        "width": _WIDTH,
        "height": _HEIGHT,
    }


def _contrast(seeds: Sequence[LayerTests], channel: Any) -> dict[str, Any] | None:
    """Return the curve of the response to the best patch over its contrast."""
    of_seed = max(
        (one for one in seeds if one.place(channel) is not None),
        key=lambda one: float(one.f_max[one.place(channel)]),
        default=None,
    )
    if of_seed is None:
        return None
    place = of_seed.place(channel)
    curve = np.asarray(of_seed.contrast[place], float)
    contrasts = np.linspace(-2, 2, len(curve))
    x = charts.Axis(-2, 2, 40, _WIDTH - 8)
    y = charts.spanning(curve, _HEIGHT - 34, 24, including=(0,))
    some = slice(None, None, max(1, len(curve) // 128))
    f_max = float(of_seed.f_max[place])
    return {
        "line": charts.path(x, y, contrasts[some], curve[some]),
        "x": x,
        "y": y,
        "peak": (x.at(1), y.at(f_max)),
        "f_max": f_max,
        "grey": float(curve[len(curve) // 2]),
        "offset": float(of_seed.offset[place]),
        "elasticity": float(of_seed.elasticity[place]),
        "width": _WIDTH,
        "height": _HEIGHT,
    }


def _agreement(source: Source, unit: Unit) -> dict[str, Any]:
    """Return the indices that each seed found by itself, and what the table made of them."""
    row, own = unit.row, _own(unit.layer.tests, unit.row["channel"])
    seeds = sorted(own["seed"].unique().tolist())
    rows = []
    for entry in source.main:
        same = own[(own["family"] == entry.family) & (own["statistic"] == "mean")]
        same = same[(same["measure"] == CONTRAST) & (same["mask"] == FIXED)]
        same = same[same["delta"].isna() if entry.delta is None else same["delta"] == entry.delta]
        by_seed = same.set_index("seed")["value"].to_dict()
        rows.append(
            {
                "title": entry.title,
                "seeds": [by_seed.get(seed) for seed in seeds],
                "value": row.get(entry.name),
                "uncertainty": row.get(f"{entry.index}_uncertainty"),
                "surrogate": row.get(column(entry.index, "surrogate", entry.delta)),
            }
        )
    return {"seeds": seeds, "rows": rows}


_BESIDE = {"phase": ("simple", "complex"), "shift": (), "deformation": ("rigid", "deformable")}
"""Controls between which an index lies, by its name: without and with the invariance."""


def _scales(source: Source, network: str, layer: str, units: pd.DataFrame) -> list[dict[str, Any]]:
    """Return, index by index, what a layer, its nulls and the controls have above surrogates."""
    nulls = source.nulls
    nulls = nulls[nulls["network"].map(lambda name: parts_of(name)[0]) == network]
    nulls = nulls[nulls["layer"] == layer]
    kinds = nulls["network"].map(lambda name: parts_of(name)[1])
    found = []
    for entry in source.main:
        above = column(entry.index, "above")
        if above not in units:
            continue
        rows = [("its layer", units[above].tolist())]
        if above in nulls:
            rows += [
                (f"null: {kind}", nulls[above][kinds == kind].tolist())
                for kind in dict.fromkeys(kinds)
            ]
        rows += [
            (f"control: {kind}", values)
            for kind in _BESIDE.get(entry.index, ())
            if (values := _of_control(source.controls, kind, entry))
        ]
        x = charts.spanning([v for _, values in rows for v in values], 142, 592, including=(0,))
        found.append(
            {"title": entry.title, "name": above, "x": x, "rows": [_row(*row, x) for row in rows]}
        )
    return found


def _row(label: str, values: Sequence[float], x: charts.Axis) -> dict[str, Any]:
    known = [value for value in values if math.isfinite(value)]
    median = float(np.median(known)) if known else math.nan
    return {
        "label": label,
        "dots": charts.scatter_row(known, x, height=16, radius=2.5),
        "median": median,
        "at": x.at(median) if known else None,
        "count": len(known),
    }


def _scaled(chart: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a chart of `_scales` with a unit's own value."""
    value = float(row.get(chart["name"], math.nan))
    return {**chart, "value": value, "at": chart["x"].at(value) if math.isfinite(value) else None}


def _of_control(controls: pd.DataFrame, kind: str, entry: Quantity) -> list[float]:
    own = controls[(controls["layer"] == kind) & (controls["family"] == entry.family)]
    if not len(own):
        return []
    own = own[(own["statistic"] == "mean") & (own["measure"] == CONTRAST) & (own["mask"] == FIXED)]
    own = own[own["delta"].isna() if entry.delta is None else own["delta"] == entry.delta]
    return (own["value"] - own["surrogate"]).tolist()


def _strips(source: Source, units: pd.DataFrame) -> list[dict[str, Any]]:
    """Return, index by index, all units of a layer on a line."""
    found = []
    for entry in source.main:
        if entry.name not in units:
            continue
        values, channels = units[entry.name].astype(float).tolist(), units["channel"].tolist()
        x = charts.spanning(values, 10, 890, including=(0, 1))
        dots = charts.scatter_row(values, x, height=44, radius=5)
        known = [n for n, value in enumerate(values) if math.isfinite(value)]
        found.append(
            {
                "title": entry.title,
                "name": entry.name,
                "x": x,
                "dots": [(*dots[n], channels[n], values[n]) for n in known],
                "order": [channels[n] for n in sorted(known, key=values.__getitem__)],
            }
        )
    return found


def _marked(strip: Mapping[str, Any], unit: Unit) -> dict[str, Any]:
    """Return a strip of `_strips` with a unit's own place, and the units next to it."""
    channel, order = unit.row["channel"], strip["order"]
    value = float(unit.row.get(strip["name"], math.nan))
    at = order.index(channel) if channel in order else None
    beside = {
        "lower": order[at - 1] if at else None,
        "higher": order[at + 1] if at is not None and at + 1 < len(order) else None,
    }
    place = None if at is None else rank(value, (dot[3] for dot in strip["dots"]))
    return {**strip, "own": channel, "value": value, "rank": place, **beside}


def _json(source: Source, unit: Unit, words: str) -> bytes:
    """Return all numbers of a unit with where they come from."""
    row = unit.row
    about = source.networks.get(parts_of(row["network"])[0], {})
    own = _own(unit.layer.tests, row["channel"])
    content = {
        "kind": "unit of an atlas",
        "version": 1,
        "scale": source.scale,
        "network": {**about, "name": row["network"]},
        "layer": row["layer"],
        "channel": row["channel"],
        "sentence": words,
        "second_edition": dict(unit.judged),
        "numbers": {name: plain(value) for name, value in row.items()},
        "tests": _table(own),
        "provenance": source.provenance(row["network"], row["layer"]),
    }
    return (json.dumps(content, separators=(",", ":"), allow_nan=False) + "\n").encode()


def plain(value: Any) -> Any:
    """Return a cell of a table as JSON has it: nothing where no number is known."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _table(rows: pd.DataFrame) -> dict[str, Any]:
    """Return rows as JSON has them, without what names the unit."""
    names = [name for name in rows if name not in UNIT]
    cells = rows[names].itertuples(index=False)
    return {"columns": names, "rows": [[plain(value) for value in row] for row in cells]}
