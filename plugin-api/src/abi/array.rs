//! Arrays and bytes that are handed over, not copied.

use std::{fmt, sync::Arc};

/// The type of an array's elements. The numbers cross the ABI and are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
#[allow(missing_docs, reason = "the names say it all")]
pub enum ElementType {
    U8 = 1,
    I8 = 2,
    U16 = 3,
    I16 = 4,
    U32 = 5,
    I32 = 6,
    U64 = 7,
    I64 = 8,
    F32 = 9,
    F64 = 10,
}

impl ElementType {
    /// Size of one element in bytes, which is also its alignment.
    pub const fn size(self) -> usize {
        match self {
            ElementType::U8 | ElementType::I8 => 1,
            ElementType::U16 | ElementType::I16 => 2,
            ElementType::U32 | ElementType::I32 | ElementType::F32 => 4,
            ElementType::U64 | ElementType::I64 | ElementType::F64 => 8,
        }
    }

    /// The type of that number, if this build knows it.
    pub const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            1 => ElementType::U8,
            2 => ElementType::I8,
            3 => ElementType::U16,
            4 => ElementType::I16,
            5 => ElementType::U32,
            6 => ElementType::I32,
            7 => ElementType::U64,
            8 => ElementType::I64,
            9 => ElementType::F32,
            10 => ElementType::F64,
            _ => return None,
        })
    }

    /// Whether the elements are floating-point numbers.
    pub const fn is_float(self) -> bool {
        matches!(self, ElementType::F32 | ElementType::F64)
    }
}

mod sealed {
    pub trait Sealed {}
}

/// A Rust number that can be the element of an [`Array`].
pub trait Element: sealed::Sealed + Copy + Send + Sync + 'static {
    /// Its element type.
    const TYPE: ElementType;
    /// The range of an integer as SECoP needs it; `None` for floating-point numbers.
    const RANGE: Option<(i64, i64)>;
}

macro_rules! elements {
    ($($type:ty => $variant:ident, $range:expr;)*) => {$(
        impl sealed::Sealed for $type {}
        impl Element for $type {
            const TYPE: ElementType = ElementType::$variant;
            const RANGE: Option<(i64, i64)> = $range;
        }
    )*};
}

elements! {
    u8 => U8, Some((0, u8::MAX as i64));
    i8 => I8, Some((i8::MIN as i64, i8::MAX as i64));
    u16 => U16, Some((0, u16::MAX as i64));
    i16 => I16, Some((i16::MIN as i64, i16::MAX as i64));
    u32 => U32, Some((0, u32::MAX as i64));
    i32 => I32, Some((i32::MIN as i64, i32::MAX as i64));
    u64 => U64, Some((0, i64::MAX));
    i64 => I64, Some((i64::MIN, i64::MAX));
    f32 => F32, None;
    f64 => F64, None;
}

/// An array of numbers with a shape of one to four dimensions, row by row.
///
/// Cloning shares the buffer. The buffer crosses the ABI as it is, and whoever made it frees it, even after its device
/// is gone. Bytes are an array of `u8` with one dimension.
#[derive(Clone)]
pub struct Array {
    buffer: Arc<dyn Buffer>,
    element: ElementType,
    rank: u32,
    /// See [`pack`].
    shape: u64,
}

/// Keeps the elements alive and in place.
pub(crate) trait Buffer: Send + Sync {
    fn bytes(&self) -> &[u8];
}

/// What an author handed over, with the element type forgotten.
struct Owned<O, T> {
    owner: Box<O>,
    _element: std::marker::PhantomData<fn() -> T>,
}

impl<O: AsRef<[T]> + Send + Sync, T: Element> Buffer for Owned<O, T> {
    fn bytes(&self) -> &[u8] {
        as_bytes((*self.owner).as_ref())
    }
}

/// Bytes of which those from `begin` on lie at a multiple of their element's size.
pub(super) struct Aligned {
    bytes: Vec<u8>,
    begin: usize,
}

impl Aligned {
    pub(super) fn new(bytes: Vec<u8>, size: usize) -> Self {
        if (bytes.as_ptr() as usize).is_multiple_of(size) {
            return Aligned { bytes, begin: 0 };
        }
        let mut moved = Vec::with_capacity(bytes.len() + size);
        let begin = (moved.as_ptr() as usize).next_multiple_of(size) - moved.as_ptr() as usize;
        moved.resize(begin, 0);
        moved.extend_from_slice(&bytes);
        Aligned { bytes: moved, begin }
    }
}

impl Buffer for Aligned {
    fn bytes(&self) -> &[u8] {
        &self.bytes[self.begin..]
    }
}

/// The elements as they lie in memory.
pub fn as_bytes<T: Element>(elements: &[T]) -> &[u8] {
    // SAFETY: `Element` is sealed and implemented for primitive numbers only, which have no padding and no invalid
    // bytes; the length in bytes is that of the slice itself.
    unsafe { std::slice::from_raw_parts(elements.as_ptr().cast::<u8>(), std::mem::size_of_val(elements)) }
}

impl Array {
    /// The largest number of dimensions.
    pub const MAX_RANK: usize = 4;

    /// An array with one dimension.
    pub fn new<T: Element>(elements: Vec<T>) -> Self {
        let shape = [elements.len()];
        Self::from_owner(elements, &shape).expect("the shape is the length")
    }

    /// An array whose elements stay where `owner` holds them (a frame of a camera, say), which is dropped with the last
    /// clone, on whatever thread that happens. Whenever it is asked, `owner` has to answer with the same elements; an array
    /// that is of another length when it crosses than when it was made is refused there.
    ///
    /// # Errors
    /// If `shape` is empty, has more than four dimensions, or is not the shape of that many elements. Each dimension is at
    /// most 2^32 - 1 of two, 2^21 - 1 of three, 65535 of four.
    pub fn from_owner<T: Element, O>(owner: O, shape: &[usize]) -> crate::Result<Self>
    where
        O: AsRef<[T]> + Send + Sync + 'static,
    {
        // Boxed first: the elements may lie inside the owner itself, and must not move afterwards.
        let buffer = Owned {
            owner: Box::new(owner),
            _element: std::marker::PhantomData,
        };
        let length = (*buffer.owner).as_ref().len();
        Self::from_buffer(Arc::new(buffer), T::TYPE, length, shape)
    }

    /// An array of elements that came from elsewhere as they lie in memory, in native byte order. They stay where they are,
    /// unless they lie where such elements cannot be.
    ///
    /// # Errors
    /// As for [`from_owner`](Self::from_owner), and if there are bytes left over after the last element.
    pub fn from_bytes(bytes: Vec<u8>, element: ElementType, shape: &[usize]) -> crate::Result<Self> {
        let size = element.size();
        if !bytes.len().is_multiple_of(size) {
            let message = format!("{} bytes are no whole number of {element:?}", bytes.len());
            return Err(crate::Error::new(crate::ErrorKind::InternalError, message));
        }
        let length = bytes.len() / size;
        Self::from_buffer(Arc::new(Aligned::new(bytes, size)), element, length, shape)
    }

    pub(crate) fn from_buffer(
        buffer: Arc<dyn Buffer>,
        element: ElementType,
        length: usize,
        shape: &[usize],
    ) -> crate::Result<Self> {
        let wrong = || {
            crate::Error::new(
                crate::ErrorKind::InternalError,
                format!("an array of {length} elements cannot have the shape {shape:?}"),
            )
        };
        if shape.is_empty() || shape.len() > Self::MAX_RANK {
            return Err(wrong());
        }
        let product = shape
            .iter()
            .try_fold(1usize, |product, &n| product.checked_mul(n))
            .ok_or_else(wrong)?;
        if product != length {
            return Err(wrong());
        }
        let packed = pack(shape).ok_or_else(wrong)?;
        Ok(Self {
            buffer,
            element,
            rank: shape.len() as u32,
            shape: packed,
        })
    }

    /// Rank and packed shape, as they cross the ABI.
    pub(super) fn packed_shape(&self) -> (u32, u64) {
        (self.rank, self.shape)
    }

    /// The type of the elements.
    pub fn element_type(&self) -> ElementType {
        self.element
    }

    /// The length of each dimension, the slowest first.
    pub fn shape(&self) -> Vec<usize> {
        unpack(self.rank, self.shape)
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.bytes().len() / self.element.size()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }

    /// The elements as they lie in memory, in native byte order.
    pub fn bytes(&self) -> &[u8] {
        self.buffer.bytes()
    }

    /// The elements, if they are of type `T`.
    pub fn as_slice<T: Element>(&self) -> Option<&[T]> {
        if T::TYPE != self.element {
            return None;
        }
        let bytes = self.bytes();
        if bytes.is_empty() {
            // What crossed without elements lies nowhere, and nowhere need not be a multiple of the element's size.
            return Some(&[]);
        }
        debug_assert!(bytes.as_ptr().cast::<T>().is_aligned());
        // SAFETY: these bytes are a slice of `T` with its type forgotten (`Owned`), or `RawValue::into_array` or `Aligned` has
        // seen to it that they are aligned for it; every bit pattern is a `T`, see `as_bytes`. The buffer keeps them alive and
        // in place for as long as `self` is borrowed. What is left over after the last whole element is not looked at.
        Some(unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast::<T>(), bytes.len() / size_of::<T>()) })
    }

    /// Each element as a float, in order. Integers beyond 2^53 are rounded.
    pub fn to_f64(&self) -> Vec<f64> {
        macro_rules! each {
            ($($variant:ident $type:ty),*) => {
                match self.element {
                    $(ElementType::$variant => {
                        self.as_slice::<$type>().unwrap_or_default().iter().map(|&x| x as f64).collect()
                    })*
                }
            };
        }
        each!(U8 u8, I8 i8, U16 u16, I16 i16, U32 u32, I32 i32, U64 u64, I64 i64, F32 f32, F64 f64)
    }
}

/// Puts all dimensions into one number, the slowest in the highest bits.
fn pack(shape: &[usize]) -> Option<u64> {
    let bits = 64 / shape.len() as u32;
    shape.iter().try_fold(0u64, |packed, &n| {
        let n = u64::try_from(n).ok().filter(|&n| bits == 64 || n < 1 << bits)?;
        Some(if bits == 64 { n } else { packed << bits | n })
    })
}

/// The inverse of [`pack`].
pub(super) fn unpack(rank: u32, packed: u64) -> Vec<usize> {
    let bits = 64 / rank.clamp(1, 4);
    let mask = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
    (0..rank)
        .rev()
        .map(|i| (packed >> (bits * i) & mask) as usize)
        .collect()
}

impl fmt::Debug for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Array({:?}, {:?})", self.element, self.shape())
    }
}

impl PartialEq for Array {
    /// Bit for bit: of the same type, shape and content.
    fn eq(&self, other: &Self) -> bool {
        (self.element, self.rank, self.shape) == (other.element, other.rank, other.shape)
            && self.bytes() == other.bytes()
    }
}

impl<T: Element> From<Vec<T>> for Array {
    fn from(elements: Vec<T>) -> Self {
        Array::new(elements)
    }
}

#[cfg(test)]
mod tests;
