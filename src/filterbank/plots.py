"""Figures of signals, filters, responses and scores: one function a figure, each draws on one Axes and returns it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from filterbank.errors import InputError, invalid
from filterbank.signals import Dataset, as_signal

__all__ = [
    "class_styles",
    "feature_labels",
    "plot_confusion",
    "plot_examples",
    "plot_importance",
    "plot_kernels",
    "plot_responses",
    "plot_scatter",
    "plot_scores",
    "plot_signal",
    "plot_spectrum_of_bank",
]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#8A6A00", "#56B4E9", "#4D4D4D")
"""Okabe and Ito's palette, which the colour-blind can tell apart; its yellow and orange made dark enough to read."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
GREY, INK = "#8C8C8C", "#1A1A1A"
WIDTH = 4.2  # inches: a figure that fits a phone and is as wide as a column of text
MAX_LINE = 1600  # samples of a line that are drawn as they are; longer ones as their extrema
MAX_PIXELS = 192  # along an axis of a tile; larger pictures are averaged down
MAX_CHANNELS = 256
MAX_DISCRIMINED = 200


def class_styles(classes: Iterable[Any]) -> dict[Any, tuple[str, str]]:
    """Return a colour and a marker for each class, in the order given; the pairs repeat after 56 classes.

    Parameters
    ----------
    classes : iterable

    Returns
    -------
    dict of class to (colour, marker)

    Examples
    --------
    >>> class_styles(["cat", "dog"])
    {'cat': ('#0072B2', 'o'), 'dog': ('#D55E00', 's')}
    """
    return {name: (COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]) for i, name in enumerate(classes)}


def feature_labels(table: pd.DataFrame) -> list[str]:
    """Return a short label in physical units for each row of a `feature_table_`, or the feature's name.

    Parameters
    ----------
    table : DataFrame
        With `feature` and, as far as they apply, `channel`, `frequency`, `unit`, `sigma`, `order`, `orientation`,
        `elevation` (radians) and `statistic`.

    Examples
    --------
    >>> feature_labels(pd.DataFrame({"feature": ["a.mean"], "frequency": [12.5], "unit": ["Hz"], "statistic": "mean"}))
    ['12.5 Hz, mean']
    """
    rows: list[dict[Any, Any]] = table.to_dict("records")
    labels, _ = _labels(rows, unit=True)
    names = [str(row.get("feature", label)) for row, label in zip(rows, labels)]
    many = len({row.get("channel") for row in rows if _known(row, "channel")}) > 1
    out = []
    for row, label in zip(rows, labels):
        parts = [f"channel {row['channel']:.0f}"] if many and _known(row, "channel") else []
        parts += [label] if label else []
        parts += [str(row["statistic"]).replace("_", " ")] if _known(row, "statistic") else []
        out.append(", ".join(parts))
    return [
        label if label and out.count(label) == 1 and _described(row) else name
        for row, label, name in zip(rows, out, names)
    ]


def plot_signal(
    signal: np.ndarray,
    *,
    rate: float | None = None,
    n_axes: int | None = None,
    colour: str = COLOURS[0],
    max_pixels: int = 768,
    ax: Axes | None = None,
) -> Axes:
    """Draw a series (channels below each other), an image, or three central slices of a volume.

    Parameters
    ----------
    signal : array, (*axes) or (channel, *axes)
    rate : float, optional
        Samples per second along the last axis of a series.
    n_axes : {1, 2, 3}, optional
        None: 1 for a 1-D array; otherwise the first dimension is channels.
    colour : str
        Of a series' line.
    max_pixels : int
        A picture with a longer side is averaged down.
    ax : Axes, optional
        Drawn on this one; a new figure if not given.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        If the array doesn't fit, or seems to be an image that was passed without `n_axes`.

    Notes
    -----
    A line of more than 1,600 samples is drawn as the minimum and maximum of 500 stretches.

    Examples
    --------
    >>> plot_signal(np.sin(np.arange(100)), rate=50).get_xlabel()
    'time (s)'
    """
    array = _as_signal(signal, n_axes)
    axes = array.ndim - 1
    if axes == 1:
        ax = _axes(ax, WIDTH, 1.2 + 0.5 * len(array))
        _lines(ax, array, rate, colour)
        return ax
    if axes == 2:
        height = min(1.6 * WIDTH, max(0.8, WIDTH * array.shape[1] / array.shape[2]))
        ax = _axes(ax, WIDTH, height)
        ax.imshow(
            _picture(array, max_pixels),
            cmap="gray",
            interpolation="none",
            extent=(0, array.shape[2], array.shape[1], 0),
        )
        ax.set_xlabel("column (samples)")
        ax.set_ylabel("row (samples)")
        return ax
    ax = _axes(ax, WIDTH, WIDTH / 3 + 0.5)
    for k, name in enumerate(("first", "second", "third")):
        _tile(ax, _picture(_slice(array, k), max_pixels), k, 0)
        _say(ax, k + 0.5, 1.04, f"across the {name} axis", va="top", size="small")
    return _tiled(ax, 3, 1, below=0.16)


def plot_examples(dataset: Dataset, *, n: int = 3, max_classes: int = 12, ax: Axes | None = None) -> Axes:
    """Draw some signals of each class: series below each other, each in its own range; images and slices as tiles.

    Parameters
    ----------
    dataset : Dataset
        Without a target, all signals count as one class.
    n : int
        Signals a class, evenly spaced over the data set.
    max_classes : int
        More classes aren't drawn.
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> from filterbank.signals import Signals
    >>> dataset = Dataset(Signals.wrap(np.random.default_rng(0).normal(size=(4, 50))),
    ...                   pd.DataFrame({"label": list("aabb")}), target="label")
    >>> [text.get_text() for text in plot_examples(dataset, n=1).get_yticklabels()]
    ['a', 'b']
    """
    if n < 1:
        raise invalid("n", n, "a positive number of signals")
    y = dataset.y if dataset.target is not None else np.full(len(dataset), "signals", dtype=object)
    classes = sorted(pd.unique(y).tolist(), key=_sort_key)
    styles = class_styles(classes)
    classes = classes[:max_classes]
    chosen = {name: evenly(np.flatnonzero(y == name), n) for name in classes}
    ticks, row = [], 0
    if dataset.signals.n_axes > 1:
        ax = _axes(ax, WIDTH, 0.3 + len(classes) * WIDTH / (n + 1))
        for row, name in enumerate(classes):
            for column, i in enumerate(chosen[name]):
                _tile(ax, _picture(_flat(dataset.signals[i])), column, row)
        _tiled(ax, n, len(classes))
        _ticks(ax.yaxis, np.arange(len(classes)) + 0.5, [_short(c, 18) for c in classes])
        return ax
    ax = _axes(ax, WIDTH, 0.8 + 0.3 * sum(map(len, chosen.values())))
    for name in classes:
        ticks.append(row + (len(chosen[name]) - 1) / 2)
        for i in chosen[name]:
            _row(ax, dataset.signals[i], row, dataset.signals.rate, styles[name][0])
            row += 1
    _stacked(ax, row, ticks, [_short(c, 18) for c in classes], _time(dataset.signals.rate))
    return ax


def plot_kernels(bank: Any, *, rate: float | None = None, max_kernels: int = 48, ax: Axes | None = None) -> Axes:
    """Draw the kernels of a bank: curves in 1-D, tiles in 2-D, three central slices each in 3-D; each in its own range.

    Parameters
    ----------
    bank : Bank
        Prepared, such as `representation.bank_`. Of complex kernels the real part is drawn, in 1-D the
        imaginary part too (thin, dashed).
    rate : float, optional
        Samples per second, for the axis of 1-D kernels.
    max_kernels : int
        If there are more, as many, evenly spaced.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        If the bank isn't prepared or has no kernels.

    Examples
    --------
    >>> from filterbank.banks import GaborBank
    >>> from filterbank.signals import SignalInfo
    >>> bank = GaborBank(n_frequencies=3).prepare(SignalInfo(1, 1, rate=100), np.random.default_rng(0))
    >>> ax = plot_kernels(bank, rate=100)
    >>> ax.get_ylabel(), [text.get_text() for text in ax.get_yticklabels()]
    ('frequency (Hz)', ['25', '12.5', '6.25'])
    """
    kernels, rows = _kernels(bank)
    keep = evenly(np.arange(len(kernels)), max_kernels)
    kernels, rows = [kernels[i] for i in keep], [rows[i] for i in keep]
    labels, title = _labels(rows)
    if kernels[0].ndim == 1:
        return _kernel_curves(kernels, labels, title, rate, ax)
    if kernels[0].ndim == 2:
        return _kernel_tiles(kernels, rows, labels, title, ax)
    return _kernel_slices(kernels, labels, ax)


def plot_spectrum_of_bank(bank: Any, *, rate: float | None = None, ax: Axes | None = None) -> Axes:
    """Draw how much of each frequency the kernels of a 1-D bank let through.

    Parameters
    ----------
    bank : Bank
        Prepared, of one axis.
    rate : float, optional
        Samples per second: the axis is then in hertz, else in cycles per sample. It's logarithmic where the kernels'
        frequencies span more than three octaves.
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> from filterbank.banks import GaborBank
    >>> from filterbank.signals import SignalInfo
    >>> bank = GaborBank(n_frequencies=3).prepare(SignalInfo(1, 1), np.random.default_rng(0))
    >>> len(plot_spectrum_of_bank(bank).lines)
    3
    """
    kernels, rows = _kernels(bank)
    if kernels[0].ndim != 1:
        raise InputError(f"the bank has {kernels[0].ndim} axes; frequency responses are drawn for one axis only.")
    readout = getattr(bank, "readout", "real")
    if readout in ("real", "imaginary"):
        kernels = [k.real if readout == "real" else k.imag for k in kernels]
    ax = _axes(ax, WIDTH, 2.4)
    known = [row["frequency"] for row in rows if _known(row, "frequency") and row["frequency"] > 0]
    logarithmic = len(known) == len(rows) and max(known) > 8 * min(known)
    size = max(4096, 2 ** math.ceil(math.log2(4 * max(map(len, kernels)))))
    frequency = np.arange(size // 2 + 1) / size
    lowest = 0.0
    if logarithmic:
        lowest = min(known) / (rate or 1.0) / 2
        wanted = np.geomspace(max(lowest, frequency[1]), 0.5, 400)
    else:
        wanted = np.linspace(0, 0.5, 400)
    for kernel, colour in zip(kernels, _ramp(len(kernels))):
        gain = np.abs(np.fft.fft(kernel, size))[: size // 2 + 1]
        ax.plot(wanted * (rate or 1.0), np.interp(wanted, frequency, gain), color=colour, linewidth=1.2)
    if logarithmic:
        _log_axis(ax)
    ax.set_xlim(wanted[0] * (rate or 1.0), 0.5 * (rate or 1.0))
    ax.set_ylim(bottom=0)
    ax.set_xlabel(f"frequency ({_unit(rate)})")
    ax.set_ylabel("gain")
    _bare(ax)
    return ax


def plot_responses(
    representation: Any,
    signal: np.ndarray,
    *,
    features: Sequence[str] | None = None,
    n: int = 4,
    ax: Axes | None = None,
) -> Axes:
    """Draw a signal and, under or beside it, the responses that a few features were pooled from.

    Parameters
    ----------
    representation : Representation
        Fitted.
    signal : array, (*axes) or (channel, *axes)
    features : sequence of str, optional
        Names of features; None: of `n` responses, evenly spaced over the bank.
    n : int
        Not used if `features` are given.
    ax : Axes, optional

    Returns
    -------
    Axes
        Each in its own range.

    Examples
    --------
    >>> from filterbank import GaborBank, Moments, Representation
    >>> X = np.random.default_rng(0).normal(size=(3, 100))
    >>> representation = Representation(GaborBank(n_frequencies=3), Moments(["mean"])).fit(X)
    >>> [text.get_text() for text in plot_responses(representation, X[0], n=2).get_yticklabels()]
    ['signal', '0.25', '0.0625']
    """
    table = representation.feature_table_
    if features is None:
        firsts = table.drop_duplicates("response")["feature"].tolist()
        features = [firsts[i] for i in evenly(np.arange(len(firsts)), n)]
    if not len(features):
        raise invalid("features", features, "a sequence of at least one feature's name")
    found = [representation.explain(signal, name) for name in features]
    rows = [table[table["feature"] == name].iloc[0].to_dict() for name in features]
    labels, title = _response_labels(rows)
    array = as_signal(signal, representation.bank_.n_axes)
    rate = getattr(representation, "rate_", None)
    if array.ndim == 2:
        ax = _axes(ax, WIDTH, 0.8 + 0.42 * (len(found) + 1))
        _row(ax, array, 0, rate, INK)
        for row, (explanation, colour) in enumerate(zip(found, _ramp(len(found))), 1):
            _row(ax, _real(explanation.response)[np.newaxis], row, rate, colour, at=explanation.where[0])
        _stacked(ax, len(found) + 1, np.arange(len(found) + 1), ["signal", *labels], _time(rate))
        ax.set_ylabel(title)
        return ax
    columns = min(3, len(found) + 1)
    n_rows = math.ceil((len(found) + 1) / columns)
    height = 1.25
    ax = _axes(ax, WIDTH, 0.3 + n_rows * height * WIDTH / columns)
    end = _tile(ax, _picture(_flat(array)), 0, 0)
    _say(ax, 0.5, end + 0.04, "signal", va="top", size="small")
    for k, (explanation, label) in enumerate(zip(found, labels), 1):
        response = _real(explanation.response)
        if response.ndim == 3:
            response = response[response.shape[0] // 2]
        x, y = k % columns, (k // columns) * height
        end = _tile(ax, _shrunk(response, MAX_PIXELS), x, y, cmap="viridis")
        _say(ax, x + 0.5, end + 0.04, label, va="top", size="small")
    _tiled(ax, columns, n_rows * height)
    ax.set_xlabel(title.replace("\n", " "))
    return ax


def plot_scatter(
    features: Any,
    y: Sequence[Any] | np.ndarray,
    *,
    method: str = "pca",
    legend: bool = True,
    max_points: int = 1500,
    ax: Axes | None = None,
) -> Axes:
    """Draw signals as points in the plane that shows most of the features' spread, or most of what parts the classes.

    Parameters
    ----------
    features : DataFrame or array, (signal, feature)
        Standardised before anything else.
    y : sequence, (signal,)
        Classes.
    method : {"pca", "lda"}
        Principal components, or linear discriminants. Where there's only one (two classes, or one feature) it's drawn
        along one axis, a row a class.
    legend : bool
    max_points : int
        If there are more signals, as many are drawn, evenly spaced; all of them count in finding the plane.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        For values that aren't finite, for fewer than two signals, or for discriminants of one class.

    Notes
    -----
    Discriminants are fitted to the very points that are drawn: new signals would lie less far apart. Above 200
    features, they are those of the first 200 principal components.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(30, 5))
    >>> plot_scatter(X, np.repeat(["a", "b", "c"], 10)).get_xlabel().split(" (")[0]
    'principal component 1'
    """
    from sklearn.decomposition import PCA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.preprocessing import StandardScaler

    if method not in ("pca", "lda"):
        raise invalid("method", method, "'pca' or 'lda'")
    values, labels = np.asarray(features, dtype=np.float64), np.asarray(y)
    if values.ndim != 2 or len(values) != len(labels) or len(values) < 2:
        raise InputError(
            f"features of shape {values.shape} don't fit {len(labels)} labels, or are fewer than two signals."
        )
    if not np.isfinite(values).all():
        raise InputError(f"features contain {int((~np.isfinite(values)).sum())} values that are NaN or infinite.")
    classes = sorted(pd.unique(labels).tolist(), key=_sort_key)
    values = StandardScaler().fit_transform(values)
    if method == "pca":
        model: Any = PCA(min(2, *values.shape), random_state=0)
        points, noun = model.fit_transform(values), "principal component"
    else:
        if len(classes) < 2:
            raise InputError(f"y holds one class only ({classes[0]!r}); discriminants need two.")
        model = LinearDiscriminantAnalysis(n_components=min(2, len(classes) - 1, values.shape[1]))
        if values.shape[1] > MAX_DISCRIMINED:
            values = PCA(min(MAX_DISCRIMINED, len(values)), random_state=0).fit_transform(values)
        points, noun = model.fit_transform(values, labels), "linear discriminant"
    points = points * np.where(points[np.abs(points).argmax(axis=0), np.arange(points.shape[1])] < 0, -1.0, 1.0)
    shares = np.nan_to_num(getattr(model, "explained_variance_ratio_", np.ones(points.shape[1])))
    names = [
        f"{noun} {k + 1} ({share:.0%} of {'variance' if method == 'pca' else 'separation'})"
        for k, share in enumerate(shares)
    ]
    flat = points.shape[1] == 1
    ax = _axes(ax, WIDTH, 0.9 + 0.6 * len(classes) if flat else 3.4)
    keep = np.zeros(len(labels), dtype=bool)
    keep[evenly(np.arange(len(labels)), max_points)] = True
    jitter = np.random.default_rng(0).uniform(-0.3, 0.3, len(labels))
    handles = []
    for row, (name, (colour, marker)) in enumerate(class_styles(classes).items()):
        mine = (labels == name) & keep
        across = row + jitter[mine] if flat else points[mine, 1]
        ax.plot(
            points[mine, 0], across, marker, color=colour, markersize=4, alpha=0.75, markeredgewidth=0, linestyle="none"
        )
        handles.append(Line2D([], [], color=colour, marker=marker, linestyle="none", markersize=5))
    ax.set_xlabel(names[0])
    if flat:
        _ticks(ax.yaxis, np.arange(len(classes)), [_short(c, 18) for c in classes])
        ax.set_ylim(len(classes) - 0.5, -0.5)
    else:
        ax.set_ylabel(names[1])
        if legend:
            box = ax.legend(
                handles, [_short(c) for c in classes], loc="upper left", bbox_to_anchor=(1, 1), frameon=False
            )
            for text in box.get_texts():
                text.set_parse_math(False)
    _bare(ax)
    return ax


def plot_confusion(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how many signals of each class were taken for each class; the colour is the share of the row.

    Parameters
    ----------
    frame : DataFrame
        Counts: a row a true class, a column a predicted one.
    ax : Axes, optional

    Returns
    -------
    Axes
        With the counts written in the cells, up to 40 classes.

    Examples
    --------
    >>> frame = pd.DataFrame([[5, 1], [0, 4]], index=["cat", "dog"], columns=["cat", "dog"])
    >>> [text.get_text() for text in plot_confusion(frame).texts]
    ['5', '1', '0', '4']
    """
    counts = frame.to_numpy()
    n_rows, n_columns = counts.shape
    written = max(n_rows, n_columns) <= 40
    rows, columns = ([_short(c, 18) for c in names] for names in (frame.index, frame.columns))
    beside = 0.6 + 0.085 * max(map(len, rows))
    cell = min(0.9, max(0.3 if written else 0.1, (WIDTH - beside) / n_columns))
    turned = 0.08 * max(map(len, columns)) > 0.9 * cell
    below = 0.4 + (0.08 * max(map(len, columns)) if turned else 0.15)
    ax = _axes(ax, beside + cell * n_columns, below + cell * n_rows)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ax.imshow(share, cmap="Blues", vmin=0, vmax=1, interpolation="none")
    if written:
        for i in range(n_rows):
            for j in range(n_columns):
                colour = "white" if share[i, j] > 0.55 else INK if counts[i, j] else GREY
                ax.text(j, i, str(counts[i, j]), ha="center", va="center", color=colour)
    shown = 1 if written else math.ceil(max(n_rows, n_columns) / 40)
    _ticks(ax.xaxis, np.arange(n_columns)[::shown], columns[::shown], rotation=90 if turned else 0)
    _ticks(ax.yaxis, np.arange(n_rows)[::shown], rows[::shown])
    ax.tick_params(length=0)
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class")
    ax.spines[:].set_visible(False)
    return ax


def plot_scores(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the score of each recipe and classifier with its interval, the naive score (hollow) and the chance level.

    Parameters
    ----------
    table : DataFrame
        `Comparison.table`: with `recipe`, `classifier`, `score`, `low`, `high`, `chance` and `naive_score`.
    ax : Axes, optional

    Returns
    -------
    Axes
        A row of the table a row, the first at the top.

    Examples
    --------
    >>> table = pd.DataFrame({"recipe": ["gabor"], "classifier": ["ridge"], "score": [0.7], "low": [0.6],
    ...                       "high": [0.8], "chance": [0.2], "naive_score": [0.9]})
    >>> [text.get_text() for text in plot_scores(table).get_yticklabels()]
    ['gabor, ridge']
    """
    rows = np.arange(len(table))
    ax = _axes(ax, WIDTH, 1.1 + 0.2 * len(table))
    score, low, high = (table[c].to_numpy(dtype=float) for c in ("score", "low", "high"))
    chance, naive = (table[c].to_numpy(dtype=float) for c in ("chance", "naive_score"))
    handles, names = [], []
    for k, colour in enumerate([COLOURS[1], *[COLOURS[0]] * (len(table) - 1)]):
        ax.plot([low[k], high[k]], [k, k], color=colour, linewidth=1.6, solid_capstyle="butt")
    handles.append(ax.plot(score[1:], rows[1:], "o", color=COLOURS[0], markersize=5)[0])
    best = ax.plot(score[:1], rows[:1], "o", color=COLOURS[1], markersize=6)[0]
    handles, names = [best, *handles], ["best score", "score, 95 % interval"]
    if len(table) == 1:
        handles, names = [best], ["score, 95 % interval"]
    if np.isfinite(naive).any():
        handles.append(
            ax.plot(naive, rows, "D", markerfacecolor="none", markeredgecolor=GREY, markersize=4.5, linestyle="none")[0]
        )
        names.append("naive score")
    if np.ptp(chance) == 0:
        handles.append(ax.axvline(chance[0], color=INK, linestyle="--", linewidth=1))
    else:
        handles.append(ax.plot(chance, rows, "|", color=INK, markersize=8)[0])
    names.append("chance")
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(len(table) - 0.4, -0.6)
    labels = [f"{_short(r, 24)}, {_short(c, 14)}" for r, c in zip(table["recipe"], table["classifier"])]
    _ticks(ax.yaxis, rows, labels)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("score")
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], labels=["0", "0.25", "0.5", "0.75", "1"])
    ax.grid(axis="x", color="#E6E6E6", linewidth=0.7)
    ax.set_axisbelow(True)
    ax.legend(
        handles, names, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False,
        columnspacing=1, handletextpad=0.4,
    )  # fmt: skip
    _bare(ax)
    return ax


def plot_importance(table: pd.DataFrame, *, by: str = "feature", n: int = 12, ax: Axes | None = None) -> Axes:
    """Draw how well each feature alone tells the classes apart: the best ones as bars, or all against frequency.

    Parameters
    ----------
    table : DataFrame
        `Comparison.importance(recipe)`: a `feature_table_` with a column `F`.
    by : {"feature", "frequency"}
    n : int
        Bars at most.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        If `by` is "frequency" and no feature has one.

    Examples
    --------
    >>> table = pd.DataFrame({"feature": ["a.mean", "b.mean"], "frequency": [5.0, 10.0], "unit": "Hz",
    ...                       "statistic": "mean", "F": [3.0, 8.0]})
    >>> [text.get_text() for text in plot_importance(table).get_yticklabels()]
    ['10 Hz, mean', '5 Hz, mean']
    >>> plot_importance(table, by="frequency").get_xlabel()
    'frequency (Hz)'
    """
    if by not in ("feature", "frequency"):
        raise invalid("by", by, "'feature' or 'frequency'")
    table = table[table["F"].notna()]
    finite = table["F"][np.isfinite(table["F"])]
    top = float(finite.max()) if len(finite) else 1.0
    table = table.assign(_shown=table["F"].clip(upper=1.15 * top), _label=feature_labels(table))
    if by == "feature":
        best = table.sort_values("F", ascending=False, kind="stable").head(n)
        ax = _axes(ax, WIDTH, 0.7 + 0.22 * max(len(best), 1))
        colours = [COLOURS[0] if np.isfinite(f) else COLOURS[1] for f in best["F"]]
        ax.barh(np.arange(len(best)), best["_shown"], color=colours, height=0.7)
        _ticks(ax.yaxis, np.arange(len(best)), [_short(label, 34) for label in best["_label"]])
        ax.tick_params(axis="y", length=0)
        ax.set_ylim(max(len(best), 1) - 0.4, -0.6)
        ax.set_xlabel("F (analysis of variance)")
        _bare(ax)
        return ax
    if "frequency" not in table or not table["frequency"].notna().any():
        raise InputError("by='frequency' needs features with a frequency, and these have none.")
    table = table[table["frequency"].notna()]
    ax = _axes(ax, WIDTH, 2.6)
    statistics = table["statistic"].astype(str) if "statistic" in table else pd.Series("feature", index=table.index)
    names = pd.unique(statistics.sort_values()).tolist()
    styles = dict(zip(names, zip(_ramp(len(names)), MARKERS * len(names))))
    handles = []
    for statistic, (colour, marker) in styles.items():
        mine = table[statistics == statistic].sort_values("frequency", kind="stable")
        highest = mine.groupby("frequency")["_shown"].max()
        ax.plot(highest.index, highest, color=colour, linewidth=1, alpha=0.6)
        ax.plot(mine["frequency"], mine["_shown"], marker, color=colour, markersize=4, linestyle="none")
        handles.append(Line2D([], [], color=colour, marker=marker, markersize=4, linewidth=1))
    low, high = table["frequency"].min(), table["frequency"].max()
    if low > 0 and high > 8 * low:
        _log_axis(ax)
    unit = table["unit"].iloc[0] if "unit" in table else "cycles/sample"
    ax.set_ylim(bottom=0)
    ax.set_xlabel(f"frequency ({unit})")
    ax.set_ylabel("F (analysis of variance)")
    box = ax.legend(
        handles, [s.replace("_", " ") for s in styles], loc="lower right", bbox_to_anchor=(1, 1), ncols=4, frameon=False
    )
    for text in box.get_texts():
        text.set_parse_math(False)
    _bare(ax)
    return ax


def evenly(indices: np.ndarray, n: int) -> list[int]:
    """Return at most `n` of some indices, evenly spaced, the first and the last among them.

    Examples
    --------
    >>> evenly(np.arange(10), 4)
    [0, 3, 6, 9]
    """
    if len(indices) <= n:
        return [int(i) for i in indices]
    at = np.round(np.linspace(0, len(indices) - 1, n)).astype(int) if n > 1 else np.array([0])
    return [int(i) for i in np.asarray(indices)[at]]


def _axes(ax: Axes | None, width: float, height: float) -> Axes:
    """The Axes that were passed, or those of a new figure of this size (inches)."""
    return Figure(figsize=(width, height), layout="constrained").subplots() if ax is None else ax


def _as_signal(signal: Any, n_axes: int | None) -> np.ndarray:
    array = np.asarray(signal)
    if n_axes is None:
        n_axes = max(1, array.ndim - 1)
        if n_axes == 1 and array.ndim == 2 and len(array) > MAX_CHANNELS:
            raise InputError(
                f"signal has shape {array.shape}, which would be {len(array)} channels. "
                "Pass n_axes=2 if it's an image, n_axes=1 if not."
            )
        if n_axes > 3:
            raise InputError(f"signal has shape {array.shape}; a signal has at most four dimensions, channel and axes.")
    return as_signal(array, n_axes)


def _lines(ax: Axes, array: np.ndarray, rate: float | None, colour: str) -> None:
    """Channels below each other, on one scale."""
    span = max((float(np.nanmax(c) - np.nanmin(c)) for c in array), default=0.0) or 1.0
    ticks = []
    for k, channel in enumerate(array):
        middle = float(np.nanmax(channel) + np.nanmin(channel)) / 2 if len(array) > 1 else 0.0
        x, values = _drawable(np.arange(len(channel)), channel)
        ax.plot(x / (rate or 1.0), values - middle - 1.15 * span * k * (len(array) > 1), color=colour, linewidth=1)
        ticks.append(-1.15 * span * k)
    if len(array) > 1:
        _ticks(ax.yaxis, ticks, [f"channel {k}" for k in range(len(array))])
    else:
        ax.set_ylabel("value")
    ax.set_xlabel(_time(rate))
    ax.margins(x=0.01)
    _bare(ax)


def _row(
    ax: Axes, array: np.ndarray, row: int, rate: float | None, colour: str, *, at: np.ndarray | None = None
) -> None:
    """A signal's channels over each other, in the stripe of 0.9 around `row`."""
    low, high = float(np.nanmin(array)), float(np.nanmax(array))
    where = np.arange(array.shape[-1]) if at is None else at
    for k, channel in enumerate(array):
        x, values = _drawable(where, channel)
        scaled = (values - (low + high) / 2) / ((high - low) or 1.0)
        ax.plot(x / (rate or 1.0), row - 0.9 * scaled, color=colour, linewidth=0.9, alpha=1 if k == 0 else 0.5)


def _stacked(ax: Axes, n: int, ticks: Any, labels: Sequence[str], xlabel: str) -> None:
    _ticks(ax.yaxis, ticks, labels)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(n - 0.4, -0.6)
    ax.margins(x=0.01)
    ax.set_xlabel(xlabel)
    _bare(ax)
    ax.spines["left"].set_visible(False)


def _drawable(x: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The line itself, or the extrema of 500 stretches of it, in the order in which they come."""
    if len(values) <= MAX_LINE:
        return x, values
    bounds = np.linspace(0, len(values), 501).astype(int)
    picked: list[int] = []
    for start, stop in pairwise(bounds):
        part = values[start:stop]
        picked += sorted({start + int(part.argmin()), start + int(part.argmax())})
    return x[picked], values[picked]


def _picture(array: np.ndarray, limit: int = MAX_PIXELS) -> np.ndarray:
    """An image `(channel, row, column)` as `(row, column, 3)` of colours or `(row, column)` of greys, in 0..1."""
    image = np.asarray(array, dtype=np.float64)
    image = np.moveaxis(image[:3], 0, -1) if len(image) in (3, 4) else image[0]
    image = _shrunk(image, limit)
    low, high = float(np.nanmin(image)), float(np.nanmax(image))
    if image.ndim == 3 and low >= 0 and high <= 1:
        return image
    return np.nan_to_num((image - low) / ((high - low) or 1.0))


def _shrunk(image: np.ndarray, limit: int) -> np.ndarray:
    """The image with blocks of samples averaged, so that no side is longer than `limit`."""
    step = math.ceil(max(image.shape[:2]) / limit)
    if step == 1:
        return image
    rows, columns = (max(n // step, 1) for n in image.shape[:2])
    tall, wide = (step if n >= step else 1 for n in image.shape[:2])
    cut = image[: rows * tall, : columns * wide]
    return cut.reshape(rows, tall, columns, wide, *image.shape[2:]).mean(axis=(1, 3))


def _slice(array: np.ndarray, axis: int) -> np.ndarray:
    """The central slice of a volume `(channel, *axes)` across an axis, `(channel, row, column)`."""
    return np.take(array, array.shape[axis + 1] // 2, axis=axis + 1)


def _flat(array: np.ndarray) -> np.ndarray:
    """An image as it is, and of a volume the central slice across its first axis."""
    return array if array.ndim == 3 else _slice(array, 0)


def _real(response: np.ndarray) -> np.ndarray:
    return np.abs(response) if np.iscomplexobj(response) else response


def _tile(
    ax: Axes, image: np.ndarray, column: float, row: float, *, cmap: str = "gray", limit: float | None = None
) -> float:
    """A picture in the unit square at (column, row), in its own proportions, with a small margin; where it ends."""
    height, width = image.shape[:2]
    across, down = 0.94 * width / max(height, width), 0.94 * height / max(height, width)
    left, top = column + (1 - across) / 2, row + (1 - down) / 2
    ax.imshow(
        image,
        cmap=cmap,
        interpolation="none",
        extent=(left, left + across, top + down, top),
        vmin=None if limit is None else -limit,
        vmax=limit,
    )
    return top + down


def _tiled(ax: Axes, columns: float, rows: float, *, below: float = 0.0) -> Axes:
    ax.set_xlim(0, columns)
    ax.set_ylim(rows + below, 0)
    ax.set_aspect("equal")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    return ax


def _kernels(bank: Any) -> tuple[list[np.ndarray], list[dict[str, Any]]]:
    kernels = getattr(bank, "kernels_", None)
    if kernels is None:
        raise InputError(
            f"{type(bank).__name__} has no kernels to draw. "
            "Pass a prepared bank, such as representation.bank_ after fit."
        )
    rows = getattr(bank, "kernel_table_", None) or [{"kernel": f"filter{i}"} for i in range(len(kernels))]
    return list(kernels), [dict(row) for row in rows]


def _kernel_curves(
    kernels: list[np.ndarray], labels: list[str], title: str, rate: float | None, ax: Axes | None
) -> Axes:
    ax = _axes(ax, WIDTH, 0.8 + 0.24 * len(kernels))
    for row, (kernel, colour) in enumerate(zip(kernels, _ramp(len(kernels)))):
        x = (np.arange(len(kernel)) - len(kernel) // 2) / (rate or 1.0)
        scale = 0.48 / (np.abs(kernel).max() or 1.0)
        if np.iscomplexobj(kernel):
            ax.plot(x, row - kernel.imag * scale, color=colour, linewidth=0.7, linestyle="--", alpha=0.7)
        ax.plot(x, row - kernel.real * scale, color=colour, linewidth=1.1)
    _stacked(ax, len(kernels), np.arange(len(kernels)), [_short(label, 30) for label in labels], _time(rate))
    ax.set_ylabel(title)
    return ax


def _kernel_tiles(
    kernels: list[np.ndarray], rows: list[dict[str, Any]], labels: list[str], title: str, ax: Axes | None
) -> Axes:
    grid = _grid(rows)
    if grid is None:
        columns = min(5, len(kernels))
        n_rows, height = math.ceil(len(kernels) / columns), 1.3
    else:
        n_rows, columns = len(kernels) // grid[2], grid[2]
        height = 1.0
    ax = _axes(
        ax, WIDTH, 0.2 + n_rows * height * WIDTH / columns if grid is None else 0.6 + n_rows * (WIDTH - 1.3) / columns
    )
    for k, kernel in enumerate(kernels):
        real = kernel.real
        _tile(ax, real, k % columns, (k // columns) * height, cmap="RdBu_r", limit=float(np.abs(real).max()) or 1.0)
        if grid is None:
            _say(ax, k % columns + 0.5, (k // columns) * height + 1.02, _short(labels[k], 16), va="top", size="small")
    _tiled(ax, columns, n_rows * height)
    if grid is None:
        return ax
    down, across, _ = grid
    firsts = [kernels[k * columns] for k in range(n_rows)]
    sizes = [f"{_value(rows[k * columns], down)}\n{k_.shape[0]} x {k_.shape[1]}" for k, k_ in enumerate(firsts)]
    _ticks(ax.yaxis, np.arange(n_rows) + 0.5, sizes)
    _ticks(ax.xaxis, np.arange(columns) + 0.5, [_value(row, across) for row in rows[:columns]])
    ax.set_ylabel(f"{_heading(down, rows[0])},\nsize (samples)")
    ax.set_xlabel(_heading(across, rows[0]))
    return ax


def _kernel_slices(kernels: list[np.ndarray], labels: list[str], ax: Axes | None) -> Axes:
    columns, height = min(3, len(kernels)), 1.6
    n_rows = math.ceil(len(kernels) / columns)
    ax = _axes(ax, WIDTH, 0.3 + n_rows * height * WIDTH / (columns * 3.3))
    for k, kernel in enumerate(kernels):
        limit = float(np.abs(kernel.real).max()) or 1.0
        x, y = (k % columns) * 3.3, (k // columns) * height
        for axis in range(3):
            _tile(ax, _slice(kernel.real[np.newaxis], axis)[0], x + axis, y, cmap="RdBu_r", limit=limit)
        _say(ax, x + 1.5, y + 1.02, _short(labels[k], 22), va="top", size="small")
    return _tiled(ax, columns * 3.3 - 0.3, n_rows * height)


def _grid(rows: list[dict[str, Any]]) -> tuple[str, str, int] | None:
    """What changes down and across, and the number of columns, if the kernels form a table of two parameters."""
    for down, across in (("frequency", "orientation"), ("sigma", "order")):
        if not all(_known(row, down) and _known(row, across) for row in rows):
            continue
        columns = len({row[across] for row in rows})
        firsts = [row[across] for row in rows[:columns]]
        table = all(
            row[across] == firsts[k % columns] and row[down] == rows[k - k % columns][down]
            for k, row in enumerate(rows)
        )
        if table and columns <= 12 and len(rows) % columns == 0:
            return down, across, columns
    return None


_WORDS = {
    "frequency": "frequency",
    "orientation": "orientation",
    "elevation": "elevation",
    "sigma": "sigma",
    "order": "order",
}


def _known(row: Mapping[str, Any], key: str) -> bool:
    value = row.get(key)
    return value is not None and not (isinstance(value, float) and math.isnan(value)) and value is not pd.NA


def _described(row: Mapping[str, Any]) -> bool:
    return any(_known(row, key) for key in _WORDS)


def _value(row: Mapping[str, Any], key: str) -> str:
    value = row[key]
    if key in ("orientation", "elevation"):
        return f"{math.degrees(float(value)):.0f}°"
    return _number(float(value)) if key in ("frequency", "sigma") else str(value)


def _number(value: float) -> str:
    """Three or four digits, never in powers of ten where it can be read without."""
    if value and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.3g}"
    digits = 3 - math.floor(math.log10(abs(value))) - 1 if value else 0
    text = f"{value:.{max(digits, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _heading(key: str, row: Mapping[str, Any]) -> str:
    if key == "frequency":
        return f"frequency ({row.get('unit') or 'cycles/sample'})"
    return "sigma (samples)" if key == "sigma" else _WORDS[key]


def _labels(rows: Sequence[Mapping[str, Any]], *, unit: bool = False) -> tuple[list[str], str]:
    """A short label for each kernel, with units if wanted, and the heading that says what the labels are."""
    keys = [key for key in _WORDS if any(_known(row, key) for row in rows)]
    if "frequency" in keys and "sigma" in keys and _parts_differ(rows, [k for k in keys if k != "sigma"]):
        keys.remove("sigma")  # follows from the frequency
    if not keys:
        return [_name(row, unit) for row in rows], "filter"
    labels = []
    for row in rows:
        parts = []
        for key in keys:
            if not _known(row, key):
                continue
            text = _value(row, key)
            if key == "frequency" and unit:
                text += f" {row.get('unit') or 'cycles/sample'}"
            if key == "sigma" and (unit or len(keys) > 1):
                text = f"σ {text}"
            if key == "order" and (unit or len(keys) > 1):
                text = f"order {text}"
            parts.append(text)
        labels.append(", ".join(parts) or _name(row, unit))
    return labels, ",\n".join(_heading(key, rows[0]) for key in keys)


def _name(row: Mapping[str, Any], unit: bool) -> str:
    """The name of a kernel or response; nothing for a feature, whose own name says it."""
    return "" if unit and "feature" in row else str(row.get("kernel", row.get("response", "")))


def _parts_differ(rows: Sequence[Mapping[str, Any]], keys: list[str]) -> bool:
    """Whether kernels that differ in name differ in these keys already."""
    seen: dict[tuple[Any, ...], set[Any]] = {}
    for row in rows:
        parts = tuple(row.get(key) if _known(row, key) else None for key in keys)
        seen.setdefault(parts, set()).add(row.get("kernel"))
    return all(len(names) == 1 for names in seen.values())


def _response_labels(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], str]:
    """A short label for each response, and the heading that says what the labels are."""
    labels, title = _labels(rows)
    if len({row.get("channel") for row in rows}) > 1:
        labels = [f"ch. {row['channel']}, {label}" for label, row in zip(labels, rows)]
        title = f"channel,\n{title}"
    return [_short(label, 30) for label in labels], title


def _ramp(n: int) -> list[Any]:
    """Colours from blue to vermilion, in order, all dark enough to read on white."""
    ends = np.array([[0.0, 0.27, 0.55], [0.0, 0.58, 0.55], [0.78, 0.33, 0.0]])
    at = np.linspace(0, 2, n) if n > 1 else np.zeros(1)
    return [tuple(float(np.interp(a, [0, 1, 2], ends[:, c])) for c in range(3)) for a in at]


def _log_axis(ax: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _number(float(value))))
    ax.xaxis.set_minor_locator(NullLocator())


def _ticks(axis: Any, at: Any, labels: Sequence[str], *, rotation: float = 0) -> None:
    """Ticks whose labels are taken as they are: a dollar sign starts no formula."""
    axis.set_ticks(at, labels=list(labels), parse_math=False, rotation=rotation)


def _say(ax: Axes, x: float, y: float, text: str, *, va: str, size: str) -> None:
    ax.text(x, y, text, ha="center", va=va, fontsize=size, color=INK, parse_math=False)


def _bare(ax: Axes) -> None:
    ax.spines[["top", "right"]].set_visible(False)


def _time(rate: float | None) -> str:
    return "time (samples)" if rate is None else "time (s)"


def _unit(rate: float | None) -> str:
    return "cycles/sample" if rate is None else "Hz"


def _short(text: Any, limit: int = 28) -> str:
    """One line of printable characters, at most so many, the middle left out."""
    line = "".join(c if c.isprintable() else " " for c in str(text))
    if len(line) <= limit:
        return line
    tail = (limit - 1) // 3
    return f"{line[: limit - 1 - tail]}…{line[len(line) - tail :]}"


def _sort_key(value: Any) -> tuple[int, Any]:
    """Numbers by size, then the rest by name, so that labels of several types sort."""
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    return (0, value) if number else (1, str(value))
