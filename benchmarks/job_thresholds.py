"""Many thresholds a response: 10,000 float32 signals of 1,000 samples, 9,996 shares of positions above a threshold.

A feature is the share of a response's positions that lie above a threshold, here as in MiniRocket (Dempster, Schmidt
and Webb, KDD 2021). Its 84 kernels have nine taps, three of 2 and six of -1. It spreads 119 thresholds a kernel over
some 25 dilations, so about five a response. The job is to compute as many features from 84 responses, 119 thresholds
each; ours is also run in MiniRocket's own shape, where convolution weighs more. That is shown for information.
"""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Callable
from dataclasses import replace

import numba
import numpy as np

from benchmarks.harness import Contender, Row, absent, assert_agree, race, rows_of, weigh
from filterbank import FilterBank, Proportion, Representation
from filterbank.kernels import direct_pool

AEON, STAND_IN, NUMPY = "aeon MiniRocket", "MiniRocket's algorithm in numba", "numpy: windows @ kernels, searchsorted"
TRIPLES = np.array(list(itertools.combinations(range(9), 3)))
FEATURES = 84 * 119
DEMANDS = {AEON: 2.0, STAND_IN: 2.0}
BOUNDS = """What bounds it: looking up each response value among 119 sorted thresholds, and raising one count, four
fifths of the time: lanes can't share that. With few thresholds a response, as in MiniRocket's own shape,
convolution weighs more, and MiniRocket's sums win, which its kernels share; ours takes any kernels."""


def run(quick: bool) -> list[Row]:
    """Race with one thread and with two."""
    n_signals, n_samples = (6, 200) if quick else (500, 1000)
    X = np.random.default_rng(0).normal(size=(n_signals, n_samples)).astype(np.float32)
    return [row for threads in (1, 2) for row in with_threads_of(threads, X, quick)]


def with_threads_of(threads: int, X: np.ndarray, quick: bool) -> list[Row]:
    scale = 10_000 / len(X)
    kernels = dilated(1)
    levels = np.linspace(0, 1, 121)[1:-1]
    ours = Representation(FilterBank(kernels), Proportion(quantiles=levels), n_jobs=threads, random_state=0).fit(X)
    cuts = {1: np.asarray(ours.pool_.thresholds_)}
    spread = spread_cuts(X.shape[1], cuts[1])
    whole = np.round(8 * X)  # whole numbers: sums are exact in any order
    for plan, what in ((cuts, "84 x 119"), (spread, "MiniRocket's shape")):
        assert_agree(shares(whole, plan), by_hand(whole, plan), tolerance=1e-7, what=what)
    assert_agree(ours.transform(X), shares(X, cuts), tolerance=1e-7, what="Representation.transform")
    assert_agree(with_numpy(whole, cuts[1]), shares(whole, cuts), tolerance=1e-7, what=NUMPY)

    def contender(name: str, do: Callable[[], object], kind: str) -> Contender:
        return Contender(name, do, kind, scale)

    many = [
        contender("Representation.transform", lambda: ours.transform(X), "ours"),
        contender("bare kernel", lambda: shares(X, cuts, threads), "ours"),
    ]
    own = [contender("bare kernel, MiniRocket's shape", lambda: shares(X, spread, threads), "ours")]
    peers = [contender(STAND_IN, lambda: by_hand(X, spread), "handwritten")]
    if threads == 1:
        part = X[: max(1, len(X) // 10)]
        peers.append(Contender(NUMPY, lambda: with_numpy(part, cuts[1]), "handwritten", 10_000 / len(part)))
    rows = []
    if importlib.util.find_spec("aeon"):
        from aeon.transformations.collection.convolution_based import MiniRocket

        rocket = MiniRocket(n_jobs=threads, random_state=0).fit(X[:, np.newaxis])
        peers.insert(0, contender(AEON, lambda: rocket.transform(X[:, np.newaxis]), "library"))
    else:
        rows = [absent("thresholds", AEON, "library", threads=threads, demand=2.0, why="aeon is not installed")]
    if not quick or threads == 2:
        rows.append(
            weigh("thresholds", 20 * len(X), X.shape[1], threads=threads, note=f"transform, {20 * len(X)} series")
        )
    medians = race([*many, *own, *peers], threads=threads, repeats=1 if quick else 7)
    flops = 10_000 * X.shape[1] * 84 * (2 * 9 + np.log2(119))  # taps, and comparisons in a sorted list
    rows = rows_of("thresholds", [*many, *peers], medians, threads=threads, demands=DEMANDS, flops=flops) + rows
    rows += rows_of("thresholds, same shape", [*own, *peers], medians, threads=threads, demands={})
    return [row if row.peer_s is None else replace(row, note=rates(row)) for row in rows]


def heavy(n: int, n_samples: int, threads: int) -> tuple[Callable[[], object], Callable[[], np.ndarray]]:
    """A few series, and many, for `weigh`."""
    X = np.random.default_rng(0).normal(size=(n, n_samples)).astype(np.float32)
    pool = Proportion(quantiles=np.linspace(0, 1, 121)[1:-1])
    ours = Representation(FilterBank(dilated(1)), pool, n_jobs=threads, random_state=0).fit(X[:100])
    return lambda: ours.transform(X[:20]), lambda: ours.transform(X)


def rates(row: Row) -> str:
    """Say the features a second."""
    return (
        " : ".join(f"{10_000 * FEATURES / seconds / 1e6:.1f}" for seconds in (row.ours_s, row.peer_s)) + " Mfeature/s"
    )


def dilated(dilation: int) -> list[np.ndarray]:
    """Return MiniRocket's 84 kernels with zeros between their taps."""
    kernels = np.full((len(TRIPLES), 9), -1.0)
    np.put_along_axis(kernels, TRIPLES, 2.0, axis=1)
    spread = np.zeros((len(TRIPLES), 8 * dilation + 1))
    spread[:, ::dilation] = kernels
    return list(spread[:, ::-1])


def spread_cuts(n_samples: int, cuts: np.ndarray) -> dict[int, np.ndarray]:
    """Share the thresholds out among MiniRocket's dilations, more to the short ones, as it does: `{dilation: cuts}`."""
    highest = np.log2((n_samples - 1) / 8)
    dilations, weights = np.unique(np.logspace(0, highest, 32, base=2).astype(int), return_counts=True)
    counts = weights * cuts.shape[1] // 32
    counts[: cuts.shape[1] - counts.sum()] += 1
    ends = np.cumsum(counts)
    return {d: cuts[:, end - count : end] for d, count, end in zip(dilations.tolist(), counts, ends) if count}


def shares(X: np.ndarray, plan: dict[int, np.ndarray], threads: int = 1) -> np.ndarray:
    """Ours, through the kernel."""
    out = np.empty((len(X), FEATURES), dtype=np.float32)
    at = 0
    for dilation, cuts in plan.items():
        ends = [0] * len(cuts)
        kernels = dilated(dilation)
        for begin in range(0, len(X), 250):  # counts of a batch at a time: memory beside the features stays bounded
            batch = slice(begin, begin + 250)
            state = direct_pool(X[batch], kernels, lo=ends, hi=ends, want=(), thresholds=cuts, n_threads=threads)
            above = state["above"].reshape(len(state["above"]), -1)
            np.multiply(above, 1 / (X.shape[1] - 8 * dilation), out=out[batch, at : at + cuts.size])
        at += cuts.size
    return out


def with_numpy(X: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Written by hand around numpy: all responses of a signal by one product, sorted, then looked up."""
    taps = np.array([kernel[::-1] for kernel in dilated(1)], dtype=X.dtype)
    out = np.empty((len(X), *cuts.shape), dtype=np.float32)
    for i, x in enumerate(X):
        responses = np.sort(taps @ np.lib.stride_tricks.sliding_window_view(x, 9).T, axis=1)
        for r, (response, levels) in enumerate(zip(responses, cuts)):
            out[i, r] = 1 - np.searchsorted(response, levels, side="right") / len(response)
    return out.reshape(len(X), -1)


def by_hand(X: np.ndarray, plan: dict[int, np.ndarray]) -> np.ndarray:
    """MiniRocket's algorithm, without its padding: sums shared among kernels, then one pass a threshold."""
    dilations = np.array(list(plan))
    counts = np.array([cuts.shape[1] for cuts in plan.values()])
    out = np.empty((len(X), FEATURES), dtype=np.float32)
    cuts = np.concatenate([cuts.ravel() for cuts in plan.values()]).astype(X.dtype)
    _by_hand(X, TRIPLES, dilations, counts, cuts, out)
    return out


@numba.njit(fastmath=True, parallel=True, cache=True)
def _by_hand(X, triples, dilations, counts, cuts, out):  # type: ignore[no-untyped-def]
    for s in numba.prange(len(X)):
        x = X[s]
        feature = 0
        negative, triple = np.empty_like(x), 3 * x
        response = np.empty_like(x)
        for d in range(len(dilations)):
            n = len(x) - 8 * dilations[d]
            negative[:n] = 0
            for shift in range(9):
                begin = shift * dilations[d]
                for t in range(n):
                    negative[t] -= x[begin + t]
            for k in range(len(triples)):
                a = triple[triples[k, 0] * dilations[d] :]
                b = triple[triples[k, 1] * dilations[d] :]
                c = triple[triples[k, 2] * dilations[d] :]
                for t in range(n):
                    response[t] = negative[t] + a[t] + b[t] + c[t]
                for _ in range(counts[d]):
                    cut = cuts[feature]
                    above = 0
                    for t in range(n):
                        above += response[t] > cut
                    out[s, feature] = above / n
                    feature += 1
