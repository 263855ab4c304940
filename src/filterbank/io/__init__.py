"""Data in: folders, tables, archives and files become a Dataset, and long signals windows."""

from __future__ import annotations

from filterbank.io.columns import GROUP_NAMES, ID_NAMES, TARGET_NAMES
from filterbank.io.cut import windows
from filterbank.io.source import is_there, load

__all__ = ["GROUP_NAMES", "ID_NAMES", "TARGET_NAMES", "is_there", "load", "windows"]
