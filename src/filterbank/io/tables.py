"""Tables of many signals: long ones with a row a sample, and wide ones with a row a signal."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from filterbank import files
from filterbank.errors import InputError, ReadError, invalid
from filterbank.io.columns import GROUP_NAMES, ID_NAMES, LONG_TIME_NAMES, PATH_NAMES, TARGET_NAMES, named, plain
from filterbank.io.folders import from_files
from filterbank.io.found import Found, Wish, common_rate, mixed_down, trim
from filterbank.signals import PROVENANCE, Skipped

__all__ = ["table_file"]


def table_file(path: Path, wish: Wish) -> Found:
    """Find the signals of a long table, a wide one, or (where it begins with seconds) the one that it is."""
    table, has_header = files.read_table(path)
    if any(level is not None for level in table.index.names):
        table = table.reset_index()
    table.columns = [str(column) for column in table.columns]
    if not len(table):
        raise InputError(f"{path} holds no signal that can be used: it has a header and no rows.")
    numeric = [pd.api.types.is_numeric_dtype(dtype) for dtype in table.dtypes]
    if not has_header:
        if path.suffix.lower() == ".tsv" and all(numeric) and len(numeric) > 1:
            return _wide(path, table.rename(columns={"0": "label"}).assign(label=plain(table["0"])), wish)
        words = [name for name, is_number in zip(table.columns, numeric) if not is_number and _is_text(table[name])]
        names = ["label"] if len(words) == 1 else [f"column_{name}" for name in words]
        return _wide(path, table.rename(columns=dict(zip(words, names))), wish)
    for role, given in (("id", wish.id), ("time", wish.time)):
        if given is not None and given not in table.columns:
            raise invalid(role, given, f"a column of {path}, which has: {', '.join(table.columns)}")
    id_column = wish.id or named(table.columns, ID_NAMES)
    time_column = wish.time or named([c for c in table.columns if c != id_column], LONG_TIME_NAMES)
    asked = wish.id is not None or wish.time is not None
    if id_column is not None and time_column is not None and (asked or table[id_column].duplicated().any()):
        return _long(path, table, id_column, time_column, wish)
    if asked:
        role, usual = ("id", ID_NAMES) if id_column is None else ("time", LONG_TIME_NAMES)
        raise InputError(
            f"{path}: a long table needs a column {role}; none is called {', '.join(usual)}. Pass {role}=."
        )
    begins_with_time = table.columns[0].strip().lower() in files.SECONDS_NAMES
    if begins_with_time and all(numeric) and named(table.columns, TARGET_NAMES) is None and path.suffix != ".parquet":
        return from_files(path.parent, pd.DataFrame({"path": [path.name]}), wish)
    return _wide(path, table, wish)


def _long(path: Path, table: pd.DataFrame, id_column: str, time_column: str, wish: Wish) -> Found:
    """Rows of (id, time, channels...), in any order."""
    for column in (id_column, time_column):
        if table[column].isna().any():
            row = int(np.flatnonzero(table[column].isna())[0])
            raise ReadError(f"{path}: row {row + 1} has no {column}. Fill it, or remove the row.")
    codes, ids = pd.factorize(table[id_column])
    times = _times(path, table[time_column])
    order = np.lexsort((times, codes))
    codes, times, table = codes[order], times[order], table.iloc[order]
    again = np.flatnonzero((np.diff(codes) == 0) & (np.diff(times) == 0))
    if again.size:
        twice = table.iloc[int(again[0])]
        raise InputError(
            f"{path}: {time_column}={twice[time_column]} occurs more than once in {id_column}={twice[id_column]}. "
            "A signal has one sample at a time: remove one, or give each its own id."
        )
    found = Found([], table)
    channels, known = _roles(path, table, codes, {id_column, time_column}, wish, found.notes)
    bounds = np.flatnonzero(np.diff(codes, prepend=-1, append=len(ids)))
    values = np.ascontiguousarray(table[channels].to_numpy(dtype=np.float64, na_value=np.nan).T)
    in_seconds = wish.time is not None or time_column.strip().lower() in files.SECONDS_NAMES
    in_seconds = in_seconds and pd.api.types.is_numeric_dtype(table[time_column])
    rates, kept = [], []
    for i, (start, stop) in enumerate(itertools.pairwise(bounds.tolist())):
        signal, reason = trim(values[:, start:stop])
        if signal is None:
            found.skipped.append(Skipped(f"{id_column}={ids[i]}", reason))
            continue
        kept.append(i)
        found.items.append(signal)
        rates.append(files.even_rate(times[start:stop]) if in_seconds else None)
    found.table = pd.DataFrame({id_column: ids, **{name: _first(table[name], codes) for name in known}}).iloc[kept]
    if any(rate is not None for rate in rates) and any(rate is None for rate in rates) and wish.rate is None:
        found.notes.append(f"{time_column} is not evenly spaced in all signals, so no rate is known.")
        rates = [None] * len(rates)
    found.rate, _ = common_rate(rates, wish.rate, found.notes)
    for i, own in enumerate(rates):
        if own is not None and found.rate is not None and own != found.rate:
            found.items[i] = files.resample(found.items[i], own, found.rate)
    return mixed_down(found, wish)


def _times(path: Path, column: pd.Series) -> np.ndarray:
    """Times as numbers that sort; dates become nanoseconds or so."""
    numbers = pd.to_numeric(column, errors="coerce")
    if not pd.api.types.is_datetime64_any_dtype(column) and numbers.notna().all():
        return numbers.to_numpy(dtype=np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # pandas falls back to a slower parser, which is fine
        dates = pd.to_datetime(column, errors="coerce", utc=True)
    bad = dates.isna() if numbers.notna().sum() < dates.notna().sum() or numbers.isna().all() else numbers.isna()
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ReadError(f"{path}: row {row + 1}: {column.name}={column.iloc[row]!r} is no number and no date.")
    return dates.astype("int64").to_numpy()


def _roles(
    path: Path, table: pd.DataFrame, codes: np.ndarray, taken: set[str], wish: Wish, notes: list[str]
) -> tuple[list[str], list[str]]:
    """Which columns of a long table are channels, and which say something of a signal as a whole."""
    for column in wish.columns or ():
        if column not in table.columns or not pd.api.types.is_numeric_dtype(table[column]):
            numbers = table.select_dtypes("number").columns
            raise invalid("columns", column, f"a column of numbers of {path}, which has: {', '.join(numbers)}")
    channels = list(wish.columns or ())
    known = []
    for column in table.columns:
        if column in taken or column in channels:
            continue
        changes = bool((table.groupby(codes)[column].nunique() > 1).any())
        role = "target" if column == wish.target or column.lower() in TARGET_NAMES else "group"
        if not changes:
            known.append(column)
        elif column in (wish.target, wish.group) or column.lower() in (*TARGET_NAMES, *GROUP_NAMES):
            raise InputError(
                f"{path}: {role}={column!r} changes within a signal, and a signal has one {role}. "
                "Give each stretch its own id, or rename the column."
            )
        elif wish.columns is None and pd.api.types.is_numeric_dtype(table[column]):
            channels.append(column)
        else:
            notes.append(f"The column {column} changes within a signal and is no channel, so it was left out.")
    if not channels:
        raise InputError(
            f"{path}: no column of numbers changes within a signal, so there is no channel. Pass columns=."
        )
    return channels, known


def _first(column: pd.Series, codes: np.ndarray) -> np.ndarray:
    """The first value that isn't missing, of each signal."""
    return column.groupby(codes).first().to_numpy()


def _wide(path: Path, table: pd.DataFrame, wish: Wish) -> Found:
    """A row a signal."""
    first = table.columns[0]
    if first == "Unnamed: 0" and np.array_equal(table[first], np.arange(len(table))):
        table = table.drop(columns=first)  # an index that pandas wrote
    reserved = {*TARGET_NAMES, *GROUP_NAMES, *ID_NAMES, *PROVENANCE, *PATH_NAMES, "split", "fold"}
    samples = []
    for column in table.columns if wish.columns is None else ():
        own = column.strip().lower() in reserved or column in (wish.target, wish.group)
        dtype = table[column].dtype
        number = pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)
        if not own and (number or (pd.api.types.is_string_dtype(dtype) and not _is_text(table[column]))):
            samples.append(column)
    for column in wish.columns or ():
        if column not in table.columns:
            raise invalid("columns", column, f"a column of {path}, which has: {', '.join(table.columns[:20])}")
        samples.append(column)
    if not samples:
        raise InputError(f"{path}: no column holds numbers, so there are no samples. A wide table has a row a signal.")
    values = np.empty((len(table), len(samples)))
    broken: dict[int, str] = {}
    for j, column in enumerate(samples):
        numbers = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        values[:, j] = numbers
        if not pd.api.types.is_numeric_dtype(table[column].dtype):
            for i in np.flatnonzero(np.isnan(numbers) & table[column].notna().to_numpy()).tolist():
                cell = str(table[column].iloc[i])
                if cell not in files.MISSING:
                    broken.setdefault(i, f"column {column} holds {cell!r}, which is no number")
    found = Found([], table)
    kept = []
    for i in range(len(values)):
        signal, reason = trim(values[i : i + 1])
        if i in broken or signal is None:
            found.skipped.append(Skipped(f"row {i + 1}", broken.get(i, reason)))
        else:
            found.items.append(signal)
            kept.append(i)
    found.table = table.drop(columns=samples).iloc[kept]
    found.rate = wish.rate
    return found


def _is_text(column: pd.Series) -> bool:
    """Whether at least half of what is there isn't a number."""
    there = column.dropna()
    return bool(pd.to_numeric(there, errors="coerce").notna().sum() * 2 <= len(there))
