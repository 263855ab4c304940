"""Predictions for signals left out, by downdating what was computed once from all signals, and how far to trust each.

Every rule here returns an `Answers`: for each row the class, and whether rounding could have decided it. A row that
isn't sure is for the caller to compute the slow way. Bounds on rounding are for both sides: the algebra here, and
scikit-learn's own calculation, whose answer is the one to find.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

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

SURE, TIED, DOUBTFUL = 0, 1, 2
LINEAR = 0.02
"""Errors are taken for proportional to what causes them up to this share; where they may be larger, all is doubtful."""
BLOCK = 1 << 21
"""How many numbers a temporary array has at most, where the data themselves don't have more."""


@dataclass
class Answers:
    """Predictions of all rows: `codes` (the class, as its position) and `state` (SURE, TIED or DOUBTFUL), (row,).

    Rules that compare a score of each class say the `scores`, (row, class), up to a number that a row's classes share,
    and by how much rounding can change them, `tolerance`, (row,).
    """

    codes: np.ndarray
    state: np.ndarray
    scores: np.ndarray | None = None
    tolerance: np.ndarray | None = None


class LeftOut:
    """Rows, their classes, and which rows are left out together, with what all rules need of them.

    Parameters
    ----------
    X : array of float64, (row, feature)
    y : array of int, (row,)
        Classes from 0.
    fold : array of int, (row,), or None
        The fold that leaves each row out, from 0; None where each row is its own.
    n_classes : int
    scaled : bool
        Whether a StandardScaler is fitted in each fold.
    eps : float
        Relative rounding of the numbers that scikit-learn computes with.
    """

    def __init__(
        self, X: np.ndarray, y: np.ndarray, fold: np.ndarray | None, *, n_classes: int, scaled: bool, eps: float
    ) -> None:
        self.X, self.y, self.n_classes, self.scaled, self.eps = X, y, n_classes, scaled, eps
        self.n, self.d = X.shape
        self.single = fold is None
        self.fold = np.arange(self.n) if fold is None else fold
        self.mean = X.mean(axis=0)
        self.Z = X - self.mean
        self.squares = np.einsum("ij,ij->j", self.Z, self.Z)
        drift = self.Z.mean(axis=0)
        if (self.n * drift * drift > 1e-30 * self.squares).any():  # the mean was rounded, and far from zero
            self.Z -= drift
            self.mean += drift
            self.squares = np.einsum("ij,ij->j", self.Z, self.Z)
        self.flat = self.squares <= 1e-20 * self.n * self.mean**2
        """Whether each feature is the same in all rows, (feature,)."""
        if self.flat.any():
            self.flat[self.flat] = (X[:, self.flat] == X[0, self.flat]).all(axis=0)
            self.Z[:, self.flat] = 0
            self.squares[self.flat] = 0
        self.counts = np.bincount(y, minlength=n_classes)
        self.n_left = np.ones(self.n, dtype=np.int64) if fold is None else np.bincount(self.fold)
        self.n_folds = len(self.n_left)
        root = np.sqrt(self.n) + np.sqrt(self.d)
        self.slack = 16 * eps * root
        # Variances are summed in float64 whatever the type is, so that distances feel a short type once, not in sums.
        self.slack_distance = 16 * np.finfo(np.float64).eps * root + (8 * eps if eps > 1e-10 else 0)

    @cached_property
    def gram(self) -> np.ndarray:
        return self.Z.T @ self.Z

    @cached_property
    def class_means(self) -> np.ndarray:
        return (self.one_hot.T @ self.Z) / np.maximum(self.counts, 1)[:, None]

    @cached_property
    def one_hot(self) -> np.ndarray:
        hot = np.zeros((self.n, self.n_classes))
        hot[np.arange(self.n), self.y] = 1
        return hot

    @cached_property
    def residuals(self) -> np.ndarray:
        """Rows less the mean of their class."""
        return self.Z - self.class_means[self.y]

    @cached_property
    def members(self) -> list[np.ndarray]:
        """The rows that each fold leaves out."""
        if self.single:
            return list(np.arange(self.n)[:, None])
        return np.split(np.argsort(self.fold, kind="stable"), np.cumsum(self.n_left)[:-1])

    @cached_property
    def sums(self) -> np.ndarray:
        """The sum of the left-out rows of each fold, (fold, feature)."""
        if self.single:
            return self.Z
        return np.stack([self.Z[rows].sum(axis=0) for rows in self.members])

    @cached_property
    def kept(self) -> np.ndarray:
        """How many rows of each class stay in each fold, (fold, class)."""
        if self.single:
            return self.counts[None] - self.one_hot.astype(np.int64)
        gone = np.zeros((self.n_folds, self.n_classes), dtype=np.int64)
        np.add.at(gone, (self.fold, self.y), 1)
        return self.counts[None] - gone

    @cached_property
    def variance(self) -> np.ndarray:
        """The variance of each feature in each fold, (fold, feature)."""
        rest = (self.n - self.n_left)[:, None]
        left = self.Z * self.Z
        if not self.single:
            left = np.stack([left[rows].sum(axis=0) for rows in self.members])
        left += self.sums * self.sums / rest
        lost = left > 0.9 * self.squares
        variance = np.subtract(self.squares, left, out=left)
        variance /= rest
        # Little is left of the sum of squares, and rounding has a large share of that: compute it anew.
        for f in np.flatnonzero((lost & (self.squares > 0)).any(axis=1)):
            columns = np.flatnonzero(lost[f])
            variance[f, columns] = np.delete(self.X[:, columns], self.members[f], axis=0).var(axis=0)
        return np.maximum(variance, 0, out=variance)

    @cached_property
    def _scales(self) -> tuple[np.ndarray, np.ndarray]:
        # StandardScaler takes a feature for constant where its variance is below the rounding of its calculation.
        double = np.finfo(np.float64).eps
        rest = (self.n - self.n_left)[:, None]
        bound = self.sums / rest
        bound -= self.mean
        bound *= rest * double
        bound *= bound
        bound += rest * double * self.variance
        small = self.variance < 8 * bound
        small |= self.variance == 0
        if not small.any():
            return self.variance, np.zeros(self.n_folds, dtype=bool)
        return np.where(small, 1.0, self.variance), (small & (self.variance > bound / 8)).any(axis=1)

    @cached_property
    def far(self) -> np.ndarray:
        """Folds that leave out what a feature varies by nearly all, which takes digits from their moments, (fold,)."""
        rest = (self.n - self.n_left)[:, None]
        return (self.variance * rest < 1e-6 * self.squares).any(axis=1)

    @property
    def scale2(self) -> np.ndarray:
        """The squares of StandardScaler's scales, (fold, feature); ones without a scaler, (1, feature)."""
        return self._scales[0] if self.scaled else np.ones((1, self.d))

    @property
    def unclear(self) -> np.ndarray:
        """Folds in which rounding decides whether a feature is constant, or a single class is left, (fold,)."""
        bare = (self.kept > 0).sum(axis=1) < 2 if self.counts.min() < 2 or not self.single else None
        doubt = self._scales[1] if self.scaled else np.zeros(self.n_folds, dtype=bool)
        return doubt if bare is None else doubt | bare

    def offset(self, scale: np.ndarray) -> float:
        """How large the numbers that scikit-learn computes with are in units of `scale`, (feature,), at most."""
        low, high = self.X.min(axis=0), self.X.max(axis=0)
        if self.scaled:
            return float((np.maximum(high - self.mean, self.mean - low) / scale).max())
        return float(((np.maximum(high, -low) + np.abs(self.mean)) / scale).max())

    def chunks(self, width: int) -> Iterator[np.ndarray]:
        """Row numbers in pieces such that `width` numbers a row fit a block; rows of a fold follow each other."""
        size = max(1, BLOCK // max(width, 1))
        order = np.arange(self.n) if self.single else np.concatenate(self.members)
        for start in range(0, self.n, size):
            yield order[start : start + size]

    def decided(self, scores: np.ndarray, tolerance: np.ndarray) -> Answers:
        """Take the class of the highest score; not sure where another comes within the tolerance, (row,)."""
        codes = scores.argmax(axis=1)
        top = np.take_along_axis(scores, codes[:, None], axis=1)
        with np.errstate(invalid="ignore"):
            close = scores >= top - 2 * tolerance[:, None]
        unsure = (close.sum(axis=1) != 1) | ~np.isfinite(top[:, 0]) | ~np.isfinite(tolerance)
        return Answers(codes, np.where(unsure | self.unclear[self.fold], DOUBTFUL, SURE), scores, tolerance)


# ---------------------------------------------------------------------------------------------- nearest neighbours


def nearest_neighbours(data: LeftOut, *, k: int, brute: bool) -> Answers:
    """Vote among the k nearest rows; with a scaler each fold has its own metric.

    Parameters
    ----------
    data : LeftOut
    k : int
    brute : bool
        Whether scikit-learn takes distances from products, whose rounding grows with the norms of the rows.

    Returns
    -------
    Answers
        TIED where rows of several classes are exactly as near, which is decided in rational numbers. The lowest row
        wins there. Cost: one product of (row, 2 feature) and (2 feature, row).
    """
    Z, n = data.Z, data.n
    scales = data.scale2
    right = np.concatenate([Z * Z, Z], axis=1).T
    if not data.scaled:
        right = np.concatenate([np.einsum("ij,ij->i", Z, Z)[:, None], Z], axis=1).T
    codes = np.empty(n, dtype=np.int64)
    state = np.where(data.unclear[data.fold], DOUBTFUL, SURE)
    exact = _ExactDistances(data)
    # How many columns of rows pass through the cache at a time matters more than the fewest calls.
    for rows in data.chunks(max(4 * n, 8 * data.d)):
        z = Z[rows]
        weights = 1 / scales[data.fold[rows]] if data.scaled else None
        if weights is None:
            left = np.concatenate([np.ones((len(rows), 1)), -2 * z], axis=1)
            base = np.einsum("ij,ij->i", z, z)
        else:
            weighted = weights * z
            left = np.concatenate([weights, -2 * weighted], axis=1)
            base = np.einsum("ij,ij->i", weighted, z)
        D = left @ right
        if data.single:
            D[np.arange(len(rows)), rows] = np.inf
        else:
            D[data.fold[rows][:, None] == data.fold[None, :]] = np.inf
        if k == 1:
            nearest = D.argmin(axis=1)
            bound = D[np.arange(len(rows)), nearest]
            codes[rows] = data.y[nearest]
        else:
            nearest = np.argpartition(D, k - 1, axis=1)[:, :k]
            bound = np.take_along_axis(D, nearest, axis=1).max(axis=1)
            votes = np.zeros((len(rows), data.n_classes), dtype=np.int64)
            np.add.at(votes, (np.arange(len(rows))[:, None], data.y[nearest]), 1)
            codes[rows] = votes.argmax(axis=1)
        size = base + np.einsum("ij,ij->i", data.X[rows], data.X[rows]) if brute and not data.scaled else base
        slack = 4 * data.slack_distance * (size + np.maximum(bound + base, 0))
        bound = bound + slack
        many = np.flatnonzero(np.count_nonzero(bound[:, None] >= D, axis=1) > k)
        for r in many[state[rows[many]] == SURE]:
            t = int(rows[r])
            near = np.flatnonzero(D[r] <= bound[r])
            if (data.y[near] == data.y[near[0]]).all():
                continue
            codes[t], state[t] = _settle_row(data, t, near, k, None if weights is None else weights[r], brute, exact)
    return Answers(codes, state)


def _settle_row(
    data: LeftOut,
    t: int,
    near: np.ndarray,
    k: int,
    weights: np.ndarray | None,
    brute: bool,
    exact: _ExactDistances,
) -> tuple[int, int]:
    """Class and state of row t from the rows that may be among its k nearest, by differences."""
    steps = (data.X[near] - data.X[t]) ** 2
    distances = steps.sum(axis=1) if weights is None else steps @ weights
    size = distances.max()
    if data.scaled or brute:
        if weights is None:
            norms = (data.X[near] ** 2).sum(axis=1).max() + (data.X[t] ** 2).sum()
        else:
            f = data.fold[t]
            z = data.Z[np.append(near, t)] + data.sums[f] / (data.n - data.n_left[f])
            norms = 2 * ((z * z) @ weights).max()
        size = size + norms if brute or data.eps > 1e-10 else size + np.sqrt(size * norms)
    return _settle(data, near, distances, k, 2 * data.slack_distance * size, lambda some: exact.keys(t, some))


def _settle(
    data: LeftOut,
    near: np.ndarray,
    distances: np.ndarray,
    k: int,
    slack: float,
    exact: Callable[[np.ndarray], list[Any] | None],
) -> tuple[int, int]:
    """Class and state from the distances of all rows that may be among the k nearest, in ascending order of rows."""
    labels = data.y[near]
    last = np.partition(distances, k - 1)[k - 1]
    inside = distances < last - slack
    edge = np.flatnonzero(~inside & (distances <= last + slack))
    need = k - int(inside.sum())

    def vote(chosen: np.ndarray) -> int:
        votes = np.bincount(labels[inside], minlength=data.n_classes)
        return int((votes + np.bincount(labels[chosen], minlength=data.n_classes)).argmax())

    if len(edge) == need or (labels[edge] == labels[edge[0]]).all():
        return vote(edge[:need]), SURE
    keys = exact(near[edge])
    if keys is None:
        return vote(edge[:need]), DOUBTFUL
    value = sorted(keys)[need - 1]
    before = edge[[key < value for key in keys]]
    same = edge[[key == value for key in keys]]
    free = need - len(before)
    chosen = np.concatenate([before, same[:free]])
    tied = len(same) > free and (labels[same] != labels[same[0]]).any()
    return vote(chosen), TIED if tied else DOUBTFUL


class _ExactDistances:
    """Squared distances as rational numbers, less that of the first row asked for: what decides what a tie is."""

    def __init__(self, data: LeftOut) -> None:
        self.data = data
        self._columns: dict[int, tuple[list[int], int, int, int]] = {}

    def keys(self, t: int, near: np.ndarray) -> list[Fraction]:
        """Numbers that compare as the distances of `near` from row t do."""
        X = self.data.X
        sums: list[dict[Fraction, Fraction]] = []
        own = X[t]
        varies = (X[near] != X[near[0]]).any(axis=0)
        metric = {int(j): self._weight(t, int(j)) for j in np.flatnonzero(varies)}
        for i in near:
            total: dict[Fraction, Fraction] = {}
            for j, weight in metric.items():
                step = Fraction(float(own[j])) - Fraction(float(X[i, j]))
                total[weight] = total.get(weight, Fraction(0)) + step * step
            sums.append(total)
        first = sums[0]
        return [sum(((total[w] - first[w]) * w for w in first if total[w] != first[w]), Fraction(0)) for total in sums]

    def _weight(self, t: int, j: int) -> Fraction:
        """One over the exact variance of column j without the fold of row t."""
        data = self.data
        f = int(data.fold[t])
        if not data.scaled or (data.scale2[f, j] == 1 and data.variance[f, j] != 1):
            return Fraction(1)
        if j not in self._columns:
            mantissa, exponent = np.frexp(data.X[:, j])
            low = int(exponent.min())
            values = [int(m) << (int(e) - low) for m, e in zip((mantissa * 2.0**53).astype(np.int64), exponent)]
            self._columns[j] = values, sum(values), sum(v * v for v in values), low - 53
        values, total, squares, power = self._columns[j]
        left = [values[i] for i in data.members[f]]
        rest = data.n - len(left)
        total -= sum(left)
        squares -= sum(v * v for v in left)
        return Fraction(rest * rest) / (Fraction(2) ** (2 * power) * (rest * squares - total * total))


# ------------------------------------------------------------------------------------------- ridge, discriminant


def ridge(data: LeftOut, *, alpha: float) -> Answers:
    """Ridge regression on the classes as -1 and 1, each row left out alone.

    Parameters
    ----------
    data : LeftOut
        Of single rows.
    alpha : float

    Returns
    -------
    Answers
        Cost: one product of (row, feature) and (feature, feature), a few with a scaler.

    Notes
    -----
    With the Gram matrix G of all rows less their mean, z a row less the mean, and f = n / (n - 1), a fold's normal
    matrix is G - f z z' + P, where P is alpha without a scaler, and alpha times the fold's variances with one, in
    which the row is felt as a diagonal of order 1 / n. Sherman and Morrison's formula undoes f z z', a few terms of
    Neumann's series the diagonal.
    """
    Z, n = data.Z, data.n
    f = n / (n - 1)
    gram = data.gram
    change = None
    wide = data.d > n and not data.scaled
    if data.scaled:
        penalty = alpha * np.where(data.flat, 1.0, data.squares / (n - 1))
        change = penalty - alpha * data.scale2
    elif wide:
        # Without a scaler only angles and lengths count, and n coordinates hold them.
        Z = np.asarray(np.linalg.qr(Z.T, mode="r")).T
        gram = Z.T @ Z
        penalty = np.full(Z.shape[1], alpha)
    else:
        penalty = np.full(data.d, alpha)
    unit = np.sqrt(np.diag(gram) + penalty)
    normal = gram / unit
    normal /= unit[:, None]
    normal[np.diag_indices_from(normal)] = 1
    inverse = np.linalg.inv(normal)
    condition = np.abs(normal).sum(axis=0).max() * np.abs(inverse).sum(axis=0).max()
    if data.d >= n:  # scikit-learn solves for the rows then, whose lengths may differ much
        condition = max(condition, 1 + np.trace(gram) / penalty.min() if not data.scaled else n * data.d / alpha)
    inverse /= unit
    inverse /= unit[:, None]
    Q = Z @ inverse
    first = Q.copy() if data.scaled else Q
    error = np.zeros(n)
    if change is not None:
        active = np.arange(n)
        for _ in range(60):
            following = first[active] + (change[active] * Q[active]) @ inverse
            moved = (np.abs(following - Q[active]) * unit).max(axis=1)
            size = (np.abs(following) * unit).max(axis=1)
            error[active] = np.divide(moved, size, out=np.zeros(len(size)), where=size > 0)
            Q[active] = following
            active = active[error[active] > 4 * data.eps]
            if len(active) == 0:
                break
    counts = data.counts
    mean_y = 2 * counts / n - 1
    h = f * np.einsum("ij,ij->i", Q, Z)
    # The row's own target, less the mean, comes off the sums of products that the others keep.
    own = 2 * data.one_hot - 1 - mean_y
    means = data.one_hot.T @ Z / np.maximum(counts, 1)[:, None] if wide else data.class_means
    products = (2 * counts[:, None] * means).T
    rest = 1 - h
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = f * (Q @ products - h[:, None] * own) / rest[:, None] + mean_y - own / (n - 1)
        scores[data.kept == 0] = -np.inf
        reach = data.offset(np.full(data.d, unit.min()) if wide else np.where(data.flat, np.inf, unit))
        tolerance = data.slack * (
            condition * (2 + np.abs(np.where(np.isfinite(scores), scores, 0)).max(axis=1)) / rest
            + reach * np.sqrt(data.d * n * condition / rest)
            + data.eps * n / alpha * np.max(data.mean[data.flat] ** 2, initial=0)
        )
    tolerance[~(data.slack * condition <= LINEAR * rest) | ~(error <= 1e-12)] = np.inf
    return data.decided(scores, tolerance)


def kernel_machine(data: LeftOut, *, C: float, gamma: float) -> Answers:
    """Least-squares support vector machine with a Gaussian kernel; rows may be left out in groups.

    Parameters
    ----------
    data : LeftOut
        Without a scaler.
    C, gamma : float

    Returns
    -------
    Answers
        Cost: row ** 3, and for each fold the cube of the rows that it leaves out.

    Notes
    -----
    With P the inverse of the bordered kernel matrix without its border, and a the weights fitted on all rows, the
    scores of rows g that are left out are their targets less the solution of ``P[g, g] x = a[g]`` (Cawley,
    Leave-one-out cross-validation based model selection criteria for weighted LS-SVMs, IJCNN 2006, section III).
    """
    Z, n = data.Z, data.n
    squares = np.einsum("ij,ij->i", Z, Z)
    distances = squares[:, None] + squares - 2 * (Z @ Z.T)
    np.maximum(distances, 0, out=distances)
    np.fill_diagonal(distances, 0)
    normal = np.exp(-gamma * distances)
    normal[np.diag_indices(n)] += 1 / C
    inverse = np.linalg.inv(normal)
    ones = inverse.sum(axis=1)
    inverse -= np.outer(ones, ones) / ones.sum()
    targets = 2 * data.one_hot - 1
    weights = inverse @ targets
    if data.single:
        least = np.diag(inverse).copy()
        with np.errstate(divide="ignore", invalid="ignore"):
            scores = targets - weights / least[:, None]
    else:
        least, scores = np.empty(n), np.empty_like(targets)
        for rows in data.members:
            block = inverse[np.ix_(rows, rows)]
            lowest = float(np.linalg.eigvalsh(block)[0])
            least[rows] = lowest
            scores[rows] = targets[rows] - np.linalg.solve(block, weights[rows]) if lowest > 0 else 0.0
    condition = (1 + n * C) * (1 + gamma * float(squares.max()))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = data.slack * condition * C / least
        tolerance = share * (2 + np.abs(scores).max(axis=1))
    tolerance[~(share <= LINEAR) | ~(least > 0)] = np.inf
    scores[data.kept[data.fold] == 0] = -np.inf
    return data.decided(scores, tolerance)


@lru_cache(maxsize=1)
def _discriminant_divides_by_rows() -> bool:
    """Whether scikit-learn's LDA (svd) divides the scatter within classes by n, as from 1.9, or by n less classes."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    model = LinearDiscriminantAnalysis().fit(np.array([[-1.0], [1.0], [9.0], [11.0]]), np.array([0, 0, 1, 1]))
    return bool(model.coef_[0, 0] > 7.5)  # 10 / (scatter 4 / 4) = 10, or 10 / (4 / 2) = 5


def _degrees(n: Any, classes: Any) -> Any:
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
        degrees = _degrees(n - 1, K - lone.astype(int))
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


# -------------------------------------------------------------------------------------- centroids, naive Bayes


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


# ------------------------------------------------------------------ any fold by its moments, with components or not


@dataclass
class _Fold:
    """One fold in its own coordinates: less the mean, scaled, projected."""

    f: int
    rows: np.ndarray
    points: np.ndarray
    """Its rows, (row, coordinate)."""
    means: np.ndarray
    """Of the classes that are left, (class, coordinate)."""
    within: np.ndarray
    total: np.ndarray
    kept: np.ndarray
    classes: np.ndarray
    offset: float
    """The largest size of a feature in units of its scale."""
    noise: float
    """What rounding makes of the squares of constant features."""
    floor: float
    """Sums of squares below this may be rounding."""
    slack: float
    """Relative rounding of the sums."""


def _components(data: LeftOut, f: int, total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Principal components of a fold, (feature, component), and for each count how much rounding grows."""
    values, vectors = np.linalg.eigh(total)
    return vectors[:, ::-1], _growth(data, np.array([f]), values[None, ::-1])[0]


def _growth(data: LeftOut, folds: np.ndarray, values: np.ndarray) -> np.ndarray:
    """How much rounding grows in the first 1, 2, ... components of some folds, (fold, count).

    It tilts the space of the first components by so many eps: the top eigenvalue over the gap below them.
    """
    top = np.maximum(values[:, 0], 0)
    if not data.scaled:  # scikit-learn takes products of numbers that aren't centred yet
        rest = data.n - data.n_left[folds]
        top = top + rest * ((data.mean - data.sums[folds] / rest[:, None]) ** 2).sum(axis=1)
    gap = np.full(values.shape, np.inf)
    gap[:, :-1] = values[:, :-1] - values[:, 1:]
    nothing = values <= values.shape[1] * data.eps * top[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = 2 + np.where(nothing, 0.0, top[:, None] / np.maximum(gap, 0))
    growth[nothing.any(axis=1)] += data.n  # what counts as nothing may be spread over few rows
    growth[top == 0] = np.inf
    return growth


def _totals(data: LeftOut, folds: np.ndarray) -> np.ndarray:
    """Sums of products of the rows of some folds about their means, scaled, (fold, feature, feature)."""
    rest = (data.n - data.n_left[folds]).astype(float)
    sums = data.sums[folds]
    if data.single:
        totals = sums[:, :, None] * (-(1 + 1 / rest)[:, None] * sums)[:, None, :]
    else:
        totals = sums[:, :, None] * (-sums / rest[:, None])[:, None, :]
        for total, f in zip(totals, folds):
            total -= data.Z[data.members[f]].T @ data.Z[data.members[f]]
    totals += data.gram
    if data.scaled:
        scale = 1 / np.sqrt(data.scale2[folds])
        totals *= scale[:, None, :]
        totals *= scale[:, :, None]
    return totals


def _folds(data: LeftOut, n_components: int | None) -> Iterator[_Fold]:
    scatter = data.residuals.T @ data.residuals
    spread = np.maximum(np.diag(scatter), data.squares)
    for f, rows in enumerate(data.members):
        kept = data.kept[f]
        classes = np.flatnonzero(kept)
        rest = data.n - len(rows)
        mean = -data.sums[f] / rest
        u, y = data.residuals[rows], data.y[rows]
        gone = np.zeros((data.n_classes, data.d))
        np.add.at(gone, y, u)
        means = (data.class_means - gone / np.maximum(kept, 1)[:, None])[classes] - mean
        weight = np.sqrt(1 / np.maximum(kept[classes], 1))[:, None] * gone[classes]
        within = scatter - u.T @ u - weight.T @ weight
        points = data.Z[rows] - mean
        total = within + (kept[classes, None] * means).T @ means
        scale = np.sqrt(data.scale2[f]) if data.scaled else np.ones(data.d)
        within = within / scale / scale[:, None]
        total = total / scale / scale[:, None]
        points, means = points / scale, means / scale
        # What the downdate has cancelled: the sums of all rows over what is left of them.
        with np.errstate(divide="ignore", invalid="ignore"):
            left = np.where(data.flat, spread, np.maximum(np.diag(total), 0) * scale**2)
            share = float(np.nanmax(spread / left, initial=1.0))
        floor = 0.0
        if n_components is not None:
            floor = 100 * data.slack * share * float(np.trace(total))
            vectors, growth = _components(data, f, total)
            k = min(n_components, rest, data.d)
            vectors = vectors[:, :k]
            share *= float(growth[k - 1])
            points, means = points @ vectors, means @ vectors
            within, total = vectors.T @ within @ vectors, vectors.T @ total @ vectors
        offset, noise = 1.0, 0.0
        if not data.scaled:
            size = np.abs(data.X[rows]).max(axis=0) + np.abs(data.mean)
            if n_components is not None:
                size = np.full(len(total), np.sqrt((size**2).sum()))
            else:
                size[data.flat] = 0
                noise = data.eps * rest * float(np.max(data.mean[data.flat] ** 2, initial=0))
            with np.errstate(divide="ignore", invalid="ignore"):
                offset = float(np.nanmax(size / np.sqrt(np.maximum(np.diag(total), 0) / rest), initial=1.0))
        yield _Fold(f, rows, points, means, within, total, kept, classes, offset, noise, floor, data.slack * share)


def projected_classes(data: LeftOut, rule: str, *, parameter: float, n_components: int | None) -> Answers:
    """Classify rows that are left out in groups, or after principal components, from the moments of each fold.

    Parameters
    ----------
    data : LeftOut
    rule : "ridge", "discriminant" or "centroid"
    parameter : float
        Ridge's penalty, or the tolerance of the discriminant analysis.
    n_components : int, optional
        Principal components kept; None for no such step.

    Returns
    -------
    Answers
        Cost: folds x feature ** 3.
    """
    scores = np.full((data.n, data.n_classes), -np.inf)
    tolerance = np.full(data.n, np.inf)
    score = {"ridge": _ridge_scores, "discriminant": _discriminant_scores, "centroid": _centroid_scores}[rule]
    for fold in _folds(data, n_components):
        if len(fold.classes) < 2 or data.far[fold.f] or not fold.slack * fold.offset <= LINEAR:
            continue
        found = score(fold, parameter)
        if found is not None:
            scores[np.ix_(fold.rows, fold.classes)] = found[0]
            tolerance[fold.rows] = fold.slack * found[1]
    return data.decided(scores, tolerance)


def _ridge_scores(fold: _Fold, alpha: float) -> tuple[np.ndarray, np.ndarray] | None:
    counts = fold.kept[fold.classes]
    rest = counts.sum()
    normal = fold.total.copy()
    normal[np.diag_indices_from(normal)] += alpha
    unit = np.sqrt(np.diag(normal))
    if not (unit > 0).all():
        return None
    inverse = np.linalg.inv(normal / unit / unit[:, None])
    condition = np.abs(normal / unit / unit[:, None]).sum(axis=0).max() * np.abs(inverse).sum(axis=0).max()
    if len(unit) > rest:  # scikit-learn solves for the rows then, whose lengths may differ much
        condition = max(condition, 1 + np.trace(fold.total) / alpha)
    if not fold.slack * condition <= LINEAR:
        return None
    slopes = inverse @ (2 * counts[:, None] * fold.means / unit).T
    points = fold.points / unit
    scores = points @ slopes + 2 * counts / rest - 1
    sizes = np.abs(points) @ np.abs(slopes).max(axis=1) + 2
    return scores, condition * sizes + fold.offset * np.abs(slopes).sum(axis=0).max() / np.sqrt(
        rest
    ) + fold.noise / alpha


def _discriminant_scores(fold: _Fold, tol: float) -> tuple[np.ndarray, np.ndarray] | None:
    counts = fold.kept[fold.classes]
    rest, n_classes = int(counts.sum()), len(counts)
    unit = np.sqrt(np.maximum(np.diag(fold.within), 0))
    if not (unit**2 > fold.floor).all() or len(unit) >= rest - n_classes:
        return None
    values, vectors = np.linalg.eigh(fold.within / unit / unit[:, None])
    if not values[0] > max(4 * tol**2, fold.slack * len(unit) / LINEAR):
        return None
    turn = vectors / np.sqrt(values) / unit[:, None]
    means, points = fold.means @ turn, fold.points @ turn
    between = np.linalg.svd(np.sqrt(counts)[:, None] * means, compute_uv=False)
    if not between[min(n_classes - 1, len(unit)) - 1] > 2 * tol * between[0]:
        return None
    degrees = _degrees(rest, n_classes)
    distances = degrees * ((points[:, None] - means) ** 2).sum(axis=2)
    largest = distances.max(axis=1)
    # The share of the noise in features that hardly vary within classes, as the sums of all rows have it.
    lost = float((np.diag(fold.total) / unit**2).max())
    if not fold.slack * lost <= LINEAR:
        return None
    wrong = (lost + len(unit) / values[0]) * (1 + largest)
    wrong = wrong + fold.offset * np.sqrt(lost * len(unit) * degrees * largest / rest / values[0])
    return np.log(counts / rest) - 0.5 * distances, wrong


def _centroid_scores(fold: _Fold, _: float) -> tuple[np.ndarray, np.ndarray] | None:
    distances = ((fold.points[:, None] - fold.means) ** 2).sum(axis=2)
    size = (fold.points**2).sum(axis=1) + distances.min(axis=1)
    return -distances, 4 * size + fold.offset**2 * np.trace(fold.total) / fold.kept.sum()


# ------------------------------------------------------------------------- nearest neighbours after components


def projected_neighbours(data: LeftOut, *, k: int, n_components: int) -> Answers:
    """Vote among the k nearest rows in the first principal components of each fold.

    Returns
    -------
    Answers
        TIED where copies of one row have several classes; the lowest row wins there. Other rows that are as near, but
        for rounding, are DOUBTFUL. Cost: folds x (feature ** 3 + row x feature x component).
    """
    codes = np.zeros(data.n, dtype=np.int64)
    state = np.where(data.unclear[data.fold], DOUBTFUL, SURE)
    sizes = _sizes(data)
    for f, rows in enumerate(data.members):
        vectors, growth = _components(data, f, _totals(data, np.array([f]))[0])
        count = min(n_components, data.n - len(rows), data.d)
        scale = np.sqrt(data.scale2[f if data.scaled else 0])
        points = data.Z @ (vectors[:, :count] / scale[:, None])
        slack = data.slack * growth[count - 1]
        if not slack <= LINEAR or data.far[f]:
            state[rows] = DOUBTFUL
        for t in rows[state[rows] == SURE]:
            distances = ((points - points[t]) ** 2).sum(axis=1)
            distances[rows] = np.inf
            bound = np.partition(distances, k - 1)[k - 1]
            limit = slack * (sizes[f] + bound)
            near = np.flatnonzero(distances <= bound + 2 * limit)
            codes[t], state[t] = _settle(data, near, distances[near], k, 2 * limit, lambda some: _copies(data, some))
    return Answers(codes, state)


def _sizes(data: LeftOut) -> np.ndarray:
    """How large squared lengths are in each fold, at most, as scikit-learn computes with them, (fold,)."""
    rest = (data.n - data.n_left)[:, None]
    if not data.scaled:
        means = data.mean - data.sums / rest
        return 4 * (float((data.X**2).sum(axis=1).max()) + (means**2).sum(axis=1))
    unit = np.where(data.flat, 1.0, data.squares / data.n)
    means = data.sums / rest
    longest = float((data.Z**2 @ (1 / unit)).max()) + (means**2 / unit).sum(axis=1)
    return 4 * longest * (unit / data.scale2).max(axis=1)


def _copies(data: LeftOut, rows: np.ndarray) -> list[int] | None:
    """Equal keys where all rows are the same, None where they differ."""
    return [0] * len(rows) if (data.X[rows] == data.X[rows[0]]).all() else None


def nearest_neighbours_by_count(data: LeftOut) -> tuple[np.ndarray, np.ndarray]:
    """Take the class of the nearest row in the first 1, 2, ... principal components of each fold.

    Returns
    -------
    codes, state : arrays, (row, count)
        As in `projected_neighbours`. Cost: folds x (row x feature ** 2 + feature ** 3).
    """
    from filterbank.kernels.nearest import nearest_for_each_count

    n, d = data.n, data.d
    n_counts = min(d, n - int(data.n_left.max()))
    codes = np.zeros((n, n_counts), dtype=np.int64)
    state = np.where(data.unclear[data.fold], DOUBTFUL, SURE)[:, None].repeat(n_counts, axis=1)
    Z = data.Z
    unit = np.sqrt(np.where(data.flat, 1.0, data.squares / n))
    scaled = Z / unit
    rough = np.ascontiguousarray(scaled.T, dtype=np.float32)
    longest = np.sqrt((scaled * scaled).sum(axis=1).max() if data.scaled else (Z * Z).sum(axis=1).max())
    sizes = _sizes(data)
    size = max(1, BLOCK // (4 * n * d))  # projections are to stay in the cache until they are used
    for start in range(0, data.n_folds, size):
        folds = np.arange(start, min(start + size, data.n_folds))
        values, vectors = np.linalg.eigh(_totals(data, folds))
        share = data.slack * _growth(data, folds, values[:, ::-1])
        turns = np.ascontiguousarray(vectors.transpose(0, 2, 1)[:, ::-1][:, :n_counts])
        reach = np.full(len(folds), longest)
        if data.scaled:
            scale2 = data.scale2[folds]
            turns /= np.sqrt(scale2)[:, None]
            reach *= np.sqrt((unit * unit / scale2).max(axis=1))
        reach = np.maximum(reach, np.finfo(np.float64).tiny)
        single = (turns * (unit / reach[:, None])[:, None]).astype(np.float32)
        points = (single.reshape(-1, d) @ rough).reshape(len(folds), n_counts, n)
        # Products of d terms, each rounded, of vectors whose lengths are 1 and `reach` at most, in units of it.
        wrong = np.stack([reach, np.full(len(folds), (d + 4) * 2.0**-24)], axis=1)
        members = [data.members[f] for f in folds]
        rows = np.concatenate(members)
        which = np.repeat(np.arange(len(folds)), [len(m) for m in members])
        unknown = ~(share[:, :n_counts] <= LINEAR)
        share[:, :n_counts][unknown] = 0
        state[rows] = np.where(unknown[which] | data.far[folds][which][:, None], DOUBTFUL, state[rows])
        nearest = np.empty((len(rows), n_counts), dtype=np.int64)
        sure = np.empty((len(rows), n_counts), dtype=np.bool_)
        nearest_for_each_count(
            points, wrong, turns, Z, which, rows, data.fold, data.y, share, sizes[folds], nearest, sure
        )
        codes[rows] = data.y[nearest]
        for r, k in np.argwhere(~sure):
            t, s = rows[r], which[r]
            if state[t, k] != SURE:
                continue
            distances = (((Z - Z[t]) @ turns[s, : k + 1].T) ** 2).sum(axis=1)
            distances[members[s]] = np.inf
            best = distances.min()
            near = np.flatnonzero(distances <= best + share[s, k] * (sizes[folds[s]] + best))
            state[t, k] = DOUBTFUL if _copies(data, near) is None else TIED
            codes[t, k] = data.y[near[0]]
    return codes, state
