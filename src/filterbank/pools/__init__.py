"""Pools: mergeable accumulators of responses, each with one finishing step."""

from filterbank.pools.base import PerResponse, Pool
from filterbank.pools.moments import Moments
from filterbank.pools.proportion import Proportion

__all__ = ["Moments", "PerResponse", "Pool", "Proportion"]
