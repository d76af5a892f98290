"""The command line: look at any unit in seconds."""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

import diversevis
from diversevis import provenance
from diversevis.devices import DTYPES, choose_device, keep_memory
from diversevis.errors import NonFiniteLossError, UserError
from diversevis.figures import try_contact_sheet, try_unit_figures
from diversevis.files import cache_directory, output_directory
from diversevis.invariance.families import FAMILIES, build_families
from diversevis.invariance.indices import COLUMNS, measure_invariance, rows
from diversevis.invariance.indices import arrays as invariance_arrays
from diversevis.invariance.transformation import DEFAULT_SAMPLING, TEXTURES, Sampling
from diversevis.layers import CONTROLS, best_natural_patches, load_units
from diversevis.networks.registry import NETWORKS, Network, get_network
from diversevis.networks.store import ensure, status
from diversevis.networks.trunk import (
    find_layer,
    layers,
    load_trunk,
)
from diversevis.stages import may_keep, read_config, stages
from diversevis.synthesis.diverse import diverse_sets
from diversevis.synthesis.engine import SCHEDULES, Schedule, of_length
from diversevis.synthesis.output import (
    METRICS,
    arrays,
    metrics,
    read_table,
    sweep_arrays,
    sweep_metrics,
    write_arrays,
    write_table,
)
from diversevis.synthesis.sweep import DEFAULT_GRID, sweep
from diversevis.synthesis.targets import channels, check_channels
from diversevis.units import check_distance, default_distance

_NATURAL_PATCHES = 2000
"""Natural patches among which each unit's best one is looked for."""

BAD_INPUT, FAILED, INTERRUPTED = 2, 1, 130
"""Exit codes: something the user can put right; a computation that broke; Ctrl-C."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    options = _parser().parse_args(arguments)
    keep_memory()
    try:
        options.run(options)
    except UserError as error:
        print(f"diversevis: {error}", file=sys.stderr)
        return BAD_INPUT
    except torch.OutOfMemoryError as error:
        print(f"diversevis: out of memory: {error}; take --device cpu", file=sys.stderr)
        return BAD_INPUT
    except NonFiniteLossError as error:
        print(f"diversevis: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("diversevis: interrupted; the same command starts again", file=sys.stderr)
        return INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="diversevis", description=diversevis.__doc__)
    parser.add_argument("--version", action="version", version=diversevis.__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    listing = commands.add_parser("networks", help="list networks, their layers, and the cache")
    listing.set_defaults(run=_networks)

    fetching = commands.add_parser("fetch", help="fetch, verify and convert networks")
    fetching.add_argument("networks", nargs="+", metavar="NETWORK")
    fetching.set_defaults(run=_fetch)

    look = commands.add_parser("visualize", help="synthesise diverse images of units")
    look.add_argument("network", metavar="NETWORK")
    look.add_argument("layer", metavar="LAYER")
    look.add_argument("channels", nargs="+", type=int, metavar="CHANNEL")
    look.add_argument("--images", type=int, default=6, metavar="N", help="images a set (6)")
    how = look.add_mutually_exclusive_group()
    how.add_argument(
        "--diversity", type=float, metavar="LAMBDA", help="weight of the smallest distance"
    )
    how.add_argument(
        "--sweep",
        action="store_true",
        help="find each unit's largest diversity that keeps 90 %% of restart activation (default)",
    )
    look.add_argument(
        "--distance", metavar="pixels|LAYER", help="where images differ (end of the stage before)"
    )
    look.add_argument("--steps", type=int, metavar="N", help="most steps (2000; fast: 120)")
    _common(look)
    look.add_argument("--out", type=Path, metavar="DIR", help="(visualizations/NETWORK/LAYER)")
    look.set_defaults(run=_visualize)

    test = commands.add_parser(
        "invariance", help="measure what units are invariant to (NETWORK may be controls)"
    )
    test.add_argument("network", metavar="NETWORK")
    test.add_argument("layer", metavar="LAYER")
    test.add_argument("channels", nargs="+", type=int, metavar="CHANNEL")
    test.add_argument(
        "--families",
        type=_names,
        default=["all-shifts", "shifts", "deformations"],
        metavar="NAME,...",
        help=f"of {', '.join(FAMILIES)} (the first three)",
    )
    test.add_argument(
        "--delta",
        type=_numbers,
        default=[1.0, 2.0, 3.0],
        metavar="PX,...",
        help="displacements in pixels per 24 px of patch (1,2,3)",
    )
    test.add_argument("--steps", type=int, metavar="N", help="steps a canvas (700; fast: 100)")
    test.add_argument(
        "--members",
        type=int,
        default=DEFAULT_SAMPLING.per_step,
        metavar="N",
        help=f"members a step ({DEFAULT_SAMPLING.per_step})",
    )
    _common(test)
    test.add_argument("--out", type=Path, metavar="DIR", help="(invariance/NETWORK/LAYER)")
    test.set_defaults(run=_invariance)

    batch = commands.add_parser(
        "run",
        help="compute all arrays of a configuration, where there is PyTorch but no workflow",
        description="What an earlier run of the same configuration made is kept. The workflow "
        "takes the results up: it then has only tables and figures left to make.",
    )
    batch.add_argument("config", type=Path, metavar="FILE", help="config/SCALE.yaml, or as JSON")
    batch.add_argument("--device", choices=("auto", "cpu", "cuda"), help="(the configuration's)")
    batch.add_argument("--out", type=Path, default=Path("results"), metavar="DIR", help="(results)")
    batch.set_defaults(run=_run)
    return parser


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument(
        "--schedule",
        choices=tuple(SCHEDULES),
        default="published",
        help="fast ends as high or higher in a seventh of the steps (published)",
    )
    parser.add_argument(
        "--precision",
        choices=tuple(DTYPES),
        default="float32",
        help="of the steps; results are always evaluated in float32",
    )


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _numbers(text: str) -> list[float]:
    try:
        return [float(number) for number in _names(text)]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"numbers with commas, not {text!r}") from error


def _networks(_options: argparse.Namespace) -> None:
    for network in NETWORKS.values():
        stored = status(network)
        held = f"cached, from {stored.source}" if stored else "not fetched yet"
        print(f"{network.name}: {network.title}\n  {held}\n  licence: {network.licence}")
        print(f"  {'layer':<12}{'receptive field':>15}{'units':>8}")
        for step in layers(network):
            print(f"  {step.layer:<12}{step.geometry.size:>12} px{step.units:>8}")
        print()
    print(f"cache: {cache_directory()}")


def _fetch(options: argparse.Namespace) -> None:
    for name in [get_network(name).name for name in options.networks]:
        stored = ensure(name)
        print(f"{name}: {stored.path} (from {stored.source})")


def _run(options: argparse.Namespace) -> None:
    config = read_config(options.config)
    if options.device:
        config["device"] = options.device
    root = options.out / config["scale"]
    keep = may_keep(config, root)
    device = provenance.device_name(choose_device(config["device"]).type)
    record = root / "timings.csv"
    timings = read_table(record) if keep and record.exists() else []
    for stage in stages(config, root):
        name = stage.files[0].relative_to(root)
        if keep and all(path.exists() for path in stage.files):
            print(f"{name}: kept")
            continue
        begin = time.monotonic()
        for path in stage.files:
            path.parent.mkdir(parents=True, exist_ok=True)
        stage.compute()
        taken = time.monotonic() - begin
        timings = [row for row in timings if row["stage"] != str(name)]
        timings.append({"stage": str(name), "seconds": round(taken, 1), "device": device})
        write_table(record, timings)
        print(f"{name}: {taken:.0f} s", flush=True)
    total = sum(float(row["seconds"]) for row in timings)
    print(f"{len(timings)} stages, {total:.0f} s; written to {root}")


def _schedule(named: Mapping[str, Schedule], options: argparse.Namespace) -> Schedule:
    schedule = named[options.schedule]
    if options.steps is None:
        return schedule
    if options.steps < 1:
        raise UserError("at least one step", str(options.steps), "give --steps a larger number")
    return of_length(schedule, options.steps)


def _check_before_fetching(network: Network, options: argparse.Namespace) -> int:
    """Check layer and channels, which needs no weights; return the receptive field's side."""
    step = find_layer(network, options.layer)
    check_channels(options.channels, step.units, f"{network.name} {options.layer}")
    return step.geometry.size


def _visualize(options: argparse.Namespace) -> None:
    network = get_network(options.network)
    _check_before_fetching(network, options)
    schedule = _schedule(SCHEDULES, options)
    device = choose_device(options.device)
    trunk = load_trunk(network, options.layer, device=device)
    targets = channels(trunk, options.channels)
    folder = options.out or Path("visualizations", network.name, options.layer)
    wanted = options.distance
    settings = {
        "images": options.images,
        "distance": default_distance(trunk) if wanted is None else check_distance(trunk, wanted),
        "seed": options.seed,
        "schedule": schedule,
        "compute_dtype": DTYPES[options.precision],
        "progress": True,
    }
    with output_directory(folder):
        for stale in folder.glob("sweep.*"):  # of an earlier run, it would belong to other images
            stale.unlink()
        if options.diversity is None:
            result = sweep(trunk, targets, **settings)
            sets = result.chosen()
            write_arrays(folder / "sweep.npz", sweep_arrays(result))
            write_table(folder / "sweep.csv", sweep_metrics(result))
        else:
            sets = diverse_sets(trunk, targets, diversity=options.diversity, **settings)
        write_arrays(folder / "visualizations.npz", arrays(sets))
        write_table(folder / "metrics.csv", metrics(sets), METRICS)
        origin = provenance.record(
            status(network),
            device,
            layer=options.layer,
            channels=options.channels,
            images=options.images,
            diversity="sweep" if options.diversity is None else options.diversity,
            grid=DEFAULT_GRID if options.diversity is None else None,
            distance=settings["distance"],
            schedule=vars(settings["schedule"]),
            precision=options.precision,
            seed=options.seed,
        )
        provenance.write(folder / "provenance.json", origin)
        try_contact_sheet(folder / "contact_sheet.png", sets)
    for row in metrics(sets):
        print(
            f"{sets.network} {sets.layer} {row['channel']}: activation "
            f"{row['mean_activation']:.2f} ({row['min_activation']:.2f} to "
            f"{row['max_activation']:.2f}), distance {row['min_distance']:.3g}, "
            f"diversity {row['diversity']:.3g}, {row['steps']} steps"
        )
    print(f"written to {folder}")


def _invariance(options: argparse.Namespace) -> None:
    schedule = _schedule(TEXTURES, options)
    if options.network != CONTROLS:
        size = _check_before_fetching(get_network(options.network), options)
        build_families(options.families, options.delta, size)
    if options.members < 1:
        raise UserError("at least one member", str(options.members), "give --members a larger one")
    device = choose_device(options.device)
    units = load_units(options.network, options.layer, device=device)
    targets = channels(units, options.channels)
    families = build_families(options.families, options.delta, units.size)
    folder = options.out or Path("invariance", options.network, options.layer)
    sampling = Sampling(per_step=options.members)
    with output_directory(folder):
        for stale in folder.glob("unit_*.png"):  # of an earlier run, they may show other units
            stale.unlink()
        result = measure_invariance(
            units,
            targets,
            families,
            natural=best_natural_patches(
                units, options.channels, count=_NATURAL_PATCHES, seed=options.seed
            ),
            sampling=sampling,
            schedule=schedule,
            peak_schedule=SCHEDULES[options.schedule],
            seed=options.seed,
            compute_dtype=DTYPES[options.precision],
            progress=True,
        )
        write_table(folder / "invariance.csv", rows(result), COLUMNS)
        write_arrays(folder / "canvases.npz", invariance_arrays(result))
        origin = provenance.record(
            None if options.network == CONTROLS else status(options.network),
            device,
            layer=options.layer,
            channels=options.channels,
            families=options.families,
            delta=options.delta,
            sampling=vars(sampling),
            schedule=vars(schedule),
            natural_patches=_NATURAL_PATCHES,
            precision=options.precision,
            seed=options.seed,
        )
        provenance.write(folder / "provenance.json", origin)
        try_unit_figures(folder, result)
    for row in rows(result):
        strength = row["mask"] + " mask" if math.isnan(row["delta"]) else f"{row['delta']:g} px"
        print(
            f"{row['network']} {row['layer']} {row['channel']}: {row['family']} ({strength}) "
            f"{row['mean']:.3f}, linear stand-in {row['surrogate_mean']:.3f}"
            + (f" ({row['left_out']})" if row["left_out"] else "")
        )
    print(f"written to {folder}")
