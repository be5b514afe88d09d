"""Locks: `with a, b:` means both or neither, and never a deadlock."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from conftest import connect, until

import baton
from baton.testing import Host


@pytest.fixture
def other(host: Host) -> Iterator[baton.Lab]:
    """Somebody else."""
    with connect(host) as other:
        yield other


def held(lab: baton.Lab) -> list[str]:
    """What is locked, in order of its names."""
    return sorted(name for row in lab.who() if row["kind"] == "lock" for name in row["targets"])


def waiting(lab: baton.Lab) -> list[str]:
    """What is waited for."""
    return sorted(name for row in lab.who() for one in row["waiting"] for name in one["targets"])


def test_with_locks_and_gives_back(lab: baton.Lab, other: baton.Lab) -> None:
    stage, pump = lab.stage, lab.pump
    with stage, pump["flow"]:
        assert held(other) == ["pump.flow", "stage"]
        stage.position = 2
        pump.flow = "1 ml/min"
        with pytest.raises(baton.Locked, match="stage is locked by") as locked:
            other.stage.position = 3
        assert locked.value.locked_by["target"] == "stage"
        assert locked.value.secop_class == "IsBusy"
        with pytest.raises(baton.IsBusy):
            other.pump.flow = 2
        other.pump.on = False
        assert other.stage.position.value == pytest.approx(2, abs=0.01)
        assert "test" in other.stage.locked_by
    assert held(other) == []
    other.stage.position = 3


def test_a_lock_has_a_note_and_is_entered_again_inside(lab: baton.Lab, other: baton.Lab) -> None:
    lock = lab.lock(lab.stage, lab.pump["flow"], "oven.temperature", note="tomo run 12", wait=30)
    with lock:
        assert lock.is_held
        assert [row["note"] for row in other.who()] == ["tomo run 12"]
        with lab.stage, lab.stage.position, lock:
            assert set(held(other)) == {"stage", "stage.position", "pump.flow", "oven.temperature"}
        assert held(other) == ["oven.temperature", "pump.flow", "stage"]
        lab.stage.position = 1
    assert not lock.is_held and held(other) == []
    with pytest.raises(ValueError, match="wants something to lock"):
        lab.lock()
    with pytest.raises(baton.WrongType):
        lab.lock(3)
    with pytest.raises(baton.NoSuchModule), lab.lock("nix"):
        pass


def test_a_lock_that_is_not_to_be_had_says_who_has_it(lab: baton.Lab, other: baton.Lab) -> None:
    with other.lock(other.stage, note="alignment"):
        with pytest.raises(baton.Locked, match="alignment"), lab.lock(lab.stage, lab.pump, wait=0):
            pytest.fail("it was locked")
        with pytest.raises(baton.Locked, match="gave up after waiting"), lab.lock(lab.stage, wait=0.1):
            pytest.fail("it was locked")
        assert held(lab) == ["stage"] and waiting(lab) == []


def test_acquire_and_release_outlive_a_cell_and_run_again(lab: baton.Lab, other: baton.Lab) -> None:
    lock = lab.lock(lab.stage).acquire()
    assert lock.acquire() is lock
    assert held(other) == ["stage"] and "held" in repr(lock)
    lock.release()
    lock.release()
    assert held(other) == []


def test_a_fresh_grant_is_given_back_for_the_union(lab: baton.Lab, other: baton.Lab) -> None:
    """While it waits, nothing is held; then both are, at once."""
    entered, leave = threading.Event(), threading.Event()

    def enter() -> None:
        with lab.stage, lab.pump["flow"]:
            entered.set()
            leave.wait(30)

    with other.pump:
        thread = threading.Thread(target=enter)
        thread.start()
        until(lambda: waiting(other) == ["pump.flow", "stage"])
        assert held(other) == ["pump"]
        # It waits for both and holds neither; whoever has what it waits for may have the rest as well (L2).
        with other.stage:
            assert not entered.is_set()
    assert entered.wait(30)
    assert held(other) == ["pump.flow", "stage"]
    leave.set()
    thread.join()
    assert held(other) == []


def test_after_work_the_set_grows_and_a_cycle_is_refused_to_one(real: baton.Lab, threaded: Host) -> None:
    """Nested after work in the outer block: exactly one `WouldDeadlock`, the other proceeds."""
    for _ in range(10):
        ends: list[str] = []
        both = threading.Barrier(2)
        with connect(threaded) as other:

            def work(lab: baton.Lab, first: str, second: str) -> None:
                try:
                    with lab[first]:
                        lab[first].get()
                        both.wait(30)
                        with lab[second]:
                            ends.append("inside")
                except baton.WouldDeadlock as refused:
                    assert "lab.lock(a, b)" in str(refused)
                    assert {link["target"] for link in refused.cycle} == {"stage", "pump"}
                    ends.append("refused")

            threads = [
                threading.Thread(target=work, args=(real, "stage", "pump")),
                threading.Thread(target=work, args=(other, "pump", "stage")),
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            assert sorted(ends) == ["inside", "refused"]
            assert held(real) == []


def test_what_was_given_back_in_vain_is_taken_again(lab: baton.Lab, other: baton.Lab) -> None:
    with other.pump, lab.stage:
        with pytest.raises(baton.Locked), lab.lock(lab.pump, wait=0.2):
            pytest.fail("it was locked")
        lab.stage.position = 4
        assert held(other) == ["pump", "stage"]
    assert held(other) == []


def test_what_was_given_back_and_taken_by_another_is_lost(lab: baton.Lab, other: baton.Lab) -> None:
    """Writes are refused until the block is left, and then all is well."""
    with other.pump:
        with lab.stage:
            thief: list[baton.Lock] = []

            def steal() -> None:
                until(lambda: waiting(other) == ["pump", "stage"])
                thief.append(other.lock(other.stage).acquire())

            thread = threading.Thread(target=steal)
            thread.start()
            with pytest.raises(baton.Locked), lab.lock(lab.pump, wait=3):
                pytest.fail("it was locked")
            thread.join()
            for _ in range(2):
                with pytest.raises(baton.LockLost, match="given back to wait for more"):
                    lab.stage.position = 4
            thief[0].release()
            with pytest.raises(baton.LockLost, match="given back to wait for more"):
                lab.stage.position = 4
            with pytest.raises(baton.LockLost), lab.oven:
                pytest.fail("what was entered before is not ours")
        lab.stage.position = 5
    assert held(other) == []


def test_l9_a_broken_lock_refuses_every_write_until_the_block_is_left(
    lab: baton.Lab, other: baton.Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    with lab.lock(lab.stage, lab.pump["flow"]) as lock:
        holder = other.who()[0]["owner"]["id"]
        other.break_lock(other.stage, holder)
        until(lambda: not lock.is_held)
        for _ in range(2):
            with pytest.raises(baton.LockLost, match="broken"):
                lab.stage.position = 3
            with pytest.raises(baton.LockLost):
                lab.stage.home()
            with pytest.raises(baton.LockLost):
                lab.stage.position.limits = None
        with pytest.raises(baton.LockLost):
            lock.check()
        # The rest of it is ours still, and reading passes.
        lab.pump.flow = 2
        assert lab.stage.position.get().unit == "mm"
    lab.stage.position = 3
    assert "baton: stage" in capsys.readouterr().err


def test_a_lock_on_a_composite_covers_its_members(lab: baton.Lab, other: baton.Lab) -> None:
    with lab.slit:
        with pytest.raises(baton.IsBusy):
            other.left.position = 3
        other.break_lock(other.slit, other.who()[0]["owner"]["id"])
        until(lambda: not held(other))
        with pytest.raises(baton.LockLost):
            lab.left.position = 3
    lab.left.position = 10


def test_a_lease_ends(lab: baton.Lab, other: baton.Lab) -> None:
    with lab.lock(lab.stage, lease=0.2):
        until(lambda: held(other) == [])
        with pytest.raises(baton.LockLost, match="time of the lock is over"):
            lab.stage.position = 1
    lab.stage.position = 1


def test_l10_what_is_protected_nobody_writes(lab: baton.Lab, other: baton.Lab) -> None:
    lab.protect(lab.oven["temperature"], note="sample inside")
    try:
        with pytest.raises(baton.Protected, match="sample inside"):
            other.oven.temperature = 30
        with pytest.raises(baton.ReadOnly):
            lab.oven.temperature = 30
    finally:
        lab.unprotect("oven.temperature")


def test_whoever_waits_is_told_for_whom(lab: baton.Lab, other: baton.Lab, capsys: pytest.CaptureFixture[str]) -> None:
    begin = time.monotonic()
    with other.lock(other.stage, note="alignment"), pytest.raises(baton.Locked), lab.lock(lab.stage, wait=4):
        pytest.fail("it was locked")
    line = capsys.readouterr().err
    assert line.startswith("baton: waiting for stage: stage is locked by") and "alignment" in line
    assert time.monotonic() - begin > 2


@pytest.mark.parametrize("moment", range(12))
def test_nothing_is_left_when_entering_is_interrupted(
    lab: baton.Lab, other: baton.Lab, moment: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C at each wait, and after each request, of entering a second thing that is not free."""
    from baton import _link, _promise

    count = 0

    def counted(function: object) -> object:
        def wrapped(*args: object) -> object:
            nonlocal count
            count += 1
            if threading.current_thread() is threading.main_thread() and count == moment + 1:
                raise KeyboardInterrupt
            result = function(*args)  # type: ignore[operator]
            count += 1
            if threading.current_thread() is threading.main_thread() and count == moment + 1:
                raise KeyboardInterrupt
            return result

        return wrapped

    lock = other.lock(other.pump).acquire()
    free = threading.Timer(0.2, lock.release)
    free.start()
    stage, pump = lab.stage, lab.pump
    interrupted = False
    try:
        with monkeypatch.context() as patched:
            patched.setattr(_promise.Promise, "wait_settled", counted(_promise.Promise.wait_settled))
            patched.setattr(_link.Link, "send", counted(_link.Link.send))
            with stage, pump:
                pass
    except KeyboardInterrupt:
        interrupted = True
    free.join()
    until(lambda: held(other) == [] and waiting(other) == [])
    assert lab._session.locks._entries == {}
    assert interrupted or moment > 3
    lab.stage.position = 1


def test_a_generator_in_a_block_does_not_confuse_its_neighbours(lab: baton.Lab, other: baton.Lab) -> None:
    def numbers() -> Iterator[int]:
        with lab.stage:
            yield 1
            yield 2

    turns = numbers()
    with lab.pump:
        assert next(turns) == 1
        assert held(other) == ["pump", "stage"]
    assert held(other) == ["stage"]
    assert list(turns) == [2]
    assert held(other) == []


def test_threads_of_a_lab_are_one_owner_with_entries_of_their_own(lab: baton.Lab, other: baton.Lab) -> None:
    inside, leave = threading.Event(), threading.Event()

    def work() -> None:
        with lab.stage:
            inside.set()
            leave.wait(30)
            assert "stage" in held(other)

    thread = threading.Thread(target=work)
    with lab.stage:
        thread.start()
        assert inside.wait(30)
    assert held(other) == ["stage"]
    leave.set()
    thread.join()
    assert held(other) == []
    second = lab.owner("second")
    with second.stage, pytest.raises(baton.Locked), lab.lock(lab.stage, wait=0):
        pass
    second.close()
