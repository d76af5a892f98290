"""Table of sets made with one distance and measured with both."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from diversevis.study.steps.distances import distance_rows


class TwoTaps:
    """Units that sum the first, and the second, colour; their features are the patches, doubled."""

    network, layer, size, channels, earlier_layers = "made-up", "b_1", 4, 2, ("a_1",)

    def respond(self, patches, tap="pixels"):
        responses = patches.sum((2, 3))[:, :2]
        return responses, patches if tap == "pixels" else 2 * patches


@pytest.fixture
def rows():
    stream = torch.Generator().manual_seed(0)
    restarts = torch.rand(2, 3, 3, 4, 4, generator=stream)
    restarts[1] -= 1  # its activations are below zero
    sets = {"restarts": restarts, "pixels": 3 * restarts}
    relative = {"restarts": torch.zeros(2), "pixels": torch.tensor([0.1, 0.0])}
    return distance_rows(TwoTaps(), [1, 0], sets, relative), restarts


def test_both_distances_and_the_activation_of_every_set(rows):
    rows, restarts = rows
    assert [(row["channel"], row["set"]) for row in rows] == [
        (channel, kind) for channel in (1, 0) for kind in ("restarts", "pixels")
    ]
    images = restarts.flatten(2).numpy()
    for row, own, colour, scale in zip(
        rows, images[[0, 0, 1, 1]], (1, 1, 0, 0), (1, 3, 1, 3), strict=True
    ):
        nearest = min(np.sqrt(np.mean((own[i] - own[j]) ** 2)) for i in range(3) for j in range(i))
        # float32 sums of 48 numbers
        assert row["pixel_distance"] == pytest.approx(scale * nearest, rel=1e-5)
        assert row["feature_distance"] == pytest.approx(2 * scale * nearest, rel=1e-5)
        activation = own.reshape(3, 3, 16)[:, colour].sum(1).mean()
        assert row["mean_activation"] == pytest.approx(scale * activation, rel=1e-5)
    assert {row["features"] for row in rows} == {"a_1"}
    assert [row["relative_diversity"] for row in rows] == [0, 0.1, 0, 0]


def test_ratios_refer_to_restarts_that_drive_the_unit(rows):
    rows, _ = rows
    for name in ("activation_ratio", "pixel_ratio", "feature_ratio"):
        assert [row[name] for row in rows[:2]] == pytest.approx([1, 3], rel=1e-5)
        assert np.isnan([row[name] for row in rows[2:]]).all()
