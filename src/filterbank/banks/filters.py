"""A bank of the user's own kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from filterbank.banks.base import LinearBank
from filterbank.errors import InputError, invalid
from filterbank.signals import SignalInfo

__all__ = ["FilterBank"]


class FilterBank(LinearBank):
    """A bank of given kernels, in any dimension.

    Parameters
    ----------
    kernels : sequence of array
        Real or complex, all with the same number of axes, of any sizes.
    names : sequence of str, optional
        One a kernel; `filter0`, `filter1` and so on if not given.
    pad : {"reflect", "symmetric", "edge", "wrap", "zero"}, optional
        How signals go on beyond their ends. None: each filter answers only where it fits ("valid").
    readout : {"real", "imaginary", "modulus", "complex"}
        What of a complex kernel's response is kept.
    metadata : sequence of mapping, optional
        What is known of each kernel; `frequency` in cycles per sample becomes hertz where the rate is known.

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank import FilterBank, Moments, Representation
    >>> bank = FilterBank([np.ones(3) / 3, np.array([1.0, -1.0])], names=["smooth", "step"])
    >>> X = np.array([[1.0, 2, 4, 4], [0, 0, 0, 3]])
    >>> Representation(bank, Moments(["mean", "max"])).fit_transform(X).round(3)
    array([[2.833, 3.333, 1.   , 2.   ],
           [0.5  , 1.   , 1.   , 3.   ]])
    """

    def __init__(
        self,
        kernels: Sequence[np.ndarray],
        *,
        names: Sequence[str] | None = None,
        pad: str | None = None,
        readout: str = "real",
        metadata: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        self.kernels = kernels
        self.names = names
        self.pad = pad
        self.readout = readout
        self.metadata = metadata

    @property
    def n_axes(self) -> int:  # type: ignore[override]
        """The number of axes of the first kernel."""
        return np.ndim(self.kernels[0]) if len(self.kernels) else 1

    def _design(self, info: SignalInfo) -> tuple[list[np.ndarray], list[dict[str, Any]]]:
        if not len(self.kernels):
            raise invalid("kernels", self.kernels, "a sequence of at least one array")
        arrays = [np.asarray(kernel) for kernel in self.kernels]
        for i, array in enumerate(arrays):
            if array.dtype.kind not in "biufc" or array.ndim != arrays[0].ndim or not array.ndim or not array.size:
                raise InputError(
                    f"kernels[{i}] has shape {array.shape} and dtype {array.dtype}; every kernel must be a non-empty "
                    f"array of numbers with as many axes as the first, which has {arrays[0].ndim}."
                )
            if not np.isfinite(array).all():
                raise InputError(f"kernels[{i}] contains NaN or infinity, which would spread to every response.")
        names = [f"filter{i}" for i in range(len(arrays))] if self.names is None else [str(n) for n in self.names]
        if len(names) != len(arrays) or len(set(names)) != len(names):
            raise invalid("names", self.names, f"{len(arrays)} different names, one a kernel")
        rows = [{} for _ in arrays] if self.metadata is None else [dict(row) for row in self.metadata]
        if len(rows) != len(arrays):
            raise invalid("metadata", self.metadata, f"{len(arrays)} mappings, one a kernel")
        arrays = [a.astype(np.complex128 if a.dtype.kind == "c" else np.float64) for a in arrays]
        return arrays, [{"kernel": name, **row} for name, row in zip(names, rows)]
