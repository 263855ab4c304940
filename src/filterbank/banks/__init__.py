"""Banks: ordered sets of filters that answer at every position of a block with a vector of responses."""

from filterbank.banks.at_rate import AtRate
from filterbank.banks.bands import BandBank
from filterbank.banks.base import Bank, LinearBank
from filterbank.banks.chain import Chain, with_deltas
from filterbank.banks.daisy import DaisyBank
from filterbank.banks.descriptors import HogBank, SiftBank
from filterbank.banks.filters import FilterBank
from filterbank.banks.gabor import GaborBank
from filterbank.banks.gammatone import GammatoneBank
from filterbank.banks.gaussian import GaussianBank
from filterbank.banks.haar import HaarSumsBank
from filterbank.banks.jets import JetBank
from filterbank.banks.mel import MelBank
from filterbank.banks.multiscale import MultiScaleBank
from filterbank.banks.pitch import PitchBank
from filterbank.banks.rotation import RotationPooledBank
from filterbank.banks.scattering import ScatteringBank
from filterbank.banks.spectral import SpectralShapeBank
from filterbank.banks.windowed import WindowedBank

__all__ = [
    "AtRate",
    "BandBank",
    "Bank",
    "Chain",
    "DaisyBank",
    "FilterBank",
    "GaborBank",
    "GammatoneBank",
    "GaussianBank",
    "HaarSumsBank",
    "HogBank",
    "JetBank",
    "LinearBank",
    "MelBank",
    "MultiScaleBank",
    "PitchBank",
    "RotationPooledBank",
    "ScatteringBank",
    "SiftBank",
    "SpectralShapeBank",
    "WindowedBank",
    "with_deltas",
]
