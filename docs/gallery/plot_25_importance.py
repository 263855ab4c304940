r"""
Importance
==========

Which frequencies does a decision hang on? Give the model the features of one frequency from *other* signals, leave the
rest, and see how much accuracy is lost. That is the :term:`importance` of the group of features, and it's measured on
signals that the model hasn't seen:

.. math:: I_f = \text{accuracy} - \text{accuracy with the features of } f \text{ shuffled} .

Two frequencies that tell the same thing stand in for each other, and both look unimportant; importance is of a *model*,
not of the world.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from filterbank import GaborBank, Moments, Representation, Signals, plots
from filterbank.evaluate import group_importance

# %%
# We make the truth ourselves. 120 recordings of two seconds, half of them with a wave of 12 hertz. All have a wave of
# 25 hertz, now louder and now softer, a loud hum of 50 hertz, and noise; these mean nothing.

rng = np.random.default_rng(0)
rate, y = 250, np.repeat(["with", "without"], 60)
t = np.arange(500) / rate
phase = 2 * np.pi * rng.random((3, 120, 1))
loudness = np.where(y == "with", 1, 0), rng.uniform(0.5, 1.5, 120), np.full(120, 2)
X = rng.normal(size=(120, 500))
for hertz, p, amplitude in zip((12, 25, 50), phase, loudness):
    X += amplitude[:, None] * np.sin(2 * np.pi * hertz * t + p)

# %%
# Five frequencies, an octave apart, two features each. Features have names and a frequency in hertz, so nobody has to
# parse anything.

signals = Signals.wrap(X, n_axes=1, rate=rate)
gabor = Representation(GaborBank(frequencies=[6, 12, 25, 50, 100]), Moments(["mean", "std"]))
model = make_pipeline(gabor, StandardScaler(), LogisticRegression())
folds = list(StratifiedKFold(5, shuffle=True, random_state=0).split(X, y))
table = group_importance(model, signals, y, folds=folds, groups="frequency")
print(table.round(3).to_string(index=False))

_, ax = plt.subplots(figsize=(9, 3.4), layout="constrained")
plots.plot_importance_spectrum(table, unit="Hz", ax=ax)

# %%
# The loud hum counts for nothing, and the faint wave for most:

loss = table.set_index("group")["loss"]
print(f"12 Hz: {loss[12]:.2f}, 50 Hz: {loss[50]:.2f}")
assert loss.idxmax() == 12
assert abs(loss[50]) < 0.05
