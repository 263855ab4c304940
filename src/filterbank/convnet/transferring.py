"""A trained trunk, frozen, with new dense layers for other classes."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from filterbank.convnet.layers import Layer, count_trunk
from filterbank.errors import InputError
from filterbank.signals import Signals

__all__ = ["transfer"]


def transfer(source: Any, signals: Signals, labels: np.ndarray, epochs: int | None) -> Any:
    """Return a fitted copy of a classifier with new dense layers for these signals' classes; the trunk stays as it is.

    The trunk's responses are computed once, which is where time is saved.

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
    n_epochs = int(source._option("epochs")) if epochs is None else epochs
    seed = made._seed()
    started = time.perf_counter()
    with made._training(seed):
        made.network_ = made._new_network()
        kept = {name: value for name, value in source.network_.state_dict().items() if _in_trunk(source, name)}
        made.network_.load_state_dict(kept, strict=False)
        seen = torch.from_numpy(_pooled(made, signals))
        rows = _train_head(made, seen, torch.from_numpy(coded), n_epochs, seed, started)
    made._rows = rows
    made.network_.eval()
    made.__dict__.pop("_loop", None)
    made.n_weights_ = sum(p.numel() for p in made.network_.parameters())
    return made


def _in_trunk(source: Any, name: str) -> bool:
    trunk = {layer.name for layer in source.layers_[: count_trunk(source.layers_)]}
    return name in ("centre", "spread") or (name.startswith("blocks.") and name.split(".")[1] in trunk)


def _first_dense(layers: Sequence[Layer]) -> int:
    """Where the dense layers begin."""
    return next((i for i, layer in enumerate(layers) if layer.kind == "dense"), len(layers))


def _pooled(made: Any, signals: Signals) -> np.ndarray:
    """What the first dense layer sees of each signal, (signal, number)."""
    layers = made.network_.layers
    dense = _first_dense(layers)
    full, made.network_.layers = layers, layers[:dense]
    try:
        return made._evaluate(signals, of="head")
    finally:
        made.network_.layers = full


def _train_head(
    made: Any, seen: torch.Tensor, y: torch.Tensor, epochs: int, seed: int, started: float
) -> list[dict[str, float]]:
    network = made.network_
    layers = network.layers
    dense = _first_dense(layers)
    trained = [network.classes, *(network.blocks[one.name] for one in layers[dense:] if one.name in network.blocks)]
    parameters = [p for module in trained for p in module.parameters()]
    optimiser = torch.optim.AdamW(
        parameters, lr=float(made._option("learning_rate")), weight_decay=float(made._option("weight_decay")), eps=1e-7
    )
    rng = np.random.default_rng(seed)
    size = int(made._option("batch_size"))
    seen, y = seen.to(network.centre.device), y.to(network.centre.device)
    rows = []
    for epoch in range(epochs):
        loss_sum = right = 0.0
        network.train()
        for index in np.array_split(rng.permutation(len(y)), max(1, math.ceil(len(y) / size))):
            x, labels = seen[index], y[index]
            for layer in layers[dense:]:
                x = network._answer(layer, x, None)
            logits = network.classes(x)
            loss = F.cross_entropy(logits, labels, label_smoothing=float(made._option("label_smoothing")))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            loss_sum += float(loss.detach()) * len(index)
            right += float((logits.detach().argmax(1) == labels).sum())
        row = {"epoch": epoch + 1, "loss": loss_sum / len(y), "accuracy": right / len(y)}
        rows.append(row | {"seconds": time.perf_counter() - started})
        started = time.perf_counter()
    return rows
