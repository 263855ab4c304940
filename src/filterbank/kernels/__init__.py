"""Compiled loops: arrays in, arrays out."""

from filterbank.kernels.convolve import convolve_direct, convolve_fft, fft_is_cheaper, fft_shape, spectra
from filterbank.kernels.direct_pool import direct_pool

__all__ = ["convolve_direct", "convolve_fft", "direct_pool", "fft_is_cheaper", "fft_shape", "spectra"]
