"""The table of accuracies says what tasks found, what was demanded, and whether that is reached."""

import importlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from filterbank.errors import MissingDataError
from filterbank.evaluate import wilson

ROOT = Path(__file__).parent.parent


@pytest.fixture
def accuracy(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.accuracy")


RIGHT = np.array([True] * 9 + [False])


def test_a_demand_is_on_what_comes_first(accuracy):
    task = SimpleNamespace(DEMAND=0.95, PEERS={"someone": 0.8})
    first, second = accuracy.lines_of("t", task, {"a": RIGHT, "b": [RIGHT[:4], RIGHT[4:]]})
    assert (first.score, first.low, first.high) == (0.9, *wilson(9, 10))
    assert (first.ok, second.ok, second.n_tested, second.score) == (False, None, 10, 0.9)
    assert first.cells()[-2:] == ["MISSED", "someone 0.8"]
    assert second.cells()[-2:] == ["", ""]


def test_demands_and_peers_may_go_by_name(accuracy):
    task = SimpleNamespace(DEMANDS={"a": 0.9}, PEERS={"a": {"x": 0.5}, "b": {"y": 0.6}})
    first, second = accuracy.lines_of("t", task, {"a": RIGHT, "b": RIGHT})
    assert (first.ok, first.peers, second.ok, second.peers) == (True, {"x": 0.5}, None, {"y": 0.6})


def test_outcomes_with_demands_of_their_own_and_plain_arrays(accuracy):
    found = [SimpleNamespace(what="net", right=RIGHT, demand=0.99)]
    (line,) = accuracy.lines_of("t", SimpleNamespace(PEERS={}), found)
    assert (line.what, line.ok) == ("net", False)
    (line,) = accuracy.lines_of("t", SimpleNamespace(DEMAND=0.9, PEERS={}), RIGHT)
    assert (line.n_tested, line.ok) == (10, True)


def test_the_mean_over_sets_counts_where_a_task_says_so(accuracy):
    ucr = importlib.import_module("benchmarks.task_ucr")
    found = {"small": np.array([True, False]), "large": np.ones(98, dtype=bool)}
    (line,) = accuracy.lines_of("ucr", ucr, found)
    assert (line.score, line.n_tested, line.ok) == (0.75, 100, False)
    assert line.low == pytest.approx(0.75 - 1.96 * np.sqrt(0.25 / 2) / 2)


def test_every_task_is_found_and_says_what_it_reaches_for(accuracy):
    assert {"health", "ucr"} <= set(accuracy.tasks())


def test_what_is_not_on_this_machine_is_said(accuracy, monkeypatch, capsys):
    def missing():
        raise MissingDataError("health is not on this machine: FILTERBANK_DATA is not set.")

    monkeypatch.setattr(importlib.import_module("benchmarks.task_health"), "run", missing)
    monkeypatch.setattr(importlib.import_module("benchmarks.task_ucr"), "run", lambda: {"one": RIGHT})
    accuracy.main(["--only", "health", "--only", "ucr"])
    printed = " ".join(capsys.readouterr().out.split())
    assert "health is left out: health is not on this machine" in printed
    assert "0.9000" in printed
    assert "No demand missed." in printed
