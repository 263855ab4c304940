r"""
Volumes
=======

In a volume a wave has an orientation and an elevation: it may rise from plane to plane. Filters are the same with one
:term:`axis` more,

.. math:: k_{f,u}(x) = g_\sigma(x) \, e^{2 \pi i f \langle u, x \rangle} , \qquad x \in \mathbb{Z}^3 ,

and so are banks and pools. Of what grew in layers, such as rock, wood or a printed part, they say which way the layers
lie. Here are two blocks whose planes show much the same stripes, but in the second, layers are tilted by 30°.
"""

import matplotlib.pyplot as plt
import numpy as np

from filterbank import GaborBank, GaussianBank, Moments, Representation

rng = np.random.default_rng(0)
z, y, x = np.mgrid[:48, :64, :64]
layers = {
    tilt: np.cos(2 * np.pi * 0.11 * (np.sin(np.radians(tilt)) * z + np.cos(np.radians(tilt)) * x))
    + 1.5 * rng.standard_normal(x.shape)
    for tilt in (0, 30)
}

fig, axes = plt.subplots(1, 4, figsize=(11, 3), layout="constrained")
for (tilt, volume), (above, beside) in zip(layers.items(), axes.reshape(2, 2)):
    above.imshow(volume[24], cmap="gray")
    above.set(title=f"tilted by {tilt}°, from above", xlabel="x (samples)", ylabel="y (samples)")
    beside.imshow(volume[:, 32], cmap="gray")
    beside.set(title=f"tilted by {tilt}°, from the side", xlabel="x (samples)", ylabel="z (samples)")

# %%
# The noise has more than four times the power of the layers, but a filter averages over some thousand samples: among
# four orientations and six elevations, the one that looks along the layers' wave answers most.

bank = GaborBank(3, frequencies=[0.11], orientations=4, elevations=np.radians([-60, -30, 0, 30, 60, 90]))
gabor = Representation(bank, Moments(["mean"])).fit(list(layers.values()))
features = gabor.transform(list(layers.values()))
table = gabor.feature_table_
orientations, elevations = (np.degrees(table[name]).round() for name in ("orientation", "elevation"))

fig, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained", sharey=True)
found = []
for ax, tilt, answers in zip(axes, layers, features):
    for angle in np.unique(orientations):
        own = (orientations == angle) & (elevations < 90)
        ax.plot(elevations[own], answers[own], "o-", label=f"{angle:.0f}°")
    pole = elevations == 90
    ax.plot(elevations[pole], answers[pole], "s", color="0.4", label="up")
    ax.set(title=f"layers tilted by {tilt}°", xlabel="elevation of the filter (°)", xticks=np.unique(elevations))
    found.append((orientations[answers.argmax()], elevations[answers.argmax()]))
axes[0].set(ylabel="mean response", ylim=(0, None))
axes[1].legend(title="orientation")

print("strongest at (orientation, elevation):", found)
assert found == [(0, 0), (0, 30)]

# %%
# Nothing as large as a volume is written out on the way. Kernels such as these are sums of few products of one kernel
# an axis, so that they're passes along rows, columns and planes, which filters that are one another's mirror images
# share; each plane is pooled as soon as all passes over it are made. ``explain_plan`` says so.

plan = gabor.explain_plan(list(layers.values()))
print(plan["method"][0], "since", plan["why"][0])
assert plan["method"].tolist() == ["separable"]

# %%
# Pools know where: ``max_position`` says at which sample a response is largest, by axis. A knot in a block of wood is a
# blob, which the largest response of a smoothing filter finds.

knot = np.array([31, 40, 18])
wood = layers[30] + 3 * np.exp(-((z - knot[0]) ** 2 + (y - knot[1]) ** 2 + (x - knot[2]) ** 2) / 30)
smoothed = Representation(GaussianBank(3, sigmas=[4.0], orders=[0]), Moments(["max_position"]))
(at,) = smoothed.fit_transform([wood])
fig, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
for ax, plane, down, across in zip(axes, (wood[31], wood[:, 40]), (1, 0), (2, 2)):
    ax.imshow(plane, cmap="gray")
    ax.plot(at[across], at[down], "o", mfc="none", mec="tab:red", ms=24, mew=2)
    ax.set(xlabel="x (samples)", ylabel=f"{'zyx'[down]} (samples)")
axes[0].set(title="the plane z = 31")
axes[1].set(title="the plane y = 40")

print("the knot is at", knot, "and was found at", dict(zip("zyx", at.astype(int).tolist())))
assert np.abs(at - knot).max() <= 3
