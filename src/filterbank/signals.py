"""Signals, a lazy collection of arrays `(channel, *axes)`, and Dataset, signals with what is known of each."""

from __future__ import annotations

import functools
import operator
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol, overload, runtime_checkable

import numpy as np
import pandas as pd

from filterbank import files
from filterbank.errors import FilterbankError, InputError, invalid
from filterbank.output import Audio

__all__ = [
    "KINDS",
    "Dataset",
    "FileSignal",
    "LazySignal",
    "SignalInfo",
    "Signals",
    "Skipped",
    "check_finite",
    "is_tensor",
]

KINDS = {"series": 1, "sound": 1, "image": 2, "volume": 3}
"""The kinds of signal that a `Dataset` may hold, with their number of axes."""

_SIZE, _DTYPE, _DIMENSIONS = map(operator.attrgetter, ("size", "dtype", "ndim"))

LARGE = 1 << 20  # bytes of a sound file from which its samples are counted before they are read
LONG = 1 << 24  # samples (of all channels) from which a sound isn't held whole: 64 MiB

PROVENANCE = ("source", "start", "stop")
"""Columns of a `Dataset` table that say where a signal was cut from."""


@runtime_checkable
class LazySignal(Protocol):
    """A signal that is read when it's asked for."""

    def read(self) -> np.ndarray:
        """Return the array, `(channel, *axes)` or `(*axes)`."""


@dataclass(frozen=True)
class FileSignal:
    """A signal in a file of its own, read each time that it's asked for.

    Parameters
    ----------
    path : Path
        The file; its suffix says how it's read (see `filterbank.files`).
    options : mapping
        Keyword arguments of `filterbank.files.read`, such as ``rate``.
    """

    path: Path
    options: Mapping[str, Any] = field(default_factory=dict)

    def read(self) -> np.ndarray:
        """Return the file's array, `(channel, *axes)`."""
        return files.read(self.path, **self.options).array

    def open(self) -> np.ndarray | files.SoundReader:
        """Return the file's array; of a sound too long to be held, something that is read like one, piece by piece."""
        path = Path(self.path)
        if files.kind_of(path) != "sound" or not path.is_file() or path.stat().st_size < LARGE:
            return self.read()
        sound = files.SoundReader(path, **{k: v for k, v in self.options.items() if k in ("rate", "mono", "channel")})
        return sound if sound.size > LONG else sound[:, :]

    def header(self) -> files.Header:
        """Return what can be told of the file before all of its samples are read."""
        return files.probe(self.path, **self.options)


@dataclass(frozen=True)
class SignalInfo:
    """What a bank may know before it is designed: never the samples."""

    n_axes: int
    n_channels: int
    rate: float | None = None


class Signals(Sequence[np.ndarray]):
    """A collection of signals, each `(channel, *axes)`, of unequal size if need be.

    Indexing with an integer gives one array; with a slice, a mask or an array of
    indices, `Signals`, so that scikit-learn's splitters work as they are. Arrays are held by
    reference and files are read on access: a collection costs no more than its references.

    Parameters
    ----------
    items : sequence of array or LazySignal
        Each `(*axes)` (one channel) or `(channel, *axes)`.
    n_axes : int
        1 for series and sound, 2 for images, 3 for volumes.
    rate : float, optional
        Samples per second along the last axis; None where unknown.

    Examples
    --------
    >>> import numpy as np
    >>> signals = Signals([np.zeros(5), np.zeros((2, 7))], n_axes=1)
    >>> signals[1].shape, len(signals[[True, False]])
    ((2, 7), 1)
    """

    def __init__(self, items: Sequence[Any], *, n_axes: int, rate: float | None = None) -> None:
        if n_axes not in (1, 2, 3):
            raise invalid("n_axes", n_axes, "1, 2 or 3")
        if rate is not None and not (np.isfinite(rate) and rate > 0):
            raise invalid("rate", rate, "a positive number of samples per second")
        self._items = list(items)
        self._batch: np.ndarray | None = None  # the one array that all of them are rows of
        self.n_axes = n_axes
        self.rate = None if rate is None else float(rate)

    @classmethod
    def wrap(cls, X: Any, *, n_axes: int | None = None, rate: float | None = None) -> Signals:
        """Make `Signals` of whatever holds them, without copying.

        Parameters
        ----------
        X : Signals, array, memmap, torch tensor, or sequence of arrays, of tensors or of paths
            An array or a tensor is a batch: `(signal, *axes)` or `(signal, channel, *axes)`. Tensors stay on their
            device until they are read.
        n_axes : int, optional
            Needed unless it can be told: a 2-D array is a batch of 1-D signals, and files say it.
        rate : float, optional
            Samples per second.

        Returns
        -------
        Signals

        Raises
        ------
        InputError
            If the number of axes can't be told or doesn't fit.

        Examples
        --------
        >>> import numpy as np
        >>> Signals.wrap(np.zeros((3, 8)))
        Signals(3 signals of 1 axis, 1 channel)
        >>> Signals.wrap(np.zeros((3, 8, 8)), n_axes=2)
        Signals(3 signals of 2 axes, 1 channel)
        """
        if isinstance(X, Signals):
            if n_axes is not None and X.n_axes != n_axes:
                raise invalid("n_axes", n_axes, f"the number of axes of these signals, which is {X.n_axes}")
            if rate is not None and rate != X.rate:
                return cls(X._items, n_axes=X.n_axes, rate=rate)
            return X
        if isinstance(X, (str, Path)):
            raise invalid("X", X, "a sequence of signals or paths", do="Use filterbank.load for a folder or a table.")
        if (isinstance(X, np.ndarray) and X.dtype != object) or is_tensor(X):
            shape = tuple(X.shape)
            if n_axes is None:
                if X.ndim != 2:
                    raise InputError(
                        f"X has shape {shape}, and n_axes was not given: it can't be told which axes are channels. "
                        "Pass n_axes=1, 2 or 3."
                    )
                n_axes = 1
            if X.ndim not in (n_axes + 1, n_axes + 2):
                raise InputError(
                    f"X has shape {shape}; a batch of signals with n_axes={n_axes} has {n_axes + 1} dimensions "
                    f"(signal, *axes) or {n_axes + 2} (signal, channel, *axes)."
                )
            batch = cls(list(X), n_axes=n_axes, rate=rate)
            batch._batch = X if type(X) is np.ndarray and X.flags.c_contiguous else None
            return batch
        items = list(X)
        if items and all(isinstance(item, (str, Path)) for item in items):
            paths = [Path(item) for item in items]
            first = files.probe(paths[0])
            if n_axes is not None and first.n_axes != n_axes:
                raise invalid("n_axes", n_axes, f"what {paths[0]} holds, which is {first.n_axes}")
            options = {} if rate is None else {"rate": rate}
            return cls([FileSignal(path, options) for path in paths], n_axes=first.n_axes, rate=rate or first.rate)
        series = cls(items, n_axes=1, rate=rate)
        if n_axes in (None, 1) and series._arrays and series._arrays[1] == {1}:
            return series  # perhaps plenty of short ones, with nothing more to look at in each
        if n_axes is None:
            n_axes = 1 if all(np.ndim(item) == 1 for item in items) else None
        if n_axes is None:
            raise InputError("n_axes was not given, and the signals are not all 1-D. Pass n_axes=1, 2 or 3.")
        return cls([_held(item, n_axes, i) for i, item in enumerate(items)], n_axes=n_axes, rate=rate)

    def __len__(self) -> int:
        return len(self._items)

    @property
    def shape(self) -> tuple[int]:
        """`(number of signals,)`: what scikit-learn asks for."""
        return (len(self._items),)

    @overload
    def __getitem__(self, key: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, key: Any) -> Any: ...
    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, tuple):  # scikit-learn indexes with (key, ...)
            if len(key) == 2 and key[1] is Ellipsis:
                key = key[0]
            else:
                raise invalid("key", key, "an integer, a slice, a mask or an array of indices")
        if isinstance(key, (int, np.integer)):
            return self._read(int(key))
        if isinstance(key, slice):
            return self._like(self._items[key])
        index = np.asarray(key)
        if index.size == 0:
            return self._like([])
        if index.ndim != 1 or index.dtype.kind not in "biu":
            raise invalid("key", key, "an integer, a slice, a mask or an array of indices")
        if index.dtype.kind == "b":
            if len(index) != len(self):
                raise InputError(f"a mask of {len(index)} does not fit {len(self)} signals.")
            index = np.flatnonzero(index)
        return self._like([self._items[i] for i in index.tolist()])

    def __iter__(self) -> Iterator[np.ndarray]:
        for i in range(len(self)):
            yield self._read(i)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_batch": None}  # the items are all there is

    def _like(self, items: list[Any]) -> Signals:
        return Signals(items, n_axes=self.n_axes, rate=self.rate)

    def _read(self, i: int) -> np.ndarray:
        item = self._items[i]
        lazy = not isinstance(item, np.ndarray) and isinstance(item, LazySignal)  # the second look is slow
        return as_signal(item.read() if lazy else item, self.n_axes, index=i)

    def opened(self, i: int) -> np.ndarray | files.SoundReader:
        """Return signal `i` as `(channel, *axes)`; a sound file too long to be held, as a `SoundReader`."""
        item = self._items[i]
        if not isinstance(item, FileSignal):
            return self._read(i)
        opened = item.open()
        return opened if isinstance(opened, files.SoundReader) else as_signal(opened, self.n_axes, index=i)

    @property
    def n_channels(self) -> int:
        """Channels of the first signal."""
        return self._shape(0)[0]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Each signal's `(channel, *axes)`; looks into files, and reads those whose headers don't tell."""
        return [self._shape(i) for i in range(len(self))]

    def axes(self, i: int) -> tuple[int, ...]:
        """Return the size of signal `i` along each axis; looks into its file, if it lies in one."""
        return self._shape(i)[1:]

    def _shape(self, i: int) -> tuple[int, ...]:
        item = self._items[i]
        if isinstance(item, FileSignal):
            header = item.header()
            if header.size is not None and len(header.size) == self.n_axes:
                return (header.n_channels, *header.size)
        if not isinstance(item, np.ndarray) and isinstance(item, LazySignal):  # the second look is slow
            return self._read(i).shape
        shape = tuple(np.shape(item))
        return (1, *shape) if len(shape) == self.n_axes else shape

    def path(self, i: int) -> Path | None:
        """Return the file of signal `i`, or None where it's held in memory."""
        item = self._items[i]
        return item.path if isinstance(item, FileSignal) else None

    @property
    def stored(self) -> list[Any]:
        """What stands for each signal, unread: an array, `(*axes)` or `(channel, *axes)`, or a `LazySignal`."""
        return list(self._items)

    @property
    def in_memory(self) -> bool:
        """Whether every signal is an array already, so that none must be read."""
        return self._arrays is not None

    @property
    def device(self) -> str | None:
        """The torch device of the signals ("cpu", "cuda:0"), or None if one of them is no tensor.

        Raises
        ------
        InputError
            If they are tensors on several devices.
        """
        torch = sys.modules.get("torch")
        if torch is None or self._kinds is not None:
            return None
        if not any(issubclass(kind, torch.Tensor) for kind in set(map(type, self._items))):
            return None
        found = {str(item.device) if is_tensor(item) else "" for item in self._items}
        if len(found) > 1 and "" not in found:
            raise InputError(f"the signals are tensors on {' and '.join(sorted(found))}. Put them on one device.")
        return found.pop() or None if len(found) == 1 else None

    def as_held(self, i: int) -> Any:
        """Return signal `i` as `(channel, *axes)` of float32 or float64: a tensor if it is held as one."""
        item = self._items[i]
        return _as_tensor(item, self.n_axes, i) if is_tensor(item) else self._read(i)

    def held(self, start: int, stop: int) -> np.ndarray | list[np.ndarray] | None:
        """Return signals `start` to `stop` as they are held, if they need no work: a quick way to many.

        Returns
        -------
        array, (signal, *axes) or (signal, channel, *axes), or list of array, or None
            None if one lies in a file, isn't float32 or float64 as the others are, has a channel axis where others
            don't, or isn't contiguous (which one with one axis needn't be).
        """
        dtypes, dimensions = self._arrays or (set(), set())
        if len(dtypes) != 1 or not dtypes <= {np.dtype(np.float32), np.dtype(np.float64)}:
            return None
        if len(dimensions) != 1:
            return None
        if self._batch is not None:
            return self._batch[start:stop]
        items = self._items[start:stop]
        return items if self.n_axes == 1 or all(item.flags.c_contiguous for item in items) else None

    @functools.cached_property
    def sizes(self) -> np.ndarray:
        """The number of samples of each signal in memory, all channels together, (signal,)."""
        if self._batch is not None:
            return np.full(len(self), self._batch[0].size)
        size = len if self._kinds and self._kinds[1] == {1} else _SIZE
        return np.fromiter(map(size, self._items), np.int64, len(self))

    @functools.cached_property
    def _kinds(self) -> tuple[set[np.dtype], set[int]] | None:
        """The signals' dtypes and numbers of dimensions; None if one is no array in memory."""
        items = self._items if self._batch is None else self._items[:1]  # all alike
        return (
            (set(map(_DTYPE, items)), set(map(_DIMENSIONS, items))) if set(map(type, items)) == {np.ndarray} else None
        )

    @property
    def _arrays(self) -> tuple[set[np.dtype], set[int]] | None:
        """The same; None also if one is empty."""
        return self._kinds if self._kinds and self._none_empty else None

    @functools.cached_property
    def _none_empty(self) -> bool:
        return bool(self.sizes.all())

    def map(self, function: Callable[[np.ndarray], np.ndarray]) -> Signals:
        """Return the signals that `function` makes of these, applied on access.

        Examples
        --------
        >>> import numpy as np
        >>> Signals.wrap(np.ones((2, 3))).map(np.negative)[0]
        array([[-1., -1., -1.]])
        """
        return self._like([_Mapped(item, self.n_axes, i, function) for i, item in enumerate(self._items)])

    def play(self, i: int, *, rate: float | None = None, channel: int | None = None) -> Audio:
        """Return signal `i` as something that a notebook plays.

        Parameters
        ----------
        i : int
        rate : float, optional
            Samples per second; None: the signals' own. Another one plays it faster or slower.
        channel : int, optional
            Of more than two, the one to play.

        Returns
        -------
        Audio

        Raises
        ------
        InputError
            If it isn't a sound that can be played.

        Examples
        --------
        >>> import numpy as np
        >>> Signals.wrap([np.sin(np.arange(4000.0))], rate=8000).play(0)
        Audio(0.5 s, 1 channel, 8000 Hz)
        """
        if self.n_axes != 1:
            raise InputError(f"signals with {self.n_axes} axes can't be played, only those with 1.")
        rate = self.rate if rate is None else rate
        if rate is None:
            raise InputError("the rate of these signals is unknown, so they can't be played. Pass rate=.")
        samples = self[i]
        if channel is not None:
            if not 0 <= channel < len(samples):
                raise invalid("channel", channel, f"one of the signal's {len(samples)}, counted from 0")
            samples = samples[channel]
        return Audio(samples, rate)

    @property
    def info(self) -> SignalInfo:
        """What a bank may know of these signals before it is designed."""
        return SignalInfo(self.n_axes, self.n_channels, self.rate)

    def __repr__(self) -> str:
        axes = "1 axis" if self.n_axes == 1 else f"{self.n_axes} axes"
        if not self._items:
            return f"Signals(0 signals of {axes})"
        try:
            n = self.n_channels
            channels = "1 channel" if n == 1 else f"{n} channels"
        except FilterbankError:
            channels = "unreadable"
        rate = "" if self.rate is None else f", {self.rate:g} Hz"
        return f"Signals({len(self)} signals of {axes}, {channels}{rate})"


@dataclass(frozen=True)
class _Mapped:
    item: Any
    n_axes: int
    index: int
    function: Callable[[np.ndarray], np.ndarray]

    def read(self) -> np.ndarray:
        array = self.item.read() if isinstance(self.item, LazySignal) else self.item
        return self.function(as_signal(array, self.n_axes, index=self.index))


def _held(item: Any, n_axes: int, index: int) -> Any:
    """What is kept of an item: lazy ones and arrays by reference, lists as arrays."""
    if isinstance(item, LazySignal):
        return item
    if not isinstance(item, np.ndarray) and not is_tensor(item):
        try:
            item = np.asarray(item)
        except ValueError as error:
            raise InputError(f"signal {index} is not an array of numbers: {error}.") from None
    _check_dimensions(tuple(item.shape), n_axes, index)
    return item


def _check_dimensions(shape: tuple[int, ...], n_axes: int, index: int) -> None:
    if len(shape) not in (n_axes, n_axes + 1):
        raise InputError(
            f"signal {index} has shape {shape}; with n_axes={n_axes} it must have {n_axes} dimensions "
            f"(one channel) or {n_axes + 1} (channel, *axes)."
        )
    if 0 in shape:
        raise InputError(f"signal {index} is empty: its shape is {shape}. Leave it out.")


def as_signal(array: Any, n_axes: int, *, index: int = 0) -> np.ndarray:
    """Return `array` as `(channel, *axes)` of float32 or float64, without a copy where it is that already."""
    array = _as_tensor(array, n_axes, index).cpu().numpy() if is_tensor(array) else np.asarray(array)
    if array.dtype.kind == "c":
        raise _complex(index)
    if array.dtype == np.float16:
        array = array.astype(np.float32)
    elif array.dtype not in (np.float32, np.float64):
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"signal {index} is not an array of numbers: {error}.") from None
    _check_dimensions(array.shape, n_axes, index)
    return array[np.newaxis] if array.ndim == n_axes else array


def is_tensor(item: Any) -> bool:
    """Return whether `item` is a torch tensor; doesn't import torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(item, torch.Tensor)


def _as_tensor(tensor: Any, n_axes: int, index: int) -> Any:
    """What `as_signal` does, of a tensor and on its device."""
    torch = sys.modules["torch"]
    if tensor.is_complex():
        raise _complex(index)
    if tensor.dtype in (torch.float16, torch.bfloat16):
        tensor = tensor.to(torch.float32)
    elif tensor.dtype not in (torch.float32, torch.float64):
        tensor = tensor.to(torch.float64)
    _check_dimensions(tuple(tensor.shape), n_axes, index)
    tensor = tensor.detach()
    return tensor[None] if tensor.ndim == n_axes else tensor


def _complex(index: int) -> InputError:
    return InputError(
        f"signal {index} is complex. Complex data not supported: pass its modulus, or real and "
        "imaginary parts as channels."
    )


def check_finite(signal: np.ndarray, index: int = 0) -> None:
    """Raise InputError if `signal` holds NaN or infinity; the message says where.

    Cost: one pass over the signal.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        total = signal.sum()  # in the signal's own precision, which is many times quicker
    if np.isfinite(total):
        return
    bad = ~np.isfinite(signal)
    if not bad.any():  # a finite signal whose sum overflowed
        return
    where = tuple(int(v) for v in np.argwhere(bad)[0])
    what = "NaN" if np.isnan(signal[where]) else "infinity"
    place = where[1] if len(where) == 2 else where[1:]
    raise InputError(
        f"signal {index} contains {what} (channel {where[0]}, sample {place}; {int(bad.sum())} such values). "
        "Input X contains NaN or infinity, which would spread to every feature: fill, cut or leave out the signal."
    )


@dataclass(frozen=True)
class Skipped:
    """A file or row that wasn't read, and why."""

    source: str
    reason: str


@dataclass(frozen=True)
class Dataset:
    """Signals with what is known of each: labels, groups, and where it was cut from.

    Parameters
    ----------
    signals : Signals
    table : DataFrame, one row a signal
        Labels, groups, and any other column. The names `source`, `start` and `stop` are reserved: the recording
        (or series, or photograph) that a signal was cut from, and its first and one-past-last sample in it. Where a
        signal is no cut, `start` and `stop` are absent. `source_length`, the samples of the source, may stand beside.
    kind : {"series", "sound", "image", "volume"}
    target : str, optional
        The column of labels.
    group : str, optional
        The column of what must not be split between training and test: a speaker, a patient, a recording.
    name : str
    skipped : tuple of Skipped
        What couldn't be read.
    description : str
        One paragraph on what this is and where it comes from.
    """

    signals: Signals
    table: pd.DataFrame
    kind: Literal["series", "sound", "image", "volume"] = "series"
    target: str | None = None
    group: str | None = None
    name: str = "data"
    skipped: tuple[Skipped, ...] = ()
    description: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise invalid("kind", self.kind, f"one of {', '.join(KINDS)}")
        if KINDS[self.kind] != self.signals.n_axes:
            raise invalid("kind", self.kind, f"a kind with {self.signals.n_axes} axes, as the signals have")
        if len(self.table) != len(self.signals):
            raise InputError(f"the table has {len(self.table)} rows for {len(self.signals)} signals.")
        for role in ("target", "group"):
            column = getattr(self, role)
            if column is not None and column not in self.table.columns:
                raise invalid(
                    role, column, f"a column of the table, which has: {', '.join(map(str, self.table.columns))}"
                )
        object.__setattr__(self, "table", self.table.reset_index(drop=True))

    def __len__(self) -> int:
        return len(self.signals)

    def __getitem__(self, key: Any) -> Dataset:
        """Return the data set of some of the signals (a slice, a mask, an array of indices)."""
        index = np.arange(len(self))[key]
        if np.ndim(index) == 0:
            raise invalid(
                "key", key, "a slice, a mask or an array of indices", do="Use dataset.signals[i] for one signal."
            )
        return replace(self, signals=self.signals[index], table=self.table.iloc[index])

    @property
    def y(self) -> np.ndarray:
        """The labels, `(signal,)`."""
        if self.target is None:
            raise InputError(
                f"{self.name} has no target column; it has: {', '.join(map(str, self.table.columns)) or 'none'}. "
                "Choose one with with_target(column), or --target on the command line."
            )
        labels = self.table[self.target]
        if labels.isna().any():
            raise InputError(
                f"the label {self.target!r} is missing for {int(labels.isna().sum())} of {len(labels)} signals "
                f"(the first is signal {int(np.flatnonzero(labels.isna())[0])}). Fill or drop those rows."
            )
        return labels.to_numpy()

    @property
    def groups(self) -> np.ndarray | None:
        """The groups, `(signal,)`, or None."""
        return None if self.group is None else self.table[self.group].to_numpy()

    @property
    def is_cut(self) -> bool:
        """Whether the signals are pieces of longer ones (`source`, `start` and `stop` are known)."""
        return set(PROVENANCE) <= set(self.table.columns)

    def with_target(self, target: str | None, group: str | None = None) -> Dataset:
        """Return the same data with other columns as labels and groups (None keeps what there was)."""
        return replace(self, target=target or self.target, group=group or self.group)
