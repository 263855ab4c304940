"""A network in torch: made from its layers, for signals of one size or, with masks, of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import nn
from torch.nn import functional as F

from filterbank.convnet.layers import Layer, count_trunk, output_size

__all__ = ["Network", "valid_mask"]

CONV = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
MEAN_POOL = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}


class Network(nn.Module):
    """Layers in a row, then a dense layer to the classes.

    Parameters
    ----------
    layers : sequence of Layer
    n_axes : int
    n_channels : int
        Of the input.
    n_classes : int
    flat : int, optional
        Numbers that reach the first dense layer from a trunk that isn't pooled globally.
    """

    def __init__(
        self, layers: Sequence[Layer], *, n_axes: int, n_channels: int, n_classes: int, flat: int | None = None
    ) -> None:
        super().__init__()
        self.layers = list(layers)
        self.n_axes = n_axes
        self.blocks = nn.ModuleDict()
        self.register_buffer("centre", torch.zeros(n_channels))
        self.register_buffer("spread", torch.ones(n_channels))
        n = n_channels
        in_trunk = count_trunk(layers)
        n_flat = None if any(layer.kind.startswith("global") for layer in layers) else flat
        for i, layer in enumerate(layers):
            if i == in_trunk and n_flat is not None:
                n = n_flat
            if layer.kind == "conv":
                self.blocks[layer.name] = CONV[n_axes](
                    n, layer.n, layer.size, stride=layer.stride, padding=around(layer) if layer.same else 0
                )
                n = layer.n
            elif layer.kind == "residual":
                conv = CONV[n_axes](n, layer.n, layer.size, bias=False, padding=around(layer))
                self.blocks[layer.name] = nn.ModuleDict({"conv": conv, "norm": MaskedNorm(layer.n)})
            elif layer.kind == "norm":
                self.blocks[layer.name] = MaskedNorm(n)
            elif layer.kind == "dense":
                self.blocks[layer.name] = nn.Linear(n, layer.n)
                n = layer.n
        if in_trunk == len(layers) and n_flat is not None:
            n = n_flat
        self.classes = nn.Linear(n, n_classes)

    def begin_as_glorot(self) -> None:
        """Draw the weights uniformly, as wide as Glorot & Bengio 2010 (eq. 16) say, and set biases to 0."""
        for module in self.modules():
            if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def arranged(self) -> Self:
        """Lay the filters out with the channels last, which is quicker for images and volumes; return the network."""
        return self if self.n_axes == 1 else self.to(memory_format=self.memory_format)

    @property
    def memory_format(self) -> Any:
        """How signals are best laid out in memory."""
        return {2: torch.channels_last, 3: torch.channels_last_3d}.get(self.n_axes, torch.contiguous_format)

    def forward(self, x: torch.Tensor, sizes: torch.Tensor | None = None) -> torch.Tensor:
        """Return the logits, (signal, class), of `(signal, channel, *axes)`.

        `sizes`, (signal, axis), are the true sizes of signals that were filled up with zeros.
        """
        return self.classes(self.head(*self.trunk(x, sizes)))

    def trunk(self, x: torch.Tensor, sizes: torch.Tensor | None = None, *, until: int | None = None) -> Any:
        """Return the responses after the first layers, (signal, response, *positions), and their true sizes."""
        shape = (1, -1, *[1] * self.n_axes)
        x = (x - self.centre.view(shape)) / self.spread.view(shape)
        mask = None if sizes is None else valid_mask(sizes, x.shape[2:])
        x = x if mask is None else x * mask
        for layer in self.layers[: count_trunk(self.layers) if until is None else until]:
            x = self._answer(layer, x, mask)
            if sizes is not None and layer.size:
                sizes = torch.stack([output_size(layer, sizes[:, axis], k) for axis, k in enumerate(layer.size)], 1)
                mask = valid_mask(sizes, x.shape[2:])
            x = x if mask is None else x * mask
        return x, sizes

    def head(self, x: torch.Tensor, sizes: torch.Tensor | None = None, *, until: int | None = None) -> torch.Tensor:
        """Return what the last dense layer sees, (signal, number), or what comes out of the first so many layers."""
        for layer in self.layers[count_trunk(self.layers) : until]:
            if layer.kind.startswith("global"):
                x = global_pool(layer.kind, x, sizes)
            else:
                x = self._answer(layer, x.movedim(1, -1).flatten(1), None)
        return x.movedim(1, -1).flatten(1)  # in the order of memory: nothing is copied

    def _answer(self, layer: Layer, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        kind = layer.kind
        if kind == "relu":
            return F.relu(x)
        if kind == "dropout":
            return F.dropout(x, layer.rate, self.training)
        if kind == "max-pool":
            return MAX_POOL[self.n_axes](x, layer.size)
        if kind == "mean-pool":
            return MEAN_POOL[self.n_axes](x, layer.size)
        block = self.blocks[layer.name]
        if kind == "norm":
            return block(x, mask)
        if kind == "dense":
            return block(x)
        if kind == "conv":
            return block(same_padded(x, layer))
        inner = block["conv"](same_padded(x, layer))
        return x + F.relu(block["norm"](inner, mask))


class MaskedNorm(nn.Module):
    """Batch normalisation over the positions that lie inside the signals."""

    def __init__(self, n: int, *, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n))
        self.bias = nn.Parameter(torch.zeros(n))
        self.register_buffer("mean", torch.zeros(n))
        self.register_buffer("variance", torch.ones(n))
        self.momentum, self.eps = momentum, eps

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Normalise by the batch's mean and variance in training, by their running means otherwise."""
        if mask is None or not self.training:
            return F.batch_norm(
                x, self.mean, self.variance, self.weight, self.bias, self.training, self.momentum, self.eps
            )
        axes = (0, *range(2, x.ndim))
        shape = (1, -1, *[1] * (x.ndim - 2))
        values = x.float()
        count = mask.expand(len(x), 1, *x.shape[2:]).sum()
        mean = (values * mask).sum(axes) / count
        variance = ((values - mean.view(shape)).square() * mask).sum(axes) / count
        with torch.no_grad():
            self.mean.lerp_(mean, self.momentum)
            self.variance.lerp_(variance * count / (count - 1).clamp(min=1), self.momentum)
        scale = self.weight / torch.sqrt(variance + self.eps)
        return (values * scale.view(shape) + (self.bias - mean * scale).view(shape)).to(x.dtype)


def around(layer: Layer) -> tuple[int, ...]:
    """Return the zeros on either side of each axis that let a filter answer at every sample."""
    return tuple((k - 1) // 2 for k in layer.size)


def same_padded(x: torch.Tensor, layer: Layer) -> torch.Tensor:
    """Put one more zero after, where a filter of even size needs it; the convolution pads the rest."""
    if not layer.same or all(k % 2 for k in layer.size):
        return x
    pad: list[int] = []
    for k in reversed(layer.size):
        pad += [0, 1 - k % 2]
    return F.pad(x, pad)


def valid_mask(sizes: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Return 1 inside of each signal and 0 outside, (signal, 1, *axes)."""
    mask = torch.ones((len(sizes), 1, *shape), device=sizes.device)
    for axis, n in enumerate(shape):
        inside = torch.arange(n, device=sizes.device)[None] < sizes[:, axis, None]
        view = [len(sizes), 1, *[1] * len(shape)]
        view[2 + axis] = n
        mask = mask * inside.view(view)
    return mask


def global_pool(kind: str, x: torch.Tensor, sizes: torch.Tensor | None) -> torch.Tensor:
    """Return the maximum or the mean over the positions inside of each signal."""
    axes = tuple(range(2, x.ndim))
    if sizes is None:  # the gradient of a pooling over everything costs a tenth of that of `amax`
        return MAX_POOL[len(axes)](x, x.shape[2:]).flatten(1) if kind == "global-max" else x.mean(axes)
    mask = valid_mask(sizes, x.shape[2:])
    if kind == "global-max":
        return x.masked_fill(mask == 0, -torch.inf).amax(axes)
    return (x * mask).sum(axes) / mask.sum(axes)
