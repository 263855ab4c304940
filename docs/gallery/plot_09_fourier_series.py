r"""
Fourier series
==============

Fourier's claim of 1807 was that *any* periodic shape is a sum of waves, each of a whole multiple of one
:term:`frequency`, corners and jumps included:

.. math:: x(t) = \frac{a_0}{2} + \sum_{k=1}^{\infty} a_k \cos \frac{2 \pi k t}{T} + b_k \sin \frac{2 \pi k t}{T} .

A square wave has only sines, and of these only the odd ones: :math:`b_k = 4 / (\pi k)`.
"""

import matplotlib.pyplot as plt
import numpy as np

from filterbank import plots, spectrum

square = spectrum.fourier_series("square", 15)
print(square.sines[:7].round(4))
assert np.allclose(square.sines[::2], 4 / (np.pi * np.arange(1, 16, 2)))

_, ax = plt.subplots(figsize=(10, 4), layout="constrained")
plots.plot_fourier_series(square, n_terms=(1, 3, 15), ax=ax)

# %%
# Any function will do; the coefficients are then found by integration. More terms come closer, and yet beside a jump
# the sum always shoots over, by 8.95 % of the jump, however many there are. The overshoot only gets narrower, which is
# why sharp filters ring (the Gibbs phenomenon).

shape = spectrum.fourier_series(lambda t: np.where(t % 1 < 0.5, 1.0, -1.0), 200)
t = np.linspace(0, 0.1, 8001)[1:]
k = np.arange(1, 201)
for n in (10, 50, 200):
    partial = np.sin(2 * np.pi * np.outer(t, k[:n])) @ shape.sines[:n]
    print(f"{n:4d} waves: overshoot {(partial.max() - 1) / 2:.4f} of the jump")
overshoot = (partial.max() - 1) / 2
assert abs(overshoot - 0.0895) < 2e-4
