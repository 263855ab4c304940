"""Geometry: positions, blocks, padding, composition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterbank import Geometry, InputError
from filterbank.geometry import PADDINGS

MODES = {"reflect": "reflect", "symmetric": "symmetric", "edge": "edge", "wrap": "wrap", "zero": "constant"}


@given(
    n=st.integers(1, 40),
    before=st.integers(0, 6),
    after=st.integers(0, 6),
    hop=st.integers(1, 5),
    size=st.integers(1, 40),
    pad=st.sampled_from([None, *MODES]),
)
def test_blocks_hold_just_what_their_positions_see(n, before, after, hop, size, pad):
    x = np.arange(1.0, n + 1)[np.newaxis]
    geometry = Geometry(((before, after),), (hop,), pad)
    padded = x if pad is None else np.pad(x, ((0, 0), (before, after)), mode=MODES[pad])
    extent = before + 1 + after
    seen = [padded[0, p : p + extent] for p in range(0, padded.shape[1] - extent + 1, hop)]
    (count,) = geometry.positions((n,))
    assert count == len(seen)
    if not count:
        with pytest.raises(InputError, match=f"has {n} samples and the bank needs at least {extent}"):
            geometry.check((n,))
        return
    got = []
    for (start,), block in geometry.blocks(x, block_size=size):
        assert start == len(got)
        got += [block[0, p : p + extent] for p in range(0, block.shape[1] - extent + 1, hop)]
    np.testing.assert_array_equal(got, seen)


def test_blocks_inside_are_views():
    x = np.zeros((1, 50))
    for _, block in Geometry(((2, 2),)).blocks(x, block_size=10):
        assert np.shares_memory(block, x)


def test_default_blocks_bound_the_positions():
    x = np.zeros((1, 1000, 1000), dtype=np.float32)
    sizes = [
        np.prod(Geometry(((1, 1), (1, 1))).positions(b.shape[1:])) for _, b in Geometry(((1, 1), (1, 1))).blocks(x)
    ]
    assert sum(sizes) == 998 * 998
    assert max(sizes) <= 1 << 16


@given(
    first=st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 3)),
    second=st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 3)),
    n=st.integers(30, 60),
)
def test_a_chain_sees_what_its_parts_see(first, second, n):
    one = Geometry((first[:2],), (first[2],))
    two = Geometry((second[:2],), (second[2],))
    chained = one.then(two)
    assert chained.positions((n,)) == two.positions(one.positions((n,)))
    assert chained.hop == (first[2] * second[2],)


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ({"halo": ((-1, 0),)}, r"halo=\(\(-1, 0\),\)"),
        ({"halo": ((1, 0),), "hop": (0,)}, r"hop=\(0,\)"),
        ({"halo": ((1, 0),), "pad": "mirror"}, "pad='mirror'"),
    ],
)
def test_bad_geometry_is_named(arguments, shown):
    with pytest.raises(InputError, match=shown):
        Geometry(**arguments)


def test_bad_block_size_is_named():
    with pytest.raises(InputError, match="block_size=0"):
        list(Geometry(((0, 0),)).blocks(np.zeros((1, 5)), block_size=0))


@pytest.mark.parametrize("pad", [None, *PADDINGS])
def test_many_signals_are_padded_as_numpy_pads_each(pad):
    rng = np.random.default_rng(0)
    signals = [rng.normal(size=n) for n in (1, 2, 3, 7, 30)]
    halo = (4, 9)
    mode = {"zero": "constant"}.get(pad, pad)
    expected = [np.pad(x, halo, mode=mode) if pad else x for x in signals]
    geometry = Geometry((halo,), pad=pad)
    for found, wanted in zip(geometry.padded(signals), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
    batch = rng.normal(size=(3, 5)).astype(np.float32)
    found = geometry.padded(batch)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.pad(batch, ((0, 0), halo), mode=mode) if pad else batch)
