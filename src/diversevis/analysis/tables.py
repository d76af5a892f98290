"""Tables as files, and the columns that they share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from diversevis.fetching.files import write_text
from diversevis.results.quantities import Quantity

UNIT = ["network", "layer", "channel"]
"""The columns that name a unit."""

_TEXTS = ("left_out", "withheld", "reason", "surrogate_set_reason", "note")


def write_frame(path: Path | str, table: pd.DataFrame) -> None:
    """Write a table as CSV, floats with the seven digits that float32 holds."""
    write_text(path, table.to_csv(index=False, float_format="%.7g", lineterminator="\n"))


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


def values_of(units: pd.DataFrame, quantity: Quantity | str | None) -> pd.Series:
    """Return a column of the unit table; NaN for a quantity that the run has not measured."""
    name = quantity.name if isinstance(quantity, Quantity) else quantity
    return units[name] if name in units else pd.Series(np.nan, units.index)


def rows_of(table: pd.DataFrame) -> Iterator[Any]:
    """Yield the rows of a table, columns as attributes."""
    yield from table.itertuples(index=False)


def groups_of(table: pd.DataFrame, *columns: str) -> Iterator[tuple[tuple[Any, ...], pd.DataFrame]]:
    """Yield values of columns and the rows that have them, in the order in which they come."""
    yield from table.groupby(list(columns), sort=False, dropna=False)
