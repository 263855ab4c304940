r"""
Sunspots
========

Sunspots come and go in about eleven years, and no cycle is quite like the last one. The counts themselves don't come
with the package, so this page makes a star of its own: cycles of 11 years on average whose lengths and heights vary,
and whose counts can't be negative. (With the counts of 1749 to 2010 at hand, ``filterbank reproduce --only sunspots``
does the real one.)
"""

import matplotlib.pyplot as plt
import numpy as np

from filterbank import decompose, plots, spectrum, synthesis

years = 264
cycles = synthesis.quasi_periodic(12 * years, 11, jitter=0.1, amplitude_jitter=0.25, rate=12, random_state=4)
rng = np.random.default_rng(0)
spots = np.clip(60 * (1 + cycles) + 15 * rng.normal(size=12 * years), 0, None)

fig, ax = plt.subplots(figsize=(10, 3), layout="constrained")
ax.plot(np.arange(12 * years) / 12, spots, lw=0.6)
ax.set(xlabel="time (years)", ylabel="spots", title="a star's spots, month by month")

# %%
# Its period, between the transform's frequencies:

found = spectrum.periods(spots, rate=12, n_periods=3)
fig, ax = plt.subplots(figsize=(10, 4), layout="constrained")
plots.plot_periods(found, ax=ax).set(xlabel="period (years)", ylabel="power / (cycles/year)")
print(found.table[["period", "share"]].round(2))
assert abs(found.periods[0] - 11) < 0.6

# %%
# A tempting thing to do is to continue the waves into the future. Whether that's worth anything is found by doing it in
# the past, from many years on, each time with nothing known but what came before. A :term:`backtest` says how much
# better than rivals that a child could use:

forecast = decompose.extrapolate(spots, 60, period=11, rate=12)
table = forecast.backtest.table.set_index("method")
print(table.round(2))

fig, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
plots.plot_forecast(forecast, n_known=600, ax=axes[0]).set(xlabel="time (years)")
plots.plot_backtest(forecast.backtest, ax=axes[1]).set(xlabel="ahead (years)")

# %%
# A rhythm that wanders isn't a clock. Waves halve the error of "it stays as it is", but they are hardly better than
# "the last cycle comes again":

skill = table["skill"]
print(skill.round(2).to_dict())
assert 0 < skill["harmonics"] - skill["seasonal naive"] < 0.2
