"""Where rows and columns go, and what is needed of them; sides of 5 and 7 tell axes apart."""

from __future__ import annotations

import pytest

from diversevis.networks.layouts import (
    COLUMNS,
    IMAGES,
    ROWS,
    Factor,
    Layout,
    UnboundedError,
    UntraceableError,
    regroup,
)
from diversevis.networks.operations import Window, follow

N, R, C = Factor(IMAGES, 2), Factor(ROWS, 5), Factor(COLUMNS, 7)


def some(count):
    return Factor("", count)


MAP = Layout.of([[N], [some(6)], [R], [C]])


@pytest.mark.parametrize(
    ("before", "shape", "after"),
    [
        (MAP, (2, 3, 2, 5, 7), [[N], [some(3)], [some(2)], [R], [C]]),
        (MAP, (2, 6, 35), [[N], [some(6)], [R, C]]),
        (MAP, (2, 30, 7, 1), [[N], [some(6), R], [C], []]),
        (MAP, (12, 5, 7), [[N, some(6)], [R], [C]]),
        (MAP, (2, 1, 6, 5, 1, 7), [[N], [], [some(6)], [R], [], [C]]),
        (Layout.of([[N], [R], [C], [some(6)]]), (70, 6), [[N, R, C], [some(6)]]),
        (Layout.of([[N, R, C], [some(4)]]), (2, 5, 7, 4), [[N], [R], [C], [some(4)]]),
        # Two that are no axis, divided elsewhere than where they met.
        (
            Layout.of([[N], [some(6)], [some(2)], [R]]),
            (2, 4, 3, 5),
            [[N], [some(4)], [some(3)], [R]],
        ),
    ],
)
def test_changes_of_shape(before, shape, after):
    found = regroup(before, shape)
    assert found == Layout.of(after)
    assert found.shape == shape


@pytest.mark.parametrize("shape", [(2, 6, 7, 5), (3, 4, 5, 7)])
def test_changes_of_shape_that_divide_an_axis(shape):
    with pytest.raises(UntraceableError, match="divides"):
        regroup(MAP, shape)


def window(operation, arguments, shape):
    _, windows = follow(operation, False, {"self": MAP, **arguments}, [shape])
    return windows


@pytest.mark.parametrize(
    ("operation", "arguments", "shape", "expected"),
    [
        ("slice", {"dim": -2, "start": 1, "step": 2}, (2, 6, 2, 7), {ROWS: Window(1, 2, 1)}),
        ("slice", {"dim": 3, "start": -3, "step": 1}, (2, 6, 5, 3), {COLUMNS: Window(1, 1, 4)}),
        ("slice", {"dim": 1, "start": 2, "step": 1}, (2, 4, 5, 7), {}),
        ("constant_pad_nd", {"pad": [2, 1]}, (2, 6, 5, 10), {COLUMNS: Window(start=-2)}),
        ("constant_pad_nd", {"pad": [0, 0, -1, 0]}, (2, 6, 4, 7), {ROWS: Window(start=1)}),
        ("constant_pad_nd", {"pad": [0, 0, 0, 0, 1, 1]}, (2, 8, 5, 7), {}),
        (
            "reflection_pad2d",
            {"padding": [1, 1, 2, 2]},
            (2, 6, 9, 9),
            {ROWS: Window(start=-2), COLUMNS: Window(start=-1)},
        ),
        (
            "max_pool2d_with_indices",
            {"kernel_size": [3, 2], "stride": [], "padding": [1, 0], "dilation": 1},
            (2, 6, 2, 3),
            {ROWS: Window(3, 3, -1), COLUMNS: Window(2, 2, 0)},
        ),
    ],
)
def test_windows(operation, arguments, shape, expected):
    assert window(operation, arguments, shape) == expected


def test_what_a_window_needs():
    """Rows 2 to 3 of a 3x3 convolution of stride 2, dilation 2 and padding 1: 3 to 9."""
    assert Window(reach=5, stride=2, start=-1).needs((2, 3)) == (3, 9)


@pytest.mark.parametrize(
    ("operation", "arguments", "shape", "error"),
    [
        ("mean", {"dim": [2]}, (2, 6, 7), UnboundedError),
        ("_softmax", {"dim": -1}, (2, 6, 5, 7), UnboundedError),
        (
            "avg_pool2d",
            {"kernel_size": [5, 7], "stride": [], "padding": 0},
            (2, 6, 1, 1),
            UnboundedError,
        ),
        ("sum", {"dim": [0]}, (6, 5, 7), UntraceableError),
        ("select", {"dim": 2, "index": 0}, (2, 6, 7), UntraceableError),
        ("slice", {"dim": 0, "start": 0, "step": 1}, (1, 6, 5, 7), UntraceableError),
        ("roll", {"shifts": [1], "dims": [2]}, (2, 6, 5, 7), UntraceableError),
        ("add", {"other": Layout.plain((5, 7))}, (2, 6, 5, 7), UntraceableError),
        ("mm", {"mat2": MAP}, (2, 6, 5, 5), UnboundedError),
    ],
)
def test_what_cannot_be_followed(operation, arguments, shape, error):
    with pytest.raises(error):
        follow(operation, operation == "add", {"self": MAP, **arguments}, [shape])


def test_products_keep_positions():
    tokens = Layout.of([[N, R, C], [some(6)]])
    (found,), _ = follow("mm", False, {"self": tokens, "mat2": Layout.plain((6, 4))}, [(70, 4)])
    assert found == Layout.of([[N, R, C], [some(4)]])
