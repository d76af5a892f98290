"""Results of synthesis as files: arrays and tidy tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from diversevis.files import atomic_path, write_text
from diversevis.synthesis.diverse import DiverseSets
from diversevis.synthesis.sweep import Sweep

METRICS = (
    "network",
    "layer",
    "channel",
    "diversity",
    "mean_activation",
    "min_activation",
    "max_activation",
    "min_distance",
    "mean_distance",
    "steps",
    "seed",
)


def metrics(sets: DiverseSets) -> list[dict[str, Any]]:
    """Return one row a unit with the columns `METRICS`."""
    rows = zip(
        sets.names,
        sets.diversity.tolist(),
        sets.activations.mean(1).tolist(),
        sets.activations.amin(1).tolist(),
        sets.activations.amax(1).tolist(),
        sets.min_distance.tolist(),
        sets.mean_distance.tolist(),
        sets.steps.tolist(),
        strict=True,
    )
    return [
        dict(zip(METRICS, (sets.network, sets.layer, *row, sets.seed), strict=True)) for row in rows
    ]


def sweep_metrics(result: Sweep) -> list[dict[str, Any]]:
    """Return one row a unit and level, with `relative_diversity` and whether it was `selected`."""
    rows = []
    for index, (relative, sets) in enumerate(
        zip(result.relative.tolist(), result.levels, strict=True)
    ):
        chosen = (result.selected == index).tolist()
        rows += [
            {**row, "relative_diversity": round(relative, 6), "selected": int(is_chosen)}
            for row, is_chosen in zip(metrics(sets), chosen, strict=True)
        ]
    return rows


def arrays(sets: DiverseSets) -> dict[str, np.ndarray]:
    """Return the arrays of a ``visualizations.npz``.

    ``images`` float32 ``[units, n, 3, s, s]`` in patch units, ``activations`` ``[units, n]``,
    ``min_distance``, ``diversity`` and ``channels`` ``[units]``.
    """
    numbers = all(name.isdigit() for name in sets.names)
    return {
        "images": sets.images.float().numpy(),
        "activations": sets.activations.numpy(),
        "min_distance": sets.min_distance.numpy(),
        "channels": np.array([int(n) for n in sets.names] if numbers else sets.names),
        "diversity": sets.diversity.numpy(),
    }


def sweep_arrays(result: Sweep) -> dict[str, np.ndarray]:
    """Return the arrays of a sweep: those of `arrays` with a leading axis of levels.

    ``channels`` stays ``[units]``; ``relative`` ``[levels]`` and ``selected`` ``[units]`` come
    with them.
    """
    levels = [arrays(sets) for sets in result.levels]
    stacked = {name: np.stack([level[name] for level in levels]) for name in levels[0]}
    return {
        **stacked,
        "channels": levels[0]["channels"],
        "relative": result.relative.numpy(),
        "selected": result.selected.numpy(),
    }


def write_arrays(path: Path | str, content: dict[str, np.ndarray]) -> None:
    """Write arrays as an uncompressed ``.npz``, whole or not at all."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **content)


def write_table(
    path: Path | str, rows: Iterable[dict[str, Any]], columns: Sequence[str] | None = None
) -> None:
    """Write rows as CSV, floats with the seven digits that float32 holds."""
    rows = list(rows)
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns or list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _number(value) for name, value in row.items()} for row in rows)
    write_text(path, buffer.getvalue())


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file as they are written."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _number(value: Any) -> Any:
    return f"{value:.7g}" if isinstance(value, float) else value
