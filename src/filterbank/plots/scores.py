"""Figures of scores, confusions, features in the plane and their importance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from filterbank.errors import InputError, invalid
from filterbank.plots.drawing import (
    COLOURS,
    GREY,
    INK,
    MARKERS,
    MAX_DISCRIMINED,
    WIDTH,
    axes_or_new,
    bare,
    class_styles,
    evenly,
    log_axis,
    ramp,
    set_ticks,
    short,
    sort_key,
)
from filterbank.plots.labels import feature_labels

__all__ = ["plot_confusion", "plot_importance", "plot_scatter", "plot_scores"]

MAX_REGIONS = 10  # classes; tints of more could not be told apart
REGION_PIXELS = 120


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
    ax = axes_or_new(ax, WIDTH, 1.1 + 0.2 * len(table))
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
    labels = [f"{short(r, 24)}, {short(c, 14)}" for r, c in zip(table["recipe"], table["classifier"])]
    set_ticks(ax.yaxis, rows, labels)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("score")
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], labels=["0", "0.25", "0.5", "0.75", "1"])
    ax.grid(axis="x", color="#E6E6E6", linewidth=0.7)
    ax.set_axisbelow(True)
    ax.legend(
        handles, names, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False,
        columnspacing=1, handletextpad=0.4,
    )  # fmt: skip
    bare(ax)
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
    rows, columns = ([short(c, 18) for c in names] for names in (frame.index, frame.columns))
    beside = 0.6 + 0.085 * max(map(len, rows))
    cell = min(0.9, max(0.3 if written else 0.1, (WIDTH - beside) / n_columns))
    turned = 0.08 * max(map(len, columns)) > 0.9 * cell
    below = 0.4 + (0.08 * max(map(len, columns)) if turned else 0.15)
    ax = axes_or_new(ax, beside + cell * n_columns, below + cell * n_rows)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ax.imshow(share, cmap="Blues", vmin=0, vmax=1, interpolation="none")
    if written:
        for i in range(n_rows):
            for j in range(n_columns):
                colour = "white" if share[i, j] > 0.55 else INK if counts[i, j] else GREY
                ax.text(j, i, str(counts[i, j]), ha="center", va="center", color=colour)
    shown = 1 if written else math.ceil(max(n_rows, n_columns) / 40)
    set_ticks(ax.xaxis, np.arange(n_columns)[::shown], columns[::shown], rotation=90 if turned else 0)
    set_ticks(ax.yaxis, np.arange(n_rows)[::shown], rows[::shown])
    ax.tick_params(length=0)
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class")
    ax.spines[:].set_visible(False)
    return ax


def plot_scatter(
    features: Any,
    y: Sequence[Any] | np.ndarray,
    *,
    method: str = "pca",
    legend: bool = True,
    regions: bool = True,
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
    regions : bool
        Whether to tint the plane by the class that a support vector machine with radial basis functions, fitted to the
        points that are drawn, would give each place; up to ten classes.
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
    classes = sorted(pd.unique(labels).tolist(), key=sort_key)
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
    ax = axes_or_new(ax, WIDTH, 0.9 + 0.6 * len(classes) if flat else 3.4)
    keep = np.zeros(len(labels), dtype=bool)
    keep[evenly(np.arange(len(labels)), max_points)] = True
    jitter = np.random.default_rng(0).uniform(-0.3, 0.3, len(labels))
    handles = []
    if regions and not flat and 2 <= len(classes) <= MAX_REGIONS:
        _tint(ax, points[keep], labels[keep], classes)
    for row, (name, (colour, marker)) in enumerate(class_styles(classes).items()):
        mine = (labels == name) & keep
        across = row + jitter[mine] if flat else points[mine, 1]
        ax.plot(
            points[mine, 0], across, marker, color=colour, markersize=4, alpha=0.75, markeredgewidth=0, linestyle="none"
        )
        handles.append(Line2D([], [], color=colour, marker=marker, linestyle="none", markersize=5))
    ax.set_xlabel(names[0])
    if flat:
        set_ticks(ax.yaxis, np.arange(len(classes)), [short(c, 18) for c in classes])
        ax.set_ylim(len(classes) - 0.5, -0.5)
    else:
        ax.set_ylabel(names[1])
        if legend:
            box = ax.legend(
                handles, [short(c) for c in classes], loc="upper left", bbox_to_anchor=(1, 1), frameon=False
            )
            for text in box.get_texts():
                text.set_parse_math(False)
    bare(ax)
    return ax


def _tint(ax: Axes, points: np.ndarray, labels: np.ndarray, classes: list[Any]) -> None:
    """Colour the plane by the class that points there would be taken for."""
    from matplotlib.colors import ListedColormap
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    position = {name: k for k, name in enumerate(classes)}
    codes = np.array([position[label] for label in labels.tolist()])
    if len(np.unique(codes)) < 2:
        return
    low, high = points.min(axis=0), points.max(axis=0)
    room = 0.05 * np.where(high > low, high - low, 1.0)
    low, high = low - room, high + room
    x, y = (np.linspace(low[axis], high[axis], REGION_PIXELS) for axis in (0, 1))
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    fitted = make_pipeline(StandardScaler(), SVC()).fit(points, codes)
    given = fitted.predict(grid).reshape(REGION_PIXELS, REGION_PIXELS)
    ax.imshow(
        given, origin="lower", extent=(low[0], high[0], low[1], high[1]), aspect="auto", interpolation="nearest",
        cmap=ListedColormap([colour for colour, _ in class_styles(classes).values()]), vmin=-0.5,
        vmax=len(classes) - 0.5, alpha=0.16, zorder=0,
    )  # fmt: skip
    ax.set_xlim(low[0], high[0])
    ax.set_ylim(low[1], high[1])


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
        ax = axes_or_new(ax, WIDTH, 0.7 + 0.22 * max(len(best), 1))
        colours = [COLOURS[0] if np.isfinite(f) else COLOURS[1] for f in best["F"]]
        ax.barh(np.arange(len(best)), best["_shown"], color=colours, height=0.7)
        set_ticks(ax.yaxis, np.arange(len(best)), [short(label, 34) for label in best["_label"]])
        ax.tick_params(axis="y", length=0)
        ax.set_ylim(max(len(best), 1) - 0.4, -0.6)
        ax.set_xlabel("F (analysis of variance)")
        bare(ax)
        return ax
    if "frequency" not in table or not table["frequency"].notna().any():
        raise InputError("by='frequency' needs features with a frequency, and these have none.")
    table = table[table["frequency"].notna()]
    ax = axes_or_new(ax, WIDTH, 2.6)
    statistics = table["statistic"].astype(str) if "statistic" in table else pd.Series("feature", index=table.index)
    names = pd.unique(statistics.sort_values()).tolist()
    styles = dict(zip(names, zip(ramp(len(names)), MARKERS * len(names))))
    handles = []
    for statistic, (colour, marker) in styles.items():
        mine = table[statistics == statistic].sort_values("frequency", kind="stable")
        highest = mine.groupby("frequency")["_shown"].max()
        ax.plot(highest.index, highest, color=colour, linewidth=1, alpha=0.6)
        ax.plot(mine["frequency"], mine["_shown"], marker, color=colour, markersize=4, linestyle="none")
        handles.append(Line2D([], [], color=colour, marker=marker, markersize=4, linewidth=1))
    low, high = table["frequency"].min(), table["frequency"].max()
    if low > 0 and high > 8 * low:
        log_axis(ax)
    unit = table["unit"].iloc[0] if "unit" in table else "cycles/sample"
    ax.set_ylim(bottom=0)
    ax.set_xlabel(f"frequency ({unit})")
    ax.set_ylabel("F (analysis of variance)")
    box = ax.legend(
        handles, [s.replace("_", " ") for s in styles], loc="lower right", bbox_to_anchor=(1, 1), ncols=4, frameon=False
    )
    for text in box.get_texts():
        text.set_parse_math(False)
    bare(ax)
    return ax
