"""Output is whole or not there."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from filterbank.errors import InputError, WriteError
from filterbank.output import atomic, check_writable, write_table


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_tables_are_written(tmp_path, suffix):
    frame = pd.DataFrame({"a": [0.1, 2.5], "b": ["x", "y"]})
    path = tmp_path / f"f.{suffix}"
    path.write_text("old")
    write_table(frame, path)
    back = pd.read_csv(path) if suffix == "csv" else pd.read_parquet(path)
    pd.testing.assert_frame_equal(back, frame)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    with pytest.raises(InputError, match=r"path='.* is not a file name that ends in"):
        write_table(frame, tmp_path / "f.xlsx")


def half_write(path, error):
    with atomic(path) as temporary:
        temporary.write_text("half")
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError("bad"), InputError("bad")])
def test_what_is_interrupted_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "report.html"
    path.write_text("old")
    with pytest.raises(error if isinstance(error, type) else type(error)):
        half_write(path, error)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("report.html", "old")]


def test_a_full_disk_and_a_missing_folder(tmp_path):
    with pytest.raises(WriteError, match=r"f.csv: can't be written, there is no folder .*nosuch"):
        write_table(pd.DataFrame({"a": [1]}), tmp_path / "nosuch" / "f.csv")
    with pytest.raises(WriteError, match="is a folder"), atomic(tmp_path):
        pass
    message = r"f.csv: can't be written \(no space left on device\)"
    with pytest.raises(WriteError, match=message):
        half_write(tmp_path / "f.csv", OSError(28, "No space left on device"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_may_not_be_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)  # root may change everything
    with pytest.raises(WriteError, match=rf"f.csv: can't be written, the folder {tmp_path} may not be changed"):
        check_writable(tmp_path / "f.csv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_file_that_may_not_grow(tmp_path, suffix):
    import resource

    frame = pd.DataFrame({"a": np.random.default_rng(0).normal(size=4000)})
    frame.to_pickle(tmp_path / "frame.pkl")
    code = (
        "import sys, pandas\nfrom filterbank.output import write_table\nfrom filterbank.errors import WriteError\n"
        "try:\n    write_table(pandas.read_pickle(sys.argv[1]), sys.argv[2])\n"
        "except WriteError as error:\n    sys.exit(str(error))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "frame.pkl", tmp_path / f"f.{suffix}"],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000)),
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"{tmp_path / f'f.{suffix}'}: can't be written (")
    assert "too large" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["frame.pkl"]
