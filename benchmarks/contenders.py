"""What is timed against what, on the units of one layer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from benchmarks import lucent
from benchmarks.published_loop import published_loop
from benchmarks.timing import Contender
from diversevis import Schedule, Trunk, channels, diverse_sets, load_trunk
from diversevis.devices import DTYPES
from diversevis.errors import UserError
from diversevis.invariance.families.registry import get_family
from diversevis.invariance.transformation import Sampling, Trials, transformation_test
from diversevis.optimisation.schedule import PUBLISHED_TEST
from diversevis.seeds import generator
from diversevis.units.contract import default_distance
from diversevis.units.patches import patch_norm

PUBLISHED_UNIT = 21
PUBLISHED_DIVERSITY = 0.01
SAMPLING = Sampling(per_step=16, training=64, held_out=16)


@dataclass(frozen=True)
class Bench:
    """Units of one layer, and everything that contenders need of them.

    Parameters
    ----------
    device
        Where to run.
    units
        How many.
    network, layer
        Where they are.
    images
        In a set.
    seed
        Of the choice of units and of the starts.
    """

    device: torch.device
    units: int = 16
    network: str = "vgg19"
    layer: str = "conv3_1"
    images: int = 6
    seed: int = 0

    @cached_property
    def trunk(self) -> Trunk:
        """The units in float32, channels-last."""
        return load_trunk(self.network, self.layer, device=self.device, progress=False)

    @cached_property
    def plain_trunk(self) -> Trunk:
        """The units in PyTorch's default memory format."""
        trunk = load_trunk(self.network, self.layer, device=self.device, progress=False)
        return trunk.to(memory_format=torch.contiguous_format)

    def fitting(self) -> Bench:
        """Return the same with no more units than the layer has."""
        return replace(self, units=min(self.units, self.trunk.channels))

    @cached_property
    def distance(self) -> str:
        """Where distances are taken."""
        return default_distance(self.trunk)

    @cached_property
    def channels(self) -> list[int]:
        """The units' numbers: the published one, then a random choice."""
        if not 1 <= self.units <= self.trunk.channels:
            raise UserError(
                f"1 to {self.trunk.channels} units of {self.network} {self.layer}",
                str(self.units),
                "choose a number within the range",
            )
        order = torch.randperm(self.trunk.channels, generator=generator(self.seed, "benchmark"))
        first = min(PUBLISHED_UNIT, self.trunk.channels - 1)
        return [first, *(n for n in order.tolist() if n != first)][: self.units]

    @cached_property
    def starts(self) -> Tensor:
        """``r ~ N(0, 1)``, ``[units, n, 3, s, s]``; each unit has its own, however many there are.

        On the CPU.
        """
        shape = (self.images, 3, self.trunk.size, self.trunk.size)
        return torch.stack(
            [
                torch.randn(shape, generator=generator(self.seed, "benchmark start", channel))
                for channel in self.channels
            ]
        )

    def described(self, contender: str, dtype: str = "float32", **other) -> dict:
        """Return a contender's columns."""
        return {
            "device": self.device.type,
            "threads": torch.get_num_threads(),
            "contender": contender,
            "dtype": dtype,
            "network": self.network,
            "layer": self.layer,
            "size": self.trunk.size,
            "units": self.units,
            "images": self.images,
            "patches": self.units * self.images,
            **other,
        }

    def engine(self, dtype: str) -> Contender:
        """Return the engine on all units."""

        def run(steps: int) -> None:
            diverse_sets(
                self.trunk,
                self.channels,
                images=self.images,
                diversity=PUBLISHED_DIVERSITY,
                start=self.starts,
                schedule=Schedule(steps=steps),
                precision=dtype,
            )

        return Contender(run, self.units * self.images, self.described("engine", dtype))

    def published(self) -> Contender:
        """Return the published loop on the first unit."""
        start = self.starts[0].to(self.device)

        def run(steps: int) -> None:
            published_loop(
                self.plain_trunk,
                self.channels[0],
                start,
                diversity=PUBLISHED_DIVERSITY,
                distance=self.distance,
                steps=steps,
            )

        alone = replace(self, units=1)
        return Contender(run, self.images, alone.described("published loop"))

    def trunk_alone(self, patches: int, dtype: str) -> Contender:
        """Return the trunk's forward and backward pass alone, channels-last."""
        trunk = self.trunk
        if DTYPES[dtype] != torch.float32:
            trunk = load_trunk(
                self.network, self.layer, device=self.device, dtype=DTYPES[dtype], progress=False
            )
        shape = (patches, 3, trunk.size, trunk.size)
        x = torch.randn(shape, generator=generator(self.seed, "benchmark batch"))
        x = x * (patch_norm(trunk.size) / x.flatten(1).norm(dim=1)[:, None, None, None])
        x = x.to(self.device, DTYPES[dtype]).contiguous(memory_format=torch.channels_last)
        x.requires_grad_()

        def run(steps: int) -> None:
            for _ in range(steps):
                torch.autograd.grad(trunk(x)[:, 0].sum(), x)

        columns = self.described("trunk alone", dtype)
        return Contender(run, patches, {**columns, "units": 0, "images": 0, "patches": patches})

    def transformation(self, family: str, dtype: str) -> Contender:
        """Return the transformation test on all units; members take the place of images."""
        targets = channels(self.trunk, self.channels)
        family_ = get_family(family)(self.trunk.size, 2.0)
        templates = self.starts[:, 0]
        templates = templates * (patch_norm(self.trunk.size) / templates.norm())

        def run(steps: int) -> None:
            transformation_test(
                self.trunk,
                targets,
                family_,
                templates,
                sampling=SAMPLING,
                trials=Trials(starts=1),  # each image and step is to be counted once
                schedule=replace(PUBLISHED_TEST, steps=steps, patience=steps),
                precision=dtype,
            )

        patches = self.units * SAMPLING.per_step
        columns = self.described(f"transformation test, {family}", dtype)
        return Contender(run, patches, {**columns, "images": SAMPLING.per_step, "patches": patches})

    def lucent(self) -> dict[str, Contender]:
        """Return lucent's contenders; none where it cannot run."""
        if lucent.why_not(self.network, self.device):
            return {}
        common = (self.channels[0], self.images, PUBLISHED_DIVERSITY, self.distance)
        runs = {
            "lucent": lucent.as_documented(self.network, self.layer, *common, size=self.trunk.size),
            "lucent, bare": lucent.bare(self.plain_trunk, *common),
        }
        alone = replace(self, units=1)
        return {
            name: Contender(run, self.images, alone.described(name)) for name, run in runs.items()
        }

    def by_name(self, name: str) -> Contender:
        """Return the contender called `name`, its precision behind it: ``engine/bfloat16``."""
        kind, _, dtype = name.partition("/")
        if kind == "published loop":
            return self.published()
        if kind == "engine":
            return self.engine(dtype)
        if kind == "trunk alone":
            return self.trunk_alone(self.units * self.images, dtype)
        if kind == "transformation test, all-shifts":
            return self.transformation("all-shifts", dtype)
        return self.lucent()[kind]
