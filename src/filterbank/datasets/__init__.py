"""Data sets by name: made by the package, brought by its dependencies, or recorded and found in a folder of yours."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from filterbank import io
from filterbank.datasets.brought import TEXTURES_NEED, digits, has_textures, textures
from filterbank.datasets.info import DatasetInfo
from filterbank.datasets.made import epidemics, tones
from filterbank.datasets.real import (
    cat_dog,
    esc10,
    fsdd,
    health,
    is_here,
    kth_tips,
    mnist,
    speech,
    ucr,
    ucr_names,
    where_to_get,
)
from filterbank.errors import InputError, ReadError, invalid
from filterbank.signals import Dataset

__all__ = [
    "DatasetInfo",
    "cat_dog",
    "describe",
    "digits",
    "epidemics",
    "esc10",
    "fsdd",
    "health",
    "kth_tips",
    "load",
    "load_builtin",
    "mnist",
    "names",
    "speech",
    "textures",
    "tones",
    "ucr",
    "ucr_names",
]


@dataclass(frozen=True)
class _Entry:
    load: Callable[..., Dataset]
    kind: Literal["series", "sound", "image"]
    summary: str
    licence: str
    origin: Literal["made", "brought", "real"]


BUILTIN: dict[str, _Entry] = {
    "epidemics": _Entry(
        epidemics,
        "series",
        "monthly counts of three diseases in made cities, in overlapping windows; group: city",
        "made by this package (BSD-3-Clause)",
        "made",
    ),
    "textures": _Entry(
        textures,
        "image",
        "patches of photographs of brick, grass, gravel and tissue; group: quarter of a photograph",
        "CC0 (brick, grass, gravel); no known copyright restrictions (tissue)",
        "brought",
    ),
    "digits": _Entry(
        digits, "image", "1,797 handwritten digits of 8 x 8 samples, by unknown writers", "CC BY 4.0 (UCI)", "brought"
    ),
    "tones": _Entry(
        tones, "sound", "five vowels sung by made voices; group: voice", "made by this package (BSD-3-Clause)", "made"
    ),
    "health": _Entry(
        health,
        "series",
        "660 windows of monthly counts of chickenpox, measles and mumps, 1928 to 1972",
        "Time Series Data Library (Yorke & London 1973)",
        "real",
    ),
    "speech": _Entry(
        speech,
        "sound",
        "two sentences by eight speakers, for gender; group: speaker",
        "tutorial material of 2017",
        "real",
    ),
    "cat_dog": _Entry(
        cat_dog, "image", "100 photographs of cats and dogs, of many sizes", "Kaggle Dogs vs Cats, its terms", "real"
    ),
    "fsdd": _Entry(
        fsdd, "sound", "3,000 spoken digits by six speakers, for the digit; group: speaker", "CC BY-SA 4.0", "real"
    ),
    "esc10": _Entry(
        esc10,
        "sound",
        "400 clips of ten sounds of the environment, in five official folds; group: clip",
        "CC BY",
        "real",
    ),
    "kth_tips": _Entry(
        kth_tips, "image", "810 photographs of ten materials at nine scales; group: scale", "research use", "real"
    ),
    "mnist": _Entry(
        mnist, "image", "70,000 handwritten digits of 28 x 28 samples, official split", "LeCun et al. 1998", "real"
    ),
    "ucr": _Entry(
        ucr,
        "series",
        'the univariate sets of the UCR archive of 2018, loaded as "ucr:NAME", official split',
        "research use (Dau et al. 2019)",
        "real",
    ),
}


def load(
    source: str | Path,
    *,
    target: str | None = None,
    group: str | None = None,
    strict: bool = False,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Dataset:
    """Make a data set of a folder, a table, an archive or one file; or load one by its name.

    Parameters
    ----------
    source : path or str
        What exists under this path, read as `filterbank.io.load` says; else one of `filterbank.datasets.names()`, or
        "ucr:NAME".
    target : str, optional
        The column of labels.
    group : str, optional
        The column of what must not be split between training and test.
    strict : bool
        Whether it is an error if anything can't be read. It makes no difference to a data set that has a name.
    progress : callable, optional
        Called with (files done, files in all).
    **options
        Of a path, those of `filterbank.io.load`: rate, mono, channel, colour, n_axes, columns, id, time, name. Of a
        name, the arguments of the function of that name in `filterbank.datasets`.

    Returns
    -------
    Dataset

    Raises
    ------
    ReadError
        If there is neither such a path nor such a name, or the source is damaged as a whole.
    InputError
        If no signal is left, or a column or option that was asked for isn't there.
    MissingDataError
        If the named data aren't on this machine; the message says where to get them.

    Examples
    --------
    >>> load("epidemics", n_cities=2, group="label").group
    'label'
    """
    if io.is_there(source):
        allowed = list(inspect.signature(io.load).parameters)[1:]
        for option, value in options.items():
            if option not in allowed:
                raise InputError(f"load has no option {option}={value!r} for a path; it has: {', '.join(allowed)}.")
        return io.load(source, target=target, group=group, strict=strict, progress=progress, **options)
    if str(source).partition(":")[0] not in BUILTIN:
        near = difflib.get_close_matches(str(source), BUILTIN, n=1)
        raise ReadError(
            f"{source}: there is no such file or folder, and no built-in data set of this name; those are: "
            f"{', '.join(BUILTIN)}." + (f" Did you mean {near[0]!r}?" if near else "")
        )
    return load_builtin(str(source), **options).with_target(target, group)


def names() -> list[str]:
    """Return the names of the data sets, on this machine or not.

    The archive "ucr" is many sets: load one as "ucr:NAME"; `ucr_names` lists those on this machine.

    Examples
    --------
    >>> names()[:4]
    ['epidemics', 'textures', 'digits', 'tones']
    """
    return list(BUILTIN)


def describe(name: str) -> DatasetInfo:
    """Return what is known of a data set before it's loaded.

    Parameters
    ----------
    name : str
        One of `names()`, or "ucr:NAME".

    Returns
    -------
    DatasetInfo

    Raises
    ------
    InputError
        If there is no such data set.

    Examples
    --------
    >>> info = describe("tones")
    >>> info.kind, info.available, info.needs
    ('sound', True, None)
    """
    key, member = _parse(name)
    entry = BUILTIN[key]
    summary, needs, available = entry.summary, None, True
    if entry.origin == "real":
        needs, available = where_to_get(key), is_here(key)
    elif key == "textures":
        needs, available = TEXTURES_NEED + ".", has_textures()
    if member is not None:
        summary, available = f"{member} of the UCR archive of 2018, official split", member in ucr_names()
    return DatasetInfo(name, entry.kind, summary, entry.licence, needs, available)


def load_builtin(name: str, **options: Any) -> Dataset:
    """Load a data set by its name.

    Parameters
    ----------
    name : str
        One of `names()`, or "ucr:NAME".
    **options
        Arguments of the function of that name, such as `n_cities` of `epidemics`.

    Returns
    -------
    Dataset

    Raises
    ------
    InputError
        If there is no such data set or option.
    MissingDataError
        If the data aren't on this machine; the message says where to get them.

    Examples
    --------
    >>> load_builtin("tones", n_voices=2, n_takes=1).signals
    Signals(10 signals of 1 axis, 1 channel, 8000 Hz)
    """
    key, member = _parse(name)
    entry = BUILTIN[key]
    allowed = [p.name for p in inspect.signature(entry.load).parameters.values() if p.kind is p.KEYWORD_ONLY]
    for option, value in options.items():
        if option not in allowed:
            raise InputError(f"{name} has no option {option}={value!r}; it has: {', '.join(allowed) or 'none'}.")
    if key != "ucr":
        return entry.load(**options)
    if member is None:
        here = ", ".join(ucr_names()) or "none"
        raise InputError(f"name={name!r} is an archive of many sets: pass 'ucr:NAME'. On this machine: {here}.")
    return entry.load(member, **options)


def _parse(name: str) -> tuple[str, str | None]:
    """The key in `BUILTIN`, and the set of the archive that follows a colon."""
    key, colon, member = name.partition(":") if isinstance(name, str) else ("", "", "")
    if key not in BUILTIN or (colon and (key != "ucr" or not member)):
        near = difflib.get_close_matches(str(name), [*BUILTIN, *(f"ucr:{n}" for n in ucr_names())], n=1)
        do = f"Did you mean {near[0]!r}?" if near else "For a set of the UCR archive pass 'ucr:NAME'."
        raise invalid("name", name, f"a data set: {', '.join(BUILTIN)}", do=do)
    return key, member if colon else None
