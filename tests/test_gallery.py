"""The tutorial's pages: each runs as it stands, draws, asserts its number, and is short; all are in the list."""

import ast
import re
import runpy
from importlib.util import find_spec
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs" / "gallery").glob("plot_*.py"))
LONGEST = 50  # lines of code
SLOW = {"plot_19_pca_and_lda"}


def _after(tree):
    """What the page does: its statements, without the text above."""
    return [node for node in tree.body if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant)]


def _params():
    return [pytest.param(p, id=p.stem, marks=[pytest.mark.slow] if p.stem in SLOW else []) for p in PAGES]


def test_pages_are_numbered_without_gaps():
    assert [int(page.stem.split("_")[1]) for page in PAGES] == list(range(1, len(PAGES) + 1))
    assert len(PAGES) >= 26


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_short_has_terms_and_ends_with_a_number_that_it_asserts(page):
    text = page.read_text()
    tree = ast.parse(text)
    code = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert len(code) - len((ast.get_docstring(tree) or "").splitlines()) <= LONGEST
    last = _after(tree)[-1]
    assert isinstance(last, ast.Assert) or any(isinstance(node, ast.Assert) for node in ast.walk(last))
    assert ":term:`" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_figure_is_drawn_within_one_block(page):
    """A figure is put on the page at the end of the block that makes it; what is drawn later isn't seen."""
    for block in page.read_text().split("\n# %%\n"):
        if re.search(r"\bax=|^ *ax(es\[.*\])?\.", block, flags=re.MULTILINE):
            assert "plt.subplots" in block


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_terms_are_in_the_glossary(page):
    glossary = (ROOT / "docs" / "glossary.md").read_text()
    for found in re.findall(r":term:`(?:[^`<]*<)?([^`>]+)>?`", " ".join(page.read_text().split())):
        assert re.search(rf"^{re.escape(found)}$", glossary, re.MULTILINE | re.IGNORECASE), found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_list_of_steps_has_the_page(page):
    assert f"tutorial/{page.stem}" in (ROOT / "docs" / "coverage.md").read_text()


@pytest.mark.parametrize("page", _params())
def test_a_page_runs_and_draws(page, tmp_path, monkeypatch):
    """Without data of the reader's, and in an empty folder."""
    matplotlib.use("Agg")
    plt.close("all")
    monkeypatch.delenv("FILTERBANK_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(page))
    figures = plt.get_fignums()
    assert figures or ("has_torch" in page.read_text() and find_spec("torch") is None)
    for i in figures:
        plt.figure(i).savefig(f"{i}.png")
    plt.close("all")
