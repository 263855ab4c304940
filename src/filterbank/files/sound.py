"""Sound files: samples by soundfile, and by PyAV what soundfile does not read."""

from __future__ import annotations

import struct
from os import SEEK_END
from pathlib import Path
from typing import Any

import numpy as np

from filterbank.errors import ReadError
from filterbank.files.checks import bad
from filterbank.files.kinds import BY_PYAV

__all__ = ["read_sound", "resample", "sound_header"]


def read_sound(path: Path, mono: bool) -> tuple[np.ndarray, float]:
    """Return the samples `(channel, time)` in float32, and their rate."""
    if path.suffix.lower() in BY_PYAV:
        samples, rate = _by_pyav(path)
    else:
        import soundfile

        _check_declared_size(path)
        try:
            file = soundfile.SoundFile(path)
        except soundfile.LibsndfileError as error:
            if path.suffix.lower() != ".mp3":
                raise bad(path, f"can't be read as sound ({_reason(error)})", "Is it whole?") from error
            samples, rate = _by_pyav(path)
        else:
            with file:
                _check_format(path, file)
                declared, rate = file.frames, float(file.samplerate)
                samples = file.read(dtype="float32", always_2d=True).T
            if samples.shape[1] < declared:
                raise _cut_short(path, f"{samples.shape[1]} of {declared} samples are there")
    if not samples.shape[1]:
        raise bad(path, "holds no samples", "Record it again, or remove it.")
    if mono and len(samples) > 1:
        samples = samples.mean(axis=0, keepdims=True)
    return np.ascontiguousarray(samples), rate


def sound_header(path: Path) -> tuple[int, int, float] | None:
    """Return samples, channels and rate, after a look at the last sample; None where soundfile can't say."""
    import soundfile

    _check_declared_size(path)
    try:
        file = soundfile.SoundFile(path)
    except soundfile.LibsndfileError as error:
        if path.suffix.lower() == ".mp3":
            return None
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


def _by_pyav(path: Path) -> tuple[np.ndarray, float]:
    """Samples `(channel, time)` in float32 of what FFmpeg's libraries can decode, and their rate."""
    import av

    with av.open(str(path)) as container:
        if not container.streams.audio:
            raise bad(path, "holds no sound")
        stream = container.streams.audio[0]
        resampler = None
        pieces = []
        for frame in container.decode(stream):
            if resampler is None:
                rate, layout = frame.sample_rate, frame.layout
                resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
            pieces += [piece.to_ndarray() for piece in resampler.resample(frame)]
        if resampler is None:
            raise bad(path, "holds no samples", "Record it again, or remove it.")
        pieces += [piece.to_ndarray() for piece in resampler.resample(None)]
    return np.concatenate(pieces, axis=1, dtype=np.float32), float(rate)
