"""Bags of words, VLAD, Fisher vectors and pyramids against independent implementations, and what they are told."""

import pickle
import tracemalloc

import numpy as np
import pytest
import scipy.cluster.vq
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.feature import fisher_vector
from sklearn.mixture import GaussianMixture
from sklearn.utils.estimator_checks import parametrize_with_checks

from filterbank import (
    VLAD,
    BagOfWords,
    FilterBank,
    FisherVector,
    GaussianBank,
    HogBank,
    InputError,
    Moments,
    MultiScaleBank,
    Proportion,
    Pyramid,
    Representation,
    SiftBank,
    Signals,
    WindowedBank,
    respond,
)
from filterbank.engine import sample_responses
from filterbank.kernels.words import pick_words
from filterbank.pools.joint import WordScores

RNG = np.random.default_rng(5)
IMAGES = [RNG.random(shape).astype(np.float32) for shape in ((70, 64), (48, 90), (64, 64))]
JETS = GaussianBank(2, sigmas=[1.0, 2.0], orders=[1, 2])
SCALES = MultiScaleBank([SiftBank(bin_size=size, hop=size, normalise="root") for size in (3, 4, 6)])


def descriptors_of(representation, image):
    """All descriptors (descriptor, response) of an image, and the samples at which they lie, bank by bank."""
    found, places = [], []
    for part, _ in representation.bank_.parts(joint=True):
        responses, where = respond(part, image)
        found.append(responses.reshape(len(responses), -1).T)
        places.append(np.stack([w.ravel() for w in np.meshgrid(*where, indexing="ij")], axis=1))
    return np.concatenate(found), np.concatenate(places)


@parametrize_with_checks(
    [
        Representation(GaussianBank(sigmas=[1.0]), BagOfWords(2), random_state=0),
        Representation(GaussianBank(sigmas=[1.0]), Pyramid(FisherVector(2, n_components=1)), random_state=0),
    ]
)
def test_sklearn_compatible(estimator, check):
    check(estimator)


@pytest.mark.parametrize("bank", [JETS, SCALES], ids=["jets", "scales"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_hard_words_are_scipys(bank, dtype):
    images = [image.astype(dtype) for image in IMAGES]
    words = Representation(bank, BagOfWords(7), random_state=0).fit(images)
    codebook = words.pool_.words_
    assert codebook.shape == (7, len(words.bank_.response_table()))
    for image, row in zip(images, words.transform(images)):
        descriptors, _ = descriptors_of(words, image)
        nearest, _ = scipy.cluster.vq.vq(descriptors.astype(np.float64), codebook.astype(np.float64))
        np.testing.assert_allclose(row, np.bincount(nearest, minlength=7) / len(nearest), atol=1e-6)
        assert row.dtype == dtype
    rooted = Representation(bank, BagOfWords(7, root=True), random_state=0).fit_transform(images)
    np.testing.assert_allclose((rooted**2).sum(axis=1), 1, rtol=1e-5)


def test_soft_words_are_the_formula():
    pool = BagOfWords(4, assign="soft", sigma=0.3)
    words = Representation(JETS, pool, random_state=0).fit(IMAGES)
    for image, row in zip(IMAGES, words.transform(IMAGES)):
        descriptors, _ = descriptors_of(words, image.astype(np.float64))
        squares = ((descriptors[:, None] - words.pool_.words_) ** 2).sum(axis=2)
        weights = np.exp(-squares / (2 * 0.3**2))
        np.testing.assert_allclose(row, (weights / weights.sum(axis=1, keepdims=True)).mean(axis=0), atol=1e-5)
    own = BagOfWords(4, assign="soft").fit(descriptors, np.random.default_rng(0))
    nearest = ((descriptors[:, None] - own.words_) ** 2).sum(axis=2).min(axis=1)
    assert own.sigma_ == pytest.approx(np.sqrt(nearest.mean()) / 2, rel=1e-6)


@pytest.mark.parametrize("n_components", [None, 3])
def test_vlad_is_the_slow_one(n_components):
    vlad = Representation(JETS, VLAD(5, n_components=n_components), random_state=0).fit(IMAGES)
    pool = vlad.pool_
    for image, row in zip(IMAGES, vlad.transform([i.astype(np.float64) for i in IMAGES])):
        descriptors, _ = descriptors_of(vlad, image.astype(np.float64))
        components = (descriptors - pool.mean_) @ pool.axes_
        sums = np.zeros_like(pool.words_)
        for x in components:
            k = int(((x - pool.words_) ** 2).sum(axis=1).argmin())
            sums[k] += x - pool.words_[k]
        sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
        np.testing.assert_allclose(row, (sums / np.linalg.norm(sums)).ravel(), atol=1e-6)
    assert vlad.transform(IMAGES).shape == (3, 5 * (n_components or 10))
    assert np.linalg.norm(vlad.transform(IMAGES), axis=1) == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("improved", [True, False])
@pytest.mark.parametrize("n_components", [None, 4])
def test_fisher_is_scikit_images(improved, n_components):
    pool = FisherVector(3, n_components=n_components, improved=improved)
    fisher = Representation(JETS, pool, random_state=0).fit(IMAGES)
    pool = fisher.pool_
    mixture = GaussianMixture(3, covariance_type="diag")
    mixture.weights_, mixture.means_, mixture.covariances_ = pool.weights_, pool.means_, pool.covariances_
    mixture.precisions_cholesky_ = 1 / np.sqrt(pool.covariances_)
    for image, row in zip(IMAGES, fisher.transform([i.astype(np.float64) for i in IMAGES])):
        descriptors, _ = descriptors_of(fisher, image.astype(np.float64))
        theirs = fisher_vector((descriptors - pool.mean_) @ pool.axes_, mixture)[3:]  # after the weights' gradient
        means, deviations = np.split(theirs, 2)
        expected = np.concatenate([means, -deviations])  # theirs falls with the deviation
        if improved:
            expected = np.sign(expected) * np.sqrt(np.abs(expected))
            expected /= np.linalg.norm(expected)
        np.testing.assert_allclose(row, expected, atol=1e-9)
    single = fisher.transform(IMAGES)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, fisher.transform([i.astype(np.float64) for i in IMAGES]), atol=2e-3)


def test_fisher_components_are_of_unit_variance_and_uncorrelated():
    samples = RNG.normal(size=(500, 6)) @ RNG.normal(size=(6, 6)) + 3
    pool = FisherVector(2, n_components=4).fit(samples, np.random.default_rng(0))
    components = (samples - pool.mean_) @ pool.axes_
    np.testing.assert_allclose(np.cov(components.T, bias=True), np.eye(4), atol=1e-9)
    assert FisherVector(2, n_components=64).fit(samples, np.random.default_rng(0)).axes_.shape == (6, 6)


def test_a_signal_like_the_training_set_has_no_gradient():
    """The gradient of the likelihood vanishes over the samples to which the mixture was fitted."""
    samples = np.concatenate([RNG.normal(size=(400, 2)), RNG.normal(size=(400, 2)) + 9])
    pool = FisherVector(2, n_components=None, improved=False).fit(samples, np.random.default_rng(0))
    own = pool.finish(pool.update(pool.init(2, 1), samples.T, (np.arange(800),)))
    other = pool.finish(pool.update(pool.init(2, 1), samples.T + 1, (np.arange(800),)))
    assert np.abs(own).max() < 0.02 < 0.1 < np.abs(other).max()  # but for what is added to each variance


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_equally_near_words_are_settled_whatever_the_cut(data):
    n, d, k = data.draw(st.integers(2, 40)), data.draw(st.integers(1, 9)), data.draw(st.integers(2, 6))
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    words = rng.integers(-3, 4, size=(k, d)).astype(np.float64)
    descriptors = rng.integers(-3, 4, size=(n, d)).astype(data.draw(st.sampled_from([np.float32, np.float64])))
    scores = WordScores(np.zeros(d), np.eye(d), words)
    found = scores.nearest(descriptors)
    squares = ((descriptors[:, None].astype(np.float64) - words) ** 2).sum(axis=2)  # whole numbers: exact
    np.testing.assert_array_equal(found, squares.argmin(axis=1))
    cut = data.draw(st.integers(1, n - 1))
    parts = [scores.nearest(np.ascontiguousarray(part)) for part in (descriptors[:cut], descriptors[cut:])]
    np.testing.assert_array_equal(np.concatenate(parts), found)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_descriptors_midway_between_words_are_settled_one_by_one_as_together(dtype):
    rng = np.random.default_rng(0)
    words = rng.normal(size=(12, 37))
    pairs = rng.integers(12, size=(500, 2))
    descriptors = words[pairs].mean(axis=1).astype(dtype)
    scores = WordScores(np.zeros(37), np.eye(37), words)
    together = scores.nearest(descriptors)
    alone = np.concatenate([scores.nearest(one[np.newaxis]) for one in descriptors])
    np.testing.assert_array_equal(alone, together)
    raw = np.concatenate([scores.scores(one[np.newaxis])[0].argmax(axis=1) for one in descriptors])
    assert (raw != together).any()  # so that there is something to settle


@pytest.mark.parametrize("pool", [BagOfWords(4), VLAD(3), FisherVector(3)], ids=["words", "vlad", "fisher"])
def test_a_vocabulary_of_one_set_is_applied_to_another(pool):
    city, other = IMAGES[:2], IMAGES[2:]
    learned = Representation(SCALES, pool, random_state=0).fit(city)
    alone = learned.transform(other)
    np.testing.assert_array_equal(alone, learned.transform([*other, *city])[:1])  # whatever else is transformed
    again = Representation(SCALES, pool, random_state=0).fit(city)
    np.testing.assert_array_equal(again.transform(other), alone)
    revived = pickle.loads(pickle.dumps(learned))
    np.testing.assert_array_equal(revived.transform(other), alone)
    elsewhere = Representation(SCALES, pool, random_state=0).fit(other).transform(other)
    assert not np.allclose(elsewhere, alone)


def test_what_is_learned_depends_on_the_seed_alone():
    from threadpoolctl import threadpool_limits

    samples = RNG.normal(size=(3000, 6)).astype(np.float32)
    for pool in (BagOfWords(20), VLAD(8, n_components=3), FisherVector(5)):
        fitted = pool.fit(samples, np.random.default_rng(3))
        with threadpool_limits(2):
            again = pool.fit(samples, np.random.default_rng(3))
        other = pool.fit(samples, np.random.default_rng(4))
        name = "means_" if isinstance(pool, FisherVector) else "words_"
        np.testing.assert_array_equal(getattr(fitted, name), getattr(again, name))
        assert not np.array_equal(getattr(fitted, name), getattr(other, name))


def test_pyramid_cells_are_crops():
    images = [RNG.random((2, 13, 20)), RNG.random((2, 12, 9))]
    identity = FilterBank([np.ones((1, 1))], names=["x"])
    levels = [1, 2, (3, 1), 4]
    pyramid = Representation(identity, Pyramid(Moments(["mean", "max", "max_position"]), levels)).fit(images)
    table = pyramid.feature_table_
    for image, row in zip(images, pyramid.transform(images)):
        for grid, cell in {(r["grid"], r["cell"]) for _, r in table.iterrows()}:
            parts, at = [int(v) for v in grid.split("x")], [int(v) for v in cell.split(",")]
            rows, columns = ([p for p in range(n) if p * k // n == c] for n, k, c in zip(image.shape[1:], parts, at))
            crop = image[:, rows][:, :, columns]
            own = row[(table["grid"] == grid) & (table["cell"] == cell)]
            expected = []
            for channel in crop:
                place = np.unravel_index(channel.argmax(), channel.shape)
                expected += [channel.mean(), channel.max(), rows[place[0]], columns[place[1]]]
            np.testing.assert_allclose(own, expected, rtol=1e-12)
    assert table["feature"].is_unique
    assert table["feature"][0] == "channel0.x.mean"
    assert table["feature"][8] == "2x2[0,0].channel0.x.mean"


def test_pyramid_of_words_counts_in_each_cell():
    pool = BagOfWords(5)
    flat = Representation(SCALES, pool, random_state=0).fit(IMAGES)
    pyramid = Representation(SCALES, Pyramid(pool, levels=(1, 3)), random_state=0).fit(IMAGES)
    np.testing.assert_array_equal(pyramid.pool_.pool_.words_, flat.pool_.words_)
    got = pyramid.transform(IMAGES).reshape(3, 10, 5)
    np.testing.assert_array_equal(got[:, 0], flat.transform(IMAGES))
    for image, cells in zip(IMAGES, got[:, 1:]):
        descriptors, places = descriptors_of(flat, image)
        words = flat.pool_._words(np.ascontiguousarray(descriptors))
        own = places * 3 // np.array(image.shape)
        for c, cell in enumerate(cells):
            inside = words[(own[:, 0] == c // 3) & (own[:, 1] == c % 3)]
            np.testing.assert_allclose(cell, np.bincount(inside, minlength=5) / len(inside), atol=1e-6)


def test_thirds_of_a_sound_and_cells_without_positions():
    identity = FilterBank([np.ones(1)], names=["x"])
    thirds = Representation(identity, Pyramid(Moments(["mean", "min"]), levels=(3,)))
    assert thirds.fit_transform([np.array([1.0, 5.0])]).tolist() == [[1.0, 1.0, 5.0, 5.0, 0.0, 0.0]]
    assert thirds.fit_transform([np.arange(6.0)])[0].tolist() == [0.5, 0.0, 2.5, 2.0, 4.5, 4.0]
    learned = Representation(identity, Pyramid(Proportion(quantiles=[0.5]), levels=(1, 2)), random_state=0)
    assert learned.learns
    assert learned.fit_transform([np.arange(8.0)]).tolist() == [[0.5, 0.0, 1.0]]


def test_scales_are_one_population_in_proportion_to_their_numbers():
    signals = Signals.wrap([np.arange(200.0), np.arange(50.0)])
    bank = MultiScaleBank([FilterBank([np.ones(n) / n]) for n in (1, 101)]).prepare(signals.info, RNG)
    signals = Signals.wrap([np.arange(200.0), np.arange(150.0)])
    samples = sample_responses(bank, BagOfWords(), signals, max_samples=300, rng=np.random.default_rng(0))
    assert samples.shape == (300, 1)
    first, second = np.split(samples.ravel(), 2)  # as many of each signal
    for values, n in ((first, 200), (second, 150)):
        assert set(values.round(9)) <= set(range(n))  # a mean of so many whole numbers is one, too
    few = sample_responses(bank, BagOfWords(), signals, max_samples=10**6, rng=np.random.default_rng(0))
    assert len(few) == (200 + 100) + (150 + 50)  # every position of every scale, once
    np.testing.assert_array_equal(
        np.sort(few[:300].ravel().round(9)), np.sort(np.r_[np.arange(200), np.arange(50, 150)])
    )
    large = sum(
        len(np.unique(sample_responses(bank, BagOfWords(), signals[:1], max_samples=30, rng=np.random.default_rng(k))))
        for k in range(5)
    )
    assert large > 100  # drawn all over the signal


def test_moments_of_several_scales_are_those_of_all_responses():
    bank = MultiScaleBank([FilterBank([np.ones(n)]) for n in (1, 3)])
    x = RNG.normal(size=30)
    both = np.concatenate([x, np.convolve(x, np.ones(3), "valid")])
    got = Representation(bank, Moments(["mean", "std", "max"])).fit_transform([x])[0]
    np.testing.assert_allclose(got, [both.mean(), both.std(), both.max()], rtol=1e-12)


def test_features_have_names_and_words_are_explained():
    words = Representation(SCALES.banks[0], BagOfWords(3), random_state=0).fit(IMAGES)
    assert words.get_feature_names_out().tolist() == ["word0.share", "word1.share", "word2.share"]
    found = words.explain(IMAGES[0], "word1.share")
    assert found.response.mean() == pytest.approx(words.transform(IMAGES[:1])[0, 1], rel=1e-6)
    assert set(np.unique(found.response)) == {0.0, 1.0}
    assert found.response.shape == tuple(map(len, found.where))
    fisher = Representation(JETS, Pyramid(FisherVector(2, n_components=3)), random_state=0).fit(IMAGES)
    table = fisher.feature_table_
    assert len(table) == 5 * 2 * 2 * 3 == fisher.transform(IMAGES).shape[1]
    assert table["feature"].is_unique
    assert table["feature"].iloc[-1] == "2x2[1,1].word1.deviation[2]"
    vlad = Representation(JETS, VLAD(2), random_state=0).fit(IMAGES)
    assert vlad.get_feature_names_out()[0] == "word0.difference[gaussian[sigma=1,order=01]]"
    several = Representation(SCALES, BagOfWords(3), random_state=0).fit(IMAGES)
    with pytest.raises(InputError, match=r"feature='word1\.share' comes from 3 banks"):
        several.explain(IMAGES[0], "word1.share")


def test_memory_is_that_of_a_part_of_the_image():
    image = np.tile(RNG.random((64, 64)).astype(np.float32), (8, 8))
    bank = FilterBank([RNG.normal(size=(3, 3)) for _ in range(6)], pad="reflect")
    fisher = Representation(bank, FisherVector(64), random_state=0, block_size=(32, 512)).fit([image[:64, :64]])
    fisher.transform([image[:64, :64]])
    tracemalloc.start()
    fisher.transform([image])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10e6  # all posteriors would take 67 MB


@pytest.mark.parametrize(
    ("make", "shown"),
    [
        (lambda: Representation(JETS, BagOfWords(0)).fit(IMAGES), "n_words=0 is not a whole number, 1 or more"),
        (lambda: Representation(JETS, VLAD(2.5)).fit(IMAGES), r"n_words=2\.5 is not a whole number"),
        (
            lambda: Representation(JETS, FisherVector(99), max_samples=60).fit(IMAGES),
            "n_words=99 is not at most 60, the number of descriptors to learn from.*raise max_samples",
        ),
        (
            lambda: Representation(JETS, BagOfWords(3)).fit([np.zeros((9, 9))]),
            "n_words=3 is not at most 1, the number of different descriptors to learn from",
        ),
        (lambda: Representation(JETS, BagOfWords(3, assign="none")).fit(IMAGES), "assign='none' is not one of hard"),
        (
            lambda: Representation(JETS, BagOfWords(3, assign="soft", sigma=-1)).fit(IMAGES),
            "sigma=-1 is not a positive number",
        ),
        (
            lambda: Representation(JETS, VLAD(3, n_components=11)).fit(IMAGES),
            "n_components=11 is not None, or a whole number from 1 to 10, the number of responses",
        ),
        (lambda: Representation(JETS, Pyramid(Moments(), [0])).fit(IMAGES), r"levels=\[0\] is not a sequence of"),
        (lambda: Representation(JETS, Pyramid(Moments(), [(1, 2, 3)])).fit(IMAGES), r"levels=\[\(1, 2, 3\)\]"),
        (lambda: Representation(JETS, Pyramid(Moments(), [])).fit(IMAGES), r"levels=\[\] is not a sequence of at"),
        (
            lambda: Representation(MultiScaleBank([HogBank(), SiftBank()]), BagOfWords(3)).fit(IMAGES),
            "the banks have 36, 128 responses",
        ),
        (lambda: Representation(MultiScaleBank([]), BagOfWords(3)).fit(IMAGES), r"banks=\[\] is not a sequence"),
        (
            lambda: respond(Representation(SCALES, Moments()).fit(IMAGES).bank_, IMAGES[0]),
            "the 3 banks of a MultiScaleBank have no common positions",
        ),
        (
            lambda: Representation(WindowedBank(JETS, Pyramid(Moments()), window=4, hop=2), Moments()).fit(IMAGES),
            r"pool=Pyramid\(.*divides the whole signal",
        ),
        (
            lambda: Representation(FilterBank([np.ones((2, 2)) * 1j], readout="complex"), BagOfWords(2)).fit(IMAGES),
            "the bank's responses are complex",
        ),
        (
            lambda: Pyramid(Moments()).fit(np.ones((3, 2)), RNG).init(2, 1),
            "a Pyramid needs the extent of the signal",
        ),
    ],
)
def test_bad_parameters_are_named(make, shown):
    with pytest.raises(InputError, match=shown):
        make()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_words_are_picked_where_rounding_cannot_matter(dtype):
    rng = np.random.default_rng(0)
    products = rng.normal(size=(7, 40)).astype(dtype)
    bias = rng.normal(size=7).astype(dtype)
    scores = products + bias[:, np.newaxis]
    runner_up, best = np.sort(scores, axis=0)[-2:]
    squares = rng.random(40).astype(dtype)
    rounding = np.array([np.median(best - runner_up), 0.01], dtype)
    words, sure = np.full(40, -1), np.zeros(40, bool)
    pick_words(products, bias, squares, rounding, words, sure)
    np.testing.assert_array_equal(words, scores.argmax(axis=0))
    np.testing.assert_array_equal(sure, best - runner_up > rounding[0] * np.sqrt(squares) + rounding[1])
    assert 0 < sure.sum() < 40
    products[:, 3] = 1 - bias  # all alike
    pick_words(products, bias, squares, rounding, words, sure)
    assert not sure[3]
    pick_words(products[:1].copy(), bias[:1], squares, rounding, words, sure)
    assert sure.all()
    assert not words.any()
