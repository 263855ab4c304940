r"""
Leaks
=====

A score is a promise: *this is how right it will be on a signal from a new day, speaker, patient or place*. It's broken
as soon as the test knows the training signals. Windows of one series overlap; and even where they don't, a city
resembles itself.

The :term:`leak` is looked for, named and closed. On made epidemics in four cities, with the tutorial's features:
"""

import matplotlib.pyplot as plt

from filterbank import compare, plots
from filterbank.datasets import epidemics

result = compare(epidemics(), recipes=["tutorial_gabor"], classifiers=["1-nn", "ridge", "svm"])
for leak in result.naive_leaks:
    print("-", leak.sentence)

# %%
# Hollow marks are what leave-one-out promised, full ones what is found in a city that was left out, with an
# :term:`interval <confidence interval>` that counts cities, not windows.

_, ax = plt.subplots(figsize=(9, 3), layout="constrained")
plots.plot_scores(result.table, ax=ax)

# %%
# The nearest neighbour promised the most and keeps the least: of each window it found the one that shares half of its
# months.

row = result.row("tutorial_gabor", "1-nn")
print(f"promised {row.naive_score:.3f}, in a new city {row.score:.3f} ({row.low:.2f} to {row.high:.2f})")
assert row.naive_score > 0.99
assert row.score < 0.65
