r"""
Fourier: waves and periods
==========================

Which rhythms does a signal have? Compare it with waves. The discrete :term:`Fourier transform` multiplies the signal by
a wave of each :term:`frequency`, and adds up; where both swing together, the sum is large:

.. math:: X(f) = \sum_{n=0}^{N-1} x(n) \, e^{-2 \pi i f n}, \qquad f = 0, \tfrac{1}{N}, \tfrac{2}{N}, \ldots

Here is a bank account of three years. Salary and rent come every 30 days, shopping every 7, and the rest has no rule.
"""

import matplotlib.pyplot as plt
import numpy as np

from filterbank import plots, spectrum, synthesis

account = synthesis.transactions()  # 1,095 days
transform = spectrum.dft(account.balance, detrend="linear")

fig, ax = plt.subplots(figsize=(10, 3), layout="constrained")
ax.plot(account.balance, lw=0.8)
ax.set(xlabel="day", ylabel="balance", title="a bank account")

# %%
# Most series have more power in slow waves than in fast ones, without any rhythm: they wander. So a peak counts only
# where it stands out of a wandering series' spectrum (dashed), among all frequencies that were looked at, with 95 %
# confidence. Peaks are placed between the transform's frequencies, and the multiples of a frequency are its
# :term:`harmonics <harmonic>`, not rhythms of their own.

rhythms = spectrum.periods(account.balance, n_periods=40)
fig, ax = plt.subplots(figsize=(10, 4), layout="constrained")
plots.plot_periods(rhythms, ax=ax)
print(rhythms.table[["period", "share", "harmonics"]].round(2))

# %%
# The plain transform can only name whole numbers of cycles in 1,095 days, so it would say

print("on the grid:", rhythms.grid_periods[:2].round(2), "and between its points:", rhythms.periods[:2].round(2))
assert len(transform.frequencies) == 548
assert np.allclose(rhythms.periods[:2], [30, 7], rtol=1e-3)
