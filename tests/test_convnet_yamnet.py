"""YAMNet's weights in the file that AudioSet's authors publish: names with strokes, normalisations without a scale."""

import os

import numpy as np
import pytest

pytest.importorskip("torch", reason="networks need torch")
pytest.importorskip("h5py", reason="the file is an HDF5 file")

import h5py

from filterbank import ReadError, Signals
from filterbank.convnet import PretrainedBank, read_weights
from filterbank.convnet.architectures import ARCHITECTURES

DATA = os.environ.get("FILTERBANK_DATA")


def published(path, *, leave_out=(), dense="dense_1"):
    """Write random weights as Keras does, and return for each step the filters, normalised, and what's added."""
    rng = np.random.default_rng(0)
    expected = {}
    steps = [step for step in ARCHITECTURES["yamnet"].steps if step.kind != "mean"]
    names = ["layer1/conv"]
    for i in range(2, 15):
        names += [f"layer{i}/depthwise_conv", f"layer{i}/pointwise_conv"]
    inputs = 1
    with h5py.File(path, "w") as file:

        def put(layer, kind, array):
            if f"{layer}.{kind}" not in leave_out:
                file[f"{layer}/{layer}/{kind}:0"] = array.astype(np.float32)

        for name, step in zip([*names, dense], steps, strict=True):
            channels = 1 if step.kind == "depthwise" else inputs
            weight = rng.normal(size=(step.n, channels, step.size, step.size)) / np.sqrt(channels * step.size**2)
            if step.kind == "top":
                bias = rng.normal(size=step.n)
                put(name, "kernel", weight[:, :, 0, 0].T)
                put(name, "bias", bias)
                expected[step.name] = weight, bias
                continue
            beta, mean, variance = rng.normal(size=step.n), rng.normal(size=step.n), rng.uniform(0.5, 2, step.n)
            if step.kind == "depthwise":
                put(name, "depthwise_kernel", weight.transpose(2, 3, 0, 1))
            else:
                put(name, "kernel", weight.transpose(2, 3, 1, 0))
            for kind, array in (("beta", beta), ("moving_mean", mean), ("moving_variance", variance)):
                put(f"{name}/bn", kind, array)
            deviation = np.sqrt(variance + 1e-4)
            expected[step.name] = weight / deviation[:, None, None, None], beta - mean / deviation
            inputs = step.n
    return expected


def responses(path):
    noise = np.random.default_rng(1).normal(size=(1, 20_000)).astype(np.float32)
    bank = PretrainedBank("yamnet", weights=path)
    return bank.prepare(Signals.wrap(noise, n_axes=1, rate=16_000).info, np.random.default_rng(0))(noise)


def test_the_published_file_is_read(tmp_path):
    expected = published(tmp_path / "yamnet.h5")
    weights, layout = read_weights("yamnet", tmp_path / "yamnet.h5")
    assert layout == "keras"
    assert set(weights) == {*expected, "l00"}
    for name, (weight, bias) in expected.items():
        np.testing.assert_allclose(weights[name][0], weight, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(weights[name][1], bias, rtol=1e-4, atol=1e-4)
    assert np.isfinite(responses(tmp_path / "yamnet.h5")).all()


@pytest.mark.skipif(not DATA, reason="needs the weights in FILTERBANK_DATA")
def test_the_mel_filters_of_the_published_network_are_those_that_its_description_gives(tmp_path):
    published(tmp_path / "yamnet.h5")
    computed, offset = read_weights("yamnet", tmp_path / "yamnet.h5")[0]["l00"]
    kept, kept_offset = read_weights("yamnet")[0]["l00"]
    np.testing.assert_allclose(computed, kept, atol=0.004)  # they're kept in eight bits
    np.testing.assert_allclose(offset, kept_offset, rtol=1e-5)


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("layer1/conv.kernel", "l01.kernel is missing"),
        ("layer1/conv/bn.beta", r"layer1/conv/bn\.beta is missing"),
    ],
)
def test_a_file_without_the_first_step_is_refused(tmp_path, missing, said):
    published(tmp_path / "yamnet.h5", leave_out=[missing])
    with pytest.raises(ReadError, match=said):
        read_weights("yamnet", tmp_path / "yamnet.h5")


def test_a_file_that_breaks_off_has_its_first_steps(tmp_path):
    published(tmp_path / "yamnet.h5", leave_out=["layer9/pointwise_conv.kernel"])
    weights, _ = read_weights("yamnet", tmp_path / "yamnet.h5")
    assert "l16" in weights
    assert "l17" not in weights
    with pytest.raises(ReadError, match="l17"):
        responses(tmp_path / "yamnet.h5")
