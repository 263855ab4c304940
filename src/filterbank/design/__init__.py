"""Parameters -> kernels: NumPy arrays made of numbers alone. Nothing here knows a sampling rate."""

from filterbank.design.gabor import direction, gabor
from filterbank.design.gaussian import gaussian, gaussian_orders, hermite_gaussian

__all__ = ["direction", "gabor", "gaussian", "gaussian_orders", "hermite_gaussian"]
