"""The whole atlas: every page and file of a scale's results, written to one folder."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from diversevis.analysis.names import parts_of
from diversevis.atlas import addresses
from diversevis.atlas.comparison import claims_of, comparison_data
from diversevis.atlas.layer import layer_page, thumbnails
from diversevis.atlas.pictures import fading, png
from diversevis.atlas.render import asset, environment, script_json
from diversevis.atlas.source import NULLS, LayerArrays, Source, dicts_of, layers_of
from diversevis.atlas.start import credits_text, start_page
from diversevis.atlas.unit import Layer, Unit, float_arrays, path_of, unit_page
from diversevis.atlas.words import two
from diversevis.errors import UserError
from diversevis.fetching.files import read_error, workspace, write_error

CONTENTS = "atlas.json"
"""The file that says that a folder is an atlas, of which scale, and which files are in it."""

KIND, VERSION = "atlas", 1

_MARK = ".snakemake_timestamp"
"""What Snakemake leaves in folders that it has made."""

_ALIKE = 5
_PICTURES = {
    "png": "best patch",
    "sets.png": "restarts, diverse set, best natural patch",
    "canvas.png": "canvas of all shifts",
    "sweep.png": "the sweep, one level a row",
}


@dataclass(frozen=True)
class Made:
    """What was written.

    Attributes
    ----------
    units, files, size : int
        Pages of units; files in all, and their bytes.
    missing : tuple of str
        Arrays that were not there, which pages say.
    """

    units: int
    files: int
    size: int
    missing: tuple[str, ...]


def make_atlas(results: Path, out: Path, *, arrays: bool = True) -> Made:
    """Write the atlas of a scale's results to a folder, whole or not at all.

    Parameters
    ----------
    results
        Folder of the scale, ``results/standard`` for instance.
    out
        Folder of the atlas. An atlas of the same scale that is there is replaced.
    arrays
        Whether every unit's patches and canvases can be had as arrays, too.

    Raises
    ------
    UserError
        If these are no results, or are damaged; or if the folder holds something else, the atlas of
        another scale for instance.
    """
    source = Source.of(results)
    check_folder(out, source.scale)
    target = out.absolute()
    with workspace(target.parent) as beside:
        new = beside / "new"
        try:
            made = _write(_Site(source, arrays=arrays), new)
            if target.is_dir() and any(target.iterdir()):
                target.rename(beside / "old")
            elif target.is_dir():
                target.rmdir()
            new.rename(target)
        except OSError as error:
            raise write_error(out, error) from error
    return made


def check_folder(out: Path, scale: str) -> None:
    """Raise `UserError` unless a folder is absent, empty, or an atlas of this scale alone."""
    remedy = "name another folder, or remove what is there"
    if not out.exists() and not out.is_symlink():
        return
    wanted = f"a folder for the atlas of {scale}, with nothing else in it"
    if out.is_symlink() or not out.is_dir():
        raise UserError(wanted, f"{out}, which is no folder", remedy)
    try:
        there = {
            (Path(folder) / name).relative_to(out).as_posix()
            for folder, _, names in os.walk(out)
            for name in names
        }
        about = _read(out / CONTENTS)
    except OSError as error:
        raise read_error(out, error) from error
    if there and about is None:
        raise UserError(wanted, f"other files in {out}: {min(there)}", remedy)
    if about and about["scale"] != scale:
        raise UserError(wanted, f"the atlas of {about['scale']} in {out}", remedy)
    if about and (foreign := there - {*about["files"], CONTENTS, _MARK}):
        raise UserError(wanted, f"a file in {out} that is not the atlas's: {min(foreign)}", remedy)


def _read(path: Path) -> dict[str, Any] | None:
    """Return what an atlas says of itself; None if there is none."""
    if not path.is_file():
        return None
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        fits = about["kind"] == KIND and isinstance(about["scale"], str)
        return about if fits and isinstance(about["files"], list) else None
    except (ValueError, KeyError, TypeError):
        return None


def _write(site: _Site, folder: Path) -> Made:
    """Write all files, and then what they are."""
    sizes: dict[str, int] = {}
    for name, content in site.files():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        sizes[name] = len(content)
    about = {
        "kind": KIND,
        "version": VERSION,
        "scale": site.source.scale,
        "missing": list(site.missing),
        "files": sorted(sizes),
    }
    (folder / CONTENTS).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return Made(len(site.source.units), len(sizes), sum(sizes.values()), tuple(site.missing))


class _Site:
    """The pages of a source, layer by layer: the arrays of one are in memory at a time."""

    def __init__(self, source: Source, *, arrays: bool) -> None:
        self.source, self.arrays = source, arrays
        self.templates = environment()
        self.missing: list[str] = []
        self.rows = dicts_of(source.units)
        judged = dicts_of(source.judged) or [{} for _ in self.rows]
        self.judged = {path_of(row): said for row, said in zip(self.rows, judged, strict=True)}
        self.pictured: set[str] = set()
        self.networks = list(dict.fromkeys(network for network, _ in source.places))

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield every file: its path in the atlas, and its content."""
        folder = addresses.SHARED
        for name in ("atlas.css", "atlas.js", "wall.js", "plot.js"):
            yield f"{folder}/{name}", asset(name)
        yield f"{folder}/names.js", f"window.NAMES = {script_json(self._names())};\n".encode()
        walls: dict[tuple[str, str], dict[str, Any]] = {}
        self.pictured = self._with_best_patches()
        for (network, layer), own in layers_of(self.source.units):
            arrays = self.source.arrays(network, layer)
            self.missing += arrays.missing
            yield from self._layer(arrays, own, walls)
        for network in self.networks:
            page = addresses.network_path(network)
            yield page, self._network(network, page, walls)
        data = comparison_data(self.source, self.judged, self.pictured)
        yield f"{folder}/units.js", f"window.UNITS = {script_json(data)};\n".encode()
        claims = claims_of(self.source, self.judged)
        yield (
            "comparison.html",
            self._page(
                "comparison.html", "comparison.html", "comparison", claims=claims, data=data
            ),
        )
        shown, pictures = start_page(self.source, self.rows)
        for name, content in pictures.items():
            yield f"{folder}/{name}", content
        yield "index.html", self._page("index.html", "start.html", "start", **shown)
        yield "credits.html", self._page("credits.html", "credits.html", "", text=credits_text())

    def _names(self) -> list[Any]:
        return [
            [
                network,
                self.source.title(network),
                [
                    [
                        layer,
                        addresses.layer_path(network, layer).removesuffix("index.html"),
                        [[str(c), addresses.safe(c)] for c in self._channels(network, layer)],
                    ]
                    for of, layer in self.source.places
                    if of == network
                ],
            ]
            for network in self.networks
        ]

    def _channels(self, network: str, layer: str) -> list[Any]:
        return [r["channel"] for r in self.rows if (r["network"], r["layer"]) == (network, layer)]

    def _with_best_patches(self) -> set[str]:
        """Return the paths of units with a picture of their best patch."""
        shown = {place: self.source.pictured(*place) for place in self.source.places}
        return {
            path_of(row)
            for row in self.rows
            if row["channel"] in shown[row["network"], row["layer"]]
        }

    def _page(self, path: str, template: str, here: str, **shown: Any) -> bytes:
        """Return a page, with what every page shows."""
        root = addresses.link(".", path)
        root = "" if root == "." else f"{root}/"
        frame = {
            "root": root,
            "page": template.removesuffix(".html"),
            "here": here,
            "scale": self.source.scale,
            "nulls": NULLS if len(self.source.nulls) and self.source.scale != NULLS else "",
            "command": self.source.command,
            "source_networks": [
                (self.source.title(name), addresses.link(addresses.network_path(name), path))
                for name in self.networks
            ],
            "title": "Atlas of invariances",
        }
        text = self.templates.get_template(template).render({**frame, **shown})
        return text.encode()

    def _layer(
        self,
        arrays: LayerArrays,
        own: pd.DataFrame,
        walls: dict[tuple[str, str], dict[str, Any]],
    ) -> Iterator[tuple[str, bytes]]:
        network, layer = arrays.network, arrays.layer
        folder = addresses.layer_path(network, layer).removesuffix("index.html")
        rows = dicts_of(own)
        veil = bool(arrays.seeds)
        if arrays.seeds:
            yield f"{folder}veil.png", png(fading(arrays.seeds[0].families[0].masks[0]))
        thumbs = thumbnails(arrays, [row["channel"] for row in rows])
        if thumbs.picture is not None:
            yield f"{folder}wall.png", thumbs.picture
        shown = layer_page(self.source, network, layer, rows, self.judged, thumbs)
        walls[network, layer] = shown
        page = addresses.layer_path(network, layer)
        places = [place for place in self.source.places if place[0] == network]
        at = places.index((network, layer))
        neighbours = {
            name: addresses.link(addresses.layer_path(*places[other]), page)
            if 0 <= other < len(places)
            else ""
            for name, other in (("before", at - 1), ("after", at + 1))
        }
        yield (
            page,
            self._page(
                page,
                "layer.html",
                self.source.title(network),
                network_title=self.source.title(network),
                **neighbours,
                **shown,
                missing=arrays.missing,
            ),
        )
        shared = Layer.of(self.source, own)
        for number, row in enumerate(rows):
            unit = Unit(
                row,
                self.judged[path_of(row)],
                rows[number - 1] if number else None,
                rows[number + 1] if number + 1 < len(rows) else None,
                self._alike(row),
                shared,
            )
            yield from self._unit(arrays, unit, veil=veil)

    def _unit(self, arrays: LayerArrays, unit: Unit, *, veil: bool) -> Iterator[tuple[str, bytes]]:
        source, row, page = self.source, unit.row, f"{unit.path}.html"
        shown, files = unit_page(source, arrays, unit)
        if self.arrays:
            files["npz"] = float_arrays(arrays, row["channel"])

        def to(other: Mapping[str, Any]) -> str:
            return addresses.link(f"{path_of(other)}.html", page)

        def step(other: Mapping[str, Any] | None) -> dict[str, Any] | None:
            return None if other is None else {"href": to(other), "channel": other["channel"]}

        stem = addresses.link(unit.path, page)
        families = [
            (f"{family['name']}.png", f"members of {family['title']}, one strength a row")
            for family in shown["families"]
        ]
        base = parts_of(row["network"])[0]
        shown |= {
            "title": f"{shown['heading']} \N{EN DASH} Atlas of invariances",
            "network_title": source.title(row["network"]),
            "stem": stem,
            "to": lambda channel: to({**row, "channel": channel}),
            "veil": "veil.png" if veil else "",
            "before": step(unit.before),
            "after": step(unit.after),
            "alike": [
                {
                    "href": to(other),
                    "picture": addresses.link(f"{path_of(other)}.png", page)
                    if path_of(other) in self.pictured
                    else "",
                    "name": source.name(other),
                    "values": [two(other.get(entry.name)) for entry in source.main],
                }
                for other in unit.alike
            ],
            "main_titles": [entry.title for entry in source.main],
            "pictures": [*((n, w) for n, w in _PICTURES.items() if n in files), *families],
            "has_arrays": self.arrays,
            "has_nulls": any(
                "null" in line["label"] for c in shown["scales"] for line in c["rows"]
            ),
            "weights": source.networks.get(base, {}).get("weights_sha256") or "not recorded",
        }
        yield page, self._page(page, "unit.html", source.title(row["network"]), **shown)
        for ending, content in files.items():
            yield f"{unit.path}.{ending}", content

    def _alike(self, row: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """Return the units nearest by indices and variation, each in standard deviations."""
        names, table = self._features()
        own = next(at for at, path in enumerate(names) if path == path_of(row))
        far = np.square(table - table[own]).sum(1)
        far[own] = math.nan
        order = [int(at) for at in np.argsort(far) if math.isfinite(far[at])]
        return [self.rows[at] for at in order[:_ALIKE]]

    def _features(self) -> tuple[list[str], Any]:
        if not hasattr(self, "_table"):
            units = self.source.units
            wanted = [entry.name for entry in self.source.main]
            wanted += [
                entry.name
                for entry in self.source.registry
                if entry.name.endswith("phase_variation")
            ]
            table = units[[name for name in wanted if name in units]].to_numpy(float)
            with np.errstate(all="ignore"):
                spread = np.nanstd(table, 0)
            self._table = (
                [path_of(row) for row in self.rows],
                table / np.where(spread > 0, spread, 1),
            )
        return self._table

    def _network(
        self, network: str, page: str, walls: Mapping[tuple[str, str], dict[str, Any]]
    ) -> bytes:
        title = self.source.title(network)
        own = [
            {
                **walls[place],
                "href": addresses.link(addresses.layer_path(*place), page),
                "sheet": addresses.link(
                    addresses.layer_path(*place).replace("index.html", "wall.png"), page
                ),
            }
            for place in self.source.places
            if place[0] == network
        ]
        about = self.source.networks.get(parts_of(network)[0], {})
        at = self.networks.index(network)
        neighbours = {
            name: addresses.link(addresses.network_path(self.networks[other]), page)
            if 0 <= other < len(self.networks)
            else ""
            for name, other in (("before", at - 1), ("after", at + 1))
        }
        return self._page(
            page,
            "network.html",
            title,
            network_title=title,
            title=f"{title} \N{EN DASH} Atlas of invariances",
            layers=own,
            about=about,
            **neighbours,
        )
