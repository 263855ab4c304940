"""NumPy files that hold a batch of signals, and what is known of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from filterbank import files
from filterbank.errors import InputError, ReadError
from filterbank.io.found import KIND_OF_AXES, Found, Kind, Wish, common_rate, mixed_down, trim
from filterbank.signals import Signals, Skipped, as_signal

__all__ = ["numpy_file"]


def numpy_file(path: Path, wish: Wish) -> Found:
    """Find a batch of signals in .npy, or in .npz with what is known of them."""
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
    found = Found([], pd.DataFrame(index=range(total)))
    for _, batch in batches:
        if batch.dtype.kind not in "biuf":
            raise ReadError(f"{path}: holds {batch.dtype}, which are no real numbers.")
        try:
            signals = Signals.wrap(batch, n_axes=n_axes)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        found.n_axes = n_axes = signals.n_axes
        found.items += signals.stored
    found.kind = cast(Kind, KIND_OF_AXES[found.n_axes])
    if len(batches) > 1:
        found.table["split"] = [split for split, batch in batches for _ in range(len(batch))]
    for name, values in known.items():
        found.table[name] = values
    if true is not None:
        found.items = [_true_size(path, item, size, found.n_axes) for item, size in zip(found.items, true.tolist())]
    rate = arrays.get("rate", arrays.get("sampling_rate", arrays.get("fs")))
    own = float(rate) if rate is not None and rate.size == 1 and rate.dtype.kind in "iuf" else None
    return mixed_down(_settled(found, own, wish), wish)


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


def _settled(found: Found, own: float | None, wish: Wish) -> Found:
    """Leave out signals with missing samples, and settle the rate."""
    kept: list[int] = []
    for i, item in enumerate(found.items):
        signal, reason = item, ""
        if item.dtype.kind == "f":
            if found.n_axes == 1:
                signal, reason = trim(item.reshape(-1, item.shape[-1]))
            elif not np.isfinite(item).all():
                signal, reason = None, f"{int((~np.isfinite(item)).sum())} values are missing or infinite"
        if signal is None:
            found.skipped.append(Skipped(f"signal {i}", reason))
        else:
            found.items[len(kept)] = signal
            kept.append(i)
    del found.items[len(kept) :]
    found.table = found.table.iloc[kept]
    found.rate, _ = common_rate([own] * len(kept), wish.rate, found.notes)
    if own is not None and found.rate is not None and own != found.rate:
        found.items = [files.resample(as_signal(item, 1), own, found.rate) for item in found.items]
    return found
