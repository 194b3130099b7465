//! Names in languages: `translations.txt`, in its present form and the older one.

use std::collections::HashMap;

use crate::entity::Text;
use crate::error::ImportError;
use crate::out::{Out, shown};
use crate::rows::Row;
use crate::table::Table;

/// Translations kept in memory: every name of a country in a dozen languages.
const TRANSLATIONS_MAX: usize = 5_000_000;

/// The translations of a feed.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// The language of the plain texts, where the feed says it.
    pub(super) language: Option<String>,
    by_record: HashMap<String, Vec<(String, String)>>,
    by_value: HashMap<String, Vec<(String, String)>>,
}

impl Texts {
    /// Reads the table. A translation by value holds for every record with that value.
    pub(super) fn read(
        &mut self,
        mut table: Table<'_>,
        out: &mut Out<'_>,
    ) -> Result<(), ImportError> {
        const FILE: &str = "translations.txt";
        let column = |name| table.column(name);
        let older = column("trans_id");
        let language = column("language").or_else(|| column("lang"));
        let (text, name, field) = (
            column("translation"),
            column("table_name"),
            column("field_name"),
        );
        let (record, part, value) = (
            column("record_id"),
            column("record_sub_id"),
            column("field_value"),
        );
        let mut row = Row::default();
        let mut count = 0;
        while table.next(&mut row, out)? {
            let (language, text) = (row.at(language), row.at(text));
            if !is_tag(language) {
                let reason = format!("language {} is no language; left out", shown(language));
                out.complain(FILE, Some(row.line), reason);
                continue;
            }
            count += 1;
            if count > TRANSLATIONS_MAX {
                return Err(ImportError::too_large(
                    FILE,
                    "more than five million translations",
                ));
            }
            // Limit: translations of one call of a trip (`record_sub_id`) are not kept.
            if text.is_empty() || !row.at(part).is_empty() {
                continue;
            }
            let table = row.at(name).trim_end_matches(".txt");
            let (map, key) = if older.is_some() {
                (&mut self.by_value, key("", "", row.at(older)))
            } else if row.at(value).is_empty() {
                (
                    &mut self.by_record,
                    key(table, row.at(field), row.at(record)),
                )
            } else {
                (&mut self.by_value, key(table, row.at(field), row.at(value)))
            };
            let texts = map.entry(key).or_default();
            if !texts.iter().any(|(known, _)| known == language) {
                texts.push((language.to_owned(), text.to_owned()));
            }
        }
        Ok(())
    }

    /// The text of a field in all its languages; `None` when it is empty.
    pub(super) fn text(&self, table: &str, field: &str, id: &str, plain: &str) -> Option<Text> {
        if plain.is_empty() {
            return None;
        }
        if self.by_record.is_empty() && self.by_value.is_empty() {
            return Some(Text::Plain(plain.to_owned()));
        }
        let translations = self
            .by_record
            .get(&key(table, field, id))
            .or_else(|| self.by_value.get(&key(table, field, plain)))
            .or_else(|| self.by_value.get(&key("", "", plain)));
        let translations = translations.map(Vec::as_slice).unwrap_or_default();
        Some(Text::with(plain, self.language.as_deref(), translations))
    }
}

/// The table, field and record as one word; the separator is in no feed.
fn key(table: &str, field: &str, id: &str) -> String {
    format!("{table}\u{1f}{field}\u{1f}{id}")
}

pub(super) fn is_tag(language: &str) -> bool {
    (2..=35).contains(&language.len())
        && language
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
