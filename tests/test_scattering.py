"""Scattering is what its definition says, evaluated without subsampling, truncation or blocks."""

import numpy as np
import pytest
import scipy.special

from filterbank import InputError, Moments, Representation, Signals, respond
from filterbank.banks import Chain, FilterBank, ScatteringBank
from filterbank.design import morlet, scattering_wavelets
from filterbank.design.scattering import wavelet_frequencies
from filterbank.signals import SignalInfo


def endless(signal):
    """One period of the signal as it goes on by reflection."""
    return np.pad(signal, [(0, n - 2) for n in signal.shape], mode="reflect")


def gabor_in_space(shape, sigma, angle, xi, slant):
    """A wave under an elliptic Gaussian, wrapped round a torus, after Bruna and Mallat; `xi` in radians."""
    out = np.zeros(shape, complex)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    curve = turn @ np.diag([1, slant**2]) @ turn.T / (2 * sigma**2)
    for i in range(-3, 4):
        for j in range(-3, 4):
            y, x = np.mgrid[: shape[0], : shape[1]] + np.array([i * shape[0], j * shape[1]])[:, None, None]
            bend = curve[0, 0] * x**2 + 2 * curve[0, 1] * x * y + curve[1, 1] * y**2
            out += np.exp(-bend + 1j * xi * (x * np.cos(angle) + y * np.sin(angle)))
    return out * slant / (2 * np.pi * sigma**2)


def slow_scattering_2d(image, J, L, sampled):
    """All orders, by Fourier transforms of the whole torus, in double precision; moduli at every sample, or `sampled`.

    Sampled as published: of a wavelet of octave j, every 2**j-th.
    """
    x = endless(image)

    def kernel(sigma, angle, xi, slant=1.0):
        wave = gabor_in_space(x.shape, sigma, angle, xi, slant)
        if not xi:
            return wave
        window = gabor_in_space(x.shape, sigma, angle, 0.0, slant)
        return wave - wave.sum() / window.sum() * window

    def answer(u, own, step):
        return np.fft.ifft2(np.fft.fft2(u) * np.fft.fft2(own[::step, ::step] * step**2))

    low = kernel(0.8 * 2 ** (J - 1), 0.0, 0.0)
    waves = [(j, kernel(0.8 * 2**j, np.pi * k / L, 0.75 * np.pi / 2**j, 4 / L)) for j in range(J) for k in range(L)]

    def modulus(u, octave, onward, own):
        step, further = (2**octave, 2 ** (onward - octave)) if sampled else (1, 1)
        return np.abs(answer(u, own, step))[::further, ::further]

    def smooth(u, octave):
        step = 2**octave if sampled else 1
        hop = 2**J // step
        return answer(u, low, step).real[::hop, ::hop]

    first = [(j, modulus(x, 0, j, wave)) for j, wave in waves]
    second = [(k, modulus(u, j, k, wave)) for j, u in first for k, wave in waves if k > j]
    kept = tuple(slice(-(-n // 2**J)) for n in image.shape)
    return [np.stack([smooth(u, j)[kept] for j, u in order]) for order in ([(0, x)], first, second)]


def slow_scattering_1d(signal, J, Q):
    """All orders at every position, with wavelets given by their spectra, as Anden and Mallat do."""
    x = endless(signal)
    omega = np.fft.fftfreq(len(x))

    def bump(xi, width):
        return sum(np.exp(-0.5 * ((omega + k - xi) / width) ** 2) for k in range(-5, 6))

    def wave(xi, width):
        spectrum = bump(xi, width) - bump(0, width) * (bump(xi, width)[0] / bump(0, width)[0])
        return spectrum / np.abs(np.fft.ifft(spectrum)).sum()

    low = bump(0, 0.1 / 2**J)
    low = low / low[0]
    octave = {
        q: [min(max(int(np.floor(-np.log2(min(xi + 5 * w, 0.5)))) - 1, 0), J) for xi, w in wavelet_frequencies(J, q)]
        for q in (1, Q)
    }
    first = [np.abs(np.fft.ifft(np.fft.fft(x) * wave(*own))) for own in wavelet_frequencies(J, Q)]
    second = [
        np.abs(np.fft.ifft(np.fft.fft(u) * wave(*own)))
        for j, u in zip(octave[Q], first)
        for k, own in zip(octave[1], wavelet_frequencies(J, 1))
        if k > j
    ]
    n = -(-len(signal) // 2**J)
    return [
        np.stack([np.fft.ifft(np.fft.fft(u) * low).real[:: 2**J][:n] for u in order]) for order in ([x], first, second)
    ]


def agree(found, expected, tolerance):
    orders = np.split(found, np.cumsum([len(order) for order in expected])[:-1])
    for order, wanted in zip(orders, expected):
        assert order.shape == wanted.shape
        np.testing.assert_allclose(order, wanted, atol=tolerance * np.abs(wanted).max())


@pytest.mark.parametrize(("J", "L", "shape"), [(2, 4, (37, 53)), (3, 8, (65, 49))])
@pytest.mark.parametrize(("dtype", "truncate", "tolerance"), [(np.float64, 5.0, 1e-4), (np.float32, 4.0, 1e-3)])
def test_two_axes_are_the_published_transform(J, L, shape, dtype, truncate, tolerance):
    image = np.random.default_rng(0).random(shape)
    image[10:20, 10:30] += 2
    found, where = respond(ScatteringBank(2, J=J, L=L, truncate=truncate), image.astype(dtype))
    assert found.dtype == dtype
    assert np.array_equal(where[0], np.arange(0, shape[0], 2**J))
    agree(found, slow_scattering_2d(image, J, L, True), tolerance)
    dense, _ = respond(ScatteringBank(2, J=J, L=L, truncate=truncate, oversampling=1), image.astype(dtype))
    agree(dense, slow_scattering_2d(image, J, L, False), 3e-3)
    densest, _ = respond(ScatteringBank(2, J=J, L=L, truncate=truncate, oversampling=J), image.astype(dtype))
    agree(densest, slow_scattering_2d(image, J, L, False), tolerance)


@pytest.mark.parametrize(("J", "Q", "n"), [(4, 4, 400), (6, 8, 700)])
def test_one_axis_is_what_the_definition_says(J, Q, n):
    rng = np.random.default_rng(1)
    signal = rng.normal(size=n).cumsum() / 10 + np.sin(np.arange(n) ** 1.5 / 20)
    found, (where,) = respond(ScatteringBank(1, J=J, Q=Q, truncate=5.0), signal)
    assert np.array_equal(where, np.arange(0, n, 2**J))
    agree(found, slow_scattering_1d(signal, J, Q), 1e-3)


def kymatio():
    scipy.special.sph_harm = getattr(scipy.special, "sph_harm", None)  # kymatio 0.3 asks for it; SciPy dropped it
    return pytest.importorskip("kymatio.numpy")


@pytest.mark.parametrize(("J", "L"), [(2, 4), (3, 8)])
def test_two_axes_are_kymatios(J, L):
    image = np.random.default_rng(2).random((64, 96))
    image[10:20, 10:30] += 2
    theirs = kymatio().Scattering2D(J=J, L=L, shape=image.shape)(image)
    first = [(j, k) for j in range(J) for k in range(L)]
    second = [(*one, *then) for one in first for then in first if then[0] > one[0]]
    paths = [(), *first, *second]
    turned = [tuple((v + i % 2) % L if i % 2 else v for i, v in enumerate(path)) for path in paths]  # it begins at 1
    ours, _ = respond(ScatteringBank(2, J=J, L=L, truncate=5.0), image)
    assert theirs.shape == ours.shape
    inside = (slice(None), slice(1, -1), slice(1, -1))  # its margin is 2**J samples and then goes round
    found = ours[[paths.index(path) for path in turned]][inside]
    assert np.abs(found - theirs[inside]).max() < 2e-3 * np.abs(theirs).max()


@pytest.mark.parametrize(("J", "Q"), [(4, 4), (6, 8), (3, 1)])
def test_one_axis_is_kymatios_but_for_its_factors(J, Q):
    """Kymatio 0.3 divides a path by the steps at which its moduli are kept; the definition does not."""
    rng = np.random.default_rng(1)
    signal = rng.normal(size=1024).cumsum() / 10 + np.sin(np.arange(1024) ** 1.5 / 20)
    transform = kymatio().Scattering1D(J=J, Q=Q, shape=len(signal))
    theirs = transform(signal)
    bank = ScatteringBank(1, J=J, Q=Q, truncate=5.0)
    ours, _ = respond(bank, signal)
    octaves = np.nan_to_num(transform.meta()["j"]).sum(axis=1)
    assert theirs.shape == ours.shape
    np.testing.assert_allclose(ours / 2.0 ** octaves[:, None], theirs, atol=3e-5 * np.abs(theirs[1:]).max())


@pytest.mark.parametrize("n_axes", [1, 2])
def test_a_path_is_a_chain_of_banks(n_axes):
    """Modulus after wavelet, twice, then a window: the same numbers, and no more halo than the chain has."""
    J, L, Q = 3, 2, 1
    signal = np.random.default_rng(2).random((90, 70)[:n_axes])
    bank = ScatteringBank(n_axes, J=J, L=L, Q=Q, truncate=3.0, oversampling=J, pad="wrap")
    found, _ = respond(bank, signal)
    prepared = bank.prepare(SignalInfo(n_axes, 1), np.random.default_rng(0))
    table = prepared.response_table()
    first, then = scattering_wavelets(n_axes, J=J, L=L, Q=Q), scattering_wavelets(n_axes, J=J, L=L, Q=1)
    a = next(i for i, w in enumerate(first) if w.octave == 0)
    b = next(i for i, w in enumerate(then) if w.octave == 1)
    row = next(
        i
        for i, row in enumerate(table)
        if row["order"] == 2
        and (row["frequency"], row["then_frequency"]) == (first[a].frequency, then[b].frequency)
        and (row.get("orientation", 0), row.get("then_orientation", 0)) == (first[a].orientation, then[b].orientation)
    )
    window = prepared.plan_.windows[(1, 1)]
    window = window[1] if n_axes == 1 else np.multiply.outer(*window)
    chain = Chain(
        FilterBank([morlet(first[a], n_axes, truncate=3.0)], readout="modulus", pad="wrap"),
        Chain(FilterBank([morlet(then[b], n_axes, truncate=3.0)], readout="modulus"), FilterBank([window])),
    )
    expected = respond(chain, signal)[0][(0, *(slice(None, None, 2**J),) * n_axes)]
    np.testing.assert_allclose(found[row], expected, atol=1e-10)
    halo = chain.prepare(SignalInfo(n_axes, 1), np.random.default_rng(0)).geometry.halo
    for (before, after), (b0, a0) in zip(prepared.geometry.halo, halo):
        assert before >= b0 - 2**J
        assert after >= a0 - 2**J


@pytest.mark.parametrize("n_axes", [1, 2])
def test_the_direct_way_is_the_same_and_blind_to_cuts(n_axes):
    signal = np.random.default_rng(3).random((1, *(90, 41)[:n_axes]))
    bank = ScatteringBank(n_axes, J=2, L=3, Q=2, truncate=2.5)
    prepared = bank.prepare(SignalInfo(n_axes, 1), np.random.default_rng(0))
    _, whole = next(prepared.geometry.blocks(signal, block_size=100))
    direct = prepared(whole, exact=True)
    np.testing.assert_allclose(direct, prepared(whole), atol=1e-12)
    single = prepared(whole.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, direct, atol=1e-3 * np.abs(direct).max())
    for origin, block in prepared.geometry.blocks(signal, block_size=3):
        part = prepared(block, exact=True)
        at = (slice(None), *(slice(o, o + n) for o, n in zip(origin, part.shape[1:])))
        np.testing.assert_array_equal(part, direct[at])


def test_what_moves_less_than_the_window_changes_little_and_noise_keeps_its_energy():
    rng = np.random.default_rng(4)
    t = np.arange(2048)
    tone = np.sin(2 * np.pi * 0.11 * t) * (1 + np.sin(2 * np.pi * 0.01 * t))
    bank = Representation(ScatteringBank(1, J=7, Q=4), Moments(["mean"])).fit([tone])
    moved = bank.transform([tone, np.roll(tone, 9), rng.normal(size=2048)])
    assert np.abs(moved[0] - moved[1]).max() < 0.02 * np.abs(moved[0]).max()
    table = bank.feature_table_
    firsts = table[table["order"] == 1]
    assert firsts["frequency"].iloc[moved[0][firsts.index].argmax()] == pytest.approx(0.11, rel=0.1)
    beats = table[table["order"] == 2]
    assert beats["then_frequency"].iloc[moved[0][beats.index].argmax()] == pytest.approx(0.01, rel=0.25)


def test_rows_have_frequencies_in_hertz_where_the_rate_is_known():
    signals = Signals.wrap([np.zeros((2, 300))], n_axes=1, rate=1000)
    bank = ScatteringBank(1, J=3, Q=1).prepare(signals.info, np.random.default_rng(0))
    table = bank.response_table()
    n = len(table) // 2
    assert table[1]["frequency"] == pytest.approx(350)
    assert table[1]["unit"] == "Hz"
    assert table[n]["response"] == "channel1.scattering[]"
    assert len({row["response"] for row in table}) == 2 * n


@pytest.mark.parametrize(
    ("bank", "said"),
    [
        (ScatteringBank(3), "n_axes=3"),
        (ScatteringBank(2, J=0), "J=0"),
        (ScatteringBank(2, L=0), "L=0"),
        (ScatteringBank(1, Q=0.5), "Q=0.5"),
        (ScatteringBank(2, order=3), "order=3"),
        (ScatteringBank(2, J=3, hop=4), "hop=4"),
        (ScatteringBank(2, truncate=0), "truncate=0"),
    ],
)
def test_what_cannot_be_is_said(bank, said):
    with pytest.raises(InputError) as error:
        bank.prepare(SignalInfo(bank.n_axes, 1), np.random.default_rng(0))
    assert said in str(error.value)
