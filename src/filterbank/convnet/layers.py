"""The short text that says which layers a network has: parsed, checked, and followed through sizes and geometry."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from filterbank.errors import InputError, invalid
from filterbank.geometry import Geometry

__all__ = ["OWN", "PRESETS", "Layer", "Preset", "count_trunk", "follow", "parse", "trunk_geometry"]

KINDS = (
    "conv 3x3x32 [stride 2] [same]",
    "residual 3x3x32",
    "norm",
    "relu",
    "max-pool 2",
    "mean-pool 2",
    "global-max",
    "global-mean",
    "dropout 0.5",
    "dense 128",
)
"""One of each kind of layer, as it is written for images."""

LOCAL = ("conv", "residual", "norm", "relu", "max-pool", "mean-pool")
"""Layers that answer at every position: the trunk. What follows them is the head."""


@dataclass(frozen=True)
class Layer:
    """One layer of a network.

    Parameters
    ----------
    kind : str
        The first word of its text.
    name : str
        Its kind and number among those of its kind, such as "conv1".
    size : tuple of int
        Samples of a filter or a pooling window along each axis.
    n : int
        Filters of a convolution, units of a dense layer.
    stride : int
    same : bool
        Whether a convolution pads its input with zeros, so that a stride of 1 keeps the size.
    rate : float
        The share that "dropout" leaves out.
    """

    kind: str
    name: str = ""
    size: tuple[int, ...] = ()
    n: int = 0
    stride: int = 1
    same: bool = False
    rate: float = 0.0


@dataclass(frozen=True)
class Preset:
    """Layers, and how they're best trained.

    Parameters
    ----------
    layers : str
        With "K" for a filter of 3 samples along each axis.
    epochs, batch_size, learning_rate, weight_decay, label_smoothing, augment, schedule, standardise
        See `ConvNetClassifier`.
    glorot : bool
        Whether weights begin as Glorot & Bengio 2010 have it (eq. 16) and biases at 0, instead of as torch has it.
    least_steps : int
        With few signals, batches are smaller and epochs more, until there are so many steps; 0: never.
    least_size : int
        Where an axis has fewer samples, convolutions pad their input ("same"), so that something is left at the end.
    """

    layers: str
    epochs: int = 20
    batch_size: int = 256
    learning_rate: float = 4e-3
    weight_decay: float = 0.02
    label_smoothing: float = 0.1
    augment: str | None = "auto"
    schedule: str = "one-cycle"
    standardise: bool = True
    least_steps: int = 0
    least_size: int = 0
    glorot: bool = False


PRESETS = {
    "small": Preset(
        "conv Kx32, max-pool 2, norm, relu, conv Kx64, max-pool 2, norm, relu, residual Kx64, conv Kx128, norm, relu, "
        "global-max",
        learning_rate=1.2e-2,
        least_steps=600,
        least_size=24,
    ),
    "tutorial": Preset(
        "conv Kx32, relu, conv Kx32, relu, max-pool 2, dense 128, relu",
        epochs=2,
        batch_size=512,
        learning_rate=1e-3,
        weight_decay=0.0,
        label_smoothing=0.0,
        augment=None,
        schedule="constant",
        standardise=False,
        glorot=True,
    ),
}
"""Networks by name. "tutorial" is the digits' network of the 2017 tutorial, with its Adam and its batches of 512."""

OWN = Preset("", least_steps=600)
"""How layers of the user's own are trained: more slowly, since they may lack batch normalisation."""


def parse(text: str, n_axes: int) -> list[Layer]:
    """Read the text of a network's layers.

    Parameters
    ----------
    text : str
        Layers with commas between them: "conv 3x3x32" (sizes along the axes, then the number of filters; with
        "stride 2" and "same" if wanted), "residual 3x3x32" (adds `relu(norm(conv(x)))` to its input), "norm", "relu",
        "max-pool 2", "mean-pool 2", "global-max", "global-mean", "dropout 0.5", "dense 128". At the end
        "dense classes, softmax" may be written, and is there if it isn't.
    n_axes : {1, 2, 3}

    Returns
    -------
    list of Layer
        Without the last dense layer, whose size is the number of classes.

    Raises
    ------
    InputError
        For what can't be read, is out of order, or doesn't fit the axes.

    Examples
    --------
    >>> [layer.name for layer in parse("conv 9x16, relu, global-max", 1)]
    ['conv1', 'relu1', 'global-max1']
    """
    if not isinstance(text, str) or not text.strip():
        raise invalid("layers", text, f"a text such as 'conv 3x3x32, relu, global-max', or one of {', '.join(PRESETS)}")
    words = [part.strip() for part in text.split(",")]
    if words[-1] == "softmax":
        words.pop()
    if words and words[-1] == "dense classes":
        words.pop()
    layers: list[Layer] = []
    for word in words:
        layer = _one(word, n_axes)
        number = 1 + sum(before.kind == layer.kind for before in layers)
        layers.append(replace(layer, name=f"{layer.kind}{number}"))
    _check_order(layers, text)
    return layers


def preset_text(name: str, n_axes: int, *, size: int | None = None) -> str:
    """Return the layers of a preset for so many axes, the shortest of `size` samples.

    Examples
    --------
    >>> preset_text("tutorial", 1)
    'conv 3x32, relu, conv 3x32, relu, max-pool 2, dense 128, relu'
    >>> preset_text("small", 1, size=8)[:36]
    'conv 3x32 same, max-pool 2, norm, re'
    """
    preset = PRESETS[name]
    text = preset.layers.replace("K", "x".join(["3"] * n_axes))
    return text if size is None or size >= preset.least_size else re.sub(r"(conv \S+\d)", r"\1 same", text)


def count_trunk(layers: Sequence[Layer]) -> int:
    """Return how many layers from the first on answer at every position.

    Examples
    --------
    >>> count_trunk(parse("conv 9x16, relu, global-max, dense 8, relu", 1))
    2
    """
    for i, layer in enumerate(layers):
        if layer.kind not in (*LOCAL, "dropout"):
            return i
    return len(layers)


def trunk_geometry(layers: Sequence[Layer], n_axes: int, *, pad: str | None = None) -> Geometry:
    """Return the geometry of layers that answer at every position, all of them evaluated without padding of their own.

    Examples
    --------
    >>> geometry = trunk_geometry(parse("conv 3x8, relu, max-pool 2, conv 3x8", 1), 1)
    >>> geometry.halo, geometry.hop
    (((3, 4),), (2,))
    """
    geometry = Geometry(((0, 0),) * n_axes, pad=pad)
    for layer in layers:
        if layer.size:
            halo = tuple(((k - 1) // 2, k // 2) for k in layer.size)
            geometry = geometry.then(Geometry(halo, (layer.stride,) * n_axes))
    return geometry


def follow(layers: Sequence[Layer], shape: Sequence[int], *, index: int = 0) -> tuple[int, ...]:
    """Return the size along each axis after these layers; () after one that pools globally.

    Raises
    ------
    InputError
        If a signal of this shape is too short.
    """
    size = tuple(shape)
    for layer in layers:
        if layer.kind.startswith("global") or layer.kind == "dense":
            return ()
        size = tuple(output_size(layer, n, k) for n, k in zip(size, layer.size)) if layer.size else size
        if any(n < 1 for n in size):
            raise InputError(
                f"signal {index} has {' x '.join(map(str, shape))} samples, too few for the network: nothing is left "
                f"after {layer.name}. Leave it out, or use fewer or smaller layers."
            )
    return size


def output_size(layer: Layer, n: Any, k: int) -> Any:
    """Return the positions that a layer makes of `n`, a whole number or a tensor of them."""
    return -(-n // layer.stride) if layer.same else (n - k) // layer.stride + 1


def _one(word: str, n_axes: int) -> Layer:
    kind, _, rest = word.partition(" ")
    sizes = "x".join(["3"] * n_axes)
    if kind in ("conv", "residual"):
        found = re.fullmatch(r"(\d+(?:x\d+)*)x(\d+)((?: stride \d+| same)*)", rest)
        size = tuple(map(int, found[1].split("x"))) if found else ()
        if not found or len(size) != n_axes or 0 in (*size, int(found[2])):
            raise invalid("layers", word, f"such as '{kind} {sizes}x32', a size for each of the {n_axes} axes first")
        stride = re.search(r"stride (\d+)", found[3])
        n = int(stride[1]) if stride else 1
        if n < 1 or (kind == "residual" and found[3]):
            raise invalid("layers", word, f"such as '{kind} {sizes}x32'" + (" stride 2" if kind == "conv" else ""))
        return Layer(kind, size=size, n=int(found[2]), stride=n, same=kind == "residual" or " same" in found[3])
    if kind in ("max-pool", "mean-pool"):
        if not re.fullmatch(r"[1-9]\d*", rest):
            raise invalid("layers", word, f"such as '{kind} 2'")
        return Layer(kind, size=(int(rest),) * n_axes, stride=int(rest))
    if kind == "dense":
        if not re.fullmatch(r"[1-9]\d*", rest):
            raise invalid("layers", word, "such as 'dense 128'")
        return Layer(kind, n=int(rest))
    if kind == "dropout":
        if not re.fullmatch(r"0?\.\d+", rest) or not 0 < float(rest) < 1:
            raise invalid("layers", word, "such as 'dropout 0.5', a share between 0 and 1")
        return Layer(kind, rate=float(rest))
    if rest or kind not in ("norm", "relu", "global-max", "global-mean"):
        raise invalid("layers", word, f"a layer; there are {', '.join(KINDS)}")
    return Layer(kind)


def _check_order(layers: Sequence[Layer], text: str) -> None:
    n = count_trunk(layers)
    if not any(layer.kind in ("conv", "residual") for layer in layers[:n]):
        raise invalid("layers", text, "a network: it needs a convolution first, such as 'conv 3x3x32'")
    gone = False  # whether no axes are left
    for layer in layers[n:]:
        if layer.kind in LOCAL and layer.kind not in ("relu", "norm"):
            raise InputError(f"layers={text!r}: {layer.name} comes after a layer that leaves no axes. Put it before.")
        if gone and layer.kind.startswith("global"):
            raise InputError(f"layers={text!r}: {layer.name} has no axes left to pool. Put it before.")
        gone = gone or layer.kind == "dense" or layer.kind.startswith("global")
    channels: Any = None
    for layer in layers[:n]:
        if layer.kind == "residual" and channels not in (None, layer.n):
            raise InputError(
                f"layers={text!r}: {layer.name} adds {layer.n} filters to an input of {channels}; write {channels}."
            )
        if layer.kind == "residual" and channels is None:
            raise InputError(f"layers={text!r}: {layer.name} comes first, and adds to an input. Put a conv before it.")
        channels = layer.n or channels
