"""What a network has learned, measured and drawn."""

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch", reason="networks need torch")

from matplotlib.figure import Figure

from filterbank import ConvNetClassifier, InputError, plots
from filterbank.convnet import fit_gabor, learned_filters, most_exciting

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def pictures():
    X = RNG.normal(size=(12, 10, 11)).astype(np.float32)
    return ConvNetClassifier(
        "conv 3x3x5, relu, max-pool 2, conv 2x2x3, relu, global-max", n_axes=2, epochs=1, random_state=0
    ).fit(X, np.arange(12) % 2), X


@pytest.fixture(scope="module")
def series():
    X = RNG.normal(size=(12, 80)).astype(np.float32)
    return ConvNetClassifier("conv 9x4, relu, global-max", epochs=1, random_state=0).fit(X, np.arange(12) % 2), X


@pytest.mark.parametrize("size", [(25,), (17, 15)])
def test_a_gabor_function_is_found_again(size):
    at = np.meshgrid(*[np.arange(n) - (n - 1) / 2 for n in size], indexing="ij")
    for frequency, angle, sigma, phase in ((0.11, 0.4, 3.0, 0.3), (0.27, 2.0, 2.0, 1.4)):
        wave = (frequency * at[0]) if len(size) == 1 else frequency * (np.sin(angle) * at[0] + np.cos(angle) * at[1])
        kernel = np.exp(-sum(a**2 for a in at) / (2 * sigma**2)) * np.cos(2 * np.pi * wave + phase)
        row = fit_gabor(-3 * kernel[None], n_random=8).iloc[0]
        assert row["residual"] < 1e-6
        assert row["frequency"] == pytest.approx(frequency, abs=1e-3)
        assert row["sigma"] == pytest.approx(sigma, rel=1e-2)
        assert row["rank"] == 0
        if len(size) == 2:
            assert row["orientation"] == pytest.approx(angle, abs=1e-2)


def test_noise_is_no_gabor_function_and_ranks_as_noise_does():
    fits = fit_gabor(RNG.normal(size=(30, 15)), n_random=30)
    assert (fits["residual"] > 0.2).all()
    assert 0.3 < fits["rank"].mean() < 0.7
    flat = fit_gabor(np.zeros((1, 5)), n_random=2).iloc[0]
    assert flat["residual"] == 0


def test_the_most_exciting_patch_gives_the_response_that_is_told(pictures):
    network, X = pictures
    found = most_exciting(network, X, layer="conv2", n=2)
    assert [one.filter for one in found] == [0, 0, 1, 1, 2, 2]
    for one in found:
        bank = network.as_bank("conv2")
        from filterbank import respond

        local, where = respond(bank, X[one.signal])
        assert local[one.filter].max() == pytest.approx(one.response)
        again, _ = respond(bank, one.patch)
        assert again.shape == (3, 1, 1)
        assert again[one.filter, 0, 0] == pytest.approx(one.response, rel=1e-4, abs=1e-5)
        assert one.where[0] in where[0]
    assert found[0].response >= found[1].response
    assert found[0].signal != found[1].signal
    with pytest.raises(InputError, match="n=20"):
        most_exciting(network, X, n=20)


def test_figures_show_what_they_are_given(pictures, series):
    network, X = pictures
    filters = learned_filters(network)
    assert filters.shape == (5, 1, 3, 3)
    tiles = plots.plot_learned_filters(filters).images
    np.testing.assert_array_equal(tiles[2].get_array(), filters[2, 0])
    assert len(plots.plot_activations(network, X[0], layer="relu1", n=3).images) == 4
    assert len(plots.plot_exciting(most_exciting(network, X, n=2)).images) == 10
    line_network, S = series
    ax = plots.plot_learned_filters(
        learned_filters(line_network), beside=[one.patch for one in most_exciting(line_network, S)], rate=100.0
    )
    assert len(ax.lines) == 8
    assert ax.get_xlabel() == "time (s)"
    assert ax.lines[1].get_xdata()[-1] == pytest.approx(0.08)
    activations = plots.plot_activations(line_network, S[0], layer="conv1", n=4)
    assert [label.get_text() for label in activations.get_yticklabels()][:2] == ["signal", "filter 0"]
    assert activations.lines[1].get_xdata()[0] == 4  # the first position that sees nothing beyond the end
    assert len(plots.plot_exciting(most_exciting(line_network, S)).lines) == 4
    history = network.history_.assign(validation_accuracy=0.5)
    lines = plots.plot_epochs(history).lines
    np.testing.assert_array_equal(lines[0].get_ydata(), network.history_["accuracy"])
    fits = pd.DataFrame({"filter": [0, 1, 2], "residual": [0.1, 0.2, 0.3], "rank": [0.01, 0.5, 0.9]})
    legend = [text.get_text() for text in plots.plot_gabor_fit(fits).get_legend().get_texts()]
    assert legend == ["better than 95 % of random filters: 1", "as a random filter: 2"]


def test_figures_draw_where_they_are_told_and_say_what_is_wrong(pictures):
    network, _ = pictures
    ax = Figure().subplots()
    assert plots.plot_learned_filters(learned_filters(network), ax=ax) is ax
    with pytest.raises(InputError, match=r"\(3, 3\)"):
        plots.plot_learned_filters(np.ones((3, 3)))
    with pytest.raises(InputError, match="empty"):
        plots.plot_exciting([])
    with pytest.raises(InputError, match="conv9"):
        learned_filters(network, "conv9")
    with pytest.raises(InputError, match=r"\(4,\)"):
        fit_gabor(np.ones(4))
