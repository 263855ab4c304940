"""Built-in data sets: what is made follows from its seed and shows what it should; what is recorded is read right."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.signal import periodogram
from scipy.signal.windows import gaussian
from sklearn.model_selection import LeaveOneGroupOut, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from filterbank import datasets
from filterbank.datasets import made
from filterbank.errors import InputError, MissingDataError, ReadError
from filterbank.signals import Dataset

real = pytest.mark.skipif(not os.environ.get("FILTERBANK_DATA"), reason="FILTERBANK_DATA is not set")


def data_folder() -> Path:
    return Path(os.environ["FILTERBANK_DATA"])


def same(a: Dataset, b: Dataset) -> bool:
    return a.table.equals(b.table) and all(np.array_equal(x, y) for x, y in zip(a.signals, b.signals))


# --- the registry


def test_every_name_is_described_and_documented() -> None:
    assert datasets.names()[:4] == ["epidemics", "textures", "digits", "tones"]
    for name in datasets.names():
        info = datasets.describe(name)
        assert (info.name, info.kind in ("series", "sound", "image")) == (name, True)
        assert info.summary
        assert "\n" not in info.summary
        assert info.licence
        assert info.needs is None or info.needs.endswith(".")
        assert callable(getattr(datasets, name))


@pytest.mark.parametrize("name", ["epidemics", "textures", "digits", "tones"])
def test_built_in_sets_need_nothing_but_the_packages(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FILTERBANK_DATA", raising=False)
    info = datasets.describe(name)
    assert info.available
    data = datasets.load_builtin(name)
    assert (data.name, data.kind) == (name, info.kind)
    assert data.description
    assert len(set(data.y)) > 2
    assert all(np.isfinite(x).all() for x in data.signals)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: datasets.load_builtin("epidemcs"), "'epidemcs'.*Did you mean 'epidemics'"),
        (lambda: datasets.load_builtin("tones:x"), "name='tones:x' is not a data set"),
        (lambda: datasets.load_builtin("ucr:"), "name='ucr:' is not a data set"),
        (lambda: datasets.describe("zzz"), "name='zzz' is not a data set"),
        (lambda: datasets.load_builtin("tones", cities=3), "tones has no option cities=3; it has: n_voices"),
        (lambda: datasets.load_builtin("ucr"), "name='ucr' is an archive"),
        (lambda: datasets.ucr("../x"), r"name='\.\./x' is not the name"),
        (lambda: datasets.ucr("BME", missing="drop"), "missing='drop' is not"),  # type: ignore[arg-type]
        (lambda: datasets.cat_dog(colour="red"), "colour='red' is not"),  # type: ignore[arg-type]
        (lambda: datasets.epidemics(n_cities=0), "n_cities=0 is not a whole number of at least 1"),
        (lambda: datasets.epidemics(hop=True), "hop=True is not a whole number"),
        (lambda: datasets.epidemics(hop=1.5), "hop=1.5 is not a whole number"),  # type: ignore[arg-type]
        (lambda: datasets.epidemics(window=24), "window=24 is not a pair"),  # type: ignore[arg-type]
        (lambda: datasets.epidemics(window=(30, 20)), r"window\[1\]=20 is not a whole number from 30 to 480"),
        (lambda: datasets.epidemics(years=2), r"window\[1\]=36 is not a whole number from 24 to 24"),
        (lambda: datasets.tones(n_voices=-1), "n_voices=-1"),
        (lambda: datasets.tones(rate=4000), "rate=4000 is not a number of at least 8000"),
        (lambda: datasets.textures(patch=300), "patch=300 is not a whole number from 1 to 256"),
        (lambda: datasets.textures(hop=0), "hop=0 is not a whole number of at least 1"),
    ],
)
def test_a_bad_argument_is_named_with_its_value(call: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


@pytest.mark.parametrize("name", [n for n in datasets.names() if n not in ("epidemics", "textures", "digits", "tones")])
def test_a_recorded_set_that_is_absent_says_where_to_get_it(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    full = "ucr:GunPoint" if name == "ucr" else name
    monkeypatch.delenv("FILTERBANK_DATA", raising=False)
    assert not datasets.describe(full).available
    with pytest.raises(MissingDataError, match="FILTERBANK_DATA is not set") as caught:
        datasets.load_builtin(full)
    assert str(caught.value).endswith(datasets.describe(full).needs or "?")
    monkeypatch.setenv("FILTERBANK_DATA", str(tmp_path))
    assert not datasets.describe(full).available
    with pytest.raises(MissingDataError) as caught:
        datasets.load_builtin(full)
    assert str(tmp_path) in str(caught.value)


def test_an_archive_without_the_set_that_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ucr").mkdir()
    monkeypatch.setenv("FILTERBANK_DATA", str(tmp_path))
    assert datasets.ucr_names() == []
    with pytest.raises(MissingDataError, match="ucr:GunPoint is not on this machine"):
        datasets.ucr("GunPoint")


def test_textures_without_scikit_image_says_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert not datasets.describe("textures").available
    with pytest.raises(MissingDataError, match="pip install scikit-image"):
        datasets.textures()


# --- made


@pytest.mark.parametrize("name", ["epidemics", "tones"])
def test_a_seed_determines_what_is_made(name: str) -> None:
    small = {"epidemics": {"n_cities": 2, "years": 5}, "tones": {"n_voices": 2, "n_takes": 2}}[name]
    first = datasets.load_builtin(name, **small, random_state=3)
    assert same(first, datasets.load_builtin(name, **small, random_state=3))
    other = datasets.load_builtin(name, **small, random_state=4)
    assert not np.array_equal(first.signals[0][0, :20], other.signals[0][0, :20])


@pytest.mark.parametrize("name", ["epidemics", "tones"])
def test_making_data_takes_less_than_two_seconds(name: str) -> None:
    start = time.process_time()
    datasets.load_builtin(name)
    assert time.process_time() - start < 2


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_measles_comes_every_second_year_and_the_others_every_year(seed: int) -> None:
    counts = made._cases(4, 40, np.random.default_rng(seed))
    assert counts.shape == (480, 3, 4)
    frequency, power = periodogram(np.log1p(counts), detrend="linear", axis=0)
    period = 1 / frequency[power.argmax(axis=0)]
    near = {name: np.abs(period[d] - (24 if name == "measles" else 12)) < 1 for d, name in enumerate(made.DISEASES)}
    assert list(near) == ["chickenpox", "measles", "mumps"]
    assert all(share.mean() >= 0.75 for share in near.values()), period


def test_people_are_neither_lost_nor_made() -> None:
    # in the long run as many fall ill as are born: 20 to 24 a year in 1,000 of a city of 1 to 8 million
    counts = made._cases(4, 40, np.random.default_rng(0))
    yearly = counts.sum(axis=0) / 40
    assert (yearly > 1e6 * 0.020 * 0.9).all()
    assert (yearly < 8e6 * 0.024 * 1.1).all()
    # every disease of a city has the same births
    np.testing.assert_allclose(yearly / yearly.mean(axis=0), 1, atol=0.03)


def test_windows_of_epidemics_say_where_they_were_cut() -> None:
    data = datasets.epidemics()
    assert 380 <= len(data) <= 440
    assert (data.kind, data.group, data.signals.rate, data.is_cut) == ("series", "city", None, True)
    table = data.table
    lengths = np.array([x.shape[1] for x in data.signals])
    np.testing.assert_array_equal(lengths, table["stop"] - table["start"])
    assert set(lengths) == set(range(24, 37))
    assert (table["stop"] <= 480).all()
    assert table.groupby("city")["label"].nunique().eq(3).all()
    assert table["source"].nunique() == 12
    # neighbouring windows of a source agree where they overlap
    first, second = data.signals[0][0], data.signals[1][0]
    assert table["source"][0] == table["source"][1]
    overlap = table["stop"][0] - table["start"][1]
    n = min(overlap, len(second))
    np.testing.assert_array_equal(first[table["start"][1] :][:n], second[:n])
    assert all((x >= 0).all() and (x == np.round(x)).all() for x in data.signals)


def test_tones_have_the_pitch_and_the_range_that_they_say() -> None:
    data = datasets.tones()
    assert len(data) == 320
    assert (data.kind, data.group, data.signals.rate) == ("sound", "voice", 8000.0)
    assert data.table.groupby(["voice", "label"]).size().eq(8).all()
    assert list(data.table["source"]) == list(data.table["voice"])
    pitch = {}
    for voice, sound in zip(data.table["voice"], data.signals):
        assert sound.dtype == np.float32
        assert 0.29 < np.abs(sound).max() < 0.91
        assert 2400 <= sound.shape[1] <= 4000
        x = sound[0].astype(float)
        echo = np.correlate(x, x, "full")[len(x) - 1 :]
        lags = np.arange(8000 // 350, 8000 // 75)
        pitch.setdefault(voice, []).append(8000 / lags[echo[lags].argmax()])
    median = [float(np.median(p)) for p in pitch.values()]  # voices are ordered from deep to high
    assert 85 < median[0] < 120
    assert 220 < median[-1] < 300
    assert (np.diff(median) > 0).all()


@pytest.mark.parametrize("seed", [0, 1])
def test_a_voice_on_both_sides_is_a_leak_that_shows(seed: int) -> None:
    data = datasets.tones(random_state=seed)

    def bands(sound: np.ndarray) -> np.ndarray:
        power = np.abs(np.fft.rfft(sound[0] * np.hanning(sound.shape[1]))) ** 2
        edges = np.linspace(0, len(power), 25).astype(int)[:-1]
        log = np.log(np.add.reduceat(power, edges) + 1e-9)
        return log - log.mean()

    X = np.array([bands(x) for x in data.signals])
    model = KNeighborsClassifier(1)
    naive = cross_val_score(model, X, data.y, cv=StratifiedKFold(5, shuffle=True, random_state=0)).mean()
    honest = cross_val_score(model, X, data.y, cv=LeaveOneGroupOut(), groups=data.groups).mean()
    assert naive > 0.95
    assert 0.4 < honest < naive - 0.1


# --- brought


def test_textures_are_the_photographs_in_patches_within_quarters() -> None:
    from skimage import data as photographs

    data = datasets.textures()
    assert len(data) == 256
    assert (data.kind, data.group, len(set(data.groups))) == ("image", "region", 16)
    assert data.table.groupby(["label", "region"]).size().eq(16).all()
    rows, columns = data.table["row"], data.table["column"]
    brick = photographs.brick().astype(np.float32) / 255
    whole = np.zeros((512, 512), np.float32)
    for i in np.flatnonzero(data.y == "brick"):
        whole[rows[i] : rows[i] + 64, columns[i] : columns[i] + 64] = data.signals[i][0]
    np.testing.assert_allclose(whole, brick, atol=1e-6)
    assert all(x.dtype == np.float32 and 0 <= x.min() < x.max() <= 1 for x in data.signals)


def test_overlapping_patches_stay_within_their_quarter() -> None:
    data = datasets.textures(patch=100, hop=50)
    table = data.table
    for axis, halves in (("row", ("top", "bottom")), ("column", ("left", "right"))):
        for low, half in zip((0, 256), halves):
            start = table.loc[table["region"].str.contains(half), axis]
            assert start.min() == low
            assert start.max() + 100 <= low + 256
    assert len(data) == 4 * 4 * 4**2


def test_digits_are_scikit_learns() -> None:
    from sklearn.datasets import load_digits

    data, bunch = datasets.digits(), load_digits()
    np.testing.assert_array_equal(data.y, bunch.target)
    np.testing.assert_allclose(np.stack(list(data.signals))[:, 0] * 16, bunch.images)
    assert (data.group, data.signals.rate, data.signals[0].dtype) == (None, None, np.float32)
    assert "writers are not known" in data.description


# --- recorded, in small files of the right form


def test_health_without_the_tutorials_windows_draws_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "tutorial" / "health"
    folder.mkdir(parents=True)
    for k, name in enumerate(("chickenpox_newyork", "measles_baltimore", "mumps_newyork")):
        (folder / f"{name}.csv").write_bytes("\r".join(f"1930,{m},{1000 * k + m}" for m in range(100)).encode())
    monkeypatch.setenv("FILTERBANK_DATA", str(tmp_path))
    data = datasets.health()
    assert len(data) == 660
    assert "random windows" in data.description
    assert same(data, datasets.health(random_state=0))
    assert not same(data, datasets.health(random_state=1))
    base = {"chickenpox": 0, "measles": 1000, "mumps": 2000}
    for row, x in zip(data.table.itertuples(), data.signals):
        np.testing.assert_array_equal(x[0], base[row.label] + np.arange(row.start, row.stop))
        assert 24 <= x.shape[1] <= 35
    (folder / "mumps_newyork.csv").write_text("1930,1\r1930,2")
    with pytest.raises(ReadError, match=r"mumps_newyork\.csv does not hold lines of year,month,count"):
        datasets.health()
    (folder / "mumps_newyork.csv").unlink()
    with pytest.raises(MissingDataError, match=r"mumps_newyork\.csv is missing"):
        datasets.health()


def test_ucr_cuts_the_end_and_fills_the_inside_only_when_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nan = np.nan
    (tmp_path / "ucr").mkdir()
    x_train = np.array([[1, 2, 3, nan], [1, 2, 3, 4]], np.float32)
    x_test = np.array([[nan, 2, nan, 6]], np.float32)
    np.savez(tmp_path / "ucr" / "Gaps.npz", x_train=x_train, y_train=[1, 2], x_test=x_test, y_test=[1])
    np.savez(tmp_path / "ucr" / "Ends.npz", x_train=x_train, y_train=[1, 2], x_test=x_train, y_test=[2, 1])
    monkeypatch.setenv("FILTERBANK_DATA", str(tmp_path))
    assert datasets.ucr_names() == ["Ends", "Gaps"]
    assert datasets.describe("ucr:Ends").available
    assert not datasets.describe("ucr:Other").available
    with pytest.raises(
        InputError, match=r"ucr:Gaps has samples missing inside 1 of its 3 series.*missing='interpolate'"
    ):
        datasets.load_builtin("ucr:Gaps")
    filled = datasets.load_builtin("ucr:Gaps", missing="interpolate")
    assert [x[0].tolist() for x in filled.signals] == [[1, 2, 3], [1, 2, 3, 4], [2, 2, 4, 6]]
    assert "1 series were interpolated" in filled.description
    ends = datasets.load_builtin("ucr:Ends")
    assert ends.table.to_dict("list") == {"label": [1, 2, 2, 1], "split": ["train", "train", "test", "test"]}
    assert [x.shape for x in ends.signals] == [(1, 3), (1, 4), (1, 3), (1, 4)]


def test_ucr_reads_the_archives_own_tables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "ucr" / "Tiny"
    folder.mkdir(parents=True)
    (folder / "Tiny_TRAIN.tsv").write_text("1\t0.5\t1.5\tNaN\n2\t3\t4\t5\n")
    (folder / "Tiny_TEST.tsv").write_text("-1\t7\t8\t9\n")
    monkeypatch.setenv("FILTERBANK_DATA", str(tmp_path))
    assert datasets.ucr_names() == ["Tiny"]
    (folder.parent / "Torn.npz").write_bytes(b"PK torn")
    with pytest.raises(ReadError, match=r"Torn\.npz can't be read as an npz file of the arrays x_train"):
        datasets.load_builtin("ucr:Torn")
    (folder.parent / "Torn.npz").unlink()
    data = datasets.load_builtin("ucr:Tiny")
    assert [x[0].tolist() for x in data.signals] == [[0.5, 1.5], [3, 4, 5], [7, 8, 9]]
    assert data.y.tolist() == [1, 2, -1]


# --- recorded, on the real files


@real
def test_health_windows_are_the_tutorials() -> None:
    data = datasets.health()
    windows = pd.read_csv(data_folder() / "tutorial/golden/health_windows.csv")
    assert len(data) == 660
    assert (data.target, data.group, data.is_cut) == ("label", None, True)
    assert [x.shape[1] for x in data.signals] == windows["length"].tolist()
    assert data.table["start"].tolist() == windows["start"].tolist()
    assert data.table.groupby("source")["label"].unique().explode().to_dict() == {
        "chickenpox_newyork": "chickenpox",
        "measles_baltimore": "measles",
        "mumps_newyork": "mumps",
    }
    assert data.signals[0].dtype == np.float64


@real
def test_health_windows_give_the_tutorials_features() -> None:
    golden = np.load(data_folder() / "tutorial/golden/health_gabor_features.npy")
    filters = []
    for frequency in (1, 2, 3):
        for sigma in np.arange(np.pi / 2, 2 * np.pi, np.pi / 2):
            t = np.arange(-sigma, sigma, 1)
            filters.append(np.cos(frequency * t) * gaussian(len(t), std=sigma**2))
    features = []
    for signal in datasets.health().signals:
        responses = [np.convolve(signal[0], f, "valid") for f in filters]
        features.append([statistic(r) for r in responses for statistic in (np.mean, np.std, np.max)])
    np.testing.assert_allclose(features, golden, rtol=1e-10)


@real
@pytest.mark.parametrize(
    ("name", "n", "kind", "target", "n_classes", "group", "n_groups"),
    [
        ("speech", 16, "sound", "gender", 2, "speaker", 7),
        ("cat_dog", 100, "image", "label", 2, None, 0),
        ("fsdd", 3000, "sound", "digit", 10, "speaker", 6),
        ("esc10", 400, "sound", "label", 10, "clip", None),
        ("kth_tips", 810, "image", "label", 10, "scale", 9),
        ("mnist", 70000, "image", "label", 10, None, 0),
    ],
)
def test_real_sets_have_their_published_sizes(
    name: str, n: int, kind: str, target: str, n_classes: int, group: str | None, n_groups: int | None
) -> None:
    assert datasets.describe(name).available
    data = datasets.load_builtin(name)
    assert (len(data), data.kind, data.target, data.group) == (n, kind, target, group)
    assert len(set(data.y)) == n_classes
    if n_groups:
        assert data.groups is not None
        assert len(set(data.groups)) == n_groups
    for i in (0, n // 2, n - 1):
        signal = data.signals[i]
        assert signal.dtype == np.float32
        assert np.isfinite(signal).all()
        assert -1 <= signal.min() < signal.max() <= 1
        assert kind == "sound" or signal.min() >= 0


@real
def test_sounds_come_at_the_rate_that_their_header_says() -> None:
    import soundfile

    for name, rate in (("speech", 44100), ("fsdd", 8000), ("esc10", 16000)):
        data = datasets.load_builtin(name)
        header = soundfile.info(data.signals.path(0))
        assert data.signals.rate == header.samplerate == rate
        assert data.signals[0].shape == (header.channels, header.frames)


@real
def test_speech_has_more_voices_and_one_channel_when_asked() -> None:
    data = datasets.speech(all_voices=True, mono=True)
    assert len(data) == 24
    stereo = datasets.speech(all_voices=True).signals[0]
    np.testing.assert_allclose(data.signals[0], stereo.mean(axis=0, keepdims=True), atol=1e-6)


@real
def test_labels_and_splits_come_from_the_file_names() -> None:
    digits = datasets.fsdd()
    row = digits.table[digits.table["source"] == "7_theo_12.wav"].iloc[0]
    assert (row["digit"], row["speaker"], row["take"], row["split"]) == (7, "theo", 12, "train")
    assert (digits.table["split"] == "test").sum() == 300
    clips = datasets.esc10()
    row = clips.table[clips.table["source"] == "1-172649-F-40.flac"].iloc[0]
    assert (row["fold"], row["clip"], row["take"], row["label"]) == (1, "172649", "F", "helicopter")
    assert clips.table["fold"].value_counts().eq(80).all()
    assert clips.table.groupby("clip")["fold"].nunique().eq(1).all()
    animals = datasets.cat_dog(colour="rgb")
    assert animals.table.iloc[0].tolist() == ["cat.0.jpg", "cat"]
    assert animals.signals.n_channels == 3


@real
def test_padding_of_kth_tips_is_cut_off() -> None:
    data = datasets.kth_tips()
    with np.load(data_folder() / "kth_tips/kth_tips_grey.npz") as arrays:
        shape, x = arrays["shape"], arrays["x"]
    assert [image.shape[1:] for image in data.signals] == [tuple(s) for s in shape.tolist()]
    np.testing.assert_allclose(data.signals[5][0] * 255, x[5][: shape[5][0], : shape[5][1]], atol=1e-4)
    assert sorted(set(data.table["scale"])) == list(range(1, 10))


@real
def test_mnist_halves_are_the_official_ones() -> None:
    data = datasets.mnist()
    with np.load(data_folder() / "mnist/mnist.npz") as arrays:
        test, labels = arrays["x_test"], arrays["y_test"]
    official = data[data.table["split"].to_numpy() == "test"]
    assert len(official) == 10000
    np.testing.assert_array_equal(official.y, labels)
    np.testing.assert_allclose(official.signals[7][0] * 255, test[7], atol=1e-4)


@real
def test_every_ucr_set_loads_or_says_why_not() -> None:
    missing = []
    for name in datasets.ucr_names():
        try:
            data = datasets.load_builtin(f"ucr:{name}")
        except InputError:
            missing.append(name)
            data = datasets.load_builtin(f"ucr:{name}", missing="interpolate")
        assert set(data.table["split"]) == {"train", "test"}
        assert all(np.isfinite(signal).all() for signal in data.signals)
    assert missing == ["DodgerLoopDay", "DodgerLoopWeekend"]
