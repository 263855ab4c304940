"""Sound to sound: level and loudness, silence, rate, pitch, and folders of files in another format."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from filterbank import files
from filterbank.banks import PitchBank
from filterbank.engine import respond
from filterbank.errors import FilterbankError, InputError, ReadError, WriteError, invalid
from filterbank.output import atomic
from filterbank.signals import SignalInfo, Signals, as_signal, check_finite

__all__ = [
    "FORMATS",
    "LEVELS",
    "convert",
    "find_sound",
    "loudness",
    "normalise",
    "pitch",
    "resample",
    "trim_silence",
]

LEVELS = {"peak": 0.0, "rms": -20.0, "loudness": -23.0}
"""What sound can be normalised to, and the level if none is given: decibels against 1, loudness in LUFS."""

FORMATS = {"wav": "PCM_16", "flac": "PCM_16"}
"""The formats that `convert` writes, with the subtype of each if none is given."""

PIECE = 1 << 20  # samples that are converted at a time
SURROUND = {1: (1.0,), 2: (1.0, 1.0), 3: (1.0,) * 3, 5: (1.0,) * 3 + (1.41,) * 2, 6: (1.0,) * 3 + (0.0,) + (1.41,) * 2}
"""Weights of channels by their number: left, right, centre, then (of six) low frequencies, then the surround ones."""


def normalise(
    samples: np.ndarray, *, to: str = "peak", level: float | None = None, rate: float | None = None
) -> np.ndarray:
    """Return a sound with its level changed by one factor.

    Parameters
    ----------
    samples : array, (time,) or (channel, time)
    to : {"peak", "rms", "loudness"}
        What shall be `level`: the largest modulus of all channels; the root of the mean square; the integrated
        loudness (see `loudness`).
    level : float, optional
        Decibels against 1 (LUFS for "loudness"). None: 0, -20 and -23. With "rms" and "loudness" samples may come out
        beyond 1.
    rate : float, optional
        Samples per second; needed for "loudness".

    Returns
    -------
    array
        Of the same shape, in float32 if `samples` are, else float64.

    Raises
    ------
    InputError
        For silence, which no factor makes louder, NaN, or a sound too short for its loudness.

    Examples
    --------
    >>> normalise(np.array([0.0, 0.25, -0.5])).tolist()
    [0.0, 0.5, -1.0]
    """
    array = as_signal(samples, 1)
    check_finite(array)
    measure = _measure(to, level, rate, len(array))
    measure.update(array)
    factor = measure.factor()
    return (array * np.asarray(factor, dtype=array.dtype)).reshape(np.shape(samples))


def loudness(samples: np.ndarray, rate: float) -> float:
    """Return the integrated loudness of a sound, in LUFS.

    Parameters
    ----------
    samples : array, (time,) or (channel, time)
        One to three channels, five (left, right, centre and two surround ones), or six (the fourth of them the low
        frequencies, which don't count).
    rate : float
        Samples per second.

    Returns
    -------
    float
        `-inf` if all of it lies below the gate of -70 LUFS.

    Raises
    ------
    InputError
        If it is shorter than 0.4 s, or has other channels.

    Notes
    -----
    Blocks of 0.4 s every 0.1 s; what is below -70 LUFS, and then what is 10 LU below the mean of the rest, doesn't
    count. The two filters are those of the standard at 48 kHz, and have the same analogue prototypes at other rates.

    References
    ----------
    Recommendation ITU-R BS.1770-4, 2015, annex 1.

    Examples
    --------
    >>> full = np.sin(2 * np.pi * 997 * np.arange(48000) / 48000)
    >>> round(loudness(full, 48000), 2)
    -3.01
    """
    array = as_signal(samples, 1)
    check_finite(array)
    measure = _Loudness(0.0, rate, len(array))
    measure.update(array)
    return measure.loudness()


def find_sound(samples: np.ndarray, *, below: float = 40.0, window: int = 2048, hop: int = 512) -> tuple[int, int]:
    """Return where the sound between leading and trailing silence begins and ends.

    Parameters
    ----------
    samples : array, (time,) or (channel, time)
    below : float
        Frames more than so many decibels below the loudest are silent.
    window, hop : int
        Samples of a frame, and from one frame's middle to the next's.

    Returns
    -------
    start, stop : int
        The first sample, and one behind the last; `(0, 0)` if all samples are 0.

    Examples
    --------
    >>> x = np.zeros(8000)
    >>> x[3000:5000] = np.sin(np.arange(2000.0))
    >>> find_sound(x, window=100, hop=50)
    (3000, 5050)
    """
    array = as_signal(samples, 1)
    check_finite(array)
    for name, value in (("window", window), ("hop", hop)):
        if value < 1 or value != int(value):
            raise invalid(name, value, "a whole number of samples, 1 or more")
    if not below > 0:
        raise invalid("below", below, "a positive number of decibels")
    n, half = array.shape[1], int(window) // 2
    energy = np.concatenate([[0.0], np.cumsum((array.astype(np.float64) ** 2).sum(axis=0))])
    middles = np.arange(0, n, int(hop))
    powers = energy[np.minimum(middles + int(window) - half, n)] - energy[np.maximum(middles - half, 0)]
    loudest = powers.max()
    if loudest <= 0:
        return 0, 0
    there = np.flatnonzero(powers > loudest * 10 ** (-below / 10))
    return int(middles[there[0]]), int(min(middles[there[-1]] + int(hop), n))


def trim_silence(samples: np.ndarray, *, below: float = 40.0, window: int = 2048, hop: int = 512) -> np.ndarray:
    """Return a sound without the silence at its ends.

    Parameters
    ----------
    samples : array, (time,) or (channel, time)
    below, window, hop
        As for `find_sound`.

    Returns
    -------
    array
        A view.

    Raises
    ------
    InputError
        If nothing is left, because all samples are 0.

    Examples
    --------
    >>> trim_silence(np.array([0.0, 0, 0, 1, -1, 0, 0, 0]), window=1, hop=1).tolist()
    [1.0, -1.0]
    """
    start, stop = find_sound(samples, below=below, window=window, hop=hop)
    if start == stop:
        raise InputError("all samples are 0, so nothing is left of the sound without silence. Leave it out.")
    return np.asarray(samples)[..., start:stop]


def resample(sound: Any, rate: float, *, from_rate: float | None = None) -> Any:
    """Return sound at another rate, band-limited (soxr, high quality).

    Parameters
    ----------
    sound : array, (time,) or (channel, time), or Signals
        Signals are resampled when each is asked for.
    rate : float
        Samples per second.
    from_rate : float, optional
        Samples per second as it is; Signals that know their rate need none.

    Returns
    -------
    array or Signals

    Examples
    --------
    >>> resample(np.zeros(16000), 8000, from_rate=16000).shape
    (8000,)
    """
    if isinstance(sound, Signals):
        from_rate = sound.rate if from_rate is None else from_rate
        function = functools.partial(resample, rate=rate, from_rate=_rate("from_rate", from_rate))
        return Signals.wrap(sound.map(function), rate=_rate("rate", rate))
    array = as_signal(sound, 1)
    check_finite(array)
    found = files.resample(array, _rate("from_rate", from_rate), _rate("rate", rate))
    return found.reshape(*np.shape(sound)[:-1], -1)


def pitch(
    samples: np.ndarray,
    rate: float,
    *,
    low: float = 60.0,
    high: float = 500.0,
    threshold: float = 0.1,
    hop: int | None = None,
) -> pd.DataFrame:
    """Return the pitch of a sound over time, by YIN.

    Parameters
    ----------
    samples : array, (time,) or (channel, time)
        Of several channels, the mean is taken.
    rate : float
        Samples per second.
    low, high : float
        Hertz.
    threshold : float
        The aperiodicity below which a frame is voiced.
    hop : int, optional
        Samples from one frame to the next; None: 10 ms.

    Returns
    -------
    DataFrame
        `time` in seconds, `pitch` in hertz (NaN where it isn't voiced), `voicing` from 0 to 1. See `PitchBank`.

    Examples
    --------
    >>> found = pitch(np.sin(2 * np.pi * 220 * np.arange(8000) / 8000), 8000)
    >>> round(found["pitch"].median())
    220
    """
    array = as_signal(samples, 1).mean(axis=0, keepdims=True)
    hop = max(1, round(rate / 100)) if hop is None else hop
    bank = PitchBank(low=low, high=high, threshold=threshold, hop=hop)
    designed = bank.prepare(SignalInfo(1, 1, _rate("rate", rate)), np.random.default_rng(0))
    (frequency, voicing, voiced), where = respond(designed, array)
    return pd.DataFrame({"time": where[0] / rate, "pitch": np.where(voiced, frequency, np.nan), "voicing": voicing})


def convert(
    source: str | Path,
    out: str | Path,
    *,
    to: str = "wav",
    rate: float | None = None,
    mono: bool = False,
    channel: int | None = None,
    subtype: str | None = None,
    to_level: str | None = None,
    level: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Write every sound of a folder in another format, and go on where one can't be.

    Parameters
    ----------
    source : path
        A folder, with those in it (hidden ones aren't looked at), or one file. Of a video, the sound is taken.
    out : path
        The folder to write in, made if need be; folders in `source` are kept. A file that is there is replaced, unless
        it is one of those to be converted.
    to : {"wav", "flac"}
    rate : float, optional
        Samples per second; None: each file's own.
    mono : bool
        Whether the channels become one, their mean.
    channel : int, optional
        The one channel to take, from 0.
    subtype : str, optional
        As soundfile has it: "PCM_16" (if none is given), "PCM_24", "FLOAT" and so on.
    to_level : {"peak", "rms", "loudness"}, optional
        What to normalise; see `normalise`. The file is then read twice.
    level : float, optional
        Decibels against 1, or LUFS.
    progress : callable, optional
        Called with (files done, files in all).

    Returns
    -------
    DataFrame
        A row a file: `path` (in `source`), `written` (in `out`; empty if it failed), `seconds`, `rate`, `channels`,
        `clipped` (how many samples were beyond what the format holds, and were cut to it), `reason` (of the failure).

    Raises
    ------
    InputError
        For options without meaning, or if no sound is there.
    WriteError
        If the folder can't be made.

    Notes
    -----
    A file under its name in `out` is whole, or not there. Memory: a few seconds of sound, however long the files are.

    Examples
    --------
    >>> import tempfile, soundfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> soundfile.write(folder / "a.ogg", np.zeros(8000), 8000)
    >>> _ = (folder / "b.ogg").write_text("no sound")
    >>> convert(folder, folder / "wav")[["path", "written", "seconds"]].values.tolist()
    [['a.ogg', 'a.wav', 1.0], ['b.ogg', '', 0.0]]
    """
    source, out = Path(source).expanduser(), Path(out).expanduser()
    _check_format(to, subtype)
    files.check_options(rate, "grey", None)
    files.check_channel(mono, channel)
    if to_level is not None:
        _check_level(to_level, level)
    elif level is not None:
        raise invalid("level", level, "used without to_level", do="Pass to_level='peak', 'rms' or 'loudness'.")
    root, found = _sounds_in(source)
    _make(out)
    sources = {_identity(root / path) for path in found}
    rows: list[dict[str, Any]] = []
    taken: dict[Path, Path] = {}
    for i, path in enumerate(found):
        target = (out / path).with_suffix(f".{to}")
        row: dict[str, Any] = {"path": path.as_posix(), "written": "", "seconds": 0.0, "rate": 0.0, "channels": 0}
        row |= {"clipped": 0, "reason": ""}
        try:
            if target in taken:
                raise WriteError(f"{target}: is what {taken[target]} was converted to. Rename one of the two.")
            taken[target] = path
            if target.exists() and _identity(target) in sources:
                raise WriteError(f"{target}: is a file to be converted itself. Choose another folder.")
            options = {"rate": rate, "mono": mono, "channel": channel}
            row |= _convert_one(root / path, target, options, subtype or FORMATS[to], to_level, level)
            row["written"] = target.relative_to(out).as_posix()
        except FilterbankError as error:
            row["reason"] = str(error)
        rows.append(row)
        if progress is not None:
            progress(i + 1, len(found))
    return pd.DataFrame(rows)


def _convert_one(
    path: Path, target: Path, options: dict[str, Any], subtype: str, to_level: str | None, level: float | None
) -> dict[str, Any]:
    """Write one file, piece by piece."""
    import soundfile

    sound = files.SoundReader(path, **options)
    channels, n = sound.shape
    factor = 1.0
    if to_level is not None:
        measure = _measure(to_level, level, sound.rate, channels)
        for piece in _pieces(sound):
            measure.update(piece)
        try:
            factor = measure.factor()
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
    if sound.rate != round(sound.rate):
        raise WriteError(f"{target}: a file has a whole number of samples a second, not {sound.rate:g}. Pass a rate.")
    target.parent.mkdir(parents=True, exist_ok=True)
    whole = subtype.startswith("PCM")
    most = {"PCM_16": 1 - 2.0**-15, "PCM_24": 1 - 2.0**-23}.get(subtype, 1.0)
    clipped = 0
    kind = "RF64" if target.suffix == ".wav" and 4 * channels * n > 0xF0000000 else target.suffix[1:].upper()
    with atomic(target) as temporary:
        try:
            with soundfile.SoundFile(
                temporary, "w", samplerate=round(sound.rate), channels=channels, format=kind, subtype=subtype
            ) as file:
                for piece in _pieces(sound):
                    piece = piece * np.float32(factor)
                    if whole:
                        clipped += int((np.abs(piece) > 1).sum())
                        piece = np.clip(piece, -1, most)
                    file.write(piece.T)
        except soundfile.LibsndfileError as error:
            raise WriteError(f"{target}: can't be written ({str(error.error_string).strip(' .')}).") from None
    return {"seconds": n / sound.rate, "rate": sound.rate, "channels": channels, "clipped": clipped}


def _pieces(sound: files.SoundReader) -> Iterator[np.ndarray]:
    for start in range(0, sound.shape[1], PIECE):
        yield sound[:, start : start + PIECE]


def _sounds_in(source: Path) -> tuple[Path, list[Path]]:
    """The folder, and the paths of the sounds in it."""
    if source.is_file():
        return source.parent, [Path(source.name)]
    if not source.is_dir():
        raise ReadError(f"{source}: there is no such file or folder.")
    found = []
    for folder, inner, names in os.walk(source):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        paths = [Path(folder, name).relative_to(source) for name in sorted(names) if not name.startswith(".")]
        found += [path for path in paths if files.kind_of(path) == "sound"]
    if not found:
        raise InputError(f"{source} holds no sound: known are {' '.join(sorted(files.SOUND))}.")
    return source, found


def _identity(path: Path) -> tuple[int, int] | None:
    """What is the same for all names of a file; None for a broken link."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "it is a file" if folder.is_file() else (error.strerror or str(error)).lower()
        raise WriteError(f"{folder}: no such folder can be made ({reason}). Choose another.") from error


def _check_format(to: str, subtype: str | None) -> None:
    import soundfile

    if to not in FORMATS:
        raise invalid("to", to, f"one of {', '.join(FORMATS)}")
    if subtype is not None and not soundfile.check_format(to.upper(), subtype):
        allowed = ", ".join(soundfile.available_subtypes(to.upper()))
        raise invalid("subtype", subtype, f"one of {to}'s: {allowed}")


def _check_level(to: str, level: float | None) -> float:
    if to not in LEVELS:
        raise invalid("to", to, f"one of {', '.join(LEVELS)}")
    level = LEVELS[to] if level is None else level
    if not (np.isfinite(level) and -200 <= level <= 200):
        raise invalid("level", level, "a number of decibels between -200 and 200")
    return float(level)


def _rate(name: str, rate: float | None) -> float:
    if rate is None or not (np.isfinite(rate) and rate > 0):
        raise invalid(name, rate, "a positive number of samples per second")
    return float(rate)


class _Peak:
    """The largest modulus so far."""

    def __init__(self, level: float) -> None:
        self._level, self._peak = level, 0.0

    def update(self, samples: np.ndarray) -> None:
        """Look at more samples."""
        self._peak = max(self._peak, float(np.abs(samples).max()))

    def factor(self) -> float:
        """What to multiply with, to have the level."""
        if not self._peak:
            raise _silent()
        return 10 ** (self._level / 20) / self._peak


class _Rms:
    """The mean square so far."""

    def __init__(self, level: float) -> None:
        self._level, self._sum, self._n = level, 0.0, 0

    def update(self, samples: np.ndarray) -> None:
        """Look at more samples."""
        self._sum += float((samples.astype(np.float64) ** 2).sum())
        self._n += samples.size

    def factor(self) -> float:
        """What to multiply with, to have the level."""
        if not self._sum:
            raise _silent()
        return 10 ** (self._level / 20) / math.sqrt(self._sum / self._n)


class _Loudness:
    """The powers of tenths of a second so far, weighted as BS.1770 has it."""

    def __init__(self, level: float, rate: float | None, n_channels: int) -> None:
        if rate is None:
            raise invalid("rate", rate, "known, and loudness needs it", do="Pass rate.")
        if not _rate("rate", rate) >= 1000:
            raise invalid("rate", rate, "at least 1000 samples/second, which loudness needs")
        if n_channels not in SURROUND:
            raise InputError(f"loudness is defined for 1, 2, 3, 5 or 6 channels, and this sound has {n_channels}.")
        self._level, self._step = level, round(rate / 10)
        self._weights = np.array(SURROUND[n_channels])
        self._filter = k_weighting(rate)
        self._state = np.zeros((2, n_channels, 2))
        self._rest = np.zeros((n_channels, 0))
        self._powers: list[np.ndarray] = []

    def update(self, samples: np.ndarray) -> None:
        """Look at more samples."""
        from scipy.signal import sosfilt

        found, self._state = sosfilt(self._filter, samples.astype(np.float64), axis=1, zi=self._state)
        found = np.concatenate([self._rest, found], axis=1)
        n = found.shape[1] // self._step * self._step
        self._rest = found[:, n:]
        squares = (found[:, :n] ** 2).reshape(len(found), -1, self._step).mean(axis=2)
        self._powers.append(self._weights @ squares)

    def loudness(self) -> float:
        """Return the integrated loudness."""
        tenths = np.concatenate(self._powers)
        if len(tenths) < 4:
            raise InputError(
                f"the sound has {len(tenths) / 10:g} s and loudness needs at least 0.4. Normalise its peak or rms."
            )
        blocks = np.lib.stride_tricks.sliding_window_view(tenths, 4).mean(axis=1)
        blocks = blocks[blocks > 10 ** ((-70 + 0.691) / 10)]
        if not len(blocks):
            return -math.inf
        blocks = blocks[blocks > blocks.mean() / 10]
        return -0.691 + 10 * math.log10(blocks.mean())

    def factor(self) -> float:
        """What to multiply with, to have the level."""
        found = self.loudness()
        if found == -math.inf:
            raise _silent()
        return 10 ** ((self._level - found) / 20)


def k_weighting(rate: float) -> np.ndarray:
    """Return the two filters of BS.1770 as second-order sections: a high shelf, as of a head, and a high-pass.

    Examples
    --------
    >>> k_weighting(48000)[0].round(5).tolist()
    [1.53512, -2.6917, 1.19839, 1.0, -1.69066, 0.73248]
    """
    k = math.tan(math.pi * 1681.974450955533 / rate)
    q, gain = 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    middle = gain**0.4996667741545416
    b = np.array([gain + middle * k / q + k * k, 2 * (k * k - gain), gain - middle * k / q + k * k])
    a = np.array([1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k])
    shelf = np.concatenate([b, a]) / a[0]
    k, q = math.tan(math.pi * 38.13547087602444 / rate), 0.5003270373238773
    a = np.array([1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k]) / (1 + k / q + k * k)
    return np.stack([shelf, np.concatenate([[1.0, -2.0, 1.0], a])])


def _measure(to: str, level: float | None, rate: float | None, n_channels: int) -> _Peak | _Rms | _Loudness:
    level = _check_level(to, level)
    if to == "loudness":
        return _Loudness(level, rate, n_channels)
    return _Peak(level) if to == "peak" else _Rms(level)


def _silent() -> InputError:
    return InputError("the sound is silent, and no factor makes it louder. Leave it out.")
