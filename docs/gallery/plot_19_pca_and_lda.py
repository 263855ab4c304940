r"""
PCA and LDA
===========

Many features, few directions that matter. :term:`PCA` turns the axes so that the first ones have the most *variance*;
it never looks at a label. :term:`LDA` turns them so that classes are far apart *against their spread*:

.. math:: \max_w \frac{w^T S_b w}{w^T S_b w + w^T S_w w},

with :math:`S_b` the scatter of the classes' means, and :math:`S_w` that within classes. What varies most need not be
what tells classes apart.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from filterbank import plots
from filterbank.datasets import digits
from filterbank.evaluate import leave_one_out, progressive

data = digits()
some = np.flatnonzero(np.isin(data.y.astype(str), list("01234")))[:200]
features, y = np.array([image.ravel() for image in data.signals[some]]), data.y[some]  # 64 samples each

fig, axes = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
plots.plot_scatter(features, y, method="pca", ax=axes[0]).set_title("PCA: what varies most")
plots.plot_scatter(features, y, method="lda", ax=axes[1]).set_title(
    "LDA: what tells them apart, fitted to what is shown"
)

# %%
# The picture on the right flatters: LDA has seen the labels of all points that it shows. With PCA or LDA fitted inside
# each fold of leave-one-out, in closed form, so that each point is placed by axes that never saw it:

nearest = KNeighborsClassifier(1)
by_pca = progressive(make_pipeline(PCA(), nearest), features, y, n_components=range(1, 9))
_, ax = plt.subplots(figsize=(8, 4), layout="constrained")
plots.plot_progressive(by_pca.n_components, by_pca.scores, by_pca.low, by_pca.high, label="PCA, 1-NN", ax=ax)

# %%
# A warning in one number. On pure noise, two classes dealt at random, and 60 features for 80 signals, LDA fitted to all
# signals at once seems to tell nearly all of them; inside the fold it is a coin.

rng = np.random.default_rng(0)
noise, coin = rng.normal(size=(80, 60)), np.repeat([0, 1], 40)
lda = LinearDiscriminantAnalysis()
outside = leave_one_out(nearest, lda.fit_transform(noise, coin), coin).score
inside = leave_one_out(lda, noise, coin).score
print(f"fitted outside the fold {outside:.2f}, inside {inside:.2f}")
assert outside > 0.9
assert inside < 0.65
