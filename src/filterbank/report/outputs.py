"""What a run leaves behind: the report, the table of results and the model; and a signal, described or drawn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from filterbank.errors import invalid
from filterbank.models import Model
from filterbank.output import atomic, check_writable, write_table
from filterbank.report.html import write_report
from filterbank.signals import Dataset, check_finite

if TYPE_CHECKING:
    from filterbank.evaluate import Comparison
    from filterbank.evaluate.examine import Examination

__all__ = ["describe_signal", "draw_signal", "model_of", "save"]

FIGURES = (".png", ".svg", ".pdf")


def model_of(comparison: Comparison) -> Model:
    """Return the best pipeline of a comparison, fitted on all signals, with what must be known to use it."""
    dataset = comparison.dataset
    recipe, classifier = comparison.best
    row = comparison.row(recipe, classifier)
    return Model(
        comparison.model,
        kind=dataset.kind,
        target=str(dataset.target),
        rate=dataset.signals.rate,
        n_channels=dataset.signals.n_channels,
        about={
            "data": dataset.name,
            "recipe": recipe,
            "classifier": classifier,
            "score": float(row["score"]),
            "low": float(row["low"]),
            "high": float(row["high"]),
            "split": comparison.plan.reason,
        },
    )


def save(comparison: Comparison, folder: str | Path, *, examination: Examination | None = None) -> list[Path]:
    """Write `report.html`, `results.parquet` and `model.skops` into a folder that exists.

    Each file is either the old one or wholly the new one, also on Ctrl-C or a full disk.

    Returns
    -------
    list of Path
        What was written.
    """
    folder = Path(folder)
    report, results, model = (folder / name for name in ("report.html", "results.parquet", "model.skops"))
    write_report(comparison, report, examination=examination)
    write_table(comparison.to_frame(), results)
    model_of(comparison).save(model)
    return [report, results, model]


def describe_signal(dataset: Dataset, index: int) -> list[tuple[str, str]]:
    """Return what a signal is, as pairs of a name and a value.

    Parameters
    ----------
    dataset : Dataset
    index : int
        From 0; negative ones count from the end.

    Raises
    ------
    InputError
        If there is no such signal, or it holds NaN or infinity.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from filterbank import Dataset, Signals
    >>> signals = Signals.wrap([np.cos(2 * np.pi * 5 * np.arange(200) / 100)], rate=100)
    >>> dict(describe_signal(Dataset(signals, pd.DataFrame(index=[0])), 0))["strongest frequency"]
    '5 Hz'
    """
    signal = _signal(dataset, index)
    check_finite(signal, index)
    rate = dataset.signals.rate
    n_channels, *axes = signal.shape
    rows = [("signal", f"{index % len(dataset)} of {len(dataset)} in {dataset.name}"), ("kind", dataset.kind)]
    rows += [(str(name), str(value)) for name, value in dataset.table.iloc[index].items()]
    rows.append(("channels", str(n_channels)))
    rows.append(("size", " x ".join(map(str, axes)) + " samples"))
    if rate is not None:
        rows += [("rate", f"{rate:g} Hz"), ("duration", f"{axes[-1] / rate:.4g} s")]
    for c, channel in enumerate(signal):
        prefix = f"channel {c}: " if n_channels > 1 else ""
        rows.append(
            (
                f"{prefix}values",
                f"{channel.min():.4g} to {channel.max():.4g}, mean {channel.mean():.4g}, std {channel.std():.4g}",
            )
        )
        if len(axes) == 1:
            rows.append((f"{prefix}strongest frequency", _strongest(channel, rate)))
    return rows


def _signal(dataset: Dataset, index: int) -> np.ndarray:
    if not -len(dataset) <= index < len(dataset):
        raise invalid("index", index, f"from 0 to {len(dataset) - 1}, the signals of {dataset.name}")
    return dataset.signals[index]


def _strongest(channel: np.ndarray, rate: float | None) -> str:
    """The frequency of the highest peak of the windowed spectrum, without the mean."""
    spectrum = np.abs(np.fft.rfft((channel - channel.mean()) * np.hanning(len(channel) + 2)[1:-1]))
    if len(spectrum) < 2 or spectrum[1:].max() <= 1e-12 * max(1.0, float(np.abs(channel).max())) * len(channel):
        return "none (constant)"
    frequency = (1 + spectrum[1:].argmax()) / len(channel)
    return f"{frequency:.4g} cycles/sample" if rate is None else f"{frequency * rate:.4g} Hz"


def draw_signal(dataset: Dataset, index: int, path: str | Path) -> None:
    """Draw a signal in a .png, .svg or .pdf file.

    Raises
    ------
    InputError
        If the suffix is none of these.
    WriteError
        If the folder is missing or can't be written.
    """
    from matplotlib.figure import Figure

    from filterbank.plots import plot_signal

    path = Path(path)
    check_writable(path, suffixes=FIGURES)
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes: Any = figure.subplots()
    plot_signal(_signal(dataset, index), rate=dataset.signals.rate, ax=axes)
    axes.set_title(f"signal {index % len(dataset)} of {dataset.name}")
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=150)
