r"""
Cats and dogs, and what stands in for them
==========================================

The tutorial told 50 cats from 50 dogs by visual words. Those photographs aren't ours to give away, so this page tells
four materials apart, which come with the package; change one line for a folder of your own, and with the photographs at
hand ``python -m benchmarks.accuracy --only cat_dog`` does the animals.

Neighbouring patches of one photograph share light and focus. Here each material has one photograph, cut in quarters; a
quarter is a :term:`group`, and whole groups are left out.
"""

import matplotlib.pyplot as plt

from filterbank import compare, plots
from filterbank.datasets import textures

data = textures(patch=128)  # or filterbank.load("photographs/"), with a sub-folder a class
fig, ax = plt.subplots(figsize=(8, 5), layout="constrained")
plots.plot_examples(data, ax=ax)

# %%
# Three representations, two classifiers. All that learns (words, scalers, classifiers) learns inside each :term:`fold
# <cross-validation>`, from the other quarters.

result = compare(data, recipes=["summary", "gabor_texture", "hog"], classifiers=["1-nn", "svm"], naive=False)
print(result.table[["recipe", "classifier", "score", "low", "high", "chance"]].round(2).to_string(index=False))

fig, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained", width_ratios=[1.5, 1])
plots.plot_scores(result.table, ax=axes[0])
plots.plot_confusion(result.confusion("hog", "1-nn"), ax=axes[1]).set_title("hog, 1-nn: what is taken for what")

# %%
# Textures are told by how fine they are and which way they run, wherever: that's what Gabor filters, pooled over all
# positions, keep. Histograms of gradients in fixed cells ask where things are, which is right for animals' faces and
# wrong here.

gabor = result.row("gabor_texture", "svm")
print(f"{gabor.score:.2f} ({gabor.low:.2f} to {gabor.high:.2f}), chance {gabor.chance:.2f}")
assert gabor.low > gabor.chance
