//! Names that many share, by number.

use std::collections::HashMap;

use base::Name;

/// Names beyond this number are not watched: a city has some hundred.
const WORDS_MAX: usize = 8_192;

/// Names by number, each with what is known of it.
#[derive(Debug)]
pub(crate) struct Words<T> {
    numbers: HashMap<Name, u16>,
    words: Vec<(Name, T)>,
}

impl<T> Default for Words<T> {
    fn default() -> Self {
        Self {
            numbers: HashMap::new(),
            words: Vec::new(),
        }
    }
}

impl<T> Words<T> {
    /// The number of a name, which it gets if it has none; `None`: there are too many names.
    pub(crate) fn number(&mut self, name: &Name, word: impl FnOnce(&str) -> T) -> Option<u16> {
        if let Some(number) = self.numbers.get(name) {
            return Some(*number);
        }
        if self.words.len() >= WORDS_MAX {
            return None;
        }
        let number = u16::try_from(self.words.len()).ok()?;
        self.words.push((name.clone(), word(name)));
        self.numbers.insert(name.clone(), number);
        Some(number)
    }

    /// The number of a name that has one.
    pub(crate) fn find(&self, name: &str) -> Option<u16> {
        self.numbers.get(name).copied()
    }

    /// What is known of a name.
    pub(crate) fn get(&self, number: u16) -> Option<&T> {
        self.words.get(usize::from(number)).map(|(_, word)| word)
    }

    /// The name of a number.
    pub(crate) fn name(&self, number: u16) -> Option<&Name> {
        self.words.get(usize::from(number)).map(|(name, _)| name)
    }
}
