"""The few exceptions of the package, and how their messages are built."""

from __future__ import annotations

__all__ = ["FilterbankError", "InputError", "MissingDataError", "ReadError", "WriteError", "invalid"]


class FilterbankError(Exception):
    """Anything that went wrong for a reason that the user can act on."""


class InputError(FilterbankError, ValueError):
    """A value or a signal that can't be used as it is."""


class ReadError(FilterbankError, OSError):
    """A file that can't be read; the message names it and says why."""


class WriteError(FilterbankError, OSError):
    """A file that can't be written; the message names it and says why."""


class MissingDataError(FilterbankError, FileNotFoundError):
    """A data set that isn't on this machine; the message says where to get it."""


def invalid(name: str, value: object, allowed: str, *, why: str = "", do: str = "") -> InputError:
    """Build the error for one bad value.

    Parameters
    ----------
    name : str
        The parameter, as the user writes it.
    value : object
        What was passed; its ``repr`` (shortened) goes into the message.
    allowed : str
        What the value isn't, as the end of the phrase "name=value is not ...".
    why : str, optional
        The consequence, where that isn't plain.
    do : str, optional
        What to do, as a sentence.

    Returns
    -------
    InputError
        Ready to raise.

    Examples
    --------
    >>> print(invalid("frequency", 0.7, "below 0.5 cycles/sample", why="it would alias",
    ...               do="Pass rate, or lower it."))
    frequency=0.7 is not below 0.5 cycles/sample, it would alias. Pass rate, or lower it.
    """
    shown = repr(value)
    if len(shown) > 80:
        shown = shown[:77] + "..."
    message = f"{name}={shown} is not {allowed}"
    message += f", {why}." if why else "."
    return InputError(message + (f" {do}" if do else ""))
