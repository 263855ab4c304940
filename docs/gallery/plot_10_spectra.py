r"""
Spectra
=======

A :term:`spectrum` says how much of a signal there is at each frequency. Name the unit, or the number means little: an
*amplitude* is that of a wave, a *power* its mean square, and a *density* is power per hertz, whose sum times the step
between frequencies is the signal's variance (Parseval):

.. math:: \operatorname{var} x = \sum_{f > 0} S(f) \, \Delta f .

What changes with time needs short windows, one transform each: a :term:`spectrogram`. A window of :math:`T` seconds
can't tell frequencies apart that are nearer than :math:`1 / T` hertz; you choose what you want to know better, when or
which.
"""

import matplotlib.pyplot as plt
import numpy as np

from filterbank import plots, spectrum, synthesis

tune = synthesis.melody([("C4", 1), ("E4", 1), ("G4", 1), ("C4 E4 G4", 3)], beat=0.4)

fig, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
plots.plot_spectrum(spectrum.welch(tune.values, rate=tune.rate, window=8192), highest=2000, ax=axes[0])
axes[0].set_title("the whole tune: which notes")
gram = spectrum.spectrogram(tune.values, rate=tune.rate, window=4096, hop=1024)
plots.plot_spectrogram(gram, highest=2000, ax=axes[1])
axes[1].set_title("window by window: which notes, and when")

tune  # a player

# %%
# Which notes does the chord have? Its three strongest peaks below 420 hertz are within a hertz of C4, E4 and G4.

chord = tune.values[round(1.3 * tune.rate) : round(2.2 * tune.rate)]
found = spectrum.dft(chord, rate=tune.rate, taper="hann", n_fft=1 << 18)
a = np.abs(found.values)
is_peak = np.r_[False, (a[1:-1] > a[:-2]) & (a[1:-1] > a[2:]), False] & (found.frequencies < 420)
loudest = np.flatnonzero(is_peak)[np.argsort(a[is_peak])[-3:]]
heard = np.sort(found.frequencies[loudest])
names = [synthesis.note_frequency(name) for name in ("C4", "E4", "G4")]
print(heard.round(1), np.round(names, 1))
assert np.allclose(heard, names, atol=1)

density = spectrum.periodogram(tune.values, rate=tune.rate)
assert np.isclose(density.values.sum() * density.step, tune.values.var())
