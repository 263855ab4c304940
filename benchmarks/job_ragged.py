"""660 ragged signals of 24 to 36 samples, the tutorial's nine filters, mean, std and max, from a list of arrays."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import numpy as np

from benchmarks.harness import Contender, Row, absent, assert_agree, race, rows_of
from filterbank.kernels import direct_pool
from filterbank.recipes import tutorial_gabor

LOOP, GROUPED, TORCH = "the tutorial's loop over np.convolve", "numpy, grouped by length", "torch, padded and masked"
DEMANDS = {LOOP: 90.0, GROUPED: 5.0, TORCH: 5.0}
OFTEN = 20  # calls in a row of what takes milliseconds
BOUNDS = """What bounds it: a third of `transform`'s time is the compiled loop, 15 ns a response of some 25 positions,
eight signals side by side. The rest is looking at 660 array objects, whose types, sizes and samples lie apart in
memory, and Python that runs once a call. "Warm" is the mean of twenty calls in a row, of each contender; "in turn" is
one call at a time, after a peer has had the caches: then each of 660 arrays comes from memory again, and so does the
code, which costs ours as much once more as the work, and a loop of 90 ms nothing. The rows of the bare kernel show what
the checks and the features' order cost."""


def run(quick: bool) -> list[Row]:
    """Race the public API and the bare kernel, one thread: the work is too little for two."""
    rng = np.random.default_rng(0)
    signals = [rng.normal(size=n) for n in rng.integers(24, 37, 40 if quick else 660)]
    fitted = tutorial_gabor().fit(signals)
    kernels = [k.real.copy() for k in fitted.bank_.kernels_]
    contenders = [
        Contender("tutorial_gabor(), fitted: transform", lambda: fitted.transform(signals), "ours"),
        Contender("tutorial_gabor().fit_transform", lambda: tutorial_gabor().fit_transform(signals), "ours"),
        Contender("bare kernel", lambda: bare(signals, kernels), "ours"),
        Contender(LOOP, lambda: loop(signals, kernels), "handwritten"),
        Contender(GROUPED, lambda: grouped(signals, kernels), "handwritten"),
    ]
    rows = []
    if importlib.util.find_spec("torch"):
        contenders.append(Contender(TORCH, lambda: padded(signals, kernels), "handwritten"))
    else:
        rows = [absent("ragged", TORCH, "handwritten", threads=1, demand=5.0, why="torch is not installed")]
    expected = loop(signals, kernels)
    for contender in contenders:
        assert_agree(contender.run(), expected, tolerance=1e-12, what=contender.name)
    flops = sum(2.0 * len(k) * (len(x) - len(k) + 1) for x in signals for k in kernels)
    repeats = 3 if quick else 15
    for job, some in (("ragged, warm", [in_a_row(one) for one in contenders]), ("ragged, in turn", contenders)):
        medians = race(some, threads=1, repeats=repeats)
        rows += rows_of(job, some, medians, threads=1, demands=DEMANDS, flops=flops)
    return rows


def in_a_row(one: Contender) -> Contender:
    """The same contender, called so often that it has the caches; the loop does so in one call."""
    return one if one.name == LOOP else replace(one, run=lambda: [one.run() for _ in range(OFTEN)], scale=1 / OFTEN)


def bare(signals: list[np.ndarray], kernels: list[np.ndarray]) -> np.ndarray:
    ends = [0] * len(kernels)
    state = direct_pool(signals, kernels, lo=ends, hi=ends, want=("mean", "square", "max"))
    std = np.sqrt(state["square"] / state["count"])
    return np.stack([state["mean"], std, state["max"]], axis=2).reshape(len(signals), -1)


def loop(signals: list[np.ndarray], kernels: list[np.ndarray]) -> np.ndarray:
    return np.array(
        [[g(np.convolve(x, k, "valid")) for k in kernels for g in (np.mean, np.std, np.max)] for x in signals]
    )


def grouped(signals: list[np.ndarray], kernels: list[np.ndarray]) -> np.ndarray:
    lengths = np.array([len(x) for x in signals])
    out = np.empty((len(signals), len(kernels), 3))
    for n in np.unique(lengths):
        rows = np.flatnonzero(lengths == n)
        X = np.stack([signals[i] for i in rows])
        for size in {len(k) for k in kernels}:
            columns = [r for r, k in enumerate(kernels) if len(k) == size]
            W = np.stack([kernels[r][::-1] for r in columns], axis=1)
            Y = np.lib.stride_tricks.sliding_window_view(X, size, axis=1) @ W
            at = np.ix_(rows, columns)
            out[at] = np.stack([Y.mean(axis=1), Y.std(axis=1), Y.max(axis=1)], axis=2)
    return out.reshape(len(signals), -1)


def padded(signals: list[np.ndarray], kernels: list[np.ndarray]) -> np.ndarray:
    import torch

    lengths = torch.tensor([len(x) for x in signals])
    X = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(x) for x in signals], batch_first=True)[:, None]
    out = torch.empty(len(signals), len(kernels), 3, dtype=torch.float64)
    for size in {len(k) for k in kernels}:
        columns = [r for r, k in enumerate(kernels) if len(k) == size]
        W = torch.from_numpy(np.stack([kernels[r][::-1].copy() for r in columns]))[:, None]
        Y = torch.nn.functional.conv1d(X, W)
        counts = (lengths - size + 1)[:, None, None]
        inside = torch.arange(Y.shape[2])[None, None] < counts
        mean = (Y * inside).sum(2, keepdim=True) / counts
        std = (((Y - mean) * inside).square().sum(2, keepdim=True) / counts).sqrt()
        most = Y.masked_fill(~inside, -torch.inf).amax(2, keepdim=True)
        out[:, columns] = torch.cat([mean, std, most], dim=2)
    return out.reshape(len(signals), -1).numpy()
