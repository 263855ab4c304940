"""Transforms with columns side by side are NumPy's, and scattering by them is that by SciPy's transforms."""

import numpy as np
import pytest

from filterbank import ScatteringBank
from filterbank.kernels import scatter_lanes
from filterbank.kernels.fft_lanes import CONSTANTS, good_size, steps_of, transform, turn_square, twiddles_of
from filterbank.kernels.memory import kept_rows
from filterbank.kernels.scatter import scatter, spectrum_boxes
from filterbank.kernels.scatter_lanes import lane_plan, lane_size, scatter_in_lanes
from filterbank.kernels.simd import LANES, available, compiled, rows
from filterbank.signals import SignalInfo

pytestmark = pytest.mark.skipif(not available(), reason="values of many lanes don't work on this machine")

SINGLE, DOUBLE = np.dtype(np.float32), np.dtype(np.float64)


@compiled(entry=True)
def _transform(sr, si, ar, ai, br, bi, dr, di, steps, twiddles, constants):
    transform(sr, si, ar, ai, br, bi, dr, di, steps, twiddles, constants)


@compiled(entry=True)
def _turn(flat, at, stride, out, row):
    turn_square(flat, at, stride, out, row)


@pytest.mark.parametrize("n", [16, 24, 32, 48, 64, 80, 96, 144, 160, 240, 300, 320, 640])
@pytest.mark.parametrize(("dtype", "tolerance"), [(SINGLE, 3e-7), (DOUBLE, 1e-15)])
def test_a_transform_is_numpys(n, dtype, tolerance):
    x = np.random.default_rng(n).normal(size=(2, n, LANES[dtype]))
    arrays = [rows(n, dtype) for _ in range(8)]
    for array in arrays:
        array[:] = np.nan
    arrays[0][:], arrays[1][:] = x
    steps = steps_of(n)
    assert np.prod(steps[steps > 0]) == n
    more = steps, twiddles_of(n).astype(dtype), CONSTANTS.astype(dtype)
    _transform(*arrays, *more)
    expected = np.fft.fft(x[0] + 1j * x[1], axis=0)
    limit = tolerance * np.abs(expected).max() * np.log2(n)
    assert np.abs(arrays[6] + 1j * arrays[7] - expected).max() < limit
    _transform(*arrays[1::-1], *arrays[2:6], *arrays[1::-1], *more)  # where they lie, and back
    assert np.abs(arrays[0] + 1j * arrays[1] - n * np.fft.ifft(x[0] + 1j * x[1], axis=0)).max() < limit


def test_sizes_have_factors_that_there_are_steps_for():
    for n in (1, 31, 640, 641, 5000):
        for multiple in (16, 64, 128):
            size = good_size(n, multiple)
            assert size >= n
            assert size % multiple == 0
            for factor in (2, 3, 5):
                while size % factor == 0:
                    size //= factor
            assert size == 1


@pytest.mark.parametrize("dtype", [SINGLE, DOUBLE])
def test_a_square_is_turned(dtype):
    n = LANES[dtype]
    flat = np.arange(n * (n + 5), dtype=dtype)
    out = rows(n + 3, dtype)
    out[:] = -1
    _turn(flat, 2, n + 4, out, 1)
    source = 2 + (n + 4) * np.arange(n) + np.arange(n)[:, None]
    np.testing.assert_array_equal(out[1 : n + 1], flat[source])
    assert (out[[0, n + 1, n + 2]] == -1).all()


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({"J": 1, "L": 2}, (40, 31)),
        ({"J": 2, "L": 3}, (100, 93)),
        ({"J": 2, "L": 3, "hop": 12}, (50, 170)),
        ({"J": 2, "L": 2, "oversampling": 1}, (60, 70)),
        ({"J": 3, "L": 2, "truncate": 3.0}, (28, 28)),
        ({"J": 3, "L": 2, "oversampling": 3}, (17, 40)),
        ({"J": 3, "L": 4, "order": 1}, (200, 130)),
        ({"J": 2, "order": 0}, (33, 65)),
        ({"J": 4, "L": 2}, (64, 65)),
    ],
)
@pytest.mark.parametrize(("dtype", "tolerance"), [(SINGLE, 5e-5), (DOUBLE, 1e-13)])  # of single, what is dropped
def test_scattering_in_lanes_is_that_by_scipy(options, shape, dtype, tolerance):
    bank = ScatteringBank(2, **options).prepare(SignalInfo(2, 1), np.random.default_rng(0))
    image = np.random.default_rng(1).normal(size=(1, *shape)).astype(dtype)
    _, block = next(bank.geometry.blocks(image, block_size=200))
    block, counts = np.ascontiguousarray(block[0]), bank.geometry.positions(shape)
    size = lane_size(bank.plan_, block.shape, dtype)
    assert size is not None
    for part in kept_rows([1 << 14], dtype):  # what lay in memory doesn't count
        part[:] = np.nan
    found = scatter_in_lanes(block, lane_plan(bank.plan_, size, dtype), counts)
    expected = scatter(block, bank.plan_, spectrum_boxes(bank.plan_, block.shape, dtype), counts)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def test_a_bank_takes_either_way(monkeypatch):
    image = np.random.default_rng(2).random((1, 120, 90), dtype=np.float32)
    bank = ScatteringBank(2, J=2, L=2, pad=None).prepare(SignalInfo(2, 1), np.random.default_rng(0))
    found = bank(image)
    monkeypatch.setattr(scatter_lanes, "WASTE", 0.0)
    other = ScatteringBank(2, J=2, L=2, pad=None).prepare(SignalInfo(2, 1), np.random.default_rng(0))(image)
    np.testing.assert_allclose(found, other, rtol=0, atol=5e-5 * np.abs(other).max())
    assert not np.array_equal(found, other)
    assert lane_size(bank.plan_, (1, 4096), SINGLE) is None  # one axis has no second one to lay side by side
