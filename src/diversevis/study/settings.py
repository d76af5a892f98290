"""The settings of a run: one set of names, defaults and limits, for YAML, Python and the CLI.

Needs no torch, and nothing that a machine with PyTorch alone lacks.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diversevis.errors import UserError
from diversevis.measures import CONTRAST, MEASURES
from diversevis.optimisation.schedule import PRECISIONS, SETS
from diversevis.study.knobs import knob, plain, read

SCHEDULE, PRECISION = tuple(SETS), tuple(PRECISIONS)
NULLS = ("he", "units", "positions", "channels")
"""Those of `diversevis.networks.nulls`, which needs PyTorch."""

_NAME = (re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"), "up to 64 letters, digits, - and _")
_DEVICE = (
    re.compile(r"auto|cpu|cuda(:(0|[1-9][0-9]{0,3}))?"),
    "auto, cpu, cuda, or cuda:1 and so on",
)

# Limits that no sensible run meets: what lies beyond is a slip, and would fill memory or years.
_STEPS = {"minimum": 1, "maximum": 100_000}
_MANY = {"minimum": 1, "maximum": 1_000_000}
_FEW = {"minimum": 1, "maximum": 1000}
_DISPLACEMENT = {"minimum": 0.01, "maximum": 24}
"""Pixels per 24 px of patch: the whole patch at most."""

Layer = tuple[str, str]
"""Network and layer."""


@dataclass(frozen=True)
class Synthesis:
    """Restarts and diverse sets."""

    images: int = knob(6, "images in a set", **_FEW)
    grid: tuple[float, ...] = knob(
        (0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
        "relative diversities c; lambda = c f0 / d0. Low ones serve units whose restarts coincide",
        minimum=1e-5,
        maximum=1000,
        least=1,
        rising=True,
    )
    fraction: float = knob(
        0.9, "share of restart activation that the chosen set keeps", above=0, maximum=1
    )
    schedule: str = knob("fast", "of the descent", choices=SCHEDULE)
    steps: int | None = knob(None, "steps at most; by default the schedule's own", **_STEPS)
    precision: str = knob(
        "float32", "of the steps; results are always evaluated in float32", choices=PRECISION
    )


@dataclass(frozen=True)
class Natural:
    """Natural patches."""

    patches: int = knob(4000, "random crops of photographs shown to every unit", **_MANY)


@dataclass(frozen=True)
class Invariance:
    """Transformation tests."""

    families: tuple[str, ...] = knob(
        ("all-shifts", "shifts", "deformations"), "families of transformations", least=1, once=True
    )
    delta: tuple[float, ...] = knob(
        (1.0, 2.0, 3.0),
        "root mean square displacements, pixels per 24 px of patch",
        **_DISPLACEMENT,
        least=1,
        rising=True,
    )
    measure: str = knob(
        CONTRAST,
        "what canvases maximise: effective contrast, or the response, as published",
        choices=MEASURES,
    )
    learn_masks: bool = knob(True, "repeat the all-shift test with a learned mask")
    schedule: str = knob("fast", "of the descent", choices=SCHEDULE)
    steps: int | None = knob(None, "steps per canvas; by default the schedule's own", **_STEPS)
    starts: int | None = knob(
        None, "starts of a canvas; by default 3, and 1 of the published schedule", **_FEW
    )
    trial_steps: int = knob(15, "steps after which the best start goes on", **_STEPS)
    per_step: int = knob(16, "members per step", **_MANY)
    training: int = knob(256, "members that steps draw from", **_MANY)
    held_out: int = knob(128, "members evaluated; finite families take all of theirs", **_MANY)
    peak_steps: int | None = knob(
        None, "steps of the restarts that find a unit's best response", **_STEPS
    )
    precision: str = knob(
        "float32", "of the steps; results are always evaluated in float32", choices=PRECISION
    )
    repeats: int = knob(2, "seeds; the spread between them is the uncertainty", **_FEW)
    repeat_delta: tuple[float, ...] = knob(
        (2.0,), "displacements that are repeated", **_DISPLACEMENT, least=1, rising=True
    )
    effort_units: int = knob(
        0,
        "units of each layer repeated with four times the steps: how far indices still rise",
        minimum=0,
        maximum=1000,
    )


@dataclass(frozen=True)
class Controls:
    """Tests of units whose invariance is known: made once, whatever the scale."""

    kinds: str = knob(
        "all",
        "all, or the plain ones alone: without output nonlinearities and narrow envelopes",
        choices=("all", "plain"),
    )
    steps: int = knob(800, "steps per canvas, which have to match a closed form", **_STEPS)
    peak_steps: int = knob(
        120, "steps of the restarts; the best patch of each unit is known besides", **_STEPS
    )
    members: int = knob(
        256, "members that steps draw from; half as many are evaluated", minimum=2, maximum=10**6
    )


@dataclass(frozen=True)
class Choice:
    """Which units of a layer are looked at."""

    per_layer: int | str = knob(
        "all", "units drawn at random from each layer, or all", minimum=1, choices=("all",)
    )
    other: dict[str, dict[str, int | str]] = knob(
        {}, "another number in some layers", minimum=1, choices=("all",)
    )
    include: dict[str, dict[str, tuple[int, ...]]] = knob(
        {}, "channels that are always among them, by network and layer", minimum=0, once=True
    )
    parts: int = knob(1, "that a layer's units are split into, each with jobs of its own", **_FEW)
    other_parts: dict[str, dict[str, int]] = knob({}, "another number in some layers", **_FEW)


@dataclass(frozen=True)
class Nulls:
    """Null networks beside the trained ones."""

    kinds: tuple[str, ...] = knob((), "nulls of every network", choices=NULLS, once=True)
    seeds: int = knob(2, "of each null", **_FEW)


@dataclass(frozen=True)
class Settings:
    """A run: a scale."""

    scale: str = knob(help="names the folders of results and figures", pattern=_NAME)
    layers: dict[str, tuple[str, ...]] = knob(help="layers by network", least=1, once=True)
    seed: int = knob(
        0, "of the choice of units, of the starts, of the natural crops", minimum=0, maximum=10**9
    )
    device: str = knob(
        "auto",
        "a GPU where there is one (auto), cpu, cuda, or cuda:1, for example",
        pattern=_DEVICE,
    )
    pairs: tuple[tuple[Layer, Layer], ...] = knob(
        (), "corresponding layers, compared unit by unit", once=True
    )
    distances: Layer | None = knob(
        None, "the layer whose sets are made distinct in pixels too; by default the first"
    )
    reference: str | None = knob(
        None, "scale whose committed results the run is checked against", pattern=_NAME
    )
    weights: str | None = knob(
        None, "another training of the same networks", choices=("torchvision",)
    )
    plugins: tuple[str, ...] = knob(
        (), "Python files that register networks, units or families", once=True
    )
    checkpoints: dict[str, str] = knob({}, "files of weights by network, or random")
    photographs: str | None = knob(None, "a folder of pictures in place of the package's own")
    nulls: Nulls = knob(Nulls(), "null networks beside the trained ones")
    indices_only: bool = knob(
        False, "measure no more than the indices, and judge no claim but that of nulls"
    )
    units: Choice = knob(Choice(), "which units of each layer")
    synthesis: Synthesis = knob(Synthesis(), "restarts and diverse sets")
    natural: Natural = knob(Natural(), "natural patches")
    invariance: Invariance = knob(Invariance(), "transformation tests")
    controls: Controls = knob(Controls(), "tests of units whose invariance is known")

    @property
    def compared(self) -> Layer:
        """The layer whose sets are made distinct in pixels too."""
        return self.distances or self.every_layer[0]

    @property
    def networks(self) -> dict[str, tuple[str, ...]]:
        """Layers by network, those in `layers` first, their nulls after them."""
        found = dict(self.layers)
        for kind in self.nulls.kinds:
            for seed in range(self.nulls.seeds):
                mark = f"+{kind}.{seed}" if seed else f"+{kind}"
                found |= {f"{network}{mark}": names for network, names in self.layers.items()}
        return found

    @property
    def every_layer(self) -> list[Layer]:
        """Network and layer of every layer."""
        return [(network, layer) for network, names in self.networks.items() for layer in names]

    def units_of(self, network: str, layer: str) -> dict[str, Any]:
        """Return how many ``units`` of a layer are drawn, and which it has to ``include``."""
        if network not in self.layers:  # a null's are its network's
            network = network.partition("+")[0]
        count = self.units.other.get(network, {}).get(layer, self.units.per_layer)
        included = self.units.include.get(network, {}).get(layer, ())
        return {"units": count, "include": list(included)}

    def parts_of(self, network: str, layer: str) -> int:
        """Return how many parts the units of a layer are split into."""
        if network not in self.layers:  # a null's are its network's
            network = network.partition("+")[0]
        return self.units.other_parts.get(network, {}).get(layer, self.units.parts)

    @property
    def parted(self) -> bool:
        """Whether layers are made in parts: all of them, if some of one."""
        return any(self.parts_of(*layer) > 1 for layer in self.every_layer)


@dataclass(frozen=True)
class C1:
    """Diverse sets show invariances that restarts miss."""

    fraction: float = knob(help="of restart activation that a set keeps", above=0, maximum=1)
    share: float = knob(help="of units more distinct than restarts, at least", above=0, maximum=1)
    median_ratio: float = knob(help="of distances; its interval lies above", above=0)


@dataclass(frozen=True)
class C2:
    """Some units are phase invariant."""

    network: str = knob(help="and other trainings of it")
    phase_index: float = knob(help="of a unit, at least", above=0, maximum=1)
    above: float = knob(help="above its linear surrogate, at least", above=0, maximum=1)
    units: int = knob(help="at least so many", minimum=1)


@dataclass(frozen=True)
class C3:
    """Others are invariant to local deformations."""

    network: str = knob(help="and other trainings of it")
    delta: float = knob(help="displacement, pixels per 24 px of patch", **_DISPLACEMENT)
    above: float = knob(help="above the linear surrogate, beyond uncertainty", above=0, maximum=1)
    units: int = knob(help="at least so many", minimum=1)
    overlap: float = knob(help="share that is phase invariant, too, below", minimum=0, maximum=1)


@dataclass(frozen=True)
class C4:
    """The networks differ in corresponding layers."""

    quantities: tuple[str, ...] = knob(help="columns of units.csv", least=1, once=True)
    p: float = knob(help="corrected by Holm, below", above=0, maximum=1)
    cliffs_delta: float = knob(help="absolute, at least", above=0, maximum=1)
    exploratory: tuple[str, ...] = knob(help="columns of units.csv without a say", once=True)


@dataclass(frozen=True)
class SecondC1:
    """Diverse sets are more distinct than those of their units' linear surrogates."""

    median_ratio: float = knob(
        help="of distances, unit over surrogate; its interval lies above", above=0
    )
    share: float = knob(help="of units above that ratio, at least", above=0, maximum=1)
    coincide: float = knob(
        help="restarts' smallest distance over diverse sets', below: not judged", minimum=0
    )


@dataclass(frozen=True)
class SecondC2:
    """Some units are near perfectly phase invariant."""

    network: str = knob(help="and other trainings of it")
    variation: float = knob(help="over all shifts, at most", above=0)
    phase_index: float = knob(help="of a unit, at least", above=0, maximum=1)
    above: float = knob(help="above its linear surrogate, at least", above=0, maximum=1)
    units: int = knob(help="at least so many", minimum=1)


@dataclass(frozen=True)
class SecondC3:
    """Others are invariant to local deformations."""

    network: str = knob(help="and other trainings of it")
    delta: float = knob(help="displacement, pixels per 24 px of patch", **_DISPLACEMENT)
    index: float = knob(help="of a unit, at least", above=0, maximum=1)
    above: float = knob(help="above its linear surrogate, at least", above=0, maximum=1)
    drive: float = knob(help="of a unit, at least", above=0, maximum=1)
    units: int = knob(help="at least so many", minimum=1)
    overlap: float = knob(help="share that is phase invariant, too, below", minimum=0, maximum=1)


@dataclass(frozen=True)
class SecondC4:
    """The networks differ in corresponding layers, and at equal receptive field."""

    quantities: tuple[str, ...] = knob(help="columns of units.csv", least=1, once=True)
    p: float = knob(help="corrected by Holm, below", above=0, maximum=1)
    cliffs_delta: float = knob(help="absolute, at least", above=0, maximum=1)


@dataclass(frozen=True)
class SecondC5:
    """Invariances are learned: trained networks have more of them than their nulls."""

    quantities: tuple[str, ...] = knob(help="columns of units.csv", least=1, once=True)
    p: float = knob(help="corrected by Holm, below", above=0, maximum=1)
    cliffs_delta: float = knob(help="trained above the null, at least", above=0, maximum=1)
    share_of_layers: float = knob(help="that exceed a null, at least", above=0, maximum=1)


@dataclass(frozen=True)
class SecondEdition:
    """What the claims are held to in effective contrast."""

    uncertainties: float = knob(
        help="of a unit's value, either way: where a threshold is within, nothing is decided",
        above=0,
    )
    C1: SecondC1 = knob()
    C2: SecondC2 = knob()
    C3: SecondC3 = knob()
    C4: SecondC4 = knob()
    C5: SecondC5 = knob()


@dataclass(frozen=True)
class ControlCriteria:
    """What units of known invariance must show before an index is reported."""

    linear_difference: float = knob(help="of linear units from their closed form", above=0)
    complex_index: float = knob(help="phase index of every complex cell, at least", above=0)
    complex_above_simple: float = knob(help="complex cells above simple ones", above=0)
    deformable_above_rigid: float = knob(help="the same of templates, less surrogates", above=0)
    variant_difference: float = knob(help="of an index through output nonlinearities", above=0)
    complex_variation: float = knob(help="over shifts, of every complex cell, at most", above=0)


@dataclass(frozen=True)
class Tolerance:
    """How far a unit's value may be from the reference's."""

    uncertainty: str | None = knob(None, "column with the spread between seeds")
    absolute: float | None = knob(None, "in the quantity's own unit", above=0)
    relative: float | None = knob(None, "to the reference", above=0)
    logarithmic: float | None = knob(None, "in the natural logarithm", above=0)


@dataclass(frozen=True)
class Reproduction:
    """When a run agrees with the committed reference."""

    errors: float = knob(help="standard errors of a difference", above=0)
    quantities: dict[str, Tolerance] = knob(help="tolerances by column of units.csv", least=1)


@dataclass(frozen=True)
class Calibration:
    """How far a run with cheaper settings may be from the reference."""

    indices: tuple[str, ...] = knob(help="columns of units.csv that are held to it", once=True)
    bias: float = knob(help="of an index, absolute, at most", above=0)
    r: float = knob(help="correlation of an index, at least", above=0, maximum=1)
    changed: int = knob(help="verdicts of units, yes for no or no for yes, at most", minimum=0)
    beside: tuple[str, ...] = knob((), "columns compared without a say", once=True)
    relative: tuple[str, ...] = knob((), "the same, relative to the reference", once=True)


@dataclass(frozen=True)
class Criteria:
    """What claims, controls and the reproduction check are held to."""

    C1: C1 = knob()
    C2: C2 = knob()
    C3: C3 = knob()
    C4: C4 = knob()
    second: SecondEdition = knob()
    controls: ControlCriteria = knob()
    reproduction: Reproduction = knob()
    calibration: Calibration = knob()


def read_file(path: Path | str) -> Any:
    """Return the content of a YAML or JSON file.

    Raises
    ------
    UserError
        If there is no such file, it is malformed, too long, holds a key twice or a number that can
        be misread, or it is YAML and there is no PyYAML.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        text = content.decode("utf-8")
    except (OSError, ValueError) as error:
        raise _unreadable("a configuration", path, error, "name one") from None
    if len(content) > _MOST_BYTES:
        wanted = f"a configuration of less than {_MOST_BYTES >> 10} KiB"
        raise UserError(wanted, f"more in {path}", "name another file")
    parse, kind = (_parse_json, "JSON") if path.suffix == ".json" else (_parse_yaml, "YAML")
    try:
        return parse(text)
    except UserError:
        raise
    except Exception as error:  # parsers raise more than they say
        raise _unreadable(kind, path, error, "correct it") from None


_MOST_BYTES = 2**18


def _unreadable(wanted: str, path: Path, error: Exception, remedy: str) -> UserError:
    reason = getattr(error, "strerror", None) or " ".join(str(error).split())
    return UserError(f"{wanted} in {path}", reason or type(error).__name__, remedy)


def _parse_json(text: str) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        _check_once([key for key, _ in pairs])
        return dict(pairs)

    def refuse(name: str) -> Any:
        raise ValueError(f"{name}, which is no number")

    return json.loads(text, object_pairs_hook=once, parse_constant=refuse)


def _parse_yaml(text: str) -> Any:
    try:
        import yaml
    except ModuleNotFoundError:
        raise UserError(
            "PyYAML for a configuration in YAML",
            "none here",
            "convert it to JSON elsewhere, or install PyYAML",
        ) from None

    class Strict(yaml.SafeLoader):
        """Refuses what PyYAML reads without a word, but not as it is meant."""

        def compose_mapping_node(self, anchor: Any) -> Any:
            node = super().compose_mapping_node(anchor)
            keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            _check_once(keys)
            return node

        def compose_scalar_node(self, anchor: Any) -> Any:
            node = super().compose_scalar_node(anchor)
            if node.tag in _NUMBERS and re.match(r"[-+]?0[0-9]|.*[:_]", node.value):
                # 010 would be 8, 1:30 would be 90.
                raise ValueError(f"{node.value}, which is no plain number; write text in quotes")
            return node

    return yaml.load(text, Strict)


_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


def _check_once(keys: list[str]) -> None:
    """Refuse keys that come twice: parsers take the last without a word."""
    for key, count in Counter(keys).items():
        if count > 1:
            raise ValueError(f"{key[:40]!r} twice")


def read_settings(content: Mapping[str, Any] | Path | str) -> Settings:
    """Return the settings of a run from a file or its content, networks by their full names.

    ``weights: torchvision`` makes the whole comparison one of torchvision's trainings, under a
    scale of its own.

    Raises
    ------
    UserError
        As `read_file` and `diversevis.study.knobs.read`.
    """
    if isinstance(content, (str, Path)):
        content = read_file(content)
    return _resolved(read(Settings, content))


def read_criteria(content: Mapping[str, Any] | Path | str) -> dict[str, Any]:
    """Return the criteria, checked, as plain values: ``criteria["C3"]["delta"]``.

    Raises
    ------
    UserError
        As `read_settings`.
    """
    if isinstance(content, (str, Path)):
        content = read_file(content)
    criteria = read(Criteria, content, "the criteria")
    for name, tolerance in criteria.reproduction.quantities.items():
        stated = (tolerance.absolute, tolerance.relative, tolerance.logarithmic)
        if sum(value is not None for value in stated) != 1:
            where = f"reproduction.quantities.{name}"
            wanted = f"one of absolute, relative, logarithmic in {where}"
            raise UserError(wanted, f"{stated}", "state one")
    found: dict[str, Any] = plain(criteria)
    tolerances = found["reproduction"]["quantities"]
    for name, entry in tolerances.items():
        tolerances[name] = {key: value for key, value in entry.items() if value is not None}
    return found


def _resolved(settings: Settings) -> Settings:
    """Return settings with networks by their full names."""
    content = plain(settings)
    if settings.weights is None:
        return settings

    def renamed(network: str) -> str:
        base, mark, null = network.partition("+")
        return f"{base}-{settings.weights}{mark}{null}"

    of_units = (content["units"][name] for name in ("other", "include", "other_parts"))
    for section in (content["layers"], *of_units):
        for network in list(section):
            section[renamed(network)] = section.pop(network)
    content |= {
        "weights": None,
        "scale": renamed(settings.scale),
        "reference": None,  # other networks have other numbers
        "pairs": [[[renamed(n), layer] for n, layer in pair] for pair in settings.pairs],
        "distances": [renamed(settings.compared[0]), settings.compared[1]],
    }
    return read(Settings, content)
