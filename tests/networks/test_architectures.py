"""Built-in architectures against torchvision's, and what they spare."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torchvision.models import get_model

from diversevis.networks.architectures import BUILDERS


def numbers(module):
    """Give a module the same random numbers, tensor by tensor, whatever order they are in."""
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            stream = torch.Generator().manual_seed(sum(map(ord, name)))
            # Variances have to be positive; small weights keep the responses finite.
            tensor.copy_(torch.rand(tensor.shape, generator=stream) / 10 + 0.01)
    return module.double().eval()


@pytest.mark.parametrize("name", BUILDERS)
def test_tensors_and_responses_are_torchvisions(name):
    ours, theirs = numbers(BUILDERS[name]()), numbers(get_model(name, weights=None))
    expected = {n: t.shape for n, t in theirs.state_dict().items()}
    found = {n: t.shape for n, t in ours.state_dict().items()}
    head = ("classifier.", "fc.")
    assert found == {n: shape for n, shape in expected.items() if not n.startswith(head)}
    x = torch.rand(1, 3, 64, 64, dtype=torch.float64)
    if name == "vgg19":
        ours, theirs = ours.features, theirs.features
    else:
        theirs = torch.nn.Sequential(*list(theirs.children())[:-2])
    # The same operations in the same order: equal to the bit.
    assert torch.equal(ours(x), theirs(x))


def test_a_trunk_is_loaded_without_torchvision():
    code = (
        "import sys; from diversevis.networks.trunk import load_trunk; "
        "[load_trunk(*name) for name in (('vgg19', 'conv1_2'), ('resnet50', 'layer1.0'))]; "
        "sys.exit('torchvision' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
