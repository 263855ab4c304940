"""What training and test have in common that they shouldn't: overlapping windows, groups, sources, equal signals."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from filterbank.evaluate.near_duplicates import NearDuplicates
from filterbank.evaluate.spans import windows_of, windows_overlap
from filterbank.evaluate.splitters import Fold
from filterbank.signals import Dataset

__all__ = ["Finding", "close", "duplicates", "find_leaks"]


@dataclass(frozen=True)
class Finding:
    """One way in which training and test aren't apart.

    Attributes
    ----------
    what : {"overlap", "duplicate", "near-duplicate", "group", "source", "shortcut", "preprocessing"}
    sentence : str
        For the user, with counts and one example.
    n_signals : int
        Tested signals that have a counterpart in training.
    n_folds : int
        Folds in which that happens; 0 for what isn't a matter of folds.
    codes : array of int, (signal,), optional
        Signals of the same code, from 0, must not be on both sides; by it `close` closes the leak. None where signals
        overlap rather than belong together, or where no split could help.
    """

    what: str
    sentence: str
    n_signals: int
    n_folds: int
    codes: np.ndarray | None = field(default=None, compare=False, repr=False)


def find_leaks(
    dataset: Dataset,
    folds: Sequence[Fold],
    *,
    same: np.ndarray | None = None,
    near: NearDuplicates | None = None,
) -> list[Finding]:
    """Look for what training and test have in common.

    Parameters
    ----------
    dataset : Dataset
        With what is known of its signals: `source`, `start`, `stop`, the group.
    folds : sequence of (train, test)
        Indices.
    same : array of int, (signal,), optional
        What `duplicates` found in this data set, to save reading the signals again.
    near : NearDuplicates, optional
        What `near_duplicates` found in this data set: it's looked for only if it is passed.

    Returns
    -------
    list of Finding
        The gravest first: overlapping windows of one source, signals equal to the last bit, nearly equal signals, one
        group, one source on both sides. Empty where nothing was found.

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
    same = duplicates(dataset) if same is None else same
    found.append(_shared("duplicate", same, folds, _duplicate_sentence))
    if near is not None:
        found.append(_nearly(near, same, folds))
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
    spans = windows_of(dataset)
    source, start, stop = (spans[c].to_numpy() for c in ("source", "start", "stop"))
    hit, n_folds, example = np.zeros(len(dataset), dtype=bool), 0, ""
    tested = _tested(folds, len(dataset))
    for train, test in folds:
        bad = test[windows_overlap(spans, test, train)]
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
    return Finding(what, sentence(n, _tested(folds, len(codes)), n_folds, len(folds), *example), n, n_folds, codes)


def _nearly(near: NearDuplicates, same: np.ndarray, folds: Sequence[Fold]) -> Finding | None:
    """Nearly equal signals on both sides; those that are wholly equal are another finding."""
    pairs = [(int(i), int(j)) for i, j in zip(near.pairs["first"], near.pairs["second"]) if same[i] != same[j]]
    if not pairs:
        return None
    partners: dict[int, list[int]] = {}
    for i, j in pairs:
        partners.setdefault(i, []).append(j)
        partners.setdefault(j, []).append(i)
    hit, n_folds, example = set(), 0, ""
    for train, test in folds:
        inside = set(train.tolist())
        bad = [(i, j) for i in test.tolist() for j in partners.get(i, []) if j in inside]
        n_folds += bool(bad)
        hit |= {i for i, _ in bad}
        if bad and not example:
            i, j = bad[0]
            row = near.pairs[(near.pairs["first"] == min(i, j)) & (near.pairs["second"] == max(i, j))].iloc[0]
            moved = f", shifted by {', '.join(map(str, row['shift']))} samples" if any(row["shift"]) else ""
            example = (
                f"signal {max(i, j)} is signal {min(i, j)}{moved}, times {row['scale']:.3g} (correlation "
                f"{row['correlation']:.3f})"
            )
    if not hit:
        return None
    tested = _tested(folds, len(same))
    sentence = (
        f"{len(hit)} of {tested} tested signals {'is' if len(hit) == 1 else 'are'} nearly equal to a signal in "
        f"training, up "
        f"to scale and shift, in {n_folds} of {len(folds)} folds: {example}."
    )
    return Finding("near-duplicate", sentence, len(hit), n_folds, near.codes)


def close(dataset: Dataset, folds: Sequence[Fold], finding: Finding) -> list[Fold]:
    """Return folds in which no training signal shares with a test signal what the finding says.

    Parameters
    ----------
    dataset : Dataset
    folds : sequence of (train, test)
    finding : Finding
        Of `find_leaks` or `find_shortcuts`.

    Returns
    -------
    list of (train, test)
        Without the training signals that leak, and without test signals whose class is then in training no more: no
        model could be right on them. Folds in which fewer than two classes would be left to train on, or nothing to
        test, are missing, so that the list is empty where no split can close the leak.

    Examples
    --------
    >>> import pandas as pd
    >>> from filterbank.signals import Signals
    >>> table = pd.DataFrame({"who": ["ann", "ann", "bob", "cid"], "label": [0, 1, 0, 1]})
    >>> dataset = Dataset(Signals.wrap(np.eye(4)), table, target="label", group="who")
    >>> folds = [(np.array([1, 2, 3]), np.array([0]))]
    >>> finding = find_leaks(dataset, folds)[0]
    >>> close(dataset, folds, finding)
    [(array([2, 3]), array([0]))]
    """
    if finding.what != "overlap" and finding.codes is None:
        return []
    labels = None if dataset.target is None else pd.factorize(dataset.table[dataset.target])[0]
    spans = windows_of(dataset) if finding.what == "overlap" else None
    kept = []
    for train, test in folds:
        if spans is not None:
            train = train[~windows_overlap(spans, train, test)]
        else:
            codes = np.asarray(finding.codes)
            train = train[~np.isin(codes[train], codes[test][codes[test] >= 0])]
        if labels is not None:
            test = test[np.isin(labels[test], labels[train])]
        if len(test) and len(train) and (labels is None or len(np.unique(labels[train])) > 1):
            kept.append((train, test))
    return kept


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
