"""Connecting, losing the connection, and coming back."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest
from conftest import LAB, until

import baton
from baton import _address, _link
from baton._address import Address
from baton.testing import Host


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("localhost", "127.0.0.1:10767"),
        ("localhost:5", "127.0.0.1:5"),
        ("beamline", "beamline:10767"),
        ("::1", "[::1]:10767"),
        ("[::1]:8", "[::1]:8"),
        ("unix:/run/a.sock", "unix:/run/a.sock"),
    ],
)
def test_addresses_are_those_of_the_command_line(text: str, shown: str) -> None:
    assert str(Address.parse(text)) == shown
    for wrong in ("", "a/b", "x:99999"):
        with pytest.raises(ValueError, match="no address of a host"):
            Address.parse(wrong)


def test_the_same_host_is_the_same_session(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = baton.connect(host.address)
    assert baton.connect(host.address) is lab
    monkeypatch.setenv("BATON_HOST", host.address)
    assert baton.connect() is lab
    lab.close()
    assert not lab.is_open
    other = baton.connect()
    assert other is not lab and other.is_open
    other.close()
    with pytest.raises(baton.ConnectionLost, match="is over"):
        lab.stage.get()


def test_a_local_socket_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BATON_HOST", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert str(_address.default()) == "127.0.0.1:10767"
    with Host(LAB, socket=tmp_path / "baton.sock"), baton.connect() as lab:
        assert lab.address == f"unix:{tmp_path}/baton.sock"
        assert lab.stage.get().unit == "mm"
        # Over a socket the kernel says who we are.
        with lab.stage:
            owner = lab.who()[0]["owner"]
            assert not owner["claimed"] and owner["pid"] == os.getpid()


def test_nobody_there_says_what_to_do() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ConnectionError, match=f"no host answers at 127.0.0.1:{port}: .*is `baton run` there"):
        baton.connect(f"127.0.0.1:{port}")


def test_somebody_else_there_is_no_host() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            client, _ = server.accept()
            client.sendall(b"SSH-2.0-OpenSSH\n")

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(baton.Unreachable, match="is no host: it says 'SSH-2.0"):
            baton.connect(f"127.0.0.1:{server.getsockname()[1]}")


def test_a_lost_connection_takes_locks_and_calls_and_comes_back(capsys: pytest.CaptureFixture[str]) -> None:
    with Host(LAB, threaded=True) as host, baton.connect(host.address) as lab:
        with lab.stage, lab.pump["flow"]:
            call = lab.slow.set("position", 50)
            until(lambda: lab.slow.status.is_busy)
            lab._session.link()._close("cut by the test")
            with pytest.raises(baton.ConnectionLost, match="cut by the test"):
                call.result(timeout=30)
            until(lambda: lab._session.is_connected)
            # It is there again, but what was locked is not, until the block is left.
            assert lab.stage.position.get().unit == "mm"
            for _ in range(2):
                with pytest.raises(baton.LockLost, match="connection to 127.0.0.1:.* was lost"):
                    lab.stage.position = 2
                with pytest.raises(baton.LockLost):
                    lab.pump.flow = 2
            lab.pump.on = False
            with pytest.raises(baton.LockLost), lab.oven:
                pass
        lab.pump.flow = 2
        with lab.stage:
            lab.stage.position = 2
        assert "with it the lock on" in capsys.readouterr().err


def test_a_host_that_restarts_is_found_again() -> None:
    with Host(LAB) as host:
        lab = baton.connect(host.address)
        lab.stage.position = 3
        address = host.address
    with pytest.raises(baton.ConnectionLost):
        lab.stage.get()
    assert "lost" in repr(lab) or "no connection" in repr(lab)
    with Host(LAB, listen=address):
        until(lambda: lab._session.is_connected)
        assert lab.stage.position.value == pytest.approx(0, abs=0.01)
    lab.close()


def test_a_host_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch, host: Host) -> None:
    monkeypatch.setattr("baton._session._DEAD_AFTER", 0.5)
    monkeypatch.setattr("baton._session._PING_AFTER", 0.1)
    with baton.connect(host.address) as lab:
        link = lab._session.link()
        # From here on it hears nothing of what the host says.
        monkeypatch.setattr(link, "_take", lambda line: None)
        reply = _link.Reply()
        monkeypatch.setattr(_link.Link, "heard", property(lambda self: 0.0, lambda self, value: None), raising=False)
        link.send("read", "stage:value", None, reply)
        assert reply.wait_settled(30)
        with pytest.raises(baton.ConnectionLost, match="nothing was heard"):
            reply.outcome()
        monkeypatch.undo()


def test_junk_from_a_host_ends_in_an_error_and_not_in_silence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            client, _ = server.accept()
            client.recv(100)
            client.sendall(b"ISSE&SINE2020,SECoP,V2019-09-16,v1.0\n")
            client.recv(100)
            client.sendall(b"describing . {not json\n")

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(baton.ConnectionLost, match="cannot be read"):
            baton.connect(f"127.0.0.1:{server.getsockname()[1]}")
