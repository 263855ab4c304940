"""20,000 descriptors of 64 numbers in float32: words of 256, VLAD and Fisher vectors of 64 words."""

from __future__ import annotations

import numpy as np

from benchmarks.harness import Contender, Row, absent, assert_agree, race, rows_of
from filterbank import VLAD, BagOfWords, FisherVector

FISHER, LEARN = "skimage.feature.fisher_vector", "sklearn.mixture.GaussianMixture"
WORDS, VQ = "sklearn.cluster.KMeans.predict, counted", "scipy.cluster.vq.vq, counted"
HAND = "sklearn.cluster.KMeans.predict, a sum a word"
DEMANDS = {FISHER: 1.0, WORDS: 1.0, VQ: 1.0, HAND: 1.0}


def run(quick: bool) -> list[Row]:
    """Race the coding of descriptors, with codebooks that are the same."""
    n, d, few, many = (600, 8, 4, 9) if quick else (20_000, 64, 64, 256)
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(few, d))
    descriptors = (centres[rng.integers(few, size=n)] + rng.normal(size=(n, d))).astype(np.float32)
    words = BagOfWords(many).fit(descriptors[: n // 2], np.random.default_rng(0))
    vlad = VLAD(few).fit(descriptors[: n // 2], np.random.default_rng(0))
    fisher = FisherVector(few, n_components=None, improved=False).fit(descriptors[: n // 2], np.random.default_rng(0))
    rows = _race_words(words, descriptors, 1, quick)  # one signal is coded by one thread; threads share signals
    rows += _race_vlad(vlad, descriptors, 1, quick)
    return rows + _race_fisher(fisher, descriptors, 1, quick)


def ours(pool: BagOfWords | VLAD | FisherVector, descriptors: np.ndarray) -> np.ndarray:
    state = pool.init(descriptors.shape[1], 1)
    return pool.finish(pool.update(state, descriptors.T, (np.arange(len(descriptors)),)))


def kmeans(words: np.ndarray) -> object:
    """scikit-learn's k-means with given words."""
    from sklearn.cluster import KMeans

    words = words.astype(np.float32)
    model = KMeans(len(words), init=words, n_init=1, max_iter=1).fit(words)
    model.cluster_centers_ = np.ascontiguousarray(words)
    return model


def _race_words(pool: BagOfWords, descriptors: np.ndarray, threads: int, quick: bool) -> list[Row]:
    from scipy.cluster.vq import vq

    model, n = kmeans(pool.words_), len(pool.words_)
    codebook = np.ascontiguousarray(pool.words_.astype(np.float32))
    contenders = [
        Contender("BagOfWords", lambda: ours(pool, descriptors), "ours"),
        Contender(WORDS, lambda: np.bincount(model.predict(descriptors), minlength=n) / len(descriptors)),
        Contender(VQ, lambda: np.bincount(vq(descriptors, codebook)[0], minlength=n) / len(descriptors)),
    ]
    expected = contenders[0].run()
    for contender in contenders[1:]:  # a descriptor midway between two words may go either way
        assert_agree(contender.run(), expected, tolerance=2e-2, what=contender.name)
    medians = race(contenders, threads=threads, repeats=2 if quick else 9)
    return rows_of("bag of words", contenders, medians, threads=threads, demands=DEMANDS)


def _race_vlad(pool: VLAD, descriptors: np.ndarray, threads: int, quick: bool) -> list[Row]:
    model = kmeans(pool.words_ + pool.mean_)

    def by_hand() -> np.ndarray:
        nearest = model.predict(descriptors)
        sums = np.stack([(descriptors[nearest == k] - c).sum(axis=0) for k, c in enumerate(model.cluster_centers_)])
        sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
        return (sums / np.linalg.norm(sums)).ravel()

    contenders = [Contender("VLAD", lambda: ours(pool, descriptors), "ours"), Contender(HAND, by_hand, "handwritten")]
    assert_agree(by_hand(), ours(pool, descriptors), tolerance=2e-2, what=HAND)
    medians = race(contenders, threads=threads, repeats=2 if quick else 9)
    return rows_of("VLAD", contenders, medians, threads=threads, demands=DEMANDS, note="scikit-image has none")


def _race_fisher(pool: FisherVector, descriptors: np.ndarray, threads: int, quick: bool) -> list[Row]:
    try:
        from skimage.feature import fisher_vector
    except ImportError:
        return [absent("Fisher vector", FISHER, "library", threads=threads, demand=1.0, why="no scikit-image")]
    from sklearn.mixture import GaussianMixture

    mixture = GaussianMixture(len(pool.weights_), covariance_type="diag")
    scale = np.diag(pool.axes_)  # components are responses, brought to unit variance
    mixture.weights_, mixture.means_ = pool.weights_, pool.means_ / scale + pool.mean_
    mixture.covariances_ = pool.covariances_ / scale**2
    mixture.precisions_cholesky_ = 1 / np.sqrt(mixture.covariances_)
    contenders = [
        Contender("FisherVector", lambda: ours(pool, descriptors), "ours"),
        Contender(FISHER, lambda: fisher_vector(descriptors, mixture)),
    ]
    by_mean, by_deviation = np.split(contenders[1].run()[len(pool.weights_) :], 2)
    expected = np.concatenate([by_mean, -by_deviation])
    assert_agree(contenders[0].run(), expected, tolerance=1e-3, what=FISHER)
    medians = race(contenders, threads=threads, repeats=2 if quick else 9)
    return rows_of("Fisher vector", contenders, medians, threads=threads, demands=DEMANDS)
