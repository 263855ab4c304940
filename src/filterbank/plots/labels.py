"""Short labels, in physical units, for kernels, responses and features."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from filterbank.plots.drawing import number, short

__all__ = [
    "feature_labels",
    "heading",
    "kernel_labels",
    "known",
    "response_labels",
    "value_of",
]

_WORDS = {
    "frequency": "frequency",
    "orientation": "orientation",
    "elevation": "elevation",
    "sigma": "sigma",
    "order": "order",
}


def feature_labels(table: pd.DataFrame) -> list[str]:
    """Return a short label in physical units for each row of a `feature_table_`, or the feature's name.

    Parameters
    ----------
    table : DataFrame
        With `feature` and, as far as they apply, `channel`, `frequency`, `unit`, `sigma`, `order`, `orientation`,
        `elevation` (radians) and `statistic`.

    Examples
    --------
    >>> feature_labels(pd.DataFrame({"feature": ["a.mean"], "frequency": [12.5], "unit": ["Hz"], "statistic": "mean"}))
    ['12.5 Hz, mean']
    """
    rows: list[dict[Any, Any]] = table.to_dict("records")
    labels, _ = kernel_labels(rows, unit=True)
    names = [str(row.get("feature", label)) for row, label in zip(rows, labels)]
    many = len({row.get("channel") for row in rows if known(row, "channel")}) > 1
    out = []
    for row, label in zip(rows, labels):
        parts = [f"channel {row['channel']:.0f}"] if many and known(row, "channel") else []
        parts += [label] if label else []
        parts += [str(row["statistic"]).replace("_", " ")] if known(row, "statistic") else []
        out.append(", ".join(parts))
    return [
        label if label and out.count(label) == 1 and _described(row) else name
        for row, label, name in zip(rows, out, names)
    ]


def kernel_labels(rows: Sequence[Mapping[str, Any]], *, unit: bool = False) -> tuple[list[str], str]:
    """A short label for each kernel, with units if wanted, and the heading that says what the labels are."""
    keys = [key for key in _WORDS if any(known(row, key) for row in rows)]
    if "frequency" in keys and "sigma" in keys and _parts_differ(rows, [k for k in keys if k != "sigma"]):
        keys.remove("sigma")  # follows from the frequency
    if not keys:
        return [_name(row, unit) for row in rows], "filter"
    labels = []
    for row in rows:
        parts = []
        for key in keys:
            if not known(row, key):
                continue
            text = value_of(row, key)
            if key == "frequency" and unit:
                text += f" {row.get('unit') or 'cycles/sample'}"
            if key == "sigma" and (unit or len(keys) > 1):
                text = f"σ {text}"
            if key == "order" and (unit or len(keys) > 1):
                text = f"order {text}"
            parts.append(text)
        labels.append(", ".join(parts) or _name(row, unit))
    return labels, ",\n".join(heading(key, rows[0]) for key in keys)


def response_labels(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], str]:
    """A short label for each response, and the heading that says what the labels are."""
    labels, title = kernel_labels(rows)
    if len({row.get("channel") for row in rows}) > 1:
        labels = [f"ch. {row['channel']}, {label}" for label, row in zip(labels, rows)]
        title = f"channel,\n{title}"
    return [short(label, 30) for label in labels], title


def known(row: Mapping[str, Any], key: str) -> bool:
    """Whether a row has a value there."""
    value = row.get(key)
    return value is not None and not (isinstance(value, float) and math.isnan(value)) and value is not pd.NA


def _described(row: Mapping[str, Any]) -> bool:
    return any(known(row, key) for key in _WORDS)


def value_of(row: Mapping[str, Any], key: str) -> str:
    """Return a row's value as text."""
    value = row[key]
    if key in ("orientation", "elevation"):
        return f"{math.degrees(float(value)):.0f}°"
    return number(float(value)) if key in ("frequency", "sigma") else str(value)


def heading(key: str, row: Mapping[str, Any]) -> str:
    """Return what the values of a key are called, with the unit."""
    if key == "frequency":
        return f"frequency ({row.get('unit') or 'cycles/sample'})"
    return "sigma (samples)" if key == "sigma" else _WORDS[key]


def _name(row: Mapping[str, Any], unit: bool) -> str:
    """The name of a kernel or response; nothing for a feature, whose own name says it."""
    return "" if unit and "feature" in row else str(row.get("kernel", row.get("response", "")))


def _parts_differ(rows: Sequence[Mapping[str, Any]], keys: list[str]) -> bool:
    """Whether kernels that differ in name differ in these keys already."""
    seen: dict[tuple[Any, ...], set[Any]] = {}
    for row in rows:
        parts = tuple(row.get(key) if known(row, key) else None for key in keys)
        seen.setdefault(parts, set()).add(row.get("kernel"))
    return all(len(names) == 1 for names in seen.values())
