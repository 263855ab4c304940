r"""
Filter banks and pooling
========================

Series of unequal length have no common samples to compare, but they can be asked the same questions. A :term:`bank` of
Gabor filters, short waves under a bell, asks at every position how strongly each frequency is there:

.. math:: k_f(n) = g_\sigma(n) \, e^{2 \pi i f n}, \qquad r_f(n) = |(x * k_f)(n)| .

A :term:`pool` then forgets where: of each :term:`response`, only the mean and the standard deviation stay. That's the
representation of the 2017 tutorial, and it's what *filter bank* means here: bank, then pool.
"""

import matplotlib.pyplot as plt
import numpy as np

from filterbank import GaborBank, Moments, Representation, plots
from filterbank.datasets import epidemics

data = epidemics(n_cities=4)  # windows of 24 to 36 months
years = [1 / 24, 1 / 12, 1 / 6]  # cycles a month: two years, one, a half
gabor = Representation(GaborBank(frequencies=years, truncate=1.5), Moments(["mean", "std"])).fit(data.signals)

fig, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
plots.plot_spectrum_of_bank(gabor.bank_, ax=axes[0]).set_title("what each filter lets through")
measles = epidemics(n_cities=1, years=10, window=(120, 120)).signals[1]
plots.plot_responses(gabor, measles, ax=axes[1])
axes[1].set_title("ten years of measles, and the responses to it")

# %%
# Each window becomes six numbers with names, however long it is:

features = gabor.set_output(transform="pandas").transform(data.signals)
print(features.head(3).round(1).to_string())
print(gabor.feature_table_[["feature", "frequency", "unit", "statistic"]])

# %%
# Measles comes every second year here. Its share of the two-year response tells it from the others, one number for each
# of 420 windows:

share = features.iloc[:, 0] / features.iloc[:, [0, 2, 4]].sum(axis=1)
fig, ax = plt.subplots(figsize=(8, 3), layout="constrained")
for disease in np.unique(data.y):
    ax.hist(share[data.y == disease], bins=np.linspace(0, 1, 41), alpha=0.6, label=disease)
ax.set(xlabel="share of the two-year response", ylabel="windows")
ax.legend()

# %%
# How often is a window of measles above a window of another disease? That's the area under the ROC curve.

is_measles = data.y == "measles"
above = (share[is_measles].to_numpy()[:, None] > share[~is_measles].to_numpy()).mean()
print(f"{above:.3f}")
assert above > 0.95
