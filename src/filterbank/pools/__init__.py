"""Pools: mergeable accumulators of responses, each with one finishing step."""

from filterbank.pools.base import PerResponse, Pool
from filterbank.pools.fisher import FisherVector
from filterbank.pools.joint import Joint
from filterbank.pools.moments import Moments
from filterbank.pools.proportion import Proportion
from filterbank.pools.pyramid import Pyramid
from filterbank.pools.vlad import VLAD
from filterbank.pools.words import BagOfWords

__all__ = [
    "VLAD",
    "BagOfWords",
    "FisherVector",
    "Joint",
    "Moments",
    "PerResponse",
    "Pool",
    "Proportion",
    "Pyramid",
]
