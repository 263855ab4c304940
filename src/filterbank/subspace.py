"""A classifier by the nearest affine subspace: the mean and some principal axes of each class."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from scipy.linalg import eigh
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from filterbank.errors import InputError, invalid
from filterbank.kernels import left_out_energies

__all__ = ["SubspaceClassifier"]

FOLDS = 10
"""Groups are left out in so many parts, at most."""


class SubspaceClassifier(ClassifierMixin, BaseEstimator):
    """The class whose affine subspace, its mean and leading principal axes, lies nearest to a sample.

    Bruna and Mallat, Invariant scattering convolution networks, IEEE Trans. PAMI 35(8), 2013, section 4: it does well
    with features that vary smoothly within a class, such as scattering, and with few samples a class.

    Parameters
    ----------
    n_components : int, optional
        Principal axes of each class: fewer than there are features, and as many as the class has, if fewer; 0 gives the
        nearest mean. None: the number up to `max_components` with the best accuracy in leave-one-out over the training
        set (with groups, leaving out each with its group); of equally good ones, the smallest.
    max_components : int
        How many are tried.

    Attributes
    ----------
    classes_ : array, (class,)
    means_ : array, (class, feature)
    axes_ : list of array, (component, feature)
    n_components_ : int
    leave_one_out_accuracy_ : array, (number of components + 1,)
        The accuracy over the training set, each sample left out of everything, with 0, 1, 2 ... components up to those
        that were tried (or asked for).
    leave_one_out_decision_ : array, (sample, class)
        Minus each training sample's squared distance from each class that it is left out of, with `n_components_`.

    Notes
    -----
    With groups, such as a signal and its changed copies, a sample is left out together with its whole group; of more
    than ten groups, a tenth of them together. That refits as many times.

    Leave-one-out is exact and in closed form: leaving out a sample changes only the subspace of its own class, whose
    new principal axes follow from the old ones by a secular equation. It costs, a class of `n` samples, `n**2` times
    the components, beside one singular value decomposition; refitting would cost `n` decompositions.

    Distances are not scaled: put a `StandardScaler` before it where features differ in unit.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> t = rng.normal(size=(40, 1))
    >>> X = np.concatenate([t[:20] * [1, 1, 0], t[20:] * [1, -1, 0]]) + 0.05 * rng.normal(size=(40, 3))
    >>> y = np.repeat(["up", "down"], 20)
    >>> model = SubspaceClassifier().fit(X, y)
    >>> model.n_components_, model.predict([[2, 2, 0], [2, -2, 0]]).tolist()
    (1, ['up', 'down'])
    """

    __metadata_request__fit: ClassVar[dict[str, bool]] = {"groups": True}

    def __init__(self, n_components: int | None = None, *, max_components: int = 100) -> None:
        self.n_components = n_components
        self.max_components = max_components

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        """Find each class's mean and principal axes, and how many to use.

        Parameters
        ----------
        X : array, (sample, feature)
        y : array, (sample,)
        groups : array, (sample,), optional
            Samples with the same value are left out together.

        Returns
        -------
        SubspaceClassifier
            Itself.
        """
        for name in ("n_components", "max_components"):
            value = getattr(self, name)
            optional = name == "n_components"
            if not (optional and value is None) and (not isinstance(value, (int, np.integer)) or value < 0):
                raise invalid(name, value, f"{'None, or ' if optional else ''}a whole number, 0 or more")
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32])
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError(f"y has 1 class, {self.classes_[0]!r}, and a classifier needs at least 2.")
        X = X.astype(np.float64, copy=False)
        most = int(self.max_components if self.n_components is None else self.n_components)
        most = min(most, len(X) - 1, X.shape[1] - 1)  # the whole space would be near everything
        self.means_ = np.stack([X[labels == k].mean(axis=0) for k in range(len(self.classes_))])
        if groups is None:
            self.axes_, distances = self._left_out_singly(X, labels, most)
        else:
            self.axes_ = [_leading(X[labels == k] - mean, most) for k, mean in enumerate(self.means_)]
            distances = _left_out_by_group(X, labels, _folds(groups, labels), most)
        right = distances.argmin(axis=1) == labels[:, np.newaxis]  # (sample, number)
        right &= np.isfinite(distances[np.arange(len(X)), labels])
        self.leave_one_out_accuracy_ = right.mean(axis=0)
        self.n_components_ = most if self.n_components is not None else int(self.leave_one_out_accuracy_.argmax())
        self.axes_ = [axes[: self.n_components_] for axes in self.axes_]
        self.leave_one_out_decision_ = -distances[:, :, self.n_components_]
        return self

    def _left_out_singly(self, X: np.ndarray, labels: np.ndarray, most: int) -> tuple[list[np.ndarray], np.ndarray]:
        """Each class's axes, and the distances (sample, class, number) of samples left out of their own class."""
        found = []
        distances = np.empty((len(X), len(self.classes_), most + 1))
        for k, mean in enumerate(self.means_):
            own = labels == k
            coordinates, spread, axes = _principal(X[own] - mean)
            found.append(axes[:most])
            distances[:, k] = _distances(X - mean, axes[:most], most)
            distances[own, k] = _left_out(coordinates, spread, most)
        return found, distances

    def decision_function(self, X: Any) -> np.ndarray:
        """Return minus the squared distance from each class's subspace.

        Parameters
        ----------
        X : array, (sample, feature)

        Returns
        -------
        array, (sample, class)
            With two classes (sample,): how much nearer the second is.
        """
        near = -self._squared(X)
        return near[:, 1] - near[:, 0] if len(self.classes_) == 2 else near

    def predict(self, X: Any) -> np.ndarray:
        """Return the class of the nearest subspace.

        Parameters
        ----------
        X : array, (sample, feature)

        Returns
        -------
        array, (sample,)
        """
        nearest = self._squared(X).argmin(axis=1)
        return self.classes_[nearest]

    def _squared(self, X: Any) -> np.ndarray:
        """Squared distances (sample, class)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False).astype(np.float64, copy=False)
        found = [_distances(X - mean, axes, len(axes))[:, -1] for mean, axes in zip(self.means_, self.axes_)]
        return np.stack(found, axis=1)


def _principal(centred: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates (sample, axis), eigenvalues of the scatter (axis,), axes (axis, feature); those that are not zero."""
    left, singular, axes = np.linalg.svd(centred, full_matrices=False)
    rank = int((singular > singular.max(initial=0.0) * max(centred.shape) * np.finfo(np.float64).eps).sum())
    return left[:, :rank] * singular[:rank], singular[:rank] ** 2, axes[:rank]


def _leading(centred: np.ndarray, most: int) -> np.ndarray:
    """The leading axes (axis, feature) alone, by the smaller of the two matrices of products."""
    n, d = centred.shape
    wide = d > n
    products = centred @ centred.T if wide else centred.T @ centred
    count = min(most, len(products))
    if count == 0:
        return np.empty((0, d))
    values, vectors = eigh(products, subset_by_index=(len(products) - count, len(products) - 1))
    kept = values > max(n, d) * np.finfo(np.float64).eps * max(values[-1], 0.0)
    values, vectors = values[kept][::-1], vectors[:, kept][:, ::-1]
    return (vectors.T @ centred) / np.sqrt(values)[:, np.newaxis] if wide else vectors.T


def _folds(groups: Any, labels: np.ndarray) -> np.ndarray:
    """The fold of each sample: groups dealt out in turn, class by class."""
    groups = np.asarray(groups)
    if groups.shape != labels.shape:
        raise InputError(
            f"groups has shape {groups.shape}; it must be one value for each of the {len(labels)} samples."
        )
    _, first, code = np.unique(groups, return_index=True, return_inverse=True)
    if len(first) < 2:
        raise invalid("groups", groups[:1].tolist()[0], "several groups", why="so that nothing is left to compare with")
    fold = np.empty(len(first), dtype=int)
    fold[np.lexsort((first, labels[first]))] = np.arange(len(first)) % min(FOLDS, len(first))
    return fold[code]


def _left_out_by_group(X: np.ndarray, labels: np.ndarray, folds: np.ndarray, most: int) -> np.ndarray:
    """Squared distances (sample, class, number) from the subspaces of other folds; infinite where there are none."""
    distances = np.full((len(X), labels.max() + 1, most + 1), np.inf)
    for fold in np.unique(folds):
        out = folds == fold
        for k in range(labels.max() + 1):
            own = X[(labels == k) & ~out]
            if len(own):
                mean = own.mean(axis=0)
                distances[out, k] = _distances(X[out] - mean, _leading(own - mean, most), most)
    return distances


def _distances(centred: np.ndarray, axes: np.ndarray, most: int) -> np.ndarray:
    """Squared distances from the subspaces of the first 0, 1, ... `most` axes, (sample, number)."""
    squares = (centred @ axes.T) ** 2
    total = np.einsum("ij,ij->i", centred, centred)
    out = np.empty((len(centred), most + 1))
    out[:, 0] = total
    out[:, 1 : len(axes) + 1] = total[:, np.newaxis] - np.cumsum(squares, axis=1)
    out[:, len(axes) + 1 :] = out[:, len(axes), np.newaxis]
    return np.maximum(out, 0.0)


def _left_out(coordinates: np.ndarray, eigenvalues: np.ndarray, most: int) -> np.ndarray:
    """The same of a class's own samples, each from the subspaces of all the others; infinite where there are none."""
    n, rank = coordinates.shape
    if n == 1:
        return np.full((1, most + 1), np.inf)
    factor = n / (n - 1)
    energies = np.zeros((n, most))
    if rank:
        own = np.ascontiguousarray(coordinates)
        # of n points about their mean, the others span a direction less than all do
        left_out_energies(own, eigenvalues, factor, 1e-12 * eigenvalues[0], energies[:, : max(rank, 0)])
        if rank >= n - 1:
            energies[:, n - 2 :] = 0.0
    total = factor**2 * np.einsum("ij,ij->i", coordinates, coordinates)
    out = np.concatenate([total[:, np.newaxis], total[:, np.newaxis] - np.cumsum(energies, axis=1)], axis=1)
    return np.maximum(out, 0.0)
