"""bluesky, by way of secop-ophyd: an experiment program that knows nothing of Baton scans the quickstart's stage."""

import json
import sys
from pathlib import Path

from bench import QUICKSTART, Bench, equal, holds, near


def check_a_scan_finds_the_peak(bench: Bench) -> None:
    """Five points, each counted after the stage has arrived: the middle one is the highest."""
    # ophyd's devices have a method `stage`, so that secop-ophyd takes no module of this name.
    config = bench.folder / "quickstart.toml"
    config.write_text(QUICKSTART.read_text().replace("devices.stage", "devices.slide").replace('"stage.', '"slide.'))
    host = bench.host(config)
    host.cli("set", "slide.velocity", "50 mm/s").ok()
    host.cli("set", "slide.acceleration", "500 mm/s2").ok()
    script = Path(__file__).with_name("ophyd_scan.py")
    scan = bench.start(sys.executable, script, host.address)
    equal(scan.wait(120), 0, f"exit code of the scan, which wrote:\n{scan.output()}\n")
    documents = [json.loads(line) for line in scan.lines if line.startswith("{")]
    names = [document["name"] for document in documents]
    equal(names, ["start", "descriptor", *["event"] * 5, "stop"], "documents")
    equal(documents[-1]["status"], "success", "exit status")
    events = [document["data"] for document in documents if document["name"] == "event"]
    positions = [pick(event, "slide") for event in events]
    for position, target in zip(positions, [16, 18, 20, 22, 24], strict=True):
        near(position, target, 0.02, f"position at the point {target}")
    counts = [pick(event, "detector") for event in events]
    holds(max(counts) == counts[2] > 2 * max(counts[0], counts[4]), f"counts: {counts}")


def pick(event: dict[str, float], device: str) -> float:
    """Return the value of a device in an event, whatever the run calls it."""
    values = [value for key, value in event.items() if device in key and isinstance(value, int | float)]
    holds(values, f"no {device} in {event}")
    return values[0]
