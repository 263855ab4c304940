"""The sections of a report that an examination fills: leaks, pairs, importance, invariance, decisions, checks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from filterbank.evaluate import Comparison
from filterbank.evaluate.examine import Examination
from filterbank.plots.drawing import number
from filterbank.report.drawing import Drawing

__all__ = ["checks", "decisions", "folds_importance", "invariance", "leaks", "pairs"]

PAIRS_LISTED = 12
GROUPS_DRAWN = 30
WORDS = {"sigma": "scale (sigma, samples)", "orientation": "orientation"}


def leaks(examination: Examination) -> dict[str, Any]:
    """What training and test have in common, in sentences with both scores."""
    found = {split: [leak for leak in examination.leaks if leak.split == split] for split in ("honest", "naive")}
    closed = any(not math.isnan(leak.closed) for leak in examination.leaks)
    return {
        "honest": [leak.sentence for leak in found["honest"]],
        "ignorant": [leak.sentence for leak in found["naive"]],
        "row": examination.row if closed else "",
    }


def pairs(comparison: Comparison, examination: Examination, draw: Drawing) -> dict[str, Any]:
    """Each row against the best."""
    from filterbank.plots import plot_intervals

    table = examination.pairs.head(PAIRS_LISTED)
    if not len(table):
        return {"rows": [], "figure": None, "baseline": "", "hidden": 0, "best": ""}
    names = [f"{r}, {c}" for r, c in zip(table["recipe"], table["classifier"])]
    figure = draw(
        plot_intervals(
            names, table["difference"], table["low"], table["high"], reference=0, xlabel="score less the best's"
        ),
        "Difference of each row to the best one, with its 95 % interval.",
    )
    rows = [
        {
            **row,
            "p": _p(row["p"]),
            "same": f"{row['same']:.0%}",
            "worse": f"{row['worse']:.0%}",
            "better": f"{row['better']:.0%}",
        }
        for row in table.to_dict("records")
    ]
    against = examination.against_baseline
    return {
        "rows": rows,
        "figure": figure,
        "baseline": "" if against is None else against.sentence,
        "hidden": len(examination.pairs) - len(table),
        "best": ", ".join(comparison.best),
    }


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else f"{value:.1g}"


def invariance(examination: Examination, draw: Drawing) -> dict[str, Any] | None:
    """The plane of discrimination against invariance, and how far features move, nuisance by nuisance."""
    from filterbank.plots import plot_invariance

    table = examination.invariance
    if not len(table):
        return None
    names = pd.unique(table["nuisance"]).tolist()
    recipes = pd.unique(table["recipe"]).tolist()
    moved = table.pivot(index="recipe", columns="nuisance", values="moved").loc[recipes, names]
    strengths = table.drop_duplicates("nuisance").set_index("nuisance")["strength"]
    return {
        "figure": draw(plot_invariance(table), "Recipes by honest score and by mean invariance."),
        "panels": [
            (
                name,
                draw(plot_invariance(table, nuisance=name), f"Recipes by score and invariance to {name}."),
            )
            for name in names
        ],
        "names": names,
        "strengths": [(name, strengths[name]) for name in names],
        "rows": [
            {
                "recipe": r,
                "moved": [_two(v) for v in moved.loc[r]],
                "mean": _two(table.loc[table["recipe"] == r, "invariance"].mean()),
            }
            for r in recipes
        ],
    }


def _two(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def folds_importance(examination: Examination, draw: Drawing) -> dict[str, Any] | None:
    """Accuracy that is lost without the features of a frequency, and of other groups."""
    from filterbank.plots import plot_importance_spectrum, plot_intervals

    table = examination.importance
    if table is None:
        return None
    figures = []
    spectrum = table[table["by"] == "frequency"]
    if len(spectrum):
        unit = str(spectrum["unit"].iloc[0]) or "cycles/sample"
        figures.append(
            (
                draw(plot_importance_spectrum(spectrum, unit=unit), "Accuracy lost without each frequency."),
                "All features of a frequency replaced together, with 95 % intervals; grey where they reach 0.",
            )
        )
    rest = table[table["by"] != "frequency"].head(GROUPS_DRAWN)
    if len(rest):
        labels = [_group(row) for row in rest.to_dict("records")]
        ax = plot_intervals(
            labels, rest["loss"], rest["low"], rest["high"], reference=0, xlabel="accuracy lost without it"
        )
        figures.append(
            (draw(ax, "Accuracy lost without each group of features."), "The same for other groups of features.")
        )
    first = table.iloc[0]
    return {"row": f"{first['recipe']}, {first['classifier']}", "figures": figures}


def _group(row: dict[Any, Any]) -> str:
    value, by = row["group"], row["by"]
    if by == "orientation":
        return f"orientation {math.degrees(float(value)):.0f}°"
    if by == "statistic":
        return str(value).replace("_", " ")
    return f"{by} {number(float(value)) if isinstance(value, (int, float)) else value}"


def decisions(comparison: Comparison, examination: Examination, draw: Drawing, place: Any) -> list[dict[str, Any]]:
    """Signals with the places marked that decided."""
    from filterbank.plots import feature_labels, plot_decision

    signals = comparison.dataset.signals
    shown = []
    for decision in examination.decisions:
        ax = plot_decision(
            signals[decision.signal],
            decision.where,
            decision.salience,
            rate=signals.rate if signals.n_axes == 1 else None,
        )
        labels = feature_labels(decision.features)
        shown.append(
            {
                "figure": draw(ax, f"Signal {decision.signal}, with the places that decided for {decision.predicted}."),
                "signal": decision.signal,
                "place": place(comparison.dataset, decision.signal),
                "true": decision.true,
                "predicted": decision.predicted,
                "row": f"{decision.recipe}, {decision.classifier}",
                "features": [
                    (f"{label} ({level})", f"{share:.0%}")
                    for label, level, share in zip(labels, decision.features["level"], decision.features["share"])
                ],
            }
        )
    return shown


def checks(comparison: Comparison, examination: Examination, draw: Drawing) -> dict[str, Any] | None:
    """What only a thorough examination holds."""
    from filterbank.plots import plot_calibration, plot_learning

    permutation, learning, calibration = examination.permutation, examination.learning, examination.calibration
    if permutation is None and learning is None and calibration is None:
        return None
    chance = float(np.asarray(comparison.table["chance"])[0])
    found: dict[str, Any] = {"row": examination.row, "permutation": "", "figures": []}
    if permutation is not None:
        found["permutation"] = permutation.sentence
    if learning is not None and len(learning.table) > 1:
        t = learning.table
        ax = plot_learning(t["units"], t["score"], t["low"], t["high"], unit=learning.unit, chance=chance)
        found["figures"].append((draw(ax, "Learning curve."), learning.sentence))
    if calibration is not None:
        brier = (
            f"Brier's score {calibration.brier:.3f} ({calibration.brier_low:.3f} to {calibration.brier_high:.3f}; "
            f"always "
            f"telling the classes' shares: {calibration.brier_of_shares:.3f}). Calibration error "
            f"{calibration.error:.3f} "
            f"({calibration.error_low:.3f} to {calibration.error_high:.3f})."
        )
        caption = f"{examination.calibrated}: {calibration.sentence} {brier}"
        found["figures"].append((draw(plot_calibration(calibration.table), "Reliability curve."), caption))
    return found
