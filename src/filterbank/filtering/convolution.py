"""Convolution of signals with one kernel, or with a kernel for each axis, by the way that is quickest for the sizes."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.fft

from filterbank.errors import InputError, invalid
from filterbank.filtering.arguments import for_each, n_axes_of, n_threads_of, pad_named
from filterbank.kernels.filter_fft import Segment, overlap_save, segment_of
from filterbank.kernels.filter_passes import Extension, dense_passes, extension, separable_passes
from filterbank.kernels.sharing import share
from filterbank.kernels.simd import available
from filterbank.signals import check_finite

__all__ = ["convolve", "convolve_axes"]

METHODS = ("auto", "direct", "separable", "fft")
MODES = ("same", "valid", "full")

# Nanoseconds a sample of float32 on one core (float64 takes twice as long): fitted to times of the three ways.
TAP, PASS, TRANSFORM, LIBRARY = 0.016, 0.55, 0.6, 9.0
GATHER = 12.0  # to turn an axis to be the last, gather the ends of many lines, and turn it back
WHOLE = 1 << 21  # samples up to which a signal is transformed as a whole
BLOCKS = {1: 1 << 13, 2: 512, 3: 96}  # sides of blocks that are transformed where it is larger
LINES = 1 << 17  # samples of lines that are transformed together


def convolve(
    signal: Any,
    kernel: np.ndarray,
    *,
    mode: str = "same",
    pad: str = "zero",
    cval: float = 0.0,
    method: str = "auto",
    n_axes: int | None = None,
    n_jobs: int | None = None,
) -> Any:
    """Convolve signals with a kernel of as many axes.

    Parameters
    ----------
    signal : Signals or array, (*axes) or (channel, *axes)
        Each channel is convolved with the same kernel.
    kernel : array, one dimension an axis
        Real, of 1, 2 or 3 axes.
    mode : {"same", "valid", "full"}
        "same": a response for each sample. "valid": only where the kernel lies inside the signal. "full": wherever it
        touches it.
    pad : {"zero", "symmetric", "reflect", "edge", "wrap", "constant"}
        How the signal goes on beyond its ends; see Notes. Not used by "valid".
    cval : float
        What stands beyond the ends with ``pad="constant"``.
    method : {"auto", "direct", "separable", "fft"}
        "direct": the sum written out. "separable": a pass along each axis for each product that the kernel is a sum of,
        by its singular values. "fft": by Fourier transform, of blocks that overlap where the signal is large. "auto":
        whichever is quickest for these sizes; it never looks at the samples.
    n_axes : {1, 2, 3}, optional
        The kernel's number of axes, which is also what is taken if it isn't given.
    n_jobs : int, optional
        Threads, in joblib's sense. The result doesn't depend on it, bit for bit.

    Returns
    -------
    Signals or array
        As what was passed: float32 of float32, else float64 (so whole numbers become float64). Of `Signals`, each is
        convolved when it's asked for.

    Raises
    ------
    InputError
        For NaN, a kernel that doesn't fit, or an unknown name.

    Notes
    -----
    A signal ``a b c d`` goes on as follows; scipy.ndimage's names are understood too, but for its "reflect", which is
    "symmetric" here.

    ============= ================= ==================== ===================
    `pad`         before            after                scipy.ndimage
    ============= ================= ==================== ===================
    "symmetric"   c b a             d c b                "reflect"
    "reflect"     d c b             c b a                "mirror"
    "edge"        a a a             d d d                "nearest"
    "wrap"        b c d             a b c                "wrap"
    "zero"        0 0 0             0 0 0                "constant"
    "constant"    cval cval cval    cval cval cval       "constant"
    ============= ================= ==================== ===================

    A kernel of even length is centred as by `scipy.ndimage.convolve`: the response at `p` sees the samples from
    ``p - (n - 1) // 2`` to ``p + n // 2``; `numpy.convolve(..., "same")` gives each of these one place later.

    Numbers agree with exact sums to about 1e-15 (float64) or 1e-6 (float32) of the sum of the kernel's absolute values
    times the largest sample. Directly, each response is one sum in a fixed order. Costs a multiplication a sample and
    tap directly, the sum of the kernel's sides for each of its products separably, and by Fourier transform about as
    much as 100 taps of a series or 800 of an image, whatever the kernel.

    Examples
    --------
    >>> import numpy as np
    >>> convolve(np.array([0, 1, 0, 0, 2.0]), np.array([1.0, 2, 3]))
    array([1., 2., 3., 2., 4.])
    >>> convolve(np.array([0, 1, 0, 0, 2.0]), np.array([1.0, 2, 3]), pad="edge")
    array([1., 2., 3., 2., 6.])
    >>> convolve(np.ones((4, 5)), np.ones((3, 3)), mode="valid").shape
    (2, 3)
    """
    taps = np.asarray(kernel)
    if taps.dtype.kind not in "biuf" or taps.ndim not in (1, 2, 3) or not taps.size:
        do = "Pass its real and its imaginary part one after the other." if taps.dtype.kind == "c" else ""
        raise InputError(
            f"kernel has shape {taps.shape} and dtype {taps.dtype}; it must be a non-empty array of real numbers with "
            f"1, 2 or 3 axes. {do}".rstrip()
        )
    if not np.isfinite(taps).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(taps))[0])
        raise InputError(f"kernel contains NaN or infinity at {where}, which would spread to every response.")
    if n_axes_of(signal, taps.ndim if n_axes is None and not hasattr(signal, "n_axes") else n_axes) != taps.ndim:
        raise InputError(
            f"kernel has {taps.ndim} axes and the signal {n_axes_of(signal, n_axes)}. "
            "Give the kernel an axis of length 1 for each one along which it does nothing."
        )
    if mode not in MODES:
        raise invalid("mode", mode, f"one of {', '.join(MODES)}")
    if method not in METHODS:
        raise invalid("method", method, f"one of {', '.join(METHODS)}")
    pad, cval = pad_named(pad, cval)
    n_threads = n_threads_of(n_jobs)
    taps = taps.astype(np.float64)

    def run(array: np.ndarray, index: int) -> np.ndarray:
        sides = [_room(n, mode) for n in taps.shape]
        if mode == "valid" and any(n < k for n, k in zip(array.shape[1:], taps.shape)):
            raise InputError(
                f"signal {index} has {_size(array.shape[1:])} samples and the kernel {_size(taps.shape)}: it lies "
                "nowhere inside. Pass mode='same' or a shorter kernel."
            )
        return _convolved(array, taps, sides, pad, cval, method, n_threads, index)

    return for_each(signal, taps.ndim, run, checked=False)


def _room(n: int, mode: str) -> tuple[int, int]:
    """The samples wanted beyond each end for a kernel of `n`."""
    return {"same": ((n - 1) // 2, n // 2), "full": (n - 1, n - 1), "valid": (0, 0)}[mode]


def _size(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _convolved(
    array: np.ndarray,
    kernel: np.ndarray,
    sides: Sequence[tuple[int, int]],
    pad: str,
    cval: float,
    method: str,
    n_threads: int,
    index: int,
) -> np.ndarray:
    """Convolve `(channel, *axes)` with a kernel by the method asked for."""
    sizes = [n + b + a - k + 1 for n, (b, a), k in zip(array.shape[1:], sides, kernel.shape)]
    terms: list[tuple[np.ndarray, ...]] = []
    if kernel.ndim > 1 and method in ("auto", "separable"):
        terms = _products(kernel.tobytes(), kernel.shape, float(np.finfo(array.dtype).eps) / 4)
    if method == "auto":
        method = _quickest(sizes, kernel, terms)
    if method == "separable" and kernel.ndim > 1:
        if not terms:
            return np.zeros((len(array), *sizes), dtype=array.dtype)
        found = None
        for term in terms:
            one = convolve_axes(array, term, sides, pad, cval, n_threads, index, method="direct")
            found = one if found is None else np.add(found, one, out=found)
        return found  # type: ignore[return-value]
    if method == "fft":
        return _by_blocks(array, kernel, sides, pad, cval, n_threads, index)
    flipped = np.flip(kernel).reshape((1,) * (3 - kernel.ndim) + kernel.shape)
    stack = array.reshape((len(array),) + (1,) * (4 - array.ndim) + array.shape[1:])
    ends = [extension(1, 0, 0, "zero")] * (3 - kernel.ndim) + _ends(array.shape[1:], sides, pad)
    found, finite = dense_passes(stack, flipped, ends=tuple(ends), constant=cval, n_threads=n_threads)  # type: ignore[arg-type]
    if not finite:
        check_finite(array, index)
    return found.reshape(len(array), *sizes)


def _ends(axes: Sequence[int], sides: Sequence[tuple[int, int]], pad: str) -> list[Extension]:
    return [extension(n, before, after, pad) for n, (before, after) in zip(axes, sides)]


def _quickest(sizes: Sequence[int], kernel: np.ndarray, terms: Sequence[Any]) -> str:
    """The method that takes least time by the model."""
    costs = {"direct": PASS + TAP * kernel.size}
    if kernel.ndim > 1:
        costs["separable"] = sum(PASS * len(kernel.shape) + TAP * sum(kernel.shape) for _ in terms)
        blocks = _block_shape(sizes, kernel.shape)
        useful = math.prod(min(n, b - k + 1) for n, b, k in zip(sizes, blocks, kernel.shape))
        costs["fft"] = TRANSFORM * math.log2(math.prod(blocks) + 1) * math.prod(blocks) / useful
    else:
        costs["fft"] = _fft_cost(kernel.size, sizes[0])
    return min(costs, key=costs.__getitem__)


def _fft_cost(taps: int, responses: int, n_lines: int = 1) -> float:
    """Nanoseconds a response of one axis by Fourier transform, by the model."""
    library = _library_cost(taps, responses)
    if not available():
        return library
    return min(library, segment_of(taps, responses, n_lines).cost / (responses * n_lines))


def _is_slow(taps: int, responses: int, n_lines: int) -> bool:
    """Whether a pass along an axis takes longer than the Fourier transforms of its lines."""
    direct = PASS + TAP * taps
    if direct < PASS + 1:  # not worth asking
        return False
    return direct > _fft_cost(taps, responses, n_lines) + (GATHER if n_lines > 1 else 0)


def _library_cost(taps: int, responses: int) -> float:
    return LIBRARY * (responses + taps) / responses


@functools.lru_cache(maxsize=32)
def _products(samples: bytes, shape: tuple[int, ...], tolerance: float) -> list[tuple[np.ndarray, ...]]:
    """The kernel as a sum of outer products of one vector an axis, as few as singular values allow."""
    kernel = np.frombuffer(samples).reshape(shape)
    if kernel.ndim == 1:
        return [(kernel,)]
    left, values, right = np.linalg.svd(kernel.reshape(len(kernel), -1), full_matrices=False)
    rest = np.sqrt(np.cumsum(values[::-1] ** 2))[::-1]
    terms = []
    for r in range(int((rest > tolerance * rest[0]).sum())):
        others = np.ascontiguousarray(right[r] * values[r])
        for term in _products(others.tobytes(), shape[1:], tolerance):
            terms.append((left[:, r], *term))
    return terms


def convolve_axes(
    array: np.ndarray,
    kernels: Sequence[np.ndarray],
    sides: Sequence[tuple[int, int]],
    pad: str,
    cval: float,
    n_threads: int,
    index: int,
    *,
    method: str = "auto",
) -> np.ndarray:
    """Convolve `(channel, *axes)` along each axis with the axis's own kernel.

    Parameters
    ----------
    array : array, (channel, *axes), float32 or float64
    kernels : sequence of array, (taps,)
        One an axis.
    sides : sequence of (before, after)
        The samples wanted beyond each end of each axis.
    pad, cval
        What `arguments.pad_named` returns.
    n_threads : int
    index : int
        The signal's number, for messages.
    method : {"auto", "direct"}
        "auto": long kernels by Fourier transform.

    Returns
    -------
    array, (channel, *axes)
    """
    axes = array.shape[1:]
    sizes = [n + b + a - len(k) + 1 for n, (b, a), k in zip(axes, sides, kernels)]
    slow = [
        method == "auto" and _is_slow(len(k), n, array.size // array.shape[i])
        for i, (n, k) in enumerate(zip(sizes, kernels), 1)
    ]
    if any(slow):  # a constant beyond the ends isn't one any more once an axis has been convolved
        for axis, kernel in enumerate(kernels):
            turned = np.moveaxis(array, axis + 1, -1)
            lines = turned.reshape(-1, 1, turned.shape[-1])
            beyond = cval * math.prod(float(k.sum()) for k in kernels[:axis])
            if slow[axis]:
                done = _lines_by_blocks(lines[:, 0], kernel, sides[axis], pad, beyond, n_threads, index)
            else:
                done = _pass_of_rows(lines, kernel, sides[axis], pad, beyond, n_threads, index)[:, 0]
            array = np.moveaxis(done.reshape(*turned.shape[:-1], -1), -1, axis + 1)
        return np.ascontiguousarray(array)
    if len(axes) == 1:
        return _pass_of_rows(array[:, np.newaxis], kernels[0], sides[0], pad, cval, n_threads, index)[:, 0]
    images = array.reshape(-1, *axes[-2:])
    flipped = [k[::-1] for k in kernels]
    ends = _ends(axes, sides, pad)
    found, finite = separable_passes(
        images, flipped[-1], flipped[-2], ends=(ends[-2], ends[-1]), constant=cval, n_threads=n_threads
    )
    if not finite:
        check_finite(array, index)
    if len(axes) == 3 and (len(kernels[0]) > 1 or kernels[0][0] != 1):
        beyond = cval * float(kernels[1].sum() * kernels[2].sum())
        flat = found.reshape(len(array), axes[0], -1)
        alone = extension(flat.shape[2], 0, 0, "zero")
        found, _ = separable_passes(
            flat, np.ones(1), flipped[0], ends=(ends[0], alone), constant=beyond, n_threads=n_threads
        )
    return found.reshape(len(array), *sizes)


def _pass_of_rows(
    lines: np.ndarray,
    kernel: np.ndarray,
    sides: tuple[int, int],
    pad: str,
    cval: float,
    n_threads: int,
    index: int,
) -> np.ndarray:
    ends = extension(1, 0, 0, "zero"), extension(lines.shape[-1], *sides, pad)
    found, finite = separable_passes(lines, kernel[::-1], np.ones(1), ends=ends, constant=cval, n_threads=n_threads)
    if not finite:
        check_finite(lines[:, 0], index)
    return found


def _block_side(n: int, taps: int, n_axes: int) -> int:
    """How long a block of an axis is that is transformed, for `n` responses to a kernel of so many taps."""
    step = max(BLOCKS[n_axes], 4 * taps) - taps + 1
    return scipy.fft.next_fast_len(-(-n // -(-n // step)) + taps - 1, real=True)  # as many blocks, of equal length


def _block_shape(sizes: Sequence[int], extent: Sequence[int]) -> list[int]:
    """The sides of the blocks that are transformed."""
    if math.prod(n + k - 1 for n, k in zip(sizes, extent)) <= WHOLE:
        return [scipy.fft.next_fast_len(n + k - 1, real=True) for n, k in zip(sizes, extent)]
    return [_block_side(n, k, len(extent)) for n, k in zip(sizes, extent)]


def _by_blocks(
    array: np.ndarray,
    kernel: np.ndarray,
    sides: Sequence[tuple[int, int]],
    pad: str,
    cval: float,
    n_threads: int,
    index: int,
) -> np.ndarray:
    """Convolve by Fourier transform of blocks that overlap by what the kernel sees (overlap-save)."""
    if kernel.ndim == 1:
        return _lines_by_blocks(array, kernel, sides[0], pad, cval, n_threads, index)
    check_finite(array, index)
    sizes = [n + b + a - k + 1 for n, (b, a), k in zip(array.shape[1:], sides, kernel.shape)]
    shape = _block_shape(sizes, kernel.shape)
    spectrum = scipy.fft.rfftn(kernel.astype(array.dtype), s=shape)
    steps = [n - k + 1 for n, k in zip(shape, kernel.shape)]
    out = np.empty((len(array), *sizes), dtype=array.dtype)
    corners = [range(0, n, step) for n, step in zip(sizes, steps)]

    def fill(place: tuple[int, ...]) -> None:
        channel, *corner = place
        block = array[channel]
        for axis, (at, (before, _), side) in enumerate(zip(corner, sides, shape)):
            block = _taken(block, axis, at - before, side, pad, cval)
        found = scipy.fft.irfftn(scipy.fft.rfftn(block) * spectrum, s=shape)
        kept = tuple(
            slice(k - 1, k - 1 + min(step, n - at)) for k, step, n, at in zip(kernel.shape, steps, sizes, corner)
        )
        filled = tuple(slice(at, at + step) for at, step in zip(corner, steps))
        out[channel][filled] = found[kept]

    places = itertools.product(range(len(array)), *corners)
    share(fill, [(place,) for place in places], n_threads)
    return out


def _taken(block: np.ndarray, axis: int, begin: int, n: int, pad: str, cval: float) -> np.ndarray:
    """`n` samples of an extended axis from `begin` on."""
    length = block.shape[axis]
    before, after = max(0, -begin), max(0, begin + n - length)
    inside = block[(slice(None),) * axis + (slice(max(begin, 0), min(begin + n, length)),)]
    if not before and not after:
        return inside
    sides = extension(length, before, after, pad)
    low = sides.before[: max(0, min(n, before))]
    high = sides.after[max(0, begin - length) :]
    parts = [_looked_up(block, axis, low, cval), inside, _looked_up(block, axis, high, cval)]
    return np.concatenate(parts, axis=axis)


def _looked_up(block: np.ndarray, axis: int, at: np.ndarray, cval: float) -> np.ndarray:
    found = np.take(block, at, axis=axis)
    if len(at) and at[0] < 0:
        found[...] = cval
    return found


def _lines_by_blocks(
    lines: np.ndarray, kernel: np.ndarray, sides: tuple[int, int], pad: str, cval: float, n_threads: int, index: int
) -> np.ndarray:
    """The same for many lines `(line, sample)` and a kernel of one axis: many blocks in one transform."""
    taps = len(kernel)
    size = lines.shape[1] + sum(sides) - taps + 1
    segment = segment_of(taps, size, len(lines))
    if available() and segment.cost < _library_cost(taps, size) * len(lines) * size:
        found = _lines_by_segments(lines, kernel, sides, pad, cval, n_threads, segment)[:, :size]
    else:
        found = _lines_by_library(lines, kernel, sides, pad, cval, n_threads, _block_side(size, taps, 1))
    with np.errstate(over="ignore", invalid="ignore"):
        finite = np.isfinite(found.sum())
    if not finite:
        check_finite(lines, index)
    return found


def _lines_by_segments(
    lines: np.ndarray,
    kernel: np.ndarray,
    sides: tuple[int, int],
    pad: str,
    cval: float,
    n_threads: int,
    segment: Segment,
) -> np.ndarray:
    """By the compiled transform; of each line as many responses as fill its last block."""
    lines = np.ascontiguousarray(lines)
    n, (side, step, _) = lines.shape[1], segment
    n_blocks = -(-(n + sum(sides) - len(kernel) + 1) // step)
    out = np.empty((len(lines), n_blocks * step), dtype=lines.dtype)
    begins = np.arange(n_blocks) * step - sides[0]
    inside = (begins >= 0) & (begins + side <= n)
    first = np.arange(len(lines))[:, np.newaxis]
    ends = first * n_blocks * step + np.arange(n_blocks) * step
    if inside.any():
        starts = (first * n + begins[inside]).ravel()
        overlap_save(
            lines.ravel(),
            starts,
            kernel,
            out.reshape(-1),
            ends[:, inside].ravel(),
            segment=segment,
            n_threads=n_threads,
        )
    if not inside.all():
        blocks = np.array([[_taken(line, 0, int(at), side, pad, cval) for at in begins[~inside]] for line in lines])
        starts = np.arange(blocks.shape[0] * blocks.shape[1]) * side
        overlap_save(
            blocks.ravel(),
            starts,
            kernel,
            out.reshape(-1),
            ends[:, ~inside].ravel(),
            segment=segment,
            n_threads=n_threads,
        )
    return out


def _lines_by_library(
    lines: np.ndarray,
    kernel: np.ndarray,
    sides: tuple[int, int],
    pad: str,
    cval: float,
    n_threads: int,
    side: int,
) -> np.ndarray:
    """By SciPy's transform, of few blocks and where there are no explicit vectors."""
    taps, n = len(kernel), lines.shape[1]
    size = n + sum(sides) - taps + 1
    step = side - taps + 1
    n_blocks = -(-size // step)
    spectrum = scipy.fft.rfft(kernel.astype(lines.dtype), n=side)
    out = np.empty((len(lines), size), dtype=lines.dtype)
    together = max(1, LINES // side)

    def fill(first: int) -> None:
        chosen = range(first, min(first + together, len(lines) * n_blocks))
        blocks = np.empty((len(chosen), side), dtype=lines.dtype)
        for row, k in enumerate(chosen):
            begin = k % n_blocks * step - sides[0]
            if begin >= 0 and begin + side <= n:
                blocks[row] = lines[k // n_blocks, begin : begin + side]
            else:
                blocks[row] = _taken(lines[k // n_blocks], 0, begin, side, pad, cval)
        transformed = scipy.fft.rfft(blocks, axis=1)
        transformed *= spectrum
        found = scipy.fft.irfft(transformed, n=side, axis=1, overwrite_x=True)
        for row, k in enumerate(chosen):
            at = k % n_blocks * step
            kept = min(step, size - at)
            out[k // n_blocks, at : at + kept] = found[row, taps - 1 : taps - 1 + kept]

    firsts = range(0, len(lines) * n_blocks, together)
    share(fill, [(first,) for first in firsts], n_threads)
    return out
