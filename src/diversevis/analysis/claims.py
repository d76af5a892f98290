"""The paper's claims as criteria, fixed before any run."""

from __future__ import annotations

import pandas as pd

from diversevis.analysis.statistics import median_interval, share_interval

C1_SHARE = 0.95
"""Share of units whose diverse sets must be more distinct than their restarts for C1 to hold."""


def diversity_claim(units: pd.DataFrame, *, fraction: float, seed: int = 0) -> pd.DataFrame:
    """Return C1's numbers by layer and for all units together (last row).

    C1 holds if, at `fraction` or more of restart activation, at least `C1_SHARE` of units have a
    larger minimum distance than their restarts and the interval of the median ratio lies above 1.

    Parameters
    ----------
    units
        `diversevis.analysis.tables.unit_table`.
    fraction
        Share of restart activation that a chosen set keeps.
    seed
        Of the bootstrap.
    """
    kept = units[units.left_out.fillna("") == ""]
    groups = [*kept.groupby(["network", "layer"], sort=False), (("all", "all"), kept)]
    rows = []
    for (network, layer), group in groups:
        larger = (group.distance_ratio > 1) & (group.activation_ratio >= fraction)
        low, high = median_interval(group.distance_ratio.to_numpy(), seed=seed)
        share_low, share_high = share_interval(int(larger.sum()), len(group))
        rows.append(
            {
                "network": network,
                "layer": layer,
                "units": len(group),
                "units_more_distinct": int(larger.sum()),
                "share": larger.mean(),
                "share_low": share_low,
                "share_high": share_high,
                "median_distance_ratio": group.distance_ratio.median(),
                "ratio_low": low,
                "ratio_high": high,
                "median_activation_ratio": group.activation_ratio.median(),
                "holds": bool(larger.mean() >= C1_SHARE and low > 1),
            }
        )
    return pd.DataFrame(rows)
