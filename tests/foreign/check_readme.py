"""The commands of README.md, typed as they stand there, in a network namespace where the usual port is free.

A block is checked if `<!-- checked -->` stands in the line before it. What follows a `$ ` in it is typed in the top
folder, one after the other; a command with `baton run` is left running for the rest, and Ctrl-C ends it.
"""

import os
import re
import shlex
import signal
from collections.abc import Iterator

from bench import ROOT, Bench, Skip, equal, holds, need
from processes import Process

BLOCK = re.compile(r"^<!-- checked -->\n+```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def check_its_commands_work_as_they_stand(bench: Bench) -> None:
    """What a newcomer types first is what has to work most."""
    readme = ROOT / "README.md"
    if not readme.is_file():
        raise Skip("there is no README.md")
    blocks = list(BLOCK.findall(readme.read_text()))
    holds(blocks, "README.md has no block after <!-- checked -->")
    need("unshare", "nsenter", "ip")
    terminal = Terminal(bench)
    for command in (command for block in blocks for command in commands(block)):
        terminal.type(command)
    terminal.end()


def commands(block: str) -> Iterator[str]:
    """Return what is typed in a block, without the comment at the end of a line."""
    for line in block.splitlines():
        if line.startswith("$ "):
            yield re.sub(r"\s+#\s.*$", "", line.removeprefix("$ "))


class Terminal:
    """Where the commands are typed; all of them in one network namespace."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        # It keeps the namespace, and ends when it is told to.
        self.space = bench.start("unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep infinity")
        if self.space.runs():
            self.space.wait_for("up|unshare")
        if not self.space.count("^up$"):
            raise Skip(f"no network namespace can be made here: {self.space.output()}")
        self.hosts: list[Process] = []

    def type(self, command: str) -> None:
        """Type a command, and wait for its end, or until the host that it starts is there."""
        inside = [
            "nsenter",
            "--net",
            "-t",
            str(self.space.pid),
            "bash",
            "-c",
            f"cd {shlex.quote(str(ROOT))}\n{command}",
        ]
        path = f"{self.bench.baton.parent}:{os.environ['PATH']}"
        process = self.bench.start(*inside, env={"PATH": path, "NO_COLOR": "1"})
        if "baton run" in command:
            process.wait_for(r"secop\s+127\.0\.0\.1:10767", 1200)
            self.hosts.append(process)
        else:
            equal(process.wait(1200), 0, f"exit code of `{command}`, which wrote:\n{process.output()}\n")

    def end(self) -> None:
        """End the hosts as a user would."""
        holds(self.hosts, "no command of README.md starts a host")
        for host in self.hosts:
            # A terminal sends Ctrl-C to all that it runs.
            os.killpg(host.pid, signal.SIGINT)
            equal(host.wait(15), 0, f"exit code of the host, which wrote:\n{host.output()}\n")
