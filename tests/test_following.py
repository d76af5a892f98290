"""The command that a command names is one that there is."""

from __future__ import annotations

import shlex

import pytest

from diversevis import cli
from diversevis.following import following


@pytest.mark.parametrize(
    ("last", "then"),
    [
        ("networks", "visualize vgg19 conv3_1 21 187"),
        ("fetch vgg19", "visualize vgg19 conv3_1 21 187"),
        ("visualize vgg19 conv3_1 21 187", "invariance vgg19 conv3_1 21 187"),
        ("visualize controls simple 0", "invariance controls simple 0"),
        ("invariance vgg19 conv3_1 21", "invariance vgg19+positions conv3_1 21"),
        ("invariance vgg19+he.2 conv3_1 21", "invariance vgg19 conv3_1 21"),
        (
            "invariance torchvision:resnet18 layer1.0 3",
            "compare torchvision:resnet18:layer1.0 vgg19:conv3_1",
        ),
        ("invariance controls simple 0", "invariance vgg19 conv3_1 21 187"),
        ("run 'my run.yaml' --part 1/2", "merge 'my run.yaml'"),
        ("merge few.json", "run few.json"),
        ("doctor", "visualize vgg19 conv3_1 21 187"),
    ],
)
def test_what_comes_next(last, then):
    parser = cli._parser()
    found = following(parser.parse_args(shlex.split(last)))
    assert found == f"diversevis {then}"
    parser.parse_args(shlex.split(found)[1:])


def test_after_a_run_comes_the_workflow():
    found = following(cli._parser().parse_args(["run", "config/quick.yaml"]))
    assert found.startswith("snakemake --cores all --configfile config/quick.yaml")
