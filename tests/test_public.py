"""The package's namespace: what its functions promise, and that their examples run."""

from __future__ import annotations

import doctest
import inspect

import pytest
import torch

import diversevis as dv
from diversevis.controls.units import Controls
from diversevis.invariance.families.registry import FAMILIES
from diversevis.networks.given import GIVEN
from diversevis.study import plugins
from diversevis.study.invariances import invariance

FUNCTIONS = {
    name: invariance if name == "invariance" else getattr(dv, name)
    for name in dv.__all__
    if not inspect.isclass(getattr(dv, name))
}


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"load_trunk"}))
def test_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    function = FUNCTIONS[name]
    names = {name: function}
    found = doctest.DocTestFinder(recurse=False).find(function, name, globs=names)
    assert [example for test in found for example in test.examples]
    runner = doctest.DocTestRunner()
    registries = (GIVEN, FAMILIES, plugins._FAMILIES)
    before = [registry.copy() for registry in registries]
    for test in found:
        runner.run(test)
    for registry, known in zip(
        registries, before, strict=True
    ):  # what examples register goes again
        registry.clear()
        registry.update(known)
    assert runner.failures == 0


@pytest.mark.parametrize("name", ["visualize", "invariance", "load", "contact_sheet", "nulls"])
def test_promises_are_written_down(name):
    for section in ("Parameters\n", "Raises\n", "Examples\n"):
        assert section in inspect.getdoc(FUNCTIONS[name])


def test_the_package_of_invariance_is_called_like_the_command():
    assert inspect.signature(dv.invariance) == inspect.signature(invariance)


def test_one_channel_needs_no_list():
    units, few = Controls("simple"), {"images": 2, "schedule": dv.Schedule(steps=1)}
    one = dv.diverse_sets(units, 2, **few)
    assert one.names == ("2",)
    assert torch.equal(one.images, dv.diverse_sets(units, [2], **few).images)
    assert dv.channels(units, torch.tensor(3)).names == ("3",)


class Turns(dv.Family):
    """Quarter turns."""

    name, index, title = "turns", "turn", "quarter turns"

    def __init__(self, size, delta=None):
        super().__init__(size)
        self.side = size

    def draw(self, count, stream):
        return torch.randint(4, (count,), generator=stream)

    def complete(self):
        return torch.arange(4)

    def act(self, canvases, members):
        turned = [canvases.rot90(int(turns), (-2, -1)) for turns in members]
        return torch.stack(turned, 1)


def test_a_family_may_be_a_class():
    found = dv.invariance(
        Controls("simple"),
        channels=0,
        families=[Turns],
        schedule=dv.Schedule(steps=1),
        progress=False,
    )
    assert found.families[0].responses.shape == (1, 4)
    assert found.families[0].title == "quarter turns"
