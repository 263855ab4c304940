r"""
Long signals
============

A day of sound at 8,000 samples a second is 691 million samples. Nothing here has to hold them at once, since a signal
is *folded*: cut in blocks, each with the :term:`halo` that its filters need, pooled, and merged,

.. math:: \text{features}(x) = \text{finish}\left(\bigoplus_{\text{blocks } b} \text{pool}(\text{bank}(x_b))\right) .

The law is that this equals the features of the whole, however it is cut. It's one property-based test for every bank
and every pool.
"""

import tempfile
import tracemalloc
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from filterbank import GaborBank, Moments, Representation, Signals

path = Path(tempfile.mkdtemp(), "long.npy")
n = 2_000_000  # 16 megabytes in double precision
on_disk = np.lib.format.open_memmap(path, mode="w+", dtype=np.float64, shape=(1, n))
for start in range(0, n, 500_000):
    at = np.arange(start, start + 500_000)
    on_disk[0, at] = np.sin(2 * np.pi * (0.2 * at / n) * at / 2)  # a slow sweep, up to 0.2 cycles/sample

# %%
# The features of the first half million samples, and so on up to all of them. ``block_size`` bounds what is held at
# once: samples are read from disk as they're needed. How much memory does it take?

bank, pool = GaborBank(n_frequencies=6), Moments(["mean"])
lengths = [500_000, 1_000_000, 2_000_000]
peaks = []
for length in lengths:
    signals = Signals.wrap([np.load(path, mmap_mode="r")[:, :length]], n_axes=1)
    representation = Representation(bank, pool, block_size=65_536).fit(signals)
    held = []
    for _ in range(3):  # the first time kernels may have to be compiled, which takes memory, too
        tracemalloc.start()
        features = representation.transform(signals)
        held.append(tracemalloc.get_traced_memory()[1] / 2**20)
        tracemalloc.stop()
    peaks.append(min(held))

cut = {
    size: Representation(bank, pool, block_size=size, n_jobs=2).fit_transform(signals) for size in (100_003, 2_000_000)
}
frequencies = representation.feature_table_["frequency"]
fig, axes = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
axes[0].plot(frequencies, features[0], "-", color="0.6", lw=4, label="blocks of 65,536")
for marker, (size, some) in zip("ox", cut.items()):
    axes[0].plot(frequencies, some[0], marker, label=f"blocks of {size:,}")
axes[0].set(xscale="log", xlabel="frequency (cycles/sample)", ylabel="mean response")
axes[0].legend()
axes[1].plot([length * 8 / 2**20 for length in lengths], peaks, "o-")
axes[1].set(xlabel="length (MiB on disk)", ylabel="memory at its peak (MiB)", ylim=(0, None))

# %%
# As much for two million samples as for half a million, and the features are the same, to rounding, however they were
# cut:

difference = max(np.abs(some / features - 1).max() for some in cut.values())
print(f"peaks: {np.round(peaks, 1)} MiB; largest relative difference {difference:.0e}")
assert peaks[-1] < 1.5 * peaks[0]
assert max(peaks) < 8  # and the longest has 15 MiB
assert difference < 1e-10
