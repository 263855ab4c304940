"""A network's trunk as a bank: its responses at every position, for any pool."""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from filterbank.banks import Bank
from filterbank.convnet.classifier import ConvNetClassifier, trunk_layers
from filterbank.convnet.layers import Layer, trunk_geometry
from filterbank.errors import InputError
from filterbank.signals import SignalInfo

__all__ = ["NetworkBank"]


class NetworkBank(BaseEstimator):
    """The responses of a trained network after one of its layers.

    Parameters
    ----------
    network : ConvNetClassifier
        Fitted.
    layer : str, optional
        Its name, such as "conv2" or "relu1"; None: the last that answers at every position.
    pad : str, optional
        How signals go on beyond their true ends; see `Geometry`. None: only positions that see nothing beyond.

    Attributes
    ----------
    geometry : Geometry
        Of a prepared bank.
    note : str
        Where the network itself pads in each layer ("same", "residual"), how its own responses differ from these; else
        empty.

    Notes
    -----
    All layers are evaluated "valid", and signals are padded once, at their true ends, so that the law of blocks holds:
    a network that pads in each layer puts zeros between its layers, and its responses within the halo of an end depend
    on where the signal was cut. Everywhere else the bank's responses are the network's own.

    Responses are evaluated by torch, in the block's precision; for an exact pool tap by tap, in a fixed order, which is
    much slower.

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank import ConvNetClassifier, Moments, Representation
    >>> X = np.random.default_rng(0).normal(size=(20, 40))
    >>> network = ConvNetClassifier("conv 5x4, relu, global-max", epochs=1, random_state=0).fit(X, np.arange(20) % 2)
    >>> Representation(network.as_bank("conv1"), Moments(["mean", "std"])).fit_transform(X).shape
    (20, 8)
    """

    def __init__(self, network: ConvNetClassifier, layer: str | None = None, *, pad: str | None = None) -> None:
        self.network = network
        self.layer = layer
        self.pad = pad

    def __sklearn_clone__(self) -> Self:
        """A copy with the same trained network: cloning must not make it forget."""
        return type(self)(self.network, self.layer, pad=self.pad)

    @property
    def n_axes(self) -> int:
        """The number of axes of the signals that the network was trained on."""
        return self.network.n_axes_

    @property
    def note(self) -> str:
        """How the network's own responses differ, if it pads in each layer."""
        padded = [layer.name for layer in trunk_layers(self.network.layers_, self.layer) if layer.same]
        if not padded:
            return ""
        return (
            f"the network itself pads with zeros in {', '.join(padded)}; the bank doesn't, so responses near a "
            "signal's ends differ from the network's own, or aren't there."
        )

    def prepare(self, info: SignalInfo, rng: np.random.Generator) -> Self:
        """Return a copy with its geometry.

        Raises
        ------
        InputError
            For signals of other axes, channels or rate than the network was trained on.
        """
        network = self.network
        for name, own, theirs in (
            ("n_axes", network.n_axes_, info.n_axes),
            ("n_channels", network.n_channels_in_, info.n_channels),
            ("rate", network.rate_, info.rate),
        ):
            if own != theirs and (name != "rate" or None not in (own, theirs)):
                raise InputError(f"the signals have {name}={theirs}, and the network was trained with {name}={own}.")
        designed = copy.copy(self)
        designed._layers = trunk_layers(network.layers_, self.layer)
        designed.geometry = trunk_geometry(designed._layers, network.n_axes_, pad=self.pad)
        designed.n_channels_ = network.n_channels_in_
        return designed

    def parts(self, *, joint: bool) -> list[tuple[Bank, np.ndarray]]:
        """Return the bank itself and all of its responses: they have the same positions."""
        return [(self, np.arange(len(self.response_table())))]

    def response_table(self) -> list[dict[str, Any]]:
        """Return a row a filter of the layer; the channels are mixed, so that `channel` is missing."""
        last = self._layers[-1].name
        n = next((layer.n for layer in reversed(self._layers) if layer.n), self.n_channels_)
        return [{"response": f"{last}.{i}", "channel": 0, "kernel": f"{last}.{i}"} for i in range(n)]

    def __call__(self, block: np.ndarray, *, exact: bool = False) -> np.ndarray:
        """Return the responses to a block, (response, *positions)."""
        from filterbank.convnet.valid import evaluate_valid

        return evaluate_valid(self.network.network_, self._layers, block, exact=exact)


def filters_of(network: ConvNetClassifier, layer: str) -> tuple[Layer, np.ndarray]:
    """Return a convolution's layer and its filters, (filter, input, *size)."""
    found = [one for one in network.layers_ if one.name == layer and one.kind in ("conv", "residual")]
    if not found:
        names = [one.name for one in network.layers_ if one.kind in ("conv", "residual")]
        raise InputError(f"layer={layer!r} is not one with filters: {', '.join(names)}.")
    block = network.network_.blocks[layer]
    weights = (block["conv"] if found[0].kind == "residual" else block).weight
    return found[0], weights.detach().cpu().numpy()
