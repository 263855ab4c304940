"""The command line: what it writes and prints, and that whatever goes wrong ends in one sentence."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import skops.io
import soundfile
from PIL import Image
from scipy.signal import resample_poly
from sklearn.feature_extraction import FeatureHasher

import filterbank
from filterbank import cli, datasets, recipes
from filterbank.evaluate import CLASSIFIERS
from filterbank.models import Model

QUICK = ["--recipes", "summary", "--classifiers", "logistic", "--no-naive", "--jobs", "1"]


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run the command line as `main` does; return exit status, output and errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["filterbank", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        printed = capsys.readouterr()
        return stopped.value.code or 0, printed.out, printed.err

    return run


@pytest.fixture
def no_report(monkeypatch):
    """Write a page of one line, where the report is not what is tested."""

    def write_report(comparison, path, *, examination=None):
        with filterbank.output.atomic(path) as temporary:
            temporary.write_text("<p>report</p>")

    monkeypatch.setattr("filterbank.report.outputs.write_report", write_report)


def sentence(result, status=2):
    """The one sentence that a failed command said."""
    code, out, err = result
    assert (code, out) == (status, "")
    assert re.fullmatch(r"filterbank: .*\n", err)
    return err.removeprefix("filterbank: ").rstrip("\n")


def wavs(folder, n=6, *, channels=1, up=1):
    """Two classes of noise of 8 kHz times `up`, which their loudness tells apart."""
    rng = np.random.default_rng(0)
    for i in range(2 * n):
        path = folder / ("quiet", "loud")[i % 2] / f"{i:02}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = resample_poly((0.05, 0.3)[i % 2] * rng.normal(size=300).clip(-3, 3), up, 1)
        soundfile.write(path, np.repeat(samples[:, np.newaxis], channels, axis=1), 8000 * up, subtype="FLOAT")
    return folder


def pngs(folder, n=6):
    rng = np.random.default_rng(0)
    for i in range(2 * n):
        path = folder / ("dark", "light")[i % 2] / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, (100, 255)[i % 2], (9 + i, 12), dtype=np.uint8)).save(path)
    return folder


def long_table(path, n=6, *, length=20, change=lambda frame: frame):
    rng = np.random.default_rng(0)
    rows = [
        (i, t, rng.normal() * (1, 4)[i % 2], ("calm", "wild")[i % 2], f"ward {i // 4}")
        for i in range(2 * n)
        for t in range(length)
    ]
    frame = change(pd.DataFrame(rows, columns=["id", "time", "pulse", "mood", "ward"]))
    frame.to_csv(path, index=False)
    return path


# What it does.


def test_a_folder_of_sounds_becomes_a_report_a_table_and_a_model(run, tmp_path):
    data = wavs(tmp_path / "sounds")
    chosen = ["--recipes", "summary,gabor", "--classifiers", "1-nn,logistic"]
    code, out, err = run("compare", data, *chosen, "--jobs", 1, "--json")
    assert (code, err) == (0, "")
    result = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    assert (result["kind"], result["target"], result["signals"]) == ("sound", "label", 12)
    assert {(row["recipe"], row["classifier"]) for row in result["results"]} == {
        (recipe, classifier) for recipe in ("summary", "gabor") for classifier in ("1-nn", "logistic")
    }
    folder = tmp_path / "filterbank-report"
    assert sorted(path.name for path in folder.iterdir()) == ["model.skops", "report.html", "results.parquet"]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.lower().startswith("<!doctype html>")
    assert "quiet" in page
    table = pd.read_parquet(folder / "results.parquet")
    assert table["score"].tolist() == [row["score"] for row in result["results"]]
    assert Model.load(folder / "model.skops").about["recipe"] == result["best"]["recipe"]


def test_what_is_unknown_is_null_in_json(run, no_report, tmp_path):
    code, out, _ = run("compare", wavs(tmp_path / "sounds"), *QUICK, "--json", "--out", "r")
    assert code == 0
    assert json.loads(out)["results"][0]["naive_score"] is None
    assert "NaN" not in out


def test_a_folder_of_images(run, no_report, tmp_path):
    code, out, err = run("compare", pngs(tmp_path / "images"), *QUICK, "--out", tmp_path / "a" / "b")
    assert (code, err) == (0, "")
    assert out.startswith("images: 12 signals, 2 classes.\n12 images from images.\nSplit: ")
    row = next(line for line in out.splitlines() if "logistic" in line)
    assert re.search(r"summary +logistic +[01]\.\d{3} +\d\.\d{3} to \d\.\d{3} +0\.500 +7 ", row)
    assert out.endswith("model.skops\n")
    assert Model.load(tmp_path / "a" / "b" / "model.skops").kind == "image"


def test_a_long_table_with_target_and_group(run, no_report, tmp_path):
    path = long_table(tmp_path / "vitals.csv")
    code, out, _ = run("compare", path, "--target", "mood", "--group", "ward", *QUICK, "--json")
    assert code == 0
    result = json.loads(out)
    assert (result["target"], result["group"], result["split"]["folds"]) == ("mood", "ward", 3)


def test_a_built_in_set(run, no_report):
    code, out, _ = run("compare", "epidemics", *QUICK, "--group", "source", "--json")
    assert code == 0
    result = json.loads(out)
    assert (result["dataset"], result["target"], result["group"]) == ("epidemics", "label", "source")


def test_results_do_not_depend_on_jobs(run, no_report, tmp_path):
    data = long_table(tmp_path / "vitals.csv")
    chosen = ["--target", "mood", "--recipes", "summary,gabor", "--classifiers", "1-nn,svm", "--json"]
    scores = []
    for jobs in (1, 2):
        rows = json.loads(run("compare", data, *chosen, "--jobs", jobs)[1])["results"]
        scores.append([{k: v for k, v in row.items() if not k.startswith("seconds")} for row in rows])
    assert scores[0] == scores[1]


def test_predict_tells_what_the_model_tells(run, no_report, tmp_path):
    data = wavs(tmp_path / "sounds")
    run("compare", data, *QUICK, "--out", tmp_path)
    code, out, err = run("predict", "model.skops", data)
    assert (code, err) == (0, "")
    (tmp_path / "printed.csv").write_text(out)
    frame = pd.read_csv(tmp_path / "printed.csv")
    assert frame.columns.tolist() == ["path", "prediction", "probability_loud", "probability_quiet"]
    np.testing.assert_allclose(frame[["probability_loud", "probability_quiet"]].sum(axis=1), 1)
    loaded = filterbank.load(data)
    pipeline = Model.load(tmp_path / "model.skops").pipeline
    assert frame["prediction"].tolist() == pipeline.predict(loaded.signals).tolist()
    assert frame["path"].tolist() == loaded.table["path"].tolist()
    code, out, _ = run("predict", "model.skops", data, "--out", "given.csv")
    assert (code, out) == (0, "12 predictions in given.csv\n")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "given.csv"), frame)


def test_predict_brings_sound_to_the_models_rate_and_channels(run, no_report, tmp_path):
    run("compare", wavs(tmp_path / "sounds"), *QUICK, "--out", tmp_path)
    code, out, _ = run("predict", "model.skops", wavs(tmp_path / "other", channels=2, up=2) / "loud")
    assert code == 0
    assert out.count(",loud,") == 6


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_extract_writes_what_is_known_and_the_features(run, tmp_path, suffix):
    path = long_table(tmp_path / "vitals.csv")
    out = tmp_path / f"features.{suffix}"
    code, said, err = run("extract", path, "--recipe", "gabor", "--out", out)
    transformer = recipes.make("gabor", "series")
    dataset = filterbank.load(path)
    expected = transformer.fit_transform(dataset.signals)
    assert (code, err) == (0, "")
    assert said == f"{expected.shape[1]} features of 12 signals in {out}\n"
    frame = pd.read_csv(out) if suffix == "csv" else pd.read_parquet(out)
    names = transformer.get_feature_names_out().tolist()
    assert frame.columns.tolist() == ["id", "mood", "ward", *names]
    np.testing.assert_allclose(frame[names].to_numpy(), expected, rtol=1e-12)


def test_extract_computes_what_numpy_does(run, tmp_path):
    data = pngs(tmp_path / "images")
    assert run("extract", data, "--recipe", "summary", "--out", "f.parquet")[0] == 0
    frame = pd.read_parquet(tmp_path / "f.parquet")
    for i, path in enumerate(frame["path"]):
        pixels = np.asarray(Image.open(data / path)) / 255
        np.testing.assert_allclose(frame["sample.mean"][i], pixels.mean(), rtol=1e-6)
        np.testing.assert_allclose(frame["sample.median"][i], np.median(pixels), rtol=1e-6)


def test_lists_help_and_version(run):
    assert run("--version") == (0, f"filterbank {filterbank.__version__}\n", "")
    code, out, err = run("recipes")
    assert (code, err) == (0, "")
    assert all(name in out for name in recipes.RECIPES)
    code, out, err = run("data")
    assert (code, err) == (0, "")
    assert all(re.search(rf"^ ?{name} ", out, re.M) for name in datasets.names())
    for command in ("compare", "predict", "extract", "recipes", "data", "show"):
        code, out, err = run(command, "--help")
        assert (code, err) == (0, "")
        assert out.startswith(f"Usage: filterbank {command} ")
    code, out, err = run("--help")
    assert code == 0
    assert "compare" in out


def test_show_says_what_a_signal_is_and_draws_it(run, tmp_path):
    t = np.arange(1000) / 1000
    soundfile.write(tmp_path / "tone.wav", 0.5 * np.sin(2 * np.pi * 50 * t), 1000, subtype="FLOAT")
    code, out, err = run("show", "tone.wav", "--out", "tone.png")
    said = dict(re.split(r"  +", line, maxsplit=1) for line in out.splitlines())
    assert (code, err) == (0, "")
    assert (said["rate"], said["duration"], said["strongest frequency"]) == ("1000 Hz", "1 s", "50 Hz")
    assert re.fullmatch(r"-0\.5 to 0\.5, mean \S+, std 0\.3536", said["values"])
    assert Image.open(tmp_path / "tone.png").size[0] > 500
    code, out, _ = run("show", "tones", "--index", -1)
    assert code == 0
    assert out.startswith(f"signal               319 of {len(datasets.tones())} in tones\n")
    assert "index=320 is not from 0 to 319" in sentence(run("show", "tones", "--index", 320))


# What goes wrong.


def test_sources_that_hold_nothing(run, tmp_path):
    assert "nosuch: there is no such file or folder" in sentence(run("compare", "nosuch"))
    assert "Did you mean 'epidemics'?" in sentence(run("compare", "epidemic"))
    assert "'ucr:NAME'" in sentence(run("compare", "ucr"))
    (tmp_path / "empty").mkdir()
    assert "empty holds no signal that can be used: it is empty" in sentence(run("compare", "empty"))
    (tmp_path / "empty.csv").touch()
    assert "empty.csv: is empty (0 bytes)" in sentence(run("compare", "empty.csv"))
    (tmp_path / "letter.docx").write_text("Dear")
    assert "'.docx'" in sentence(run("compare", "letter.docx"))
    assert not (tmp_path / "filterbank-report").exists()


def test_labels_that_are_missing_or_one(run, tmp_path):
    wavs(tmp_path / "sounds")
    assert "has no target column" in sentence(run("compare", tmp_path / "sounds" / "loud"))
    (tmp_path / "one").mkdir()
    (tmp_path / "sounds" / "loud").rename(tmp_path / "one" / "loud")
    assert "'loud'" in sentence(run("compare", "one"))
    long_table(tmp_path / "v.csv", change=lambda frame: frame.assign(mood=frame["mood"].where(frame["id"] != 3)))
    assert "'mood' is missing for 1 of 12 signals" in sentence(run("compare", "v.csv", "--target", "mood"))


def test_columns_recipes_classifiers_and_splits_that_are_not_there(run, tmp_path):
    long_table(tmp_path / "v.csv")
    for option, value in {
        "--target": "moood",
        "--group": "wart",
        "--recipes": "gabbor",
        "--classifiers": "forest",
        "--split": "honest",
        "--colour": "blue",
        "--n-axes": 7,
        "--rate": -5,
    }.items():
        arguments = ["--target", "mood", option, value] if option != "--target" else [option, value]
        said = sentence(run("compare", "v.csv", *arguments))
        assert f"={value!r} is not " in said or f"={float(value):g}" in said
    assert "target='cite' is not a column" in sentence(run("compare", "epidemics", "--target", "cite"))
    assert "no option rate=5.0" in sentence(run("compare", "epidemics", "--rate", 5))
    assert "recipe='gabbor'" in sentence(run("extract", "v.csv", "--recipe", "gabbor", "--out", "f.csv"))
    pngs(tmp_path / "images")
    unsuited = run("extract", "images", "--recipe", "tutorial_gabor", "--out", "f.csv")
    assert "recipe='tutorial_gabor' is not for signals of kind image" in sentence(unsuited)
    assert "jobs=0" in sentence(run("compare", "v.csv", "--jobs", 0))
    assert "--nosuch" in sentence(run("compare", "v.csv", "--nosuch"))
    said = sentence(run("compare", "v.csv", "--rate", "abc"))
    assert said.startswith("Invalid value for '--rate'")
    assert said.endswith("See `filterbank compare --help`.")
    assert "DATA" in sentence(run("compare"))
    assert "'nosuch'" in sentence(run("nosuch"))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite(run, no_report, tmp_path, value):
    def change(frame):
        frame.loc[25, "pulse"] = value
        return frame

    long_table(tmp_path / "v.csv", change=change)
    code, out, err = run("compare", "v.csv", "--target", "mood", *QUICK)
    what = "missing" if np.isnan(value) else "infinite"
    assert (code, "11 signals" in out) == (0, True)
    assert err.startswith(f"filterbank: left out: id=1: sample 5 is {what}")
    assert f"id=1: sample 5 is {what}" in sentence(run("compare", "v.csv", "--target", "mood", "--strict"))


def test_constant_signals_run_and_show(run, no_report, tmp_path):
    rows = [(i, t, float(i % 2 == 0), i % 2) for i in range(12) for t in range(30)]
    frame = pd.DataFrame(rows, columns=["id", "time", "x", "label"])
    frame.loc[0, "x"] = 0.5  # one signal changes, else there is no channel
    frame.to_csv(tmp_path / "v.csv", index=False)
    code, out, err = run("compare", "v.csv", "--no-naive", "--json", "--jobs", 1)
    assert (code, err) == (0, "")
    assert len(json.loads(out)["results"]) == len(recipes.suitable("series", by_default=True)) * (len(CLASSIFIERS) - 1)
    code, out, err = run("show", "v.csv", "--index", 1)
    assert (code, err) == (0, "")
    assert "none (constant)" in out


def test_signals_too_short_for_a_recipe(run, no_report, tmp_path):
    long_table(tmp_path / "short.csv", length=6)
    code, out, _ = run("compare", "short.csv", "--target", "mood", "--no-naive", "--jobs", 1)
    assert code == 0
    assert "Note: Recipe 'tutorial_gabor' is left out: " in out
    assert " gabor " in out
    pd.DataFrame({"x": [1.0, 2, 3, 4], "label": list("abab")}).to_csv(tmp_path / "one.csv", index=False)
    assert "1 sample" in sentence(run("extract", "one.csv", "--recipe", "tutorial_gabor", "--out", "f.csv"))
    assert run("extract", "one.csv", "--recipe", "summary", "--out", "f.csv")[0] == 0
    assert run("show", "one.csv")[0] == 0


def test_mixed_channels(run, no_report, tmp_path):
    wavs(tmp_path / "sounds", 5)
    soundfile.write(tmp_path / "sounds" / "loud" / "stereo.wav", np.zeros((300, 2)) + 0.1, 8000)
    code, out, err = run("compare", "sounds", *QUICK)
    assert (code, err) == (0, "")
    assert "unequal numbers of channels, so each was mixed to one" in out


def test_files_that_are_cut_short_are_listed_and_the_run_goes_on(run, no_report, tmp_path):
    wavs(tmp_path / "sounds")
    pngs(tmp_path / "images")
    for name in ("sounds/loud/01.wav", "images/dark/00.png"):
        path = tmp_path / name
        path.write_bytes(path.read_bytes()[:-40])
        folder, inner = name.split("/", 1)
        code, out, err = run("compare", folder, *QUICK)
        assert (code, "11 signals" in out) == (0, True)
        assert re.fullmatch(rf"filterbank: left out: {inner}: .*\n", err)
        assert f"1 of 12 can't be used; the first is {inner}" in sentence(run("compare", folder, "--strict"))


def test_models_that_are_none(run, no_report, tmp_path):
    wavs(tmp_path / "sounds")
    assert "nosuch.skops: there is no such file" in sentence(run("predict", "nosuch.skops", "sounds"))
    (tmp_path / "hello.skops").write_text("hello")
    assert "hello.skops: is no model, or damaged" in sentence(run("predict", "hello.skops", "sounds"))
    skops.io.dump(FeatureHasher(), tmp_path / "other.skops")
    assert "holds FeatureHasher, which is no model" in sentence(run("predict", "other.skops", "sounds"))
    skops.io.dump({"format": 1, "pipeline": np.testing.assert_allclose}, tmp_path / "foreign.skops")
    assert "not known to be safe" in sentence(run("predict", "foreign.skops", "sounds"))
    assert run("compare", "sounds", *QUICK, "--out", ".")[0] == 0
    pngs(tmp_path / "images")
    assert "n_axes=2, and the model was fitted on" in sentence(run("predict", "model.skops", "images"))


def test_places_that_cannot_be_written(run, no_report, tmp_path):
    long_table(tmp_path / "v.csv")
    (tmp_path / "file").touch()
    (tmp_path / "folder.csv").mkdir()
    asked = ["compare", "v.csv", "--target", "mood", *QUICK, "--out"]
    assert "file: no such folder can be made (it is a file)" in sentence(run(*asked, "file"))
    assert "no such folder can be made (not a directory)" in sentence(run(*asked, "file/inside"))
    (tmp_path / "r" / "report.html").mkdir(parents=True)
    assert "report.html: is a folder" in sentence(run(*asked, "r"))
    for command in (["extract", "v.csv", "--recipe", "summary"], ["predict", "model.skops", "v.csv"]):
        assert "folder.csv: is a folder" in sentence(run(*command, "--out", "folder.csv"))
        assert "there is no folder nosuch" in sentence(run(*command, "--out", "nosuch/f.csv"))
        assert "path='f.xlsx' is not a file name that ends in .parquet or .csv" in sentence(
            run(*command, "--out", "f.xlsx")
        )
    code, _, err = run("show", "v.csv", "--out", "x.docx")
    assert (code, "path='x.docx' is not a file name that ends in .png" in err) == (2, True)


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_full_disk_leaves_nothing_half_written(run, no_report, tmp_path, monkeypatch):
    long_table(tmp_path / "v.csv")
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def half(self, path, *args, **kwargs):
        path.write_text("half")
        raise full

    monkeypatch.setattr(pd.DataFrame, "to_csv", half)
    said = sentence(run("extract", "v.csv", "--recipe", "summary", "--out", "f.csv"))
    assert said.startswith("f.csv: can't be written (no space left on device)")
    monkeypatch.setattr(skops.io, "dump", lambda content, path: half(None, path))
    said = sentence(run("compare", "v.csv", "--target", "mood", *QUICK, "--out", "r"))
    assert "model.skops: can't be written (no space left on device)" in said
    assert names(tmp_path) == ["r/report.html", "r/results.parquet", "v.csv"]


def test_other_errors_of_the_system_end_in_a_sentence(run, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError(errno.EIO, os.strerror(errno.EIO), "disk")

    monkeypatch.setattr("filterbank.datasets.load", fail)
    assert sentence(run("show", "tones"), 1) == "disk: input/output error."
    monkeypatch.setattr("filterbank.datasets.load", lambda *args, **kwargs: bytearray(1 << 60))
    assert "not enough memory" in sentence(run("show", "tones"), 1)


@pytest.mark.parametrize(
    "where", ["filterbank.evaluate.compare", "skops.io.dump", "filterbank.report.outputs.write_report"]
)
def test_ctrl_c_leaves_the_old_files(run, no_report, tmp_path, monkeypatch, where):
    long_table(tmp_path / "v.csv")
    asked = ["compare", "v.csv", "--target", "mood", *QUICK, "--out", "r"]
    run(*asked)
    before = {path: path.read_bytes() for path in (tmp_path / "r").iterdir()}

    def interrupted(*args, **kwargs):
        if where == "skops.io.dump":
            args[1].write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(where, interrupted)
    assert "interrupted" in sentence(run(*asked), 130)
    assert set((tmp_path / "r").iterdir()) == set(before)
    assert (tmp_path / "r" / "model.skops").read_bytes() == before[tmp_path / "r" / "model.skops"]


# In a process of its own.


def start(*arguments, **options):
    command = [sys.executable, "-m", "filterbank.cli", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def test_exit_status_of_the_process(tmp_path):
    process = start("compare", "nosuch", cwd=tmp_path)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert re.fullmatch(r"filterbank: nosuch: .*\n", err)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_a_real_ctrl_c(tmp_path):
    out = tmp_path / "r"
    process = start("compare", "epidemics", "--jobs", 2, "--out", out, start_new_session=True)
    deadline = time.monotonic() + 60
    while not out.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(2)
    os.killpg(process.pid, signal.SIGINT)  # what the terminal does: to the processes that it started, too
    printed, err = process.communicate(timeout=60)
    assert (process.returncode, printed) == (130, "")
    assert "filterbank: interrupted" in err
    assert list(out.iterdir()) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_output_to_a_full_disk_and_to_nobody():
    reader, writer = os.pipe()
    os.close(reader)
    with open("/dev/full", "w") as full, os.fdopen(writer, "w") as nobody:
        for stream, status, said in (
            (full, 1, "filterbank: the output: no space left on device.\n"),
            (nobody, 141, ""),
        ):
            command = [sys.executable, "-m", "filterbank.cli", "--version"]
            done = subprocess.run(command, stdout=stream, stderr=subprocess.PIPE, text=True, check=False)
            assert (done.returncode, done.stderr) == (status, said)


def test_output_in_an_encoding_of_few_letters(tmp_path):
    wavs(tmp_path / "klänge→")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    process = start("show", tmp_path / "klänge→", env=environment)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "kl\\xe4nge\\u2192" in out
    process = start("recipes", env=environment)
    assert "tutorial_gabor" in process.communicate(timeout=60)[0]
    assert process.returncode == 0
