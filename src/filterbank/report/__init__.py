"""What a run leaves behind: an evaluation as one self-contained HTML page, a table of results, and a model."""

from __future__ import annotations

from filterbank.report.html import render, write_report
from filterbank.report.outputs import describe_signal, draw_signal, model_of, save

__all__ = ["describe_signal", "draw_signal", "model_of", "render", "save", "write_report"]
