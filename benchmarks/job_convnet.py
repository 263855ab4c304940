"""Training the 2017 tutorial's network for an epoch of 28 x 28 images: ours against plain torch in float32."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import numpy as np

from benchmarks.harness import Contender, Row, absent, race, rows_of

__all__ = ["run"]

PEER = "torch, eager, float32"
DEMANDS = {PEER: 1 / 0.45}
JOB = "an epoch of the tutorial's network"


def run(quick: bool) -> list[Row]:
    """Race with one thread and with two; what either learns must agree."""
    if not importlib.util.find_spec("torch"):
        return [
            absent(JOB, PEER, "library", threads=threads, demand=DEMANDS[PEER], why="it isn't installed")
            for threads in (1, 2)
        ]
    rng = np.random.default_rng(0)
    n = 128 if quick else 4096
    y = rng.integers(0, 10, n)
    X = (rng.random((n, 28, 28)) * 0.3).astype(np.float32)
    for i, label in enumerate(y):  # something to learn: a bar whose place tells the class
        X[i, 2 * label + 2 : 2 * label + 5, 4:24] += 0.7
    rows: list[Row] = []
    for threads in (1, 2):
        plain, epoch = in_torch(X, y, threads), ours(X, y, threads)
        contenders = [Contender("ConvNetClassifier", epoch, "ours"), Contender(PEER, plain, "library")]
        if not quick:
            losses = [[run() for _ in range(4)][-1] for run in (plain, epoch)]  # both must learn to tell the bars
            assert max(losses) < 0.5, f"the mean losses of the fourth epoch are {losses}"
        medians = race(contenders, threads=threads, repeats=2 if quick else 3)
        rows += rows_of(JOB, contenders, medians, threads=threads, demands=DEMANDS)
    return rows


def ours(X: np.ndarray, y: np.ndarray, threads: int) -> Callable[[], float]:
    from filterbank import ConvNetClassifier, Signals

    network = ConvNetClassifier("tutorial", random_state=0, n_jobs=threads)
    signals = Signals.wrap(X, n_axes=2)

    def epoch() -> float:
        network.partial_fit(signals, y, classes=np.arange(10))
        return float(network.history_["loss"].iloc[-1])

    return epoch


def in_torch(X: np.ndarray, y: np.ndarray, threads: int) -> Callable[[], float]:
    """The tutorial's network as anyone would write it."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(32 * 144, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3, eps=1e-7)
    images, labels = torch.from_numpy(X)[:, None], torch.from_numpy(y)
    generator = torch.Generator().manual_seed(0)

    def epoch() -> float:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        total = 0.0
        for index in torch.randperm(len(y), generator=generator).split(512):
            optimiser.zero_grad()
            loss = nn.functional.cross_entropy(network(images[index]), labels[index])
            loss.backward()
            optimiser.step()
            total += float(loss.detach()) * len(index)
        torch.set_num_threads(before)
        return total / len(y)

    return epoch
