"""A page of things that are understood by moving them, served on this machine alone."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filterbank.errors import InputError, invalid

__all__ = ["PAGE", "serve", "served"]

PAGE = Path(__file__).parent / "page"
"""The folder of the page: plain files, which need no server."""

TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """Files of the page and nothing else, without a line for each request."""

    def guess_type(self, path: Any) -> str:
        """Return the type of a file, whatever this machine's own list says."""
        return TYPES.get(Path(str(path)).suffix, "application/octet-stream")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def end_headers(self) -> None:
        """Forbid the page to load anything from elsewhere."""
        self.send_header("Content-Security-Policy", "default-src 'self'; img-src 'self' data: blob:; style-src 'self'")
        self.send_header("Cache-Control", "no-store")
        super().end_headers()


@contextmanager
def served(port: int = 0) -> Iterator[str]:
    """Serve the page on the loopback address while the block runs.

    Parameters
    ----------
    port : int
        0 takes any that is free.

    Yields
    ------
    str
        The address.

    Raises
    ------
    InputError
        If the port can't be had.

    Examples
    --------
    >>> import urllib.request
    >>> with served() as address:
    ...     urllib.request.urlopen(address).status
    200
    """
    if not 0 <= port <= 65535:
        raise invalid("port", port, "from 0 to 65535")
    handler = functools.partial(_Quiet, directory=str(PAGE))
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"port={port} can't be had ({reason}). Choose another, or 0 for any that is free.") from None
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def serve(port: int = 0, *, open_browser: bool = True) -> None:
    """Serve the page until Ctrl-C.

    Parameters
    ----------
    port : int
    open_browser : bool
        Whether the user's browser is asked to show it.
    """
    with served(port) as address:
        print(f"{address} shows the page; Ctrl-C stops.", flush=True)
        if open_browser:
            import webbrowser

            webbrowser.open(address)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print()
