"""NumPy files that hold one signal."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from filterbank.files.checks import bad

__all__ = ["read_array"]


def read_array(path: Path, n_axes: int | None) -> tuple[np.ndarray, int]:
    """Return a NumPy file `(channel, *axes)`, mapped rather than read, and its number of axes."""
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except ValueError as error:
        if "Python objects" in str(error):
            raise bad(path, "holds Python objects, which are not read", "Save each array by itself.") from None
        raise
    if array.dtype.kind not in "biuf":
        raise bad(path, f"holds {array.dtype}, which are no real numbers")
    axes = n_axes or array.ndim
    if axes not in (1, 2, 3) or array.ndim not in (axes, axes + 1):
        given = f"n_axes={n_axes}" if n_axes else "no n_axes given"
        raise bad(path, f"shape {array.shape} with {given} is no signal", "Pass n_axes: (*axes) or (channel, *axes).")
    if not array.size:
        raise bad(path, f"holds no samples: its shape is {array.shape}")
    return (array[np.newaxis] if array.ndim == axes else array), axes
