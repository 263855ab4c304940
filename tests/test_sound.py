"""Sound to sound: levels and loudness against published values and FFmpeg, silence, rate, pitch, and folders."""

import stat

import numpy as np
import pytest
import scipy.signal
import soundfile
from typer.testing import CliRunner

from filterbank import InputError, ReadError, Signals, WriteError, files
from filterbank.cli import app
from filterbank.output import Audio
from filterbank.sound import (
    convert,
    find_sound,
    k_weighting,
    loudness,
    normalise,
    pitch,
    resample,
    trim_silence,
)

RATE = 48000


def sine(seconds, decibel, *, frequency=1000, rate=RATE, channels=2):
    t = np.arange(int(seconds * rate)) / rate
    return np.stack([10 ** (decibel / 20) * np.sin(2 * np.pi * frequency * t)] * channels)


# Loudness.


def test_the_filters_are_those_printed_in_the_standard():
    """BS.1770-4, tables 1 and 2, for 48 kHz."""
    shelf, high_pass = k_weighting(48000)
    np.testing.assert_allclose(shelf[:3], [1.53512485958697, -2.69169618940638, 1.19839281085285], rtol=1e-9)
    np.testing.assert_allclose(shelf[4:], [-1.69065929318241, 0.73248077421585], rtol=1e-9)
    np.testing.assert_allclose(high_pass, [1, -2, 1, 1, -1.99004745483398, 0.99007225036621], rtol=1e-9)


@pytest.mark.parametrize("rate", [44100, 22050, 96000])
def test_the_filters_have_the_same_response_at_other_rates(rate):
    f = np.geomspace(20, 8000, 50)
    ours = scipy.signal.sosfreqz(k_weighting(rate), f, fs=rate)[1]
    theirs = scipy.signal.sosfreqz(k_weighting(48000), f, fs=48000)[1]
    np.testing.assert_allclose(20 * np.log10(np.abs(ours)), 20 * np.log10(np.abs(theirs)), atol=0.35)


def test_loudness_of_the_ebus_test_signals():
    """EBU Tech 3341, 2016, table 1, cases 1 to 5 (3 and 4 half as long): stereo tones of 1 kHz; within 0.1 LU."""
    cases = [
        ([(20, -23)], -23),
        ([(20, -33)], -33),
        ([(5, -36), (30, -23), (5, -36)], -23),
        ([(5, -72), (5, -36), (30, -23), (5, -36), (5, -72)], -23),
        ([(20, -26), (20.1, -20), (20, -26)], -23),
    ]
    for parts, expected in cases:
        samples = np.concatenate([sine(seconds, level) for seconds, level in parts], axis=1)
        assert abs(loudness(samples, RATE) - expected) < 0.1
    surround = np.stack([10 ** (level / 20) * sine(20, 0)[0] for level in (-28, -28, -24, -100, -30, -30)])
    assert abs(loudness(surround, RATE) + 23) < 0.1  # case 6, 5.1 channels


def test_loudness_of_full_scale_and_of_silence():
    assert abs(loudness(sine(5, 0, frequency=997, channels=1), RATE) + 3.01) < 0.01
    assert loudness(np.zeros(RATE), RATE) == -np.inf
    with pytest.raises(InputError, match=r"the sound has 0.3 s and loudness needs at least 0.4"):
        loudness(sine(0.3, -20), RATE)
    with pytest.raises(InputError, match="5 or 6 channels, and this sound has 4"):
        loudness(np.ones((4, RATE)), RATE)


@pytest.mark.parametrize(("to", "level"), [("peak", -3), ("rms", -20), ("loudness", -16)])
def test_normalised_sound_has_the_level(to, level):
    x = sine(2, -40) * np.array([[1.0], [0.5]])
    y = normalise(x, to=to, level=level, rate=RATE)
    found = {
        "peak": lambda: 20 * np.log10(np.abs(y).max()),
        "rms": lambda: 10 * np.log10(np.mean(y**2)),
        "loudness": lambda: loudness(y, RATE),
    }[to]()
    assert abs(found - level) < 1e-6
    np.testing.assert_allclose(y / x.max(), x * (y.max() / x.max() ** 2), rtol=1e-9)
    assert normalise(x[0].astype(np.float32)).dtype == np.float32
    assert normalise(x[0]).shape == x[0].shape


@pytest.mark.parametrize(
    ("samples", "options", "message"),
    [
        (np.zeros(100), {}, "the sound is silent, and no factor makes it louder"),
        (np.zeros(RATE), {"to": "loudness", "rate": RATE}, "silent"),
        (np.ones(100), {"to": "lufs"}, "to='lufs' is not one of peak, rms, loudness"),
        (np.ones(100), {"level": np.inf}, "level=inf is not a number of decibels"),
        (np.ones(100), {"to": "loudness"}, "rate=None is not known, and loudness needs it"),
        (np.array([0.0, np.nan]), {}, "contains NaN"),
    ],
)
def test_what_has_no_level(samples, options, message):
    with pytest.raises(InputError, match=message):
        normalise(samples, **options)


# Silence.


def test_silence_is_found_as_librosa_finds_it():
    librosa = pytest.importorskip("librosa", reason="librosa is the reference")
    rng = np.random.default_rng(0)
    for start, stop, below in ((5000, 12000, 40), (0, 9000, 20), (3000, 20000, 60)):
        x = 1e-4 * rng.normal(size=20000)
        x[start:stop] += rng.normal(size=stop - start)
        _, theirs = librosa.effects.trim(x, top_db=below, frame_length=1024, hop_length=256)
        ours = find_sound(x, below=below, window=1024, hop=256)
        assert np.abs(np.array(ours) - theirs).max() <= 256
        np.testing.assert_array_equal(trim_silence(x, below=below, window=1024, hop=256), x[slice(*ours)])


def test_silence_of_channels_and_of_nothing_else():
    x = np.zeros((2, 3000))
    x[1, 1000:1200] = 1
    start, stop = find_sound(x, window=64, hop=32)
    assert start <= 1000
    assert 1200 <= stop <= 1300
    assert find_sound(np.zeros(100)) == (0, 0)
    with pytest.raises(InputError, match="all samples are 0"):
        trim_silence(np.zeros(100))
    for options in ({"window": 0}, {"hop": 0}, {"below": 0}):
        with pytest.raises(InputError, match=f"{next(iter(options))}=0 is not"):
            find_sound(x, **options)


# Rate and pitch.


def test_resampling_keeps_tones_and_drops_what_would_alias():
    x = sine(1, 0, frequency=1000, channels=1) + sine(1, 0, frequency=20000, channels=1)
    y = resample(x, 16000, from_rate=RATE)
    spectrum = 2 * np.abs(np.fft.rfft(y[0])) / y.shape[1]
    assert abs(spectrum[1000] - 1) < 0.01
    spectrum[995:1006] = 0
    assert spectrum[10:-100].max() < 1e-3  # 20 kHz would come out at 4 kHz
    signals = resample(Signals.wrap([x[0]], rate=RATE), 16000)
    assert signals.rate == 16000
    np.testing.assert_array_equal(signals[0], y)
    assert resample(x[0], 16000, from_rate=RATE).shape == y[0].shape
    with pytest.raises(InputError, match="from_rate=None is not a positive number"):
        resample(Signals.wrap([x[0]]), 16000)


def test_pitch_over_time_follows_a_glide_and_leaves_out_noise():
    rate = 16000
    t = np.arange(rate) / rate
    glide = scipy.signal.sawtooth(2 * np.pi * (120 * t + 60 * t**2))
    x = np.concatenate([glide, np.random.default_rng(0).normal(size=rate)])
    found = pitch(x, rate)
    inside = found[(found["time"] > 0.05) & (found["time"] < 0.95)]
    np.testing.assert_allclose(inside["pitch"], 120 + 120 * inside["time"], rtol=0.02)
    assert found[found["time"] > 1.05]["pitch"].isna().mean() > 0.95


# Playing.


def test_what_a_notebook_plays_is_the_sound(tmp_path):
    samples = np.stack([0.5 * np.sin(np.arange(2000) / 10), np.cos(np.arange(2000) / 7)])
    signals = Signals.wrap([samples], n_axes=1, rate=8000)
    (tmp_path / "a.wav").write_bytes(signals.play(0).wav)
    back, rate = soundfile.read(tmp_path / "a.wav", always_2d=True)
    assert rate == 8000
    np.testing.assert_allclose(back.T, samples, atol=1e-4)
    assert signals.play(0, rate=4000, channel=1).wav != signals.play(0).wav
    loud = Audio(4 * samples, 8000)
    (tmp_path / "b.wav").write_bytes(loud.wav)
    assert np.abs(soundfile.read(tmp_path / "b.wav")[0]).max() <= 1
    assert loud._repr_html_().startswith('<audio controls src="data:audio/wav;base64,UklGR')


def test_what_cannot_be_played_says_why():
    image = Signals.wrap(np.zeros((1, 4, 4)), n_axes=2)
    with pytest.raises(InputError, match="signals with 2 axes can't be played"):
        image.play(0)
    series = Signals.wrap([np.zeros(10)])
    with pytest.raises(InputError, match="rate of these signals is unknown"):
        series.play(0)
    with pytest.raises(InputError, match="rate=20 is not between 1000"):
        series.play(0, rate=20)
    with pytest.raises(InputError, match=r"samples of shape \(3, 5\) can't be played"):
        Audio(np.zeros((3, 5)), 8000)
    with pytest.raises(InputError, match=r"NaN or infinity \(sample 1\)"):
        Audio(np.array([0, np.nan]), 8000)


# Folders.


@pytest.fixture
def recordings(tmp_path):
    """Good and bad ones, in a folder of a folder, too."""
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    x = 0.5 * np.random.default_rng(0).normal(size=(20000, 2)).clip(-1.9, 1.9)
    soundfile.write(folder / "a.ogg", 0.1 * x[:8000], 16000)
    soundfile.write(folder / "deep" / "b.flac", x, 44100, subtype="PCM_24")
    (folder / "broken.m4a").write_bytes(b"nothing of the kind" * 50)
    (folder / "notes.txt").write_text("not a sound")
    (folder / ".hidden.wav").write_text("hidden")
    return folder


def test_a_folder_is_converted_and_failures_are_named(recordings, tmp_path):
    out = tmp_path / "out"
    done = []
    found = convert(recordings, out, to="flac", subtype="PCM_24", progress=lambda i, n: done.append((i, n)))
    assert found["path"].tolist() == ["a.ogg", "broken.m4a", "deep/b.flac"]
    assert found["written"].tolist() == ["a.flac", "", "deep/b.flac"]
    assert found["reason"][1].startswith(f"{recordings / 'broken.m4a'}: can't be read as .m4a")
    assert done == [(1, 3), (2, 3), (3, 3)]
    assert sorted(p.name for p in out.rglob("*") if p.is_file()) == ["a.flac", "b.flac"]  # nothing half-written
    np.testing.assert_array_equal(
        files.read(out / "deep" / "b.flac").array, files.read(recordings / "deep" / "b.flac").array
    )
    assert found.loc[2, ["seconds", "rate", "channels", "clipped"]].tolist() == [20000 / 44100, 44100, 2, 0]


def test_aac_becomes_wav_as_the_tutorial_does_it(tmp_path):
    av = pytest.importorskip("av", reason="PyAV writes the test's file")
    t = np.arange(44100) / 44100
    with av.open(str(tmp_path / "s1.m4a"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        stream.layout = "mono"
        planes = np.ascontiguousarray(0.5 * np.sin(2 * np.pi * 440 * t), np.float32)[np.newaxis]
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout="mono")
        frame.sample_rate = 44100
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    convert(tmp_path, tmp_path / "wav", rate=16000)
    back, rate = soundfile.read(tmp_path / "wav" / "s1.wav")
    assert rate == 16000
    spectrum = np.abs(np.fft.rfft(back[2000:10000] * np.hanning(8000)))
    assert spectrum.argmax() == 220  # bins of 2 Hz: the tone that went in


def test_levels_rates_and_channels_are_converted(recordings, tmp_path):
    options = {"rate": 22050, "channel": 1, "to_level": "rms", "level": -30, "subtype": "FLOAT"}
    convert(recordings, tmp_path / "out", **options)
    for name, path in (("a.wav", "a.ogg"), ("deep/b.wav", "deep/b.flac")):
        back = files.read(tmp_path / "out" / name)
        assert (len(back.array), back.rate) == (1, 22050)
        assert abs(10 * np.log10(np.mean(back.array.astype(float) ** 2)) + 30) < 1e-3
        one = normalise(files.read(recordings / path, rate=22050, channel=1).array, to="rms", level=-30)
        np.testing.assert_allclose(back.array, one, atol=1e-6)


@pytest.mark.parametrize("to", ["peak", "rms", "loudness"])
def test_the_level_of_pieces_is_that_of_the_whole(tmp_path, monkeypatch, to):
    x = sine(3, -30, rate=44100) * np.linspace(0, 1, 3 * 44100) + 0.5
    soundfile.write(tmp_path / "a.wav", x.T, 44100, subtype="FLOAT")
    monkeypatch.setattr("filterbank.sound.PIECE", 1001)
    convert(tmp_path / "a.wav", tmp_path / "out", to_level=to, level=-14, subtype="FLOAT")
    back = files.read(tmp_path / "out" / "a.wav").array
    whole = normalise(x.astype(np.float32), to=to, level=-14, rate=44100)
    np.testing.assert_allclose(back, whole, rtol=1e-5)


def test_what_is_too_loud_is_counted(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.array([0.5, 1.5, -2.0, 1.0]), 8000, subtype="FLOAT")
    found = convert(tmp_path, tmp_path / "out")
    assert found["clipped"].tolist() == [2]
    np.testing.assert_allclose(soundfile.read(tmp_path / "out" / "a.wav")[0], [0.5, 1, -1, 1], atol=1e-4)


def test_silent_and_constant_files(tmp_path):
    soundfile.write(tmp_path / "silent.wav", np.zeros(4000), 8000)
    soundfile.write(tmp_path / "direct.wav", np.full(4000, 0.25), 8000)
    found = convert(tmp_path, tmp_path / "out", to="flac", to_level="peak").set_index("path")
    assert found.loc["silent.wav", "reason"].endswith(
        "the sound is silent, and no factor makes it louder. Leave it out."
    )
    assert str(tmp_path / "silent.wav") in found.loc["silent.wav", "reason"]
    assert found.loc["direct.wav", "written"] == "direct.flac"


def test_sources_are_never_overwritten(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.ones(10), 8000)
    soundfile.write(tmp_path / "a.flac", np.zeros(10), 8000)
    before = (tmp_path / "a.wav").read_bytes()
    found = convert(tmp_path, tmp_path)
    assert (found["written"] == "").all()
    assert found["reason"][0].endswith("is a file to be converted itself. Choose another folder.")
    assert (tmp_path / "a.wav").read_bytes() == before
    found = convert(tmp_path, tmp_path / "out")
    assert found["written"].tolist() == ["a.wav", ""]
    assert "is what a.flac was converted to" in found["reason"][1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"to": "mp5"}, "to='mp5' is not one of wav, flac"),
        ({"subtype": "PCM_7"}, "subtype='PCM_7' is not one of wav's: "),
        ({"level": -3}, "level=-3 is not used without to_level"),
        ({"to_level": "loud"}, "to='loud' is not one of peak, rms, loudness"),
        ({"rate": -1}, "rate=-1 is not a positive number"),
        ({"mono": True, "channel": 0}, "channel=0 is not to be had with mono=True"),
    ],
)
def test_options_without_meaning(recordings, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        convert(recordings, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_no_sound_no_folder_and_no_place_to_write(recordings, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty holds no sound: known are"):
        convert(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(ReadError, match="nosuch: there is no such file or folder"):
        convert(tmp_path / "nosuch", tmp_path / "out")
    with pytest.raises(WriteError, match=r"notes.txt: no such folder can be made \(it is a file\)"):
        convert(recordings, recordings / "notes.txt")


def test_the_command_exits_with_one_where_something_failed(recordings, tmp_path):
    result = CliRunner().invoke(app, ["convert", str(recordings), str(tmp_path / "out"), "--to", "flac"])
    assert result.exit_code == 1
    assert f"2 of 3 sounds written in {tmp_path / 'out'}" in result.output.replace("\n", "")
    assert "broken.m4a: can't be read" in result.output
    (recordings / "broken.m4a").unlink()
    result = CliRunner().invoke(app, ["convert", str(recordings), str(tmp_path / "out2"), "--to-level", "peak"])
    assert result.exit_code == 0
    assert np.abs(soundfile.read(tmp_path / "out2" / "a.wav")[0]).max() > 0.999
    assert stat.S_ISREG((tmp_path / "out2" / "a.wav").stat().st_mode)


def test_the_first_channel_is_taken_on_the_command_line(tmp_path):
    samples = np.stack([0.5 * np.ones(4000), np.zeros(4000)], axis=1)
    soundfile.write(tmp_path / "a.wav", samples, 8000, subtype="FLOAT")
    for channel, mean in ((0, "mean 0.5,"), (1, "mean 0,")):
        result = CliRunner().invoke(app, ["show", str(tmp_path / "a.wav"), "--channel", str(channel)])
        assert result.exit_code == 0
        assert mean in result.output
        assert "channels             1\n" in result.output
