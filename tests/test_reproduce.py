"""The published figures: those that follow from the data come out, and what is missing or wrong is said."""

import json
import os

import pandas as pd
import pytest
from typer.testing import CliRunner

from filterbank import InputError, MissingDataError
from filterbank import reproduce as figures
from filterbank.cli import app
from filterbank.reproduce import SECTIONS, Row, as_table, disagreements, reproduce
from filterbank.reproduce.rows import agrees, published

needs_data = pytest.mark.skipif(not os.environ.get("FILTERBANK_DATA"), reason="needs the tutorial's data")


@needs_data
def test_there_is_a_section_for_everything_published():
    assert set(SECTIONS) == set(published())


@needs_data
@pytest.mark.parametrize("section", ["health", "sunspots", "city_gabor", "border_image", "speech_fft_rows"])
def test_quick_figures_come_out_to_the_printed_digits(section):
    rows = list(SECTIONS[section](published()[section]))
    assert rows
    assert {row.agreement for row in rows} == {"exact"}
    for row in rows:
        if row.honest is not None:
            assert 0 <= row.low <= row.honest <= row.high <= 1
            assert row.split


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize("section", ["cat_dog_bovw", "health_reduced", "speech"])
def test_slower_figures_come_out_too(section):
    rows = list(SECTIONS[section](published()[section]))
    assert {row.agreement for row in rows if row.deterministic} == {"exact"}
    if section == "speech":
        assert len(rows) == 36
        assert sum(row.deterministic for row in rows) == 18
        assert {row.agreement for row in rows if not row.deterministic} <= {"within seeds", "outside of seeds"}


def test_figures_agree_to_their_printed_digits():
    assert agrees(0.985001, 0.99, 2) == "exact"
    assert agrees(0.9849, 0.99, 2) == "disagrees"


def test_a_figure_that_must_agree_and_does_not_fails_the_command(monkeypatch, tmp_path):
    good = Row("health", "a", "0.99", 0.99, "exact")
    bad = Row("health", "b", "0.99", 0.5, "disagrees")
    loose = Row("mnist_cnn", "c", "0.98 to 1.00, read off a plot", 0.5, "outside of seeds", deterministic=False)
    monkeypatch.setattr(figures, "reproduce", lambda only: iter([good, bad, loose]))
    done = CliRunner().invoke(app, ["reproduce", "--out", str(tmp_path / "out")])
    assert done.exit_code == 1
    assert "1 figures that must agree don't: b." in done.output
    assert "0.5000   outside" in done.output
    assert pd.read_csv(tmp_path / "out" / "reproduce.csv")["agreement"].tolist() == [
        "exact",
        "disagrees",
        "outside of seeds",
    ]
    monkeypatch.setattr(figures, "reproduce", lambda only: iter([good, loose]))
    done = CliRunner().invoke(app, ["reproduce", "--json"])
    assert done.exit_code == 0
    assert [row["what"] for row in json.loads(done.output)] == ["a", "c"]
    assert disagreements([good, bad, loose]) == [bad]
    assert as_table([]).columns.tolist()[0] == "section"


def test_what_is_missing_is_said(monkeypatch, tmp_path):
    monkeypatch.delenv("FILTERBANK_DATA", raising=False)
    with pytest.raises(MissingDataError, match="FILTERBANK_DATA"):
        next(reproduce())
    golden = tmp_path / "tutorial" / "golden"
    golden.mkdir(parents=True)
    monkeypatch.setenv("FILTERBANK_DATA", str(tmp_path))
    (golden / "published.json").write_text("{", encoding="utf-8")
    done = CliRunner().invoke(app, ["reproduce"])
    assert done.exit_code == 2
    assert "published.json" in done.output
    content = {"sunspots": {"period_years": 10.9}}
    (golden / "published.json").write_text(json.dumps(content), encoding="utf-8")
    rows = list(reproduce(["sunspots"]))
    assert [row.agreement for row in rows] == ["absent"]
    assert "sunspots" in rows[0].why
    assert disagreements(rows) == []
    done = CliRunner().invoke(app, ["reproduce", "--only", "sunspots"])
    assert done.exit_code == 0
    assert "0 figures are ours to the printed digits" in done.output
    with pytest.raises(InputError, match="moon"):
        next(reproduce(["moon"]))
