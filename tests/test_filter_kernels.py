"""The compiled filters against sums written out, and their vectors, bands, strips and threads against one another."""

import multiprocessing

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filterbank.kernels import filter_passes
from filterbank.kernels.filter_edges import maxima_along
from filterbank.kernels.filter_fft import overlap_save, segment_of
from filterbank.kernels.filter_passes import dense_passes, extension, separable_passes
from filterbank.kernels.filter_recursive import COSINES, DECAYS, RECURSIVE_ERROR, SINES, TURNS, recursive_passes
from filterbank.kernels.sharing import share

ALONE = extension(1, 0, 0, "zero")
PADS = ("symmetric", "reflect", "edge", "wrap", "zero")


def padded(array, sides, pad, constant):
    options = {"mode": "constant", "constant_values": constant} if pad == "zero" else {"mode": pad}
    return np.pad(array.astype(np.float64), sides, **options)


def written_out(volumes, taps):
    """A response at a time."""
    _, d, h, w = volumes.shape
    a, b, c = taps.shape
    out = np.empty((len(volumes), d - a + 1, h - b + 1, w - c + 1))
    for place in np.ndindex(out.shape):
        k, z, y, x = place
        out[place] = (volumes[k, z : z + a, y : y + b, x : x + c] * taps).sum()
    return out


@pytest.mark.parametrize("pad", PADS)
def test_an_axis_goes_on_as_numpy_pads(pad):
    for n in (1, 2, 5):
        for before, after in ((0, 3), (13, 7)):
            found = extension(n, before, after, pad)
            numbers = np.r_[found.before, np.arange(n), found.after]
            mode = "constant" if pad == "zero" else pad
            options = {"constant_values": -1} if pad == "zero" else {}
            np.testing.assert_array_equal(numbers, np.pad(np.arange(n), (before, after), mode=mode, **options))


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 9), st.integers(1, 150)),
    st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(1, 9)),
    st.sampled_from(PADS),
    st.sampled_from([np.float32, np.float64]),
    st.integers(1, 4),
)
def test_dense_and_separable_sums(shape, extent, pad, dtype, n_threads):
    rng = np.random.default_rng(0)
    volumes = rng.normal(size=shape).astype(dtype)
    taps = rng.normal(size=extent)
    sides = [((e - 1) // 2, e // 2) for e in extent]
    ends = tuple(extension(n, *side, pad) for n, side in zip(shape[1:], sides))
    expected = written_out(padded(volumes, [(0, 0), *sides], pad, 1.5), taps)
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    found, finite = dense_passes(volumes, taps, ends=ends, constant=1.5, n_threads=n_threads)
    assert finite
    np.testing.assert_allclose(found, expected, atol=tolerance * np.abs(taps).sum())
    np.testing.assert_array_equal(found, dense_passes(volumes, taps, ends=ends, constant=1.5, plain=True)[0])

    images, rows, columns = volumes[:, 0], taps[0, 0], taps[0, :, 0]
    whole = np.outer(columns, rows)[np.newaxis]
    expected = written_out(padded(images[:, np.newaxis], [(0, 0), (0, 0), *sides[1:]], pad, 1.5), whole)[:, 0]
    options = {"ends": ends[1:], "constant": 1.5}
    found, finite = separable_passes(images, rows, columns, n_threads=n_threads, **options)
    assert finite
    np.testing.assert_allclose(found, expected, atol=tolerance * np.abs(whole).sum())
    np.testing.assert_array_equal(found, separable_passes(images, rows, columns, plain=True, **options)[0])


@pytest.mark.parametrize("shape", [(1, 300, 700), (1, 1, 30_000), (5, 40, 41)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_how_work_is_cut_changes_no_bit(shape, dtype, monkeypatch):
    images = np.random.default_rng(0).normal(size=shape).astype(dtype)
    rows, columns = np.random.default_rng(1).normal(size=(2, 13))
    if shape[1] == 1:
        columns = columns[:1]
    ends = tuple(extension(n, len(t) // 2, len(t) // 2, "reflect") for n, t in zip(shape[1:], (columns, rows)))
    taps = np.outer(columns, rows)[np.newaxis]

    def both(n_threads=1):
        one = separable_passes(images, rows, columns, ends=ends, n_threads=n_threads)[0]
        return one, dense_passes(images[:, np.newaxis], taps, ends=(ALONE, *ends), n_threads=n_threads)[0]

    whole = both()
    monkeypatch.setattr(filter_passes, "SHARED_FROM", 0)
    for n_threads in (2, 3, 7):
        for one, other in zip(both(n_threads), whole):
            np.testing.assert_array_equal(one, other)
    monkeypatch.setattr(filter_passes, "BAND_BYTES", 1 << 12)
    monkeypatch.setattr(filter_passes, "WIDEST_STRIP", 128)
    for one, other in zip(both(2), whole):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("place", [(0, 0), (17, 130), (39, 299)])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("plain", [False, True])
def test_what_isn_t_finite_is_told(place, bad, plain):
    image = np.random.default_rng(0).normal(size=(1, 40, 300)).astype(np.float32)
    ends = extension(40, 1, 1, "edge"), extension(300, 1, 1, "edge")
    assert separable_passes(image, np.ones(3), np.ones(3), ends=ends, plain=plain)[1]
    image[(0, *place)] = bad
    assert not separable_passes(image, np.ones(3), np.ones(3), ends=ends, plain=plain)[1]
    assert not dense_passes(image[:, np.newaxis], np.ones((1, 3, 3)), ends=(ALONE, *ends), plain=plain)[1]


def test_the_sum_of_recursions_is_as_near_a_gaussian_as_stated():
    t = np.linspace(0, 12, 20_001)
    found = sum(
        np.exp(-d * t) * (c * np.cos(w * t) + s * np.sin(w * t)) for d, w, c, s in zip(DECAYS, TURNS, COSINES, SINES)
    )
    error = np.abs(found - np.exp(-(t**2) / 2)).max()
    assert RECURSIVE_ERROR / 4 < error <= RECURSIVE_ERROR


@pytest.mark.parametrize("sigma", [0.3, 1.0, 7.5, 60.0])
def test_the_impulse_response_of_recursions_is_a_gaussian(sigma):
    line = np.zeros((1, 1001, 1))
    line[0, 500] = 1
    found = recursive_passes(line, sigma, ends=extension(1001, 0, 0, "zero"), constant=0.0)[0, :, 0]
    x = np.arange(-500, 501)
    expected = np.exp(-0.5 * (x / sigma) ** 2)
    expected /= expected.sum()
    np.testing.assert_allclose(found, expected, atol=5 * RECURSIVE_ERROR * expected.max())
    assert found.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("shape", [(1, 50, 1), (2, 50, 1), (3, 50, 7), (21, 50, 1), (1, 50, 19)])
def test_lines_side_by_side_are_what_they_are_alone(shape):
    stack = np.random.default_rng(0).normal(size=shape)
    ends = extension(50, 4, 4, "wrap")
    found = recursive_passes(stack, 3.0, ends=ends, n_threads=2)
    for line in np.ndindex(shape[0], shape[2]):
        alone = recursive_passes(stack[line[0], :, line[1]].reshape(1, -1, 1), 3.0, ends=ends)
        np.testing.assert_array_equal(found[line[0], :, line[1]], alone[0, :, 0])
    np.testing.assert_array_equal(found, recursive_passes(stack, 3.0, ends=ends, plain=True))


def test_recursions_answer_a_constant_with_itself_also_at_the_ends():
    for ends, constant in ((extension(30, 0, 0, "edge"), None), (extension(30, 0, 0, "zero"), 5.0)):
        found = recursive_passes(np.full((1, 30, 1), 5.0), 40.0, ends=ends, constant=constant)
        np.testing.assert_allclose(found, 5, rtol=1e-11)


def maxima_slowly(parts, magnitude, least):
    """A sample at a time, with linear interpolation by coordinates."""
    from scipy.ndimage import map_coordinates

    gradient = np.stack(parts)
    out = np.zeros(magnitude.shape, dtype=bool)
    for place in np.ndindex(magnitude.shape):
        if any(not 0 < p < n - 1 for p, n in zip(place, magnitude.shape)) or magnitude[place] < least:
            continue
        step = gradient[(slice(None), *place)]
        step = step / np.abs(step).max()
        ways = np.stack([np.array(place) + step, np.array(place) - step], axis=1)
        out[place] = (magnitude[place] >= map_coordinates(magnitude, ways, order=1)).all()
    return out


@pytest.mark.parametrize("shape", [(60,), (20, 25), (9, 10, 11)])
def test_maxima_along_the_gradient(shape):
    parts = np.random.default_rng(0).normal(size=(len(shape), *shape))
    magnitude = np.sqrt((parts**2).sum(axis=0))
    found = maxima_along(list(parts), magnitude, 0.5)
    assert 0.02 < found.mean() < 0.5
    np.testing.assert_array_equal(found, maxima_slowly(parts, magnitude, 0.5))


def test_maxima_are_those_of_scikit_image():
    suppression = pytest.importorskip("skimage.feature._canny_cy")._nonmaximum_suppression_bilinear
    parts = np.random.default_rng(0).normal(size=(2, 60, 70))
    magnitude = np.sqrt((parts**2).sum(axis=0))
    inside = np.zeros(magnitude.shape, dtype=np.uint8)
    inside[1:-1, 1:-1] = 1
    expected = suppression(*parts, magnitude, inside, 0.3) > 0
    np.testing.assert_array_equal(maxima_along(list(parts), magnitude, 0.3), expected)


@pytest.mark.parametrize("taps", [3, 64, 257, 1500])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_overlapping_segments_are_what_numpy_convolves(taps, dtype):
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=40_000).astype(dtype), rng.normal(size=taps)
    segment = segment_of(taps, 30_000)
    starts = np.arange(0, len(x) - segment.size, segment.step)
    found = np.full(len(starts) * segment.step, np.nan, dtype=dtype)
    ends = np.arange(len(starts)) * segment.step
    overlap_save(x, starts, kernel, found, ends, segment=segment)
    expected = np.convolve(x.astype(np.float64), kernel, "valid")[: len(found)]
    tolerance = 1e-6 if dtype == np.float32 else 1e-14
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())
    again = np.empty_like(found)
    overlap_save(x, starts, kernel, again, ends, segment=segment, n_threads=3)
    np.testing.assert_array_equal(again, found)


def test_segments_are_long_enough_and_no_longer_than_pays():
    for taps in (1, 100, 3_000, 200_000):
        size, step, cost = segment_of(taps, 1_000_000)
        assert step % 16 == 0
        assert 0 < step <= size - taps + 1
        assert 0 < cost < np.inf
    assert segment_of(1 << 20, 10).cost == np.inf  # longer than any
    assert segment_of(100, 1_000).size < segment_of(100, 1_000_000).size


def test_shared_work_comes_back_in_order_and_errors_come_through():
    assert share(lambda i: i * i, [(i,) for i in range(50)], 4) == [i * i for i in range(50)]
    assert share(lambda i: share(lambda j: i + j, [(0,), (1,)], 3), [(0,), (5,)], 3) == [[0, 1], [5, 6]]
    with pytest.raises(ZeroDivisionError):
        share(lambda i: 1 / i, [(i,) for i in range(-3, 9)], 3)


def test_shared_work_is_done_in_a_forked_process_which_has_no_helpers():
    assert share(abs, [(-1,), (-2,)], 2) == [1, 2]
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=lambda: queue.put(share(abs, [(-3,), (-4,)], 2)))
    child.start()
    child.join(30)
    assert child.exitcode == 0
    assert queue.get() == [3, 4]
