"""Banks: ordered sets of filters that answer at every position of a block with a vector of responses."""

from filterbank.banks.base import Bank, LinearBank
from filterbank.banks.descriptors import HogBank, SiftBank
from filterbank.banks.filters import FilterBank
from filterbank.banks.gabor import GaborBank
from filterbank.banks.gaussian import GaussianBank
from filterbank.banks.mel import MelBank
from filterbank.banks.windowed import WindowedBank

__all__ = [
    "Bank",
    "FilterBank",
    "GaborBank",
    "GaussianBank",
    "HogBank",
    "LinearBank",
    "MelBank",
    "SiftBank",
    "WindowedBank",
]
