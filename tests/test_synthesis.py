"""Made signals against SciPy, formulae and their own spectra; sounds are written, read and heard."""

import base64
import re

import numpy as np
import pytest
import scipy.signal
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from filterbank import synthesis
from filterbank.errors import InputError, WriteError
from filterbank.spectrum import dft, spectrogram, welch
from filterbank.synthesis import (
    Sound,
    beats,
    chirp,
    chord,
    coloured_noise,
    harmonics,
    melody,
    note,
    note_frequency,
    quasi_periodic,
    transactions,
    wave,
)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.floats(0, 50), st.floats(-3, 3), st.floats(-4, 4)), min_size=1, max_size=4))
def test_harmonics_are_sums_of_sines(rows):
    f, a, p = np.array(rows).T
    t = np.arange(40) / 100
    expected = sum(A * np.sin(2 * np.pi * F * t + P) for F, A, P in rows)
    np.testing.assert_allclose(harmonics(40, f, amplitudes=a, phases=p, rate=100), expected, atol=1e-9)


@pytest.mark.parametrize(
    ("shape", "scipys"),
    [
        ("square", lambda u: scipy.signal.square(2 * np.pi * u)),
        ("sawtooth", lambda u: scipy.signal.sawtooth(2 * np.pi * (u + 0.5))),
        ("triangle", lambda u: scipy.signal.sawtooth(2 * np.pi * (u + 0.25), 0.5)),
    ],
)
def test_waves_are_scipys_and_those_of_limited_band_have_its_lower_harmonics(shape, scipys):
    n, rate, f = 1600, 1600.0, 10.0
    t = np.arange(n) / rate
    phase = 0.123
    np.testing.assert_allclose(
        wave(n, f, shape=shape, rate=rate, phase=phase), scipys(f * t + phase / (2 * np.pi)), atol=1e-9
    )
    limited = wave(n, f, shape=shape, rate=rate, band_limited=True)
    found = abs(dft(limited, rate=rate).values)
    k = np.arange(1, 80)
    expected = {
        "square": np.where(k % 2, 4 / (np.pi * k), 0),
        "sawtooth": 2 / (np.pi * k),
        "triangle": np.where(k % 2, 8 / (np.pi * k) ** 2, 0),
    }[shape]
    np.testing.assert_allclose(found[10:800:10], expected, atol=1e-9)
    assert np.delete(found, np.arange(10, 800, 10)).max() < 1e-9


def test_a_wave_of_limited_band_has_no_false_tones():
    rate, f = 8000, 1234.0
    plain, limited = (
        dft(wave(8000, f, rate=rate, band_limited=b), rate=rate, taper="blackmanharris", scaling="power").values
        for b in (False, True)
    )
    wanted = np.zeros(4001, dtype=bool)
    for k in (1, 2, 3):
        wanted[int(k * f) - 5 : int(k * f) + 6] = True
    assert limited[~wanted].max() < 1e-9
    assert plain[~wanted].max() > 1e-3


@pytest.mark.parametrize(("kind", "scipys"), [("linear", "linear"), ("exponential", "logarithmic")])
def test_chirps_are_scipys(kind, scipys):
    t = np.arange(5000) / 1000
    found = chirp(5000, 3, 90, kind=kind, rate=1000)
    np.testing.assert_allclose(found, scipy.signal.chirp(t, 3, 5, 90, method=scipys, phi=-90), atol=1e-8)
    np.testing.assert_allclose(chirp(50, 3, 3, kind=kind, rate=1000), np.sin(2 * np.pi * 3 * t[:50]), atol=1e-12)


@pytest.mark.parametrize("exponent", [-1, 0, 0.5, 1, 2])
@pytest.mark.parametrize("n", [20_000, 20_001])
def test_the_slope_of_coloured_noise(exponent, n):
    slopes = []
    for seed in range(10):
        x = coloured_noise(n, exponent, random_state=seed)
        assert x.mean() == pytest.approx(0, abs=1e-12)
        assert x.std() == pytest.approx(1)
        found = welch(x, window=2000, detrend="linear")
        used = (found.frequencies > 0.005) & (found.frequencies < 0.45)
        slopes.append(np.polyfit(np.log(found.frequencies[used]), np.log(found.values[used]), 1)[0])
    assert -np.mean(slopes) == pytest.approx(exponent, abs=0.05)


def test_noise_is_normal_and_given_again_by_its_seed():
    x = coloured_noise(5000, 0, random_state=3)
    np.testing.assert_array_equal(x, coloured_noise(5000, 0, random_state=3))
    assert not np.array_equal(x, coloured_noise(5000, 0, random_state=4))
    assert (abs(x) > 1.96).mean() == pytest.approx(0.05, abs=0.01)
    assert len(coloured_noise(2, 1, random_state=0)) == 2


def test_cycles_wander_as_much_as_they_are_told():
    even = quasi_periodic(1000, 40, jitter=0)
    np.testing.assert_allclose(even, np.sin(2 * np.pi * np.arange(1000) / 40), atol=1e-9)
    x = quasi_periodic(400_000, 4.0, jitter=0.1, rate=100, random_state=0)
    rises = np.flatnonzero((x[:-1] < 0) & (x[1:] >= 0)) / 100
    assert np.diff(rises).mean() == pytest.approx(4, rel=0.01)
    assert np.diff(rises).std() == pytest.approx(0.4, rel=0.1)
    loud = quasi_periodic(100_000, 50, amplitude_jitter=0.2, jitter=0, shape="square", random_state=0)
    assert loud.reshape(-1, 50).max(axis=1).std() == pytest.approx(0.2, rel=0.1)


def test_an_account_adds_up():
    account = transactions(
        400, payments={"in": (100, 30, 1), "out": (-10, 7.5, 0)}, spending=3, start=50, random_state=1
    )
    np.testing.assert_allclose(account.balance, 50 + np.cumsum(account.flow))
    regular = np.zeros(400)
    for day in range(1, 400, 30):
        regular[day] += 100
    for k in range(54):
        if int(7.5 * k) < 400:
            regular[int(7.5 * k)] -= 10
    spent = regular - account.flow
    assert (spent > 0).all()
    assert spent.mean() == pytest.approx(3, rel=0.2)
    assert account.payments["name"].tolist() == ["in", "out"]
    assert repr(account) == "Account(400 days, 2 regular payments)"


@pytest.mark.parametrize(
    ("name", "hertz"),
    [
        ("A4", 440),
        ("a4", 440),
        ("C4", 261.6256),
        ("B3", 246.9417),
        ("C5", 523.2511),
        ("Db4", 277.1826),
        ("C##4", 293.6648),
        ("E-1", 10.300861),
    ],
)
def test_notes_have_their_frequencies(name, hertz):
    assert note_frequency(name) == pytest.approx(hertz, rel=1e-6)
    assert note_frequency(name, tuning=432) == pytest.approx(hertz * 432 / 440, rel=1e-6)


def test_a_note_sounds_at_its_pitch_with_the_harmonics_of_its_timbre():
    sound = note("A4", 1.0, rate=8000, timbre=[1, 0.5, 0.25], envelope=(0, 0, 1, 0), loudness=1)
    found = abs(dft(sound.values, rate=8000).values)
    np.testing.assert_allclose(found[[880, 1320]] / found[440], [0.5, 0.25], rtol=1e-6)
    assert abs(sound.values).max() == pytest.approx(1)
    low_rate = note("A6", 0.5, rate=8000, timbre="string")  # 1760 Hz: two harmonics fit
    spectrum = dft(low_rate.values, rate=8000, taper="hann", scaling="power")
    assert spectrum.values[spectrum.frequencies > 3600].sum() < 1e-6 * spectrum.values.sum()


def test_an_envelope_rises_falls_and_ends():
    values = note(1000, 1.0, rate=48_000, timbre="pure", envelope=(0.1, 0.1, 0.5, 0.2), loudness=1).values
    peaks = abs(values).reshape(-1, 480).max(axis=1)  # each 10 ms
    assert peaks[0] < 0.12
    assert peaks[9:11].max() == pytest.approx(1, abs=0.03)
    np.testing.assert_allclose(peaks[25:78], 0.5 * 1, rtol=0.02)
    assert peaks[-1] < 0.05
    short = note("A4", 0.02, envelope=(0.1, 0.1, 0.5, 0.2)).values
    assert abs(short[-20:]).max() < 0.1 * abs(short).max()


def test_beats_swell_as_often_as_the_tones_differ():
    sound = beats(440, 444, 2.0, rate=8000)
    envelope = abs(scipy.signal.hilbert(sound.values))
    found = dft(envelope - envelope.mean(), rate=8000)
    assert found.frequencies[abs(found.values).argmax()] == 4
    assert envelope[1000] < 0.02 * envelope.max()  # after an eighth of a second they cancel


def test_chords_and_melodies():
    both = chord("A4 E5", 1.0, rate=8000, timbre="pure", envelope=(0, 0, 1, 0))
    found = dft(both.values, rate=8000, taper="hann", scaling="power")
    peaks = found.frequencies[scipy.signal.find_peaks(found.values, height=1e-3)[0]]
    np.testing.assert_allclose(peaks, [440, 659.26], atol=0.6)
    tune = melody([("A4", 1), ("", 2), ("C5 E5", 1)], beat=0.1, rate=8000)
    assert tune.duration == pytest.approx(0.4)
    assert (tune.values[800:2400] == 0).all()
    gram = spectrogram(melody("A4 A5", rate=8000, timbre="pure").values, rate=8000, window=800)
    top = gram.frequencies[gram.values.argmax(axis=0)]
    assert top[3] == 440
    assert top[-4] == 880


def test_sounds_follow_and_lie_over_each_other():
    a, b = Sound(np.ones(3), 10), Sound(np.full(2, 2.0), 10)
    np.testing.assert_array_equal((a + b).values, [1, 1, 1, 2, 2])
    np.testing.assert_array_equal((a & b).values, [3, 3, 1])
    np.testing.assert_array_equal((0.5 * a * 4).values, [2, 2, 2])
    with pytest.raises(InputError, match="10 and 20 Hz"):
        _ = a + Sound(np.ones(3), 20)
    with pytest.raises(InputError, match="other channels"):
        _ = a & Sound(np.ones((2, 3)), 10)


def test_a_sound_is_written_and_read(tmp_path):
    sound = chord("C4 G4", 0.2, rate=22_050)
    path = tmp_path / "chord.wav"
    sound.write(path)
    values, rate = soundfile.read(path)
    assert rate == 22_050
    np.testing.assert_allclose(values, sound.values * 0.9 / abs(sound.values).max(), atol=2 / 2**15)
    Sound(np.stack([sound.values, -sound.values]), 22_050).write(path, normalise=False)
    both = soundfile.read(path)[0]
    assert both.shape == (4410, 2)
    np.testing.assert_allclose(both[:, 0], sound.values, atol=2 / 2**15)
    assert [p.name for p in tmp_path.iterdir()] == ["chord.wav"]


def test_a_notebook_gets_a_player_that_holds_the_sound(tmp_path):
    sound = note("A4", 0.1, rate=8000)
    html = sound._repr_html_()
    data = base64.b64decode(re.search(r"base64,([^\"]+)\"", html).group(1))
    path = tmp_path / "from_page.wav"
    path.write_bytes(data)
    assert soundfile.info(path).duration == pytest.approx(0.1)
    assert html.startswith("<audio controls")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: harmonics(8, 0.6), "frequencies=0.6 is not between 0 and 0.5 cycles/sample.*Pass rate"),
        (lambda: harmonics(0, 0.1), "n=0 is not a whole number, 1 or more"),
        (lambda: wave(8, 6000, rate=8000), "frequency=6000 is not between"),
        (lambda: wave(8, 0), "frequency=0 is not between"),
        (lambda: wave(8, 0.5, band_limited=True), "frequency=0.5 is not below half the rate"),
        (lambda: wave(8, 0.1, shape="round"), "shape='round' is not one of square"),
        (lambda: chirp(8, 0, 0.1, kind="exponential"), "first=0 is not positive"),
        (lambda: chirp(8, 0.1, 0.2, kind="sudden"), "kind='sudden' is not"),
        (lambda: chirp(8, 0.1, 0.7), "last=0.7 is not"),
        (lambda: coloured_noise(1, 1), "n=1 is not a whole number, 2 or more"),
        (lambda: coloured_noise(9, np.nan), "exponent=nan is not a finite number"),
        (lambda: quasi_periodic(9, 1), "period=1 is not at least 2, two samples"),
        (lambda: quasi_periodic(9, 4, jitter=0.5), "jitter=0.5 is not between 0 and 0.3"),
        (lambda: transactions(9, payments={"x": (1, 0, 0)}), r"payments=\{'x': \(1, 0, 0\)\} is not"),
        (lambda: transactions(9, spending=-1), "spending=-1 is not 0 or more"),
        (lambda: note_frequency("H4"), "name='H4' is not a note"),
        (lambda: note("A4", 0), "duration=0 is not at least one sample"),
        (lambda: note("A4", 1, timbre="kazoo"), "timbre='kazoo' is not one of pure"),
        (lambda: note(30_000, 1), "pitch=30000.0 is not between 0, which is excluded, and 22050 Hz"),
        (lambda: note("A4", 1, envelope=(0, 0, 2, 0)), r"envelope=\(0, 0, 2, 0\) is not"),
        (lambda: chord("", 1), "pitches='' is not at least one note"),
        (lambda: melody([]), r"notes=\[\] is not at least one note"),
        (lambda: Sound(np.full(9, 2.0), 10).write("x.wav", normalise=False), "peak is 2, beyond 1"),
        (lambda: Sound(np.full(9, np.nan), 10).write("x.wav"), "NaN or infinity"),
        (lambda: Sound(np.zeros(9), 10).write("x.mp3"), "path='x.mp3' is not a file name that ends in .wav"),
        (lambda: Sound(np.zeros(9), 10.5).write("x.wav"), "rate=10.5 is not a whole number"),
    ],
)
def test_wrong_input_is_refused_in_one_sentence(call, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        call()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(WriteError, match="there is no folder"):
        note("A4", 0.1).write(tmp_path / "nosuch" / "a.wav")


def test_all_names_are_public():
    assert all(hasattr(synthesis, name) for name in synthesis.__all__)
