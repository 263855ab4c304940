"""What training and test have in common that they shouldn't: overlapping windows, groups, sources, equal signals."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from filterbank.evaluate.splits import Fold, _overlapping, _spans
from filterbank.signals import Dataset

__all__ = ["Finding", "duplicates", "find_leaks"]


@dataclass(frozen=True)
class Finding:
    """One way in which training and test aren't apart.

    Attributes
    ----------
    what : {"overlap", "duplicate", "group", "source"}
    sentence : str
        For the user, with counts and one example.
    n_signals : int
        Tested signals that have a counterpart in training.
    n_folds : int
        Folds in which that happens.
    """

    what: str
    sentence: str
    n_signals: int
    n_folds: int


def find_leaks(dataset: Dataset, folds: Sequence[Fold], *, same: np.ndarray | None = None) -> list[Finding]:
    """Look for what training and test have in common.

    Parameters
    ----------
    dataset : Dataset
        With what is known of its signals: `source`, `start`, `stop`, the group.
    folds : sequence of (train, test)
        Indices.
    same : array of int, (signal,), optional
        What `duplicates` found in this data set, to save reading the signals again.

    Returns
    -------
    list of Finding
        The gravest first: overlapping windows of one source, signals equal to the last bit, one group,
        one source on both sides. Empty where nothing was found.

    Notes
    -----
    Cost: every signal is read once (unless `same` is passed), then n log n a fold.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from filterbank.signals import Dataset, Signals
    >>> table = pd.DataFrame({"source": "a", "start": [0, 2, 6], "stop": [4, 6, 10]})
    >>> dataset = Dataset(Signals.wrap(np.arange(12.0).reshape(3, 4)), table)
    >>> for finding in find_leaks(dataset, [(np.array([1, 2]), np.array([0]))]):
    ...     print(finding.what, "|", finding.sentence)
    overlap | 1 of 1 tested windows overlaps a training window of its source, in 1 of 1 folds: signal 0 \
('a', samples 0 to 4) is tested with signal 1 (samples 2 to 6) in training.
    source | 1 of 1 tested signals comes from a source that is also in training, in 1 of 1 folds: signal 0 \
and signal 1 are from 'a'.
    """
    table = dataset.table
    found: list[Finding | None] = []
    if dataset.is_cut:
        found.append(_overlaps(dataset, folds))
    found.append(_shared("duplicate", duplicates(dataset) if same is None else same, folds, _duplicate_sentence))
    if dataset.group is not None:
        column = table[dataset.group]
        found.append(_shared("group", _known(column), folds, _belonging(column, f"group of {dataset.group!r}")))
    if "source" in table.columns and dataset.group != "source":
        column = table["source"]
        found.append(_shared("source", _known(column), folds, _belonging(column, "source", _caveat(dataset))))
    return [finding for finding in found if finding is not None]


def duplicates(dataset: Dataset) -> np.ndarray:
    """Return a number for each signal, `(signal,)`: the same for signals of one shape that are equal to the last bit.

    Cost: every signal is read once.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from filterbank.signals import Dataset, Signals
    >>> duplicates(Dataset(Signals.wrap(np.array([[1.0, 2], [0, 1], [1, 2]])), pd.DataFrame(index=range(3)))).tolist()
    [0, 1, 0]
    """
    digests = []
    for signal in dataset.signals:
        digest = hashlib.blake2b(repr((signal.shape, signal.dtype.str)).encode(), digest_size=16)
        digest.update(np.ascontiguousarray(signal).data)
        digests.append(digest.hexdigest())
    return pd.factorize(np.array(digests, dtype=object))[0]


def _overlaps(dataset: Dataset, folds: Sequence[Fold]) -> Finding | None:
    spans = _spans(dataset)
    source, start, stop = (spans[c].to_numpy() for c in ("source", "start", "stop"))
    hit, n_folds, example = np.zeros(len(dataset), dtype=bool), 0, ""
    tested = _tested(folds, len(dataset))
    for train, test in folds:
        bad = test[_overlapping(spans, test, train)]
        if len(bad):
            n_folds += 1
            hit[bad] = True
        if len(bad) and not example:
            i = int(bad[0])
            j = int(train[(source[train] == source[i]) & (start[train] < stop[i]) & (stop[train] > start[i])][0])
            example = (
                f"signal {i} ({dataset.table['source'].iloc[i]!r}, samples {start[i]} to {stop[i]}) is tested with "
                f"signal {j} (samples {start[j]} to {stop[j]}) in training"
            )
    n = int(hit.sum())
    if not n:
        return None
    sentence = (
        f"{n} of {tested} tested windows {'overlaps' if n == 1 else 'overlap'} a training window of "
        f"{'its' if n == 1 else 'their'} source, in {n_folds} of {len(folds)} folds: {example}."
    )
    return Finding("overlap", sentence, n, n_folds)


Sentence = Callable[[int, int, int, int, int, int], str]
"""(affected, tested, folds with it, folds, tested example, its counterpart) -> the sentence."""


def _shared(what: str, codes: np.ndarray, folds: Sequence[Fold], sentence: Sentence) -> Finding | None:
    """The finding for one code, from 0, on both sides; -1 is no code."""
    hit, n_folds = np.zeros(len(codes), dtype=bool), 0
    example: tuple[int, int] | None = None
    for train, test in folds:
        here = np.zeros(codes.max(initial=0) + 2, dtype=bool)  # the last place is for -1
        here[codes[train]] = True
        here[-1] = False
        bad = test[here[codes[test]]]
        if len(bad):
            n_folds += 1
            hit[bad] = True
            example = example or (int(bad[0]), int(train[codes[train] == codes[bad[0]]][0]))
    if example is None:
        return None
    n = int(hit.sum())
    return Finding(what, sentence(n, _tested(folds, len(codes)), n_folds, len(folds), *example), n, n_folds)


def _tested(folds: Sequence[Fold], n: int) -> int:
    mask = np.zeros(n, dtype=bool)
    for _, test in folds:
        mask[test] = True
    return int(mask.sum())


def _known(column: pd.Series) -> np.ndarray:
    return pd.factorize(column)[0]


def _duplicate_sentence(n: int, tested: int, n_folds: int, folds: int, i: int, j: int) -> str:
    return (
        f"{n} of {tested} tested signals {'is' if n == 1 else 'are'} equal to the last bit to a signal in training, "
        f"in {n_folds} of {folds} folds: signal {i} is signal {j}."
    )


def _belonging(column: pd.Series, noun: str, caveat: str = "") -> Sentence:
    def sentence(n: int, tested: int, n_folds: int, folds: int, i: int, j: int) -> str:
        return (
            f"{n} of {tested} tested signals {'comes' if n == 1 else 'come'} from a {noun} that is also in training, "
            f"in {n_folds} of {folds} folds: signal {i} and signal {j} are from {column.tolist()[i]!r}{caveat}."
        )

    return sentence


def _caveat(dataset: Dataset) -> str:
    """What follows where a class has one source only: no split can tell the one from the other."""
    if dataset.target is None or dataset.table[dataset.target].isna().any():
        return ""
    counts = dataset.table.groupby(dataset.target, observed=True)["source"].nunique()
    if len(counts) and counts.max() == 1:
        return "; each class is one source only, so no split of these data can tell a class from its source"
    if len(counts) and counts.min() == 1:
        return "; some classes are one source only, so no split of these data can tell those classes from their source"
    return ""
