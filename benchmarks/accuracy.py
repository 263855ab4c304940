"""The command: run tasks with known folds, and print what is reached beside what peers reach and what is demanded.

A task is a module `task_NAME` beside this one. Its `run()` says for each tested signal whether it was told right: an
array of bool, or a dict of such arrays (or lists of them, fold by fold) by name. `PEERS` (score by name) and `DEMAND`
are for all of it, `DEMANDS` (and then `PEERS`) by the names that `run` gives. With `mean_accuracy`, a function of what
`run` gives, the mean over sets is what counts.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import benchmarks
from filterbank.errors import MissingDataError
from filterbank.evaluate import wilson

__all__ = ["Line", "lines_of", "main", "tasks"]

HEADINGS = ("task", "what", "tested", "accuracy", "95 % interval", "demand", "", "peers")


@dataclass(frozen=True)
class Line:
    """One accuracy: `ok` is None where nothing is demanded."""

    task: str
    what: str
    n_tested: int
    score: float
    low: float
    high: float
    demand: float | None
    peers: Mapping[str, float]

    @property
    def ok(self) -> bool | None:
        """Whether the demand is reached."""
        return None if self.demand is None else self.score >= self.demand

    def cells(self) -> list[str]:
        """Return the line as text, in the order of HEADINGS."""
        verdict = {True: "reached", False: "MISSED", None: ""}[self.ok]
        return [
            self.task,
            self.what,
            str(self.n_tested),
            f"{self.score:.4f}",
            f"{self.low:.3f} to {self.high:.3f}",
            "" if self.demand is None else f"{self.demand:g}",
            verdict,
            ", ".join(f"{name} {score:g}" for name, score in self.peers.items()),
        ]


def tasks() -> list[str]:
    """Return the names of the tasks: the modules `task_NAME` beside this one."""
    return sorted(
        module.name.removeprefix("task_")
        for module in pkgutil.iter_modules(benchmarks.__path__)
        if module.name.startswith("task_")
    )


def lines_of(name: str, task: ModuleType, found: Any) -> Iterator[Line]:
    """Yield the lines of what a task's `run` gave."""
    peers: Mapping[str, Any] = getattr(task, "PEERS", {})
    nested = any(isinstance(value, Mapping) for value in peers.values())
    if hasattr(task, "mean_accuracy"):
        what = next(iter(task.DEMANDS))
        n_tested = sum(len(_flat(right)) for right in found.values())
        yield Line(name, what, n_tested, *task.mean_accuracy(found), task.DEMANDS[what], peers.get(what, {}))
        return
    outcomes = _named(found)
    demands = getattr(task, "DEMANDS", {})
    for i, (what, right, own) in enumerate(outcomes):
        # A demand on the whole task is on what comes first.
        demand = own if own is not None else demands.get(what, getattr(task, "DEMAND", None) if i == 0 else None)
        known = peers.get(what, {}) if nested else peers if i == 0 else {}
        low, high = wilson(float(right.sum()), len(right))
        yield Line(name, what, len(right), float(right.mean()), low, high, demand, known)


def _named(found: Any) -> list[tuple[str, np.ndarray, float | None]]:
    """What was told right, by name, with a demand of its own where there is one."""
    if isinstance(found, Mapping):
        return [(str(what), _flat(right), None) for what, right in found.items()]
    if isinstance(found, list) and found and hasattr(found[0], "right"):
        return [(one.what, _flat(one.right), float(one.demand)) for one in found]
    return [("", _flat(found), None)]


def _flat(right: Any) -> np.ndarray:
    parts = right if isinstance(right, (list, tuple)) else [right]
    return np.concatenate([np.asarray(part, dtype=bool).ravel() for part in parts])


def main(arguments: list[str] | None = None) -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument("--only", action="append", choices=tasks(), metavar="NAME", help=f"of {', '.join(tasks())}")
    options = parser.parse_args(arguments)
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    table = Table(*HEADINGS)
    missed = 0
    for name in options.only or tasks():
        task = importlib.import_module(f"benchmarks.task_{name}")
        began = time.process_time()
        try:
            with console.status(name):
                found = task.run()
        except MissingDataError as error:
            console.print(f"{name} is left out: {error}", markup=False)
            continue
        for line in lines_of(name, task, found):
            missed += line.ok is False
            table.add_row(*line.cells(), style="red" if line.ok is False else None)
        console.print(f"{name}: {time.process_time() - began:.0f} s of this process")
    console.print(table)
    console.print("Intervals take signals for independent, which holds within a task's test signals at best.")
    console.print(f"{missed} demands missed." if missed else "No demand missed.")


if __name__ == "__main__":
    main()
