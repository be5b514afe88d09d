"""Many clients at once, some of which do not read: who reads gets everything, and frappy's client notices nothing."""

import json
import selectors
import socket
import threading

from bench import Bench, Host, equal, holds, near
from frappy_node import BUSY, IDLE, Node
from processes import until
from secop import Connection

ACTIVE, LISTENING, STALLED = 85, 5, 10
# So many messages of two kilobytes are more than a host keeps for a client, with what sockets hold besides.
MESSAGES, AT_A_TIME = 8_000, 200


class Readers:
    """Connections that are read as fast as can be, by one thread."""

    def __init__(self, connections: list[Connection]) -> None:
        self.connections = connections
        self.received = [bytearray() for _ in connections]
        self._selector = selectors.DefaultSelector()
        self._ends = False
        for index, connection in enumerate(connections):
            connection.socket.setblocking(False)
            self._selector.register(connection.socket, selectors.EVENT_READ, index)
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        while not self._ends:
            for key, _ in self._selector.select(0.1):
                try:
                    self.received[key.data] += key.fileobj.recv(1 << 20)
                except OSError:
                    self._selector.unregister(key.fileobj)

    def close(self) -> None:
        """Read no more."""
        self._ends = True
        self._thread.join()

    def lines(self, index: int) -> list[str]:
        """Return the lines that one of them has got."""
        return bytes(self.received[index]).decode().splitlines()


def check_frappys_client_among_a_hundred_of_which_ten_are_stalled(bench: Bench) -> None:
    """Issue 6: 100 other connections are active, 10 of them stalled; each of the rest gets what it was promised."""
    host = bench.host()
    stalled = [stall(bench, host) for _ in range(STALLED)]
    active = [bench.connect(host) for _ in range(ACTIVE)]
    for connection in active:
        connection.send("activate")
    listening = [bench.connect(host) for _ in range(LISTENING)]
    for connection in listening:
        connection.request("_subscribe", "s", {"sender": "client:*"}, reply="_subscribed")
    readers = Readers(active + listening)
    bench.later(readers.close)
    with Node(host.address) as node:
        since = node.mark()
        node.client.setParameter("stage", "target", 30)
        sender = bench.connect(host)
        for sent in range(0, MESSAGES, AT_A_TIME):
            send(sender, AT_A_TIME)
            needed = sent + AT_A_TIME
            until("all who read have got all messages", lambda least=needed: slowest(readers) >= least)
        equal(node.rest("stage", since), [BUSY, IDLE], "states of the stage")
        near(node.heard("stage", "value", since)[-1], 30, 0.01, "the last position heard")
        node.drive("stage", 1)
        equal((node.unhandled, node.mistakes), ([], []), "what the client did not understand")
    for index in range(LISTENING):
        equal(compare_gaps(readers.lines(ACTIVE + index)), 0, "messages lost of a client that reads")
    for index in range(ACTIVE):
        until("an active client has heard that the stage is back", lambda index=index: is_back(readers.lines(index)))
        far = max(json.loads(line.split(" ", 2)[2])[0] for line in readers.lines(index) if is_position(line))
        near(far, 30, 0.01, f"the farthest position that client {index} has heard of")
    # Those that did not read learn what they have missed, unless that took so long that they were cut.
    for connection in stalled:
        lines, is_cut = rest(connection)
        compare_gaps(lines, lost_at_least=0 if is_cut else MESSAGES // 100, to_the_end=not is_cut)
    still_serves(host)


def stall(bench: Bench, host: Host) -> Connection:
    """Subscribe to everything and read nothing of it."""
    connection = bench.connect(host)
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.request("_subscribe", "s", {"sender": "client:*"}, reply="_subscribed")
    connection.send("activate")
    return connection


def send(sender: Connection, count: int) -> None:
    """Send so many messages, and wait until they are sent."""
    line = f"_send s {json.dumps({'message': 'wave', 'payload': 'x' * 2000})}\n".encode()
    sender.socket.settimeout(30)
    sender.socket.sendall(line * count)
    for _ in range(count):
        sender.wait_for("_sent")


def newest(received: bytearray) -> int:
    """Return the number of the last message that has come whole."""
    end = received.rfind(b"\n")
    begin = received.rfind(b'"n":', 0, max(end, 0))
    return int(received[begin + 4 : begin + 12].split(b",")[0]) if begin >= 0 else 0


def slowest(readers: Readers) -> int:
    """Return the number of the message up to which all have got them."""
    return min(newest(readers.received[ACTIVE + index]) for index in range(LISTENING))


def is_position(line: str) -> bool:
    """Return whether a line has a position of the stage."""
    return line.startswith("update stage:value ")


def is_back(lines: list[str]) -> bool:
    """Return whether the stage has been away, and is at 1 mm again."""
    positions = [line for line in lines if is_position(line)]
    return bool(positions) and abs(json.loads(positions[-1].split(" ", 2)[2])[0] - 1) < 0.01


def compare_gaps(lines: list[str], lost_at_least: int = 0, *, to_the_end: bool = True) -> int:
    """Fail unless each message says exactly what is missing before it; return how many that are."""
    last, lost = 0, 0
    for line in lines:
        if line.startswith("_message client:"):
            qualifiers = json.loads(line.split(" ", 2)[2])[1]
            equal(qualifiers["n"], last + 1 + qualifiers["lost"], f"the number after {last}")
            last, lost = qualifiers["n"], lost + qualifiers["lost"]
    if to_the_end:
        equal(last, MESSAGES, "the number of the last message")
    holds(lost >= lost_at_least, f"only {lost} messages were lost of a client that did not read")
    return lost


def rest(connection: Connection) -> tuple[list[str], bool]:
    """Return what there is for a client that has not read so far, and whether it was cut (W6)."""
    lines = []
    try:
        connection.send("ping end")
    except OSError:
        pass
    last = f'"n":{MESSAGES},'
    ponged = heard = False
    while not (ponged and heard):
        line = connection.next()
        if line is None:
            return lines, True
        lines.append(line)
        ponged |= line.startswith("pong end")
        heard |= line.startswith("_message") and last in line
    return lines, False


def still_serves(host: Host) -> None:
    """A new client is served as always."""
    connection = host.connect()
    near(connection.read("stage:value"), 1, 0.01, "the stage")
    connection.close()
