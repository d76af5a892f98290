"""Choice of units and of diversity."""

from __future__ import annotations

import torch

from diversevis.analysis.selection import choose_units, select_diversity


def test_units_are_drawn_once_and_sorted():
    chosen = choose_units(256, 6, include=[21], seed=0, name="vgg19/conv3_1")
    assert len(chosen) == len(set(chosen)) == 6
    assert chosen == sorted(chosen)
    assert 21 in chosen
    assert chosen == choose_units(256, 6, include=[21], seed=0, name="vgg19/conv3_1")
    assert chosen != choose_units(256, 6, include=[21], seed=1, name="vgg19/conv3_1")
    assert chosen != choose_units(256, 6, include=[21], seed=0, name="vgg19/conv3_2")


def test_larger_scales_contain_smaller_ones():
    small = choose_units(256, 6, include=[21])
    large = choose_units(256, 32, include=[21])
    assert set(small) <= set(large)


def test_all_units():
    assert choose_units(64, "all") == list(range(64))
    assert choose_units(64, 100) == list(range(64))


def test_included_units_beyond_the_count_are_all_kept():
    assert choose_units(64, 1, include=[5, 3]) == [3, 5]


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
