"""A trained trunk, frozen, with new dense layers for other classes."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from filterbank.convnet.layers import Layer, count_trunk
from filterbank.convnet.network import Network
from filterbank.convnet.training import Batches, chunk_size, train_epoch
from filterbank.errors import InputError, invalid
from filterbank.kernels import find_device
from filterbank.signals import Signals

__all__ = ["transfer"]

KEPT = 1 << 30  # bytes of a trunk's responses that are kept from epoch to epoch


def transfer(source: Any, signals: Signals, labels: np.ndarray, epochs: int | None) -> Any:
    """Return a fitted copy of a classifier with new dense layers for these signals' classes; the trunk stays as it is.

    The trunk's responses are computed once, in the precision of training, and kept where they fit in 1 GiB.

    Parameters
    ----------
    source : ConvNetClassifier
        Fitted; left as it is.
    signals : Signals
    labels : array, (signal,)
    epochs : int, optional
    """
    made = copy.copy(source)
    made.classes_, coded = np.unique(labels, return_inverse=True)
    if len(made.classes_) < 2:
        raise InputError(f"y has one class only, {made.classes_[0]!r}; a classifier needs at least 2 classes.")
    if epochs is not None and not (isinstance(epochs, (int, np.integer)) and epochs >= 1):
        raise invalid("epochs", epochs, "a positive whole number")
    device = find_device(made.device)
    n_epochs = made._epochs(len(signals)) if epochs is None else epochs
    seed = made._seed()
    with made._training(seed):
        made.network_ = made._new_network()
        kept = {name: value for name, value in source.network_.state_dict().items() if _in_trunk(source, name)}
        made.network_.load_state_dict(kept, strict=False)
        head = Head(made.network_)
        loop = made._new_loop(head, len(signals), seed, {}, epochs=n_epochs)
        batch_size = made._batch_size(len(signals))
        seen = Seen(made.network_, Batches(signals, device), loop.bfloat16, batch_size, keep=n_epochs > 1)
        y = torch.from_numpy(coded).to(device)
        made._rows = []
        for epoch in range(n_epochs):
            started = time.perf_counter()
            loss, accuracy = train_epoch(head, seen, y, loop, batch_size=batch_size, chunk=batch_size)
            row = {"epoch": epoch + 1, "loss": loss, "accuracy": accuracy}
            made._rows.append(row | {"seconds": time.perf_counter() - started})
            made._say(made._rows[-1], n_epochs)
    made.network_.eval()
    made.__dict__.pop("_loop", None)
    made.n_weights_ = sum(p.numel() for p in made.network_.parameters())
    return made


class Head(nn.Module):
    """The layers of a network that are trained on what the frozen ones answer.

    Parameters
    ----------
    network : Network
        Its weights are shared, not copied.
    """

    memory_format = torch.contiguous_format

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.layers = network.layers[n_frozen(network.layers) :]
        self.blocks = nn.ModuleDict(
            {one.name: network.blocks[one.name] for one in self.layers if one.name in network.blocks}
        )
        self.classes = network.classes
        self._answer = network._answer

    def forward(self, x: torch.Tensor, sizes: None = None) -> torch.Tensor:
        """Return the logits of what the frozen layers answered, (signal, number)."""
        for layer in self.layers:
            drops = layer.kind == "dropout"
            x = F.dropout(x, layer.rate, self.training) if drops else self._answer(layer, x, None)
        return self.classes(x)


class Seen:
    """Batches of what a network's frozen layers answer: computed once where that is kept, else each time.

    Parameters
    ----------
    network : Network
    batches : Batches
    bfloat16 : bool
    batch_size : int
    keep : bool
        Whether they'll be asked for again.
    """

    def __init__(self, network: Network, batches: Batches, bfloat16: bool, batch_size: int, *, keep: bool) -> None:
        self.network, self.batches, self.bfloat16 = network.eval(), batches, bfloat16
        self.device, self.order = batches.device, batches.order
        self.chunk = chunk_size(network, batches.shapes, batch_size)
        self.held: torch.Tensor | None = None
        self.known = np.zeros(len(batches), dtype=bool)
        self.keep = keep

    def __len__(self) -> int:
        return len(self.batches)

    def take(self, index: np.ndarray) -> tuple[torch.Tensor, None]:
        """Return what the first dense layer sees of some signals, (signal, number)."""
        at = torch.from_numpy(index).to(self.device)
        if self.held is not None and self.known[index].all():
            return self.held[at], None
        found = torch.cat([self._answers(piece) for piece in np.array_split(index, math.ceil(len(index) / self.chunk))])
        if self.keep and self.held is None:
            size = len(self) * found[0].numel() * found.element_size()
            self.keep = size <= KEPT
            self.held = found.new_empty((len(self), *found.shape[1:])) if self.keep else None
        if self.held is not None:
            self.held[at] = found
            self.known[index] = True
        return found, None

    @torch.no_grad()
    def _answers(self, index: np.ndarray) -> torch.Tensor:
        x, sizes = self.batches.take(index)
        x = x.contiguous(memory_format=self.network.memory_format)
        with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=self.bfloat16):
            x, sizes = self.network.trunk(x, sizes)
            return self.network.head(x, sizes, until=n_frozen(self.network.layers))


def n_frozen(layers: Sequence[Layer]) -> int:
    """Return how many layers stay as they are: those that answer at every position, and a global pooling of them."""
    n = max([count_trunk(layers), *(i + 1 for i, one in enumerate(layers) if one.kind.startswith("global"))])
    while layers[n - 1].kind == "dropout":  # it goes on leaving out what the dense layers see
        n -= 1
    return n


def _in_trunk(source: Any, name: str) -> bool:
    trunk = {layer.name for layer in source.layers_[: count_trunk(source.layers_)]}
    return name in ("centre", "spread") or (name.startswith("blocks.") and name.split(".")[1] in trunk)
