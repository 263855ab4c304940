"""What is known of a data set before it's loaded, and the check of the whole numbers that loaders take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from filterbank.errors import invalid

__all__ = ["DatasetInfo", "check_whole"]


@dataclass(frozen=True)
class DatasetInfo:
    """What a data set is, before it's loaded.

    Parameters
    ----------
    name : str
        What `load_builtin` takes.
    kind : {"series", "sound", "image"}
    summary : str
        One line.
    licence : str
    needs : str, optional
        Where the data are to be had, as a sentence; None where the package makes or brings them.
    available : bool
        Whether `load_builtin` would find the data on this machine now.
    """

    name: str
    kind: Literal["series", "sound", "image"]
    summary: str
    licence: str
    needs: str | None
    available: bool


def check_whole(name: str, value: object, low: int, high: int | None = None) -> int:
    """Return `value` if it's a whole number from `low` to `high`; else raise InputError.

    Examples
    --------
    >>> check_whole("n_cities", 4, 1)
    4
    """
    whole = hasattr(value, "__index__") and not isinstance(value, bool)
    number = int(value) if whole else low - 1  # type: ignore[call-overload]
    if number < low or (high is not None and number > high):
        span = f"from {low} to {high}" if high is not None else f"of at least {low}"
        raise invalid(name, value, f"a whole number {span}")
    return number
