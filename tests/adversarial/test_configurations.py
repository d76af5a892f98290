"""Bad configurations and criteria: refused by `diversevis run` and by the workflow alike.

A row of `VALUES` puts one value into a good configuration; a row of `FILES` is a whole file. The
tables are held against the settings: a new one without rows fails.
"""

from __future__ import annotations

import copy
import dataclasses
import datetime
import json
import math
import types
import typing
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from diversevis.study.knobs import knob
from diversevis.study.settings import Criteria, Natural, Settings

ROOT = Path(__file__).parents[2]
NULL = {"scale": "mine", "layers": {"vgg19+he": ["conv2_2"]}}
GOOD = {"scale": "mine", "layers": {"vgg19": ["conv2_2", "conv3_1"], "resnet50": ["layer1.1"]}}
NAN, INF = math.nan, math.inf
HUGE = 10**9
DAY = datetime.date(2020, 1, 1)
V = ("vgg19", "conv3_1")
R = ("resnet50", "layer1.1")

VALUES = [
    # scale
    ("scale", "../../escape", "up to 64 letters, digits"),
    ("scale", "/tmp/elsewhere", "/tmp/elsewhere"),
    ("scale", "abc\n", "'abc\\n'"),
    ("scale", "a b", "'a b'"),
    ("scale", "", "for scale"),
    ("scale", ".", "for scale"),
    ("scale", "-rf", "'-rf'"),
    ("scale", "a\0b", "for scale"),
    ("scale", "größe", "for scale"),
    ("scale", "a" * 300, "for scale"),
    ("scale", 2024, "a text for scale"),
    ("scale", DAY, "a text for scale"),
    ("scale", None, "a text for scale"),
    ("scale", ["mine"], "a text for scale"),
    # layers
    ("layers", {}, "at least 1 for layers"),
    ("layers", None, "names and their values for layers"),
    ("layers", ["vgg19"], "names and their values for layers"),
    ("layers", "vgg19", "names and their values for layers"),
    ("layers", {"vgg9": ["conv1_1"]}, "vgg19"),
    ("layers", {"VGG19": ["conv1_1"]}, "did you mean vgg19"),
    ("layers", {"../vgg19": ["conv1_1"]}, "'../vgg19'"),
    ("layers", {"vgg19": []}, "at least 1 for layers.vgg19"),
    ("layers", {"vgg19": None}, "a list for layers.vgg19"),
    ("layers", {"vgg19": "conv3_1"}, "a list for layers.vgg19"),
    ("layers", {"vgg19": ["conv3_11"]}, "'conv3_11'"),
    ("layers", {"vgg19": ["conv3_1", "conv3_1"]}, "'conv3_1' twice"),
    ("layers", {"vgg19": ["conv3_1\n"]}, "conv3_1"),
    ("layers", {"vgg19": [["conv3_1"]]}, "a text for layers.vgg19"),
    ("layers", {1: ["conv3_1"]}, "texts as names in layers"),
    ("layers", {None: ["conv3_1"]}, "texts as names in layers"),
    ("layers", {"controls": ["simple"]}, "'controls'"),
    # seed
    ("seed", 1.5, "a whole number for seed"),
    ("seed", "zero", "a whole number for seed"),
    ("seed", True, "a whole number for seed"),
    ("seed", None, "a whole number for seed"),
    ("seed", DAY, "a whole number for seed"),
    ("seed", -1, "at least 0 for seed"),
    ("seed", 10**30, "for seed"),
    ("seed", 10**4000, "for seed"),
    # device
    ("device", "tpu", "'tpu'"),
    ("device", "CPU", "'CPU'"),
    ("device", "cuda:x", "'cuda:x'"),
    ("device", "cuda:\u0663", "for device"),
    ("device", "cpu\n", "'cpu\\n'"),
    ("device", 0, "a text for device"),
    ("device", False, "a text for device"),
    # pairs
    ("pairs", "all", "a list for pairs"),
    ("pairs", [["vgg19", "conv3_1"]], "a list for pairs"),
    ("pairs", [[V]], "a list of 2 for pairs"),
    ("pairs", [[V, R, V]], "a list of 2 for pairs"),
    ("pairs", [[V, V]], "two different layers"),
    ("pairs", [[V, R], [V, R]], "once"),
    ("pairs", [[V, R], [R, V]], "once"),
    ("pairs", [[V, ("resnet50", "layer9")]], "resnet50 layer9"),
    ("pairs", [[V, ("resnet50", "layer1.0")]], "layers of the run in pairs"),
    # distances, reference, weights
    ("distances", "conv3_1", "a list for distances"),
    ("distances", ["vgg19"], "a list of 2 for distances"),
    ("distances", ["vgg19", "conv1_2"], "layers of the run in distances"),
    ("distances", [1, 2], "a text for distances"),
    ("reference", "mine", "another scale"),
    ("reference", "Mine", "another scale"),
    ("reference", "../mine", "for reference"),
    ("reference", 3, "a text for reference"),
    ("weights", "timm", "one of torchvision for weights"),
    ("weights", 1, "a text for weights"),
    # nulls
    ("nulls", None, "nulls"),
    ("nulls.kind", ["he"], "did you mean kinds"),
    ("nulls.kinds", "he", "a list for nulls.kinds"),
    ("nulls.kinds", ["postions"], "did you mean positions"),
    ("nulls.kinds", ["he", "he"], "'he' twice"),
    ("nulls.kinds", [0], "a text for nulls.kinds"),
    ("nulls.seeds", 0, "at least 1 for nulls.seeds"),
    ("nulls.seeds", "two", "a whole number for nulls.seeds"),
    ("nulls.seeds", HUGE, "for nulls.seeds"),
    ("layers", {"vgg19+postions": ["conv3_1"]}, "did you mean positions"),
    ("layers", {"vgg19+he+units": ["conv3_1"]}, "none of a null"),
    ("layers", {"vgg19+he.0": ["conv3_1"]}, "a seed of 1 to"),
    # what a user brings along
    ("plugins", "mine.py", "a list for plugins"),
    ("plugins", [1], "a text for plugins"),
    ("plugins", ["mine.py", "mine.py"], "'mine.py' twice"),
    ("plugins", ["nowhere.py"], "nowhere.py"),
    ("plugins", ["/etc/passwd"], "a Python file as a plugin"),
    ("checkpoints", ["mine.pt"], "names and their values for checkpoints"),
    ("checkpoints", {"torchvision:resnet50": 1}, "a text for checkpoints"),
    ("checkpoints", {"vgg19": "mine.pt"}, "name torchvision:vgg19"),
    ("checkpoints", {"torchvision:resnet50": "random"}, "networks of the run in checkpoints"),
    ("checkpoints", {"torchvision:resnet": "mine.pt"}, "did you mean resnet"),
    ("layers", {"torchvision:../resnet18": ["layer1.0"]}, "network of torchvision"),
    ("layers", {"tochvision:resnet18": ["layer1.0"]}, "did you mean torchvision"),
    ("photographs", 1, "a text for photographs"),
    ("photographs", "nowhere", "nowhere"),
    ("indices_only", "yes", "true or false for indices_only"),
    ("indices_only", 1, "true or false for indices_only"),
    # units
    ("units", None, "units"),
    ("units", [], "units"),
    ("units.perlayer", 3, "did you mean per_layer"),
    ("units.per_layer", 0, "at least 1 for units.per_layer"),
    ("units.per_layer", -5, "at least 1 for units.per_layer"),
    ("units.per_layer", 1.5, "for units.per_layer"),
    ("units.per_layer", "some", "for units.per_layer"),
    ("units.per_layer", None, "for units.per_layer"),
    ("units.per_layer", True, "for units.per_layer"),
    ("units.other", {"vgg19": 3}, "names and their values for units.other.vgg19"),
    ("units.other", {"vgg19": {"conv3_1": 0}}, "at least 1 for units.other.vgg19.conv3_1"),
    ("units.other", {"vgg19": {"conv3_1": "few"}}, "for units.other.vgg19.conv3_1"),
    ("units.other", {"vgg19": {"conv9_1": 3}}, "layers of the run in units.other"),
    ("units.include", {"vgg19": {"conv3_1": 21}}, "a list for units.include.vgg19.conv3_1"),
    ("units.include", {"vgg19": {"conv3_1": [256]}}, "0 to 255"),
    ("units.include", {"vgg19": {"conv3_1": [-1]}}, "at least 0 for units.include"),
    ("units.include", {"vgg19": {"conv3_1": [1.0]}}, "a whole number for units.include"),
    ("units.include", {"vgg19": {"conv3_1": ["21"]}}, "a whole number for units.include"),
    ("units.include", {"vgg19": {"conv3_1": [3, 3]}}, "3 twice"),
    ("units.include", {"vgg19": {"conv4_1": [3]}}, "layers of the run in units.include"),
    ("units.parts", 0, "at least 1 for units.parts"),
    ("units.parts", 1001, "at most 1000 for units.parts"),
    ("units.parts", 300, "parts of"),
    ("units.parts", 2.0, "a whole number for units.parts"),
    ("units.parts", "all", "a whole number for units.parts"),
    ("units.other_parts", {"vgg19": 3}, "names and their values for units.other_parts.vgg19"),
    ("units.other_parts", {"vgg19": {"conv3_1": 0}}, "at least 1 for units.other_parts"),
    ("units.other_parts", {"vgg19": {"conv3_1": 1001}}, "at most 1000 for units.other_parts"),
    ("units.other_parts", {"vgg19": {"conv3_1": "4"}}, "a whole number for units.other_parts"),
    ("units.other_parts", {"vgg19": {"conv3_1": 257}}, "at most 256 parts of vgg19 conv3_1"),
    ("units.other_parts", {"vgg19": {"conv9_1": 3}}, "layers of the run in units.other_parts"),
    # synthesis
    ("synthesis", None, "synthesis"),
    ("synthesis.gird", [0.1], "did you mean grid"),
    ("synthesis.images", 0, "for synthesis.images"),
    ("synthesis.images", 1, "two images"),
    ("synthesis.images", HUGE, "for synthesis.images"),
    ("synthesis.images", 6.0, "a whole number for synthesis.images"),
    ("synthesis.images", "6", "a whole number for synthesis.images"),
    ("synthesis.images", [6], "a whole number for synthesis.images"),
    ("synthesis.grid", 0.1, "a list for synthesis.grid"),
    ("synthesis.grid", "0.1,0.3", "a list for synthesis.grid"),
    ("synthesis.grid", {0.1: 1}, "a list for synthesis.grid"),
    ("synthesis.grid", [], "at least 1 for synthesis.grid"),
    ("synthesis.grid", [0.1, 0.01], "rise"),
    ("synthesis.grid", [0.1, 0.1], "0.1 twice"),
    ("synthesis.grid", [0.1, 0.1 + 1e-12], "twice"),
    ("synthesis.grid", [0, 0.1], "for synthesis.grid"),
    ("synthesis.grid", [1e-9, 0.1], "for synthesis.grid"),
    ("synthesis.grid", [0.1, 1e30], "for synthesis.grid"),
    ("synthesis.grid", [0.1, NAN], "a number for synthesis.grid"),
    ("synthesis.grid", [0.1, INF], "a number for synthesis.grid"),
    ("synthesis.grid", ["0.1"], "a number for synthesis.grid"),
    ("synthesis.grid", [[0.1]], "a number for synthesis.grid"),
    ("synthesis.fraction", 2, "at most 1 for synthesis.fraction"),
    ("synthesis.fraction", 0, "above 0 for synthesis.fraction"),
    ("synthesis.fraction", -0.5, "above 0 for synthesis.fraction"),
    ("synthesis.fraction", NAN, "a number for synthesis.fraction"),
    ("synthesis.fraction", 10**400, "for synthesis.fraction"),
    ("synthesis.fraction", "90 %", "a number for synthesis.fraction"),
    ("synthesis.fraction", True, "a number for synthesis.fraction"),
    ("synthesis.schedule", "slow", "one of fast, published for synthesis.schedule"),
    ("synthesis.schedule", 1, "a text for synthesis.schedule"),
    ("synthesis.steps", 0, "at least 1 for synthesis.steps"),
    ("synthesis.steps", 10**12, "for synthesis.steps"),
    ("synthesis.steps", 1.5, "a whole number for synthesis.steps"),
    ("synthesis.steps", "all", "a whole number for synthesis.steps"),
    ("synthesis.precision", "float16", "for synthesis.precision"),
    ("synthesis.precision", 32, "a text for synthesis.precision"),
    # natural
    ("natural", [], "natural"),
    ("natural.patches", 0, "at least 1 for natural.patches"),
    ("natural.patches", HUGE, "for natural.patches"),
    ("natural.patches", 4e3, "a whole number for natural.patches"),
    ("natural.patches", "many", "a whole number for natural.patches"),
    # invariance
    ("invariance", "all", "invariance"),
    ("invariance.families", ["all-shifts", "deformation"], "did you mean deformations"),
    ("invariance.families", [], "at least 1 for invariance.families"),
    ("invariance.families", "shifts", "a list for invariance.families"),
    ("invariance.families", [1], "a text for invariance.families"),
    ("invariance.families", ["shifts", "shifts"], "'shifts' twice"),
    ("invariance.families", ["Shifts"], "did you mean"),
    ("invariance.delta", 2, "a list for invariance.delta"),
    ("invariance.delta", [], "at least 1 for invariance.delta"),
    ("invariance.delta", [2, 1], "rise"),
    ("invariance.delta", [2, 2.0], "2.0 twice"),
    ("invariance.delta", [2, 2.00000001], "twice"),
    ("invariance.delta", [0, 2], "for invariance.delta"),
    ("invariance.delta", [1e-5, 2], "for invariance.delta"),
    ("invariance.delta", [2, 7], "without folding"),
    ("invariance.delta", [2, 1000], "for invariance.delta"),
    ("invariance.delta", [2, NAN], "a number for invariance.delta"),
    ("invariance.delta", ["two"], "a number for invariance.delta"),
    ("invariance.measure", "response ", "invariance.measure"),
    ("invariance.measure", 1, "invariance.measure"),
    ("invariance.learn_masks", "yes", "true or false for invariance.learn_masks"),
    ("invariance.learn_masks", 1, "true or false for invariance.learn_masks"),
    ("invariance.learn_masks", None, "true or false for invariance.learn_masks"),
    ("invariance.schedule", "fats", "did you mean fast"),
    ("invariance.schedule", None, "a text for invariance.schedule"),
    ("invariance.steps", 0, "at least 1 for invariance.steps"),
    ("invariance.steps", HUGE, "for invariance.steps"),
    ("invariance.steps", 1.0, "a whole number for invariance.steps"),
    ("controls.steps", 0, "at least 1 for controls.steps"),
    ("controls.steps", None, "a whole number for controls.steps"),
    ("controls.steps", HUGE, "for controls.steps"),
    ("controls.peak_steps", 0, "at least 1 for controls.peak_steps"),
    ("controls.peak_steps", "120", "a whole number for controls.peak_steps"),
    ("controls.peak_steps", HUGE, "for controls.peak_steps"),
    ("controls.members", 1, "at least 2 for controls.members"),
    ("controls.members", None, "a whole number for controls.members"),
    ("controls.members", HUGE, "for controls.members"),
    ("controls.kinds", "plane", "did you mean plain"),
    ("controls.kinds", ["simple"], "a text for controls.kinds"),
    ("controls.kinds", None, "a text for controls.kinds"),
    ("invariance.control_steps", 800, "'control_steps'"),
    ("scale", "controls", "another name than controls"),
    ("invariance.starts", 0, "at least 1 for invariance.starts"),
    ("invariance.starts", HUGE, "for invariance.starts"),
    ("invariance.starts", "3", "a whole number for invariance.starts"),
    ("invariance.trial_steps", "3", "a whole number for invariance.trial_steps"),
    ("invariance.trial_steps", "15", "a whole number for invariance.trial_steps"),
    ("invariance.trial_steps", 0, "at least 1 for invariance.trial_steps"),
    ("invariance.trial_steps", HUGE, "for invariance.trial_steps"),
    ("invariance.per_step", 0, "at least 1 for invariance.per_step"),
    ("invariance.per_step", HUGE, "for invariance.per_step"),
    ("invariance.per_step", 1.5, "a whole number for invariance.per_step"),
    ("invariance.training", 0, "at least 1 for invariance.training"),
    ("invariance.training", HUGE, "for invariance.training"),
    ("invariance.training", "all", "a whole number for invariance.training"),
    ("invariance.held_out", 0, "at least 1 for invariance.held_out"),
    ("invariance.held_out", HUGE, "for invariance.held_out"),
    ("invariance.held_out", "all", "a whole number for invariance.held_out"),
    ("invariance.held_out", {}, "a whole number for invariance.held_out"),
    ("invariance.peak_steps", 0, "at least 1 for invariance.peak_steps"),
    ("invariance.peak_steps", HUGE, "for invariance.peak_steps"),
    ("invariance.peak_steps", "x", "a whole number for invariance.peak_steps"),
    ("invariance.precision", "float64", "for invariance.precision"),
    ("invariance.repeats", 0, "at least 1 for invariance.repeats"),
    ("invariance.repeats", HUGE, "for invariance.repeats"),
    ("invariance.repeats", 1e9, "a whole number for invariance.repeats"),
    ("invariance.repeats", "1e9", "a whole number for invariance.repeats"),
    ("invariance.repeat_delta", [], "at least 1 for invariance.repeat_delta"),
    ("invariance.repeat_delta", [2, 2.5], "2.5"),
    ("invariance.repeat_delta", [3, 2], "rise"),
    ("invariance.repeat_delta", [-2], "for invariance.repeat_delta"),
    ("invariance.repeat_delta", [None], "a number for invariance.repeat_delta"),
    ("invariance.effort_units", -1, "at least 0 for invariance.effort_units"),
    ("invariance.effort_units", 1001, "at most 1000 for invariance.effort_units"),
    ("invariance.effort_units", 1.5, "a whole number for invariance.effort_units"),
    # what is no setting
    ("sede", 1, "did you mean seed"),
    ("Seed", 1, "did you mean seed"),
    ("seed ", 1, "'seed '"),
    (1, 1, "only the keys"),
    (None, 1, "only the keys"),
    (DAY, 1, "only the keys"),
    ("x" * 5000, 1, "only the keys"),
    ("invariance.__class__", 1, "'__class__'"),
]

CLAIMS = [
    # Only a workflow has claims to judge: `run` leaves these to it.
    ("invariance.families", ["deformations"], "all-shifts among invariance.families"),
    ("invariance.families", ["all-shifts"], "deformations among invariance.families"),
    ("invariance.delta", [1, 3], "invariance.delta"),
    ("invariance.repeat_delta", [1], "2, the displacement of claim C3"),
    ("invariance.repeats", 1, "at least 2 for invariance.repeats"),
]

HEAD = "scale: mine\nlayers: {vgg19: [conv3_1]}\n"
OTHER = "weights: torchvision\n"
LAUGHS = "a0: &a0 ha\n" + "".join(
    f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]\n" for n in range(9)
)
FILES = [
    ("mine.yaml", "", "keys and values"),
    ("mine.yaml", "# nothing\n", "keys and values"),
    ("mine.yaml", "null\n", "keys and values"),
    ("mine.yaml", "- scale: mine\n", "keys and values"),
    ("mine.yaml", "mine\n", "keys and values"),
    ("mine.yaml", "42\n", "keys and values"),
    # a null of a null
    ("mine.yaml", {**NULL, "nulls": {"kinds": ["units"]}}, "no null beside nulls.kinds"),
    ("mine.yaml", "2020-01-01\n", "keys and values"),
    ("mine.yaml", HEAD + "\tseed: 1\n", "mine.yaml"),
    ("mine.yaml", HEAD + "seed: [1\n", "mine.yaml"),
    ("mine.yaml", HEAD + "seed: 1\nseed: 2\n", "'seed' twice"),
    ("mine.yaml", HEAD + "synthesis: {images: 3, images: 4}\n", "'images' twice"),
    ("mine.yaml", "layers: {vgg19: [conv3_1], vgg19: [conv2_2]}\nscale: a\n", "'vgg19' twice"),
    ("mine.yaml", HEAD + "seed: 1\n---\nseed: 2\n", "mine.yaml"),
    ("mine.yaml", HEAD + "units: &u {other: *u}\n", "units.other"),
    ("mine.yaml", HEAD + "pairs: &p [*p]\n", "pairs"),
    ("mine.yaml", HEAD + LAUGHS + "seed: *a9\n", "only the keys"),
    ("mine.yaml", LAUGHS + "scale: *a9\nlayers: {}\n", "keys"),
    ("mine.yaml", HEAD + "seed: *nothing\n", "mine.yaml"),
    ("mine.yaml", HEAD + "? [a, b]\n: 1\n", "mine.yaml"),
    ("mine.yaml", HEAD + "seed: !!python/object/apply:os.getpid []\n", "mine.yaml"),
    ("mine.yaml", HEAD + f"seed: {'9' * 5000}\n", "mine.yaml"),
    ("mine.yaml", HEAD + "seed: 2020-13-45\n", "mine.yaml"),
    ("mine.yaml", HEAD + "synthesis: {fraction: 1e-1}\n", "1.0e-1"),
    ("mine.yaml", HEAD + "seed: 010\n", "got 010"),
    ("mine.yaml", HEAD + "seed: 1:30\n", "got 1:30"),
    ("mine.yaml", "[" * 1200, "mine.yaml"),
    ("mine.yaml", b"\x89PNG\r\n\x1a\n\0\0", "mine.yaml"),
    ("mine.yaml", HEAD.encode() + b"\0", "mine.yaml"),
    ("mine.yaml", HEAD.encode("utf-16"), "mine.yaml"),
    ("mine.yaml", b"# " + b"x" * 2**21, "mine.yaml"),
    ("mine.yaml", HEAD.replace("vgg19", "vgg19-torchvision") + OTHER, "n-torchvision"),
    ("mine.yaml", HEAD.replace("mine", "a" * 60) + OTHER, "for scale"),
    ("mine.json", "", "JSON in"),
    ("mine.json", "{", "JSON in"),
    ("mine.json", "[]", "keys and values"),
    ("mine.json", '{"scale": "mine",}', "JSON in"),
    ("mine.json", '{"scale": "a", "scale": "b", "layers": {}}', "'scale' twice"),
    ("mine.json", '{"scale": "a", "layers": {"vgg19": ["conv3_1"]}, "seed": NaN}', "NaN"),
    (
        "mine.json",
        '{"scale": "a", "layers": {"vgg19": ["conv3_1"]}, "seed": -Infinity}',
        "Infinity",
    ),
    ("mine.json", '{"scale": "a", "layers": {"vgg19": ["conv3_1"]}, "seed": 1e3}', "for seed"),
    ("mine.json", "[" * 200_000, "mine.json"),
    ("mine.json", "\ufeff{}", "JSON in"),
    ("mine.json", HEAD, "JSON in"),
    ("mine.yaml", None, "No such file"),
    ("mine.yaml", Path(), "mine.yaml"),
]

CRITERIA = [
    ("C1.fraction", 1.5, "at most 1 for C1.fraction"),
    ("C1.fraction", "most", "a number for C1.fraction"),
    ("C1.share", 0, "above 0 for C1.share"),
    ("C1.share", None, "a number for C1.share"),
    ("C1.median_ratio", -1, "above 0 for C1.median_ratio"),
    ("C1.median_ratio", [], "a number for C1.median_ratio"),
    ("C2.phase_indx", 0.8, "did you mean phase_index"),
    ("C2.network", 19, "a text for C2.network"),
    ("C2.network", "vgg99", "did you mean vgg19"),
    ("C2.network", "", "C2.network"),
    ("C2.phase_index", 2, "at most 1 for C2.phase_index"),
    ("C2.phase_index", True, "a number for C2.phase_index"),
    ("C2.above", 0, "above 0 for C2.above"),
    ("C2.above", "x", "a number for C2.above"),
    ("C2.units", 0, "at least 1 for C2.units"),
    ("C2.units", 1.5, "a whole number for C2.units"),
    ("C3.network", None, "a text for C3.network"),
    ("C3.network", "VGG19", "did you mean vgg19"),
    ("C3.delta", 5, "5, the displacement of claim C3"),
    ("C3.delta", 1000, "at most 24 for C3.delta"),
    ("C3.delta", "two", "a number for C3.delta"),
    ("C3.delta", 0, "for C3.delta"),
    ("C3.delta", NAN, "a number for C3.delta"),
    ("C3.above", -1, "above 0 for C3.above"),
    ("C3.above", {}, "a number for C3.above"),
    ("C3.units", 0, "at least 1 for C3.units"),
    ("C3.units", "1", "a whole number for C3.units"),
    ("C3.overlap", -0.1, "at least 0 for C3.overlap"),
    ("C3.overlap", "half", "a number for C3.overlap"),
    ("C4.quantities", [], "at least 1 for C4.quantities"),
    ("C4.quantities", "phase_above", "a list for C4.quantities"),
    ("C4.quantities", ["a", "a"], "'a' twice"),
    ("C4.quantities", ["phase_abov"], "did you mean phase_above"),
    ("C4.quantities", ["rotation_above"], "C4.quantities"),
    ("C4.quantities", [""], "C4.quantities"),
    ("C4.p", 0, "above 0 for C4.p"),
    ("C4.p", "5 %", "a number for C4.p"),
    ("C4.cliffs_delta", 2, "at most 1 for C4.cliffs_delta"),
    ("C4.cliffs_delta", None, "a number for C4.cliffs_delta"),
    ("C4.exploratory", ["f1f0"], "did you mean f1_f0"),
    ("C4.exploratory", [1], "a text for C4.exploratory"),
    ("C4.exploratory", None, "a list for C4.exploratory"),
    ("second.uncertainties", 0, "above 0 for second.uncertainties"),
    ("second.uncertainties", "two", "a number for second.uncertainties"),
    ("second.C1.median_ratio", 0, "above 0 for second.C1.median_ratio"),
    ("second.C1.median_ratio", None, "a number for second.C1.median_ratio"),
    ("second.C1.coincide", -1, "for second.C1.coincide"),
    ("second.C1.coincide", "0.05", "a number for second.C1.coincide"),
    ("second.C1.share", 2, "at most 1 for second.C1.share"),
    ("second.C1.share", "most", "a number for second.C1.share"),
    ("second.C1.fraction", 0.9, "'fraction'"),
    ("second.C2.network", "vgg99", "did you mean vgg19"),
    ("second.C2.network", 19, "a text for second.C2.network"),
    ("second.C2.variation", 0, "above 0 for second.C2.variation"),
    ("second.C2.variation", "5 %", "a number for second.C2.variation"),
    ("second.C2.phase_index", 2, "at most 1 for second.C2.phase_index"),
    ("second.C2.phase_index", [], "a number for second.C2.phase_index"),
    ("second.C2.above", 0, "above 0 for second.C2.above"),
    ("second.C2.above", True, "a number for second.C2.above"),
    ("second.C2.units", 0, "at least 1 for second.C2.units"),
    ("second.C2.units", 1.5, "a whole number for second.C2.units"),
    ("second.C3.network", None, "a text for second.C3.network"),
    ("second.C3.network", "VGG19", "did you mean vgg19"),
    ("second.C3.delta", 1, "second.C3.delta"),
    ("second.C3.delta", "two", "a number for second.C3.delta"),
    ("second.C3.index", 2, "at most 1 for second.C3.index"),
    ("second.C3.index", "x", "a number for second.C3.index"),
    ("second.C3.above", -1, "above 0 for second.C3.above"),
    ("second.C3.above", {}, "a number for second.C3.above"),
    ("second.C3.drive", 0, "above 0 for second.C3.drive"),
    ("second.C3.drive", None, "a number for second.C3.drive"),
    ("second.C3.units", 0, "at least 1 for second.C3.units"),
    ("second.C3.units", "1", "a whole number for second.C3.units"),
    ("second.C3.overlap", -0.1, "at least 0 for second.C3.overlap"),
    ("second.C3.overlap", "half", "a number for second.C3.overlap"),
    ("second.C4.quantities", [], "at least 1 for second.C4.quantities"),
    ("second.C4.quantities", ["phase_abov"], "did you mean phase_above"),
    ("second.C4.quantities", [1], "a text for second.C4.quantities"),
    ("second.C4.p", 0, "above 0 for second.C4.p"),
    ("second.C4.p", "5 %", "a number for second.C4.p"),
    ("second.C4.cliffs_delta", 2, "at most 1 for second.C4.cliffs_delta"),
    ("second.C4.cliffs_delta", None, "a number for second.C4.cliffs_delta"),
    ("second.C5.quantities", [], "at least 1 for second.C5.quantities"),
    ("second.C5.quantities", ["phase_abov"], "did you mean phase_above"),
    ("second.C5.p", 0, "above 0 for second.C5.p"),
    ("second.C5.p", "5 %", "a number for second.C5.p"),
    ("second.C5.cliffs_delta", 2, "at most 1 for second.C5.cliffs_delta"),
    ("second.C5.cliffs_delta", None, "a number for second.C5.cliffs_delta"),
    ("second.C5.share_of_layers", 0, "above 0 for second.C5.share_of_layers"),
    ("second.C5.share_of_layers", "half", "a number for second.C5.share_of_layers"),
    ("second", None, "second"),
    ("controls.linear_difference", 0, "above 0 for controls.linear_difference"),
    ("controls.linear_difference", "x", "a number for controls.linear_difference"),
    ("controls.complex_index", 0, "above 0 for controls.complex_index"),
    ("controls.complex_index", "x", "a number for controls.complex_index"),
    ("controls.complex_above_simple", -1, "above 0 for controls.complex_above_simple"),
    ("controls.complex_above_simple", [], "a number for controls.complex_above_simple"),
    ("controls.deformable_above_rigid", 0, "above 0 for controls.deformable_above_rigid"),
    ("controls.deformable_above_rigid", False, "a number for controls.deformable_above_rigid"),
    ("controls.variant_difference", 0, "above 0 for controls.variant_difference"),
    ("controls.variant_difference", None, "a number for controls.variant_difference"),
    ("controls.complex_variation", 0, "above 0 for controls.complex_variation"),
    ("controls.complex_variation", "5 %", "a number for controls.complex_variation"),
    ("reproduction.errors", 0, "above 0 for reproduction.errors"),
    ("reproduction.errors", INF, "a number for reproduction.errors"),
    ("reproduction.errors", "3", "a number for reproduction.errors"),
    ("reproduction.quantities", {}, "at least 1 for reproduction.quantities"),
    ("reproduction.quantities", {"f_max": {}}, "one of absolute, relative, logarithmic"),
    ("reproduction.quantities", {"f_max": None}, "reproduction.quantities.f_max"),
    ("reproduction.quantities", {"f_max": {"absolute": 1, "relative": 1}}, "one of absolute"),
    ("reproduction.quantities.NAME.uncertainty", 3, "a text for"),
    ("reproduction.quantities.NAME.absolute", 0, "above 0 for"),
    ("reproduction.quantities.NAME.absolute", "x", "a number for"),
    ("reproduction.quantities.NAME.relative", -1, "above 0 for"),
    ("reproduction.quantities.NAME.relative", "x", "a number for"),
    ("reproduction.quantities.NAME.logarithmic", 0, "above 0 for"),
    ("reproduction.quantities.NAME.logarithmic", "x", "a number for"),
    ("reproduction.quantities.NAME.logarithmic", [1], "a number for"),
    ("calibration", None, "calibration"),
    ("calibration.indices", "phase_index", "a list for calibration.indices"),
    ("calibration.indices", ["phase_indx"], "did you mean phase_index"),
    ("calibration.indices", ["phase_index"] * 2, "'phase_index' twice"),
    ("calibration.bias", 0, "above 0 for calibration.bias"),
    ("calibration.bias", "x", "a number for calibration.bias"),
    ("calibration.r", 2, "at most 1 for calibration.r"),
    ("calibration.r", None, "a number for calibration.r"),
    ("calibration.changed", -1, "at least 0 for calibration.changed"),
    ("calibration.changed", 0.5, "a whole number for calibration.changed"),
    ("calibration.beside", "f_max", "a list for calibration.beside"),
    ("calibration.beside", [1], "a text for calibration.beside"),
    ("calibration.relative", "f_max", "a list for calibration.relative"),
    ("calibration.relative", [1], "a text for calibration.relative"),
    ("C5", {}, "'C5'"),
    ("C1", None, "C1"),
    ("C4", [], "C4"),
]


def name_of(value: Any) -> str:
    """Return the name of a row, or of a part of it."""
    return ascii(value)[:60]


def changed(content: dict, key: Any, value: Any) -> dict:
    """Return a configuration with another value; ``NAME`` in a key stands for some name."""
    content = copy.deepcopy(content)
    *sections, last = key.replace("NAME", "f_max").split(".") if isinstance(key, str) else [key]
    at = content
    for section in sections:
        at = at.setdefault(section, {})
    at[last] = value
    return content


def written(path: Path, content: Any) -> str:
    """Write a configuration and return its path."""
    if content is None:
        return str(path)
    if isinstance(content, Path):
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    else:
        path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return str(path)


@pytest.fixture
def criteria() -> dict:
    return yaml.safe_load((ROOT / "config" / "criteria.yaml").read_text())


@pytest.mark.parametrize(("key", "value", "fragment"), VALUES, ids=name_of)
def test_bad_value(sandbox, criteria, key, value, fragment):
    path = written(sandbox.folder / "mine.yaml", changed(GOOD, key, value))
    judged = written(sandbox.folder / "criteria.yaml", criteria)
    sandbox.refused(fragment, "both", path, judged)


@pytest.mark.parametrize(("key", "value", "fragment"), CLAIMS, ids=name_of)
def test_what_claims_need(sandbox, criteria, key, value, fragment):
    path = written(sandbox.folder / "mine.yaml", changed(GOOD, key, value))
    judged = written(sandbox.folder / "criteria.yaml", criteria)
    sandbox.refused(fragment, "check", path, judged)


@pytest.mark.parametrize(("name", "content", "fragment"), FILES, ids=name_of)
def test_bad_file(sandbox, criteria, name, content, fragment):
    path = written(sandbox.folder / name, content)
    judged = written(sandbox.folder / "criteria.yaml", criteria)
    sandbox.refused(fragment, "both", path, judged)


@pytest.mark.parametrize(("key", "value", "fragment"), CRITERIA, ids=name_of)
def test_bad_criteria(sandbox, criteria, key, value, fragment):
    path = written(sandbox.folder / "mine.yaml", GOOD)
    judged = written(sandbox.folder / "criteria.yaml", changed(criteria, key, value))
    sandbox.refused(fragment, "check", path, judged)


@pytest.mark.parametrize(("name", "content", "fragment"), FILES[:12], ids=name_of)
def test_bad_file_of_criteria(sandbox, name, content, fragment):
    del fragment  # it has other keys
    path = written(sandbox.folder / "good.yaml", GOOD)
    judged = written(sandbox.folder / name, content)
    sandbox.refused("", "check", path, judged)


def test_what_all_rows_change_is_good(sandbox, criteria):
    path = written(sandbox.folder / "mine.yaml", GOOD)
    judged = written(sandbox.folder / "criteria.yaml", criteria)
    assert sandbox.run("check", path, judged).code == 0


def test_a_single_seed_is_enough_with_a_reference(sandbox, criteria):
    single = {**GOOD, "invariance": {"repeats": 1}, "reference": "standard"}
    path = written(sandbox.folder / "mine.yaml", single)
    judged = written(sandbox.folder / "criteria.yaml", criteria)
    assert sandbox.run("check", path, judged).code == 0


def test_what_yaml_offers_is_understood(sandbox):
    """Names for parts, parts of parts, keys of them given anew, words for true and false."""
    text = HEAD + (
        "synthesis: &steps {steps: 30, schedule: fast}\n"
        "invariance: {<<: *steps, steps: 40, learn_masks: off}\n"
        "seed: 0\nnatural: {patches: +200}\n"
    )
    path = written(sandbox.folder / "mine.yaml", text)
    code = f"s = read_settings({path!r}); print(s.invariance.steps, s.invariance.learn_masks)"
    assert sandbox.run("python", code).output == "40 False\n"


def test_json_is_read_like_yaml(sandbox, criteria):
    path = sandbox.folder / "mine.json"
    path.write_text(json.dumps(GOOD))
    judged = written(sandbox.folder / "criteria.yaml", criteria)
    assert sandbox.run("check", str(path), judged).code == 0


def test_without_pyyaml_json_is_read_and_yaml_refused(sandbox):
    (sandbox.folder / "mine.json").write_text(json.dumps(GOOD))
    (sandbox.folder / "mine.yaml").write_text(HEAD)
    absent = "import sys; sys.modules['yaml'] = None; "
    assert sandbox.run("python", f"{absent}check(read_settings('mine.json'))").code == 0
    sandbox.refused("PyYAML", "python", f"{absent}read_settings('mine.yaml')")


def knobs_of(cls: type, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted key and the type of every setting."""
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        kind, key = hints[field.name], before + field.name
        if dataclasses.is_dataclass(kind):
            yield from knobs_of(kind, f"{key}.")
            continue
        yield key, kind
        for entry in filter(dataclasses.is_dataclass, typing.get_args(kind)):
            yield from knobs_of(entry, f"{key}.NAME.")


def kinds_in(kind: Any) -> set[type]:
    """Return the plain types in a type."""
    inner = typing.get_args(kind)
    return set().union(*map(kinds_in, inner)) if inner else {kind}


def leaves(value: Any) -> Iterator[Any]:
    """Yield the values in a value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for entry in value:
            yield from leaves(entry)
    else:
        yield value


def lacking(cls: type, rows: Iterable[tuple]) -> list[str]:
    """Return what rows lack of those of a settings class.

    One for each setting; of a number one of a wrong type, and one beyond its limits.
    """
    by_key: dict[str, list[Any]] = {}
    for key, value, *_ in rows:
        by_key.setdefault(key, []).append(value)
    found = []
    for key, kind in knobs_of(cls):
        values = by_key.get(key, [])
        kinds = kinds_in(kind) & {int, float}
        if not values:
            found.append(f"{key}: no row")
        elif kinds and kinds == kinds_in(kind) - {types.NoneType, str, Ellipsis}:
            given_types = [set(map(type, leaves(entry))) for entry in values]
            right = [bool(given) and given <= {*kinds, int} for given in given_types]
            found += [] if not all(right) else [f"{key}: no wrong type"]
            found += [] if any(right) else [f"{key}: nothing beyond its limits"]
    return found


def test_every_setting_has_its_rows():
    assert lacking(Settings, [*VALUES, *CLAIMS]) == []
    assert lacking(Criteria, CRITERIA) == []


def test_a_new_setting_without_rows_is_told():
    more = dataclasses.make_dataclass(
        "More", [("extra", int, knob(1, minimum=1))], bases=(Natural,), frozen=True
    )
    rows = [(str(key).removeprefix("natural."), value) for key, value, _ in VALUES]
    assert lacking(Natural, rows) == []
    assert lacking(more, rows) == ["extra: no row"]
    assert lacking(more, [*rows, ("extra", "x")]) == ["extra: nothing beyond its limits"]
    assert lacking(more, [*rows, ("extra", 0)]) == ["extra: no wrong type"]
    assert lacking(more, [*rows, ("extra", 0), ("extra", "x")]) == []
