"""The engine is held to the published loop: same start, same trajectory."""

from __future__ import annotations

import pytest
import torch

from benchmarks.published_loop import gradient_filter, published_loop
from diversevis import Schedule, diverse_sets, load_trunk
from diversevis.stimuli.filters import transfer_function


def starts(units: int, images: int, size: int) -> torch.Tensor:
    stream = torch.Generator().manual_seed(1)
    return torch.randn(units, images, 3, size, size, generator=stream).double()


@pytest.mark.parametrize("published_filter", [False, True])
def test_engine_takes_the_loop_s_steps(published_filter):
    """In float64, units batched against one by one, in the published order and the engine's."""
    trunk = load_trunk("vgg19", "conv3_1", dtype=torch.float64)
    weights, start = {21: 2.0, 187: 0.5}, starts(2, 3, 24)
    sets = diverse_sets(
        trunk,
        list(weights),
        images=3,
        diversity=list(weights.values()),
        distance="conv2_2",
        schedule=Schedule(steps=12, published_filter=published_filter),
        start=start,
    )
    for unit, (channel, weight) in enumerate(weights.items()):
        loop = published_loop(
            trunk,
            channel,
            start[unit],
            diversity=weight,
            distance="conv2_2",
            steps=12,
            filter_last=not published_filter,
        )
        # Float64 rounding, grown by a dozen steps of Adam.
        torch.testing.assert_close(sets.images[unit], loop.images, rtol=0, atol=1e-6)
        losses = torch.tensor(loop.losses, dtype=torch.float64)
        torch.testing.assert_close(sets.losses[unit].double(), losses, rtol=0, atol=1e-5)
    assert not torch.allclose(sets.images[0], sets.images[1])


def test_engine_stops_where_the_loop_does():
    """With little patience, so that the rule fires while rounding is still far from visible."""
    trunk = load_trunk("vgg19", "conv2_1", dtype=torch.float64)
    start, patience = starts(3, 2, 10), 3
    sets = diverse_sets(
        trunk,
        [1, 7, 20],
        images=2,
        diversity=1.0,
        distance="conv1_2",
        schedule=Schedule(steps=400, patience=patience, published_filter=True),
        start=start,
    )
    loops = [
        published_loop(
            trunk, channel, r, diversity=1.0, distance="conv1_2", steps=400, patience=patience
        )
        for channel, r in zip((1, 7, 20), start, strict=True)
    ]
    assert sets.steps.tolist() == [len(loop.losses) for loop in loops]
    assert len(sets.steps.unique()) > 1, "units should differ in length, or nothing is tested"
    assert sets.steps.max() < 400


def test_trace_belongs_to_the_images():
    trunk = load_trunk("vgg19", "conv2_1", dtype=torch.float64)
    (start,) = starts(1, 3, 10)
    settings = {"diversity": 0.7, "distance": "conv1_2"}
    loop = published_loop(trunk, 7, start, steps=4, **settings)
    ends = published_loop(trunk, 7, start, steps=3, **settings).images
    # What a fourth step begins with is what three steps end with.
    responses, phi = trunk.respond(ends, "conv1_2")
    activation = float(responses[:, 7].mean())
    nearest = float(torch.pdist(phi.flatten(1)).min()) / phi[0].numel() ** 0.5
    # The same float64 operations, distances by another formula.
    assert loop.activations[3] == pytest.approx(activation, rel=1e-9)
    assert loop.distances[3] == pytest.approx(nearest, rel=1e-9)
    assert loop.losses[3] == pytest.approx(-activation - 0.7 * nearest, rel=1e-9)
    assert loop.seconds == sorted(loop.seconds)


@pytest.mark.parametrize("size", [3, 10, 19, 24])
def test_its_filter_is_the_engine_s(size):
    engine = transfer_function(size, dtype=torch.float64)
    # Float64 algebra.
    torch.testing.assert_close(gradient_filter(size), engine, rtol=0, atol=1e-12)
