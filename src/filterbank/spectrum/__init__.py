"""Spectra of signals: transforms with honest units, power in bands, Fourier's ideas on numbers, and periods."""

from filterbank.spectrum.cross import Coherence, CrossSpectrum, coherence, cross_spectrum
from filterbank.spectrum.fourier import (
    Compressed,
    ConvolutionTheorem,
    FourierSeries,
    convolution_theorem,
    fourier_compress,
    fourier_series,
)
from filterbank.spectrum.peaks import Periods, periods
from filterbank.spectrum.power import Spectrogram, band_power, periodogram, spectrogram, welch
from filterbank.spectrum.transform import CentredSpectrum, Spectrum, dft

__all__ = [
    "CentredSpectrum",
    "Coherence",
    "Compressed",
    "ConvolutionTheorem",
    "CrossSpectrum",
    "FourierSeries",
    "Periods",
    "Spectrogram",
    "Spectrum",
    "band_power",
    "coherence",
    "convolution_theorem",
    "cross_spectrum",
    "dft",
    "fourier_compress",
    "fourier_series",
    "periodogram",
    "periods",
    "spectrogram",
    "welch",
]
