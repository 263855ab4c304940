"""Log-mel bands and MFCC against their published formulae, SciPy's transforms, torch and numbers made by librosa."""

import itertools
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import scipy.fft
import scipy.signal
from sklearn.base import clone

from filterbank import InputError, MelBank, Moments, Representation, Signals, WindowedBank, fold, respond
from filterbank.design import cosines, hertz_of_mel, mel_centres, mel_filters, mel_of_hertz
from filterbank.kernels import mel as kernel
from filterbank.kernels import simd
from filterbank.signals import SignalInfo

RATE = 8000
RNG = np.random.default_rng(0)


def prepared(rate=RATE, n_channels=1, **options):
    return MelBank(**options).prepare(SignalInfo(1, n_channels, rate), RNG)


def corners_by_formula(n_mels, low, high, scale):
    """Slaney's and O'Shaughnessy's (HTK's) scales, one frequency at a time, in natural logarithms."""

    def forth(f):
        if scale == "htk":
            return 1127.01048 * np.log(1 + f / 700)
        return f / (200 / 3) if f < 1000 else 15 + 27 * np.log(f / 1000) / np.log(6.4)

    def back(m):
        if scale == "htk":
            return 700 * (np.exp(m / 1127.01048) - 1)
        return m * (200 / 3) if m < 15 else 1000 * 6.4 ** ((m - 15) / 27)

    step = (forth(high) - forth(low)) / (n_mels + 1)
    return [back(forth(low) + i * step) for i in range(n_mels + 2)]


def filters_by_loops(n_mels, n_fft, rate, low, high, scale, area):
    corners = corners_by_formula(n_mels, low, high, scale)
    out = np.zeros((n_mels, n_fft // 2 + 1))
    for b, (left, peak, right) in enumerate(zip(corners, corners[1:], corners[2:])):
        for k in range(n_fft // 2 + 1):
            f = k * rate / n_fft
            if left < f <= peak:
                out[b, k] = (f - left) / (peak - left)
            elif peak < f < right:
                out[b, k] = (right - f) / (right - peak)
        if area:
            out[b] *= 2 / (right - left)
    return out


def frames_by_loops(x, n_fft, hop, pad):
    if pad:
        mode = {"zero": "constant"}.get(pad, pad)
        padded = np.pad(x, (n_fft // 2, n_fft - n_fft // 2 - 1), mode=mode)
    else:
        padded = x
    return [padded[t : t + n_fft] for t in range(0, len(padded) - n_fft + 1, hop)]


def reference(
    x, *, n_mels=40, n_fft=512, hop=160, window="hann", window_length=None, low=0.0, high=None, scale="slaney",
    norm="auto", power=2, log="decibel", floor=1e-10, n_mfcc=None, pad="reflect",
):  # fmt: skip
    """The same in float64, with the definition of the Fourier transform."""
    length = window_length or n_fft
    taper = np.zeros(n_fft)
    begin = (n_fft - length) // 2
    taper[begin : begin + length] = scipy.signal.get_window(window, length)
    frames = np.array(frames_by_loops(x.astype(np.float64), n_fft, hop, pad)) * taper
    turns = np.exp(-2j * np.pi * np.outer(np.arange(n_fft), np.arange(n_fft // 2 + 1)) / n_fft)
    magnitudes = np.abs(frames @ turns)
    area = scale == "slaney" if norm == "auto" else norm == "area"
    filters = filters_by_loops(n_mels, n_fft, RATE, low, RATE / 2 if high is None else high, scale, area)
    bands = filters @ (magnitudes**power).T
    if log == "decibel":
        bands = 10 * (2 / power) * np.log10(np.maximum(floor, bands))
    elif log == "natural":
        bands = np.log(np.maximum(floor, bands))
    return bands if n_mfcc is None else scipy.fft.dct(bands, axis=0, norm="ortho")[:n_mfcc]


CASES = [
    {},
    {"scale": "htk"},
    {"scale": "htk", "norm": "area", "log": "natural"},
    {"norm": None, "power": 1},
    {"log": None, "n_mels": 20, "pad": None},
    {"log": None, "power": 1, "n_mels": 7, "low": 100.0, "high": 3000.0},
    {"n_mfcc": 13},
    {"n_mfcc": 7, "n_mels": 23, "log": "natural", "pad": "zero"},
    {"n_fft": 400, "hop": 100, "scale": "htk", "n_mels": 20},
    {"n_fft": 301, "hop": 77, "n_mels": 15, "n_mfcc": 15, "power": 1},
    {"n_fft": 512, "window_length": 400, "window": "hamming"},
    {"n_fft": 256, "window_length": 101, "hop": 10, "n_mels": 12, "window": ("kaiser", 5.0), "pad": "symmetric"},
    {"n_fft": 32, "hop": 33, "n_mels": 3, "low": 300.0},
    {"n_fft": 64, "hop": 16, "n_mels": 1, "n_mfcc": 1},
    {"n_fft": 1024, "hop": 500, "n_mels": 30, "pad": "edge"},
    {"n_fft": 5, "hop": 3, "n_mels": 1, "log": "natural", "window": "boxcar"},
    {"n_fft": 2048, "hop": 700, "pad": "wrap"},
]


@pytest.mark.parametrize("options", CASES, ids=lambda o: ",".join(f"{k}={v}" for k, v in o.items()) or "default")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_are_those_of_the_formulae(options, dtype):
    for n in (2049, 2400, 5037):
        x = np.random.default_rng(n).normal(size=n).astype(dtype)
        expected = reference(x, **options)
        found, where = respond(prepared(**options), x)
        assert found.dtype == dtype
        assert found.shape == expected.shape
        assert len(where[0]) == found.shape[1]
        tolerance = 3e-6 if dtype == np.float32 else 1e-12
        # of what is 0 in the mean the error is that of the numbers it was made of
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("n_fft", [512, 400])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_few_frames_and_silence(n_fft, dtype):
    for n in range(1, 40):
        x = np.random.default_rng(n).normal(size=n_fft + 7 * (n - 1)).astype(dtype)
        found = prepared(n_fft=n_fft, hop=7, pad=None, n_mels=20)(x[np.newaxis])
        assert found.shape == (20, n)
        np.testing.assert_allclose(found, reference(x, n_fft=n_fft, hop=7, pad=None, n_mels=20), rtol=1e-5)
    silence = prepared(n_fft=n_fft, hop=7, n_mels=20)(np.zeros((1, 2000), dtype))
    np.testing.assert_allclose(silence, -100, rtol=1e-6)


@pytest.mark.parametrize("n_fft", [512, 400, 32])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_frame_is_the_same_bit_for_bit_wherever_the_signal_is_cut(n_fft, dtype):
    hop, n_mels = 100, 3
    bank = prepared(n_fft=n_fft, hop=hop, n_mels=n_mels, n_mfcc=3, pad=None, low=300.0)
    x = RNG.normal(size=(1, n_fft + 99 * hop)).astype(dtype)
    whole = bank(x)
    for first, n in [(0, 1), (3, 1), (99, 1), (1, 16), (5, 17), (7, 8), (50, 50), (2, 97), (33, 31)]:
        part = bank(x[:, first * hop : (first + n - 1) * hop + n_fft])
        np.testing.assert_array_equal(part, whole[:, first : first + n])


@pytest.mark.parametrize("n_fft", [64, 60])
def test_a_frame_owes_nothing_to_its_neighbours(n_fft):
    x = RNG.normal(size=(1, 40 * n_fft)).astype(np.float32)
    loud = x * np.where(np.arange(40 * n_fft) // n_fft % 2, np.float32(1e6), np.float32(1))
    bank = prepared(n_fft=n_fft, hop=n_fft, n_mels=5, pad=None)
    np.testing.assert_array_equal(bank(loud)[:, ::2], bank(x)[:, ::2])
    assert (bank(loud)[:, 1::2] - bank(x)[:, 1::2]).min() > 119


LIBROSA = {  # made by librosa 0.11: decibels of frame 2, and the first MFCC of frames 0 to 3, with pad_mode="reflect"
    "slaney": (
        [
            -38.600683,
            -37.343635,
            -37.909837,
            -7.458398,
            7.808345,
            1.867977,
            -36.842964,
            -36.995285,
            -39.821156,
            -38.921672,
        ],
        [
            [-49.61979, -62.326021, -83.552849, -82.596958],
            [42.983204, 32.358186, 7.221351, -8.004472],
            [-5.831179, -36.234845, -45.726475, -44.874705],
            [6.547079, -30.323987, -13.595027, 21.555202],
        ],
    ),
    "htk": (
        [
            -39.497064,
            -38.455957,
            -36.927932,
            -32.723555,
            5.077565,
            4.681657,
            -32.963095,
            -37.186008,
            -39.769896,
            -38.907647,
        ],
        [
            [-45.331721, -71.203922, -90.653625, -84.0215],
            [46.780938, 19.148548, 0.421158, -8.2843],
            [-6.763976, -44.967155, -40.794485, -43.028879],
            [0.280691, -29.643264, -0.410741, 21.662928],
        ],
    ),
}
LIBROSA_HEIGHT_1 = [
    17.338981,
    27.156929,
    22.477754,
    3.238863,
    14.663099,
    21.950107,
    6.175216,
    -0.62343,
    -3.565089,
    -5.591998,
]


@pytest.mark.parametrize("scale", LIBROSA)
def test_librosa_gave_the_same(scale):
    t = np.arange(1600) / 8000
    x = 0.5 * np.sin(2 * np.pi * (300 * t + 4000 * t**2)) + 0.25 * np.cos(2 * np.pi * 1234 * t)
    x += 0.01 * np.sin(97.0 * np.arange(1600.0) ** 2)
    decibels, cepstra = LIBROSA[scale]
    options = {"n_fft": 256, "hop": 400, "n_mels": 10, "scale": scale}
    found = respond(prepared(**options, norm="area"), x)[0]
    np.testing.assert_allclose(found[:, 2], decibels, atol=2e-6)
    np.testing.assert_allclose(respond(prepared(**options, norm="area", n_mfcc=4), x)[0], cepstra, atol=2e-6)
    if scale == "slaney":
        np.testing.assert_array_equal(found, respond(prepared(**options), x)[0])  # its default
    else:  # norm=None, as torchaudio has it, with pad_mode="constant"
        found = respond(prepared(**options, pad="zero"), x)[0]
        np.testing.assert_allclose(found[:, 0], LIBROSA_HEIGHT_1, atol=2e-6)


def test_torch_gives_the_same():
    torch = pytest.importorskip("torch")
    x = RNG.normal(size=9000).astype(np.float32)
    spectrum = torch.stft(
        torch.from_numpy(x),
        512,
        160,
        window=torch.hann_window(512),
        center=True,
        pad_mode="reflect",
        return_complex=True,
    )
    filters = filters_by_loops(40, 512, RATE, 0, RATE / 2, "htk", False).astype(np.float32)
    bands = torch.from_numpy(filters) @ spectrum.abs() ** 2
    expected = scipy.fft.dct(10 * np.log10(np.maximum(bands.numpy(), 1e-10)), axis=0, norm="ortho")[:13]
    found, _ = respond(prepared(scale="htk", n_mfcc=13), x)
    np.testing.assert_allclose(found, expected[:, : found.shape[1]], rtol=1e-5, atol=2e-4)
    assert expected.shape[1] - found.shape[1] in (0, 1)  # the frame whose middle lies behind the last sample


@pytest.mark.parametrize("wide", [False, True])
def test_logarithms(wide):
    dtype = np.float64 if wide else np.float32
    size = 10.0 ** RNG.uniform(-15, 15, size=3000)
    near_one = 1 + 10.0 ** RNG.uniform(-6, -1, size=3000) * RNG.choice([-1, 1], size=3000)
    x = np.sqrt(np.concatenate([size, near_one, [1.0, 2.0, 0.5, 1e-12, 4.0]]))
    signal = np.zeros((len(x), 32), dtype)
    signal[:, 7] = x
    common = {"power": 2, "mix": None, "dtype": dtype, "floor": 1e-11}
    tables = [kernel.mel_tables(np.ones(32), np.eye(1, 17), unit=unit, **common) for unit in (0.0, 1.0)]
    for plain in (False, True):
        powers, logs = (kernel.mel_frames(signal.ravel(), t, hop=32, plain=plain)[0] for t in tables)
        expected = np.log(np.maximum(powers.astype(np.float64), 1e-11))
        np.testing.assert_allclose(logs, expected, rtol=1e-15 if wide else 3e-7, atol=0)


@pytest.mark.parametrize("n_fft", [64, 128, 50])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_lane_gives_the_same_as_many(n_fft, dtype):
    if not simd.available():
        pytest.skip(simd.reason())
    x = RNG.normal(size=3000).astype(dtype)
    filters = np.abs(RNG.normal(size=(6, n_fft // 2 + 1)))  # none is zero, so that they reach beyond the last frequency
    tables = kernel.mel_tables(
        np.hanning(n_fft), filters, power=1, floor=1e-10, unit=1.0, mix=RNG.normal(size=(5, 6)), dtype=dtype
    )
    found = [kernel.mel_frames(x, tables, hop=20, plain=plain) for plain in (False, True)]
    np.testing.assert_allclose(*found, rtol=3e-5 if dtype == np.float32 else 1e-12, atol=1e-5)


@pytest.mark.parametrize("cpu", ["haswell", "generic"])
def test_right_on_processors_without_wide_registers(cpu):
    code = """
import numpy as np
from filterbank.kernels import simd
from filterbank.kernels.mel import mel_frames, mel_tables
assert simd.available(), simd.reason()
x = np.random.default_rng(0).normal(size=3000)
filters = np.abs(np.random.default_rng(1).normal(size=(5, 33)))
frames = np.lib.stride_tricks.sliding_window_view(x, 64)[::20] * np.hanning(64)
expected = np.log(filters @ (np.abs(np.fft.rfft(frames)) ** 2).T)
tables = mel_tables(np.hanning(64), filters, power=2, floor=1e-10, unit=1.0, mix=None, dtype=np.float32)
np.testing.assert_allclose(mel_frames(x.astype(np.float32), tables, hop=20), expected, rtol=1e-5)
"""
    features = "+avx2,+fma,+avx" if cpu == "haswell" else ""
    env = os.environ | {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": features}
    subprocess.run([sys.executable, "-c", code], check=True, env=env)


def test_slaneys_table():
    """The centres of the Auditory Toolbox: 13 from 133.3 Hz on, 66.7 Hz apart, then each 1.0711703 times the last."""
    linear = 133.33333 + 66.66666 * np.arange(13)
    logarithmic = linear[-1] * 1.0711703 ** np.arange(1, 28)
    np.testing.assert_allclose(hertz_of_mel(np.arange(2, 15)), linear, rtol=1e-6)
    np.testing.assert_allclose(hertz_of_mel(np.arange(15, 42)), logarithmic, rtol=3e-4)  # 1,000 Hz are 999.8 there


@pytest.mark.parametrize("scale", ["slaney", "htk"])
def test_scales_and_filters(scale):
    f = np.concatenate([np.linspace(0, 2000, 50), np.geomspace(900, 20000, 50)])
    np.testing.assert_allclose(hertz_of_mel(mel_of_hertz(f, scale=scale), scale=scale), f, rtol=1e-12, atol=1e-12)
    assert (np.diff(mel_of_hertz(np.sort(f), scale=scale)) >= 0).all()
    for area, low in itertools.product((True, False), (0.0, 80.0)):
        bins = np.arange(257) * 8000 / 512
        expected = filters_by_loops(26, 512, 8000, low, 3800.0, scale, area)
        np.testing.assert_allclose(
            mel_filters(bins, 26, low=low, high=3800.0, scale=scale, area=area), expected, rtol=1e-6, atol=1e-9
        )
    corners = corners_by_formula(26, 80.0, 3800.0, scale)
    np.testing.assert_allclose(mel_centres(26, low=80.0, high=3800.0, scale=scale), corners, rtol=1e-6)


def test_cosines_are_scipys():
    np.testing.assert_allclose(cosines(7, 23), scipy.fft.dct(np.eye(23), axis=0, norm="ortho")[:7], atol=1e-14)


def test_what_is_known_of_responses():
    bank = prepared(n_mels=3, n_channels=2)
    table = bank.response_table()
    assert [row["channel"] for row in table] == [0, 0, 0, 1, 1, 1]
    np.testing.assert_allclose(
        [row["frequency"] for row in table], 2 * corners_by_formula(3, 0, RATE / 2, "slaney")[1:-1], rtol=1e-9
    )
    assert {row["unit"] for row in table} == {"Hz"}
    assert table[4]["response"] == f"channel1.mel[frequency={table[1]['frequency']:.6g}Hz]"
    assert len({row["response"] for row in table}) == 6
    cepstra = prepared(n_mels=20, n_mfcc=3).response_table()
    assert [row["response"] for row in cepstra] == ["mfcc[0]", "mfcc[1]", "mfcc[2]"]
    assert [row["coefficient"] for row in cepstra] == [0, 1, 2]
    assert prepared(n_mels=128, n_fft=4096).filters_.shape == (128, 2049)
    assert len({row["response"] for row in prepared(n_mels=128, n_fft=4096).response_table()}) == 128


def test_channels_stand_one_after_the_other():
    x = RNG.normal(size=(2, 3000))
    bank = prepared(n_mels=10, n_channels=2)
    found, where = respond(bank, x)
    np.testing.assert_array_equal(found[:10], respond(prepared(n_mels=10), x[0])[0])
    np.testing.assert_array_equal(found[10:], respond(prepared(n_mels=10), x[1])[0])
    np.testing.assert_array_equal(where[0], np.arange(0, 3000, 160))
    np.testing.assert_array_equal(respond(prepared(n_mels=10, pad=None), x[0])[1][0], np.arange(256, 3000 - 255, 160))


def test_in_a_representation_in_windows_and_on_disk():
    signals = Signals.wrap([RNG.normal(size=n) for n in (2000, 3100, 2600)], rate=RATE)
    bank = MelBank(n_mels=12, n_mfcc=5, hop=80)
    whole = Representation(bank, Moments(["mean", "std"])).fit(signals)
    expected = [
        np.stack([r.mean(1), r.std(1)], 1).ravel()
        for r in (reference(x[0], n_mels=12, n_mfcc=5, hop=80) for x in signals)
    ]
    np.testing.assert_allclose(whole.transform(signals), expected, rtol=1e-9)
    threads = clone(whole).set_params(n_jobs=2, block_size=7).fit(signals)
    np.testing.assert_allclose(threads.transform(signals), expected, rtol=1e-9)
    again = pickle.loads(pickle.dumps(whole))
    np.testing.assert_array_equal(again.transform(signals), whole.transform(signals))
    windows = WindowedBank(clone(bank).set_params(pad=None), Moments(["mean"]), window=4, hop=2).prepare(
        signals.info, RNG
    )
    table = fold(windows, Moments(["max"]).fit(np.zeros((0, 5)), RNG), signals)
    r = reference(signals[0][0], n_mels=12, n_mfcc=5, hop=80, pad=None)
    means = np.array([r[:, t : t + 4].mean(1) for t in range(0, r.shape[1] - 3, 2)])
    np.testing.assert_allclose(table[0], means.max(0), rtol=1e-9)


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"n_mels": 0}, "n_mels=0"),
        ({"n_mels": 300}, "n_mels=300 is too many for n_fft=512"),
        ({"n_fft": 1}, "n_fft=1"),
        ({"n_fft": 100.5}, r"n_fft=100\.5"),
        ({"hop": 0}, "hop=0"),
        ({"window_length": 513}, "window_length=513 is not a whole number from 1 to n_fft=512"),
        ({"window": "nosuch"}, "window='nosuch'"),
        ({"low": -1.0}, r"low=-1\.0"),
        ({"low": 5000.0}, r"low=5000\.0 is not at least 0 and below high=4000"),
        ({"high": 5000.0}, r"high=5000\.0 is not above 0 and at most 4000 Hz \(half the rate\), it would alias"),
        ({"scale": "bark"}, "scale='bark'"),
        ({"norm": "slaney"}, "norm='slaney'"),
        ({"power": 3}, "power=3"),
        ({"log": "log2"}, "log='log2'"),
        ({"log": None, "n_mfcc": 13}, "log=None is not 'decibel' or 'natural', cepstra are made of logarithms"),
        ({"floor": 0.0}, r"floor=0\.0"),
        ({"n_mfcc": 41}, "n_mfcc=41 is not a whole number from 1 to n_mels=40"),
        ({"pad": "mirror"}, "pad='mirror'"),
        ({"rate": None}, "the rate of the signals is unknown"),
    ],
)
def test_errors_name_the_value(options, shown):
    with pytest.raises(InputError, match=shown):
        prepared(**options)


def test_other_errors():
    with pytest.raises(InputError, match="these have 2"):
        MelBank().prepare(SignalInfo(2, 1, 100), RNG)
    with pytest.raises(InputError, match="dtype"):
        kernel.mel_tables(np.ones(32), np.eye(1, 17), power=2, floor=1, unit=0, mix=None, dtype=np.int64)
    with pytest.raises(InputError, match="signal 0 has 300 samples and the bank needs at least 512"):
        respond(prepared(pad=None), np.zeros(300))
    for call in (lambda: mel_centres(2, low=3, high=2), lambda: cosines(5, 4), lambda: mel_of_hertz(1, scale="x")):
        with pytest.raises(InputError, match=r"low=3|n_out=5|scale='x'"):
            call()
