"""Recipes of textures, local features and visual words; most work with sound, series and volumes as well."""

from __future__ import annotations

from typing import Any

from filterbank.banks import (
    GaborBank,
    HogBank,
    MelBank,
    MultiScaleBank,
    RotationPooledBank,
    ScatteringBank,
    SiftBank,
)
from filterbank.pools import VLAD, BagOfWords, FisherVector, Moments, Pyramid
from filterbank.representation import Representation

__all__ = ["fisher", "gabor_texture", "hog", "local_descriptors", "scattering", "visual_words", "vlad"]

SAMPLES = 100_000
"""Descriptors from which a codebook is learned, at most."""


def gabor_texture(kind: str = "image") -> Representation:
    """Return the modulus of Gabor filters, whatever their orientation: mean and std at each frequency.

    Orientations enter by the moduli of their discrete Fourier transform, so that to turn a texture changes little.

    Parameters
    ----------
    kind : {"image", "volume"}
        Images: four octaves in half octaves, by eight orientations. Volumes: three octaves by 13 directions, of which
        the maximum counts.

    Examples
    --------
    >>> import numpy as np
    >>> stripes = np.tile(np.sin(np.arange(64) * np.pi / 2), (64, 1))
    >>> features = gabor_texture().fit_transform([stripes, stripes.T])
    >>> features.shape, bool(np.abs(features[0] - features[1]).max() < 1e-6)
    ((2, 80), True)
    """
    bank: RotationPooledBank
    if kind == "volume":
        bank = RotationPooledBank(GaborBank(3, n_frequencies=3, orientations=4, elevations=4), statistic="max")
    else:
        gabors = GaborBank(2, n_frequencies=8, per_octave=2, highest=0.4, orientations=8)
        bank = RotationPooledBank(gabors, statistic="fourier")
    return Representation(bank, Moments(["mean", "std"]))


def local_descriptors(kind: str = "image") -> Any:
    """Return the bank of descriptors on a grid that the recipes of words share.

    Parameters
    ----------
    kind : {"image", "sound", "series", "volume"}
        Images: RootSIFT every 8 samples at four scales. Volumes: the same in space, with 2 x 2 x 2 cells. Series: the
        same in time, at three scales. Sound: 20 mel-frequency cepstra every hundredth of a second at 16 kHz.

    Examples
    --------
    >>> len(local_descriptors("image").banks)
    4
    """
    if kind == "sound":
        return MelBank(n_mels=40, n_fft=512, hop=160, n_mfcc=20)
    if kind == "series":
        return MultiScaleBank([SiftBank(1, bin_size=size, hop=1, normalise="root") for size in (1, 2, 4)])
    if kind == "volume":
        sizes = (3, 4, 6)
        return MultiScaleBank([SiftBank(3, bin_size=size, cells=2, hop=6, normalise="root") for size in sizes])
    return MultiScaleBank([SiftBank(2, bin_size=size, hop=8, normalise="root") for size in (4, 6, 8, 10)])


def visual_words(kind: str = "image") -> Representation:
    """Return how often each of 256 words occurs, as square roots of shares, in the whole and in its parts.

    Parameters
    ----------
    kind : {"image", "sound", "series", "volume"}
        See `local_descriptors`. Images and volumes are halved along each axis, sound and series are cut in thirds.

    Examples
    --------
    >>> visual_words("image").pool.pool.n_words
    256
    """
    pool = Pyramid(BagOfWords(256 if kind == "image" else 64, root=True), levels=_levels(kind))
    return Representation(local_descriptors(kind), pool, max_samples=SAMPLES, random_state=0)


def vlad(kind: str = "image") -> Representation:
    """Return how descriptors differ from each of 64 words (VLAD); 32 for other signals than images.

    Parameters
    ----------
    kind : {"image", "sound", "series", "volume"}
        See `local_descriptors`.

    Examples
    --------
    >>> vlad("image").pool.n_words
    64
    """
    pool = VLAD(64 if kind == "image" else 32)
    return Representation(local_descriptors(kind), pool, max_samples=SAMPLES, random_state=0)


def fisher(kind: str = "image") -> Representation:
    """Return Fisher vectors of 64 Gaussians (16 for other signals than images) of the whole and of its parts.

    Parameters
    ----------
    kind : {"image", "sound", "series", "volume"}
        See `local_descriptors`. Images and volumes are halved along each axis, sound and series are cut in thirds.

    Examples
    --------
    >>> fisher("sound").pool.levels
    (1, 3)
    """
    pool = Pyramid(FisherVector(64 if kind == "image" else 16, n_components=64), levels=_levels(kind))
    return Representation(local_descriptors(kind), pool, max_samples=SAMPLES, random_state=0)


def scattering(kind: str = "image") -> Representation:
    """Return scattering coefficients of orders 0 to 2, averaged over the cells of a grid.

    Parameters
    ----------
    kind : {"image", "series"}
        Images: three octaves and eight orientations, in 4 x 4 cells. Series: three octaves in halves, in the whole and
        in thirds.

    Examples
    --------
    >>> import numpy as np
    >>> scattering().fit_transform(np.zeros((2, 28, 28))).shape
    (2, 3472)
    """
    if kind == "image":
        return Representation(ScatteringBank(2, J=3, L=8), Pyramid(Moments(["mean"]), levels=(4,)))
    return Representation(ScatteringBank(1, J=3, Q=2), Pyramid(Moments(["mean"]), levels=_levels(kind)))


def hog(kind: str = "image") -> Representation:
    """Return histograms of oriented gradients, averaged over the whole and grids of 2 and 4 cells along each axis.

    Parameters
    ----------
    kind : {"image", "volume"}

    Examples
    --------
    >>> import numpy as np
    >>> hog().fit_transform([np.eye(40), np.eye(60, 50)]).shape
    (2, 756)
    """
    bank = HogBank(2, cell_size=8, hop=4) if kind == "image" else HogBank(3, cell_size=4, cells=1, hop=4)
    return Representation(bank, Pyramid(Moments(["mean"]), levels=(1, 2, 4) if kind == "image" else (1, 2)))


def _levels(kind: str) -> tuple[int, ...]:
    """The whole, and its halves along each axis, or its thirds in time."""
    return (1, 2) if kind in ("image", "volume") else (1, 3)
