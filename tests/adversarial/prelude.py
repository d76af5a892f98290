"""What the rows of the Python interface are written with; needs no weights."""

# ruff: noqa: F401

import copy
import dataclasses
from pathlib import Path

import numpy as np
import torch

import diversevis
from diversevis.controls.units import Controls
from diversevis.devices import choose_device, get_dtype
from diversevis.invariance.families.registry import build_families, get_family
from diversevis.invariance.grating_response import best_gratings
from diversevis.invariance.measure import measure_invariance
from diversevis.invariance.stability import relative_stability
from diversevis.invariance.transformation import Sampling, Trials, transformation_test
from diversevis.networks.modules import layers
from diversevis.networks.registry import get_network
from diversevis.networks.trunk import build_trunk, find_layer
from diversevis.optimisation.schedule import Schedule, get_schedule
from diversevis.results.formats import read_arrays, read_json, read_rows
from diversevis.results.natural import NaturalResult
from diversevis.results.sets import ImageSets, SweepResult
from diversevis.results.tests import LayerTests
from diversevis.study.check import check
from diversevis.study.load import load_units
from diversevis.study.settings import Settings, Synthesis, read_criteria, read_settings

units = Controls("simple")
target = diversevis.channels(units, [0])
shifts = build_families(["shifts"], [1.0], units.size)
noise = torch.randn(1, 2, 3, units.size, units.size, generator=torch.Generator().manual_seed(0))
few = {"images": 2, "schedule": Schedule(steps=1)}


vgg19 = get_network("vgg19")
module = vgg19.build()
module.features[:3].to_empty(device="cpu")  # the first two layers have weights, whatever they are
trunk = build_trunk(module, "conv1_2", network=vgg19)


own = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3, padding=1), torch.nn.AdaptiveAvgPool2d(1)).eval()
layers(own)  # the first trace imports for two seconds: here, once


class Alone(Controls):
    """Does not know of distances elsewhere than in pixels."""

    def __init__(self):
        super().__init__("simple")

    def respond(self, patches):
        return super().respond(patches)


class Mixing(Controls):
    """Answers to each patch with the mean over the batch."""

    def respond(self, patches, tap="pixels"):
        answers, features = super().respond(patches, tap)
        return answers.mean(0).expand_as(answers), features
