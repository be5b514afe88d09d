"""The same for asyncio."""

from __future__ import annotations

import asyncio

import pytest
from conftest import connect, until

import baton
import baton.aio
from baton.testing import Host


def test_tasks_set_get_and_lock(host: Host) -> None:
    async def main() -> None:
        async with baton.aio.connect(host.address) as lab:
            reading = await lab.stage.set("position", 2)
            assert reading.value == pytest.approx(2, abs=0.01)
            assert (await lab.stage.get("position")).unit == "mm"
            assert (await lab.stage.position.get()) == pytest.approx(2, abs=0.01)
            await lab.stage.home()
            async with lab.stage, lab.pump["flow"]:
                rows = await lab.who()
                assert sorted(name for row in rows for name in row["targets"]) == ["pump.flow", "stage"]
                await asyncio.gather(lab.pump.set("flow", 2), lab.stage.position.set("3 mm"))
            async with lab.lock(lab.stage, "pump.flow", note="x", wait=5):
                assert (await lab.who())[0]["note"] == "x"
            assert await lab.who() == []
            assert (await lab.stage.status()) == "idle"
            assert (await lab.status()).lab == "tests"
            assert (await lab.stage.position.wait_for("< 4 mm")).value == pytest.approx(3, abs=0.01)
            with pytest.raises(baton.RangeError):
                await lab.stage.set("position", 5000)
            with pytest.raises(AttributeError, match="did you mean"):
                _ = lab.stgae
            with pytest.raises(baton.NoSuchModule):
                lab["nix"]
            assert {"stage", "lock"} <= set(dir(lab)) and "position" in dir(lab.stage)

    asyncio.run(main())


def test_a_cancelled_task_stops_what_it_moves(threaded: Host, real: baton.Lab) -> None:
    async def main() -> None:
        async with baton.aio.connect(threaded.address) as lab:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(lab.slow.set("position", 50), 0.3)
            until(lambda: not real.slow.status.is_busy)
            # A shield keeps it going.
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.shield(lab.slow.set("position", 50)), 0.3)
            assert (await lab.slow.status()) == "busy"
            await lab.slow.stop()
            await lab.stop()

    asyncio.run(main())


def test_tasks_in_both_orders_wait_without_holding_up_the_loop(host: Host) -> None:
    """Each task has a context of its own; two owners meet as two processes do."""

    async def main() -> None:
        inside = 0
        ticks = 0

        async def work(lab: baton.aio.Lab, first: str, second: str) -> None:
            nonlocal inside
            for _ in range(30):
                async with lab[first], lab[second]:
                    inside += 1
                    assert inside == 1
                    await asyncio.sleep(0)
                    inside -= 1

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.001)

        async with baton.aio.connect(host.address) as one, baton.aio.connect(host.address) as two:
            ticking = asyncio.ensure_future(tick())
            await asyncio.gather(work(one, "stage", "pump.flow"), work(two, "pump.flow", "stage"))
            ticking.cancel()
            assert ticks > 5
            assert await one.who() == []

    asyncio.run(main())


def test_a_cancelled_task_leaves_no_lock(host: Host) -> None:
    async def main() -> None:
        async with baton.aio.connect(host.address) as lab:

            async def enter() -> None:
                async with lab.stage, lab.pump:
                    pytest.fail("it was locked")

            with connect(host) as other, other.pump:
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(enter(), 0.3)
                rows = await lab.who()
                assert [row["targets"] for row in rows] == [["pump"]] and not rows[0]["waiting"]
            await lab.stage.set("position", 1)

    asyncio.run(main())


def test_a_child_task_does_not_give_back_what_its_parent_has(host: Host) -> None:
    async def main() -> None:
        async with baton.aio.connect(host.address) as lab:

            async def child() -> str:
                try:
                    async with lab.lock(lab.pump, wait=0.3):
                        return "inside"
                except baton.IsBusy:
                    return "refused"

            with connect(host) as other, other.pump:
                async with lab.stage:
                    waiting = asyncio.ensure_future(child())
                    await asyncio.sleep(0.1)
                    rows = await asyncio.to_thread(other.who)
                    assert ["stage"] in [row["targets"] for row in rows]
                    assert await waiting == "refused"

    asyncio.run(main())


def test_a_connection_that_is_awaited_is_closed_by_hand(host: Host) -> None:
    async def main() -> None:
        lab = await baton.aio.connect(host.address)
        assert "tests" in repr(lab)
        await lab.close()
        with pytest.raises(baton.ConnectionLost):
            await lab.stage.get()

    asyncio.run(main())
    with pytest.raises(baton.Unreachable):
        asyncio.run(baton.aio.connect("127.0.0.1:1")._open())
