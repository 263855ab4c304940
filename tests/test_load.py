"""`filterbank.load`: a path that exists, else a built-in name, else one sentence."""

import numpy as np
import pytest

import filterbank
from filterbank import datasets, io
from filterbank.errors import InputError, MissingDataError, ReadError


def test_a_path_comes_before_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(filterbank.load("digits")) == 1797
    (tmp_path / "digits").mkdir()
    np.save(tmp_path / "digits" / "one.npy", np.zeros(5))
    assert len(filterbank.load("digits")) == 1
    assert filterbank.load(tmp_path / "digits", rate=5).signals.rate == 5


def test_two_parts_of_an_archive_are_a_path(tmp_path):
    for part in ("TRAIN", "TEST"):
        (tmp_path / f"Steps_{part}.tsv").write_text("1\t0.5\t0.7\n2\t0.1\t0.2\n")
    assert io.is_there(tmp_path / "Steps")
    assert filterbank.load(tmp_path / "Steps").table["split"].tolist() == ["train", "train", "test", "test"]


def test_columns_and_options_of_names():
    dataset = filterbank.load("epidemics", target="source", n_cities=2)
    assert (dataset.target, dataset.group) == ("source", datasets.epidemics().group)
    with pytest.raises(InputError, match=r"epidemics has no option rate=8000; it has: n_cities"):
        filterbank.load("epidemics", rate=8000)
    with pytest.raises(InputError, match="target='nosuch' is not a column of the table"):
        filterbank.load("epidemics", target="nosuch")


def test_neither_a_path_nor_a_name(tmp_path, monkeypatch):
    monkeypatch.delenv("FILTERBANK_DATA", raising=False)
    with pytest.raises(ReadError, match=r"tone: there is no such file .* Did you mean 'tones'\?") as caught:
        filterbank.load("tone")
    assert all(name in str(caught.value) for name in datasets.names())
    with pytest.raises(ReadError, match="nosuch"):
        filterbank.load(tmp_path / "nosuch")
    with pytest.raises(InputError, match="'ucr' is an archive of many sets"):
        filterbank.load("ucr")
    with pytest.raises(MissingDataError, match=r"^ucr(:GunPoint)? is not on this machine"):
        filterbank.load("ucr:GunPoint")
    np.save(tmp_path / "a.npy", np.zeros((2, 5)))
    with pytest.raises(InputError, match=r"load has no option n_cities=2 for a path; it has: target"):
        filterbank.load(tmp_path / "a.npy", n_cities=2)
