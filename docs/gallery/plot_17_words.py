r"""
Local features and words
========================

What do two pictures have in common that hold the same things in other places and sizes? Describe many small places,
each by a :term:`descriptor`, and forget where they were. Descriptors of a sample are clustered; the centres :math:`w_1,
\ldots, w_K` are :term:`words <codeword>`, together a :term:`codebook`. A picture becomes the share of its places that
each word is nearest to:

.. math:: \phi_k(x) = \frac{1}{P} \, \#\{p : \arg\min_j \| d_p(x) - w_j \| = k\} .
"""

import matplotlib.pyplot as plt
import numpy as np

from filterbank import BagOfWords, MultiScaleBank, Representation, SiftBank, plots


def blots(round_ones, seed, n=8, size=128):
    """Draw bright discs, or squares of the same area, anywhere."""
    image, rng = np.zeros((size, size), dtype=np.float32), np.random.default_rng(seed)
    for row, column, radius in zip(rng.uniform(10, 118, n), rng.uniform(10, 118, n), rng.uniform(10, 18, n)):
        v, u = np.abs(np.mgrid[:size, :size] - np.array([row, column])[:, None, None])
        image[(np.hypot(v, u) < radius) if round_ones else (np.maximum(v, u) < 0.886 * radius)] = 1
    return image


images = [blots(kind, seed) for seed in range(8) for kind in (False, True)]
names = [f"{kind} {seed + 1}" for seed in range(8) for kind in ("squares", "discs")]

# %%
# SIFT descriptors, histograms of gradients, at three sizes. The words are learned from the first two pictures.

scales = MultiScaleBank([SiftBank(bin_size=size, hop=4, normalise="root") for size in (3, 4, 6)])
words = Representation(scales, BagOfWords(24), random_state=0).fit(images[:2])

fig, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained", width_ratios=[1, 1.3])
rarest = words.transform(images).std(axis=0).argsort()[::-1][:4]
plots.plot_word_patches(words, images, [int(word) for word in rarest], n=6, ax=axes[0])
axes[0].set_title("four words, and places that say them")
plots.plot_word_shares(words, images[:6], names[:6], ax=axes[1])

# %%
# Each pair of pictures, squares and discs, has its blots in the same places, and each is left out in turn: does the
# nearest of the other pictures have blots of the same kind?

shares = words.transform(images)
assert np.allclose(shares.sum(axis=1), 1)
distance = np.linalg.norm(np.sqrt(shares[:, None]) - np.sqrt(shares[None]), axis=2)
pair, kind = np.divmod(np.arange(16), 2)
distance[pair[:, None] == pair] = np.inf
right = kind[distance.argmin(axis=1)] == kind
print(f"{right.sum()} of 16")
assert right.sum() >= 14
