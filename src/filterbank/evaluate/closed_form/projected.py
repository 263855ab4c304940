"""Any fold by its moments, with principal components or without: linear rules and nearest neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from filterbank.evaluate.closed_form.classes import degrees_of
from filterbank.evaluate.closed_form.left_out import BLOCK, DOUBTFUL, LINEAR, SURE, TIED, Answers, LeftOut
from filterbank.evaluate.closed_form.neighbours import settle

__all__ = ["nearest_neighbours_by_count", "projected_classes", "projected_neighbours"]


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
    degrees = degrees_of(rest, n_classes)
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
            codes[t], state[t] = settle(data, near, distances[near], k, 2 * limit, lambda some: _copies(data, some))
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
