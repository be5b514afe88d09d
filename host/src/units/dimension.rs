//! Names of what units measure, for messages.

use ucum::Dimension;

/// Length, time, mass, angle, temperature, charge, luminous intensity: UCUM's order of exponents.
const NAMES: [([i8; 7], &str); 26] = [
    ([0, 0, 0, 0, 0, 0, 0], "a plain number"),
    ([1, 0, 0, 0, 0, 0, 0], "a length"),
    ([2, 0, 0, 0, 0, 0, 0], "an area"),
    ([3, 0, 0, 0, 0, 0, 0], "a volume"),
    ([0, 1, 0, 0, 0, 0, 0], "a time"),
    ([0, -1, 0, 0, 0, 0, 0], "a frequency"),
    ([0, 0, 1, 0, 0, 0, 0], "a mass"),
    ([0, 0, 0, 1, 0, 0, 0], "an angle"),
    ([0, 0, 0, 0, 1, 0, 0], "a temperature"),
    ([0, 0, 0, 0, 0, 1, 0], "a charge"),
    ([0, 0, 0, 0, 0, 0, 1], "a luminous intensity"),
    ([1, -1, 0, 0, 0, 0, 0], "a speed"),
    ([1, -2, 0, 0, 0, 0, 0], "an acceleration"),
    ([0, -1, 0, 1, 0, 0, 0], "a speed of rotation"),
    ([0, -1, 0, 0, 1, 0, 0], "a heating rate"),
    ([3, -1, 0, 0, 0, 0, 0], "a flow"),
    ([0, -1, 1, 0, 0, 0, 0], "a mass flow"),
    ([1, -2, 1, 0, 0, 0, 0], "a force"),
    ([-1, -2, 1, 0, 0, 0, 0], "a pressure"),
    ([2, -2, 1, 0, 0, 0, 0], "an energy"),
    ([2, -3, 1, 0, 0, 0, 0], "a power"),
    ([0, -1, 0, 0, 0, 1, 0], "a current"),
    ([2, -2, 1, 0, 0, -1, 0], "a voltage"),
    ([2, -1, 1, 0, 0, -2, 0], "a resistance"),
    ([0, -1, 1, 0, 0, -1, 0], "a magnetic flux density"),
    ([-2, 2, -1, 0, 0, 2, 0], "a capacitance"),
];

/// What a dimension is called, with its article, if it has a name.
pub(super) fn name(dimension: Dimension) -> Option<&'static str> {
    NAMES
        .iter()
        .find(|(exponents, _)| Dimension(*exponents) == dimension)
        .map(|(_, name)| *name)
}
