"""Tables of text or Parquet, and the one signal that such a table may be."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from filterbank.files.checks import bad, check_file, explained

__all__ = ["MISSING", "SECONDS_NAMES", "TIME_NAMES", "even_rate", "read_series", "read_table"]

SECONDS_NAMES = ("time", "t", "sec", "secs", "second", "seconds")
"""Names of columns of times, which are in seconds where they hold numbers."""

TIME_NAMES = (*SECONDS_NAMES, "timestamp", "date", "datetime", "year", "month", "week", "day", "hour", "minute")
"""Names of columns that say when a sample was taken, and are no channel."""

MISSING = ["", "nan", "NaN", "NAN", "NA", "N/A", "n/a", "null", "NULL", "None", "?", "-nan"]
"""What stands for a missing number in a table."""


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
    check_file(path)
    with explained(path):
        if path.suffix.lower() in (".parquet", ".pq"):
            table = pd.read_parquet(path)
            table.columns = [str(column) for column in table.columns]
            return table, True
        return _text_table(path)


def read_series(path: Path, columns: Sequence[str | int] | None) -> tuple[np.ndarray, float | None]:
    """Return the channels of a table `(channel, time)` in float64, and the rate where a column of times tells it."""
    table, has_header = read_table(path)
    names = [str(name) for name in table.columns]
    lower = [name.strip().lower() for name in names]
    times = [i for i, name in enumerate(lower) if has_header and name in TIME_NAMES]
    if columns is None:
        channels = [i for i in range(len(names)) if i not in times]
    else:
        channels = [_position(path, column, names) for column in columns]
    if not len(table) or not channels:
        raise bad(path, "holds no samples", "A table needs a line a sample, and a column a channel.")
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
            raise bad(path, f"{names[i]}={when[again[0]]:g} occurs more than once", "A time may occur only once.")
        array, rate = array[:, order], even_rate(when)
    return array, rate


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


def _position(path: Path, column: str | int, names: list[str]) -> int:
    if isinstance(column, str) and column in names:
        return names.index(column)
    if isinstance(column, int) and 0 <= column < len(names):
        return column
    raise bad(path, f"has no column {column!r}", f"Its columns are: {', '.join(names)}.")


def _numbers(path: Path, column: pd.Series, name: str) -> np.ndarray:
    """A column as float64, or an error that says which row holds no finite number."""
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if wrong.size:
        row, value = int(wrong[0]), column.iloc[wrong[0]]
        if pd.isna(value) or str(value).strip() in MISSING:
            raise bad(
                path, f"row {row + 1} of column {name!r} is missing ({wrong.size} such rows)", "Fill it, or cut there."
            )
        shown = repr(value) if isinstance(value, str) else str(value)
        raise bad(path, f"row {row + 1} of column {name!r} holds {shown}, which is no finite number")
    return numbers


def _text_table(path: Path) -> tuple[pd.DataFrame, bool]:
    sample, whole = _first_lines(path)
    if not sample:
        raise bad(path, "holds no samples", "A table needs a line a sample, and a column a channel.")
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
            raise bad(
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
        raise bad(path, "is no text (it holds zero bytes)", "Save it as UTF-8, or rename it if it's no table.")
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
