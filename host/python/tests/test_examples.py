"""The examples in the docstrings and in the README, typed into a live lab."""

from __future__ import annotations

import doctest
import importlib.util
import pkgutil
import re
from pathlib import Path

import pytest
from conftest import QUICKSTART

import baton
import baton.testing

README = Path(__file__).parents[1] / "README.md"
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MODULES = sorted(module.name for module in pkgutil.iter_modules(baton.__path__))


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name: str) -> None:
    module = importlib.import_module(f"baton.{name}")
    found = doctest.DocTestFinder(exclude_empty=True).find(module, f"baton.{name}", extraglobs={})
    tests = [test for test in found if test.examples]
    if importlib.util.find_spec("pint") is None:
        tests = [test for test in tests if ".to(" not in (test.docstring or "")]
    run(tests)


def test_the_package_s_own() -> None:
    finder = doctest.DocTestFinder(recurse=False)
    run(finder.find(baton, "baton"))


def test_readme() -> None:
    blocks = re.findall(r"```pycon\n(.*?)```", README.read_text(), re.DOTALL)
    assert blocks
    run([doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "README.md", str(README), 0)])


def run(tests: list[doctest.DocTest]) -> None:
    for test in tests:
        with baton.testing.lab(QUICKSTART) as lab:
            test.globs = {"baton": baton, "lab": lab}
            runner = doctest.DocTestRunner(optionflags=FLAGS)
            report: list[str] = []
            runner.run(test, out=report.append, clear_globs=False)
            assert runner.failures == 0, "".join(report)
