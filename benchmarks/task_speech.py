"""The 2017 tutorial's table of speakers, and all 24 recordings; see `filterbank.reproduce.speech`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from filterbank import GaussianBank, Moments, WindowedBank
from filterbank.datasets import speech
from filterbank.reproduce.speech import (
    RATE,
    TARGETS,
    all_voices,
    fourier_features,
    leave_out,
    nearest,
    normalised_sounds,
    standardised,
    table,
)

__all__ = ["all_voices", "figures", "run", "table"]


def run() -> dict[str, np.ndarray]:
    """Return whether gender is told right of each recording, its speaker left out, by Fourier features and LDA."""
    dataset = speech()
    groups = dataset.table["speaker"].to_numpy()
    return {"fft, LDA, gender": leave_out(fourier_features(), dataset.y, nearest("lda", scaled=True), groups)}


def figures(folder: Path) -> list[Path]:
    """Draw what the tutorial draws: LDA of six targets, filters on a spike, local features, spectra of two speakers.

    The planes of LDA are fitted to all recordings, as the tutorial's are: they show what is fitted, not what would be
    found of others.
    """
    from filterbank import Representation, plots

    folder.mkdir(parents=True, exist_ok=True)
    info = speech().table
    features = standardised(fourier_features())
    sounds = normalised_sounds()
    spike = np.zeros(81)
    spike[40] = 1.0
    filters = Representation(GaussianBank(1, sigmas=(1.0, 2.0), orders=(1, 2)), Moments()).fit([spike])
    local = WindowedBank(filters.bank, Moments(["std"]), window=RATE // 8, hop=RATE // 32)
    names = info["name"] + ", " + info["gender"]
    two = {names[i]: sounds[i] for i in (0, int(np.flatnonzero(info["gender"] == "female")[0]))}
    drawn = {
        "filters_on_a_spike": plots.plot_responses(filters, spike),
        "local_features": plots.plot_frames(local, sounds[0], rate=RATE),
        "two_speakers": plots.plot_voices(two, RATE),
    }
    for target in TARGETS:
        labels = info[target].to_numpy().astype(str)
        drawn[f"lda_{target}"] = plots.plot_scatter(features, labels, method="lda")
    paths = []
    for name, ax in drawn.items():
        paths.append(folder / f"speech_{name}.png")
        ax.figure.savefig(paths[-1], dpi=150)
    return paths


def main() -> None:
    """Print both tables; with a folder, draw the figures in it instead."""
    if len(sys.argv) > 1:
        print(*figures(Path(sys.argv[1])), sep="\n")
        return
    pd.set_option("display.width", 160, "display.max_columns", 20, "display.max_rows", 50)
    found = table()
    print(found.round(2).to_string(index=False, na_rep=""))
    fourier = found[found["features"] == "fft"]
    same = (fourier["ours"].round(2) == fourier["published"]).sum()
    print(f"{same} of {len(fourier)} figures of the Fourier features are ours to the printed digits.")
    words = found[found["features"] == "bow"]
    inside = ((words["published"] >= words["low5"].round(2)) & (words["published"] <= words["high95"].round(2))).sum()
    print(f"{inside} of {len(words)} figures of the words lie between the 5 % and 95 % points of our seeds.")
    print("A name can't be told of a speaker who was not heard; nationalities of one speaker can't, either.\n")
    print("All 24 recordings, cepstra in ten segments, ridge:")
    print(all_voices().round(2).to_string(index=False))


if __name__ == "__main__":
    main()
