"""Tables: one row a unit, and the norms behind the budget."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from diversevis.errors import unknown_name
from diversevis.files import write_text
from diversevis.stimuli.natural import NaturalResponses, mean_norm
from diversevis.stimuli.norm import PUBLISHED_NORMS, natural_norm


def write_frame(path: Path | str, table: pd.DataFrame) -> None:
    """Write a table as CSV, floats with the seven digits that float32 holds."""
    write_text(Path(path), table.to_csv(index=False, float_format="%.7g", lineterminator="\n"))


UNIT = ["network", "layer", "channel"]
"""The columns that name a unit."""

_TEXTS = ("left_out", "withheld")


def read_frame(path: Path | str) -> pd.DataFrame:
    """Return a table of `write_frame`, its texts empty where there is nothing to say."""
    table = pd.read_csv(path, dtype=dict.fromkeys(_TEXTS, str))
    return table.fillna({name: "" for name in _TEXTS if name in table})


def read_frames(paths: Iterable[Path | str]) -> pd.DataFrame:
    """Return tables of one kind as one; tables without any row may be among them."""
    tables = [read_frame(path) for path in paths]
    # Columns of empty tables have no type of their own and would spoil that of the others.
    filled = [table for table in tables if len(table)]
    return pd.concat(filled or tables[:1], ignore_index=True)


def check_column(table: pd.DataFrame, name: str) -> None:
    """Raise `UserError` if the table has no column called `name`, with the nearest names."""
    if name not in table:
        raise unknown_name("column", name, table.columns, where=" of units.csv")


def synthesis_table(
    sweeps: pd.DataFrame, natural: Mapping[tuple[str, str], NaturalResponses]
) -> pd.DataFrame:
    """Return one row a unit: restarts beside the chosen diverse set and natural patches.

    Parameters
    ----------
    sweeps
        Rows of `diversevis.synthesis.output.sweep_metrics`, any number of layers.
    natural
        Responses to natural patches by network and layer.

    Returns
    -------
    pandas.DataFrame
        Columns `UNIT`, ``size`` of the patch in pixels, then activations and distances of restarts
        and of the chosen set, their ratios (NaN for units that restarts do not drive above zero),
        and the responses to natural patches. Distances are root mean square differences in the
        layer's own distance space, activations are before the ReLU.
    """
    columns = ["mean_activation", "min_distance", "mean_distance"]
    restarts = sweeps[sweeps.relative_diversity == 0].set_index(UNIT)[columns]
    chosen = sweeps[sweeps.selected == 1].set_index(UNIT)
    chosen = chosen[
        [*columns, "min_activation", "max_activation", "relative_diversity", "diversity", "steps"]
    ]
    table = restarts.add_prefix("restart_").join(chosen.add_prefix("diverse_"), how="left")
    driven = table.restart_mean_activation > 0
    activation = table.diverse_mean_activation / table.restart_mean_activation
    distance = table.diverse_min_distance / table.restart_min_distance
    table["activation_ratio"] = activation.where(driven)
    table["distance_ratio"] = distance.where(driven)
    reference = pd.DataFrame(
        [_natural_row(natural[network, layer], int(unit)) for network, layer, unit in table.index],
        index=table.index,
    )
    table.insert(0, "size", reference.pop("size"))
    return table.join(reference).reset_index()


def _natural_row(responses: NaturalResponses, channel: int) -> dict[str, float | int]:
    values = responses.quantiles[channel]
    levels = responses.levels.tolist()

    def at(level: float) -> float:
        nearest = min(range(len(levels)), key=lambda i: abs(levels[i] - level))
        return float(values[nearest])

    return {
        "size": responses.best.shape[-1],
        "natural_median": at(0.5),
        "natural_99_percent": at(0.99),
        "natural_maximum": at(1.0),
    }


def norm_table(
    photographs, sizes: Sequence[int], *, count: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """Return the norm of natural patches by size: published, used, and measured here.

    Parameters
    ----------
    photographs
        ``[n, 3, h, w]``, RGB, 0 to 255.
    sizes
        Sides of patches in pixels.
    count, seed
        Crops a size, and their seed.
    """
    rows = []
    for size in sorted(sizes):
        measured = mean_norm(photographs, size, count=count, seed=seed)
        used = natural_norm(size)
        rows.append(
            {
                "size": size,
                "published": PUBLISHED_NORMS.get(size, np.nan),
                "used": used,
                "measured": measured,
                "measured_over_used": measured / used,
            }
        )
    return pd.DataFrame(rows)
