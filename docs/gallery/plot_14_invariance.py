r"""
Representation: discrimination against invariance
=================================================

A good :term:`representation` changes where something that matters changes, and stays where it doesn't: a brick wall is
a brick wall when it's shifted, noisy or turned a little. The samples themselves are the worst of both: shift them by
one and every number is another.

Both can be measured. How far do the features :math:`\phi` of a signal move under a change :math:`T` that shouldn't
matter (a :term:`nuisance`), against how far signals of different classes are apart?

.. math::
   m_T = \frac{\operatorname{median} \| \phi(Tx) - \phi(x) \|}
   {\operatorname{median}_{\text{other class}} \| \phi(x) - \phi(y) \|},
   \qquad \text{invariance} = \frac{1}{1 + m_T} .
"""

import matplotlib.pyplot as plt
import pandas as pd

from filterbank import GaborBank, Moments, Representation, RotationPooledBank, WholeSignal, compare, plots
from filterbank.datasets import textures
from filterbank.evaluate import invariance

data = textures(patch=64)  # photographs of brick, grass, gravel and tissue, in pieces
gabor = GaborBank(2, n_frequencies=3, orientations=6)
candidates = {
    "samples": WholeSignal(lambda image: image[0, ::4, ::4].ravel(), [f"sample {i}" for i in range(256)], n_axes=2),
    "Gabor": Representation(gabor, Moments(["mean", "std"])),
    "Gabor, turned together": Representation(RotationPooledBank(gabor, statistic="mean"), Moments(["mean", "std"])),
}
scores = compare(data, recipes=candidates, classifiers=["1-nn"], naive=False).table.set_index("recipe")["score"]
changes = ["shift", "gain", "noise", "rotation"]
found = {name: invariance(one, data, transforms=changes, max_signals=40) for name, one in candidates.items()}

# %%
# To the right: it tells classes apart, by 1-nearest neighbour on quarters of the photographs that were left out. Up: it
# doesn't care. You want the upper right corner.

table = pd.concat([one.table.assign(recipe=name, score=scores[name]) for name, one in found.items()])
print(table.pivot(index="recipe", columns="nuisance", values="invariance").round(2))

fig, axes = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
for ax, nuisance in zip(axes, ("shift", "rotation")):
    plots.plot_invariance(table, nuisance=nuisance, ax=ax)

# %%
# What is pooled over all positions hardly notices a shift, and what is pooled over orientations hardly a rotation. It
# pays with what orientation could have told. And none of them bears a change of contrast well: for that, divide by the
# signal's standard deviation first. No representation is best; one is best *for what must not matter to you*.

of = table.set_index(["recipe", "nuisance"])["invariance"]
assert of["Gabor", "shift"] > of["samples", "shift"] + 0.2
assert of["Gabor, turned together", "rotation"] > of["Gabor", "rotation"]
