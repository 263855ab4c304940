"""Predictions for signals left out, by downdating what was computed once from all signals, and how far to trust each.

Every rule here returns an `Answers`: for each row the class, and whether rounding could have decided it. A row that
isn't sure is for the caller to compute the slow way. Bounds on rounding are for both sides: the algebra here, and
scikit-learn's own calculation, whose answer is the one to find.
"""

from filterbank.evaluate.closed_form.classes import class_centroids, discriminant, naive_bayes
from filterbank.evaluate.closed_form.left_out import Answers, LeftOut
from filterbank.evaluate.closed_form.linear import kernel_machine, ridge
from filterbank.evaluate.closed_form.neighbours import nearest_neighbours
from filterbank.evaluate.closed_form.projected import (
    nearest_neighbours_by_count,
    projected_classes,
    projected_neighbours,
)

__all__ = [
    "Answers",
    "LeftOut",
    "class_centroids",
    "discriminant",
    "kernel_machine",
    "naive_bayes",
    "nearest_neighbours",
    "nearest_neighbours_by_count",
    "projected_classes",
    "projected_neighbours",
    "ridge",
]
