r"""
Two dimensions and edges
========================

A Gaussian in two dimensions is the product of one across and one down, so that an image is smoothed in two passes,

.. math:: g_\sigma(u, v) = g_\sigma(u) \, g_\sigma(v) ,

with :math:`2 (8 \sigma + 1)` products a sample where the plain sum needs :math:`(8 \sigma + 1)^2`. An :term:`edge` is
where the smoothed image is steepest: on the ridge of its slope. Sigma says what is too small to be one.
"""

import matplotlib.pyplot as plt
import numpy as np
from skimage.data import camera

from filterbank import edges, plots, smooth

photograph = camera()[50:350, 100:400] / 255

fig, axes = plt.subplots(2, 3, figsize=(10, 6.6), layout="constrained")
for column, sigma in enumerate((1, 2, 4)):
    blurred = smooth(photograph, sigma)
    plots.plot_signal(blurred, n_axes=2, ax=axes[0, column]).set(title=f"sigma {sigma}")
    plots.plot_edges(photograph, edges(photograph, sigma), ax=axes[1, column])

# %%
# Are edges where they should be? On a disc we know. Its border is found within a sample all around, though there is
# noise of a fifth of the step:

rng = np.random.default_rng(0)
rows, columns = np.indices((200, 200))
radius = np.hypot(rows - 99.5, columns - 99.5)
disc = (radius < 60) + rng.normal(scale=0.2, size=(200, 200))
found = edges(disc, 3, threshold=0.05)
distance = np.abs(radius[found] - 60)
print(f"{found.sum()} samples, {distance.mean():.2f} from the circle on average, {distance.max():.2f} at most")
assert found.sum() > 300
assert distance.max() < 2
