r"""
Gradients
=========

The :term:`gradient` at a position points to where the image rises, and is as long as the rise is steep:

.. math::
   \nabla L = (\partial_v L, \partial_u L), \qquad
   |\nabla L| = \sqrt{(\partial_u L)^2 + (\partial_v L)^2}, \qquad
   \theta = \operatorname{atan2}(\partial_v L, \partial_u L) .

Samples have no derivative, but the smoothed image has one: :math:`\partial (x * g_\sigma) = x * \partial g_\sigma`. So
a derivative is a convolution, too, with a kernel that is known exactly.
"""

import matplotlib.pyplot as plt
import numpy as np
from skimage.data import coins

from filterbank import gradient, plots

picture = coins()[10:110, 20:200] / 255
found = gradient(picture, 2)

fig, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
plots.plot_gradient(picture, found, ax=axes[0]).set(title="arrows to where it rises")
plots.plot_signal(found.magnitude, n_axes=2, ax=axes[1]).set(title="how steep: the magnitude")

# %%
# Orientations are radians from the last axis toward the one before: 0 is to the right, and :math:`\pi / 2` down, since
# rows are counted downward. On a bright disc every arrow should point to the centre. How far off are they?

rows, columns = np.indices((120, 120)) - 59.5
radius = np.hypot(rows, columns)
disc = gradient(np.clip(40.5 - radius, 0, 1), 2)  # what a camera sees: grey where the border cuts a sample
border = np.abs(radius - 40) < 2
inward = np.arctan2(-rows, -columns)
error = np.degrees(np.abs(np.angle(np.exp(1j * (disc.orientation - inward)))))[border]
print(f"mean error {error.mean():.2f} degrees, largest {error.max():.2f}")
assert error.mean() < 1
