//! Which parameters are read in one request.
//!
//! Those that are polled together and lie near each other in one table make a block. Each parameter is in exactly one, and
//! no block is larger than one request may be.

use std::time::Duration;

use crate::{
    field::Field,
    place::{Place, Space},
};

/// What one request may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Most items between two wanted ones.
    pub(crate) max_gap: u16,
    /// Most registers.
    pub(crate) max_block: u16,
}

/// A parameter that can be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'p> {
    /// Its place in the list of all.
    pub(crate) index: usize,
    pub(crate) field: &'p Field,
    /// How often it is read when nobody asks; zero for never.
    pub(crate) poll: Option<Duration>,
}

/// What is read in one request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Block {
    pub(crate) place: Place,
    pub(crate) count: u16,
    /// The parameters in it, by their places in the list of all, in the order of their addresses.
    pub(crate) members: Vec<usize>,
}

/// Plans the requests; `None` for `limits` reads each parameter alone.
pub(crate) fn plan(wanted: &[Wanted<'_>], limits: Option<Limits>) -> Vec<Block> {
    let mut sorted = wanted.to_vec();
    sorted.sort_by_key(|wanted| (wanted.field.place, wanted.field.count()));
    let mut blocks: Vec<(Block, Option<Duration>)> = Vec::new();
    for one in sorted {
        let together = |block: &&mut (Block, Option<Duration>)| {
            let (block, poll) = block;
            // What is never polled is read when it is asked for, and nothing else with it.
            limits.is_some_and(|limits| {
                *poll == one.poll && poll != &Some(Duration::ZERO) && block.takes(one.field, limits)
            })
        };
        // Those that are polled at other intervals may lie between.
        match blocks.iter_mut().rev().find(together) {
            Some((block, _)) => {
                block.count = block.with(one.field);
                block.members.push(one.index);
            }
            None => {
                let block = Block {
                    place: one.field.place,
                    count: one.field.count(),
                    members: vec![one.index],
                };
                blocks.push((block, one.poll));
            }
        }
    }
    blocks.into_iter().map(|(block, _)| block).collect()
}

impl Block {
    /// Whether a field that begins no earlier can be read with it.
    fn takes(&self, field: &Field, limits: Limits) -> bool {
        let is_same = field.place.space == self.place.space;
        let behind = u32::from(self.place.address) + u32::from(self.count);
        let gap = u32::from(field.place.address).saturating_sub(behind);
        is_same && gap <= limits.max_gap.into() && self.with(field) <= limits.most(self.place.space)
    }

    /// How many items it has with a field that begins no earlier.
    fn with(&self, field: &Field) -> u16 {
        let count = end(field) - u32::from(self.place.address);
        u16::try_from(count).unwrap_or(u16::MAX).max(self.count)
    }
}

impl Limits {
    fn most(self, space: Space) -> u16 {
        match space.is_bits() {
            // As many bytes as for registers.
            true => self.max_block.saturating_mul(16).min(space.most()),
            false => self.max_block.min(space.most()),
        }
    }
}

/// The address behind a field.
fn end(field: &Field) -> u32 {
    u32::from(field.place.address) + u32::from(field.count())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::field::{Kind, Layout, Meaning, Order, Registers};

    const LIMITS: Limits = Limits {
        max_gap: 2,
        max_block: 10,
    };

    fn field(space: Space, address: u16, count: u16) -> Field {
        let layout = match space.is_bits() {
            true => Layout::Bit,
            false => Layout::Registers(Registers {
                kind: Kind::Unsigned,
                count,
                order: Order::default(),
                bits: None,
                length: 0,
            }),
        };
        let (place, meaning) = (Place { space, address }, Meaning::Integer);
        Field { place, layout, meaning }
    }

    fn planned(fields: &[(Field, Option<Duration>)], limits: Option<Limits>) -> Vec<Block> {
        let wanted: Vec<Wanted<'_>> = fields
            .iter()
            .enumerate()
            .map(|(index, (field, poll))| Wanted {
                index,
                field,
                poll: *poll,
            })
            .collect();
        plan(&wanted, limits)
    }

    fn told(fields: &[(Field, Option<Duration>)], limits: Option<Limits>) -> Vec<String> {
        let tell = |block: Block| format!("{} +{}: {:?}", block.place, block.count, block.members);
        planned(fields, limits).into_iter().map(tell).collect()
    }

    #[test]
    fn what_lies_near_is_read_together() {
        let holding = |address, count| (field(Space::Holding, address, count), None);
        let fields = [
            holding(4, 2),
            holding(0, 1),
            holding(3, 1),
            holding(9, 1),
            holding(11, 4),
        ];
        assert_eq!(
            told(&fields, Some(LIMITS)),
            ["holding 0 +6: [1, 2, 0]", "holding 9 +6: [3, 4]"]
        );
        assert_eq!(told(&fields, None).len(), 5);
    }

    #[test]
    fn tables_and_intervals_are_kept_apart() {
        let often = Some(Duration::from_secs(1));
        let never = Some(Duration::ZERO);
        let fields = [
            (field(Space::Holding, 0, 1), None),
            (field(Space::Input, 1, 1), None),
            (field(Space::Holding, 1, 1), often),
            (field(Space::Holding, 2, 1), None),
            (field(Space::Holding, 3, 1), never),
            (field(Space::Holding, 4, 1), never),
        ];
        assert_eq!(
            told(&fields, Some(LIMITS)),
            [
                "input 1 +1: [1]",
                "holding 0 +3: [0, 3]",
                "holding 1 +1: [2]",
                "holding 3 +1: [4]",
                "holding 4 +1: [5]"
            ]
        );
    }

    #[test]
    fn bits_of_one_register_are_read_once() {
        let fields = [
            (field(Space::Holding, 65533, 1), None),
            (field(Space::Holding, 65535, 1), None),
            (field(Space::Holding, 65535, 1), None),
        ];
        assert_eq!(told(&fields, Some(LIMITS)), ["holding 65533 +3: [0, 1, 2]"]);
    }

    proptest! {
        /// Every parameter is in exactly one block, whole, and no block is larger than allowed.
        #[test]
        fn every_parameter_is_read_exactly_once(
            places in prop::collection::vec((0_u8..4, 0_u16..400, 1_u16..=125, 0_u8..3), 0..60),
            max_gap in 0_u16..30,
            max_block in 1_u16..=125,
        ) {
            let spaces = [Space::Coil, Space::Discrete, Space::Input, Space::Holding];
            let fields: Vec<(Field, Option<Duration>)> = places
                .iter()
                .map(|&(space, address, count, poll)| {
                    let poll = (poll > 0).then(|| Duration::from_secs(u64::from(poll) - 1));
                    (field(spaces[usize::from(space)], address, count), poll)
                })
                .collect();
            let limits = Limits { max_gap, max_block };
            let blocks = planned(&fields, Some(limits));
            let mut members: Vec<usize> = blocks.iter().flat_map(|block| block.members.clone()).collect();
            members.sort_unstable();
            prop_assert_eq!(members, (0..fields.len()).collect::<Vec<_>>());
            for block in blocks {
                let most = limits.most(block.place.space);
                prop_assert!(block.count <= most || block.members.len() == 1);
                prop_assert!(block.count <= block.place.space.most());
                for index in block.members {
                    let (field, _) = &fields[index];
                    prop_assert_eq!(field.place.space, block.place.space);
                    prop_assert!(field.place.address >= block.place.address);
                    prop_assert!(end(field) <= u32::from(block.place.address + block.count));
                }
            }
        }
    }
}
