"""The UCR archive: 39 sets of series of one length, official split, all recipes for series side by side.

What the recipe `views` is made of was chosen by cross-validation inside the training halves; front, weights and penalty
are chosen inside the training half of each set.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from filterbank.datasets import ucr, ucr_names
from filterbank.least_squares import LeastSquaresSVC
from filterbank.recipes import views
from filterbank.signals import Dataset

__all__ = ["DEMANDS", "PEERS", "mean_accuracy", "run", "sets"]

PEERS = {
    "mean of the sets": {"MiniRocket": 0.8704, "QUANT": 0.8620, "catch24 and forest": 0.8013, "MR-Hydra": 0.8800},
}
DEMANDS = {"mean of the sets": 0.8704}
EXCLUDED = (  # unequal lengths, or missing samples
    "AllGestureWiimoteX",
    "AllGestureWiimoteZ",
    "DodgerLoopDay",
    "DodgerLoopWeekend",
    "GestureMidAirD1",
    "GestureMidAirD3",
    "GesturePebbleZ2",
    "PLAID",
    "PickupGestureWiimoteZ",
    "ShakeGestureWiimoteZ",
)


def sets() -> list[str]:
    """Return the names of the sets on this machine that the peers' mean is over."""
    return [name for name in ucr_names() if name not in EXCLUDED]


def told(dataset: Dataset) -> np.ndarray:
    """Return whether each series of the official test half is told right."""
    train = np.flatnonzero((dataset.table["split"] == "train").to_numpy())
    test = np.flatnonzero((dataset.table["split"] == "test").to_numpy())
    seen, unseen, y = dataset.signals[train], dataset.signals[test], dataset.y
    representation = views().fit(seen, y[train])
    model = LeastSquaresSVC().fit(representation.transform(seen), y[train])
    return model.predict(representation.transform(unseen)) == y[test]


def run(names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Return whether each test series is told right, set by set."""
    return {name: told(ucr(name)) for name in (sets() if names is None else names)}


def mean_accuracy(found: dict[str, np.ndarray]) -> tuple[float, float, float]:
    """Return the mean accuracy over sets, and its 95 % interval from binomial errors within the sets alone."""
    shares = np.array([right.mean() for right in found.values()])
    errors = np.array([right.var() / len(right) for right in found.values()])
    reach = 1.96 * np.sqrt(errors.sum()) / len(shares)
    return float(shares.mean()), float(shares.mean() - reach), float(shares.mean() + reach)


def main() -> None:
    """Print each set and the mean."""
    found = {}
    for name in sets():
        began = time.process_time()
        found |= run([name])
        print(f"{name:35} {found[name].mean():.4f} {time.process_time() - began:6.1f} s", flush=True)
    mean, low, high = mean_accuracy(found)
    print(f"mean of {len(found)} sets: {mean:.4f} ({low:.4f} to {high:.4f})")
    print("others:", ", ".join(f"{name} {score:.4f}" for name, score in PEERS["mean of the sets"].items()))


if __name__ == "__main__":
    main()
