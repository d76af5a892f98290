"""Tables: one row a unit, and the norms behind the budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from diversevis.files import write_text
from diversevis.stimuli.natural import NaturalResponses, mean_norm
from diversevis.stimuli.norm import PUBLISHED_NORMS, natural_norm


def write_frame(path: Path | str, table: pd.DataFrame) -> None:
    """Write a table as CSV, floats with the seven digits that float32 holds."""
    write_text(Path(path), table.to_csv(index=False, float_format="%.7g", lineterminator="\n"))


UNIT = ["network", "layer", "channel"]
"""The columns that name a unit."""


def unit_table(
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
        Columns `UNIT`, then activations and distances of restarts and of the chosen set, their
        ratios, the responses to natural patches, and ``left_out``: why the unit is left out of
        statistics, empty for those that stay. Distances are root mean square differences in the
        layer's own distance space, activations are before the ReLU.
    """
    columns = ["mean_activation", "min_distance", "mean_distance"]
    restarts = sweeps[sweeps.relative_diversity == 0].set_index(UNIT)[columns]
    chosen = sweeps[sweeps.selected == 1].set_index(UNIT)
    chosen = chosen[
        [*columns, "min_activation", "max_activation", "relative_diversity", "diversity", "steps"]
    ]
    table = restarts.add_prefix("restart_").join(chosen.add_prefix("diverse_"), how="left")
    table["activation_ratio"] = table.diverse_mean_activation / table.restart_mean_activation
    table["distance_ratio"] = table.diverse_min_distance / table.restart_min_distance
    reference = pd.DataFrame(
        [_natural_row(natural[network, layer], int(unit)) for network, layer, unit in table.index],
        index=table.index,
    )
    table = table.join(reference)
    table["left_out"] = np.where(
        table.restart_mean_activation > 0, "", "restarts do not drive it above zero"
    )
    return table.reset_index()


def _natural_row(responses: NaturalResponses, channel: int) -> dict[str, float]:
    values = responses.quantiles[channel]
    levels = responses.levels.tolist()

    def at(level: float) -> float:
        nearest = min(range(len(levels)), key=lambda i: abs(levels[i] - level))
        return float(values[nearest])

    return {
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
