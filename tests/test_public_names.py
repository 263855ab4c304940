"""The public names: the same for Python and for type checkers, and cheap to import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import filterbank


def test_type_checkers_see_the_same_names():
    stub = ast.parse(Path(filterbank.__file__).with_suffix(".pyi").read_text())
    homes, modules = {}, set()
    for node in stub.body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                assert alias.name == alias.asname  # else it is no re-export
                if node.module == "filterbank":
                    modules.add(alias.name)
                else:
                    homes.setdefault(node.module.removeprefix("filterbank."), set()).add(alias.name)
    assert homes == {home: set(names) for home, names in filterbank._HOMES.items()}
    assert modules == set(filterbank._MODULES)


@pytest.mark.parametrize("home", filterbank._HOMES)
def test_every_name_imports_from_its_home(home):
    module = sys.modules.get(f"filterbank.{home}") or __import__(f"filterbank.{home}", fromlist=["_"])
    for name in filterbank._HOMES[home]:
        assert getattr(filterbank, name) is getattr(module, name)
        assert name in module.__all__
        assert name in dir(filterbank)


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="no attribute 'nosuch'"):
        _ = filterbank.nosuch


def loaded(code):
    heavy = ["numpy", "pandas", "scipy", "sklearn", "matplotlib", "torch", "dask", "numba", "soundfile", "av", "soxr"]
    heavy += ["PIL", "pyarrow", "skops", "pooch"]
    code = f"import sys\n{code}\nprint(*[m for m in {heavy} if m in sys.modules])"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_importing_the_package_is_cheap():
    assert loaded("import filterbank; filterbank.__version__; dir(filterbank)") == set()


def test_importing_readers_is_not_dear():
    assert loaded("import filterbank.datasets") <= {"numpy", "pandas", "pyarrow"}  # pandas may import pyarrow itself
    assert loaded("import filterbank.cli") == set()


def test_the_package_says_that_it_is_typed():
    from importlib.resources import files

    assert files("filterbank").joinpath("py.typed").is_file()


def test_nothing_is_compiled_at_import():
    code = (
        "import importlib, pkgutil, filterbank, numba\n"
        "from numba.core.dispatcher import Dispatcher\n"
        "names = [m.name for m in pkgutil.walk_packages(filterbank.__path__, 'filterbank.')]\n"
        "modules = [importlib.import_module(name) for name in names if not name.endswith('__main__')]\n"
        "found = [v for m in modules for v in vars(m).values() if isinstance(v, Dispatcher)]\n"
        "print(len(found) > 5, [v.__name__ for v in found if v.signatures])\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "True []"
