"""Names: devices, parameters and commands as attributes, and what is shown of them."""

from __future__ import annotations

import keyword

import pytest

import baton
from baton import _description
from baton._display import Rows


def test_tab_completion_knows_the_lab(lab: baton.Lab) -> None:
    assert {"stage", "pump", "shutter", "lock", "status"} <= set(dir(lab))
    assert {"position", "velocity", "home", "set", "stop"} <= set(dir(lab.stage))
    assert "stage.position" in lab._ipython_key_completions_()
    assert "position" in lab.stage._ipython_key_completions_()
    assert not any(keyword.iskeyword(name) for name in dir(lab.stage))


def test_every_spelling_is_one_thing(lab: baton.Lab) -> None:
    assert lab["stage"] is lab.stage is lab.Stage
    assert lab["stage.position"] is lab["stage:position"] is lab.stage["position"] is lab.stage.position
    assert lab.stage["value"] is lab.stage["target"] is lab.stage.position
    assert lab.devices["stage"] is lab.stage
    assert next(iter(lab.stage.parameters)) == "position" and "home" in lab.stage.commands
    assert [device.name for device in lab][:2] == ["stage", "slow"]


def test_a_wrong_name_says_which_was_meant(lab: baton.Lab) -> None:
    with pytest.raises(AttributeError, match="did you mean `stage`"):
        _ = lab.stgae
    with pytest.raises(AttributeError, match="did you mean `position`"):
        _ = lab.stage.postion
    with pytest.raises(AttributeError, match="did you mean `position`"):
        lab.stage.postion = 3
    with pytest.raises(LookupError, match="no device `nix`"):
        lab["nix.position"]
    with pytest.raises(baton.NoSuchParameter, match="home is a command"):
        lab.stage["home"]
    with pytest.raises(baton.NoSuchCommand, match="position is a parameter"):
        lab.stage.call("position")
    with pytest.raises(AttributeError, match="is a command"):
        lab.stage.home = 3
    with pytest.raises(AttributeError, match=r"stage\['name'\]"):
        lab.stage.name = "other"
    with pytest.raises(AttributeError):
        lab.stage = 3


def test_a_name_that_python_has_already_is_reached_otherwise() -> None:
    accessibles = {
        name: {"description": "", "readonly": False, "datainfo": {"type": "double"}, "_name": name.lstrip("_")}
        for name in ("value", "target", "_set", "_class", "_flow_limits")
    }
    node = _description.parse({"modules": {"x": {"accessibles": accessibles, "_main": "value"}}})
    info = node.devices["x"]
    assert set(info.parameters) == {"value", "set", "class", "flow_limits"}

    class Session:
        pass

    class Lab:
        _session = Session()

    Session.node = node  # type: ignore[attr-defined]
    device = baton.Device(Lab(), "x")  # type: ignore[arg-type]
    assert device.set_ is device["set"]
    assert device.class_ is device["class"]
    assert {"set_", "class"} <= set(dir(device))
    with pytest.raises(AttributeError, match=r"x\['set'\]"):
        device.set = 3


def test_a_device_is_shown_as_a_table(lab: baton.Lab) -> None:
    text = repr(lab.stage)
    assert text.startswith("stage: sim/motor, idle")
    assert "position" in text and "0 to 50 mm" in text and "home()" in text
    html = lab.stage._repr_html_()
    assert html.startswith("<table>") and "position" in html
    assert "tests at 127.0.0.1" in repr(lab) and "<td" in lab._repr_html_()
    with lab.lock(lab.stage, note="mine"):
        assert "locked by" in repr(lab.stage)
        assert "mine" in repr(lab.who()) and "<td" in lab.who()._repr_html_()
    assert "execution" in repr(lab.status()) and lab.status().lab == "tests"
    assert "<script>" not in Rows("<script>", ["a"], [{"a": "<script>"}])._repr_html_()


def test_showing_something_never_fails(lab: baton.Lab) -> None:
    stage, position = lab.stage, lab.stage.position
    lab.close()
    assert "is over" in repr(stage) and "is over" in repr(position) and "is over" in repr(lab)


def test_what_nobody_described_is_left_alone(lab: baton.Lab) -> None:
    # IPython and others look for such names; they must not become questions to the host.
    for name in ("_repr_png_", "__wrapped__", "_ipython_display_"):
        assert not hasattr(lab, name) and not hasattr(lab.stage, name) and not hasattr(lab.stage.position, name)
