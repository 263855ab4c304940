r"""
Convolution and smoothing
=========================

To smooth is to replace each sample by a weighted mean of its neighbours. The weights are the :term:`kernel` :math:`k`,
and sliding it along the signal is :term:`convolution`:

.. math:: (x * k)(n) = \sum_j k(j) \, x(n - j) .

A kernel whose weights are all equal is a moving average. A Gaussian weighs near neighbours more, and has no corners.
"""

import matplotlib.pyplot as plt
import numpy as np

from filterbank import convolve, filtering, plots, smooth

rng = np.random.default_rng(0)
t = np.arange(300)
clean = np.sin(2 * np.pi * t / 100) + (t > 200)
noisy = clean + 0.4 * rng.normal(size=300)

box = np.ones(21) / 21
gauss = filtering.gaussian_kernel(6)
averaged = convolve(noisy, box, pad="symmetric")
smoothed = smooth(noisy, 6)  # the same as convolving with gauss
assert np.allclose(smoothed, convolve(noisy, gauss, pad="symmetric"))

# %%
# At its ends the signal has to go on somehow. ``pad="symmetric"`` mirrors it, which invents no step.

fig, axes = plt.subplots(2, 2, figsize=(10, 5), layout="constrained", width_ratios=[1, 2.4])
for row, (kernel, result, name) in enumerate(((box, averaged, "moving average"), (gauss, smoothed, "Gaussian"))):
    plots.plot_kernel(kernel, ax=axes[row, 0]).set(title=name)
    axes[row, 1].plot(t, noisy, ".", color="0.7", label="noisy")
    axes[row, 1].plot(t, clean, "--", color="k", label="what was there")
    axes[row, 1].plot(t, result, color="#0072B2", label=name)
    axes[row, 1].legend(loc="upper left")
axes[1, 1].set_xlabel("sample")

# %%
# How much quieter does the noise become? Independent errors add in squares, so its standard deviation is multiplied by
# :math:`\sqrt{\sum_j k(j)^2}`, which for a Gaussian is :math:`1 / \sqrt{2 \sigma \sqrt{\pi}}`: 0.217 for 6 samples. On
# a million samples of noise that's what is left:

left = smooth(rng.normal(size=1_000_000), 6).std()
print(f"expected {1 / np.sqrt(2 * 6 * np.sqrt(np.pi)):.3f}, found {left:.3f}")
assert abs(left - 1 / np.sqrt(2 * 6 * np.sqrt(np.pi))) < 0.003
