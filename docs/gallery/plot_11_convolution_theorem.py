r"""
The convolution theorem
=======================

To convolve (:term:`convolution`) is to multiply :term:`spectra <spectrum>`:

.. math:: \widehat{x * k}(f) = \hat{x}(f) \, \hat{k}(f) .

So each filter has a plain meaning: it makes each frequency louder or softer by a factor of its own and can make no new
one. And it may be done the quick way round, by two transforms and a product: :math:`N \log N` steps instead of :math:`N
K`.
"""

import matplotlib.pyplot as plt
import numpy as np

from filterbank import plots, spectrum, synthesis

noise = synthesis.coloured_noise(500, 1, random_state=0)
kernel = np.hanning(25) / np.hanning(25).sum()
both = spectrum.convolution_theorem(noise, kernel)

fig, ax = plt.subplots(figsize=(10, 4), layout="constrained")
plots.plot_convolution_theorem(both, ax=ax)

# %%
# What the smoother does to a wave can be read off its spectrum. At 0.04 cycles a sample it should keep this share:

share = np.abs(np.exp(-2j * np.pi * 0.04 * np.arange(25)) @ kernel)
wave = np.sin(2 * np.pi * 0.04 * np.arange(1000))
kept = np.convolve(wave, kernel, mode="valid").std() / wave.std()
print(f"by its spectrum {share:.4f}, by convolving a wave {kept:.4f}")
assert abs(share - kept) < 1e-3

# %%
# And both ways of convolving agree to rounding:

print(f"largest difference {both.difference:.1e}")
assert both.difference < 1e-10
