"""Weights of published networks: where they are found or fetched, and how their layouts are read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from filterbank.convnet.architectures import ARCHITECTURES, Architecture, Step
from filterbank.design.mel import mel_of_hertz
from filterbank.errors import InputError, MissingDataError, ReadError, invalid

__all__ = ["SOURCES", "Source", "class_names", "fetch_weights", "find_weights", "read_weights"]

ROOT = "FILTERBANK_DATA"
Weights = dict[str, tuple[np.ndarray, np.ndarray]]
"""By step: the filters, `(filter, input, *size)`, and what is added to each; batch normalisation is folded in."""


@dataclass(frozen=True)
class Source:
    """Where the weights of a network come from.

    Parameters
    ----------
    url : str
        Of its publisher's file.
    check : str
        Its checksum, as "md5:..." or "sha256:..."; a sha256 may be given by its first digits, as its publisher does.
    places : tuple of str
        Where it may lie in the folder that FILTERBANK_DATA names.
    """

    url: str
    check: str
    places: tuple[str, ...]


KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"
SOURCES = {
    "vgg16": Source(
        f"{KERAS}/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5",
        "md5:64373286793e3c8b2b4e3219cbf3544b",
        ("weights/vgg16/vgg16_keras_layout.npz", "weights/vgg16_blocks12/vgg16_blocks12_keras_layout.npz"),
    ),
    "mobilenet_v1": Source(
        f"{KERAS}/mobilenet/mobilenet_7_5_224_tf.h5", "", ("weights/mobilenet_v1_0.75_224/weights_keras_layout.npz",)
    ),
    "yamnet": Source(
        "https://storage.googleapis.com/audioset/yamnet.h5", "", ("weights/yamnet/yamnet_dequantised.npz",)
    ),
}
"""The publishers' files. Keras publishes no checksum for MobileNet, nor AudioSet's authors for YAMNet."""

CLASSES = {
    "vgg16": "weights/imagenet_labels.txt",
    "mobilenet_v1": "weights/imagenet_labels.txt",
    "yamnet": "weights/yamnet/yamnet_class_map.csv",
}


def find_weights(name: str) -> Path:
    """Return the file with a network's weights: in FILTERBANK_DATA, or where `fetch_weights` puts it.

    Raises
    ------
    MissingDataError
        If it isn't on this machine; the message says how to get it.
    """
    source = SOURCES[_known(name)]
    root = os.environ.get(ROOT)
    candidates = [Path(root, place) for place in source.places] if root else []
    candidates.append(_cache() / Path(source.url).name)
    for path in candidates:
        if path.is_file():
            return path
    raise MissingDataError(
        f"the weights of {name} are not on this machine. Run filterbank.convnet.fetch_weights({name!r}), which gets "
        f"{source.url}, or pass weights=PATH."
    )


def fetch_weights(
    name: str, *, url: str | None = None, check: str | None = None, folder: str | Path | None = None
) -> Path:
    """Get the weights of a network from their publisher, once, and check them.

    Parameters
    ----------
    name : {"vgg16", "mobilenet_v1", "yamnet"}
    url, check : str, optional
        Of a mirror, instead of the publisher's.
    folder : path, optional
        None: the user's cache folder.

    Returns
    -------
    Path

    Raises
    ------
    ReadError
        If the file can't be had, or isn't what was published; nothing is kept then.
    """
    import pooch

    source = SOURCES[_known(name)]
    url = source.url if url is None else url
    check = source.check if check is None else check
    target = Path(folder) if folder is not None else _cache()
    try:
        path = Path(pooch.retrieve(url, known_hash=None, fname=Path(url).name, path=target, progressbar=False))
    except Exception as error:  # of the network, of many kinds
        reason = " ".join(str(error).split())[:200]
        raise ReadError(f"{url}: can't be had ({reason}). Get it by other means and pass weights=PATH.") from None
    if check and not _matches(path, check):
        path.unlink()
        raise ReadError(f"{url}: is not what was published, its checksum isn't {check}. Try again, or another mirror.")
    return path


def read_weights(name: str, path: str | Path | None = None) -> tuple[Weights, str]:
    """Read the weights of a network in any of the layouts in which they're published.

    Parameters
    ----------
    name : {"vgg16", "mobilenet_v1", "yamnet"}
    path : path, optional
        A Keras file (.h5), arrays under Keras's names (.npz, such as "conv1.kernel"), a state dict of torch (.pth, .pt
        or .safetensors, such as "features.0.weight"); None: `find_weights`. Steps from the first on; later ones may be
        missing.

    Returns
    -------
    weights : dict of str to (array, array)
    layout : {"keras", "torch", "dequantised"}

    Raises
    ------
    ReadError
        If the file is damaged, or its arrays aren't those of the network.
    """
    architecture = ARCHITECTURES[_known(name)]
    path = find_weights(name) if path is None else Path(path)
    if not path.is_file():
        raise ReadError(f"{path}: there is no such file.")
    arrays = _arrays(path)
    steps = [step for step in architecture.steps if step.kind not in ("pool", "mean")]
    layout, take = _layout(architecture, arrays, path)
    found: Weights = {}
    inputs = 1 if architecture.n_axes == 1 else 3
    for i, step in enumerate(steps):
        try:
            weight, bias = take(step, i)
        except KeyError as error:
            if not found:
                raise ReadError(f"{path}: holds no weights of {name}: {error.args[0]} is missing.") from None
            break
        expected = (step.n, 1 if step.kind == "depthwise" else inputs, step.size, step.size)
        if weight.shape != expected or bias.shape != (step.n,):
            raise ReadError(
                f"{path}: {step.name} has filters of shape {weight.shape}, and those of {name} have {expected}. It is "
                "the file of another network."
            )
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise ReadError(f"{path}: {step.name} holds NaN or infinity. Get the file anew.")
        found[step.name] = (np.ascontiguousarray(weight, dtype=np.float32), bias.astype(np.float32))
        inputs = step.n
    if name == "yamnet":
        found["l00"] = _mel_of_yamnet() if layout == "keras" else _mel_read(path, arrays)
    return found, layout


def class_names(name: str) -> list[str]:
    """Return the names of the classes that a network tells, in the order of its last step.

    Raises
    ------
    MissingDataError
        If the list isn't on this machine.
    """
    root = os.environ.get(ROOT)
    path = Path(root, CLASSES[_known(name)]) if root else None
    if path is None or not path.is_file():
        raise MissingDataError(
            f"the class names of {name} are not on this machine. Put {CLASSES[name]} into the folder that {ROOT} names."
        )
    if path.suffix == ".csv":
        import pandas as pd

        return pd.read_csv(path)["display_name"].tolist()
    return path.read_text(encoding="utf-8").strip().splitlines()


def _known(name: str) -> str:
    if name not in ARCHITECTURES:
        raise invalid("name", name, f"one of {', '.join(ARCHITECTURES)}")
    return name


def _cache() -> Path:
    import pooch

    return Path(pooch.os_cache("filterbank"), "weights")


def _matches(path: Path, check: str) -> bool:
    kind, _, wanted = check.partition(":")
    digest = hashlib.new(kind)
    with path.open("rb") as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest().startswith(wanted)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file by name; in Keras's names the layer and the array, with a point between."""
    readers: dict[str, Callable[[Path], dict[str, np.ndarray]]] = {
        ".npz": _npz,
        ".h5": _h5,
        ".hdf5": _h5,
        ".pth": _torch,
        ".pt": _torch,
        ".safetensors": _safetensors,
    }
    if path.suffix.lower() not in readers:
        raise InputError(f"weights={str(path)!r} is not a file of weights: {', '.join(readers)}.")
    try:
        return readers[path.suffix.lower()](path)
    except InputError:
        raise
    except Exception as error:  # each format has its own
        reason = " ".join(str(error).split())[:200]
        raise ReadError(f"{path}: is damaged, or no file of weights ({reason}). Get it anew.") from None


def _npz(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _h5(path: Path) -> dict[str, np.ndarray]:
    try:
        import h5py
    except ImportError:
        raise InputError(f"{path} needs h5py, which is not installed. Run: pip install 'filterbank[deep]'.") from None

    out: dict[str, np.ndarray] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            *parts, kind = name.split("/")
            kind = kind.split(":")[0]
            half = len(parts) // 2  # a layer's name stands twice, and may itself have strokes
            layer = "/".join(parts[:half]) if parts[:half] == parts[half:] else "".join(parts[-1:])
            for ending, own in (("_W_1", "kernel"), ("_b_1", "bias")):  # names of Keras 1
                kind = own if kind.endswith(ending) else kind
            out[f"{layer}.{kind}"] = item[()]

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return out


def _torch(path: Path) -> dict[str, np.ndarray]:
    import torch

    state = torch.load(path, map_location="cpu", weights_only=True)  # runs nothing
    return {name: value.numpy() for name, value in state.items()}


def _safetensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(path)


def _layout(
    architecture: Architecture, arrays: Mapping[str, np.ndarray], path: Path
) -> tuple[str, Callable[[Step, int], tuple[np.ndarray, np.ndarray]]]:
    """The layout of a file, and how a step's weights are taken from it."""
    first = architecture.steps[0].name
    if f"{first}.kernel" in arrays:
        return "keras", lambda step, i: _from_keras(arrays, step)
    if architecture.name == "vgg16" and "features.0.weight" in arrays:
        return "torch", lambda step, i: _from_torch_vgg(arrays, step, i)
    if architecture.name == "yamnet" and "layer1/conv.kernel" in arrays:
        return "keras", lambda step, i: _from_yamnet(arrays, step, i)
    if architecture.name == "yamnet" and "l01.weight" in arrays:
        return "dequantised", lambda step, i: _from_dequantised(arrays, step)
    raise ReadError(
        f"{path}: holds no weights of {architecture.name}: {first}.kernel is missing. Pass the file of that network."
    )


def _from_keras(arrays: Mapping[str, np.ndarray], step: Step) -> tuple[np.ndarray, np.ndarray]:
    key = "depthwise_kernel" if step.kind == "depthwise" else "kernel"
    kernel = arrays[f"{step.name}.{key}"]
    if kernel.ndim == 2:  # a dense layer that sees size x size positions, channels last
        kernel = kernel.reshape(step.size, step.size, -1, kernel.shape[1])
    weight = kernel.transpose((2, 3, 0, 1) if step.kind == "depthwise" else (3, 2, 0, 1)).astype(np.float64)
    if not step.norm:
        bias = arrays.get(f"{step.name}.bias")
        return weight, np.zeros(len(weight)) if bias is None else bias
    gamma, beta, mean, variance = (
        arrays[f"{step.norm}.{key}"].astype(np.float64) for key in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    scale = gamma / np.sqrt(variance + 1e-3)
    return weight * scale[:, None, None, None], beta - mean * scale


def _from_yamnet(arrays: Mapping[str, np.ndarray], step: Step, i: int) -> tuple[np.ndarray, np.ndarray]:
    """A step of AudioSet's own Keras file, whose normalisations have no scale; the last layer's name is Keras's."""
    if step.kind == "top":
        last = next((name for name, array in arrays.items() if name.endswith(".kernel") and array.ndim == 2), None)
        if last is None:
            raise KeyError("a dense layer's kernel")
        return arrays[last].T[:, :, None, None], arrays[last.removesuffix("kernel") + "bias"]
    kind = {"l01": "conv", "depthwise": "depthwise_conv"}.get(step.name if i == 0 else step.kind, "pointwise_conv")
    name = f"layer{(i + 1) // 2 + 1}/{kind}"
    depthwise = step.kind == "depthwise"
    kernel = arrays[f"{name}.{'depthwise_kernel' if depthwise else 'kernel'}"]
    weight = kernel.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1)).astype(np.float64)
    beta, mean, variance = (
        arrays[f"{name}/bn.{key}"].astype(np.float64) for key in ("beta", "moving_mean", "moving_variance")
    )
    scale = 1 / np.sqrt(variance + 1e-4)
    return weight * scale[:, None, None, None], beta - mean * scale


TORCH_VGG = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)


def _from_torch_vgg(arrays: Mapping[str, np.ndarray], step: Step, i: int) -> tuple[np.ndarray, np.ndarray]:
    n = len(TORCH_VGG)
    name = f"features.{TORCH_VGG[i]}" if i < n else f"classifier.{(0, 3, 6)[i - n]}"
    weight = arrays[f"{name}.weight"]
    if weight.ndim == 2:
        weight = weight.reshape(len(weight), -1, step.size, step.size)
    return weight, arrays[f"{name}.bias"]


def _from_dequantised(arrays: Mapping[str, np.ndarray], step: Step) -> tuple[np.ndarray, np.ndarray]:
    weight = arrays[f"{step.name}.weight"]
    return weight.reshape(*weight.shape, 1, 1) if weight.ndim == 2 else weight, arrays[f"{step.name}.bias"]


def _mel_of_yamnet() -> tuple[np.ndarray, np.ndarray]:
    """Triangles over mel, as its description has them, (64, 257), and what is added before the logarithm."""
    mel = mel_of_hertz(np.linspace(0, 8000, 257), scale="htk")
    low, high = mel_of_hertz(np.array([125.0, 7500.0]), scale="htk")
    corners = np.linspace(low, high, 66)
    begin, peak, end = (corners[i : i + 64, None] for i in range(3))
    triangles = np.maximum(0.0, np.minimum((mel - begin) / (peak - begin), (end - mel) / (end - peak)))
    return triangles.astype(np.float32), np.full(64, 1e-3, dtype=np.float32)


def _mel_read(path: Path, arrays: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    if "l00.weight" not in arrays or arrays["l00.weight"].shape != (64, 257):
        raise ReadError(f"{path}: holds no weights of yamnet: l00.weight, 64 x 257, is missing.")
    return arrays["l00.weight"].astype(np.float32), arrays["l00.bias"].astype(np.float32)
