"""Run the benchmarks: ``python -m benchmarks``; the figure is ``python -m benchmarks.figure``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from benchmarks import lucent, measures
from benchmarks.agreement import agreement, crops
from benchmarks.all_units import all_units
from benchmarks.contenders import SAMPLING, Bench
from benchmarks.quality import time_to_quality
from benchmarks.ratios import ratios
from benchmarks.variants import LAYER, VARIANTS
from diversevis.devices import choose_device, exact_float32, keep_memory
from diversevis.errors import UserError, unknown_name
from diversevis.results.formats import write_json, write_rows
from diversevis.study import load, provenance
from diversevis.study.freshness import code_digests

MEMORY = (
    "nothing",
    "published loop",
    "lucent",
    "trunk alone/float32",
    "engine/float32",
    "engine/bfloat16",
    "transformation test, all-shifts/float32",
)
MEASURES = (
    "steps",
    "transformations",
    "quality",
    "growth",
    "memory",
    "agreement",
    "crops",
    "all_units",
)


@dataclass(frozen=True)
class Amount:
    """How much is measured."""

    loops: int  # of the published loop, one unit each
    units: int  # of the engine: its batch on a CPU is full with 16 sets of six, 32 in bfloat16
    batches: tuple[int, ...]
    steps: int
    growth_units: tuple[int, ...]
    growth_layers: tuple[str, ...]
    growth_steps: int
    test_steps: int
    memory: tuple[str, ...] = MEMORY
    most_steps: int = 2000
    agreeing: int = 10  # units per layer, of three layers
    published_agreeing: int = 1


CPU = Amount(
    loops=12,
    units=32,
    batches=(6, 24, 48, 96, 192),
    steps=12,
    growth_units=(16, 32, 64),
    growth_layers=("conv1_2", "conv2_2", "conv3_1", "conv3_2", "conv3_4"),
    growth_steps=20,
    test_steps=24,  # more, for a test's fixed cost is subtracted
)
CUDA = replace(
    CPU,
    units=256,
    batches=(96, 384, 1536, 6144),
    steps=50,
    growth_units=(64, 128, 256),
    growth_steps=100,
)
QUICK = Amount(
    loops=2,
    units=3,
    batches=(6, 12),
    steps=2,
    growth_units=(1, 2),
    growth_layers=("conv1_2", "conv2_2"),
    growth_steps=2,
    test_steps=2,
    memory=("engine/float32",),
    most_steps=4,
    agreeing=2,
    published_agreeing=0,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measures that were asked for and write their tables."""
    options = _parser().parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        _run(options)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


@exact_float32()
def _run(options: argparse.Namespace) -> None:
    keep_memory()  # for all contenders
    device = choose_device(options.device)
    out = options.out or Path("results/benchmarks", "quick" if options.quick else "")
    amount = QUICK if options.quick else CUDA if device.type == "cuda" else CPU
    if options.units:
        amount = replace(amount, units=options.units, loops=min(amount.loops, options.units))
    repeats = 1 if options.quick else options.repeats
    bench = Bench(device, units=amount.units)
    layer_units = _layer_units(options, bench)
    if unknown := [name for name in options.measures if name not in MEASURES]:
        raise unknown_name("measure", unknown[0], MEASURES)
    wanted = [name for name in options.measures if name != "all_units" or layer_units]
    if reason := lucent.why_not(bench.network, device):
        print(f"without rows of lucent: {reason}", file=sys.stderr)
    tables: dict[str, list[dict[str, Any]]] = {}
    for name, measure in _measures(bench, amount, repeats, layer_units, options).items():
        if name in wanted:
            begin = time.perf_counter()
            tables |= measure()
            print(f"{name}: {time.perf_counter() - begin:.0f} s", file=sys.stderr)
            for table, rows in tables.items():
                write_rows(out / f"{table}.csv", rows, list(rows[0]))
    tables["ratios"] = ratios(tables)
    if tables["ratios"]:
        write_rows(out / "ratios.csv", tables["ratios"], list(tables["ratios"][0]))
    for entry in tables["ratios"]:
        verdict = {"": "", 0: "missed", 1: "holds"}[entry["holds"]]
        print(f"{entry['value']:8.3g}  {entry['wanted']:>18}  {verdict:7} {entry['ratio']}")
    settings = {
        "layer": bench.layer,
        "channels": bench.channels,
        "seed": bench.seed,
        "relative_diversity": options.relative,
        "repeats": repeats,
        "measures": wanted,
        "quick": options.quick,
    }
    measured = code_digests("diversevis.synthesis.sweep", "diversevis.invariance.measure")
    compared = provenance.versions(("torch-lucent", "kornia"))
    origin = {**load.origin(bench.network, device), "compared": compared}
    write_json(out / "provenance.json", provenance.record(settings, measured, **origin))


def _measures(
    bench: Bench, amount: Amount, repeats: int, layer_units: int, options: argparse.Namespace
) -> dict[str, Callable[[], dict[str, list[dict[str, Any]]]]]:
    """Return the measures; each gives one table or more by the name of its file."""
    settings = LAYER.limited(2) if options.quick else LAYER

    def quality() -> dict[str, list[dict[str, Any]]]:
        summary, units = time_to_quality(
            bench,
            VARIANTS,
            loops=amount.loops,
            relative=options.relative,
            repeats=min(repeats, 3),
            most_steps=amount.most_steps,
        )
        return {"quality": summary, "quality_units": units}

    def transformations() -> dict[str, list[dict[str, Any]]]:
        as_many_patches = max(1, bench.units * bench.images // SAMPLING.per_step)
        rows = measures.transformations(
            replace(bench, units=as_many_patches), steps=amount.test_steps, **common
        )
        return {"transformations": rows}

    common = {"batches": amount.batches, "repeats": repeats}
    return {
        "steps": lambda: {"steps": measures.steps(bench, steps=amount.steps, **common)},
        "transformations": transformations,
        "quality": quality,
        "growth": lambda: {
            "growth": measures.growth(
                bench,
                units=amount.growth_units,
                images=(2, 6, 12),
                layers=amount.growth_layers,
                steps=amount.growth_steps,
                repeats=min(repeats, 3),
            )
        },
        "memory": lambda: {"memory": measures.memory(bench, amount.memory)},
        "agreement": lambda: {
            "agreement": agreement(
                bench,
                settings if not options.quick else settings.limited(amount.most_steps),
                units=amount.agreeing,
                published_units=amount.published_agreeing,
            ),
        },
        "crops": lambda: {"crops": crops(bench, settings, steps=amount.most_steps)},
        "all_units": lambda: {
            "all_units": all_units(
                replace(bench, units=layer_units), settings, progress=not options.quick
            )
        },
    }


def _layer_units(options: argparse.Namespace, bench: Bench) -> int:
    if options.all_units is not None:
        return options.all_units or bench.trunk.channels
    return bench.trunk.channels if bench.device.type == "cuda" and not options.quick else 0


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"a number above zero is needed, not {text}")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--threads", type=_positive, help="of the CPU; by default PyTorch's choice")
    parser.add_argument("--units", type=_positive, help="of the engine's batch")
    parser.add_argument("--repeats", type=_positive, default=5)
    parser.add_argument(
        "--out", type=Path, help="by default results/benchmarks, its folder quick for --quick"
    )
    parser.add_argument("--quick", action="store_true", help="a smoke test: its times mean nothing")
    parser.add_argument(
        "--relative", type=float, default=0.1, help="relative diversity of the time to quality"
    )
    parser.add_argument(
        "--all-units",
        type=_positive,
        nargs="?",
        const=0,
        metavar="N",
        help="time sweep and indices of all units, or of N; a GPU does unless --quick",
    )
    parser.add_argument(
        "--measures",
        type=lambda text: text.split(","),
        default=MEASURES,
        help=f"comma separated, by default all: {','.join(MEASURES)}",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
