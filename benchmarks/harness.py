"""Races: contenders that do the same work, by turns in one process, and the rows that come of it."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import random
import statistics
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numba
import numpy as np
import scipy.fft
from threadpoolctl import threadpool_limits

__all__ = [
    "Contender",
    "Row",
    "absent",
    "assert_agree",
    "machine",
    "markdown",
    "peak_beyond",
    "race",
    "rows_of",
    "single_core_peak",
    "weigh",
    "with_threads",
]

Kind = Literal["ours", "library", "handwritten"]

INTRODUCTION = (
    "Made by `python -m benchmarks --markdown docs/benchmarks.md` from measured times; don't edit. Every row's outputs "
    "were first checked to agree. Contenders ran by turns in one process; times are medians, with one thread the "
    "processor's, with two the clock's (which says little while others load the machine). The ratio is the peer's time "
    "over ours; the demand is what we mean to reach. The fraction is ours, of the peak measured in float32 times the "
    "threads; over 100 % means that fewer operations were done than the plain way needs. Memory is what a process "
    "takes at most beyond the features and what it held; its ratio is what is allowed over that."
)

LIMIT = 32
"""MiB beyond the features that a job of ours may take."""


@dataclass(frozen=True)
class Contender:
    """One way to do a job.

    Parameters
    ----------
    name : str
    run : callable
        Does the job once; what it returns is thrown away.
    kind : {"ours", "library", "handwritten"}
        "library": a library's own call. "handwritten": the best that a user would write around libraries.
    scale : float
        Its time is multiplied by this, where it runs on a part of the data because it is slow.
    """

    name: str
    run: Callable[[], Any]
    kind: Kind = "library"
    scale: float = 1.0


@dataclass(frozen=True)
class Row:
    """A peer's time beside ours.

    `ratio` is the peer's time over ours, `demand` the ratio to reach (None: shown for information), `ok` whether it is
    reached. `peer_s`, `ratio` and `ok` are None where the peer is absent; `note` then says why. `fraction` is ours, of
    the measured peak of so many cores. Of the kind "limit" is a row of memory: the ratio is what is allowed over what
    was taken.
    """

    job: str
    peer: str
    kind: str
    threads: int
    ours_s: float | None
    peer_s: float | None
    ratio: float | None
    demand: float | None
    ok: bool | None
    ours: str = "ours"
    fraction: float | None = None
    note: str = ""


@contextlib.contextmanager
def with_threads(n: int) -> Iterator[None]:
    """Hold everything that has threads of its own, as far as it's imported, to `n` of them."""
    torch, cv2 = sys.modules.get("torch"), sys.modules.get("cv2")
    before = numba.get_num_threads(), torch and torch.get_num_threads(), cv2 and cv2.getNumThreads()
    numba.set_num_threads(min(n, numba.config.NUMBA_NUM_THREADS))
    if torch:
        torch.set_num_threads(n)
    if cv2:
        cv2.setNumThreads(n)
    try:
        with threadpool_limits(n), scipy.fft.set_workers(n):
            yield
    finally:
        numba.set_num_threads(before[0])
        if torch:
            torch.set_num_threads(before[1])
        if cv2:
            cv2.setNumThreads(before[2])


def race(contenders: Sequence[Contender], *, threads: int, repeats: int) -> dict[str, float]:
    """Return each contender's median time in seconds.

    Each runs once to warm up; then they run by turns, in another order in each round, so that what else the machine
    does, and what the one before left in the caches, hits all alike. With one thread the time is the processor's, since
    on a machine that others use, too, long contenders are interrupted more than short ones; with more threads it is
    the clock's.
    """
    clock = time.process_time if threads == 1 else time.perf_counter
    names = [contender.name for contender in contenders]
    assert len(set(names)) == len(names), f"names must differ: {names}"
    times: dict[str, list[float]] = {name: [] for name in names}
    with with_threads(threads):
        for contender in contenders:
            contender.run()
        for turn in range(repeats):
            for contender in random.Random(turn).sample(contenders, len(contenders)):
                start = clock()
                contender.run()
                times[contender.name].append((clock() - start) * contender.scale)
    return {name: statistics.median(taken) for name, taken in times.items()}


def rows_of(
    job: str,
    contenders: Sequence[Contender],
    medians: Mapping[str, float],
    *,
    threads: int,
    demands: Mapping[str, float],
    flops: float | None = None,
    note: str = "",
) -> list[Row]:
    """Set each of ours against each peer.

    Parameters
    ----------
    job : str
    contenders, medians
        What raced, and what `race` returned.
    threads : int
    demands : mapping
        The ratio to reach, by the peer's name; peers without one are shown for information.
    flops : float, optional
        The useful operations of the job, for the fraction of the measured peak.
    note : str
    """
    rows = []
    for ours in (contender for contender in contenders if contender.kind == "ours"):
        own = medians[ours.name]
        fraction = None if flops is None else flops / own / (threads * single_core_peak())
        for peer in (contender for contender in contenders if contender.kind != "ours"):
            ratio = medians[peer.name] / own
            demand = demands.get(peer.name)
            ok = None if demand is None else ratio >= demand
            taken = medians[peer.name]
            rows.append(
                Row(job, peer.name, peer.kind, threads, own, taken, ratio, demand, ok, ours.name, fraction, note)
            )
    return rows


def absent(
    job: str, peer: str, kind: Kind, *, threads: int, demand: float | None, why: str, ours_s: float | None = None
) -> Row:
    """Return the row of a peer that isn't here, so that it's missed."""
    return Row(job, peer, kind, threads, ours_s, None, None, demand, None, note=f"absent: {why}")


def weigh(job: str, *arguments: Any, threads: int, note: str = "") -> Row:
    """Return the row of the memory that a job of ours takes beyond its features, measured in a process of its own.

    Parameters
    ----------
    job : str
        `benchmarks.job_NAME` has a function `heavy(*arguments, threads)`, which returns two callables: one that loads
        all that is compiled, and one that does the job and returns the features.
    *arguments
        Numbers and strings.
    threads : int
    note : str
        What was done.
    """
    call = f"harness.peak_beyond(*job.heavy(*{arguments}, {threads}))"
    code = f"from benchmarks import harness, job_{job} as job; print({call})"
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    taken = float(done.stdout)
    peer, name = f"at most {LIMIT} MiB beyond the features", " ".join(["ours", note]).strip()
    if np.isnan(taken):
        return Row(
            f"{job}, memory", peer, "limit", threads, None, None, None, 1.0, None, name, note="the system doesn't say"
        )
    ratio = LIMIT / max(taken, 0.1)
    return Row(
        f"{job}, memory", peer, "limit", threads, None, None, ratio, 1.0, ratio >= 1, name, note=f"{taken:.1f} MiB"
    )


def peak_beyond(warm_up: Callable[[], Any], run: Callable[[], np.ndarray]) -> float:
    """Return the MiB that `run` adds to this process at most, less its array; NaN if the system doesn't say."""
    warm_up()
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # sets the peak back to what is used now
        before = _memory("VmRSS")
        features = run()
        return (_memory("VmHWM") - before - features.nbytes) / 2**20
    return float("nan")


def _memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def assert_agree(found: Any, expected: Any, *, tolerance: float, what: str) -> float:
    """Return the largest difference relative to the largest expected value; raise if it is above the tolerance."""
    found, expected = np.asarray(found, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    if found.shape != expected.shape:
        raise AssertionError(f"{what}: the shapes {found.shape} and {expected.shape} differ")
    error = float(np.abs(found - expected).max() / max(np.abs(expected).max(), np.finfo(np.float64).tiny))
    if not error <= tolerance:
        raise AssertionError(f"{what}: differs by {error:.1e}, and {tolerance:.1e} is allowed")
    return error


@functools.cache
def single_core_peak() -> float:
    """Return what one core does, in float32 operations a second: the best of a few products of matrices by BLAS."""
    rng = np.random.default_rng(0)
    n = 1024
    a, b = rng.normal(size=(2, n, n)).astype(np.float32)
    out = np.empty_like(a)
    best = np.inf
    with with_threads(1):
        for _ in range(9):
            start = time.process_time()
            np.matmul(a, b, out=out)
            best = min(best, time.process_time() - start)
    return 2 * n**3 / best


def machine() -> dict[str, Any]:
    """Say what the times were measured on, and with what."""
    versions = {"python": platform.python_version()}
    for name in ("numpy", "scipy", "numba", "torch", "cv2", "skimage", "librosa", "aeon", "kymatio", "mahotas"):
        module = sys.modules.get(name)
        versions[name] = getattr(module, "__version__", "?") if module else "absent or unused"
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": list(os.getloadavg()),
        "peak_gflops_1_core": round(single_core_peak() / 1e9, 1),
        "peak_measured_by": "sgemm of 1024 x 1024 matrices by numpy's BLAS, one thread, best of 9",
        "versions": versions,
        "date": time.strftime("%Y-%m-%d"),
    }


def _processor() -> str:
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def markdown(results: Sequence[Mapping[str, Any]]) -> str:
    """Return the page of measured ratios, from what the runs wrote as JSON: `{"job", "rows", "machine"}` each."""
    lines = ["# Benchmarks", "", *textwrap.wrap(INTRODUCTION, 115)]
    for result in results:
        host = result["machine"]
        versions = ", ".join(f"{name} {version}" for name, version in host["versions"].items())
        lines += ["", f"## {result['title']}", ""]
        lines += ["| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
        lines += ["| " + " | ".join(cells(row)) + " |" for row in result["rows"]]
        if result.get("bounds"):
            lines += ["", result["bounds"]]
        lines += [
            "",
            f"{host['date']}, {host['processor']}, {host['cores']} cores, load {host['load'][0]:.1f}, peak of a core "
            f"{host['peak_gflops_1_core']} GFLOP/s ({host['peak_measured_by']}); {versions}.",
        ]
    return "\n".join(lines) + "\n"


HEADINGS = ("job", "ours", "peer", "kind", "threads", "ours, s", "peer, s", "ratio", "demand", "met", "of peak", "note")


def cells(row: Row | Mapping[str, Any]) -> list[str]:
    """Return a row as text, in the order of HEADINGS."""
    values = asdict(row) if isinstance(row, Row) else dict(row)
    met = {True: "yes", False: "MISSED", None: ""}[values["ok"]]

    def number(value: float | None, form: str) -> str:
        return "" if value is None else format(value, form)

    return [
        values["job"],
        values["ours"],
        values["peer"],
        values["kind"],
        str(values["threads"]),
        number(values["ours_s"], ".3g"),
        number(values["peer_s"], ".3g"),
        number(values["ratio"], ".3g"),
        number(values["demand"], "g"),
        met,
        number(values["fraction"], ".1%"),
        values["note"],
    ]
