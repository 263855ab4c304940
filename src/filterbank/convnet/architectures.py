"""Published networks as lists of steps, with the names that their weights have where they're published."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from filterbank.errors import invalid
from filterbank.geometry import Geometry

__all__ = ["ARCHITECTURES", "Architecture", "Input", "Step", "steps_geometry", "steps_until"]


@dataclass(frozen=True)
class Step:
    """One layer of a published network, with the rectifier that follows it.

    Parameters
    ----------
    name : str
    kind : {"conv", "depthwise", "pool", "mean", "top"}
        "mean": over all positions. "top": a convolution that sees all that is left.
    n : int
        Filters.
    size, stride : int
    relu : float, optional
        What the rectifier stops at; infinity for none, None for no rectifier.
    norm : str
        The name of the batch normalisation that follows at its publisher's.
    """

    name: str
    kind: str
    n: int = 0
    size: int = 3
    stride: int = 1
    relu: float | None = math.inf
    norm: str = ""


@dataclass(frozen=True)
class Input:
    """How pixels from 0 to 1 become what a network was trained on: `(pixel * scale - mean) / spread`.

    Parameters
    ----------
    scale : float
    mean, spread : tuple of float
        Red, green, blue.
    reversed : bool
        Whether the network wants blue first.
    """

    scale: float = 1.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    spread: tuple[float, float, float] = (1.0, 1.0, 1.0)
    reversed: bool = False


@dataclass(frozen=True)
class Architecture:
    """A published network.

    Parameters
    ----------
    name : str
    n_axes : int
        Of the signals that it takes.
    steps : tuple of Step
    features : str
        The step whose mean over all positions is its usual feature vector.
    size : int
        Side of the pictures that it was trained on.
    inputs : dict of str to Input
        By the layout of its weights.
    source : str
        Who trained it on what.
    """

    name: str
    n_axes: int
    steps: tuple[Step, ...]
    features: str
    size: int
    inputs: dict[str, Input]
    source: str


def _vgg16() -> Architecture:
    steps = []
    for block, (n, count) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), 1):
        steps += [Step(f"block{block}_conv{i}", "conv", n) for i in range(1, count + 1)]
        steps.append(Step(f"block{block}_pool", "pool", size=2, stride=2, relu=None))
    steps += [Step("fc1", "top", 4096, size=7), Step("fc2", "top", 4096, size=1)]
    steps.append(Step("predictions", "top", 1000, size=1, relu=None))
    return Architecture(
        "vgg16",
        2,
        tuple(steps),
        features="block5_pool",
        size=224,
        inputs={
            "keras": Input(255.0, (123.68, 116.779, 103.939), reversed=True),
            "torch": Input(1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        },
        source="Simonyan & Zisserman 2015, trained on ImageNet",
    )


def _mobilenet() -> Architecture:
    steps = [Step("conv1", "conv", 24, stride=2, relu=6.0, norm="conv1_bn")]
    filters = (48, 96, 96, 192, 192, 384, 384, 384, 384, 384, 384, 768, 768)
    for i, n in enumerate(filters, 1):
        stride = 2 if i in (2, 4, 6, 12) else 1
        steps.append(Step(f"conv_dw_{i}", "depthwise", steps[-1].n, stride=stride, relu=6.0, norm=f"conv_dw_{i}_bn"))
        steps.append(Step(f"conv_pw_{i}", "conv", n, size=1, relu=6.0, norm=f"conv_pw_{i}_bn"))
    steps += [Step("mean", "mean", 768, relu=None), Step("conv_preds", "top", 1000, size=1, relu=None)]
    return Architecture(
        "mobilenet_v1",
        2,
        tuple(steps),
        features="conv_pw_13",
        size=224,
        inputs={"keras": Input(2.0, (1.0, 1.0, 1.0))},
        source="Howard et al. 2017, 0.75 of the filters, trained on ImageNet",
    )


def _yamnet() -> Architecture:
    steps = [Step("l01", "conv", 32, stride=2)]
    filters = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
    for i, n in enumerate(filters, 1):
        stride = 2 if i in (2, 4, 6, 12) else 1
        steps.append(Step(f"l{2 * i:02d}", "depthwise", steps[-1].n, stride=stride))
        steps.append(Step(f"l{2 * i + 1:02d}", "conv", n, size=1))
    steps += [Step("embedding", "mean", 1024, relu=None), Step("l28", "top", 521, size=1, relu=None)]
    return Architecture(
        "yamnet",
        1,
        tuple(steps),
        features="embedding",
        size=15_600,
        inputs={"keras": Input(), "dequantised": Input()},
        source="Plakal & Ellis 2019, trained on AudioSet",
    )


ARCHITECTURES = {one.name: one for one in (_vgg16(), _mobilenet(), _yamnet())}
"""The networks by name."""


def steps_until(architecture: Architecture, layer: str | None) -> tuple[Step, ...]:
    """Return the steps up to and with a layer; None: the last that answers at positions.

    Examples
    --------
    >>> [step.name for step in steps_until(ARCHITECTURES["vgg16"], "block1_pool")]
    ['block1_conv1', 'block1_conv2', 'block1_pool']
    """
    local = [step.name for step in architecture.steps if step.kind not in ("mean", "top")]
    layer = local[-1] if layer is None else layer
    names = [step.name for step in architecture.steps]
    if layer not in names:
        raise invalid("layer", layer, f"one of {', '.join(names)}")
    return architecture.steps[: names.index(layer) + 1]


def steps_geometry(steps: Sequence[Step], n_axes: int, *, pad: str | None = None) -> Geometry:
    """Return the geometry of steps without any padding of their own.

    A step of 3 samples and stride 2 sees the 2 samples after its position, as where its input has an even size.

    Examples
    --------
    >>> steps_geometry(steps_until(ARCHITECTURES["vgg16"], "block1_pool"), 2).halo[0]
    (2, 3)
    """
    geometry = Geometry(((0, 0),) * n_axes, pad=pad)
    for step in steps:
        before = (step.size - 1) // 2 if step.stride == 1 else 0
        halo = ((before, step.size - 1 - before),) * n_axes
        geometry = geometry.then(Geometry(halo, (step.stride,) * n_axes))
    return geometry
