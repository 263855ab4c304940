"""Every benchmark runs at toy size, its contenders agree, and the harness measures, tells and writes what it says."""

import importlib
import json
import time
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
JOBS = sorted(path.stem for path in (ROOT / "benchmarks").glob("job_*.py"))


@pytest.fixture(autouse=True)
def _root(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


@pytest.fixture
def harness():
    return importlib.import_module("benchmarks.harness")


@pytest.mark.parametrize("name", JOBS)
def test_a_job_runs_and_its_contenders_agree(name, harness):
    rows = importlib.import_module(f"benchmarks.{name}").run(True)  # raises where outputs disagree
    assert rows
    for row in rows:
        assert isinstance(row, harness.Row)
        assert row.kind in ("library", "handwritten", "limit")
        if row.kind == "limit":  # memory: it holds at any size, so here too
            assert row.ok
            assert row.ratio >= 1
            assert row.note.endswith("MiB")
        elif row.peer_s is None:
            assert row.note.startswith("absent: ")
            assert row.ratio is row.ok is None
        else:
            assert row.ratio == pytest.approx(row.peer_s / row.ours_s)
            assert row.ok is (None if row.demand is None else row.ratio >= row.demand)
    assert json.loads(json.dumps([vars(row) for row in rows]))


def test_a_race_takes_turns_and_gives_scaled_medians(harness):
    order = []

    def contender(name, seconds, scale=1.0):
        def run():
            order.append(name)
            time.sleep(seconds)

        return harness.Contender(name, run, "ours" if name == "a" else "library", scale)

    contenders = [contender("a", 0.001), contender("b", 0.02), contender("c", 0.001, 1000.0)]
    medians = harness.race(contenders, threads=2, repeats=3)  # by the clock
    rounds = [order[i : i + 3] for i in range(0, len(order), 3)]
    assert rounds[0] == [*"abc"]  # it warms up
    assert len(rounds) == 4
    assert all(sorted(one) == [*"abc"] for one in rounds)
    assert len(set(map(tuple, rounds[1:]))) > 1  # not always one after the other
    assert medians["a"] < medians["b"] < medians["c"]
    rows = harness.rows_of("job", contenders, medians, threads=1, demands={"b": 1.0, "c": 1e9}, flops=1e6)
    assert [(row.peer, row.ok) for row in rows] == [("b", True), ("c", False)]
    assert rows[0].fraction == pytest.approx(1e6 / medians["a"] / harness.single_core_peak())


def test_one_thread_is_timed_by_the_processor(harness):
    contenders = [
        harness.Contender("idle", lambda: time.sleep(0.05)),
        harness.Contender("busy", lambda: sum(range(10**6))),
    ]
    medians = harness.race(contenders, threads=1, repeats=3)
    assert medians["idle"] < 0.01
    assert medians["idle"] < medians["busy"]


def test_threads_are_held_and_given_back(harness):
    import numba
    import scipy.fft
    import torch
    from threadpoolctl import threadpool_info

    before = numba.get_num_threads(), torch.get_num_threads(), scipy.fft.get_workers()
    with harness.with_threads(1):
        assert (numba.get_num_threads(), torch.get_num_threads(), scipy.fft.get_workers()) == (1, 1, 1)
        assert {pool["num_threads"] for pool in threadpool_info()} == {1}
    assert (numba.get_num_threads(), torch.get_num_threads(), scipy.fft.get_workers()) == before


def test_disagreement_is_an_error(harness):
    assert harness.assert_agree([1.0, 2], [1, 2.0002], tolerance=1e-3, what="x") == pytest.approx(1e-4, rel=1e-3)
    with pytest.raises(AssertionError, match=r"x: differs by 1\.0e-04"):
        harness.assert_agree([1.0, 2], [1, 2.0002], tolerance=1e-5, what="x")
    with pytest.raises(AssertionError, match="differs by nan"):
        harness.assert_agree([np.nan], [1.0], tolerance=1e-5, what="x")
    with pytest.raises(AssertionError, match="shapes"):
        harness.assert_agree([1.0], [1.0, 1], tolerance=1e-5, what="x")


def test_the_command_writes_json_and_a_page(harness, tmp_path, monkeypatch, capsys):
    command = importlib.import_module("benchmarks.__main__")
    made = [
        harness.Row("job", "there", "library", 1, 1.0, 3.0, 3.0, 4.0, False, "ours", 0.5),
        harness.absent("job", "gone", "library", threads=1, demand=2.0, why="not installed"),
    ]
    monkeypatch.setattr(command, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(importlib.import_module("benchmarks.job_ragged"), "run", lambda quick: made)
    page, out = tmp_path / "page.md", tmp_path / "all.json"
    command.main(["--quick", "--only", "ragged", "--markdown", str(page), "--json", str(out)])
    assert [row["peer"] for row in json.loads(out.read_text())[0]["rows"]] == ["there", "gone"]
    assert json.loads((tmp_path / "results/quick/ragged.json").read_text())["machine"]["peak_gflops_1_core"] > 1
    assert "| job | ours | there | library | 1 | 1 | 3 | 3 | 4 | MISSED | 50.0% |  |" in page.read_text()
    assert "absent: not installed" in page.read_text()
    printed = capsys.readouterr().out
    assert "1 demands missed" in printed
    assert "absent: not installed" in printed
