r"""
Density
=======

Points can be smoothed like samples. Put a small Gaussian hill on each and add them up: that is a :term:`kernel density
estimate`,

.. math:: \hat{p}(u) = \frac{1}{n} \sum_{i=1}^{n} g_\Sigma(u - u_i) = (c * g_\Sigma)(u) ,

and the right-hand side says how to do it fast: count the points on a grid, :math:`c`, and convolve. Here every window
of an epidemic is one point: how high its counts are, and how much they vary.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import gaussian_kde

from filterbank import filtering, plots
from filterbank.datasets import epidemics

data = epidemics()
logs = [np.log1p(signal[0]) for signal in data.signals]
points = np.array([[x.mean(), x.std()] for x in logs])

fig, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
for ax, disease in zip(axes, np.unique(data.y)):
    mine = points[data.y == disease]
    estimate = filtering.density(mine, limits=[(4.5, 9), (0.1, 1.3)], grid=256)
    plots.plot_density(estimate, mine, names=["mean of log count", "its standard deviation"], ax=ax)
    ax.set(title=disease, xlim=(4.5, 9), ylim=(0.1, 1.3))

# %%
# Measles stands apart: its years differ. A density integrates to one, and agrees with the sum written out:

estimate = filtering.density(points, grid=256)
area = estimate.values.sum() * np.prod([axis[1] - axis[0] for axis in estimate.axes])
grid = np.array([axis.ravel() for axis in np.meshgrid(*estimate.axes, indexing="ij")])
exact = gaussian_kde(points.T)(grid).reshape(estimate.values.shape)
error = np.abs(estimate.values - exact).max() / exact.max()
print(f"integral {area:.3f}; largest difference from the written-out sum {error:.1e} of the peak")
assert abs(area - 1) < 0.01
assert error < 0.005
