"""One file -> one array: the reader is chosen by the suffix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from filterbank.files.array import read_array
from filterbank.files.checks import bad, check_file, check_options, explained
from filterbank.files.image import image_header, read_image
from filterbank.files.kinds import ARRAY, IMAGE, SOUND, TABLE, kind_of
from filterbank.files.sound import check_channel, check_pick, read_sound, resample, resampled_length, sound_header
from filterbank.files.table import read_series

__all__ = ["Content", "Header", "probe", "read"]


@dataclass(frozen=True)
class Content:
    """What a file holds.

    Parameters
    ----------
    array : array, (channel, *axes)
        float32 from sound and images, float64 from tables, the type as stored from NumPy files.
    rate : float or None
        Samples per second; None where unknown.
    n_axes : int
        1 for series and sound, 2 for images, 3 for volumes.
    """

    array: np.ndarray
    rate: float | None
    n_axes: int


@dataclass(frozen=True)
class Header:
    """What can be told of a file before all of its samples are read.

    Parameters
    ----------
    n_axes : int
    n_channels : int
    rate : float or None
        Samples per second, as `read` with the same options would return it.
    size : tuple of int, or None
        The length of each axis; None where only reading the whole file would tell.
    """

    n_axes: int
    n_channels: int
    rate: float | None
    size: tuple[int, ...] | None


def read(
    path: str | Path,
    *,
    rate: float | None = None,
    mono: bool = False,
    channel: int | None = None,
    colour: Literal["grey", "rgb"] = "grey",
    n_axes: int | None = None,
    columns: Sequence[str | int] | None = None,
) -> Content:
    r"""Read the one signal that a file holds; the suffix says how.

    Sound comes as float32 in -1..1. Images come as float32 in 0..1: EXIF orientation is applied, palettes and CMYK
    become RGB, transparent parts are laid over white, grey is 0.299 R + 0.587 G + 0.114 B; 16-bit grey keeps its 16
    bits (Pillow reads 16-bit colour as 8-bit), while 32-bit integers and floats come as stored. A file of several
    frames is refused. A table is read with `read_table`; columns called time, t, date, year and so on (`TIME_NAMES`)
    are no channels, and one of evenly spaced seconds gives the rate; where there is no header, each column is a
    channel. An option that does not concern the kind of file is not looked at.

    Parameters
    ----------
    path : path
    rate : float, optional
        Samples per second that the signal shall have: a file that says its own is resampled (soxr), one that does not
        is taken to have this.
    mono : bool
        Whether the channels become one, their mean.
    channel : int, optional
        The one channel of a sound to take, from 0.
    colour : {"grey", "rgb"}
        One channel, or three, from an image.
    n_axes : {1, 2, 3}, optional
        For NumPy files. By default 1-D is a series, 2-D an image and 3-D a volume; with ``n_axes``, one dimension
        more than that is the channels, which come first.
    columns : sequence of names or positions, optional
        The columns of a table that are the channels.

    Returns
    -------
    Content

    Raises
    ------
    ReadError
        If the file is missing, empty, cut short, damaged, of an unknown kind, or holds no samples or missing ones.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "signal.csv")
    >>> _ = path.write_text("time,left,right\n0.0,1,2\n0.5,3,4\n1.0,5,6\n")
    >>> read(path)
    Content(array=array([[1., 3., 5.],
           [2., 4., 6.]]), rate=2.0, n_axes=1)
    """
    path = Path(path)
    check_options(rate, colour, n_axes)
    check_channel(mono, channel)
    kind = _openable(path)
    with explained(path):
        own: float | None = None
        axes = 1
        if kind == "sound":
            array, own = read_sound(path, mono, channel, rate)
        elif kind == "image":
            array, axes = read_image(path, colour), 2
        elif kind == "series":
            array, own = read_series(path, columns)
        else:
            array, axes = read_array(path, n_axes)
        if mono and len(array) > 1:
            array = array.mean(axis=0, keepdims=True, dtype=None if array.dtype.kind == "f" else np.float64)
        if rate is not None and own is not None and rate != own:  # a sound has it already
            array = resample(array, own, rate)
            if not array.shape[-1]:
                raise bad(path, f"has no sample left at rate={rate:g}", "Pass a higher rate.")
    return Content(array, own if rate is None else float(rate), axes)


def probe(
    path: str | Path,
    *,
    rate: float | None = None,
    mono: bool = False,
    channel: int | None = None,
    colour: Literal["grey", "rgb"] = "grey",
    n_axes: int | None = None,
    columns: Sequence[str | int] | None = None,
) -> Header:
    """Tell what `read` with the same options would return, and check that the file is whole.

    The headers of sound, images and NumPy files are read, and whether the file's end is there; tables and images other
    than PNG and JPEG are read as a whole, and sound that PyAV decodes (AAC, and that of a video) is counted. Damage
    inside of a file that is not cut short may show only in `read`.

    Parameters
    ----------
    path, rate, mono, channel, colour, n_axes, columns
        As for `read`.

    Returns
    -------
    Header

    Raises
    ------
    ReadError
        As for `read`.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "image.npy")
    >>> np.save(path, np.zeros((20, 30)))
    >>> probe(path)
    Header(n_axes=2, n_channels=1, rate=None, size=(20, 30))
    """
    path = Path(path)
    check_options(rate, colour, n_axes)
    check_channel(mono, channel)
    kind = _openable(path)
    with explained(path):
        own: float | None = None
        size: tuple[int, ...]
        if kind == "sound":
            n, channels, own = sound_header(path)
            check_pick(path, channel, channels)
            if rate is not None and rate != own:
                n, own = resampled_length(n, own, rate), float(rate)
                if not n:
                    raise bad(path, f"has no sample left at rate={rate:g}", "Pass a higher rate.")
            return Header(1, 1 if mono or channel is not None else channels, own, (n,))
        if kind == "image":
            size, channels = image_header(path, colour)
            return Header(2, 1 if mono else channels, rate, size)
        if kind == "array":
            array, axes = read_array(path, n_axes)
            return Header(axes, 1 if mono else len(array), rate, array.shape[1:])
    content = read(path, rate=rate, mono=mono, channel=channel, colour=colour, n_axes=n_axes, columns=columns)
    return Header(content.n_axes, len(content.array), content.rate, content.array.shape[1:])


def _openable(path: Path) -> str:
    """The kind of a file that exists and isn't empty."""
    check_file(path)
    kind = kind_of(path)
    if kind is None:
        known = " ".join(sorted(SOUND | IMAGE | TABLE | ARRAY))
        raise bad(path, f"suffix {path.suffix!r} is none that holds one signal", f"Known are: {known}.")
    return kind
