"""Scattering: wavelets and moduli in a chain, under low-pass windows."""

from __future__ import annotations

import copy
import math
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from filterbank.banks.base import Bank
from filterbank.design import hermite_gaussian, morlet, scattering_wavelets
from filterbank.design.scattering import LOW_PASS
from filterbank.errors import InputError, invalid
from filterbank.geometry import Geometry
from filterbank.kernels.scatter import ScatterPlan, scatter, scatter_directly, spectrum_boxes
from filterbank.kernels.scatter_lanes import LanePlan, lane_plan, lane_size, scatter_in_lanes
from filterbank.signals import SignalInfo

__all__ = ["ScatteringBank"]

BLOCK = 1 << 19  # samples of a block: transforms of these are some megabytes each
KEPT_SIZES = 2  # sizes of blocks of which the wavelets' spectra are kept


class ScatteringBank(BaseEstimator):
    """The scattering transform of orders 0 to 2: what Morlet wavelets see, and what they see in that.

    Order 0 is the signal under a low-pass window of scale `2 ** J`; order 1, for each wavelet, the modulus of its
    response, under that window; order 2, for each wavelet and each of lower frequency, the modulus of the latter's
    response to the modulus of the former's.

    Parameters
    ----------
    n_axes : {1, 2}
    J : int
        Octaves: the coefficients change little where the signal moves by less than `2 ** J` samples.
    L : int
        Orientations over half a turn (two axes).
    Q : int
        Wavelets an octave of the first order (one axis); the second order has one.
    order : {0, 1, 2}
    hop : int, optional
        Samples from one position to the next: a multiple of `2 ** J`, or it with None.
    oversampling : int
        Moduli are kept `2 ** oversampling` times as densely as they would have to be.
    truncate : float
        Where kernels end, in sigmas. Coefficients differ from those of endless wavelets by up to 3e-4 of the largest
        with 4, and by up to 0.01 with 3.
    pad : {"reflect", "symmetric", "edge", "wrap", "zero"}, optional

    Attributes
    ----------
    geometry : Geometry
        That of three banks in a chain: `halo1 + hop1 * halo2 + hop1 * hop2 * halo3`, the widest such sum of all paths.

    Notes
    -----
    The wavelets, their order and their normalisation are those of Kymatio (Andreux et al., JMLR 21(60), 2020), where
    orientations are counted the other way round. As there, a modulus is kept at every `2 ** j`-th
    sample only for a wavelet of octave `j`. Coefficients then differ by up to 0.02 of the largest, on noise, from those
    of moduli at every sample; with `oversampling=1` by 0.002.
    Where the rate is known, frequencies are in hertz. Cost: about `L**2 * J**2 / 2` Fourier transforms of a block with
    two axes, most of them of a fraction of its size.

    References
    ----------
    Mallat, Communications on Pure and Applied Mathematics 65(10), 2012; Bruna and Mallat, IEEE Transactions on Pattern
    Analysis and Machine Intelligence 35(8), 2013 (images); Anden and Mallat, IEEE Transactions on Signal Processing
    62(16), 2014 (sound).

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank import respond
    >>> from filterbank.banks import ScatteringBank
    >>> coefficients, (rows, columns) = respond(ScatteringBank(2, J=2, L=4), np.eye(32))
    >>> coefficients.shape, rows[:3]
    ((25, 8, 8), array([0, 4, 8]))
    """

    _spectra: dict[Any, Any]

    def __init__(
        self,
        n_axes: int = 2,
        *,
        J: int = 3,
        L: int = 8,
        Q: int = 8,
        order: int = 2,
        hop: int | None = None,
        oversampling: int = 0,
        truncate: float = 4.0,
        pad: str | None = "reflect",
    ) -> None:
        self.n_axes = n_axes
        self.J = J
        self.L = L
        self.Q = Q
        self.order = order
        self.hop = hop
        self.oversampling = oversampling
        self.truncate = truncate
        self.pad = pad

    def prepare(self, info: SignalInfo, rng: np.random.Generator) -> Self:
        """Return a copy with its wavelets designed.

        Parameters
        ----------
        info : SignalInfo
            Axes, channels and rate of the signals to come.
        rng : numpy.random.Generator
            Not used.
        """
        if self.n_axes not in (1, 2):
            raise invalid("n_axes", self.n_axes, "1 or 2")
        if info.n_axes != self.n_axes:
            raise InputError(
                f"ScatteringBank was made for {self.n_axes} axes and the signals have {info.n_axes}. "
                f"Pass n_axes={info.n_axes}."
            )
        if self.order not in (0, 1, 2):
            raise invalid("order", self.order, "0, 1 or 2")
        if self.oversampling < 0 or self.oversampling != int(self.oversampling):
            raise invalid("oversampling", self.oversampling, "0 or a positive whole number")
        designed = copy.copy(self)
        designed.n_channels_ = info.n_channels
        designed._rate = info.rate
        scattering_wavelets(self.n_axes, J=self.J, L=self.L, Q=self.Q)  # which checks these
        hop = 2 ** int(self.J) if self.hop is None else self.hop
        if hop < 1 or hop % 2 ** int(self.J):
            raise invalid("hop", self.hop, f"a multiple of 2**J={2 ** int(self.J)} samples, or None")
        designed.geometry = Geometry(designed._make(int(hop)), (int(hop),) * self.n_axes, pad=self.pad, block=BLOCK)
        return designed

    def _make(self, hop: int) -> tuple[tuple[int, int], ...]:
        """Make wavelets and plan, and return the halo."""
        wavelets = scattering_wavelets(self.n_axes, J=self.J, L=self.L, Q=self.Q)
        self.first_ = wavelets if self.order else []
        self.second_ = scattering_wavelets(self.n_axes, J=self.J, L=self.L, Q=1) if self.order == 2 else []
        self.plan_, halo = self._plan(hop)
        self._spectra = {}
        return halo

    def _plan(self, hop: int) -> tuple[ScatterPlan, tuple[tuple[int, int], ...]]:
        d, truncate = self.n_axes, self.truncate
        finest = (1,) * (2 - d)  # along an axis that isn't there

        def steps(octave: int) -> tuple[int, int]:
            return (*finest, *(2 ** max(octave - self.oversampling, 0),) * d)

        def flat(kernel: np.ndarray) -> np.ndarray:
            return kernel.reshape(*finest, *kernel.shape)

        sigma = 2 ** int(self.J) / (2 * math.pi * LOW_PASS) if d == 1 else 0.8 * 2 ** (int(self.J) - 1)
        low_pass = hermite_gaussian(sigma, truncate=truncate)
        paths = [
            (i, [k for k, then in enumerate(self.second_) if then.octave > wavelet.octave])
            for i, wavelet in enumerate(self.first_)
        ]
        first = [flat(morlet(wavelet, d, truncate=truncate)) for wavelet in self.first_]
        second = {
            (steps(self.first_[i].octave), k): flat(
                morlet(self.second_[k], d, truncate=truncate, step=steps(self.first_[i].octave)[1])
            )
            for i, following in paths
            for k in following
        }
        windows = {}
        for octave in sorted({0, *(wavelet.octave for wavelet in (*self.first_, *self.second_))}):
            middle, apart = len(low_pass) // 2, steps(octave)[1]
            sampled = low_pass[middle % apart :: apart] * apart
            windows[steps(octave)] = (np.ones(1) if d == 1 else sampled, sampled)
        # what a position sees: the window, and before it each wavelet of a path, at the step at which it's applied
        reach = np.array([len(windows[steps(0)][axis]) // 2 for axis in (0, 1)])
        for i, following in paths:
            step = steps(self.first_[i].octave)
            own = np.array(first[i].shape) // 2
            window = np.array([len(w) // 2 for w in windows[step]]) * step
            reach = np.maximum(reach, own + window)
            for k in following:
                onward = steps(self.second_[k].octave)
                window = np.array([len(w) // 2 for w in windows[onward]]) * onward
                reach = np.maximum(reach, own + np.array(second[step, k].shape) // 2 * step + window)
        largest = 2 ** int(self.J)
        before = [-(-int(r) // largest) * largest if axis >= 2 - d else 0 for axis, r in enumerate(reach)]
        halo = tuple((b, int(r)) for b, r in zip(before[2 - d :], reach[2 - d :]))
        plan = ScatterPlan(
            first,
            [steps(wavelet.octave) for wavelet in self.first_],
            second,
            [steps(wavelet.octave) for wavelet in self.second_],
            paths,
            windows,
            (before[0], before[1]),
            (*finest, *(hop,) * d),  # type: ignore[arg-type]
        )
        return plan, halo

    def parts(self, *, joint: bool) -> list[tuple[Bank, np.ndarray]]:
        """Return the bank itself: all responses have the same positions."""
        return [(self, np.arange(len(self.response_table())))]

    def __call__(self, block: np.ndarray, *, exact: bool = False) -> np.ndarray:
        """Return the coefficients of a block.

        Parameters
        ----------
        block : array, (channel, *axes)
        exact : bool
            Sum directly in a fixed order, so that the result doesn't depend, bit for bit, on how the signal was cut;
            much slower.

        Returns
        -------
        array, (channel * path, *positions)
        """
        axes = block.shape[1:]
        counts = Geometry(self.geometry.halo, self.geometry.hop).positions(axes)
        shape = (axes[0], axes[1]) if self.n_axes == 2 else (1, axes[0])
        at = (counts[0], counts[1]) if self.n_axes == 2 else (1, counts[0])
        found = []
        spectra = None if exact else self._spectra_for(shape, block.dtype)
        for channel in block.reshape(len(block), *shape):
            if spectra is None:
                found.append(scatter_directly(channel, self.plan_, at))
            elif isinstance(spectra, LanePlan):
                found.append(scatter_in_lanes(channel, spectra, at))
            else:
                found.append(scatter(channel, self.plan_, spectra, at))
        return np.concatenate(found).reshape(-1, *counts)

    def _spectra_for(self, shape: tuple[int, int], dtype: np.dtype) -> LanePlan | dict[Any, Any]:
        size = lane_size(self.plan_, shape, dtype)
        key = (size or shape, str(dtype))
        kept = self._spectra.get(key)
        if kept is None:
            plan = self.plan_
            kept = spectrum_boxes(plan, shape, dtype) if size is None else lane_plan(plan, size, dtype)
            if len(self._spectra) >= KEPT_SIZES:
                self._spectra = {}
            self._spectra[key] = kept
        return kept

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__().copy()
        for name in ("first_", "second_", "plan_", "_spectra"):  # made again from the parameters
            state.pop(name, None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if hasattr(self, "geometry"):
            self._make(self.geometry.hop[0])

    def response_table(self) -> list[dict[str, Any]]:
        """Return a row a response: its order, and the wavelets of its path.

        `frequency`, `orientation` and `octave` are the first wavelet's, with `then_` in front the second's.
        """
        unit = "cycles/sample" if self._rate is None else "Hz"
        many = self.n_channels_ > 1
        own: list[dict[str, Any]] = [{"kernel": "scattering[]", "order": 0}]
        own += [self._row([wavelet]) for wavelet in self.first_]
        own += [self._row([self.first_[i], self.second_[k]]) for i, following in self.plan_.paths for k in following]
        return [
            {
                "response": f"channel{channel}.{row['kernel']}" if many else row["kernel"],
                "channel": channel,
                **row,
                **({"unit": unit} if row["order"] else {}),
            }
            for channel in range(self.n_channels_)
            for row in own
        ]

    def _row(self, path: list[Any]) -> dict[str, Any]:
        row: dict[str, Any] = {"order": len(path)}
        labels = []
        for wavelet, name in zip(path, ("", "then_")):
            frequency = wavelet.frequency * (self._rate or 1.0)
            row |= {f"{name}frequency": frequency, f"{name}octave": wavelet.octave}
            label = f"frequency={frequency:.4g}{'' if self._rate is None else 'Hz'}"
            if self.n_axes == 2:
                row[f"{name}orientation"] = wavelet.orientation
                label += f",orientation={math.degrees(wavelet.orientation):.0f}deg"
            labels.append(label)
        return {"kernel": f"scattering[{';'.join(labels)}]", **row}
