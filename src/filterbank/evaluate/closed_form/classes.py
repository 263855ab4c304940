"""Rules that compare the classes' means: linear discriminant analysis, centroids, naive Bayes."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from filterbank.evaluate.closed_form.left_out import BLOCK, DOUBTFUL, LINEAR, Answers, LeftOut

__all__ = ["class_centroids", "degrees_of", "discriminant", "naive_bayes"]


@lru_cache(maxsize=1)
def _discriminant_divides_by_rows() -> bool:
    """Whether scikit-learn's LDA (svd) divides the scatter within classes by n, as from 1.9, or by n less classes."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    model = LinearDiscriminantAnalysis().fit(np.array([[-1.0], [1.0], [9.0], [11.0]]), np.array([0, 0, 1, 1]))
    return bool(model.coef_[0, 0] > 7.5)  # 10 / (scatter 4 / 4) = 10, or 10 / (4 / 2) = 5


def degrees_of(n: Any, classes: Any) -> Any:
    """Return what scikit-learn divides the scatter of `n` rows within `classes` classes by."""
    return n if _discriminant_divides_by_rows() else n - classes


def _zero_everywhere(data: LeftOut) -> np.ndarray:
    """Columns whose value is the same in all rows, and short enough that scikit-learn's sums of it are exact."""
    same = np.flatnonzero(data.flat)
    mantissa = np.frexp(data.X[0, same])[0] * 2.0**24
    short = same[mantissa == np.floor(mantissa)]
    mask = np.zeros(data.d, dtype=bool)
    if data.n < 2**24 and data.eps < 1e-10:
        mask[short] = True
    return mask


def discriminant(data: LeftOut, *, tol: float) -> Answers:
    """Linear discriminant analysis (svd), each row left out alone.

    Parameters
    ----------
    data : LeftOut
        Of single rows. A scaler changes nothing but the rounding.
    tol : float
        Below this, relative to 1, scikit-learn drops a direction; rows for which that can't be excluded are doubtful.

    Returns
    -------
    Answers
        Cost: one product of (row, feature) and (feature, feature).

    Notes
    -----
    With S the scatter within classes, u a row less the mean of its class of c rows, and a = c / (c - 1), a fold has
    the scatter S - a u u' and the mean of that class moves by u / (c - 1).
    """
    n, K = data.n, data.n_classes
    y, counts = data.y, data.counts.astype(float)
    keep = slice(None)
    dropped = _zero_everywhere(data)
    if dropped.any():
        keep = ~dropped  # type: ignore[assignment]
    U, M = data.residuals[:, keep], data.class_means[:, keep]
    d = U.shape[1]
    all_doubtful = Answers(np.zeros(n, dtype=np.int64), np.full(n, DOUBTFUL))
    scatter = U.T @ U
    unit = np.sqrt(np.diag(scatter))
    if d == 0 or d >= n - K or not (unit > 0).all() or data.flat[keep].any():
        return all_doubtful
    within = scatter / unit
    within /= unit[:, None]
    try:
        inverse = np.linalg.inv(within)
    except np.linalg.LinAlgError:
        return all_doubtful
    lowest = 1 / np.abs(inverse).sum(axis=0).max()
    if lowest < 100 * tol**2:
        lowest = float(np.linalg.eigvalsh(within)[0])
        if lowest < tol**2:
            return all_doubtful
    inverse /= unit
    inverse /= unit[:, None]
    rows = np.arange(n)
    H = U @ inverse
    h = np.einsum("ij,ij->i", H, U)
    P = inverse @ M.T
    B = M @ P  # m_c' S^-1 m_k
    ZP = U @ P + B[y]
    own = ZP[rows, y]
    q = np.diag(B)
    lone = counts[y] < 2
    with np.errstate(divide="ignore", invalid="ignore"):
        a = np.where(lone, 0.0, counts[y] / (counts[y] - 1))
        left = 1 - a * h
        D = (h + 2 * own - q[y])[:, None] - 2 * ZP + q
        C = (h + own - q[y])[:, None] - ZP + B[y]
        Q = D + (a / left)[:, None] * C * C
        Q[rows, y] = a * a * (h + a * h * h / left)
        kept = data.kept
        degrees = degrees_of(n - 1, K - lone.astype(int))
        scores = np.log(kept) - 0.5 * Q * (degrees[:, None] if np.ndim(degrees) else degrees)
        # Directions that scikit-learn would drop: within classes, then between them.
        full = left * lowest > 4 * tol**2
        centred = np.sqrt(counts)[:, None] * (M - counts @ M / n)
        between = np.sqrt(np.maximum(np.linalg.eigvalsh(centred @ inverse @ centred.T)[::-1], 0))
        moved = np.sqrt(h / np.maximum(counts[y] - 1, 1))
        low = np.sqrt(1 - 1 / counts[y]) * between[min(K - 1, d) - 1] - moved - between[0] / np.sqrt(n * counts[y])
        spans = low > 2 * tol * (between[0] + moved) / np.sqrt(left)
        rest = np.flatnonzero(full & ~lone & ~spans)
        if len(rest):  # the bound is too rough there
            spans[rest] = _spans_all(counts, y[rest], M, U[rest], H[rest], (a / left)[rest], inverse, tol)
        full &= spans
        largest = np.abs(Q).max(axis=1) * np.max(degrees)
        tolerance = data.slack * (
            (d / lowest) / left * (1 + largest)
            + data.offset(unit if not dropped.any() else _spread(unit, keep, data.d))
            * np.sqrt(d * np.max(degrees) * largest / (lowest * left))
        )
    tolerance[~full | lone | ~(data.slack * d <= LINEAR * lowest * left)] = np.inf
    return data.decided(scores, tolerance)


def _spans_all(
    counts: np.ndarray,
    y: np.ndarray,
    means: np.ndarray,
    U: np.ndarray,
    H: np.ndarray,
    g: np.ndarray,
    inverse: np.ndarray,
    tol: float,
) -> np.ndarray:
    """Whether the means of the classes span as many directions, clearly, as they can in the folds of some rows."""
    rank = min(len(counts) - 1, means.shape[1])
    clear = np.empty(len(y), dtype=bool)
    size = max(1, BLOCK // means.size)
    for start in range(0, len(y), size):
        some = slice(start, start + size)
        at = np.arange(len(y[some])), y[some]
        kept = np.repeat(counts[None], len(y[some]), axis=0)
        kept[at] -= 1
        moved = np.repeat(means[None], len(y[some]), axis=0)
        moved[at] -= U[some] / kept[at][:, None]
        moved -= np.einsum("rk,rkj->rj", kept, moved)[:, None] / kept.sum(axis=1)[:, None, None]
        moved *= np.sqrt(kept)[:, :, None]
        along = np.einsum("rkj,rj->rk", moved, H[some])
        between = moved @ inverse @ moved.transpose(0, 2, 1)
        between += g[some, None, None] * along[:, :, None] * along[:, None, :]
        values = np.linalg.eigvalsh(between)
        clear[some] = values[:, -rank] > 4 * tol**2 * values[:, -1]
    return clear


def _spread(unit: np.ndarray, keep: Any, d: int) -> np.ndarray:
    whole = np.full(d, np.inf)
    whole[keep] = unit
    return whole


def _class_moments(data: LeftOut, folds: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of some folds: rows kept, (fold, class), class means and sums of squares about them, (fold, class, feature)."""
    kept = data.kept[folds]
    gone = np.zeros((len(folds), data.n_classes, data.d))
    squared = np.zeros_like(gone)
    U = data.residuals
    members = [data.members[f] for f in folds]
    rows = np.concatenate(members)
    at = np.repeat(np.arange(len(folds)), [len(m) for m in members]), data.y[rows]
    np.add.at(gone, at, U[rows])
    np.add.at(squared, at, U[rows] ** 2)
    rest = np.maximum(kept, 1)[:, :, None]
    means = data.class_means - gone / rest
    squared += gone * gone / rest
    return kept, means, np.maximum(_class_squares(data) - squared, 0)


def _class_squares(data: LeftOut) -> np.ndarray:
    return data.one_hot.T @ data.residuals**2


def class_centroids(data: LeftOut) -> Answers:
    """Take the class of the nearest centroid.

    Returns
    -------
    Answers
        Cost: rows x classes x features.
    """
    scores = np.empty((data.n, data.n_classes))
    size = np.empty(data.n)
    scales = data.scale2
    for rows in data.chunks(6 * data.n_classes * data.d):
        folds, at = np.unique(data.fold[rows], return_inverse=True)
        kept, means, _ = _class_moments(data, folds)
        weights = 1 / scales[data.fold[rows]] if data.scaled else np.ones((len(rows), data.d))
        z = data.Z[rows]
        distances = np.einsum("rkj,rj->rk", (z[:, None] - means[at]) ** 2, weights)
        distances[kept[at] == 0] = np.inf
        scores[rows] = -distances
        if data.scaled:
            own = z + data.sums[data.fold[rows]] / (data.n - data.n_left[data.fold[rows]])[:, None]
        else:
            own = np.abs(data.X[rows]) + np.abs(data.mean)
        size[rows] = (own * own * weights).sum(axis=1) + distances.min(axis=1)
    answers = data.decided(scores, np.where(data.far[data.fold], np.inf, 4 * data.slack * size))
    # scikit-learn refuses a fold in which nothing varies.
    answers.state[(data.variance.max(axis=1) <= 1e-20 * (data.mean**2).max())[data.fold]] = DOUBTFUL
    return answers


def naive_bayes(data: LeftOut, *, smoothing: float) -> Answers:
    """Gaussian naive Bayes with the shares of the classes as priors.

    Parameters
    ----------
    data : LeftOut
    smoothing : float
        The share of the largest variance that is added to all.

    Returns
    -------
    Answers
        Cost: rows x classes x features.
    """
    scores = np.empty((data.n, data.n_classes))
    tolerance = np.empty(data.n)
    scales = data.scale2
    whole = _class_squares(data)
    for rows in data.chunks(12 * data.n_classes * data.d):
        folds, at = np.unique(data.fold[rows], return_inverse=True)
        kept, means, squares = _class_moments(data, folds)
        scale2 = scales[folds] if data.scaled else scales
        added = smoothing * (data.variance[folds] / scale2).max(axis=1)
        count = np.maximum(kept, 1)[:, :, None]
        unit2 = np.broadcast_to(scale2, (len(folds), data.d))[:, None]
        variance = squares / count / unit2 + added[:, None, None]
        z = data.Z[rows]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            error = data.slack * (whole / count / unit2) / variance
            # Rounding of the means, in units of the spread: sums of numbers as large as the data are.
            size = np.zeros(data.d) if data.scaled else np.abs(data.mean)
            reach = (np.abs(z) + size)[:, None] ** 2 / unit2[at] / variance[at]
            deviation = (z[:, None] - means[at]) ** 2 / unit2[at] / variance[at]
            score = -0.5 * (np.log(2 * np.pi * variance).sum(axis=2)[at] + deviation.sum(axis=2))
            score += np.log(kept / kept.sum(axis=1, keepdims=True))[at]
            wrong = (error[at] * (1 + deviation) + data.slack * np.sqrt(deviation * reach)).sum(axis=2)
            wrong += data.slack * np.abs(score)
            wrong[~((error <= LINEAR).all(axis=2)[at])] = np.inf
        absent = kept[at] == 0
        score[absent] = -np.inf
        wrong[absent] = 0
        scores[rows] = score
        tolerance[rows] = wrong.max(axis=1)
    return data.decided(scores, tolerance)
