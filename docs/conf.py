"""How the documentation is built: offline, from docstrings, the program's own help, and the pages beside this file."""

import io
import re
from pathlib import Path

import filterbank

project = "filterbank"
author = "The filterbank developers"
copyright = "2026, the filterbank developers"
release = filterbank.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc", "sphinx_gallery.gen_gallery"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build", "gallery"]  # of the gallery, sphinx-gallery makes the pages of `tutorial`
templates_path = ["_templates"]
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "tutorial",
    "filename_pattern": r"/plot_",
    "within_subsection_order": "FileNameSortKey",
    "remove_config_comments": True,
    "download_all_examples": False,
    "show_memory": False,
    "capture_repr": ("_repr_html_",),
    "show_signature": False,
    "abort_on_example_error": True,
    "min_reported_time": 3600,
    "write_computation_times": False,  # so that a page is the same whenever it's built
}
html_math_renderer = "drawn"
html_theme = "pydata_sphinx_theme"
html_title = "filterbank"
html_static_path = ["_static"]
html_theme_options = {
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
html_show_sourcelink = False


def write_command_line(app: object) -> None:
    """Write the command line's page from the program itself."""
    import typer.main

    from filterbank.cli import app as commands

    group = typer.main.get_command(commands)
    context = group.make_context("filterbank", [], resilient_parsing=True)
    lines = ["# Command line", "", group.help or "", ""]
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        inner = command.make_context(name, [], parent=context, resilient_parsing=True)
        lines += [f"## `filterbank {name}`", "", command.help or "", "", "```text"]
        lines.append(" ".join(["filterbank", name, *command.collect_usage_pieces(inner)]))
        lines += ["```", "", "| | |", "|---|---|"]
        for parameter in command.get_params(inner):
            record = parameter.get_help_record(inner)
            if record and "--help" not in record[0]:
                lines.append(f"| `{record[0]}` | {record[1].replace('|', '/')} |")
            elif not record:
                lines.append(
                    f"| `{parameter.metavar or parameter.name.upper()}` | {getattr(parameter, 'help', '') or ''} |"
                )
        lines.append("")
    Path(app.srcdir, "command_line.md").write_text("\n".join(lines))  # type: ignore[attr-defined]


def escape_stars(app: object, what: str, name: str, item: object, options: object, lines: list[str]) -> None:
    """Let `(channel, *axes)` stand in docstrings as it is: the star begins no emphasis."""
    lines[:] = [re.sub(r"\*(axes|positions|size)\b", r"\\*\1", line) for line in lines]


def skip_routing(app: object, what: str, name: str, item: object, skip: bool, options: object) -> bool | None:
    """Leave out what scikit-learn writes for the routing of metadata: it refers to pages of its own."""
    return True if re.fullmatch(r"set_\w+_request|get_metadata_routing", name.rpartition(".")[2]) else None


def draw_formula(latex: str) -> tuple[str, float]:
    """Draw a formula as SVG, which is seen without a network or a script; return it with its depth in points."""
    from matplotlib import mathtext, rc_context

    plain = " ".join(latex.split()).replace(r"\tfrac", r"\frac")
    drawn = io.StringIO()
    with rc_context(
        {"mathtext.fontset": "stix", "font.size": 13, "svg.hashsalt": "formula", "savefig.facecolor": "none"}
    ):
        depth = mathtext.math_to_image(f"${plain}$", drawn, format="svg", dpi=72)
    return drawn.getvalue()[drawn.getvalue().index("<svg") :].replace("<svg", '<svg fill="currentColor"', 1), depth


def visit_math(self: object, node: object) -> None:
    """Put a formula in a line."""
    from docutils import nodes

    picture, depth = draw_formula(node.astext())  # type: ignore[attr-defined]
    said = self.encode(node.astext())  # type: ignore[attr-defined]
    self.body.append(f'<span role="img" aria-label="{said}">')  # type: ignore[attr-defined]
    self.body.append(picture.replace("<svg", f'<svg style="vertical-align: {-depth:.2f}pt"', 1) + "</span>")  # type: ignore[attr-defined]
    raise nodes.SkipNode


def visit_math_block(self: object, node: object) -> None:
    """Put a formula in a line of its own."""
    from docutils import nodes

    large = re.sub(r"\\frac\b", r"\\dfrac", node.astext())  # type: ignore[attr-defined]
    picture, _ = draw_formula(large)
    said = self.encode(node.astext())  # type: ignore[attr-defined]
    style = "text-align: center; margin: 1em 0; overflow-x: auto"
    self.body.append(f'<div role="img" aria-label="{said}" style="{style}">{picture}</div>')  # type: ignore[attr-defined]
    raise nodes.SkipNode


def setup(app: object) -> None:
    """Connect what is written before the build."""
    app.add_html_math_renderer("drawn", (visit_math, None), (visit_math_block, None))  # type: ignore[attr-defined]
    app.connect("builder-inited", write_command_line)  # type: ignore[attr-defined]
    app.connect("autodoc-process-docstring", escape_stars)  # type: ignore[attr-defined]
    app.connect("autodoc-skip-member", skip_routing)  # type: ignore[attr-defined]
