"""What a figure shows, for tests to look at."""

from __future__ import annotations

from collections import Counter

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from diversevis.figures.style import save, theme, to_picture


def shown(figure) -> list[str]:
    """All texts of a figure."""
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def pictures(figure) -> list:
    """All pictures of a figure."""
    return [image for axes in figure.axes for image in axes.images]


def extent(figure, text):
    """Box around a text, in pixels."""
    with theme():
        return text.get_window_extent(FigureCanvasAgg(figure).get_renderer())


def overlapping(figure) -> list[tuple[str, str]]:
    """Pairs of texts of the page that lie on each other, and texts that leave the page."""
    texts = [text for text in figure.axes[0].texts if text.get_text()]
    boxes = [extent(figure, text).shrunk(0.98, 0.8) for text in texts]
    names = [text.get_text() for text in texts]
    pairs = [
        (names[i], names[j])
        for i in range(len(boxes))
        for j in range(i)
        if boxes[i].overlaps(boxes[j])
    ]
    page = figure.bbox
    outside = [
        (name, "the page's edge")
        for name, box in zip(names, boxes, strict=True)
        if box.x0 < page.x0 or box.x1 > page.x1 or box.y0 < page.y0 or box.y1 > page.y1
    ]
    return pairs + outside


def colours_of(image) -> Counter:
    """Colours of a picture with their counts."""
    return Counter(map(tuple, np.asarray(image.get_array()).reshape(-1, 3).tolist()))


def same_picture(image, patch: np.ndarray) -> bool:
    """Whether a picture shows a patch, each pixel as a square."""
    pixels, expected = np.asarray(image.get_array()), to_picture(patch)
    times = len(pixels) // len(expected)
    return np.array_equal(pixels, expected.repeat(times, 0).repeat(times, 1))


def same_bytes(draw, folder) -> bool:
    """Whether drawing and saving twice gives the same files."""
    for suffix in ("png", "pdf"):
        one, other = (folder / f"{name}.{suffix}" for name in ("one", "other"))
        save(draw(), one)
        save(draw(), other)
        if one.read_bytes() != other.read_bytes():
            return False
    return True
