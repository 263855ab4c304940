"""Splits into training and test that keep apart what isn't independent: overlapping windows, stretches, groups."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.model_selection import BaseCrossValidator

from filterbank.errors import InputError, invalid
from filterbank.signals import Dataset

__all__ = [
    "SPLITS",
    "Fold",
    "LeaveGroupOut",
    "PurgedLeaveOneOut",
    "Repeated",
    "SplitPlan",
    "TimeBlocks",
    "auto_split",
    "class_labels",
    "inner_folds",
    "make_split",
    "naive_split",
    "overlapping",
]

Fold = tuple[np.ndarray, np.ndarray]
"""The indices of the training signals and of the test signals."""

MAX_FOLDS = 10
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


class _Splitter(BaseCrossValidator):
    """A splitter that asks for `groups` wherever scikit-learn routes metadata, so that they survive nesting."""

    __metadata_request__split: ClassVar[dict[str, bool]] = {"groups": True}


class TimeBlocks(_Splitter):
    """Cut each source in equal stretches of time; test fold k holds stretch k of every source.

    With n samples in a source, stretch k is the samples ``n * k // n_blocks`` to ``n * (k + 1) // n_blocks``. A window
    is tested in the fold of the stretch that its midpoint lies in. It is trained on in the other folds,
    unless it overlaps the span, from the first start to the last stop, of the windows of its own source tested there.

    Parameters
    ----------
    n_blocks : int, at least 2
    purge : int, in samples
        How much further the span reaches on both sides.
    embargo : int, in samples
        How much further still it reaches after its end [1]_.

    References
    ----------
    .. [1] M. Lopez de Prado, Advances in Financial Machine Learning, Wiley (2018), chapter 7.

    Examples
    --------
    >>> import pandas as pd
    >>> windows = pd.DataFrame({"source": "a", "start": range(0, 16, 2), "stop": range(4, 20, 2)})
    >>> for train, test in TimeBlocks(2).split(windows):
    ...     print(train, test)
    [5 6 7] [0 1 2 3]
    [0 1 2] [4 5 6 7]
    """

    def __init__(self, n_blocks: int = 5, *, purge: int = 0, embargo: int = 0) -> None:
        self.n_blocks = n_blocks
        self.purge = purge
        self.embargo = embargo

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[Fold]:
        """Yield the indices of training and test, fold by fold.

        Parameters
        ----------
        X : Dataset or DataFrame
            Windows with columns `source`, `start` and `stop` in samples, and `source_length` where known (else a source
            ends with its last window). With `groups`, anything: so it serves as scikit-learn's ``cv=``.
        y : ignored
        groups : Dataset or DataFrame, optional
            The windows, where X holds signals or features.

        Yields
        ------
        (train, test) : arrays of int
            A stretch in which no window lies gives no fold.

        Raises
        ------
        InputError
            If a parameter or a window makes no sense.
        """
        self._check()
        spans = _spans(X if groups is None else groups)
        block = self._block(spans)
        for k in range(self.n_blocks):
            test = block == k
            if test.any():
                yield np.flatnonzero(~test & ~self._touched(spans, test)), np.flatnonzero(test)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return how many folds there are; `n_blocks` where no windows are passed."""
        spans = X if groups is None else groups
        if not isinstance(spans, (Dataset, pd.DataFrame)):
            return self.n_blocks
        return len(np.unique(self.block_of(spans)))

    def block_of(self, X: Any) -> np.ndarray:
        """Return the number of the stretch that each window's midpoint lies in, `(window,)`."""
        self._check()
        return self._block(_spans(X))

    def _block(self, spans: pd.DataFrame) -> np.ndarray:
        length = spans["source_length"].to_numpy()
        twice = spans["start"].to_numpy() + spans["stop"].to_numpy()  # twice the midpoint, so in integers
        block = np.zeros(len(spans), dtype=np.int64)
        for k in range(1, self.n_blocks):
            block[twice >= 2 * (length * k // self.n_blocks)] = k
        return block

    def _check(self) -> None:
        if not (isinstance(self.n_blocks, (int, np.integer)) and self.n_blocks >= 2):
            raise invalid("n_blocks", self.n_blocks, "an integer of at least 2")
        _check_margins(self.purge, self.embargo)

    def _touched(self, spans: pd.DataFrame, test: np.ndarray) -> np.ndarray:
        """Which windows overlap the span of the tested windows of their own source."""
        source = spans["source"].to_numpy()
        start, stop = spans["start"].to_numpy(), spans["stop"].to_numpy()
        first = np.full(source.max() + 1, np.iinfo(np.int64).max)
        last = np.full(source.max() + 1, np.iinfo(np.int64).min)
        np.minimum.at(first, source[test], start[test] - self.purge)
        np.maximum.at(last, source[test], stop[test] + self.purge + self.embargo)
        return (start < last[source]) & (stop > first[source])

    def __repr__(self) -> str:
        return f"TimeBlocks({self.n_blocks}, purge={self.purge}, embargo={self.embargo})"


class PurgedLeaveOneOut(_Splitter):
    """Test each window on a model trained on all windows that don't overlap it in its source.

    Parameters
    ----------
    purge : int, in samples
        How much further the tested window reaches on both sides.
    embargo : int, in samples
        How much further still it reaches after its end.

    Examples
    --------
    >>> import pandas as pd
    >>> windows = pd.DataFrame({"source": "a", "start": [0, 2, 4, 6], "stop": [4, 6, 8, 10]})
    >>> [train.tolist() for train, test in PurgedLeaveOneOut().split(windows)]
    [[2, 3], [3], [0], [0, 1]]
    """

    def __init__(self, *, purge: int = 0, embargo: int = 0) -> None:
        self.purge = purge
        self.embargo = embargo

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[Fold]:
        """Yield the indices of training and test, window by window (parameters as in `TimeBlocks.split`).

        Cost: quadratic in the number of windows.
        """
        _check_margins(self.purge, self.embargo)
        spans = _spans(X if groups is None else groups)
        source = spans["source"].to_numpy()
        start, stop = spans["start"].to_numpy(), spans["stop"].to_numpy()
        for i in range(len(spans)):
            low, high = start[i] - self.purge, stop[i] + self.purge + self.embargo
            touched = (source == source[i]) & (start < high) & (stop > low)
            yield np.flatnonzero(~touched), np.array([i])

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return how many folds there are: one a window."""
        spans = X if groups is None else groups
        if spans is None:
            raise invalid("X", X, "a data set or a table of windows")
        return len(spans)

    def __repr__(self) -> str:
        return f"PurgedLeaveOneOut(purge={self.purge}, embargo={self.embargo})"


class LeaveGroupOut(_Splitter):
    """Leave whole groups out: each in turn, or several at a time where there are more groups than folds.

    Labels are spread evenly over the folds as far as whole groups allow (scikit-learn's StratifiedGroupKFold), and
    a label that occurs in several groups is kept in training in every fold where that can be done.

    Parameters
    ----------
    n_folds : int, at least 2
        At most so many folds.
    random_state : int, optional
        For the choice of groups that go together.

    Examples
    --------
    >>> X, y, speaker = [[0]] * 6, [0, 1, 0, 1, 0, 1], ["ann", "ann", "bob", "bob", "cy", "cy"]
    >>> for train, test in LeaveGroupOut().split(X, y, speaker):
    ...     print(train, test)
    [2 3 4 5] [0 1]
    [0 1 4 5] [2 3]
    [0 1 2 3] [4 5]
    """

    def __init__(self, n_folds: int = MAX_FOLDS, *, random_state: int | None = 0) -> None:
        self.n_folds = n_folds
        self.random_state = random_state

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[Fold]:
        """Yield the indices of training and test, fold by fold.

        Parameters
        ----------
        X : ignored
        y : array, (signal,), optional
            Labels, to be spread evenly.
        groups : array, (signal,)

        Raises
        ------
        InputError
            If there are no groups, or one only.
        """
        if not (isinstance(self.n_folds, (int, np.integer)) and self.n_folds >= 2):
            raise invalid("n_folds", self.n_folds, "an integer of at least 2")
        if groups is None:
            raise invalid("groups", groups, "an array of one group a signal")
        codes, names = pd.factorize(np.asarray(groups), sort=False, use_na_sentinel=False)
        if len(names) < 2:
            raise InputError(
                f"all {len(codes)} signals are in one group ({_shown(names)}): none can be left out. "
                "Choose another group column, or none."
            )
        labels = np.zeros(len(codes), dtype=np.int64) if y is None else pd.factorize(np.asarray(y))[0]
        fold = codes if len(names) <= self.n_folds else self._fold_of(codes, labels)
        for k in np.unique(fold):
            yield np.flatnonzero(fold != k), np.flatnonzero(fold == k)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return how many folds there are; `n_folds` where no groups are passed."""
        return self.n_folds if groups is None else min(self.n_folds, len(pd.unique(np.asarray(groups))))

    def _fold_of(self, codes: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """The fold of each signal, where folds hold several groups."""
        from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

        n_groups = int(codes.max()) + 1
        place = np.zeros((len(codes), 1))
        of_group = np.zeros(n_groups, dtype=np.int64)
        if np.bincount(labels).max() >= self.n_folds:
            splitter: Any = StratifiedGroupKFold(self.n_folds, shuffle=True, random_state=self.random_state)
        else:
            splitter = GroupKFold(self.n_folds)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The least populated class", UserWarning)
            for k, (_, test) in enumerate(splitter.split(place, labels, codes)):
                of_group[codes[test]] = k
        present = np.zeros((n_groups, int(labels.max()) + 1), dtype=np.int64)
        present[codes, labels] = 1
        return _spread(of_group, present, np.bincount(codes), self.n_folds)[codes]

    def __repr__(self) -> str:
        return f"LeaveGroupOut({self.n_folds}, random_state={self.random_state})"


class Repeated(_Splitter):
    """Split several times, with another seed each time.

    Parameters
    ----------
    splitter : object with `split` and `random_state`
        Such as `LeaveGroupOut`, or scikit-learn's StratifiedGroupKFold with ``shuffle=True``.
    n_repeats : int, at least 1
    random_state : int, optional
        The seed of the seeds.

    Examples
    --------
    >>> groups = [0, 0, 1, 1, 2, 2, 3, 3]
    >>> labels = [0, 1] * 4
    >>> for train, test in Repeated(LeaveGroupOut(2), 2).split(groups, labels, groups):
    ...     print(test)
    [0 1 4 5]
    [2 3 6 7]
    [0 1 4 5]
    [2 3 6 7]
    """

    def __init__(self, splitter: Any, n_repeats: int = 10, *, random_state: int | None = 0) -> None:
        self.splitter = splitter
        self.n_repeats = n_repeats
        self.random_state = random_state

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[Fold]:
        """Yield the indices of training and test, repeat by repeat (parameters as for the splitter).

        Raises
        ------
        InputError
            If the splitter has no `random_state`, so that all repeats would be alike.
        """
        if not (isinstance(self.n_repeats, (int, np.integer)) and self.n_repeats >= 1):
            raise invalid("n_repeats", self.n_repeats, "an integer of at least 1")
        if not hasattr(self.splitter, "random_state"):
            raise invalid("splitter", self.splitter, "one with a random_state", why="so all repeats would be alike")
        rng = np.random.default_rng(self.random_state)
        for seed in rng.integers(2**31 - 1, size=self.n_repeats).tolist():
            one = copy.copy(self.splitter)
            one.random_state = seed
            yield from one.split(X, y, groups)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return how many folds there are in all."""
        return int(self.n_repeats * self.splitter.get_n_splits(X, y, groups))

    def __repr__(self) -> str:
        return f"Repeated({self.splitter!r}, {self.n_repeats}, random_state={self.random_state})"


def _spread(fold: np.ndarray, present: np.ndarray, sizes: np.ndarray, n_folds: int) -> np.ndarray:
    """Move groups, smallest first, until no label of several groups has all of them in one fold, or no move helps."""
    several = np.flatnonzero(present.sum(axis=0) >= 2)
    counts = np.zeros((n_folds, present.shape[1]), dtype=np.int64)  # groups with the label in the fold
    np.add.at(counts, fold, present)

    def confined(table: np.ndarray) -> int:
        return int(((table[:, several] > 0).sum(axis=0) == 1).sum())

    left = confined(counts)
    while left:
        label = several[np.flatnonzero((counts[:, several] > 0).sum(axis=0) == 1)[0]]
        home = int(np.flatnonzero(counts[:, label])[0])
        load = np.bincount(fold, weights=sizes, minlength=n_folds)
        moved = False
        for group in sorted(np.flatnonzero((fold == home) & (present[:, label] > 0)), key=lambda g: sizes[g]):
            for target in (k for k in np.argsort(load, kind="stable") if k != home):
                trial = counts.copy()
                trial[home] -= present[group]
                trial[target] += present[group]
                if confined(trial) < left:
                    fold[group], counts, left, moved = target, trial, confined(trial), True
                    break
            if moved:
                break
        if not moved:
            break
    return fold


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


def inner_folds(plan: SplitPlan, y: np.ndarray, train: np.ndarray, *, n_folds: int = 5) -> list[Fold]:
    """Return folds inside the training signals of a fold, that keep apart what the plan keeps apart.

    They are the plan's other folds, as far as they lie in the training signals: what is never trained on together with
    a signal that it tests isn't here, either. Where there are many, some are joined: their tests together, and what
    all of them train on.

    Parameters
    ----------
    plan : SplitPlan
    y : array, (signal,)
        Labels of all signals.
    train : array of int
        The training signals; all of them gives the plan's own folds, joined.
    n_folds : int
        At most so many folds.

    Returns
    -------
    list of (train, test)
        Positions in `train`. Where the plan has no other fold, whole clusters (where there are several), or signals,
        are dealt out. Empty where that leaves a single class in training.

    Examples
    --------
    >>> y = np.array([0, 1] * 3)
    >>> pairs = [(np.delete(np.arange(6), [i, i + 1]), np.array([i, i + 1])) for i in (0, 2, 4)]
    >>> for seen, tested in inner_folds(SplitPlan("given", "", pairs, np.arange(6)), y, pairs[0][0]):
    ...     print(seen, tested)
    [2 3] [0 1]
    [0 1] [2 3]
    """
    place = np.full(len(y), -1)
    place[train] = np.arange(len(train))
    inside: list[Fold] = []
    for seen, tested in plan.folds:
        tests = place[tested][place[tested] >= 0]
        if len(tests):
            inside.append((np.sort(place[seen][place[seen] >= 0]), np.sort(tests)))
    if len(inside) < 2:
        inside = _dealt(plan.clusters[train], y[train], n_folds)
    if len(inside) > n_folds:
        chunk = _chunks(np.array([y[train][tested[0]] for _, tested in inside]), n_folds)
        inside = [_joined([inside[i] for i in np.flatnonzero(chunk == k)]) for k in np.unique(chunk)]
    return [(seen, tested) for seen, tested in inside if len(tested) and len(np.unique(y[train][seen])) > 1]


def _chunks(labels: np.ndarray, n_chunks: int) -> np.ndarray:
    """Which chunk each belongs to: neighbours of one label together, so that what overlaps is mostly in one."""
    chunk = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        at = np.flatnonzero(labels == label)
        chunk[at] = np.arange(len(at)) * n_chunks // len(at)
    return chunk


def _joined(folds: list[Fold]) -> Fold:
    """All that is tested in some folds, and what all of them train on."""
    seen = folds[0][0]
    for other, _ in folds[1:]:
        seen = np.intersect1d(seen, other, assume_unique=True)
    tested = np.unique(np.concatenate([tests for _, tests in folds]))
    return np.setdiff1d(seen, tested), tested


def _dealt(clusters: np.ndarray, y: np.ndarray, n_folds: int) -> list[Fold]:
    """Folds of whole clusters where there are several, else of signals, by label."""
    units = pd.factorize(clusters)[0]
    n_units = int(units.max()) + 1
    if n_units < 2:
        units, n_units = np.arange(len(y)), len(y)
    if n_units < 2:
        return []
    first = np.unique(units, return_index=True)[1]
    order = np.argsort(pd.factorize(y)[0][first], kind="stable")
    fold_of = np.empty(n_units, dtype=np.int64)
    fold_of[order] = np.arange(n_units) % min(n_folds, n_units)  # each label is dealt out in turn
    fold = fold_of[units]
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in np.unique(fold)]


def overlapping(spans: Any, some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return which of the windows `some` overlap at least one of the windows `others` in their source.

    Parameters
    ----------
    spans : Dataset or DataFrame
        Windows with `source`, `start`, `stop`.
    some, others : arrays of int
        Indices of windows.

    Returns
    -------
    array of bool, one for each of `some`
        Cost: n log n.
    """
    return _overlapping(_spans(spans), some, others)


def _overlapping(table: pd.DataFrame, some: np.ndarray, others: np.ndarray) -> np.ndarray:
    # One line with all sources after another, so that windows of different sources can't touch.
    offset = table["source"].to_numpy() * (int(table["stop"].max()) + 1)
    start, stop = table["start"].to_numpy() + offset, table["stop"].to_numpy() + offset
    others = others[np.argsort(start[others], kind="stable")]
    if len(others) == 0:
        return np.zeros(len(some), dtype=bool)
    reach = np.maximum.accumulate(stop[others])
    before = np.searchsorted(start[others], stop[some], side="left")  # how many of `others` start before the stop
    return (before > 0) & (reach[np.maximum(before - 1, 0)] > start[some])


def _spans(data: Any) -> pd.DataFrame:
    """Checked windows: `source` as codes, and `start`, `stop`, `source_length` as integers."""
    table = data.table if isinstance(data, Dataset) else data
    columns = ("source", "start", "stop")
    if not isinstance(table, pd.DataFrame) or not set(columns) <= set(table.columns):
        has = ", ".join(map(str, table.columns)) if isinstance(table, pd.DataFrame) else type(table).__name__
        raise InputError(
            f"where the windows lie isn't known: a table with the columns source, start and stop is needed, not {has}. "
            "Cut series with filterbank.windows, or pass that table as groups."
        )
    if len(table) == 0:
        raise InputError("the table of windows is empty.")
    spans = pd.DataFrame({"source": pd.factorize(table["source"], use_na_sentinel=False)[0]})
    for column in ("start", "stop", *(["source_length"] if "source_length" in table.columns else [])):
        values = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=np.float64)
        bad = ~np.isfinite(values) | (values != np.floor(values))
        if bad.any():
            i = int(np.flatnonzero(bad)[0])
            raise invalid(f"{column} of window {i}", table[column].tolist()[i], "a whole number of samples")
        spans[column] = values.astype(np.int64)
    if table["source"].isna().any():
        raise InputError(f"the source of window {int(np.flatnonzero(table['source'].isna())[0])} is missing.")
    empty = np.flatnonzero((spans["stop"] <= spans["start"]) | (spans["start"] < 0))
    if len(empty):
        i = int(empty[0])
        raise InputError(
            f"window {i} has start={spans['start'][i]} and stop={spans['stop'][i]}; 0 <= start < stop is needed."
        )
    end = spans.groupby("source")["stop"].transform("max")
    if "source_length" not in spans:
        spans["source_length"] = end
    short = np.flatnonzero(spans["source_length"] < end)
    if len(short):
        i = int(short[0])
        raise invalid(
            f"source_length of window {i}",
            int(spans["source_length"][i]),
            f"at least the last stop there, which is {end[i]}",
        )
    return spans


def _check_margins(purge: int, embargo: int) -> None:
    for name, value in (("purge", purge), ("embargo", embargo)):
        if not (isinstance(value, (int, np.integer)) and value >= 0):
            raise invalid(name, value, "a number of samples, 0 or more")


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
        spans = _spans(dataset)
        return pd.factorize(spans["source"].to_numpy() * 5 + TimeBlocks(5)._block(spans))[0]
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
        spans = _spans(dataset)
        folds = [(train[~_overlapping(spans, train, test)], test) for train, test in folds]
    what = "sources" if name == "sources" else "groups"
    reason = (
        f"Whole {what} are left out, so that no {column!r} is both in training and in test "
        f"({len(pd.unique(groups))} {what} in {len(folds)} folds)."
    )
    return _plan(name, reason, folds, y, pd.factorize(groups)[0])


def _by_time(dataset: Dataset, *, n_blocks: int) -> SplitPlan:
    y = class_labels(dataset)
    spans = _spans(dataset)
    splitter = TimeBlocks(n_blocks)
    folds = list(splitter.split(spans))
    n_sources = int(spans["source"].max()) + 1
    reason = (
        f"The {len(y)} signals are windows cut from {n_sources} source{'s' * (n_sources > 1)}: each source is cut in "
        f"{n_blocks} stretches of time, and a stretch is tested on models that saw no window overlapping it."
    )
    clusters = pd.factorize(spans["source"].to_numpy() * n_blocks + splitter._block(spans))[0]
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
