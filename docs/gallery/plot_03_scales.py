r"""
Many scales
===========

Which sigma is right? None: a series of cases has weeks, seasons and decades. :term:`Scale space <scale space>` keeps
them all, the signal smoothed by Gaussians of growing width, from every detail to the trend:

.. math:: L(n, \sigma) = (x * g_\sigma)(n), \qquad g_\sigma * g_\tau = g_{\sqrt{\sigma^2 + \tau^2}} .

The second formula is why Gaussians are the ones to take: smoothing what is smooth already leads to a scale in the same
family, and in continuous time no new bump is ever made on the way.
"""

import matplotlib.pyplot as plt
import numpy as np

from filterbank import filtering, plots, smooth
from filterbank.datasets import epidemics

measles = epidemics(n_cities=1, years=40, window=(480, 480)).signals[1][0]
sigmas = [0, 1, 3, 9, 27]  # months

_, ax = plt.subplots(figsize=(9, 5), layout="constrained")
plots.plot_scale_space(measles, sigmas, rate=12, ax=ax)
ax.set(xlabel="time (years)", ylabel="cases of measles a month")

# %%
# Count the bumps: the month-to-month noise goes first, then the seasons, then the epidemics of every second year.

stack = filtering.scale_space(measles, sigmas)
bumps = [int(((x[1:-1] > x[:-2]) & (x[1:-1] > x[2:])).sum()) for x in stack]
print(dict(zip(sigmas, bumps)))
assert bumps == sorted(bumps, reverse=True)
assert abs(bumps[2] - 20) <= 2  # at three months: one bump in two years, forty years long

# %%
# And 3 after 4 is 5, as the formula says, up to the kernel's cut at four sigma:

error = np.abs(smooth(smooth(measles, 3), 4) - smooth(measles, 5)).max() / np.ptp(measles)
print(f"largest difference: {error:.0e} of the range")
assert error < 1e-3
