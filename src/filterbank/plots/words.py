"""Figures of codebooks: patches that belong to a word, where it occurs in an image, and how often words occur."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.patches import Rectangle

from filterbank.engine import respond
from filterbank.errors import InputError, invalid
from filterbank.plots.drawing import (
    COLOURS,
    GREY,
    INK,
    WIDTH,
    axes_or_new,
    bare,
    draw_tile,
    drawn_signal,
    evenly,
    picture_of,
    say,
    set_ticks,
    short,
    tiled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from filterbank.representation import Representation

__all__ = ["plot_word", "plot_word_patches", "plot_word_shares"]

MAX_MARKS = 400  # places of a word that are drawn in an image
WHOLE = 4000  # pixels along an axis: images are drawn without being averaged down


def plot_word_patches(
    representation: Representation,
    images: Sequence[Any],
    words: Sequence[int],
    *,
    n: int = 8,
    ax: Axes | None = None,
) -> Axes:
    """Draw patches of images that belong to words, a row a word: what a word stands for.

    Parameters
    ----------
    representation : Representation
        Fitted, of images, with a codebook as its pool.
    images : sequence of array, (*axes) or (channel, *axes)
    words : sequence of int
    n : int
        Patches of each word, at most: evenly taken from all that lie within an image, in the order of images.
    ax : matplotlib Axes, optional
        A new figure if not given.

    Returns
    -------
    matplotlib Axes
    """
    n_words = _checked(representation, words)
    found: dict[int, list[tuple[np.ndarray, list[slice]]]] = {int(word): [] for word in words}
    for image in images:
        array = drawn_signal(image, 2)
        for codes, boxes in _coded(representation, array):
            for word, own in found.items():
                inside = [boxes(index) for index in np.argwhere(codes == word)]
                own += [(array, box) for box in inside if _fits(box, array.shape[1:])]
    ax = axes_or_new(ax, max(WIDTH, 0.6 * n), 0.66 * len(words) + 0.3)
    for row, own in enumerate(found.values()):
        for column, i in enumerate(evenly(np.arange(len(own)), n)):
            array, box = own[i]
            draw_tile(ax, picture_of(array[(slice(None), *box)]), column, row)
        if not own:
            say(ax, n / 2, row + 0.5, "does not occur within these images", va="center", size="small")
    tiled(ax, n, len(words))
    set_ticks(ax.yaxis, np.arange(len(words)) + 0.5, [f"word {word}" for word in found])
    ax.set_title(f"patches of {len(found)} of {n_words} words" if len(found) > 1 else "")
    return ax


def plot_word(representation: Representation, image: Any, word: int, *, ax: Axes | None = None) -> Axes:
    """Draw an image with a frame around every patch that belongs to a word, a colour a scale.

    Parameters
    ----------
    representation : Representation
        Fitted, of images, with a codebook as its pool.
    image : array, (*axes) or (channel, *axes)
    word : int
    ax : matplotlib Axes, optional
        A new figure if not given.

    Returns
    -------
    matplotlib Axes
    """
    _checked(representation, [word])
    array = drawn_signal(image, 2)
    height, width = array.shape[1:]
    ax = axes_or_new(ax, WIDTH, WIDTH * height / width + 0.35)
    picture = picture_of(array, WHOLE)
    ax.imshow(picture, cmap="gray", interpolation="none", alpha=0.75, extent=(-0.5, width - 0.5, height - 0.5, -0.5))
    total = several = 0
    for k, (codes, boxes) in enumerate(_coded(representation, array)):
        places = np.argwhere(codes == word)
        total, several = total + len(places), k
        shown = places[np.linspace(0, len(places) - 1, min(len(places), MAX_MARKS)).round().astype(int)]
        for index in shown:
            rows, columns = boxes(index)
            side = (columns.stop - columns.start, rows.stop - rows.start)
            corner = (columns.start - 0.5, rows.start - 0.5)
            ax.add_patch(Rectangle(corner, *side, fill=False, edgecolor=COLOURS[(k + 1) % len(COLOURS)], linewidth=0.9))
    ax.set_xlim(-0.5, width - 0.5)
    ax.set_ylim(height - 0.5, -0.5)
    scales = "" if not several else f" at {several + 1} scales"
    ax.set_title(f"word {word}: {total} {'place' if total == 1 else 'places'}{scales}", fontsize="medium")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_color(GREY)
    return ax


def plot_word_shares(
    representation: Representation,
    images: Sequence[Any],
    names: Sequence[str] | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw how often each word occurs in images, below each other, each on its own scale: their histograms of words.

    Parameters
    ----------
    representation : Representation
        Fitted, of signals with any number of axes, with a codebook as its pool.
    images : sequence of array, (*axes) or (channel, *axes)
    names : sequence of str, optional
        What the images are called.
    ax : matplotlib Axes, optional
        A new figure if not given.

    Returns
    -------
    matplotlib Axes
    """
    n_words = _checked(representation, [])
    names = [f"image {i}" for i in range(len(images))] if names is None else list(names)
    if len(names) != len(images):
        raise invalid("names", names, f"{len(images)} names, one an image")
    shares = np.zeros((len(images), n_words))
    for row, image in zip(shares, images):
        array = drawn_signal(image, representation.bank_.n_axes)
        for codes, _ in _coded(representation, array):
            row += np.bincount(codes.ravel(), minlength=n_words)
        row /= row.sum()
    ax = axes_or_new(ax, WIDTH, 0.75 * len(images) + 0.6)
    for i, row in enumerate(shares):
        ax.axhline(i, color=GREY, linewidth=0.5)
        ax.bar(np.arange(n_words), -0.8 * row / row.max(), bottom=i, width=0.9, color=COLOURS[i % len(COLOURS)])
        ax.text(n_words, i - 0.8, f" {100 * row.max():.3g} %", fontsize="small", va="center", color=INK)
    set_ticks(ax.yaxis, np.arange(len(images)), [short(name, 18) for name in names])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(images) - 0.9, -1.0)
    ax.set_xlim(-1, n_words)
    ax.set_xlabel("word; the share of the most frequent is given")
    bare(ax)
    ax.spines["left"].set_visible(False)
    return ax


def _checked(representation: Representation, words: Sequence[int]) -> int:
    """The number of words, once the pool has a codebook and the words that are asked for."""
    pool = getattr(representation, "pool_", None)
    if pool is None or not hasattr(pool, "assigned"):
        raise InputError(
            f"pool={representation.pool!r} of this Representation has no words that are fitted. Fit one whose pool is "
            "BagOfWords, VLAD or FisherVector."
        )
    inner = getattr(pool, "pool_", pool)
    n_words = len(inner.words_ if hasattr(inner, "words_") else inner.means_)
    for word in words:
        if not isinstance(word, (int, np.integer)) or not 0 <= word < n_words:
            raise invalid("word", word, f"a whole number from 0 to {n_words - 1}")
    return n_words


def _coded(representation: Representation, array: np.ndarray) -> Iterator[tuple[np.ndarray, Any]]:
    """For each bank, the words (*positions) of a signal, and the box of samples around a position."""
    pool: Any = representation.pool_
    for part, _ in representation.bank_.parts(joint=True):
        responses, where = respond(part, array)
        halo = part.geometry.halo

        def box(index: np.ndarray, where: Any = where, halo: Any = halo) -> list[slice]:
            middle = [int(w[i]) for w, i in zip(where, index)]
            return [slice(m - before, m + after + 1) for m, (before, after) in zip(middle, halo)]

        yield pool.assigned(responses), box


def _fits(box: Sequence[slice], shape: Sequence[int]) -> bool:
    return all(part.start >= 0 and part.stop <= n for part, n in zip(box, shape))
