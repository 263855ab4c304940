"""One file -> one array: readers of sound, images, tables and NumPy files, chosen by the suffix."""

from __future__ import annotations

from filterbank.files.checks import check_options
from filterbank.files.kinds import ARRAY, IMAGE, SOUND, TABLE, kind_of
from filterbank.files.reading import Content, Header, probe, read
from filterbank.files.sound import SoundReader, check_channel, resample
from filterbank.files.table import MISSING, SECONDS_NAMES, TIME_NAMES, even_rate, read_table

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
    "SoundReader",
    "check_channel",
    "check_options",
    "even_rate",
    "kind_of",
    "probe",
    "read",
    "read_table",
    "resample",
]
