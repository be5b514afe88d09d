"""A bluesky scan of the quickstart's stage, called slide here, with its detector; writes the documents as JSON lines.

Run by check_ophyd.py, in a process of its own: the run engine wants the main thread.
"""

import json
import sys
from typing import Any

import bluesky.plans as bp
from bluesky.run_engine import RunEngine
from ophyd_async.core import init_devices
from secop_ophyd.SECoPDevices import SECoPNodeDevice


def main() -> None:
    """Scan the stage over the peak."""
    engine = RunEngine()
    with init_devices():
        node = SECoPNodeDevice(sys.argv[1])

    def write(name: str, document: dict[str, Any]) -> None:
        print(json.dumps({"name": name, "data": document.get("data"), "status": document.get("exit_status")}))

    engine(bp.scan([node.detector], node.slide, 16, 24, 5), write)


if __name__ == "__main__":
    main()
