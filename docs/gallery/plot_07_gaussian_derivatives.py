r"""
Gaussian derivatives
====================

Value, slope, curvature: the derivatives of the smoothed signal say what it looks like near a position, as a Taylor
series does. Their kernels are the Gaussian times Hermite polynomials,

.. math::
   \partial^m g_\sigma(u) = \left(\tfrac{-1}{\sigma}\right)^m \mathrm{He}_m\!\left(\tfrac{u}{\sigma}\right)
   g_\sigma(u) ,

and together they make a :term:`bank`: several filters that answer at every position at once, with a vector of
:term:`responses <response>`. Multiplied by :math:`\sigma^m`, responses of different scales can be compared.
"""

import matplotlib.pyplot as plt
import numpy as np
from skimage.data import coins

from filterbank import GaussianBank, Moments, Representation, derivative, plots, respond

picture = coins()[10:110, 20:200] / 255
series = Representation(GaussianBank(sigmas=[8], orders=[0, 1, 2, 3]), Moments()).fit([picture[0]])
bank = GaussianBank(2, sigmas=[4], orders=[(0, 0), (0, 1), (1, 0), (0, 2), (1, 1), (2, 0)])
images = Representation(bank, Moments()).fit([picture])

fig, axes = plt.subplots(2, 1, figsize=(9, 5.6), layout="constrained", height_ratios=[1.6, 1])
plots.plot_kernels(series.bank_, ax=axes[0]).set(title="one axis, orders 0 to 3")
plots.plot_kernels(images.bank_, ax=axes[1]).set(title="two axes, up to order 2")

# %%
# What the six filters say of coins, each at every position:

responses, _ = respond(bank, picture)
fig, axes = plt.subplots(2, 3, figsize=(11, 4.4), layout="constrained")
for ax, response, row in zip(axes.ravel(), responses, bank.orders):
    shown = response - response.mean()
    ax.imshow(shown, cmap="RdBu_r", vmin=-np.abs(shown).max(), vmax=np.abs(shown).max())
    ax.set(title=f"derivatives down, across: {row}", xticks=[], yticks=[])

# %%
# Sampled kernels can be made exact for polynomials. The slope of :math:`n^2` is :math:`2 n`, to rounding, away from the
# ends:

n = np.arange(200.0)
error = np.abs(derivative(n**2, 4) - 2 * n)[20:-20].max()
print(f"largest error {error:.0e}")
assert error < 1e-9
