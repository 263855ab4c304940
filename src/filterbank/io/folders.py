"""Folders, and lists of files, that hold one signal a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from filterbank import files
from filterbank.errors import ReadError
from filterbank.io.columns import PATH_NAMES
from filterbank.io.found import KIND_OF_AXES, PLURAL, Found, Kind, Wish, common_rate, most_common
from filterbank.signals import FileSignal, Skipped

__all__ = ["described_folder", "from_files", "plain_folder"]

_SPLIT_NAMES = ("train", "training", "test", "testing", "val", "valid", "validation")


def plain_folder(root: Path, wish: Wish) -> Found:
    """Find a sub-folder a class, or files without labels."""
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
    found = from_files(root, table, wish)
    found.skipped = skipped + found.skipped
    return found


def described_folder(root: Path, wish: Wish) -> Found:
    """Find the files that metadata.csv names."""
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
    found = from_files(root, table, wish)
    found.skipped = skipped + found.skipped
    listed = {os.path.normpath(value) for value in table["path"]}
    rest = sum(1 for path in _walk(root) if files.kind_of(path) and str(path) not in listed) - (
        "metadata.csv" not in listed
    )
    if rest > 0:
        found.notes.append(f"{rest} more files in the folder are not in metadata.csv.")
    return found


def from_files(root: Path, table: pd.DataFrame, wish: Wish) -> Found:
    """Find one signal a file: look at each, keep the most common kind, and agree on a rate and channels."""
    headers: dict[int, tuple[Kind, files.Header]] = {}
    reasons: dict[int, str] = {}
    for i, name in enumerate(table["path"]):
        path = root / name
        kind = files.kind_of(path)
        try:
            if kind is None and path.is_file():
                reasons[i] = _unknown(path)
            else:
                options: dict[str, Any] = {"n_axes": wish.n_axes} if kind == "array" else {}
                options |= {"channel": wish.channel} if kind == "sound" else {}
                header = files.probe(path, mono=wish.mono, colour=wish.colour, columns=wish.columns, **options)
                headers[i] = (cast(Kind, KIND_OF_AXES[header.n_axes] if kind == "array" else kind), header)
        except ReadError as error:
            reasons[i] = str(error).removeprefix(f"{path}: ").rstrip(".")
        if wish.progress is not None:
            wish.progress(i + 1, len(table))
    found = Found([], table)
    if headers:
        kind = most_common([kind for kind, _ in headers.values()])
        for i, (other, _) in headers.items():
            if other != kind:
                reasons[i] = f"is {_a(other)}, and most files are {PLURAL[kind]}"
        kept = [i for i in headers if i not in reasons]
        n_channels = most_common([headers[i][1].n_channels for i in kept])
        mixed = any(headers[i][1].n_channels != n_channels for i in kept)
        mono = wish.mono or (mixed and kind == "sound")
        if mixed and kind == "sound":
            found.notes.append("The files have unequal numbers of channels, so each was mixed to one (their mean).")
        elif mixed:
            for i in kept:
                if headers[i][1].n_channels != n_channels:
                    reasons[i] = f"has {headers[i][1].n_channels} channels, and most files have {n_channels}"
            kept = [i for i in kept if i not in reasons]
        rate, change = common_rate([headers[i][1].rate for i in kept], wish.rate, found.notes)
        options = {"rate": rate} if change else {}
        options |= {"mono": True} if mono else {}
        options |= {"channel": wish.channel} if kind == "sound" and wish.channel is not None else {}
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


def _path_column(root: Path, table: pd.DataFrame) -> str | None:
    named = [column for name in PATH_NAMES for column in table.columns if column.strip().lower() == name]
    other = [c for c in table.columns if c not in named and not pd.api.types.is_numeric_dtype(table[c])]
    for column in [*named, *other]:
        values = table[column].dropna().astype(str).str.strip()
        if any(value and (root / value).is_file() for value in values):
            return column
    return None


def _unknown(path: Path) -> str:
    if path.suffix.lower() in (".npz", ".ts", ".parquet", ".pq"):
        return f"suffix {path.suffix!r} stands for many signals: load it by itself"
    return f"suffix {path.suffix!r} is none that can be read"


def _a(kind: str) -> str:
    return ("an " if kind[0] in "aeiou" else "a ") + kind
