"""The tutorial, and what becomes of a kernel that is killed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from conftest import QUICKSTART, until

import baton
import baton.testing
from baton.testing import Host

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("matplotlib")

TUTORIAL = Path(__file__).parents[1] / "tutorial.ipynb"


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jupyter keeps to the test's folder."""
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))


@pytest.mark.parametrize("threaded", [False, True], ids=["inline", "threaded"])
def test_the_tutorial_runs_twice_in_one_kernel(threaded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = nbformat.read(TUTORIAL, 4)
    config = QUICKSTART.read_text().replace('velocity = "5 mm/s"', 'velocity = "100 mm/s"')
    config = config.replace('acceleration = "20 mm/s2"', 'acceleration = "2000 mm/s2"')
    config = config.replace('exposure = "100 ms"', 'exposure = "10 ms"')
    with Host(config, threaded=threaded) as host:
        monkeypatch.setenv("BATON_HOST", host.address)
        client = nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3")
        # This Python, whatever kernels the machine has.
        client.create_kernel_manager()
        client.km.kernel_cmd = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        with client.setup_kernel():
            for _ in range(2):
                for index, cell in enumerate(notebook.cells):
                    client.execute_cell(cell, index)
                check(notebook)


def check(notebook: object) -> None:
    """A plot, tables, and a peak where it is."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]  # type: ignore[attr-defined]
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"], outputs
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert sum("text/html" in output.get("data", {}) for output in outputs) >= 3
    text = "".join(output.get("text", "") for output in outputs)
    assert "outside the limits 0 mm to 50 mm" in text
    peak = float(text.split("the peak is near ")[1].split()[0])
    assert 19 <= peak <= 21


def test_a_killed_kernel_leaves_nothing_held(threaded: Host, real: baton.Lab) -> None:
    """And, by config, the motor stops."""
    from jupyter_client.manager import KernelManager

    manager = KernelManager()
    manager.kernel_cmd = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    manager.start_kernel(env={**os.environ, "BATON_HOST": threaded.address})
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        client.execute("import baton; lab = baton.connect()\nwith lab.lift, lab.pump: lab.lift.position = 50")
        until(lambda: real.lift.status.is_busy)
        assert any("lift" in row["targets"] for row in real.who())
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    with real.lock(real.lift, real.pump, wait=20):
        assert not real.lift.status.is_busy
        where = real.lift.position.value
        assert where < 50
        assert real.lift.position.value == pytest.approx(where, abs=0.001)
