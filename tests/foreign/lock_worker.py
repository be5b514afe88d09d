"""A client that locks and unlocks random sets, until it has done so often enough or is killed.

    python lock_worker.py PORT FOLDER NAME ROUNDS

What it holds it also holds by file locks that the host knows nothing of: a file for each parameter, below FOLDER.
Whoever cannot have these has met another holder of the same thing, says so and ends with exit code 1. The kernel takes
these locks from a process that is killed before it closes its sockets, so a host cannot know of its death too early.
How many rounds are done is in the file FOLDER/NAME.rounds, for whoever starts it anew.
"""

import fcntl
import json
import os
import random
import sys
from pathlib import Path

from secop import Connection

# Each thing that can be locked, and the parameters that nobody else may have meanwhile.
MOTOR = ("position", "velocity")
COVERS = {
    **{f"{motor}.{name}": [f"{motor}.{name}"] for motor in ("left", "right", "stage") for name in MOTOR},
    "pump": ["pump.flow", "pump.on"],
    "pump.flow": ["pump.flow"],
    "pump.on": ["pump.on"],
}
COVERS |= {motor: [f"{motor}.{name}" for name in MOTOR] for motor in ("left", "right", "stage")}
COVERS["slit"] = [*COVERS["left"], *COVERS["right"], "slit.gap"]
COVERS["slit.gap"] = COVERS["slit"]


class Overlap(Exception):
    """Two have had the same thing at once."""


def main() -> None:
    """Do the rounds that are left."""
    port, folder, name, rounds = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    # Written in one place and never cut: whoever is killed in between leaves the number before.
    counter = os.open(folder / f"{name}.rounds", os.O_RDWR | os.O_CREAT)
    done = int(os.pread(counter, 20, 0) or 0)
    parameters = {parameter for names in COVERS.values() for parameter in names}
    files = {parameter: os.open(folder / parameter, os.O_RDWR | os.O_CREAT) for parameter in parameters}
    connection = Connection(port)
    while done < rounds:
        try:
            one_round(connection, files)
        except Overlap as overlap:
            print(f"overlap: {overlap}", flush=True)
            sys.exit(1)
        done += 1
        os.pwrite(counter, f"{done:<20}".encode(), 0)
    connection.close()


def one_round(connection: Connection, files: dict[str, int]) -> None:
    """Lock something, check that nobody else has it, use it, and give it back."""
    targets = random.sample(sorted(COVERS), random.choice([1, 1, 2, 2, 3, 5]))
    terms = {"targets": targets, "wait": random.choice([0, 0.01, 5])}
    answer, content = ask(connection, "_lock", "t", terms, "_locked")
    if answer != "_locked":
        if content[0] != "IsBusy":
            raise Overlap(f"the lock was refused as {content}")
        return
    held = sorted({parameter for target in targets for parameter in COVERS[target]})
    for parameter in held:
        take(files[parameter], parameter)
    use(connection, held)
    for parameter in held:
        fcntl.lockf(files[parameter], fcntl.LOCK_UN)
    ask(connection, "_unlock", "t", {}, "_unlocked")


def use(connection: Connection, held: list[str]) -> None:
    """Write now and then to what is held, and leave it moving."""
    chance = random.random()
    if chance < 0.02 and "stage.position" in held:
        change(connection, "stage:target", random.uniform(0, 2))
    elif chance < 0.1 and "pump.flow" in held:
        change(connection, "pump:target", random.uniform(0, 10))


def change(connection: Connection, specifier: str, value: float) -> None:
    """Write, which nobody may keep us from but ourselves."""
    answer, content = ask(connection, "change", specifier, value, "changed")
    if answer != "changed" and "is busy" not in content[1]:
        raise Overlap(f"{specifier} was refused to its holder: {content}")


def ask(connection: Connection, action: str, specifier: str, data: object, reply: str) -> tuple[str, object]:
    """Make a request and return what came of it."""
    connection.send(f"{action} {specifier} {json.dumps(data)}")
    answer, _, content = connection.wait_for(reply, f"error_{action}", specifier=specifier)
    return answer, content


def take(file: int, parameter: str) -> None:
    """Have a file lock that nobody else has."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise Overlap(f"{parameter} is held by the other process, too ({error})") from None


if __name__ == "__main__":
    main()
