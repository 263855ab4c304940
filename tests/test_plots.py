import itertools

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import signal as scipy_signal
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.preprocessing import StandardScaler

from filterbank import plots
from filterbank.banks import FilterBank, GaborBank, GaussianBank
from filterbank.errors import InputError
from filterbank.pools import Moments
from filterbank.representation import Representation
from filterbank.signals import Dataset, SignalInfo, Signals

KIND = {1: "series", 2: "image", 3: "volume"}
SHAPE = {1: (64,), 2: (24, 20), 3: (10, 12, 14)}


def labels_of(axis):
    return [text.get_text() for text in axis.get_ticklabels()]


def said(ax):
    return [text.get_text() for text in ax.texts]


def prepared(bank, n_axes=1, rate=None):
    return bank.prepare(SignalInfo(n_axes, 1, rate), np.random.default_rng(0))


def signals_of(n_axes, n=6, rate=None):
    rng = np.random.default_rng(n_axes)
    return Signals([rng.normal(size=SHAPE[n_axes]) for _ in range(n)], n_axes=n_axes, rate=rate)


def dataset_of(n_axes, labels):
    return Dataset(signals_of(n_axes, len(labels)), pd.DataFrame({"label": labels}), kind=KIND[n_axes], target="label")


def test_every_function_draws_on_the_axes_it_is_given_and_leaves_the_settings_alone():
    before = dict(matplotlib.rcParams)
    dataset = dataset_of(1, list("ababab"))
    representation = Representation(GaborBank(n_frequencies=2), Moments(["mean"])).fit(dataset.signals)
    scores = pd.DataFrame(
        {
            "recipe": "r",
            "classifier": list("ab"),
            "score": 0.5,
            "low": 0.4,
            "high": 0.6,
            "chance": 0.1,
            "naive_score": 0.7,
        }
    )
    importance = representation.feature_table_.assign(F=[1.0, 2.0])
    features = representation.transform(dataset.signals)
    calls = [
        lambda ax: plots.plot_signal(dataset.signals[0], ax=ax),
        lambda ax: plots.plot_examples(dataset, ax=ax),
        lambda ax: plots.plot_kernels(representation.bank_, ax=ax),
        lambda ax: plots.plot_spectrum_of_bank(representation.bank_, ax=ax),
        lambda ax: plots.plot_responses(representation, dataset.signals[0], ax=ax),
        lambda ax: plots.plot_scatter(features, dataset.y, ax=ax),
        lambda ax: plots.plot_confusion(pd.DataFrame([[1]], index=["a"], columns=["a"]), ax=ax),
        lambda ax: plots.plot_scores(scores, ax=ax),
        lambda ax: plots.plot_importance(importance, ax=ax),
    ]
    for call in calls:
        given = Figure().subplots()
        assert call(given) is given
        assert isinstance(call(None), Axes)
    assert dict(matplotlib.rcParams) == before


def test_no_two_of_56_classes_look_alike():
    styles = plots.class_styles(range(56))
    assert len(set(styles.values())) == 56


def test_a_series_is_drawn_in_seconds():
    values = np.random.default_rng(0).normal(size=100)
    line = plots.plot_signal(values, rate=50).lines[0]
    np.testing.assert_allclose(line.get_xdata(), np.arange(100) / 50)
    np.testing.assert_array_equal(line.get_ydata(), values)
    assert plots.plot_signal(values).get_xlabel() == "time (samples)"


def test_channels_lie_below_each_other_on_one_scale():
    values = np.random.default_rng(0).normal(size=(3, 100))
    ax = plots.plot_signal(values)
    drawn = np.array([line.get_ydata() for line in ax.lines])
    assert labels_of(ax.yaxis) == ["channel 0", "channel 1", "channel 2"]
    np.testing.assert_allclose(np.ptp(drawn, axis=1), np.ptp(values, axis=1))
    assert (drawn.max(axis=1)[1:] < drawn.min(axis=1)[:-1]).all()


def test_a_long_series_keeps_its_extremes():
    values = np.random.default_rng(0).normal(size=50_000)
    values[31_234] = 40
    line = plots.plot_signal(values).lines[0]
    assert len(line.get_xdata()) <= 1000
    assert line.get_ydata().max() == 40
    assert line.get_ydata().min() == values.min()
    np.testing.assert_array_equal(values[line.get_xdata().astype(int)], line.get_ydata())
    assert (np.diff(line.get_xdata()) > 0).all()


def test_an_image_is_drawn_as_it_is_and_a_large_one_averaged():
    image = np.random.default_rng(0).random((1, 30, 40))
    drawn = plots.plot_signal(image).images[0].get_array()
    np.testing.assert_allclose(drawn, (image[0] - image.min()) / np.ptp(image))
    colours = np.random.default_rng(0).random((3, 30, 40))
    np.testing.assert_array_equal(plots.plot_signal(colours).images[0].get_array(), np.moveaxis(colours, 0, -1))
    shrunk = plots.plot_signal(colours, max_pixels=20).images[0].get_array()
    np.testing.assert_allclose(shrunk[0, 0], colours[:, :2, :2].mean(axis=(1, 2)))
    assert shrunk.shape == (15, 20, 3)


def test_a_volume_is_drawn_as_its_central_slices():
    volume = np.random.default_rng(0).random((10, 12, 14))
    ax = plots.plot_signal(volume, n_axes=3)
    for k, image in enumerate(ax.images):
        central = np.take(volume, volume.shape[k] // 2, axis=k)
        np.testing.assert_allclose(image.get_array(), (central - central.min()) / np.ptp(central))
    assert said(ax) == [f"across the {name} axis" for name in ("first", "second", "third")]


def test_an_image_passed_as_channels_is_refused():
    with pytest.raises(InputError, match=r"\(300, 20\).*300 channels.*n_axes=2"):
        plots.plot_signal(np.zeros((300, 20)))


@pytest.mark.parametrize("n_axes", [1, 2, 3])
def test_examples_of_each_class(n_axes):
    ax = plots.plot_examples(dataset_of(n_axes, list("bbbaaa")), n=2)
    assert labels_of(ax.yaxis) == ["a", "b"]
    assert len(ax.lines if n_axes == 1 else ax.images) == 4


def test_examples_keep_the_shape_of_a_signal():
    dataset = dataset_of(1, list("ab"))
    drawn = plots.plot_examples(dataset, n=1).lines[1].get_ydata()
    assert np.corrcoef(drawn, dataset.signals[1][0])[0, 1] == pytest.approx(-1)  # rows are counted downward


def test_curves_of_kernels_are_the_kernels():
    bank = prepared(GaborBank(n_frequencies=3), rate=100)
    ax = plots.plot_kernels(bank, rate=100)
    real = ax.lines[1]
    scaled = (0 - real.get_ydata()) * np.abs(bank.kernels_[0]).max() / 0.48
    np.testing.assert_allclose(scaled, bank.kernels_[0].real, atol=1e-12)
    assert real.get_xdata()[len(bank.kernels_[0]) // 2] == 0
    assert labels_of(ax.yaxis) == ["25", "12.5", "6.25"]
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("frequency (Hz)", "time (s)")


def test_tiles_of_kernels_form_a_table():
    bank = prepared(GaborBank(2, n_frequencies=2, orientations=3), 2)
    ax = plots.plot_kernels(bank)
    assert len(ax.images) == 6
    np.testing.assert_array_equal(ax.images[4].get_array(), bank.kernels_[4].real)
    assert labels_of(ax.xaxis) == ["0°", "60°", "120°"]
    assert [label.split("\n")[0] for label in labels_of(ax.yaxis)] == ["0.25", "0.125"]
    assert labels_of(plots.plot_kernels(prepared(GaussianBank(2, sigmas=[1, 2], orders=[1]), 2)).xaxis) == ["01", "10"]


def test_slices_of_kernels_are_central():
    bank = prepared(GaussianBank(3, sigmas=[1], orders=[0, 1]), 3)
    ax = plots.plot_kernels(bank)
    assert len(ax.images) == 3 * 4
    kernel = bank.kernels_[1]
    for axis in range(3):
        central = np.take(kernel, kernel.shape[axis] // 2, axis=axis)
        np.testing.assert_array_equal(ax.images[3 + axis].get_array(), central)
    assert said(ax)[0] == "σ 1, order 000"


def test_kernels_without_metadata_go_by_their_names_and_many_are_thinned():
    assert labels_of(plots.plot_kernels(prepared(FilterBank([np.ones(3)], names=["$mean$"]))).yaxis) == ["$mean$"]
    assert len(plots.plot_kernels(prepared(GaussianBank(sigmas=range(1, 40), orders=[0])), max_kernels=10).lines) == 10


def test_a_bank_that_is_not_prepared_is_refused():
    with pytest.raises(InputError, match=r"GaborBank has no kernels.*representation\.bank_"):
        plots.plot_kernels(GaborBank())


def test_gains_are_those_of_scipy():
    kernel = np.hanning(15)
    line = plots.plot_spectrum_of_bank(prepared(FilterBank([kernel]), rate=200), rate=200).lines[0]
    _, expected = scipy_signal.freqz(kernel, worN=line.get_xdata(), fs=200)
    np.testing.assert_allclose(line.get_ydata(), np.abs(expected), atol=1e-3 * kernel.sum())


def test_gains_of_many_octaves_have_a_logarithmic_axis_in_hertz():
    ax = plots.plot_spectrum_of_bank(prepared(GaborBank(n_frequencies=6), rate=1000), rate=1000)
    peaks = [line.get_xdata()[line.get_ydata().argmax()] for line in ax.lines]
    np.testing.assert_allclose(peaks, 250 / 2.0 ** np.arange(6), rtol=0.03)
    assert (ax.get_xscale(), ax.get_xlabel()) == ("log", "frequency (Hz)")
    with pytest.raises(InputError, match="2 axes"):
        plots.plot_spectrum_of_bank(prepared(GaborBank(2), 2))


@pytest.mark.parametrize("n_axes", [1, 2, 3])
def test_responses_are_those_that_are_pooled(n_axes):
    signals = signals_of(n_axes)
    bank = FilterBank([np.ones((3,) * n_axes), np.ones((1,) * n_axes)], names=["sum", "same"], pad="reflect")
    representation = Representation(bank, Moments(["max"])).fit(signals)
    ax = plots.plot_responses(representation, signals[0], features=["sum.max"])
    response = representation.explain(signals[0], "sum.max").response
    if n_axes == 1:
        assert labels_of(ax.yaxis) == ["signal", "sum"]
        assert np.corrcoef(ax.lines[1].get_ydata(), response)[0, 1] == pytest.approx(-1)
    else:
        assert said(ax) == ["signal", "sum"]
        expected = response if n_axes == 2 else response[response.shape[0] // 2]
        np.testing.assert_array_equal(ax.images[1].get_array(), expected)


def test_responses_of_several_channels_say_which():
    signals = Signals([np.random.default_rng(0).normal(size=(2, 50))], n_axes=1, rate=100)
    representation = Representation(GaborBank(n_frequencies=1), Moments(["mean"])).fit(signals)
    ax = plots.plot_responses(representation, signals[0])
    assert labels_of(ax.yaxis) == ["signal", "ch. 0, 25", "ch. 1, 25"]
    assert ax.get_ylabel() == "channel,\nfrequency (Hz)"


def aligned(drawn, expected):
    """The expected coordinates with the signs of those drawn."""
    return expected * np.sign((drawn * expected).sum(axis=0))


@pytest.mark.parametrize("method", ["pca", "lda"])
def test_scatters_are_those_of_scikit_learn(method):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 5)) * [1, 10, 100, 1, 1], np.repeat(["a", "b", "c"], 20)
    X[20:40, 0] += 3
    ax = plots.plot_scatter(X, y, method=method)
    drawn = np.concatenate([np.column_stack(line.get_data()) for line in ax.lines])
    standard = StandardScaler().fit_transform(X)
    model = PCA(2) if method == "pca" else LinearDiscriminantAnalysis(n_components=2)
    expected = model.fit_transform(standard) if method == "pca" else model.fit_transform(standard, y)
    np.testing.assert_allclose(drawn, aligned(drawn, expected), atol=1e-8)
    assert f"({model.explained_variance_ratio_[0]:.0%} of" in ax.get_xlabel()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b", "c"]


def test_two_classes_have_one_discriminant_and_a_row_each():
    rng = np.random.default_rng(0)
    y = np.repeat([1, 0], 15)
    ax = plots.plot_scatter(rng.normal(size=(30, 4)) + y[:, None], y, method="lda")
    assert labels_of(ax.yaxis) == ["0", "1"]
    for row, line in enumerate(ax.lines):
        assert (np.abs(line.get_ydata() - row) <= 0.3).all()
        assert len(line.get_xdata()) == 15


def test_many_points_are_thinned_and_bad_ones_refused():
    X = np.random.default_rng(0).normal(size=(500, 3))
    y = np.zeros(500, dtype=int)
    assert sum(len(line.get_xdata()) for line in plots.plot_scatter(X, y, max_points=100).lines) == 100
    with pytest.raises(InputError, match="one class only \\(0\\)"):
        plots.plot_scatter(X, y, method="lda")
    with pytest.raises(InputError, match="method='umap'"):
        plots.plot_scatter(X, y, method="umap")
    X[3, 1] = np.nan
    with pytest.raises(InputError, match="1 values"):
        plots.plot_scatter(X, y)


def test_the_confusion_is_written_as_it_is():
    counts = np.random.default_rng(0).integers(0, 50, (4, 4))
    names = ["a", "$b$", "c" * 60, "<d>"]
    ax = plots.plot_confusion(pd.DataFrame(counts, index=names, columns=names))
    assert said(ax) == [str(n) for n in counts.ravel()]
    for text, (i, j) in zip(ax.texts, itertools.product(range(4), range(4)), strict=True):
        assert text.get_position() == (j, i)
    np.testing.assert_allclose(ax.images[0].get_array(), counts / counts.sum(axis=1, keepdims=True))
    assert labels_of(ax.yaxis)[1] == "$b$"
    assert not ax.yaxis.get_ticklabels()[1].get_parse_math()
    assert len(labels_of(ax.yaxis)[2]) == 18
    assert not plots.plot_confusion(pd.DataFrame(np.eye(50, dtype=int))).texts


def test_scores_have_their_intervals_chance_and_naive_score():
    table = pd.DataFrame(
        {
            "recipe": ["gabor", "summary"],
            "classifier": "ridge",
            "score": [0.8, 0.6],
            "low": [0.7, np.nan],
            "high": [0.9, np.nan],
            "chance": 0.25,
            "naive_score": [0.95, 0.65],
        }
    )
    ax = plots.plot_scores(table)
    assert labels_of(ax.yaxis) == ["gabor, ridge", "summary, ridge"]
    by_marker = {line.get_marker(): line for line in ax.lines}
    assert by_marker["D"].get_xdata().tolist() == [0.95, 0.65]
    assert by_marker["D"].get_markerfacecolor() == "none"
    dots = [(x, y) for line in ax.lines if line.get_marker() == "o" for x, y in zip(*line.get_data())]
    assert sorted(dots) == [(0.6, 1), (0.8, 0)]
    assert list(ax.lines[0].get_xdata()) == [0.7, 0.9]
    assert any(list(line.get_xdata()) == [0.25, 0.25] for line in ax.lines)
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first row is at the top
    names = [text.get_text() for text in plots.plot_scores(table.assign(naive_score=np.nan)).get_legend().get_texts()]
    assert "naive score" not in names


def importance_table():
    return pd.DataFrame(
        {
            "feature": ["a.mean", "a.std", "b.mean", "c.mean"],
            "channel": 0,
            "frequency": [5.0, 5.0, 10.0, np.nan],
            "unit": ["Hz", "Hz", "Hz", None],
            "statistic": ["mean", "std", "mean", "mean"],
            "F": [3.0, np.inf, 8.0, np.nan],
        }
    )


def test_importance_as_bars_has_physical_units():
    ax = plots.plot_importance(importance_table())
    assert labels_of(ax.yaxis) == ["5 Hz, std", "10 Hz, mean", "5 Hz, mean"]
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([1.15 * 8, 8, 3])
    assert len(plots.plot_importance(importance_table(), n=1).patches) == 1


def test_the_best_features_of_one_channel_still_say_which():
    table = pd.concat([importance_table(), importance_table().assign(channel=1, F=0.1)])
    table["feature"] = [f"channel{c}.{f}" for c, f in zip(table["channel"], table["feature"])]
    assert labels_of(plots.plot_importance(table, n=2).yaxis) == ["channel 0, 5 Hz, std", "channel 0, 10 Hz, mean"]


def test_importance_against_frequency():
    ax = plots.plot_importance(importance_table(), by="frequency")
    points = {(x, y) for line in ax.lines if line.get_linestyle() == "None" for x, y in zip(*line.get_data())}
    assert points == {(5.0, 3.0), (10.0, 8.0), (5.0, 1.15 * 8)}
    assert ax.get_xlabel() == "frequency (Hz)"
    with pytest.raises(InputError, match="frequency"):
        plots.plot_importance(importance_table().drop(columns="frequency"), by="frequency")
    with pytest.raises(InputError, match="by='scale'"):
        plots.plot_importance(importance_table(), by="scale")


def test_labels_that_would_be_the_same_are_the_features_names():
    table = pd.DataFrame({"feature": ["x.mean", "y.mean", "z"], "frequency": [5.0, 5.0, np.nan], "unit": "Hz"})
    assert plots.feature_labels(table) == ["x.mean", "y.mean", "z"]
