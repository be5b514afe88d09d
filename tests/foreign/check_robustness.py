"""Clients that do what they should not, from outside; the host serves the others meanwhile."""

import random
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from bench import Bench, Host, equal, holds, near
from processes import CheckError, until
from secop import Connection

# What a request may take while somebody else misbehaves; far more than it takes, far less than a host that hangs.
PATIENCE = 5.0

# What a client that misbehaves may cost, beyond what the host used before: well above its queue, well below a leak.
MEMORY = 64 << 20


def check_a_client_that_never_reads(bench: Bench) -> None:
    """It is cut off or held up, and the memory of the host stays bounded."""
    host = bench.host()
    before = memory(host)
    deaf = bench.connect(host)
    deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.send("activate")
    deaf.socket.settimeout(0.2)
    other = bench.connect(host)
    sent = flood(deaf, b"describe\n" * 200, until_sent=64 << 20, others=lambda: serves(other))
    serves(other)
    grown = memory(host) - before
    holds(grown < MEMORY, f"the host has grown by {grown >> 20} MiB after {sent >> 20} MiB of requests")


def check_a_client_that_does_not_read_updates(bench: Bench) -> None:
    """A silent subscriber does not hold up the device, nor the others that watch it."""
    host = bench.host()
    deaf = bench.connect(host)
    deaf.send("activate")
    other = bench.connect(host)
    other.send("activate")
    other.wait_for("active")
    moved = time.monotonic()
    for target in (1, 0, 1):
        host.cli("set", "stage", f"{target} mm").ok()
    holds(time.monotonic() - moved < 30, "three moves of a millimetre took longer than half a minute")
    serves(other)
    last = [message for message in other.others if message[:2] == ("update", "stage:value")][-1]
    near(last[2][0], 1, 0.02, "the last update of the stage")


def check_a_half_closed_connection(bench: Bench) -> None:
    """What was asked before the end is answered, and then the host closes as well."""
    host = bench.host()
    half = bench.connect(host)
    half.socket.sendall(b"*IDN?\nping x\n")
    half.socket.shutdown(socket.SHUT_WR)
    holds("SECoP" in (half.next() or ""), "no identification")
    holds((half.next() or "").startswith("pong x"), "no pong")
    equal(half.next(), None, "after the replies")
    serves(bench.connect(host))


def check_connections_that_end_in_the_middle_of_everything(bench: Bench) -> None:
    """Resets, half a line, a move under way: nothing is left behind of two hundred."""
    host = bench.host()
    watcher = bench.connect(host)
    for number in range(200):
        gone = host.connect()
        gone.socket.sendall(
            [b"descr", b"activate\ndescribe\n", b"read stage:value\n", b"read detector:value\n"][number % 4]
        )
        if number % 2:
            # No FIN but a reset.
            gone.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        gone.close()
    serves(watcher)
    until("one connection beside the one that asks", lambda: connections(host) <= 2)


def check_junk_is_answered_by_errors(bench: Bench) -> None:
    """Each line of junk gets one error, and the connection goes on."""
    host = bench.host()
    junk = bench.connect(host)
    for line in [
        b"hello",
        b"read",
        b"read stage",
        b"change stage:target",
        b"change stage:target {",
        b"change stage:target 1e999",
        b"change stage:target NaN",
        b"read \xff\xfe:value",
        b"\x00\x01\x02",
        b"change stage:target " + b"[" * 5000,
        b'change stage:target "' + b"x" * 10_000 + b'"',
        b"_wait t1",
        b"_wait t2 []",
        b'_wait t3 {"call":123456}',
        b"_cancel t4 3",
        b"activate nothing",
    ]:
        junk.socket.sendall(line + b"\n")
        if line == b"read stage":
            # That is a short form of `stage:value`.
            junk.wait_for("reply", "error_read")
            continue
        action, _, data = junk.message(PATIENCE)
        holds(action.startswith("error_"), f"{line[:40]!r} was answered by {action}")
        holds(len(data) == 3 and isinstance(data[1], str) and len(data[1]) < 1100, f"{line[:40]!r}: {data!r}")
    serves(junk)
    near(junk.read("stage:value"), 0, 0.01, "nothing has moved")


def check_binary_junk_and_endless_lines(bench: Bench) -> None:
    """A line without end is an error or the end of its connection, and costs no more memory than a line may have."""
    host = bench.host()
    before = memory(host)
    other = bench.connect(host)
    noise = random.Random(20)
    for junk in [noise.randbytes(1 << 16), b"\0" * (1 << 16), b"x" * (1 << 16), b"{" * (1 << 16), b"\r" * (1 << 16)]:
        bad = bench.connect(host)
        bad.socket.settimeout(0.2)
        flood(bad, junk, until_sent=8 << 20, others=lambda: serves(other), reads=True)
        bad.close()
    grown = memory(host) - before
    holds(grown < MEMORY, f"the host has grown by {grown >> 20} MiB")
    equal(host.cli("get", "-t", "stage").ok().text, "0.000", "the stage")


def check_fifty_clients_at_once(bench: Bench) -> None:
    """All describe, subscribe and read at the same time, and get what they asked for, in order."""
    host = bench.host()
    problems: list[str] = []
    start = threading.Barrier(50)

    def one(number: int) -> None:
        try:
            start.wait(PATIENCE)
            client = host.connect()
            holds("SECoP" in client.identify(), "no identification")
            modules = client.request("describe")["modules"]
            client.request("activate", reply="active") if number % 2 else None
            for turn in range(20):
                module = list(modules)[(number + turn) % len(modules)]
                if "value" in modules[module]["accessibles"] and module != "detector":
                    client.read(f"{module}:value")
                client.send(f"ping {number}-{turn}")
                client.wait_for("pong", specifier=f"{number}-{turn}")
            client.close()
        except Exception as error:
            problems.append(f"client {number}: {error}")

    threads = [threading.Thread(target=one, args=[number]) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    holds(not any(thread.is_alive() for thread in threads), "some clients are still waiting")
    equal(problems, [], "problems")
    until("they are gone", lambda: connections(host) <= 1)


def check_a_device_that_hangs_leaves_the_others_alone(bench: Bench) -> None:
    """The call fails at its deadline, and the host can say what is stuck; all others answer (S3)."""
    host = bench.host()
    host.cli("set", "supply.fault_on", "read").ok()
    host.cli("set", "supply.fault", "hang").ok()
    other = bench.connect(host)
    hung = host.begin("get", "supply.voltage")
    bench.later(hung.end)
    until("the supply is stuck", lambda: serves(other) is None and host.cli("--json", "status").ok().json["stuck"])
    holds(hung.wait() in (1, 75), f"the read of the supply ended with {hung.wait()}: {hung.output()}")
    host.cli("set", "stage", "1 mm").ok()


def serves(connection: Connection) -> None:
    """Fail unless the host answers a ping and a read of another device in time."""
    started = time.monotonic()
    token = f"{random.randrange(1 << 30)}"
    connection.send(f"ping {token}")
    connection.wait_for("pong", specifier=token, timeout=PATIENCE)
    connection.read("pump:value")
    took = time.monotonic() - started
    holds(took < PATIENCE, f"ping and read took {took:.1f} s")


def flood(client: Connection, data: bytes, until_sent: int, others: Callable[[], None], reads: bool = False) -> int:
    """Send until the host has had enough, or takes no more for two seconds; return how many bytes went out."""
    sent, stalled = 0, 0
    while sent < until_sent and stalled < 10:
        try:
            sent += client.socket.send(data)
            stalled = 0
        except TimeoutError:
            stalled += 1
            others()
        except ConnectionError:
            return sent
        if reads:
            client.socket.settimeout(0)
            try:
                client.socket.recv(1 << 20)
            except BlockingIOError:
                pass
            except ConnectionError:
                return sent
            client.socket.settimeout(0.2)
    return sent


def memory(host: Host) -> int:
    """Return the memory that the host has in use, in bytes."""
    for line in Path(f"/proc/{host.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    raise CheckError("the host has no memory")


def connections(host: Host) -> int:
    """Return how many connections the host counts, the asking one included."""
    return host.cli("--json", "status").ok().json["connections"]
