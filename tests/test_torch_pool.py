"""Folding on a torch device: against SciPy and numpy, and against the plain composition."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import scipy.signal
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from filterbank import (
    FilterBank,
    GaborBank,
    GaussianBank,
    InputError,
    Moments,
    Proportion,
    Representation,
    Signals,
    WindowedBank,
    engine,
    fold,
)
from filterbank.kernels import find_device, torch_pool
from filterbank.pools.moments import STATISTICS

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'filterbank[deep]'")
tiles = sys.modules["filterbank.kernels.torch_pool"]

NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU on this machine")
DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, NO_GPU])]
WANT = ("mean", "square", "min", "max", "position")

BANKS = {
    "unpadded, unequal": FilterBank([np.array([1.0, -2, 0.5]), np.arange(8.0) - 3, np.array([0.0, 1])]),
    "padded, unequal": FilterBank([np.array([1.0, -2, 0.5]), np.arange(8.0) - 3], pad="reflect"),
    "modulus": GaborBank(n_frequencies=3, truncate=1.5),
    "modulus, unpadded": GaborBank(n_frequencies=2, truncate=1.0, pad=None),
    "gaussian": GaussianBank(sigmas=[1.0, 2.0], orders=[0, 1], truncate=2.0, pad="zero"),
    "edge": GaussianBank(sigmas=[3.0], orders=[0, 1], pad="edge"),
    "image, gabor": GaborBank(2, n_frequencies=2, orientations=4, truncate=1.5, pad="symmetric"),
    "image, gabor, unpadded": GaborBank(
        2, n_frequencies=2, orientations=3, truncate=1.0, pad=None, readout="imaginary"
    ),
    "image, gaussian": GaussianBank(2, sigmas=[1.0, 1.5], orders=[0, 1, 2], truncate=2.0, pad="wrap"),
    "image, unequal": FilterBank([np.arange(6.0).reshape(2, 3) - 2, np.eye(4) - 0.3, np.ones((1, 1))]),
    "volume, unequal": FilterBank([np.arange(12.0).reshape(2, 3, 2) - 5, np.ones((3, 1, 4)) - 0.5]),
    "volume, gabor": GaborBank(3, n_frequencies=1, orientations=2, elevations=2, truncate=1.5, pad="reflect"),
}
POOLS = [Moments(STATISTICS), Moments(["std"]), Moments(["max_position"]), Proportion((0.0, 1.0)), Proportion((0.5,))]
SIZES = {
    1: [(20,), (21,), (40,), (300,), (20,)],
    2: [(17, 23), (20, 15), (41, 30), (17, 23)],
    3: [(7, 9, 8), (11, 6, 7), (7, 9, 8)],
}


def place(arrays, device):
    return [torch.tensor(array, device=device) for array in arrays]


def prepared(bank, pool, arrays, n_axes, seed=0):
    rng = np.random.default_rng(seed)
    signals = Signals.wrap(arrays, n_axes=n_axes)
    bank = bank.prepare(signals.info, rng)
    return bank, pool.fit(np.empty((0, len(bank.response_table()))), rng), signals


def by_scipy(arrays, kernels, lo, hi, modulus, thresholds):
    """The contract, by SciPy and numpy in float64."""
    states = {name: [] for name in ("count", "above", *WANT)}
    n_axes = kernels[0].ndim
    for x in arrays:
        x = x.astype(np.float64)
        responses = []
        for kernel, low, high in zip(kernels, lo, hi):
            r = scipy.signal.convolve(x, kernel, "valid", method="direct")
            responses.append(r[tuple(slice(a, n - b) for a, b, n in zip(low, high, r.shape))])
        if modulus:
            responses = [np.hypot(re, im) for re, im in zip(responses[::2], responses[1::2])]
        states["count"].append([r.size for r in responses])
        states["mean"].append([r.mean() for r in responses])
        states["square"].append([((r - r.mean()) ** 2).sum() for r in responses])
        states["min"].append([r.min() for r in responses])
        states["max"].append([r.max() for r in responses])
        first = [np.unravel_index(r.argmax(), r.shape) for r in responses]
        states["position"].append([at[0] for at in first] if n_axes == 1 else first)
        states["above"].append([[(r > q).sum() for q in own] for r, own in zip(responses, thresholds)])
    return {name: np.array(values) for name, values in states.items()}


def assert_same(got, expected, dtype, offset=0.0):
    assert got.keys() == expected.keys()
    tolerance = (1e-12 if dtype == np.float64 else 3e-6) * (1 + offset)
    for name, values in expected.items():
        assert got[name].shape == values.shape
        if name in ("count", "position", "above"):
            assert got[name].dtype.kind == "i"
            np.testing.assert_array_equal(got[name], values)
        else:
            assert got[name].dtype == np.float64
            np.testing.assert_allclose(got[name], values, rtol=10 * tolerance, atol=30 * tolerance, err_msg=name)


@st.composite
def cases(draw):
    n_axes = draw(st.integers(1, 3))
    longest = {1: 70, 2: 14, 3: 8}[n_axes]
    sizes = draw(st.lists(st.tuples(*[st.integers(8, 8 + longest)] * n_axes), min_size=1, max_size=7))
    n_kernels = draw(st.integers(1, 3))
    taps = draw(st.lists(st.tuples(*[st.integers(1, 4)] * n_axes), min_size=n_kernels, max_size=n_kernels))
    ends = st.lists(st.tuples(*[st.integers(0, 2)] * n_axes), min_size=n_kernels, max_size=n_kernels)
    return sizes, taps, draw(ends), draw(ends), draw(st.integers(0, 10**6))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@settings(max_examples=30, deadline=None)
@given(
    case=cases(),
    modulus=st.booleans(),
    memory=st.sampled_from([None, 1, 20_000]),
    tile=st.sampled_from([None, 8]),
    as_tensors=st.booleans(),
)
def test_states_equal_those_of_scipy(device, dtype, case, modulus, memory, tile, as_tensors):
    sizes, taps, lo, hi, seed = case
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=size).astype(dtype) for size in sizes]
    if modulus:
        taps, lo, hi = ([pair for pair in side for _ in range(2)] for side in (taps, lo, hi))
    kernels = [rng.normal(size=size) for size in taps]
    thresholds = rng.normal(size=(len(kernels) // (1 + modulus), 2))
    expected = by_scipy(arrays, kernels, lo, hi, modulus, thresholds)
    with pytest.MonkeyPatch.context() as patched:
        if tile:
            patched.setattr(tiles, "SERIES_TILE", tile)
            patched.setattr(tiles, "TILE", tile ** len(sizes[0]))
        got = torch_pool(
            place(arrays, device) if as_tensors else arrays,
            kernels,
            lo=lo,
            hi=hi,
            modulus=modulus,
            want=WANT,
            thresholds=thresholds,
            device=device,
            memory=memory,
        )
    assert_same(got, expected, dtype)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("pad", ["reflect", "symmetric", "edge", "wrap", "zero"])
@pytest.mark.parametrize("n_axes", [1, 2, 3])
@pytest.mark.parametrize("tile", [None, 6])
def test_signals_are_extended_on_the_device_as_numpy_pads(monkeypatch, device, pad, n_axes, tile):
    if tile:
        monkeypatch.setattr(tiles, "SERIES_TILE", tile)
        monkeypatch.setattr(tiles, "TILE", tile**n_axes)
    rng = np.random.default_rng(n_axes)
    arrays = [rng.normal(size=size[:n_axes]) + 2 for size in ((3, 5, 4), (1, 2, 9), (12, 7, 5))]
    kernels = [rng.normal(size=(5, 3, 4)[:n_axes]), rng.normal(size=(2, 3, 1)[:n_axes])]
    halo = [(4, 3), (2, 5), (3, 3)][:n_axes]  # some of it wider than a signal, which is reflected again
    ends = [(0,) * n_axes] * 2
    mode = {"zero": "constant"}.get(pad, pad)
    expected = by_scipy([np.pad(x, halo, mode=mode) for x in arrays], kernels, ends, ends, False, np.zeros((2, 1)))
    got = torch_pool(
        arrays,
        kernels,
        lo=ends,
        hi=ends,
        want=WANT,
        thresholds=np.zeros((2, 1)),
        device=device,
        halo=halo,
        pad=pad,
    )
    assert_same(got, expected, np.float64)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("offset", [1e3, 1e4])
def test_digits_are_kept_where_the_mean_is_large(device, offset):
    rng = np.random.default_rng(3)
    arrays = [(rng.normal(size=n) + offset).astype(np.float32) for n in (500, 20_000)]
    wave = np.exp(2j * np.pi * np.arange(9) / 9)
    for kernels, modulus in (([rng.normal(size=9), np.ones(5)], False), ([wave.real, wave.imag], True)):
        ends = [(0,)] * len(kernels)
        expected = by_scipy(arrays, kernels, ends, ends, modulus, np.zeros((len(kernels) // (1 + modulus), 0)))
        got = torch_pool(arrays, kernels, lo=ends, hi=ends, modulus=modulus, want=("mean", "square"), device=device)
        np.testing.assert_allclose(np.sqrt(got["square"]), np.sqrt(expected["square"]), rtol=1e-5)
        np.testing.assert_allclose(got["mean"], expected["mean"], rtol=1e-5)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("pool", POOLS, ids=repr)
@pytest.mark.parametrize("name", BANKS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_tensors_give_the_features_of_the_plain_composition(device, name, pool, dtype):
    same_features(device, name, pool, dtype, channels=2, cut=False)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("pool", [POOLS[0], POOLS[3]], ids=repr)
@pytest.mark.parametrize("name", BANKS)
@pytest.mark.parametrize(("channels", "cut"), [(1, False), (1, True), (2, True)])
def test_blocks_and_channels_too(device, name, pool, channels, cut):
    same_features(device, name, pool, np.float64, channels, cut)


def same_features(device, name, pool, dtype, channels, cut):
    rng = np.random.default_rng(5)
    n_axes = BANKS[name].n_axes
    arrays = [rng.normal(size=(channels, *size)).astype(dtype) for size in SIZES[n_axes]]
    bank, pool, signals = prepared(BANKS[name], pool, arrays, n_axes)
    plain = fold(bank, pool, signals, method="plain")
    tensors = Signals.wrap(place(arrays, device), n_axes=n_axes)
    block_size = {1: 30, 2: (9, 14), 3: (8, 5, 7)}[n_axes] if cut else None
    got = fold(bank, pool, tensors, block_size=block_size)
    assert isinstance(got, np.ndarray)
    assert got.dtype == plain.dtype == dtype
    if device != "cpu":
        np.testing.assert_array_equal(fold(bank, pool, signals, block_size=block_size, device=device), got)
    statistics = [row["statistic"] for row in pool.feature_table(bank.response_table(), n_axes)]
    located = [name.startswith("max_position") for name in statistics]
    np.testing.assert_array_equal(got[:, located], plain[:, located])
    shares = [name.startswith(("share", "positive")) for name in statistics]
    number = np.array([np.prod(bank.geometry.positions(array.shape[1:])) for array in arrays])
    flips = np.abs(got - plain)[:, shares] * number[:, np.newaxis]
    if dtype == np.float64:  # no response lies within rounding of a threshold
        assert flips.max(initial=0) < 1e-9
    assert flips.max(initial=0) < 1.01
    assert (flips > 0.1).sum() <= 1
    got[:, shares] = plain[:, shares]
    tolerance = 1e-11 if dtype == np.float64 else 1e-5
    np.testing.assert_allclose(got, plain, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_ties_with_thresholds_and_maxima_are_as_with_exact_sums(device, dtype):
    rng = np.random.default_rng(2)
    arrays = [rng.integers(-3, 4, size=n).astype(dtype) for n in (50, 400, 30_000)]
    arrays += [np.repeat([0, 5, 0], 70).astype(dtype), np.tile([1, 2, 7], 9000).astype(dtype)]
    kernels = FilterBank([np.array([1.0, -2, 1]), np.array([1.0, 1, 0, -1])])
    bank, shares, signals = prepared(kernels, Proportion((0.0, 1.0)), arrays, 1)
    for pool in (shares, Moments(["max_position", "positive"])):
        plain = fold(bank, pool, signals, method="plain")
        np.testing.assert_array_equal(fold(bank, pool, Signals.wrap(place(arrays, device))), plain)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("spike", [0, 1000])
def test_ties_in_images_too_beside_what_is_large(device, dtype, spike):
    rng = np.random.default_rng(0)
    image = rng.integers(-3, 4, size=(400, 300))
    image[100:300, 50:250] = 0
    image[5, 5] += spike
    kernels = [rng.integers(-2, 3, size=(7, 7)), np.ones((15, 15), dtype=int), np.array([[1, -1]])]
    ends, levels = [(0, 0)] * 3, np.tile([0.0, 1.0, -1.0], (3, 1))
    exact = [scipy.signal.convolve(image, kernel, "valid", method="direct") for kernel in kernels]
    got = torch_pool(
        [image.astype(dtype)],
        [kernel.astype(float) for kernel in kernels],
        lo=ends,
        hi=ends,
        want=["position"],
        thresholds=levels,
        device=device,
    )
    np.testing.assert_array_equal(got["above"][0], [[(r > q).sum() for q in levels[0]] for r in exact])
    np.testing.assert_array_equal(got["position"][0], [np.unravel_index(r.argmax(), r.shape) for r in exact])


def test_batches_do_not_show(monkeypatch):
    rng = np.random.default_rng(8)
    arrays = [rng.normal(size=(2, n)).astype(rng.choice(["float32", "float64"])) for n in rng.integers(20, 90, 30)]
    bank, pool, signals = prepared(BANKS["unpadded, unequal"], Moments(STATISTICS), arrays, 1)
    tensors = Signals.wrap(place(arrays, "cpu"), n_axes=1)
    whole = fold(bank, pool, tensors)
    np.testing.assert_allclose(whole, fold(bank, pool, signals), rtol=1e-5, atol=1e-5)
    monkeypatch.setattr(engine, "BATCH_ON_DEVICE", 200)
    np.testing.assert_allclose(fold(bank, pool, tensors, n_jobs=2), whole, rtol=1e-6, atol=1e-6)


def test_only_pooled_states_come_back(monkeypatch):
    rng = np.random.default_rng(9)
    arrays = [rng.normal(size=1000) for _ in range(4)]
    bank, pool, _ = prepared(BANKS["modulus"], Moments(STATISTICS), arrays, 1)
    tensors = Signals.wrap(torch.tensor(np.array(arrays)))
    came, read = [], torch.Tensor.cpu
    monkeypatch.setattr(torch.Tensor, "cpu", lambda tensor: (came.append(tensor.numel()), read(tensor))[1])
    monkeypatch.setattr(Signals, "_read", None)
    assert fold(bank, pool, tensors).shape == (4, 18)
    assert 0 < max(came) <= 4 * 3


def test_read_only_arrays_and_no_thresholds_are_fine(recwarn):
    x, kernel, none = np.arange(12.0), np.array([1.0, -1]), np.zeros((1, 0))
    for array in (x, kernel, none):
        array.flags.writeable = False
    state = torch_pool([x, torch.arange(9.0, dtype=torch.float64)], [kernel], lo=[0], hi=[0], thresholds=none)
    np.testing.assert_allclose(state["mean"], [[1], [1]])
    assert state["above"].shape == (2, 1, 0)
    torch_pool([x], [kernel], lo=[0], hi=[0])
    assert not recwarn.list
    np.testing.assert_array_equal(x, np.arange(12))


def test_spectra_are_kept_while_there_is_room():
    rng = np.random.default_rng(4)
    x, kernels = rng.normal(size=(3, 100)), [rng.normal(size=5), rng.normal(size=7)]
    common = {"lo": [0, 1], "hi": [1, 0], "want": WANT}
    kept = {}
    first = torch_pool(x, kernels, spectra=kept, **common)
    (values,) = kept.values()
    again = torch_pool(x, kernels, spectra=kept, **common)
    assert [id(v) for v in kept.values()] == [id(values)]
    assert_same(again, first, np.float64)
    values.zero_()  # they are used indeed
    assert np.ptp(torch_pool(x, kernels, spectra=kept, **common)["max"]) < np.ptp(first["max"])
    none = {}
    assert_same(torch_pool(x, kernels, spectra=none, memory=1000, **common), first, np.float64)
    assert not none


def test_tensors_of_other_dtypes_are_read_as_arrays_are():
    numbers = np.random.default_rng(1).integers(-5, 6, size=(3, 40))
    bank, pool, signals = prepared(BANKS["padded, unequal"], Moments(["mean", "std", "max"]), numbers, 1)
    expected = fold(bank, pool, signals)
    for dtype, out in ((torch.int16, "float64"), (torch.float16, "float32"), (torch.bfloat16, "float32")):
        tensors = Signals.wrap(torch.tensor(numbers).to(dtype).requires_grad_(dtype.is_floating_point))
        got = fold(bank, pool, tensors)
        assert got.dtype == out
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(tensors[1][0], numbers[1])  # read as an array
        assert isinstance(tensors[1], np.ndarray)


def test_where_signals_lie():
    array, tensor, elsewhere = np.zeros(9), torch.zeros(9), torch.zeros(9, device="meta")
    assert Signals.wrap([array]).device is None
    assert Signals.wrap([array, tensor]).device is None
    assert Signals.wrap([tensor, tensor]).device == "cpu"
    assert Signals.wrap(torch.zeros(2, 3, 9), n_axes=1).shapes == [(3, 9)] * 2
    with pytest.raises(InputError, match="the signals are tensors on cpu and meta"):
        _ = Signals.wrap([tensor, elsewhere]).device
    with pytest.raises(InputError, match=r"X has shape \(2, 3, 9\), and n_axes was not given"):
        Signals.wrap(torch.zeros(2, 3, 9))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("n_axes", [1, 2])
def test_representation_takes_tensors_and_checks_them(device, n_axes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5, 40, 30)[: n_axes + 1])
    representation = Representation(GaborBank(n_axes, n_frequencies=2), Moments())
    expected = representation.fit_transform(X)
    names = representation.get_feature_names_out().tolist()
    tensor = torch.tensor(X, device=device)
    for held in (tensor, list(tensor), tensor[:, None]):
        fitted = clone(representation).fit(held)
        got = fitted.transform(held)
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)
        assert fitted.get_feature_names_out().tolist() == names
        (plan,) = fitted.explain_plan(held).to_dict("records")
        where = str(tensor.device)
        assert (plan["method"], plan["signals"]) == (f"torch on {where}", 5)
        assert plan["why"] == f"the signals are tensors on {where}"
    with pytest.raises(ValueError, match=r"39"):
        clone(representation).fit(tensor).transform(tensor[:, :39])
    spoilt = tensor.clone()
    spoilt[3, 7] = np.nan
    with pytest.raises(InputError, match=r"signal 3 contains NaN \(channel 0, sample \(?7"):
        representation.transform(list(spoilt))
    with pytest.raises(InputError, match="signal 0 is complex"):
        representation.transform(list(tensor * 1j))
    with pytest.raises(InputError, match="signal 0 has 2 channels"):
        representation.transform([torch.cat([tensor[:1]] * 2)])


def test_the_plan_says_that_a_gpu_was_asked_for(monkeypatch):
    signals = Signals.wrap(np.zeros((3, 100)))
    bank = GaborBank().prepare(signals.info, np.random.default_rng(0))
    monkeypatch.setattr(engine, "find_device", lambda device: f"{device}:0")
    (plan,) = engine.explain_plan(bank, Moments(), signals, device="cuda")
    assert plan == {"method": "torch on cuda:0", "signals": 3, "why": "it was asked for", "vectors": "none"}


def test_learned_thresholds_are_those_of_arrays():
    X = np.random.default_rng(0).normal(size=(6, 50))
    make = Representation(GaborBank(n_frequencies=2), Proportion(quantiles=[0.3, 0.8]), random_state=0)
    on_arrays, on_tensors = clone(make).fit(X), clone(make).fit(torch.tensor(X))
    np.testing.assert_array_equal(on_arrays.pool_.thresholds_, on_tensors.pool_.thresholds_)


@pytest.mark.parametrize(
    ("device", "shown"),
    [
        ("gpu", r"device='gpu' is not 'cpu', 'cuda' or 'cuda:0'"),
        ("torch-cpu", r"device='torch-cpu' is not 'cpu'"),
        ("cuda:x", r"device='cuda:x' is not 'cpu'"),
        (None, r"device=None is not 'cpu'"),
    ],
)
def test_devices_that_are_none_are_named(device, shown):
    with pytest.raises(InputError, match=shown):
        Representation(GaborBank(), Moments(), device=device).fit(np.zeros((2, 50)))
    with pytest.raises(InputError, match=shown):
        torch_pool(np.zeros((2, 50)), [np.ones(3)], lo=[0], hi=[0], device=device)


def test_a_gpu_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="device='cuda:1' is not to be had: torch finds no GPU"):
        find_device(torch.device("cuda:1"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    assert (find_device("cuda"), find_device("cuda:0"), find_device(torch.device("cpu"))) == ("cuda:1", "cuda:0", "cpu")
    with pytest.raises(InputError, match="device='cuda:2' is not one of the 2 GPUs here"):
        find_device("cuda:2")


@pytest.mark.parametrize(
    ("bank", "method", "shown"),
    [
        (GaborBank(readout="complex"), "auto", "the responses are complex"),
        (WindowedBank(GaborBank(), Moments(["max"]), window=4, hop=2), "auto", "WindowedBank is no linear bank"),
        (GaborBank(), "direct", "method='direct' is not for a GPU"),
        (GaborBank(), "plain", "method='plain' is not for a GPU"),
    ],
)
def test_what_has_no_form_on_a_gpu_is_refused(monkeypatch, bank, method, shown):
    signals = Signals.wrap(np.zeros((1, 100)))
    bank = bank.prepare(signals.info, np.random.default_rng(0))
    monkeypatch.setattr(engine, "find_device", lambda device: "cuda:0" if device == "cuda" else "cpu")
    with pytest.raises(InputError, match=f"device='cuda:0' is not to be had here: {shown}.*Pass device='cpu'"):
        fold(bank, Moments(["mean"]), signals, method=method, device="cuda")
    with pytest.raises(InputError, match=shown):
        engine.explain_plan(bank, Moments(["mean"]), signals, method=method, device="cuda")


def test_tensors_on_the_cpu_are_read_as_arrays_where_torch_has_no_form():
    x = np.random.default_rng(0).normal(size=(2, 60))
    bank = WindowedBank(GaborBank(n_frequencies=1), Moments(["max"]), window=4, hop=2)
    expected = Representation(bank, Moments()).fit_transform(x)
    np.testing.assert_array_equal(Representation(bank, Moments()).fit_transform(torch.tensor(x)), expected)
    for method in ("direct", "plain"):
        representation = Representation(GaborBank(n_frequencies=1), Moments(), method=method).fit(x)
        np.testing.assert_array_equal(representation.transform(torch.tensor(x)), representation.transform(x))


@pytest.mark.parametrize("axes", [1, 2])
def test_bad_arguments_are_named(axes):
    x, kernel, end = np.zeros((2,) + (9,) * axes), np.ones((3,) * axes), [(0,) * axes]
    common = {"lo": end, "hi": end}
    with pytest.raises(InputError, match="want='median'"):
        torch_pool(x, [kernel], want=["median"], **common)
    with pytest.raises(InputError, match="kernels=1 is not an even number"):
        torch_pool(x, [kernel], modulus=True, **common)
    with pytest.raises(InputError, match="pad='mirror'"):
        torch_pool(x, [kernel], pad="mirror", halo=[(1, 1)] * axes, **common)
    with pytest.raises(InputError, match=r"dtype=\['float32', 'float64'\]"):
        torch_pool([x[0], x[1].astype(np.float32)], [kernel], **common)
    with pytest.raises(InputError, match=r"dtype=\['int64'\]"):
        torch_pool(x.astype(int), [kernel], **common)
    with pytest.raises(InputError, match=r"signal 1 has 2.* samples, and the kernels need at least 3"):
        torch_pool([x[0], x[1][(slice(2),) * axes]], [kernel], **common)
    with pytest.raises(InputError, match="signal 0 has shape"):
        torch_pool([x], [kernel], **common)
    with pytest.raises(InputError, match=r"thresholds=\(2, 1\)"):
        torch_pool(x, [kernel], thresholds=np.zeros((2, 1)), **common)
    with pytest.raises(InputError, match=r"signals=\[\]"):
        torch_pool([], [kernel], **common)


def test_models_with_a_device_are_cloned_pickled_and_saved():
    X = np.random.default_rng(0).normal(size=(4, 60))
    representation = Representation(GaborBank(n_frequencies=2), Moments()).fit(X)
    expected = representation.transform(torch.tensor(X))
    representation.device = "cuda:1"
    assert clone(representation).device == pickle.loads(pickle.dumps(representation)).device == "cuda:1"
    dumped = skops.io.dumps(representation)
    loaded = skops.io.loads(dumped, trusted=skops.io.get_untrusted_types(data=dumped))
    assert loaded.device == "cuda:1"
    np.testing.assert_array_equal(loaded.set_params(device="cpu").transform(torch.tensor(X)), expected)


def test_transforms_have_few_sizes_that_are_quick():
    extents = np.arange(1, 5000)
    sizes = tiles._size_class(extents)
    assert (sizes >= extents).all()
    assert (sizes <= 1.25 * extents).all()
    assert (np.diff(sizes) >= 0).all()
    assert len(set(sizes.tolist())) < 80
    for size in set(sizes[extents > 16].tolist()):
        assert max(p for p in range(2, 20) if size % p == 0 and all(p % q for q in range(2, p))) <= 7


def test_all_else_works_without_torch():
    code = """
import sys
class Nowhere:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Nowhere())
import numpy as np
from filterbank import GaborBank, InputError, Moments, Representation
X = np.random.default_rng(0).normal(size=(3, 60))
print(Representation(GaborBank(n_frequencies=2), Moments()).fit_transform(X).shape)
try:
    Representation(GaborBank(n_frequencies=2), Moments(), device="cuda").fit(X)
except InputError as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    shape, error = ran.stdout.splitlines()
    assert shape == "(3, 6)"
    assert error.startswith("device='cuda' needs torch")
    assert "pip install 'filterbank[deep]'" in error


def test_torch_is_not_imported_until_it_is_needed():
    code = (
        "import sys, numpy as np\n"
        "from filterbank import GaborBank, Moments, Representation\n"
        "Representation(GaborBank(n_frequencies=2), Moments()).fit_transform(np.zeros((3, 60)))\n"
        "print('torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
