"""What is read and written: values, units, datatypes, limits."""

from __future__ import annotations

import json
import math
from datetime import timedelta

import pytest

import baton
from baton import _datatypes


def test_a_reading_knows_value_unit_time_and_quality(lab: baton.Lab) -> None:
    reading = lab.stage.position.get()
    assert isinstance(reading.value, float)
    assert (reading.unit, reading.quality, reading.path) == ("mm", "simulated", "stage.position")
    assert reading.time.timestamp() == pytest.approx(reading.t)
    assert reading.error is None and reading.lost == 0


def test_a_reading_calculates_as_its_value(lab: baton.Lab) -> None:
    lab.stage.position = 2
    reading = lab.stage.get()
    assert reading + 1 == pytest.approx(3, abs=0.01)
    assert 10 - reading == pytest.approx(8, abs=0.01)
    assert 1.9 < reading < 2.1
    assert f"{reading:.1f} and {reading}" == "2.0 and 2.000 mm"
    assert round(reading, 1) == 2.0 and float(reading) == reading.value and abs(-reading) == reading


def test_a_parameter_reads_itself_where_a_number_is_due(lab: baton.Lab) -> None:
    lab.stage.position = 2
    assert lab.stage.position + 1 == pytest.approx(3, abs=0.01)
    assert lab.stage.position > 1
    lab.stage.position += 1
    assert lab.stage.position == pytest.approx(3, abs=0.01)
    assert not lab.pump.on
    lab.pump.on = True
    assert lab.pump.on
    lab.pump.on = False


@pytest.mark.parametrize("asked", ["2 mm", "2000 um", "0.2 cm", 2, 2.0])
def test_units_in_texts_are_converted_by_the_host(lab: baton.Lab, asked: object) -> None:
    lab.stage.position = asked
    assert lab.stage.position.value == pytest.approx(2, abs=0.01)


def test_a_reading_of_one_device_can_be_written_to_another(lab: baton.Lab) -> None:
    lab.left.position = 3
    lab.stage.position = lab.left.position
    assert lab.stage.position.value == pytest.approx(3, abs=0.02)
    lab.stage.position = lab.right.position.get()
    assert lab.stage.position.value == pytest.approx(lab.right.position.value, abs=0.02)


def test_quantities_of_pint_go_both_ways(lab: baton.Lab) -> None:
    pint = pytest.importorskip("pint")
    unit = pint.get_application_registry()
    lab.stage.position = unit.Quantity(0.004, "m")
    assert lab.stage.position.get().quantity.to("um").magnitude == pytest.approx(4000, abs=20)
    assert lab.stage.velocity.get().to("m/s") == pytest.approx(0.05)
    lab.stage.acceleration = unit.Quantity(2, "m/s**2")
    assert lab.stage.acceleration.value == pytest.approx(2000)
    assert str(lab.stage.acceleration.get().quantity.units) == "millimeter / second ** 2"
    lab.stage.acceleration = 1000
    lab.pump.flow = unit.Quantity(60, "ml/hour")
    assert lab.pump.flow.value == pytest.approx(1)
    lab.oven.temperature.limits = (unit.Quantity(290, "K"), None)
    assert lab.oven.temperature.limits.lower == pytest.approx(16.85)
    lab.oven.temperature.limits = None
    with pytest.raises(baton.WrongType, match="stage.position"):
        lab.stage.position = unit.Quantity(1, "s")


def test_an_enum_is_its_name_and_its_number(lab: baton.Lab) -> None:
    lab.shutter.position = "open"
    value = lab.shutter.position.value
    assert value == "open" and int(value) == 1 and value.number == 1
    assert lab.shutter.position == "open" and lab.shutter.position
    lab.shutter.position = 0
    assert lab.shutter.position.value == "closed" and not lab.shutter.position
    assert lab.shutter.position.choices == ["closed", "open"]


def test_a_refusal_says_whose_limit_it_is(lab: baton.Lab) -> None:
    with pytest.raises(
        ValueError, match=r"stage.position: 80 mm is outside the limits 0 mm to 50 mm set by"
    ) as refused:
        lab.stage.position = "80 mm"
    assert isinstance(refused.value, baton.RangeError)
    assert refused.value.secop_class == "RangeError"


def test_errors_have_the_classes_of_secop_and_of_python(lab: baton.Lab) -> None:
    with pytest.raises(TypeError) as wrong:
        lab.stage.position = "2 s"
    assert isinstance(wrong.value, baton.WrongType)
    with pytest.raises(baton.ReadOnly, match="stage.referenced is read-only"):
        lab.stage.referenced = True
    with pytest.raises(baton.RangeError, match="nan is no finite number"):
        lab.stage.position = math.nan
    with pytest.raises(baton.WrongType):
        lab.stage.position = object()


def test_limits_are_read_and_narrowed(lab: baton.Lab) -> None:
    limits = lab.stage.position.limits
    assert limits[:3] == (0, 50, "mm") and "lab.toml" in limits.origin and str(limits) == "0 to 50 mm"
    lab.stage.position.limits = ("5 mm", "1 cm")
    assert lab.stage.position.limits[:2] == (5, 10)
    with pytest.raises(baton.RangeError, match="set by the user"):
        lab.stage.position = 20
    lab.stage.position.limits = (None, "1 cm")
    assert lab.stage.position.limits[:2] == (0, 10)
    lab.stage.position.limits = None
    assert lab.stage.position.limits[:2] == (0, 50)
    assert lab.stage.referenced.limits is None
    assert lab.pump.flow.limits.upper == 10


def test_a_zero_moves_the_frame(lab: baton.Lab) -> None:
    lab.right.position = 20
    assert lab.right.position.zero().value == pytest.approx(0, abs=0.01)
    assert lab.right.position.value == pytest.approx(0, abs=0.01)
    lab.right.position.zero("20 mm")
    assert lab.right.position.value == pytest.approx(20, abs=0.01)


def test_a_wait_ends_when_it_is_so(lab: baton.Lab) -> None:
    lab.stage.position = 4
    assert lab.stage.position.wait_for("4 mm", within="0.1 mm").value == pytest.approx(4, abs=0.1)
    assert lab.stage.position.wait_for(">= 3 mm") == lab.stage.position.wait_for("< 5 mm")
    with pytest.raises(TimeoutError):
        lab.stage.position.wait_for("9 mm", timeout=timedelta(seconds=0.05))


def test_every_datatype_goes_both_ways() -> None:
    info = {
        "type": "struct",
        "members": {
            "n": {"type": "int"},
            "colours": {"type": "array", "members": {"type": "enum", "members": {"red": 0, "green": 1}}},
            "pair": {"type": "tuple", "members": [{"type": "bool"}, {"type": "string"}]},
            "raw": {"type": "blob"},
        },
    }
    value = {"n": 3, "colours": ["green", "red"], "pair": (True, "µ"), "raw": b"\x00\xff"}
    sent = _datatypes.encode(info, value, "x")
    assert json.loads(json.dumps(sent)) == {"n": 3, "colours": ["green", "red"], "pair": [True, "µ"], "raw": "AP8="}
    assert _datatypes.decode(info, sent) == value
    assert _datatypes.decode(info, {"colours": [1, 0]}) == {"colours": ["green", "red"]}
    with pytest.raises(baton.WrongType, match="a blob only"):
        _datatypes.encode({"type": "string"}, b"x", "x")
    with pytest.raises(baton.RangeError, match=r"x\[1\]"):
        _datatypes.encode({"type": "array", "members": {"type": "double"}}, [1.0, math.inf], "x")


def test_arrays_are_those_of_numpy_where_it_is_there() -> None:
    numpy = pytest.importorskip("numpy")
    grid = {"type": "array", "members": {"type": "array", "members": {"type": "double"}}}
    value = _datatypes.decode(grid, [[1.0, 2.0], [3.0, 4.0]])
    assert value.shape == (2, 2) and value.dtype == float
    assert _datatypes.encode(grid, value, "x") == [[1.0, 2.0], [3.0, 4.0]]
    assert _datatypes.encode({"type": "int"}, numpy.int64(3), "x") == 3
    ragged = _datatypes.decode(grid, [[1.0], [2.0, 3.0]])
    assert [list(row) for row in ragged] == [[1.0], [2.0, 3.0]]
