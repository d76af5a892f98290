"""The computing stages of a run, each from files to files.

The workflow's rules and `diversevis run` call the same functions: what was computed on a machine
that has PyTorch alone is taken up by the workflow as if it had computed it itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from diversevis import provenance
from diversevis.analysis.selection import choose_units
from diversevis.config import resolved, units_of
from diversevis.controls.units import KINDS
from diversevis.devices import DTYPES, choose_device
from diversevis.errors import UserError
from diversevis.files import write_text
from diversevis.invariance import grating_response, stability
from diversevis.invariance.families import fitting_families, get_family
from diversevis.invariance.indices import COLUMNS, arrays, measure_invariance, rows
from diversevis.invariance.transformation import TEXTURES, Sampling, Trials
from diversevis.layers import CONTROLS, load_units
from diversevis.networks.store import ensure, status
from diversevis.stimuli.natural import load_natural, natural_arrays, natural_responses
from diversevis.stimuli.photographs import SOURCES, load_photographs
from diversevis.synthesis.engine import SCHEDULES, Schedule, of_length
from diversevis.synthesis.output import sweep_arrays, sweep_metrics, write_arrays, write_table
from diversevis.synthesis.sweep import sweep
from diversevis.synthesis.targets import channels
from diversevis.tensors import tensor_digest
from diversevis.units import default_distance

Settings = Mapping[str, Any]


def schedule(settings: Settings, *, steps: str = "steps") -> Schedule:
    """Return the schedule of a part of the configuration: a named one, of so many steps."""
    return of_length(SCHEDULES[settings["schedule"]], settings[steps])


def texture_schedule(settings: Settings, *, steps: str = "steps") -> Schedule:
    """Return the schedule of transformation tests."""
    return of_length(TEXTURES[settings["schedule"]], settings[steps])


def read_config(path: Path) -> dict[str, Any]:
    """Return the configuration in a YAML or JSON file, networks by their full names.

    Raises
    ------
    UserError
        If there is no such file, or it is YAML and there is no PyYAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError("a configuration such as config/full.yaml", str(error), "name it") from None
    if path.suffix == ".json":
        try:
            return resolved(json.loads(text))
        except ValueError as error:
            raise UserError(f"JSON in {path}", str(error), "correct it") from None
    try:
        import yaml
    except ModuleNotFoundError:
        raise UserError(
            "PyYAML for a configuration in YAML",
            "none here",
            "convert it to JSON elsewhere, or install PyYAML",
        ) from None
    try:
        return resolved(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise UserError(f"YAML in {path}", str(error), "correct it") from None


def may_keep(config: Settings, root: Path) -> bool:
    """Tell whether the results in `root` are of this very configuration; record that they will be.

    The device does not count.

    Raises
    ------
    UserError
        If they are of another configuration.
    """
    record = root / "configuration.json"
    wanted = json.loads(json.dumps({**config, "device": None}))
    if record.exists():
        if json.loads(record.read_text(encoding="utf-8")) != wanted:
            raise UserError(
                f"results of this configuration in {root}, or none",
                f"those of another, see {record}",
                "give the configuration another scale, or remove the folder",
            )
        return True
    root.mkdir(parents=True, exist_ok=True)
    write_text(record, json.dumps(wanted, indent=2) + "\n")
    return False


def fetch_network(network: str, path: Path | str) -> None:
    """Fetch a network into the cache, and record at `path` what was fetched."""
    stored = ensure(network)
    _write_record(path, {name: v for name, v in vars(stored).items() if name != "path"})


def fetch_photographs(path: Path | str) -> None:
    """Fetch the photographs into the cache, and record at `path` what was fetched."""
    photographs = load_photographs()
    _write_record(
        path,
        {
            "photographs": list(photographs.shape),
            "tensor_digest": tensor_digest({"photographs": photographs}),
            "source": SOURCES[0].requirement,
            "licence": "CC BY 2.0",
        },
    )


def _write_record(path: Path | str, about: Settings) -> None:
    write_text(Path(path), json.dumps(about, indent=2) + "\n")


def synthesise(
    network: str,
    layer: str,
    out: Mapping[str, Path | str],
    *,
    units: int | str,
    include: Sequence[int] = (),
    settings: Settings,
    seed: int,
    device: str,
    distance: str | None = None,
) -> None:
    """Synthesise restarts and diverse sets of a layer's chosen units.

    Parameters
    ----------
    network, layer
        Where the units are.
    out
        Files ``arrays``, ``table`` and ``provenance``.
    units, include, seed
        As for `choose_units`.
    settings
        ``synthesis`` of the configuration.
    device
        ``auto``, ``cpu`` or ``cuda``.
    distance
        Where images are to differ; by default the layer that ends the previous stage.
    """
    place = choose_device(device)
    layer_units = load_units(network, layer, device=place)
    chosen = choose_units(
        layer_units.channels, units, include=include, seed=seed, name=f"{network}/{layer}"
    )
    distance = default_distance(layer_units) if distance is None else distance
    result = sweep(
        layer_units,
        chosen,
        images=settings["images"],
        grid=settings["grid"],
        fraction=settings["fraction"],
        distance=distance,
        schedule=schedule(settings),
        compute_dtype=DTYPES[settings["precision"]],
        seed=seed,
        progress=True,
    )
    write_arrays(out["arrays"], sweep_arrays(result))
    write_table(out["table"], sweep_metrics(result))
    origin = provenance.record(
        status(network),
        place,
        layer=layer,
        channels=chosen,
        distance=distance,
        seed=seed,
        **settings,
    )
    provenance.write(out["provenance"], origin)


def show_natural(
    network: str, layer: str, out: Path | str, *, patches: int, seed: int, device: str
) -> None:
    """Show natural patches to all units of a layer and write what they answer to `out`."""
    units = load_units(network, layer, device=choose_device(device))
    responses = natural_responses(units, load_photographs(), count=patches, seed=seed)
    write_arrays(out, natural_arrays(responses))


def probe_invariance(
    network: str,
    layer: str,
    repeat: int,
    out: Mapping[str, Path | str],
    *,
    settings: Settings,
    seed: int,
    device: str,
    sweep: Path | str | None = None,
    natural: Path | str | None = None,
) -> None:
    """Measure what a layer's chosen units, or the controls, are invariant to.

    Families that do not fit the layer's patches are left out and listed in the provenance.

    Parameters
    ----------
    network, layer
        Where the units are.
    repeat
        Number of the repetition; all but the first test fewer displacements, under another seed.
    out
        Files ``arrays``, ``table`` and ``provenance``.
    settings
        ``invariance`` of the configuration.
    seed, device
        Of the configuration.
    sweep, natural
        Files of the layer's sweep, which names the units, and of its natural patches; controls
        have neither.
    """
    place = choose_device(device)
    units = load_units(network, layer, device=place)
    if network == CONTROLS:
        chosen, best = list(range(units.channels)), None
    else:
        chosen = _channels(sweep)
        best = load_natural(Path(natural)).best[torch.tensor(chosen)]
    delta = settings["repeat_delta"] if repeat else settings["delta"]
    families, left_out = fitting_families(settings["families"], delta, units.size)
    result = measure_invariance(
        units,
        channels(units, chosen),
        families,
        natural=best,
        learn_masks=settings["learn_masks"] and not repeat,
        sampling=Sampling(settings["per_step"], settings["training"], settings["held_out"]),
        trials=Trials(settings["starts"], settings["trial_steps"]),
        schedule=texture_schedule(
            settings, steps="control_steps" if network == CONTROLS else "steps"
        ),
        peak_schedule=schedule(settings, steps="peak_steps"),
        compute_dtype=DTYPES[settings["precision"]],
        seed=seed + repeat,
        progress=True,
    )
    write_arrays(out["arrays"], arrays(result))
    write_table(out["table"], rows(result), COLUMNS)
    origin = provenance.record(
        None if network == CONTROLS else status(network),
        place,
        layer=layer,
        channels=chosen,
        seed=seed + repeat,
        families_left_out=left_out,
        **settings,
    )
    provenance.write(out["provenance"], origin)


def measure_gratings(
    network: str, layer: str, out: Path | str, *, sweep: Path | str, seed: int, device: str
) -> None:
    """Find the best grating of a layer's chosen units, and their modulation by its phase."""
    units = load_units(network, layer, device=choose_device(device))
    result = grating_response.best_gratings(units, _channels(sweep), seed=seed)
    write_table(out, grating_response.rows(result))


def measure_stability(
    network: str,
    layer: str,
    out: Path | str,
    *,
    sweep: Path | str,
    delta: Sequence[float],
    seed: int,
    device: str,
) -> None:
    """Measure the relative stability of a layer's chosen diverse sets to deformations.

    Where patches are too small to be deformed the table has a header alone.
    """
    units = load_units(network, layer, device=choose_device(device))
    table = []
    if units.size >= get_family("deformations").smallest:
        with np.load(sweep) as content:
            chosen, selected = content["channels"].tolist(), content["selected"]
            images = torch.from_numpy(content["images"][selected, np.arange(len(chosen))])
        for strength in delta:
            result = stability.relative_stability(units, chosen, images, delta=strength, seed=seed)
            table += stability.rows(units, chosen, strength, result)
    write_table(out, table, stability.COLUMNS)


def _channels(sweep: Path | str) -> list[int]:
    with np.load(sweep) as content:
        return content["channels"].tolist()


# --- All stages in order, where there is no workflow ---


@dataclass(frozen=True)
class Stage:
    """One stage of a run: the files it writes, and what writes them."""

    files: tuple[Path, ...]
    compute: Callable[[], None]


def stages(config: Settings, root: Path) -> Iterator[Stage]:
    """Yield the computing stages of a run, in an order in which each finds what it needs.

    Parameters
    ----------
    config
        The configuration of a scale.
    root
        The folder of its results: files lie where the workflow's rules put them.
    """
    seed, device = config["seed"], config["device"]
    at = {"seed": seed, "device": device}

    def synthesis(network: str, layer: str, folder: Path, **settings: Any) -> Stage:
        out = {
            "arrays": folder / "sweep.npz",
            "table": folder / "sweep.csv",
            "provenance": folder / "provenance.json",
        }
        arguments = {
            **units_of(config, network, layer),
            "settings": config["synthesis"],
            **at,
            **settings,
        }
        return Stage(tuple(out.values()), lambda: synthesise(network, layer, out, **arguments))

    def invariance(network: str, layer: str, repeat: int, **inputs: Path) -> Stage:
        folder = root / "invariance" / network / layer / f"seed-{repeat}"
        out = {
            "arrays": folder / "canvases.npz",
            "table": folder / "invariance.csv",
            "provenance": folder / "provenance.json",
        }
        arguments = {"settings": config["invariance"], **at, **inputs}
        return Stage(
            tuple(out.values()),
            lambda: probe_invariance(network, layer, repeat, out, **arguments),
        )

    def one(path: Path, compute: Callable[..., None], *names: str, **settings: Any) -> Stage:
        return Stage((path,), lambda: compute(*names, path, **settings))

    yield one(root / "networks" / "photographs.json", fetch_photographs)
    for network in config["layers"]:
        yield one(root / "networks" / f"{network}.json", fetch_network, network)
    for kind in KINDS:
        yield invariance(CONTROLS, kind, 0)
    for network, layers in config["layers"].items():
        for layer in layers:
            folder = root / "synthesis" / network / layer
            sweep, natural = folder / "sweep.npz", root / "natural" / network / f"{layer}.npz"
            patches = config["natural"]["patches"]
            yield synthesis(network, layer, folder)
            yield one(natural, show_natural, network, layer, patches=patches, **at)
            for repeat in range(config["invariance"]["repeats"]):
                yield invariance(network, layer, repeat, sweep=sweep, natural=natural)
            gratings = root / "gratings" / network / f"{layer}.csv"
            yield one(gratings, measure_gratings, network, layer, sweep=sweep, **at)
            yield one(
                root / "stability" / network / f"{layer}.csv",
                measure_stability,
                network,
                layer,
                sweep=sweep,
                delta=config["invariance"]["delta"],
                **at,
            )
    network, layer = config["distances"]
    yield synthesis(network, layer, root / "distances", distance="pixels")
