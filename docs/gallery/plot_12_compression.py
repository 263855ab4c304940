r"""
Compression
===========

Most of what we care to see is in few waves. Keep the largest :math:`m` terms of the :term:`Fourier transform`, forget
the rest, and transform back. Since waves are orthogonal, what was forgotten is exactly what is lost:

.. math:: \| x - x_m \|^2 = \sum_{f \text{ forgotten}} |X(f)|^2 / N ,

so no other choice of :math:`m` waves does better than the largest ones.
"""

import matplotlib.pyplot as plt
import numpy as np
from skimage.data import camera

from filterbank import plots, spectrum

photograph = camera()[::2, ::2] / 255
n = photograph.size / 2  # waves: each has two numbers, amplitude and phase

kept = {share: spectrum.fourier_compress(photograph, largest=round(share * n), n_axes=2) for share in (0.2, 0.05, 0.01)}

fig, axes = plt.subplots(1, 4, figsize=(11, 3.2), layout="constrained")
plots.plot_signal(photograph, n_axes=2, ax=axes[0]).set(title="as it was")
for ax, (share, few) in zip(axes[1:], kept.items()):
    plots.plot_signal(few.signal, n_axes=2, ax=ax).set(title=f"{share:.0%} of its waves")

# %%
# Against that, keeping the *slowest* waves blurs. Both with 5 % of the terms:

slowest = spectrum.fourier_compress(photograph, cutoff=0.5 * np.sqrt(0.05 * 4 / np.pi), n_axes=2)
errors = {}
for name, few in {"largest": kept[0.05], "slowest": slowest}.items():
    errors[name] = np.sqrt(np.mean((few.signal - photograph) ** 2)) / photograph.std()
    print(f"the {name} {few.n_kept / n:.1%}: what is lost is {errors[name]:.3f} of the contrast")
assert errors["largest"] < errors["slowest"] < 0.4
