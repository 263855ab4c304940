"""What a network has learned: its filters beside Gabor filters, and the places in signals that excite them most."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from filterbank.convnet.bank import filters_of
from filterbank.convnet.classifier import ConvNetClassifier
from filterbank.engine import respond
from filterbank.errors import InputError, invalid
from filterbank.signals import Signals

__all__ = ["Exciting", "fit_gabor", "learned_filters", "most_exciting"]


@dataclass(frozen=True)
class Exciting:
    """The place in a set of signals that excites a filter most.

    Parameters
    ----------
    filter : int
    signal : int
        Which signal.
    where : tuple of int
        The sample of the signal on which the filter is centred.
    response : float
    patch : array
        What the filter saw there, `(channel, *axes)`.
    """

    filter: int
    signal: int
    where: tuple[int, ...]
    response: float
    patch: np.ndarray


def learned_filters(network: ConvNetClassifier, layer: str = "conv1") -> np.ndarray:
    """Return the filters of a convolution, `(filter, input, *size)`, as they lie on a signal from left to right.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(8, 30))
    >>> network = ConvNetClassifier("conv 5x4, relu, global-max", epochs=1, random_state=0).fit(X, np.arange(8) % 2)
    >>> learned_filters(network).shape
    (4, 1, 5)
    """
    return filters_of(network, layer)[1]


def most_exciting(network: ConvNetClassifier, signals: Any, *, layer: str = "conv1", n: int = 1) -> list[Exciting]:
    """Return, for each filter of a layer, the places that excite it most, each in another signal.

    Parameters
    ----------
    network : ConvNetClassifier
        Fitted.
    signals : array, list of array, or Signals
    layer : str
        Any that answers at positions.
    n : int
        Places a filter, the most exciting first.

    Raises
    ------
    InputError
        If there are fewer signals than `n`.
    """
    held = Signals.wrap(signals, n_axes=network.n_axes_)
    if not 1 <= n <= len(held):
        raise invalid("n", n, f"from 1 to the number of signals, {len(held)}")
    bank = network.as_bank(layer).prepare(held.info, np.random.default_rng(0))
    found: list[list[Exciting]] = [[] for _ in bank.response_table()]
    extent = bank.geometry.extent
    for i in range(len(held)):
        signal = held[i]
        local, where = respond(bank, signal)
        flat = local.reshape(len(local), -1)
        for k, at in enumerate(flat.argmax(axis=1).tolist()):
            position = np.unravel_index(at, local.shape[1:])
            start = [int(p) * hop for p, hop in zip(position, bank.geometry.hop)]
            patch = signal[(slice(None), *(slice(s, s + e) for s, e in zip(start, extent)))]
            place = tuple(int(axis[p]) for axis, p in zip(where, position))
            found[k].append(Exciting(k, i, place, float(flat[k, at]), np.array(patch)))
    return [one for own in found for one in sorted(own, key=lambda e: (-e.response, e.signal))[:n]]


def fit_gabor(filters: np.ndarray, *, n_random: int = 64, random_state: int = 0) -> pd.DataFrame:
    """Fit a Gabor function to each filter, and to random filters of the same size: does anything fit?

    The function is a wave of any frequency, direction and phase under a round Gaussian of any width and place. Small
    filters have few numbers, which it fits whatever they are: a filter resembles a Gabor function as far as its
    residual is below those of random filters.

    Parameters
    ----------
    filters : array, (filter, samples) or (filter, rows, columns)
        See `learned_filters`, whose inputs are to be taken one by one.
    n_random : int
        Filters of white noise that are fitted for comparison.
    random_state : int

    Returns
    -------
    DataFrame
        A row a filter: `residual` (the share of its energy that is not fitted, 0 to 1), `rank` (the share of random
        filters that are fitted at least as well), `frequency` (cycles/sample), `orientation` (radians, 2-D), `sigma`
        (samples).

    Examples
    --------
    >>> t = np.arange(-10, 11)
    >>> kernel = np.exp(-(t**2) / 18) * np.cos(2 * np.pi * 0.15 * t + 1)
    >>> row = fit_gabor(kernel[None], n_random=16).iloc[0]
    >>> print(f"{row['frequency']:.3f} {row['sigma']:.2f} {row['residual']:.3f}")
    0.150 3.00 0.000
    """
    filters = np.asarray(filters, dtype=np.float64)
    if filters.ndim not in (2, 3) or not filters.size:
        raise InputError(f"filters have shape {filters.shape}, which is not (filter, size) or (filter, rows, columns).")
    size = filters.shape[1:]
    noise = np.random.default_rng(random_state).normal(size=(n_random, *size))
    starts = _starts(size)
    chance = np.array([_fit_one(one, starts)["residual"] for one in noise])
    rows = []
    for i, one in enumerate(filters):
        row = _fit_one(one, starts)
        rows.append({"filter": i, **row, "rank": float(np.mean(chance <= row["residual"])) if n_random else np.nan})
    return pd.DataFrame(rows)


def _starts(size: tuple[int, ...]) -> list[np.ndarray]:
    """Parameters to start from: frequency along each axis, width, place."""
    frequencies = np.array([0.02, 0.08, 0.16, 0.24, 0.32, 0.42])
    widths = [w for w in (0.6, 1.2, 2.5, 5.0, 10.0) if w <= max(size)] or [0.6]
    middle = [(n - 1) / 2 for n in size]
    waves: list[tuple[float, ...]] = [(f,) for f in frequencies]
    if len(size) == 2:
        angles = np.arange(8) * np.pi / 8
        waves = [(f * np.sin(a), f * np.cos(a)) for f, a in itertools.product(frequencies, angles)]
    return [np.array([*wave, np.log(width), *middle]) for wave, width in itertools.product(waves, widths)]


def _fit_one(kernel: np.ndarray, starts: list[np.ndarray]) -> dict[str, float]:
    from scipy.optimize import least_squares

    energy = float((kernel**2).sum())
    n_axes = kernel.ndim
    if energy == 0:
        return {"residual": 0.0, "frequency": 0.0, "orientation": 0.0, "sigma": np.nan}
    at = np.stack([axis.ravel() for axis in np.meshgrid(*map(np.arange, kernel.shape), indexing="ij")]).astype(float)
    wanted = kernel.ravel() / np.sqrt(energy)

    def rest(parameters: np.ndarray) -> np.ndarray:
        wave, width, place = parameters[:n_axes], np.exp(parameters[n_axes]), parameters[n_axes + 1 :]
        moved = at - place[:, None]
        envelope = np.exp(-(moved**2).sum(axis=0) / (2 * width**2))
        phase = 2 * np.pi * (wave @ moved)
        basis = np.stack([envelope * np.cos(phase), envelope * np.sin(phase)], axis=1)
        basis, _ = np.linalg.qr(basis + 1e-12)  # amplitude and phase follow from the other parameters
        return wanted - basis @ (basis.T @ wanted)

    best = sorted(starts, key=lambda start: float((rest(start) ** 2).sum()))[:4]
    low = [-0.5] * n_axes + [np.log(0.3)] + [-1.0] * n_axes
    high = [0.5] * n_axes + [np.log(4.0 * max(kernel.shape))] + [float(n) for n in kernel.shape]
    fits = [least_squares(rest, start, bounds=(low, high)) for start in best]
    fit = min(fits, key=lambda one: one.cost)
    wave = fit.x[:n_axes]
    return {
        "residual": float(2 * fit.cost),
        "frequency": float(np.sqrt((wave**2).sum())),
        "orientation": float(np.arctan2(wave[0], wave[1]) % np.pi) if n_axes == 2 else 0.0,
        "sigma": float(np.exp(fit.x[n_axes])),
    }
