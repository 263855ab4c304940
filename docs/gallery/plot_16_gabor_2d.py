r"""
Gabor filters in two dimensions
===============================

In an image a wave has an orientation, too. A two-dimensional Gabor filter asks: is there a wave of this
:term:`frequency`, running this way, near here?

.. math:: k_{f,\theta}(u, v) = g_\sigma(u, v) \, e^{2 \pi i f (u \cos\theta + v \sin\theta)} .

Cells of the first visual area of mammals answer much like this, and so do the first layers of networks that were
trained on photographs.
"""

import matplotlib.pyplot as plt
import numpy as np
from skimage.data import brick

from filterbank import GaborBank, Moments, Representation, plots, respond

wall = brick()[:160, :240] / 255
bank = GaborBank(2, frequencies=[0.1, 0.05], orientations=4)
gabor = Representation(bank, Moments(["mean", "std"])).fit([wall])

fig, ax = plt.subplots(figsize=(9, 4.4), layout="constrained")
plots.plot_kernels(gabor.bank_, ax=ax)

# %%
# These bricks stand upright: a filter that looks across (0°) answers at each of their long joints, and one that looks
# up and down (90°) where bricks end.

responses, _ = respond(bank, wall)
rows = gabor.bank_.response_table()
fig, axes = plt.subplots(1, 3, figsize=(11, 2.9), layout="constrained")
plots.plot_signal(wall, n_axes=2, ax=axes[0]).set(title="a wall")
for ax, angle in zip(axes[1:], (np.pi / 2, 0)):
    i = next(i for i, r in enumerate(rows) if np.isclose(r["orientation"], angle) and np.isclose(r["frequency"], 0.05))
    ax.imshow(responses[i], cmap="magma", vmin=0, vmax=responses.max())
    ax.set(title=f"0.05 cycles/sample at {np.degrees(angle):.0f}°", xticks=[], yticks=[])

# %%
# A wave of amplitude 1 gets the answer 1/2 from its own filter, since the other half belongs to :math:`-f`, and a
# little less near the ends, where the image is mirrored. With twelve orientations, the strongest response says how a
# texture is turned, to the nearest 15 degrees:

v, u = np.mgrid[:128, :128]
turned = np.cos(2 * np.pi * 0.1 * (u * np.cos(np.pi / 3) + v * np.sin(np.pi / 3)))
fan = Representation(GaborBank(2, frequencies=[0.1], orientations=12), Moments(["mean"])).fit([turned])
answers = fan.transform([turned])[0]
best = np.degrees(fan.feature_table_["orientation"].to_numpy()[answers.argmax()])
print(f"turned by 60°, found {best:.0f}° with the answer {answers.max():.3f}")
assert np.isclose(best, 60)
assert 0.45 < answers.max() < 0.5
