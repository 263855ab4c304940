"""Data in and out: folders, tables and archives become a Dataset, long signals windows, and features a file."""

from __future__ import annotations

import itertools
import os
import secrets
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import pandas as pd

from filterbank import files
from filterbank.errors import FilterbankError, InputError, ReadError, WriteError, invalid
from filterbank.signals import PROVENANCE, Dataset, FileSignal, LazySignal, Signals, Skipped, as_signal

__all__ = ["GROUP_NAMES", "ID_NAMES", "TARGET_NAMES", "atomic", "load", "windows", "write_features"]

TARGET_NAMES = ("label", "target", "class", "y")
"""Columns that are taken as the labels, the first that is there, in any case of letters."""

GROUP_NAMES = ("group", "speaker", "patient", "subject", "recording", "source")
"""Columns that are taken as the group, the first that is there, in any case of letters."""

ID_NAMES = ("id", "series_id", "signal_id", "sample_id", "case_id", "series", "signal", "case")
"""Columns of a long table that say which signal a row belongs to."""

_LONG_TIME_NAMES = (*files.SECONDS_NAMES, "timestamp", "datetime", "date", "step", "index", "position")
_PATH_NAMES = ("path", "file", "filename", "file_name")
_SPLIT_NAMES = ("train", "training", "test", "testing", "val", "valid", "validation")
_KIND_OF_AXES = {1: "series", 2: "image", 3: "volume"}
_PLURAL = {"series": "series", "sound": "sounds", "image": "images", "volume": "volumes"}
_Kind = Literal["series", "sound", "image", "volume"]


def load(
    source: str | Path,
    *,
    target: str | None = None,
    group: str | None = None,
    strict: bool = False,
    rate: float | None = None,
    mono: bool = False,
    colour: Literal["grey", "rgb"] = "grey",
    n_axes: int | None = None,
    columns: Sequence[str] | None = None,
    id: str | None = None,
    time: str | None = None,
    name: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Dataset:
    r"""Make a data set of a folder, a table, an archive or one file.

    What can't be read is left out and listed in ``skipped``, with the reason. The source may be:

    - *A folder with a sub-folder a class.* The column "label" is the sub-folder's name; what lies deeper belongs to it.
      Where the sub-folders are called train and test and hold the classes, the column "split" says which.
    - *A folder with metadata.csv*, a row a file. The path column is called path, file, filename or file_name, or is the
      first that names files that exist; all others are kept.
    - *A folder of files*, which have no labels.
    - *A long table* (CSV, TSV, Parquet): a column that says which signal (`ID_NAMES`, or ``id``; some value occurs more
      than once), one of times (time, t, timestamp, date and so on, or ``time``) and a column a channel. Numbers that
      change within a signal are channels, columns that do not are labels. Rows are sorted by time; times in seconds
      that are evenly spaced give the rate.
    - *A wide table*: a row a signal. Columns of numbers are its samples, in their order; text, and columns with the
      names of a label, group, id, split or provenance are what is known of it. Where the numbers do not start in the
      first row, see `filterbank.files.read_table`. A table that begins with a column of seconds is one signal.
    - *UCR files*, `.ts`, or `.tsv` without a header (the label first); NAME_TRAIN and NAME_TEST together, as a folder
      that holds them or as the path without _TRAIN, get a column "split".
    - *NumPy files*: `.npy` is a batch (signal, *axes); `.npz` holds one called X, x, signals or data, perhaps y or
      label, groups, rate, shape (the true sizes of padded signals), classes (the names that y counts) and other arrays
      with a value a signal; or x_train, y_train, x_test, y_test, which get a column "split".
    - *One file* of sound, or an image.

    Missing samples at the end make a signal shorter; a signal with others missing is left out. Files are read when
    they are used. Of a folder, the kind most files have is taken. Sound of unequal rates is resampled to the most
    common one, and to one channel where the channels differ; ``description`` says so.

    Parameters
    ----------
    source : path
        Hidden files are not looked at.
    target : str, optional
        The column of labels; by default that in `TARGET_NAMES`, else the only one that can be.
    group : str, optional
        The column of what must not be split between training and test; by default that in `GROUP_NAMES`.
    strict : bool
        Whether it is an error if anything can't be read.
    rate : float, optional
        Samples per second: signals that know their rate are resampled to it, others are taken to have it.
    mono, colour
        As for `filterbank.files.read`, of sound and of images.
    n_axes : {1, 2, 3}, optional
        For NumPy files, whose shape does not tell: `(signal, *axes)` or `(signal, channel, *axes)`.
    columns : sequence of str, optional
        Of a table, the columns that are channels (long) or samples (wide).
    id, time : str, optional
        The columns of a long table.
    name : str, optional
        By default the name of the file or folder.
    progress : callable, optional
        Called with (files done, files in all).

    Returns
    -------
    Dataset
        What comes from files has a column "path", relative to the folder.

    Raises
    ------
    ReadError
        If the source is missing or damaged as a whole; with ``strict``, if anything can't be read.
    InputError
        If nothing is left, or a column that was asked for isn't there.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "steps.csv")
    >>> _ = path.write_text("id,time,up,label\na,0,1,x\na,0.5,2,x\nb,0,5,y\nb,0.5,6,y\nb,1,7,y\n")
    >>> data = load(path)
    >>> data.signals, data.y.tolist()
    (Signals(2 signals of 1 axis, 1 channel, 2 Hz), ['x', 'y'])
    """
    if rate is not None and not (np.isfinite(rate) and rate > 0):
        raise invalid("rate", rate, "a positive number of samples per second")
    if colour not in ("grey", "rgb"):
        raise invalid("colour", colour, "'grey' or 'rgb'")
    if n_axes not in (None, 1, 2, 3):
        raise invalid("n_axes", n_axes, "1, 2 or 3")
    path = Path(source).expanduser()
    wish = _Wish(target, group, rate, mono, colour, n_axes, columns, id, time, progress)
    found = _find(path, wish)
    if strict and found.skipped:
        first = found.skipped[0]
        raise ReadError(
            f"{path}: {len(found.skipped)} of {len(found.skipped) + len(found.items)} can't be used; the first is "
            f"{first.source}: {first.reason}. Mend or remove them, or leave out strict."
        )
    if not found.items:
        why = "it is empty."
        if found.skipped:
            first = found.skipped[0]
            why = f"of {len(found.skipped)} left out, the first is {first.source}: {first.reason}."
        raise InputError(f"{path} holds no signal that can be used: {why}")
    table = found.table.reset_index(drop=True)
    label = _choose(table, "target", target, TARGET_NAMES, but=group)
    groups = _choose(table, "group", group, GROUP_NAMES, but=label)
    if label is None:
        label = _only_candidate(table, but=groups)
    own = path.name or path.resolve().name
    return Dataset(
        Signals(found.items, n_axes=found.n_axes, rate=found.rate),
        table,
        kind=found.kind,
        target=label,
        group=groups,
        name=name or (own if path.is_dir() else own.removesuffix(path.suffix)),
        skipped=tuple(found.skipped),
        description=" ".join([f"{_count(len(found.items), found.kind)} from {own}.", *found.notes]),
    )


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
        last), else "start_0", "stop_0", "start_1" and so on. The source is the group unless there is another.

    Raises
    ------
    InputError
        If `size` or `hop` isn't positive, or no signal is as long as `size`.

    Examples
    --------
    >>> data = windows({"a": np.arange(10.0), "b": np.arange(7.0)}, size=4, hop=3, labels=["up", "down"])
    >>> data.table
      source label  start  stop
    0      a    up      0     4
    1      a    up      3     7
    2      a    up      6    10
    3      b  down      0     4
    4      b  down      3     7
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
    skipped = list(carried.skipped) if carried else []
    for i, item in enumerate(signals._items):
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
    known = signals.rate if signals.rate is not None else rate
    return Dataset(
        Signals(items, n_axes=axes, rate=known),
        cut,
        kind=carried.kind if carried else cast(_Kind, _KIND_OF_AXES[axes]),
        target="label" if labels is not None else carried.target if carried else None,
        group=(carried.group if carried else None) or "source",
        name=name or (carried.name if carried else "windows"),
        skipped=tuple(skipped),
        description=carried.description if carried else "",
    )


def write_features(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a table as .parquet or .csv; nothing half-written is ever found under `path`.

    Parameters
    ----------
    frame : DataFrame
        Its index is written where it has a name.
    path : path
        The folder must exist.

    Raises
    ------
    InputError
        If the suffix is neither.
    WriteError
        If the folder is missing or can't be written, or the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "features.csv")
    >>> write_features(pd.DataFrame({"mean": [0.5, 1.5]}), path)
    >>> path.read_text().split()
    ['mean', '0.5', '1.5']
    """
    path = Path(path)
    if path.suffix.lower() not in (".parquet", ".csv"):
        raise invalid("path", str(path), "a file name that ends in .parquet or .csv")
    index = frame.index.name is not None
    with atomic(path) as temporary:
        if path.suffix.lower() == ".csv":
            frame.to_csv(temporary, index=index)
        else:
            frame.to_parquet(temporary, index=index)


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Give a temporary path to write to, which becomes `path` if all went well and vanishes if not.

    Also on Ctrl-C, a file under `path` is either the old one or wholly the new one.

    Parameters
    ----------
    path : path
        The folder must exist. What is there is replaced.

    Yields
    ------
    Path
        In the same folder, with the same suffix.

    Raises
    ------
    WriteError
        If the folder is missing or can't be written, or the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "report.html")
    >>> with atomic(path) as temporary:
    ...     _ = temporary.write_text("<p>Done.</p>")
    >>> path.read_text(), len(list(path.parent.iterdir()))
    ('<p>Done.</p>', 1)
    """
    path = Path(path)
    if path.is_dir():
        raise WriteError(f"{path}: is a folder, so no file can be written under this name. Choose another.")
    if not path.parent.is_dir():
        raise WriteError(f"{path}: can't be written, there is no folder {path.parent}. Make it first.")
    temporary = path.with_name(f".{path.stem}-{os.getpid()}-{secrets.token_hex(4)}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except FilterbankError:
        raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise WriteError(f"{path}: can't be written ({reason}). Free some space, or choose another folder.") from error
    finally:
        temporary.unlink(missing_ok=True)


# What is wished, and what is found.


@dataclass(frozen=True)
class _Wish:
    """The options of `load`."""

    target: str | None
    group: str | None
    rate: float | None
    mono: bool
    colour: Literal["grey", "rgb"]
    n_axes: int | None
    columns: Sequence[str] | None
    id: str | None
    time: str | None
    progress: Callable[[int, int], None] | None


@dataclass
class _Found:
    """What a source holds, before it's known which column is the target."""

    items: list[Any]
    table: pd.DataFrame
    kind: _Kind = "series"
    n_axes: int = 1
    rate: float | None = None
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _find(path: Path, wish: _Wish) -> _Found:
    """Tell what kind of source this is, and read it."""
    try:
        if path.is_dir():
            pair = _ucr_pair(path, None)
            if pair:
                return _ucr(pair, wish)
            if (path / "metadata.csv").is_file():
                return _described_folder(path, wish)
            return _plain_folder(path, wish)
        exists = path.exists()
    except PermissionError:
        raise ReadError(f"{path}: can't be opened (permission denied).") from None
    suffix = path.suffix.lower()
    if not exists:
        pair = _ucr_pair(path.parent, path.name) if path.parent.is_dir() else None
        if pair:
            return _ucr(pair, wish)
        raise ReadError(f"{path}: there is no such file or folder.")
    if suffix == ".ts":
        return _ucr({"": path}, wish)
    if suffix in (".csv", ".tsv", ".txt", ".parquet", ".pq"):
        return _table(path, wish)
    if suffix in (".npy", ".npz"):
        return _numpy(path, wish)
    if files.kind_of(path):
        return _files(path.parent, pd.DataFrame({"path": [path.name]}), wish)
    raise ReadError(
        f"{path}: suffix {path.suffix!r} is none that can be read. Pass a folder, a table (.csv .tsv .parquet), "
        ".ts, .npy, .npz, or a sound or image."
    )


def _named(columns: Iterable[Any], names: Sequence[str]) -> Any | None:
    """The column that has the first of `names` that is there, in any case of letters."""
    lower = {str(column).strip().lower(): column for column in reversed(list(columns))}
    return next((lower[name] for name in names if name in lower), None)


def _choose(table: pd.DataFrame, role: str, given: str | None, names: Sequence[str], *, but: Any) -> str | None:
    """The column for a role: what was given, else what has one of the usual names."""
    if given is not None:
        if given not in table.columns:
            columns = ", ".join(map(str, table.columns)) or "none"
            raise invalid(role, given, f"a column of the data, which has: {columns}")
        return given
    return _named([column for column in table.columns if column != but], names)


def _only_candidate(table: pd.DataFrame, *, but: str | None) -> str | None:
    """The only column that could be labels: some values occur more than once, and there are at least two."""
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


def _count(n: int, kind: str) -> str:
    return f"{n} {kind if n == 1 else _PLURAL[kind]}"


# Folders.


def _plain_folder(root: Path, wish: _Wish) -> _Found:
    """A sub-folder a class, or files without labels."""
    paths = _walk(root)
    deep = [path for path in paths if len(path.parts) > 1]
    beside = [path for path in paths if len(path.parts) == 1]
    skipped = []
    if any(files.kind_of(path) for path in deep):
        skipped = [Skipped(path.name, "lies beside the class folders, so it has no label") for path in beside]
        table = pd.DataFrame({"path": [path.as_posix() for path in deep]})
        tops = {path.parts[0].lower() for path in deep}
        if len(tops) > 1 and tops <= set(_SPLIT_NAMES) and all(len(path.parts) > 2 for path in deep):
            table["label"] = [path.parts[1] for path in deep]
            table["split"] = [path.parts[0].lower() for path in deep]
        else:
            table["label"] = [path.parts[0] for path in deep]
    else:
        table = pd.DataFrame({"path": [path.as_posix() for path in paths]})
    found = _files(root, table, wish)
    found.skipped = skipped + found.skipped
    return found


def _walk(root: Path) -> list[Path]:
    """All files that aren't hidden, relative to `root`, in order; links to folders are followed once."""
    seen: set[str] = set()
    paths = []
    for folder, inner, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        inner[:] = [] if real in seen else sorted(name for name in inner if not name.startswith("."))
        if real not in seen:
            paths += [Path(folder, name).relative_to(root) for name in names if not name.startswith(".")]
        seen.add(real)
    return sorted(paths, key=lambda path: path.parts)


def _described_folder(root: Path, wish: _Wish) -> _Found:
    """The files that metadata.csv names."""
    described = root / "metadata.csv"
    table, has_header = files.read_table(described)
    if not has_header:
        raise ReadError(f"{described}: has no header. Its first line must name the columns, one of them path.")
    table.columns = [str(column) for column in table.columns]
    column = _path_column(root, table)
    if column is None:
        raise ReadError(
            f"{described}: no column names a file that exists (columns: {', '.join(table.columns)}). "
            "Give it a column path, relative to the folder."
        )
    if column != "path" and "path" in table.columns:
        table = table.drop(columns="path")
    table = table.rename(columns={column: "path"})
    missing = table["path"].isna().to_numpy()
    skipped = [Skipped(f"metadata.csv, row {i + 1}", "names no file") for i in np.flatnonzero(missing)]
    table = table[~missing].reset_index(drop=True)
    table["path"] = [str(value).strip() for value in table["path"]]
    found = _files(root, table, wish)
    found.skipped = skipped + found.skipped
    listed = {os.path.normpath(value) for value in table["path"]}
    rest = sum(1 for path in _walk(root) if files.kind_of(path) and str(path) not in listed) - (
        "metadata.csv" not in listed
    )
    if rest > 0:
        found.notes.append(f"{rest} more files in the folder are not in metadata.csv.")
    return found


def _path_column(root: Path, table: pd.DataFrame) -> str | None:
    named = [column for name in _PATH_NAMES for column in table.columns if column.strip().lower() == name]
    other = [c for c in table.columns if c not in named and not pd.api.types.is_numeric_dtype(table[c])]
    for column in [*named, *other]:
        values = table[column].dropna().astype(str).str.strip()
        if any(value and (root / value).is_file() for value in values):
            return column
    return None


def _files(root: Path, table: pd.DataFrame, wish: _Wish) -> _Found:
    """One signal a file: look at each, keep the most common kind, and agree on a rate and channels."""
    headers: dict[int, tuple[_Kind, files.Header]] = {}
    reasons: dict[int, str] = {}
    for i, name in enumerate(table["path"]):
        path = root / name
        kind = files.kind_of(path)
        try:
            if kind is None and path.is_file():
                reasons[i] = _unknown(path)
            else:
                options: dict[str, Any] = {"n_axes": wish.n_axes} if kind == "array" else {}
                header = files.probe(path, mono=wish.mono, colour=wish.colour, columns=wish.columns, **options)
                headers[i] = (cast(_Kind, _KIND_OF_AXES[header.n_axes] if kind == "array" else kind), header)
        except ReadError as error:
            reasons[i] = str(error).removeprefix(f"{path}: ").rstrip(".")
        if wish.progress is not None:
            wish.progress(i + 1, len(table))
    found = _Found([], table)
    if headers:
        kind = _most_common([kind for kind, _ in headers.values()])
        for i, (other, _) in headers.items():
            if other != kind:
                reasons[i] = f"is {_a(other)}, and most files are {_PLURAL[kind]}"
        kept = [i for i in headers if i not in reasons]
        n_channels = _most_common([headers[i][1].n_channels for i in kept])
        mixed = any(headers[i][1].n_channels != n_channels for i in kept)
        mono = wish.mono or (mixed and kind == "sound")
        if mixed and kind == "sound":
            found.notes.append("The files have unequal numbers of channels, so each was mixed to one (their mean).")
        elif mixed:
            for i in kept:
                if headers[i][1].n_channels != n_channels:
                    reasons[i] = f"has {headers[i][1].n_channels} channels, and most files have {n_channels}"
            kept = [i for i in kept if i not in reasons]
        rate, change = _common_rate([headers[i][1].rate for i in kept], wish.rate, found.notes)
        options = {"rate": rate} if change else {}
        options |= {"mono": True} if mono else {}
        if kind == "image" and wish.colour != "grey":
            options["colour"] = wish.colour
        if wish.n_axes is not None:
            options["n_axes"] = wish.n_axes
        if kind == "series" and wish.columns is not None:
            options["columns"] = wish.columns
        found.items = [FileSignal(root / table["path"].iloc[i], options) for i in kept]
        found.table = table.iloc[kept]
        found.kind, found.n_axes, found.rate = kind, headers[kept[0]][1].n_axes, rate
    found.skipped = [Skipped(str(table["path"].iloc[i]), reasons[i]) for i in sorted(reasons)]
    return found


def _unknown(path: Path) -> str:
    if path.suffix.lower() in (".npz", ".ts", ".parquet", ".pq"):
        return f"suffix {path.suffix!r} stands for many signals: load it by itself"
    return f"suffix {path.suffix!r} is none that can be read"


def _a(kind: str) -> str:
    return ("an " if kind[0] in "aeiou" else "a ") + kind


def _most_common(values: Sequence[Any]) -> Any:
    """The value that occurs most; of several, the smallest."""
    counts = Counter(values)
    return min(counts, key=lambda value: (-counts[value], value))


def _common_rate(rates: Sequence[float | None], wished: float | None, notes: list[str]) -> tuple[float | None, bool]:
    """The rate of all signals, and whether any must be resampled (or told its rate) for that."""
    known = sorted({rate for rate in rates if rate is not None})
    if wished is not None:
        if any(rate != wished for rate in known):
            notes.append(f"Resampled from {', '.join(f'{rate:g}' for rate in known)} Hz to {wished:g} Hz, as asked.")
        return float(wished), True
    if not known:
        return None, False
    unknown = sum(rate is None for rate in rates)
    if unknown:
        notes.append(f"The rate of {unknown} of {len(rates)} is unknown, so none is used; rate= would set it.")
        return None, False
    if len(known) == 1:
        return known[0], False
    common = _most_common(rates)
    changed = sum(rate != common for rate in rates)
    others = ", ".join(f"{rate:g}" for rate in known if rate != common)
    notes.append(f"{changed} of {len(rates)} were resampled from {others} Hz to {common:g} Hz, the most common rate.")
    return common, True


# Tables.


def _table(path: Path, wish: _Wish) -> _Found:
    """A long table, a wide one, or (where it begins with seconds) one signal."""
    table, has_header = files.read_table(path)
    if any(level is not None for level in table.index.names):
        table = table.reset_index()
    table.columns = [str(column) for column in table.columns]
    if not len(table):
        raise InputError(f"{path} holds no signal that can be used: it has a header and no rows.")
    numeric = [pd.api.types.is_numeric_dtype(dtype) for dtype in table.dtypes]
    if not has_header:
        if path.suffix.lower() == ".tsv" and all(numeric) and len(numeric) > 1:
            return _wide(path, table.rename(columns={"0": "label"}).assign(label=_plain(table["0"])), wish)
        words = [name for name, is_number in zip(table.columns, numeric) if not is_number and _is_text(table[name])]
        names = ["label"] if len(words) == 1 else [f"column_{name}" for name in words]
        return _wide(path, table.rename(columns=dict(zip(words, names))), wish)
    for role, given in (("id", wish.id), ("time", wish.time)):
        if given is not None and given not in table.columns:
            raise invalid(role, given, f"a column of {path}, which has: {', '.join(table.columns)}")
    id_column = wish.id or _named(table.columns, ID_NAMES)
    time_column = wish.time or _named([c for c in table.columns if c != id_column], _LONG_TIME_NAMES)
    asked = wish.id is not None or wish.time is not None
    if id_column is not None and time_column is not None and (asked or table[id_column].duplicated().any()):
        return _long(path, table, id_column, time_column, wish)
    if asked:
        role, usual = ("id", ID_NAMES) if id_column is None else ("time", _LONG_TIME_NAMES)
        raise InputError(
            f"{path}: a long table needs a column {role}; none is called {', '.join(usual)}. Pass {role}=."
        )
    begins_with_time = table.columns[0].strip().lower() in files.SECONDS_NAMES
    if begins_with_time and all(numeric) and _named(table.columns, TARGET_NAMES) is None and path.suffix != ".parquet":
        return _files(path.parent, pd.DataFrame({"path": [path.name]}), wish)
    return _wide(path, table, wish)


def _is_text(column: pd.Series) -> bool:
    """Whether at least half of what is there isn't a number."""
    there = column.dropna()
    return bool(pd.to_numeric(there, errors="coerce").notna().sum() * 2 <= len(there))


def _plain(labels: Any) -> np.ndarray:
    """Labels as integers where they are whole numbers, else as they are."""
    values = np.asarray(labels)
    numbers = pd.to_numeric(pd.Series(values), errors="coerce").to_numpy(dtype=np.float64)
    if len(numbers) and np.isfinite(numbers).all() and (numbers == np.round(numbers)).all():
        return numbers.astype(np.int64)
    return values


def _long(path: Path, table: pd.DataFrame, id_column: str, time_column: str, wish: _Wish) -> _Found:
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
    found = _Found([], table)
    channels, known = _roles(path, table, codes, {id_column, time_column}, wish, found.notes)
    bounds = np.flatnonzero(np.diff(codes, prepend=-1, append=len(ids)))
    values = np.ascontiguousarray(table[channels].to_numpy(dtype=np.float64, na_value=np.nan).T)
    in_seconds = wish.time is not None or time_column.strip().lower() in files.SECONDS_NAMES
    in_seconds = in_seconds and pd.api.types.is_numeric_dtype(table[time_column])
    rates, kept = [], []
    for i, (start, stop) in enumerate(itertools.pairwise(bounds.tolist())):
        signal, reason = _trim(values[:, start:stop])
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
    found.rate, _ = _common_rate(rates, wish.rate, found.notes)
    for i, own in enumerate(rates):
        if own is not None and found.rate is not None and own != found.rate:
            found.items[i] = files.resample(found.items[i], own, found.rate)
    return _mixed_down(found, wish)


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
    path: Path, table: pd.DataFrame, codes: np.ndarray, taken: set[str], wish: _Wish, notes: list[str]
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


def _trim(signal: np.ndarray) -> tuple[np.ndarray | None, str]:
    """A series without the missing samples at its end, or None and the reason."""
    missing = np.isnan(signal)
    there = np.flatnonzero(~missing.all(axis=0))
    if not there.size:
        return None, "holds no samples"
    signal = signal[:, : int(there[-1]) + 1]
    bad = np.argwhere(~np.isfinite(signal.T))
    if bad.size:
        what = "missing" if np.isnan(signal.T[tuple(bad[0])]) else "infinite"
        return None, f"sample {bad[0][0]} is {what} ({len(bad)} such values); fill it, or cut there"
    return signal, ""


def _wide(path: Path, table: pd.DataFrame, wish: _Wish) -> _Found:
    """A row a signal."""
    first = table.columns[0]
    if first == "Unnamed: 0" and np.array_equal(table[first], np.arange(len(table))):
        table = table.drop(columns=first)  # an index that pandas wrote
    reserved = {*TARGET_NAMES, *GROUP_NAMES, *ID_NAMES, *PROVENANCE, *_PATH_NAMES, "split", "fold"}
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
    found = _Found([], table)
    kept = []
    for i in range(len(values)):
        signal, reason = _trim(values[i : i + 1])
        if i in broken or signal is None:
            found.skipped.append(Skipped(f"row {i + 1}", broken.get(i, reason)))
        else:
            found.items.append(signal)
            kept.append(i)
    found.table = table.drop(columns=samples).iloc[kept]
    found.rate = wish.rate
    return found


def _mixed_down(found: _Found, wish: _Wish) -> _Found:
    """With ``mono``, the mean over the channels of each signal."""
    if wish.mono:
        found.items = [as_signal(item, found.n_axes).mean(axis=0, keepdims=True) for item in found.items]
    return found


# UCR files.


def _ucr_pair(folder: Path, name: str | None) -> dict[str, Path] | None:
    """NAME_TRAIN and NAME_TEST in a folder, if there's one such name (or the one asked for)."""
    for suffix in (".ts", ".tsv"):
        stems = {path.name.removesuffix(f"_TRAIN{suffix}") for path in folder.glob(f"[!.]*_TRAIN{suffix}")}
        stems = {stem for stem in stems if (folder / f"{stem}_TEST{suffix}").is_file() and name in (None, stem)}
        if len(stems) == 1:
            stem = stems.pop()
            return {part.lower(): folder / f"{stem}_{part}{suffix}" for part in ("TRAIN", "TEST")}
    return None


def _ucr(paths: Mapping[str, Path], wish: _Wish) -> _Found:
    """One file, or a training and a test file."""
    parts = []
    for split, path in paths.items():
        part = _ts(path, wish) if path.suffix.lower() == ".ts" else _table(path, wish)
        if split:
            part.table = part.table.assign(split=split)
            part.skipped = [Skipped(f"{path.name}, {skipped.source}", skipped.reason) for skipped in part.skipped]
        parts.append(part)
    found = _Found([item for part in parts for item in part.items], pd.concat([part.table for part in parts]))
    found.skipped = [skipped for part in parts for skipped in part.skipped]
    found.rate = wish.rate
    channels = {len(item) for item in found.items}
    if len(channels) > 1:
        raise ReadError(f"{next(iter(paths.values()))}: its two parts have unequal numbers of channels, {channels}.")
    if "label" in found.table.columns:
        found.table = found.table.assign(label=_plain(found.table["label"]))
    return found


def _ts(path: Path, wish: _Wish) -> _Found:
    """A .ts file: lines of @, then a line a signal, channels apart by colons and the label last."""
    if not path.stat().st_size:
        raise ReadError(f"{path}: is empty (0 bytes). Get the file again, or remove it.")
    has_label, dimensions, rows = False, None, None
    items: list[np.ndarray] = []
    labels: list[str] = []
    found = _Found(items, pd.DataFrame())
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ReadError(f"{path}: can't be read ({getattr(error, 'strerror', None) or 'it is not text'}).") from None
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if rows is None:
            word, *values = line.split()
            word = word.lower()
            if not word.startswith("@"):
                raise ReadError(f"{path}: line {number} is no header (@...), and @data has not come. Is it a .ts file?")
            if word == "@data":
                rows = 0
            elif word == "@timestamps" and values[:1] and values[0].lower() == "true":
                raise ReadError(f"{path}: has time stamps, which are not read. Save it with @timeStamps false.")
            elif word in ("@classlabel", "@targetlabel"):
                has_label = values[:1] != [] and values[0].lower() == "true"
            elif word in ("@dimensions", "@dimension") and values and values[0].isdigit():
                dimensions = int(values[0])
            elif word == "@univariate" and values[:1] and values[0].lower() == "true":
                dimensions = 1
            continue
        rows += 1
        cells = line.split(":")
        label = cells.pop().strip() if has_label else ""
        signal, reason = _ts_channels(cells, dimensions)
        if signal is not None:
            dimensions = len(signal)
            items.append(signal)
            labels.append(label)
        else:
            found.skipped.append(Skipped(f"line {number}", reason))
    if rows is None:
        raise ReadError(f"{path}: has no @data line, so it's cut short or no .ts file.")
    found.table = pd.DataFrame({"label": _plain(labels)} if has_label else None, index=range(len(items)))
    found.rate = wish.rate
    return _mixed_down(found, wish)


def _ts_channels(cells: list[str], dimensions: int | None) -> tuple[np.ndarray | None, str]:
    if dimensions is not None and len(cells) != dimensions:
        return None, f"has {len(cells)} channels, and the file has {dimensions}"
    try:
        channels = [np.array(cell.replace("?", "nan").split(","), dtype=np.float64) for cell in cells]
    except ValueError as error:
        return None, f"holds what is no number ({error})"
    lengths = {len(channel) for channel in channels}
    if len(lengths) > 1:
        return None, f"its channels have unequal lengths, {min(lengths)} to {max(lengths)} samples"
    return _trim(np.stack(channels)) if channels else (None, "holds no samples")


# NumPy files.


def _numpy(path: Path, wish: _Wish) -> _Found:
    """A batch of signals in .npy, or in .npz with what is known of them."""
    try:
        if path.suffix.lower() == ".npy":
            arrays: dict[str, np.ndarray] = {"x": np.lib.format.open_memmap(path, mode="r")}
        else:
            with np.load(path, allow_pickle=False) as archive:
                arrays = {key.lower(): archive[key] for key in archive.files}
    except Exception as error:  # zip, zlib and NumPy raise many kinds on damaged files
        reason = "it is empty" if not path.stat().st_size else " ".join(str(error).split()).strip(".")
        if "allow_pickle" in reason or "Python objects" in reason:
            reason = "it holds Python objects; save signals of unequal length padded with NaN instead"
        raise ReadError(f"{path}: can't be read as {path.suffix.lower()} ({reason}).") from error
    batches, known = _batches(path, arrays)
    total = sum(len(batch) for _, batch in batches)
    true = known.pop("shape", None)
    n_axes = wish.n_axes
    if n_axes is None and true is not None:
        n_axes = 1 if true.ndim == 1 else true.shape[1]
    found = _Found([], pd.DataFrame(index=range(total)))
    for _, batch in batches:
        if batch.dtype.kind not in "biuf":
            raise ReadError(f"{path}: holds {batch.dtype}, which are no real numbers.")
        try:
            signals = Signals.wrap(batch, n_axes=n_axes)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        found.n_axes = n_axes = signals.n_axes
        found.items += signals._items
    found.kind = cast(_Kind, _KIND_OF_AXES[found.n_axes])
    if len(batches) > 1:
        found.table["split"] = [split for split, batch in batches for _ in range(len(batch))]
    for name, values in known.items():
        found.table[name] = values
    if true is not None:
        found.items = [_true_size(path, item, size, found.n_axes) for item, size in zip(found.items, true.tolist())]
    rate = arrays.get("rate", arrays.get("sampling_rate", arrays.get("fs")))
    own = float(rate) if rate is not None and rate.size == 1 and rate.dtype.kind in "iuf" else None
    return _mixed_down(_settled(found, own, wish), wish)


def _batches(path: Path, arrays: dict[str, np.ndarray]) -> tuple[list[tuple[str, np.ndarray]], dict[str, np.ndarray]]:
    """The batches of signals by their split, and the arrays with a value a signal."""
    parts = [split for split in ("train", "test") if f"x_{split}" in arrays]
    if len(parts) == 2:
        batches = [(split, arrays[f"x_{split}"]) for split in parts]
        joined = {
            key.removesuffix("_train"): (arrays[key], arrays[f"{key.removesuffix('_train')}_test"])
            for key in arrays
            if key.endswith("_train") and key != "x_train" and f"{key.removesuffix('_train')}_test" in arrays
        }
        for key, pair in joined.items():
            for (split, batch), values in zip(batches, pair):
                _check_length(path, f"{key}_{split}", values, len(batch))
        others = {key: np.concatenate(pair) for key, pair in joined.items()}
    else:
        usual = [key for key in ("x", "signals", "data") if key in arrays] or list(arrays)[: len(arrays) == 1]
        if not usual or not arrays[usual[0]].ndim:
            raise ReadError(f"{path}: has no array called X (arrays: {', '.join(arrays)}). Save the signals as X.")
        batch = arrays[usual[0]]
        batches = [("", batch[np.newaxis] if batch.ndim == 1 else batch)]
        others = {name: values for name, values in arrays.items() if name != usual[0]}
    total = sum(len(batch) for _, batch in batches)
    known: dict[str, np.ndarray] = {}
    for key, values in others.items():
        name = {"y": "label", "labels": "label", "target": "label", "groups": "group"}.get(key, key)
        if name in ("label", "group", "shape"):
            _check_length(path, key, values, total)
        if len(values.shape) and len(values) == total and (name == "shape" or values.size == total):
            known[name] = values if name == "shape" else values.reshape(total)
    classes = arrays.get("classes")
    if classes is not None and "label" in known and known["label"].dtype.kind in "iu" and "classes" not in known:
        known["label"] = _class_names(path, known["label"], classes)
    return batches, known


def _check_length(path: Path, key: str, values: np.ndarray, total: int) -> None:
    if not values.ndim or len(values) != total:
        raise ReadError(f"{path}: {key} has shape {values.shape} for {total} signals. It needs a value a signal.")


def _class_names(path: Path, labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    if classes.ndim != 1 or labels.min() < 0 or labels.max() >= len(classes):
        raise ReadError(f"{path}: y goes up to {labels.max()}, and classes has shape {classes.shape}.")
    return classes[labels]


def _true_size(path: Path, item: np.ndarray, size: Any, n_axes: int) -> np.ndarray:
    """A padded signal without its padding."""
    sizes = [size] if np.ndim(size) == 0 else list(size)
    if len(sizes) != n_axes or any(not 0 < true <= have for true, have in zip(sizes, item.shape[-n_axes:])):
        raise ReadError(f"{path}: shape {sizes} is no size within {item.shape[-n_axes:]}.")
    where: tuple[Any, ...] = (Ellipsis, *(slice(int(true)) for true in sizes))
    return item[where]


def _settled(found: _Found, own: float | None, wish: _Wish) -> _Found:
    """Leave out signals with missing samples, and settle the rate."""
    kept: list[int] = []
    for i, item in enumerate(found.items):
        signal, reason = item, ""
        if item.dtype.kind == "f":
            if found.n_axes == 1:
                signal, reason = _trim(item.reshape(-1, item.shape[-1]))
            elif not np.isfinite(item).all():
                signal, reason = None, f"{int((~np.isfinite(item)).sum())} values are missing or infinite"
        if signal is None:
            found.skipped.append(Skipped(f"signal {i}", reason))
        else:
            found.items[len(kept)] = signal
            kept.append(i)
    del found.items[len(kept) :]
    found.table = found.table.iloc[kept]
    found.rate, _ = _common_rate([own] * len(kept), wish.rate, found.notes)
    if own is not None and found.rate is not None and own != found.rate:
        found.items = [files.resample(as_signal(item, 1), own, found.rate) for item in found.items]
    return found


# Windows.


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
            column = "path" if "path" in table.columns else _named(table.columns, ID_NAMES)
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
