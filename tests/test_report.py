import re
import sys
from html.parser import HTMLParser

import matplotlib
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix

from filterbank.banks import GaborBank, GaussianBank
from filterbank.errors import WriteError
from filterbank.evaluate import compare
from filterbank.evaluate.examine import examine
from filterbank.pools import Proportion
from filterbank.report import render, write_report
from filterbank.representation import Representation
from filterbank.signals import Dataset, Signals, Skipped

VOID = {"meta", "link", "br", "img", "hr", "input"}
SCRIPT = "<script>alert('x')</script>"


class Page(HTMLParser):
    """Checks that tags nest, and collects what a test may ask for."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words, self.rows = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)
        if self.open and {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def windows(names=("low", SCRIPT, "naïve $x$ & “y”"), *, n=12, skipped=()):
    rng = np.random.default_rng(0)
    t = np.arange(80)
    items, rows = [], []
    for k, name in enumerate(names):
        for i in range(n):
            items.append(np.sin(2 * np.pi * 0.02 * 2.5**k * t + rng.uniform(0, 6)) + rng.normal(size=80))
            rows.append({"label": name, "source": f"rec <{k}>", "start": 20 * i, "stop": 20 * i + 80})
    table = pd.DataFrame(rows)
    signals = Signals(items, n_axes=1, rate=100.0)
    return Dataset(signals, table, target="label", name="made <data>", skipped=tuple(skipped))


def dataset_of(kind):
    rng = np.random.default_rng(1)
    shape = {"sound": (1, 3000), "image": (3, 32, 24), "volume": (1, 8, 9, 10)}[kind]
    items = [rng.random(shape) * (1 + i % 2) for i in range(24)]
    table = pd.DataFrame({"label": [("one", "two")[i % 2] for i in range(24)], "person": [i // 4 for i in range(24)]})
    signals = Signals(items, n_axes=len(shape) - 1, rate=8000 if kind == "sound" else None)
    return Dataset(signals, table, kind=kind, target="label", group="person", name=kind)


@pytest.fixture(scope="module")
def series():
    skipped = [Skipped(f"bad{i} <b>.csv", f"is <empty> {i}") for i in range(300)]
    return compare(windows(skipped=skipped), recipes=["gabor", "summary"], classifiers=["1-nn", "ridge"])


@pytest.fixture(scope="module")
def page(series):
    return render(series)


def test_the_page_is_well_formed_and_asks_for_nothing(page):
    parsed = Page(page)
    for tag, attributes in parsed.tags:
        assert "src" not in attributes or attributes["src"].startswith("data:")
        assert not any(name.startswith("on") for name in attributes)
        href = attributes.get("href", "#") or "#"
        assert href.startswith(("#", "data:")), (tag, href)
    without_data = re.sub(r'"data:[^"]*"', '""', page)
    assert not re.search(r"https?:|[\"'(\s]//[a-z]|@import|url\((?!#)", without_data)
    ids = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {value[1:] for _, a in parsed.tags for value in [a.get("href") or ""] if value.startswith("#")}
    links |= set(re.findall(r"url\(#([^)]+)\)", page))
    assert links
    assert links <= set(ids)
    assert len(page.encode()) < 6e6


def test_names_are_shown_and_never_run(page):
    assert page.count("<script") == 1  # the page's own
    assert SCRIPT in Page(page).text
    assert "naïve $x$ & “y”" in Page(page).text
    assert "<title>made &lt;data&gt;: filterbank report</title>" in page
    assert "rec <1>, samples 20 to 100" in Page(page).text or "rec <0>, samples" in Page(page).text


def test_the_scores_are_those_of_the_table_and_of_scikit_learn(series, page):
    rows = [row for row in Page(page).rows if len(row) == 10]
    assert len(rows) == 1 + len(series.table)
    for row, (_, expected) in zip(rows[1:], series.table.iterrows(), strict=True):
        key = (expected["recipe"], expected["classifier"])
        tested = series.plan.tested
        score = accuracy_score(series.labels[tested], series.predictions[key][tested].astype(str))
        assert [row[0], row[1].split()[0]] == list(key)
        assert row[2] == f"{score:.3f}"
        assert row[3] == f"{expected['low']:.3f} to {expected['high']:.3f}"
        assert [row[4], row[5]] == [f"{expected['chance']:.3f}", f"{expected['naive_score']:.3f}"]
    assert ["best" in row[1] for row in rows[1:]] == [True] + [False] * (len(rows) - 2)
    assert f"{100 * series.table['score'][0]:.1f}\N{NO-BREAK SPACE}% of signals" in " ".join(Page(page).words).replace(
        "\n", " "
    ).replace("  ", " ")


def test_the_split_and_what_leaked_are_said(series, page):
    text = Page(page).text
    assert series.plan.reason in text
    assert series.naive_leaks
    for finding in [*series.leaks, *series.naive_leaks]:
        assert finding.sentence in text
    for note in series.notes:
        assert " ".join(note.split()) in text


def test_what_an_examination_finds_is_shown_as_the_json_has_it(series, page):
    found = examine(series)
    parsed = Page(page)
    assert " ".join(found.verdict.split()) in parsed.text
    for leak in found.as_dict()["findings"]:
        assert leak["sentence"] in parsed.text
    listed = {row[0]: row[1:4] for row in parsed.rows if len(row) == 7 and "," in row[0]}
    assert len(listed) == len(found.pairs) == 3
    for row in found.as_dict()["pairs"]:
        difference, bounds, p = (
            text.replace("\N{MINUS SIGN}", "-") for text in listed[f"{row['recipe']}, {row['classifier']}"]
        )
        assert difference == f"{row['difference']:+.3f}"
        assert bounds == f"{row['low']:+.3f} to {row['high']:+.3f}"
        assert float(p) == pytest.approx(row["p"], abs=6e-4)
    moved = {row[0]: row[1:-1] for row in parsed.rows if row and row[-1].startswith(("0.", "1.")) and len(row) == 8}
    for recipe in ("gabor", "summary"):
        values = found.invariance.loc[found.invariance["recipe"] == recipe, "moved"]
        assert [float(v) for v in moved[recipe]] == pytest.approx(values.tolist(), abs=6e-3)
    assert 'aria-label="Accuracy lost without each frequency."' in page
    assert page.count("with the places that decided for") == len(found.decisions) == 2
    assert "Could it be chance" not in parsed.text


def test_a_leak_is_shown_with_both_scores():
    """Every signal has a copy of its label, so that a split by signal is right where a split by copies is guessing."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(24, 64))
    table = pd.DataFrame({"label": rng.permutation([0, 1] * 12).repeat(2), "person": np.arange(24).repeat(2)})
    twice = np.repeat(X, 2, axis=0) + np.where(np.arange(48) % 2, 3.0, 0.0)[:, None]
    dataset = Dataset(Signals.wrap(twice), table, target="label", group="person")
    comparison = compare(
        dataset,
        recipes=["gabor"],
        classifiers=["1-nn"],
        split="kfold",
        naive=False,
    )
    found = examine(comparison)
    leaks = {leak.finding.what: leak for leak in found.leaks}
    assert set(leaks) == {"near-duplicate", "group"}
    text = Page(render(comparison, examination=found)).text
    for leak in leaks.values():
        assert leak.asked > leak.closed + 0.2
        assert f"As asked {leak.asked:.3f}; with this leak closed {leak.closed:.3f}" in text
        assert leak.asked == pytest.approx(comparison.table["score"][0])
    assert "may flatter the score" in text


def test_a_thorough_examination_is_shown(series, monkeypatch):
    monkeypatch.setattr(sys.modules["filterbank.evaluate.examine"], "PERMUTATIONS", 19)
    found = examine(series, thorough=True)
    text = render(series, examination=found)
    words = Page(text).text
    for part in (found.permutation, found.learning, found.calibration):
        assert part.sentence in words
    assert f"Brier's score {found.calibration.brier:.3f}" in words
    assert 'aria-label="Reliability curve."' in text


def test_the_confusions_are_those_of_scikit_learn(series, page):
    tested = series.plan.tested
    classes = sorted(set(series.labels))
    counts = confusion_matrix(
        series.labels[tested], series.predictions[series.best][tested].astype(str), labels=classes
    )
    figure = re.search(r'<svg[^>]*aria-label="Confusion matrix.*?</svg>', page, re.S)[0]
    written = [int(n) for n in re.findall(r">(\d+)</text>", figure)]
    assert written == counts.ravel().tolist()
    listed = {(r[0], r[1]): r[2] for r in Page(page).rows if len(r) == 3 and " of " in r[2]}
    wrong = {
        (classes[i], classes[j]): f"{counts[i, j]} of {counts[i].sum()}"
        for i in range(3)
        for j in range(3)
        if i != j and counts[i, j]
    }
    assert listed == wrong


def test_the_data_and_what_was_left_out_are_listed(page):
    text = Page(page).text
    assert "300 files or rows were left out; the first 20" in text
    assert "bad19 <b>.csv" in text
    assert "bad20 <b>.csv" not in text
    assert "80 samples (0.8 s)" in text
    assert "100 samples per second" in text
    counts = [row for row in Page(page).rows if len(row) == 3 and row[1] == "12"]
    assert [row[0] for row in counts] == [SCRIPT, "low", "naïve $x$ & “y”"]


def test_features_are_in_physical_units(series, page):
    best = series.importance(series.best[0]).iloc[0]
    if series.best[0] != "gabor":
        pytest.fail("this data set is made so that filters do best")
    row = next(row for row in Page(page).rows if row and row[0] == best["feature"])
    frequency = best["frequency"]
    assert row[1] == f"{frequency:.4g} Hz"
    period = float(row[2].split()[0]) * {"ms": 1e-3, "s": 1}[row[2].split()[1]]
    assert period == pytest.approx(1 / frequency, rel=1e-2)
    assert row[-1] == f"{best['F']:.1f}"


def test_the_signals_it_gets_wrong_are_shown(series, page):
    wrong = series.errors(*series.best)
    shown = re.findall(r'aria-label="Signal (\d+), of class', page)
    assert len(shown) == min(12, len(wrong))
    assert {int(i) for i in shown} <= set(wrong["signal"])


def test_the_same_comparison_gives_the_same_bytes_whatever_the_style(series, page, tmp_path):
    with matplotlib.rc_context(
        {"axes.facecolor": "black", "font.size": 30, "text.usetex": False, "lines.linewidth": 9}
    ):
        before = dict(matplotlib.rcParams)
        path = write_report(series, tmp_path / "report.html")
        assert dict(matplotlib.rcParams) == before
    assert path.read_bytes().decode() == page
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_a_page_that_cannot_be_written_leaves_the_old_one(series, page, tmp_path, monkeypatch):
    monkeypatch.setattr("filterbank.report.html.render", lambda comparison, examination=None: page)
    path = tmp_path / "report.html"
    path.write_text("old")
    with pytest.raises(WriteError, match="nosuch"):
        write_report(series, tmp_path / "nosuch" / "report.html")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(WriteError, match="no space left"):
        write_report(series, path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize("kind", ["sound", "image", "volume"])
def test_every_kind_of_signal_has_a_page(kind):
    n_axes = {"sound": 1, "image": 2, "volume": 3}[kind]
    bank = GaborBank(n_frequencies=2) if n_axes == 1 else GaussianBank(n_axes, sigmas=[1], orders=[1])
    recipe = {"own": Representation(bank, Proportion(quantiles=[0.5]))}
    comparison = compare(dataset_of(kind), recipes=recipe, classifiers=["1-nn"], naive=False)
    text = render(comparison)
    parsed = Page(text)
    assert "The naive score was not computed." in parsed.text
    assert "no 'person' is both in training and in test" in parsed.text
    images = [a["href"] for tag, a in parsed.tags if tag == "image"]
    assert 1 <= len(images) <= 2 if kind == "sound" else len(images) > 5  # the confusion matrix, a tinted map; pictures
    assert all(href.startswith("data:image/png;base64,") for href in images)
    for heading in ("What leaked", "Scores", "Data", "Filters and responses", "Most informative features", "Notes"):
        assert heading in parsed.text


def test_a_score_that_could_be_luck_proves_little():
    rng = np.random.default_rng(0)
    dataset = Dataset(Signals.wrap(rng.normal(size=(20, 30))), pd.DataFrame({"label": [0, 1] * 10}), target="label")
    comparison = compare(dataset, recipes=["summary"], classifiers=["1-nn"])
    assert comparison.table["low"][0] < comparison.table["chance"][0]
    text = Page(render(comparison)).text
    assert re.search(r"this proves little|nothing is proved", text)
    assert "None of these recipes has filters to show." in text


def test_many_classes_have_a_page():
    dataset = windows([f"class {k}" for k in range(40)], n=4)
    comparison = compare(dataset, recipes=["gabor"], classifiers=["1-nn"], split="kfold", naive=False)
    text = render(comparison)
    assert "4 more classes are not shown." in Page(text).text
    assert len(text.encode()) < 6e6


def test_many_large_photographs_stay_small():
    rng = np.random.default_rng(0)
    items = [rng.random((3, 300, 200)).astype(np.float32) for _ in range(24)]
    dataset = Dataset(Signals(items, n_axes=2), pd.DataFrame({"label": [i % 12 for i in range(24)]}), "image", "label")
    comparison = compare(dataset, recipes=["summary"], classifiers=["1-nn"], naive=False)
    assert len(render(comparison).encode()) < 6e6
