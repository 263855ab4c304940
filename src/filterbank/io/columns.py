"""Which columns of a table are labels, groups, times and paths: by their usual names, or the only one that can be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from filterbank.errors import invalid
from filterbank.files import SECONDS_NAMES
from filterbank.signals import PROVENANCE

__all__ = [
    "GROUP_NAMES",
    "ID_NAMES",
    "LONG_TIME_NAMES",
    "PATH_NAMES",
    "TARGET_NAMES",
    "choose",
    "named",
    "only_candidate",
    "plain",
]

TARGET_NAMES = ("label", "target", "class", "y")
"""Columns that are taken as the labels, the first that is there, in any case of letters."""

GROUP_NAMES = ("group", "speaker", "patient", "subject", "recording", "source")
"""Columns that are taken as the group, the first that is there, in any case of letters."""

ID_NAMES = ("id", "series_id", "signal_id", "sample_id", "case_id", "series", "signal", "case")
"""Columns of a long table that say which signal a row belongs to."""

LONG_TIME_NAMES = (*SECONDS_NAMES, "timestamp", "datetime", "date", "step", "index", "position")
"""Columns of a long table that say when, the first that is there."""

PATH_NAMES = ("path", "file", "filename", "file_name")
"""Columns of metadata.csv that say which file a row is about."""


def named(columns: Iterable[Any], names: Sequence[str]) -> Any | None:
    """Return the column that has the first of `names` that is there, in any case of letters."""
    lower = {str(column).strip().lower(): column for column in reversed(list(columns))}
    return next((lower[name] for name in names if name in lower), None)


def choose(table: pd.DataFrame, role: str, given: str | None, names: Sequence[str], *, but: Any) -> str | None:
    """Return the column for a role: what was given, else what has one of the usual names."""
    if given is not None:
        if given not in table.columns:
            columns = ", ".join(map(str, table.columns)) or "none"
            raise invalid(role, given, f"a column of the data, which has: {columns}")
        return given
    return named([column for column in table.columns if column != but], names)


def only_candidate(table: pd.DataFrame, *, but: str | None) -> str | None:
    """Return the only column that could be labels: some values occur more than once, and there are at least two."""
    taken = {"path", "split", *PROVENANCE, *GROUP_NAMES, *ID_NAMES, but}
    candidates = [
        str(column)
        for column in table.columns
        if str(column).lower() not in taken
        and column != but
        and not pd.api.types.is_float_dtype(table[column])
        and 2 <= table[column].nunique() < len(table)
    ]
    return candidates[0] if len(candidates) == 1 else None


def plain(labels: Any) -> np.ndarray:
    """Return labels as integers where they are whole numbers, else as they are."""
    values = np.asarray(labels)
    numbers = pd.to_numeric(pd.Series(values), errors="coerce").to_numpy(dtype=np.float64)
    if len(numbers) and np.isfinite(numbers).all() and (numbers == np.round(numbers)).all():
        return numbers.astype(np.int64)
    return values
