"""The commands of README.md and of the page about instruments, typed as they stand there.

It happens in a network namespace, where the usual ports are free. A block is checked if `<!-- checked -->` stands in
the line before it. What follows a `$ ` in it is typed, one after the other, and what is shown below has to come,
whatever the numbers are. A command with `baton run`, or with `&` at its end, is left running for the rest, and Ctrl-C
ends it. `<!-- checked: NAME -->` writes the block into the file of that name.
"""

import os
import re
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from bench import ROOT, Bench, Skip, equal, holds, need
from processes import CheckError, Process

BLOCK = re.compile(r"^<!-- checked(?:: (\S+))? -->\n+```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)

# What a command that is left running says when it can be used.
READY = r"secop\s+127\.0\.0\.1:10767|Listening on"

# Asks a simulated circulator until it answers: in its first moments lewis may leave a question without a reply.
AWAKE = """
import socket, sys, time
while True:
    try:
        with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1) as line:
            line.sendall(b"IN_PV_00\\r")
            if line.recv(100):
                break
    except OSError:
        time.sleep(0.05)
"""


def check_its_commands_work_as_they_stand(bench: Bench) -> None:
    """What a newcomer types first is what has to work most."""
    readme = ROOT / "README.md"
    if not readme.is_file():
        raise Skip("there is no README.md")
    follow(bench, readme, ROOT)


def check_the_page_about_instruments_works_as_it_stands(bench: Bench) -> None:
    """From the command table of a manual to a passing test and a lab, in a folder of one's own."""
    follow(bench, ROOT / "config/instruments/README.md", bench.folder)


def follow(bench: Bench, page: Path, folder: Path) -> None:
    """Do what a page says, in a folder."""
    blocks = list(BLOCK.findall(page.read_text()))
    holds(blocks, f"{page} has no block after <!-- checked -->")
    need("unshare", "nsenter", "ip")
    terminal = Terminal(bench, folder)
    for name, text in blocks:
        if name:
            (folder / name).write_text(text)
        else:
            for command, shown in commands(text):
                terminal.type(command, shown)
    terminal.end()


def commands(block: str) -> Iterator[tuple[str, list[str]]]:
    """Return what is typed in a block, without the comment at the end of a line, and what is shown below."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *shown = part.splitlines()
        yield re.sub(r"\s+#\s.*$", "", command), [line for line in shown if line]


def plain(line: str) -> str:
    """Return a line as it is compared: other numbers, and other columns of a table, are no difference."""
    return " ".join(re.sub(r"[0-9]+(\.[0-9]+)*", "0", line).split())


class Terminal:
    """Where the commands are typed; all of them in one network namespace."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.bench = bench
        self.folder = folder
        # It keeps the namespace, and ends when it is told to.
        self.space = bench.start("unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep infinity")
        if self.space.runs():
            self.space.wait_for("up|unshare")
        if not self.space.count("^up$"):
            raise Skip(f"no network namespace can be made here: {self.space.output()}")
        self.hosts: list[Process] = []

    def type(self, command: str, shown: list[str]) -> None:
        """Type a command, and wait for its end, or until what it starts can be used."""
        stays = command.removesuffix("&").rstrip()
        process = self.inside("bash", "-c", f"cd {shlex.quote(str(self.folder))}\n{stays}")
        if stays == command and "baton run" not in command:
            equal(process.wait(1200), 0, f"exit code of `{command}`, which wrote:\n{process.output()}\n")
            self.compare(command, shown, process.output())
            return
        process.wait_for(READY, 1200)
        if "baton run" in command:
            self.hosts.append(process)
        elif port := re.search(r"port: (\d+)", command):
            equal(self.inside(sys.executable, "-c", AWAKE, port[1]).wait(), 0, f"`{command}` answers")

    def inside(self, *command: str) -> Process:
        """Start a program in the namespace."""
        tools = [self.bench.baton.parent, Path(sys.executable).parent, os.environ["PATH"]]
        path = ":".join(str(part) for part in tools)
        inside = ["nsenter", "--net", "-t", str(self.space.pid), *command]
        return self.bench.start(*inside, env={"PATH": path, "NO_COLOR": "1"})

    def compare(self, command: str, shown: list[str], output: str) -> None:
        """Fail if a line that is shown did not come, in the order in which they stand."""
        came = iter(plain(line) for line in output.splitlines())
        for line in shown:
            if plain(line) not in came:
                raise CheckError(f"`{command}` did not write `{line}`, but:\n{output}")

    def end(self) -> None:
        """End the hosts as a user would."""
        holds(self.hosts, "no command of the page starts a host")
        for host in self.hosts:
            # A terminal sends Ctrl-C to all that it runs.
            os.killpg(host.pid, signal.SIGINT)
            equal(host.wait(15), 0, f"exit code of the host, which wrote:\n{host.output()}\n")
