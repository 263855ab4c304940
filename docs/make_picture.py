"""Draws docs/_static/overview.svg, the picture at the head of the README: signal, bank, pool, score."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

import filterbank
from filterbank import GaborBank, Moments, Representation, datasets

INK, BLUE, ORANGE, GREY = "#222222", "#0072B2", "#D55E00", "#999999"
OUT = Path(__file__).parent / "_static" / "overview.svg"


def main() -> None:
    """Draw it."""
    data = datasets.epidemics()
    decade = datasets.epidemics(window=(144, 144), hop=144)
    signal = decade.signals[int(np.flatnonzero((decade.y == "measles") & (decade.groups == "city 1"))[0])]
    bank = GaborBank(frequencies=1 / np.geomspace(4, 36, 28), bandwidth=0.8, pad="symmetric")
    representation = Representation(bank, Moments(["mean"])).fit([signal])
    periods = 1 / representation.feature_table_["frequency"]
    responses = np.stack(
        [representation.explain(signal, name).response for name in representation.get_feature_names_out()]
    )
    responses /= responses.max(axis=1, keepdims=True).max()
    result = filterbank.compare(data, recipes=["tutorial_gabor"], n_jobs=-1)
    table = result.table.set_index("classifier")

    with matplotlib.rc_context({"svg.fonttype": "none", "font.size": 10, "svg.hashsalt": "overview"}):
        figure = Figure(figsize=(11, 3.1), layout="constrained")
        left, middle, pool, right = figure.subplots(1, 4, width_ratios=[1.15, 1.15, 0.8, 1.25])
        left.plot(signal[0] / 1000, color=BLUE)
        left.set(title="a signal", xlabel="month", ylabel="cases (thousands)")
        middle.pcolormesh(np.arange(signal.shape[1]), periods, responses, cmap="viridis", rasterized=True)
        middle.set(title="a bank's responses", xlabel="month", ylabel="period (months)", yscale="log")
        middle.set_yticks([6, 12, 24], ["6", "12", "24"])
        middle.minorticks_off()
        pool.plot(responses.mean(axis=1), periods, "o-", ms=3, color=BLUE)
        pool.set(title="pooled: features", xlabel="mean response", yscale="log")
        pool.set_yticks([6, 12, 24], ["6", "12", "24"])
        pool.minorticks_off()
        for y, name in enumerate(["svm", "logistic", "ridge", "1-nn"]):
            row = table.loc[name]
            right.plot([row.low, row.high], [y, y], color=BLUE, lw=2)
            right.plot(row.score, y, "o", color=BLUE, label="a new city, 95 % interval" if y == 0 else None)
            right.plot(
                row.naive_score,
                y + 0.22,
                "o",
                mfc="none",
                color=ORANGE,
                label="naive leave-one-out" if y == 0 else None,
            )
        right.axvline(table.chance.iloc[0], color=GREY, ls="--", lw=1, label="chance")
        right.set_yticks(range(4), ["svm", "logistic", "ridge", "1-nn"])
        right.set(title="a score to believe", xlabel="accuracy", xlim=(0.28, 1.03), ylim=(-1.75, 3.6))
        right.legend(loc="lower left", fontsize=8, framealpha=1, edgecolor="white", borderpad=0.1)
        for axes in (left, middle, pool, right):
            axes.spines[["top", "right"]].set_visible(False)
            axes.title.set_fontweight("bold")
        figure.patch.set_facecolor("white")
        figure.savefig(OUT, metadata={"Date": None})
    print(OUT)


if __name__ == "__main__":
    main()
