"""Output: files that get their name when they're complete, tables written so, and sound to be heard in a notebook."""

from __future__ import annotations

import base64
import io
import os
import secrets
import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from filterbank.errors import FilterbankError, InputError, WriteError, invalid

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TABLES", "Audio", "atomic", "check_writable", "write_table"]

TABLES = (".parquet", ".csv")
"""Suffixes of the tables that `write_table` writes."""


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Give a temporary path to write to, which becomes `path` if all went well and vanishes if not.

    Also on Ctrl-C, a file under `path` is either the old one or wholly the new one.

    Parameters
    ----------
    path : path
        The folder must exist. What is there is replaced.

    Yields
    ------
    Path
        In the same folder, with the same suffix.

    Raises
    ------
    WriteError
        If the folder is missing or can't be written, or the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "report.html")
    >>> with atomic(path) as temporary:
    ...     _ = temporary.write_text("<p>Done.</p>")
    >>> path.read_text(), len(list(path.parent.iterdir()))
    ('<p>Done.</p>', 1)
    """
    path = Path(path)
    check_writable(path)
    temporary = path.with_name(f".{path.stem}-{os.getpid()}-{secrets.token_hex(4)}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except FilterbankError:
        raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise WriteError(f"{path}: can't be written ({reason}). Free some space, or choose another folder.") from error
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: str | Path, *, suffixes: Sequence[str] = ()) -> None:
    """Raise an error if it's plain that no file can be written under `path`, before the work that leads to it.

    Parameters
    ----------
    path : path
    suffixes : sequence of str
        The suffixes that the file may have, such as ".csv"; any if none is given.

    Raises
    ------
    InputError
        If the suffix is none of these.
    WriteError
        If `path` is a folder, or its folder is missing or can't be written.

    Examples
    --------
    >>> check_writable("nosuch/report.html")
    Traceback (most recent call last):
    filterbank.errors.WriteError: nosuch/report.html: can't be written, there is no folder nosuch. Make it first.
    """
    path = Path(path)
    if suffixes and path.suffix.lower() not in suffixes:
        raise invalid("path", str(path), f"a file name that ends in {' or '.join(suffixes)}")
    if path.is_dir():
        raise WriteError(f"{path}: is a folder, so no file can be written under this name. Choose another.")
    if not path.parent.is_dir():
        raise WriteError(f"{path}: can't be written, there is no folder {path.parent}. Make it first.")
    if not os.access(path.parent, os.W_OK):
        raise WriteError(f"{path}: can't be written, the folder {path.parent} may not be changed. Choose another.")


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a table as .parquet or .csv; nothing half-written is ever found under `path`.

    Parameters
    ----------
    frame : DataFrame
        Its index is written where it has a name.
    path : path
        The folder must exist.

    Raises
    ------
    InputError
        If the suffix is neither.
    WriteError
        If the folder is missing or can't be written, or the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> path = Path(tempfile.mkdtemp(), "features.csv")
    >>> write_table(pd.DataFrame({"mean": [0.5, 1.5]}), path)
    >>> path.read_text().split()
    ['mean', '0.5', '1.5']
    """
    path = Path(path)
    check_writable(path, suffixes=TABLES)
    index = frame.index.name is not None
    with atomic(path) as temporary:
        if path.suffix.lower() == ".csv":
            frame.to_csv(temporary, index=index)
        else:
            frame.to_parquet(temporary, index=index)


class Audio:
    """A sound that a notebook shows with a button to play it.

    Parameters
    ----------
    samples : array, (time) or (channel, time)
        In -1..1; what is louder is scaled down to it as a whole, never clipped.
    rate : float
        Samples per second, rounded to a whole number.

    Raises
    ------
    InputError
        For more than two channels, no samples, NaN, or a rate that no player has.

    Notes
    -----
    The page holds the sound itself, as 16-bit WAV: 5 MB a minute of one channel at 44.1 kHz.

    Examples
    --------
    >>> sound = Audio(np.sin(np.arange(800.0)), 8000)
    >>> sound
    Audio(0.1 s, 1 channel, 8000 Hz)
    >>> sound._repr_html_()[:22], len(sound.wav)
    ('<audio controls src="d', 1644)
    """

    def __init__(self, samples: np.ndarray, rate: float) -> None:
        array = np.atleast_2d(np.asarray(samples, dtype=np.float64))
        if array.ndim != 2 or not array.size or len(array) > 2:
            shape = np.shape(samples)
            raise InputError(
                f"samples of shape {shape} can't be played: pass (time) or (channel, time), 1 or 2 channels."
            )
        if not np.isfinite(array).all():
            raise InputError(f"samples hold NaN or infinity (sample {int(np.argwhere(~np.isfinite(array))[0, 1])}).")
        if not (np.isfinite(rate) and 1000 <= rate <= 768_000):
            raise invalid("rate", rate, "between 1000 and 768000 samples/second, what players have")
        self.samples = array
        self.rate = round(rate)

    @property
    def wav(self) -> bytes:
        """The sound as a WAV file of 16 bits a sample."""
        loudest = max(1.0, float(np.abs(self.samples).max()))
        numbers = np.round(self.samples / loudest * 32767).astype("<i2")
        buffer = io.BytesIO()
        with wave.open(buffer, "wb") as file:
            file.setnchannels(len(numbers))
            file.setsampwidth(2)
            file.setframerate(self.rate)
            file.writeframes(numbers.T.tobytes())
        return buffer.getvalue()

    def _repr_html_(self) -> str:
        """Return an audio element that holds the sound."""
        return f'<audio controls src="data:audio/wav;base64,{base64.b64encode(self.wav).decode()}"></audio>'

    def __repr__(self) -> str:
        channels = "1 channel" if len(self.samples) == 1 else f"{len(self.samples)} channels"
        return f"Audio({self.samples.shape[1] / self.rate:.3g} s, {channels}, {self.rate} Hz)"
