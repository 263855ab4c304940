"""What is asked of a source, what is found in it, and how signals are brought to one rate and to whole samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from filterbank.signals import Skipped, as_signal

__all__ = ["KIND_OF_AXES", "PLURAL", "Found", "Kind", "Wish", "common_rate", "mixed_down", "most_common", "trim"]

Kind = Literal["series", "sound", "image", "volume"]

KIND_OF_AXES = {1: "series", 2: "image", 3: "volume"}

PLURAL = {"series": "series", "sound": "sounds", "image": "images", "volume": "volumes"}


@dataclass(frozen=True)
class Wish:
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
    channel: int | None = None


@dataclass
class Found:
    """What a source holds, before it's known which column is the target."""

    items: list[Any]
    table: pd.DataFrame
    kind: Kind = "series"
    n_axes: int = 1
    rate: float | None = None
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def common_rate(rates: Sequence[float | None], wished: float | None, notes: list[str]) -> tuple[float | None, bool]:
    """Return the rate of all signals, and whether any must be resampled (or told its rate) for that."""
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
    common = most_common(rates)
    changed = sum(rate != common for rate in rates)
    others = ", ".join(f"{rate:g}" for rate in known if rate != common)
    notes.append(f"{changed} of {len(rates)} were resampled from {others} Hz to {common:g} Hz, the most common rate.")
    return common, True


def most_common(values: Sequence[Any]) -> Any:
    """Return the value that occurs most; of several, the smallest."""
    counts = Counter(values)
    return min(counts, key=lambda value: (-counts[value], value))


def trim(signal: np.ndarray) -> tuple[np.ndarray | None, str]:
    """Return a series without the missing samples at its end, or None and the reason."""
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


def mixed_down(found: Found, wish: Wish) -> Found:
    """Return what was found, with ``mono`` each signal as the mean of its channels."""
    if wish.mono:
        found.items = [as_signal(item, found.n_axes).mean(axis=0, keepdims=True) for item in found.items]
    return found
