"""The fold: blocks through a bank into a pool, signal by signal, in threads."""

from __future__ import annotations

import collections
import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import effective_n_jobs

from filterbank.banks import Bank, LinearBank, WindowedBank
from filterbank.errors import InputError
from filterbank.files import SoundReader
from filterbank.fusion import Fused, fuse, pass_costs, vector_note, why_plain
from filterbank.geometry import Geometry
from filterbank.kernels import all_finite, find_device
from filterbank.pools import Pool
from filterbank.pools.base import State
from filterbank.signals import SignalInfo, Signals, as_signal, check_finite, is_tensor

__all__ = ["explain_plan", "fold", "respond", "sample_responses"]

BATCH_SAMPLES = 1 << 20  # samples that are folded together, where signals must be read, padded or cut
BATCH_ON_DEVICE = 1 << 23  # the same, on a torch device
BLOCK = 1 << 20  # positions from which a signal is cut in blocks, where the user doesn't say
BLOCK_OF_FILE = 1 << 17  # and a file that is read piece by piece
FEW = 1 << 15  # samples for which threads aren't looked for, where none were asked for
SHORT = 1 << 11  # samples of signals whose responses are sampled together: a call takes longer than they do
TOGETHER = 1 << 16  # samples that are so at most, of which all responses are held
CHUNK = 16  # files that a thread reads and folds at a time
CHUNK_SAMPLES = 1 << 19  # samples in memory that it does
COPYLESS = 4  # and times as many where the kernel makes no copy of them, so that they cost no memory
LANES = 16  # signals side by side in a kernel: chunks of many are whole multiples of it
CHUNK_NUMBERS = 1 << 18  # and numbers of their states


def fold(
    bank: Bank,
    pool: Pool,
    signals: Signals,
    *,
    n_jobs: int | None = None,
    block_size: int | Sequence[int] | None = None,
    method: str = "auto",
    device: Any = "cpu",
) -> np.ndarray:
    """Return the features of every signal: `finish(merge over blocks of update(bank(block)))`.

    Parameters
    ----------
    bank : Bank
        Prepared (designed) for signals of this kind.
    pool : Pool
        Fitted.
    signals : Signals
    n_jobs : int, optional
        Threads, in joblib's sense. The features don't depend on it, bit for bit.
    block_size : int or sequence of int, optional
        Positions of a block along each axis. The features don't depend on it: bit for bit where the pool is exact, else
        to rounding (1e-10 relative in float64, 1e-4 in float32). It bounds memory: one block's responses at a time.
    method : {"auto", "direct", "fft", "separable", "plain"}
        How responses are evaluated; see `explain_plan`. "fft" and "separable" round otherwise than "direct", so that an
        exact pool may count a position on the other side of a threshold if its response lies within rounding of it.
    device : str or torch.device
        "cpu": the compiled kernels; signals that are all torch tensors are folded by torch where they lie (on the CPU,
        with the methods "auto" and "fft"). "cuda" or "cuda:0": by torch on that GPU. On a torch device responses come
        by Fourier transform, in batches, and only what was pooled comes back; exact pools are as with "fft", and
        `n_jobs` has no meaning.

    Returns
    -------
    array, (signal, feature)
        On the CPU; float32 if every signal is, else float64.

    Raises
    ------
    InputError
        For a signal with NaN, with other channels than the bank was prepared for, or too short; its index is named. For
        a device that isn't there, or on which this bank and pool can't be folded.
    """
    few = n_jobs is None and signals.in_memory and signals.sizes.sum() <= FEW
    n_threads = 1 if few else effective_n_jobs(n_jobs)  # which takes longer than a signal
    where = _torch_device(bank, pool, signals, method, device)
    fused = fuse(bank, pool, method) if where is None else fuse(bank, pool, device=where)

    if fused is None:
        return _fold_all_plainly(bank, pool, signals, n_threads, block_size)
    chunks = _chunks(fused, signals) if where is None else [(0, len(signals))]
    share = n_threads > 1 and len(chunks) >= 2 * n_threads  # else a kernel shares its work among threads

    def some(chunk: tuple[int, int]) -> list[np.ndarray]:
        return list(_fold_fused(fused, bank, pool, signals, *chunk, 1 if share else n_threads, block_size))

    if len(chunks) == 1:
        rows = some(chunks[0])
        return rows[0] if len(rows) == 1 else np.concatenate(rows)
    if not share:
        return _put_together(len(signals), map(some, chunks))
    with ThreadPoolExecutor(n_threads) as threads:
        return _put_together(len(signals), _in_turn(threads, some, chunks, 2 * n_threads))


def explain_plan(
    bank: Bank, pool: Pool, signals: Signals, *, method: str = "auto", device: Any = "cpu"
) -> list[dict[str, Any]]:
    """Say how `fold` would evaluate these signals, and why; reads what lies in files.

    Returns
    -------
    list of dict
        For each method that is taken: `method`, `signals` (how many), `why`, and `vectors` (whether the compiled kernel
        uses explicit vectors, or why not). The method is one of `fold`'s, or "torch on cuda:0", or, where a bank has a
        compiled kernel of its own whose responses the pool then takes, "windows" or "frames".
    """
    where = _torch_device(bank, pool, signals, method, device)
    if where is not None:
        why = f"the signals are tensors on {where}" if str(device) == "cpu" else "it was asked for"
        return [{"method": f"torch on {where}", "signals": len(signals), "why": why, "vectors": "none"}]
    fused = fuse(bank, pool, method)
    if fused is None:
        return _explain_bank(bank, pool, signals, "" if method == "plain" else why_plain(bank, pool, method))
    rows: dict[str, dict[str, Any]] = {}
    for i in range(len(signals)):
        signal = signals[i]
        block = next(iter(_blocks(fused, bank.geometry, signal, i, None))).samples  # the one that `fold` would take
        n = block.shape[-1]
        chosen = fused.method_for(n, signal.dtype)
        row = rows.setdefault(chosen, {"method": chosen, "signals": 0, "why": "", "vectors": vector_note()})
        row["signals"] += 1
        if method != "auto":
            row["why"] = "it was asked for"
        elif chosen == "separable":
            row["why"] = _why_separable(bank)
        elif fused.method != "auto":
            row["why"] = "the pool is exact: sums must have a fixed order"
        else:
            costs = fused.costs(n, signal.dtype)
            row["why"] = (
                f"for blocks of {n} samples about {costs['direct'] / 1e3:.3g} us directly and "
                f"{costs['fft'] / 1e3:.3g} us by Fourier transform"
            )
    return list(rows.values())


def _why_separable(bank: Bank) -> str:
    """What `explain_plan` says of kernels of low rank."""
    if bank.n_axes == 2:
        return "the kernels are sums of few products of one row and one column"
    assert isinstance(bank, LinearBank)
    costs = {name: f"{cost:,.0f} ns" for name, cost in pass_costs(bank).items()}
    return (
        "the kernels are sums of few products of one kernel an axis: for each position about "
        f"{costs['separable']} in passes, {costs['fft']} by Fourier transform and {costs['direct']} directly"
    )


def _explain_bank(bank: Bank, pool: Pool, signals: Signals, reason: str) -> list[dict[str, Any]]:
    """What `explain_plan` says where the bank answers, and the pool takes its responses."""
    rows: dict[str, dict[str, Any]] = {}
    how = getattr(bank, "how", None)
    for i in range(len(signals)):
        name, why = how(_first_block(bank.geometry, signals.axes(i)), exact=pool.exact) if how else ("", "")
        vectors = vector_note() if name else "none"
        why = ": ".join(part for part in (reason or "it was asked for", why) if part)
        row = rows.setdefault(name, {"method": name or "plain", "signals": 0, "why": why, "vectors": vectors})
        row["signals"] += 1
    return list(rows.values())


def _first_block(geometry: Geometry, axes: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of the first block that the plain composition would take."""
    _, block = next(geometry.blocks(np.broadcast_to(np.float32(0), (1, *axes))))
    return block.shape[1:]


def respond(
    bank: Bank, signal: np.ndarray, *, n_jobs: int | None = None, block_size: int | Sequence[int] | None = None
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Return a bank's responses at every position of a signal, and where the positions lie.

    Parameters
    ----------
    bank : Bank
        Prepared; one that isn't is designed for this signal, without a rate.
    signal : array, (*axes) or (channel, *axes)
    n_jobs : int, optional
        Threads, in joblib's sense. The responses don't depend on it, bit for bit.
    block_size : int or sequence of int, optional
        Positions of a block along each axis. The responses don't depend on it, but for rounding. It bounds the memory
        beyond what is returned: one block's responses a thread.

    Returns
    -------
    responses : array, (response, *positions)
        In the order of the bank's `response_table`. Those of filters of unequal sizes are given where all of them fit.
    where : tuple of array
        For each axis, the samples of the signal at which the positions lie.

    Raises
    ------
    InputError
        For a signal with NaN, with other channels than the bank was prepared for, or too short.

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank import FilterBank, respond
    >>> respond(FilterBank([np.ones(3)]), np.array([0.0, 1, 5, 1, 0]))
    (array([[6., 7., 6.]]), (array([1, 2, 3]),))
    """
    array = as_signal(signal, bank.n_axes)
    if not hasattr(bank, "geometry"):
        bank = bank.prepare(SignalInfo(bank.n_axes, len(array), None), np.random.default_rng(0))
    check_signal(array, 0, bank.n_channels_)
    geometry = bank.geometry
    geometry.check(array.shape[1:])
    counts = geometry.positions(array.shape[1:])
    where = places(geometry, (0,) * len(counts), counts)
    n_threads = effective_n_jobs(n_jobs)
    options: dict[str, Any] = {}
    if isinstance(bank, WindowedBank):  # it cuts blocks for itself, and has threads of its own
        options, n_threads = {"n_threads": n_threads}, 1
        if block_size is None:  # but padding copies a block
            rows = BLOCK // math.prod(array.shape[2:]) // geometry.hop[0] if geometry.pad else counts[0]
            block_size = (max(1, rows), *counts[1:])
    blocks = geometry.blocks(array, block_size=block_size)
    first = bank(next(blocks)[1], **options)
    if first.shape[1:] == counts:
        return first, where
    out = np.empty((len(first), *counts), dtype=first.dtype)
    out[(slice(None), *map(slice, first.shape[1:]))] = first

    def fill(one: tuple[tuple[int, ...], np.ndarray]) -> None:
        origin, block = one
        found = bank(block, **options)
        out[(slice(None), *(slice(o, o + n) for o, n in zip(origin, found.shape[1:])))] = found

    if n_threads == 1:
        for one in blocks:
            fill(one)
    else:
        with ThreadPoolExecutor(n_threads) as threads:
            list(threads.map(fill, blocks))
    return out, where


def _torch_device(bank: Bank, pool: Pool, signals: Signals, method: str, device: Any) -> str | None:
    """The torch device on which signals are folded; None: not by torch."""
    asked = find_device(device)
    where = signals.device if asked == "cpu" else asked
    if where is None:
        return None
    reason = why_plain(bank, pool, "torch")
    if where == "cpu":
        return None if reason or method not in ("auto", "fft") else where
    if method not in ("auto", "fft"):
        reason = f"method={method!r} is not for a GPU, which has 'fft' alone"
    if reason:
        do = "Pass device='cpu'." if asked != "cpu" else "Pass the signals as tensor.cpu()."
        raise InputError(f"device={where!r} is not to be had here: {reason}. {do}")
    return where


def _chunks(fused: Fused, signals: Signals) -> list[tuple[int, int]]:
    """Cut signals in chunks that threads fold: so many samples in memory, so many files; never by how many threads."""
    n = len(signals)
    most = max(1, CHUNK_NUMBERS // fused.n_numbers)
    if not signals.in_memory:
        most = min(most, CHUNK)
        return [(i, min(i + most, n)) for i in range(0, n, most)]
    sizes = signals.sizes + fused.n_padded
    most_samples = CHUNK_SAMPLES * (COPYLESS if fused.pads_itself else 1)
    if n <= most and sizes.sum() <= most_samples:
        return [(0, n)]
    ends = np.cumsum(sizes)
    chunks, start = [], 0
    while start < n:
        room = most_samples + (ends[start - 1] if start else 0)
        stop = min(int(np.searchsorted(ends, room, side="right")), start + most)
        if stop < n and stop - start > 4 * LANES:
            stop -= (stop - start) % LANES
        stop = max(stop, start + 1)
        chunks.append((start, stop))
        start = stop
    return chunks


def _in_turn(threads: ThreadPoolExecutor, function: Any, items: Iterable[Any], most: int) -> Iterator[Any]:
    """What `threads.map` gives, with few results waiting: else memory grows where they are made faster than taken."""
    waiting: collections.deque[Future] = collections.deque()
    for item in items:
        waiting.append(threads.submit(function, item))
        if len(waiting) > most:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _put_together(n: int, parts: Iterable[list[np.ndarray]]) -> np.ndarray:
    """The rows of all chunks, in double precision if any is."""
    out: np.ndarray | None = None
    begin = 0
    for rows in itertools.chain.from_iterable(parts):
        if out is None:
            out = np.empty((n, rows.shape[1]), dtype=rows.dtype)
        elif rows.dtype.itemsize > out.itemsize:
            out = np.concatenate([out[:begin].astype(rows.dtype), np.empty((n - begin, out.shape[1]), rows.dtype)])
        out[begin : begin + len(rows)] = rows
        begin += len(rows)
    assert out is not None  # there is at least one signal
    return out


def _fold_fused(
    fused: Fused,
    bank: Bank,
    pool: Pool,
    signals: Signals,
    start: int,
    stop: int,
    n_threads: int,
    block_size: int | Sequence[int] | None,
) -> Iterator[np.ndarray]:
    """Fold signals `start` to `stop`: their blocks through a fused kernel, then each signal's states merged."""
    held = None
    if block_size is None and (bank.geometry.n_axes == 1 or fused.pads_itself or bank.geometry.pad is None):
        held = signals.held(start, stop)
    if held is not None and _fit(held, signals, start, stop, bank):  # perhaps many short ones: little work on each
        n_axes = bank.geometry.n_axes
        ends = [(True, True)] * n_axes
        states, finite, lengths = [], True, None
        if n_axes == 1:
            lengths = (signals.sizes[start:stop] + fused.n_padded) // bank.n_channels_
        for c in range(bank.n_channels_):
            own = (
                held if held[0].ndim == n_axes else held[:, c] if isinstance(held, np.ndarray) else [x[c] for x in held]
            )
            own = own if fused.pads_itself else bank.geometry.padded(own)
            state, seen = fused.run(c, own, ends=ends, whole=True, n_threads=n_threads, lengths=lengths)
            states.append(state)
            finite &= seen
        if not finite:
            for i in range(start, stop):
                check_finite(signals[i], i)
        yield pool.finish(_side_by_side(states)).astype(held[0].dtype, copy=False)
        return
    for batch in _batches(fused, bank, signals, range(start, stop), block_size):
        if not isinstance(batch, list):
            yield pool.finish(_streamed_state(fused, bank, pool, batch, n_threads)).astype(np.float32, copy=False)
            continue
        features = pool.finish(_batch_state(fused, bank, pool, batch, n_threads))
        yield features.astype(_dtype(batch[0].samples), copy=False)


def _fit(held: np.ndarray | list[np.ndarray], signals: Signals, start: int, stop: int, bank: Bank) -> bool:
    """Whether arrays have the bank's channels, and none is too short, or so large that it must be cut."""
    geometry, n_channels = bank.geometry, bank.n_channels_
    if held[0].ndim == geometry.n_axes + 1:
        shapes = {held.shape[1:]} if isinstance(held, np.ndarray) else {array.shape for array in held}
        if {shape[0] for shape in shapes} != {n_channels}:
            return False
    elif n_channels > 1:
        return False
    sizes = signals.sizes[start:stop] // n_channels
    if geometry.n_axes == 1:
        return min(geometry.positions((sizes.min(),))) > 0 and sizes.max() <= BLOCK
    shapes = {array.shape[-geometry.n_axes :] for array in held}
    return sizes.max() <= BLOCK and all(0 not in geometry.positions(shape) for shape in shapes)


def _side_by_side(states: list[State]) -> State:
    """The states of each channel's responses, together."""
    if len(states) == 1:
        return states[0]
    return {name: np.concatenate([state[name] for state in states], axis=1) for name in states[0]}


@dataclass(frozen=True)
class _Block:
    """A block of a signal: which signal, where, and for each axis whether at its ends; or a whole signal, unpadded."""

    signal: int
    origin: tuple[int, ...]
    samples: Any  # array or tensor, (channel, *axes)
    ends: tuple[tuple[bool, bool], ...]
    whole: bool


def _batches(
    fused: Fused, bank: Bank, signals: Signals, indices: range, block_size: int | Sequence[int] | None
) -> Iterator[list[_Block] | Iterator[_Block]]:
    """Read signals, cut them in blocks, and yield the blocks of some whole signals of one dtype at a time.

    Of a sound too long to be held, its blocks are yielded as they are read, by themselves.
    """
    batch: list[_Block] = []
    samples = 0
    room = BATCH_ON_DEVICE if fused.method == "torch" else BATCH_SAMPLES
    for i in indices:
        signal = signals.as_held(i) if fused.method == "torch" else signals.opened(i)
        check_signal(signal, i, bank.n_channels_)
        bank.geometry.check(signal.shape[1:], i)
        if isinstance(signal, SoundReader):
            if batch:
                yield _checked(batch, signals)
            batch, samples = [], 0
            yield _blocks(fused, bank.geometry, signal, i, block_size)
            continue
        size = math.prod(signal.shape)
        if batch and (samples + size > room or _dtype(batch[0].samples) != _dtype(signal)):
            yield _checked(batch, signals)
            batch, samples = [], 0
        batch += _blocks(fused, bank.geometry, signal, i, block_size)
        samples += size
    if batch:
        yield _checked(batch, signals)


def _checked(batch: list[_Block], signals: Signals) -> list[_Block]:
    """The same blocks, once no tensor among them holds NaN or infinity: one look for all of them."""
    tensors = [block.samples for block in batch if is_tensor(block.samples)]
    if tensors and not all_finite(tensors):
        for i in sorted({block.signal for block in batch}):
            check_finite(signals[i], i)
    return batch


def _dtype(samples: Any) -> np.dtype:
    """The dtype of an array, or numpy's for a tensor."""
    return np.dtype(str(samples.dtype).removeprefix("torch."))


def _blocks(
    fused: Fused, geometry: Geometry, signal: Any, i: int, block_size: int | Sequence[int] | None
) -> Iterator[_Block]:
    axes = tuple(signal.shape[1:])
    counts = geometry.positions(axes)
    if block_size is None:
        held = not isinstance(signal, SoundReader)
        fits = fused.takes_any_size or (fused.pads_itself and math.prod(axes) <= BLOCK)
        if held and (fused.method == "torch" or fits):
            samples = signal if is_tensor(signal) else np.ascontiguousarray(signal)
            yield _Block(i, (0,) * len(axes), samples, ((True, True),) * len(axes), True)
            return
        rows = max(1, (BLOCK if held else BLOCK_OF_FILE) // math.prod(axes[1:]))
        block_size = (min(rows, counts[0]), *counts[1:])
    for origin, block in geometry.blocks(signal, block_size=block_size):
        sizes = [n - e + 1 for n, e in zip(block.shape[1:], geometry.extent)]
        ends = tuple((start == 0, start + size == n) for start, size, n in zip(origin, sizes, counts))
        yield _Block(i, origin, block if is_tensor(block) else np.ascontiguousarray(block), ends, False)


def _batch_state(fused: Fused, bank: Bank, pool: Pool, batch: list[_Block], n_threads: int) -> State:
    """Return the states of a batch's signals, with the signals as the first axis."""
    groups = sorted({(block.ends, block.whole) for block in batch})
    found: dict[int, State] = {}
    for ends, whole in groups:
        chosen = [k for k, block in enumerate(batch) if (block.ends, block.whole) == (ends, whole)]
        states = [
            fused.run(c, [batch[k].samples[c] for k in chosen], ends=ends, whole=whole, n_threads=n_threads)[0]
            for c in range(bank.n_channels_)
        ]
        state = _side_by_side(states)
        if "position" in state:
            state["position"] = state["position"] + np.array([batch[k].origin for k in chosen])[:, None, :]
        if len(groups) == 1 and len({batch[k].signal for k in chosen}) == len(batch):
            return state  # each signal is one block
        found |= {k: {name: values[j] for name, values in state.items()} for j, k in enumerate(chosen)}
    by_signal = itertools.groupby(range(len(batch)), key=lambda k: batch[k].signal)
    merged = [functools.reduce(pool.merge, [found[k] for k in own]) for _, own in by_signal]
    return {name: np.stack([state[name] for state in merged]) for name in merged[0]}


def _streamed_state(fused: Fused, bank: Bank, pool: Pool, blocks: Iterator[_Block], n_threads: int) -> State:
    """Return the state of one signal, whose blocks are held a few at a time, as `_batch_state` would."""
    state: State | None = None
    for some in iter(lambda: list(itertools.islice(blocks, n_threads)), []):
        for one in _block_states(fused, bank, some, n_threads):
            state = one if state is None else pool.merge(state, one)
    assert state is not None  # a signal has at least one position
    return {name: values[np.newaxis] for name, values in state.items()}


def _block_states(fused: Fused, bank: Bank, blocks: list[_Block], n_threads: int) -> list[State]:
    """Return the state of each of one signal's blocks; blocks that don't reach its ends go to the kernel together."""
    found = []
    for ends, group in itertools.groupby(blocks, key=lambda block: block.ends):
        chosen = list(group)
        states = [
            fused.run(c, [block.samples[c] for block in chosen], ends=ends, whole=False, n_threads=n_threads)[0]
            for c in range(bank.n_channels_)
        ]
        state = _side_by_side(states)
        if "position" in state:
            state["position"] = state["position"] + np.array([block.origin for block in chosen])[:, None, :]
        found += [{name: values[j] for name, values in state.items()} for j in range(len(chosen))]
    return found


def _fold_all_plainly(
    bank: Bank, pool: Pool, signals: Signals, n_threads: int, block_size: int | Sequence[int] | None
) -> np.ndarray:
    """Fold signals without a fused kernel: threads share the signals, or, where these are few, the blocks of each."""
    n_threads = max(n_threads, 1)
    inner = n_threads if len(signals) < 2 * n_threads else 1

    def one(i: int) -> np.ndarray:
        return _fold_plainly(bank, pool, signals.opened(i), i, inner, block_size)

    if n_threads == 1 or inner > 1:
        return np.stack([one(i) for i in range(len(signals))])
    with ThreadPoolExecutor(n_threads) as threads:
        return np.stack(list(threads.map(one, range(len(signals)))))


def _fold_plainly(
    bank: Bank, pool: Pool, signal: Any, i: int, n_threads: int, block_size: int | Sequence[int] | None
) -> np.ndarray:
    """Fold one signal block by block: the composition that every fused kernel is held to."""
    check_signal(signal, i, bank.n_channels_)
    pool = pool.within(signal.shape[1:])
    populations = _populations(bank, pool)
    states = []
    for index, parts in populations:
        own = pool.take(index) if len(populations) > 1 else pool
        found = []
        for part in parts:
            part.geometry.check(signal.shape[1:], i)
            found.append(_fold_part(part, own, signal, len(index), n_threads, block_size))
        states.append(functools.reduce(own.merge, found))
    order = np.argsort(np.concatenate([index for index, _ in populations]), kind="stable")
    return pool.finish(pool.join(states, order)).astype(signal.dtype)


def _populations(bank: Bank, pool: Pool) -> list[tuple[np.ndarray, list[Bank]]]:
    """Which responses there are, and the parts of the bank that give them: those that give the same are merged."""
    found: dict[bytes, tuple[np.ndarray, list[Bank]]] = {}
    for part, index in bank.parts(joint=pool.joint):
        found.setdefault(index.tobytes(), (index, []))[1].append(part)
    return list(found.values())


def _fold_part(
    part: Bank,
    pool: Pool,
    signal: Any,
    n_responses: int,
    n_threads: int,
    block_size: int | Sequence[int] | None,
) -> State:
    geometry = part.geometry

    def one(cut: tuple[tuple[int, ...], np.ndarray]) -> State:
        origin, block = cut
        responses = part(block, exact=pool.exact)
        where = places(geometry, origin, responses.shape[1:])
        return pool.update(pool.init(n_responses, geometry.n_axes), responses, where)

    blocks = geometry.blocks(signal, block_size=block_size)
    state = pool.init(n_responses, geometry.n_axes)
    if n_threads == 1:
        return functools.reduce(pool.merge, map(one, blocks), state)
    with ThreadPoolExecutor(n_threads) as threads:
        for cuts in iter(lambda: list(itertools.islice(blocks, 2 * n_threads)), []):  # some at a time: bounded memory
            state = functools.reduce(pool.merge, threads.map(one, cuts), state)
    return state


def check_signal(signal: Any, i: int, n_channels: int) -> None:
    """Raise InputError if signal `i` has other channels than were expected, or, in an array, NaN or infinity."""
    if signal.shape[0] != n_channels:
        raise InputError(
            f"signal {i} has {signal.shape[0]} channels, and the first signal of the training set had {n_channels}. "
            "Give all signals the same channels."
        )
    if isinstance(signal, np.ndarray):  # tensors are looked at together, and long files as they are read
        check_finite(signal, i)


def places(geometry: Geometry, origin: Sequence[int], counts: Sequence[int]) -> tuple[np.ndarray, ...]:
    """Return, for each axis, the samples of the signal at which a block's positions lie."""
    return tuple(
        (start + np.arange(count)) * hop + (0 if geometry.pad else before)
        for start, count, hop, (before, _) in zip(origin, counts, geometry.hop, geometry.halo)
    )


def sample_responses(
    bank: Bank, pool: Pool, signals: Signals, *, max_samples: int, rng: np.random.Generator
) -> np.ndarray:
    """Return responses at random positions, as many from each signal if it has them, for a pool to learn from.

    Parameters
    ----------
    bank : Bank
        Prepared.
    pool : Pool
        Its `joint` and `exact` say how the responses are evaluated.
    signals : Signals
    max_samples : int
        Shared evenly among the signals; no position is drawn twice, so a signal with few gives what it has. If there
        are more signals than this, as many of them at random, one position each.
    rng : numpy.random.Generator

    Returns
    -------
    array, (sample, response)
    """
    chosen = np.arange(len(signals))
    if len(chosen) > max_samples:
        chosen = np.sort(rng.choice(len(signals), max_samples, replace=False))
    per_signal = max(1, max_samples // len(chosen))
    populations = _populations(bank, pool)
    order = np.argsort(np.concatenate([index for index, _ in populations]), kind="stable")
    joint = all(len(parts) == 1 and isinstance(parts[0], LinearBank) for _, parts in populations)
    short: list[tuple[np.ndarray, list[np.ndarray]]] = []  # signals, and what was drawn for each population
    filled = 0
    rows = []

    def flush() -> None:
        nonlocal filled
        if short:
            rows.append(_sample_many([parts[0] for _, parts in populations], short)[order].T)
        short.clear()
        filled = 0

    for i in chosen.tolist():
        signal = signals.opened(i)
        check_signal(signal, i, bank.n_channels_)
        for part in (part for _, parts in populations for part in parts):
            part.geometry.check(signal.shape[1:], i)
        sizes = [[math.prod(part.geometry.positions(signal.shape[1:])) for part in parts] for _, parts in populations]
        n = min(per_signal, *map(sum, sizes))
        draws = [np.sort(rng.choice(sum(own), n, replace=False, shuffle=False)) for own in sizes]
        if joint and bank.geometry.n_axes == 1 and isinstance(signal, np.ndarray) and signal.shape[1] <= SHORT:
            if short and (signal.dtype != short[0][0].dtype or filled + signal.size > TOGETHER):
                flush()
            short.append((signal, draws))
            filled += signal.size
            continue
        flush()
        columns = []
        for (_, parts), own, drawn in zip(populations, sizes, draws):
            shares = np.split(drawn, np.searchsorted(drawn, np.cumsum(own)[:-1]))
            starts = np.cumsum([0, *own[:-1]]).tolist()
            some = [
                _sample_part(part, signal, at - start, pool.exact)
                for part, at, start in zip(parts, shares, starts)
                if len(at)
            ]
            columns.append(np.concatenate(some, axis=1))
        rows.append(np.concatenate(columns)[order].T)
    flush()
    return np.concatenate(rows)


def _sample_many(parts: Sequence[Bank], drawn: list[tuple[np.ndarray, list[np.ndarray]]]) -> np.ndarray:
    """The responses of short signals at the positions drawn for each part, (response, position): in one call a part.

    The signals lie one after another. Sums have a fixed order, so that no signal's rounding reaches into the next.
    """
    columns = []
    for k, part in enumerate(parts):
        channels = [part.geometry.padded([signal[c] for signal, _ in drawn]) for c in range(len(drawn[0][0]))]
        begins = np.cumsum([0, *map(len, channels[0][:-1])]).tolist()
        at = np.concatenate([begin + positions[k] for begin, (_, positions) in zip(begins, drawn)])
        columns.append(part(np.stack([np.concatenate(channel) for channel in channels]), exact=True)[:, at])
    return np.concatenate(columns)


def _sample_part(part: Bank, signal: Any, at: np.ndarray, exact: bool) -> np.ndarray:
    """The responses at some positions, counted through all axes, (response, position)."""
    geometry = part.geometry
    counts = geometry.positions(signal.shape[1:])
    drawn = np.unravel_index(at, counts)
    out: np.ndarray | None = None
    for origin, block in geometry.blocks(signal):
        size = [(b - e) // h + 1 for b, e, h in zip(block.shape[1:], geometry.extent, geometry.hop)]
        inside = np.all([(d >= o) & (d < o + s) for d, o, s in zip(drawn, origin, size)], axis=0)
        if not inside.any():
            continue
        responses = part(block, exact=exact)
        if out is None:
            out = np.empty((len(responses), len(at)), dtype=responses.dtype)
        at = np.ravel_multi_index([d[inside] - o for d, o in zip(drawn, origin)], responses.shape[1:])
        out[:, inside] = responses.reshape(len(responses), -1)[:, at]
    assert out is not None  # every drawn position lies in one block
    return out
