use super::*;

#[test]
fn an_array_shows_the_elements_it_was_made_of() {
    let array = Array::from_owner(vec![1u16, 2, 3, 4, 5, 6], &[2, 3]).unwrap();
    assert_eq!(array.shape(), [2, 3]);
    assert_eq!(array.as_slice::<u16>().unwrap(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(array.as_slice::<i16>(), None);
    assert_eq!(array.to_f64(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(array.len(), 6);
}

#[test]
fn the_numbers_of_the_element_types_never_change() {
    use ElementType::{F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};
    for (i, element) in [U8, I8, U16, I16, U32, I32, U64, I64, F32, F64].into_iter().enumerate() {
        assert_eq!(element as usize, i + 1);
        assert_eq!(ElementType::from_number(i as u32 + 1), Some(element));
    }
    assert_eq!(ElementType::from_number(0), None);
    assert_eq!(ElementType::from_number(11), None);
}

#[test]
fn a_shape_that_does_not_fit_is_refused() {
    assert!(Array::from_owner(vec![1u8, 2, 3], &[2, 2]).is_err());
    assert!(Array::from_owner(vec![1u8], &[]).is_err());
    assert!(Array::from_owner(vec![1u8], &[1, 1, 1, 1, 1]).is_err());
    assert!(Array::from_owner(vec![1u8; 70_000], &[70_000, 1, 1, 1]).is_err());
}

#[test]
fn a_packed_shape_is_the_shape() {
    for shape in [&[5][..], &[0], &[7, 9], &[2_000_000, 1, 3], &[65_535, 1, 2, 3]] {
        assert_eq!(unpack(shape.len() as u32, pack(shape).unwrap()), shape);
    }
}

#[test]
fn no_elements_are_elements_of_any_type() {
    let array = Array::from_owner(Vec::<f64>::new(), &[0, 3]).unwrap();
    assert_eq!(array.as_slice::<f64>(), Some(&[][..]));
    assert_eq!(array.as_slice::<u8>(), None);
    assert!(array.to_f64().is_empty());
}

#[test]
fn an_owner_that_holds_its_elements_inside_itself_is_not_moved() {
    struct Inline([f64; 3]);
    impl AsRef<[f64]> for Inline {
        fn as_ref(&self) -> &[f64] {
            &self.0
        }
    }
    let array = Array::from_owner(Inline([1.0, 2.0, 3.0]), &[3]).unwrap();
    assert_eq!(array.clone().as_slice::<f64>().unwrap(), [1.0, 2.0, 3.0]);
}
