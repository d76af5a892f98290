"""Results of parts, put together: all units once, in their order, or a refusal that names both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from diversevis.errors import UserError
from diversevis.results.formats import write_rows
from diversevis.results.joining import join_sets, join_sweeps, join_tables, join_tests
from diversevis.results.sets import ImageSets, SweepResult
from diversevis.results.tests import FamilyInfo, FamilyTests, LayerTests

NUMBERS = np.random.default_rng(0)


def sets(channels: list[int], seed: int = 3) -> ImageSets:
    count = len(channels)
    return ImageSets(
        network="vgg19",
        layer="conv3_1",
        channels=np.array(channels),
        images=NUMBERS.normal(size=(count, 2, 3, 5, 5)),
        **{name: NUMBERS.normal(size=(count, 2)) for name in ("activations",)},
        **{
            name: NUMBERS.normal(size=count)
            for name in ("min_distance", "mean_distance", "diversity", "steps")
        },
        distance="pixels",
        seed=seed,
    )


def swept(channels: list[int]) -> SweepResult:
    levels = (sets(channels), sets(channels))
    which = np.array(channels) % 2
    return SweepResult(levels, np.array([0.0, 0.1]), which, which.astype(bool))


def measured(channels: list[int], *, delta: float = 2.0, members: int = 4) -> LayerTests:
    count = len(channels)

    def family(own: float | None) -> FamilyTests:
        arrays = ("canvases", "masks", "contrasts", "surrogate", "surrogate_responses")
        return FamilyTests(
            FamilyInfo("shifts", "shift", "shifts", "#000000"),
            own,
            "fixed",
            responses=NUMBERS.normal(size=(count, members)),
            members=np.arange(members),
            shown=np.zeros((count, 2), dtype=int),
            patches=NUMBERS.normal(size=(count, 2)),
            unmoved=None if own is None else NUMBERS.normal(size=(count, 3)),
            **{name: NUMBERS.normal(size=(count, 3)) for name in arrays},
        )

    of_units = ("f_max", "from_noise", "offset", "elasticity", "curve_fault", "contrast")
    return LayerTests(
        network="vgg19",
        layer="conv3_1",
        channels=np.array(channels),
        best=NUMBERS.normal(size=(count, 3, 5, 5)),
        **{name: NUMBERS.normal(size=count) for name in of_units},
        measure="contrast",
        families=(family(None), family(delta)),
        seed=0,
    )


def test_sweeps_are_of_all_units_as_their_channels_rise():
    first, second = swept([4, 9]), swept([2, 7])
    whole = join_sweeps([first, second])
    for number, level in enumerate(whole.levels):
        assert level.channels.tolist() == [2, 4, 7, 9]
        for part in (first, second):
            own = part.levels[number]
            np.testing.assert_array_equal(level.take(own.channels).images, own.images)
            np.testing.assert_array_equal(level.take(own.channels).steps, own.steps)
    assert whole.selected.tolist() == [0, 0, 1, 1]
    assert whole.from_natural.tolist() == [False, False, True, True]


def test_units_come_in_the_order_that_is_asked_for():
    assert join_sets([sets([4, 9]), sets([2])], range(3)).channels.tolist() == [4, 9, 2]
    assert join_sweeps([swept([4, 9]), swept([2])], range(3)).selected.tolist() == [0, 1, 0]


def test_tests_are_of_all_units_with_the_members_that_they_share():
    first, second = measured([4, 9]), measured([2])
    whole = join_tests([first, second])
    assert whole.channels.tolist() == [2, 4, 9]
    np.testing.assert_array_equal(whole.best, np.concatenate([second.best, first.best]))
    for number, joined in enumerate(whole.families):
        parts = [second.families[number], first.families[number]]
        expected = np.concatenate([part.responses for part in parts])
        np.testing.assert_array_equal(joined.responses, expected)
        np.testing.assert_array_equal(joined.members, parts[0].members)
        assert (joined.unmoved is None) == (joined.delta is None)
        assert joined.fields is None


@pytest.mark.parametrize(
    ("join", "parts", "said"),
    [
        (join_sets, [sets([1]), sets([2], seed=4)], "same seed\n.*3 and 4"),
        (join_sets, [sets([1, 3]), sets([3])], "3 in two"),
        (join_sweeps, [swept([1]), replace(swept([2]), relative=np.array([0, 0.2]))], "relative"),
        (join_sweeps, [swept([1]), swept([1])], "1 in two"),
        (
            join_tests,
            [measured([1]), replace(measured([2]), layer="conv3_2")],
            "conv3_1 and conv3_2",
        ),
        (join_tests, [measured([1]), measured([2], delta=3)], "same delta\n.*2.0 and 3"),
        (join_tests, [measured([1]), measured([2], members=5)], "same members"),
        (join_tests, [measured([1]), replace(measured([2]), families=())], "families\n.*0 and 2"),
        (join_tests, [measured([1]), measured([1])], "1 in two"),
    ],
)
def test_what_does_not_belong_together_is_refused(join, parts, said):
    with pytest.raises(UserError, match=said):
        join(parts)


def table(path: Path, channels: list[int], deltas: tuple[float, ...] = (1.0, 2.0)) -> Path:
    columns = ("channel", "family", "delta", "value")
    rows = [(channel, "shifts", delta, delta / 3) for delta in deltas for channel in channels]
    write_rows(path, [dict(zip(columns, row, strict=True)) for row in rows], columns)
    return path


def test_tables_are_byte_by_byte_what_one_of_all_units_is(tmp_path):
    parts = [table(tmp_path / "a", [3, 30]), table(tmp_path / "b", [2, 11])]
    rows, columns = join_tables(parts)
    write_rows(tmp_path / "joined", rows, columns)
    whole = table(tmp_path / "whole", [2, 3, 11, 30])
    assert (tmp_path / "joined").read_bytes() == whole.read_bytes()


def test_tables_without_rows_keep_their_columns(tmp_path):
    parts = [table(tmp_path / name, [], ()) for name in "ab"]
    assert join_tables(parts) == ([], ["channel", "family", "delta", "value"])


def test_tables_that_do_not_belong_together_are_refused(tmp_path):
    first = table(tmp_path / "a", [3])
    with pytest.raises(UserError, match="3 in two"):
        join_tables([first, first])
    write_rows(tmp_path / "b", [], ("channel", "value"))
    with pytest.raises(UserError, match="same columns"):
        join_tables([first, tmp_path / "b"])
