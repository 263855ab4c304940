"""Data sets of folders, tables and archives; and windows."""

import os
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

from filterbank import files, io
from filterbank.errors import InputError, ReadError
from filterbank.signals import Dataset, Signals

DATA = os.environ.get("FILTERBANK_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="FILTERBANK_DATA is not set")


def sound(path, *, seed=0, n=800, rate=8000, channels=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = 0.1 * np.random.default_rng(seed).normal(size=(n, channels)).astype(np.float32)
    soundfile.write(path, samples, rate, subtype="FLOAT" if path.suffix == ".wav" else None)
    return samples.T


def image(path, *, seed=0, shape=(12, 16)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def reasons(data):
    return {skipped.source: skipped.reason for skipped in data.skipped}


# Folders.


def test_a_folder_of_class_folders(tmp_path):
    expected = {}
    for i, name in enumerate(["cat/a.wav", "cat/deep/b.wav", "dog/c.flac", ".hidden/d.wav", "dog/.e.wav"]):
        expected[name] = sound(tmp_path / name, seed=i)
    (tmp_path / "notes.md").write_text("hello")
    (tmp_path / "dog" / "broken.wav").write_bytes((tmp_path / "cat/a.wav").read_bytes()[:500])
    (tmp_path / "dog" / "empty.wav").touch()
    (tmp_path / "dog" / "letter.docx").write_text("hello")
    image(tmp_path / "dog" / "photo.png")
    seen = []
    data = io.load(tmp_path, progress=lambda done, n: seen.append((done, n)))
    assert data.table["path"].tolist() == ["cat/a.wav", "cat/deep/b.wav", "dog/c.flac"]
    assert (data.y.tolist(), data.target, data.group) == (["cat", "cat", "dog"], "label", None)
    assert (data.kind, data.signals.rate, data.name) == ("sound", 8000.0, tmp_path.name)
    np.testing.assert_array_equal(data.signals[1], expected["cat/deep/b.wav"])
    assert data.signals.path(0) == tmp_path / "cat/a.wav"
    why = reasons(data)
    assert sorted(why) == ["dog/broken.wav", "dog/empty.wav", "dog/letter.docx", "dog/photo.png", "notes.md"]
    assert why["dog/broken.wav"].startswith("is cut short")
    assert why["dog/empty.wav"].startswith("is empty (0 bytes)")
    assert why["dog/photo.png"] == "is an image, and most files are sounds"
    assert "'.docx'" in why["dog/letter.docx"]
    assert "no label" in why["notes.md"]
    assert seen == [(i, 7) for i in range(1, 8)]


def test_strict_names_the_first_and_the_count(tmp_path):
    image(tmp_path / "a" / "1.png")
    image(tmp_path / "b" / "2.png")
    assert len(io.load(tmp_path, strict=True)) == 2
    (tmp_path / "b" / "3.png").write_bytes(b"no")
    (tmp_path / "b" / "4.png").write_bytes(b"")
    with pytest.raises(ReadError, match=r"2 of 4 can't be used; the first is b/3.png: can't be read as .png"):
        io.load(tmp_path, strict=True)


def test_train_and_test_folders_of_class_folders(tmp_path):
    for name in ("train/cat/1.png", "train/dog/2.png", "test/cat/3.png"):
        image(tmp_path / name)
    table = io.load(tmp_path).table
    assert table["label"].tolist() == ["cat", "cat", "dog"]
    assert table["split"].tolist() == ["test", "train", "train"]


def test_a_flat_folder_has_no_labels(tmp_path):
    for name in ("b.png", "a.png"):
        image(tmp_path / name)
    data = io.load(tmp_path, colour="rgb")
    assert (data.table["path"].tolist(), data.target, data.kind) == (["a.png", "b.png"], None, "image")
    assert data.signals[0].shape == (3, 12, 16)
    with pytest.raises(InputError, match=r"has no target column.*: path\."):
        _ = data.y


def test_links_that_run_in_a_circle(tmp_path):
    image(tmp_path / "a" / "1.png")
    (tmp_path / "a" / "again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "b").symlink_to(tmp_path / "a", target_is_directory=True)
    assert io.load(tmp_path).table["path"].tolist() == ["a/1.png"]


def test_nothing_left(tmp_path):
    with pytest.raises(InputError, match="holds no signal that can be used: it is empty"):
        io.load(tmp_path)
    (tmp_path / "a.wav").write_bytes(b"")
    with pytest.raises(InputError, match=r"of 1 left out, the first is a.wav: is empty"):
        io.load(tmp_path)
    with pytest.raises(ReadError, match="nosuch: there is no such file or folder"):
        io.load(tmp_path / "nosuch")


def test_unequal_rates_are_resampled_to_the_most_common(tmp_path):
    for i, rate in enumerate([16000, 8000, 8000]):
        sound(tmp_path / f"{i}.wav", seed=i, rate=rate, n=rate // 10)
    data = io.load(tmp_path)
    assert data.signals.rate == 8000
    assert data.signals.shapes == [(1, 800)] * 3
    assert "1 of 3 were resampled from 16000 Hz to 8000 Hz" in data.description
    asked = io.load(tmp_path, rate=4000)
    assert (asked.signals.rate, asked.signals.shapes) == (4000, [(1, 400)] * 3)


def test_unequal_channels_are_mixed_to_one(tmp_path):
    one, two = sound(tmp_path / "1.wav"), sound(tmp_path / "2.wav", seed=1, channels=2)
    data = io.load(tmp_path)
    np.testing.assert_array_equal(data.signals[0], one)
    np.testing.assert_allclose(data.signals[1], two.mean(axis=0, keepdims=True), atol=1e-7)
    assert "mixed to one" in data.description
    (tmp_path / "1.wav").unlink()
    assert io.load(tmp_path).signals.n_channels == 2
    assert io.load(tmp_path, mono=True).signals.n_channels == 1


def test_series_with_another_number_of_channels_are_left_out(tmp_path):
    for name, columns in (("a", "xy"), ("b", "xy"), ("c", "x")):
        pd.DataFrame({c: [1.0, 2, 3] for c in columns}).to_csv(tmp_path / f"{name}.csv", index=False)
    data = io.load(tmp_path)
    assert data.signals.shapes == [(2, 3), (2, 3)]
    assert reasons(data) == {"c.csv": "has 1 channels, and most files have 2"}
    assert len(io.load(tmp_path, columns=["x"])) == 3


def test_a_folder_of_numpy_files(tmp_path):
    arrays = {name: np.random.default_rng(0).normal(size=(3, 9)) for name in "ab"}
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
    np.savez(tmp_path / "many.npz", x=np.zeros((2, 3)))
    assert (io.load(tmp_path).kind, io.load(tmp_path).signals.shapes) == ("image", [(1, 3, 9)] * 2)
    data = io.load(tmp_path, n_axes=1)
    assert data.kind == "series"
    np.testing.assert_array_equal(data.signals[1], arrays["b"])
    assert "load it by itself" in reasons(data)["many.npz"]


def test_one_file(tmp_path):
    samples = sound(tmp_path / "one.wav")
    data = io.load(tmp_path / "one.wav")
    assert (len(data), data.name, data.table["path"].tolist()) == (1, "one", ["one.wav"])
    np.testing.assert_array_equal(data.signals[0], samples)


# metadata.csv


@pytest.fixture
def described(tmp_path):
    for i in range(4):
        sound(tmp_path / "s" / f"{i}.wav", seed=i)
    frame = pd.DataFrame(
        {
            "name": [f"take {i}" for i in range(4)],
            "file": [f"s/{i}.wav" for i in range(4)],
            "Speaker": ["ann", "ann", "bob", "bob"],
            "word": ["NA", "yes", "NA", "yes"],
        }
    )
    frame.to_csv(tmp_path / "metadata.csv", index=False)
    return tmp_path, frame


def test_metadata_gives_labels_and_groups(described):
    root, _ = described
    data = io.load(root)
    assert list(data.table) == ["name", "path", "Speaker", "word"]
    assert (data.target, data.group) == ("word", "Speaker")
    assert data.y.tolist() == ["NA", "yes", "NA", "yes"]
    assert data.groups.tolist() == ["ann", "ann", "bob", "bob"]
    other = io.load(root, target="Speaker")
    assert (other.target, other.group) == ("Speaker", None)
    with pytest.raises(InputError, match="target='mood' is not a column of the data, which has: name, path"):
        io.load(root, target="mood")
    with pytest.raises(InputError, match="group='mood' is not a column"):
        io.load(root, group="mood")


def test_metadata_with_several_possible_targets(described):
    root, frame = described
    frame.assign(mood=["good", "good", "bad", "good"]).to_csv(root / "metadata.csv", index=False)
    data = io.load(root)
    assert data.target is None
    with pytest.raises(InputError, match="name, path, Speaker, word, mood"):
        _ = data.y
    frame.assign(Label=list("abab")).to_csv(root / "metadata.csv", index=False)
    assert io.load(root).target == "Label"


def test_metadata_that_names_files_that_are_not_there(described):
    root, frame = described
    (root / "s" / "3.wav").unlink()
    frame.loc[0, "file"] = None
    frame = frame.rename(columns={"file": "where"})
    frame.to_csv(root / "metadata.csv", index=False)
    data = io.load(root)
    assert data.table["path"].tolist() == ["s/1.wav", "s/2.wav"]
    assert reasons(data) == {"metadata.csv, row 1": "names no file", "s/3.wav": "there is no such file"}
    assert "1 more files in the folder are not in metadata.csv" in data.description
    frame.drop(columns="where").to_csv(root / "metadata.csv", index=False)
    with pytest.raises(ReadError, match="no column names a file that exists"):
        io.load(root)


def test_metadata_keeps_where_a_piece_was_cut_from(described):
    root, frame = described
    frame.assign(source="tape", start=[0, 800, 1600, 2400], stop=[800, 1600, 2400, 3200]).to_csv(
        root / "metadata.csv", index=False
    )
    data = io.load(root, group="source")
    assert data.is_cut
    pieces = io.windows(data, size=400)
    assert pieces.table["start"].tolist() == list(range(0, 3200, 400))
    assert pieces.table["source"].unique().tolist() == ["tape"]


# Tables.


def long_frame():
    rng = np.random.default_rng(0)
    frames = [
        pd.DataFrame(
            {"id": name, "time": np.arange(n) / 4, "x": rng.normal(size=n), "y2": rng.normal(size=n), "label": label}
        )
        for name, n, label in (("b", 6, "up"), ("a", 4, "down"), ("c", 5, "up"))
    ]
    return pd.concat(frames, ignore_index=True)


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet"])
def test_a_long_table_in_any_order(tmp_path, suffix):
    frame = long_frame()
    shuffled = frame.sample(frac=1, random_state=1)
    path = tmp_path / f"long.{suffix}"
    if suffix == "parquet":
        shuffled.to_parquet(path)
    else:
        shuffled.to_csv(path, index=False, sep="\t" if suffix == "tsv" else ",")
    data = io.load(path)
    assert (data.signals.rate, data.kind, data.target, data.name) == (4.0, "series", "label", "long")
    assert sorted(data.table["id"]) == ["a", "b", "c"]
    for i, row in data.table.iterrows():
        own = frame[frame["id"] == row["id"]]
        assert row["label"] == own["label"].iloc[0]
        np.testing.assert_allclose(data.signals[i], own[["x", "y2"]].to_numpy().T)
    assert io.load(path, columns=["y2"]).signals.n_channels == 1
    assert io.load(path, mono=True).signals.shapes[0][0] == 1


def test_a_long_table_with_other_names_dates_and_missing_values(tmp_path):
    frame = long_frame().rename(columns={"id": "patient", "time": "when"})
    frame["when"] = (pd.Timestamp("2020-01-01") + pd.to_timedelta(frame["when"], unit="D")).astype(str)
    frame.loc[5, ["x", "y2"]] = np.nan  # the last of b
    frame.loc[11, "x"] = np.nan  # inside of c
    frame["note"] = [f"n{i}" for i in range(len(frame))]
    frame.to_csv(tmp_path / "t.csv", index=False)
    data = io.load(tmp_path / "t.csv", id="patient", time="when")
    assert data.table["patient"].tolist() == ["b", "a"]
    assert (data.signals.shapes, data.signals.rate, data.group) == ([(2, 5), (2, 4)], None, "patient")
    assert reasons(data) == {"patient=c": "sample 1 is missing (1 such values); fill it, or cut there"}
    assert "note changes within a signal" in data.description


def test_a_long_table_of_unequal_rates(tmp_path):
    frame = pd.concat(
        pd.DataFrame({"id": i, "t": np.arange(64) / rate, "x": np.sin(np.arange(64))})
        for i, rate in enumerate([8, 8, 16])
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    data = io.load(tmp_path / "t.csv")
    assert (data.signals.rate, data.signals.shapes) == (8.0, [(1, 64), (1, 64), (1, 32)])
    assert "resampled from 16 Hz" in data.description


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: pd.concat([f, f.iloc[[3]]]), r"time=0.75 occurs more than once in id=b"),
        (lambda f: f.assign(label=[*"up"] * 7 + ["u"]), "target='label' changes within a signal"),
        (lambda f: f.assign(id=f["id"].where(f.index != 4)), "row 5 has no id"),
        (lambda f: f.assign(time=f["time"].astype(object).where(f.index != 4, "noon")), "row 5: time='noon' is no"),
        (lambda f: f.assign(x=1, y2=2), "no column of numbers changes"),
    ],
)
def test_long_tables_that_cannot_be_read(tmp_path, change, message):
    change(long_frame()).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises((InputError, ReadError), match=message):
        io.load(tmp_path / "t.csv")


def test_columns_that_are_not_there(tmp_path):
    long_frame().to_csv(tmp_path / "t.csv", index=False)
    for options in ({"id": "who"}, {"time": "who"}, {"columns": ["who"]}):
        (name, _), *_ = options.items()
        with pytest.raises(InputError, match=f"{name}=.*'?who'? is not a column"):
            io.load(tmp_path / "t.csv", **options)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_wide_table(tmp_path, suffix):
    values = np.random.default_rng(0).normal(size=(5, 7))
    values[1, 5:] = np.nan
    values[2, 3] = np.nan
    values[3] = np.nan
    frame = pd.DataFrame(values, columns=[f"s{i}" for i in range(7)])
    frame.insert(0, "id", range(5))
    frame["Class"] = list("abcab")
    frame["subject"] = [1, 1, 2, 2, 3]
    path = tmp_path / f"wide.{suffix}"
    frame.to_parquet(path) if suffix == "parquet" else frame.to_csv(path)  # with pandas' index
    data = io.load(path)
    assert data.signals.shapes == [(1, 7), (1, 5), (1, 7)]
    np.testing.assert_allclose(data.signals[1][0], values[1, :5])
    assert (data.y.tolist(), data.groups.tolist()) == (["a", "b", "b"], [1, 1, 3])
    assert list(data.table) == ["id", "Class", "subject"]
    assert reasons(data) == {
        "row 3": "sample 3 is missing (1 such values); fill it, or cut there",
        "row 4": "holds no samples",
    }
    assert io.load(path, columns=["s0", "s1"]).signals.shapes == [(1, 2)] * 4


def test_a_wide_table_with_a_word_among_its_numbers(tmp_path):
    (tmp_path / "t.csv").write_text("label,s0,s1\nNA,1,2\nb,3,4\nb,oops,5\nNA,6,NA\n")
    data = io.load(tmp_path / "t.csv")
    assert (data.y.tolist(), data.signals.shapes) == (["NA", "b", "NA"], [(1, 2), (1, 2), (1, 1)])
    assert reasons(data) == {"row 3": "column s0 holds 'oops', which is no number"}


def test_a_wide_table_without_a_header_and_other_tables(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("1.5,2,cat\n3,4,dog\n5,6,cat\n")
    assert io.load(path).y.tolist() == ["cat", "dog", "cat"]
    path.write_text("time,x\n0,1\n0.5,2\n1,5\n")
    data = io.load(path)
    assert (data.signals.shapes, data.signals.rate, data.table["path"].tolist()) == ([(1, 3)], 2.0, ["t.csv"])
    path.write_text("label,word\na,b\n")
    with pytest.raises(InputError, match="no column holds numbers"):
        io.load(path)
    path.write_text("id,time,x\n")
    with pytest.raises(InputError, match="it has a header and no rows"):
        io.load(path)


# UCR files.

TS = """#a remark
@problemName Toy
@timeStamps false
@missing true
@univariate false
@dimensions 2
@equalLength false
@classLabel true 1 2
@data
1,2,3:4,5,6:1
1.5,2,?,?:7,8,?,?:2
1,?,3:4,5,6:1
1,2,3:4,5:1
1,2,3:1
1,2,x:4,5,6:2
"""


def test_ts_with_channels_unequal_length_and_missing_values(tmp_path):
    (tmp_path / "Toy.ts").write_text(TS)
    data = io.load(tmp_path / "Toy.ts")
    np.testing.assert_array_equal(data.signals[0], [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(data.signals[1], [[1.5, 2], [7, 8]])
    assert (data.y.tolist(), data.target, data.y.dtype.kind) == ([1, 2], "label", "i")
    why = reasons(data)
    assert list(why) == ["line 12", "line 13", "line 14", "line 15"]
    assert "sample 1 is missing" in why["line 12"]
    assert "unequal lengths, 2 to 3" in why["line 13"]
    assert "has 1 channels, and the file has 2" in why["line 14"]
    assert "is no number" in why["line 15"]


def test_ts_in_two_parts(tmp_path):
    header = "@problemName Toy\n@univariate true\n@classLabel true no yes\n@data\n"
    (tmp_path / "Toy_TRAIN.ts").write_text(header + "1,2:no\n3,4:yes\n")
    (tmp_path / "Toy_TEST.ts").write_text(header + "5,6,7:no\n5,?,7:no\n")
    for source in (tmp_path, tmp_path / "Toy"):
        data = io.load(source)
        assert data.table.to_dict("list") == {"label": ["no", "yes", "no"], "split": ["train", "train", "test"]}
        assert data.signals.shapes == [(1, 2), (1, 2), (1, 3)]
        assert list(reasons(data)) == ["Toy_TEST.ts, line 6"]
    assert io.load(tmp_path / "Toy").name == "Toy"


def test_tsv_in_two_parts(tmp_path):
    (tmp_path / "Toy_TRAIN.tsv").write_text("1\t0.5\t1.5\tNaN\n-1\t2\t3\t4\n")
    (tmp_path / "Toy_TEST.tsv").write_text("1\t5\t6\t7\n")
    data = io.load(tmp_path)
    assert (data.y.tolist(), data.table["split"].tolist()) == ([1, -1, 1], ["train", "train", "test"])
    np.testing.assert_array_equal(data.signals[0], [[0.5, 1.5]])
    assert io.load(tmp_path / "Toy_TEST.tsv").signals.shapes == [(1, 3)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("@problemName Toy\n", "no @data line"),
        ("1,2,3:1\n", "line 1 is no header"),
        ("@timeStamps true\n@data\n(0,1),(1,2):1\n", "time stamps"),
    ],
)
def test_ts_that_cannot_be_read(tmp_path, text, message):
    (tmp_path / "Toy.ts").write_text(text)
    with pytest.raises(ReadError, match=message):
        io.load(tmp_path / "Toy.ts")


# NumPy files.


def test_npy_batches(tmp_path):
    path = tmp_path / "x.npy"
    values = np.random.default_rng(0).normal(size=(3, 2, 8))
    np.save(path, values[:, 0])
    np.testing.assert_array_equal(np.stack(list(io.load(path).signals))[:, 0], values[:, 0])
    np.save(path, values)
    with pytest.raises(InputError, match=r"shape \(3, 2, 8\), and n_axes was not given"):
        io.load(path)
    assert io.load(path, n_axes=1).signals.shapes == [(2, 8)] * 3
    assert (io.load(path, n_axes=2).signals.shapes, io.load(path, n_axes=2).kind) == ([(1, 2, 8)] * 3, "image")
    values[1, :, 6:] = np.nan
    values[2, 1, 0] = np.inf
    np.save(path, values)
    data = io.load(path, n_axes=1, rate=10)
    assert (data.signals.shapes, data.signals.rate) == ([(2, 8), (2, 6)], 10)
    assert reasons(data) == {"signal 2": "sample 0 is infinite (1 such values); fill it, or cut there"}
    np.save(path, np.zeros(9))
    assert io.load(path).signals.shapes == [(1, 9)]


def test_npz_with_labels_groups_classes_and_true_sizes(tmp_path):
    path = tmp_path / "x.npz"
    images = np.random.default_rng(0).integers(0, 256, (3, 5, 6), dtype=np.uint8)
    shape = np.array([[5, 6], [4, 2], [1, 6]])
    np.savez(path, X=images, y=[1, 0, 1], classes=["a", "b"], shape=shape, groups=[7, 7, 8], files=["p", "q", "r"])
    data = io.load(path)
    assert data.table.to_dict("list") == {"label": list("bab"), "group": [7, 7, 8], "files": list("pqr")}
    assert (data.target, data.group, data.kind) == ("label", "group", "image")
    assert data.signals.shapes == [(1, 5, 6), (1, 4, 2), (1, 1, 6)]
    np.testing.assert_array_equal(data.signals[1][0], images[1, :4, :2])


def test_npz_in_two_parts(tmp_path):
    path = tmp_path / "x.npz"
    train, test = np.arange(12.0).reshape(3, 4), np.array([[1, 2, np.nan]])
    np.savez(path, x_train=train, y_train=[0, 1, 0], x_test=test, y_test=[1], rate=50)
    data = io.load(path)
    assert data.table.to_dict("list") == {"split": ["train"] * 3 + ["test"], "label": [0, 1, 0, 1]}
    assert (data.signals.shapes, data.signals.rate) == ([(1, 4)] * 3 + [(1, 2)], 50.0)
    np.testing.assert_array_equal(data.signals[2][0], train[2])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((2, 5)), "y": [1]}, r"y has shape \(1,\) for 2 signals"),
        ({"a": np.zeros((2, 5)), "b": [1]}, r"no array called X \(arrays: a, b\)"),
        ({"x": np.array([np.zeros(2), np.zeros(3)], dtype=object)}, "Python objects"),
        ({"x": np.array([["a", "b"]])}, "<U1, which are no real numbers"),
        ({"x": np.zeros((2, 5)), "shape": [5, 6]}, r"shape \[6\] is no size within \(5,\)"),
    ],
)
def test_npz_that_cannot_be_read(tmp_path, arrays, message):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(ReadError, match=message):
        io.load(tmp_path / "x.npz")


def test_npz_that_is_cut_short_and_other_sources(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.zeros((20, 50)))
    data = (tmp_path / "x.npz").read_bytes()
    (tmp_path / "x.npz").write_bytes(data[:1000])
    (tmp_path / "y.npz").touch()
    (tmp_path / "z.json").write_text("{}")
    for name in ("x.npz", "y.npz", "z.json"):
        with pytest.raises(ReadError, match=name):
            io.load(tmp_path / name)
    for options in ({"rate": 0}, {"colour": "red"}, {"n_axes": 5}):
        (name, value), *_ = options.items()
        with pytest.raises(InputError, match=f"{name}={value!r} is not"):
            io.load(tmp_path, **options)


# Windows.


@pytest.mark.parametrize(("size", "hop"), [(10, None), (10, 3), (7, 20), (50, 1)])
def test_windows_are_those_of_numpy(size, hop):
    series = np.random.default_rng(0).normal(size=(2, 50))
    data = io.windows([series], size=size, hop=hop, n_axes=1, rate=5)
    expected = sliding_window_view(series, size, axis=1)[:, :: hop or size].transpose(1, 0, 2)
    np.testing.assert_array_equal(np.stack(list(data.signals)), expected)
    assert data.table["start"].tolist() == list(range(0, 51 - size, hop or size))
    assert (data.table["stop"] - data.table["start"] == size).all()
    assert (data.is_cut, data.group, data.target, data.signals.rate) == (True, "source", None, 5)


def test_windows_of_arrays_are_views():
    series = {"a": np.arange(20, dtype=np.int16), "b": np.arange(8.0)}
    data = io.windows(series, size=10, hop=5)
    assert all(np.shares_memory(item, series["a"]) for item in data.signals._items)
    assert reasons(data) == {"b": "has 8 samples, fewer than size=10"}
    assert np.shares_memory(io.windows(series["b"], size=4).signals[1], series["b"])


def test_windows_of_a_data_set_carry_what_is_known(tmp_path):
    table = pd.DataFrame({"id": ["p", "q"], "label": ["up", "down"], "speaker": [1, 2]})
    signals = Signals([np.arange(9.0), np.arange(6.0)], n_axes=1, rate=4)
    data = Dataset(signals, table, target="label", group="speaker", kind="sound", name="talk")
    cut = io.windows(data, size=3)
    assert cut.table["source"].tolist() == ["p"] * 3 + ["q"] * 2
    assert (cut.y.tolist(), cut.groups.tolist()) == (["up"] * 3 + ["down"] * 2, [1] * 3 + [2] * 2)
    assert (cut.kind, cut.name, cut.signals.rate) == ("sound", "talk", 4)
    again = io.windows(cut, size=2, hop=1)
    assert again.table["start"].tolist() == [0, 1, 3, 4, 6, 7, 0, 1, 3, 4]
    assert again.table["stop"].tolist() == [2, 3, 5, 6, 8, 9, 2, 3, 5, 6]
    assert all(signal[0, 0] == start for signal, start in zip(again.signals, again.table["start"]))
    assert cut.table["source_length"].tolist() == [9] * 3 + [6] * 2  # what is left at the end counts
    assert again.table["source_length"].tolist() == [9] * 6 + [6] * 4


def test_windows_of_files_are_read_from_the_files(tmp_path, monkeypatch):
    expected = {f"{i}.wav": sound(tmp_path / f"{i}.wav", seed=i, n=500 + i) for i in range(3)}
    data = io.load(tmp_path)
    reads = []
    read = files.read
    monkeypatch.setattr(files, "read", lambda path, **options: reads.append(path) or read(path, **options))
    cut = io.windows(data, size=100, hop=50)
    assert (len(cut), reads) == (27, [])
    for signal, row in zip(cut.signals, cut.table.itertuples()):
        np.testing.assert_array_equal(signal, expected[row.source][:, row.start : row.stop])
    assert len(reads) == 3
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(cut.signals[20:]))[0], cut.signals[20])


def test_windows_of_resampled_files(tmp_path):
    sound(tmp_path / "a.wav", n=1601, rate=16000)
    cut = io.windows(io.load(tmp_path, rate=8000), size=400)
    assert cut.signals.shapes == [(1, 400)] * 2


def test_tiles_of_images():
    pixels = np.arange(2 * 7 * 9).reshape(2, 7, 9)
    data = io.windows([pixels], size=(3, 4), hop=(2, 5), n_axes=2, labels=["wood"])
    assert list(data.table) == ["source", "label", "start_0", "stop_0", "start_1", "stop_1"]
    assert len(data) == 6
    for tile, row in zip(data.signals, data.table.itertuples()):
        np.testing.assert_array_equal(tile, pixels[:, row.start_0 : row.stop_0, row.start_1 : row.stop_1])
    assert (data.kind, data.target, data.is_cut) == ("image", "label", False)
    assert io.windows([pixels], size=3, n_axes=2).signals.shapes == [(2, 3, 3)] * 6


@pytest.mark.parametrize(
    "options", [{"size": 0}, {"size": 2.5}, {"size": 5, "hop": 0}, {"size": (2, 3)}, {"size": 99}, {"size": True}]
)
def test_windows_that_cannot_be_cut(options):
    name = list(options)[-1]
    with pytest.raises(InputError, match=f"{name}={options[name]!r}".replace("(", r"\(").replace(")", r"\)")):
        io.windows(np.zeros(20), **options)


def test_windows_need_a_label_a_signal():
    with pytest.raises(InputError, match="there are 2 labels for 1 signals"):
        io.windows(np.zeros(20), size=4, labels=["a", "b"])


# Real data.


@needs_data
def test_speech_has_speakers_as_groups():
    data = io.load(Path(DATA) / "tutorial/speech", target="sentence", mono=True, rate=16000)
    assert (len(data), data.kind, data.group, data.skipped) == (24, "sound", "speaker", ())
    assert sorted(set(data.y)) == ["s1", "s2"]
    assert len(set(data.groups)) == 11  # Ivo was recorded twice
    assert data.signals[0].shape[0] == 1


@needs_data
def test_a_ucr_archive():
    path = Path(DATA) / "ucr/AllGestureWiimoteX.npz"
    data = io.load(path)
    raw = np.load(path)
    values = np.concatenate([raw["x_train"], raw["x_test"]])
    lengths = [int(np.flatnonzero(~np.isnan(row))[-1]) + 1 for row in values]
    assert [shape[1] for shape in data.signals.shapes] == lengths
    np.testing.assert_array_equal(data.y, np.concatenate([raw["y_train"], raw["y_test"]]))
    assert data.table["split"].value_counts().to_dict() == {"train": 300, "test": 700}


@needs_data
def test_health_counts_load_and_cut():
    root = Path(DATA) / "tutorial/health"
    data = io.load(root, columns=[2])
    assert list(data.signals.shapes) == [(1, 498), (1, 402), (1, 534)]
    cut = io.windows(data, size=48, hop=12, rate=12)
    assert set(cut.table["source"]) == {path.name for path in root.iterdir()}
