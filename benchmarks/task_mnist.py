"""MNIST by networks: the tutorial's, the default one in the same and in twice the time, and a trunk that is kept.

The time is the processor's, of all threads, against that of one epoch of the tutorial's network in plain torch,
measured in the same process. The default network and how it's trained were chosen on 10,000 of the training digits,
held out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from filterbank import ConvNetClassifier
from filterbank.datasets import mnist

__all__ = ["DEMANDS", "Outcome", "outcomes", "run"]

SEEDS = (0, 1, 2)
EPOCHS = (4, 8)
WHAT = (
    "the tutorial's network, 2 epochs",
    "the default network, one such epoch's time",
    "the default network, two such epochs' time",
)
KEPT = "dense layers alone on 5 to 9, one epoch"
ALL = "all layers on 5 to 9, one epoch, from nothing"
DEMANDS = {f"{what}, seed {seed}": score for what, score in zip(WHAT, (0.9805, 0.9960, 0.9972)) for seed in SEEDS}
DEMANDS[KEPT] = 0.982
PEERS = {WHAT[0]: {"torch": 0.9816}, WHAT[1]: {"61,000 weights": 0.9955}, WHAT[2]: {"61,000 weights": 0.9967}}
PEERS = {f"{what}, seed {seed}": own for what, own in PEERS.items() for seed in SEEDS} | {KEPT: {"tutorial": 0.982}}


@dataclass(frozen=True)
class Outcome:
    """What one network reached.

    Parameters
    ----------
    what : str
    right : array of bool, (test digit,)
    seconds : float
        Of the processor, training.
    demand : float, optional
    budget : float, optional
        Seconds that it may take, or that training all layers takes.
    """

    what: str
    right: np.ndarray
    seconds: float
    demand: float | None = None
    budget: float | None = None


def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The official halves: images from 0 to 1, and labels."""
    data = mnist()
    train = data.table["split"].to_numpy() == "train"
    X = np.stack([signal[0] for signal in data.signals]).astype(np.float32)
    return X[train], data.y[train], X[~train], data.y[~train]


def run() -> dict[str, np.ndarray]:
    """Return for each network whether each test digit was told right."""
    return {one.what: one.right for one in outcomes()}


def outcomes(*, epochs: tuple[int, int] = EPOCHS, seeds: tuple[int, ...] = SEEDS) -> Iterator[Outcome]:
    """Train and test each network, one after the other."""
    X, y, X_test, y_test = digits()
    plain = cpu_seconds(lambda: plain_epoch(X, y))
    for seed in seeds:
        for what, network, budget in (
            (WHAT[0], tutorial(2, seed), 0.9 * plain),
            (WHAT[1], default(epochs[0], seed), plain),
            (WHAT[2], default(epochs[1], seed), 2 * plain),
        ):
            seconds = cpu_seconds(lambda network=network: network.fit(X, y))
            right = network.predict(X_test) == y_test
            yield Outcome(f"{what}, seed {seed}", right, seconds, DEMANDS[f"{what}, seed {seed}"], budget)
    yield from kept_trunk(X, y, X_test, y_test)


def tutorial(epochs: int, seed: int, *, batch_size: int = 512) -> ConvNetClassifier:
    return ConvNetClassifier("tutorial", n_axes=2, epochs=epochs, batch_size=batch_size, random_state=seed)


def default(epochs: int, seed: int) -> ConvNetClassifier:
    return ConvNetClassifier(n_axes=2, epochs=epochs, random_state=seed)


def kept_trunk(X: np.ndarray, y: np.ndarray, X_test: np.ndarray, y_test: np.ndarray) -> Iterator[Outcome]:
    """The tutorial's lab: 5 epochs on 0 to 4 in batches of 128; then the dense layers alone learn 5 to 9 in one epoch.

    And all layers of a new network in as many: what the frozen trunk saves.
    """
    low, low_test = y.astype(int) < 5, y_test.astype(int) < 5
    source = tutorial(5, 0, batch_size=128).fit(X[low], y[low])
    made: list[ConvNetClassifier] = []
    seconds = cpu_seconds(lambda: made.append(source.transfer(X[~low], y[~low], epochs=1)))
    whole = tutorial(1, 0, batch_size=128)
    full = cpu_seconds(lambda: whole.fit(X[~low], y[~low]))
    for what, network, took, budget in ((KEPT, made[0], seconds, full), (ALL, whole, full, None)):
        right = network.predict(X_test[~low_test]) == y_test[~low_test]
        yield Outcome(what, right, took, DEMANDS.get(what), budget)


def plain_epoch(X: np.ndarray, y: np.ndarray) -> None:
    from benchmarks.job_convnet import in_torch

    in_torch(X, y, 1)()


def cpu_seconds(job: Callable[[], object]) -> float:
    """Seconds of the processor, all threads of this process together."""
    before = time.process_time()
    job()
    return time.process_time() - before


if __name__ == "__main__":
    from filterbank.evaluate.intervals import interval

    for one in outcomes():
        low, high = interval(one.right)
        at_most = "" if one.budget is None else f" of at most {one.budget:.0f}"
        asked = "" if one.demand is None else f"; to reach {one.demand}"
        score = f"{one.right.mean():.4f} ({low:.4f} to {high:.4f})"
        print(f"MNIST, {one.what}: {score} in {one.seconds:.1f} s{at_most}{asked}", flush=True)
