"""One file -> one array: readers of sound, images, tables and NumPy files, chosen by the suffix."""

from __future__ import annotations

import csv
import io
import struct
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import SEEK_END
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from filterbank.errors import FilterbankError, ReadError, invalid

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "ARRAY",
    "IMAGE",
    "MISSING",
    "SECONDS_NAMES",
    "SOUND",
    "TABLE",
    "TIME_NAMES",
    "Content",
    "Header",
    "even_rate",
    "kind_of",
    "probe",
    "read",
    "read_table",
    "resample",
]

_BY_PYAV = frozenset({".m4a", ".aac", ".mp4"})

SOUND = (
    frozenset({".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".au", ".caf", ".mp3"}) | _BY_PYAV
)
"""Suffixes of sound files."""

IMAGE = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif"})
"""Suffixes of images."""

TABLE = frozenset({".csv", ".tsv", ".txt"})
"""Suffixes of tables that hold one signal, a column a channel."""

ARRAY = frozenset({".npy"})
"""Suffixes of NumPy arrays that hold one signal."""

SECONDS_NAMES = ("time", "t", "sec", "secs", "second", "seconds")
"""Names of columns of times, which are in seconds where they hold numbers."""

TIME_NAMES = (*SECONDS_NAMES, "timestamp", "date", "datetime", "year", "month", "week", "day", "hour", "minute")
"""Names of columns that say when a sample was taken, and are no channel."""

MISSING = ["", "nan", "NaN", "NAN", "NA", "N/A", "n/a", "null", "NULL", "None", "?", "-nan"]
"""What stands for a missing number in a table."""


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


def kind_of(path: str | Path) -> Literal["sound", "image", "series", "array"] | None:
    """Return what kind of signal the suffix of `path` stands for, or None where it's none of these.

    "array" is a NumPy file, which must be opened (`probe`) to tell how many axes it has.

    Examples
    --------
    >>> kind_of("a.WAV"), kind_of("b.jpeg"), kind_of("c.tsv"), kind_of("d.npy"), kind_of("e.docx")
    ('sound', 'image', 'series', 'array', None)
    """
    suffix = Path(path).suffix.lower()
    if suffix in SOUND:
        return "sound"
    if suffix in IMAGE:
        return "image"
    if suffix in TABLE:
        return "series"
    return "array" if suffix in ARRAY else None


def read(
    path: str | Path,
    *,
    rate: float | None = None,
    mono: bool = False,
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
    _check_options(rate, colour, n_axes)
    kind = _openable(path)
    with _explained(path):
        own: float | None = None
        axes = 1
        if kind == "sound":
            array, own = _sound(path, mono)
        elif kind == "image":
            array, axes = _image(path, colour), 2
        elif kind == "series":
            array, own = _series(path, columns)
        else:
            array, axes = _array(path, n_axes)
        if mono and len(array) > 1:
            array = array.mean(axis=0, keepdims=True, dtype=None if array.dtype.kind == "f" else np.float64)
        if rate is not None and own is not None and rate != own:
            array = resample(array, own, rate)
            if not array.shape[-1]:
                raise _bad(path, f"has no sample left at rate={rate:g}", "Pass a higher rate.")
    return Content(array, own if rate is None else float(rate), axes)


def probe(
    path: str | Path,
    *,
    rate: float | None = None,
    mono: bool = False,
    colour: Literal["grey", "rgb"] = "grey",
    n_axes: int | None = None,
    columns: Sequence[str | int] | None = None,
) -> Header:
    """Tell what `read` with the same options would return, and check that the file is whole.

    The headers of sound, images and NumPy files are read, and whether the file's end is there; tables, images other
    than PNG and JPEG, and sound in AAC are read as a whole. Damage inside of a file that is not cut short may show
    only in `read`.

    Parameters
    ----------
    path, rate, mono, colour, n_axes, columns
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
    _check_options(rate, colour, n_axes)
    kind = _openable(path)
    with _explained(path):
        own: float | None = None
        size: tuple[int, ...]
        if kind == "sound" and path.suffix.lower() not in _BY_PYAV:
            header = _sound_header(path)
            if header is not None:
                n, channels, own = header
                resampled = rate is not None and rate != own
                return Header(1, 1 if mono else channels, float(rate or own), None if resampled else (n,))
        elif kind == "image":
            size, channels = _image_header(path, colour)
            return Header(2, 1 if mono else channels, rate, size)
        elif kind == "array":
            array, axes = _array(path, n_axes)
            return Header(axes, 1 if mono else len(array), rate, array.shape[1:])
    content = read(path, rate=rate, mono=mono, colour=colour, n_axes=n_axes, columns=columns)
    return Header(content.n_axes, len(content.array), content.rate, content.array.shape[1:])


def read_table(path: str | Path) -> tuple[pd.DataFrame, bool]:
    r"""Read a table of text (or Parquet), and find out its delimiter and whether it has a header.

    The delimiter is a tab, semicolon or comma, whichever comes first in this list and is in the first line; else
    white space. Lines may end in LF, CR LF or CR; lines that begin with # are left out. The first line is a header
    where none of its cells is a number, where its numbers are 0, 1, 2 and so on, or where a cell of text stands over
    numbers. Empty cells are missing; so are NaN, NA and ? in a column that otherwise holds numbers (a label may be
    called "NA").

    Parameters
    ----------
    path : path

    Returns
    -------
    table : DataFrame
        Its columns are called 0, 1, ... where the file has no header.
    has_header : bool

    Raises
    ------
    ReadError
        If it is missing, empty, no text, or its lines do not fit the first one.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "table.txt")
    >>> _ = path.write_text("1931;1;956\n1931;2;927\n")
    >>> read_table(path)[0].shape, read_table(path)[1]
    ((2, 3), False)
    """
    path = Path(path)
    _check_file(path)
    with _explained(path):
        if path.suffix.lower() in (".parquet", ".pq"):
            table = pd.read_parquet(path)
            table.columns = [str(column) for column in table.columns]
            return table, True
        return _text_table(path)


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


def even_rate(times: np.ndarray) -> float | None:
    """Return the samples per second of increasing `times` in seconds, or None where they are not evenly spaced.

    Each may be off its place by a twentieth of a step, since times are often written with few digits; the rate is
    rounded to six digits for the same reason.

    Examples
    --------
    >>> even_rate(np.array([0, 0.1, 0.2, 0.3])), even_rate(np.array([0, 0.1, 0.3]))
    (10.0, None)
    """
    if len(times) < 2:
        return None
    step = (times[-1] - times[0]) / (len(times) - 1)
    if not step > 0 or np.abs(times - (times[0] + step * np.arange(len(times)))).max() > 0.05 * step:
        return None
    return float(f"{1 / step:.6g}")


# What is common to all files.


def _bad(path: Path, what: str, do: str = "") -> ReadError:
    return ReadError(f"{path}: {what}." + (f" {do}" if do else ""))


def _check_options(rate: float | None, colour: str, n_axes: int | None) -> None:
    if rate is not None and not (np.isfinite(rate) and rate > 0):
        raise invalid("rate", rate, "a positive number of samples per second")
    if colour not in ("grey", "rgb"):
        raise invalid("colour", colour, "'grey' or 'rgb'")
    if n_axes not in (None, 1, 2, 3):
        raise invalid("n_axes", n_axes, "1, 2 or 3")


def _check_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise _bad(path, "is a folder, not a file", "Pass a file, or use filterbank.load for the folder.")
        if not path.stat().st_size:
            raise _bad(path, "is empty (0 bytes)", "Get the file again, or remove it.")
    except FilterbankError:
        raise
    except FileNotFoundError:
        raise _bad(path, "there is no such file") from None
    except OSError as error:
        raise _bad(path, f"can't be opened ({error.strerror or error})") from None


def _openable(path: Path) -> str:
    """The kind of a file that exists and isn't empty."""
    _check_file(path)
    kind = kind_of(path)
    if kind is None:
        known = " ".join(sorted(SOUND | IMAGE | TABLE | ARRAY))
        raise _bad(path, f"suffix {path.suffix!r} is none that holds one signal", f"Known are: {known}.")
    return kind


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn whatever a decoder raises on a damaged file into one ReadError that names the file."""
    try:
        yield
    except (FilterbankError, ImportError, MemoryError):
        raise
    except UnicodeDecodeError:
        raise _bad(path, "is not text in UTF-8", "Save it as UTF-8, or rename it if it's no table.") from None
    except PermissionError:
        raise _bad(path, "can't be opened (permission denied)") from None
    except Exception as error:  # decoders of damaged files raise nearly anything
        said = str(getattr(error, "strerror", None) or error).replace(str(path), "")
        said = " ".join(said.split()).strip(" .:'\"") or type(error).__name__
        raise _bad(path, f"can't be read as {path.suffix.lower()} ({said})", "Is it whole?") from error


# Sound.


def _sound(path: Path, mono: bool) -> tuple[np.ndarray, float]:
    """The samples `(channel, time)` in float32, and their rate."""
    if path.suffix.lower() in _BY_PYAV:
        samples, rate = _by_pyav(path)
    else:
        import soundfile

        _check_declared_size(path)
        try:
            file = soundfile.SoundFile(path)
        except soundfile.LibsndfileError as error:
            if path.suffix.lower() != ".mp3":
                raise _bad(path, f"can't be read as sound ({_reason(error)})", "Is it whole?") from error
            samples, rate = _by_pyav(path)
        else:
            with file:
                _check_format(path, file)
                declared, rate = file.frames, float(file.samplerate)
                samples = file.read(dtype="float32", always_2d=True).T
            if samples.shape[1] < declared:
                raise _cut_short(path, f"{samples.shape[1]} of {declared} samples are there")
    if not samples.shape[1]:
        raise _bad(path, "holds no samples", "Record it again, or remove it.")
    if mono and len(samples) > 1:
        samples = samples.mean(axis=0, keepdims=True)
    return np.ascontiguousarray(samples), rate


def _sound_header(path: Path) -> tuple[int, int, float] | None:
    """Samples, channels and rate, after a look at the last sample; None where soundfile can't say."""
    import soundfile

    _check_declared_size(path)
    try:
        file = soundfile.SoundFile(path)
    except soundfile.LibsndfileError as error:
        if path.suffix.lower() == ".mp3":
            return None
        raise _bad(path, f"can't be read as sound ({_reason(error)})", "Is it whole?") from error
    with file:
        _check_format(path, file)
        n = file.frames
        if not n:
            raise _bad(path, "holds no samples", "Record it again, or remove it.")
        try:
            file.seek(n - 1)
            last = len(file.read(1, always_2d=True))
        except soundfile.LibsndfileError:
            last = 0
        if not last:
            raise _cut_short(path, f"the last of {n} samples is not there")
        return n, file.channels, float(file.samplerate)


def _check_format(path: Path, file: Any) -> None:
    """Refuse a file without a header, which libsndfile takes for telephone sound."""
    if file.format == "RAW":
        raise _bad(path, "has no header of a sound file", "Is it whole?")


def _reason(error: Any) -> str:
    """What libsndfile says, without the path."""
    return str(error.error_string).strip(" .") or "damaged"


def _cut_short(path: Path, detail: str) -> ReadError:
    return _bad(path, f"is cut short: {detail}", "Get the file again, or remove it.")


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
            raise _bad(path, "holds no sound")
        stream = container.streams.audio[0]
        resampler = None
        pieces = []
        for frame in container.decode(stream):
            if resampler is None:
                rate, layout = frame.sample_rate, frame.layout
                resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
            pieces += [piece.to_ndarray() for piece in resampler.resample(frame)]
        if resampler is None:
            raise _bad(path, "holds no samples", "Record it again, or remove it.")
        pieces += [piece.to_ndarray() for piece in resampler.resample(None)]
    return np.concatenate(pieces, axis=1, dtype=np.float32), float(rate)


# Images.


def _image(path: Path, colour: str) -> np.ndarray:
    """The pixels `(channel, height, width)`, in 0..1 where they have 8 or 16 bits."""
    from PIL import Image, ImageOps

    with Image.open(path) as opened:
        _check_one_frame(path, opened)
        image: Image.Image = ImageOps.exif_transpose(opened)
        mode = image.mode
        if mode == "F":
            pixels = np.asarray(image)[np.newaxis]
        elif mode == "I":
            pixels = np.asarray(image).astype(np.float64)[np.newaxis]
        elif mode.startswith("I;16"):
            pixels = (np.asarray(image).astype(np.float32) / np.float32(65535))[np.newaxis]
        else:
            pixels = _eight_bits(image)
    if colour == "rgb":
        return np.repeat(pixels, 3, axis=0) if len(pixels) == 1 else np.ascontiguousarray(pixels)
    if len(pixels) == 1:
        return pixels
    weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
    return np.tensordot(weights, pixels, axes=1)[np.newaxis]


def _eight_bits(image: Image) -> np.ndarray:
    """One grey channel or three of colour, in 0..1."""
    bands = image.getbands()
    if image.mode == "P" or "A" in bands or "a" in bands or "transparency" in image.info:
        rgba = np.asarray(image.convert("RGBA")).astype(np.float32) / np.float32(255)
        alpha = rgba[..., 3:]
        pixels = rgba[..., :3] * alpha + (1 - alpha)
        if bands[0] in ("L", "1") and len(bands) <= 2:
            pixels = pixels[..., :1]
    elif image.mode in ("1", "L"):
        pixels = np.asarray(image.convert("L")).astype(np.float32)[..., np.newaxis] / np.float32(255)
    else:
        pixels = np.asarray(image.convert("RGB")).astype(np.float32) / np.float32(255)
    return np.moveaxis(pixels, -1, 0)


def _image_header(path: Path, colour: str) -> tuple[tuple[int, int], int]:
    """Height and width as `read` returns them, and the channels."""
    from PIL import ExifTags, Image

    with Image.open(path) as image:
        _check_one_frame(path, image)
        whole = (image.format == "PNG" and _png_ends(path)) or (image.format in ("JPEG", "MPO") and _jpeg_ends(path))
        if not whole:
            image.load()
        width, height = image.size
        if image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8):
            width, height = height, width
    return (height, width), 3 if colour == "rgb" else 1


def _check_one_frame(path: Path, image: Image) -> None:
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # the second image in a photo of a phone is a preview
        raise _bad(path, f"holds {frames} frames, and a signal is one image", "Save each frame in a file of its own.")


def _png_ends(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 12))
        return file.read(12) == b"\0\0\0\0IEND\xaeB`\x82"


def _jpeg_ends(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 2))
        return file.read(2) == b"\xff\xd9"


# Tables and NumPy files.


def _series(path: Path, columns: Sequence[str | int] | None) -> tuple[np.ndarray, float | None]:
    """The channels of a table `(channel, time)` in float64, and the rate where a column of times tells it."""
    table, has_header = read_table(path)
    names = [str(name) for name in table.columns]
    lower = [name.strip().lower() for name in names]
    times = [i for i, name in enumerate(lower) if has_header and name in TIME_NAMES]
    if columns is None:
        channels = [i for i in range(len(names)) if i not in times]
    else:
        channels = [_position(path, column, names) for column in columns]
    if not len(table) or not channels:
        raise _bad(path, "holds no samples", "A table needs a line a sample, and a column a channel.")
    array = np.stack([_numbers(path, table.iloc[:, i], names[i]) for i in channels])
    rate = None
    seconds = [i for i in times if lower[i] in SECONDS_NAMES and i not in channels]
    if len(seconds) == 1 and pd.api.types.is_numeric_dtype(table.dtypes.iloc[seconds[0]]):
        i = seconds[0]
        when = _numbers(path, table.iloc[:, i], names[i])
        order = np.argsort(when, kind="stable")
        when = when[order]
        again = np.flatnonzero(np.diff(when) == 0)
        if again.size:
            raise _bad(path, f"{names[i]}={when[again[0]]:g} occurs more than once", "A time may occur only once.")
        array, rate = array[:, order], even_rate(when)
    return array, rate


def _position(path: Path, column: str | int, names: list[str]) -> int:
    if isinstance(column, str) and column in names:
        return names.index(column)
    if isinstance(column, int) and 0 <= column < len(names):
        return column
    raise _bad(path, f"has no column {column!r}", f"Its columns are: {', '.join(names)}.")


def _numbers(path: Path, column: pd.Series, name: str) -> np.ndarray:
    """A column as float64, or an error that says which row holds no finite number."""
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    bad = np.flatnonzero(~np.isfinite(numbers))
    if bad.size:
        row, value = int(bad[0]), column.iloc[bad[0]]
        if pd.isna(value) or str(value).strip() in MISSING:
            raise _bad(
                path, f"row {row + 1} of column {name!r} is missing ({bad.size} such rows)", "Fill it, or cut there."
            )
        shown = repr(value) if isinstance(value, str) else str(value)
        raise _bad(path, f"row {row + 1} of column {name!r} holds {shown}, which is no finite number")
    return numbers


def _array(path: Path, n_axes: int | None) -> tuple[np.ndarray, int]:
    """A NumPy file `(channel, *axes)`, mapped rather than read, and its number of axes."""
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except ValueError as error:
        if "Python objects" in str(error):
            raise _bad(path, "holds Python objects, which are not read", "Save each array by itself.") from None
        raise
    if array.dtype.kind not in "biuf":
        raise _bad(path, f"holds {array.dtype}, which are no real numbers")
    axes = n_axes or array.ndim
    if axes not in (1, 2, 3) or array.ndim not in (axes, axes + 1):
        given = f"n_axes={n_axes}" if n_axes else "no n_axes given"
        raise _bad(path, f"shape {array.shape} with {given} is no signal", "Pass n_axes: (*axes) or (channel, *axes).")
    if not array.size:
        raise _bad(path, f"holds no samples: its shape is {array.shape}")
    return (array[np.newaxis] if array.ndim == axes else array), axes


def _text_table(path: Path) -> tuple[pd.DataFrame, bool]:
    sample, whole = _first_lines(path)
    if not sample:
        raise _bad(path, "holds no samples", "A table needs a line a sample, and a column a channel.")
    delimiter = next((mark for mark in "\t;," if mark in sample[0]), None)
    rows = [_cells(line, delimiter) for line in sample]
    has_header = _is_header(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            table = pd.read_csv(
                io.StringIO(whole) if whole is not None else path,
                sep=delimiter or r"\s+",
                header=0 if has_header else None,
                index_col=False,
                comment=None,
                skipinitialspace=True,
                keep_default_na=False,
                na_values=[""],
                encoding="utf-8-sig",
                low_memory=False,
            )
        except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
            said = str(error).replace("Error tokenizing data. C error: ", "").strip(" .\n")
            raise _bad(
                path, f"its lines are not all of one length ({said})", "Each needs as many cells as the first."
            ) from None
    for i, dtype in enumerate(table.dtypes):
        if not pd.api.types.is_numeric_dtype(dtype):
            column = table.iloc[:, i].where(~table.iloc[:, i].isin(MISSING))
            numbers = pd.to_numeric(column, errors="coerce")
            if column.notna().any() and numbers.notna().sum() == column.notna().sum():
                table.isetitem(i, numbers.to_numpy(dtype=np.float64))
    return table, has_header


def _first_lines(path: Path) -> tuple[list[str], str | None]:
    """The first lines that hold something, and the text without comments where it has any."""
    with path.open("rb") as file:
        head = file.read(1 << 20)
    if b"\0" in head:
        raise _bad(path, "is no text (it holds zero bytes)", "Save it as UTF-8, or rename it if it's no table.")
    whole = None
    with path.open(encoding="utf-8-sig", newline=None) as file:
        sample = file.read(1 << 20)
        if "\n#" in sample or sample.startswith("#"):
            lines = [line for line in (sample + file.read()).split("\n") if not line.lstrip().startswith("#")]
            whole = sample = "\n".join(lines)
    lines = [line for line in sample.split("\n") if line.strip()]
    if len(lines) > 1 and len(sample) >= 1 << 20:
        lines.pop()  # it may be cut
    return lines[:20], whole


def _cells(line: str, delimiter: str | None) -> list[str]:
    if delimiter is None:
        return line.split()
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_header(rows: list[list[str]]) -> bool:
    """Whether the first row names the columns (see `read_table`)."""
    first, rest = rows[0], rows[1:]
    numbers = [cell for cell in first if _is_number(cell) and cell not in MISSING]
    words = [i for i, cell in enumerate(first) if not _is_number(cell) and cell not in MISSING]
    counted = [[str(i + start) for i in range(len(numbers))] for start in (0, 1)]
    if numbers in counted and len(numbers) >= (2 if words else 3):
        return True
    if not words:
        return False
    return not numbers or any(i < len(row) and _is_number(row[i]) for i in words for row in rest)
