"""Kernels of low rank over images, pooled as they come, against SciPy's dense convolution and NumPy's statistics."""

import importlib
import os
import platform
import subprocess
import sys

import numpy as np
import pytest
import scipy.ndimage
from scipy.signal import convolve2d

from filterbank.design import direction, gabor
from filterbank.errors import InputError
from filterbank.kernels.factors import factor, flops
from filterbank.kernels.separable_pool import separable_pool

TOLERANCE = {np.float32: 2e-5, np.float64: 1e-10}


def gabors(frequency, sigma, *, orientations=4):
    """Real and imaginary parts by turns."""
    angles = np.pi * np.arange(orientations) / orientations
    kernels = [gabor(frequency, sigma, direction(2, angle)) for angle in angles]
    return [part for kernel in kernels for part in (kernel.real, kernel.imag)]


def gaussian_derivatives(sigma, radius):
    x = np.arange(-radius, radius + 1)
    g = np.exp(-(x**2) / (2 * sigma**2))
    first, second = -x / sigma**2 * g, (x**2 / sigma**4 - 1 / sigma**2) * g
    return [np.outer(a, b) for a, b in ((g, g), (g, first), (first, g), (g, second), (first, first), (second, g))]


def plain(images, kernels, lo, hi, modulus, thresholds=None):
    """The twin: every response is written out, in float64, and then pooled."""
    out = {"count": [], "mean": [], "square": [], "min": [], "max": [], "above": []}
    for image in images:
        responses = []
        for kernel, low, high in zip(kernels, lo, hi):
            whole = convolve2d(image.astype(np.float64), kernel, "valid")
            responses.append(whole[low[0] : whole.shape[0] - high[0], low[1] : whole.shape[1] - high[1]])
        if modulus:
            responses = [np.hypot(a, b) for a, b in zip(responses[::2], responses[1::2])]
        out["count"].append([r.size for r in responses])
        out["mean"].append([r.mean() for r in responses])
        out["square"].append([r.var() * r.size for r in responses])
        out["min"].append([r.min() for r in responses])
        out["max"].append([r.max() for r in responses])
        if thresholds is not None:
            out["above"].append([[(r > level).sum() for level in row] for r, row in zip(responses, thresholds)])
    return {name: np.array(value) for name, value in out.items() if value}


def assert_same(found, expected, tolerance):
    np.testing.assert_array_equal(found["count"], expected["count"])
    deviation = np.sqrt(expected["square"] / expected["count"])
    scale = np.maximum(deviation, tolerance * np.abs(expected["mean"])).max() + 1e-30
    for name in ("mean", "min", "max"):
        assert np.abs(found[name] - expected[name]).max() <= tolerance * scale, name
    assert np.abs(np.sqrt(found["square"] / found["count"]) - deviation).max() <= tolerance * scale


def windows(kernels, pairs=1):
    rng = np.random.default_rng(5)
    lo = np.repeat(rng.integers(0, 4, (len(kernels) // pairs, 2)), pairs, axis=0)
    hi = np.repeat(rng.integers(0, 4, (len(kernels) // pairs, 2)), pairs, axis=0)
    return [tuple(map(int, pair)) for pair in lo], [tuple(map(int, pair)) for pair in hi]


def rebuilt(factors):
    return [
        sum(
            (m * np.outer(factors.columns[p], factors.rows[factors.row_of[p]]) for p, m in enumerate(row)), np.zeros(())
        )
        for row in factors.mix
    ]


@pytest.mark.parametrize("modulus", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_states_are_those_of_dense_convolution(dtype, modulus):
    rng = np.random.default_rng(0)
    kernels = gabors(0.2, 2.0) + gabors(0.11, 3.1, orientations=3) + list(rng.standard_normal((2, 4, 7)))
    lo, hi = windows(kernels, 2)
    images = [
        rng.standard_normal(shape).astype(dtype) for shape in ((40, 61), (131, 33), (27, 150), (90, 78), (64, 128))
    ]
    found = separable_pool(images, kernels, lo=lo, hi=hi, modulus=modulus)
    assert_same(found, plain(images, kernels, lo, hi, modulus), TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_size_from_one_position_up_to_two_strips(dtype):
    rng = np.random.default_rng(1)
    kernels = [*gaussian_derivatives(1.0, 3), np.outer([1.0, 2, 3], [1.0, 0, -1, 4])]
    lo = hi = [(0, 0)] * len(kernels)
    images = [rng.random((7 + (n + 2) % 3, n)).astype(dtype) for n in range(7, 75)]
    images += [rng.random((n, 7 + n % 2)).astype(dtype) for n in range(8, 150, 3)]
    found = separable_pool(images, kernels, lo=lo, hi=hi)
    expected = plain(images, kernels, lo, hi, False)
    assert found["count"].min() == 1
    assert_same(found, expected, TOLERANCE[dtype])


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 6), (40, 3), (3, 40), (101, 97)])
def test_kernels_of_any_shape_and_rank(shape):
    rng = np.random.default_rng(2)
    kernels = [*rng.standard_normal((2, *shape)), np.outer(rng.random(shape[0]), rng.random(shape[1]))]
    kernels += [np.zeros(shape), kernels[0] * 3, kernels[1][::-1], np.eye(*shape)]
    image = rng.standard_normal((160, 140))
    lo, hi = windows(kernels)
    found = separable_pool([image], kernels, lo=lo, hi=hi)
    assert_same(found, plain([image], kernels, lo, hi, False), 1e-9)


@pytest.mark.parametrize(
    ("pad", "mode"),
    [("wrap", "wrap"), ("reflect", "mirror"), ("symmetric", "reflect"), ("edge", "nearest"), ("zero", "constant")],
)
def test_padded_images_answer_as_scipy_does(pad, mode):
    rng = np.random.default_rng(3)
    images = [rng.random(shape) + 5 for shape in ((50, 70), (12, 20), (9, 200), (3, 4))]
    kernels = gaussian_derivatives(2.0, 6) + gaussian_derivatives(1.0, 3)
    trim = [(6 - kernel.shape[0] // 2,) * 2 for kernel in kernels]
    found = separable_pool(images, kernels, lo=trim, hi=trim, halo=((6, 6), (6, 6)), pad=pad)
    for i, image in enumerate(images):
        responses = np.array([scipy.ndimage.convolve(image, kernel, mode=mode) for kernel in kernels])
        np.testing.assert_allclose(found["mean"][i], responses.mean(axis=(1, 2)), atol=1e-12)
        np.testing.assert_allclose(found["square"][i] / image.size, responses.var(axis=(1, 2)), rtol=1e-9, atol=1e-18)
        np.testing.assert_allclose(found["min"][i], responses.min(axis=(1, 2)), atol=1e-12)
        np.testing.assert_allclose(found["max"][i], responses.max(axis=(1, 2)), atol=1e-12)


def test_padding_on_the_way_is_padding_before():
    rng = np.random.default_rng(10)
    images = [rng.random(shape).astype(np.float32) for shape in ((40, 90), (7, 5), (150, 33))]
    kernels = [*gaussian_derivatives(1.0, 4), rng.random((2, 5))]
    lo, hi = windows(kernels)
    halo = ((9, 4), (3, 8))
    for pad, mode in (("wrap", "wrap"), ("reflect", "reflect"), ("symmetric", "symmetric"), ("edge", "edge")):
        found = separable_pool(images, kernels, lo=lo, hi=hi, halo=halo, pad=pad)
        padded = [np.pad(image, halo, mode=mode) for image in images]
        assert_same(found, plain(padded, kernels, lo, hi, False), TOLERANCE[np.float32])


@pytest.mark.parametrize("modulus", [False, True])
@pytest.mark.parametrize("offset", [1e3, -1e4])
def test_deviations_keep_their_digits_beside_a_large_constant(offset, modulus):
    rng = np.random.default_rng(4)
    images = [(rng.standard_normal((200, 300)) + offset).astype(np.float32) for _ in range(2)]
    kernels = [*gabors(0.15, 2.0), *gaussian_derivatives(1.5, 5)]
    lo = hi = [(0, 0)] * len(kernels)
    found = separable_pool(images, kernels, lo=lo, hi=hi, modulus=modulus)
    expected = plain(images, kernels, lo, hi, modulus)
    np.testing.assert_allclose(np.sqrt(found["square"]), np.sqrt(expected["square"]), rtol=1e-4)
    deviation = np.sqrt(expected["square"] / expected["count"])
    assert (np.abs(found["mean"] - expected["mean"]) <= 1e-4 * deviation).all()


def test_counts_above_thresholds():
    rng = np.random.default_rng(6)
    image = rng.standard_normal((99, 71)) + 3
    for modulus in (False, True):
        kernels = gabors(0.2, 1.5)
        lo, hi = windows(kernels, 2)
        n = len(kernels) // (1 + modulus)
        levels = rng.standard_normal((n, 3)) * 0.1
        found = separable_pool([image], kernels, lo=lo, hi=hi, modulus=modulus, want=["max"], thresholds=levels)
        expected = plain([image], kernels, lo, hi, modulus, levels)
        np.testing.assert_array_equal(found["above"], expected["above"])
        assert found["above"].max() > 0
        assert sorted(found) == ["above", "count", "max"]


@pytest.mark.parametrize("n_images", [1, 5])
def test_threads_change_no_bit(n_images):
    rng = np.random.default_rng(7)
    images = [rng.random((150, 90 + 40 * i)).astype(np.float32) for i in range(n_images)]
    kernels = gabors(0.2, 2.0)
    lo = hi = [(1, 2)] * len(kernels)
    levels = np.zeros((len(kernels), 1))
    one, *others = (
        separable_pool(images, kernels, lo=lo, hi=hi, thresholds=levels, n_threads=n) for n in (1, 2, 3, 16)
    )
    for other in others:
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


def test_an_image_answers_alike_alone_and_among_others_and_by_any_layout():
    rng = np.random.default_rng(8)
    image = rng.random((60, 50))
    kernels = gaussian_derivatives(1.0, 3)
    lo = hi = [(0, 0)] * len(kernels)
    alone = separable_pool([image], kernels, lo=lo, hi=hi)
    among = separable_pool([rng.random((80, 81)), np.asfortranarray(image)], kernels, lo=lo, hi=hi)
    for name in alone:
        np.testing.assert_array_equal(alone[name][0], among[name][1])


def test_without_vectors_the_states_are_the_same(monkeypatch):
    rng = np.random.default_rng(0)
    kernels = [*gabors(0.2, 1.5), *rng.standard_normal((2, 3, 8))]
    lo, hi = windows(kernels, 2)
    images = [rng.random(shape) for shape in ((40, 75), (20, 25))]
    module = importlib.import_module("filterbank.kernels.passes")
    monkeypatch.setattr(module, "available", lambda: False)
    found = separable_pool(images, kernels, lo=lo, hi=hi, modulus=True)
    assert_same(found, plain(images, kernels, lo, hi, True), 1e-10)


def test_the_states_are_the_same_on_a_processor_with_short_vectors(tmp_path):
    script = """
import sys, numpy as np
from filterbank.kernels.separable_pool import separable_pool
image, kernels, out = sys.argv[1:]
states = separable_pool([np.load(image)], list(np.load(kernels)), lo=[(0, 1)] * 8, hi=[(2, 0)] * 8)
np.savez(out, **states)
"""
    image = np.random.default_rng(0).random((40, 75)).astype(np.float32)
    kernels = gabors(0.2, 1.5)
    paths = [str(tmp_path / name) for name in ("image.npy", "kernels.npy", "out.npz")]
    np.save(paths[0], image)
    np.save(paths[1], kernels)
    older = {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    if platform.machine() not in ("x86_64", "AMD64"):
        older["NUMBA_CPU_NAME"] = "generic"
    run = subprocess.run(
        [sys.executable, "-c", script, *paths], env={**os.environ, **older}, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    expected = plain([image], kernels, [(0, 1)] * 8, [(2, 0)] * 8, False)
    assert_same(dict(np.load(paths[2])), expected, TOLERANCE[np.float32])


def test_factors_rebuild_the_kernels():
    rng = np.random.default_rng(9)
    banks = [
        gabors(0.2, 2.0, orientations=7),
        gaussian_derivatives(1.3, 4),
        list(rng.standard_normal((5, 6, 9))),
        [np.zeros((3, 3)), np.eye(3), np.ones((3, 3))],
    ]
    for kernels in banks:
        for found, kernel in zip(rebuilt(factor(kernels)), kernels):
            assert np.linalg.norm(found - kernel) <= 1e-7 * np.linalg.norm(kernel)


def test_factors_are_shared():
    found = factor(gaussian_derivatives(1.3, 4))
    assert (len(found.rows), len(found.columns)) == (3, 6)
    plus_laplacian = gaussian_derivatives(1.3, 4)
    plus_laplacian.append(plus_laplacian[3] + plus_laplacian[5])
    found = factor(plus_laplacian)
    assert (len(found.rows), len(found.columns)) == (3, 6)
    # Four orientations: cos - c g, sin, g at 0 and 90 degrees, cos and sin at 45 and 135, and their products
    found = factor(gabors(0.2, 2.0))
    assert (len(found.rows), len(found.columns)) == (5, 9)


def test_flops_count_what_is_done():
    kernels = gaussian_derivatives(1.3, 4)
    counts = flops(kernels, (512, 512))
    assert counts["separable"] == 2 * (3 * 9 + 6 * 9)
    assert counts["dense"] == 2 * 6 * 81
    random = list(np.random.default_rng(0).standard_normal((4, 9, 9)))
    assert flops(random, (512, 512))["separable"] > flops(random, (512, 512))["dense"]


def test_what_cannot_be_done_is_said():
    image, kernel = np.zeros((8, 8)), np.ones((3, 3))
    zero = [(0, 0)]

    def message(images, kernels, **changed):
        arguments = {"lo": zero * len(kernels), "hi": zero * len(kernels), **changed}
        with pytest.raises(InputError) as error:
            separable_pool(images, kernels, **arguments)
        return str(error.value)

    assert "image 1 has shape (2, 9)" in message([image, np.zeros((2, 9))], [kernel])
    assert "no position" in message([image], [kernel], lo=[(3, 3)], hi=[(3, 3)])
    assert "image 0 is float64 with shape (0, 8)" in message([image[:0]], [kernel])
    assert "image 0 is int64" in message([image.astype(np.int64)], [kernel])
    assert "image 1 is float32" in message([image, image.astype(np.float32)], [kernel])
    assert "kernel 0 is complex128" in message([image], [kernel * 1j])
    assert "3 kernels" in message([image], [kernel] * 3, modulus=True)
    assert "(3, 3) and (5, 5)" in message([image], [kernel, np.ones((5, 5))], modulus=True)
    assert "'median'" in message([image], [kernel], want=["median"])
    assert "thresholds=(2, 1)" in message([image], [kernel], thresholds=np.zeros((2, 1)))
    assert "n_threads=0" in message([image], [kernel], n_threads=0)
    assert "0 images" in message([], [kernel])
    assert "pad='mirror'" in message([image], [kernel], pad="mirror", halo=((1, 1), (1, 1)))
    assert "halo=((1, -1), (1, 1))" in message([image], [kernel], pad="edge", halo=((1, -1), (1, 1)))
    assert "lo=[(-1, 0)]" in message([image], [kernel], lo=[(-1, 0)])


@pytest.mark.parametrize("modulus", [False, True])
def test_positions_of_maxima_are_found_and_the_first_of_equal_ones(modulus):
    rng = np.random.default_rng(12)
    images = [rng.standard_normal(shape) for shape in ((40, 75), (131, 33), (90, 140))]
    kernels = gabors(0.2, 1.5)
    lo, hi = windows(kernels, 2)
    options = {"lo": lo, "hi": hi, "modulus": modulus, "want": ["position", "max"]}
    found = separable_pool(images, kernels, exact=True, **options)
    for image, places, most in zip(images, found["position"], found["max"]):
        responses = [
            convolve2d(image, kernel, "valid")[a[0] : image.shape[0], a[1] : image.shape[1]]
            for kernel, a in zip(kernels, lo)
        ]
        responses = [r[: r.shape[0] - b[0], : r.shape[1] - b[1]] for r, b in zip(responses, hi)]
        if modulus:
            responses = [np.hypot(a, b) for a, b in zip(responses[::2], responses[1::2])]
        np.testing.assert_array_equal(places, [np.unravel_index(r.argmax(), r.shape) for r in responses])
        np.testing.assert_allclose(most, [r.max() for r in responses])
    crops = separable_pool([image[3:] for image in images], kernels, exact=True, **options)
    below = (found["position"] >= [3, 0]).all(axis=2)  # bit for bit, wherever an image begins
    np.testing.assert_array_equal(crops["max"][below], found["max"][below])
    flat = [rng.integers(0, 3, shape).astype(np.float32) for shape in ((40, 75), (150, 40), (1, 90))]
    late = np.zeros((150, 90), np.float32)
    late[100, 3] = late[70, 80] = late[70, 40] = 1
    flat += [late, np.zeros((70, 70), np.float32)]
    for n_threads in (1, 2):
        none = [(0, 0)]
        at = separable_pool(flat, [np.ones((1, 1))], lo=none, hi=none, want=["position"], n_threads=n_threads)
        expected = [np.unravel_index(image.argmax(), image.shape) for image in flat]
        np.testing.assert_array_equal(at["position"][:, 0], expected)
