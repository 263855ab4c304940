"""Work shared among threads that wait for it, the caller's among them."""

from __future__ import annotations

import collections
import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

__all__ = ["share"]


def share(run: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], n_threads: int) -> list[Any]:
    """Return `run(*task)` of each task, in order.

    The calling thread works, too, and doesn't wait for helpers that have not begun when nothing is left to do: where
    the processor is busy with other things, or the helpers are gone (in a forked process), it does all by itself.

    Parameters
    ----------
    run : callable
        Gives up Python's lock for most of its time.
    tasks : sequence of tuple
    n_threads : int

    Examples
    --------
    >>> share(pow, [(2, 3), (3, 2)], 2)
    [8, 9]
    """
    if n_threads == 1 or len(tasks) == 1:
        return [run(*task) for task in tasks]
    waiting = collections.deque(enumerate(tasks))
    results: list[Any] = [None] * len(tasks)

    def work() -> None:
        while True:
            try:
                i, task = waiting.popleft()
            except IndexError:  # nothing is left
                return
            results[i] = run(*task)

    others = [_helpers(n_threads - 1).submit(work) for _ in range(min(n_threads, len(tasks)) - 1)]
    try:
        work()
    finally:
        waiting.clear()
        for other in others:
            if not other.cancel():
                other.result()
    return results


@functools.cache
def _helpers(n: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(n, thread_name_prefix="filterbank")
