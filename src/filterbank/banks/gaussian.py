"""Gaussian smoothing and Gaussian derivatives at several scales."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from filterbank.banks.base import LinearBank
from filterbank.design import gaussian, gaussian_orders
from filterbank.errors import invalid
from filterbank.signals import SignalInfo

__all__ = ["GaussianBank"]


class GaussianBank(LinearBank):
    """Gaussians and their partial derivatives of any order, at several scales, in one, two or three dimensions.

    Parameters
    ----------
    n_axes : {1, 2, 3}
    sigmas : sequence of float
        Standard deviations in samples.
    orders : sequence of int or of tuple
        A number stands for all partial derivatives of that total order; a tuple gives the order along each axis.
    scale_normalized : bool
        Multiply each derivative by `sigma ** order`, so that responses at different scales compare
        (Lindeberg, Int. J. Computer Vision 30(2), 1998). Not used with `norm`.
    norm : {"l1", "l2"}, optional
        "l1": the moduli of each kernel's weights sum to 1, so that no response is larger than the largest sample.
        "l2": their squares do, so that white noise of variance 1 answers with mean power 1. In either case derivatives
        have zero mean exactly, which sampled and cut ones have only nearly. None: derivatives as they are.
    truncate : float
        Where kernels end, in sigmas.
    pad : {"reflect", "symmetric", "edge", "wrap", "zero"}, optional

    Notes
    -----
    The kernels are those of `scipy.ndimage.gaussian_filter`, whose `mode="mirror"` is `pad="reflect"` here.

    Examples
    --------
    >>> import numpy as np
    >>> from filterbank import GaussianBank, Moments, Representation
    >>> bank = GaussianBank(n_axes=2, sigmas=[1, 2], orders=[1])
    >>> representation = Representation(bank, Moments(["std"])).fit(np.zeros((1, 16, 16)))
    >>> list(representation.get_feature_names_out())[:2]
    ['gaussian[sigma=1,order=01].std', 'gaussian[sigma=1,order=10].std']
    """

    def __init__(
        self,
        n_axes: int = 1,
        *,
        sigmas: Sequence[float] = (1.0, 2.0, 4.0),
        orders: Sequence[int | tuple[int, ...]] = (0, 1, 2),
        scale_normalized: bool = True,
        norm: str | None = None,
        truncate: float = 4.0,
        pad: str | None = "reflect",
    ) -> None:
        self.n_axes = n_axes
        self.sigmas = sigmas
        self.orders = orders
        self.scale_normalized = scale_normalized
        self.norm = norm
        self.truncate = truncate
        self.pad = pad

    readout = "real"

    def _design(self, info: SignalInfo) -> tuple[list[np.ndarray], list[dict[str, Any]]]:
        if self.n_axes not in (1, 2, 3):
            raise invalid("n_axes", self.n_axes, "1, 2 or 3")
        if self.norm not in ("l1", "l2", None):
            raise invalid("norm", self.norm, "'l1', 'l2' or None")
        for name in ("sigmas", "orders"):
            if not len(getattr(self, name)):
                raise invalid(name, getattr(self, name), "a sequence of at least one")
        kernels, rows = [], []
        for sigma in self.sigmas:
            for orders in self._orders():
                kernel = gaussian(sigma, orders, truncate=self.truncate)
                if self.norm is not None:
                    kernel = _of_norm(kernel if not sum(orders) else kernel - kernel.mean(), self.norm)
                elif self.scale_normalized:
                    kernel = kernel * float(sigma) ** sum(orders)
                kernels.append(kernel)
                label = "".join(map(str, orders))
                rows.append(
                    {"kernel": f"gaussian[sigma={sigma:g},order={label}]", "sigma": float(sigma), "order": label}
                )
        return kernels, rows

    def _orders(self) -> list[tuple[int, ...]]:
        out: list[tuple[int, ...]] = []
        for order in self.orders:
            if isinstance(order, (int, np.integer)):
                if order < 0:
                    raise invalid("orders", self.orders, "whole numbers, 0 or more")
                out += gaussian_orders(int(order), self.n_axes)
            elif len(order) == self.n_axes:
                out.append(tuple(int(o) for o in order))
            else:
                raise invalid("orders", self.orders, f"whole numbers, or tuples of {self.n_axes}, one order an axis")
        return out


def _of_norm(kernel: np.ndarray, norm: str) -> np.ndarray:
    return kernel / (np.abs(kernel).sum() if norm == "l1" else np.sqrt((kernel**2).sum()))
