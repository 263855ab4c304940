"""The command line: each command calls one public function and prints what it returns."""

from __future__ import annotations

import itertools
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from filterbank import __version__
from filterbank.errors import FilterbankError, WriteError, invalid

if TYPE_CHECKING:
    from filterbank.evaluate import Comparison
    from filterbank.evaluate.examine import Examination
    from filterbank.signals import Dataset, Signals

__all__ = ["app", "main"]

UsageError: Any = typer.BadParameter.__base__
"""What Typer raises on a wrong option or argument; it has no public name of its own."""

NUMBERS = {"score", "95 % interval", "chance", "naive", "features", "seconds", "published", "ours", "honest"}
"""Columns that are set to the right."""


class Commands(TyperGroup):
    """The commands, where whatever goes wrong for a reason that the user can act on ends in one sentence."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; a mistake of the user has exit status 2, Ctrl-C 130, a full disk or memory 1."""
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()
        except FilterbankError as error:
            status = _say(str(error), 2)
        except UsageError as error:
            command = (error.ctx or ctx).command_path
            status = _say(f"{error.format_message().rstrip('.')}. See `{command} --help`.", 2)
        except KeyboardInterrupt:
            status = _say("interrupted; no file is half-written.", 130)
        except BrokenPipeError:  # the reader of a pipe has gone: no complaint
            _drop_output()
            status = 141
        except OSError as error:
            status = _say(f"{error.filename or 'the output'}: {(error.strerror or str(error)).lower()}.", 1)
            _drop_output()
        except MemoryError:
            status = _say("there is not enough memory for this. Use fewer --jobs, a lower --rate, or less data.", 1)
        raise typer.Exit(status)


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Signals into features, and features into models whose scores can be believed.",
)


def _not_zero(jobs: int) -> int:
    if jobs == 0:
        raise invalid("jobs", jobs, "a positive number, or -1 for all cores")
    return jobs


Data = Annotated[
    str, typer.Argument(metavar="DATA", help="A folder, table or file, or the name of a built-in set (see `data`).")
]
Target = Annotated[str | None, typer.Option(help="The column of labels.")]
Group = Annotated[str | None, typer.Option(help="The column of what must stay together: a speaker, a patient.")]
Strict = Annotated[bool, typer.Option("--strict", help="Stop if any file can't be read, rather than leave it out.")]
Rate = Annotated[float | None, typer.Option(help="Samples per second; signals of another rate are resampled.")]
Mono = Annotated[bool, typer.Option("--mono", help="Mix the channels of sound down to one.")]
Channel = Annotated[int | None, typer.Option(help="The one channel of sound to take, from 0.")]
Colour = Annotated[str | None, typer.Option(help="How images are read: grey (if not given) or rgb.")]
Axes = Annotated[int | None, typer.Option("--n-axes", help="Axes of the signals in NumPy files: 1, 2 or 3.")]
Jobs = Annotated[
    int,
    typer.Option("--jobs", callback=_not_zero, help="Processes or threads, -1 for all cores; results are the same."),
]


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False) -> None:
    if version:
        print(f"filterbank {__version__}")
        raise typer.Exit


@app.command()
def compare(
    data: Data,
    target: Target = None,
    group: Group = None,
    recipes: Annotated[str | None, typer.Option(help="Recipes, separated by commas; all that suit if none.")] = None,
    classifiers: Annotated[
        str | None, typer.Option(help="Classifiers, separated by commas; the usual if none.")
    ] = None,
    split: Annotated[str, typer.Option(help="How training and test are kept apart.")] = "auto",
    out: Annotated[Path, typer.Option(help="The folder for report.html, results.parquet and model.skops.")] = Path(
        "filterbank-report"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
    naive: Annotated[bool, typer.Option(help="Compute the naive score, too, which ignores what leaks.")] = True,
    thorough: Annotated[
        bool,
        typer.Option("--thorough", help="Also permute labels, draw a learning curve and check the probabilities."),
    ] = False,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="For what is drawn at random.")] = 0,
    jobs: Jobs = -1,
    strict: Strict = False,
    rate: Rate = None,
    mono: Mono = False,
    channel: Channel = None,
    colour: Colour = None,
    n_axes: Axes = None,
) -> None:
    """Run recipes with classifiers on a split that can't leak; print a table, write a report and a model."""
    from filterbank.evaluate import compare as run
    from filterbank.evaluate.examine import examine
    from filterbank.report import save

    with progress_bar() as tell:
        dataset = open_data(
            data,
            tell,
            target=target,
            group=group,
            strict=strict,
            rate=rate,
            mono=mono,
            channel=channel,
            colour=colour,
            n_axes=n_axes,
        )
        make_folder(out)
        comparison = run(
            dataset,
            recipes=_listed(recipes),
            classifiers=_listed(classifiers),
            split=split,
            naive=naive,
            n_jobs=jobs,
            random_state=seed,
            progress=tell,
        )
        examination = examine(comparison, thorough=thorough, n_jobs=jobs, random_state=seed, progress=tell)
        tell(0, 0, "writing the report")
        written = save(comparison, out, examination=examination)
    if as_json:
        print(json.dumps({**comparison.as_dict(), **examination.as_dict()}, indent=1, allow_nan=False))
    else:
        _print_comparison(comparison, examination)
        for path in written:
            print(path)


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model.skops that `compare` wrote.")],
    data: Data,
    out: Annotated[Path | None, typer.Option(help="The .csv or .parquet file; printed as CSV if not given.")] = None,
    strict: Strict = False,
    colour: Colour = None,
    n_axes: Axes = None,
) -> None:
    """Tell the labels of new signals, with probabilities where the classifier has them, as CSV."""
    import pandas as pd

    from filterbank.models import Model
    from filterbank.output import TABLES, check_writable, write_table

    if out is not None:
        check_writable(out, suffixes=TABLES)
    fitted = Model.load(model)
    with progress_bar() as tell:
        dataset = open_data(data, tell, strict=strict, colour=colour, n_axes=n_axes)
        tell(0, 0, f"{len(dataset)} signals")
        predicted = fitted.predict(dataset.signals)
    known = dataset.table[[c for c in ("path", "id", "source", "start", "stop") if c in dataset.table]]
    frame = pd.concat([known, predicted], axis=1)
    if not len(known.columns):
        frame.insert(0, "signal", range(len(frame)))
    if out is None:
        print(frame.to_csv(index=False, lineterminator="\n"), end="")
    else:
        write_table(frame, out)
        print(f"{len(frame)} predictions in {out}")


@app.command()
def extract(
    data: Data,
    recipe: Annotated[str, typer.Option(help="Which features; see `recipes`.")],
    out: Annotated[Path, typer.Option(help="The .parquet or .csv file to write.")],
    target: Target = None,
    group: Group = None,
    strict: Strict = False,
    rate: Rate = None,
    mono: Mono = False,
    channel: Channel = None,
    colour: Colour = None,
    n_axes: Axes = None,
    jobs: Jobs = -1,
) -> None:
    """Write the features of signals, with what is known of each, a row a signal."""
    import pandas as pd
    from sklearn.utils import get_tags

    from filterbank.output import TABLES, check_writable, write_table
    from filterbank.recipes import make

    check_writable(out, suffixes=TABLES)
    with progress_bar() as tell:
        dataset = open_data(
            data,
            tell,
            target=target,
            group=group,
            strict=strict,
            rate=rate,
            mono=mono,
            channel=channel,
            colour=colour,
            n_axes=n_axes,
        )
        transformer = make(recipe, dataset.kind).set_params(n_jobs=jobs).set_output(transform="pandas")
        rounds = 2 if getattr(transformer, "learns", False) else 1
        signals = watched(dataset.signals, tell, f"{recipe}: {len(dataset)} signals", rounds)
        labels = dataset.y if get_tags(transformer).target_tags.required else None
        features = transformer.fit_transform(signals, labels).reset_index(drop=True)
    known = dataset.table.drop(columns=[c for c in dataset.table if c in features])
    write_table(pd.concat([known, features], axis=1), out)
    print(f"{features.shape[1]} features of {len(features)} signals in {out}")


@app.command()
def recipes() -> None:
    """List the recipes: named ways from signals to features."""
    from filterbank.recipes import RECIPES

    rows = [[r.name, ", ".join(r.kinds), r.summary] for r in RECIPES.values()]
    _print_table(["recipe", "suits", "what it is"], rows)


@app.command()
def data() -> None:
    """List the built-in data sets, and whether each is on this machine."""
    from filterbank import datasets

    rows = []
    for info in map(datasets.describe, datasets.names()):
        rows.append([info.name, info.kind, info.summary, "yes" if info.available else f"no: {info.needs}"])
    _print_table(["name", "kind", "what it is", "here"], rows)


@app.command()
def show(
    signal: Annotated[str, typer.Argument(metavar="SIGNAL", help="A file, or a data set with --index.")],
    index: Annotated[int, typer.Option(help="Which signal of a data set, from 0.")] = 0,
    out: Annotated[Path | None, typer.Option(help="A .png, .svg or .pdf file to draw the signal in.")] = None,
    rate: Rate = None,
    mono: Mono = False,
    channel: Channel = None,
    colour: Colour = None,
    n_axes: Axes = None,
) -> None:
    """Say what a signal is: size, rate, values, strongest frequency; and draw it."""
    from filterbank.report import describe_signal, draw_signal

    with progress_bar() as tell:
        dataset = open_data(signal, tell, rate=rate, mono=mono, channel=channel, colour=colour, n_axes=n_axes)
    for name, value in describe_signal(dataset, index):
        print(f"{name:20} {value}")
    if out is not None:
        draw_signal(dataset, index, out)
        print(f"{'drawn in':20} {out}")


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="A folder of sounds or videos, or one file.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write in; made if need be.")],
    to: Annotated[str, typer.Option(help="wav or flac.")] = "wav",
    rate: Annotated[float | None, typer.Option(help="Samples per second; each file's own if not given.")] = None,
    mono: Mono = False,
    channel: Channel = None,
    subtype: Annotated[str | None, typer.Option(help="PCM_16 (if not given), PCM_24, FLOAT and so on.")] = None,
    to_level: Annotated[str | None, typer.Option(help="Normalise the peak, rms or loudness.")] = None,
    level: Annotated[float | None, typer.Option(help="To what: decibels, or LUFS of loudness.")] = None,
) -> None:
    """Write sounds as WAV or FLAC; what can't be read is named, and the rest goes on."""
    from filterbank.sound import convert as run

    with progress_bar() as tell:
        found = run(
            source,
            out,
            to=to,
            rate=rate,
            mono=mono,
            channel=channel,
            subtype=subtype,
            to_level=to_level,
            level=level,
            progress=lambda done, total: tell(done, total, "converting"),
        )
    failed = found[found["written"] == ""]
    for reason in failed["reason"]:
        _say(reason, 1)
    for row in found[found["clipped"] > 0].to_dict("records"):
        _say(f"{row['path']}: {row['clipped']} samples were too loud for the format, and cut to what it holds.", 0)
    print(f"{len(found) - len(failed)} of {len(found)} sounds written in {out}")
    if len(failed):
        raise typer.Exit(1)


@app.command()
def explore(
    port: Annotated[int, typer.Option(help="The port on this machine; any that is free if 0.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
) -> None:
    """Show a page of things to move: harmonics, kernels, scales, Gabor filters, sampling, a spectrum to hear."""
    from filterbank.explore import serve

    serve(port, open_browser=browser)


@app.command()
def reproduce(
    only: Annotated[str | None, typer.Option(help="Sections, separated by commas, such as health,speech.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")] = False,
    out: Annotated[Path | None, typer.Option(help="A folder for reproduce.csv.")] = None,
) -> None:
    """Reproduce the figures that the 2017 tutorial published, one row each, and score the same honestly."""
    from filterbank import reproduce as figures

    if out is not None:
        make_folder(out)
    rows = []
    with progress_bar() as tell:
        tell(0, 0, "reproducing")
        for row in figures.reproduce(_listed(only)):
            rows.append(row)
            tell(0, 0, f"{row.section}: {row.what}")
    if out is not None:
        from filterbank.output import write_table

        write_table(figures.as_table(rows), out / "reproduce.csv")
    if as_json:
        print(json.dumps([vars(row) for row in rows], indent=1))
    else:
        _print_reproduced(rows)
    wrong = figures.disagreements(rows)
    if wrong:
        _say(f"{len(wrong)} figures that must agree don't: {'; '.join(row.what for row in wrong)}.", 1)
        raise typer.Exit(1)


def _print_reproduced(rows: list[Any]) -> None:
    head = ["section", "what", "published", "ours", "agreement", "honest", "95 % interval"]
    shown = []
    for row in rows:
        interval = "" if row.low is None else f"{row.low:.2f} to {row.high:.2f}"
        decimals = len(re.match(r"\d*\.?(\d*)", row.published)[1])  # type: ignore[index]
        ours = "" if row.ours is None else f"{row.ours:.{decimals + 2 if decimals else 0}f}"
        honest = "" if row.honest is None else f"{row.honest:.2f}"
        shown.append([row.section, row.what, row.published, ours, row.agreement, honest, interval])
    _print_table(head, shown)
    for section, split in dict.fromkeys((row.section, row.split) for row in rows if row.split):
        print(f"{section}: honest is {split}.")
    for reason in dict.fromkeys(row.why for row in rows if row.agreement in ("absent", "not comparable")):
        print(reason[:1].upper() + reason[1:] + ("" if reason.endswith(".") else "."))
    counts = {name: sum(row.agreement == name for row in rows) for name in ("exact", "disagrees")}
    print(f"{counts['exact']} figures are ours to the printed digits, {counts['disagrees']} aren't.")


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal can't show is no reason to stop
    app(prog_name="filterbank")


Tell = Callable[[int, int, str], None]


def open_data(source: str, tell: Tell, **options: Any) -> Dataset:
    """Load a data set with the options that were given, and say what was left out of it."""
    from filterbank.datasets import load

    given = {name: value for name, value in options.items() if value is not None and value is not False}
    dataset = load(source, progress=lambda done, total: tell(done, total, "looking at files"), **given)
    for skipped in dataset.skipped[:20]:
        _say(f"left out: {skipped.source}: {skipped.reason}.", 0)
    if len(dataset.skipped) > 20:
        _say(f"and {len(dataset.skipped) - 20} more were left out.", 0)
    return dataset


def make_folder(path: Path) -> None:
    """Make the output folder now, so that a mistake in its name is told before the work."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "it is a file" if path.is_file() else (error.strerror or str(error)).lower()
        raise WriteError(f"{path}: no such folder can be made ({reason}). Choose another --out.") from error
    if not os.access(path, os.W_OK):
        raise WriteError(f"{path}: nothing can be written in this folder. Choose another --out.")


@contextmanager
def progress_bar() -> Iterator[Tell]:
    """Show progress on the error stream, where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    percent = TextColumn("{task.percentage:3.0f} %")
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), percent, TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda done, total, text: bar.update(task, completed=done, total=total or None, description=text)


def watched(signals: Signals, tell: Tell, text: str, rounds: int) -> Signals:
    """Return the same signals, which tell how far it is whenever one is read from its file, in so many rounds."""
    if signals.in_memory:
        tell(0, 0, text)
        return signals
    done, total = itertools.count(1), rounds * len(signals)

    def watch(signal: Any) -> Any:
        tell(min(next(done), total), total, text)
        return signal

    return signals.map(watch)


def _listed(names: str | None) -> list[str] | None:
    return None if names is None else [name.strip() for name in names.split(",") if name.strip()]


def _say(message: str, status: int) -> int:
    """Say one thing in one line on the error stream; return the exit status."""
    print("filterbank:", " ".join(message.split()), file=sys.stderr)
    return status


def _drop_output() -> None:
    """Where what is printed can't be written, write the rest of it nowhere, so that Python doesn't try again."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_table(head: list[str], rows: list[list[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in head:
        table.add_column(name, overflow="fold", justify="right" if name in NUMBERS else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _print_comparison(comparison: Comparison, examination: Examination) -> None:
    print(f"{comparison.dataset.name}: {len(comparison.dataset)} signals, {len(comparison.classes)} classes.")
    if comparison.dataset.description:
        print(comparison.dataset.description)
    print(f"Split: {comparison.plan.reason}")
    rows = [
        [
            row["recipe"],
            row["classifier"],
            f"{row['score']:.3f}",
            "unknown" if row["low"] != row["low"] else f"{row['low']:.3f} to {row['high']:.3f}",
            f"{row['chance']:.3f}",
            "" if row["naive_score"] != row["naive_score"] else f"{row['naive_score']:.3f}",
            str(row["n_features"]),
            f"{row['seconds_features'] + row['seconds_fit']:.1f}",
        ]
        for row in comparison.table.to_dict("records")
    ]
    _print_table(["recipe", "classifier", "score", "95 % interval", "chance", "naive", "features", "seconds"], rows)
    for leak in sorted(examination.leaks, key=lambda leak: leak.split == "honest"):
        print(f"{'Leak' if leak.split == 'honest' else 'Naive'}: {leak.sentence}")
    if examination.against_baseline is not None:
        print(f"Compared: {examination.against_baseline.sentence}")
    for found in (examination.permutation, examination.learning, examination.calibration):
        if found is not None:
            print(f"Checked: {found.sentence}")
    for note in [*comparison.notes, *examination.notes]:
        print(f"Note: {note}")
    print(f"Verdict: {examination.verdict}")


if __name__ == "__main__":
    main()
