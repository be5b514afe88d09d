//! What labs write for a unit, and what UCUM calls it.

/// Signs that UCUM writes in ASCII.
const SIGNS: [(&str, &str); 13] = [
    ("°C", "Cel"),
    ("℃", "Cel"),
    ("°F", "[degF]"),
    ("°", "deg"),
    // The micro sign and the Greek letter look alike; keyboards have both.
    ("\u{b5}", "u"),
    ("\u{3bc}", "u"),
    // The letter Å and the sign Ångström.
    ("\u{c5}", "Ao"),
    ("\u{212b}", "Ao"),
    ("\u{3a9}", "Ohm"),
    ("\u{2126}", "Ohm"),
    ("·", "."),
    ("²", "2"),
    ("³", "3"),
];

/// Words that UCUM spells in another way, or takes for something that no lab means.
const WORDS: [(&str, &str); 44] = [
    ("degC", "Cel"),
    ("celsius", "Cel"),
    ("degF", "[degF]"),
    ("kelvin", "K"),
    ("Angstrom", "Ao"),
    ("angstrom", "Ao"),
    ("micron", "um"),
    ("ohm", "Ohm"),
    ("kohm", "kOhm"),
    ("Mohm", "MOhm"),
    ("mohm", "mOhm"),
    ("sec", "s"),
    ("hr", "h"),
    ("hour", "h"),
    ("hours", "h"),
    ("day", "d"),
    ("days", "d"),
    ("rpm", "(1/min)"),
    ("psi", "[psi]"),
    // 1 Torr is 1/760 of 101325 Pa; UCUM has the millimetre of mercury, which is not quite it.
    ("Torr", "(101325.Pa/760)"),
    ("torr", "(101325.Pa/760)"),
    ("mTorr", "(101325.mPa/760)"),
    ("mtorr", "(101325.mPa/760)"),
    ("ppm", "[ppm]"),
    ("ppb", "[ppb]"),
    ("cc", "cm3"),
    ("arcsec", "''"),
    ("arcmin", "'"),
    // UCUM reads a femtotonne, and a few other things that nobody weighs.
    ("ft", "[ft_i]"),
    ("in", "[in_i]"),
    ("inch", "[in_i]"),
    ("mil", "[mil_i]"),
    ("lb", "[lb_av]"),
    ("lbs", "[lb_av]"),
    ("lbf", "[lbf_av]"),
    ("gauss", "G"),
    ("tesla", "T"),
    ("percent", "%"),
    // UCUM's B is the bel.
    ("kB", "kBy"),
    ("MB", "MBy"),
    ("GB", "GBy"),
    ("KiB", "KiBy"),
    ("MiB", "MiBy"),
    ("GiB", "GiBy"),
];

/// Units that a suggestion may name.
pub(super) const COMMON: [&str; 46] = [
    "mm", "um", "nm", "m", "cm", "km", "Å", "s", "ms", "us", "min", "h", "mm/s", "um/s", "m/s", "mm/s2", "deg", "rad",
    "mrad", "deg/s", "rpm", "Hz", "kHz", "MHz", "V", "mV", "kV", "A", "mA", "uA", "W", "mW", "Ohm", "kOhm", "degC",
    "K", "Pa", "kPa", "mbar", "bar", "psi", "ml/min", "l/min", "g", "kg", "N",
];

/// The UCUM code of a unit as labs write it.
pub(super) fn to_ucum(text: &str) -> String {
    let mut code = text.to_owned();
    if !code.is_ascii() {
        for (sign, ascii) in SIGNS {
            code = code.replace(sign, ascii);
        }
    }
    code = code.replace('^', "").replace(" / ", "/").replace(['*', ' '], ".");
    // `10*6` is UCUM's own way to write a million.
    code = code.replace("10.", "10*");
    let code = replace_words(&code);
    if code.contains(['/', '.']) {
        without_zero(&code)
    } else {
        code
    }
}

/// Whether a code counts in moles, or in what UCUM derives from them.
pub(super) fn counts_moles(code: &str) -> bool {
    words(code).any(|word| ["mol", "kat", "osm"].iter().any(|atom| word.ends_with(atom)))
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_ascii_alphabetic())
}

/// Replaces the words outside brackets and braces, where UCUM's own names are.
fn replace_words(code: &str) -> String {
    let mut out = String::new();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '[' => rest.find(']').map_or(rest.len(), |end| end + 1),
            '{' => rest.find('}').map_or(rest.len(), |end| end + 1),
            c if c.is_ascii_alphabetic() => rest
                .find(|c: char| !c.is_ascii_alphabetic() && c != '[')
                .map_or(rest.len(), |end| end.max(1)),
            c => c.len_utf8(),
        };
        let (word, after) = rest.split_at(length);
        out.push_str(
            WORDS
                .iter()
                .find(|(lab, _)| *lab == word)
                .map_or(word, |(_, code)| code),
        );
        rest = after;
    }
    out
}

/// In a compound such as `Cel/min` a temperature is a difference: it has no zero.
fn without_zero(code: &str) -> String {
    code.replace("[degF]", "(5.K/9)").replace("Cel", "K")
}
