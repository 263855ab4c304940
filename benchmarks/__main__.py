"""The command: run the jobs, print a table, and keep what was measured as JSON and as a page of documentation."""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import benchmarks
from benchmarks.harness import HEADINGS, Row, cells, machine, markdown

RESULTS = Path(__file__).parent / "results"


def jobs() -> list[str]:
    """Return the names of the jobs: the modules `job_NAME` beside this one."""
    return sorted(
        module.name.removeprefix("job_")
        for module in pkgutil.iter_modules(benchmarks.__path__)
        if module.name.startswith("job_")
    )


def measure(name: str, *, quick: bool) -> dict[str, Any]:
    """Run one job; return its rows, and what they were measured on, as JSON would hold them."""
    module = importlib.import_module(f"benchmarks.job_{name}")
    rows = module.run(quick)
    title = module.__doc__.strip().splitlines()[0].rstrip(".")
    result = {"job": name, "title": title, "quick": quick, "rows": [asdict(row) for row in rows], "machine": machine()}
    return result | {"bounds": " ".join(getattr(module, "BOUNDS", "").split())}


def show(rows: list[Row], console: Console) -> None:
    """Print rows as a table."""
    table = Table(*HEADINGS)
    for row in rows:
        style = "red" if row.ok is False else "dim" if row.ratio is None else None
        table.add_row(*cells(row), style=style)
    console.print(table)


def main(arguments: list[str] | None = None) -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=benchmarks.__doc__)
    parser.add_argument("--quick", action="store_true", help="toy sizes: shows that it runs, not how fast")
    parser.add_argument("--only", action="append", choices=jobs(), metavar="NAME", help=f"of {', '.join(jobs())}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured now to this file as well")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="write a page of what is in benchmarks/results, all jobs"
    )
    options = parser.parse_args(arguments)
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    folder = RESULTS / "quick" if options.quick else RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    measured = []
    for name in options.only or jobs():
        with console.status(name):
            result = measure(name, quick=options.quick)
        console.print(result["title"])
        show([Row(**row) for row in result["rows"]], console)
        (folder / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        measured.append(result)
    if options.json:
        options.json.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    if options.markdown:
        kept = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
        options.markdown.write_text(markdown(kept), encoding="utf-8")
    missed = [row for result in measured for row in result["rows"] if row["ok"] is False]
    console.print(f"{len(missed)} demands missed." if missed else "No demand missed.")


if __name__ == "__main__":
    main()
