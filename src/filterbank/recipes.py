"""Named pipelines from signals to features: a plain dict of functions."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.pipeline import make_pipeline

from filterbank.banks import FilterBank, GaborBank, GaussianBank
from filterbank.errors import invalid
from filterbank.fronts import Front
from filterbank.image_recipes import fisher, gabor_texture, hog, scattering, visual_words, vlad
from filterbank.pools import Moments
from filterbank.representation import Representation, WholeSignal
from filterbank.signals import KINDS
from filterbank.sound_recipes import (
    band_power,
    mfcc_segments,
    modulation,
    scattering_1d,
    sound_texture,
    sound_words,
    word_pictures,
)
from filterbank.views import Patterns, Views

__all__ = [
    "RECIPES",
    "Recipe",
    "band_power",
    "gabor",
    "gaussian_derivatives",
    "mfcc_segments",
    "modulation",
    "patterns",
    "scattering_1d",
    "sound_texture",
    "sound_words",
    "suitable",
    "summary",
    "tutorial_gabor",
    "views",
    "word_pictures",
]


@dataclass(frozen=True)
class Recipe:
    """A named way from signals to features.

    Parameters
    ----------
    name : str
    kinds : tuple of str
        The kinds of signal that it suits.
    summary : str
        One line.
    make : callable
        `make(kind)` returns the unfitted transformer.
    by_default : bool
        Whether `compare` takes it where no recipes are asked for: not where it's slow, or learns a codebook.
    """

    name: str
    kinds: tuple[str, ...]
    summary: str
    make: Callable[[str], Any]
    by_default: bool = True


def tutorial_gabor(kind: str = "series") -> Representation:
    """Return the filter bank of the 2017 tutorial: nine short real Gabor filters, "valid", with mean, std and max.

    For each frequency 1, 2, 3 (radians per sample) and each s in pi/2, pi, 3 pi/2: `cos(f * t) * w`, with
    `t = arange(-s, s)` and `w` a Gaussian window of as many points and standard deviation `s ** 2`.

    Returns
    -------
    Representation
        27 features, filter by filter. Signals need at least 10 samples.

    Examples
    --------
    >>> import numpy as np
    >>> tutorial_gabor().fit_transform([np.arange(24.0), np.arange(30.0)]).shape
    (2, 27)
    """
    kernels, names, metadata = [], [], []
    for name, kernel, row in _tutorial_filters():
        names.append(name)
        kernels.append(kernel.copy())
        metadata.append({**row})
    return Representation(FilterBank(kernels, names=names, metadata=metadata), Moments(["mean", "std", "max"]))


@functools.cache
def _tutorial_filters() -> list[tuple[str, np.ndarray, dict[str, float]]]:
    """The tutorial's filters, computed once: to compute them takes as long as to apply them to hundreds of signals."""
    filters = []
    for frequency in (1, 2, 3):
        for s in np.arange(np.pi / 2, 2 * np.pi, np.pi / 2):
            t = np.arange(-s, s, 1)
            n = np.arange(len(t)) - (len(t) - 1) / 2
            kernel = np.cos(frequency * t) * np.exp(-0.5 * (n / s**2) ** 2)
            row = {"frequency": frequency / (2 * np.pi), "sigma": float(s**2)}
            filters.append((f"cos[{frequency}rad,s={s:.2f}]", kernel, row))
    return filters


def gabor(kind: str = "series") -> Representation:
    """Return the modulus of Gabor filters by frequency (and orientation), with mean, std and max.

    Parameters
    ----------
    kind : {"series", "sound", "image", "volume"}
        Series: six octaves from 1/4 cycle/sample downward. Sound: 24 third-octaves from 0.4 of the rate downward.
        Images: four octaves by six orientations. Volumes: three octaves by 13 directions.

    Examples
    --------
    >>> gabor("image").bank.orientations
    6
    """
    if kind == "sound":
        bank = GaborBank(1, n_frequencies=24, per_octave=3, highest=0.4, bandwidth=1 / 3)
    elif kind == "image":
        bank = GaborBank(2, n_frequencies=4, orientations=6)
    elif kind == "volume":
        bank = GaborBank(3, n_frequencies=3, orientations=4, elevations=4)
    else:
        bank = GaborBank(1, n_frequencies=6)
    return Representation(bank, Moments(["mean", "std", "max"]))


def gaussian_derivatives(kind: str = "series") -> Representation:
    """Return Gaussian derivatives up to order 2 at three scales, with mean and std.

    Parameters
    ----------
    kind : {"series", "sound", "image", "volume"}

    Examples
    --------
    >>> gaussian_derivatives("volume").bank.n_axes
    3
    """
    return Representation(GaussianBank(_axes(kind), sigmas=(1.0, 2.0, 4.0), orders=(0, 1, 2)), Moments(["mean", "std"]))


def summary(kind: str = "series") -> WholeSignal:
    """Return what is seen without any filter: mean, std and five quantiles of each channel's samples.

    Parameters
    ----------
    kind : {"series", "sound", "image", "volume"}

    Examples
    --------
    >>> import numpy as np
    >>> summary().fit_transform([np.arange(5.0)])[0].round(2).tolist()
    [2.0, 1.41, 0.0, 1.0, 2.0, 3.0, 4.0]
    """
    return WholeSignal(sample_statistics, sample_statistics_names, n_axes=_axes(kind))


def patterns(kind: str = "series") -> Patterns:
    """Return how often each of 84 short patterns occurs, at every dilation that fits: MiniRocket's kernels.

    Examples
    --------
    >>> import numpy as np
    >>> patterns().fit_transform(np.random.default_rng(0).normal(size=(4, 30))).shape  # dilations 1, 2; 10 thresholds
    (4, 1680)
    """
    return Patterns()


def views(kind: str = "series") -> Views:
    """Return five recipes for series side by side, with front, weights and penalty chosen in the training signals.

    They are `summary`, `tutorial_gabor`, `gabor`, `gaussian_derivatives` and `patterns`. The patterns are looked for in
    the series, in its steps from sample to sample, and in its spectrum, which share one vote.

    Examples
    --------
    >>> views().fronts
    ('none', 'log', 'sqrt', 'rank', 'zscore')
    """
    return Views(
        [
            ("summary", summary()),
            ("tutorial_gabor", tutorial_gabor()),
            ("gabor", gabor()),
            ("gaussian_derivatives", gaussian_derivatives()),
            ("patterns", patterns()),
            ("patterns.difference", make_pipeline(Front("difference"), patterns())),
            ("patterns.spectrum", make_pipeline(Front("spectrum"), patterns())),
        ]
    )


QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


def sample_statistics(signal: np.ndarray) -> np.ndarray:
    """Return each channel's mean, std, minimum, quartiles and maximum, channel by channel."""
    samples = signal.reshape(len(signal), -1)
    moments = [samples.mean(axis=1, dtype=np.float64), samples.std(axis=1, dtype=np.float64)]
    return np.stack([*moments, *np.quantile(samples, QUANTILES, axis=1)], axis=1).ravel()


def sample_statistics_names(n_channels: int, rate: float | None) -> list[dict[str, Any]]:
    """Return the rows of `feature_table_` for `sample_statistics`."""
    statistics = ("mean", "std", "min", "lower quartile", "median", "upper quartile", "max")
    prefix = [f"channel{c}." if n_channels > 1 else "" for c in range(n_channels)]
    return [
        {"feature": f"{prefix[c]}sample.{s}", "response": f"{prefix[c]}sample", "channel": c, "statistic": s}
        for c in range(n_channels)
        for s in statistics
    ]


def _axes(kind: str) -> int:
    if kind not in KINDS:
        raise invalid("kind", kind, f"one of {', '.join(KINDS)}")
    return KINDS[kind]


_ALL = tuple(KINDS)
RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("summary", _ALL, "mean, std and quantiles of the samples: what is seen without filters", summary),
        Recipe(
            "tutorial_gabor", ("series",), "the 2017 tutorial's nine real Gabor filters; mean, std, max", tutorial_gabor
        ),
        Recipe("gabor", _ALL, "modulus of Gabor filters by frequency and orientation; mean, std, max", gabor),
        Recipe(
            "gaussian_derivatives",
            _ALL,
            "Gaussian derivatives, orders 0-2 at three scales; mean, std",
            gaussian_derivatives,
        ),
        Recipe(
            "gabor_texture",
            ("image", "volume"),
            "modulus of Gabor filters, whatever their orientation; mean, std",
            gabor_texture,
            by_default=False,
        ),
        Recipe("hog", ("image", "volume"), "histograms of oriented gradients in the cells of a grid", hog),
        Recipe(
            "scattering",
            ("image", "series"),
            "scattering of orders 0-2, averaged in the cells of a grid",
            scattering,
            by_default=False,
        ),
        Recipe("visual_words", _ALL, "shares of learned words in the whole and its parts", visual_words, False),
        Recipe("vlad", _ALL, "how local descriptors differ from learned words (VLAD)", vlad, False),
        Recipe("fisher", _ALL, "Fisher vectors of the whole and its parts", fisher, False),
        Recipe(
            "patterns",
            ("series",),
            "shares of 84 short patterns at several dilations (MiniRocket's)",
            patterns,
            by_default=False,
        ),
        Recipe(
            "views",
            ("series",),
            "five recipes for series side by side; front, weights and penalty chosen inside the training signals",
            views,
        ),
        Recipe("band_power", ("sound",), "power in ten bands of 100 Hz below 1 kHz, decibels", band_power),
        Recipe("mfcc_segments", ("sound",), "means of 13 mel cepstra in ten parts of the sound", mfcc_segments),
        Recipe("sound_words", ("sound",), "bag of words of local Gaussian derivatives, 1/8 s each", sound_words, False),
        Recipe("modulation", ("sound",), "how strongly mel bands rise and fall, 1.6 to 25 times a second", modulation),
        Recipe("word_pictures", ("sound",), "cepstra and slopes in eight parts, alike for all speakers", word_pictures),
        Recipe("sound_texture", ("sound",), "519 statistics of cepstra, modulation and loudness", sound_texture),
        Recipe("scattering_1d", ("sound",), "scattering, orders 0-2, in 1/8 s; mean, std", scattering_1d, False),
    )
}
"""The recipes by name."""


def make(name: str, kind: str) -> Any:
    """Return a recipe's unfitted transformer for a kind of signal.

    Raises
    ------
    InputError
        If there is no such recipe, or it doesn't suit the kind.

    Examples
    --------
    >>> make("gabor", "volume").bank.n_axes
    3
    """
    if name not in RECIPES:
        raise invalid("recipe", name, f"one of {', '.join(RECIPES)}")
    if kind not in RECIPES[name].kinds:
        raise invalid("recipe", name, f"for signals of kind {kind}", do=f"These are: {', '.join(suitable(kind))}.")
    return RECIPES[name].make(kind)


def suitable(kind: str, *, by_default: bool = False) -> list[str]:
    """Return the names of the recipes that suit a kind of signal; only those that `compare` takes `by_default`.

    Examples
    --------
    >>> suitable("image", by_default=True)
    ['summary', 'gabor', 'gaussian_derivatives', 'hog']
    """
    _axes(kind)
    return [name for name, recipe in RECIPES.items() if kind in recipe.kinds and (recipe.by_default or not by_default)]
