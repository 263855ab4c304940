"""What a row of `reproduce` says, and how published figures are compared with ours."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filterbank.errors import MissingDataError, ReadError

__all__ = ["AGREEMENTS", "Row", "agrees", "published"]

AGREEMENTS = ("exact", "disagrees", "within seeds", "outside of seeds", "not comparable", "absent")
"""What a row may say: "exact" to the printed digits; where a seed is unknown, whether ours reach the figure."""

PUBLISHED = "tutorial/golden/published.json"


@dataclass(frozen=True)
class Row:
    """One published figure.

    Attributes
    ----------
    section : str
    what : str
    published : str
        As printed.
    ours : float or None
        Done the same way.
    agreement : str
        One of `AGREEMENTS`.
    why : str
        How it was done, or why it can't be compared.
    honest : float or None
        The score where what leaks is kept apart.
    low, high : float or None
        Its 95 % interval.
    split : str
        How training and test are kept apart for the honest score.
    deterministic : bool
        Whether the figure follows from the data alone, so that it must agree.
    """

    section: str
    what: str
    published: str
    ours: float | None
    agreement: str
    why: str = ""
    honest: float | None = None
    low: float | None = None
    high: float | None = None
    split: str = ""
    deterministic: bool = True


def agrees(ours: float, printed: float, digits: int) -> str:
    """Return "exact" if ours rounds to the printed figure.

    Examples
    --------
    >>> agrees(0.9864, 0.99, 2), agrees(0.9864, 0.98, 2)
    ('exact', 'disagrees')
    """
    return "exact" if round(ours, digits) == round(printed, digits) else "disagrees"


def published() -> dict[str, Any]:
    """Return the figures that the tutorial printed, by section.

    Raises
    ------
    MissingDataError
        If they aren't on this machine.
    ReadError
        If the file is damaged.
    """
    root = os.environ.get("FILTERBANK_DATA")
    path = Path(root, PUBLISHED) if root else None
    if path is None or not path.is_file():
        raise MissingDataError(
            f"the published figures are not on this machine. Set FILTERBANK_DATA to a folder with {PUBLISHED}."
        )
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ReadError(f"{path}: is no JSON ({error}). Get the file anew.") from None
