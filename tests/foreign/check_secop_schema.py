"""The description of the quickstart lab against the schemata of the SECoP specification, with a checker beside us."""

import sys

from bench import ROOT, Bench, Skip, equal

CHECKER = ROOT.parent / "shared/secop"


def check_version_1_0(bench: Bench) -> None:
    """The version that our identification names."""
    conforms(bench, "1.0")


def check_version_1_1(bench: Bench) -> None:
    """The version whose semantics we speak."""
    conforms(bench, "1.1")


def check_version_2_0(bench: Bench) -> None:
    """The version that is being made."""
    conforms(bench, "2.0")


def conforms(bench: Bench, version: str) -> None:
    """Fail if the checker finds an error; what it warns of is shown."""
    if not CHECKER.is_dir():
        raise Skip("there is no ../shared/secop beside the checkout")
    host = bench.host()
    checker = bench.start(sys.executable, CHECKER / "secop_check.py", CHECKER / "schema", version, host.address)
    equal(checker.wait(), 0, f"exit code of the checker, which wrote:\n{checker.output()}\n")
    for warning in (line for line in checker.lines if line.startswith("WARN")):
        print(f"      {version}: {warning}")
