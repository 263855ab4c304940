"""What is asked of every file and option before it is read, and what is said of a damaged one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from filterbank.errors import FilterbankError, ReadError, invalid

__all__ = ["bad", "check_file", "check_options", "explained"]


def bad(path: Path, what: str, do: str = "") -> ReadError:
    """Build the error for one bad file."""
    return ReadError(f"{path}: {what}." + (f" {do}" if do else ""))


def check_options(rate: float | None, colour: str, n_axes: int | None) -> None:
    """Raise InputError if an option that all readers share has no meaning."""
    if rate is not None and not (np.isfinite(rate) and rate > 0):
        raise invalid("rate", rate, "a positive number of samples per second")
    if colour not in ("grey", "rgb"):
        raise invalid("colour", colour, "'grey' or 'rgb'")
    if n_axes not in (None, 1, 2, 3):
        raise invalid("n_axes", n_axes, "1, 2 or 3")


def check_file(path: Path) -> None:
    """Raise ReadError if there is no file, or nothing in it."""
    try:
        if path.is_dir():
            raise bad(path, "is a folder, not a file", "Pass a file, or use filterbank.load for the folder.")
        if not path.stat().st_size:
            raise bad(path, "is empty (0 bytes)", "Get the file again, or remove it.")
    except FilterbankError:
        raise
    except FileNotFoundError:
        raise bad(path, "there is no such file") from None
    except OSError as error:
        raise bad(path, f"can't be opened ({error.strerror or error})") from None


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn whatever a decoder raises on a damaged file into one ReadError that names the file."""
    try:
        yield
    except (FilterbankError, ImportError, MemoryError):
        raise
    except UnicodeDecodeError:
        raise bad(path, "is not text in UTF-8", "Save it as UTF-8, or rename it if it's no table.") from None
    except PermissionError:
        raise bad(path, "can't be opened (permission denied)") from None
    except Exception as error:  # decoders of damaged files raise nearly anything
        said = str(getattr(error, "strerror", None) or error).replace(str(path), "")
        said = " ".join(said.split()).strip(" .:'\"") or type(error).__name__
        raise bad(path, f"can't be read as {path.suffix.lower()} ({said})", "Is it whole?") from error
