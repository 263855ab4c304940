"""Sound files: samples by soundfile, and by PyAV what soundfile does not read; whole, or piece by piece."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from os import SEEK_END
from pathlib import Path
from typing import Any

import numpy as np

from filterbank.errors import ReadError, invalid
from filterbank.files.checks import bad, check_file, explained
from filterbank.files.kinds import BY_PYAV

__all__ = [
    "SoundReader",
    "check_channel",
    "check_pick",
    "read_sound",
    "resample",
    "resampled_length",
    "sound_header",
]

PIECE = 1 << 15  # samples of each channel that are decoded at a time
KEPT = 1 << 16  # samples behind those last asked for that are still held
STEEPEST = 100  # a file of a nonsensical rate would fill the memory


def read_sound(path: Path, mono: bool, channel: int | None, rate: float | None) -> tuple[np.ndarray, float]:
    """Return the samples `(channel, time)` in float32, and their rate, which is `rate` if that is given."""
    own, pieces = _decoded(path, mono, channel, rate)
    found = list(pieces)
    if not found:
        raise bad(path, "holds no samples", "Record it again, or remove it.")
    samples = found[0] if len(found) == 1 else np.concatenate(found, axis=1)
    return np.ascontiguousarray(samples), own


def sound_header(path: Path) -> tuple[int, int, float]:
    """Return samples, channels and rate, after a look at the last sample; what PyAV reads is decoded for that."""
    if path.suffix.lower() in BY_PYAV:
        return _counted_by_pyav(path)
    import soundfile

    _check_declared_size(path)
    try:
        file = soundfile.SoundFile(path)
    except soundfile.LibsndfileError as error:
        if path.suffix.lower() == ".mp3":
            return _counted_by_pyav(path)
        raise bad(path, f"can't be read as sound ({_reason(error)})", "Is it whole?") from error
    with file:
        _check_format(path, file)
        n = file.frames
        if not n:
            raise bad(path, "holds no samples", "Record it again, or remove it.")
        try:
            file.seek(n - 1)
            last = len(file.read(1, always_2d=True))
        except soundfile.LibsndfileError:
            last = 0
        if not last:
            raise _cut_short(path, f"the last of {n} samples is not there")
        return n, file.channels, float(file.samplerate)


def resample(array: np.ndarray, from_rate: float, to_rate: float) -> np.ndarray:
    """Return `array` (channel, time) at another rate, band-limited (soxr, high quality).

    Examples
    --------
    >>> resample(np.zeros((2, 16000), dtype=np.float32), 16000, 8000).shape
    (2, 8000)
    """
    import soxr

    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    return np.ascontiguousarray(soxr.resample(array.T, from_rate, to_rate, quality="HQ").T)


def check_channel(mono: bool, channel: int | None) -> None:
    """Raise InputError if channels are both mixed and picked, or the one that is picked can't be any."""
    if channel is None:
        return
    if isinstance(channel, bool) or not isinstance(channel, (int, np.integer)) or channel < 0:
        raise invalid("channel", channel, "a whole number, 0 or more")
    if mono:
        raise invalid("channel", channel, "to be had with mono=True", why="the channels are mixed or one is picked")


class SoundReader:
    """A sound file as an array `(channel, time)` of float32 that is never held whole.

    What is asked for in order is decoded once; whoever goes back by more than a few seconds starts the file again.

    Parameters
    ----------
    path : Path
    rate : float, optional
        Samples per second; None: the file's own.
    mono : bool
        Whether the channels become one, their mean.
    channel : int, optional
        The one channel to take.

    Attributes
    ----------
    shape : (channels, samples)
    rate : float

    Raises
    ------
    ReadError
        If the file can't be read, also while its samples are asked for.

    Notes
    -----
    The samples are, bit for bit, those of `filterbank.files.read`. Memory: what is asked for, and a few seconds.

    Examples
    --------
    >>> import tempfile, soundfile
    >>> path = Path(tempfile.mkdtemp(), "ramp.wav")
    >>> soundfile.write(path, np.arange(8) / 8, 8000)
    >>> sound = SoundReader(path)
    >>> sound.shape, sound[:, 2:5]
    ((1, 8), array([[0.25 , 0.375, 0.5  ]], dtype=float32))
    """

    dtype = np.dtype(np.float32)
    ndim = 2

    def __init__(
        self, path: str | Path, *, rate: float | None = None, mono: bool = False, channel: int | None = None
    ) -> None:
        self.path = Path(path)
        self._options = (mono, channel, rate)
        check_channel(mono, channel)
        check_file(self.path)
        with explained(self.path):
            n, channels, own = sound_header(self.path)
            check_pick(self.path, channel, channels)
            self.rate = own if rate is None else float(rate)
            _check_rates(self.path, own, self.rate)
        if self.rate != own:
            n = resampled_length(n, own, self.rate)
        self.shape = (1 if mono or channel is not None else channels, n)
        self._restart()

    @property
    def size(self) -> int:
        """Samples of all channels."""
        return math.prod(self.shape)

    def _restart(self) -> None:
        self._held: list[np.ndarray] = []
        self._start = self._stop = 0  # of what is held
        with explained(self.path):
            _, self._pieces = _decoded(self.path, *self._options)

    def __getitem__(self, key: Any) -> np.ndarray:
        """Return `[:, start:stop]`, or `[:, indices]`, as an array."""
        if not isinstance(key, tuple) or len(key) != 2 or key[0] != slice(None):
            raise invalid("key", key, "(:, start:stop) or (:, indices)")
        if isinstance(key[1], slice):
            start, stop, step = key[1].indices(self.shape[1])
            if step != 1:
                raise invalid("step", step, "1")
            return self._between(start, max(start, stop))
        index = np.asarray(key[1])
        if not index.size:
            return np.empty((self.shape[0], 0), np.float32)
        start = int(index.min())
        return self._between(start, int(index.max()) + 1)[:, index - start]

    def _between(self, start: int, stop: int) -> np.ndarray:
        if start < self._start:
            self._restart()
        while self._stop < stop:
            with explained(self.path):
                piece = next(self._pieces, None)
                if piece is None:
                    raise _cut_short(self.path, f"{self._stop} of {self.shape[1]} samples are there")
            if not np.isfinite(piece.sum(dtype=np.float64)) and not np.isfinite(piece).all():
                where = self._stop + int(np.argwhere(~np.isfinite(piece).all(axis=0))[0, 0])
                raise bad(self.path, f"contains NaN or infinity at sample {where}", "Cut it there, or leave it out.")
            self._held.append(piece)
            self._stop += piece.shape[1]
            while self._held and self._start + self._held[0].shape[1] <= start - KEPT:
                self._start += self._held.pop(0).shape[1]
        out = np.empty((self.shape[0], stop - start), np.float32)
        at = self._start
        for piece in self._held:
            low, high = max(start, at), min(stop, at + piece.shape[1])
            if low < high:
                out[:, low - start : high - start] = piece[:, low - at : high - at]
            at += piece.shape[1]
        return out


def resampled_length(n: int, from_rate: float, to_rate: float) -> int:
    """Return how many samples soxr makes of `n`."""
    return int(n * to_rate / from_rate + 0.5)


def _decoded(path: Path, mono: bool, channel: int | None, rate: float | None) -> tuple[float, Iterator[np.ndarray]]:
    """The rate of a file as it shall be, and its samples so, piece by piece."""
    pieces = _by_pyav(path) if path.suffix.lower() in BY_PYAV else _by_soundfile(path)
    own, first = next(pieces, (0.0, np.empty((0, 0))))
    if not own:
        return 0.0, iter(())
    check_pick(path, channel, len(first))
    rate = own if rate is None else float(rate)
    _check_rates(path, own, rate)

    def chosen() -> Iterator[np.ndarray]:
        yield _chosen(first, mono, channel)
        for _, piece in pieces:
            yield _chosen(piece, mono, channel)

    return rate, chosen() if rate == own else _resampled(path, chosen(), own, rate)


def _chosen(samples: np.ndarray, mono: bool, channel: int | None) -> np.ndarray:
    if channel is not None:
        return samples[channel : channel + 1]
    return samples.mean(axis=0, keepdims=True) if mono and len(samples) > 1 else samples


def _resampled(path: Path, pieces: Iterator[np.ndarray], own: float, rate: float) -> Iterator[np.ndarray]:
    import soxr

    stream, n = None, 0
    for piece in pieces:
        if stream is None:
            stream = soxr.ResampleStream(own, rate, len(piece), dtype="float32", quality="HQ")
        out = stream.resample_chunk(np.ascontiguousarray(piece.T)).T
        n += out.shape[1]
        if out.size:
            yield out
    if stream is None:
        return
    out = stream.resample_chunk(np.empty((0, len(piece)), np.float32), last=True).T
    if not n + out.shape[1]:
        raise bad(path, f"has no sample left at rate={rate:g}", "Pass a higher rate.")
    if out.size:
        yield out


def _by_soundfile(path: Path) -> Iterator[tuple[float, np.ndarray]]:
    """Rate and samples `(channel, time)`, piece by piece."""
    import soundfile

    _check_declared_size(path)
    try:
        file = soundfile.SoundFile(path)
    except soundfile.LibsndfileError as error:
        if path.suffix.lower() != ".mp3":
            raise bad(path, f"can't be read as sound ({_reason(error)})", "Is it whole?") from error
        yield from _by_pyav(path)
        return
    with file:
        _check_format(path, file)
        n = 0
        while n < file.frames:
            piece = file.read(min(PIECE, file.frames - n), dtype="float32", always_2d=True).T
            if not piece.shape[1]:
                raise _cut_short(path, f"{n} of {file.frames} samples are there")
            n += piece.shape[1]
            yield float(file.samplerate), piece


def _by_pyav(path: Path) -> Iterator[tuple[float, np.ndarray]]:
    """Rate and samples `(channel, time)` of what FFmpeg's libraries can decode, piece by piece."""
    import av

    with av.open(str(path)) as container:
        stream = _sound_of(path, container)
        resampler, rate, held, n = None, 0.0, [], 0
        for frame in container.decode(stream):
            if resampler is None:
                rate = float(frame.sample_rate)
                resampler = av.AudioResampler(format="fltp", layout=frame.layout, rate=frame.sample_rate)
            held += [piece.to_ndarray() for piece in resampler.resample(frame)]
            n += frame.samples
            if n >= PIECE:
                yield rate, np.concatenate(held, axis=1, dtype=np.float32)
                held, n = [], 0
        if resampler is not None:
            held += [piece.to_ndarray() for piece in resampler.resample(None)]
        if held:
            yield rate, np.concatenate(held, axis=1, dtype=np.float32)


def _counted_by_pyav(path: Path) -> tuple[int, int, float]:
    """Samples, channels and rate, by decoding all of it: no header says how many samples an encoder added."""
    n, channels, rate = 0, 0, 0.0
    for own, piece in _by_pyav(path):
        n, channels, rate = n + piece.shape[1], len(piece), own
    if not n:
        raise bad(path, "holds no samples", "Record it again, or remove it.")
    return n, channels, rate


def _sound_of(path: Path, container: Any) -> Any:
    if not container.streams.audio:
        raise bad(path, "holds no sound")
    return container.streams.audio[0]


def check_pick(path: Path, channel: int | None, n_channels: int) -> None:
    """Raise ReadError if the channel that is picked isn't there."""
    if channel is not None and channel >= n_channels:
        many = "one channel" if n_channels == 1 else f"{n_channels} channels"
        raise bad(path, f"has {many}, and channel={channel} was asked for (the first is 0)")


def _check_rates(path: Path, own: float, rate: float) -> None:
    if rate > STEEPEST * own:
        raise bad(path, f"has {own:g} samples a second, too few to be made {rate:g}", "Is it whole?")


def _check_format(path: Path, file: Any) -> None:
    """Refuse a file without a header, which libsndfile takes for telephone sound."""
    if file.format == "RAW":
        raise bad(path, "has no header of a sound file", "Is it whole?")


def _reason(error: Any) -> str:
    """What libsndfile says, without the path."""
    return str(error.error_string).strip(" .") or "damaged"


def _cut_short(path: Path, detail: str) -> ReadError:
    return bad(path, f"is cut short: {detail}", "Get the file again, or remove it.")


def _check_declared_size(path: Path) -> None:
    """Refuse a WAV or AIFF file that is shorter than it says; libsndfile reads what is there and keeps silent."""
    with path.open("rb") as file:
        head = file.read(8)
        length = file.seek(0, SEEK_END)
    order = {b"RIFF": "<I", b"RIFX": ">I", b"FORM": ">I"}.get(head[:4])
    if order is None or len(head) < 8:
        return
    declared = struct.unpack(order, head[4:])[0] + 8
    streamed = declared > 0x7FFF0000  # written to a pipe, where the length was not yet known
    if declared > length + 8 and not streamed:  # some writers count the header twice
        raise _cut_short(path, f"{length} of {declared} bytes are there")
