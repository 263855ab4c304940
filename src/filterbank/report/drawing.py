"""Figures as inline SVG: compact, with text as text, free of outside references and of clashing names."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from xml.etree import ElementTree

from markupsafe import Markup

__all__ = ["Drawing", "style"]

STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "axes.edgecolor": "#555555",
    "axes.labelcolor": "#1A1A1A",
    "text.color": "#1A1A1A",
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "xtick.labelcolor": "#1A1A1A",
    "ytick.labelcolor": "#1A1A1A",
    "figure.dpi": 72,
    "image.composite_image": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "filterbank",
}
PIXELS = 112  # of the page for an inch of a figure, where there's room
XLINK = "{http://www.w3.org/1999/xlink}href"


@contextmanager
def style() -> Iterator[None]:
    """Draw in the report's style, whatever the user's is, and restore that."""
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)  # the browser has its own fonts
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


class Drawing:
    """Turns figures of one page into SVG; each gets names of its own."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, drawn: Any, alt: str, *, scroll: bool = False) -> Markup:
        """Return a figure, or that of an Axes, as SVG.

        Parameters
        ----------
        drawn : Axes or Figure
        alt : str
            What it shows, for those who can't see it.
        scroll : bool
            Keep the figure at its size, in a container that scrolls, where the page is narrower.
        """
        figure = getattr(drawn, "figure", None) or drawn
        self._count += 1
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        root = ElementTree.fromstring(out.getvalue())
        _clean(root, f"f{self._count}-")
        width = figure.get_figwidth() * PIXELS
        size = f"max-width:{width:.0f}px" + (f";min-width:{width / 1.3:.0f}px" if scroll else "")
        root.attrib.update({"role": "img", "aria-label": _printable(alt), "style": size})
        text = ElementTree.tostring(root, encoding="unicode")
        return Markup('<div class="scroll">{}</div>').format(Markup(text)) if scroll else Markup(text)


def _clean(root: ElementTree.Element, prefix: str) -> None:
    """Drop what a page has no use for, and give every name its prefix."""
    for parent in root.iter():
        for child in list(parent):
            if _plain(child.tag) in ("metadata", "style"):
                parent.remove(child)
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    used = {v for e in root.iter() for v in re.findall(r"#([\w.-]+)", f"{e.get(XLINK, '')} {e.get('clip-path', '')}")}
    for element in root.iter():
        element.tag = _plain(element.tag)
        element.tail = None
        if element.tag != "text" and element.tag != "tspan":
            element.text = None
        link = element.attrib.pop(XLINK, None)
        if link is not None:
            element.set("href", "#" + prefix + link[1:] if link.startswith("#") else "".join(link.split()))
        name = element.attrib.pop("id", None)
        if name is not None and name in used:
            element.set("id", prefix + name)
        for key in ("clip-path", "style"):
            if key in element.attrib:
                element.set(key, element.attrib[key].replace("url(#", f"url(#{prefix}"))
        if element.tag in ("text", "tspan") and "style" in element.attrib:
            element.set("style", re.sub(r"font: ([\d.]+px) [^;]*", r"font-size:\1", element.attrib["style"]))
        for key in ("d", "x", "y"):
            if key in element.attrib:
                short = re.sub(
                    r"-?\d+\.\d+", lambda m: f"{float(m[0]):.2f}".rstrip("0").rstrip("."), element.attrib[key]
                )
                element.set(key, " ".join(short.split()))


def _plain(tag: str) -> str:
    return tag.rpartition("}")[2]


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
