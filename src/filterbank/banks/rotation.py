"""Another bank's responses, pooled over orientations: what doesn't change when a picture is turned."""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from filterbank.banks.base import Bank
from filterbank.errors import InputError, invalid
from filterbank.signals import SignalInfo

__all__ = ["RotationPooledBank"]

STATISTICS = ("max", "mean", "fourier")
TURNS = ("orientation", "elevation")


class RotationPooledBank(BaseEstimator):
    """A bank's responses of all orientations, pooled at each position.

    Parameters
    ----------
    bank : Bank
        One whose responses have an `orientation`, such as `GaborBank` with two or three axes. Responses that differ in
        nothing else are pooled together.
    statistic : {"max", "mean", "fourier"}
        "max", "mean": over orientations (and, with three axes, elevations). "fourier": the moduli of the discrete
        Fourier transform over orientations, divided by their number: `orientations // 2 + 1` numbers, which tell how
        strongly responses depend on orientation and forget which one it is. The first is the mean.

    Notes
    -----
    To turn a signal by a step of the bank's orientations moves the responses round in a circle; maximum, mean and
    these moduli stay (but for what turning does to samples). With half a turn of orientations that holds for responses
    that are the same in opposite directions, such as the modulus of a Gabor filter's.
    With elevations, "fourier" is taken at each elevation: it forgets turns about the first axis.

    References
    ----------
    Greenspan et al., CVPR 1994 (Fourier transform over orientations); Varma and Zisserman, Int. J. Computer Vision
    62(1), 2005 (maximum over orientations).

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank import GaborBank, Moments, Representation
    >>> from filterbank.banks import RotationPooledBank
    >>> stripes = np.tile(np.sin(np.arange(64) * np.pi / 2), (64, 1))
    >>> bank = RotationPooledBank(GaborBank(2, n_frequencies=1, orientations=4))
    >>> Representation(bank, Moments(["mean"])).fit_transform([stripes, stripes.T]).round(3)
    array([[0.483],
           [0.483]])
    """

    def __init__(self, bank: Bank, *, statistic: str = "max") -> None:
        self.bank = bank
        self.statistic = statistic

    @property
    def n_axes(self) -> int:
        """The number of axes of the inner bank."""
        return self.bank.n_axes

    def prepare(self, info: SignalInfo, rng: np.random.Generator) -> Self:
        """Return a copy with the inner bank designed.

        Parameters
        ----------
        info : SignalInfo
            Axes, channels and rate of the signals to come.
        rng : numpy.random.Generator

        Raises
        ------
        InputError
            If responses have no orientation, or, for "fourier", these don't lie evenly.
        """
        if self.statistic not in STATISTICS:
            raise invalid("statistic", self.statistic, f"one of {', '.join(STATISTICS)}")
        designed = copy.copy(self)
        designed.bank_ = self.bank.prepare(info, rng)
        designed.n_channels_ = designed.bank_.n_channels_
        designed.geometry = designed.bank_.geometry
        table = designed.bank_.response_table()
        if not all("orientation" in row for row in table):
            raise InputError(f"bank={self.bank!r} has responses without an orientation, and nothing to pool over.")
        turned = TURNS[:1] if self.statistic == "fourier" else TURNS
        groups: dict[tuple[Any, ...], list[int]] = {}
        for i, row in enumerate(table):
            own = {k: v for k, v in row.items() if k not in ("response", "kernel", *turned)}
            groups.setdefault(tuple(own.items()), []).append(i)
        designed._groups = [np.array(group) for group in groups.values()]
        designed._kept = [dict(own) for own in groups]
        if self.statistic == "fourier":
            for group in designed._groups:
                _check_even([table[i]["orientation"] for i in group])
        return designed

    def parts(self, *, joint: bool) -> list[tuple[Bank, np.ndarray]]:
        """Return the bank itself: all responses have the same positions."""
        return [(self, np.arange(len(self.response_table())))]

    def __call__(self, block: np.ndarray, *, exact: bool = False) -> np.ndarray:
        """Pool the inner bank's responses to a block.

        Parameters
        ----------
        block : array, (channel, *axes)
        exact : bool
            Sum in a fixed order, so that the result doesn't depend, bit for bit, on how the signal was cut.

        Returns
        -------
        array, (response, *positions)
        """
        responses = self.bank_(block, exact=exact)
        if np.iscomplexobj(responses):
            raise InputError("the bank's responses are complex. Pass readout='modulus' or 'real' to it.")
        if self.statistic == "max":
            return np.stack([responses[group].max(axis=0) for group in self._groups])
        if self.statistic == "mean":
            return np.stack([_mean(responses[group]) for group in self._groups])
        return np.concatenate([_moduli(responses[group]) for group in self._groups])

    def response_table(self) -> list[dict[str, Any]]:
        """Return a row a response: what the pooled ones have in common, and `rotation_statistic`."""
        rows = []
        many = self.n_channels_ > 1
        for group, own in zip(self._groups, self._kept):
            statistics = [self.statistic]
            if self.statistic == "fourier":
                statistics = [f"fourier{k}" for k in range(len(group) // 2 + 1)]
            for statistic in statistics:
                shown = ("frequency", "sigma", "order", "scale", "cell", "elevation", "window_statistic")
                label = ",".join(f"{k}={_short(own[k])}" for k in shown if k in own)
                name = f"rotation_{statistic}[{label}]"
                response = f"channel{own['channel']}.{name}" if many else name
                rows.append({"response": response, "kernel": name, **own, "rotation_statistic": statistic})
        return rows


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _check_even(angles: list[float]) -> None:
    """Raise InputError unless orientations divide half a turn or a whole one evenly."""
    steps = np.diff([*angles, angles[0] + np.pi]), np.diff([*angles, angles[0] + 2 * np.pi])
    if not any(np.allclose(step, step[0]) for step in steps):
        shown = ", ".join(f"{np.degrees(angle):.4g}" for angle in angles)
        raise InputError(
            f"orientations={shown} degrees don't lie evenly on half a turn or a whole one, and statistic='fourier' "
            "needs that. Pass a number of orientations to the bank, or statistic='max'."
        )


def _mean(responses: np.ndarray) -> np.ndarray:
    total = responses[0].copy()
    for response in responses[1:]:  # in order: the same wherever the signal is cut
        total += response
    return total / responses.dtype.type(len(responses))


def _moduli(responses: np.ndarray) -> np.ndarray:
    """The moduli of the transform over the first axis, half of which say all."""
    n = len(responses)
    out = np.empty((n // 2 + 1, *responses.shape[1:]), responses.dtype)
    for k in range(n // 2 + 1):
        turns = 2 * np.pi * k * np.arange(n) / n
        real, imaginary = (
            sum(weight * response for weight, response in zip(wave.astype(responses.dtype), responses))
            for wave in (np.cos(turns), np.sin(turns))
        )
        out[k] = np.sqrt(real * real + imaginary * imaginary) / responses.dtype.type(n)
    return out
