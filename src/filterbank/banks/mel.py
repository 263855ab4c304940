"""Log-mel bands and mel-frequency cepstra, a frame at each position."""

from __future__ import annotations

import copy
import math
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from filterbank.banks.base import Bank
from filterbank.design.mel import MEL_SCALES, cosines, mel_centres, mel_filters
from filterbank.errors import InputError, invalid
from filterbank.geometry import Geometry
from filterbank.kernels.mel import MelTables, mel_frames, mel_tables
from filterbank.signals import SignalInfo

__all__ = ["MelBank"]

LOGS = ("decibel", "natural", None)
NORMS = ("auto", "area", None)
BLOCK = 1 << 18  # samples of a block: what is kept of them is less than they are
CONVENTIONS: dict[str, dict[str, Any]] = {
    "librosa": {"n_mels": 128, "n_fft": 2048, "hop": 512, "scale": "slaney", "pad": "zero"},
    "torchaudio": {"n_mels": 40, "n_fft": 400, "hop": 200, "scale": "htk", "pad": "reflect"},
}
"""What two libraries take where nothing is said; all else is as `MelBank` has it."""

LEAST_FLOOR = float(np.finfo(np.float32).tiny)


class MelBank(BaseEstimator):
    """The powers of a sound in bands evenly spaced in mel, or their cepstra (MFCC), frame by frame.

    A position is the middle of a frame: sample `p * hop` of the signal with padding, `p * hop + n_fft // 2` without.

    Parameters
    ----------
    n_mels : int
        The number of bands.
    n_fft : int
        Samples of a frame. A power of two of 32 or more has the fast kernel; the values of others are as exact.
    hop : int
        Samples from one frame to the next.
    window : str or tuple
        The window's name as `scipy.signal.get_window` has it; it is periodic.
    window_length : int, optional
        Samples of the window, which lies in the middle of a frame. None: `n_fft`.
    low, high : float
        Hertz: where the first band begins and where the last one ends. `high=None`: half the rate.
    scale : {"slaney", "htk"}
        The mel scale; see `filterbank.design.mel_of_hertz`.
    norm : {"auto", "area", None}
        Whether each triangle has the same area, or (None) the same height of 1. "auto": equal areas on Slaney's scale,
        equal heights on HTK's. So `scale="slaney"` is librosa's convention and `scale="htk"` is torchaudio's.
    power : {1, 2}
        Whether bands add up magnitudes or powers.
    log : {"decibel", "natural", None}
        "decibel" is `10 log10` of powers (`20 log10` of magnitudes) against 1, "natural" the natural logarithm. None
        takes none.
    floor : float
        Bands are raised to this before the logarithm.
    n_mfcc : int, optional
        The number of cepstral coefficients, the orthonormal DCT-II of the logarithms; the responses are these. None:
        the bands themselves.
    pad : {"reflect", "symmetric", "edge", "wrap", "zero"}, optional
        How the signal goes on beyond its ends, where the first and the last frames reach; None: only frames that lie
        within it.

    Notes
    -----
    With "zero" or "reflect" the values are those of librosa with `center=True` and that padding, and with None those
    with `center=False`. Of a signal whose length is a multiple of `hop`, librosa gives one frame more, the middle of
    which lies behind the last sample.
    A limit of decibels below the loudest frame (librosa's and torchaudio's `top_db`) needs the whole recording before
    the first frame is known, so there is none here; a frame's values depend on nothing but its samples, and are the
    same, bit for bit, however a recording is cut into blocks.
    Cost: linear in the number of frames, each `n_fft * log2(n_fft)`.

    References
    ----------
    Davis and Mermelstein, IEEE Transactions on Acoustics, Speech, and Signal Processing 28, 1980. For the scales see
    `filterbank.design.mel_of_hertz`.

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank import MelBank, Moments, Representation, Signals
    >>> t = np.arange(8000) / 8000  # seconds
    >>> signals = Signals.wrap([np.sin(2 * np.pi * f * t) for f in (440, 1760)], rate=8000)
    >>> bands = Representation(MelBank(n_mels=20, n_fft=512, hop=80), Moments(["mean"])).fit(signals)
    >>> loudest = bands.transform(signals).argmax(axis=1)
    >>> bands.feature_table_["frequency"].iloc[loudest].round().tolist()
    [447.0, 1787.0]
    """

    n_axes = 1

    def __init__(
        self,
        *,
        n_mels: int = 40,
        n_fft: int = 512,
        hop: int = 160,
        window: str | tuple[Any, ...] = "hann",
        window_length: int | None = None,
        low: float = 0.0,
        high: float | None = None,
        scale: str = "slaney",
        norm: str | None = "auto",
        power: int = 2,
        log: str | None = "decibel",
        floor: float = 1e-10,
        n_mfcc: int | None = None,
        pad: str | None = "reflect",
    ) -> None:
        self.n_mels = n_mels
        self.n_fft = n_fft
        self.hop = hop
        self.window = window
        self.window_length = window_length
        self.low = low
        self.high = high
        self.scale = scale
        self.norm = norm
        self.power = power
        self.log = log
        self.floor = floor
        self.n_mfcc = n_mfcc
        self.pad = pad

    @classmethod
    def convention(cls, name: str, **parameters: Any) -> Self:
        """Return a bank with the defaults of another library, but for the parameters that are given.

        Parameters
        ----------
        name : {"librosa", "torchaudio"}
            "librosa": `feature.melspectrogram` and `feature.mfcc` (0.11) with `power_to_db(..., ref=1, top_db=None)`.
            "torchaudio": `transforms.MelSpectrogram` and `MFCC` (2.x) with `AmplitudeToDB("power")` without `top_db`;
            but 40 bands, since its 128 in frames of 400 samples leave some without a bin of the transform.
        **parameters
            Of the constructor: `n_mfcc=13` for cepstra, `log=None` for powers.

        Returns
        -------
        MelBank

        Examples
        --------
        >>> MelBank.convention("torchaudio", n_mfcc=13)
        MelBank(hop=200, n_fft=400, n_mfcc=13, scale='htk')
        """
        if name not in CONVENTIONS:
            raise invalid("name", name, f"one of {', '.join(CONVENTIONS)}")
        return cls(**(CONVENTIONS[name] | parameters))

    def prepare(self, info: SignalInfo, rng: np.random.Generator) -> Self:
        """Return a copy that is designed for signals of this rate.

        Parameters
        ----------
        info : SignalInfo
            Axes, channels and rate of the signals to come.
        rng : numpy.random.Generator
            Not used.

        Returns
        -------
        MelBank
            With the attributes `window_` (n_fft,), `filters_` (band, n_fft // 2 + 1), `frequencies_` (band,), the peaks
            of the bands in hertz, and `geometry`.

        Raises
        ------
        InputError
            If the rate is unknown, or a parameter is out of its range.
        """
        if info.n_axes != 1:
            raise InputError(f"MelBank is for signals with 1 axis, and these have {info.n_axes}.")
        if info.rate is None:
            raise InputError(
                "the rate of the signals is unknown, and MelBank needs it, since mel is a scale of hertz. "
                "Pass Signals.wrap(signals, rate=...)."
            )
        self._check()
        n_fft = int(self.n_fft)
        half = info.rate / 2
        high = half if self.high is None else float(self.high)
        if not 0 < high <= half:
            raise invalid(
                "high",
                self.high,
                f"above 0 and at most {half:g} Hz (half the rate)",
                why="it would alias",
                do="Lower it.",
            )
        designed = copy.copy(self)
        designed.n_channels_ = info.n_channels
        designed.window_ = self._window()
        bins = np.arange(n_fft // 2 + 1) * (info.rate / n_fft)
        area = self.norm == "area" or (self.norm == "auto" and self.scale == "slaney")
        low, scale = float(self.low), self.scale
        designed.filters_ = mel_filters(bins, self.n_mels, low=low, high=high, scale=scale, area=area)
        designed.frequencies_ = mel_centres(self.n_mels, low=low, high=high, scale=scale)[1:-1]
        empty = np.flatnonzero(~designed.filters_.any(axis=1))
        if len(empty):
            raise InputError(
                f"n_mels={self.n_mels} is too many for n_fft={n_fft}: the band at "
                f"{designed.frequencies_[empty[0]]:.4g} Hz lies between two frequencies of the transform, "
                f"{info.rate / n_fft:.4g} Hz apart. Lower n_mels, or raise n_fft."
            )
        halo = ((n_fft // 2, n_fft - n_fft // 2 - 1),)
        designed.geometry = Geometry(halo, hop=(int(self.hop),), pad=self.pad, block=BLOCK)
        designed._tables = {}
        return designed

    def _check(self) -> None:
        """Raise InputError for what is out of range whatever the signals are."""
        for name, least in (("n_mels", 1), ("n_fft", 2), ("hop", 1)):
            value = getattr(self, name)
            if value < least or value != int(value):
                raise invalid(name, value, f"a whole number, {least} or more")
        length = self.window_length
        if length is not None and (not 1 <= length <= self.n_fft or length != int(length)):
            raise invalid("window_length", length, f"a whole number from 1 to n_fft={self.n_fft}")
        for name, allowed in (("scale", MEL_SCALES), ("norm", NORMS), ("power", (1, 2)), ("log", LOGS)):
            if getattr(self, name) not in allowed:
                raise invalid(name, getattr(self, name), f"one of {', '.join(map(str, allowed))}")
        if not (math.isfinite(self.floor) and self.floor >= LEAST_FLOOR):
            raise invalid("floor", self.floor, f"a number of at least {LEAST_FLOOR:.3g}", why="it has no logarithm")
        if self.n_mfcc is not None:
            if not 1 <= self.n_mfcc <= self.n_mels or self.n_mfcc != int(self.n_mfcc):
                raise invalid("n_mfcc", self.n_mfcc, f"a whole number from 1 to n_mels={self.n_mels}")
            if self.log is None:
                raise invalid("log", self.log, "'decibel' or 'natural'", why="cepstra are made of logarithms")

    def _window(self) -> np.ndarray:
        """The window in the middle of a frame."""
        n_fft = int(self.n_fft)
        length = n_fft if self.window_length is None else int(self.window_length)
        if self.window == "hann":
            window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
        else:
            from scipy.signal import get_window  # slow to import

            try:
                window = get_window(self.window, length, fftbins=True)
            except (ValueError, TypeError) as error:
                raise invalid("window", self.window, f"a window that SciPy knows ({error})") from None
        before = (n_fft - length) // 2
        return np.pad(window, (before, n_fft - length - before))

    def parts(self, *, joint: bool) -> list[tuple[Bank, np.ndarray]]:
        """Return the bank itself: all responses have the same positions."""
        return [(self, np.arange(len(self.response_table())))]

    def how(self, axes: tuple[int, ...], *, exact: bool) -> tuple[str, str]:
        """Return how a block with these axes is evaluated: by what kernel, and why."""
        return "frames", "frames lie side by side in vector lanes, from the samples to the bands in one pass"

    def __call__(self, block: np.ndarray, *, exact: bool = False) -> np.ndarray:
        """Return the bands, or the cepstra, of every frame of a block.

        Parameters
        ----------
        block : array, (channel, sample)
        exact : bool
            Changes nothing: a frame's values never depend on how the signal was cut.

        Returns
        -------
        array, (channel * band, frame)
        """
        tables = self._tables_for(block.dtype)
        found = [mel_frames(channel, tables, hop=int(self.hop)) for channel in block]
        return found[0] if len(found) == 1 else np.concatenate(found)

    def _tables_for(self, dtype: np.dtype) -> MelTables:
        kept = self._tables.get(str(dtype))
        if kept is None:
            unit = {"decibel": 20 / self.power / math.log(10), "natural": 1.0, None: 0.0}[self.log]
            kept = mel_tables(
                self.window_,
                self.filters_,
                power=self.power,
                floor=self.floor,
                unit=unit,
                mix=None if self.n_mfcc is None else cosines(int(self.n_mfcc), int(self.n_mels)),
                dtype=dtype,
            )
            self._tables[str(dtype)] = kept
        return kept

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__().copy()
        if "_tables" in state:
            state["_tables"] = {}
        return state

    def response_table(self) -> list[dict[str, Any]]:
        """Return a row a response: `response` (its name), `channel`, `kernel`; of bands, `frequency` in hertz."""
        rows: list[dict[str, Any]]
        if self.n_mfcc is None:
            rows = [
                {"kernel": f"mel[frequency={f:.6g}Hz]", "frequency": float(f), "unit": "Hz"} for f in self.frequencies_
            ]
        else:
            rows = [{"kernel": f"mfcc[{k}]", "coefficient": k} for k in range(self.n_mfcc)]
        many = self.n_channels_ > 1
        return [
            {"response": f"channel{c}.{row['kernel']}" if many else row["kernel"], "channel": c, **row}
            for c in range(self.n_channels_)
            for row in rows
        ]
