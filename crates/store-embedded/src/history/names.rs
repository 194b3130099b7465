//! The dictionary of history: expanded names, dataset ids and unit codes as small numbers.
//!
//! A number once given is never given to another text: segments refer to the numbers, and each
//! segment file carries the texts that were new when it was sealed. 0 stands for "none".
//!
//! Limit: texts that no instance uses any more stay in the dictionary.

use std::collections::HashMap;

use base::Name;

/// The dictionary.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<Name, u32, foldhash::fast::RandomState>,
    texts: Vec<Name>,
}

impl Names {
    /// The number of a text, a new one when it is new.
    pub(super) fn number(&mut self, text: &Name) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        self.texts.push(text.clone());
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.numbers.insert(text.clone(), number);
        number
    }

    /// The number of what may be absent.
    pub(super) fn number_of(&mut self, text: Option<&Name>) -> u32 {
        text.map_or(0, |text| self.number(text))
    }

    /// The number of a text if it has one.
    pub(super) fn known(&self, text: &str) -> Option<u32> {
        self.numbers.get(text).copied()
    }

    /// The text of a number; `None` for 0 and for numbers never given.
    pub(super) fn text(&self, number: u32) -> Option<&Name> {
        self.texts.get((number as usize).checked_sub(1)?)
    }

    /// How many texts there are: the last number given.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.texts.len()).unwrap_or(u32::MAX)
    }

    /// The texts after the number `after`, in order.
    pub(super) fn after(&self, after: u32) -> &[Name] {
        self.texts.get(after as usize..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_given_once_and_leads_back_to_its_text() {
        let mut names = Names::default();
        let a = names.number(&"a".into());
        let b = names.number(&"b".into());
        assert_eq!((a, b, names.number(&"a".into())), (1, 2, 1));
        assert_eq!(names.text(b).map(Name::as_str), Some("b"));
        assert_eq!((names.text(0), names.text(3)), (None, None));
        assert_eq!(names.number_of(None), 0);
        assert_eq!(names.after(1), [Name::from("b")]);
    }
}
