"""A trunk evaluated without any padding of its own, in the block's precision; for exact pools in a fixed order."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from filterbank.convnet.layers import Layer
from filterbank.convnet.network import MAX_POOL, MEAN_POOL, Network

__all__ = ["evaluate_valid", "one_thread"]

CONVOLVE = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}

_lock = threading.Lock()
_inside = {"depth": 0, "before": 1}


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute in the calling thread alone: threads come from the fold, and torch's own would spin."""
    with _lock:
        if not _inside["depth"]:
            _inside["before"] = torch.get_num_threads()
            torch.set_num_threads(1)
        _inside["depth"] += 1
    try:
        yield
    finally:
        with _lock:
            _inside["depth"] -= 1
            if not _inside["depth"]:
                torch.set_num_threads(_inside["before"])


@torch.no_grad()
def evaluate_valid(network: Network, layers: Sequence[Layer], block: np.ndarray, *, exact: bool) -> np.ndarray:
    """Return the responses after these layers at every position of a block, `(response, *positions)`.

    Parameters
    ----------
    network : Network
    layers : sequence of Layer
        Its first ones.
    block : array, (channel, *axes)
    exact : bool
        Sum tap by tap, so that a response doesn't depend, bit for bit, on what else is in the block.
    """
    place = network.centre.device
    dtype = torch.float64 if block.dtype == np.float64 else torch.float32
    x = torch.from_numpy(np.ascontiguousarray(block)).to(place, dtype)[None]
    shape = (1, -1, *[1] * network.n_axes)
    x = (x - network.centre.to(dtype).view(shape)) / network.spread.to(dtype).view(shape)
    with one_thread():
        for layer in layers:
            x = _answer(network, layer, x, exact)
        return x[0].cpu().numpy()


def _answer(network: Network, layer: Layer, x: torch.Tensor, exact: bool) -> torch.Tensor:
    if layer.kind == "relu":
        return F.relu(x)
    if layer.kind == "dropout":
        return x
    if layer.kind == "max-pool":
        return MAX_POOL[network.n_axes](x, layer.size)
    if layer.kind == "mean-pool":
        return _mean_by_taps(x, layer) if exact else MEAN_POOL[network.n_axes](x, layer.size)
    block: Any = network.blocks[layer.name]
    if layer.kind == "norm":
        return _normalised(x, block)
    convolve = _by_taps if exact else _at_once
    if layer.kind == "conv":
        return convolve(x, layer, block.weight, block.bias)
    inner = F.relu(_normalised(convolve(x, layer, block["conv"].weight, None), block["norm"]))
    inside = tuple(slice((k - 1) // 2, (k - 1) // 2 + n) for k, n in zip(layer.size, inner.shape[2:]))
    return x[(slice(None), slice(None), *inside)] + inner


def _at_once(x: torch.Tensor, layer: Layer, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    return CONVOLVE[len(layer.size)](x, weight.to(x.dtype), None if bias is None else bias.to(x.dtype), layer.stride)


def _by_taps(x: torch.Tensor, layer: Layer, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """The same sum in a fixed order: a product and an addition by themselves for each tap of each input."""
    view = (-1, *[1] * len(layer.size))
    weight = weight.to(x.dtype)
    counts = [(n - k) // layer.stride + 1 for n, k in zip(x.shape[2:], layer.size)]
    out = torch.zeros((len(weight), *counts), dtype=x.dtype, device=x.device)
    for channel in range(x.shape[1]):
        for tap in itertools.product(*map(range, layer.size)):
            inside = tuple(slice(t, t + (n - 1) * layer.stride + 1, layer.stride) for t, n in zip(tap, counts))
            product = weight[(slice(None), channel, *tap)].view(view) * x[(0, channel, *inside)]
            out = out + product
    return (out if bias is None else out + bias.to(x.dtype).view(view))[None]


def _mean_by_taps(x: torch.Tensor, layer: Layer) -> torch.Tensor:
    counts = [(n - k) // layer.stride + 1 for n, k in zip(x.shape[2:], layer.size)]
    out = torch.zeros((*x.shape[:2], *counts), dtype=x.dtype, device=x.device)
    taps = list(itertools.product(*map(range, layer.size)))
    for tap in taps:
        inside = tuple(slice(t, t + (n - 1) * layer.stride + 1, layer.stride) for t, n in zip(tap, counts))
        out = out + x[(slice(None), slice(None), *inside)]
    return out / len(taps)


def _normalised(x: torch.Tensor, norm: Any) -> torch.Tensor:
    """Batch normalisation with the running means: one product and one sum a number."""
    view = (1, -1, *[1] * (x.ndim - 2))
    scale = norm.weight.double() / torch.sqrt(norm.variance.double() + norm.eps)
    shift = norm.bias.double() - norm.mean.double() * scale
    product = x * scale.to(x.dtype).view(view)
    return product + shift.to(x.dtype).view(view)
