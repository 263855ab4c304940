"""Which suffix stands for which kind of signal."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

__all__ = ["ARRAY", "BY_PYAV", "IMAGE", "SOUND", "TABLE", "kind_of"]

VIDEO = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".3gp", ".mpg", ".mpeg"})
"""Suffixes of video files, whose sound is read."""

BY_PYAV = frozenset({".m4a", ".m4b", ".aac", ".mka", ".wma", ".ac3", ".amr"}) | VIDEO
"""Suffixes of the files whose sound PyAV reads, and soundfile does not."""

SOUND = frozenset({".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".au", ".caf", ".mp3"}) | BY_PYAV
"""Suffixes of sound files."""

IMAGE = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".pgm", ".ppm"})
"""Suffixes of images."""

TABLE = frozenset({".csv", ".tsv", ".txt"})
"""Suffixes of tables that hold one signal, a column a channel."""

ARRAY = frozenset({".npy"})
"""Suffixes of NumPy arrays that hold one signal."""


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
