"""What a report says, section by section, and how it's written."""

from __future__ import annotations

import math
import platform
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from filterbank.evaluate import CLASSIFIERS, Comparison
from filterbank.evaluate.examine import Examination, examine
from filterbank.output import atomic
from filterbank.report import examined
from filterbank.report.drawing import Drawing, style

__all__ = ["render", "write_report"]

SKIPPED_SHOWN = 20
ERRORS_SHOWN = 12
CLASSES_SHOWN = 36
ROWS_DRAWN = 40
ROWS_LISTED = 12
PIXELS = 128  # along an axis of a small picture: what many classes of photographs weigh is bounded by it
NOTICEABLE = 0.02
NONE = "\u2013"  # where there is no number
KIND_WORDS = {"series": "series", "sound": "sounds", "image": "images", "volume": "volumes"}
GLYPHS = {"o": "●", "s": "■", "^": "▲", "D": "◆", "v": "▼", "P": "✚", "X": "✖", "*": "★"}


def write_report(comparison: Comparison, path: str | Path, *, examination: Examination | None = None) -> Path:
    """Write what `compare` found as one self-contained HTML page.

    Parameters
    ----------
    comparison : Comparison
    path : path
        Of the page; its folder must exist. What is there is replaced, at once and only by a whole page.
    examination : Examination, optional
        Of this comparison; if none is passed, `examine` makes one.

    Returns
    -------
    Path
        The page. The same comparison gives the same page, to the last byte.

    Raises
    ------
    WriteError
        If the folder is missing or can't be written.

    Notes
    -----
    Cost: reads every signal once, for its size, and draws some 50 figures: a few seconds.

    Examples
    --------
    >>> import tempfile
    >>> from filterbank.evaluate import compare
    >>> from filterbank.signals import Dataset, Signals
    >>> X, label = np.random.default_rng(0).normal(size=(40, 32)), np.repeat(["quiet", "loud"], 20)
    >>> X[20:] *= 5
    >>> dataset = Dataset(Signals.wrap(X), pd.DataFrame({"label": label}), target="label")
    >>> comparison = compare(dataset, recipes=["summary"], classifiers=["ridge"], naive=False)
    >>> write_report(comparison, Path(tempfile.mkdtemp(), "report.html")).name
    'report.html'
    """
    page = render(comparison, examination=examination).encode("utf-8", "replace")
    with atomic(path) as temporary:
        temporary.write_bytes(page)
    return Path(path)


def render(comparison: Comparison, *, examination: Examination | None = None) -> str:
    """Return the page that `write_report` writes.

    Parameters
    ----------
    comparison : Comparison
    examination : Examination, optional

    Returns
    -------
    str
        HTML.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("filterbank", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["three"] = _three
    environment.filters["signed"] = _signed
    environment.filters["count"] = "{:,}".format
    found = examine(comparison) if examination is None else examination
    with style():
        draw = Drawing()
        context = {
            "css": Markup(_resource("report.css")),
            "js": Markup(_resource("report.js")),
            "about": _about(comparison),
            "verdict": _verdict(comparison, found),
            "leaks": {**_leaks(comparison), **examined.leaks(found)},
            "scores": _scores(comparison, draw),
            "pairs": examined.pairs(comparison, found, draw),
            "data": _data(comparison),
            "examples": _examples(comparison, draw),
            "filters": _filters(comparison, draw),
            "confusion": _confusion(comparison, draw),
            "scatter": _scatter(comparison, draw),
            "importance": _importance(comparison, draw),
            "inside": examined.folds_importance(found, draw),
            "invariance": examined.invariance(found, draw),
            "decisions": examined.decisions(comparison, found, draw, _place),
            "checks": examined.checks(comparison, found, draw),
            "errors": _errors(comparison, draw),
            "notes": [*comparison.notes, *found.notes],
            "how": _how(comparison),
        }
    return environment.get_template("report.html").render(context)


def _resource(name: str) -> str:
    return resources.files("filterbank").joinpath("report", name).read_text(encoding="utf-8")


def _about(comparison: Comparison) -> dict[str, Any]:
    dataset = comparison.dataset
    return {
        "name": dataset.name,
        "target": dataset.target,
        "n": len(dataset),
        "kind": KIND_WORDS[dataset.kind],
        "n_classes": len(comparison.classes),
    }


def _verdict(comparison: Comparison, examination: Examination) -> dict[str, Any]:
    row = comparison.row(*comparison.best)
    recipe, classifier = comparison.best
    score, low, high, chance = (float(row[c]) for c in ("score", "low", "high", "chance"))
    by_chance = examination.permutation is not None and examination.permutation.p > 0.05
    state = "unknown" if math.isnan(low) else "little" if low <= chance or by_chance else "good"
    caveat = ""
    if any(leak.split == "honest" for leak in examination.leaks):
        state = "care" if state == "good" else state
        caveat = (
            "Training and test still have something in common, which may flatter the score: see what leaked, below."
        )
    return {
        "recipe": recipe,
        "classifier": _title(comparison, classifier),
        "percent": f"{100 * score:.1f}\N{NO-BREAK SPACE}%",
        "score": score,
        "low": low,
        "high": high,
        "chance": chance,
        "naive": float(row["naive_score"]),
        "state": state,
        "judgement": examination.verdict,
        "caveat": caveat,
        "reason": comparison.plan.reason,
        "n_tested": int(comparison.plan.tested.sum()),
    }


def _title(comparison: Comparison, classifier: str) -> str:
    """The best classifier in words, if it's the one known by that name."""
    known = CLASSIFIERS.get(classifier)
    used = comparison.model.steps[-1][1]
    return f"{known[1]} ({classifier})" if known and type(known[0](None)) is type(used) else classifier


def _leaks(comparison: Comparison) -> dict[str, Any]:
    row = comparison.row(*comparison.best)
    naive, score, folds = float(row["naive_score"]), float(row["score"]), int(row["naive_folds"])
    if math.isnan(naive):
        difference = "The naive score was not computed."
    elif naive - score >= NOTICEABLE:
        difference = (
            f"A split that ignores what signals have in common would claim {_three(naive)}: {_three(naive - score)} "
            "more, and the model would be no better for it."
        )
    elif score - naive >= NOTICEABLE:
        difference = "The naive score is lower here: what signals have in common doesn't flatter this model."
    elif comparison.leaks:
        difference = f"The two agree to within {NOTICEABLE:g}, but the honest split could not keep everything apart."
    else:
        difference = f"The two agree to within {NOTICEABLE:g}: little would be gained here by leaking."
    gaps = comparison.table.assign(gap=comparison.table["naive_score"] - comparison.table["score"])
    worst = gaps.sort_values("gap", ascending=False, kind="stable").iloc[0]
    elsewhere = ""
    if worst["gap"] >= NOTICEABLE and (worst["recipe"], worst["classifier"]) != comparison.best:
        elsewhere = (
            f"The split matters most for {worst['recipe']} with {worst['classifier']}: {_three(worst['naive_score'])} "
            f"naively, {_three(worst['score'])} honestly."
        )
    split = f"{comparison.plan.name}, {len(comparison.plan.folds)} folds"
    if len(comparison.plan.folds) == len(comparison.dataset):
        split = "each signal left out in turn" + (", with what overlaps it" if comparison.plan.name == "purged" else "")
    everyone = len(comparison.dataset) == folds
    listed = ""
    if folds and comparison.naive_plan is not None and len(comparison.naive_plan.folds) != folds:
        listed = f"; what is in common there, over {len(comparison.naive_plan.folds):,} folds as for other rows"
    return {
        "naive": naive,
        "computed": folds > 0,
        "score": score,
        "folds": (
            "each signal left out in turn" if everyone else f"{folds} shuffled folds" if folds else "not computed"
        )
        + listed,
        "split": split,
        "difference": difference,
        "elsewhere": elsewhere,
    }


def _scores(comparison: Comparison, draw: Drawing) -> dict[str, Any]:
    from filterbank.plots import plot_scores

    table = comparison.table
    return {
        "rows": [
            {**row, "best": (row["recipe"], row["classifier"]) == comparison.best} for row in table.to_dict("records")
        ],
        "figure": draw(
            plot_scores(table.head(ROWS_DRAWN)),
            "Score of each recipe and classifier with its 95 % interval, the naive score and the chance level.",
        ),
        "hidden": max(0, len(table) - ROWS_DRAWN),
    }


def _data(comparison: Comparison) -> dict[str, Any]:
    dataset = comparison.dataset
    y, table = comparison.labels, dataset.table
    groups = dataset.groups
    classes = comparison.classes
    counts = {name: int((y == name).sum()) for name in classes}
    rows = [
        {
            "name": name,
            "n": counts[name],
            "share": 100 * counts[name] / max(counts.values()),
            "groups": None if groups is None else int(pd.Series(groups[y == name]).nunique()),
        }
        for name in classes
    ]
    facts = [("signals", f"{len(dataset):,} {KIND_WORDS[dataset.kind]}"), ("size", _sizes(dataset))]
    n_channels = dataset.signals.n_channels
    facts.append(("channels", str(n_channels)))
    if dataset.signals.n_axes == 1:
        rate = dataset.signals.rate
        facts.append(("rate", "not known; time is in samples" if rate is None else f"{rate:g} samples per second"))
    if dataset.target is not None:
        facts.append(("target", dataset.target))
    if groups is not None:
        facts.append(("groups", f"{pd.Series(groups).nunique():,} ({dataset.group})"))
    if "source" in table.columns:
        facts.append(
            ("sources", f"{table['source'].nunique():,}" + (" (signals are cut from them)" if dataset.is_cut else ""))
        )
    return {
        "description": dataset.description,
        "facts": facts,
        "classes": rows,
        "group": dataset.group,
        "skipped": dataset.skipped[:SKIPPED_SHOWN],
        "n_skipped": len(dataset.skipped),
    }


def _sizes(dataset: Any) -> str:
    sizes = sorted({shape[1:] for shape in dataset.signals.shapes}, key=lambda axes: (math.prod(axes), axes))
    ends = sizes if len(sizes) == 1 else [sizes[0], sizes[-1]]
    text = " to ".join(" x ".join(map(str, axes)) for axes in ends) + " samples"
    rate = dataset.signals.rate
    if rate and dataset.signals.n_axes == 1:
        text += f" ({' to '.join(f'{axes[0] / rate:.3g}' for axes in ends)} s)"
    return text


def _examples(comparison: Comparison, draw: Drawing) -> dict[str, Any]:
    from filterbank.plots import class_styles
    from filterbank.plots.drawing import evenly

    dataset, classes = comparison.dataset, comparison.classes
    styles = class_styles(classes)
    shown = classes[:CLASSES_SHOWN]
    if dataset.signals.n_axes == 1:
        n = 3 if len(shown) <= 6 else 2 if len(shown) <= 12 else 1
    else:
        n = 1 if dataset.kind == "volume" else 4 if len(shown) <= 12 else 2
    figures = []
    for name in shown:
        chosen = evenly(np.flatnonzero(comparison.labels == name), n)
        figure = _signals(dataset, chosen, n, styles[name][0])
        figures.append((name, draw(figure, f"{len(chosen)} signals of class {name}.")))
    return {"figures": figures, "hidden": len(classes) - len(shown)}


def _signals(dataset: Any, chosen: list[int], n: int, colour: str) -> Any:
    """Some signals: series below each other, images beside each other."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    from filterbank.plots import plot_signal

    axes, rate = dataset.signals.n_axes, dataset.signals.rate
    if axes == 1:
        figure = Figure(figsize=(4.0, 0.45 + 0.75 * len(chosen)), layout="constrained")
        panels = figure.subplots(len(chosen), 1, sharex=True, squeeze=False).ravel()
        for ax, i in zip(panels, chosen):
            signal = dataset.signals[i]
            if len(signal) > 8:
                signal = signal[:8]
            plot_signal(signal, rate=rate, n_axes=1, colour=colour, ax=ax)
            ax.set_ylabel("")
            if len(signal) == 1:
                ax.yaxis.set_major_locator(MaxNLocator(3))
            if ax is not panels[-1]:
                ax.set_xlabel("")
        return figure
    width = 4.0
    figure = Figure(figsize=(width, width / n if axes == 2 else width / 3 + 0.4), layout="constrained")
    panels = figure.subplots(1, n, squeeze=False).ravel()
    for ax in panels:
        ax.set_axis_off()
    for ax, i in zip(panels, chosen):
        plot_signal(dataset.signals[i], n_axes=axes, max_pixels=PIXELS, ax=ax)
    return figure


def _filters(comparison: Comparison, draw: Drawing) -> dict[str, Any] | None:
    """The filters of the best recipe that has some, and their responses to one signal."""
    from filterbank.plots import plot_kernels, plot_responses, plot_spectrum_of_bank

    ranked = list(dict.fromkeys(comparison.table["recipe"]))
    having = [r for r in ranked if hasattr(getattr(comparison.representations[r], "bank_", None), "kernels_")]
    if not having:
        return None
    recipe = having[0]
    representation = comparison.representations[recipe]
    bank, rate = representation.bank_, representation.rate_
    caption = "The filters, each in its own range"
    if bank.n_axes > 1:
        caption += ": red above zero, blue below"
    elif any(np.iscomplexobj(kernel) for kernel in bank.kernels_):
        caption += ": real part, and imaginary part dashed"
    figures = [(draw(plot_kernels(bank, rate=rate), f"The filters of {recipe}."), caption + ".")]
    if bank.n_axes == 1:
        figures.append(
            (
                draw(plot_spectrum_of_bank(bank, rate=rate), f"Frequency responses of the filters of {recipe}."),
                "How much of each frequency each filter lets through, in the colours of the filters.",
            )
        )
    example, features = _example_of(comparison, recipe)
    figures.append(
        (
            draw(
                plot_responses(representation, comparison.dataset.signals[example], features=features),
                "A signal and the responses of some filters.",
            ),
            f"Signal {example} ({_place(comparison.dataset, example)}), of class {comparison.labels[example]}, and the "
            f"{len(features)} responses that tell the classes apart best, each in its own range.",
        )
    )
    return {
        "recipe": recipe,
        "best": recipe == comparison.best[0],
        "n": len(bank.kernels_),
        "figures": figures,
    }


def _example_of(comparison: Comparison, recipe: str) -> tuple[int, list[str]]:
    """A signal that the best row gets right, and the best feature of each of the best responses."""
    right = comparison.predictions[comparison.best] == comparison.labels.astype(object)
    example = int(np.flatnonzero(right)[0]) if right.any() else 0
    table = comparison.importance(recipe)
    n = 4 if comparison.dataset.signals.n_axes == 1 else 5
    best = table.drop_duplicates("response").head(n)
    return example, best.sort_index()["feature"].tolist()


def _place(dataset: Any, i: int) -> str:
    """Where a signal comes from: its file or source, and its first and one-past-last sample."""
    row = dataset.table.iloc[i]
    path = dataset.signals.path(i)
    parts = []
    if "source" in dataset.table.columns and not pd.isna(row["source"]):
        parts.append(str(row["source"]))
    elif path is not None:
        parts.append(path.name)
    if dataset.is_cut and not pd.isna(row["start"]):
        parts.append(f"samples {row['start']:.0f} to {row['stop']:.0f}")
    return ", ".join(parts) or "in memory"


def _confusion(comparison: Comparison, draw: Drawing) -> dict[str, Any]:
    from filterbank.plots import plot_confusion

    frame = comparison.confusion(*comparison.best)
    counts = frame.to_numpy()
    totals = counts.sum(axis=1)
    wrong = counts * (1 - np.eye(len(counts), dtype=int))
    order = np.argsort(-wrong, axis=None, kind="stable")[:ROWS_LISTED]
    pairs = [np.unravel_index(k, counts.shape) for k in order]
    return {
        "figure": draw(
            plot_confusion(frame), "Confusion matrix: true classes by predicted classes.", scroll=len(counts) > 8
        ),
        "large": len(counts) > 12,
        "pairs": [
            {"true": frame.index[i], "predicted": frame.columns[j], "n": int(wrong[i, j]), "of": int(totals[i])}
            for i, j in pairs
            if wrong[i, j]
        ],
    }


def _scatter(comparison: Comparison, draw: Drawing) -> dict[str, Any]:
    from filterbank.plots import class_styles, plot_scatter
    from filterbank.plots.scores import MAX_REGIONS

    features = comparison.features[comparison.best[0]]
    classes = comparison.classes
    styles = class_styles(classes)
    return {
        "recipe": comparison.best[0],
        "pca": draw(
            plot_scatter(features, comparison.labels, legend=False),
            "Signals in the plane of the first principal components.",
        ),
        "lda": draw(
            plot_scatter(features, comparison.labels, method="lda", legend=False),
            "Signals in the plane of the first linear discriminants.",
        ),
        "legend": [(name, styles[name][0], GLYPHS[styles[name][1]]) for name in classes[:CLASSES_SHOWN]],
        "hidden": max(0, len(classes) - CLASSES_SHOWN),
        "tinted": 2 <= len(classes) <= MAX_REGIONS and features.shape[1] > 1,
    }


def _importance(comparison: Comparison, draw: Drawing) -> dict[str, Any]:
    from filterbank.plots import plot_importance

    recipe = comparison.best[0]
    table = comparison.importance(recipe)
    bars = draw(plot_importance(table, n=ROWS_LISTED), "The most informative features, as bars.")
    figures = [(bars, "The most informative features.")]
    physical = "frequency" in table and table["frequency"].notna().any()
    if physical:
        by_frequency = draw(plot_importance(table, by="frequency"), "How informative features are, by frequency.")
        figures.append((by_frequency, "All features that have a frequency; lines join the best of each statistic."))
    rows = []
    for _, row in table.head(ROWS_LISTED).iterrows():
        frequency = row["frequency"] if physical else math.nan
        known = pd.notna(frequency)
        unit = row.get("unit") if known else None
        rows.append(
            {
                "feature": row["feature"],
                "frequency": f"{frequency:.4g} {unit}" if known else NONE,
                "period": _period(frequency, unit) if known and frequency > 0 else NONE,
                "more": _more(row),
                "statistic": str(row["statistic"]).replace("_", " ") if pd.notna(row.get("statistic")) else NONE,
                "F": "∞" if row["F"] == math.inf else NONE if pd.isna(row["F"]) else f"{row['F']:.1f}",
            }
        )
    return {
        "recipe": recipe,
        "figures": figures,
        "rows": rows,
        "physical": physical,
        "more": any(row["more"] for row in rows),
        "n": len(table),
    }


def _period(frequency: float, unit: Any) -> str:
    if unit != "Hz":
        return f"{1 / frequency:.3g} samples"
    return f"{1 / frequency:.3g} s" if frequency <= 1 else f"{1000 / frequency:.3g} ms"


def _more(row: pd.Series) -> str:
    """What else is known of a feature: its direction, width and order."""
    parts = []
    for key in ("orientation", "elevation"):
        if pd.notna(row.get(key)):
            parts.append(f"{key} {math.degrees(row[key]):.0f}°")
    if pd.notna(row.get("sigma")):
        parts.append(f"sigma {row['sigma']:.3g} samples")
    if pd.notna(row.get("order")):
        parts.append(f"order {row['order']}")
    return ", ".join(parts)


def _errors(comparison: Comparison, draw: Drawing) -> dict[str, Any]:
    from matplotlib.figure import Figure

    from filterbank.plots import class_styles, plot_signal

    dataset = comparison.dataset
    table = comparison.errors(*comparison.best)
    styles = class_styles(comparison.classes)
    axes = dataset.signals.n_axes
    shown = []
    for k in _in_turn(table):
        row = table.iloc[k]
        i = int(row["signal"])
        ax = Figure(figsize=(2.6, 1.15 if axes == 1 else 1.8 if axes == 2 else 1.2), layout="constrained").subplots()
        plot_signal(
            dataset.signals[i][:8],
            rate=dataset.signals.rate,
            n_axes=axes,
            colour=styles[row["true"]][0],
            max_pixels=PIXELS,
            ax=ax,
        )
        ax.set_ylabel("")
        if axes > 1:
            ax.set_axis_off()
        shown.append(
            {
                "figure": draw(ax, f"Signal {i}, of class {row['true']}, taken for {row['predicted']}."),
                "true": row["true"],
                "predicted": row["predicted"],
                "signal": i,
                "place": _place(dataset, i),
            }
        )
    return {"n": len(table), "n_tested": int(comparison.plan.tested.sum()), "shown": shown, "pictures": axes == 2}


def _in_turn(table: pd.DataFrame) -> Iterator[int]:
    """The rows to show: one of each confusion, the most frequent first, then the next of each."""
    pairs = table.groupby(["true", "predicted"], sort=True).indices if len(table) else {}
    queues = sorted((list(map(int, rows)) for rows in pairs.values()), key=lambda rows: (-len(rows), rows[0]))
    given = 0
    for turn in range(max(map(len, queues), default=0)):
        for rows in queues:
            if turn < len(rows) and given < ERRORS_SHOWN:
                yield rows[turn]
                given += 1


def _how(comparison: Comparison) -> dict[str, Any]:
    import scipy
    import sklearn

    import filterbank

    plan, model = comparison.plan, comparison.model
    tested = plan.tested
    units = len(np.unique(plan.clusters[tested]))
    independent = units == int(tested.sum())
    versions = [
        ("filterbank", filterbank.__version__),
        ("scikit-learn", sklearn.__version__),
        ("NumPy", np.__version__),
        ("SciPy", scipy.__version__),
        ("Python", platform.python_version()),
    ]
    naive = comparison.naive_plan
    return {
        "versions": ", ".join(f"{name} {version}" for name, version in versions),
        "split": f"{plan.name}, {len(plan.folds)} folds, {int(tested.sum()):,} signals tested once each"
        + (f", {plan.n_unused:,} not used" if plan.n_unused else ""),
        "interval": "Wilson's, at 95 %, for independent signals."
        if independent
        else f"95 %, from {units:,} independent units (groups, sources or stretches of time), not from "
        f"{int(tested.sum()):,} signals as if each stood alone.",
        "naive": "not computed" if naive is None else f"{naive.name}, {len(naive.folds):,} folds",
        "recipe": comparison.best[0],
        "transformer": _shown(model.steps[0][1]),
        "classifier": _shown(model.steps[-1][1]),
        "parameters": _parameters(model.steps[-1][1].get_params()),
        "classifiers": sorted(set(comparison.table["classifier"])),
    }


def _parameters(values: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, _shown(value)) for name, value in sorted(values.items())]


def _shown(value: Any) -> str:
    """The value as code, in one line, arrays to four digits."""
    with np.printoptions(precision=4, threshold=20):
        return " ".join(repr(value).split())


def _three(value: Any) -> str:
    """Three decimals, or a dash where there's no number."""
    return NONE if value is None or math.isnan(value) else f"{value:.3f}"


def _signed(value: float) -> str:
    """Three decimals with a sign, or a dash where there's no number."""
    return NONE if math.isnan(value) else f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")
