"""Splitters in scikit-learn's manner that keep windows, stretches and groups apart."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.model_selection import BaseCrossValidator

from filterbank.errors import InputError, invalid
from filterbank.evaluate.spans import windows_of
from filterbank.signals import Dataset

__all__ = ["MAX_FOLDS", "Fold", "LeaveGroupOut", "PurgedLeaveOneOut", "Repeated", "TimeBlocks"]

Fold = tuple[np.ndarray, np.ndarray]
"""The indices of the training signals and of the test signals."""

MAX_FOLDS = 10


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
        spans = windows_of(X if groups is None else groups)
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
        return self._block(windows_of(X))

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
        spans = windows_of(X if groups is None else groups)
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
                f"all {len(codes)} signals are in one group ({names.tolist()[0]!r}): none can be left out. "
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


def _check_margins(purge: int, embargo: int) -> None:
    for name, value in (("purge", purge), ("embargo", embargo)):
        if not (isinstance(value, (int, np.integer)) and value >= 0):
            raise invalid(name, value, "a number of samples, 0 or more")
