"""Figures of words learned from one photograph: what they stand for, and the same words in other pictures.

`python -m benchmarks.words_of_the_city FOLDER` draws them, of the tutorial's photographs in FILTERBANK_DATA.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from filterbank import BagOfWords, Representation, SiftBank, files
from filterbank.reproduce.pictures import border_picture

__all__ = ["figures"]

N_WORDS = 50


def figures(folder: Path) -> list[Path]:
    """Draw patches of words of the city, one word in the city and on borders, and histograms of words."""
    from filterbank import plots

    images = Path(os.environ["FILTERBANK_DATA"], "tutorial", "images")
    city, forest, wood = (files.read(images / f"{name}.jpg").array for name in ("city", "forest", "vertical_wood"))
    borders = border_picture()
    bank = SiftBank(bin_size=4, hop=4, normalise="root")
    words = Representation(bank, BagOfWords(N_WORDS), random_state=0).fit([city])
    shares = words.transform([city, borders])
    common = np.minimum(*shares).argsort()[::-1]  # words that occur in both pictures
    drawn = {
        "patches": plots.plot_word_patches(words, [city], common[:5].tolist(), n=10),
        "word_in_the_city": plots.plot_word(words, city, int(common[0])),
        "word_on_borders": plots.plot_word(words, borders, int(common[0])),
        "histograms": plots.plot_word_shares(
            words, [city, forest, wood, borders], ["city", "forest", "vertical wood", "borders"]
        ),
    }
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, ax in drawn.items():
        paths.append(folder / f"{name}.png")
        ax.figure.savefig(paths[-1], dpi=150)
    return paths


if __name__ == "__main__":
    print("\n".join(map(str, figures(Path(sys.argv[1] if len(sys.argv) > 1 else ".")))))
