"""Windows of long signals, which remember where they were cut."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd

from filterbank import files
from filterbank.errors import InputError, invalid
from filterbank.io.columns import ID_NAMES, named
from filterbank.io.found import KIND_OF_AXES, Kind
from filterbank.signals import Dataset, FileSignal, LazySignal, Signals, Skipped, as_signal

__all__ = ["windows"]


def windows(
    series: Any,
    *,
    size: int | Sequence[int],
    hop: int | Sequence[int] | None = None,
    labels: Sequence[Any] | None = None,
    rate: float | None = None,
    n_axes: int | None = None,
    name: str | None = None,
) -> Dataset:
    """Cut signals into windows that remember where they come from.

    A window of a signal in memory is a view of it; one of a file is read from the file, of which the last two are
    kept, so that it costs most to jump between files. What is left at the end of a signal, shorter than `size`, is
    not used.

    Parameters
    ----------
    series : Dataset, Signals, array, list of arrays, or dict of str to array
        One 1-D array is one series, a 2-D array a batch of them. The columns, target and group of a data set are
        carried over to each window; windows of windows count from the start of the recording.
    size : int or sequence of int
        Samples in a window, for each axis or for all.
    hop : int or sequence of int, optional
        Samples from one window's start to the next; by default `size`, so that none overlap.
    labels : sequence, optional
        One a signal; they become the column "label" and the target.
    rate : float, optional
        Samples per second, where `series` doesn't know it.
    n_axes : {1, 2, 3}, optional
        As for `Signals.wrap`.
    name : str, optional
        By default that of the data set, or "windows".

    Returns
    -------
    Dataset
        Its table has "source" and, of signals with one axis, "start" and "stop" (the first sample, and one past the
        last) and "source_length" (the samples of the source, where it's known), else "start_0", "stop_0", "start_1" and
        so on. The source is the group unless there is another.

    Raises
    ------
    InputError
        If `size` or `hop` isn't positive, or no signal is as long as `size`.

    Examples
    --------
    >>> data = windows({"a": np.arange(10.0), "b": np.arange(7.0)}, size=4, hop=3, labels=["up", "down"])
    >>> data.table
      source label  start  stop  source_length
    0      a    up      0     4             10
    1      a    up      3     7             10
    2      a    up      6    10             10
    3      b  down      0     4              7
    4      b  down      3     7              7
    >>> data.signals[4]
    array([[3., 4., 5., 6.]])
    """
    signals, table, carried = _long_signals(series, labels, rate, n_axes)
    axes = signals.n_axes
    sizes = _per_axis("size", size, axes)
    hops = sizes if hop is None else _per_axis("hop", hop, axes)
    items: list[Any] = []
    rows: list[int] = []
    corners: list[tuple[int, ...]] = []
    whole_lengths: list[int] = []
    skipped = list(carried.skipped) if carried else []
    for i, item in enumerate(signals.stored):
        length = _axes_of(item, signals, i)
        if any(have < need for have, need in zip(length, sizes)):
            have, need = (" x ".join(map(str, value)) for value in (length, sizes))
            skipped.append(Skipped(str(table["source"].iloc[i]), f"has {have} samples, fewer than size={need}"))
            continue
        whole = _Whole(item, axes, i) if isinstance(item, LazySignal) else None
        starts = [range(0, have - need + 1, step) for have, need, step in zip(length, sizes, hops)]
        for corner in itertools.product(*starts):
            where = tuple(slice(a, a + b) for a, b in zip(corner, sizes))
            items.append(item[(Ellipsis, *where)] if whole is None else _Window(whole, where))
            rows.append(i)
            corners.append(corner)
            whole_lengths.append(length[-1])
    if not items:
        raise invalid(
            "size", size, f"at most the length of any signal ({len(signals)} in all)", do="Cut shorter windows."
        )
    cut = table.iloc[rows].reset_index(drop=True)
    first = np.array(corners, dtype=np.int64).reshape(len(items), axes)
    for axis in range(axes):
        ending = "" if axes == 1 else f"_{axis}"
        base = _whole_numbers(cut[f"start{ending}"]) if f"start{ending}" in table.columns else 0
        cut[f"start{ending}"] = base + first[:, axis]
        cut[f"stop{ending}"] = base + first[:, axis] + sizes[axis]
    if axes == 1 and "source_length" not in cut and "start" not in table.columns:
        cut["source_length"] = whole_lengths
    known = signals.rate if signals.rate is not None else rate
    return Dataset(
        Signals(items, n_axes=axes, rate=known),
        cut,
        kind=carried.kind if carried else cast(Kind, KIND_OF_AXES[axes]),
        target="label" if labels is not None else carried.target if carried else None,
        group=(carried.group if carried else None) or "source",
        name=name or (carried.name if carried else "windows"),
        skipped=tuple(skipped),
        description=carried.description if carried else "",
    )


class _Whole:
    """A signal that windows are cut from, read once for neighbouring windows."""

    _recent: tuple[tuple[_Whole, np.ndarray], ...] = ()  # of the whole process; replaced, never changed

    def __init__(self, item: LazySignal, n_axes: int, index: int) -> None:
        self.item, self.n_axes, self.index = item, n_axes, index

    def read(self) -> np.ndarray:
        """Return the array, perhaps that of the last time."""
        for whole, array in _Whole._recent:
            if whole is self:
                return array
        array = as_signal(self.item.read(), self.n_axes, index=self.index)
        _Whole._recent = ((self, array), *_Whole._recent[:1])
        return array


@dataclass(frozen=True)
class _Window:
    """A part of a signal that isn't in memory."""

    whole: _Whole
    where: tuple[slice, ...]

    def read(self) -> np.ndarray:
        return self.whole.read()[(slice(None), *self.where)]


def _per_axis(name: str, value: Any, axes: int) -> tuple[int, ...]:
    values = (value,) * axes if np.ndim(value) == 0 else tuple(value)
    whole = all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) and v > 0 for v in values)
    if len(values) != axes or not whole:
        raise invalid(
            name, value, f"a positive number of samples, or {axes} of them" if axes > 1 else "a positive integer"
        )
    return tuple(int(v) for v in values)


def _long_signals(
    series: Any, labels: Sequence[Any] | None, rate: float | None, n_axes: int | None
) -> tuple[Signals, pd.DataFrame, Dataset | None]:
    """The signals to cut, with a table of their sources and labels."""
    carried = series if isinstance(series, Dataset) else None
    if carried is not None:
        signals, table = carried.signals, carried.table.copy()
        if "source" not in table.columns:
            column = "path" if "path" in table.columns else named(table.columns, ID_NAMES)
            known = table[column].astype(str) if column is not None else [str(i) for i in range(len(table))]
            table.insert(0, "source", known)
    else:
        sources = list(map(str, series)) if isinstance(series, Mapping) else None
        if isinstance(series, Mapping):
            series = list(series.values())
        elif isinstance(series, np.ndarray) and series.ndim == 1 and series.dtype != object:
            series = series[np.newaxis]
        signals = Signals.wrap(series, n_axes=n_axes, rate=rate)
        table = pd.DataFrame({"source": sources or [str(i) for i in range(len(signals))]})
    if labels is not None:
        if len(labels) != len(signals):
            raise InputError(f"there are {len(labels)} labels for {len(signals)} signals. Pass one a signal.")
        table["label"] = list(labels)
    return signals, table, carried


def _whole_numbers(column: pd.Series) -> np.ndarray:
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.isna().any():
        row = int(np.flatnonzero(numbers.isna())[0])
        raise invalid(
            str(column.name), column.iloc[row], "a sample of the source, as this column says where it was cut"
        )
    return numbers.to_numpy(dtype=np.int64)


def _axes_of(item: Any, signals: Signals, i: int) -> tuple[int, ...]:
    """The length of each axis; of a file from its header where that tells."""
    if isinstance(item, FileSignal):
        size = files.probe(item.path, **item.options).size
        if size is not None:
            return size
    if isinstance(item, LazySignal):
        return signals[i].shape[1:]
    return np.shape(item)[-signals.n_axes :]
