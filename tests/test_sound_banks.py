"""Banks for sound: against SciPy, librosa, torchaudio's formulae, slow twins and tones whose pitch is known."""

import itertools

import numpy as np
import pytest
import scipy.signal

from filterbank import (
    BandBank,
    Chain,
    FilterBank,
    GaborBank,
    GammatoneBank,
    GaussianBank,
    InputError,
    MelBank,
    Moments,
    PitchBank,
    Representation,
    Signals,
    SpectralShapeBank,
    respond,
)
from filterbank.banks import with_deltas
from filterbank.banks.pitch import yin
from filterbank.banks.spectral import SHAPES
from filterbank.design import deltas, erb, erb_centres, gammatone
from filterbank.signals import SignalInfo

RATE = 8000
RNG = np.random.default_rng(0)


def prepared(bank, *, rate=RATE, n_channels=1):
    return bank.prepare(SignalInfo(1, n_channels, rate), RNG)


def noise(n=5000, seed=0):
    return np.random.default_rng(seed).normal(size=n)


# Powers in bands.


@pytest.mark.parametrize("n_fft", [256, 301])
@pytest.mark.parametrize("window", ["hann", ("kaiser", 5.0), "boxcar"])
def test_bands_are_sums_of_scipys_spectrogram(n_fft, window):
    x = noise()
    step = RATE / n_fft
    edges = np.array([3.5, 10.5, 11.5, 90.5]) * step  # half-way between bins, so that each is in one band
    found, where = respond(prepared(BandBank(edges, n_fft=n_fft, hop=100, window=window, pad=None)), x)
    f, t, density = scipy.signal.spectrogram(
        x, RATE, window=window, nperseg=n_fft, noverlap=n_fft - 100, detrend=False, scaling="density"
    )
    expected = np.stack([density[(f > a) & (f < b)].sum(axis=0) * step for a, b in itertools.pairwise(edges)])
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    np.testing.assert_allclose(where[0] / RATE, t, atol=1 / RATE)


def test_bands_of_all_frequencies_have_the_mean_square():
    bank = BandBank([0, 0.1, 0.33, 0.5], n_fft=128, hop=32, pad=None)
    highest = np.cos(np.pi * np.arange(40_000))
    for x in (noise(40_000), 3 + 0.1 * noise(40_000), highest + 0.1 * noise(40_000)):
        found, _ = respond(prepared(bank, rate=None), x)
        np.testing.assert_allclose(found.mean(axis=1).sum(), np.mean(x**2), rtol=0.01)
    constant, _ = respond(
        prepared(BandBank([0, 0.01, 0.5], n_fft=128, window="boxcar", pad=None), rate=None), np.ones(500)
    )
    np.testing.assert_allclose(constant, [[1], [0]], atol=1e-12)
    rows = prepared(bank, rate=None).response_table()
    assert rows[1]["kernel"] == "band[0.1-0.33]"
    assert rows[1]["unit"] == "cycles/sample"


def test_logarithms_and_the_rule_of_the_tutorial():
    x = noise()
    edges = [0, 100, 200, 300]
    exact, whole = (respond(prepared(BandBank(edges, n_fft=500, rule=rule)), x)[0] for rule in ("exact", "tutorial"))
    spectrum = np.abs(np.fft.rfft(x[774:1274] * scipy.signal.get_window("hann", 500))) ** 2
    spectrum[1:-1] *= 2
    f = np.fft.rfftfreq(500, 1 / RATE)
    at = [np.abs(f - e).argmin() for e in edges]
    expected = [spectrum[a:b].sum() / 500 / (500 * 3 / 8) for a, b in itertools.pairwise(at)]
    np.testing.assert_allclose(whole[:, 1], expected, rtol=1e-9)
    assert (np.abs(exact - whole) > 1e-6).any()
    decibel, natural = (respond(prepared(BandBank(edges, n_fft=500, log=log)), x)[0] for log in ("decibel", "natural"))
    np.testing.assert_allclose(decibel, 10 * np.log10(exact), rtol=1e-9)
    np.testing.assert_allclose(natural, np.log(exact), rtol=1e-9)
    silent, _ = respond(prepared(BandBank(edges, n_fft=500, log="decibel", floor=1e-4)), np.zeros(2000))
    np.testing.assert_allclose(silent, -40)


# The shape of spectra.


def test_shapes_are_librosas():
    librosa = pytest.importorskip("librosa", reason="librosa is the reference")
    x = noise(6001) + 3 * np.sin(np.arange(6001) * 0.3)
    bank = SpectralShapeBank(["centroid", "spread", "flatness", "rolloff"], n_fft=512, hop=100, share=0.7, pad="zero")
    found, _ = respond(prepared(bank), x)
    options = {"n_fft": 512, "hop_length": 100, "pad_mode": "constant"}
    features = librosa.feature
    expected = np.concatenate(
        [
            features.spectral_centroid(y=x, sr=RATE, **options),
            features.spectral_bandwidth(y=x, sr=RATE, **options),
            features.spectral_flatness(y=x, **options),
            features.spectral_rolloff(y=x, sr=RATE, roll_percent=0.7, **options),
        ]
    )
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_flux_is_its_definition():
    x = noise(3000)
    found, where = respond(prepared(SpectralShapeBank(["flux"], n_fft=256, hop=80, pad=None)), x)
    _, _, spectra = scipy.signal.stft(x, window="hann", nperseg=256, noverlap=176, boundary=None, padded=False)
    shares = np.abs(spectra) / np.abs(spectra).sum(axis=0)
    np.testing.assert_allclose(found[0], (np.diff(shares, axis=1) ** 2).sum(axis=0), rtol=1e-9)
    np.testing.assert_array_equal(where[0], 80 + 128 + 80 * np.arange(found.shape[1]))


def test_shapes_of_silence_and_of_one_impulse_are_finite():
    for x in (np.zeros(2000), np.eye(1, 2000, 700)[0], np.full(2000, 0.5)):
        found, _ = respond(prepared(SpectralShapeBank()), x)
        assert np.isfinite(found).all()
    silent, _ = respond(prepared(SpectralShapeBank()), np.zeros(2000))
    np.testing.assert_allclose(silent[:, 3], [0, 0, 1, 0, 0], rtol=1e-12)


# Pitch.


def yin_by_loops(frame, shortest, longest, threshold):
    """Equations 6 and 8, step 4, and a parabola through the difference function, one lag at a time."""
    n = len(frame) - longest - 1
    d = np.array([sum((frame[j] - frame[j + lag]) ** 2 for j in range(n)) for lag in range(longest + 2)])
    normalised = np.ones(longest + 2)
    for lag in range(1, longest + 2):
        normalised[lag] = d[lag] * lag / d[1 : lag + 1].sum()
    lags = range(shortest, longest + 1)
    dips = [k for k in lags if normalised[k] < threshold and normalised[k - 1] >= normalised[k] <= normalised[k + 1]]
    best = dips[0] if dips else min(lags, key=lambda k: normalised[k])
    a, b, c = d[best - 1], d[best], d[best + 1]
    return best + np.clip((a - c) / (2 * (a - 2 * b + c)), -0.5, 0.5), normalised[best]


@pytest.mark.parametrize("seed", range(4))
def test_yin_is_its_slow_twin(seed):
    rng = np.random.default_rng(seed)
    period = rng.uniform(12, 45)
    frames = np.sin(2 * np.pi * np.arange(121) / period + rng.uniform(0, 6, (5, 1)))
    frames += rng.uniform(0, 1, (5, 1)) * rng.normal(size=(5, 121))
    periods, aperiodicity = yin(frames, shortest=8, longest=60, threshold=0.2)
    expected = np.array([yin_by_loops(frame, 8, 60, 0.2) for frame in frames])
    np.testing.assert_allclose(periods, expected[:, 0], rtol=1e-9)
    np.testing.assert_allclose(aperiodicity, expected[:, 1], rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_pitch_of_made_tones_is_known(rate):
    """Harmonic tones of 70 to 480 Hz come as near as the documentation says, with noise at 20 dB within 1 %."""
    t = np.arange(int(0.25 * rate)) / rate
    rng = np.random.default_rng(0)
    for f0 in np.geomspace(70, 480, 12):
        tone = sum(rng.uniform(0.3, 1) / k * np.sin(2 * np.pi * k * f0 * t + rng.uniform(0, 6)) for k in range(1, 8))
        for level, within in ((0.0, {8000: 0.003, 16000: 0.002, 44100: 0.001}[rate]), (0.1, 0.01)):
            x = tone + level * tone.std() * rng.normal(size=len(t))
            found, _ = respond(prepared(PitchBank(hop=rate // 100, threshold=0.15, pad=None), rate=rate), x)
            np.testing.assert_allclose(found[0], f0, rtol=within)
            assert (found[2] == 1).all()


def test_pitch_of_librosa():
    librosa = pytest.importorskip("librosa", reason="librosa is the reference")
    t = np.arange(16000) / 16000
    x = scipy.signal.sawtooth(2 * np.pi * np.cumsum(150 + 50 * t) / 16000) + 0.01 * noise(16000)
    found, _ = respond(prepared(PitchBank(low=80, high=400, hop=160), rate=16000), x)
    theirs = librosa.yin(x, fmin=80, fmax=400, sr=16000, hop_length=160, frame_length=1024, trough_threshold=0.1)
    np.testing.assert_allclose(found[0, 10:-10], theirs[10 : found.shape[1] - 10], rtol=0.01)


def test_noise_and_silence_are_not_voiced():
    found, _ = respond(prepared(PitchBank()), noise(20_000))
    assert found[2].mean() < 0.02
    assert (found[1] < 0.9).all()
    for x in (np.zeros(4000), np.full(4000, 0.7)):  # silence, and direct current
        silent, _ = respond(prepared(PitchBank()), x)
        np.testing.assert_array_equal(silent[1:], 0)
        assert np.isfinite(silent).all()


# Gammatones.


def test_gammatones_are_scipys():
    for f in (100.0, 440.0, 2000.0):
        theirs, _ = scipy.signal.gammatone(f, "fir", order=4, numtaps=2000, fs=16000)
        ours = gammatone(f / 16000, 1.019 * float(erb(f)) / 16000, truncate=1e-9).real
        n = min(len(ours), 2000)
        cosine = ours[:n] @ theirs[:n] / np.linalg.norm(ours[:n]) / np.linalg.norm(theirs[:n])
        assert cosine > 0.9999


def test_gammatones_have_gain_one_at_their_centres_and_the_ears_width():
    bank = prepared(GammatoneBank(12, low=100, high=6000, truncate=1e-6), rate=16000)
    for kernel, row in zip(bank.kernels_, bank.response_table()):
        f, h = scipy.signal.freqz(kernel, worN=1 << 15, whole=True, fs=16000)
        power = np.abs(h) ** 2
        centre = row["frequency"]
        assert abs(f[power.argmax()] - centre) < 2
        np.testing.assert_allclose(power.max(), 1, rtol=1e-3)
        width = power.sum() * (f[1] - f[0])  # the width of a rectangle of the same area
        np.testing.assert_allclose(width, row["bandwidth"], rtol=0.01)
    np.testing.assert_allclose(row["bandwidth"], 24.7 * (4.37 * 6 + 1))
    steps = np.diff(21.4 * np.log10(4.37e-3 * erb_centres(12, low=100, high=6000) + 1))
    np.testing.assert_allclose(steps, steps[0])


# Chains.


def test_a_chain_of_channels_is_the_composition():
    x = noise(3000)
    first = MelBank(n_mels=5, n_fft=256, hop=50, pad=None)
    inner, where = respond(prepared(first), x)
    kernel = RNG.normal(size=7)
    found, at = respond(prepared(Chain(first, FilterBank([kernel, np.ones(3)], names=["k", "sum"]))), x)
    expected = [
        c for band in inner for c in (np.convolve(band, kernel, "valid"), np.convolve(band, np.ones(3), "same"))
    ]
    for row, one in zip(found, expected):
        np.testing.assert_allclose(row, one if len(one) == len(row) else one[3:-3], rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(at[0], where[0][3:-3])
    rows = prepared(Chain(first, FilterBank([kernel], names=["k"]))).response_table()
    assert rows[1]["response"] == f"k({prepared(first).response_table()[1]['response']})"
    assert rows[1]["frequency"] == prepared(first).response_table()[1]["frequency"]


@pytest.mark.parametrize("pad", [None, "symmetric"])
def test_a_chain_of_pictures_filters_the_spectrogram(pad):
    x = np.stack([noise(4000), noise(4000, 1)])
    first = MelBank(n_mels=12, n_fft=256, hop=50, pad=None)
    spectrograms, _ = respond(prepared(first, n_channels=2), x)
    bank = GaborBank(2, n_frequencies=1, orientations=3, readout="real", truncate=1.5, pad=pad)
    chain = prepared(Chain(first, bank), n_channels=2)
    found, _ = respond(chain, x)
    kernels = bank.prepare(SignalInfo(2, 1, None), RNG).kernels_
    expected = []
    for picture in (spectrograms[:12], spectrograms[12:]):
        for kernel in kernels:
            half = kernel.shape[0] // 2
            padded = picture if pad is None else np.pad(picture, ((half, half), (0, 0)), mode="symmetric")
            expected.append(scipy.signal.convolve2d(padded, kernel.real, mode="valid"))
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=1e-7, atol=1e-7)
    table = chain.response_table()
    assert len(table) == len(found)
    middle = prepared(first, n_channels=2).response_table()[0 if pad else kernels[0].shape[0] // 2]["response"]
    assert table[0]["response"].endswith(f"({middle})")
    assert table[0]["then_unit"] == "cycles/sample"
    assert table[-1]["channel"] == 1


def test_frequencies_of_modulation_are_in_hertz():
    rows = prepared(Chain(MelBank(hop=80, n_fft=256), GaborBank(1, n_frequencies=2, highest=0.25))).response_table()
    assert [row["then_frequency"] for row in rows[:2]] == [25.0, 12.5]
    assert rows[0]["then_unit"] == "Hz"


@pytest.mark.parametrize("order", [1, 2])
def test_deltas_are_those_of_savitzky_and_golay(order):
    x = noise(6000)
    bank = MelBank(n_mfcc=5, n_fft=256, hop=80)
    cepstra, _ = respond(prepared(bank), x)
    found, _ = respond(prepared(with_deltas(bank, width=9, order=order)), x)
    assert len(found) == 5 * (order + 1)
    np.testing.assert_allclose(found[:: order + 1], cepstra, rtol=1e-9)
    for k in range(1, order + 1):
        expected = scipy.signal.savgol_filter(cepstra, 9, polyorder=k, deriv=k, axis=1)
        np.testing.assert_allclose(found[k :: order + 1, 4:-4], expected[:, 4:-4], rtol=1e-9, atol=1e-9)
    with pytest.raises(InputError, match="width=4 is not an odd number above order=1"):
        deltas(4)


# The conventions of other libraries.


def test_deltas_mel_and_mfcc_in_librosas_convention():
    librosa = pytest.importorskip("librosa", reason="librosa is the reference")
    x = noise(22050).astype(np.float32)
    mel = librosa.feature.melspectrogram(y=x, sr=22050)
    found, _ = respond(prepared(MelBank.convention("librosa", log=None), rate=22050), x)
    np.testing.assert_allclose(found, mel, rtol=1e-4)
    decibel = librosa.power_to_db(mel, ref=1.0, top_db=None)
    found, _ = respond(prepared(MelBank.convention("librosa"), rate=22050), x)
    np.testing.assert_allclose(found, decibel, atol=1e-3)
    mfcc = librosa.feature.mfcc(S=decibel, n_mfcc=20)
    bank = with_deltas(MelBank.convention("librosa", n_mfcc=20), order=1)
    found, _ = respond(prepared(bank, rate=22050), x)
    np.testing.assert_allclose(found[::2], mfcc, atol=2e-3)
    np.testing.assert_allclose(found[1::2, 4:-4], librosa.feature.delta(mfcc)[:, 4:-4], atol=1e-3)


def by_torchaudio(x, rate, n_mels, n_mfcc):
    """MelSpectrogram and MFCC by the formulae of torchaudio's documentation, in NumPy.

    Frames of 400 every 200, a periodic Hann window, reflection at the ends; triangles of height 1 between points evenly
    spaced in HTK's mel from 0 to half the rate; 10 log10 of powers of at least 1e-10; an orthonormal DCT-II.
    """
    padded = np.pad(x, 200, mode="reflect")
    frames = np.stack([padded[i : i + 400] for i in range(0, len(padded) - 399, 200)], axis=1)
    window = 0.5 * (1 - np.cos(2 * np.pi * np.arange(400) / 400))
    powers = np.abs(np.fft.rfft(frames * window[:, np.newaxis], axis=0)) ** 2
    points = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + rate / 2 / 700), n_mels + 2) / 2595) - 1)
    slopes = points[np.newaxis] - np.linspace(0, rate // 2, 201)[:, np.newaxis]
    down, up = -slopes[:, :-2] / np.diff(points)[:-1], slopes[:, 2:] / np.diff(points)[1:]
    mel = np.maximum(0, np.minimum(down, up)).T @ powers
    decibel = 10 * np.log10(np.maximum(mel, 1e-10))
    dct = np.cos(np.pi / n_mels * (np.arange(n_mels) + 0.5) * np.arange(n_mfcc)[:, np.newaxis])
    dct[0] /= np.sqrt(2)
    return mel, decibel, np.sqrt(2 / n_mels) * dct @ decibel


def test_mel_and_mfcc_in_torchaudios_convention():
    x = noise(16001)
    expected = by_torchaudio(x, 16000, 40, 13)
    for options, one in zip(({"log": None}, {}, {"n_mfcc": 13}), expected):
        found, _ = respond(prepared(MelBank.convention("torchaudio", **options), rate=16000), x)
        np.testing.assert_allclose(found, one, rtol=1e-9, atol=1e-8)
    with pytest.raises(InputError, match="n_mels=128 is too many for n_fft=400"):
        prepared(MelBank.convention("torchaudio", n_mels=128), rate=16000)


@pytest.mark.parametrize("name", ["librosa", "torchaudio"])
def test_conventions_take_other_parameters(name):
    assert MelBank.convention(name, hop=7).hop == 7
    with pytest.raises(InputError, match="name='kaldi' is not one of librosa, torchaudio"):
        MelBank.convention("kaldi")


# What can't be.


@pytest.mark.parametrize(
    ("bank", "rate", "message"),
    [
        (BandBank([0, 5000]), 8000, r"5000"),
        (BandBank([0, 1, 2], n_fft=64, rule="tutorial"), 8000, "n_fft=64 leaves the band from 0 to 1 without a bin"),
        (BandBank(log="bel"), 8000, "log='bel' is not one of"),
        (BandBank(floor=0), 8000, "floor=0 is not a positive number"),
        (BandBank(n_fft=1), 8000, "n_fft=1 is not a whole number, 2 or more"),
        (BandBank(hop=0), 8000, "hop=0 is not a whole number, 1 or more"),
        (BandBank(window="nosuch"), 8000, "window='nosuch' is not a window that SciPy has"),
        (SpectralShapeBank("centroid"), 8000, "shapes='centroid' is not a sequence of"),
        (SpectralShapeBank(["centroid", "colour"]), 8000, r"shapes=\['centroid', 'colour'\] is not"),
        (SpectralShapeBank(share=1), 8000, "share=1 is not between 0 and 1"),
        (PitchBank(low=500, high=60), 8000, "low=500 is not above 0 and below high=60"),
        (PitchBank(high=3000), 8000, "high=3000 is not at most 2000 Hz, a quarter of the rate"),
        (PitchBank(threshold=2), 8000, "threshold=2 is not between 0 and 1"),
        (PitchBank(low=1e-6), 8000, "low=1e-06 Hz makes a period of 8000000000 samples"),
        (GammatoneBank(), None, "the rate of the signals is unknown, and GammatoneBank needs it"),
        (GammatoneBank(high=5000), 8000, "high=5000 is not above 0 and below 4000 Hz"),
        (GammatoneBank(low=0), 8000, "low=0 is not above 0 and at most high=3600 Hz"),
        (GammatoneBank(0), 8000, "n_filters=0 is not a whole number"),
        (GammatoneBank(order=0), 8000, "order=0 is not a whole number, 1 or more"),
        (Chain(MelBank(), GaussianBank(3)), 8000, "has 3 axes and the first bank 1"),
        (Chain(MelBank(n_mels=3), FilterBank([np.ones((5, 2))])), 8000, "has 3 responses, and the second needs 5"),
    ],
)
def test_what_is_out_of_range_is_said_with_its_value(bank, rate, message):
    with pytest.raises(InputError, match=message):
        prepared(bank, rate=rate)


@pytest.mark.parametrize("bank", [BandBank(), SpectralShapeBank(), PitchBank()])
def test_images_are_refused(bank):
    with pytest.raises(InputError, match="is for signals with 1 axis, and these have 2"):
        bank.prepare(SignalInfo(2, 1, None), RNG)


def test_complex_responses_are_refused_in_a_chain():
    chain = Chain(FilterBank([np.ones(3) * 1j], readout="complex"), FilterBank([np.ones(2)]))
    with pytest.raises(InputError, match="complex"):
        respond(prepared(chain), noise(100))


def test_features_are_named_by_channel_and_shape():
    signals = Signals.wrap([np.stack([noise(2000), noise(2000, 1)])], n_axes=1, rate=RATE)
    table = Representation(SpectralShapeBank(), Moments(["mean"])).fit(signals).feature_table_
    assert table["feature"].tolist()[0] == "channel0.centroid.mean"
    assert table["kernel"].tolist()[:5] == list(SHAPES)
