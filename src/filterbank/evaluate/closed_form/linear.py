"""Ridge regression on the classes, and the least-squares support vector machine."""

from __future__ import annotations

import numpy as np

from filterbank.evaluate.closed_form.left_out import LINEAR, Answers, LeftOut

__all__ = ["kernel_machine", "ridge"]


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
