r"""
Signals
=======

A :term:`signal` is a function on a grid: it has a value, or one a :term:`channel`, at each :term:`position`. With one
:term:`axis` it's a series or a sound, with two an image, with three a volume. All else here is about functions of such
functions,

.. math:: x : \{0, \ldots, N_1 - 1\} \times \cdots \times \{0, \ldots, N_d - 1\} \to \mathbb{R}^C .

In memory that is an array ``(channel, *axes)``; :class:`filterbank.Signals` holds many, of unequal size if need be.
"""

import matplotlib.pyplot as plt
import numpy as np
from skimage.data import camera

from filterbank import Signals, plots, synthesis
from filterbank.datasets import epidemics

cases = epidemics(n_cities=1, years=20, window=(240, 240)).signals[1]  # 20 years of months
tone = synthesis.note("A4", 0.5, rate=8000)  # half a second at 8,000 samples a second
photograph = camera() / 255

print(Signals.wrap([cases, cases[:, :100]], n_axes=1))  # unequal lengths, one collection
print(Signals.wrap([photograph], n_axes=2))

# %%
# How far apart the positions are is the signal's *rate*. Where it's known, time is in seconds and frequency in hertz;
# where it isn't, in samples and cycles per sample.

fig, axes = plt.subplots(1, 3, figsize=(10, 3), layout="constrained")
plots.plot_signal(cases, rate=12, ax=axes[0]).set(title="a series: cases a month", xlabel="time (years)")
plots.plot_signal(tone.values[:400], rate=tone.rate, ax=axes[1]).set(title="a sound: A4, 440 Hz")
plots.plot_signal(photograph, n_axes=2, ax=axes[2]).set(title="an image")

# %%
# A grid sees only what is slower than half its rate. Faster waves don't vanish: they come back as slow ones, which is
# called :term:`aliasing`. At 8,000 samples a second, 7,560 Hz and 440 Hz are the same numbers, but for the sign.

n = np.arange(8000)
fast, slow = np.sin(2 * np.pi * 7560 * n / 8000), np.sin(2 * np.pi * 440 * n / 8000)
difference = np.abs(fast + slow).max()
print(f"largest difference in a second: {difference:.1e}")
assert difference < 1e-9
