"""Published networks: layouts of weights, independent forward passes, the law, and what's said when they're missing."""

import functools
import hashlib
import http.server
import os
import threading
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="networks need torch")

import torch
from torch import nn
from torch.nn import functional as F

from filterbank import (
    FileSignal,
    InputError,
    MissingDataError,
    Moments,
    Proportion,
    ReadError,
    Representation,
    Signals,
    respond,
)
from filterbank.convnet import PretrainedBank, classify, deep_features, fetch_weights, read_weights
from filterbank.convnet.architectures import ARCHITECTURES
from filterbank.convnet.weights import SOURCES, class_names, find_weights

RNG = np.random.default_rng(0)
DATA = os.environ.get("FILTERBANK_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="needs the weights in FILTERBANK_DATA")


def vgg_arrays(layout, n_steps=13):
    """Random weights of VGG16's first steps in Keras's or torch's layout, small, so that nothing overflows."""
    steps = [step for step in ARCHITECTURES["vgg16"].steps if step.kind in ("conv", "top")]
    torch_names = [f"features.{i}" for i in (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)]
    torch_names += [f"classifier.{i}" for i in (0, 3, 6)]
    out, inputs = {}, 3
    for i, (step, name) in enumerate(list(zip(steps, torch_names))[:n_steps]):
        rng = np.random.default_rng(i)
        scale = np.float32(np.sqrt(2 / (inputs * step.size**2)))
        weight = rng.standard_normal((step.n, inputs, step.size, step.size), dtype=np.float32) * scale
        bias = rng.normal(size=step.n).astype(np.float32) * np.float32(0.1)
        if layout == "keras":
            kernel = weight.transpose(2, 3, 1, 0)
            out[f"{step.name}.kernel"] = kernel.reshape(-1, step.n) if step.kind == "top" else kernel
            out[f"{step.name}.bias"] = bias
        else:
            out[f"{name}.weight"] = weight.reshape(step.n, -1) if step.kind == "top" else weight
            out[f"{name}.bias"] = bias
        inputs = step.n
    return out


def peer_vgg(arrays):
    """VGG16 as its layers follow each other, written out with torch's modules and filled by name."""
    layers, inputs = [], 3
    for n in (64, 64, "pool", 128, 128, "pool", 256, 256, 256, "pool", 512, 512, 512, "pool", 512, 512, 512, "pool"):
        if n == "pool":
            layers.append(nn.MaxPool2d(2, 2))
        else:
            layers += [nn.Conv2d(inputs, n, 3, padding=1), nn.ReLU()]
            inputs = n
    if not any(name.startswith("classifier") for name in arrays):
        classifier = nn.Sequential()
    else:
        classifier = nn.Sequential(
            nn.Linear(512 * 49, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
            nn.Linear(4096, 1000),
        )  # fmt: skip
    network = nn.ModuleDict({"features": nn.Sequential(*layers), "classifier": classifier}).eval()
    network.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()}, strict=False)
    return network


def normalised(image):
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    spread = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    return ((torch.from_numpy(image) - mean) / spread)[None]


def test_vgg16_s_convolutions_answer_as_an_independent_forward_pass(tmp_path):
    path = tmp_path / "vgg16.pth"
    arrays = vgg_arrays("torch")
    torch.save({name: torch.from_numpy(value) for name, value in arrays.items()}, path)
    image = RNG.uniform(size=(3, 64, 64)).astype(np.float32)
    features = peer_vgg(arrays)["features"]
    with torch.no_grad():
        expected = features(normalised(image)).mean((2, 3))[0].numpy()
    found = deep_features("vgg16", weights=path, size=64).fit_transform(Signals.wrap(image[None], n_axes=2))
    np.testing.assert_allclose(found[0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_vgg16_whole_answers_as_an_independent_forward_pass(tmp_path):
    path = tmp_path / "vgg16.pth"
    arrays = vgg_arrays("torch", 16)
    torch.save({name: torch.from_numpy(value) for name, value in arrays.items()}, path)
    image = RNG.uniform(size=(3, 224, 224)).astype(np.float32)
    network = peer_vgg(arrays)
    with torch.no_grad():
        local = network["features"](normalised(image))
        expected = torch.softmax(network["classifier"](local.flatten(1)), 1)[0].numpy()
    signals = Signals.wrap(image[None], n_axes=2)
    table = deep_features("vgg16", "predictions", weights=path).fit_transform(signals)
    np.testing.assert_allclose(table[0], expected, rtol=1e-3, atol=1e-7)
    best = classify("vgg16", signals, top=3, weights=path, names=[str(i) for i in range(1000)])
    assert best["label"].tolist() == [str(i) for i in np.argsort(-expected)[:3]]
    assert best["probability"].is_monotonic_decreasing


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".safetensors"])
def test_layouts_hold_the_same_weights(tmp_path, suffix):
    """The same numbers in Keras's and in torch's names and orders read the same."""
    path = tmp_path / f"weights{suffix}"
    keras = vgg_arrays("keras", 5)
    if suffix == ".npz":
        np.savez(path, **keras)
    elif suffix == ".h5":
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            for name, value in keras.items():
                layer, kind = name.split(".")
                old = {"kernel": "W", "bias": "b"}[kind]
                file[
                    f"model_weights/{layer}/{layer}_{old}_1:0" if "conv1" in layer else f"{layer}/{layer}/{kind}:0"
                ] = value
    else:
        from safetensors.numpy import save_file

        save_file(vgg_arrays("torch", 5), path)
    found, layout = read_weights("vgg16", path)
    assert layout == ("torch" if suffix == ".safetensors" else "keras")
    expected = vgg_arrays("torch", 5)
    assert len(found) == 5
    np.testing.assert_array_equal(found["block1_conv1"][0], expected["features.0.weight"])
    np.testing.assert_array_equal(found["block3_conv1"][0], expected["features.10.weight"])
    np.testing.assert_array_equal(found["block3_conv1"][1], expected["features.10.bias"])


def test_keras_s_dense_layer_sees_channels_last(tmp_path):
    from filterbank.convnet.weights import _from_keras

    step = next(step for step in ARCHITECTURES["vgg16"].steps if step.name == "fc1")
    kernel = RNG.normal(size=(7 * 7 * 5, 4096)).astype(np.float32)
    weight, _ = _from_keras({"fc1.kernel": kernel, "fc1.bias": np.zeros(4096)}, step)
    x = RNG.normal(size=(5, 7, 7)).astype(np.float32)
    expected = x.transpose(1, 2, 0).ravel() @ kernel
    np.testing.assert_allclose(np.tensordot(weight, x, 3), expected, rtol=1e-3, atol=1e-3)


@needs_data
def test_vgg16_s_first_layers_answer_as_convolutions_by_hand():
    image = RNG.uniform(size=(3, 40, 44)).astype(np.float32)
    arrays = np.load(Path(DATA, "weights/vgg16_blocks12/vgg16_blocks12_keras_layout.npz"))
    x = torch.from_numpy(image[::-1].copy())[None] * 255 - torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)
    for i, name in enumerate(("block1_conv1", "block1_conv2", "block2_conv1", "block2_conv2")):
        kernel = torch.from_numpy(arrays[f"{name}.kernel"]).permute(3, 2, 0, 1)
        x = F.relu(F.conv2d(x, kernel, torch.from_numpy(arrays[f"{name}.bias"])))
        x = F.max_pool2d(x, 2) if i == 1 else x
        if i == 1:
            pooled = x
    local, where = respond(PretrainedBank("vgg16", "block1_pool"), image)
    np.testing.assert_allclose(local, pooled[0], rtol=1e-4, atol=1e-2)
    assert where[0][:2].tolist() == [2, 4]
    local, _ = respond(PretrainedBank("vgg16", "block2_conv2"), image)
    np.testing.assert_allclose(local, x[0], rtol=1e-4, atol=1e-2)
    with pytest.raises(ReadError, match="block3_conv1"):
        respond(PretrainedBank("vgg16", "block3_conv1"), image)


def peer_mobilenet(x):
    """MobileNet from its arrays, with batch normalisation by itself and TensorFlow's padding written out."""
    arrays = np.load(Path(DATA, "weights/mobilenet_v1_0.75_224/weights_keras_layout.npz"))
    get = lambda name: torch.from_numpy(arrays[name])  # noqa: E731

    def norm(x, name):
        x = F.batch_norm(
            x, get(f"{name}.moving_mean"), get(f"{name}.moving_variance"), get(f"{name}.gamma"), get(f"{name}.beta"),
            eps=1e-3,
        )  # fmt: skip
        return F.relu6(x)

    x = norm(F.conv2d(F.pad(x, (0, 1, 0, 1)), get("conv1.kernel").permute(3, 2, 0, 1), stride=2), "conv1_bn")
    for i in range(1, 14):
        kernel = get(f"conv_dw_{i}.depthwise_kernel").permute(2, 3, 0, 1)
        stride = 2 if i in (2, 4, 6, 12) else 1
        x = F.pad(x, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))
        x = norm(F.conv2d(x, kernel, stride=stride, groups=len(kernel)), f"conv_dw_{i}_bn")
        x = norm(F.conv2d(x, get(f"conv_pw_{i}.kernel").permute(3, 2, 0, 1)), f"conv_pw_{i}_bn")
    mean = x.mean((2, 3))
    return mean, torch.softmax(mean @ get("conv_preds.kernel")[0, 0] + get("conv_preds.bias"), 1)


@needs_data
def test_mobilenet_answers_as_an_independent_forward_pass():
    images = RNG.uniform(size=(2, 3, 224, 224)).astype(np.float32)
    with torch.no_grad():
        mean, odds = peer_mobilenet(torch.from_numpy(images) * 2 - 1)
    signals = Signals.wrap(images, n_axes=2)
    np.testing.assert_allclose(deep_features("mobilenet_v1").fit_transform(signals), mean, rtol=1e-3, atol=1e-4)
    table = deep_features("mobilenet_v1", "conv_preds").fit_transform(signals)
    np.testing.assert_allclose(table, odds, rtol=1e-3, atol=1e-6)
    grey = images[:1, :1]
    colour = deep_features("mobilenet_v1").fit_transform(Signals.wrap(np.repeat(grey, 3, axis=1), n_axes=2))
    np.testing.assert_array_equal(deep_features("mobilenet_v1").fit_transform(Signals.wrap(grey, n_axes=2)), colour)


@needs_data
def test_mobilenet_tells_cats_from_dogs_with_its_own_top():
    folder = Path(DATA, "tutorial/cat_dog")
    paths = sorted(folder.glob("cat*.jpg"))[1:4] + sorted(folder.glob("dog*.jpg"))[:3]
    signals = Signals([FileSignal(path, {"colour": "rgb"}) for path in paths], n_axes=2)
    best = classify("mobilenet_v1", signals, top=1)
    names = class_names("mobilenet_v1")
    at = [names.index(label) for label in best["label"]]
    cats = [281 <= i <= 293 for i in at]  # the thousand classes' domestic and big cats
    dogs = [151 <= i <= 275 for i in at]
    assert cats[:3] == [True] * 3
    assert dogs[3:] == [True] * 3


@needs_data
@pytest.mark.parametrize(("name", "layer"), [("vgg16", "block2_conv2"), ("mobilenet_v1", "conv_pw_3")])
@pytest.mark.parametrize("pad", [None, "reflect"])
def test_the_law(name, layer, pad):
    images = [RNG.uniform(size=(3, n, m)).astype(np.float32) for n, m in ((50, 61), (47, 45))]
    bank = PretrainedBank(name, layer, pad=pad)
    whole = Representation(bank, Moments(["mean", "std", "max"]), block_size=10**6).fit(images)
    blocked = Representation(bank, Moments(["mean", "std", "max"]), block_size=(3, 4), n_jobs=2).fit(images)
    np.testing.assert_allclose(blocked.transform(images), whole.transform(images), rtol=1e-3, atol=1e-3)
    with pytest.raises(InputError, match="fixed order"):
        Representation(bank, Proportion((0.0,))).fit_transform(images)


@needs_data
def test_yamnet_hears_and_keeps_the_law():
    t = np.arange(16_000 * 4) / 16_000
    rng = np.random.default_rng(2)
    noise = (0.1 * rng.normal(size=t.size)).astype(np.float32)
    chirps = (0.3 * np.sin(2 * np.pi * 3000 * t) * (np.sin(2 * np.pi * 4 * t) > 0.6)).astype(np.float32)
    bank = PretrainedBank("yamnet")
    signals = Signals.wrap([noise, chirps], n_axes=1, rate=16_000)
    whole = Representation(bank, Moments(["mean", "max"]), block_size=100).fit_transform(signals)
    single = Representation(bank, Moments(["mean", "max"]), block_size=1, n_jobs=2).fit_transform(signals)
    assert whole.shape == (2, 2048)
    np.testing.assert_allclose(single, whole, rtol=1e-4, atol=1e-5)
    local, where = respond(bank, noise)
    assert local.shape == (1024, (len(noise) - 15_600) // 7_680 + 1)
    assert np.diff(where[0]).tolist() == [7680] * (local.shape[1] - 1)
    mean = deep_features("yamnet").fit_transform([noise, np.concatenate([noise, np.zeros(64_000, dtype=np.float32)])])
    np.testing.assert_allclose(mean[0], local.mean(axis=1), rtol=1e-5)
    assert np.abs(mean[1] - mean[0]).max() < 0.5 * np.abs(mean[0]).max()  # patches of silence don't count
    heard = classify("yamnet", signals, top=3)
    assert (
        heard["label"][heard["signal"] == 0].isin(["White noise", "Static", "Noise", "Pink noise", "Waterfall"]).any()
    )
    with pytest.raises(InputError, match="44100"):
        bank.prepare(Signals.wrap([noise], n_axes=1, rate=44_100).info, RNG)


@needs_data
def test_yamnet_s_first_step_is_the_mel_filter_bank_of_its_description():
    librosa = pytest.importorskip("librosa", reason="the reference is librosa's")
    mel, offset = read_weights("yamnet")[0]["l00"]
    expected = librosa.filters.mel(sr=16_000, n_fft=512, n_mels=64, fmin=125, fmax=7500, htk=True, norm=None)
    assert np.abs(mel - expected).max() < 0.02  # it's kept in eight bits
    np.testing.assert_allclose(offset, 0.001, rtol=1e-5)


@pytest.fixture
def server(tmp_path):
    """A local mirror."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()


def test_weights_are_fetched_once_and_checked(server, tmp_path):
    folder, url = server
    content = RNG.bytes(5000)
    (folder / "net.npz").write_bytes(content)
    check = "sha256:" + hashlib.sha256(content).hexdigest()[:12]
    kwargs = {"url": f"{url}/net.npz", "folder": tmp_path / "cache"}
    path = fetch_weights("vgg16", check=check, **kwargs)
    assert path.read_bytes() == content
    (folder / "net.npz").unlink()
    assert fetch_weights("vgg16", check=check, **kwargs) == path  # from the cache
    path.unlink()
    with pytest.raises(ReadError, match=r"can't be had"):
        fetch_weights("vgg16", check=check, **kwargs)
    (folder / "net.npz").write_bytes(content + b"!")
    with pytest.raises(ReadError, match="checksum"):
        fetch_weights("vgg16", check=check, **kwargs)
    assert not list((tmp_path / "cache").glob("*.npz"))


def test_what_is_missing_is_said_with_its_address(monkeypatch, tmp_path):
    monkeypatch.setenv("FILTERBANK_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name, source in SOURCES.items():
        with pytest.raises(MissingDataError, match="fetch_weights") as caught:
            find_weights(name)
        assert source.url in str(caught.value)
    with pytest.raises(MissingDataError, match="imagenet_labels"):
        class_names("vgg16")


@pytest.mark.parametrize("damage", ["cut", "empty", "other", "shape", "nan", "suffix", "absent"])
def test_wrong_weights_are_said_in_one_sentence(tmp_path, damage):
    path = tmp_path / "weights.npz"
    arrays = vgg_arrays("keras", 2)
    error = ReadError
    if damage == "shape":
        arrays["block1_conv1.kernel"] = np.ones((3, 3, 1, 64), dtype=np.float32)
    if damage == "nan":
        arrays["block1_conv2.bias"][3] = np.nan
    if damage == "other":
        arrays = {"w": np.ones(3)}
    np.savez(path, **arrays)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:3000])
    if damage == "empty":
        path.write_bytes(b"")
    if damage == "suffix":
        path, error = path.rename(tmp_path / "weights.bin"), InputError
    if damage == "absent":
        path.unlink()
    with pytest.raises(error, match=path.name) as caught:
        read_weights("vgg16", path)
    assert "\n" not in str(caught.value)


def test_signals_that_a_network_can_not_take_are_named():
    with pytest.raises(InputError, match="vgg19"):
        deep_features("vgg19")
    with pytest.raises(InputError, match="block9_conv1"):
        deep_features("vgg16", "block9_conv1")
    with pytest.raises(InputError, match="n_axes=1"):
        PretrainedBank("vgg16").prepare(Signals.wrap(np.zeros((2, 50))).info, RNG)
    with pytest.raises(InputError, match="have 2"):
        PretrainedBank("vgg16").prepare(Signals.wrap(np.zeros((2, 2, 50, 50)), n_axes=2).info, RNG)
