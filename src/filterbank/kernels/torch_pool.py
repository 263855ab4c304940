"""Kernels over batches of signals on a torch device, by Fourier transform, with the responses pooled where they are."""

from __future__ import annotations

import importlib
import itertools
import math
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.fft

from filterbank.errors import InputError, invalid
from filterbank.geometry import PADDINGS
from filterbank.signals import is_tensor

__all__ = ["all_finite", "find_device", "torch_pool"]

WANTED = ("mean", "square", "min", "max", "position")
MEMORY = 256 << 20  # bytes that responses may take on the CPU
SERIES_TILE = 1 << 13  # samples of a long series that are transformed at a time, or 8 times the longest kernel's
TILE = 1 << 21  # samples of an image or a volume that are transformed at a time
SIXTEENTHS = (
    8,
    9,
    10,
    12,
    14,
    15,
    16,
)  # sizes of transforms are one of these times a power of two: products of 2, 3, 5, 7


def torch_pool(
    signals: Any,
    kernels: Sequence[np.ndarray],
    *,
    lo: Sequence[Any],
    hi: Sequence[Any],
    modulus: bool = False,
    want: Collection[str] = ("mean", "square", "min", "max"),
    thresholds: np.ndarray | None = None,
    device: Any = "cpu",
    halo: Sequence[tuple[int, int]] | None = None,
    pad: str | None = None,
    memory: int | None = None,
    spectra: dict[Any, Any] | None = None,
) -> dict[str, np.ndarray]:
    """Convolve every signal with every kernel on a torch device, and pool each response over its positions there.

    Response `r` at position `t` is `sum_j kernel[j] * x[t + len(kernel) - 1 - j]`, along every axis, at
    `t = lo[r] ... len(x) - len(kernel) - hi[r]`: `scipy.signal.convolve(..., "valid")` within rounding, less its ends.

    Parameters
    ----------
    signals : list of array or tensor, (*axes), or array or tensor, (signal, *axes)
        One, two or three axes. All float32 or all float64; finite. Those of a list may differ in size. Tensors may lie
        on any device.
    kernels : list of float array, (*axes)
        With `modulus`, real and imaginary parts by turns.
    lo, hi : sequence of int or of tuple of int, one a kernel
        Positions left out at the beginning and at the end, of each axis if there is more than one.
    modulus : bool
        Pool `sqrt(real ** 2 + imaginary ** 2)`.
    want : collection of {"mean", "square", "min", "max", "position"}
        "square" is the sum of squared deviations from the mean; "position" is that of the first maximum, less `lo`.
    thresholds : array, (response, threshold), optional
        Also count the positions at which each response lies above each of these.
    device : str or torch.device
        "cpu", "cuda" or "cuda:0" (with the GPU's number).
    halo : sequence of (before, after), optional
        Samples by which signals are extended along each axis before they are convolved.
    pad : {"reflect", "symmetric", "edge", "wrap", "zero"}, optional
        How they are extended.
    memory : int, optional
        Bytes that responses may take at a time; what one position of the smallest batch needs (one signal, or a tile of
        it, and one kernel) is taken in any case. None: a quarter of what is free on a GPU, 256 MiB on the CPU.
    spectra : dict, optional
        Where the kernels' transforms are kept from one call to the next, all with the same kernels.

    Returns
    -------
    dict
        "count" (int64) and what was wanted (float64; "position" int64), each `(signal, response)`, on the CPU; with
        more than one axis, "position" is `(signal, response, axis)`; with thresholds, "above" (int32), `(signal,
        response, threshold)`.

    Raises
    ------
    InputError
        If torch or the device isn't there, a signal is too short to have a position, or dtypes are mixed.

    Notes
    -----
    Every signal is moved by its mean before it is transformed, and the responses are moved back when they are pooled:
    digits are kept where the mean is large. Squared deviations are summed in float64 in a second pass. Long
    signals are cut in overlapping tiles. Signals of unequal size share transforms of a few sizes, by their own size
    alone. A response counts as above a threshold if it is so by more than rounding, and of maxima that are equal
    within rounding the first is found: ties are as with exact sums, and what lies as near may be counted, or found,
    otherwise than by `direct_pool`.
    Cost: linear in samples times kernels, times the logarithm of a tile's size; each threshold is one more pass over
    the responses. Only the states come back to the CPU.

    Examples
    --------
    >>> import numpy as np
    >>> x = [np.array([0.0, 1, 4, 2]), np.array([1.0, 2])]
    >>> state = torch_pool(x, [np.array([1.0, -1])], lo=[0], hi=[0], want=["max", "position"])
    >>> state["max"].round(6).tolist(), state["position"].tolist()
    ([[3.0], [1.0]], [[1], [0]])
    """
    unknown = [name for name in want if name not in WANTED]
    if unknown:
        raise invalid("want", unknown[0], f"one of {', '.join(WANTED)}")
    if modulus and len(kernels) % 2:
        raise invalid(
            "kernels", len(kernels), "an even number of kernels", do="Pass real and imaginary parts by turns."
        )
    if (halo is None) != (pad is None) or pad not in (None, *PADDINGS):
        raise invalid("pad", pad, f"one of {', '.join(PADDINGS)} with halo, or None without")
    torch = _torch(device)
    where = torch.device(find_device(device))
    arrays = list(signals)
    if not arrays:
        raise invalid("signals", arrays, "a list of at least one signal")
    bank = _bank(kernels, lo, hi, modulus, thresholds)
    n_axes = kernels[0].ndim
    dtype = _dtype(arrays, n_axes)
    shapes = np.array([array.shape for array in arrays], dtype=np.int64).reshape(-1, n_axes)
    sides = np.array(halo if halo is not None else [(0, 0)] * n_axes, dtype=np.int64)
    padded = shapes + sides.sum(axis=1)
    _check_sizes(shapes, padded, bank.lost)
    budget = memory if memory is not None else _free_memory(torch, where) // 4
    rows = _tiles(padded, bank.lost.max(axis=0))
    job = _Job(
        torch,
        where,
        dtype,
        bank,
        modulus,
        frozenset(want),
        sides[:, 0],
        pad,
        budget,
        {} if spectra is None else spectra,
    )
    with torch.no_grad():
        done = list(_parts(job, arrays, shapes, padded, rows))
    states = _merge({name: np.concatenate([part[name] for part in done]) for name in done[0]}, rows, padded)
    return {name: states[name] for name in states if name in ("count", "above", *want)}


def find_device(device: Any) -> str:
    """Return the full name of a device ("cpu" or "cuda:0"), once it is known to be there.

    Parameters
    ----------
    device : str or torch.device
        "cpu", "cuda" (the current GPU) or "cuda:0" (with its number).

    Raises
    ------
    InputError
        For any other device, or one that isn't there, or if torch is needed and isn't installed.

    Examples
    --------
    >>> find_device("cpu")
    'cpu'
    """
    name = str(device)
    if name == "cpu":
        return name
    allowed = "'cpu', 'cuda' or 'cuda:0' (with the GPU's number)"
    if not re.fullmatch(r"cuda(:\d+)?", name):
        raise invalid("device", device, allowed)
    torch = _torch(device)
    if not torch.cuda.is_available():
        raise InputError(f"device={name!r} is not to be had: torch finds no GPU on this machine. Pass device='cpu'.")
    number = int(name[5:] or torch.cuda.current_device())
    if number >= torch.cuda.device_count():
        raise invalid("device", name, f"one of the {torch.cuda.device_count()} GPUs here, which are numbered from 0")
    return f"cuda:{number}"


def all_finite(tensors: Sequence[Any]) -> bool:
    """Return whether no tensor holds NaN or infinity: one look a device, where they lie.

    False also if their sum overflows.
    """
    torch = importlib.import_module("torch")
    places: dict[Any, list[Any]] = {}
    for tensor in tensors:
        places.setdefault((tensor.device, tensor.dtype), []).append(tensor.detach().reshape(-1))
    sums = [torch.cat(flat).sum(dtype=torch.float64) for flat in places.values()]
    return all(math.isfinite(float(total)) for total in sums)


class _Bank(NamedTuple):
    """Kernels as taps, each where it stands in a transform, and what each response loses of a signal."""

    shifts: np.ndarray  # (kernel, axis): `lo`
    starts: np.ndarray  # (kernel + 1,): where its taps begin
    places: np.ndarray  # (tap, axis)
    weights: np.ndarray  # (tap,)
    sums: np.ndarray  # (kernel,)
    gains: np.ndarray  # (response,): how much larger than a signal a response may be
    lost: np.ndarray  # (response, axis): samples less positions
    levels: np.ndarray | None  # (response, threshold)


class _Job(NamedTuple):
    """What stays the same from one batch to the next."""

    torch: Any
    where: Any
    dtype: np.dtype
    bank: _Bank
    modulus: bool
    want: frozenset[str]
    before: np.ndarray
    pad: str | None
    budget: int
    spectra: dict[Any, Any]


class _Rows(NamedTuple):
    """Tiles of signals, in the order of the signals."""

    signal: np.ndarray  # (row,)
    origin: np.ndarray  # (row, axis): of the padded signal
    extent: np.ndarray  # (row, axis)
    step: np.ndarray  # (row, axis): positions of a tile that another one follows, else 0


def _torch(device: Any) -> Any:
    try:
        return importlib.import_module("torch")
    except ImportError:
        raise InputError(
            f"device={str(device)!r} needs torch here, which is not installed. Run: pip install 'filterbank[deep]'."
        ) from None


def _free_memory(torch: Any, where: Any) -> int:
    if where.type == "cpu":
        return 4 * MEMORY
    held = torch.cuda.memory_reserved(where) - torch.cuda.memory_allocated(where)
    return int(torch.cuda.mem_get_info(where)[0] + held)


def _dtype(arrays: Sequence[Any], n_axes: int) -> np.dtype:
    """The one dtype of all signals."""
    found = {str(array.dtype).removeprefix("torch.") for array in arrays}
    if len(found) > 1 or not found <= {"float32", "float64"}:
        raise invalid("dtype", sorted(found), "float32 or float64, the same for all signals")
    wrong = [(i, array.shape) for i, array in enumerate(arrays) if len(array.shape) != n_axes]
    if wrong:
        raise InputError(f"signal {wrong[0][0]} has shape {tuple(wrong[0][1])}, and the kernels have {n_axes} axes.")
    return np.dtype(found.pop() if found else np.float64)


def _bank(
    kernels: Sequence[np.ndarray], lo: Sequence[Any], hi: Sequence[Any], modulus: bool, thresholds: np.ndarray | None
) -> _Bank:
    n_axes = kernels[0].ndim
    shifts, ends = (np.array(side, dtype=np.int64).reshape(len(kernels), n_axes) for side in (lo, hi))
    sizes = np.array([kernel.shape for kernel in kernels], dtype=np.int64)
    starts, places, weights = [0], [], []
    for kernel, size, shift in zip(kernels, sizes, shifts):
        at = np.argwhere(kernel)
        places.append(shift + size - 1 - at)
        weights.append(kernel[tuple(at.T)].astype(np.float64))
        starts.append(starts[-1] + len(at))
    lost = sizes - 1 + shifts + ends
    if modulus and (lost[::2] != lost[1::2]).any():
        raise invalid("kernels", sizes.tolist(), "pairs of real and imaginary parts of equal size")
    lost = lost[:: 1 + modulus]
    levels = None if thresholds is None else np.asarray(thresholds, dtype=np.float64)
    if levels is not None and (levels.ndim != 2 or len(levels) != len(lost)):
        raise invalid("thresholds", levels.shape, f"of shape ({len(lost)}, any number), one row a response")
    sums = np.array([_sum(kernel) for kernel in kernels])
    gains = np.array([np.abs(scipy.fft.rfftn(kernel, 2 * size)).max() for kernel, size in zip(kernels, sizes)])
    gains = np.hypot(gains[::2], gains[1::2]) if modulus else gains
    return _Bank(shifts, np.array(starts), np.concatenate(places), np.concatenate(weights), sums, gains, lost, levels)


def _sum(kernel: np.ndarray) -> float:
    """The sum of a kernel, exactly 0 where rounding is all that is left of it."""
    total, size = float(kernel.sum(dtype=np.float64)), float(np.abs(kernel).sum(dtype=np.float64))
    return total if abs(total) > 1e-14 * size else 0.0


def _check_sizes(shapes: np.ndarray, padded: np.ndarray, lost: np.ndarray) -> None:
    bad = ((padded <= lost.max(axis=0)) | (shapes < 1)).any(axis=1)
    if bad.any():
        i = int(bad.argmax())
        size, need = (" x ".join(map(str, numbers.tolist())) for numbers in (padded[i], lost.max(axis=0) + 1))
        raise InputError(
            f"signal {i} has {size} samples, and the kernels need at least {need}. "
            "Use shorter filters, or leave the signal out."
        )


def _tiles(padded: np.ndarray, lost: np.ndarray) -> _Rows:
    """Cut large signals into tiles that overlap by what the longest kernel loses: by each signal's size alone."""
    sizes = padded.copy()
    if padded.shape[1] == 1:
        sizes = np.minimum(sizes, max(SERIES_TILE, 8 * int(lost[0])))
    else:
        for i in np.flatnonzero(padded.prod(axis=1) > TILE).tolist():
            while sizes[i].prod() > TILE and (sizes[i] > 4 * lost + 4).any():
                axis = int((sizes[i] / (lost + 1)).argmax())
                sizes[i, axis] = -(-sizes[i, axis] // 2)
    steps = sizes - lost
    numbers = -(-(padded - lost) // steps)
    if (numbers == 1).all():
        return _Rows(np.arange(len(padded)), np.zeros_like(padded), padded, np.zeros_like(padded))
    signal, origin = [], []
    for i, (number, step) in enumerate(zip(numbers.tolist(), steps.tolist())):
        own = list(itertools.product(*(range(0, n * s, s) for n, s in zip(number, step))))
        signal += [i] * len(own)
        origin += own
    row, start = np.array(signal), np.array(origin, dtype=np.int64).reshape(len(signal), -1)
    last = start // steps[row] == numbers[row] - 1
    return _Rows(row, start, np.where(last, padded[row] - start, sizes[row]), np.where(last, 0, steps[row]))


def _counts(rows: _Rows, padded: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """Positions of each row, response and axis: a tile that another follows has as many for all responses."""
    rest = padded[rows.signal][:, np.newaxis] - rows.origin[:, np.newaxis] - lost
    step = rows.step[:, np.newaxis]
    return np.where(step > 0, step, rest)


def _size_class(extents: np.ndarray) -> np.ndarray:
    """The size of the transform for each extent: few sizes, each a product of small primes, at most a fifth larger."""
    power = np.maximum(0, np.ceil(np.log2(np.maximum(extents, 1))).astype(np.int64) - 4)
    allowed = np.array(SIXTEENTHS)
    units = -(-extents // (1 << power))
    return np.where(
        extents <= 16, extents, allowed[np.searchsorted(allowed, units).clip(max=len(allowed) - 1)] << power
    )


def _parts(
    job: _Job, arrays: Sequence[Any], shapes: np.ndarray, padded: np.ndarray, rows: _Rows
) -> Iterator[dict[str, np.ndarray]]:
    """Take as many signals to the device as memory allows, and yield the states of their rows, in order."""
    room = max(1, job.budget // (8 * job.dtype.itemsize))
    ends = np.cumsum(shapes.prod(axis=1))
    first_rows = np.searchsorted(rows.signal, np.arange(len(shapes) + 1))
    begin = 0
    while begin < len(arrays):
        before = int(ends[begin - 1]) if begin else 0
        end = max(begin + 1, int(np.searchsorted(ends, before + room, side="right")))
        flat = _flat(job, arrays[begin:end])
        own = slice(first_rows[begin], first_rows[end])
        some = _Rows(*(column[own] for column in rows))
        starts = np.concatenate([[0], ends[begin:end] - before])[some.signal - begin]
        yield _pool_rows(job, flat, starts, shapes[some.signal], some, _counts(some, padded, job.bank.lost))
        begin = end


def _flat(job: _Job, arrays: Sequence[Any]) -> Any:
    """All samples in one tensor on the device."""
    torch = job.torch
    if any(is_tensor(array) for array in arrays):
        tensors = [array if is_tensor(array) else torch.tensor(array) for array in arrays]
        return torch.cat([tensor.detach().to(job.where, non_blocking=True).reshape(-1) for tensor in tensors])
    total = sum(array.size for array in arrays)
    on_gpu = job.where.type == "cuda"
    flat = torch.empty(total, dtype=getattr(torch, job.dtype.name), pin_memory=on_gpu)
    np.concatenate([np.ravel(array) for array in arrays], out=flat.numpy())
    return flat.to(job.where, non_blocking=True)


def _pool_rows(
    job: _Job, flat: Any, starts: np.ndarray, shapes: np.ndarray, rows: _Rows, counts: np.ndarray
) -> dict[str, np.ndarray]:
    """Pool rows of one size of transform after the other, and bring their states back."""
    torch, bank = job.torch, job.bank
    n_axes = shapes.shape[1]
    sizes = _size_class(rows.extent)
    order = np.lexsort(sizes.T)
    table = np.column_stack([starts, shapes, rows.origin, rows.extent])[order]
    sizes, counts = sizes[order], counts[order]
    on_device = _move(job, table)
    counts_there = _move(job, counts)
    made: dict[str, Any] = {}
    changes = np.flatnonzero((np.diff(sizes, axis=0) != 0).any(axis=1)) + 1
    for begin, end in itertools.pairwise([0, *changes.tolist(), len(sizes)]):
        size = tuple(sizes[begin].tolist())
        n_kernels, n_rows = _batch(job, size, len(bank.sums))
        for first in range(begin, end, n_rows):
            last = min(end, first + n_rows)
            x, centre = _gather(job, flat, on_device[first:last], size, n_axes)
            axes = tuple(range(1, n_axes + 1))
            noise = _rounding(torch, x, axes)
            spectrum = torch.fft.rfftn(x, dim=axes).unsqueeze(1)
            del x
            for k in range(0, len(bank.sums), n_kernels):
                own = slice(k, min(len(bank.sums), k + n_kernels))
                r = slice(own.start // (1 + job.modulus), own.stop // (1 + job.modulus))
                y = torch.fft.irfftn(spectrum * _spectra(job, own, size), s=size, dim=tuple(a + 1 for a in axes))
                state = _pool(job, y, centre, noise, own, r, counts[first:last, r], counts_there[first:last, r])
                del y
                for name, values in state.items():
                    if name not in made:
                        whole = (len(sizes), len(bank.lost), *values.shape[2:])
                        made[name] = torch.empty(whole, dtype=values.dtype, device=job.where)
                    made[name][first:last, r] = values
    states = {}
    for name, values in made.items():
        back = values.cpu().numpy()
        states[name] = np.empty_like(back)
        states[name][order] = back
    states["count"] = np.empty(counts.shape[:2], dtype=np.int64)
    states["count"][order] = counts.prod(axis=2)
    return states


def _move(job: _Job, numbers: np.ndarray) -> Any:
    moved = job.torch.from_numpy(np.array(numbers, order="C"))
    return moved.pin_memory().to(job.where, non_blocking=True) if job.where.type == "cuda" else moved


def _rounding(torch: Any, x: Any, axes: tuple[int, ...]) -> Any:
    """A bound on the rounding of responses to kernels of gain 1: what one sample does is spread least."""
    n = math.prod(x.shape[1:])
    typical = torch.linalg.vector_norm(x, dim=axes, dtype=torch.float64) / math.sqrt(n)
    largest = torch.linalg.vector_norm(x, math.inf, dim=axes, dtype=torch.float64) / math.sqrt(min(x.shape[1:]))
    return torch.finfo(x.dtype).eps * (4 + 2 * math.log2(n)) * torch.maximum(typical, largest)


def _batch(job: _Job, size: tuple[int, ...], n_kernels: int) -> tuple[int, int]:
    """How many kernels and how many rows are transformed at a time."""
    unit = math.prod(size) * (6 * job.dtype.itemsize + 16)  # product, transform and its work space, masks, sums
    step = 1 + job.modulus
    some = min(n_kernels // step, max(1, job.budget // (unit * step))) * step
    return some, max(1, job.budget // (unit * (some + 2)))


def _gather(job: _Job, flat: Any, table: Any, size: tuple[int, ...], n_axes: int) -> tuple[Any, Any]:
    """Rows `(row, *size)`, extended as `pad` says, less their means, then zeros; and the means in float64."""
    torch = job.torch
    start, columns = table[:, 0], table[:, 1:].unflatten(1, (3, n_axes))
    shapes, origins, extents = columns.unbind(1)
    index = start.reshape(-1, *[1] * n_axes)
    held = row = torch.ones_like(index, dtype=torch.bool)
    stride = torch.ones_like(start)
    for axis in reversed(range(n_axes)):
        view = (len(start), *(size[a] if a == axis else 1 for a in range(n_axes)))
        n = shapes[:, axis, None]
        at = torch.arange(size[axis], device=job.where)
        inside = at < extents[:, axis, None]
        source = at + (origins[:, axis, None] - int(job.before[axis]))
        if job.pad in (None, "zero"):
            held = held & (inside & (source >= 0) & (source < n)).view(view)
        row = row & inside.view(view)
        index = index + (_reflected(torch, source, n, job.pad) * stride[:, None]).view(view)
        stride = stride * shapes[:, axis]
    x = flat[index]
    x.masked_fill_(~(held & row), 0)
    centre = x.sum(dim=tuple(range(1, n_axes + 1)), dtype=torch.float64) / extents.prod(dim=1)
    centre = centre.to(x.dtype)
    x -= centre.reshape(-1, *[1] * n_axes)
    x.masked_fill_(~row, 0)
    return x, centre.to(torch.float64)


def _reflected(torch: Any, index: Any, n: Any, pad: str | None) -> Any:
    """Where each index, perhaps outside `0 ... n - 1`, is found inside."""
    if pad == "wrap":
        return index % n
    if pad == "symmetric":
        index = index % (2 * n)
        return torch.where(index < n, index, 2 * n - 1 - index)
    if pad == "reflect":
        period = (2 * (n - 1)).clamp(min=1)
        index = index % period
        return torch.where(index < n, index, period - index)
    return torch.minimum(index.clamp(min=0), n - 1)


def _spectra(job: _Job, own: slice, size: tuple[int, ...]) -> Any:
    """The conjugate spectra of some kernels, which are kept if there is room for all of them."""
    torch, bank = job.torch, job.bank
    key = (size, own.start, own.stop, job.dtype.name, str(job.where), bank.shifts.tobytes())
    kept = job.spectra.get(key)
    if kept is not None:
        return kept
    taps = slice(bank.starts[own.start], bank.starts[own.stop])
    kernel = np.repeat(np.arange(own.stop - own.start), np.diff(bank.starts[own.start : own.stop + 1]))
    at = np.ravel_multi_index((kernel, *bank.places[taps].T), (own.stop - own.start, *size))
    flat = torch.zeros((own.stop - own.start) * math.prod(size), dtype=torch.float64, device=job.where)
    flat[_move(job, at)] = _move(job, bank.weights[taps])
    whole = torch.fft.rfftn(flat.view(-1, *size), dim=tuple(range(1, len(size) + 1)))
    kept = whole.conj().resolve_conj().to(torch.complex64 if job.dtype == np.float32 else torch.complex128)
    need = len(bank.sums) * math.prod(size) * job.dtype.itemsize
    if need <= job.budget // 4:
        if need + sum(one.numel() * one.element_size() for one in job.spectra.values()) > job.budget // 2:
            job.spectra.clear()
        job.spectra[key] = kept
    return kept


def _pool(
    job: _Job, y: Any, centre: Any, noise: Any, own: slice, r: slice, counts: np.ndarray, counts_there: Any
) -> dict[str, Any]:
    """The states, on the device, of responses `(row, kernel, *size)`, each at its first `counts` positions."""
    torch = job.torch
    shift = centre[:, None] * _move(job, job.bank.sums[own])
    top = counts.max(axis=(0, 1)).tolist()
    y = y[(..., *(slice(n) for n in top))].flatten(2)
    if job.modulus:
        y = y.unflatten(1, (-1, 2)) + shift.to(y.dtype).unflatten(1, (-1, 2))[..., None]
        y = y.square_().sum(dim=2).sqrt_()
        shift = torch.zeros_like(shift[:, ::2])
    beyond = None if (counts == top).all() else ~_within(torch, counts_there, top)

    def fill(value: float) -> None:
        if beyond is not None:
            y.masked_fill_(beyond, value)

    state: dict[str, Any] = {"noise": noise[:, None] * _move(job, job.bank.gains[r])}
    fill(-math.inf)
    if "position" in job.want:
        state["max"] = y.amax(dim=-1)
        at = (y >= (state["max"] - state["noise"]).to(y.dtype)[..., None]).to(torch.uint8).argmax(dim=-1)
        state["position"] = torch.stack(
            [at // math.prod(top[axis + 1 :]) % top[axis] for axis in range(len(top))], dim=-1
        )
    elif "max" in job.want:
        state["max"] = y.amax(dim=-1)
    if job.bank.levels is not None:
        levels = _move(job, job.bank.levels[r]) - shift[..., None] + state["noise"][..., None]
        state["above"] = _above(torch, y, levels)
    if "min" in job.want:
        fill(math.inf)
        state["min"] = y.amin(dim=-1)
    for name in state.keys() & {"min", "max"}:
        state[name] = state[name].to(torch.float64) + shift
    if job.want & {"mean", "square"}:
        number = counts_there.prod(dim=2)
        fill(0.0)
        about = (y.sum(dim=-1) / number).to(y.dtype)
        y -= about[..., None]
        fill(0.0)
        rest = y.sum(dim=-1, dtype=torch.float64) / number
        state["mean"] = shift + about.to(torch.float64) + rest
        if "square" in job.want:
            state["square"] = (y.square_().sum(dim=-1, dtype=torch.float64) - number * rest**2).clamp(min=0)
    return state


def _within(torch: Any, counts: Any, top: Sequence[int]) -> Any:
    """Which of the first `top` positions, flat, are among each response's own."""
    n_axes = len(top)
    within = None
    for axis, n in enumerate(top):
        own = torch.arange(n, device=counts.device) < counts[..., axis, None]
        own = own.view(*own.shape[:2], *(n if a == axis else 1 for a in range(n_axes)))
        within = own if within is None else within & own
    return within.flatten(2)  # type: ignore[union-attr]


def _above(torch: Any, y: Any, levels: Any) -> Any:
    """How many of `y` lie above each level, rounded down to what `y` can hold."""
    if not levels.shape[-1]:
        return torch.zeros(levels.shape, dtype=torch.int32, device=y.device)
    low = levels.to(y.dtype)
    low = torch.where(low.to(torch.float64) > levels, torch.nextafter(low, torch.full_like(low, -math.inf)), low)
    return torch.stack([(y > low[..., q, None]).sum(dim=-1, dtype=torch.int32) for q in range(low.shape[-1])], dim=-1)


def _merge(states: dict[str, np.ndarray], rows: _Rows, padded: np.ndarray) -> dict[str, np.ndarray]:
    """Merge the states of each signal's tiles (Chan, Golub and LeVeque, Am. Statistician 37(3), 1983)."""
    n_axes = padded.shape[1]
    if "position" in states:
        states["position"] = states["position"] + rows.origin[:, np.newaxis]
    if len(rows.signal) > len(padded):
        firsts = np.searchsorted(rows.signal, np.arange(len(padded)))
        merged: dict[str, np.ndarray] = {}
        for name in states.keys() & {"count", "above"}:
            merged[name] = np.add.reduceat(states[name], firsts, axis=0, dtype=states[name].dtype)
        if "mean" in states:
            share = states["count"] / merged["count"][rows.signal]
            merged["mean"] = np.add.reduceat(share * states["mean"], firsts, axis=0)
            if "square" in states:
                between = states["count"] * (states["mean"] - merged["mean"][rows.signal]) ** 2
                merged["square"] = np.add.reduceat(states["square"] + between, firsts, axis=0)
        for name, ufunc in (("min", np.minimum), ("max", np.maximum)):
            if name in states:
                merged[name] = ufunc.reduceat(states[name], firsts, axis=0)
        if "position" in states:
            key = np.zeros_like(states["count"])
            for axis in range(n_axes):
                key = key * padded[rows.signal, axis, np.newaxis] + states["position"][..., axis]
            best = states["max"] >= merged["max"][rows.signal] - states["noise"]
            key = np.minimum.reduceat(np.where(best, key, np.iinfo(np.int64).max), firsts, axis=0)
            places = []
            for axis in reversed(range(n_axes)):
                key, at = np.divmod(key, padded[:, axis, np.newaxis])
                places.append(at)
            merged["position"] = np.stack(places[::-1], axis=-1)
        states = merged
    if n_axes == 1 and "position" in states:
        states["position"] = states["position"][..., 0]
    return states
