"""Compiled loops: arrays in, arrays out."""

from filterbank.kernels.convolve import convolve_direct, convolve_fft, fft_is_cheaper, fft_shape, spectra

__all__ = ["convolve_direct", "convolve_fft", "fft_is_cheaper", "fft_shape", "spectra"]
