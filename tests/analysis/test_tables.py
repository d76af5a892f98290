"""Tables of synthesis, and tables as files."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from diversevis.analysis.tables import (
    norm_table,
    read_frames,
    synthesis_table,
    write_frame,
)
from diversevis.stimuli.natural import NaturalResponses


@pytest.fixture
def sweeps():
    rows = []
    for channel, activations, distances, selected in [
        (3, (10.0, 9.5, 8.0), (1.0, 2.0, 3.0), 1),
        (5, (-1.0, -1.0, -1.0), (1.0, 1.0, 1.0), 0),
    ]:
        for level, (activation, distance) in enumerate(zip(activations, distances, strict=True)):
            rows.append(
                {
                    "network": "net",
                    "layer": "a",
                    "channel": channel,
                    "diversity": level * 0.5,
                    "mean_activation": activation,
                    "min_activation": activation - 1,
                    "max_activation": activation + 1,
                    "min_distance": distance,
                    "mean_distance": distance + 1,
                    "steps": 10,
                    "seed": 0,
                    "relative_diversity": level * 0.1,
                    "selected": int(level == selected),
                }
            )
    return pd.DataFrame(rows)


@pytest.fixture
def natural():
    levels = torch.tensor([0.0, 0.5, 0.99, 1.0])
    quantiles = torch.arange(8)[:, None] * 10 + torch.tensor([0.0, 1.0, 2.0, 3.0])
    return {("net", "a"): NaturalResponses(torch.zeros(8, 3, 2, 2), quantiles, levels, 100)}


def test_restarts_chosen_set_and_natural_patches_in_one_row(sweeps, natural):
    table = synthesis_table(sweeps, natural).set_index("channel")
    row = table.loc[3]
    assert row.restart_mean_activation == 10
    assert row.diverse_mean_activation == 9.5
    assert row.diverse_relative_diversity == 0.1
    assert row.activation_ratio == pytest.approx(0.95)
    assert row.distance_ratio == 2
    assert (row.natural_median, row.natural_99_percent, row.natural_maximum) == (31, 32, 33)
    assert row["size"] == 2
    # Nothing relative to restarts that drive nothing.
    assert table.loc[5, ["activation_ratio", "distance_ratio"]].isna().all()
    assert table.loc[5].restart_mean_activation == -1


def test_norm_table_measures_what_it_says():
    # Photographs 10 away from the mean in every pixel: the norm of a patch is 10 s sqrt(3).
    grey = torch.tensor([133.68, 126.779, 113.939])[None, :, None, None].expand(2, 3, 30, 30)
    table = norm_table(grey, [24, 7], count=20)
    assert table["size"].tolist() == [7, 24]
    assert table.measured.tolist() == pytest.approx([10 * s * 3**0.5 for s in (7, 24)], rel=1e-5)
    assert table.published.isna().tolist() == [True, False]


def test_tables_are_written_whole(tmp_path, sweeps):
    write_frame(tmp_path / "deep" / "table.csv", sweeps)
    read = pd.read_csv(tmp_path / "deep" / "table.csv")
    # Seven digits are written; a column of whole numbers comes back as integers.
    pd.testing.assert_frame_equal(read, sweeps, rtol=1e-6, check_dtype=False)


def test_tables_of_layers_without_rows_may_be_among_others(tmp_path, sweeps):
    sweeps = sweeps.assign(left_out="")
    write_frame(tmp_path / "full.csv", sweeps)
    write_frame(tmp_path / "empty.csv", sweeps.iloc[:0])
    read = read_frames([tmp_path / "empty.csv", tmp_path / "full.csv"])
    assert (read.left_out == "").all()
    assert read.dtypes.to_dict() == read_frames([tmp_path / "full.csv"]).dtypes.to_dict()
    nothing = read_frames([tmp_path / "empty.csv"])
    assert nothing.columns.tolist() == sweeps.columns.tolist()
    assert nothing.empty
