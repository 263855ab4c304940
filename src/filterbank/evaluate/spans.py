"""Where windows lie in their sources, and which of them overlap."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from filterbank.errors import InputError, invalid
from filterbank.signals import Dataset

__all__ = ["overlapping", "windows_of", "windows_overlap"]


def overlapping(spans: Any, some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return which of the windows `some` overlap at least one of the windows `others` in their source.

    Parameters
    ----------
    spans : Dataset or DataFrame
        Windows with `source`, `start`, `stop`.
    some, others : arrays of int
        Indices of windows.

    Returns
    -------
    array of bool, one for each of `some`
        Cost: n log n.
    """
    return windows_overlap(windows_of(spans), some, others)


def windows_overlap(table: pd.DataFrame, some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """As `overlapping`, of windows that are checked already."""
    # One line with all sources after another, so that windows of different sources can't touch.
    offset = table["source"].to_numpy() * (int(table["stop"].max()) + 1)
    start, stop = table["start"].to_numpy() + offset, table["stop"].to_numpy() + offset
    others = others[np.argsort(start[others], kind="stable")]
    if len(others) == 0:
        return np.zeros(len(some), dtype=bool)
    reach = np.maximum.accumulate(stop[others])
    before = np.searchsorted(start[others], stop[some], side="left")  # how many of `others` start before the stop
    return (before > 0) & (reach[np.maximum(before - 1, 0)] > start[some])


def windows_of(data: Any) -> pd.DataFrame:
    """Checked windows: `source` as codes, and `start`, `stop`, `source_length` as integers."""
    table = data.table if isinstance(data, Dataset) else data
    columns = ("source", "start", "stop")
    if not isinstance(table, pd.DataFrame) or not set(columns) <= set(table.columns):
        has = ", ".join(map(str, table.columns)) if isinstance(table, pd.DataFrame) else type(table).__name__
        raise InputError(
            f"where the windows lie isn't known: a table with the columns source, start and stop is needed, not {has}. "
            "Cut series with filterbank.windows, or pass that table as groups."
        )
    if len(table) == 0:
        raise InputError("the table of windows is empty.")
    spans = pd.DataFrame({"source": pd.factorize(table["source"], use_na_sentinel=False)[0]})
    for column in ("start", "stop", *(["source_length"] if "source_length" in table.columns else [])):
        values = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=np.float64)
        bad = ~np.isfinite(values) | (values != np.floor(values))
        if bad.any():
            i = int(np.flatnonzero(bad)[0])
            raise invalid(f"{column} of window {i}", table[column].tolist()[i], "a whole number of samples")
        spans[column] = values.astype(np.int64)
    if table["source"].isna().any():
        raise InputError(f"the source of window {int(np.flatnonzero(table['source'].isna())[0])} is missing.")
    empty = np.flatnonzero((spans["stop"] <= spans["start"]) | (spans["start"] < 0))
    if len(empty):
        i = int(empty[0])
        raise InputError(
            f"window {i} has start={spans['start'][i]} and stop={spans['stop'][i]}; 0 <= start < stop is needed."
        )
    end = spans.groupby("source")["stop"].transform("max")
    if "source_length" not in spans:
        spans["source_length"] = end
    short = np.flatnonzero(spans["source_length"] < end)
    if len(short):
        i = int(short[0])
        raise invalid(
            f"source_length of window {i}",
            int(spans["source_length"][i]),
            f"at least the last stop there, which is {end[i]}",
        )
    return spans
