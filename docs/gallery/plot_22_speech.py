r"""
Speech, from file to table
==========================

Sounds lie in files, and what is known of them in a table. Here made voices sing vowels, and we write them to WAV first,
so that the rest of the page is what you would do with recordings of your own.

An ear hears ratios of frequencies and of power. So the usual features of speech are the power in bands that are equally
wide on the :term:`mel` scale, on a logarithmic scale, and of these the cosine transform: the :term:`cepstrum`,

.. math:: c_q = \sum_{b} \cos\!\left(\frac{\pi q (b + \frac{1}{2})}{B}\right) \log E_b ,

which parts the shape of the mouth (small :math:`q`) from the pitch of the voice (large :math:`q`).
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import filterbank
from filterbank import MelBank, plots, synthesis

tones = filterbank.load("tones", n_voices=6, n_takes=4)
folder = Path(tempfile.mkdtemp())
for i, signal in enumerate(tones.signals):
    synthesis.Sound(signal, tones.signals.rate).write(folder / f"{i}.wav")
tones.table.assign(path=[f"{i}.wav" for i in range(len(tones))]).to_csv(folder / "metadata.csv", index=False)

# %%
# From here on, it's any folder of sounds with a table beside it. Which column is to be told, and which one must not be
# on both sides of a test?

data = filterbank.load(folder, target="label", group="voice")
print(data.signals)
fig, axes = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
first = {f"{label}, {voice}": x[0] for x, label, voice in zip(data.signals, data.y, data.groups) if voice == "voice 1"}
plots.plot_voices(first, data.signals.rate, ax=axes[0]).set_title("five vowels of one voice")
bank = MelBank(n_mels=32, n_fft=512, hop=80)
plots.plot_frames(bank, data.signals[0], rate=data.signals.rate, standardise=False, ax=axes[1])
axes[1].set_title("mel bands over time")

# %%
# And this is the table, vowels told by voices that the model hasn't heard, beside what ten shuffled folds would
# promise:

result = filterbank.compare(data, recipes=["summary", "mfcc_segments", "band_power"], classifiers=["1-nn", "svm"])
print(result.table[["recipe", "classifier", "score", "low", "high", "naive_score"]].round(2).to_string(index=False))
_, ax = plt.subplots(figsize=(9, 3), layout="constrained")
plots.plot_scores(result.table, ax=ax)
best = result.row("mfcc_segments", "svm")
assert best.low > best.chance
assert best.naive_score >= best.score
