"""What is asked of the separable kernels, checked, and what they return."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from filterbank.errors import InputError, invalid
from filterbank.geometry import PADDINGS
from filterbank.kernels.simd import LANES

__all__ = ["WANTED", "Pooled", "check", "indices", "kernel_sum", "positions", "states"]

WANTED = ("mean", "square", "min", "max", "position")
NAMES = {2: ("image", "(height, width)"), 3: ("volume", "(depth, height, width)")}


class Pooled(NamedTuple):
    """What comes of one image or volume: an entry a response.

    Parameters
    ----------
    sums : array, (response, 2)
        Of differences from `about`, and of their squares.
    least, most : array, (response,)
        As differences from `centre`.
    place : int array, (response, axis)
        Where the first maximum lies.
    above : int array, (response, threshold)
    centre, about : array, (response,)
        About which the responses were pooled; `about` counts from `centre`.
    """

    sums: np.ndarray
    least: np.ndarray
    most: np.ndarray
    place: np.ndarray
    above: np.ndarray
    centre: np.ndarray
    about: np.ndarray


def states(
    pooled: list[Pooled], counts: np.ndarray, want: Sequence[str], has_thresholds: bool
) -> dict[str, np.ndarray]:
    """Put what was pooled in the form of a pool's states."""
    sums, least, most, place, above, centre, about = (np.stack(column) for column in zip(*pooled))
    out = {"count": counts.astype(np.float64)}
    if {"mean", "square"} & set(want):
        out["mean"] = centre + about + sums[..., 0] / counts
        out["square"] = np.maximum(sums[..., 1] - sums[..., 0] ** 2 / counts, 0.0)
    if "min" in want:
        out["min"] = centre + least
    if {"max", "position"} & set(want):
        out["max"] = centre + most
    if "position" in want:
        out["position"] = place
    if has_thresholds:
        out["above"] = above
    return out


def kernel_sum(kernel: np.ndarray) -> float:
    """Return the sum of a kernel, exactly 0 where rounding is all that is left of it."""
    total, size = float(kernel.sum(dtype=np.float64)), float(np.abs(kernel).sum(dtype=np.float64))
    return total if abs(total) > 1e-14 * size else 0.0


def positions(
    signals: Sequence[np.ndarray],
    kernels: Sequence[np.ndarray],
    lo: Sequence[Sequence[int]],
    hi: Sequence[Sequence[int]],
    halo: Sequence[tuple[int, int]],
) -> np.ndarray:
    """Return how many positions each signal has for each kernel along each axis, (signal, kernel, axis)."""
    sizes = np.array([signal.shape for signal in signals]) + np.sum(halo, axis=1)
    taken = np.array([kernel.shape for kernel in kernels]) - 1 + np.array(lo) + np.array(hi)
    return sizes[:, np.newaxis] - taken


@functools.lru_cache(maxsize=64)
def indices(n: int, sides: tuple[int, int], pad: str | None) -> np.ndarray:
    """Return where each sample of a padded axis is found in the axis; -1 for a zero."""
    if pad == "zero":
        return np.pad(np.arange(n), sides, constant_values=-1)
    return np.pad(np.arange(n), sides, mode=pad) if pad else np.arange(n)  # type: ignore[call-overload]


def check(
    signals: Sequence[np.ndarray],
    kernels: Sequence[np.ndarray],
    lo: Sequence[Sequence[int]],
    hi: Sequence[Sequence[int]],
    halo: Sequence[tuple[int, int]],
    pad: str | None,
    modulus: bool,
    want: Sequence[str],
    thresholds: np.ndarray | None,
    n_threads: int,
    *,
    n_axes: int,
) -> None:
    """Raise InputError for what the loops can't do."""
    name, axes = NAMES[n_axes]
    if not signals or not kernels:
        raise InputError(f"there are {len(signals)} {name}s and {len(kernels)} kernels. Pass at least one of each.")
    for i, signal in enumerate(signals):
        if signal.ndim != n_axes or not signal.size or signal.dtype not in LANES or signal.dtype != signals[0].dtype:
            raise InputError(
                f"{name} {i} is {signal.dtype} with shape {signal.shape}, and {name}s are all float32 or all float64, "
                f"{axes}, of at least one sample."
            )
    for k, kernel in enumerate(kernels):
        if kernel.ndim != n_axes or not kernel.size or np.iscomplexobj(kernel):
            raise InputError(f"kernel {k} is {kernel.dtype} with shape {kernel.shape}, and kernels are real, {axes}.")
    if np.shape(lo) != (len(kernels), n_axes) or np.shape(hi) != (len(kernels), n_axes) or np.min([*lo, *hi]) < 0:
        groups = {2: "pairs", 3: "triples"}[n_axes]
        raise InputError(
            f"lo={lo!r} and hi={hi!r} are not {len(kernels)} {groups} of numbers of at least 0, one a kernel."
        )
    if modulus:
        if len(kernels) % 2:
            raise InputError(f"there are {len(kernels)} kernels, and modulus=True needs pairs.")
        for k in range(0, len(kernels), 2):
            if kernels[k].shape != kernels[k + 1].shape or (*lo[k], *hi[k]) != (*lo[k + 1], *hi[k + 1]):
                raise InputError(
                    f"kernels {k} and {k + 1} have shapes {kernels[k].shape} and {kernels[k + 1].shape}, and with "
                    "modulus=True a pair has one shape, lo and hi."
                )
    unknown = [name for name in want if name not in WANTED]
    if unknown:
        raise invalid("want", unknown[0], f"one of {', '.join(WANTED)}")
    n_responses = len(kernels) // (1 + modulus)
    if thresholds is not None and (np.ndim(thresholds) != 2 or len(thresholds) != n_responses):
        raise invalid(
            "thresholds", np.shape(thresholds), f"of shape ({n_responses}, thresholds)", why="a row a response"
        )
    if n_threads < 1:
        raise invalid("n_threads", n_threads, "at least 1")
    if pad is not None and pad not in PADDINGS:
        raise invalid("pad", pad, f"None or one of {', '.join(PADDINGS)}")
    if np.shape(halo) != (n_axes, 2) or np.min(halo) < 0:
        raise invalid("halo", halo, f"({', '.join(['(before, after)'] * n_axes)}), each at least 0")
    counts = positions(signals, kernels, lo, hi, halo)
    if (counts < 1).any():
        i, k = np.argwhere((counts < 1).any(axis=2))[0]
        raise InputError(
            f"{name} {i} has shape {signals[i].shape}, and kernel {k} with shape {kernels[k].shape}, lo={tuple(lo[k])} "
            f"and hi={tuple(hi[k])} has no position in it. Leave it out, or pad it."
        )
