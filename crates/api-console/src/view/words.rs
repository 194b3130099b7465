//! The words by which places are found: all of them folded into one text, searched as one.

use memchr::memmem;

/// Stands before each name and each id in the text.
const START: char = '\u{1}';
/// Stands behind all that is said of one place.
const END: char = '\u{2}';
/// Hits that are looked at: what stands in more names than that is too common to be ranked.
const HITS_MAX: usize = 5_000;

/// The folded names of all places.
#[derive(Debug, Default)]
pub(crate) struct Words {
    text: String,
    /// Where the words of a slot begin, ascending.
    starts: Vec<(usize, u32)>,
    /// Bytes that nobody's words stand in any more.
    garbage: usize,
}

/// Where the words of a place stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    len: u32,
}

impl Words {
    /// Adds the words of a place: its names, and its id. Words beyond the four gigabytes that a
    /// [`Span`] can name are not found.
    pub(crate) fn add<'n>(
        &mut self,
        slot: u32,
        names: impl Iterator<Item = &'n str>,
        id: &'n str,
    ) -> Span {
        let start = self.text.len();
        for name in names.chain([tail(id)]) {
            self.text.push(START);
            let from = self.text.len();
            fold_into(name, &mut self.text);
            let folded = self.text.get(from..).unwrap_or_default();
            if let Some(latin) = transliterated(folded) {
                self.text.push(START);
                self.text.push_str(&latin);
            }
        }
        self.text.push(END);
        let len = self.text.len() - start;
        let (Ok(start_at), Ok(len)) = (u32::try_from(start), u32::try_from(len)) else {
            self.text.truncate(start);
            return Span::default();
        };
        self.starts.push((start, slot));
        Span {
            start: start_at,
            len,
        }
    }

    /// Forgets the words of a place.
    pub(crate) fn remove(&mut self, span: Span) {
        self.garbage += span.len as usize;
    }

    /// Whether more than half of the text is garbage, so that it should be made anew.
    pub(crate) fn is_wasteful(&self) -> bool {
        self.garbage > self.text.len() / 2 && self.garbage > 64 * 1024
    }

    /// The slots in whose words the folded `query` is found, and how well: 0 is a whole name, 1 the
    /// start of a name, 2 the start of a word, 3 within one. `is_current` tells whether a slot's
    /// words are those at the place of the hit.
    pub(crate) fn find(
        &self,
        query: &str,
        is_current: &dyn Fn(u32, usize) -> bool,
    ) -> Vec<(u32, u8)> {
        let mut found: hashbrown::HashMap<u32, u8> = hashbrown::HashMap::new();
        // The best hits are looked for first, so that common words do not push them out.
        for prefix in [
            format!("{START}{query}"),
            format!(" {query}"),
            query.to_owned(),
        ] {
            let hits = memmem::find_iter(self.text.as_bytes(), prefix.as_bytes());
            for hit in hits.take(HITS_MAX) {
                let at = self.starts.partition_point(|(start, _)| *start <= hit);
                let Some((start, slot)) = at.checked_sub(1).and_then(|at| self.starts.get(at))
                else {
                    continue;
                };
                if is_current(*slot, *start) {
                    let rank = self.rank(hit, &prefix);
                    let best = found.entry(*slot).or_insert(rank);
                    *best = (*best).min(rank);
                }
            }
            if found.len() >= HITS_MAX {
                break;
            }
        }
        found.into_iter().collect()
    }

    fn rank(&self, hit: usize, prefix: &str) -> u8 {
        let bytes = self.text.as_bytes();
        let next = bytes.get(hit + prefix.len()).copied();
        match prefix.as_bytes().first() {
            Some(1) if matches!(next, Some(1 | 2)) => 0,
            Some(1) => 1,
            Some(b' ') => 2,
            _ => 3,
        }
    }
}

impl Span {
    /// Whether the words that begin there are these.
    pub(crate) fn begins_at(self, start: usize) -> bool {
        self.len > 0 && self.start as usize == start
    }
}

/// The part of an id in which ids differ.
pub(crate) fn tail(id: &str) -> &str {
    id.strip_prefix("urn:ngsi-ld:").unwrap_or(id)
}

/// The text as it is compared: lower case, one way to write ё, marks of this file left out.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_into(text, &mut folded);
    folded
}

fn fold_into(text: &str, out: &mut String) {
    for letter in text.chars().flat_map(char::to_lowercase) {
        match letter {
            'ё' => out.push('е'),
            '-' | '_' | '\t' | '\n' | '\u{a0}' => out.push(' '),
            letter if letter.is_control() || letter == '\u{301}' => {}
            letter => out.push(letter),
        }
    }
}

/// Folded Cyrillic in Latin letters, as street signs write it; `None` when there is none in it.
pub(crate) fn transliterated(folded: &str) -> Option<String> {
    if !folded.chars().any(|letter| ('а'..='ӿ').contains(&letter)) {
        return None;
    }
    let mut latin = String::with_capacity(folded.len());
    for letter in folded.chars() {
        match sound(letter) {
            Some(sound) => latin.push_str(sound),
            None => latin.push(letter),
        }
    }
    Some(latin)
}

fn sound(letter: char) -> Option<&'static str> {
    Some(match letter {
        'а' | 'ә' => "a",
        'б' => "b",
        'в' => "v",
        'г' | 'ґ' => "g",
        'д' => "d",
        'е' | 'є' | 'э' => "e",
        'ж' => "zh",
        'з' => "z",
        'и' | 'і' => "i",
        'ї' => "yi",
        'й' | 'ы' => "y",
        'к' => "k",
        'л' => "l",
        'м' => "m",
        'н' => "n",
        'о' | 'ө' => "o",
        'п' => "p",
        'р' => "r",
        'с' => "s",
        'т' => "t",
        'у' | 'ү' | 'ұ' => "u",
        'ф' => "f",
        'х' => "kh",
        'ц' => "ts",
        'ч' => "ch",
        'ш' => "sh",
        'щ' => "shch",
        'ъ' | 'ь' => "",
        'ю' => "yu",
        'я' => "ya",
        'ў' => "o'",
        'қ' => "q",
        'ғ' => "g'",
        'ҳ' | 'һ' => "h",
        'ң' => "ng",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_each_script_and_the_better_hit_comes_first() {
        let mut words = Words::default();
        let names: [&[&str]; 4] = [
            &["Tverskaya", "Тверская", "特维尔街"],
            &["New Tverskaya", "Новая Тверская"],
            &["Артём"],
            &["atverskaya"],
        ];
        let spans: Vec<Span> = (0..)
            .zip(names)
            .map(|(slot, names)| words.add(slot, names.iter().copied(), "urn:ngsi-ld:Street:x"))
            .collect();
        let find = |query: &str| {
            let is_current = |slot: u32, at| spans[slot as usize].begins_at(at);
            let mut found = words.find(&fold(query), &is_current);
            found.sort_unstable_by_key(|(slot, rank)| (*rank, *slot));
            found
        };
        assert_eq!(find("tverskaya"), [(0, 0), (1, 2), (3, 3)]);
        assert_eq!(find("ТВЕРС"), [(0, 1), (1, 2)]);
        assert_eq!(find("维尔"), [(0, 3)]);
        assert_eq!(find("артем"), [(2, 0)]);
        assert_eq!(find("artem"), [(2, 0)]);
        assert_eq!(find("Street:x").len(), 4);
        assert!(find("nowhere").is_empty());
    }
}
