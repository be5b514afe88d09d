//! The one struct that values cross in.

use std::{mem::ManuallyDrop, sync::Arc};

use abi_stable::StableAbi;

use super::array::{Array, Buffer, ElementType, as_bytes, unpack};
use crate::{Error, ErrorKind, Result, Value};

/// A value on its way across. Its layout is final; a new kind of value is a new number.
///
/// | kind | meaning | `flags` | `words` |
/// | --- | --- | --- | --- |
/// | 0 | nothing | | |
/// | 1 | bool | | 0 or 1 |
/// | 2 | integer | | `i64` |
/// | 3 | float | | `f64` bits |
/// | 4 | text of up to 32 bytes | length | the bytes |
/// | 5 | text | | pointer, length, capacity |
/// | 6 | JSON | | pointer, length, capacity |
/// | 7 | array | element type, rank `<< 8` | data pointer, bytes, packed shape, owner |
///
/// `free`, if set, is called with `words` by whoever drops the value; it lies in the library that made it.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawValue {
    kind: u32,
    flags: u32,
    words: [u64; 4],
    free: Option<unsafe extern "C" fn(*mut [u64; 4])>,
}

// SAFETY: the words are plain data, or an allocation that this value owns alone and whose content is `Send`: bytes, or an
// `Array`, whose `Buffer` is `Send + Sync`. A driver in another language promises the same by setting `free`.
unsafe impl Send for RawValue {}
// SAFETY: as above, and a shared `RawValue` gives shared access to immutable content only.
unsafe impl Sync for RawValue {}

const UNIT: u32 = 0;
const BOOL: u32 = 1;
const INT: u32 = 2;
const FLOAT: u32 = 3;
const SHORT_TEXT: u32 = 4;
const TEXT: u32 = 5;
const JSON: u32 = 6;
const ARRAY: u32 = 7;

impl Drop for RawValue {
    fn drop(&mut self) {
        if let Some(free) = self.free.take() {
            // SAFETY: `free` was set together with `words` by the side that made this value, whose library is never
            // unloaded; nothing changes `words` in between, and it is called once, since it was taken.
            unsafe { free(&mut self.words) }
        }
    }
}

impl RawValue {
    const fn plain(kind: u32, word: u64) -> Self {
        RawValue {
            kind,
            flags: 0,
            words: [word, 0, 0, 0],
            free: None,
        }
    }

    /// Nothing.
    pub const UNIT: RawValue = RawValue::plain(UNIT, 0);

    fn text(kind: u32, text: String) -> Self {
        if kind == TEXT && text.len() <= 32 {
            let mut bytes = [0u8; 32];
            bytes[..text.len()].copy_from_slice(text.as_bytes());
            let mut words = [0u64; 4];
            for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
                *word = u64::from_ne_bytes(chunk.try_into().expect("a chunk has 8 bytes"));
            }
            return RawValue {
                kind: SHORT_TEXT,
                flags: text.len() as u32,
                words,
                free: None,
            };
        }
        // As bytes, whose pointer is one to the whole allocation.
        let mut text = ManuallyDrop::new(text.into_bytes());
        let words = [text.as_mut_ptr() as u64, text.len() as u64, text.capacity() as u64, 0];
        RawValue {
            kind,
            flags: 0,
            words,
            free: Some(free_text),
        }
    }

    fn array(array: Array) -> Self {
        let bytes = array.bytes();
        let (rank, shape) = array.packed_shape();
        let flags = array.element_type() as u32 | rank << 8;
        let (data, length) = (bytes.as_ptr() as u64, bytes.len() as u64);
        let owner = Box::into_raw(Box::new(array)) as u64;
        RawValue {
            kind: ARRAY,
            flags,
            words: [data, length, shape, owner],
            free: Some(free_array),
        }
    }

    /// The text of a JSON document, which is not looked at: whoever takes the value as a [`Value`] finds out.
    pub fn json(text: String) -> Self {
        RawValue::text(JSON, text)
    }

    /// What it holds, borrowed: for whoever carries a value elsewhere, to another process, say.
    ///
    /// # Errors
    /// As for taking it as a [`Value`], but for JSON that is none.
    pub fn view(&self) -> Result<View<'_>> {
        Ok(match self.kind {
            UNIT => View::Unit,
            BOOL => View::Bool(self.words[0] != 0),
            INT => View::Int(self.words[0] as i64),
            FLOAT => View::Float(f64::from_bits(self.words[0])),
            SHORT_TEXT | TEXT => View::Text(self.text_view()?),
            JSON => View::Json(utf8(self.bytes())?),
            ARRAY => {
                let element = self.flags & 0xff;
                let element =
                    ElementType::from_number(element).ok_or_else(|| broken("an array of unknown elements"))?;
                let rank = self.flags >> 8;
                if !(1..=Array::MAX_RANK as u32).contains(&rank) {
                    return Err(broken(&format!("an array has {rank} dimensions")));
                }
                View::Array {
                    element,
                    shape: unpack(rank, self.words[2]),
                    bytes: self.bytes(),
                }
            }
            other => return Err(unknown(other)),
        })
    }

    fn text_view(&self) -> Result<&str> {
        if self.kind != SHORT_TEXT {
            return utf8(self.bytes());
        }
        let bytes = as_bytes(&self.words).get(..self.flags as usize);
        utf8(bytes.ok_or_else(|| broken("a short text is too long"))?)
    }

    fn bytes(&self) -> &[u8] {
        let (pointer, length) = (self.words[0] as *const u8, self.words[1] as usize);
        if length == 0 || pointer.is_null() {
            return &[];
        }
        // SAFETY: called for the kinds TEXT, JSON and ARRAY alone, where the side that made the value promises that the first
        // word points to as many initialised bytes as the second says, unchanged until `free` is called. That takes the value
        // itself, which is borrowed here.
        unsafe { std::slice::from_raw_parts(pointer, length) }
    }

    fn into_array(self) -> Result<Array> {
        let element = self.flags & 0xff;
        let element = ElementType::from_number(element).ok_or_else(|| {
            broken(&format!(
                "an array has elements of type {element}, which this version does not know"
            ))
        })?;
        let rank = self.flags >> 8;
        if !(1..=Array::MAX_RANK as u32).contains(&rank) {
            return Err(broken(&format!("an array has {rank} dimensions")));
        }
        let shape = unpack(rank, self.words[2]);
        let bytes = self.words[1] as usize;
        if !bytes.is_multiple_of(element.size()) || !(self.words[0] as usize).is_multiple_of(element.size()) {
            return Err(broken("an array does not lie at a multiple of its element's size"));
        }
        Array::from_buffer(Arc::new(Foreign(self)), element, bytes / element.size(), &shape)
    }
}

fn broken(what: &str) -> Error {
    Error::new(
        ErrorKind::InternalError,
        format!("what crossed the driver interface is broken: {what}"),
    )
}

fn unknown(kind: u32) -> Error {
    let version = env!("CARGO_PKG_VERSION");
    let what = format!("a value of kind {kind}, which plugin-api {version} does not know");
    Error::new(ErrorKind::InternalError, what)
}

fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| broken("a text is not UTF-8"))
}

/// What a [`RawValue`] holds, borrowed.
#[derive(Clone, Debug, PartialEq)]
pub enum View<'a> {
    /// Nothing.
    Unit,
    /// Yes or no.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// Text.
    Text(&'a str),
    /// The text of a JSON document, as far as its maker knows.
    Json(&'a str),
    /// Numbers.
    Array {
        /// Their type.
        element: ElementType,
        /// The length of each dimension, the slowest first.
        shape: Vec<usize>,
        /// The elements as they lie in memory.
        bytes: &'a [u8],
    },
}

/// The elements of an array that the other side owns.
struct Foreign(RawValue);

impl Buffer for Foreign {
    fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }
}

unsafe extern "C" fn free_text(words: *mut [u64; 4]) {
    // SAFETY: called once, by `RawValue::drop`, with the words that `RawValue::text` took from a vector of bytes. This
    // function crosses together with them, so it is of the library, and so of the allocator, that made them.
    unsafe {
        let [pointer, length, capacity, _] = *words;
        drop(Vec::from_raw_parts(
            pointer as *mut u8,
            length as usize,
            capacity as usize,
        ));
    }
}

unsafe extern "C" fn free_array(words: *mut [u64; 4]) {
    // SAFETY: called once, by `RawValue::drop`, with the words that `RawValue::array` made; the last is its box, and as for
    // texts it is the same library's.
    let array = unsafe { Box::from_raw((*words)[3] as *mut Array) };
    // The author's owner is dropped here, and must not unwind into whoever drops the value.
    super::guard::contained(move || drop(array));
}

impl From<Value> for RawValue {
    fn from(value: Value) -> Self {
        match value {
            Value::Unit => RawValue::UNIT,
            Value::Bool(b) => RawValue::plain(BOOL, b.into()),
            Value::Int(n) => RawValue::plain(INT, n as u64),
            Value::Float(x) => RawValue::plain(FLOAT, x.to_bits()),
            Value::Text(text) => RawValue::text(TEXT, text),
            Value::Array(array) => RawValue::array(array),
            Value::Json(json) => RawValue::text(JSON, json.to_string()),
        }
    }
}

impl TryFrom<RawValue> for Value {
    type Error = Error;

    /// Reads what came across, trusting nothing but pointers and lengths.
    fn try_from(raw: RawValue) -> Result<Value> {
        Ok(match raw.kind {
            UNIT => Value::Unit,
            BOOL => Value::Bool(raw.words[0] != 0),
            INT => Value::Int(raw.words[0] as i64),
            FLOAT => Value::Float(f64::from_bits(raw.words[0])),
            SHORT_TEXT | TEXT => Value::Text(raw.text_view()?.to_owned()),
            JSON => Value::Json(serde_json::from_slice(raw.bytes()).map_err(|e| broken(&format!("bad JSON: {e}")))?),
            ARRAY => Value::Array(raw.into_array()?),
            other => return Err(unknown(other)),
        })
    }
}

#[cfg(test)]
mod tests;
