"""Signals made by formula: harmonics, waves, chirps, coloured noise, wandering periods, an account, notes and beats."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from filterbank.errors import InputError, invalid
from filterbank.output import Audio, atomic, check_writable
from filterbank.spectrum import fourier_series
from filterbank.spectrum.fourier import WAVES
from filterbank.spectrum.inputs import check_rate, frequency_unit

__all__ = [
    "PAYMENTS",
    "TIMBRES",
    "Account",
    "Sound",
    "beats",
    "chirp",
    "chord",
    "coloured_noise",
    "harmonics",
    "melody",
    "note",
    "note_frequency",
    "quasi_periodic",
    "transactions",
    "wave",
]

STEPS = {"C": -9, "D": -7, "E": -5, "F": -4, "G": -2, "A": 0, "B": 2}  # semitones from A, in one octave
TIMBRES: dict[str, tuple[float, ...]] = {
    "pure": (1.0,),
    "organ": (1.0, 0.5, 0.35, 0.25, 0.1, 0.15),
    "string": tuple(1 / k for k in range(1, 13)),
    "clarinet": tuple(1 / k if k % 2 else 0.0 for k in range(1, 14)),
}
"""Amplitudes of the harmonics of a note, the fundamental first."""

PAYMENTS: dict[str, tuple[float, float, int]] = {
    "salary": (2600.0, 30.0, 2),
    "rent": (-950.0, 30.0, 4),
    "shopping": (-110.0, 7.0, 5),
}
"""An account's regular payments: amount, days from one to the next, day of the first."""


def harmonics(
    n: int,
    frequencies: ArrayLike,
    *,
    amplitudes: ArrayLike = 1.0,
    phases: ArrayLike = 0.0,
    rate: float | None = None,
) -> np.ndarray:
    """Return a sum of sinusoids.

    Parameters
    ----------
    n : int
        Samples.
    frequencies : float or array
        Hertz if `rate` is given, else cycles/sample; below half the rate.
    amplitudes, phases : float or array
        Of each; phases in radians of the sine at the first sample.
    rate : float, optional
        Samples per second.

    Returns
    -------
    array, (n,)

    Examples
    --------
    >>> harmonics(8, [1, 2], amplitudes=[1, 0.5], rate=8).round(3).tolist()
    [0.0, 1.207, 1.0, 0.207, 0.0, -0.207, -1.0, -1.207]
    """
    t, rate = _times(n, rate)
    f, a, p = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(v, np.float64)) for v in (frequencies, amplitudes, phases))
    )
    out = np.zeros(len(t))
    for frequency, amplitude, phase in zip(f.tolist(), a.tolist(), p.tolist()):
        _below(frequency, rate, name="frequencies")
        out += amplitude * np.sin(2 * np.pi * frequency * t + phase)
    return out


def wave(
    n: int,
    frequency: float,
    *,
    shape: str = "square",
    rate: float | None = None,
    phase: float = 0.0,
    band_limited: bool = False,
) -> np.ndarray:
    """Return a square wave, a saw-tooth or a triangle between -1 and 1.

    Parameters
    ----------
    n : int
        Samples.
    frequency : float
        Hertz if `rate` is given, else cycles/sample; below half the rate.
    shape : {"square", "sawtooth", "triangle"}
    rate : float, optional
        Samples per second.
    phase : float
        Radians at the first sample; at 0 it begins like a sine.
    band_limited : bool
        Whether to sum its Fourier series below half the rate, rather than to sample the wave: what is above would
        alias, and be heard as other tones. The sum overshoots at jumps, by 9 % of them (Gibbs).

    Returns
    -------
    array, (n,)

    Examples
    --------
    >>> wave(8, 0.25).tolist()
    [1.0, 1.0, -1.0, -1.0, 1.0, 1.0, -1.0, -1.0]
    """
    if shape not in WAVES:
        raise invalid("shape", shape, f"one of {', '.join(WAVES)}")
    t, rate = _times(n, rate)
    _below(frequency, rate, least=0.0)
    turns = frequency * t + phase / (2 * np.pi)
    if not band_limited:
        return np.asarray(WAVES[shape][0](turns), dtype=np.float64)
    n_terms = int(np.ceil((rate or 1.0) / 2 / frequency - 1e-9)) - 1
    if n_terms == 0:
        raise invalid("frequency", frequency, "below half the rate", why="so that the wave has no term at all")
    return fourier_series(shape, n_terms)(turns)


def chirp(n: int, first: float, last: float, *, kind: str = "linear", rate: float | None = None) -> np.ndarray:
    """Return a sine whose frequency goes from one value to another.

    Parameters
    ----------
    n : int
        Samples.
    first, last : float
        The frequency at the first and behind the last sample; hertz if `rate` is given, else cycles/sample.
    kind : {"linear", "exponential"}
        Whether equal times add to the frequency, or multiply it.
    rate : float, optional
        Samples per second.

    Returns
    -------
    array, (n,)

    Examples
    --------
    >>> chirp(5, 0, 0.5).round(3).tolist()
    [0.0, 0.309, 0.951, 0.309, -0.951]
    """
    t, rate = _times(n, rate)
    for name, value in (("first", first), ("last", last)):
        _below(value, rate, name=name)
    duration = n / (rate or 1.0)
    if kind == "linear":
        turns = first * t + (last - first) / (2 * duration) * t * t
    elif kind == "exponential":
        if first <= 0 or last <= 0:
            raise invalid(
                "first" if first <= 0 else "last", min(first, last), "positive, which an exponential chirp needs"
            )
        growth = np.log(last / first) / duration
        turns = first * t if growth == 0 else first * np.expm1(growth * t) / growth
    else:
        raise invalid("kind", kind, "'linear' or 'exponential'")
    return np.sin(2 * np.pi * turns)


def coloured_noise(n: int, exponent: float, *, random_state: int | np.random.Generator | None = None) -> np.ndarray:
    """Return Gaussian noise whose density falls with frequency as `1 / f^exponent`.

    Parameters
    ----------
    n : int
        Samples, 2 or more.
    exponent : float
        0 white, 1 pink, 2 red (Brownian), -1 blue.
    random_state : int or Generator, optional

    Returns
    -------
    array, (n,)
        Of mean 0 and standard deviation 1. It's periodic in `n`: take a part of longer noise where that matters.

    References
    ----------
    Timmer and König, "On generating power law noise", Astronomy and Astrophysics 300, 1995 (amplitudes are drawn, too).

    Examples
    --------
    >>> coloured_noise(1000, 1, random_state=0).std().round(6)
    np.float64(1.0)
    """
    _whole("n", n, 2)
    if not np.isfinite(exponent):
        raise invalid("exponent", exponent, "a finite number")
    rng = np.random.default_rng(random_state)
    size = n + n % 2 if n > 2 else 4
    f = np.fft.rfftfreq(size)[1:]
    z = np.concatenate([[0], (rng.normal(size=len(f)) + 1j * rng.normal(size=len(f))) * f ** (-exponent / 2)])
    z[-1] = z[-1].real * np.sqrt(2)
    x = np.fft.irfft(z, size)[:n]
    x -= x.mean()
    return x / x.std()


def quasi_periodic(
    n: int,
    period: float,
    *,
    jitter: float = 0.05,
    amplitude_jitter: float = 0.0,
    shape: str = "sine",
    rate: float | None = None,
    random_state: int | np.random.Generator | None = None,
) -> np.ndarray:
    """Return cycles of unequal length and height: nearly periodic, as heartbeats, sunspots and voices are.

    Parameters
    ----------
    n : int
        Samples.
    period : float
        The mean length of a cycle: seconds if `rate` is given, else samples; two samples or more.
    jitter : float
        Standard deviation of the cycles' lengths, as a part of the period, below 0.3. Cycles are independent, so the
        phase wanders and the spectrum's peak widens.
    amplitude_jitter : float
        The same of their heights.
    shape : {"sine", "square", "sawtooth", "triangle"}
    rate : float, optional
        Samples per second.
    random_state : int or Generator, optional

    Returns
    -------
    array, (n,)

    Examples
    --------
    >>> x = quasi_periodic(1000, 50, jitter=0.1, random_state=0)
    >>> int(((x[:-1] < 0) & (x[1:] >= 0)).sum())  # cycles, of 50 samples on average
    20
    """
    t, rate = _times(n, rate)
    if not period >= 2 / (rate or 1.0):
        raise invalid("period", period, f"at least {2 / (rate or 1.0):g}, two samples")
    for name, value in (("jitter", jitter), ("amplitude_jitter", amplitude_jitter)):
        if not 0 <= value < 0.3:
            raise invalid(name, value, "between 0 and 0.3")
    if shape != "sine" and shape not in WAVES:
        raise invalid("shape", shape, f"one of sine, {', '.join(WAVES)}")
    rng = np.random.default_rng(random_state)
    n_cycles = int(1.5 * n / (rate or 1.0) / period + 20)
    lengths = period * np.clip(1 + jitter * rng.normal(size=n_cycles), 0.1, 1.9)
    heights = np.maximum(1 + amplitude_jitter * rng.normal(size=n_cycles), 0.0)
    starts = np.concatenate([[0.0], np.cumsum(lengths)])
    cycle = np.searchsorted(starts, t, side="right") - 1
    turns = (t - starts[cycle]) / lengths[cycle]
    values = np.sin(2 * np.pi * turns) if shape == "sine" else WAVES[shape][0](turns)
    return heights[cycle] * values


@dataclass(frozen=True, eq=False, repr=False)
class Account:
    """A made account.

    Parameters
    ----------
    balance : array, (day,)
        After each day's payments.
    flow : array, (day,)
        What came in and went out on each day, summed.
    payments : DataFrame
        A row a regular payment: `name`, `amount`, `period` in days, `first` day.
    """

    balance: np.ndarray
    flow: np.ndarray
    payments: pd.DataFrame

    def __repr__(self) -> str:
        return f"Account({len(self.balance)} days, {len(self.payments)} regular payments)"


def transactions(
    n: int = 3 * 365,
    *,
    payments: Mapping[str, tuple[float, float, int]] | None = None,
    spending: float = 15.0,
    start: float = 1000.0,
    random_state: int | np.random.Generator | None = 0,
) -> Account:
    """Make a running account of regular payments in and out, and some that aren't.

    Parameters
    ----------
    n : int
        Days.
    payments : mapping of name to (amount, period, first), optional
        Amount (negative: out), days from one payment to the next, and day of the first. None: `PAYMENTS`: salary,
        rent and weekly shopping.
    spending : float
        The mean of what goes out each day without a rule (exponentially distributed).
    start : float
        The balance before the first day.
    random_state : int or Generator, optional

    Returns
    -------
    Account

    Examples
    --------
    >>> account = transactions(4, payments={"pocket money": (5, 2, 1)}, spending=0, start=10)
    >>> account.balance.tolist()
    [10.0, 15.0, 15.0, 20.0]
    >>> from filterbank.spectrum import periods
    >>> periods(transactions().flow, n_periods=40).periods.round(2).tolist()
    [30.0, 7.0]
    """
    _whole("n", n, 1)
    if not spending >= 0:
        raise invalid("spending", spending, "0 or more")
    rows = PAYMENTS if payments is None else payments
    flow = -spending * np.random.default_rng(random_state).exponential(size=n)
    for name, (_, period, first) in rows.items():
        if not (period >= 1 and first >= 0):
            raise invalid(
                "payments", {name: rows[name]}, "an amount, a period of 1 day or more, and a first day from 0 on"
            )
    for amount, period, first in rows.values():
        days = np.floor(np.arange(first, n, period)).astype(int)
        np.add.at(flow, days, amount)
    table = pd.DataFrame([(name, *row) for name, row in rows.items()], columns=["name", "amount", "period", "first"])
    return Account(start + np.cumsum(flow), flow, table)


@dataclass(frozen=True, eq=False, repr=False)
class Sound:
    """Samples that can be heard: last in a notebook's cell, it shows a player; it adds up, follows and is written.

    Parameters
    ----------
    values : array, (sample,) or (channel, sample)
    rate : float
        Samples per second.

    Examples
    --------
    >>> Sound(np.zeros(4000), 8000) + note("A4", 0.25, rate=8000)
    Sound(0.75 s at 8000 Hz)
    """

    values: np.ndarray
    rate: float

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.values.shape[-1] / self.rate

    def __add__(self, other: Sound) -> Sound:
        """Return this sound followed by another."""
        self._alike(other)
        return Sound(np.concatenate([self.values, other.values], axis=-1), self.rate)

    def __mul__(self, factor: float) -> Sound:
        """Return the sound so many times as loud."""
        return Sound(self.values * factor, self.rate)

    __rmul__ = __mul__

    def __and__(self, other: Sound) -> Sound:
        """Return both sounds at once; the shorter one ends in silence."""
        self._alike(other)
        out = np.zeros(max(self.values.shape, other.values.shape, key=lambda shape: shape[-1]))
        for part in (self.values, other.values):
            out[..., : part.shape[-1]] += part
        return Sound(out, self.rate)

    def _alike(self, other: Sound) -> None:
        if self.rate != other.rate:
            raise InputError(f"the sounds have rates of {self.rate:g} and {other.rate:g} Hz. Make both with one rate.")
        if self.values.shape[:-1] != other.values.shape[:-1]:
            raise InputError(f"the sounds have shapes {self.values.shape} and {other.values.shape}: other channels.")

    def write(self, path: str | Path, *, normalise: bool = True) -> None:
        """Write a WAV file of 16 bits, wholly or not at all.

        Parameters
        ----------
        path : path
            Ends in .wav; the folder must exist.
        normalise : bool
            Whether to bring the peak to 0.9. If not, values beyond -1 and 1 are an error.
        """
        check_writable(path, suffixes=(".wav",))
        data = self._wav(normalise)
        with atomic(path) as temporary:
            temporary.write_bytes(data)

    def _wav(self, normalise: bool) -> bytes:
        import soundfile

        if self.rate != int(self.rate):
            raise invalid("rate", self.rate, "a whole number of samples per second, as WAV files have it")
        if not np.isfinite(self.values).all():
            where = np.argwhere(~np.isfinite(self.values))[0].tolist()
            raise InputError(f"the sound holds NaN or infinity (at {where}): it can't be written.")
        peak = float(np.abs(self.values).max(initial=0.0))
        if not normalise and peak > 1:
            raise InputError(f"the sound's peak is {peak:g}, beyond 1, and would be cut off. Pass normalise=True.")
        values = self.values * (0.9 / peak) if normalise and peak else self.values
        file = io.BytesIO()
        soundfile.write(file, values.T, int(self.rate), format="WAV", subtype="PCM_16")
        return file.getvalue()

    def _repr_html_(self) -> str:
        """What a notebook shows: a player that holds the sound."""
        peak = float(np.abs(self.values).max(initial=0.0))
        return Audio(self.values * (0.9 / peak) if peak else self.values, self.rate)._repr_html_()

    def __repr__(self) -> str:
        channels = f", {len(self.values)} channels" if self.values.ndim > 1 else ""
        return f"Sound({self.duration:g} s at {self.rate:g} Hz{channels})"


def note_frequency(name: str, *, tuning: float = 440.0) -> float:
    """Return the frequency of a note in equal temperament.

    Parameters
    ----------
    name : str
        A letter from A to G, sharps (#) or flats (b), and the octave, which begins at C: "A4", "C#5", "Bb3".
    tuning : float
        Hertz of A4.

    Returns
    -------
    float
        Hertz.

    Examples
    --------
    >>> [round(note_frequency(name), 2) for name in ("A4", "C4", "Bb3", "C#5", "A0")]
    [440.0, 261.63, 233.08, 554.37, 27.5]
    """
    match = re.fullmatch(r"([A-Ga-g])([#b]*)(-?\d+)", name.strip()) if isinstance(name, str) else None
    if not match:
        raise invalid("name", name, "a note such as 'A4', 'C#5' or 'Bb3'")
    letter, accidentals, octave = match.groups()
    semitones = STEPS[letter.upper()] + accidentals.count("#") - accidentals.count("b") + 12 * (int(octave) - 4)
    return float(tuning * 2 ** (semitones / 12))


def note(
    pitch: str | float,
    duration: float,
    *,
    rate: float = 44_100.0,
    timbre: str | Sequence[float] = "string",
    envelope: tuple[float, float, float, float] = (0.01, 0.08, 0.6, 0.08),
    loudness: float = 0.5,
) -> Sound:
    """Return the sound of one note.

    Parameters
    ----------
    pitch : str or float
        A note's name (see `note_frequency`), hertz, or "" for a rest.
    duration : float
        Seconds.
    rate : float
        Samples per second.
    timbre : {"pure", "organ", "string", "clarinet"} or sequence of float
        Amplitudes of the harmonics. Those from half the rate up are left out, lest they alias.
    envelope : (attack, decay, sustain, release)
        Seconds from silence to the peak, seconds from there to the sustained level, this level (a part of the peak),
        and seconds from there to silence at the end. In a note that is shorter, all three times shrink alike.
    loudness : float
        The peak.

    Returns
    -------
    Sound

    Examples
    --------
    >>> note("A4", 0.5)
    Sound(0.5 s at 44100 Hz)
    """
    rate = check_rate(rate) or 0.0
    if not (np.isfinite(duration) and duration * rate >= 1):
        raise invalid("duration", duration, f"at least one sample, {1 / rate:g} s")
    n = round(duration * rate)
    if pitch == "":
        return Sound(np.zeros(n), rate)
    frequency = note_frequency(pitch) if isinstance(pitch, str) else float(pitch)
    _below(frequency, rate, name="pitch", least=0.0)
    if isinstance(timbre, str) and timbre not in TIMBRES:
        raise invalid("timbre", timbre, f"one of {', '.join(TIMBRES)}, or amplitudes")
    strengths = np.asarray(TIMBRES[timbre] if isinstance(timbre, str) else timbre, dtype=np.float64)
    multiples = frequency * np.arange(1, len(strengths) + 1)
    heard = multiples < rate / 2
    values = harmonics(n, multiples[heard], amplitudes=strengths[heard], rate=rate)
    values *= _envelope(n, rate, envelope)
    peak = np.abs(values).max()
    return Sound(values * (loudness / peak if peak else 0.0), rate)


def chord(pitches: str | Sequence[str | float], duration: float, **options: Any) -> Sound:
    """Return several notes at once.

    Parameters
    ----------
    pitches : sequence of (str or float), or str
        Notes or hertz; or names with spaces between.
    duration : float
        Seconds.
    **options
        Of `note`; the loudness is that of all together.

    Returns
    -------
    Sound

    Examples
    --------
    >>> chord("C4 E4 G4", 1.0, rate=8000)
    Sound(1 s at 8000 Hz)
    """
    names = pitches.split() if isinstance(pitches, str) else list(pitches)
    if not names:
        raise invalid("pitches", pitches, "at least one note")
    loudness = options.pop("loudness", 0.5)
    total = note(names[0], duration, **options)
    for name in names[1:]:
        total = total & note(name, duration, **options)
    peak = np.abs(total.values).max()
    return total * (loudness / peak) if peak else total


def melody(notes: Sequence[tuple[Any, float]] | str, *, beat: float = 0.5, **options: Any) -> Sound:
    """Return notes and chords one after the other.

    Parameters
    ----------
    notes : sequence of (pitch, beats), or str
        A pitch is a note's name, hertz, several names with spaces between (a chord), or "" for a rest. Or a string of
        names with spaces between, a beat each.
    beat : float
        Seconds.
    **options
        Of `note`.

    Returns
    -------
    Sound

    Examples
    --------
    >>> melody([("C4", 1), ("E4 G4", 2), ("", 1)], beat=0.25, rate=8000)
    Sound(1 s at 8000 Hz)
    >>> melody("C4 D4 E4", rate=8000)
    Sound(1.5 s at 8000 Hz)
    """
    rows = [(name, 1.0) for name in notes.split()] if isinstance(notes, str) else list(notes)
    if not rows:
        raise invalid("notes", notes, "at least one note")
    parts = []
    for pitch, beats in rows:
        together = isinstance(pitch, str) and len(pitch.split()) > 1
        parts.append((chord if together else note)(pitch, beats * beat, **options))
    return Sound(np.concatenate([part.values for part in parts]), parts[0].rate)


def beats(first: str | float, second: str | float, duration: float, *, rate: float = 44_100.0) -> Sound:
    """Return two near tones together: one tone that swells and fades, as often a second as they differ in hertz.

    Parameters
    ----------
    first, second : str or float
        Notes or hertz.
    duration : float
        Seconds.
    rate : float
        Samples per second.

    Returns
    -------
    Sound

    Examples
    --------
    >>> sound = beats(440, 444, 1.0, rate=8000)  # four swells: silent after an eighth of a second, loud after a quarter
    >>> [float(abs(sound.values[at - 20 : at + 20]).max().round(2)) for at in (1000, 2000)]
    [0.01, 0.5]
    """
    return chord([first, second], duration, rate=rate, timbre="pure", envelope=(0.0, 0.0, 1.0, 0.0))


def _envelope(n: int, rate: float, envelope: tuple[float, float, float, float]) -> np.ndarray:
    attack, decay, sustain, release = envelope
    if min(envelope) < 0 or sustain > 1:
        raise invalid("envelope", envelope, "three times of 0 or more and a level between 0 and 1")
    shrink = min(1.0, (n / rate) / max(attack + decay + release, 1e-12))
    a, d, r = (v * shrink for v in (attack, decay, release))
    end = n / rate
    t = (np.arange(n) + 0.5) / rate
    return np.interp(
        t,
        [0, max(a, 1e-9), max(a + d, 2e-9), max(end - r, 3e-9), max(end, 4e-9)],
        [0, 1, sustain, sustain, 0 if r else sustain],
    )


def _times(n: int, rate: float | None) -> tuple[np.ndarray, float | None]:
    """The samples' times, and the rate, checked."""
    _whole("n", n, 1)
    rate = check_rate(rate)
    return np.arange(int(n)) / (rate or 1.0), rate


def _whole(name: str, value: Any, least: int) -> None:
    if not (np.ndim(value) == 0 and value == int(value) and value >= least):
        raise invalid(name, value, f"a whole number, {least} or more")


def _below(frequency: float, rate: float | None, *, name: str = "frequency", least: float | None = None) -> None:
    """Check that a frequency is from 0 (or above `least`) to half the rate."""
    nyquist = (rate or 1.0) / 2
    if not 0 <= frequency <= nyquist or (least is not None and not frequency > least):
        do = "Pass rate, or lower it." if rate is None and frequency > nyquist else ""
        low = "0" if least is None else f"{least:g}, which is excluded,"
        raise invalid(
            name, frequency, f"between {low} and {nyquist:g} {frequency_unit(rate)}, or it would alias", do=do
        )
