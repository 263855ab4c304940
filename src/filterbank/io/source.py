"""A folder, table, archive or file becomes a data set: what kind of source it is, and what its columns are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import pandas as pd

from filterbank import files
from filterbank.errors import InputError, ReadError
from filterbank.io.columns import GROUP_NAMES, TARGET_NAMES, choose, only_candidate
from filterbank.io.folders import described_folder, from_files, plain_folder
from filterbank.io.found import PLURAL, Found, Wish
from filterbank.io.numpy_files import numpy_file
from filterbank.io.tables import table_file
from filterbank.io.ucr import ucr_files, ucr_pair
from filterbank.signals import Dataset, Signals

__all__ = ["is_there", "load"]


def load(
    source: str | Path,
    *,
    target: str | None = None,
    group: str | None = None,
    strict: bool = False,
    rate: float | None = None,
    mono: bool = False,
    channel: int | None = None,
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
    mono, channel, colour
        As for `filterbank.files.read`, of sound and of images. Files without the channel are left out.
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
    files.check_options(rate, colour, n_axes)
    files.check_channel(mono, channel)
    path = Path(source).expanduser()
    wish = Wish(target, group, rate, mono, colour, n_axes, columns, id, time, progress, channel)
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
    label = choose(table, "target", target, TARGET_NAMES, but=group)
    groups = choose(table, "group", group, GROUP_NAMES, but=label)
    if label is None:
        label = only_candidate(table, but=groups)
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


def is_there(source: str | Path) -> bool:
    """Say whether a file or folder is called `source`, or two parts of an archive are, for `load` to read.

    Examples
    --------
    >>> is_there("."), is_there("nosuch")
    (True, False)
    """
    path = Path(source).expanduser()
    try:
        return path.exists() or _half_named(path) is not None
    except PermissionError:  # it is there, and `load` says that it may not be opened
        return True


def _find(path: Path, wish: Wish) -> Found:
    """Tell what kind of source this is, and read it."""
    try:
        if path.is_dir():
            pair = ucr_pair(path, None)
            if pair:
                return ucr_files(pair, wish)
            if (path / "metadata.csv").is_file():
                return described_folder(path, wish)
            return plain_folder(path, wish)
        exists = path.exists()
    except PermissionError:
        raise ReadError(f"{path}: can't be opened (permission denied).") from None
    suffix = path.suffix.lower()
    if not exists:
        pair = _half_named(path)
        if pair:
            return ucr_files(pair, wish)
        raise ReadError(f"{path}: there is no such file or folder.")
    if suffix == ".ts":
        return ucr_files({"": path}, wish)
    if suffix in (".csv", ".tsv", ".txt", ".parquet", ".pq"):
        return table_file(path, wish)
    if suffix in (".npy", ".npz"):
        return numpy_file(path, wish)
    if files.kind_of(path):
        return from_files(path.parent, pd.DataFrame({"path": [path.name]}), wish)
    raise ReadError(
        f"{path}: suffix {path.suffix!r} is none that can be read. Pass a folder, a table (.csv .tsv .parquet), "
        ".ts, .npy, .npz, or a sound or image."
    )


def _half_named(path: Path) -> dict[str, Path] | None:
    """The two parts of an archive that `path` names without _TRAIN and _TEST."""
    return ucr_pair(path.parent, path.name) if path.name and path.parent.is_dir() else None


def _count(n: int, kind: str) -> str:
    return f"{n} {kind if n == 1 else PLURAL[kind]}"
