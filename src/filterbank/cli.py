"""The command line: each command calls one public function and prints what it returns."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from filterbank import __version__
from filterbank.errors import FilterbankError, InputError, invalid

if TYPE_CHECKING:
    from filterbank.evaluate import Comparison
    from filterbank.signals import Dataset

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Signals into features, and features into models whose scores can be believed.",
)

Data = Annotated[
    str, typer.Argument(metavar="DATA", help="A folder, table or file, or the name of a built-in set (`filterbank data`).")
]
Target = Annotated[str | None, typer.Option(help="The column of labels.")]
Group = Annotated[str | None, typer.Option(help="The column of what must stay together: a speaker, a patient.")]
Strict = Annotated[bool, typer.Option("--strict", help="Stop if any file can't be read, rather than leave it out.")]
Rate = Annotated[float | None, typer.Option(help="Samples per second; sound is resampled to it.")]
Mono = Annotated[bool, typer.Option("--mono", help="Mix the channels of sound down to one.")]
Colour = Annotated[str, typer.Option(help="How images are read: grey or rgb.")]
Axes = Annotated[int | None, typer.Option("--n-axes", help="Axes of the signals in a NumPy file, where shape can't tell.")]
Jobs = Annotated[int, typer.Option("--jobs", help="Processes or threads; -1 for all cores. Results don't depend on it.")]


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
    recipes: Annotated[str | None, typer.Option(help="Recipes to run, separated by commas; all that suit if not given.")] = None,
    classifiers: Annotated[str | None, typer.Option(help="Classifiers, separated by commas; all if not given.")] = None,
    split: Annotated[str, typer.Option(help="How training and test are kept apart; see the documentation.")] = "auto",
    out: Annotated[Path, typer.Option(help="The folder for report.html, results.parquet and model.skops.")] = Path(
        "filterbank-report"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
    naive: Annotated[bool, typer.Option(help="Compute the naive score, too, which ignores what leaks.")] = True,
    seed: Annotated[int, typer.Option(help="For what is drawn at random.")] = 0,
    jobs: Jobs = -1,
    strict: Strict = False,
    rate: Rate = None,
    mono: Mono = False,
    colour: Colour = "grey",
    n_axes: Axes = None,
) -> None:
    """Run recipes with classifiers on a split that can't leak; print a table, write a report and a model."""
    from filterbank.evaluate import compare as run
    from filterbank.report import save

    make_folder(out)
    dataset = open_data(
        data, target=target, group=group, strict=strict, rate=rate, mono=mono, colour=colour, n_axes=n_axes
    )
    with progress_bar() as tell:
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
        tell(0, 1, "writing the report")
        written = save(comparison, out)
    if as_json:
        print(json.dumps(comparison.as_dict(), indent=1, allow_nan=False))
        return
    _print_comparison(comparison)
    for path in written:
        print(path)


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model.skops that `compare` wrote.")],
    data: Data,
    out: Annotated[Path | None, typer.Option(help="The CSV file to write; printed if not given.")] = None,
    strict: Strict = False,
    colour: Colour = "grey",
    n_axes: Axes = None,
    jobs: Jobs = 1,
) -> None:
    """Tell the labels of new signals, with probabilities where the classifier has them, as CSV."""
    import pandas as pd

    from filterbank.io import write_features
    from filterbank.models import Model

    fitted = Model.load(model)
    mono = fitted.kind == "sound" and fitted.n_channels == 1
    dataset = open_data(data, strict=strict, rate=fitted.rate, mono=mono, colour=colour, n_axes=n_axes)
    predicted = fitted.predict(dataset.signals)
    known = dataset.table[[c for c in ("path", "id", "source", "start", "stop") if c in dataset.table]]
    frame = pd.concat([known, predicted], axis=1)
    if not len(known.columns):
        frame.insert(0, "signal", range(len(frame)))
    if out is None:
        print(frame.to_csv(index=False), end="")
    else:
        write_features(frame, out)
        print(f"{len(frame)} predictions in {out}")
    _report_skipped(dataset)


@app.command()
def extract(
    data: Data,
    recipe: Annotated[str, typer.Option(help="Which features; see `filterbank recipes`.")],
    out: Annotated[Path, typer.Option(help="The .parquet or .csv file to write.")],
    target: Target = None,
    group: Group = None,
    strict: Strict = False,
    rate: Rate = None,
    mono: Mono = False,
    colour: Colour = "grey",
    n_axes: Axes = None,
    jobs: Jobs = -1,
) -> None:
    """Write the features of signals, with what is known of each, a row a signal."""
    import pandas as pd

    from filterbank.io import write_features
    from filterbank.recipes import make

    if out.suffix.lower() not in (".parquet", ".csv"):
        raise invalid("out", str(out), "a file name that ends in .parquet or .csv")
    dataset = open_data(
        data, target=target, group=group, strict=strict, rate=rate, mono=mono, colour=colour, n_axes=n_axes
    )
    transformer = make(recipe, dataset.kind).set_params(n_jobs=jobs).set_output(transform="pandas")
    with progress_bar() as tell:
        tell(0, 1, f"{recipe}: {len(dataset)} signals")
        features = transformer.fit_transform(dataset.signals)
    known = dataset.table.drop(columns=[c for c in dataset.table if c in set(features.columns)])
    write_features(pd.concat([known, features.reset_index(drop=True)], axis=1), out)
    print(f"{features.shape[1]} features of {len(features)} signals in {out}")
    _report_skipped(dataset)


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
    for name in datasets.names():
        info = datasets.describe(name)
        rows.append([info.name, info.kind, info.summary, "yes" if info.available else f"no: {info.needs}"])
    _print_table(["name", "kind", "what it is", "here"], rows)


@app.command()
def show(
    signal: Annotated[str, typer.Argument(metavar="SIGNAL", help="A file, or a data set with --index.")],
    index: Annotated[int, typer.Option(help="Which signal of a data set, from 0.")] = 0,
    out: Annotated[Path | None, typer.Option(help="A .png, .svg or .pdf file to draw the signal in.")] = None,
    rate: Rate = None,
    colour: Colour = "grey",
    n_axes: Axes = None,
) -> None:
    """Say what a signal is: size, rate, values, strongest frequency; and draw it."""
    from filterbank.report import describe_signal, draw_signal

    dataset = open_data(signal, rate=rate, colour=colour, n_axes=n_axes)
    if not -len(dataset) <= index < len(dataset):
        raise invalid("index", index, f"from 0 to {len(dataset) - 1}")
    for name, value in describe_signal(dataset, index):
        print(f"{name:20} {value}")
    if out is not None:
        draw_signal(dataset, index, out)
        print(f"{'drawn in':20} {out}")


def main() -> None:
    """Run the command line; a user's mistake ends in one sentence and exit status 2."""
    try:
        app()
    except FilterbankError as error:
        sys.exit(_say(str(error), 2))
    except KeyboardInterrupt:
        sys.exit(_say("interrupted; nothing was half-written.", 130))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone: no further complaint
        sys.exit(141)
    except MemoryError:
        sys.exit(_say("there is not enough memory for this. Use fewer --jobs, a lower --rate, or less data.", 1))


def open_data(source: str, **options: Any) -> Dataset:
    """Return the data set of a path or a built-in name; a path that exists comes first."""
    from filterbank import datasets
    from filterbank.io import load

    wanted = {name: value for name, value in options.items() if value not in (None, False)}
    if Path(source).expanduser().exists():
        return load(source, **wanted)
    if source.split(":")[0] not in datasets.names():
        raise InputError(
            f"{source} is neither a file or folder nor a built-in data set. The built-in ones are: "
            f"{', '.join(datasets.names())}."
        )
    dataset = datasets.load_builtin(source)
    for name in ("rate", "mono", "n_axes"):
        if name in wanted:
            raise invalid(name, wanted[name], "an option of built-in data sets", do="Leave it out.")
    return dataset.with_target(wanted.get("target"), wanted.get("group"))


def make_folder(path: Path) -> None:
    """Make the output folder now, so that a mistake in its name is told before the work."""
    from filterbank.errors import WriteError

    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"{path}: can't be made ({(error.strerror or str(error)).lower()}). Choose another --out.") from error


@contextmanager
def progress_bar() -> Iterator[Callable[[int, int, str], None]]:
    """Show progress on the error stream, where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda done, total, text: bar.update(task, completed=done, total=total, description=text)


def _listed(names: str | None) -> list[str] | None:
    return None if names is None else [name.strip() for name in names.split(",") if name.strip()]


def _say(message: str, status: int) -> int:
    print(f"filterbank: {message}", file=sys.stderr)
    return status


def _print_table(head: list[str], rows: list[list[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in head:
        table.add_column(name, overflow="fold", justify="right" if name in NUMBERS else "left")
    for row in rows:
        table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 160).print(table, markup=False, highlight=False)


NUMBERS = {"score", "95 % interval", "chance", "naive", "features", "seconds"}


def _print_comparison(comparison: Comparison) -> None:
    print(f"{comparison.dataset.name}: {len(comparison.dataset)} signals, {len(comparison.classes)} classes.")
    print(f"Split: {comparison.plan.reason}")
    rows = []
    for row in comparison.table.itertuples():
        rows.append(
            [
                row.recipe,
                row.classifier,
                f"{row.score:.3f}",
                "unknown" if row.low != row.low else f"{row.low:.3f} to {row.high:.3f}",
                f"{row.chance:.3f}",
                "" if row.naive_score != row.naive_score else f"{row.naive_score:.3f}",
                str(row.n_features),
                f"{row.seconds_features + row.seconds_fit:.1f}",
            ]
        )
    _print_table(["recipe", "classifier", "score", "95 % interval", "chance", "naive", "features", "seconds"], rows)
    for finding in comparison.naive_leaks:
        print(f"Naive: {finding.sentence}")
    for finding in comparison.leaks:
        print(f"Leak: {finding.sentence}")
    for note in comparison.notes:
        print(f"Note: {note}")


def _report_skipped(dataset: Dataset) -> None:
    for skipped in dataset.skipped[:20]:
        _say(f"left out: {skipped.source}: {skipped.reason}", 0)
    if len(dataset.skipped) > 20:
        _say(f"and {len(dataset.skipped) - 20} more were left out.", 0)


if __name__ == "__main__":
    main()
