"""The page: its sums are the library's, it shows without an error, answers quickly, and reads the user's files."""

import base64
import json
import re
import shutil
import subprocess
import urllib.error
import urllib.request

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from filterbank import InputError
from filterbank.cli import app
from filterbank.design import gabor, hermite_gaussian
from filterbank.design.gabor import direction
from filterbank.explore import PAGE, served
from filterbank.filtering import convolve
from filterbank.spectrum import fourier_series

NODE, CHROMIUM = shutil.which("node"), shutil.which("chromium")
needs_node = pytest.mark.skipif(NODE is None, reason="the page's sums are run by node, which is not installed")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="the page is shown by chromium, which is not installed")


def in_node(expression):
    """Evaluate an expression with the page's functions; typed arrays come back as lists."""
    code = (
        f"const maths = require({json.dumps(str(PAGE / 'maths.js'))});"
        f"const read = require({json.dumps(str(PAGE / 'read.js'))});"
        f"const plain = (_, v) => ArrayBuffer.isView(v) ? Array.from(v) : v;"
        f"console.log(JSON.stringify({expression}, plain));"
    )
    done = subprocess.run([NODE, "-e", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@needs_node
def test_kernels_are_the_library_s():
    for sigma in (0.7, 2.0, 5.5):
        np.testing.assert_allclose(in_node(f"maths.gaussian({sigma})"), hermite_gaussian(sigma, 0), atol=1e-14)
        np.testing.assert_allclose(
            in_node(f"maths.gaussianDerivative({sigma})"), hermite_gaussian(sigma, 1), atol=1e-14
        )
        for frequency in (0.05, 0.31):
            found = in_node(f"maths.gabor({frequency}, {sigma})")
            kernel = gabor(frequency, sigma)
            np.testing.assert_allclose(found["real"], kernel.real, atol=1e-14)
            np.testing.assert_allclose(found["imaginary"], kernel.imag, atol=1e-14)


@needs_node
def test_harmonics_are_the_library_s():
    for wave in ("square", "sawtooth", "triangle"):
        np.testing.assert_allclose(in_node(f"maths.harmonics('{wave}', 9)"), fourier_series(wave, 9).sines, atol=1e-14)


@needs_node
def test_convolutions_are_the_library_s():
    rng = np.random.default_rng(0)
    x = rng.normal(size=50).round(3)
    kernel = rng.normal(size=7).round(3)
    found = in_node(f"maths.convolve({x.tolist()}, {kernel.tolist()})")
    np.testing.assert_allclose(found, convolve(x, kernel, pad="symmetric"), atol=1e-12)
    picture = rng.random((18, 23)).round(3)
    found = in_node(f"maths.gaborResponse({picture.ravel().tolist()}, 23, 18, 0.17, 2.0, 0.6)")
    whole = gabor(0.17, 2.0, direction(2, 0.6))
    expected = np.hypot(
        convolve(picture, whole.real, n_axes=2, pad="symmetric"),
        convolve(picture, whole.imag, n_axes=2, pad="symmetric"),
    )
    np.testing.assert_allclose(np.reshape(found, picture.shape), expected, atol=1e-12)


@needs_node
def test_transforms_and_aliases_are_right():
    rng = np.random.default_rng(1)
    x = rng.normal(size=64)
    found = in_node(f"(() => {{ const a = {x.tolist()}, b = a.map(() => 0); maths.fft(a, b); return [a, b]; }})()")
    np.testing.assert_allclose(found[0] + 1j * np.array(found[1]), np.fft.fft(x), atol=1e-12)
    back = in_node(
        f"(() => {{ const a = {x.tolist()}, b = a.map(() => 0); maths.fft(a, b); maths.fft(a, b, true); return a; }})()"
    )
    np.testing.assert_allclose(back, x, atol=1e-12)
    for frequency, rate in ((3, 10), (9, 10), (10, 10), (13.5, 6)):
        seen = in_node(f"maths.alias({frequency}, {rate})")
        t = np.arange(50) / rate
        np.testing.assert_allclose(np.cos(2 * np.pi * seen * t), np.cos(2 * np.pi * frequency * t), atol=1e-9)


@needs_node
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"])
def test_wav_files_are_read_as_they_are(tmp_path, subtype):
    samples = np.random.default_rng(0).uniform(-0.9, 0.9, size=(40, 2))
    path = tmp_path / "a.wav"
    soundfile.write(path, samples, 11025, subtype=subtype)
    content = base64.b64encode(path.read_bytes()).decode()
    found = in_node(f"read.wav(Uint8Array.from(Buffer.from('{content}', 'base64')).buffer)")
    expected, rate = soundfile.read(path)
    assert found["rate"] == rate
    np.testing.assert_allclose(found["samples"], expected[:, 0], atol=1e-7)


@needs_node
def test_columns_of_numbers_are_read_and_long_ones_averaged():
    text = "time;count\\n" + "\\n".join(f"{i};{i * i}" for i in range(20))
    assert in_node(f"read.csv('{text}')") == [i * i for i in range(20)]
    assert in_node("read.shortened(Float64Array.from([1, 3, 5, 7]), 2)") == [2, 6]
    found = in_node("(() => { try { return read.csv('a,b'); } catch (error) { return error.message; } })()")
    assert found == "has fewer than 16 numbers in its last column"


def show(address, tmp_path, *, width=1000):
    """Open the page in headless Chromium; the document comes on stdout, what the console says on stderr."""
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
        "--disable-component-update", "--no-first-run", f"--user-data-dir={tmp_path / 'profile'}",
        f"--window-size={width},900", "--virtual-time-budget=6000", "--enable-logging=stderr", "--dump-dom", address,
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


@needs_chromium
@pytest.mark.slow
def test_it_shows_without_an_error_and_answers_quickly(tmp_path):
    with served() as address:
        done = show(address, tmp_path)
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert not console, console
    said = dict(re.findall(r'<p class="says" id="(\w+)-says"[^>]*>([^<]+)<', done.stdout))
    assert set(said) == {"harmonics", "kernel", "scales", "gabor", "sampling", "spectrum"}
    assert said["sampling"] == "9 Hz is above half the rate, 5 Hz: the samples show 1 Hz."
    assert said["harmonics"].startswith("The sum of 3 sines is ")
    times = [float(t) for t in re.findall(r'data-milliseconds="([\d.]+)"', done.stdout)]
    assert len(times) == 6
    series = fourier_series("square", 5)
    assert float(re.search(r"is (\S+) here", said["harmonics"])[1]) == pytest.approx(float(series(0.15)), abs=5e-4)


def test_it_is_served_on_this_machine_alone_and_loads_nothing_from_elsewhere():
    with served() as address:
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address) as answer:
            assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
            page = answer.read().decode()
        for name in re.findall(r'(?:src|href)="([^"#][^"]*)"', page):
            if not name.startswith("data:"):
                with urllib.request.urlopen(address + name) as answer:
                    assert answer.status == 200
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(address + "../__init__.py")
    for file in PAGE.iterdir():
        assert not re.search(r"https?://", file.read_text(encoding="utf-8")), file


def test_every_control_has_a_name_and_each_picture_says_what_it_shows():
    page = (PAGE / "index.html").read_text(encoding="utf-8")
    for canvas in re.findall(r"<canvas[^>]*>", page):
        assert 'role="img"' in canvas
        name = re.search(r'aria-labelledby="([^"]+)"', canvas)[1]
        assert f'id="{name}"' in page
    for control in re.findall(r'<input[^>]*id="([^"]+)"', page):
        assert re.search(rf'<label[^>]*(for="{control}"|>[^<]*<input id="{control}")', page), control


def test_a_port_that_can_not_be_had_is_said():
    with served() as address:
        port = int(address.rsplit(":", 1)[1].strip("/"))
        done = CliRunner().invoke(app, ["explore", "--port", str(port), "--no-browser"])
    assert done.exit_code == 2
    assert f"port={port}" in done.output
    with pytest.raises(InputError, match="70000"), served(70000):
        pass
