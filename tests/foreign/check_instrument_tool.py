"""`baton instrument try` and `test`, with programs that others wrote at the other end."""

import json
import signal

from bench import ROOT, Bench, equal, holds
from instruments import Julabo, Motor
from processes import free_port

INSTRUMENTS = ROOT / "config/instruments"


def check_try_reads_everything_and_writes_nothing(bench: Bench) -> None:
    """Each exchange is shown with what was understood; the dialogue that was kept is passed without the simulator."""
    julabo = Julabo()
    bench.later(julabo.end)
    file, dialogue = str(INSTRUMENTS / "julabo.toml"), bench.folder / "bath.dialogue"
    on = f"tcp://127.0.0.1:{julabo.port}"
    before = julabo.setpoint()
    tried = bench.cli("instrument", "try", file, "--on", on, "--record", str(dialogue)).ok()
    for shown in (r"-> IN_PV_00\r", r"<- 24.0\r\n", "temperature = 24.00 degC", "circulation = off"):
        holds(shown in tried.out, f"no {shown!r} in:\n{tried.out}")
    holds("OUT_" not in tried.out, f"something was written:\n{tried.out}")
    equal(julabo.setpoint(), before, "setpoint")
    julabo.kill()
    bench.cli("instrument", "test", file, str(dialogue)).ok()


def check_try_writes_what_it_is_told_to(bench: Bench) -> None:
    """--set writes and reads back; what is outside the limits is refused before anything is sent."""
    julabo = Julabo()
    bench.later(julabo.end)
    file, on = str(INSTRUMENTS / "julabo.toml"), f"tcp://127.0.0.1:{julabo.port}"
    tried = bench.cli("instrument", "try", file, "--on", on, "--set", "setpoint=300 K").ok()
    holds(r"-> OUT_SP_00 26.85\r" in tried.out, tried.out)
    equal(julabo.setpoint(), 26.85, "setpoint by the instrument")
    refused = bench.cli("instrument", "try", file, "--on", on, "--set", "setpoint=300 degC").code_is(1)
    holds("limits" in refused.err and "->" not in refused.out, f"{refused.out}{refused.err}")
    rows = json.loads(bench.cli("--json", "instrument", "try", file, "--on", on, "setpoint").ok().out)["actions"]
    equal(
        [(row["name"], row["value"], row["unit"]) for row in rows if row["name"]], [("setpoint", 26.85, "degC")], "JSON"
    )


def check_exit_codes_of_try(bench: Bench) -> None:
    """69 for nobody there, 75 for no answer, 78 for a bad file."""
    motor = Motor()
    bench.later(motor.end)
    on = f"tcp://127.0.0.1:{motor.port}"
    julabo = str(INSTRUMENTS / "julabo.toml")
    bench.cli("instrument", "try", julabo, "--on", f"tcp://127.0.0.1:{free_port()}").code_is(69)
    # The motor leaves without an answer what it does not know.
    silent = bench.cli("instrument", "try", julabo, "--on", on, "temperature").code_is(75)
    holds("TimeoutError" in silent.out, silent.out)
    broken = bench.folder / "broken.toml"
    broken.write_text((INSTRUMENTS / "julabo.toml").read_text().replace('"{:f}"', '"{:y}"', 1))
    wrong = bench.cli("instrument", "try", str(broken), "--on", on).code_is(78)
    holds("broken.toml:" in wrong.err and "^" in wrong.err, wrong.err)


def check_listening_ends_by_ctrl_c(bench: Bench) -> None:
    """What was said until then is kept."""
    julabo = Julabo()
    bench.later(julabo.end)
    dialogue = bench.folder / "bath.dialogue"
    on = f"tcp://127.0.0.1:{julabo.port}"
    file = INSTRUMENTS / "julabo.toml"
    words = ["temperature", "--listen", "10 min", "--record", dialogue]
    listener = bench.start(bench.baton, "instrument", "try", file, "--on", on, *words)
    listener.wait_for("listening")
    listener.signal(signal.SIGINT)
    equal(listener.wait(), 0, "exit code")
    holds("= 24 degC" in dialogue.read_text(), dialogue.read_text())


def check_a_dialogue_tells_the_first_difference(bench: Bench) -> None:
    """Expected and got, with line and caret."""
    dialogue = bench.folder / "bath.dialogue"
    dialogue.write_text("read temperature\n-> IN_PV_01\\r\n<- 23.40\\r\\n\n= 23.4 degC\n")
    told = bench.cli("instrument", "test", str(INSTRUMENTS / "julabo.toml"), str(dialogue)).code_is(1)
    for shown in ("bath.dialogue:2:4", "^^^", r"got `IN_PV_00\r`"):
        holds(shown in told.err, f"no {shown!r} in:\n{told.err}")
