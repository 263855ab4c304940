"""Networks that others trained: their responses as a bank, their usual features, and the classes that they tell."""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from filterbank.banks import Bank
from filterbank.convnet.architectures import ARCHITECTURES, Architecture, Input, Step, steps_geometry, steps_until
from filterbank.convnet.classifier import need_torch
from filterbank.convnet.weights import class_names, read_weights
from filterbank.errors import InputError, ReadError, invalid
from filterbank.geometry import Geometry
from filterbank.representation import WholeSignal
from filterbank.signals import SignalInfo, Signals

__all__ = ["PretrainedBank", "classify", "deep_features"]

YAMNET_RATE, YAMNET_HOP = 16_000.0, 7_680
FRAME, FRAME_HOP, N_FFT = 400, 160, 512
SILENCE = 0.02  # a patch with less than this share of the loudest one's root mean square is taken for silence


class PretrainedBank(BaseEstimator):
    """The responses of a published network after one of its layers, at every position, for any pool.

    Parameters
    ----------
    name : {"vgg16", "mobilenet_v1", "yamnet"}
        The first two take images, grey or red, green, blue, from 0 to 1; "yamnet" takes sound at 16 kHz, of which a
        position sees 0.975 s, every 0.48 s.
    layer : str, optional
        Its name at its publisher's, such as "block2_conv2" or "conv_pw_6". None: the last that answers at positions; of
        "yamnet" its "embedding" of 1,024 numbers.
    weights : path, optional
        None: looked for in the folder that FILTERBANK_DATA names, then where `fetch_weights` puts them.
    pad : str, optional
        How signals go on beyond their true ends; see `Geometry`.

    Notes
    -----
    Layers of "vgg16" and "mobilenet_v1" are evaluated "valid", and the signal is padded once, so that the law of blocks
    holds; the networks themselves pad with zeros in each layer, which `deep_features` does too. Sums have no fixed
    order, so that pools which need one (`Proportion`, "max_position") are refused. Needs torch.

    Examples
    --------
    >>> PretrainedBank("vgg16", "block1_pool").n_axes
    2
    """

    def __init__(
        self, name: str, layer: str | None = None, *, weights: str | Path | None = None, pad: str | None = None
    ) -> None:
        self.name = name
        self.layer = layer
        self.weights = weights
        self.pad = pad

    @property
    def n_axes(self) -> int:
        """The number of axes of the signals that the network takes."""
        return _architecture(self.name).n_axes

    def prepare(self, info: SignalInfo, rng: np.random.Generator) -> Self:
        """Return a copy with its weights and its geometry.

        Raises
        ------
        InputError
            For signals that the network can't take.
        MissingDataError
            If the weights aren't on this machine.
        """
        need_torch("PretrainedBank")
        architecture = _architecture(self.name)
        _check_signals(architecture, info)
        designed = copy.copy(self)
        designed.n_channels_ = info.n_channels
        if self.name == "yamnet":
            if self.layer not in (None, "embedding", "l28"):
                raise invalid("layer", self.layer, "'embedding' or 'l28' (the classes)")
            designed._steps = steps_until(architecture, self.layer or "embedding")
            size = architecture.size
            designed.geometry = Geometry((((size - 1) // 2, size // 2),), (YAMNET_HOP,), self.pad)
        else:
            designed._steps = steps_until(architecture, self.layer)
            last = designed._steps[-1]
            if last.kind in ("mean", "top"):
                raise invalid("layer", last.name, "one that answers at positions", do="See deep_features.")
            designed.geometry = steps_geometry(designed._steps, 2, pad=self.pad)
        designed._check_weights(_weights(self.name, self.weights)[0])
        return designed

    def _check_weights(self, found: dict[str, Any]) -> None:
        missing = [one.name for one in self._steps if one.kind not in ("pool", "mean") and one.name not in found]
        if missing:
            raise ReadError(
                f"the file with the weights of {self.name} ends before {missing[0]}. Choose an earlier layer, or get "
                "the whole file."
            )

    def parts(self, *, joint: bool) -> list[tuple[Bank, np.ndarray]]:
        """Return the bank itself and all of its responses: they have the same positions."""
        return [(self, np.arange(len(self.response_table())))]

    def response_table(self) -> list[dict[str, Any]]:
        """Return a row a filter of the layer."""
        last = self._steps[-1].name
        n = next(step.n for step in reversed(self._steps) if step.n)
        return [{"response": f"{last}.{i}", "channel": 0, "kernel": f"{last}.{i}"} for i in range(n)]

    def __call__(self, block: np.ndarray, *, exact: bool = False) -> np.ndarray:
        """Return the responses to a block, (response, *positions)."""
        if exact:
            raise InputError(
                f"PretrainedBank({self.name!r}) has no sums in a fixed order, which this pool needs. Take a pool of "
                "means, standard deviations or extrema."
            )
        weights, layout = _weights(self.name, self.weights)
        if self.name == "yamnet":
            patches = np.lib.stride_tricks.sliding_window_view(block.mean(axis=0), ARCHITECTURES["yamnet"].size)
            return _yamnet(patches[::YAMNET_HOP], self._steps, weights).T.astype(block.dtype)
        x = _pixels(block, ARCHITECTURES[self.name].inputs[layout])
        return _run(self._steps, weights, x, padded=False)[0].astype(block.dtype)


def deep_features(
    name: str, layer: str | None = None, *, weights: str | Path | None = None, size: int | None = None
) -> WholeSignal:
    """Return the usual features of a published network: a layer's mean over all positions of the whole picture.

    The picture is brought to the size that the network was trained on, and every layer pads with zeros, as its authors
    did. That is a function of the whole signal, which can't be evaluated block by block.

    Parameters
    ----------
    name : {"vgg16", "mobilenet_v1", "yamnet"}
        Of "yamnet", the mean of its embeddings over the sound, without patches that are silent beside the loudest (less
        than 2 % of its root mean square).
    layer : str, optional
        None: its last before the classes; a layer of classes gives their probabilities.
    weights : path, optional
        See `PretrainedBank`.
    size : int, optional
        Side to which pictures are brought; None: the network's own.

    Returns
    -------
    WholeSignal

    Examples
    --------
    >>> deep_features("mobilenet_v1").n_axes
    2
    """
    architecture = _architecture(name)
    steps = steps_until(architecture, layer or architecture.features)
    parameters: dict[str, Any] = {
        "name": name,
        "layer": steps[-1].name,
        "weights": None if weights is None else str(weights),
    }
    if architecture.n_axes == 2:
        parameters["size"] = architecture.size if size is None else size
    return WholeSignal(whole_features, whole_names, n_axes=architecture.n_axes, parameters=parameters)


def whole_features(
    signal: np.ndarray, *, name: str, layer: str, weights: str | None, size: int = 0, rate: float | None = None
) -> np.ndarray:
    """Return a layer's mean over all positions of one whole signal; of classes their probabilities."""
    need_torch("deep_features")
    architecture = ARCHITECTURES[name]
    _check_signals(architecture, SignalInfo(signal.ndim - 1, len(signal), rate))
    steps = steps_until(architecture, layer)
    found, layout = _weights(name, weights)
    if name == "yamnet":
        sound = signal.mean(axis=0)
        if len(sound) < architecture.size:  # as its authors do: zeros, until there is one patch
            sound = np.pad(sound, (0, architecture.size - len(sound)))
        patches = np.lib.stride_tricks.sliding_window_view(sound, architecture.size)[::YAMNET_HOP]
        loudness = np.sqrt(np.mean(np.square(patches, dtype=np.float64), axis=1))
        return _yamnet(patches[loudness >= SILENCE * loudness.max()], steps, found).mean(axis=0)
    x = _pixels(_resized(signal, size), architecture.inputs[layout])
    out = _run(steps, found, x, padded=True)[0]
    out = out.mean(axis=(1, 2)) if steps[-1].kind != "top" else out.reshape(-1)
    return _softmax(out) if steps[-1].name in ("predictions", "conv_preds") else out


def whole_names(n_channels: int, rate: float | None, *, layer: str, name: str, **_: Any) -> list[dict[str, Any]]:
    """Return a row a feature of `whole_features`."""
    steps = steps_until(ARCHITECTURES[name], layer)
    n = next(step.n for step in reversed(steps) if step.n)
    return [{"feature": f"{layer}.{i}.mean", "response": f"{layer}.{i}", "statistic": "mean"} for i in range(n)]


def classify(
    name: str, signals: Signals, *, top: int = 5, weights: str | Path | None = None, names: Sequence[str] | None = None
) -> pd.DataFrame:
    """Tell the classes that a published network sees in signals.

    Parameters
    ----------
    name : {"vgg16", "mobilenet_v1", "yamnet"}
    signals : Signals
    top : int
        Classes a signal, the likeliest first.
    weights : path, optional
    names : sequence of str, optional
        None: the published ones, see `class_names`.

    Returns
    -------
    DataFrame
        `signal`, `rank`, `label`, `probability`. Those of "yamnet" needn't add up to 1: several may be heard at once.
    """
    last = _architecture(name).steps[-1].name
    labels = class_names(name) if names is None else list(names)
    table = deep_features(name, last, weights=weights).fit_transform(signals)
    if table.shape[1] != len(labels):
        raise invalid("names", labels[:3], f"{table.shape[1]} names, one a class")
    if not 1 <= top <= len(labels):
        raise invalid("top", top, f"from 1 to {len(labels)}")
    rows = []
    for i, row in enumerate(table):
        for rank, j in enumerate(np.argsort(-row, kind="stable")[:top], 1):
            rows.append({"signal": i, "rank": rank, "label": labels[j], "probability": float(row[j])})
    return pd.DataFrame(rows)


def _architecture(name: str) -> Architecture:
    if name not in ARCHITECTURES:
        raise invalid("name", name, f"one of {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]


def _check_signals(architecture: Architecture, info: SignalInfo) -> None:
    name = architecture.name
    if info.n_axes != architecture.n_axes:
        raise InputError(f"{name} takes signals of n_axes={architecture.n_axes}, and these have n_axes={info.n_axes}.")
    if architecture.n_axes == 2 and info.n_channels not in (1, 3):
        raise InputError(f"{name} takes images of 1 or 3 channels, and these have {info.n_channels}.")
    if name == "yamnet" and info.rate not in (None, YAMNET_RATE):
        raise InputError(f"yamnet takes sound at 16000 Hz, and this has rate={info.rate:g}. Read it with rate=16000.")


@functools.lru_cache(maxsize=2)
def _read(name: str, path: str | None, stamp: float) -> tuple[dict[str, Any], str]:
    import torch

    found, layout = read_weights(name, path)
    return {step: (torch.from_numpy(w), torch.from_numpy(b)) for step, (w, b) in found.items()}, layout


def _weights(name: str, path: str | Path | None) -> tuple[dict[str, Any], str]:
    """The weights as tensors: read once, and again if the file has changed."""
    from filterbank.convnet.weights import find_weights

    file = find_weights(name) if path is None else Path(path)
    stamp = file.stat().st_mtime if file.is_file() else 0.0
    return _read(name, str(file), stamp)


def _pixels(image: np.ndarray, given: Input) -> Any:
    """An image from 0 to 1 as the network wants it, (1, channel, row, column)."""
    import torch

    image = np.repeat(image, 3, axis=0) if len(image) == 1 else image
    mean = np.array(given.mean, dtype=np.float32)[:, None, None]
    spread = np.array(given.spread, dtype=np.float32)[:, None, None]
    pixels = (image.astype(np.float32) * np.float32(given.scale) - mean) / spread
    return torch.from_numpy(np.ascontiguousarray(pixels[::-1] if given.reversed else pixels))[None]


def _resized(image: np.ndarray, size: int) -> np.ndarray:
    import torch
    from torch.nn import functional as F

    x = torch.from_numpy(np.ascontiguousarray(image, dtype=np.float32))[None]
    return F.interpolate(x, size=(size, size), mode="bilinear", antialias=True, align_corners=False)[0].numpy()


def _run(steps: Sequence[Step], weights: dict[str, Any], x: Any, *, padded: bool) -> np.ndarray:
    """The responses after these steps, (signal, response, *positions): with zeros around in each, or without."""
    import torch
    from torch.nn import functional as F

    from filterbank.convnet.valid import one_thread

    with torch.no_grad(), one_thread():
        for step in steps:
            if step.kind == "mean":
                x = x.mean(dim=(2, 3), keepdim=True)
            elif step.kind == "pool":
                x = F.max_pool2d(x, step.size, step.stride)
            else:
                if step.name not in weights:
                    raise ReadError(
                        f"the weights end before {step.name}. Choose an earlier layer, or get the whole file."
                    )
                weight, bias = weights[step.name]
                if padded and step.kind != "top":
                    x = F.pad(x, _around(x.shape[2:], step))
                x = F.conv2d(x, weight, bias, step.stride, groups=len(weight) if step.kind == "depthwise" else 1)
            if step.relu is not None:
                x = x.clamp(min=0, max=step.relu)
        return x.numpy()


def _around(shape: Sequence[int], step: Step) -> list[int]:
    """Zeros around, so that `ceil(n / stride)` positions are left; the odd one goes to the end."""
    pad: list[int] = []
    for n in reversed(shape):
        total = max((-(-n // step.stride) - 1) * step.stride + step.size - n, 0)
        pad += [total // 2, total - total // 2]
    return pad


def _yamnet(patches: np.ndarray, steps: Sequence[Step], weights: dict[str, Any]) -> np.ndarray:
    """The embeddings, or the classes' probabilities, of patches of 15,600 samples: (patch, number)."""
    import torch

    frames = np.lib.stride_tricks.sliding_window_view(patches.astype(np.float32), FRAME, axis=1)[:, ::FRAME_HOP]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)
    mel, offset = weights["l00"]
    out = []
    for one in frames:  # each by itself, so that it doesn't depend on the others
        spectrum = np.abs(np.fft.rfft(one * window, N_FFT)).astype(np.float32)
        x = torch.log(torch.from_numpy(spectrum) @ mel.T + offset)[None, None]
        found = _run(steps, weights, x, padded=True).reshape(-1)
        out.append(1 / (1 + np.exp(-found)) if steps[-1].name == "l28" else found)
    return np.stack(out)


def _softmax(logits: np.ndarray) -> np.ndarray:
    odds = np.exp(logits - logits.max())
    return odds / odds.sum()
