"""Recorded data sets, read from the folder that the environment variable FILTERBANK_DATA names."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from filterbank.errors import InputError, MissingDataError, ReadError, invalid
from filterbank.files import probe
from filterbank.signals import Dataset, FileSignal, Signals

__all__ = [
    "cat_dog",
    "esc10",
    "fsdd",
    "health",
    "is_here",
    "kth_tips",
    "mnist",
    "speech",
    "ucr",
    "ucr_names",
    "where_to_get",
]

ROOT = "FILTERBANK_DATA"

PLACES = {
    # where a set lies in FILTERBANK_DATA, and where it comes from
    "cat_dog": ("tutorial/cat_dog", "JPEG files such as cat.0.jpg, https://www.kaggle.com/c/dogs-vs-cats"),
    "esc10": ("esc10", "the audio files of ESC-10, https://github.com/karolpiczak/ESC-50"),
    "fsdd": ("fsdd/recordings", "the recordings of https://github.com/Jakobovski/free-spoken-digit-dataset"),
    "health": (
        "tutorial/health",
        "year,month,count; from the Time Series Data Library, https://github.com/FinYang/tsdl",
    ),
    "kth_tips": (
        "kth_tips/kth_tips_grey.npz",
        "arrays x, shape, y, classes, files; made from https://www.csc.kth.se/cvap/databases/kth-tips/",
    ),
    "mnist": (
        "mnist/mnist.npz",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz, by LeCun et al. 1998",
    ),
    "speech": ("tutorial/speech", "recordings with a metadata.csv, from the tutorial's material of 2017"),
    "ucr": ("ucr", "NAME/NAME_TRAIN.tsv and _TEST.tsv, https://www.cs.ucr.edu/~eamonn/time_series_data_2018/"),
}

HEALTH_SERIES = ("chickenpox_newyork", "measles_baltimore", "mumps_newyork")
HEALTH_GOLDEN = "tutorial/golden/health_windows.csv"

ESC10_FILE = r"\d-\d+-[A-Z]-(0|1|10|11|12|20|21|38|40|41)\.(wav|flac|ogg)"
"""Fold, clip, take, target; at its publisher's, ESC-50 lies in one folder with ESC-10."""
ESC10 = {
    0: "dog",
    1: "rooster",
    10: "rain",
    11: "sea waves",
    12: "crackling fire",
    20: "crying baby",
    21: "sneezing",
    38: "clock tick",
    40: "helicopter",
    41: "chainsaw",
}


def health(*, random_state: int | np.random.Generator | None = 0) -> Dataset:
    """Load windows of the monthly counts of three diseases, 1928 to 1972.

    Chickenpox and mumps in New York, measles in Baltimore. There is one series a disease: the score is for other
    years of the same series, and windows overlap, so that they have to be kept apart in time.

    Parameters
    ----------
    random_state : int or Generator, optional
        Used only where the tutorial's own windows are not in the folder: 220 windows of 24 to 35 months are
        then drawn from each series.

    Returns
    -------
    Dataset
        Series in float64; table columns source, start, stop, source_length, label. No group. 660 windows.

    Raises
    ------
    MissingDataError
        If the series aren't on this machine.

    References
    ----------
    .. [1] Yorke & London 1973, "Recurrent outbreaks of measles, chickenpox and mumps", Am. J. Epidemiology 98.
    """
    folder = _place("health")
    series = {name: _monthly(folder / f"{name}.csv") for name in HEALTH_SERIES}
    golden = _root() / HEALTH_GOLDEN
    if golden.is_file():
        windows = pd.read_csv(golden)
        cut = "in the tutorial's 660 windows"
    else:
        windows = _random_windows(series, np.random.default_rng(random_state))
        cut = "in random windows of 24 to 35 months (the tutorial's own are not in the folder)"
    table = pd.DataFrame(
        {
            "source": windows["series"].astype(str),
            "start": windows["start"],
            "stop": windows["start"] + windows["length"],
            "label": [name.split("_")[0] for name in windows["series"]],
        }
    )
    items = []
    for source, start, stop in table[["source", "start", "stop"]].itertuples(index=False):
        if source not in series or not 0 <= start < stop <= len(series[source]):
            raise ReadError(f"{golden}: the window {start} to {stop} is not in the series {source!r}.")
        items.append(series[source][start:stop])
    table.insert(3, "source_length", [len(series[source]) for source in table["source"]])
    return Dataset(
        Signals(items, n_axes=1),
        table,
        kind="series",
        target="label",
        name="health",
        description=(
            "Monthly counts of chickenpox and mumps in New York and of measles in Baltimore, 1928 to 1972 (Yorke & "
            f"London 1973, Time Series Data Library), {cut}. There is one series a disease, and windows overlap."
        ),
    )


def speech(*, all_voices: bool = False, mono: bool = False) -> Dataset:
    """Load two sentences said by a few people, each in a sound file.

    Parameters
    ----------
    all_voices : bool
        Whether to include the four voices that were added after the tutorial's table of 2017 was published.
    mono : bool
        Whether the two channels become one, their mean.

    Returns
    -------
    Dataset
        16 sounds (24 with `all_voices`), stereo, 44,100 samples per second, read when asked for; the table is the
        folder's metadata.csv with source for path. Target gender, group speaker (a man recorded twice is one speaker).

    Raises
    ------
    MissingDataError
        If the recordings aren't on this machine.
    """
    folder = _place("speech")
    table = pd.read_csv(folder / "metadata.csv").rename(columns={"path": "source"})
    if not all_voices:
        table = table[table["in_2017"] == 1]
    return Dataset(
        _files([folder / path for path in table["source"]], n_axes=1, rate=44100, mono=mono),
        table,
        kind="sound",
        target="gender",
        group="speaker",
        name="speech",
        description=(
            f"{len(table)} recordings of two sentences, from the tutorial's material of 2017. Target gender; other "
            "columns are sentence, nationality, age and mood. The speaker is the group."
        ),
    )


def cat_dog(*, colour: Literal["grey", "rgb"] = "grey") -> Dataset:
    """Load 100 photographs of cats and dogs, of many sizes.

    Parameters
    ----------
    colour : {"grey", "rgb"}
        One channel, or three.

    Returns
    -------
    Dataset
        Images, float32 within 0..1, read when asked for; table columns source, label. No group.

    Raises
    ------
    MissingDataError
        If the photographs aren't on this machine.
    """
    if colour not in ("grey", "rgb"):
        raise invalid("colour", colour, "'grey' or 'rgb'")
    paths = _listed("cat_dog", r"(cat|dog)\.\d+\.jpg")
    table = pd.DataFrame({"source": [p.name for p in paths], "label": [p.name[:3] for p in paths]})
    return Dataset(
        _files(paths, n_axes=2, colour=colour),
        table,
        kind="image",
        target="label",
        name="cat_dog",
        description="Photographs of cats and dogs, a sample of Kaggle's Dogs vs Cats; the label is in the file's name.",
    )


def fsdd() -> Dataset:
    """Load the Free Spoken Digit Dataset: ten digits by six speakers, 50 times.

    Returns
    -------
    Dataset
        3,000 sounds, 8,000 samples per second, read when asked for; table columns source, digit, speaker, take,
        split (the official test part is takes 0 to 4). Target digit, group speaker.

    Raises
    ------
    MissingDataError
        If the recordings aren't on this machine.

    References
    ----------
    .. [1] Jackson et al., https://github.com/Jakobovski/free-spoken-digit-dataset
    """
    paths = _listed("fsdd", r"\d_[^_]+_\d+\.wav")
    parts = [p.stem.split("_") for p in paths]
    table = pd.DataFrame(
        {
            "source": [p.name for p in paths],
            "digit": [int(digit) for digit, _, _ in parts],
            "speaker": [speaker for _, speaker, _ in parts],
            "take": [int(take) for _, _, take in parts],
        }
    )
    table["split"] = np.where(table["take"] < 5, "test", "train")
    return Dataset(
        _files(paths, n_axes=1, rate=8000),
        table,
        kind="sound",
        target="digit",
        group="speaker",
        name="fsdd",
        description="Spoken digits (Free Spoken Digit Dataset). The official test part has the same speakers.",
    )


def esc10() -> Dataset:
    """Load ESC-10: 400 clips of ten sounds of the environment.

    Returns
    -------
    Dataset
        Sounds of 5 s at the first file's rate, read when asked for; table columns source, fold (1 to 5,
        official), clip, take, label. Group clip: several takes may be cut from one original clip.

    Raises
    ------
    MissingDataError
        If the clips aren't on this machine.

    References
    ----------
    .. [1] Piczak 2015, "ESC: Dataset for Environmental Sound Classification", ACM Multimedia.
    """
    paths, rows = _listed("esc10", ESC10_FILE), []
    for path in paths:
        fold, clip, take, target = path.stem.split("-")
        rows.append((path.name, int(fold), clip, take, ESC10[int(target)]))
    return Dataset(
        _files(paths, n_axes=1, rate=probe(paths[0]).rate),
        pd.DataFrame(rows, columns=["source", "fold", "clip", "take", "label"]),
        kind="sound",
        target="label",
        group="clip",
        name="esc10",
        description="Clips of 5 s of ten sounds of the environment (ESC-10, Piczak 2015), with five official folds.",
    )


def kth_tips() -> Dataset:
    """Load KTH-TIPS: grey photographs of ten materials at nine scales.

    Returns
    -------
    Dataset
        810 images of about 200 x 200, float32 within 0..1; table columns source, label, scale, image. Group
        scale: the score is for a distance that was not seen. There is one sample of each material.

    Raises
    ------
    MissingDataError
        If the photographs aren't on this machine.

    References
    ----------
    .. [1] Hayman et al. 2004, "On the significance of real-world conditions for material classification", ECCV.
    """
    x, shape, y, classes, names = _arrays(_place("kth_tips"), "x", "shape", "y", "classes", "files")
    parts = [re.search(r"scale_(\d+)_im_(\d+)", name) for name in names]
    table = pd.DataFrame(
        {
            "source": names.astype(str),
            "label": classes[y].astype(str),
            "scale": [int(p[1]) if p else -1 for p in parts],
            "image": [int(p[2]) if p else -1 for p in parts],
        }
    )
    return Dataset(
        Signals([image[:h, :w] for image, (h, w) in zip(x, shape)], n_axes=2).map(_unit),
        table,
        kind="image",
        target="label",
        group="scale",
        name="kth_tips",
        description="Grey photographs of ten materials (KTH-TIPS, Hayman et al. 2004); group: one of nine scales.",
    )


def mnist() -> Dataset:
    """Load MNIST: 70,000 handwritten digits of 28 x 28 samples.

    Returns
    -------
    Dataset
        Images, float32 within 0..1; table columns label, split (train or test, official: other writers). No group.

    Raises
    ------
    MissingDataError
        If the digits aren't on this machine.

    References
    ----------
    .. [1] LeCun et al. 1998, "Gradient-based learning applied to document recognition", Proc. IEEE 86.
    """
    *x, y_train, y_test = _arrays(_place("mnist"), "x_train", "x_test", "y_train", "y_test")
    y = [y_train, y_test]
    return Dataset(
        Signals([*x[0], *x[1]], n_axes=2).map(_unit),
        pd.DataFrame(
            {
                "label": np.concatenate(y).astype(np.int64),
                "split": np.repeat(["train", "test"], [len(v) for v in y]),
            }
        ),
        kind="image",
        target="label",
        name="mnist",
        description="70,000 handwritten digits (MNIST, LeCun et al. 1998), with the official split.",
    )


def ucr(name: str, *, missing: Literal["error", "interpolate"] = "error") -> Dataset:
    """Load a set of the UCR archive of 2018.

    Parameters
    ----------
    name : str
        As the archive spells it, such as GunPoint; `ucr_names` lists those on this machine.
    missing : {"error", "interpolate"}
        What to do with samples missing before a series' end: refuse the set, or fill them by the line between their
        neighbours (at the start, by the first known sample). Samples missing at the end make a series shorter.

    Returns
    -------
    Dataset
        Series, first the official training half; table columns label, split. No group is known.

    Raises
    ------
    InputError
        If samples are missing before a series' end and `missing` is "error".
    MissingDataError
        If the set isn't on this machine.

    References
    ----------
    .. [1] Dau et al. 2019, "The UCR time series archive", IEEE/CAA J. Automatica Sinica 6.
    """
    if missing not in ("error", "interpolate"):
        raise invalid("missing", missing, "'error' or 'interpolate'")
    if not isinstance(name, str) or not re.fullmatch(r"\w+", name):
        raise invalid("name", name, "the name of a set of the UCR archive, such as 'GunPoint'")
    halves = _ucr_halves(_place("ucr"), name)
    items: list[np.ndarray] = []
    n_filled = 0
    for series in (row for x, _ in halves for row in x):
        known = np.flatnonzero(~np.isnan(series))
        if not len(known):
            raise InputError(f"ucr:{name} holds a series without any sample (series {len(items)}).")
        series = series[: known[-1] + 1]
        if len(known) < len(series):
            n_filled += 1
            series = np.interp(np.arange(len(series)), known, series[known]).astype(series.dtype)
        items.append(series)
    if n_filled and missing == "error":
        raise InputError(
            f"ucr:{name} has samples missing inside {n_filled} of its {len(items)} series. "
            "Pass missing='interpolate' to fill them by the line between their neighbours."
        )
    filled = f" Missing samples of {n_filled} series were interpolated." if n_filled else ""
    return Dataset(
        Signals(items, n_axes=1),
        pd.DataFrame(
            {
                "label": np.concatenate([y for _, y in halves]),
                "split": np.repeat(["train", "test"], [len(y) for _, y in halves]),
            }
        ),
        kind="series",
        target="label",
        name=f"ucr:{name}",
        description=f"{name} of the UCR archive (Dau et al. 2019), with the official split.{filled}",
    )


def ucr_names() -> list[str]:
    """Return the names of the UCR sets on this machine, sorted; an empty list where there are none."""
    if not is_here("ucr"):
        return []
    folder = _place("ucr")
    names = {p.stem for p in folder.glob("*.npz")}
    names |= {p.parent.name for p in folder.glob("*/*_TRAIN.tsv") if p.name == f"{p.parent.name}_TRAIN.tsv"}
    return sorted(names)


def is_here(name: str) -> bool:
    """Say whether the folder or file of a real set is on this machine."""
    return bool(os.environ.get(ROOT)) and (_root() / PLACES[name][0]).exists()


def where_to_get(name: str) -> str:
    """Return the sentence that says where a real set is to be had."""
    place, origin = PLACES[name]
    return f"Put it at {place} ({origin}), and set {ROOT} to the folder that holds {place}."


def _root() -> Path:
    return Path(os.environ.get(ROOT, ""))


def _place(name: str) -> Path:
    """The folder or file of a real set."""
    if is_here(name):
        return _root() / PLACES[name][0]
    root = os.environ.get(ROOT)
    why = f"there is no {PLACES[name][0]} in {ROOT}={root}" if root else f"{ROOT} is not set"
    raise MissingDataError(f"{name} is not on this machine: {why}. {where_to_get(name)}")


def _listed(name: str, pattern: str) -> list[Path]:
    """The files of a real set whose names fit a regular expression, sorted by name."""
    folder = _place(name)
    paths = sorted(p for p in folder.iterdir() if re.fullmatch(pattern, p.name))
    if not paths:
        raise MissingDataError(f"{name} is not on this machine: {folder} holds none of its files. {where_to_get(name)}")
    return paths


def _files(paths: Sequence[Path], *, n_axes: int, rate: float | None = None, **options: object) -> Signals:
    """Signals that are read from their files when asked for, at one rate."""
    options = {"rate": rate, **options}
    return Signals([FileSignal(path, options) for path in paths], n_axes=n_axes, rate=rate)


def _arrays(path: Path, *keys: str) -> list[np.ndarray]:
    """The named arrays of an npz file."""
    try:
        with np.load(path) as arrays:
            return [arrays[key] for key in keys]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ReadError(f"{path} can't be read as an npz file of the arrays {', '.join(keys)}: {error}.") from None


def _unit(image: np.ndarray) -> np.ndarray:
    """An image of 0..255 as float32 within 0..1."""
    return (image / 255).astype(np.float32)


def _monthly(path: Path) -> np.ndarray:
    """The counts of a file of year,month,count; its lines may end in a bare carriage return."""
    try:
        lines = path.read_text().split()
        return np.loadtxt(lines, delimiter=",", ndmin=2)[:, 2].copy()
    except FileNotFoundError:
        raise MissingDataError(f"health is not on this machine: {path} is missing. {where_to_get('health')}") from None
    except (ValueError, IndexError) as error:
        raise ReadError(f"{path} does not hold lines of year,month,count: {error}.") from None


def _random_windows(series: dict[str, np.ndarray], rng: np.random.Generator) -> pd.DataFrame:
    """220 windows of 24 to 35 months of each series, by start."""
    frames = []
    for name, values in series.items():
        length = rng.integers(24, 36, 220)
        start = np.sort(rng.integers(0, len(values) - 35 + 1, 220))
        frames.append(pd.DataFrame({"series": name, "start": start, "length": length}))
    return pd.concat(frames)


def _ucr_halves(folder: Path, name: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Series and labels of the training and the test half, from one npz or the archive's own two tables."""
    if (folder / f"{name}.npz").is_file():
        x_train, y_train, x_test, y_test = _arrays(folder / f"{name}.npz", "x_train", "y_train", "x_test", "y_test")
        return [(x_train, y_train), (x_test, y_test)]
    tables = [folder / name / f"{name}_{half}.tsv" for half in ("TRAIN", "TEST")]
    if not all(path.is_file() for path in tables):
        raise MissingDataError(f"ucr:{name} is not on this machine: {folder} does not hold it. {where_to_get('ucr')}")
    halves = [np.genfromtxt(path, delimiter="\t", ndmin=2) for path in tables]
    return [(half[:, 1:], half[:, 0].astype(np.int64)) for half in halves]
