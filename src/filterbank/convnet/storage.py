"""Networks in safetensors files: weights as plain numbers, and what the network is as JSON in the header."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from filterbank.convnet.classifier import ConvNetClassifier, need_torch
from filterbank.convnet.layers import parse
from filterbank.errors import InputError, ReadError
from filterbank.output import atomic

__all__ = ["load", "save"]

FORMAT = 1
KEY = "filterbank"


def save(network: ConvNetClassifier, path: str | Path) -> None:
    """Write a fitted network.

    Parameters
    ----------
    network : ConvNetClassifier
        With a `random_state` that is None or a number, and classes that are numbers or texts.
    path : path
        Such as "net.safetensors".

    Raises
    ------
    WriteError
        If the file can't be written.
    """
    from safetensors.numpy import save_file

    about = {
        "format": FORMAT,
        "parameters": network.get_params(deep=False),
        "classes": network.classes_.tolist(),
        "n_axes": network.n_axes_,
        "n_channels": network.n_channels_in_,
        "rate": network.rate_,
        "signal_shape": network.signal_shape_,
        "n_features_in": getattr(network, "n_features_in_", None),
        "layers": [layer.name for layer in network.layers_],
        "text": network.text_,
        "history": network._rows,
    }
    try:
        header = json.dumps(about)
    except TypeError as error:
        raise InputError(f"this network can't be written as JSON ({error}). Use a number as random_state.") from None
    weights = {name: np.ascontiguousarray(value.cpu().numpy()) for name, value in network.network_.state_dict().items()}
    with atomic(path) as temporary:
        save_file(weights, temporary, metadata={KEY: header})


def load(path: str | Path) -> ConvNetClassifier:
    """Read a network that `save` wrote.

    Raises
    ------
    ReadError
        If there is no such file, or it is damaged, or doesn't hold a network of this package.
    """
    need_torch("ConvNetClassifier")
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise ReadError(f"{path}: there is no such file.")
    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads((file.metadata() or {})[KEY])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except KeyError:
        raise ReadError(f"{path}: holds weights, but not those of a ConvNetClassifier.") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise ReadError(f"{path}: is damaged, or no safetensors file ({error}).") from None
    if about.get("format") != FORMAT:
        raise ReadError(f"{path}: has format={about.get('format')!r}, and this version reads format={FORMAT}.")
    try:
        return _made(about, weights)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ReadError(f"{path}: its weights don't fit its layers ({reason[:200]}).") from None


def _made(about: dict[str, Any], weights: dict[str, np.ndarray]) -> ConvNetClassifier:
    network = ConvNetClassifier(**about["parameters"])
    network.device = "cpu"
    network.classes_ = np.array(about["classes"])
    network.n_axes_, network.n_channels_in_, network.rate_ = about["n_axes"], about["n_channels"], about["rate"]
    network.signal_shape_ = None if about["signal_shape"] is None else tuple(about["signal_shape"])
    if about["n_features_in"] is not None:
        network.n_features_in_ = about["n_features_in"]
    network.text_ = about["text"]
    network.layers_ = parse(network.text_, network.n_axes_)
    network._rows = about["history"]
    network._set_weights(weights)
    network.n_weights_ = sum(p.numel() for p in network.network_.parameters())
    return network
