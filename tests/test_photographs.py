"""Photographs as they come: of all sizes, modes and states, named where they can't be read, in bounded memory."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import filterbank
from filterbank import BagOfWords, Representation, SiftBank, cli
from filterbank.recipes import RECIPES, make

RNG = np.random.default_rng(0)


def photograph(path, size=(64, 80), mode="RGB", **options):
    """Save smooth noise of a size (height, width)."""
    small = Image.fromarray(RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    image = small.resize(size[::-1], Image.Resampling.BICUBIC)
    if mode.startswith("I;16"):
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    elif mode != "RGB":
        image = image.quantize(32) if mode == "P" else image.convert(mode)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


@pytest.fixture
def folder(tmp_path):
    """Two classes of images of all kinds, and four files that can't be read."""
    root = tmp_path / "photographs"
    photograph(root / "cat/colour.jpg", (60, 90))
    photograph(root / "cat/clear.png", (64, 64), "RGBA")
    photograph(root / "cat/grey.png", (100, 50), "L")
    photograph(root / "cat/deep.png", (48, 48), "I;16")
    photograph(root / "dog/palette.png", (50, 70), "P")
    photograph(root / "dog/print.jpg", (80, 80), "CMYK")
    exif = Image.Exif()
    exif[0x0112] = 6
    photograph(root / "dog/turned.jpg", (40, 90), exif=exif)
    photograph(root / "dog/web.webp", (66, 77))
    photograph(root / "dog/moving.gif", save_all=True, append_images=[Image.new("RGB", (80, 64))])
    whole = photograph(root / "dog/torn.jpg").read_bytes()
    (root / "dog/torn.jpg").write_bytes(whole[: len(whole) // 2])
    (root / "dog/empty.png").write_bytes(b"")
    (root / "cat/page.jpg").write_text("<html>")
    return root


@pytest.mark.parametrize("colour", ["grey", "rgb"])
def test_all_kinds_are_read_and_the_rest_is_named(folder, colour):
    seen = []
    data = filterbank.load(folder, colour=colour, progress=lambda done, total: seen.append((done, total)))
    assert len(data) == 8
    assert data.signals.n_channels == (1 if colour == "grey" else 3)
    sizes = dict(zip(data.table["path"], (shape[1:] for shape in data.signals.shapes)))
    assert sizes["dog/turned.jpg"] == (90, 40)
    assert sizes["cat/colour.jpg"] == (60, 90)
    for image in data.signals:
        assert image.dtype == np.float32
        assert 0 <= image.min() < image.max() <= 1
    reasons = {skipped.source: skipped.reason for skipped in data.skipped}
    assert reasons["dog/moving.gif"].startswith("holds 2 frames, and a signal is one image")
    assert reasons["dog/torn.jpg"].startswith("can't be read as .jpg")
    assert reasons["dog/empty.png"].startswith("is empty (0 bytes)")
    assert "cannot identify image file" in reasons["cat/page.jpg"]
    assert len(reasons) == 4
    assert seen[-1] == (12, 12)


def test_colours_are_channels_of_the_descriptors(folder):
    for colour, n in (("grey", 1), ("rgb", 3)):
        data = filterbank.load(folder, colour=colour)
        words = Representation(SiftBank(bin_size=3, hop=6), BagOfWords(5), random_state=0).fit(data.signals)
        assert words.pool_.words_.shape == (5, 128 * n)
        assert words.transform(data.signals).shape == (8, 5)


@pytest.mark.parametrize("name", [name for name, recipe in RECIPES.items() if "image" in recipe.kinds])
def test_every_recipe_takes_images_of_unequal_size(folder, name):
    data = filterbank.load(folder)
    transformer = make(name, "image")
    if "pool__pool__n_words" in transformer.get_params():
        transformer.set_params(pool__pool__n_words=8)
    elif "pool__n_words" in transformer.get_params():
        transformer.set_params(pool__n_words=8)
    features = transformer.fit_transform(data.signals)
    assert features.shape == (8, len(transformer.feature_table_))
    assert np.isfinite(features).all()
    assert (features.std(axis=0) > 0).mean() > 0.5


def test_the_command_tells_how_many_images_are_done(folder, tmp_path, monkeypatch, capsys):
    told = []
    monkeypatch.setattr(cli, "progress_bar", lambda: _Told(told))
    out = tmp_path / "features.parquet"
    for recipe, rounds in (("hog", 1), ("fisher", 2)):
        monkeypatch.setitem(RECIPES, "fisher", type(RECIPES["hog"])("fisher", ("image",), "", small_words))
        told.clear()
        monkeypatch.setattr(sys, "argv", ["filterbank", "extract", str(folder), "--recipe", recipe, "--out", str(out)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert end.value.code in (0, None)
        done = [count for count, total, text in told if text == f"{recipe}: 8 signals" and total == 8 * rounds]
        assert done[-1] == 8 * rounds
        assert len(set(done)) == 8 * rounds
    assert "of 8 signals in" in capsys.readouterr().out


def small_words(kind):
    return Representation(SiftBank(bin_size=3, hop=6), BagOfWords(5), random_state=0)


class _Told:
    def __init__(self, told):
        self.told = told

    def __enter__(self):
        return lambda *news: self.told.append(news)

    def __exit__(self, *error):
        return False


PROGRAM = """
import resource, sys
from pathlib import Path
import filterbank
from filterbank import BagOfWords, MultiScaleBank, Pyramid, Representation, SiftBank

data = filterbank.load(sys.argv[1])
data = data[: int(sys.argv[2])]
bank = MultiScaleBank([SiftBank(bin_size=size, hop=8) for size in (4, 6)])
words = Representation(bank, Pyramid(BagOfWords(16)), max_samples=2000, n_jobs=2, random_state=0)
print(words.fit_transform(data.signals).shape)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_is_flat_as_photographs_grow_in_number(tmp_path):
    """5,000 photographs, of 240 x 320 (1.5 GB as numbers), cost little more than 500."""
    for i in range(50):
        photograph(tmp_path / "photographs" / f"{i % 2}" / f"{i}.jpg", (240, 320))
    for i in range(50, 5000):
        (tmp_path / "photographs" / f"{i % 2}" / f"{i}.jpg").hardlink_to(
            tmp_path / "photographs" / f"{i % 2}" / f"{i % 50}.jpg"
        )
    peaks = {}
    for n in (500, 5000):
        command = [sys.executable, "-c", PROGRAM, str(tmp_path / "photographs"), str(n)]
        one = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # a process has two threads already
        said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path, env=one).stdout
        assert f"({n}, 80)" in said
        peaks[n] = int(said.splitlines()[-1]) / 1024  # MiB
    assert peaks[5000] - peaks[500] < 60, peaks
