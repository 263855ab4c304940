"""Reading one file: against the libraries that wrote it, and against every way in which a file can be broken."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from PIL import Image
from scipy.signal import resample_poly

from filterbank import files
from filterbank.errors import InputError, ReadError
from filterbank.signals import FileSignal, Signals

DATA = os.environ.get("FILTERBANK_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="FILTERBANK_DATA is not set")


@pytest.fixture
def tone(tmp_path):
    """A stereo WAV of 16 kHz, and its samples (time, channel)."""
    t = np.arange(8000) / 16000
    samples = np.stack([0.5 * np.sin(2 * np.pi * 440 * t), 0.25 * np.cos(2 * np.pi * 1000 * t)], axis=1)
    soundfile.write(tmp_path / "tone.wav", samples, 16000, subtype="FLOAT")
    return tmp_path / "tone.wav", samples


@pytest.fixture
def photo():
    """Random 8-bit colour, (24, 32, 3), smooth enough for JPEG."""
    coarse = np.random.default_rng(0).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((32, 24), Image.Resampling.BILINEAR))


def luma(rgb):
    return np.asarray(Image.fromarray(rgb).convert("L"))


# Sound.


def test_sound_keeps_its_samples_channels_and_rate(tone):
    path, samples = tone
    content = files.read(path)
    assert (content.array.dtype, content.rate, content.n_axes) == (np.float32, 16000.0, 1)
    np.testing.assert_array_equal(content.array, samples.T.astype(np.float32))
    assert files.probe(path) == files.Header(1, 2, 16000.0, (8000,))


def test_mono_is_the_mean_of_the_channels(tone):
    path, samples = tone
    np.testing.assert_allclose(files.read(path, mono=True).array, samples.mean(axis=1)[np.newaxis], atol=1e-7)
    assert files.probe(path, mono=True).n_channels == 1


def test_rate_resamples_as_scipy_does(tone):
    path, samples = tone
    content = files.read(path, rate=8000)
    expected = resample_poly(samples, 1, 2, axis=0).T
    assert (content.array.shape, content.rate) == (expected.shape, 8000.0)
    np.testing.assert_allclose(content.array[:, 200:-200], expected[:, 200:-200], atol=2e-3)
    header = files.probe(path, rate=8000)
    assert (header.rate, header.size) == (8000.0, (4000,))


@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3", "aiff", "au"])
def test_other_formats_of_soundfile(tmp_path, tone, suffix):
    _, samples = tone
    path = tmp_path / f"tone.{suffix}"
    soundfile.write(path, samples, 16000)
    content = files.read(path)
    assert content.array.shape == (2, 8000)
    assert np.corrcoef(content.array[1, 500:-500], samples[500:-500, 1])[0, 1] > 0.99
    assert files.probe(path) == files.Header(1, 2, 16000.0, (8000,))


@pytest.mark.parametrize("suffix", ["m4a", "aac", "mp4"])
def test_aac_is_read_by_pyav(tmp_path, tone, suffix):
    av = pytest.importorskip("av", reason="PyAV writes the test's file")
    _, samples = tone
    path = tmp_path / f"tone.{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        stream.layout = "stereo"
        planes = np.ascontiguousarray(samples.T.astype(np.float32))
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout="stereo")
        frame.sample_rate = 16000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    content = files.read(path)
    assert (content.rate, len(content.array)) == (16000.0, 2)
    spectrum = np.abs(np.fft.rfft(content.array[:, 2000:7000]))
    peaks = np.fft.rfftfreq(5000, 1 / 16000)[spectrum.argmax(axis=1)]
    np.testing.assert_allclose(peaks, [440, 1000], atol=4)
    assert files.probe(path).size == content.array.shape[1:]
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(ReadError, match=f"tone.{suffix}: can't be read as .{suffix}"):
        files.read(path)


@pytest.mark.parametrize("function", [files.read, files.probe])
@pytest.mark.parametrize("suffix", ["wav", "aiff", "flac"])
@pytest.mark.parametrize("part", [0.05, 0.6, 0.98])
def test_sound_that_is_cut_short_is_refused(tmp_path, suffix, part, function):
    path = tmp_path / f"noise.{suffix}"
    soundfile.write(path, 0.1 * np.random.default_rng(0).normal(size=8000), 8000)
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    with pytest.raises(ReadError, match=rf"noise.{suffix}: (is cut short|can't be read)"):
        function(path)


def test_a_wav_written_to_a_pipe_is_not_taken_for_cut_short(tone):
    path, samples = tone
    data = bytearray(path.read_bytes())
    data[4:8] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    assert files.read(path).array.shape == samples.T.shape


def test_sound_without_samples_is_refused(tmp_path):
    path = tmp_path / "silent.wav"
    soundfile.write(path, np.zeros((0, 1)), 8000)
    for function in (files.read, files.probe):
        with pytest.raises(ReadError, match=r"silent.wav: holds no samples. Record it again"):
            function(path)


# Images.


def test_grey_and_rgb(tmp_path, photo):
    path = tmp_path / "photo.png"
    Image.fromarray(photo).save(path)
    grey, rgb = files.read(path), files.read(path, colour="rgb")
    assert (grey.array.dtype, grey.array.shape, grey.n_axes, grey.rate) == (np.float32, (1, 24, 32), 2, None)
    np.testing.assert_allclose(grey.array[0] * 255, luma(photo), atol=0.51)
    np.testing.assert_allclose(rgb.array, photo.transpose(2, 0, 1) / 255, atol=1e-6)
    assert files.probe(path) == files.Header(2, 1, None, (24, 32))
    assert files.probe(path, colour="rgb").n_channels == 3


def test_sixteen_bits_are_kept(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 65536, (5, 7), dtype=np.uint16)
    for name in ("deep.png", "deep.tif", "deep.pgm"):
        Image.fromarray(pixels).save(tmp_path / name)
        np.testing.assert_allclose(files.read(tmp_path / name).array[0], pixels / 65535, atol=1e-7)


def test_floats_and_long_integers_come_as_stored(tmp_path):
    for dtype in (np.float32, np.int32):
        pixels = (np.arange(12).reshape(3, 4) * 1000).astype(dtype)
        Image.fromarray(pixels).save(tmp_path / "stored.tif")
        np.testing.assert_array_equal(files.read(tmp_path / "stored.tif").array[0], pixels)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK"])
def test_other_modes_are_what_pillow_converts_them_to(tmp_path, photo, mode):
    image = Image.fromarray(photo).convert(mode)
    path = tmp_path / ("image.jpg" if mode == "CMYK" else "image.png")
    image.save(path)
    expected = np.asarray(Image.open(path).convert("RGB")) / 255
    array = files.read(path, colour="rgb").array
    np.testing.assert_allclose(array, expected.transpose(2, 0, 1), atol=1e-6)
    assert files.read(path).array.shape == (1, 24, 32)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_lies_on_white(tmp_path, photo, mode):
    alpha = np.zeros((24, 32), dtype=np.uint8)
    alpha[:, 16:] = 255
    image = Image.fromarray(photo).convert(mode)
    image.putalpha(Image.fromarray(alpha))
    image.save(tmp_path / "clear.png")
    grey = files.read(tmp_path / "clear.png").array[0]
    assert (grey[:, :16] == 1).all()
    np.testing.assert_allclose(grey[:, 16:] * 255, luma(photo)[:, 16:], atol=0.51)


def test_exif_orientation_is_applied(tmp_path, photo):
    path = tmp_path / "turned.png"
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees, counterclockwise
    Image.fromarray(photo).save(path, exif=exif)
    np.testing.assert_allclose(files.read(path).array[0] * 255, np.rot90(luma(photo), -1), atol=0.51)
    assert files.probe(path).size == (32, 24)


@pytest.mark.parametrize("exif", [b"Exif\0\0" + b"\xff" * 40, b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12\0\x03\0\0\0\x01"])
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_photo_whose_exif_is_damaged_is_read(tmp_path, photo, exif):
    Image.fromarray(photo).save(tmp_path / "photo.jpg", exif=exif)
    assert files.read(tmp_path / "photo.jpg").array.shape == (1, 24, 32)
    assert files.probe(tmp_path / "photo.jpg").size == (24, 32)


def test_what_a_file_holds_counts_and_not_what_it_is_called(tmp_path, photo):
    Image.fromarray(photo).save(tmp_path / "photo.webp", lossless=True)
    (tmp_path / "photo.webp").rename(tmp_path / "photo.jpg")
    np.testing.assert_allclose(files.read(tmp_path / "photo.jpg").array[0] * 255, luma(photo), atol=0.51)
    assert files.probe(tmp_path / "photo.jpg").size == (24, 32)
    (tmp_path / "page.jpg").write_text("<html>not found</html>")
    with pytest.raises(ReadError, match=r"page.jpg: can't be read as .jpg"):
        files.probe(tmp_path / "page.jpg")


def test_an_animation_is_refused_and_a_photo_with_a_preview_is_not(tmp_path, photo):
    first, second = Image.fromarray(photo), Image.fromarray(255 - photo)
    first.save(tmp_path / "moving.gif", save_all=True, append_images=[second])
    first.save(tmp_path / "phone.jpg", "MPO", save_all=True, append_images=[second])
    for function in (files.read, files.probe):
        with pytest.raises(ReadError, match=r"moving.gif: holds 2 frames"):
            function(tmp_path / "moving.gif")
    np.testing.assert_allclose(files.read(tmp_path / "phone.jpg").array[0] * 255, luma(photo), atol=30)
    assert files.probe(tmp_path / "phone.jpg").size == (24, 32)


@pytest.mark.parametrize("function", [files.read, files.probe])
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "bmp", "gif", "webp", "pgm"])
def test_an_image_that_is_cut_short_is_refused(tmp_path, suffix, function):
    path = tmp_path / f"noise.{suffix}"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)).save(path)
    data = path.read_bytes()
    for part in (0.1, 0.7):
        path.write_bytes(data[: int(part * len(data))])
        with pytest.raises(ReadError, match=f"noise.{suffix}: can't be read as .{suffix}"):
            function(path)


# Tables and NumPy files.


def test_a_table_with_times_has_a_rate(tmp_path):
    path = tmp_path / "walk.csv"
    times = np.arange(50) / 25
    frame = pd.DataFrame({"Time": times, "x": np.sin(times), "y": np.cos(times), "year": 1931})
    frame.sample(frac=1, random_state=0).to_csv(path, index=False)
    content = files.read(path)
    assert content.rate == 25.0
    np.testing.assert_allclose(content.array, [np.sin(times), np.cos(times)])
    np.testing.assert_allclose(files.read(path, columns=["y"]).array, [np.cos(times)])
    assert files.probe(path) == files.Header(1, 2, 25.0, (50,))
    assert files.read(path, rate=12.5).array.shape == (2, 25)


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [",", ";", "\t", " "])
@pytest.mark.parametrize("header", [True, False])
def test_delimiters_line_ends_and_headers(tmp_path, ending, mark, header):
    rows = [mark.join(cells) for cells in (["a", "b"], ["1", "2.5"], ["3", "-4e1"])]
    path = tmp_path / "signal.txt"
    path.write_bytes(ending.join(["# a remark", *rows[not header :], ""]).encode("utf-8-sig"))
    np.testing.assert_array_equal(files.read(path).array, [[1, 3], [2.5, -40]])
    assert files.read(path).rate is None
    assert files.read(path, rate=4).rate == 4.0


@pytest.mark.parametrize(
    ("first", "has_header"),
    [("0,1,2", True), ("1,2,3", True), ("label,0,1", True), ("4,2,9", False), ("cat,0.5,1", False), ("a,b,c", True)],
)
def test_what_is_a_header(tmp_path, first, has_header):
    text = "cat" if first.split(",")[0] in ("cat", "label") else "7"
    (tmp_path / "t.csv").write_text(f"{first}\n{text},8,9\n{text},5,9\n")
    table, found = files.read_table(tmp_path / "t.csv")
    assert (found, len(table)) == (has_header, 3 - has_header)


def test_a_label_may_be_called_na(tmp_path):
    (tmp_path / "t.csv").write_text("country,x\nNA,1\nNL,NA\n,3\n")
    table, _ = files.read_table(tmp_path / "t.csv")
    assert table["country"].tolist()[:2] == ["NA", "NL"]
    assert table["country"].isna().tolist() == [False, False, True]
    np.testing.assert_array_equal(table["x"], [1, np.nan, 3])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y\n1,2\n3,\n", "row 2 of column 'y' is missing"),
        ("x,y\n1,2\n3,NaN\n", "row 2 of column 'y' is missing"),
        ("x,y\n1,2\nfive,4\n", "row 2 of column 'x' holds 'five'"),
        ("x,y\n1,2\ninf,4\n", "row 2 of column 'x' holds inf"),
        ("x,y\n1,2\n1,2,3\n", "lines are not all of one length"),
        ("x,y\n", "holds no samples"),
        (" \n\n", "holds no samples"),
        ("time,x\n0,1\n1,2\n1,3\n", "time=1 occurs more than once"),
        ("x\n1\n\0\0\n", "is no text"),
    ],
)
def test_tables_that_are_no_signal(tmp_path, text, message):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(ReadError, match=f"bad.csv: .*{message}"):
        files.read(path)


def test_text_that_is_not_utf8_and_columns_that_are_not_there(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("größe\n1\n2\n".encode("latin-1"))
    with pytest.raises(ReadError, match="is not text in UTF-8"):
        files.read(path)
    path.write_text("x,y\n1,2\n")
    with pytest.raises(ReadError, match=r"has no column 'z'\. Its columns are: x, y"):
        files.read(path, columns=["z"])


@pytest.mark.parametrize(
    ("shape", "n_axes", "axes", "expected"),
    [
        ((9,), None, 1, (1, 9)),
        ((3, 9), None, 2, (1, 3, 9)),
        ((3, 9), 1, 1, (3, 9)),
        ((4, 3, 9), None, 3, (1, 4, 3, 9)),
        ((4, 3, 9), 2, 2, (4, 3, 9)),
        ((2, 4, 3, 9), 3, 3, (2, 4, 3, 9)),
    ],
)
def test_numpy_files(tmp_path, shape, n_axes, axes, expected):
    array = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    np.save(tmp_path / "a.npy", array)
    content = files.read(tmp_path / "a.npy", n_axes=n_axes)
    assert (content.array.shape, content.array.dtype, content.n_axes) == (expected, np.int16, axes)
    np.testing.assert_array_equal(content.array.reshape(shape), array)
    assert files.probe(tmp_path / "a.npy", n_axes=n_axes).size == expected[1:]


def test_numpy_files_that_are_no_signal(tmp_path):
    path = tmp_path / "a.npy"
    cases = [
        (np.zeros((2, 2), dtype=complex), None, "complex128, which are no real numbers"),
        (np.array([{}, {}]), None, "holds Python objects"),
        (np.zeros(5), 2, r"shape \(5,\) with n_axes=2 is no signal"),
        (np.zeros((0, 5)), None, r"holds no samples: its shape is \(0, 5\)"),
    ]
    for array, n_axes, message in cases:
        np.save(path, array, allow_pickle=True)
        with pytest.raises(ReadError, match=message):
            files.read(path, n_axes=n_axes)
    np.save(path, np.zeros(100))
    path.write_bytes(path.read_bytes()[:-80])
    with pytest.raises(ReadError, match=r"a.npy: can't be read as .npy"):
        files.read(path)


# What is common.


@pytest.mark.parametrize("function", [files.read, files.probe])
@pytest.mark.parametrize("suffix", sorted(files.SOUND | files.IMAGE | files.TABLE | files.ARRAY))
def test_empty_missing_and_garbage_files_of_each_kind(tmp_path, suffix, function):
    path = tmp_path / f"a{suffix}"
    with pytest.raises(ReadError, match=f"a{suffix}: there is no such file"):
        function(path)
    path.write_bytes(b"")
    with pytest.raises(ReadError, match=r"is empty \(0 bytes\)"):
        function(path)
    path.write_bytes(b"\x01\x02 this is no such thing \xff\xfe" * 50)
    with pytest.raises(ReadError, match=f"a{suffix}: "):
        function(path)


def test_unknown_suffix_folder_and_options(tmp_path, tone):
    (tmp_path / "a.docx").write_text("hello")
    with pytest.raises(ReadError, match=r"suffix '\.docx' is none"):
        files.read(tmp_path / "a.docx")
    with pytest.raises(ReadError, match="is a folder"):
        files.read(tmp_path)
    for options in ({"rate": -5}, {"colour": "blue"}, {"n_axes": 4}):
        (name, value), *_ = options.items()
        with pytest.raises(InputError, match=f"{name}={value!r}"):
            files.read(tone[0], **options)


def test_a_file_that_may_not_be_opened(tone):
    if os.geteuid() == 0:
        pytest.skip("the superuser may open every file")
    tone[0].chmod(0)
    with pytest.raises(ReadError, match="permission denied"):
        files.read(tone[0])


def test_kind_of():
    kinds = [files.kind_of(name) for name in ("A.WAV", "b.Jpeg", "c.tsv", "d.npy", "e.zip", "f")]
    assert kinds == ["sound", "image", "series", "array", None, None]


def test_even_rate_of_times_with_few_digits():
    assert files.even_rate(np.round(np.arange(16000) / 16000, 4)) is None  # most times occur twice
    assert files.even_rate(np.round(np.arange(16000) / 16000, 6)) == 16000.0
    gap = np.delete(np.arange(100) / 10, 50)
    assert files.even_rate(gap) is None
    assert files.even_rate(np.array([1.0])) is None


def test_signals_of_files(tone):
    path, samples = tone
    signals = Signals.wrap([path, path])
    assert (signals.rate, signals.n_channels, signals.n_axes) == (16000.0, 2, 1)
    np.testing.assert_array_equal(signals[1], samples.T.astype(np.float32))
    assert FileSignal(path, {"mono": True}).read().shape == (1, 8000)


@needs_data
def test_real_files():
    root = Path(DATA) / "tutorial"
    assert files.probe(root / "speech/Ivo/s1.wav").n_channels == 2
    counts = files.read(root / "health/chickenpox_newyork.csv").array
    raw = [line.split(",") for line in (root / "health/chickenpox_newyork.csv").read_text().split()]
    np.testing.assert_array_equal(counts, np.array(raw, dtype=float).T)
    assert files.read(root / "sunspots.csv", columns=[1]).array.shape == (1, 3143)
