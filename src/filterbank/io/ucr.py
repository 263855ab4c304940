"""Files of the UCR and UEA archives: .ts, and .tsv in two parts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from filterbank.errors import ReadError
from filterbank.io.columns import plain
from filterbank.io.found import Found, Wish, mixed_down, trim
from filterbank.io.tables import table_file
from filterbank.signals import Skipped

__all__ = ["ucr_files", "ucr_pair"]


def ucr_pair(folder: Path, name: str | None) -> dict[str, Path] | None:
    """Return NAME_TRAIN and NAME_TEST in a folder, if there's one such name (or the one asked for)."""
    for suffix in (".ts", ".tsv"):
        stems = {path.name.removesuffix(f"_TRAIN{suffix}") for path in folder.glob(f"[!.]*_TRAIN{suffix}")}
        stems = {stem for stem in stems if (folder / f"{stem}_TEST{suffix}").is_file() and name in (None, stem)}
        if len(stems) == 1:
            stem = stems.pop()
            return {part.lower(): folder / f"{stem}_{part}{suffix}" for part in ("TRAIN", "TEST")}
    return None


def ucr_files(paths: Mapping[str, Path], wish: Wish) -> Found:
    """Find the signals of one file, or of a training and a test file."""
    parts = []
    for split, path in paths.items():
        part = _ts(path, wish) if path.suffix.lower() == ".ts" else table_file(path, wish)
        if split:
            part.table = part.table.assign(split=split)
            part.skipped = [Skipped(f"{path.name}, {skipped.source}", skipped.reason) for skipped in part.skipped]
        parts.append(part)
    found = Found([item for part in parts for item in part.items], pd.concat([part.table for part in parts]))
    found.skipped = [skipped for part in parts for skipped in part.skipped]
    found.rate = wish.rate
    channels = {len(item) for item in found.items}
    if len(channels) > 1:
        raise ReadError(f"{next(iter(paths.values()))}: its two parts have unequal numbers of channels, {channels}.")
    if "label" in found.table.columns:
        found.table = found.table.assign(label=plain(found.table["label"]))
    return found


def _ts(path: Path, wish: Wish) -> Found:
    """A .ts file: lines of @, then a line a signal, channels apart by colons and the label last."""
    if not path.stat().st_size:
        raise ReadError(f"{path}: is empty (0 bytes). Get the file again, or remove it.")
    has_label, dimensions, rows = False, None, None
    items: list[np.ndarray] = []
    labels: list[str] = []
    found = Found(items, pd.DataFrame())
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
    found.table = pd.DataFrame({"label": plain(labels)} if has_label else None, index=range(len(items)))
    found.rate = wish.rate
    return mixed_down(found, wish)


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
    return trim(np.stack(channels)) if channels else (None, "holds no samples")
