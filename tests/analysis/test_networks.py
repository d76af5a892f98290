"""The table of networks."""

from __future__ import annotations

import json

from diversevis.analysis.networks import run
from diversevis.analysis.tables import read_frame


def test_one_row_per_network(tmp_path):
    records = {"a": {"name": "a", "title": "A-1"}, "b": {"name": "b", "title": "B-2"}}
    for name, record in records.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(record))
    reads = {"networks": [tmp_path / f"{name}.json" for name in records]}
    run(reads, {"networks": tmp_path / "networks.csv"})
    table = read_frame(tmp_path / "networks.csv")
    assert table.to_dict("records") == list(records.values())
