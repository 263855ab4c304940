r"""
Intervals
=========

14 of 16 recordings are right. Is the model right in 88 % of cases? It may well be in 64 %. Had we drawn other
recordings, the share would be another; the :term:`confidence interval` says which ones are compatible with what we saw.
For independent signals that's Wilson's,

.. math::
   \frac{\hat p + \frac{z^2}{2n} \pm z \sqrt{\frac{\hat p (1 - \hat p)}{n} + \frac{z^2}{4 n^2}}}{1 + \frac{z^2}{n}} .

Where signals come in :term:`groups <group>`, they rise and fall together: 300 windows of one patient are about one
patient, and the interval has to count patients.
"""

import matplotlib.pyplot as plt
import numpy as np

from filterbank import plots
from filterbank.evaluate import interval

right = np.repeat([True, False], [14, 2])
cases = {"14 of 16": interval(right), "140 of 160": interval(np.repeat(right, 10))}
cases["140 of 160, 16 patients of 10"] = interval(np.repeat(right, 10), np.repeat(np.arange(16), 10))
low, high = np.transpose(list(cases.values()))
_, ax = plt.subplots(figsize=(9, 2.6), layout="constrained")
plots.plot_intervals(list(cases), [0.875] * 3, low, high, ax=ax)

# %%
# An interval is a promise, too: 95 of 100 of them should hold the truth. Let's draw 400 studies, of twelve patients
# with twenty windows each, in which a model is right in 80 % on average, with some patients easy and some hard:

rng = np.random.default_rng(0)
groups = np.repeat(np.arange(12), 20)
held = {"counting windows": 0, "counting patients": 0}
for _ in range(400):
    ease = rng.beta(4, 1, size=12)  # mean 0.8
    told = rng.random(240) < ease[groups]
    for name, clusters in (("counting windows", None), ("counting patients", groups)):
        lower, upper = interval(told, clusters)
        held[name] += lower <= 0.8 <= upper
shares = {name: n / 400 for name, n in held.items()}
print(shares)
assert shares["counting windows"] < 0.75
assert shares["counting patients"] > 0.92
