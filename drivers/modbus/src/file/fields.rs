//! Fields: where a value is and what it is made of, whoever has it.

use std::collections::BTreeMap;

use baton_plugin_api::{diagnostic::Diagnostic, instrument::Reader};

use super::{Conventions, OrderEntry, ParameterEntry, StatusEntry, StepEntry, TypeEntry, WriteFunction};
use crate::{
    field::{Bits, Field, Kind, Layout, Meaning, Order, Registers, Scaling},
    pdu::MOST_WRITTEN,
    place::Place,
    script::{Way, Write},
};

/// What a part of a file says of a field.
#[derive(Clone, Default)]
pub(super) struct Spec<'e> {
    pub(super) at: &'e str,
    pub(super) kind: Option<TypeEntry>,
    pub(super) length: Option<u16>,
    pub(super) byte_order: Option<OrderEntry>,
    pub(super) word_order: Option<OrderEntry>,
    pub(super) scale: Option<f64>,
    pub(super) offset: Option<f64>,
    pub(super) bit: Option<u8>,
    pub(super) bits: Option<(u8, u8)>,
    pub(super) values: Option<&'e BTreeMap<String, i64>>,
}

macro_rules! spec_of {
    ($entry:expr, $at:expr, $($key:ident),*) => {
        Spec { at: $at, $($key: $entry.$key,)* ..Spec::default() }
    };
}

impl<'e> Spec<'e> {
    pub(super) fn of_parameter(entry: &'e ParameterEntry, at: &'e str) -> Self {
        let spec = spec_of!(
            entry, at, kind, length, byte_order, word_order, scale, offset, bit, bits
        );
        let values = entry.values.as_ref();
        Spec { values, ..spec }
    }

    pub(super) fn of_step(entry: &'e StepEntry) -> Self {
        let spec = spec_of!(
            entry, &entry.at, kind, length, byte_order, word_order, scale, offset, bit, bits
        );
        let values = entry.values.as_ref();
        Spec { values, ..spec }
    }

    pub(super) fn of_status(entry: &'e StatusEntry) -> Self {
        spec_of!(entry, &entry.at, kind, byte_order, word_order, bit, bits)
    }
}

/// A file while it is being read, with what it says for all of its parts.
pub(super) struct FileReader<'r, 'f> {
    pub(super) reader: &'r mut Reader<'f>,
    pub(super) conventions: Conventions,
}

impl FileReader<'_, '_> {
    /// The field at a path; `at_path` is where its place stands.
    pub(super) fn field(&mut self, path: &[&str], at_path: &[&str], spec: &Spec<'_>) -> Option<Field> {
        let before = self.reader.count();
        let place = self.place(at_path, spec.at)?;
        let kind = self.kind(path, place, spec);
        let length = self.length(path, kind, spec);
        let layout = match place.space.is_bits() {
            true => Layout::Bit,
            false => Layout::Registers(self.registers(path, kind, length, spec)?),
        };
        let mut field = Field {
            place,
            layout,
            meaning: Meaning::Integer,
        };
        self.check_end(at_path, &field);
        field.meaning = self.meaning(path, kind, &field, spec);
        (self.reader.count() == before).then_some(field)
    }

    pub(super) fn place(&mut self, path: &[&str], text: &str) -> Option<Place> {
        Place::parse(text)
            .map_err(|(message, help)| {
                let error = self.reader.error(path, message);
                self.reader.push(error.help(help));
            })
            .ok()
    }

    fn kind(&mut self, path: &[&str], place: Place, spec: &Spec<'_>) -> TypeEntry {
        let is_bits = place.space.is_bits();
        match spec.kind {
            Some(kind) if is_bits && kind != TypeEntry::Bool => {
                let error = self.error(
                    path,
                    "type",
                    format!("{} is a single bit", place.space.noun_with_article()),
                );
                self.push(error.help("leave `type` out"));
                TypeEntry::Bool
            }
            Some(kind) => kind,
            None if is_bits => TypeEntry::Bool,
            None => TypeEntry::U16,
        }
    }

    fn length(&mut self, path: &[&str], kind: TypeEntry, spec: &Spec<'_>) -> u16 {
        match (kind, spec.length) {
            (TypeEntry::Text, None) => {
                let error = self.error(path, "type", "how long the text is, is not said");
                self.push(error.help("add `length = 16`: its characters, two of which fit into a register"));
                2
            }
            (TypeEntry::Bcd, Some(17..)) => {
                let error = self.error(path, "length", "a `bcd` number has 16 digits at most");
                self.push(error.help("four digits fit into a register"));
                4
            }
            (TypeEntry::Bcd, length) => length.unwrap_or(4),
            (TypeEntry::Text, Some(length)) => length,
            (_, None) => 0,
            (_, Some(_)) => {
                let error = self.key_error(path, "length", "only `text` and `bcd` have a `length`");
                self.push(error.help("leave it out: the type says how many registers there are"));
                0
            }
        }
    }

    fn registers(&mut self, path: &[&str], kind: TypeEntry, length: u16, spec: &Spec<'_>) -> Option<Registers> {
        use TypeEntry as T;
        let (kind, count) = match kind {
            T::U16 | T::Bool => (Kind::Unsigned, 1),
            T::I16 => (Kind::Signed, 1),
            T::U32 => (Kind::Unsigned, 2),
            T::I32 => (Kind::Signed, 2),
            T::U64 => (Kind::Unsigned, 4),
            T::I64 => (Kind::Signed, 4),
            T::F32 => (Kind::Float, 2),
            T::F64 => (Kind::Float, 4),
            T::Bcd => (Kind::Bcd, length.div_ceil(4)),
            T::Text => (Kind::Text, length.div_ceil(2)),
        };
        let is_little = |own: Option<OrderEntry>, all| own.or(all) == Some(OrderEntry::Little);
        let order = Order {
            swapped_bytes: is_little(spec.byte_order, self.conventions.byte_order),
            swapped_words: is_little(spec.word_order, self.conventions.word_order),
        };
        let bits = match self.bits(path, spec)? {
            Some(_) if !matches!(kind, Kind::Unsigned | Kind::Signed) => {
                let error = self.bits_error(path, spec, "only a whole number has bits");
                self.push(error.help("leave `type` out, or write `type = \"u32\"`"));
                None
            }
            Some(bits) if u16::from(bits.high) >= 16 * count => {
                let error = self.bits_error(path, spec, format!("there is no bit {}", bits.high));
                let last = 16 * count - 1;
                self.push(error.help(format!("the bits are 0 to {last}, the least significant first")));
                None
            }
            bits => bits,
        };
        Some(Registers {
            kind,
            count,
            order,
            bits,
            length,
        })
    }

    /// The bits that are meant, if a part is. `None` if that is wrong.
    fn bits(&mut self, path: &[&str], spec: &Spec<'_>) -> Option<Option<Bits>> {
        match (spec.bit, spec.bits) {
            (None, None) => Some(None),
            (Some(bit), None) => Some(Some(Bits { low: bit, high: bit })),
            (None, Some((low, high))) if low <= high && high <= 63 => Some(Some(Bits { low, high })),
            (None, Some((low, high))) => {
                let error = self.error(path, "bits", "these are no bits of a number");
                self.push(match low > high {
                    true => error.help(format!("the lower one comes first: `[{high}, {low}]`")),
                    false => error.help("bits go from 0 to 63"),
                });
                None
            }
            (Some(_), Some(_)) => {
                let error = self.key_error(path, "bits", "`bit` and `bits` are both there");
                self.push(error.help("`bit = 3` is one bit, `bits = [4, 6]` are several: leave one of them"));
                None
            }
        }
    }

    fn check_end(&mut self, at_path: &[&str], field: &Field) {
        if u32::from(field.place.address) + u32::from(field.count()) > 65536 {
            let error = self
                .reader
                .error(at_path, "the value goes beyond the last address, 65535");
            self.push(error.help("look at `type` and `length`"));
        }
    }

    fn meaning(&mut self, path: &[&str], kind: TypeEntry, field: &Field, spec: &Spec<'_>) -> Meaning {
        let is_scaled = spec.scale.is_some() || spec.offset.is_some();
        let is_bool = kind == TypeEntry::Bool || spec.bit.is_some();
        if let Some(values) = spec.values {
            if is_scaled || matches!(kind, TypeEntry::Text | TypeEntry::F32 | TypeEntry::F64) {
                let error = self.key_error(path, "values", "only a plain whole number has `values`");
                self.push(error.help("leave `scale` and `offset` out, or `values`"));
            }
            return Meaning::Enum(self.members(path, field, values));
        }
        if let Some(bit) = spec.bit.filter(|_| field.place.space.is_bits()) {
            let error = self.key_error(
                path,
                "bit",
                format!("{} has no bit {bit}", field.place.space.noun_with_article()),
            );
            self.push(error.help("it is a bit itself: leave `bit` out"));
        }
        match kind {
            TypeEntry::Text => {
                self.no_scaling(path, spec, "a text");
                Meaning::Text
            }
            _ if is_bool => {
                self.no_scaling(path, spec, "a bool");
                Meaning::Bool
            }
            TypeEntry::F32 | TypeEntry::F64 => Meaning::Number(self.scaling(path, spec)),
            _ if is_scaled => Meaning::Number(self.scaling(path, spec)),
            _ => Meaning::Integer,
        }
    }

    fn scaling(&mut self, path: &[&str], spec: &Spec<'_>) -> Scaling {
        if spec.scale == Some(0.0) {
            let error = self.error(path, "scale", "with a scale of 0 every value is the same");
            self.push(error.help("`scale` is what one count in the register stands for: `0.1`"));
            return Scaling::NONE;
        }
        Scaling::new(spec.scale.unwrap_or(1.0), spec.offset.unwrap_or(0.0))
    }

    fn no_scaling(&mut self, path: &[&str], spec: &Spec<'_>, what: &str) {
        for (key, given) in [("scale", spec.scale.is_some()), ("offset", spec.offset.is_some())] {
            if given {
                let error = self.key_error(path, key, format!("{what} has no `{key}`"));
                self.push(error.help("leave it out"));
            }
        }
    }

    /// The members of an enum, in the order of the file.
    fn members(&mut self, path: &[&str], field: &Field, values: &BTreeMap<String, i64>) -> Vec<(String, i64)> {
        let path = [path, &["values"]].concat();
        let (min, max) = field.raw_range();
        let mut members: Vec<(String, i64)> = Vec::new();
        for name in self.reader.keys(&path) {
            let Some(&number) = values.get(name) else { continue };
            let here = [&path[..], &[name]].concat();
            if let Some((twin, _)) = members.iter().find(|(_, other)| *other == number) {
                let error = self
                    .reader
                    .error(&here, format!("{number} stands for `{twin}` already"));
                self.push(error.help("what is read has to tell which of them it is"));
            } else if !(min..=max).contains(&number.into()) {
                let error = self
                    .reader
                    .error(&here, format!("{number} does not fit into the register"));
                self.push(error.help(format!("it holds {min} to {max}")));
            }
            members.push((name.to_owned(), number));
        }
        if members.is_empty() {
            let error = self.reader.error(&path, "an enum has at least one value");
            self.push(error.help("`values = { off = 0, on = 1 }`"));
        }
        members
    }

    /// How a field is written. `path` is where that is said, `at_path` where the place is.
    pub(super) fn write(
        &mut self,
        path: &[&str],
        at_path: &[&str],
        field: Field,
        said: Option<WriteFunction>,
    ) -> Option<Write> {
        let before = self.reader.count();
        let space = field.place.space;
        if !space.is_writable() {
            let error = self
                .reader
                .error(at_path, format!("{} cannot be written", space.noun_with_article()));
            self.push(error.help("what can be written is a `holding` register or a `coil`"));
        }
        let most = if space.is_bits() {
            MOST_WRITTEN.1
        } else {
            MOST_WRITTEN.0
        };
        if field.count() > most {
            let error = self.reader.error(
                at_path,
                format!("{} registers cannot be written at once", field.count()),
            );
            self.push(error.help(format!("one request takes {most}")));
        }
        let wrong = match said {
            Some(WriteFunction::Single) if field.count() > 1 => {
                Some(("writes one register, and this takes more", "multiple"))
            }
            Some(WriteFunction::Mask) if !field.is_part() => Some(("is for bits of a register", "single")),
            Some(WriteFunction::Mask) if field.count() > 1 => {
                Some(("changes one register, and this takes more", "multiple"))
            }
            _ => None,
        };
        if let Some((why, instead)) = wrong {
            let error = self.error(path, "function", format!("this function {why}"));
            self.push(error.help(format!("write `function = \"{instead}\"`, or leave it out")));
        }
        // What the file says for all is for those that it fits.
        let general = self.conventions.write_function;
        let general = general.filter(|function| *function == WriteFunction::Multiple || field.count() == 1);
        let general = general.filter(|function| *function != WriteFunction::Mask || field.is_part());
        let way = Way::of(said.or(general), &field);
        (self.reader.count() == before).then_some(Write { field, way })
    }

    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        self.reader.push(diagnostic);
    }

    /// An error about the value of a key; about what it belongs to, if it is not there.
    pub(super) fn error(&self, path: &[&str], key: &str, message: impl Into<String>) -> Diagnostic {
        let whole = [path, &[key]].concat();
        match self.reader.exists(&whole) {
            true => self.reader.error(&whole, message),
            false => self.reader.key_error(path, message),
        }
    }

    /// An error about a key.
    pub(super) fn key_error(&self, path: &[&str], key: &str, message: impl Into<String>) -> Diagnostic {
        self.reader.key_error(&[path, &[key]].concat(), message)
    }

    fn bits_error(&self, path: &[&str], spec: &Spec<'_>, message: impl Into<String>) -> Diagnostic {
        self.error(path, if spec.bit.is_some() { "bit" } else { "bits" }, message)
    }
}
