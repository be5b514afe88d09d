"""The first page: what a scientist types, as it stands there."""

from __future__ import annotations

import asyncio

import pytest
from conftest import until

import baton
import baton.aio
from baton.testing import Host


def test_the_first_page(host: Host, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("BATON_HOST", host.address)
    handler = print
    lab = baton.connect()
    stage, pump = lab.stage, lab.pump
    stage.position = "2 mm"
    future = stage.set("position", 3)
    assert future.done() in (True, False)
    future.wait(timeout=10)
    assert future.result() == pytest.approx(3, abs=0.01)
    with stage, pump["flow"]:
        stage.position = 2
        pump.flow = "1 ml/min"
    with lab.lock(stage, pump["flow"], note="tomo run 12", wait=30):
        assert lab.who()[0]["note"] == "tomo run 12"
    stage.subscribe("position", print)
    lab.listen("*", "limit_hit", handler)
    for reading in stage.position.changes():
        assert reading.value == pytest.approx(2, abs=0.01)
        break
    until(lambda: "2.000 mm" in capsys.readouterr().out)

    async def main() -> None:
        async with baton.aio.connect() as lab:
            await lab.stage.set("position", 2)

    asyncio.run(main())
    lab.close()
