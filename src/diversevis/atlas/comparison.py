"""The page that compares networks: all units against each other, and the claims."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

import pandas as pd

from diversevis.analysis.conditions import (
    BENDS,
    DEFORMATION_INVARIANT,
    NEAR_PERFECT,
    PHASE_INVARIANT,
    YES,
)
from diversevis.atlas import addresses
from diversevis.atlas.source import Source, dicts_of
from diversevis.atlas.unit import path_of, plain
from diversevis.atlas.words import shown

_CARRY = {
    ("second", "C2"): (NEAR_PERFECT, "near perfectly phase invariant"),
    ("second", "C3"): (BENDS, "invariant to deformations"),
    ("first", "C2"): (PHASE_INVARIANT, "phase invariant"),
    ("first", "C3"): (DEFORMATION_INVARIANT, "deformation invariant"),
}
"""What units meet that carry a claim, and in words, by edition and claim."""


def comparison_data(
    source: Source, judged: Mapping[str, Mapping[str, str]], pictured: Set[str]
) -> dict[str, Any]:
    """Return all units with all quantities, for the scatter: ready for JSON."""
    entries = [entry for entry in source.registry if entry.name in source.units]
    places = source.places
    units = []
    for row in dicts_of(source.units):
        values = [plain(row[entry.name]) for entry in entries]
        units.append(
            [
                places.index((row["network"], row["layer"])),
                str(row["channel"]),
                addresses.safe(row["channel"]),
                int(path_of(row) in pictured),
                [float(f"{v:.4g}") if isinstance(v, float) else v for v in values],
            ]
        )
    return {
        "quantities": [[entry.name, entry.title] for entry in entries],
        "places": [
            [n, source.title(n), layer, addresses.layer_path(n, layer).removesuffix("index.html")]
            for n, layer in places
        ],
        "units": units,
        "start": _start(source),
    }


def _start(source: Source) -> list[str]:
    names = [entry.name for entry in source.main if entry.name in source.units]
    return [names[0], names[-1]] if names else ["", ""]


def claims_of(source: Source, judged: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    """Return the claims with their verdicts, what decides them, and the units that carry them."""
    tables = [(source.scale, source.claims)]
    if source.beside is not None and source.beside.scale != source.scale:
        tables.append((source.beside.scale, source.beside.claims))
    found = []
    for scale, table in tables:
        if not len(table) or "holds" not in table:
            continue
        for (edition, claim), rows in table.groupby(["edition", "claim"], sort=False):
            first = rows.iloc[0]
            deciding = rows[rows["kind"] == "decides"]
            found.append(
                {
                    "edition": str(edition),
                    "claim": str(claim),
                    "scale": scale,
                    "statement": str(first["statement"]),
                    "verdict": _verdict(first["holds"]),
                    "note": str(first.get("note") or ""),
                    "parts": [_part(row) for row in dicts_of(deciding)],
                    "carried": _carried(source, str(edition), str(claim), judged)
                    if scale == source.scale
                    else [],
                    "what": _CARRY.get((str(edition), str(claim)), ("", ""))[1],
                    "layers": _layers(source, rows),
                }
            )
    return sorted(found, key=lambda one: (one["edition"] != "second", one["claim"]))


def _verdict(holds: Any) -> str:
    if holds is None or pd.isna(holds):
        return "undecided"
    return "holds" if str(holds) == "True" else "does not hold"


def _part(row: Mapping[str, Any]) -> str:
    between = ""
    if not pd.isna(row["low"]):
        between = f" ({shown(row['low'])} to {shown(row['high'])})"
    met = {"True": "met", "False": "not met"}.get(str(row["met"]), "undecided")
    return f"{row['quantity']}: {shown(row['value'])}{between}; {row['criterion']}: {met}"


def _carried(
    source: Source, edition: str, claim: str, judged: Mapping[str, Mapping[str, str]]
) -> list[dict[str, Any]]:
    """Return the units that meet what a claim asks of units, of the networks that it speaks of."""
    name, _ = _CARRY.get((edition, claim), ("", ""))
    criteria = source.criteria.get("second", {}) if edition == "second" else source.criteria
    start = str(criteria.get(claim, {}).get("network", ""))
    found = []
    for row in dicts_of(source.units) if name else ():
        if row["left_out"] or not str(row["network"]).startswith(start):
            continue
        if edition == "second":
            met = judged[path_of(row)].get(name) == YES and row.get("hand_picked") != 1
        else:
            met = str(row.get(name)) == "True"
        if met:
            href = addresses.link(f"{path_of(row)}.html", "comparison.html")
            found.append({"href": href, "name": source.name(row)})
    return found


def _layers(source: Source, rows: pd.DataFrame) -> list[dict[str, str]]:
    """Return the layers that tests of a claim name: ``quantity/network/layer/...``."""
    named = {}
    for part in rows.loc[rows["kind"] == "test", "part"].astype(str):
        words = part.split("/")[1:]
        for network, layer in zip(words[::2], words[1::2], strict=False):
            if (network, layer) in source.places:
                href = addresses.link(addresses.layer_path(network, layer), "comparison.html")
                named[href] = f"{source.title(network)} {layer}"
    return [{"href": href, "name": name} for href, name in named.items()]
