"""Parameters -> kernels: NumPy arrays made of numbers alone. Nothing here knows a sampling rate that isn't passed."""

from filterbank.design.bands import band_limits, band_slices, band_weights
from filterbank.design.cells import cell_windows, even_directions
from filterbank.design.gabor import direction, gabor
from filterbank.design.gammatone import erb, erb_centres, gammatone
from filterbank.design.gaussian import gaussian, gaussian_orders, hermite_gaussian
from filterbank.design.mel import cosines, deltas, hertz_of_mel, mel_centres, mel_filters, mel_of_hertz
from filterbank.design.patterns import pattern_kernels
from filterbank.design.scattering import morlet, scattering_wavelets

__all__ = [
    "band_limits",
    "band_slices",
    "band_weights",
    "cell_windows",
    "cosines",
    "deltas",
    "direction",
    "erb",
    "erb_centres",
    "even_directions",
    "gabor",
    "gammatone",
    "gaussian",
    "gaussian_orders",
    "hermite_gaussian",
    "hertz_of_mel",
    "mel_centres",
    "mel_filters",
    "mel_of_hertz",
    "morlet",
    "pattern_kernels",
    "scattering_wavelets",
]
