"""Parameters -> kernels: NumPy arrays made of numbers alone. Nothing here knows a sampling rate."""

from filterbank.design.gabor import direction, gabor
from filterbank.design.gaussian import gaussian, gaussian_orders, hermite_gaussian
from filterbank.design.mel import cosines, hertz_of_mel, mel_centres, mel_filters, mel_of_hertz

__all__ = [
    "cosines",
    "direction",
    "gabor",
    "gaussian",
    "gaussian_orders",
    "hermite_gaussian",
    "hertz_of_mel",
    "mel_centres",
    "mel_filters",
    "mel_of_hertz",
]
