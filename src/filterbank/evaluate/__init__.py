"""Scores that can be believed: splits that can't leak, leaks found, intervals, and the comparison of recipes."""

from __future__ import annotations

from filterbank.evaluate.compare import CLASSIFIERS, Comparison, Progress, chance_level, compare
from filterbank.evaluate.intervals import cluster_interval, interval, wilson
from filterbank.evaluate.leakage import Finding, duplicates, find_leaks
from filterbank.evaluate.leave_one_out import LeaveOneOut, Progressive, leave_one_out, progressive
from filterbank.evaluate.splits import (
    SPLITS,
    Fold,
    LeaveGroupOut,
    PurgedLeaveOneOut,
    SplitPlan,
    TimeBlocks,
    auto_split,
    class_labels,
    inner_folds,
    make_split,
    naive_split,
    overlapping,
)

__all__ = [
    "CLASSIFIERS",
    "SPLITS",
    "Comparison",
    "Finding",
    "Fold",
    "LeaveGroupOut",
    "LeaveOneOut",
    "Progress",
    "Progressive",
    "PurgedLeaveOneOut",
    "SplitPlan",
    "TimeBlocks",
    "auto_split",
    "chance_level",
    "class_labels",
    "cluster_interval",
    "compare",
    "duplicates",
    "find_leaks",
    "inner_folds",
    "interval",
    "leave_one_out",
    "make_split",
    "naive_split",
    "overlapping",
    "progressive",
    "wilson",
]
