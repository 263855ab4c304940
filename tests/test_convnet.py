"""The network as a classifier: its layers' text, training, masks, precision, saving, transfer."""

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("torch", reason="networks need torch")

import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch import nn
from torch.nn import functional as F

from filterbank import (
    ConvNetClassifier,
    InputError,
    Moments,
    NetworkBank,
    Proportion,
    ReadError,
    Representation,
    Signals,
)
from filterbank.convnet import PRESETS, parse
from filterbank.convnet.layers import follow, trunk_geometry
from filterbank.convnet.training import Batches, augmentation, augmented

RNG = np.random.default_rng(0)


def waves(n=80, length=64, seed=0):
    """Noise, and noise with a wave of one of two frequencies at an unknown place."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    t = np.arange(length)
    phase = rng.uniform(0, 2 * np.pi, n)
    X = np.sin(2 * np.pi * np.where(y, 0.08, 0.2)[:, None] * t + phase[:, None]) + 0.5 * rng.normal(size=(n, length))
    return X.astype(np.float32), np.where(y, "low", "high")


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return (X.reshape(-1, 8, 8) / 16).astype(np.float32), y


@pytest.fixture(scope="module")
def fitted():
    X, y = waves()
    return ConvNetClassifier(
        "conv 7x6 same, norm, relu, max-pool 2, residual 3x6, global-max", epochs=8, random_state=0
    ).fit(X, y)


@parametrize_with_checks(
    [
        ConvNetClassifier(
            "conv 1x16, relu, dense 16, relu",
            epochs=12,
            batch_size=16,
            learning_rate=0.04,
            augment=None,
            random_state=0,
        )
    ]
)
def test_scikit_learn_accepts_it(estimator, check):
    check(estimator)


def test_the_tutorial_s_network_is_the_one_that_torch_would_make():
    layers = parse(PRESETS["tutorial"].layers.replace("K", "3x3"), 2)
    assert [layer.kind for layer in layers] == ["conv", "relu", "conv", "relu", "max-pool", "dense", "relu"]
    X = RNG.normal(size=(5, 28, 28)).astype(np.float32)
    network = ConvNetClassifier("tutorial", n_axes=2, epochs=1, random_state=0).fit(X, np.arange(5) % 3)
    inner = network.network_
    peer = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(32 * 144, 128), nn.ReLU(), nn.Linear(128, 3),
    )  # fmt: skip
    with torch.no_grad():
        peer[0].weight.copy_(inner.blocks["conv1"].weight)
        peer[0].bias.copy_(inner.blocks["conv1"].bias)
        peer[2].weight.copy_(inner.blocks["conv2"].weight)
        peer[2].bias.copy_(inner.blocks["conv2"].bias)
        dense = inner.blocks["dense1"].weight.view(128, 12, 12, 32).permute(0, 3, 1, 2).reshape(128, -1)
        peer[6].weight.copy_(dense)
        peer[6].bias.copy_(inner.blocks["dense1"].bias)
        peer[8].weight.copy_(inner.classes.weight)
        peer[8].bias.copy_(inner.classes.bias)
        expected = torch.softmax(peer(torch.from_numpy(X)[:, None]), 1).numpy()
    assert network.n_weights_ == sum(p.numel() for p in peer.parameters())
    np.testing.assert_allclose(network.predict_proba(X), expected, atol=1e-5)


def test_a_step_in_chunks_is_the_step_of_the_whole_batch(digits, monkeypatch):
    X, y = digits[0][:64], digits[1][:64]
    kwargs = {"n_axes": 2, "epochs": 2, "batch_size": 64, "precision": "float32", "augment": None, "random_state": 1}
    text = "conv 3x3x8, relu, dense 16, relu"
    whole = ConvNetClassifier(text, **kwargs).fit(X, y)
    monkeypatch.setattr("filterbank.convnet.training.CHUNK", 1)  # eight signals at a time
    chunked = ConvNetClassifier(text, **kwargs).fit(X, y)
    np.testing.assert_allclose(chunked.predict_proba(X), whole.predict_proba(X), atol=1e-4)
    for one, other in zip(chunked.network_.parameters(), whole.network_.parameters()):  # Adam forgives a wrong scale
        np.testing.assert_allclose(one.grad, other.grad, atol=1e-3 * float(other.grad.abs().max()) + 1e-7)
    assert chunked.history_["loss"].to_numpy() == pytest.approx(whole.history_["loss"].to_numpy(), rel=1e-4)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_it_learns_digits(digits, precision):
    X, y = digits
    network = ConvNetClassifier(
        "conv 3x3x16 same, norm, relu, conv 3x3x32 same, norm, relu, global-max",
        learning_rate=0.02,
        n_axes=2, epochs=8, batch_size=64, random_state=0, precision=precision,
    ).fit(X[::2], y[::2])  # fmt: skip
    assert network.score(X[1::2], y[1::2]) > 0.9
    assert len(network.history_) == 8
    assert network.history_["loss"].iloc[-1] < network.history_["loss"].iloc[0] / 1.5


def test_the_same_seed_gives_the_same_network_and_another_one_another(digits):
    X, y = digits[0][:200], digits[1][:200]
    make = lambda seed: ConvNetClassifier(  # noqa: E731
        "conv 3x3x4, norm, relu, dropout 0.2, global-max", n_axes=2, epochs=2, augment="auto", random_state=seed
    ).fit(X, y)
    first, again, other = make(3), make(3), make(4)
    np.testing.assert_array_equal(first.predict_proba(X), again.predict_proba(X))
    assert not np.allclose(first.predict_proba(X), other.predict_proba(X))
    before = torch.initial_seed(), torch.get_num_threads()
    make(5)
    assert (torch.initial_seed(), torch.get_num_threads()) == before


@pytest.mark.parametrize("pool", ["global-max", "global-mean"])
def test_a_signal_s_prediction_does_not_depend_on_the_longer_ones_beside_it(pool):
    X, y = waves(40)
    text = f"conv 7x6 same, norm, relu, max-pool 2, residual 3x6, {pool}"
    network = ConvNetClassifier(text, epochs=4, batch_size=8, learning_rate=0.02, random_state=0).fit(X, y)
    ragged = [RNG.normal(size=n).astype(np.float32) for n in (64, 20, 33, 90, 21)]
    together = network.predict_proba(ragged)
    alone = np.concatenate([network.predict_proba([signal]) for signal in ragged])
    np.testing.assert_allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("pool", ["global-max", "global-mean"])
def test_training_on_ragged_signals_normalises_over_what_is_inside(pool):
    X, y = waves(60)
    cut = [signal[: 40 + 4 * (i % 7)] for i, signal in enumerate(X)]
    network = ConvNetClassifier(f"conv 9x8 same, norm, relu, {pool}", epochs=12, random_state=0).fit(cut, y)
    assert network.score(cut, y) > 0.9
    norm = network.network_.blocks["norm1"]
    padded = np.zeros((60, 4000), dtype=np.float32)  # masks must hide such zeros
    padded[:, :64] = X
    inside = network.network_.trunk(
        torch.from_numpy(padded)[:, None], torch.full((60, 1), 64), until=1
    )[0][:, :, :64]  # fmt: skip
    norm.train()
    out = norm(inside)
    mask = torch.zeros(60, 1, 4000)
    mask[:, :, :64] = 1
    filled = torch.zeros(60, 8, 4000)
    filled[:, :, :64] = inside
    np.testing.assert_allclose(norm(filled, mask)[:, :, :64].detach(), out.detach(), atol=1e-4)


def test_masked_statistics_reach_the_running_means():
    from filterbank.convnet.network import MaskedNorm

    x = torch.from_numpy(RNG.normal(3, 2, size=(6, 4, 30)).astype(np.float32))
    mask = (torch.arange(30)[None] < torch.tensor([30, 10, 20, 30, 5, 1])[:, None]).float()[:, None]
    values = torch.cat([x[i, :, : int(mask[i].sum())] for i in range(6)], dim=1)
    norm = MaskedNorm(4).train()
    norm(x, mask)
    np.testing.assert_allclose(norm.mean, 0.1 * values.mean(1), rtol=1e-4)
    np.testing.assert_allclose(norm.variance, 0.9 + 0.1 * values.var(1), rtol=1e-4)


@pytest.mark.parametrize(("n_axes", "shape"), [(1, (40,)), (2, (12, 14)), (3, (8, 9, 7))])
def test_it_takes_one_two_and_three_axes_and_channels(n_axes, shape):
    X = RNG.normal(size=(12, 2, *shape)).astype(np.float32)
    X[::2] += 2
    y = np.arange(12) % 2
    size = "x".join(["3"] * n_axes)
    network = ConvNetClassifier(
        f"conv {size}x4 same stride 2, norm, relu, residual {size}x4, mean-pool 2, global-mean",
        learning_rate=0.02,
        n_axes=n_axes, epochs=30, random_state=0, augment="auto",
    ).fit(X, y)  # fmt: skip
    assert network.score(X, y) == 1.0
    with pytest.raises(InputError, match="1 channels"):
        network.predict(X[:, :1])


def test_it_holds_whole_groups_out_and_stops_early():
    X, y = waves(120)
    groups = np.arange(120) // 12
    seen = []
    network = ConvNetClassifier(
        "conv 7x4, relu, global-max", epochs=60, validation=0.3, patience=2, learning_rate=0.05, random_state=0
    )
    original = network._split
    network._split = lambda coded, groups: seen.append(original(coded, groups)) or seen[-1]
    network.fit(X, y, groups=groups)
    train, held_out = seen[0]
    assert not set(groups[train]) & set(groups[held_out])
    assert len(held_out) == 36
    history = network.history_
    assert len(history) < 60
    assert history["validation_loss"].iloc[-3] == history["validation_loss"].min()  # two without a better one
    logits = network.decision_function(Signals.wrap(X[held_out]))
    likelihood = np.log1p(np.exp(-np.where(y[held_out] == "low", 1, -1) * logits.astype(float)))
    assert likelihood.mean() == pytest.approx(history["validation_loss"].min(), rel=1e-4)


def test_partial_fit_goes_on_where_it_was(digits):
    X, y = digits[0][:400], digits[1][:400]
    network = ConvNetClassifier("conv 3x3x8, relu, global-max", n_axes=2, batch_size=32, random_state=0)
    with pytest.raises(InputError, match="classes"):
        network.partial_fit(X, y)
    for _ in range(3):
        network.partial_fit(X, y, classes=np.arange(10))
    assert network.history_["epoch"].tolist() == [1, 2, 3]
    assert network.history_["loss"].is_monotonic_decreasing
    with pytest.raises(InputError, match="11"):
        network.partial_fit(X[:2], [11, 3])


def test_saving_keeps_every_bit_and_runs_nothing(tmp_path, fitted):
    X, _ = waves(10, seed=5)
    path = tmp_path / "net.safetensors"
    fitted.save(path)
    again = ConvNetClassifier.load(path)
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    assert again.get_params() == fitted.get_params()
    assert again.classes_.tolist() == ["high", "low"]
    assert path.read_bytes().find(b"pickle") < 0
    copied = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copied.predict_proba(X), fitted.predict_proba(X))
    assert not any(isinstance(value, (torch.Tensor, nn.Module)) for value in fitted.__getstate__().values())


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "others", "shape", "missing"])
def test_a_damaged_file_is_named_in_one_sentence(tmp_path, fitted, damage):
    from safetensors.numpy import load_file, save_file

    path = tmp_path / "net.safetensors"
    if damage != "missing":
        fitted.save(path)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "text":
        path.write_text("not a network at all, but a text")
    elif damage == "others":
        save_file({"w": np.ones(3, dtype=np.float32)}, path)
    elif damage == "shape":
        header = json.loads(path.read_bytes()[8 : 8 + int.from_bytes(path.read_bytes()[:8], "little")])
        weights = load_file(path)
        weights["classes.weight"] = np.ones((5, 5), dtype=np.float32)
        save_file(weights, path, metadata=header["__metadata__"])
    with pytest.raises(ReadError, match=r"net\.safetensors") as caught:
        ConvNetClassifier.load(path)
    assert "\n" not in str(caught.value)


def test_a_model_file_of_a_pipeline_with_a_network_loads_safely(tmp_path):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    from filterbank import Model

    X, y = waves(40)
    pipeline = make_pipeline(FunctionTransformer(), ConvNetClassifier("conv 7x4, relu, global-max", epochs=2)).fit(X, y)
    path = tmp_path / "model.skops"
    Model(pipeline, kind="series", target="pitch").save(path)
    loaded = Model.load(path)
    np.testing.assert_allclose(loaded.pipeline.predict_proba(X), pipeline.predict_proba(X))


def test_transfer_trains_the_dense_layers_alone(digits):
    X, y = digits
    low = y < 5
    source = ConvNetClassifier(
        "conv 3x3x16, relu, conv 3x3x16, relu, max-pool 2, dense 32, relu",
        n_axes=2, epochs=10, batch_size=64, random_state=0,
    ).fit(X[low], y[low])  # fmt: skip
    before = {name: value.clone() for name, value in source.network_.state_dict().items()}
    made = source.transfer(X[~low][::2], y[~low][::2], epochs=15)
    after = made.network_.state_dict()
    for name, value in before.items():
        torch.testing.assert_close(source.network_.state_dict()[name], value, rtol=0, atol=0)
        if name.startswith(("blocks.conv", "centre", "spread")):
            torch.testing.assert_close(after[name], value, rtol=0, atol=0)
    assert made.classes_.tolist() == [5, 6, 7, 8, 9]
    assert source.classes_.tolist() == [0, 1, 2, 3, 4]
    assert made.score(X[~low][1::2], y[~low][1::2]) > 0.9
    with pytest.raises(InputError, match="epochs=0"):
        source.transfer(X[~low], y[~low], epochs=0)


def test_transfer_computes_the_trunk_once_where_its_responses_can_be_kept(digits, monkeypatch):
    from filterbank.convnet import transferring

    X, y = digits[0][:300], digits[1][:300]
    source = ConvNetClassifier(
        "conv 3x3x4, relu, max-pool 2, dense 8, relu", n_axes=2, epochs=1, precision="float32", random_state=0
    ).fit(X, y)
    shown = []
    answers = transferring.Seen._answers
    monkeypatch.setattr(transferring.Seen, "_answers", lambda self, index: shown.extend(index) or answers(self, index))
    kept = source.transfer(X, y, epochs=3)
    assert sorted(shown) == list(range(300))
    shown.clear()
    monkeypatch.setattr(transferring, "KEPT", 300 * 36 * 4 - 1)  # a byte too few
    again = source.transfer(X, y, epochs=3)
    assert sorted(shown) == sorted([*range(300)] * 3)
    np.testing.assert_array_equal(kept.predict_proba(X), again.predict_proba(X))
    assert kept.history_["epoch"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("pool", ["global-max", "global-mean"])
def test_transfer_to_signals_of_several_sizes(pool):
    X, y = waves(80)
    ragged = [signal[: 40 + 3 * (i % 8)] for i, signal in enumerate(X)]
    source = ConvNetClassifier(
        f"conv 9x12 same, norm, relu, dropout 0.1, {pool}, norm, dense 8, relu", epochs=30, random_state=0
    ).fit(ragged[:40], y[:40])
    made = source.transfer(ragged[40:], np.where(y[40:] == "low", "deep", "shrill"), epochs=30)
    assert made.score(ragged[40:], np.where(y[40:] == "low", "deep", "shrill")) > 0.9
    before, after = source.network_.state_dict(), made.network_.state_dict()
    for name in ("blocks.norm1.mean", "blocks.norm1.variance", "blocks.norm1.weight"):  # frozen, statistics too
        torch.testing.assert_close(after[name], before[name], rtol=0, atol=0)
    assert not torch.equal(after["blocks.norm2.mean"], torch.zeros(12))


def test_what_is_dropped_is_dropped_in_transfer_too(digits):
    X, y = digits[0][:200], digits[1][:200]
    text = "conv 3x3x4, relu, max-pool 2, {}dense 8, relu"
    made = []
    for drop in ("", "dropout 0.9, "):
        source = ConvNetClassifier(
            text.format(drop), n_axes=2, epochs=1, augment=None, learning_rate=0.02, random_state=0
        )
        made.append(source.fit(X, y).transfer(X, y, epochs=20))
    assert made[1].history_["loss"].iloc[-1] > made[0].history_["loss"].iloc[-1] + 0.2


@pytest.mark.parametrize("ragged", [False, True])
def test_predictions_are_means_over_moved_copies(ragged):
    X, y = waves(40, length=30)
    signals = [signal[: 30 - 3 * (i % 4 if ragged else 0)] for i, signal in enumerate(X)]
    network = ConvNetClassifier(
        "conv 5x6 same, norm, relu, max-pool 2, conv 3x6, relu, global-max", epochs=4, random_state=0
    ).fit(signals, y)
    copies = [
        [np.pad(one, (2, 2), mode="edge")[2 + step :][: len(one)] for one in signals] for step in (0, -2, -1, 1, 2)
    ]
    expected = np.mean([network.decision_function(copy) for copy in copies], axis=0)
    alone = network.decision_function(signals)
    np.testing.assert_allclose(network.set_params(shifts=2).decision_function(signals), expected, atol=1e-5)
    assert np.abs(expected - alone).max() > 1e-3


def test_copies_of_pictures_move_along_each_axis(digits):
    X, y = digits[0][:60], digits[1][:60]
    network = ConvNetClassifier("conv 3x3x6, relu, max-pool 2, dense 8, relu", n_axes=2, epochs=2, random_state=0)
    network.fit(X, y)
    padded = np.pad(X, ((0, 0), (1, 1), (1, 1)), mode="edge")
    corners = [(1, 1), (0, 1), (2, 1), (1, 0), (1, 2)]
    expected = np.mean([network.decision_function(padded[:, i : i + 8, j : j + 8]) for i, j in corners], axis=0)
    np.testing.assert_allclose(network.set_params(shifts=1).decision_function(X), expected, atol=1e-5)


@pytest.mark.parametrize(("n_axes", "shape"), [(1, (4,)), (1, (23,)), (2, (5, 40)), (3, (4, 4, 6))])
def test_the_default_network_pads_where_little_would_be_left(n_axes, shape):
    X = RNG.normal(size=(12, *shape)).astype(np.float32)
    X[::2] += 3
    y = np.arange(12) % 2
    network = ConvNetClassifier(n_axes=n_axes, epochs=10, augment=None, random_state=0).fit(X, y)
    assert network.score(X, y) == 1.0
    assert all(layer.same for layer in network.layers_ if layer.kind == "conv")
    with pytest.raises(InputError, match="shifts=-1"):
        network.set_params(shifts=-1).predict(X)
    loaded = ConvNetClassifier(n_axes=1, epochs=1, random_state=0).fit(RNG.normal(size=(12, 24)), y)
    assert not any(layer.same for layer in loaded.layers_ if layer.kind == "conv")


def test_the_gradient_of_a_global_maximum_reaches_the_largest_alone():
    from filterbank.convnet.network import global_pool

    for shape in ((3, 4, 9), (3, 4, 5, 6), (2, 3, 4, 5, 3)):
        x = torch.randn(shape, requires_grad=True)
        found = global_pool("global-max", x, None)
        torch.testing.assert_close(found, x.detach().flatten(2).amax(2))
        found.sum().backward()
        assert torch.equal(x.grad.flatten(2).argmax(2), x.detach().flatten(2).argmax(2))
        assert float(x.grad.sum()) == shape[0] * shape[1]


def test_augmentation_moves_signals_as_it_says():
    generator = torch.Generator().manual_seed(0)
    x = torch.zeros(300, 1, 41)
    x[:, 0, 20] = 1
    moved = augmented(x, None, {"shift": 0.2}, torch.ones(1), generator)
    at = (moved[:, 0] * torch.arange(41)).sum(1) / moved[:, 0].sum(1)
    assert float((at - 20).abs().max()) <= 0.2 * 41 + 1e-3
    assert float((at - 20).abs().max()) > 0.15 * 41
    np.testing.assert_allclose(moved.sum((1, 2)), 1, atol=1e-4)  # linear between samples
    picture = torch.zeros(200, 1, 21, 21)
    picture[:, 0, 10, 16] = 1
    turned = augmented(picture, None, {"rotation": 30.0}, torch.ones(1), generator)
    rows = torch.arange(21.0)[:, None] - 10
    columns = torch.arange(21.0)[None] - 10
    total = turned[:, 0].sum((1, 2))
    angle = torch.atan2((turned[:, 0] * rows).sum((1, 2)) / total, (turned[:, 0] * columns).sum((1, 2)) / total)
    assert 25 < float(angle.abs().max()) * 180 / np.pi <= 31
    loud = augmented(x, None, {"gain": 0.5}, torch.ones(1), generator)
    assert loud.amax().item() <= np.exp(0.5) + 1e-6
    noisy = augmented(torch.zeros(200, 2, 50), None, {"noise": 0.3}, torch.tensor([1.0, 10.0]), generator)
    assert noisy[:, 1].std() / noisy[:, 0].std() == pytest.approx(10, rel=0.1)
    mixed = augmented(x, None, {"gain": 0.5, "untouched": 0.25}, torch.ones(1), generator)
    assert (mixed == x).flatten(1).all(1).float().mean().item() == pytest.approx(0.25, abs=0.08)
    same = augmented(x, None, {"shift": 0.0}, torch.ones(1), generator)
    np.testing.assert_allclose(same, x, atol=1e-5)


def test_the_middle_of_a_short_signal_is_its_own():
    x = torch.zeros(50, 1, 60)
    x[:, 0, 10] = 1
    sizes = torch.full((50, 1), 21)  # the impulse is in the middle, which stretching leaves where it is
    stretched = augmented(x, sizes, {"scale": 0.3}, torch.ones(1), torch.Generator().manual_seed(1))
    assert (stretched[:, 0].argmax(1) == 10).all()


def test_the_bank_answers_what_the_network_answers():
    X, y = waves(30)
    text = "conv 7x6, norm, relu, max-pool 3, conv 5x4 stride 2, relu, mean-pool 2, residual 3x4, global-max"
    network = ConvNetClassifier(text, epochs=2, random_state=0).fit(X, y)
    network.network_.eval()
    for i, layer in enumerate(network.layers_[:6]):
        bank = network.as_bank(layer.name).prepare(Signals.wrap(X).info, RNG)
        with torch.no_grad():
            expected = network.network_.trunk(torch.from_numpy(X[:1])[:, None], until=i + 1)[0][0].numpy()
        for exact in (False, True):
            np.testing.assert_allclose(bank(X[:1], exact=exact), expected, atol=1e-5)
        assert bank.geometry.positions((64,)) == expected.shape[1:] == follow(network.layers_[: i + 1], (64,))
        assert bank.note == ""
    bank = network.as_bank().prepare(Signals.wrap(X).info, RNG)
    with torch.no_grad():
        own = network.network_.trunk(torch.from_numpy(X[:1])[:, None])[0][0].numpy()
    np.testing.assert_allclose(bank(X[:1]), own[:, 1:-1], atol=1e-5)  # the residual layer pads by itself
    assert "residual1" in bank.note


@pytest.mark.parametrize(
    ("n_axes", "shape", "block"), [(1, (90,), 13), (2, (24, 30), (5, 7)), (3, (10, 11, 12), (2, 3, 9))]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_bank_keeps_the_law(n_axes, shape, block, dtype):
    size = "x".join(["3"] * n_axes)
    X = RNG.normal(size=(4, *shape)).astype(dtype)
    network = ConvNetClassifier(
        f"conv {size}x3, norm, relu, max-pool 2, residual {size}x3, global-max", n_axes=n_axes, epochs=1, random_state=0
    ).fit(X, np.arange(4) % 2)
    for pool, pad in (
        (Moments(["mean", "std"]), None),
        (Moments(["max", "max_position"]), "reflect"),
        (Proportion((0.1,)), None),
    ):
        bank = network.as_bank(pad=pad)
        whole = Representation(bank, pool, block_size=10**6).fit(X)
        blocked = Representation(bank, pool, block_size=block, n_jobs=2).fit(X)
        if pool.exact:
            np.testing.assert_array_equal(blocked.transform(X), whole.transform(X))
        else:
            tolerance = 1e-5 if dtype == np.float32 else 1e-10
            np.testing.assert_allclose(blocked.transform(X), whole.transform(X), rtol=tolerance, atol=tolerance)


def test_the_bank_keeps_its_network_when_it_is_cloned(fitted):
    X, _ = waves(6)
    representation = Representation(NetworkBank(fitted, "conv1"), Moments(["max"]))
    assert clone(representation).fit_transform(X).shape == (6, 6)
    with pytest.raises(InputError, match="conv9"):
        fitted.as_bank("conv9").prepare(Signals.wrap(X).info, RNG)
    with pytest.raises(InputError, match="n_axes=2"):
        fitted.as_bank().prepare(Signals.wrap(X[:, None, :], n_axes=2).info, RNG)
    geometry = trunk_geometry(fitted.layers_[:6], 1)
    assert geometry.hop == (2,)


@pytest.mark.parametrize(
    ("text", "n_axes", "said"),
    [
        ("", 1, "layers=''"),
        ("conv 3x3x8", 1, "conv 3x3x8"),
        ("conv 3x8, wobble", 1, "wobble"),
        ("conv 0x8", 1, "conv 0x8"),
        ("relu", 1, "relu"),
        ("conv 3x8, max-pool 0", 1, "max-pool 0"),
        ("conv 3x8, dropout 2", 1, "dropout 2"),
        ("conv 3x8, dense x", 1, "dense x"),
        ("conv 3x8, residual 3x4", 1, "residual1 adds 4 filters to an input of 8"),
        ("residual 3x4, conv 3x8", 1, "residual1 comes first"),
        ("conv 3x8, global-max, conv 3x8", 1, "conv2"),
        ("conv 3x8, global-max, global-mean", 1, "global-mean1"),
        ("conv 3x8, dense 4, global-mean", 1, "global-mean1"),
        ("conv 3x8 stride 0", 1, "conv 3x8 stride 0"),
    ],
)
def test_a_wrong_text_is_named(text, n_axes, said):
    with pytest.raises(InputError, match=said):
        parse(text, n_axes)


def test_wrong_input_is_named():
    X, y = waves(20)
    small = {"layers": "conv 7x4, relu, global-max", "epochs": 1}
    with pytest.raises(InputError, match="signal 3 has 5 samples"):
        ConvNetClassifier(**small).fit([*X[:3], X[3][:5], *X[4:]], y)
    with pytest.raises(InputError, match="different sizes"):
        ConvNetClassifier("conv 7x4, relu", epochs=1).fit([*X[:19], X[19][:50]], y)
    bad = X.copy()
    bad[2, 7] = np.nan
    with pytest.raises(InputError, match=r"signal 2 .*7"):
        ConvNetClassifier(**small).fit(list(bad), y)
    with pytest.raises(InputError, match="one class only"):
        ConvNetClassifier(**small).fit(X, np.zeros(20))
    for name, value in (
        ("epochs", 0), ("batch_size", -1), ("learning_rate", 0.0), ("weight_decay", -1.0), ("label_smoothing", 1.0),
        ("schedule", "cosine"), ("precision", "half"), ("validation", 1.5), ("patience", 0), ("augment", {"spin": 1}),
        ("augment", {"rotation": 10}), ("augment", "much"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=repr(next(iter(value)) if isinstance(value, dict) else value)):
            ConvNetClassifier(**(small | {name: value})).fit(X, y)
    with pytest.raises(InputError, match="trained on 64"):
        ConvNetClassifier("conv 7x4, relu", epochs=1).fit(X, y).predict([X[0][:50]])
    with pytest.raises(InputError, match="learning_rate=1e\\+30"):
        ConvNetClassifier(**(small | {"learning_rate": 1e30, "epochs": 5})).fit(X, y)
    with pytest.raises(InputError, match="shift"):
        augmentation({"shift": np.nan}, 1)
    with pytest.raises(InputError, match="1\\.5"):
        augmentation({"untouched": 1.5}, 1)


def test_files_that_do_not_fit_in_memory_are_read_batch_by_batch():
    X, y = waves(30)
    reads = []
    lazy = Signals.wrap(X).map(lambda signal: reads.append(1) or signal)
    batches = Batches(lazy, "cpu")
    assert batches.held is None
    x, sizes = batches.take(np.array([3, 5]))
    np.testing.assert_array_equal(x[:, 0], X[[3, 5]])
    assert sizes is None
    network = ConvNetClassifier("conv 7x4, relu, global-max", epochs=2, random_state=0).fit(lazy, y)
    held = ConvNetClassifier("conv 7x4, relu, global-max", epochs=2, random_state=0).fit(X, y)
    np.testing.assert_allclose(network.predict_proba(X), held.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("ragged", [False, True])
def test_the_mean_and_spread_are_those_of_all_samples(ragged):
    signals = [RNG.normal(3, 2, size=(2, 40 - (i % 7 if ragged else 0))) for i in range(300)]
    signals = [signal.astype(np.float32) for signal in signals]
    batches = Batches(Signals.wrap(signals, n_axes=1), "cpu")
    mean, spread = batches.statistics()
    joined = np.concatenate(signals, axis=1).astype(np.float64)
    np.testing.assert_allclose(mean, joined.mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(spread, joined.std(axis=1), rtol=1e-6)
    again, _ = batches.statistics()
    np.testing.assert_array_equal(again, mean)  # what's held isn't changed


def test_scikit_learn_s_tools_take_it():
    X, y = waves(60)
    signals = Signals.wrap(X)
    network = ConvNetClassifier("conv 7x4, relu, global-max", epochs=3, learning_rate=0.03, random_state=0)
    found = GridSearchCV(network, {"layers": ["conv 7x4, relu, global-max", "conv 7x8, relu, global-max"]}, cv=2).fit(
        signals, y
    )
    assert found.best_params_["layers"].startswith("conv 7x")
    predicted = cross_val_predict(network, signals, y, cv=GroupKFold(3), groups=np.arange(60) // 10)
    assert set(predicted) <= {"high", "low"}


def test_without_torch_everything_else_runs_and_says_how_to_add_it():
    code = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'torch':\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "import filterbank, filterbank.convnet, numpy as np\n"
        "network = filterbank.ConvNetClassifier()\n"
        "try:\n    network.fit(np.zeros((4, 50)), [0, 1, 0, 1])\n"
        "except filterbank.InputError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=True)
    assert done.stdout.strip().endswith("Run: pip install 'filterbank[deep]'.")


def test_functional_norm_is_torch_s():
    from filterbank.convnet.network import MaskedNorm

    x = torch.from_numpy(RNG.normal(size=(8, 3, 20)).astype(np.float32))
    norm, peer = MaskedNorm(3).train(), nn.BatchNorm1d(3).train()
    np.testing.assert_allclose(norm(x).detach(), peer(x).detach(), atol=1e-6)
    np.testing.assert_allclose(norm.variance, peer.running_var, atol=1e-6)
    assert F.relu(norm(x)).min() >= 0
