"""A series as trend, season and rest; the rest's outliers; and what comes next, with how good that was before."""

from filterbank.decompose.forecast import Backtest, Forecast, backtest, extrapolate
from filterbank.decompose.parts import Decomposition, Outliers, decompose, outliers

__all__ = ["Backtest", "Decomposition", "Forecast", "Outliers", "backtest", "decompose", "extrapolate", "outliers"]
