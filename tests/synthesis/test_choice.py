"""Choice of diversity."""

from __future__ import annotations

import torch

from diversevis.synthesis.choice import select_diversity


def test_largest_diversity_that_keeps_enough():
    activation = torch.tensor(
        [
            # falls, rises again, never enough, never driven
            [10.0, 10.0, 10.0, -1.0],
            [9.5, 8.0, 5.0, -1.0],
            [9.0, 9.2, 4.0, -1.0],
            [8.9, 1.0, 3.0, -1.0],
        ]
    )
    assert select_diversity(activation).tolist() == [2, 2, 0, 0]
    assert select_diversity(activation, fraction=0.95).tolist() == [1, 0, 0, 0]


def test_selection_leaves_its_input_alone():
    activation = torch.tensor([[10.0], [1.0]])
    before = activation.clone()
    select_diversity(activation)
    assert torch.equal(activation, before)
