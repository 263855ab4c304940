"""Data sets that come inside the wheels of scikit-image and scikit-learn: textures and digits."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd

from filterbank.datasets.info import check_whole
from filterbank.errors import MissingDataError
from filterbank.signals import Dataset, Signals

__all__ = ["digits", "has_textures", "textures"]

PHOTOGRAPHS = {"brick": "brick.png", "grass": "grass.png", "gravel": "gravel.png", "tissue": "ihc.png"}
SIDE = 512
REGIONS = {"top left": (0, 0), "top right": (0, 1), "bottom left": (1, 0), "bottom right": (1, 1)}
TEXTURES_NEED = "The photographs come inside scikit-image's wheel; run: pip install scikit-image"


def textures(*, patch: int = 64, hop: int | None = None) -> Dataset:
    """Load patches of four photographs of surfaces: brick, grass, gravel, stained tissue.

    There is one photograph of each material, so that no photograph can be left out. Instead each is cut in four
    quarters, patches lie inside a quarter, and a quarter is a group: the score is that for a new place on the same
    photograph, under the same light; it says nothing of another wall or another lawn.

    Parameters
    ----------
    patch : int, up to 256
        Side of a patch, in samples.
    hop : int, optional
        Samples from one patch to the next; the side of a patch by default, so that patches don't overlap.

    Returns
    -------
    Dataset
        256 images by default, grey, float32 within 0..1; table columns source (the photograph), row, column (of the
        patch's top left sample), region, label.

    Raises
    ------
    MissingDataError
        If scikit-image isn't installed.

    Examples
    --------
    >>> data = textures()
    >>> len(data), data.signals[0].shape, len(set(data.groups))
    (256, (1, 64, 64), 16)
    """
    half = SIDE // 2
    patch = check_whole("patch", patch, 1, half)
    hop = patch if hop is None else check_whole("hop", hop, 1)
    folder = _photograph_folder()
    if folder is None:
        raise MissingDataError(f"textures is not on this machine: scikit-image is not installed. {TEXTURES_NEED}.")
    rows, items = [], []
    for label, file in PHOTOGRAPHS.items():
        photograph = _grey(folder / file)
        for region, (down, right) in REGIONS.items():
            for row in range(down * half, (down + 1) * half - patch + 1, hop):
                for column in range(right * half, (right + 1) * half - patch + 1, hop):
                    rows.append((label, row, column, f"{label}, {region}", label))
                    items.append(photograph[row : row + patch, column : column + patch])
    return Dataset(
        Signals(items, n_axes=2),
        pd.DataFrame(rows, columns=["source", "row", "column", "region", "label"]),
        kind="image",
        target="label",
        group="region",
        name="textures",
        description=(
            "Patches of the photographs brick, grass, gravel and ihc that scikit-image ships. With one photograph a "
            "material, the group is a quarter of a photograph: the score is for a new place on the same photograph."
        ),
    )


def digits() -> Dataset:
    """Load the 1,797 handwritten digits of 8 x 8 samples that scikit-learn ships.

    Who wrote which digit isn't known, so that no writer can be left out: the score is for the same writers.

    Returns
    -------
    Dataset
        Images, float32 within 0..1; table column label, 0 to 9. No group.

    References
    ----------
    .. [1] Alpaydin & Kaynak 1998, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository.

    Examples
    --------
    >>> data = digits()
    >>> len(data), data.signals[0].shape, data.group
    (1797, (1, 8, 8), None)
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = (bunch.images / 16).astype(np.float32)
    return Dataset(
        Signals(list(images), n_axes=2),
        pd.DataFrame({"label": bunch.target}),
        kind="image",
        target="label",
        name="digits",
        description=(
            "1,797 handwritten digits of 8 x 8 samples, from scikit-learn (UCI, Alpaydin & Kaynak 1998). The writers "
            "are not known, so that the score is for the same writers."
        ),
    )


def has_textures() -> bool:
    """Say whether the photographs of `textures` are on this machine."""
    return _photograph_folder() is not None


def _photograph_folder() -> Path | None:
    """The folder of scikit-image's photographs, found without importing it."""
    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "data"
    return folder if all((folder / file).is_file() for file in PHOTOGRAPHS.values()) else None


def _grey(path: Path) -> np.ndarray:
    """The photograph as `(row, column)`, float32 within 0..1."""
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image.convert("L"), dtype=np.float32) / 255
