"""The code blocks of the README and of the documentation's pages run as they stand."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_there_are_blocks_to_run():
    assert len(BLOCK.findall((ROOT / "README.md").read_text())) == 1


@pytest.mark.parametrize("page", [p for p in PAGES if BLOCK.search(p.read_text())], ids=lambda p: p.name)
def test_python_blocks_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in BLOCK.findall(page.read_text()):
        exec(compile(block, str(page), "exec"), names)  # one page, one session


def test_the_readme_says_what_the_demo_says():
    """The numbers on epidemics that the README and its picture quote."""
    import filterbank

    result = filterbank.compare(
        filterbank.datasets.epidemics(), recipes=["tutorial_gabor"], classifiers=["1-nn"], n_jobs=2
    )
    row = result.row("tutorial_gabor", "1-nn")
    text = (ROOT / "README.md").read_text()
    assert f"scores {row.naive_score:.3f} by naive leave-one-out and {row.score:.3f} in a city" in " ".join(
        text.split()
    )
    assert f"With four cities that {row.score:.3f} is anything from {row.low:.2f} to {row.high:.2f}" in text
