"""Compiled loops: arrays in, arrays out."""

from filterbank.kernels.convolve import (
    convolve_direct,
    convolve_fft,
    fft_cost,
    fft_is_cheaper,
    fft_shape,
    spectra,
)
from filterbank.kernels.direct_pool import direct_pool
from filterbank.kernels.factors import flops, volume_flops
from filterbank.kernels.fft_pool import fft_pool, fft_window_pool
from filterbank.kernels.secular import left_out_energies
from filterbank.kernels.separable_pool import separable_pool
from filterbank.kernels.torch_pool import all_finite, find_device, torch_pool
from filterbank.kernels.volume_pool import volume_pool, volume_responses
from filterbank.kernels.words import add_by_word

__all__ = [
    "add_by_word",
    "all_finite",
    "convolve_direct",
    "convolve_fft",
    "direct_pool",
    "fft_cost",
    "fft_is_cheaper",
    "fft_pool",
    "fft_shape",
    "fft_window_pool",
    "find_device",
    "flops",
    "left_out_energies",
    "separable_pool",
    "spectra",
    "torch_pool",
    "volume_flops",
    "volume_pool",
    "volume_responses",
]
