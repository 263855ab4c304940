r"""
Networks
========

Filters may be designed, or learned. A convolutional :term:`network` is banks in a chain,

.. math:: r^{(l+1)} = \max\left(0, \; k^{(l)} * r^{(l)} + b^{(l)}\right),

whose kernels begin at random, and are then changed a little at a time so that a loss gets smaller. The rest is as
before: at the end the responses are pooled, and a linear classifier decides. Networks need torch (``pip install
'filterbank[deep]'``); without it, this page only says so.
"""

from importlib.util import find_spec

import matplotlib.pyplot as plt
import numpy as np

from filterbank import plots
from filterbank.datasets import digits

data = digits()  # 1,797 handwritten digits of 8 x 8 samples
order = np.random.default_rng(0).permutation(len(data))
train, test = order[:1200], order[1200:]

if has_torch := find_spec("torch") is not None:
    from filterbank import ConvNetClassifier
    from filterbank.convnet import learned_filters

    layers = "conv 3x3x16 same, norm, relu, conv 3x3x32 same, norm, relu, max-pool 2, global-max"
    network = ConvNetClassifier(layers, epochs=12, batch_size=64, learning_rate=0.01, augment=None, random_state=0)
    network.fit(data.signals[train], data.y[train])
else:
    print("torch isn't installed")

# %%
# What it learned from 1,200 digits, and the sixteen kernels of its first layer. Trained on such small pictures they are
# little slopes, borders and corners.

if has_torch:
    fig, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    plots.plot_epochs(network.history_, ax=axes[0])
    plots.plot_learned_filters(learned_filters(network), ax=axes[1])

# %%
# And how it does on digits that it hasn't seen. Who wrote which digit isn't recorded in this set, so a writer may be on
# both sides: for a new writer, expect less.

if has_torch:
    score = network.score(data.signals[test], data.y[test])
    print(f"{score:.3f} of {len(test)} are told right")
    assert score > 0.95
