"""Splits into training and test that keep apart what isn't independent: overlapping windows, stretches, groups."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from filterbank.errors import InputError, invalid
from filterbank.evaluate.spans import windows_of, windows_overlap
from filterbank.evaluate.splitters import MAX_FOLDS, Fold, LeaveGroupOut, PurgedLeaveOneOut, TimeBlocks
from filterbank.signals import Dataset

__all__ = ["SPLITS", "SplitPlan", "auto_split", "class_labels", "make_split", "naive_split"]

LEAVE_ONE_OUT_BELOW = 100
NAIVE_LEAVE_ONE_OUT_BELOW = 1500


@dataclass(frozen=True)
class SplitPlan:
    """Folds of one data set, with why they are as they are.

    Attributes
    ----------
    name : str
        One of `SPLITS`, as it was decided: never "auto".
    reason : str
        One sentence for the user.
    folds : list of (train, test)
        Indices; each signal is tested at most once.
    clusters : array of int, (signal,)
        The independent unit that each signal belongs to, for `interval`.
    n_unused : int
        How many signals are neither trained on nor tested in any fold.
    notes : tuple of str
        What the reader of the scores must know, one sentence each.
    """

    name: str
    reason: str
    folds: list[Fold]
    clusters: np.ndarray
    n_unused: int = 0
    notes: tuple[str, ...] = ()

    @property
    def tested(self) -> np.ndarray:
        """Whether each signal is tested, `(signal,)`."""
        mask = np.zeros(len(self.clusters), dtype=bool)
        for _, test in self.folds:
            mask[test] = True
        return mask


def auto_split(dataset: Dataset, *, random_state: int | None = 0) -> SplitPlan:
    """Choose the split that can't leak, from what is known of where the signals come from.

    1. Groups, where every class occurs in at least two: whole groups are left out.
    2. Windows cut from longer sources: whole sources are left out where every class has at least three,
       else each source is cut in five stretches of time.
    3. Sources with several signals each but no place known in them, where every class has at least two: left out, too.
    4. Else each signal is left out in turn (up to 100 signals), or ten stratified folds.

    Parameters
    ----------
    dataset : Dataset
        With a target.
    random_state : int, optional
        For what is shuffled.

    Returns
    -------
    SplitPlan

    Raises
    ------
    InputError
        If no split can be made: one class only, a class with a single signal, labels missing.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from filterbank.signals import Dataset, Signals
    >>> table = pd.DataFrame({"label": list("aabb"), "speaker": [1, 2, 1, 2]})
    >>> dataset = Dataset(Signals.wrap(np.eye(4)), table, target="label", group="speaker")
    >>> auto_split(dataset).reason
    "Whole groups are left out, so that no 'speaker' is both in training and in test (2 groups in 2 folds)."
    """
    y = class_labels(dataset)
    aside = ""
    if dataset.group is not None:
        lone = _lone_class(y, _groups(dataset, dataset.group))
        if lone is None:
            return _by_groups(dataset, dataset.group, n_folds=MAX_FOLDS, random_state=random_state, name="groups")
        aside = f" ({lone} of {dataset.group!r}, so that whole groups can't be left out.)"
    if _is_windowed(dataset):
        if _fewest_groups(y, dataset.table["source"].to_numpy()) >= 3:
            plan = _by_groups(dataset, "source", n_folds=MAX_FOLDS, random_state=random_state, name="sources")
        else:
            plan = _by_time(dataset, n_blocks=5)
    elif (
        "source" in dataset.table.columns
        and not dataset.table["source"].isna().any()
        and dataset.table["source"].duplicated().any()
        and _fewest_groups(y, dataset.table["source"].to_numpy()) >= 2
    ):
        plan = _by_groups(dataset, "source", n_folds=MAX_FOLDS, random_state=random_state, name="sources")
    elif len(y) <= LEAVE_ONE_OUT_BELOW:
        plan = _leave_one_out(dataset)
    else:
        plan = _stratified(dataset, n_folds=None, random_state=random_state)
    notes = plan.notes
    if "split" in dataset.table.columns or "fold" in dataset.table.columns:
        notes += ("The table has a split of its own, which is not used here; split='given' uses it.",)
    return SplitPlan(plan.name, plan.reason + aside, plan.folds, plan.clusters, plan.n_unused, notes)


def make_split(
    dataset: Dataset, name: str = "auto", *, n_folds: int | None = None, random_state: int | None = 0
) -> SplitPlan:
    """Make the split of that name.

    Parameters
    ----------
    dataset : Dataset
        With a target.
    name : {"auto", "groups", "sources", "time", "purged", "kfold", "naive", "given"}
        As `SPLITS` says.
    n_folds : int, optional
        At most so many folds (for "time", stretches of each source); default 10 (5). Others have as many as there are.
    random_state : int, optional
        For what is shuffled.

    Returns
    -------
    SplitPlan

    Raises
    ------
    InputError
        If the data set lacks what the split needs, or a fold couldn't be trained.
    """
    if name not in SPLITS:
        raise invalid("split", name, f"one of {', '.join(SPLITS)}")
    if n_folds is not None:
        if not (isinstance(n_folds, (int, np.integer)) and n_folds >= 2):
            raise invalid("n_folds", n_folds, "an integer of at least 2")
        if n_folds > len(dataset):
            raise invalid("n_folds", n_folds, f"at most the number of signals, which is {len(dataset)}")
    return _MAKERS[name](dataset, n_folds, random_state)


def naive_split(dataset: Dataset, *, n_folds: int | None = None, random_state: int | None = 0) -> SplitPlan:
    """Make the split that looks at nothing but labels, for comparison with one that can't leak.

    Parameters
    ----------
    dataset : Dataset
        With a target.
    n_folds : int, optional
        Shuffled stratified folds; by default each signal is left out in turn up to 1,500 signals, else ten folds.
    random_state : int, optional
        For the shuffling.

    Returns
    -------
    SplitPlan
    """
    y = class_labels(dataset)
    if n_folds is None and len(y) <= NAIVE_LEAVE_ONE_OUT_BELOW:
        plan = _leave_one_out(dataset)
    else:
        plan = _stratified(dataset, n_folds=n_folds, random_state=random_state)
    how = "Each signal is left out in turn" if len(plan.folds) == len(y) else f"{len(plan.folds)} shuffled folds"
    reason = f"{how}, whatever the signals have in common: what is often reported, and often too good."
    return SplitPlan("naive", reason, plan.folds, plan.clusters, plan.n_unused, plan.notes)


def class_labels(dataset: Dataset) -> np.ndarray:
    """Return the labels of a data set as an array that scikit-learn takes: of bool, int or str, `(signal,)`.

    Raises
    ------
    InputError
        If there are no classes to tell apart: one only, one with a single signal, or fractional numbers.
    """
    raw = dataset.y
    values = raw.tolist()
    if all(isinstance(v, (bool, np.bool_)) for v in values):
        y = np.array(values, dtype=bool)
    elif all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) for v in values):
        y = np.array(values, dtype=np.int64)
    elif all(isinstance(v, (float, int, np.number)) for v in values):
        odd = next((v for v in values if not float(v).is_integer()), None)
        if odd is not None:
            raise invalid(
                f"the label {dataset.target!r}",
                odd,
                "a class",
                do="Choose a column of names or whole numbers, or cut the numbers in ranges.",
            )
        y = np.array(values, dtype=np.float64).astype(np.int64)
    else:
        y = np.array([str(v) for v in values], dtype=np.str_)
    classes, counts = np.unique(y, return_counts=True)
    if len(classes) < 2:
        only = f"one class, {classes.tolist()[0]!r}," if len(classes) else "no class"
        raise InputError(f"the target {dataset.target!r} has {only} for {len(y)} signals: nothing can be told apart.")
    if counts.min() < 2:
        rare = classes[counts < 2]
        where = int(np.flatnonzero(y == rare[0])[0])
        more = f", and so have {len(rare) - 1} other classes" if len(rare) > 1 else ""
        raise InputError(
            f"class {rare.tolist()[0]!r} of {dataset.target!r} has a single signal (signal {where}){more}: it can't be "
            "both in training and in test. Leave it out, merge it with another class, or choose another target."
        )
    return y


def _is_windowed(dataset: Dataset) -> bool:
    """Whether some source has several windows."""
    return dataset.is_cut and bool(dataset.table["source"].duplicated().any())


def _groups(dataset: Dataset, column: str) -> np.ndarray:
    values = dataset.table[column]
    if values.isna().any():
        raise InputError(
            f"the group {column!r} is missing for {int(values.isna().sum())} of {len(values)} signals "
            f"(the first is signal {int(np.flatnonzero(values.isna())[0])}). Fill or drop those rows."
        )
    return values.to_numpy()


def _per_class(y: np.ndarray, groups: np.ndarray) -> pd.Series:
    return pd.DataFrame({"y": y, "group": pd.factorize(groups)[0]}).groupby("y")["group"].nunique()


def _fewest_groups(y: np.ndarray, groups: np.ndarray) -> int:
    return int(_per_class(y, groups).min())


def _lone_class(y: np.ndarray, groups: np.ndarray) -> str | None:
    """What keeps whole groups from being left out, as a phrase, or None."""
    counts = _per_class(y, groups)
    if counts.min() >= 2:
        return None
    if len(pd.unique(groups)) == 1:
        return f"All signals are in one group, {_shown(groups[:1])},"
    label = counts.index[counts < 2].tolist()[0]
    return f"Class {label!r} occurs in one group only, {_shown(groups[y == label][:1])},"


def _shown(values: Any) -> str:
    return repr(np.asarray(values).tolist()[0])


def _clusters(dataset: Dataset) -> np.ndarray:
    """The independent unit of each signal: its group, else the fifth of its source that it lies in, else its source."""
    table = dataset.table
    if dataset.group is not None and not table[dataset.group].isna().any():
        y = table[dataset.target].to_numpy()
        if _lone_class(y, table[dataset.group].to_numpy()) is None:
            return pd.factorize(table[dataset.group])[0]
    if _is_windowed(dataset):
        spans = windows_of(dataset)
        return pd.factorize(spans["source"].to_numpy() * 5 + TimeBlocks(5).block_of(spans))[0]
    if "source" in table.columns and not table["source"].isna().any():
        return pd.factorize(table["source"])[0]
    return np.arange(len(dataset))


def _plan(
    name: str, reason: str, folds: list[Fold], y: np.ndarray, clusters: np.ndarray, *, notes: tuple[str, ...] = ()
) -> SplitPlan:
    """The plan of these folds, once it's clear that a model can be trained in each."""
    _, labels = np.unique(y, return_inverse=True)
    n_classes = int(labels.max()) + 1
    used = np.zeros(len(y), dtype=bool)
    unseen = 0
    absent: set[int] = set()
    for k, (train, test) in enumerate(folds):
        counts = np.bincount(labels[train], minlength=n_classes)
        if (counts > 0).sum() < 2:
            raise InputError(
                f"in fold {k + 1} of {len(folds)} of the split {name!r} only {len(train)} signals of "
                f"{int((counts > 0).sum())} classes are left to train on. Use more or longer sources, shorter windows, "
                "or another split."
            )
        missing = counts[labels[test]] == 0
        if missing.any():
            unseen += 1
            absent |= set(labels[test][missing].tolist())
        used[train] = True
        used[test] = True
    if unseen:
        names = ", ".join(repr(v) for v in np.unique(y)[sorted(absent)].tolist())
        notes += (
            f"In {unseen} of {len(folds)} folds a class that is tested is not in training ({names}), "
            "so those signals can't be right.",
        )
    return SplitPlan(name, reason, folds, clusters, int((~used).sum()), notes)


def _by_groups(dataset: Dataset, column: str, *, n_folds: int, random_state: int | None, name: str) -> SplitPlan:
    y = class_labels(dataset)
    groups = _groups(dataset, column)
    lone = _lone_class(y, groups)
    if lone is not None:
        raise InputError(
            f"{lone} of {column!r}, so that whole groups can't be left out. Choose another group or split."
        )
    splitter = LeaveGroupOut(n_folds, random_state=random_state)
    folds = list(splitter.split(groups, y, groups))
    if _is_windowed(dataset) and column != "source":
        spans = windows_of(dataset)
        folds = [(train[~windows_overlap(spans, train, test)], test) for train, test in folds]
    what = "sources" if name == "sources" else "groups"
    reason = (
        f"Whole {what} are left out, so that no {column!r} is both in training and in test "
        f"({len(pd.unique(groups))} {what} in {len(folds)} folds)."
    )
    return _plan(name, reason, folds, y, pd.factorize(groups)[0])


def _by_time(dataset: Dataset, *, n_blocks: int) -> SplitPlan:
    y = class_labels(dataset)
    spans = windows_of(dataset)
    splitter = TimeBlocks(n_blocks)
    folds = list(splitter.split(spans))
    n_sources = int(spans["source"].max()) + 1
    reason = (
        f"The {len(y)} signals are windows cut from {n_sources} source{'s' * (n_sources > 1)}: each source is cut in "
        f"{n_blocks} stretches of time, and a stretch is tested on models that saw no window overlapping it."
    )
    clusters = pd.factorize(spans["source"].to_numpy() * n_blocks + splitter.block_of(spans))[0]
    return _plan("time", reason, folds, y, clusters)


def _purged(dataset: Dataset) -> SplitPlan:
    folds = list(PurgedLeaveOneOut().split(dataset))
    reason = "Each window is tested on a model that saw all windows but those that overlap it."
    return _plan("purged", reason, folds, class_labels(dataset), _clusters(dataset))


def _leave_one_out(dataset: Dataset) -> SplitPlan:
    everything = np.arange(len(dataset))
    folds = [(np.delete(everything, i), everything[i : i + 1]) for i in everything]
    reason = f"Each of the {len(dataset)} signals is left out in turn, since nothing says that some belong together."
    return _plan("kfold", reason, folds, class_labels(dataset), _clusters(dataset))


def _stratified(dataset: Dataset, *, n_folds: int | None, random_state: int | None) -> SplitPlan:
    from sklearn.model_selection import StratifiedKFold

    y = class_labels(dataset)
    _, labels = np.unique(y, return_inverse=True)
    largest = int(np.bincount(labels).max())
    if n_folds is None:
        n_folds = min(MAX_FOLDS, largest)
    elif n_folds > largest:
        raise invalid("n_folds", n_folds, f"at most the number of signals in the largest class, which is {largest}")
    splitter = StratifiedKFold(n_folds, shuffle=True, random_state=random_state)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        folds = [(train, test) for train, test in splitter.split(np.zeros((len(y), 1)), labels)]
    reason = (
        f"{n_folds} shuffled folds, the same share of each class, since nothing says that some signals belong together."
    )
    return _plan("kfold", reason, folds, y, _clusters(dataset))


def _given(dataset: Dataset) -> SplitPlan:
    table = dataset.table
    y = class_labels(dataset)
    if "split" in table.columns:
        parts = table["split"].astype(str).str.strip().str.lower().to_numpy()
        train, test = (np.flatnonzero(np.isin(parts, names)) for names in (("train", "training"), ("test", "testing")))
        if not (len(train) and len(test)):
            seen = ", ".join(repr(v) for v in pd.unique(table["split"])[:5])
            raise InputError(f"the column 'split' needs the values 'train' and 'test'; it has {seen}.")
        reason = f"The table says which {len(train)} signals are for training and which {len(test)} for test."
        return _plan("given", reason, [(train, test)], y, _clusters(dataset))
    if "fold" in table.columns:
        fold = _groups(dataset, "fold")
        codes, names = pd.factorize(fold, sort=True)
        if len(names) < 2:
            raise InputError(f"the column 'fold' has one value, {_shown(fold[:1])}, for all signals; two are needed.")
        folds = [(np.flatnonzero(codes != k), np.flatnonzero(codes == k)) for k in range(len(names))]
        reason = f"The table says which of {len(folds)} folds each signal is tested in."
        return _plan("given", reason, folds, y, _clusters(dataset))
    raise InputError(
        "split='given' needs a column 'split' (train, test) or 'fold' in the table, which has: "
        f"{', '.join(map(str, table.columns))}."
    )


def _need_group(dataset: Dataset) -> str:
    if dataset.group is None:
        raise InputError(
            "split='groups' needs a group column, and none was named; the columns are: "
            f"{', '.join(map(str, dataset.table.columns))}. Choose one with with_target(target, group), or --group."
        )
    return dataset.group


def _need_source(dataset: Dataset) -> str:
    if "source" not in dataset.table.columns:
        has = ", ".join(map(str, dataset.table.columns))
        raise InputError(f"split='sources' needs a column 'source' in the table, which has: {has}.")
    return "source"


_MAKERS: dict[str, Callable[[Dataset, int | None, int | None], SplitPlan]] = {
    "auto": lambda d, n, seed: auto_split(d, random_state=seed),
    "groups": lambda d, n, seed: _by_groups(
        d, _need_group(d), n_folds=n or MAX_FOLDS, random_state=seed, name="groups"
    ),
    "sources": lambda d, n, seed: _by_groups(
        d, _need_source(d), n_folds=n or MAX_FOLDS, random_state=seed, name="sources"
    ),
    "time": lambda d, n, seed: _by_time(d, n_blocks=n or 5),
    "purged": lambda d, n, seed: _purged(d),
    "kfold": lambda d, n, seed: _stratified(d, n_folds=n, random_state=seed),
    "naive": lambda d, n, seed: naive_split(d, n_folds=n, random_state=seed),
    "given": lambda d, n, seed: _given(d),
}

SPLITS: dict[str, str] = {
    "auto": "the first of groups, sources, time and kfold that what is known of the signals allows",
    "groups": "whole groups left out, in at most 10 folds",
    "sources": "whole sources left out, in at most 10 folds",
    "time": "each source cut in 5 stretches of time, windows that overlap the tested one kept out",
    "purged": "each window left out, and what overlaps it",
    "kfold": "10 shuffled folds, the same share of each class",
    "naive": "each signal left out (10 shuffled folds above 1,500), whatever it shares with others",
    "given": "the column 'split' (train, test) or 'fold' of the table",
}
"""What each split does, by name."""
