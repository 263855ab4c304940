"""The 2017 tutorial's published figures, one row each: ours done the same way, and done honestly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pandas as pd

from filterbank.errors import FilterbankError, InputError, invalid
from filterbank.reproduce import pictures, series, speech
from filterbank.reproduce.rows import AGREEMENTS, Row, published

__all__ = ["AGREEMENTS", "SECTIONS", "Row", "as_table", "disagreements", "reproduce"]

SECTIONS: dict[str, Callable[[dict[str, Any]], Iterator[Row]]] = {
    "health": series.health,
    "sunspots": series.sunspots,
    "city_gabor": pictures.city_gabor,
    "border_image": pictures.border_image,
    "cat_dog_bovw": pictures.cat_dog_bovw,
    "health_reduced": series.health_reduced,
    "speech_fft_rows": speech.stored_rows,
    "speech": speech.table_rows,
    "cat_dog_vgg16": pictures.cat_dog_vgg16,
    "speech_cnn": speech.network,
    "mnist_cnn": pictures.mnist_cnn,
}
"""The sections of the published figures, quick ones first."""


def reproduce(only: Sequence[str] | None = None) -> Iterator[Row]:
    """Yield a row for each published figure, quick ones first.

    Parameters
    ----------
    only : sequence of str, optional
        Names of `SECTIONS`, or their beginnings: "speech" stands for all that begin so.

    Yields
    ------
    Row
        Of a section whose data, or torch, isn't on this machine, one row with the agreement "absent".

    Raises
    ------
    InputError
        For a name that isn't there.
    MissingDataError
        If the published figures themselves aren't on this machine.
    """
    chosen = list(SECTIONS)
    if only is not None:
        for name in only:
            if not any(section.startswith(name) for section in SECTIONS) or not name:
                raise invalid("only", name, f"one of {', '.join(SECTIONS)}")
        chosen = [section for section in SECTIONS if any(section.startswith(name) for name in only)]
    printed = published()
    for section in chosen:
        try:
            yield from SECTIONS[section](printed[section])
        except (FilterbankError, ImportError) as error:
            if isinstance(error, InputError) and "not installed" not in str(error):
                raise
            yield Row(section, "all", "", None, "absent", " ".join(str(error).split()), deterministic=False)


def disagreements(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that follow from the data alone and yet don't come out as published."""
    return [row for row in rows if row.deterministic and row.agreement == "disagrees"]


def as_table(rows: Sequence[Row]) -> pd.DataFrame:
    """Return the rows as a table."""
    return pd.DataFrame([vars(row) for row in rows], columns=list(Row.__dataclass_fields__))
