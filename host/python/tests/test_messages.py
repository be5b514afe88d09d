"""Following readings and messages."""

from __future__ import annotations

import asyncio
import threading

import pytest
from conftest import LAB, connect, until

import baton
import baton.aio
from baton.messages import QUEUE_MAX, Message, Subscription
from baton.testing import Host


def test_m5_what_is_so_comes_first_and_then_each_change(lab: baton.Lab) -> None:
    lab.stage.position = 1
    with lab.stage.position.changes() as changes:
        first = next(changes)
        assert first.value == pytest.approx(1, abs=0.01) and first.unit == "mm" and first.path == "stage.position"
        lab.stage.position = 2
        until(lambda: next(changes).value == pytest.approx(2, abs=0.01))
        assert changes.lost == 0
    with pytest.raises(StopIteration):
        while True:
            next(changes)


def test_a_loop_that_is_left_ends_its_subscription(lab: baton.Lab) -> None:
    for reading in lab.stage.position.changes():
        assert reading.unit == "mm"
        break
    subscriptions = lab._session.subscriptions
    assert len(subscriptions._all) == 0
    # And the host is told, within a second or so.
    until(lambda: not subscriptions._forgotten)


def test_a_handler_is_called_with_each_reading(lab: baton.Lab) -> None:
    seen: list[float] = []
    subscription = lab.stage.subscribe("position", lambda reading: seen.append(reading.value))
    lab.stage.position = 5
    until(lambda: seen and seen[-1] == pytest.approx(5, abs=0.01))
    subscription.close()
    count = len(seen)
    lab.stage.position = 6
    assert len(seen) == count
    subscription.close()
    assert "closed" in repr(subscription)


def test_the_same_handler_again_replaces_itself(lab: baton.Lab) -> None:
    """As when a cell of a notebook runs again, which makes its functions anew."""
    source = "def note(reading):\n    seen.append(reading.value)\n"
    seen: list[float] = []
    for _ in range(3):
        scope = {"seen": seen, "__name__": "__main__"}
        exec(source, scope)
        lab.stage.subscribe("position", scope["note"])
    assert len(lab._session.subscriptions._handlers) == 1
    for _ in range(2):
        lab.stage.subscribe("position", seen.append)
    assert len(lab._session.subscriptions._handlers) == 2
    until(lambda: len(seen) >= 2)


def test_a_status_is_followed_as_well(lab: baton.Lab) -> None:
    seen: list[baton.Status] = []
    lab.stage.subscribe("status", seen.append)
    until(lambda: seen)
    assert seen[0] == "idle"
    lab.stage.position = 9
    until(lambda: "busy" in [status.state for status in seen] and seen[-1] == "idle")


def test_messages_of_drivers_are_heard(lab: baton.Lab) -> None:
    heard: list[Message] = []
    told = threading.Event()

    def handler(message: Message) -> None:
        heard.append(message)
        told.set()

    subscription = lab.listen("*", "limit_hit", handler)
    with pytest.raises(baton.BatonError):
        lab.slow.velocity = 100
        lab.slow.position = 999
    assert told.wait(60)
    assert heard[0].sender == "slow" and heard[0].message == "limit_hit" and heard[0].payload == "upper"
    assert heard[0].n >= 1 and heard[0].lost == 0 and "slow:limit_hit" in repr(heard[0])
    subscription.close()
    lab.slow.clear_errors()
    lab.slow.position = 0
    lab.slow.velocity = 1


def test_m6_clients_send_in_their_own_name(host: Host, lab: baton.Lab) -> None:
    with connect(host) as other, lab.listen("client:*", "go") as messages:
        other.send("go", {"run": 12})
        message = messages.next(timeout=30)
        assert message.sender.startswith("client:") and message.payload == {"run": 12}
        with pytest.raises(TimeoutError, match="nothing came within"):
            messages.next(timeout=0.05)


def test_m3_a_handler_that_fails_is_told_of_and_ended_after_ten(
    lab: baton.Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[int] = []

    def fail(message: Message) -> None:
        calls.append(message.n)
        raise ValueError("on purpose")

    seen: list[Message] = []
    ended = lab.listen("client:*", "go", fail)
    lab.listen("client:*", "go", seen.append)
    for _ in range(12):
        lab.send("go")
    until(lambda: len(seen) == 12 and "closed" in repr(ended))
    assert len(calls) == 10
    err = capsys.readouterr().err
    assert "on purpose" in err and "called no more" in err


def test_who_is_slow_loses_the_oldest_and_is_told(lab: baton.Lab) -> None:
    subscription: Subscription[Message] = Subscription(lab._session.subscriptions, "x", "*", lambda message: message)
    for n in range(1, QUEUE_MAX + 6):
        subscription._put(Message("x", "go", None, 0.0, n, 0))
    first = next(subscription)
    assert (first.n, first.lost, subscription.lost) == (6, 5, 5)
    latest: Subscription[Message] = Subscription(
        lab._session.subscriptions, "x", "*", lambda message: message, latest=True
    )
    for n in range(1, 6):
        latest._put(Message("x", "go", None, 0.0, n, 0))
        latest._put(Message("y", "go", None, 0.0, n, 0))
    assert [(message.sender, message.n, message.lost) for message in (next(latest), next(latest))] == [
        ("x", 5, 4),
        ("y", 5, 4),
    ]


def test_a_subscription_comes_back_with_what_was_missed_counted() -> None:
    with Host(LAB, threaded=True) as host, baton.connect(host.address) as lab, connect(host) as other:
        messages = lab.listen("client:*", "go")
        positions = lab.stage.position.changes()
        assert next(positions).value == pytest.approx(0, abs=0.01)
        other.send("go", 1)
        assert messages.next(30).payload == 1
        link = lab._session.link()
        # Nobody connects anew before the test says so.
        lab._session.address, address = baton._address.Address("127.0.0.1", 1), lab._session.address
        link._close("cut by the test")
        until(lambda: link.has_ended)
        for number in range(2, 5):
            other.send("go", number)
        other.stage.position = 3
        lab._session.address = address
        until(lambda: lab._session.is_connected)
        lab.stage.get()
        other.send("go", 5)
        message = messages.next(30)
        assert (message.payload, message.lost, messages.lost) == (5, 3, 3)
        after = positions.next(30)
        assert after.value == pytest.approx(3, abs=0.01) and after.lost > 0


def test_a_host_that_restarts_has_its_subscribers_again() -> None:
    seen: list[float] = []
    with Host(LAB) as host:
        lab = baton.connect(host.address)
        lab.stage.position = 3
        lab.stage.subscribe("position", lambda reading: seen.append(reading.value))
        until(lambda: seen)
    seen.clear()
    with Host(LAB, listen=host.address):
        until(lambda: seen)
        assert seen[0] == pytest.approx(0, abs=0.01)
    lab.close()


def test_the_past_can_be_asked_for(lab: baton.Lab) -> None:
    lab.stage.position = 7
    lab.stage.position = 8
    history = lab.stage.position.history()
    assert history[-1].value == pytest.approx(8, abs=0.01)
    assert [reading.t for reading in history] == sorted(reading.t for reading in history)
    with lab.stage.position.changes(since=3600) as changes:
        assert next(changes).t <= history[-1].t


def test_tasks_follow_as_well(host: Host) -> None:
    async def main() -> None:
        async with baton.aio.connect(host.address) as lab:
            await lab.stage.set("position", 1)
            async for reading in lab.stage.position.changes():
                assert reading.value == pytest.approx(1, abs=0.01)
                break

            async def hear() -> Message:
                async for message in lab.listen("client:*", "go"):
                    return message
                raise AssertionError

            hearing = asyncio.ensure_future(hear())
            with connect(host) as other:
                while not hearing.done():
                    await asyncio.to_thread(other.send, "go", 3)
                    await asyncio.sleep(0.05)
            assert (await hearing).payload == 3

    asyncio.run(main())


def test_many_subscribers_in_many_threads(lab: baton.Lab) -> None:
    ends: list[float] = []

    def follow() -> None:
        with lab.stage.position.changes() as changes:
            for reading in changes:
                if reading.value == pytest.approx(30, abs=0.01):
                    ends.append(reading.value)
                    return

    threads = [threading.Thread(target=follow) for _ in range(8)]
    for thread in threads:
        thread.start()
    lab.stage.position = 30
    for thread in threads:
        thread.join(60)
    assert len(ends) == 8
