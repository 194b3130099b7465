//! The dictionary of a tenant: names as small numbers, given once and never taken back.
//!
//! Stored form: a format byte, the count, then each name with its length, in the order of their
//! numbers.
//!
//! Threads that clone the same name wait for each other, as every clone writes the name's count. So
//! the first names, which are in every entity, are kept in several copies, and a thread clones from
//! its own: two threads read twice as many entities.
//!
//! Limit: a name that no entity uses any more stays.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use base::Name;

use super::bytes::{Input, put_text, put_u64};
use super::codec::Damaged;

const FORMAT: u8 = 1;

/// Copies of the first names: more threads than this seldom decode at once.
const COPIES: usize = 8;
/// Names that are copied: types, attributes and units of a city; what has more has datasets.
const COPIED_MAX: usize = 4_096;

thread_local! {
    /// Which copy this thread reads.
    static COPY: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed) % COPIES
    };
}

/// Names and their numbers: the first is 0, the next 1, and so on.
#[derive(Debug, Clone, Default)]
pub struct Dictionary {
    names: Vec<Name>,
    numbers: HashMap<Name, u32, foldhash::fast::RandomState>,
    copies: [Vec<Name>; COPIES],
}

impl Dictionary {
    /// The number of the name; a new one if it has none.
    pub fn number(&mut self, name: &Name) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        // Four thousand million names would not fit into memory long before.
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        if self.names.len() < COPIED_MAX {
            for copy in &mut self.copies {
                copy.push(Name::from(name.as_str()));
            }
        }
        self.names.push(name.clone());
        self.numbers.insert(name.clone(), number);
        number
    }

    /// The number of the name, if it has one.
    pub fn known(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// The name of the number.
    pub fn name(&self, number: u32) -> Option<&Name> {
        let copy = self.copies.get(COPY.with(|copy| *copy));
        copy.and_then(|names| names.get(number as usize))
            .or_else(|| self.names.get(number as usize))
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The names from this number on, in the order of their numbers: what must be written down
    /// before bytes that use them are.
    pub fn since(&self, number: usize) -> &[Name] {
        self.names.get(number..).unwrap_or_default()
    }

    /// Appends the stored form.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(FORMAT);
        put_u64(out, self.names.len() as u64);
        for name in &self.names {
            put_text(out, name);
        }
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`Damaged`] for anything that [`Self::encode`] does not write.
    pub fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut input = Input(bytes);
        if input.u8()? != FORMAT {
            return Err(Damaged);
        }
        let count = input.count()?;
        let mut dictionary = Self::default();
        for expected in 0..count {
            let number = dictionary.number(&Name::from(input.text()?));
            if number as usize != expected {
                return Err(Damaged);
            }
        }
        if input.0.is_empty() {
            Ok(dictionary)
        } else {
            Err(Damaged)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_keeps_its_number_and_the_bytes_stay_the_same() {
        let mut dictionary = Dictionary::default();
        assert_eq!(dictionary.number(&"a".into()), 0);
        assert_eq!(dictionary.number(&"bc".into()), 1);
        assert_eq!(dictionary.number(&"a".into()), 0);
        assert_eq!(dictionary.since(1), [Name::from("bc")]);
        let mut bytes = Vec::new();
        dictionary.encode(&mut bytes);
        assert_eq!(bytes, [1, 2, 1, b'a', 2, b'b', b'c']);
        let again = Dictionary::decode(&bytes).unwrap();
        assert_eq!(
            (again.known("bc"), again.known("x"), again.len()),
            (Some(1), None, 2)
        );
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_a_dictionary_or_damaged(
            bytes in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            if let Ok(dictionary) = Dictionary::decode(&bytes) {
                prop_assert!(dictionary.len() <= bytes.len());
            }
        }
    }
}
