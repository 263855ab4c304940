"""Sound files piece by piece, by channel and from videos; and damaged, silent, clipped and constant ones."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from filterbank import (
    BandBank,
    FilterBank,
    FilterbankError,
    GaborBank,
    InputError,
    MelBank,
    Moments,
    Proportion,
    ReadError,
    Representation,
    Signals,
    files,
    load,
)
from filterbank import signals as signals_module
from filterbank.files import SoundReader
from filterbank.recipes import make

RATE = 16000


def tone(n=8000, channels=2, rate=RATE):
    t = np.arange(n) / rate
    return np.stack([0.5 * np.sin(2 * np.pi * (440 + 200 * c) * t) for c in range(channels)])


def write_by_av(path, samples, codec, *, rate=RATE, video=False):
    """Write with FFmpeg's libraries: AAC and such, and a video with sound."""
    av = pytest.importorskip("av", reason="PyAV writes the test's file")
    layout = "stereo" if len(samples) == 2 else "mono"
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=10) if video else None
        stream = container.add_stream(codec, rate=rate)
        stream.layout = layout
        if picture is not None:
            picture.width = picture.height = 32
            picture.pix_fmt = "yuv420p"
            for i in range(5):
                image = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 40 * i, np.uint8), format="rgb24")
                container.mux(picture.encode(image))
            container.mux(picture.encode(None))
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples, np.float32), format="fltp", layout=layout)
        frame.sample_rate = rate
        resampler = av.AudioResampler(format=stream.format, layout=layout, rate=rate)
        fifo = av.AudioFifo()
        for piece in resampler.resample(frame):
            fifo.write(piece)
        size = stream.codec_context.frame_size or 1024
        while (piece := fifo.read(size, partial=True)) is not None:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))


# Formats.


@pytest.mark.parametrize(
    ("subtype", "within"),
    [
        *[("PCM_U8", 2**-7), ("PCM_16", 2**-15), ("PCM_24", 2**-23), ("PCM_32", 1e-7)],
        *[("FLOAT", 1e-7), ("DOUBLE", 1e-7), ("ALAW", 0.02), ("ULAW", 0.02)],
    ],
)
def test_wav_of_any_subtype(tmp_path, subtype, within):
    samples = tone()
    soundfile.write(tmp_path / "a.wav", samples.T, RATE, subtype=subtype)
    content = files.read(tmp_path / "a.wav")
    assert (content.array.dtype, content.rate) == (np.float32, RATE)
    np.testing.assert_allclose(content.array[:, :8000], samples, atol=within)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov", "avi"])
def test_the_sound_of_a_video_is_read(tmp_path, suffix):
    write_by_av(tmp_path / f"a.{suffix}", tone(16000), "aac" if suffix != "avi" else "pcm_s16le", video=True)
    content = files.read(tmp_path / f"a.{suffix}")
    assert (len(content.array), content.rate) == (2, RATE)
    peaks = np.abs(np.fft.rfft(content.array[:, 4000:12000])).argmax(axis=1) * RATE / 8000
    np.testing.assert_allclose(peaks, [440, 640], atol=2)
    assert files.probe(tmp_path / f"a.{suffix}").size == content.array.shape[1:]


def test_a_video_without_sound_is_refused(tmp_path):
    av = pytest.importorskip("av", reason="PyAV writes the test's file")
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    with pytest.raises(ReadError, match=r"a.mp4: holds no sound"):
        files.read(tmp_path / "a.mp4")


def test_a_channel_is_picked(tmp_path):
    samples = tone()
    soundfile.write(tmp_path / "a.wav", samples.T, RATE, subtype="FLOAT")
    content = files.read(tmp_path / "a.wav", channel=1)
    np.testing.assert_array_equal(content.array, samples[1:].astype(np.float32))
    assert files.probe(tmp_path / "a.wav", channel=1).n_channels == 1
    for function in (files.read, files.probe, SoundReader):
        with pytest.raises(ReadError, match=r"a.wav: has 2 channels, and channel=2 was asked for"):
            function(tmp_path / "a.wav", channel=2)
        with pytest.raises(InputError, match="channel=-1 is not a whole number, 0 or more"):
            function(tmp_path / "a.wav", channel=-1)
        with pytest.raises(InputError, match="channel=0 is not to be had with mono=True"):
            function(tmp_path / "a.wav", channel=0, mono=True)


def test_a_folder_is_loaded_with_a_channel_of_each(tmp_path):
    for name in "ab":
        soundfile.write(tmp_path / f"{name}.wav", tone().T, RATE, subtype="FLOAT")
    data = load(tmp_path, channel=1)
    np.testing.assert_array_equal(data.signals[0], tone()[1:].astype(np.float32))
    soundfile.write(tmp_path / "c.wav", tone(channels=1).T, RATE)
    data = load(tmp_path, channel=1)
    assert len(data) == 2
    assert data.skipped[0].reason == "has one channel, and channel=1 was asked for (the first is 0)"


# Piece by piece.


@pytest.fixture(scope="module")
def long_files(tmp_path_factory):
    """The same two channels in several formats, long enough for several pieces."""
    folder = tmp_path_factory.mktemp("long")
    samples = 0.3 * np.random.default_rng(0).normal(size=(2, 700_000))
    for name, options in (("a.wav", {"subtype": "FLOAT"}), ("a.flac", {}), ("a.ogg", {}), ("a.mp3", {})):
        soundfile.write(folder / name, samples.T[:1000], RATE) if name == "a.ogg" else soundfile.write(
            folder / name, np.clip(samples.T, -1, 1), RATE, **options
        )
    write_by_av(folder / "a.m4a", samples, "aac")
    return folder


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.m4a"])
@pytest.mark.parametrize("options", [{}, {"mono": True, "rate": 11025}, {"channel": 1, "rate": 44100}])
def test_pieces_are_the_whole(long_files, name, options):
    whole = files.read(long_files / name, **options)
    sound = SoundReader(long_files / name, **options)
    assert sound.shape == whole.array.shape
    assert sound.rate == whole.rate
    n = sound.shape[1]
    for start, stop in ((0, 100), (n // 3, n // 3 + 50), (n // 2, n), (0, 10), (n - 1, n), (5, 5), (0, n)):
        np.testing.assert_array_equal(sound[:, start:stop], whole.array[:, start:stop])
    np.testing.assert_array_equal(sound[:, np.array([7, 3, 3, 90])], whole.array[:, [7, 3, 3, 90]])
    assert files.probe(long_files / name, **options).size == (n,)
    with pytest.raises(InputError, match="key=0 is not"):
        sound[0]


BANKS = {
    "fused": lambda: (GaborBank(1, n_frequencies=2, highest=0.2), Moments(["mean", "std", "max_position"])),
    "fused, valid": lambda: (FilterBank([np.ones(5), np.ones(2)]), Moments(["mean", "min"])),
    "wrapped": lambda: (FilterBank([np.ones(5)], pad="wrap"), Moments(["mean", "min"])),
    "plain": lambda: (MelBank(n_mels=10), Moments(["mean", "std"])),
    "bands": lambda: (BandBank([0, 0.1, 0.5], n_fft=100, hop=33), Moments(["mean"])),
    "learned": lambda: (GaborBank(1, n_frequencies=1, highest=0.2), Proportion(quantiles=(0.3,))),
}


@pytest.mark.parametrize("name", BANKS)
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_features_of_a_long_file_are_those_of_its_array(long_files, monkeypatch, name, n_jobs):
    """Bit for bit, though it is never held whole."""
    signals = Signals.wrap([long_files / "a.wav", long_files / "a.flac"])
    bank, pool = BANKS[name]()
    make_one = lambda: Representation(bank, pool, n_jobs=n_jobs, block_size=100_000, random_state=0)  # noqa: E731
    expected = make_one().fit_transform(signals)
    monkeypatch.setattr(signals_module, "LARGE", 1)
    monkeypatch.setattr(signals_module, "LONG", 1000)
    monkeypatch.setattr(signals_module.FileSignal, "read", None)  # nobody may read it whole
    assert isinstance(signals.opened(0), SoundReader)
    np.testing.assert_array_equal(make_one().fit_transform(signals), expected)


def test_short_and_long_files_mix(long_files, monkeypatch):
    signals = Signals.wrap([long_files / "a.ogg", long_files / "a.flac", long_files / "a.ogg"])
    monkeypatch.setattr(signals_module, "LARGE", 20_000)
    monkeypatch.setattr(signals_module, "LONG", 10_000)
    features = Representation(GaborBank(n_frequencies=2), Moments()).fit_transform(signals)
    np.testing.assert_array_equal(features[0], features[2])
    assert (features[0] != features[1]).all()


def test_shapes_of_files_are_told_by_their_headers(long_files, monkeypatch):
    signals = Signals.wrap([long_files / "a.wav"])
    monkeypatch.setattr(signals_module.FileSignal, "read", None)
    assert signals.shapes == [(2, 700_000)]
    assert signals.info.n_channels == 2


def test_a_long_file_with_nan_is_refused_with_its_place(tmp_path, monkeypatch):
    samples = np.zeros(5000)
    samples[4321] = np.nan
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    monkeypatch.setattr(signals_module, "LARGE", 1)
    monkeypatch.setattr(signals_module, "LONG", 1)
    with pytest.raises(ReadError, match=r"a.wav: contains NaN or infinity at sample 4321"):
        Representation(MelBank(), Moments()).fit_transform(Signals.wrap([tmp_path / "a.wav"]))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from /proc")
def test_an_hour_of_sound_takes_less_than_300_mib(tmp_path):
    """Log-mel statistics, Gabor filters and band powers of an hour made 44.1 kHz, in a process of its own."""
    for name, seconds in (("short.flac", 5), ("hour.flac", 3600)):
        with soundfile.SoundFile(tmp_path / name, "w", RATE, 1) as file:
            rng = np.random.default_rng(0)
            for _ in range(seconds // 5):
                file.write(0.1 * rng.normal(size=5 * RATE))
    program = """
        import sys
        import numpy as np
        from filterbank import BandBank, GaborBank, MelBank, Moments, Representation, Signals
        signals = Signals.wrap([sys.argv[1]], rate=44100)
        for bank in (MelBank(), GaborBank(n_frequencies=4), BandBank()):
            features = Representation(bank, Moments(["mean", "std"])).fit_transform(signals)
            assert np.isfinite(features).all()
        peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
        print(int(peak.split()[1]) / 1024)
    """

    def peak(name):
        command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / name)]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    peak("short.flac")  # compiles, where nothing was compiled before
    short, hour = peak("short.flac"), peak("hour.flac")
    assert hour < 300
    assert hour < short + 20


# Damage.


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds")
    for name in ("a.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff"):
        soundfile.write(folder / name, 0.3 * tone(4000).T, RATE)
    soundfile.write(folder / "alaw.wav", 0.3 * tone(4000).T, RATE, subtype="ALAW")
    write_by_av(folder / "a.m4a", tone(4000), "aac")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


NAMES = ("a.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff", "alaw.wav", "a.m4a")


def refusal(function, path):
    """What is said of a file that can't be read; None if it can."""
    try:
        function(path)
    except FilterbankError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_fuzzed_headers_are_read_or_refused_in_one_sentence(sounds, tmp_path_factory, name, data):
    content = bytearray(sounds[name])
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, min(199, len(content) - 1)))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content)))]
    path = tmp_path_factory.mktemp("fuzz") / name
    path.write_bytes(content)
    for function in (files.read, files.probe, lambda p: SoundReader(p)[:, :], lambda p: files.read(p, rate=8000)):
        said = refusal(function, path)
        assert said is None or (said.startswith(f"{path}: ") and "\n" not in said)


def test_a_folder_of_bad_files_goes_on_with_the_good_ones(tmp_path, sounds):
    good = sounds["a.wav"]
    wavs = {
        "good1": good,
        "good2": good,
        "empty": b"",
        "cut": good[:5000],
        "header": good[:44],
        "garbage": b"\x00\x01" * 3000,
        "text": b"not a sound at all",
    }
    for name, content in wavs.items():
        (tmp_path / f"{name}.wav").write_bytes(content)
    for name, samples in {
        "silent": np.zeros(4000),
        "direct": np.full(4000, 0.7),
        "clipped": np.sign(tone(4000)[0]),
    }.items():
        soundfile.write(tmp_path / f"{name}.wav", np.stack([samples] * 2, axis=1), RATE)
    data = load(tmp_path)
    assert sorted(data.table["path"]) == [f"{n}.wav" for n in ("clipped", "direct", "good1", "good2", "silent")]
    assert sorted(skipped.source for skipped in data.skipped) == [
        f"{n}.wav" for n in ("cut", "empty", "garbage", "header", "text")
    ]
    assert all(skipped.reason and "\n" not in skipped.reason for skipped in data.skipped)
    for recipe in ("summary", "gabor", "band_power", "mfcc_segments", "modulation"):
        features = make(recipe, "sound").fit_transform(data.signals)
        assert np.isfinite(features).all()
