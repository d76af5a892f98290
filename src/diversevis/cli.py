"""The command line: look at any unit in seconds."""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import signal
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import torch

import diversevis
from diversevis.compare import LIKE, from_options, read_weights
from diversevis.controls.name import CONTROLS
from diversevis.devices import choose_device, keep_memory
from diversevis.doctor import examine, show
from diversevis.errors import NonFiniteLossError, UserError, unknown_name
from diversevis.fetching.files import cache_directory, read_error
from diversevis.figures.optional import try_contact_sheet, try_unit_figures
from diversevis.following import following
from diversevis.invariance.families.registry import build_families
from diversevis.listing import listed
from diversevis.networks.base import NULL_MARK
from diversevis.networks.given import RANDOM, find_given, give_weights, is_given
from diversevis.networks.libraries import fetch_weights
from diversevis.networks.registry import NETWORKS, get_network
from diversevis.networks.store import ensure
from diversevis.results.joining import join_sets, join_sweeps, join_tests
from diversevis.results.sentences import MEANING, kept, sentences
from diversevis.results.sets import ImageSets, SweepResult
from diversevis.results.tests import LayerTests
from diversevis.running import make_all
from diversevis.stimuli.photographs import load_photographs
from diversevis.stimuli.pictures import check_pictures, own_pictures
from diversevis.study.check import check
from diversevis.study.folder import RECORD, alone_in, channels_in, renewed, tell_channels
from diversevis.study.freshness import code_digests
from diversevis.study.job import alone, make, make_job, settled, stale
from diversevis.study.knobs import plain, read, read_one
from diversevis.study.load import load_units
from diversevis.study.named import shape_of, title_of
from diversevis.study.natural import PATCHES
from diversevis.study.needs import bounds, in_words
from diversevis.study.parts import check_split, read_part, splits
from diversevis.study.plugins import bring
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
        bring(getattr(options, "plugin", ()))
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
    listing.add_argument(
        "names", nargs="*", metavar="NAME", help="torchvision:convnext_tiny, for example"
    )
    _plugins(listing)
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
    look.add_argument("--photographs", type=Path, metavar="DIR", help=_help_of("photographs"))
    look.add_argument("--out", type=Path, metavar="DIR", help="(visualizations/NETWORK/LAYER)")
    look.set_defaults(run=_visualize)

    test = commands.add_parser(
        "invariance", help="measure what units are invariant to (NETWORK may be controls)"
    )
    _units(test)
    _knobs(test, Invariance, but=("repeats", "repeat_delta", "effort_units"))
    _common(test)
    test.add_argument("--photographs", type=Path, metavar="DIR", help=_help_of("photographs"))
    test.add_argument("--out", type=Path, metavar="DIR", help="(invariance/NETWORK/LAYER)")
    test.set_defaults(run=_invariance)

    pair = commands.add_parser(
        "compare",
        help="compare two layers: tables, statistics and the figure of the workflow",
        description="Measures units of both layers as a configuration does, and keeps what was "
        "made before.",
    )
    pair.add_argument("layers", nargs=2, metavar="NETWORK:LAYER")
    pair.add_argument("--units", type=int, default=32, metavar="N", help="of each layer (32)")
    pair.add_argument(
        "--weights",
        action="append",
        default=[],
        type=read_weights,
        metavar="NETWORK=FILE",
        help="as of visualize, for one of the networks",
    )
    pair.add_argument("--photographs", type=Path, metavar="DIR", help=_help_of("photographs"))
    pair.add_argument(
        "--like", type=Path, default=LIKE, metavar="FILE", help="measure as it says (standard)"
    )
    pair.add_argument("--seed", type=int, default=0, metavar="S", help=_help_of("seed"))
    pair.add_argument("--device", default="auto", metavar="NAME", help=_help_of("device"))
    _plugins(pair)
    _results(pair)
    figures = Path("figures")
    pair.add_argument("--figures", type=Path, default=figures, metavar="DIR", help=f"({figures})")
    pair.set_defaults(run=from_options)

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

    pages = commands.add_parser(
        "atlas",
        help="make pages for a browser of a scale's results: one for every unit",
        description="The folder opens from a disk as it is, and can be put on any web server.",
    )
    pages.add_argument("results", type=Path, metavar="RESULTS", help="results/standard, say")
    pages.add_argument("--out", type=Path, metavar="DIR", help="(atlas/SCALE)")
    pages.add_argument(
        "--no-arrays",
        action="store_true",
        help="leave out patches as arrays: a quarter of the size",
    )
    pages.set_defaults(run=_atlas)

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


def _plugins(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--plugin",
        action="append",
        default=[],
        type=Path,
        metavar="FILE.py",
        help="registers networks, units or families; may come several times",
    )


def _common(parser: argparse.ArgumentParser) -> None:
    _plugins(parser)
    parser.add_argument(
        "--weights", metavar="FILE", help=f"checkpoint of a network that wants one, or {RANDOM}"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of all starts (0)")
    parser.add_argument("--device", default="auto", metavar="NAME", help=_help_of("device"))


def _help_of(name: str) -> str:
    """Return what a setting of a run is."""
    (field,) = (field for field in dataclasses.fields(Settings) if field.name == name)
    return str(field.metadata["help"])


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


def _networks(options: argparse.Namespace) -> None:
    for line in listed(options.names):
        print(line)


def _fetch(options: argparse.Namespace) -> None:
    known = [*NETWORKS, PHOTOGRAPHS]
    for name in options.names:
        if NULL_MARK in name:
            get_network(name)
        elif is_given(name):
            find_given(name)
        elif name not in known:
            raise unknown_name("network", name, known)
    for name in options.names:
        if name == PHOTOGRAPHS:
            count = len(load_photographs())
            print(f"{name}: {count} photographs in {cache_directory() / 'photographs'}")
        elif is_given(name):
            print(f"{name}: {fetch_weights(name)}")
        else:
            stored = ensure(name)
            print(f"{name}: {stored.path} (from {stored.source})")


def _run(options: argparse.Namespace) -> None:
    settings = read_settings(options.config)
    bring(settings.plugins, settings.checkpoints)
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
    record = run.at(part).layout.timings()  # not to be written by several processes
    every = jobs(COMPUTING, run)
    of_no_use = settled(every)
    wanted = of_part(every, part) if part else every
    make_all([job for job in wanted if job.key not in of_no_use], records_of(every), record)
    print(f"written to {run.at(part).layout.of_units}")


def _split(settings: Settings, count: int) -> Settings:
    """Return settings with all layers in so many parts."""
    units = dataclasses.replace(settings.units, parts=count, other_parts={})
    return dataclasses.replace(settings, units=units)


def _merge(options: argparse.Namespace) -> None:
    settings = read_settings(options.config)
    bring(settings.plugins, settings.checkpoints)
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


def _checked(options: argparse.Namespace) -> tuple[int, list[str]]:
    """Check what can be without weights; return the side of a patch, and the layers before."""
    read_one(Settings, "seed", options.seed)
    if options.weights is not None:
        give_weights(options.network, options.weights)
    before: list[str] = []
    if options.network == CONTROLS:
        controls = load_units(CONTROLS, options.layer)
        total, size, where = controls.channels, controls.size, CONTROLS
    else:
        shape = shape_of(options.network, options.layer)
        total, size, before = shape.units, shape.size, list(shape.before)
        where = f"{options.network} {options.layer}"
    check_channels(options.channels, total, where)
    choose_device(options.device)
    return size, before


_LONG = 120
"""Seconds from which on it is told beforehand how long a command takes at most."""

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


def _made_by_hand(options: argparse.Namespace, how: _ByHand, size: int, **settings: Any) -> Any:
    """Make results of units that are not in a folder yet, part by part, and return all of them.

    If that may take long it is told before; `size` is that of a patch.
    """
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
        seconds, _ = bounds(settings, len(new), size**2)
        _, held = bounds(settings, min(len(new), together), size**2)
        if seconds > _LONG:
            print(f"{len(new)} units to be made: {in_words(seconds, held)}", flush=True)
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
    return {options.network: title_of(options.network)}


def _atlas(options: argparse.Namespace) -> None:
    from diversevis.atlas.site import make_atlas  # pandas, jinja2: of the workflow's extra

    out = options.out or Path("atlas") / options.results.resolve().name
    made = make_atlas(options.results, out, arrays=not options.no_arrays)
    print(f"{made.units} units, {made.files} files, {made.size / 1e6:.1f} MB: {out / 'index.html'}")
    if made.missing:
        print(f"{len(made.missing)} files were not there, and pages say so: {made.missing[0]}")


def _doctor(options: argparse.Namespace) -> None:
    for folder in options.folders:
        try:
            folder.lstat()
        except OSError as error:
            raise read_error(folder, error) from None
    if not show(examine(options.folders), print):
        raise SystemExit(FAILED)


def _own_pictures(options: argparse.Namespace, size: int) -> dict[str, Any]:
    """Return what settings say of the pictures that are given; nothing of those of the package."""
    if options.photographs is None:
        return {}
    pictures = own_pictures(options.photographs)
    check_pictures(pictures, size)
    return {"photographs": pictures}


def _visualize(options: argparse.Namespace) -> None:
    size, before = _checked(options)
    if options.distance is not None:
        of_layer: Any = SimpleNamespace(layer=options.layer, earlier_layers=before)
        check_distance(of_layer, options.distance)
    settings = {**_chosen(options, Synthesis), "distance": options.distance}
    diversity_weights(options.diversity or 1.0, 1, options.images)
    chosen = {"arrays": "visualizations.npz", "table": "metrics.csv"}
    if options.diversity is None:
        step, files = "sweep", {"arrays": "sweep.npz", "table": "sweep.csv"}
        settings = {**settings, "patches": PATCHES, **_own_pictures(options, size)}
    elif options.photographs is not None:
        wanted = "no photographs with --diversity"
        raise UserError(wanted, str(options.photographs), "leave one of them out")
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
    result = _made_by_hand(options, how, size, **settings)
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
    settings = {**knobs, "patches": PATCHES, **_own_pictures(options, size)}

    def draw(making: Path, there: Path, tests: LayerTests, new: Sequence[int], _last: bool) -> None:
        try_unit_figures(making, tests, _titles(options), channels=new)
        for name in (f"unit_{channel}.png" for channel in tests.channels if channel not in new):
            if (there / name).exists():
                shutil.copy2(there / name, making)

    drawn = [f"unit_{channel}.png" for channel in options.channels]
    how = _ByHand("invariance", "tests", files, drawn, LayerTests.load, join_tests, draw)
    result = _made_by_hand(options, how, size, **settings)
    print(MEANING[options.measure])
    for channel in options.channels:
        for sentence in sentences(result, channel):
            print(sentence)
