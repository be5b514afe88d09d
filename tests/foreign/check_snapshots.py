"""Snapshots by the command line: taken, compared and restored, against a real host."""

import random

from bench import Bench, equal, holds

EDITS = {
    "stage.velocity": ["1 mm/s", "30 mm/s", "0.5 cm/s"],
    "stage.acceleration": ["10 mm/s2", "0.1 m/s2"],
    "supply.voltage": ["3 V", "250 mV", "12.5 V"],
    "supply.current_limit": ["0.1 A", "20 mA"],
    "supply.output": ["on", "off"],
    "pump.flow": ["2 ml/min", "1500 ul/min"],
    "oven.rate": ["30 K/min", "1 K/s"],
    "detector.exposure": ["0.2 s", "50 ms"],
    "shutter": ["open", "closed"],
    "stage": ["1 mm", "2500 um"],
}


def check_random_edits_are_undone(bench: Bench) -> None:
    """Snapshot, edit, restore: it ends where it began, whatever was edited."""
    host, chance = bench.host(), random.Random(4)
    file = str(bench.folder / "before.toml")
    written = host.cli("get", "-t", "stage.calls", "supply.calls").ok().text
    host.cli("snapshot", "save", file).ok()
    equal(host.cli("get", "-t", "stage.calls", "supply.calls").ok().text, written, "writes that a snapshot has made")
    for _ in range(5):
        edited = chance.sample(sorted(EDITS), 5)
        for path in edited:
            host.cli("set", path, chance.choice(EDITS[path])).ok()
        host.cli("snapshot", "restore", file, "--yes", "--move").ok()
        host.cli("snapshot", "diff", file, "--exit-code").ok()
    host.cli("set", "supply", "1 V").ok()
    host.cli("snapshot", "diff", file, "--exit-code").code_is(4)


def check_what_cannot_be_restored_is_told(bench: Bench) -> None:
    """What was unavailable is left alone; one failure does not keep the rest from being written."""
    host = bench.host()
    file = bench.folder / "edited.toml"
    file.write_text(
        """format = 1
[settings.stage]
velocity = "7 mm/s"
acceleration = { unavailable = "no reply" }
position = "3 mm"
[settings.supply]
voltage = "1 km"
current_limit = "300 mA"
[settings.nothing]
x = 1
"""
    )
    result = host.cli("snapshot", "restore", str(file), "--yes", "--json").code_is(1)
    outcomes = {step["path"]: step["outcome"] for step in result.json["outcomes"]}
    equal(
        outcomes,
        {
            "stage.velocity": "done",
            "stage.acceleration": "skipped",
            "stage.position": "skipped",
            "supply.voltage": "failed",
            "supply.current_limit": "done",
            "nothing": "failed",
        },
        "outcomes",
    )
    equal(host.cli("get", "-t", "supply.current_limit").ok().text, "0.300", "what could be written")
    holds("nothing was written" in host.cli("snapshot", "restore", str(file)).code_is(1).err, "nobody is asked")
