"""Scores that can be believed: splits that can't leak, leaks found, intervals, and the comparison of recipes."""

from __future__ import annotations

from filterbank.evaluate.calibration import Calibration, calibration
from filterbank.evaluate.classifiers import CLASSIFIERS
from filterbank.evaluate.compare import chance_level, compare
from filterbank.evaluate.comparison import Comparison
from filterbank.evaluate.examine import Examination, Leak, examine, verdict
from filterbank.evaluate.explain import Decision, explain
from filterbank.evaluate.importance import feature_groups, group_importance
from filterbank.evaluate.inner import inner_folds
from filterbank.evaluate.intervals import cluster_bootstrap, cluster_interval, interval, mean_interval, wilson
from filterbank.evaluate.invariance import Invariance, invariance
from filterbank.evaluate.leakage import Finding, close, duplicates, find_leaks
from filterbank.evaluate.learning import LearningCurve, learning_curve
from filterbank.evaluate.leave_one_out import LeaveOneOut, leave_one_out
from filterbank.evaluate.near_duplicates import NearDuplicates, near_duplicates
from filterbank.evaluate.nuisances import NUISANCES, Nuisance
from filterbank.evaluate.paired import PairedComparison, compare_pair
from filterbank.evaluate.permutation import PermutationTest, permutation_test
from filterbank.evaluate.progressive import Progressive, progressive
from filterbank.evaluate.scoring import Progress
from filterbank.evaluate.shortcuts import find_fitted_outside, find_shortcuts
from filterbank.evaluate.spans import overlapping
from filterbank.evaluate.splits import SPLITS, SplitPlan, auto_split, class_labels, make_split, naive_split
from filterbank.evaluate.splitters import Fold, LeaveGroupOut, PurgedLeaveOneOut, Repeated, TimeBlocks

__all__ = [
    "CLASSIFIERS",
    "NUISANCES",
    "SPLITS",
    "Calibration",
    "Comparison",
    "Decision",
    "Examination",
    "Finding",
    "Fold",
    "Invariance",
    "Leak",
    "LearningCurve",
    "LeaveGroupOut",
    "LeaveOneOut",
    "NearDuplicates",
    "Nuisance",
    "PairedComparison",
    "PermutationTest",
    "Progress",
    "Progressive",
    "PurgedLeaveOneOut",
    "Repeated",
    "SplitPlan",
    "TimeBlocks",
    "auto_split",
    "calibration",
    "chance_level",
    "class_labels",
    "close",
    "cluster_bootstrap",
    "cluster_interval",
    "compare",
    "compare_pair",
    "duplicates",
    "examine",
    "explain",
    "feature_groups",
    "find_fitted_outside",
    "find_leaks",
    "find_shortcuts",
    "group_importance",
    "inner_folds",
    "interval",
    "invariance",
    "learning_curve",
    "leave_one_out",
    "make_split",
    "mean_interval",
    "naive_split",
    "near_duplicates",
    "overlapping",
    "permutation_test",
    "progressive",
    "verdict",
    "wilson",
]
