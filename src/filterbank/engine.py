"""The fold: blocks through a bank into a pool, signal by signal, in threads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs

from filterbank.banks import Bank
from filterbank.errors import InputError
from filterbank.geometry import Geometry
from filterbank.pools import Pool
from filterbank.pools.base import State
from filterbank.signals import Signals, check_finite

__all__ = ["fold", "sample_responses"]


def fold(
    bank: Bank,
    pool: Pool,
    signals: Signals,
    *,
    n_jobs: int | None = None,
    block_size: int | Sequence[int] | None = None,
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
        Threads, in joblib's sense. The features don't depend on it.
    block_size : int or sequence of int, optional
        Positions of a block along each axis. The features don't depend on it: bit for bit where the pool is exact, else
        to rounding (1e-10 relative in float64, 1e-4 in float32). It bounds memory: one block's responses at a time.

    Returns
    -------
    array, (signal, feature)
        float32 if every signal is, else float64.

    Raises
    ------
    InputError
        For a signal with NaN, with other channels than the bank was prepared for, or too short; its index is named.
    """
    parts = bank.parts(joint=pool.joint)
    order = np.argsort(np.concatenate([index for _, index in parts]), kind="stable")
    pools = [pool.take(index) if len(parts) > 1 else pool for _, index in parts]

    def one(i: int) -> np.ndarray:
        signal = signals[i]
        check_signal(signal, i, bank.n_channels_)
        states = [
            _fold_part(part, own, signal, i, len(index), block_size)
            for (part, index), own in zip(parts, pools, strict=True)
        ]
        return pool.finish(pool.join(states, order)).astype(signal.dtype)

    def some(indices: np.ndarray) -> list[np.ndarray]:
        return [one(int(i)) for i in indices]

    n_threads = min(effective_n_jobs(n_jobs), len(signals))
    if n_threads == 1:
        return np.stack(some(np.arange(len(signals))))
    chunks = np.array_split(np.arange(len(signals)), min(len(signals), 8 * n_threads))
    rows = Parallel(n_jobs=n_jobs, require="sharedmem")(delayed(some)(chunk) for chunk in chunks)
    return np.stack([row for chunk in rows for row in chunk])


def _fold_part(
    part: Bank, pool: Pool, signal: np.ndarray, i: int, n_responses: int, block_size: int | Sequence[int] | None
) -> State:
    geometry = part.geometry
    geometry.check(signal.shape[1:], i)
    state = pool.init(n_responses, geometry.n_axes)
    for origin, block in geometry.blocks(signal, block_size=block_size):
        responses = part(block, exact=pool.exact)
        state = pool.update(state, responses, places(geometry, origin, responses.shape[1:]))
    return state


def check_signal(signal: np.ndarray, i: int, n_channels: int) -> None:
    """Raise InputError if signal `i` has other channels than were expected, NaN or infinity."""
    if signal.shape[0] != n_channels:
        raise InputError(
            f"signal {i} has {signal.shape[0]} channels, and the first signal of the training set had {n_channels}. "
            "Give all signals the same channels."
        )
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
    """Return responses at random positions, the same number from each signal, for a pool to learn from.

    Parameters
    ----------
    bank : Bank
        Prepared.
    pool : Pool
        Its `joint` and `exact` say how the responses are evaluated.
    signals : Signals
    max_samples : int
        If there are more signals than this, as many of them at random, one position each.
    rng : numpy.random.Generator

    Returns
    -------
    array, (sample, response)
    """
    chosen = np.arange(len(signals))
    if len(chosen) > max_samples:
        chosen = np.sort(rng.choice(len(signals), max_samples, replace=False))
    per_signal = max(1, max_samples // len(chosen))
    parts = bank.parts(joint=pool.joint)
    order = np.argsort(np.concatenate([index for _, index in parts]), kind="stable")
    rows = []
    for i in chosen.tolist():
        signal = signals[i]
        check_signal(signal, i, bank.n_channels_)
        columns = [_sample_part(part, signal, i, per_signal, pool.exact, rng) for part, _ in parts]
        rows.append(np.concatenate(columns)[order].T)
    return np.concatenate(rows)


def _sample_part(part: Bank, signal: np.ndarray, i: int, n: int, exact: bool, rng: np.random.Generator) -> np.ndarray:
    geometry = part.geometry
    geometry.check(signal.shape[1:], i)
    counts = geometry.positions(signal.shape[1:])
    drawn = np.unravel_index(rng.integers(np.prod(counts), size=n), counts)
    out: np.ndarray | None = None
    for origin, block in geometry.blocks(signal):
        size = [(b - e) // h + 1 for b, e, h in zip(block.shape[1:], geometry.extent, geometry.hop)]
        inside = np.all([(d >= o) & (d < o + s) for d, o, s in zip(drawn, origin, size)], axis=0)
        if not inside.any():
            continue
        responses = part(block, exact=exact)
        if out is None:
            out = np.empty((len(responses), n), dtype=responses.dtype)
        at = np.ravel_multi_index([d[inside] - o for d, o in zip(drawn, origin)], responses.shape[1:])
        out[:, inside] = responses.reshape(len(responses), -1)[:, at]
    assert out is not None  # every drawn position lies in one block
    return out
