"""Kernels of low rank written as few outer products, which they share where they can."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["Factors", "VolumeFactors", "factor", "factor_volumes", "flops", "volume_flops"]


class Factors(NamedTuple):
    """Kernels of one shape written as sums of outer products, which share what they can.

    `kernels[k] = sum_p mix[k, p] * outer(columns[p], rows[row_of[p]])`.

    Parameters
    ----------
    rows : array, (factor, width)
        What the passes along rows convolve with.
    row_of : int array, (product,)
        Which pass along rows each pass along columns continues.
    columns : array, (product, height)
        What the passes along columns convolve with.
    mix : array, (kernel, product)
    """

    rows: np.ndarray
    row_of: np.ndarray
    columns: np.ndarray
    mix: np.ndarray


def factor(kernels: Sequence[np.ndarray], *, tolerance: float = 1e-7) -> Factors:
    """Write kernels of one shape as few outer products, which they share where they can.

    A kernel is split into the parts that are even and odd from top to bottom where that costs nothing, or where the
    kernel's mirror image is wanted too (orientations of 45 and 135 degrees), which then comes for free. Each
    distinct part is a sum of `rank` products, by its singular values; a part whose rows lie in the span of passes that
    are there already uses them (all Gaussian derivatives of one sigma; the real and imaginary parts of a Gabor filter).

    Parameters
    ----------
    kernels : sequence of real arrays, (height, width)
        All of one shape.
    tolerance : float
        How far a kernel may be off, relative to its norm.

    Returns
    -------
    Factors

    Examples
    --------
    >>> import numpy as np
    >>> wave, window = np.exp(1j * np.arange(-4, 5)), np.hanning(9)
    >>> one, other = np.outer(wave * window, wave * window), np.outer(wave * window, wave.conj() * window)
    >>> found = factor([one.real, other.real])
    >>> len(found.rows), len(found.columns), found.mix.tolist()
    (2, 2, [[1.0, 1.0], [1.0, -1.0]])
    """
    stack = np.array([np.asarray(kernel, dtype=np.float64) for kernel in kernels])
    return _factor(stack.tobytes(), stack.shape, float(tolerance))


@functools.lru_cache(maxsize=32)
def _factor(samples: bytes, shape: tuple[int, ...], tolerance: float) -> Factors:
    """Do what `factor` does, once for the banks of all folds of a validation."""
    stack = np.frombuffer(samples).reshape(shape)
    parts, terms = _parts(stack, tolerance)
    ranks = [_rank(part, tolerance) for part in parts]
    rows: list[np.ndarray] = []
    products: list[tuple[int, np.ndarray]] = []
    made: dict[int, list[tuple[int, float]]] = {}
    for index in sorted(range(len(parts)), key=lambda i: ranks[i]):  # the simplest parts say what is shared
        made[index] = _add_products(parts[index], ranks[index], rows, products, tolerance)
    mix = np.zeros((len(stack), len(products)))
    for k, own in enumerate(terms):
        for index, scale in own:
            for product, weight in made[index]:
                mix[k, product] += scale * weight
    width, height = stack.shape[2], stack.shape[1]
    found = Factors(
        np.array(rows).reshape(-1, width),
        np.array([row for row, _ in products], dtype=np.int64),
        np.array([column for _, column in products]).reshape(-1, height),
        mix,
    )
    for array in found:
        array.flags.writeable = False  # others get the same one
    return found


def _parts(stack: np.ndarray, tolerance: float) -> tuple[list[np.ndarray], list[list[tuple[int, float]]]]:
    """Distinct parts, and which of them, times what, add up to each kernel."""
    parts: list[np.ndarray] = []
    terms: list[list[tuple[int, float]]] = []
    flipped = stack[:, ::-1]
    for k, kernel in enumerate(stack):
        even, odd = (kernel + flipped[k]) / 2, (kernel - flipped[k]) / 2
        rank = _rank(kernel, tolerance)
        has_mirror = any(_scale(flipped[k], other, tolerance) for j, other in enumerate(stack) if j != k)
        both = _rank(even, tolerance, kernel) + _rank(odd, tolerance, kernel)
        own = []
        for part in (even, odd) if both <= rank * (1 + has_mirror) else (kernel,):
            if np.linalg.norm(part) <= tolerance * np.linalg.norm(kernel):
                continue
            for index, known in enumerate(parts):
                scale = _scale(part, known, tolerance)
                if scale:
                    own.append((index, scale))
                    break
            else:
                own.append((len(parts), 1.0))
                parts.append(part)
        terms.append(own)
    return parts, terms


def _add_products(
    part: np.ndarray,
    rank: int,
    rows: list[np.ndarray],
    products: list[tuple[int, np.ndarray]],
    tolerance: float,
) -> list[tuple[int, float]]:
    """Add what a part needs to the known rows and products, and say which products, times what, add up to it."""
    span = np.linalg.svd(part)[2][:rank]
    chosen: list[int] = []
    rest = span
    for i, row in enumerate(rows):
        inside = np.linalg.norm(row @ span.T)
        if len(chosen) < rank and inside**2 > 1 - 1e-9 and np.linalg.norm(row @ rest.T) > 0.2:
            chosen.append(i)
            basis = np.linalg.qr(np.array([rows[j] for j in chosen]).T)[0]
            rest = span - span @ basis @ basis.T
    if len(chosen) < rank:
        basis = np.linalg.qr(np.array([rows[j] for j in chosen]).T)[0] if chosen else np.zeros((part.shape[1], 0))
        for row in np.linalg.svd(part - part @ basis @ basis.T)[2][: rank - len(chosen)]:
            chosen.append(len(rows))
            rows.append(row)
    columns = part @ np.linalg.pinv(np.array([rows[i] for i in chosen]))
    used = []
    for i, column in zip(chosen, columns.T):
        if np.linalg.norm(column) <= 0.1 * tolerance * np.linalg.norm(part):
            continue
        for index, (row_of, known) in enumerate(products):
            scale = _scale(column, known, 0.1 * tolerance) if row_of == i else 0.0
            if scale:
                used.append((index, scale))
                break
        else:
            used.append((len(products), 1.0))
            products.append((i, column))
    return used


def _rank(kernel: np.ndarray, tolerance: float, whole: np.ndarray | None = None) -> int:
    """The number of products that leave at most `tolerance` of the norm (of the whole kernel) out."""
    values = np.linalg.svd(kernel, compute_uv=False)
    left = np.sqrt(np.cumsum(values[::-1] ** 2))[::-1]
    return int((left > tolerance * np.linalg.norm(kernel if whole is None else whole)).sum())


def _scale(one: np.ndarray, other: np.ndarray, tolerance: float) -> float:
    """The number that `other` must be multiplied with to give `one`, or 0 if there is none."""
    energy = float((other * other).sum())
    if not energy:
        return 0.0
    scale = float((one * other).sum()) / energy
    scale = float(np.round(scale)) if abs(abs(scale) - 1) < 1e-12 else scale
    near = np.linalg.norm(one - scale * other) <= tolerance * np.linalg.norm(one)
    return scale if near else 0.0


def flops(kernels: Sequence[np.ndarray], shape: Sequence[int], *, tolerance: float = 1e-7) -> dict[str, float]:
    """Count the additions and multiplications a position of the ways to convolve an image with kernels of one shape.

    Parameters
    ----------
    kernels : sequence of real arrays, (height, width)
    shape : (int, int)
        Of the image; a Fourier transform's work grows with the logarithm of its size.
    tolerance : float
        As for `factor`.

    Returns
    -------
    dict
        "separable", "dense" and "fft" (real transforms, with one of the image for all kernels). Where work is equal,
        the separable and the dense way run at half of a processor's peak or more, a Fourier transform of an image at a
        tenth.

    Examples
    --------
    >>> import numpy as np
    >>> flops([np.outer(np.hanning(9), np.hanning(9))], (256, 256))
    {'separable': 36.0, 'dense': 162.0, 'fft': 83.0}
    """
    found = factor(kernels, tolerance=tolerance)
    n, (height, width) = len(kernels), np.shape(kernels[0])
    terms = sum(2.0 * max(int((row != 0).sum()) - 1, 0) for row in found.mix)
    return {
        "separable": 2.0 * (len(found.rows) * width + len(found.columns) * height) + terms,
        "dense": 2.0 * n * height * width,
        "fft": (n + 1) * 2.5 * float(np.log2(shape[0] * shape[1])) + 3.0 * n,
    }


class VolumeFactors(NamedTuple):
    """Kernels over volumes written as sums of products of three, which share what they can.

    `kernels[k] = sum_p mix[k, p] * columns[p][:, None, None] * plane[plane_of[p]]`, where the planes are kernels over
    images, and factors of these themselves.

    Parameters
    ----------
    planes : Factors
    plane_of : int array, (product,)
        Which plane each pass along the first axis continues.
    columns : array, (product, depth)
        What the passes along the first axis convolve with.
    mix : array, (kernel, product)
    """

    planes: Factors
    plane_of: np.ndarray
    columns: np.ndarray
    mix: np.ndarray


def factor_volumes(kernels: Sequence[np.ndarray], *, tolerance: float = 1e-7) -> VolumeFactors:
    """Write kernels of one shape with three axes as few products of three, which they share where they can.

    A kernel is taken as a matrix whose columns are its planes, and split by `factor`; then so are the planes that are
    left. Gaussian derivatives of one sigma share three passes along rows; Gabor filters that are mirror images of one
    another share all passes.

    Parameters
    ----------
    kernels : sequence of real arrays, (depth, height, width)
        All of one shape.
    tolerance : float
        How far a kernel may be off, relative to its norm; in all some three times this.

    Returns
    -------
    VolumeFactors

    Examples
    --------
    >>> import numpy as np
    >>> g, d = np.hanning(9), np.gradient(np.hanning(9))
    >>> kernels = [np.einsum("i,j,k->ijk", *axes) for axes in ((g, g, g), (g, g, d), (g, d, g), (d, g, g))]
    >>> found = factor_volumes(kernels)
    >>> len(found.planes.rows), len(found.planes.columns), len(found.columns)
    (2, 3, 4)
    """
    stack = np.array([np.asarray(kernel, dtype=np.float64) for kernel in kernels])
    return _factor_volumes(_Digested(stack), float(tolerance))


class _Digested:
    """Kernels known by a digest of their samples, which are let go once they're factored: they are large."""

    def __init__(self, stack: np.ndarray) -> None:
        self.stack: np.ndarray | None = stack
        self.digest = stack.shape, hashlib.blake2b(stack.data).digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Digested) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


@functools.lru_cache(maxsize=32)
def _factor_volumes(kernels: _Digested, tolerance: float) -> VolumeFactors:
    """Do what `factor_volumes` does, once for the banks of all folds of a validation."""
    stack, kernels.stack = kernels.stack, None
    assert stack is not None
    n, depth, height, width = stack.shape
    flat = stack.reshape(n, depth, height * width)
    basis = _common_rows(flat, tolerance)
    deep = factor(list(flat @ basis.T), tolerance=tolerance)  # in coordinates of the basis, which keep all norms
    planes = (deep.rows @ basis).reshape(-1, height, width)
    empty = Factors(np.zeros((0, width)), np.zeros(0, np.int64), np.zeros((0, height)), np.zeros((0, 0)))
    found = factor(list(planes), tolerance=tolerance) if len(planes) else empty
    return VolumeFactors(found, deep.row_of, deep.columns, deep.mix)


def _common_rows(matrices: np.ndarray, tolerance: float) -> np.ndarray:
    """Orthonormal vectors that span the rows of all matrices, but for a tenth of the tolerance."""
    rows = []
    for matrix in matrices:
        norm = np.linalg.norm(matrix)
        if norm:
            q, r = np.linalg.qr(matrix.T)
            left, values, _ = np.linalg.svd(r)
            n = int((values > 0.1 * tolerance / len(values) * norm).sum())
            rows.append((q @ left[:, :n] * (values[:n] / norm)).T)
    if not rows:
        return np.eye(1, matrices.shape[2])
    _, values, right = np.linalg.svd(np.concatenate(rows), full_matrices=False)
    return right[values > 0.1 * tolerance / len(values)]


def volume_flops(kernels: Sequence[np.ndarray], shape: Sequence[int], *, tolerance: float = 1e-7) -> dict[str, float]:
    """Count the additions and multiplications a position of the ways to convolve a volume with kernels of one shape.

    Parameters
    ----------
    kernels : sequence of real arrays, (depth, height, width)
    shape : (int, int, int)
        Of the volume.
    tolerance : float
        As for `factor_volumes`.

    Returns
    -------
    dict
        "separable", "dense" and "fft", as `flops` has them.

    Examples
    --------
    >>> import numpy as np
    >>> volume_flops([np.ones((9, 9, 9))], (128, 128, 128))
    {'separable': 54.0, 'dense': 1458.0, 'fft': 108.0}
    """
    found = factor_volumes(kernels, tolerance=tolerance)
    n, (depth, height, width) = len(kernels), np.shape(kernels[0])
    planes = found.planes
    terms = sum(2.0 * max(int((row != 0).sum()) - 1, 0) for row in (*found.mix, *planes.mix))
    passes = len(planes.rows) * width + len(planes.columns) * height + len(found.columns) * depth
    return {
        "separable": 2.0 * passes + terms,
        "dense": 2.0 * n * depth * height * width,
        "fft": (n + 1) * 2.5 * float(np.log2(np.prod(shape))) + 3.0 * n,
    }
