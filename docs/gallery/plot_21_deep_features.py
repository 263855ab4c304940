r"""
Deep features
=============

A network that learned one thing is of use for another. Cut off its last layer, and what is left is a :term:`bank` like
any other, whose responses are pooled into *deep features*. That is what is done with networks that others trained on a
million photographs (:func:`filterbank.convnet.deep_features`). Their weights don't come with the package, so this page
trains a little network on the digits 0 to 4, and lets it look at 5 to 9, which it has never seen.
"""

from importlib.util import find_spec

import matplotlib.pyplot as plt
import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from filterbank import GaborBank, Moments, Representation, plots
from filterbank.datasets import digits
from filterbank.evaluate import interval, leave_one_out

data = digits()
value = data.y.astype(int)
old, new = np.flatnonzero(value < 5), np.flatnonzero(value >= 5)[:400]
mean_and_peak = Moments(["mean", "max"])
designed = Representation(GaborBank(2, n_frequencies=2, orientations=4, truncate=2), mean_and_peak)
features = {"Gabor filters": designed.fit_transform(data.signals[new])}

if has_torch := find_spec("torch") is not None:
    from filterbank import ConvNetClassifier

    layers = "conv 3x3x16 same, norm, relu, conv 3x3x32 same, norm, relu, global-max"
    network = ConvNetClassifier(layers, epochs=10, batch_size=64, learning_rate=0.01, augment=None, random_state=0)
    network.fit(data.signals[old], value[old])
    trunk = Representation(network.as_bank(), mean_and_peak)
    features["a network that knows 0 to 4"] = trunk.fit_transform(data.signals[new])
else:
    print("torch isn't installed")

# %%
# The same pool and the same classifier, for both. Only the bank is another.

found = {name: leave_one_out(KNeighborsClassifier(1), X, value[new]) for name, X in features.items()}
scores = [one.score for one in found.values()]
low, high = np.transpose([interval(one.predictions == value[new]) for one in found.values()])
_, ax = plt.subplots(figsize=(8, 2.4), layout="constrained")
plots.plot_intervals(list(found), scores, low, high, reference=0.2, xlabel="digits 5 to 9 told right, 1-NN", ax=ax)
for name, one in found.items():
    print(f"{name}: {one.score:.3f}")
assert scores[-1] > 0.8
