"""Figures of codebooks show the patches, places and shares that there are."""

import importlib
import os
from pathlib import Path

import matplotlib as mpl
import matplotlib.image
import numpy as np
import pytest

from filterbank import BagOfWords, FisherVector, InputError, Moments, MultiScaleBank, Pyramid, Representation, SiftBank
from filterbank.plots import plot_word, plot_word_patches, plot_word_shares

mpl.use("Agg")


def borders(n=128):
    """Two quadrants and two quarter circles, black on white or white on black."""
    y, x = np.mgrid[:n, :n]
    half = n // 2
    image = np.zeros((n, n), dtype=np.float32)
    image[:half, half:] = 1
    image[half:, :half] = (np.hypot(y - half, x) < 0.7 * half)[half:, :half]
    image[half:, half:] = (np.hypot(y - n, x - n) > 0.7 * half)[half:, half:]
    return image


@pytest.fixture(scope="module")
def words():
    rng = np.random.default_rng(0)
    stripes = np.kron(rng.integers(0, 2, size=(16, 16)), np.ones((8, 8)))
    bank = SiftBank(bin_size=4, hop=4, normalise="root")
    return Representation(bank, BagOfWords(6), random_state=0).fit([stripes, borders()])


def test_a_word_is_framed_wherever_it_occurs(words):
    image = borders()
    share = words.transform([image])[0]
    for word in range(6):
        ax = plot_word(words, image, word)
        n = round(share[word] * 32 * 32)
        assert len(ax.patches) == min(n, 400)
        assert ax.get_title().startswith(f"word {word}: {n} place")
    found = words.explain(image, f"word{word}.share")
    rows, columns = (where[index] for where, index in zip(found.where, np.nonzero(found.response)))
    before, after = words.bank_.geometry.halo[0]
    corners = {(frame.get_x() + 0.5, frame.get_y() + 0.5) for frame in ax.patches}
    assert corners == {(c - before, r - before) for r, c in zip(rows, columns)}
    assert ax.patches[0].get_width() == before + after + 1


def test_patches_are_cut_from_where_the_word_occurs(words):
    image = np.zeros((96, 96))
    image[40:56, 40:56] = np.arange(256).reshape(16, 16)
    ax = plot_word_patches(words, [image, borders()], [0, 3, 5], n=5)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["word 0", "word 3", "word 5"]
    before, after = words.bank_.geometry.halo[0]
    for tile in ax.images:
        assert tile.get_array().shape == (before + after + 1,) * 2
    assert len(ax.images) + 5 * len(ax.texts) <= 15
    only = plot_word_patches(words, [borders()], [int(words.transform([borders()])[0].argmax())], n=4)
    assert len(only.images) == 4


def test_shares_are_those_of_the_histogram(words):
    images = [borders(), borders().T, borders()[::-1]]
    ax = plot_word_shares(words, images, ["one", "two", "three"])
    expected = words.transform(images)
    heights = -np.array([bar.get_height() for bar in ax.patches]).reshape(3, 6)
    np.testing.assert_allclose(heights / heights.sum(axis=1, keepdims=True), expected, atol=1e-6)
    assert [text.get_text().strip() for text in ax.texts] == [f"{100 * row.max():.3g} %" for row in expected]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["one", "two", "three"]


def test_several_scales_and_fisher_words_are_drawn_too():
    bank = MultiScaleBank([SiftBank(bin_size=size, hop=8) for size in (3, 5)])
    fisher = Representation(bank, Pyramid(FisherVector(3, n_components=8)), random_state=0).fit([borders()])
    axes = [plot_word(fisher, borders(), word) for word in range(3)]
    assert sum(len(ax.patches) for ax in axes) == 2 * 16 * 16
    assert "at 2 scales" in axes[0].get_title()
    assert len({frame.get_edgecolor() for ax in axes for frame in ax.patches}) == 2
    assert len(plot_word_patches(fisher, [borders()], [0, 1, 2], n=3).images) > 3


def test_what_has_no_words_is_named(words):
    for word in (6, -1, 1.5):
        with pytest.raises(InputError, match=f"word={word} is not a whole number from 0 to 5"):
            plot_word(words, borders(), word)
    with pytest.raises(InputError, match=r"names=\['a'\] is not 2 names"):
        plot_word_shares(words, [borders()] * 2, ["a"])
    plain = Representation(SiftBank(), Moments()).fit([borders()])
    with pytest.raises(InputError, match=r"pool=Moments\(\) of this Representation has no words"):
        plot_word(plain, borders(), 0)


@pytest.mark.skipif("FILTERBANK_DATA" not in os.environ, reason="needs the tutorial's photographs in FILTERBANK_DATA")
def test_words_of_the_city_are_drawn(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent))
    paths = importlib.import_module("benchmarks.words_of_the_city").figures(tmp_path)
    assert [path.stem for path in paths] == ["patches", "word_in_the_city", "word_on_borders", "histograms"]
    assert all(np.asarray(matplotlib.image.imread(path)).std() > 0.05 for path in paths)
