"""Choice of units."""

from __future__ import annotations

from diversevis.study.sample import choose_units


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
