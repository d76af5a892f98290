"""The norm of natural patches by their size: published, used, and measured here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from diversevis.results.formats import write_rows
from diversevis.stimuli.natural import mean_norm
from diversevis.stimuli.pictures import shown_photographs
from diversevis.study.named import shape_of
from diversevis.units.patches import PUBLISHED_NORMS, natural_norm

if TYPE_CHECKING:
    from diversevis.study.stage import Reads, Writes

COLUMNS = ("size", "published", "used", "measured", "measured_over_used")


def norm_rows(
    photographs: Tensor, sizes: Iterable[int], *, count: int = 2000, seed: int = 0
) -> list[dict[str, Any]]:
    """Return one row per size with the columns `COLUMNS`.

    Parameters
    ----------
    photographs
        ``[n, 3, h, w]``, RGB, 0 to 255.
    sizes
        Sides of patches in pixels.
    count, seed
        Crops per size, and their seed.
    """
    rows = []
    for size in sorted(sizes):
        measured = mean_norm(photographs, size, count=count, seed=seed)
        used = natural_norm(size)
        published = PUBLISHED_NORMS.get(size, math.nan)
        rows.append(
            dict(zip(COLUMNS, (size, published, used, measured, measured / used), strict=True))
        )
    return rows


def run(
    _reads: Reads,
    writes: Writes,
    *,
    layers: Sequence[Sequence[str]],
    seed: int,
    photographs: Mapping[str, str] | None = None,
) -> None:
    """Write ``table``: `norm_rows` at the sizes of the run's layers and the published ones."""
    pictures = shown_photographs(photographs)
    used = {shape_of(network, layer).size for network, layer in layers}
    largest = min(pictures.shape[-2:])
    sizes = {size for size in used | set(PUBLISHED_NORMS) if size <= largest}
    write_rows(writes["table"], norm_rows(pictures, sizes, seed=seed), COLUMNS)
