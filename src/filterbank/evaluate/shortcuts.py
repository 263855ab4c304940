"""Ways to the label that are not in the signals: file names, days, columns; and features fitted outside the folds."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from filterbank.evaluate.leakage import Finding
from filterbank.signals import PROVENANCE, Dataset

__all__ = ["find_fitted_outside", "find_shortcuts"]

ALMOST_ALWAYS = 0.98
ALARM = 0.01
PERMUTATIONS = 999
SHOWN = 3
_DATE = re.compile(r"(19|20)\d\d[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])(?!\d)")
_PART = re.compile(r"[^\W\d_]+\d*|\d+")


def find_shortcuts(dataset: Dataset, *, units: np.ndarray | None = None, random_state: int | None = 0) -> list[Finding]:
    """Find parts of file names, recording days and columns of the table whose few values give the label away.

    All cats on camera 1, all patients recorded on a Monday: a model may then know the camera or the day. A part, day or
    column is named where the commonest label of each of its values covers at least 0.98 of the signals, and hardly any
    permutation of the labels between the independent units would do as well.

    Not named are: the label itself in a name (the texts agree, as in ``3_theo_0.wav`` or ``cat.17.jpg``), its
    code (one value for each class, unless it's a day, or letters with a number such as ``cam1``), what is nested in a
    unit, and values that nearly every signal has for itself.

    Parameters
    ----------
    dataset : Dataset
        With a target. Names are those of the files, else the column `path`, `source` or `id`.
    units : array, (signal,), optional
        What can't have two labels by its nature: a speaker, a recording. Labels are permuted between units where each
        has one, so that chance is that of so many units. Default: the group, else each signal.
    random_state : int, optional

    Returns
    -------
    list of Finding
        Of the kind "shortcut". At a rate of 0.01 for all that is looked at together, one is a false alarm.

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank.signals import Dataset, Signals
    >>> names = [f"cam{1 + i % 2}_{i:03d}.png" for i in range(40)]
    >>> table = pd.DataFrame({"path": names, "animal": ["cat", "dog"] * 20})
    >>> dataset = Dataset(Signals.wrap(np.zeros((40, 8))), table, target="animal")
    >>> for finding in find_shortcuts(dataset):
    ...     print(finding.sentence)
    Part 1 of the file name gives 'animal' away for 40 of 40 signals: 'cam1' is always 'cat' (20 signals), 'cam2' is \
always 'dog' (20 signals); no split of these data can tell a class from it.
    """
    if dataset.target is None or dataset.table[dataset.target].isna().any():
        return []
    labels, names = pd.factorize(dataset.table[dataset.target])
    if len(names) < 2:
        return []
    independent = _units(dataset, labels, units)
    candidates = list(_candidates(dataset))
    rng = np.random.default_rng(random_state)
    found = []
    for title, values, is_date in candidates:
        codes, texts = pd.factorize(np.array(values, dtype=object))
        known = codes >= 0
        n, n_values = int(known.sum()), len(texts)
        if n < 0.9 * len(labels) or not 2 <= n_values <= n / 3:
            continue
        right = _covered(codes[known], labels[known])
        if right < ALMOST_ALWAYS * n:
            continue
        if _is_the_label(texts, names, codes[known], labels[known], is_date):
            continue
        p = _chance(codes[known], labels[known], independent[known], right, rng)
        if p * len(candidates) > ALARM:
            continue
        found.append(_finding(dataset, title, codes, texts, labels, names, right))
    return found


def _units(dataset: Dataset, labels: np.ndarray, units: np.ndarray | None) -> np.ndarray:
    """Units that have one label each; signals where that isn't so."""
    given = units if units is not None else dataset.groups
    everyone = np.arange(len(labels))
    if given is None:
        return everyone
    codes = pd.factorize(np.asarray(given))[0]
    if (codes < 0).any() or pd.Series(labels).groupby(codes).nunique().max() > 1:
        return everyone
    return codes


def _candidates(dataset: Dataset) -> Iterator[tuple[str, list[Any], bool]]:
    """What may give the label away: its title, a value for each signal, and whether it's a day."""
    table = dataset.table
    paths = [dataset.signals.path(i) for i in range(len(dataset))]
    if all(path is not None for path in paths):
        full = [PurePath(str(path)) for path in paths]
    else:
        column = next((c for c in ("path", "source", "id") if c in table.columns), None)
        full = [] if column is None else [PurePath(str(v)) for v in table[column]]
    if full:
        days = [_day(path.name) for path in full]
        if sum(day is not None for day in days) >= 0.9 * len(days):
            yield "The day in the file name", days, True
        split = [_PART.findall(_DATE.sub(" ", path.stem)) for path in full]
        for k in range(max(map(len, split))):
            yield f"Part {k + 1} of the file name", [s[k] if k < len(s) else None for s in split], False
        if len({len(s) for s in split}) > 1:
            for k in range(1, min(map(len, split)) + 1):
                yield f"Part {k} from the end of the file name", [s[-k] if k <= len(s) else None for s in split], False
        yield "The kind of file", [path.suffix.lower() for path in full], False
    reserved = {dataset.target, dataset.group, "path", "split", "fold", "source_length", *PROVENANCE}
    for name in table.columns:
        if name in reserved:
            continue
        values = table[name]
        days = [_day(str(v)) for v in values] if values.dtype.kind not in "biufc" else [None]
        if values.dtype.kind == "M":
            days = [None if pd.isna(v) else v.strftime("%Y-%m-%d") for v in values]
        if all(day is not None for day in days):
            yield f"The day in the column {str(name)!r}", days, True
        elif values.dtype.kind != "f" or (values.dropna() % 1 == 0).all():
            yield f"The column {str(name)!r}", values.tolist(), False


def _day(text: str) -> str | None:
    match = _DATE.search(text)
    return None if match is None else "-".join(re.sub(r"\D", "", match[0])[a:b] for a, b in ((0, 4), (4, 6), (6, 8)))


def _covered(codes: np.ndarray, labels: np.ndarray) -> int:
    """Signals that the commonest label of their value covers."""
    counts = np.zeros((codes.max() + 1, labels.max() + 1), dtype=np.int64)
    np.add.at(counts, (codes, labels), 1)
    return int(counts.max(axis=1).sum())


def _is_the_label(texts: Any, names: Any, codes: np.ndarray, labels: np.ndarray, is_date: bool) -> bool:
    """Whether values are the label's own text, or a plain code of it."""
    pairs = pd.crosstab(codes, labels).to_numpy()
    usual = pairs.argmax(axis=1)
    if all(_alike(str(text), str(names[usual[k]])) for k, text in enumerate(texts)):
        return True
    one_each = len(texts) == len(names) and len(set(usual)) == len(names)
    thing = is_date or all(re.fullmatch(r"[^\W\d_]+\d+", str(text)) for text in texts)
    return one_each and not thing


def _alike(value: str, label: str) -> bool:
    a, b = (re.sub(r"[\W_]", "", text.casefold()) for text in (value, label))
    if a.isdigit() and b.isdigit():
        return int(a) == int(b)
    return bool(a and b) and (a.startswith(b) or b.startswith(a) or a.rstrip("0123456789") == b)


def _chance(codes: np.ndarray, labels: np.ndarray, units: np.ndarray, right: int, rng: np.random.Generator) -> float:
    """How often labels that are dealt anew to the units are covered as well."""
    unit, first = np.unique(units, return_index=True)
    place = np.searchsorted(unit, units)
    of_unit = labels[first]
    as_good = 0
    for _ in range(PERMUTATIONS):
        as_good += _covered(codes, rng.permutation(of_unit)[place]) >= right
    return (1 + as_good) / (1 + PERMUTATIONS)


def _finding(
    dataset: Dataset, title: str, codes: np.ndarray, texts: Any, labels: np.ndarray, names: Any, right: int
) -> Finding:
    n = int((codes >= 0).sum())
    examples = []
    for k in range(min(SHOWN, len(texts))):
        mine = labels[codes == k]
        usual = int(np.bincount(mine).argmax())
        often = "always" if (mine == usual).all() else "nearly always"
        examples.append(f"{str(texts[k])!r} is {often} {_plain(names[usual])!r} ({len(mine)} signals)")
    rest = f", and so on for {len(texts)} values" if len(texts) > SHOWN else ""
    frame = pd.DataFrame({"value": codes[codes >= 0], "label": labels[codes >= 0]})
    majority = frame.groupby("value")["label"].agg(lambda v: v.value_counts().index[0])
    alone = majority.value_counts().reindex(range(len(names)), fill_value=0).min() < 2
    advice = (
        "no split of these data can tell a class from it"
        if alone
        else "leave out whole values of it to see what the score owes to it"
    )
    sentence = (
        f"{title} gives {dataset.target!r} away for {right} of {n} signals: {', '.join(examples)}{rest}; {advice}."
    )
    return Finding("shortcut", sentence, right, 0, None if alone else codes)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def find_fitted_outside(X: Any, y: Any = None, *, transformer: Any = None) -> list[Finding]:
    """Find signs that features were fitted on all signals, before the signals were split.

    Parameters
    ----------
    X : array, (signal, feature)
        Features, or signals of one size, as they would be cut in folds.
    y : array, (signal,), optional
        Labels, to look for a selection of features by them.
    transformer : scikit-learn transformer, optional
        What makes the features in each fold: whether something in it is fitted already and would stay so.

    Returns
    -------
    list of Finding
        Of the kind "preprocessing". Looked for are columns that all have mean 0 and standard deviation 1 (with n or n -
        1) to rounding over all rows, or that all run from 0 to 1, or that are all uncorrelated (a PCA of all rows;
        needs more rows than columns); with `y`, 20 or more columns that look like the best of many that tell
        nothing: the p values of their analyses of variance all lie below 0.05 and are spread evenly up to the largest
        of them. With a transformer: a `FrozenEstimator`, or a method of a fitted estimator used as a function.

    Notes
    -----
    False alarms: the first three come to rounding, which chance doesn't. The last one needs all of 20 p values
    below 0.05, and an even spread at a p value of 0.2 of a Kolmogorov-Smirnov test: features that were not selected
    come to that with a probability of 0.05 ** 20 where they tell nothing and are independent, and those that tell much
    don't have an even spread.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(50, 3)) * 7 + 3
    >>> find_fitted_outside(X)
    []
    >>> print(find_fitted_outside((X - X.mean(axis=0)) / X.std(axis=0))[0].sentence)
    All 3 columns have mean 0 and standard deviation 1 over all 50 rows, to rounding: they were standardised before \
the split, so that training knows the test signals' scale; standardise inside each fold.
    """
    found: list[Finding] = []
    if transformer is not None:
        fitted = _already_fitted(transformer)
        if fitted:
            found.append(
                Finding(
                    "preprocessing",
                    f"{fitted} was fitted before the split and isn't fitted again in each fold: it may have seen the "
                    f"test "
                    "signals. Pass it unfitted.",
                    0,
                    0,
                )
            )
    values = np.asarray(X, dtype=np.float64) if X is not None else np.empty((0, 0))
    if values.ndim != 2 or len(values) < 8 or not np.isfinite(values).all():
        return found
    values = values[:, np.ptp(values, axis=0) > 0]
    n, d = values.shape
    if d < 2:
        return found
    tolerance = 1e-9 if np.asarray(X).dtype != np.float32 else 1e-4
    mean, spread = np.abs(values.mean(axis=0)).max(), values.std(axis=0)
    scaled = any(np.abs(spread * f - 1).max() < tolerance for f in (1.0, np.sqrt(n / (n - 1))))
    how = ""
    if mean < tolerance and scaled:
        how = f"have mean 0 and standard deviation 1 over all {n} rows, to rounding: they were standardised"
        what = "training knows the test signals' scale; standardise"
    elif np.abs(np.r_[values.min(axis=0), values.max(axis=0) - 1]).max() < tolerance and len(np.unique(values)) > 2 + d:
        how = f"run from exactly 0 to exactly 1 over all {n} rows: they were scaled by their extremes"
        what = "training knows the test signals' extremes; scale"
    if how:
        found.append(
            Finding("preprocessing", f"All {d} columns {how} before the split, so that {what} inside each fold.", n, 0)
        )
    if n > d + 2 and _uncorrelated(values, tolerance):
        found.append(
            Finding(
                "preprocessing",
                f"All {d} columns are uncorrelated over all {n} rows, to rounding: they are principal components of "
                f"all "
                "rows, so that training knows where the test signals lie; reduce inside each fold.",
                n,
                0,
            )
        )
    if y is not None:
        found += _selected(values, np.asarray(y))
    return found


def _uncorrelated(values: np.ndarray, tolerance: float) -> bool:
    correlation = np.corrcoef(values, rowvar=False)
    return bool(np.abs(correlation[~np.eye(len(correlation), dtype=bool)]).max() < max(tolerance, 1e-8))


def _selected(values: np.ndarray, y: np.ndarray) -> list[Finding]:
    """Columns that look like the best of many useless ones."""
    from sklearn.feature_selection import f_classif

    n, d = values.shape
    if d < 20 or len(np.unique(y)) < 2 or len(np.unique(y)) > n // 2:
        return []
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.sort(f_classif(values, y)[1])
    if not np.isfinite(p).all() or not 0 < p[-1] < 0.05 or stats.kstest(p[:-1] / p[-1], "uniform").pvalue < 0.2:
        return []
    pool = d / p[-1]
    return [
        Finding(
            "preprocessing",
            f"Each of the {d} columns alone tells the classes apart with p below {p[-1]:.2g}, and these p values are "
            f"spread as "
            f"evenly as if the best {d} of some {pool:,.0f} useless columns had been picked with these very labels; "
            "select inside each fold.",
            n,
            0,
        )
    ]


def _already_fitted(transformer: Any) -> str:
    """The name of something in a transformer that stays fitted when it's cloned; empty if there's nothing."""
    for part in _parts(transformer):
        if type(part).__name__ == "FrozenEstimator":
            return f"{type(part).__name__}({type(part.estimator).__name__})"
        owner = getattr(part, "__self__", None)
        if owner is not None and hasattr(owner, "get_params") and _is_fitted(owner):
            return f"{type(owner).__name__}, whose method {part.__name__!r} serves as a function,"
    return ""


def _parts(value: Any) -> Iterator[Any]:
    """A transformer, its parameters, and what functions among them were made with."""
    yield value
    if isinstance(value, functools.partial):
        for inner in (value.func, *value.args, *value.keywords.values()):
            yield from _parts(inner)
    elif inspect.isfunction(value) and value.__closure__:
        for cell in value.__closure__:
            if hasattr(cell.cell_contents, "get_params") and _is_fitted(cell.cell_contents):
                yield cell.cell_contents.transform if hasattr(cell.cell_contents, "transform") else cell.cell_contents
    elif hasattr(value, "get_params") and not isinstance(value, type):
        for inner in value.get_params(deep=True).values():
            if callable(inner) or hasattr(inner, "get_params"):
                yield inner
                if isinstance(inner, functools.partial) or inspect.isfunction(inner):
                    yield from list(_parts(inner))[1:]


def _is_fitted(estimator: Any) -> bool:
    return any(name.endswith("_") and not name.startswith("_") for name in vars(estimator))
