"""Checks Baton against programs that others wrote, and from outside.

    python run.py [--baton PATH] [NAME ...]

Each function `check_...` of a module `check_*.py` is one check: it gets a bench, starts on it what it needs, and fails
with an exception. With names, only the checks that have one of them in their own name or in their module's.
"""

import argparse
import importlib
import logging
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from bench import ROOT, Bench, Skip
from processes import CheckError

Check = Callable[[Bench], None]


def main() -> int:
    """Make the checks and return the exit code."""
    arguments = parse()
    logging.disable(logging.CRITICAL)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    passed, failed, skipped = 0, [], 0
    for name, check in collect(arguments.names):
        started = time.monotonic()
        try:
            carry_out(check, arguments.baton)
        except Skip as reason:
            skipped += 1
            print(f"SKIP  {name}: {reason}", flush=True)
        except Exception as error:
            failed.append(name)
            print(f"FAIL  {name}  {time.monotonic() - started:.1f} s\n{indent(tell(error))}", flush=True)
        else:
            passed += 1
            print(f"PASS  {name}  {time.monotonic() - started:.1f} s", flush=True)
    for name in failed:
        print(f"failed: {name}")
    print(f"{passed} passed, {len(failed)} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--baton", type=Path, default=ROOT / "target/release/baton", help="the program to check")
    parser.add_argument("names", nargs="*", help="part of the name of a check or of its module")
    arguments = parser.parse_args()
    arguments.baton = arguments.baton.resolve()
    if not arguments.baton.is_file():
        parser.error(f"there is no {arguments.baton}; build it with: cargo build --release")
    return arguments


def collect(names: list[str]) -> list[tuple[str, Check]]:
    """Find the checks, in the order of their modules' names."""
    found = []
    for path in sorted(Path(__file__).parent.glob("check_*.py")):
        module = importlib.import_module(path.stem)
        subject = path.stem.removeprefix("check_")
        for key, value in vars(module).items():
            if key.startswith("check_") and getattr(value, "__module__", "") == path.stem:
                name = f"{subject}: {key.removeprefix('check_').replace('_', ' ')}"
                found.append((name, f"{path.stem} {key} {name}", value))
    return [(name, check) for name, text, check in found if not names or any(part in text for part in names)]


def carry_out(check: Check, baton: Path) -> None:
    """Make one check on a bench of its own."""
    with tempfile.TemporaryDirectory(prefix="baton-foreign-") as folder:
        bench = Bench(baton, Path(folder))
        try:
            check(bench)
        finally:
            bench.close()


def tell(error: Exception) -> str:
    """Return what went wrong: the finding and where, or the whole story of what nobody foresaw."""
    if not isinstance(error, CheckError):
        return "".join(traceback.format_exception(error))
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame for frame in frames if Path(frame.filename).name.startswith("check_")]
    place = f"\n{Path(inside[0].filename).name}:{inside[0].lineno}: {inside[0].line}" if inside else ""
    return f"{error}{place}"


def indent(text: str) -> str:
    """Return the text with four spaces before each line."""
    return "".join(f"    {line}\n" for line in text.splitlines()).rstrip("\n")


if __name__ == "__main__":
    sys.exit(main())
