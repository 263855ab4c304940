"""Values of many lanes: each operation against NumPy's, lane by lane, and the plain rows that take their place."""

import os
import subprocess
import sys

import numpy as np
import pytest

from filterbank.kernels import simd
from filterbank.kernels.simd import (
    compiled,
    fma,
    greater,
    known,
    load,
    maximum,
    minimum,
    rows,
    select,
    splat,
    sqrt,
    store,
)

PLAIN = [False, True]


@compiled(entry=True)
def every_operation(x, out, number):
    a = load(x, 0)
    b = load(x, 1)
    c = splat(x, number)
    store(out, 0, a + b)
    store(out, 1, a - b)
    store(out, 2, a * b)
    store(out, 3, maximum(a, b))
    store(out, 4, minimum(a, b))
    store(out, 5, select(greater(a, b), a, c))
    store(out, 6, select(known(a), a, c))
    store(out, 7, sqrt(a))
    store(out, 8, fma(a, b, c))
    for i in range(simd.lanes_of(x)):
        simd.set_lane(out, 9, i, simd.lane(x, 0, i) + i)


@pytest.mark.parametrize("plain", PLAIN)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_operation_is_numpys_lane_by_lane(dtype, plain):
    x, out = rows(2, dtype, plain=plain), rows(10, dtype, plain=plain)
    n = 1 if x.ndim == 1 else x.shape[1]
    rng = np.random.default_rng(0)
    for _ in range(16):
        x[:] = rng.normal(size=x.shape) ** 2
        a, b = x.reshape(2, n)
        if n > 1:
            x[0, 3], x[1, 5], x[0, 6], x[1, 6] = np.nan, np.nan, 2, 2
        number = dtype(0.75)
        every_operation(x, out, number)
        expected = [a + b, a - b, a * b, np.where(a > b, a, b), np.where(a < b, a, b), np.where(a > b, a, number)]
        expected += [np.where(np.isnan(a), number, a), np.sqrt(a), a * b + number, a + np.arange(n)]
        np.testing.assert_allclose(out, np.reshape(expected, out.shape), rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_fill_a_line_of_the_cache_and_begin_with_one(dtype):
    made = simd._vector_rows(5, np.dtype(dtype))
    assert made.ctypes.data % 64 == 0
    assert made[0].nbytes == 64
    assert made.flags.c_contiguous


def test_vectors_work_here_and_plain_rows_have_one_lane():
    assert simd.available(), simd.reason()
    assert rows(3, np.float32).shape == (3, 16)
    assert rows(3, np.float32, plain=True).shape == (3,)


def test_a_numba_that_breaks_the_type_is_named_not_raised(monkeypatch):
    def broken(x, n):
        raise NotImplementedError("no such model")

    monkeypatch.setattr(simd, "_trial", broken)
    simd.reason.cache_clear()
    try:
        assert not simd.available()
        assert "NotImplementedError: no such model" in simd.reason()
        assert rows(3, np.float32).shape == (3,)
        monkeypatch.setattr(simd, "_trial", lambda x, n: x.shape[1])  # leaves x[2] as it was
        simd.reason.cache_clear()
        assert "wrong numbers" in simd.reason()
    finally:
        monkeypatch.undo()
        simd.reason.cache_clear()
    assert simd.available()


def test_importing_compiles_nothing():
    code = (
        "import sys\n"
        "from filterbank.kernels import simd\n"
        "fft_pool = sys.modules['filterbank.kernels.fft_pool']\n"
        "assert not simd._trial.signatures and not fft_pool._fold.signatures\n"
        "assert simd.reason.cache_info().currsize == 0"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONWARNINGS": "error"})
