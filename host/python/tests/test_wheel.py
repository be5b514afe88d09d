"""The package: a wheel that needs nothing but itself."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from conftest import QUICKSTART

from baton.testing import Host

SOURCES = Path(__file__).parents[1]

SESSION = """
import sys
assert not {"numpy", "pint", "IPython"} & set(sys.modules)
import baton
lab = baton.connect(sys.argv[1])
lab.stage.position = "2 mm"
with lab.stage, lab.pump["flow"]:
    lab.pump.flow = "1 ml/min"
    print(lab.stage.position.get(), len(lab.who()), "position" in repr(lab.stage))
lab.close()
"""


def test_the_wheel_installs_in_an_empty_environment_with_nothing_but_itself(tmp_path: Path) -> None:
    pytest.importorskip("flit_core")
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path)]
    subprocess.run([*build, str(SOURCES)], check=True)
    (wheel,) = tmp_path.glob("baton-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "baton/py.typed" in names and not [name for name in names if name.startswith("tests")]
    venv.create(tmp_path / "empty", with_pip=True)
    python = tmp_path / "empty/bin/python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-index", wheel], check=True)
    with Host(QUICKSTART) as host:
        done = subprocess.run(
            [python, "-I", "-c", SESSION, host.address], cwd=tmp_path, capture_output=True, text=True, check=False
        )
    assert done.stdout == "2.000 mm 2 True\n", done.stderr


def test_types_are_complete(tmp_path: Path) -> None:
    """`mypy --strict` is content with the package, and with a script that uses it."""
    pytest.importorskip("mypy")
    script = tmp_path / "scan.py"
    script.write_text(
        "import baton\n"
        "lab = baton.connect()\n"
        "lab.stage.position = '2 mm'\n"
        "reading: baton.Reading = lab.stage.get('position')\n"
        "with lab.stage, lab.pump['flow']:\n"
        "    value: float = float(lab.stage.set('position', 3).result(timeout=10))\n"
        "for change in lab.stage['position'].changes():\n"
        "    print(change.value, change.lost)\n"
    )
    command = [sys.executable, "-m", "mypy", "--config-file", str(SOURCES / "pyproject.toml"), "--cache-dir", tmp_path]
    for what in (["-p", "baton"], ["--strict", str(script)]):
        done = subprocess.run(
            [*map(str, command), *what], cwd=SOURCES / "src", capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout
