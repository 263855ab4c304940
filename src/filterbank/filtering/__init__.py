"""Signal in, signal out: convolve, smooth, differentiate, find edges, estimate densities, filter bands, denoise."""

from filterbank.filtering.bands import bandpass, highpass, lowpass
from filterbank.filtering.convolution import convolve
from filterbank.filtering.densities import Density, density
from filterbank.filtering.gradients import Gradient, edges, gradient, sobel
from filterbank.filtering.noise import denoise, noise_level
from filterbank.filtering.smoothing import derivative, gaussian_kernel, scale_space, smooth

__all__ = [
    "Density",
    "Gradient",
    "bandpass",
    "convolve",
    "denoise",
    "density",
    "derivative",
    "edges",
    "gaussian_kernel",
    "gradient",
    "highpass",
    "lowpass",
    "noise_level",
    "scale_space",
    "smooth",
    "sobel",
]
