"""The command line: look at any unit in seconds."""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import signal
import sys
import time
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import torch

import diversevis
from diversevis.controls.name import CONTROLS
from diversevis.devices import choose_device, keep_memory
from diversevis.doctor import examine, show
from diversevis.errors import NonFiniteLossError, UserError, unknown_name
from diversevis.fetching.files import cache_directory, read_error
from diversevis.figures.optional import try_contact_sheet, try_unit_figures
from diversevis.following import following
from diversevis.invariance.families.registry import build_families
from diversevis.networks.base import NULL_MARK
from diversevis.networks.nulls import NULLS
from diversevis.networks.registry import NETWORKS, get_network
from diversevis.networks.store import ensure, problem, status
from diversevis.networks.trunk import find_layer, layers
from diversevis.results.formats import read_rows, write_rows
from diversevis.results.joining import join_sets, join_sweeps, join_tests
from diversevis.results.sentences import MEANING, kept, sentences
from diversevis.results.sets import ImageSets, SweepResult
from diversevis.results.tests import LayerTests
from diversevis.stimuli.photographs import load_photographs
from diversevis.study.check import check
from diversevis.study.folder import RECORD, alone_in, channels_in, renewed, tell_channels
from diversevis.study.freshness import code_digests
from diversevis.study.job import alone, make, make_job, settled, stale
from diversevis.study.knobs import plain, read, read_one
from diversevis.study.load import load_units
from diversevis.study.machine import device_name
from diversevis.study.natural import PATCHES
from diversevis.study.parts import check_split, read_part, splits
from diversevis.study.reference import check_reference
from diversevis.study.settings import (
    Invariance,
    Settings,
    Synthesis,
    read_settings,
)
from diversevis.study.stage import Run, jobs, of_part, paths, records_of
from diversevis.study.stages import COMPUTING, STEPS, family_code, network_code
from diversevis.synthesis.diverse import diversity_weights
from diversevis.synthesis.targets import check_channels
from diversevis.units.contract import check_distance

PHOTOGRAPHS = "photographs"
"""What `fetch` calls them, beside the networks."""

BAD_INPUT, FAILED, INTERRUPTED = 2, 1, 130
"""Exit codes: something the user can put right; a computation that broke; Ctrl-C."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        options = _parser().parse_args(arguments)
        keep_memory()
        options.run(options)
        print(f"next: {following(options)}", file=sys.stderr)
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
        print("diversevis: interrupted; the same command goes on from here", file=sys.stderr)
        return INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    """End as by Ctrl-C: nothing half-made is left behind."""
    raise KeyboardInterrupt


class _Parser(argparse.ArgumentParser):
    """Ends with the three parts of every other message."""

    def error(self, message: str) -> NoReturn:
        if len(message) > _LONGEST:
            message = f"{message[:_LONGEST]}..."
        raise UserError(f"arguments of {self.prog}", message, f"see {self.prog} --help")


_LONGEST = 300
"""Characters of a message, which may quote what was given."""


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="diversevis", description=(diversevis.__doc__ or "").splitlines()[0])
    parser.add_argument("--version", action="version", version=str(diversevis.__version__))
    commands = parser.add_subparsers(
        title="commands", dest="command", required=True, metavar="COMMAND"
    )

    listing = commands.add_parser("networks", help="list networks, their layers, and the cache")
    listing.set_defaults(run=_networks)

    fetching = commands.add_parser("fetch", help="fetch, verify and convert networks")
    fetching.add_argument("names", nargs="+", metavar="NAME", help=f"networks, or {PHOTOGRAPHS}")
    fetching.set_defaults(run=_fetch)

    look = commands.add_parser("visualize", help="synthesise diverse images of units")
    _units(look)
    how = look.add_mutually_exclusive_group()
    how.add_argument(
        "--diversity", type=float, metavar="LAMBDA", help="weight of the smallest distance"
    )
    how.add_argument(
        "--sweep",
        action="store_true",
        help="find each unit's largest diversity that keeps its share of activation (default)",
    )
    look.add_argument(
        "--distance", metavar="pixels|LAYER", help="where images differ (end of the stage before)"
    )
    _knobs(look, Synthesis)
    _common(look)
    look.add_argument("--out", type=Path, metavar="DIR", help="(visualizations/NETWORK/LAYER)")
    look.set_defaults(run=_visualize)

    test = commands.add_parser(
        "invariance", help="measure what units are invariant to (NETWORK may be controls)"
    )
    _units(test)
    _knobs(test, Invariance, but=("repeats", "repeat_delta", "effort_units"))
    _common(test)
    test.add_argument("--out", type=Path, metavar="DIR", help="(invariance/NETWORK/LAYER)")
    test.set_defaults(run=_invariance)

    batch = commands.add_parser(
        "run",
        help="compute all arrays of a configuration, where there is PyTorch but no workflow",
        description="What an earlier run made with the same settings and code is kept. The "
        "workflow takes the results up: it then has only tables and figures left to make.",
    )
    batch.add_argument("config", type=Path, metavar="FILE", help="config/SCALE.yaml, or as JSON")
    batch.add_argument("--device", metavar="NAME", help="(the configuration's)")
    batch.add_argument(
        "--part",
        type=read_part,
        metavar="K/N",
        help="split each layer's units into N parts and make the K-th alone, with what it needs",
    )
    _results(batch)
    batch.set_defaults(run=_run)

    gathering = commands.add_parser(
        "merge",
        help="gather the parts that `run --part` made, and say which are missing",
        description="Exit code 1 if some are missing. What is gathered is as if it had been made "
        "at once: the parts may then be removed.",
    )
    gathering.add_argument("config", type=Path, metavar="FILE", help="as for run")
    _results(gathering)
    gathering.set_defaults(run=_merge)

    check = commands.add_parser(
        "doctor",
        help="check environment, machine, cache and results, and say what to do",
        description="Exit code 1 if something is wrong: damaged, missing or unreadable.",
    )
    check.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="(those here)")
    check.set_defaults(run=_doctor)
    return parser


def _results(parser: argparse.ArgumentParser) -> None:
    folder = Path("results")
    parser.add_argument("--out", type=Path, default=folder, metavar="DIR", help=f"({folder})")


def _units(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("network", metavar="NETWORK")
    parser.add_argument("layer", metavar="LAYER")
    parser.add_argument("channels", nargs="+", type=int, metavar="CHANNEL")


def _common(parser: argparse.ArgumentParser) -> None:
    fields = {field.name: field for field in dataclasses.fields(Settings)}
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of all starts (0)")
    parser.add_argument(
        "--device", default="auto", metavar="NAME", help=fields["device"].metadata["help"]
    )


def _knobs(parser: argparse.ArgumentParser, cls: type[Any], *, but: Sequence[str] = ()) -> None:
    """Add an option for each field of a settings class, with its default, limits and help."""
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        if field.name in but:
            continue
        about, kind = field.metadata, hints[field.name]
        option = f"--{field.name.replace('_', '-')}"
        default = field.default
        shown = ",".join(f"{entry}" for entry in default) if isinstance(default, tuple) else default
        text = about["help"].replace("%", "%%") + ("" if default is None else f" ({shown})")
        if kind is bool:
            action = argparse.BooleanOptionalAction
            parser.add_argument(option, action=action, default=default, help=about["help"])
            continue
        entry = typing.get_args(kind)[0] if typing.get_args(kind) else kind
        many = typing.get_origin(kind) is tuple
        parser.add_argument(
            option,
            type=_list_of(entry) if many else entry,
            default=default,
            choices=about.get("choices"),
            metavar=None if about.get("choices") else ("X,..." if many else "X"),
            help=text,
        )


def _list_of(kind: Callable[[str], Any]) -> Callable[[str], tuple[Any, ...]]:
    def read(text: str) -> tuple[Any, ...]:
        try:
            entries = tuple(kind(part.strip()) for part in text.split(",")) if text else ()
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"numbers with commas, not {text!r}") from error
        if "" in entries:
            raise argparse.ArgumentTypeError(f"something between the commas of {text!r}")
        return entries

    return read


def _chosen(options: argparse.Namespace, cls: type[Any]) -> dict[str, Any]:
    """Return the options that are fields of a settings class, checked as in a configuration."""
    known = {field.name for field in dataclasses.fields(cls)}
    given = {name: value for name, value in vars(options).items() if name in known}
    content: dict[str, Any] = plain(read(cls, given, "the options"))
    return {name: content[name] for name in given}


def _networks(_options: argparse.Namespace) -> None:
    for network in NETWORKS.values():
        stored = status(network)
        held = f"cached, from {stored.source}" if stored else problem(network) or "not fetched yet"
        print(f"{network.name}: {network.title}\n  {held}\n  licence: {network.licence}")
        print(f"  {'layer':<12}{'receptive field':>15}{'units':>8}")
        for step in layers(network):
            print(f"  {step.layer:<12}{step.geometry.size:>12} px{step.units:>8}")
        print()
    nulls = ", ".join(f"{NULL_MARK}{name}" for name in NULLS)
    print(f"nulls of each: {nulls}, with a seed vgg19{NULL_MARK}positions.1, for example")
    print(f"cache: {cache_directory()}")


def _fetch(options: argparse.Namespace) -> None:
    known = [*NETWORKS, PHOTOGRAPHS]
    for name in options.names:
        if NULL_MARK in name:
            get_network(name)
        elif name not in known:
            raise unknown_name("network", name, known)
    for name in options.names:
        if name == PHOTOGRAPHS:
            count = len(load_photographs())
            print(f"{name}: {count} photographs in {cache_directory() / 'photographs'}")
        else:
            stored = ensure(name)
            print(f"{name}: {stored.path} (from {stored.source})")


def _run(options: argparse.Namespace) -> None:
    settings = read_settings(options.config)
    if options.device is not None:
        device = read_one(Settings, "device", options.device)
        settings = dataclasses.replace(settings, device=device)
    part, count = options.part or ("", 1)
    settings = _split(settings, count) if part else settings
    part = part if count > 1 else ""  # one of one is the whole
    check(settings)
    check_reference(settings, options.out)
    run = Run.of(settings, {}, results=options.out)  # criteria judge tables, not arrays
    check_split(run.layout, settings)
    processor = device_name(choose_device(settings.device))
    record = run.at(part).layout.timings()  # not to be written by several processes
    timings = _timings(record)
    every = jobs(COMPUTING, run)
    records = records_of(every)
    of_no_use = settled(every)
    every = of_part(every, part) if part else every
    timings = {job.key: timings[job.key] for job in every if job.key in timings}
    for job in every:
        if job.key in of_no_use:
            continue
        with alone(job.record):
            why = stale(job)
            if not why:
                print(f"{job.key}: kept")
                continue
            begin = time.monotonic()
            make_job(job, records)
            taken = time.monotonic() - begin
        timings[job.key] = {"stage": job.key, "seconds": f"{taken:.1f}", "device": processor}
        write_rows(record, timings.values(), ("stage", "seconds", "device"))
        print(f"{job.key}: {taken:.0f} s ({'; '.join(why)})", flush=True)
    total = sum(float(row["seconds"]) for row in timings.values())
    print(f"{len(timings)} stages, {total:.0f} s; written to {run.at(part).layout.of_units}")


def _split(settings: Settings, count: int) -> Settings:
    """Return settings with all layers in so many parts."""
    units = dataclasses.replace(settings.units, parts=count, other_parts={})
    return dataclasses.replace(settings, units=units)


def _merge(options: argparse.Namespace) -> None:
    settings = read_settings(options.config)
    check(settings, device=False)
    layout = Run.of(settings, {}, results=options.out).layout
    there = {count for found in splits(layout).values() for count in found}
    if not settings.parted and len(there) == 1:  # as `run --part` asked for
        settings = _split(settings, there.pop())
    check_split(layout, settings)
    if not settings.parted:
        wanted = f"parts of {settings.scale} in {layout.parts}"
        raise UserError(wanted, "none", "make them with diversevis run FILE --part 1/8 and so on")
    every = jobs(COMPUTING, Run.of(settings, {}, results=options.out))
    records, missing = records_of(every), False
    for job in every:
        if not job.parts:
            continue
        with alone(job.record):
            if not stale(job):
                print(f"{job.key}: kept")
                continue
            unmade = {part.key: why for part in job.parts if (why := stale(part))}
            unmade |= {path.name: ["not made"] for path in paths(job.reads) if not path.exists()}
            if not unmade:
                make_job(job, records)
                print(f"{job.key}: gathered of {len(job.parts)} parts", flush=True)
        for key, why in unmade.items():
            print(f"{job.key}: wants {key} ({'; '.join(why)})")
            missing = True
    if missing:
        raise SystemExit(FAILED)


def _timings(record: Path) -> dict[str, dict[str, str]]:
    """Return what earlier runs took, by stage."""
    try:
        rows = read_rows(record) if record.exists() else []
        return {row["stage"]: {**row, "seconds": f"{float(row['seconds']):.1f}"} for row in rows}
    except (KeyError, ValueError) as error:
        raise UserError(f"times of stages in {record}", repr(error), "move it away") from None


def _checked(options: argparse.Namespace) -> tuple[int, list[str]]:
    """Check what can be without weights; return the side of a patch, and the layers before."""
    read_one(Settings, "seed", options.seed)
    before: list[str] = []
    if options.network == CONTROLS:
        controls = load_units(CONTROLS, options.layer)
        total, size, where = controls.channels, controls.size, CONTROLS
    else:
        network = get_network(options.network)
        step = find_layer(network, options.layer)
        total, size = step.units, step.geometry.size
        where = f"{network.name} {options.layer}"
        names = [step.layer for step in layers(network)]
        before = names[: names.index(options.layer)]
    check_channels(options.channels, total, where)
    choose_device(options.device)
    return size, before


_UNITS_AT_ONCE = {"cpu": 16, "cuda": 128}
"""Units that `visualize` and `invariance` make before they write them down."""


@dataclasses.dataclass(frozen=True)
class _ByHand:
    """How a command makes the files of a folder.

    Attributes
    ----------
    kind, step
        The folder's name, and the step that makes its files.
    files
        Of the step, by what they hold.
    drawn
        Other files, as far as they can be told before.
    load, join
        Functions that read results, and put several together in a given order.
    draw
        Function that makes the other files: of the folder that is made, the one that is there, the
        results, the channels that are new, and whether they are the last.
    """

    kind: str
    step: str
    files: Mapping[str, str]
    drawn: Sequence[str]
    load: Callable[[Path], Any]
    join: Callable[[Sequence[Any], Sequence[int]], Any]
    draw: Callable[[Path, Path, Any, Sequence[int], bool], None]


def _made_by_hand(options: argparse.Namespace, how: _ByHand, **settings: Any) -> Any:
    """Make results of units that are not in a folder yet, part by part, and return all of them."""
    folder = options.out or Path(how.kind, options.network, options.layer)
    where = {name: getattr(options, name) for name in ("network", "layer", "channels", "seed")}
    settings = {**where, **settings}
    step = f"{STEPS}.{how.step}:run"
    families = family_code(settings.get("families", ()))
    code = code_digests(step.partition(":")[0], *families, *network_code(options.network))
    names = [*how.files.values(), *how.drawn]
    together = _UNITS_AT_ONCE[choose_device(options.device).type]
    with alone_in(folder):
        there = channels_in(folder, how.files.values(), settings, code)
        new = [channel for channel in options.channels if channel not in there]
        if kept := [str(channel) for channel in options.channels if channel in there]:
            print(f"{options.network} {options.layer} {', '.join(kept)}: kept")
        for begin in range(0, len(new), together):
            some = new[begin : begin + together]
            with renewed(folder, [*names, RECORD]) as making:
                writes = {name: making / file for name, file in how.files.items()}
                make(
                    step,
                    {},
                    writes,
                    {**settings, "channels": some},
                    code=code,
                    provenance=making / RECORD,
                    device=options.device,
                )
                if there:
                    both = [how.load(at / how.files["arrays"]) for at in (folder, making)]
                    how.join(both, range(len(there) + len(some))).save(**writes)
                there = [*there, *some]
                tell_channels(making / RECORD, there)
                result = how.load(writes["arrays"])
                how.draw(making, folder, result, some, begin + together >= len(new))
        result = how.load(folder / how.files["arrays"])
    print(f"written to {folder}")
    return result


def _titles(options: argparse.Namespace) -> dict[str, str]:
    """Return what figures call the network."""
    if options.network == CONTROLS:
        return {}
    return {options.network: get_network(options.network).title}


def _doctor(options: argparse.Namespace) -> None:
    for folder in options.folders:
        try:
            folder.lstat()
        except OSError as error:
            raise read_error(folder, error) from None
    if not show(examine(options.folders), print):
        raise SystemExit(FAILED)


def _visualize(options: argparse.Namespace) -> None:
    _, before = _checked(options)
    if options.distance is not None:
        of_layer: Any = SimpleNamespace(layer=options.layer, earlier_layers=before)
        check_distance(of_layer, options.distance)
    settings = {**_chosen(options, Synthesis), "distance": options.distance}
    diversity_weights(options.diversity or 1.0, 1, options.images)
    chosen = {"arrays": "visualizations.npz", "table": "metrics.csv"}
    if options.diversity is None:
        step, files = "sweep", {"arrays": "sweep.npz", "table": "sweep.csv"}
        settings = {**settings, "patches": PATCHES}
    else:
        step, files = "sets", chosen
        settings = {**settings, "diversity": options.diversity}
        del settings["grid"], settings["fraction"]  # of a sweep

    def draw(making: Path, _there: Path, result: Any, _new: Sequence[int], last: bool) -> None:
        if step == "sweep":
            result.chosen.save(*(making / name for name in chosen.values()))
        if last:
            try_contact_sheet(making / "contact_sheet.png", result, _titles(options))

    load, join = (SweepResult.load, join_sweeps) if step == "sweep" else (ImageSets.load, join_sets)
    drawn = [*chosen.values(), "contact_sheet.png"]
    how = _ByHand("visualizations", step, files, drawn, load, join, draw)
    result = _made_by_hand(options, how, **settings)
    if step == "sweep":
        for channel in options.channels:
            print(kept(result, channel))
        return
    for row in result.take(options.channels).rows():
        print(
            f"{row['network']} {row['layer']} {row['channel']}: activation "
            f"{row['mean_activation']:.2f} ({row['min_activation']:.2f} to "
            f"{row['max_activation']:.2f}), distance {row['min_distance']:.3g}, "
            f"diversity {row['diversity']:.3g}, {row['steps']} steps"
        )


def _invariance(options: argparse.Namespace) -> None:
    size, knobs = _checked(options)[0], _chosen(options, Invariance)
    build_families(knobs["families"], knobs["delta"], size)
    files = {
        "arrays": "tests.npz",
        "table": "tests.csv",
        "peaks": "peaks.csv",
        "families": "families.json",
    }
    settings = {**knobs, "patches": PATCHES}

    def draw(making: Path, there: Path, tests: LayerTests, new: Sequence[int], _last: bool) -> None:
        try_unit_figures(making, tests, _titles(options), channels=new)
        for name in (f"unit_{channel}.png" for channel in tests.channels if channel not in new):
            if (there / name).exists():
                shutil.copy2(there / name, making)

    drawn = [f"unit_{channel}.png" for channel in options.channels]
    how = _ByHand("invariance", "tests", files, drawn, LayerTests.load, join_tests, draw)
    result = _made_by_hand(options, how, **settings)
    print(MEANING[options.measure])
    for channel in options.channels:
        for sentence in sentences(result, channel):
            print(sentence)
