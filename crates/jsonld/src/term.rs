//! A term: what one short name stands for.

use base::Name;

/// One entry of a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    pub(crate) meaning: Meaning,
    pub(crate) coercion: Option<Coercion>,
    pub(crate) container: Container,
    /// Whether the term may stand before the colon of a compact IRI.
    pub(crate) prefix: bool,
}

impl Term {
    /// What the term stands for.
    pub fn meaning(&self) -> &Meaning {
        &self.meaning
    }

    /// The IRI, if it stands for one.
    pub fn iri(&self) -> Option<&Name> {
        match &self.meaning {
            Meaning::Iri(iri) => Some(iri),
            Meaning::Keyword(_) | Meaning::Nothing => None,
        }
    }

    /// The IRI or keyword, if it stands for one.
    pub(crate) fn target(&self) -> Option<&Name> {
        match &self.meaning {
            Meaning::Iri(target) | Meaning::Keyword(target) => Some(target),
            Meaning::Nothing => None,
        }
    }

    /// The `@type` of its values, if the context says one.
    pub fn coercion(&self) -> Option<&Coercion> {
        self.coercion.as_ref()
    }

    /// The `@container` of its values.
    pub fn container(&self) -> Container {
        self.container
    }

    /// Whether it may stand before the colon of a compact IRI.
    pub fn is_prefix(&self) -> bool {
        self.prefix
    }
}

/// What a term stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// An IRI.
    Iri(Name),
    /// An alias of a keyword, such as `id` of `@id`.
    Keyword(Name),
    /// Nothing: the context maps it to null, or only in reverse.
    Nothing,
}

/// The `@type` of a term's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Coercion {
    /// `@id`: a string is an IRI, relative to the document.
    Id,
    /// `@vocab`: a string is a term or an IRI.
    Vocab,
    /// `@json`: the value is kept as it is.
    Json,
    /// `@none`: the value is not coerced.
    None,
    /// The IRI of a data type, such as that of `DateTime`.
    Iri(Name),
}

/// The `@container` of a term's values: a set of keywords.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Container(u8);

impl Container {
    const KEYWORDS: [(&'static str, u8); 7] = [
        ("@list", 1),
        ("@set", 1 << 1),
        ("@language", 1 << 2),
        ("@index", 1 << 3),
        ("@id", 1 << 4),
        ("@type", 1 << 5),
        ("@graph", 1 << 6),
    ];

    /// Adds a keyword; `false` if it is none that may stand in `@container`.
    pub(crate) fn add(&mut self, keyword: &str) -> bool {
        let found = Self::KEYWORDS.iter().find(|(name, _)| *name == keyword);
        self.0 |= found.map_or(0, |(_, bit)| *bit);
        found.is_some()
    }

    /// Whether the container holds this keyword, such as `@list`.
    pub fn has(self, keyword: &str) -> bool {
        Self::KEYWORDS
            .iter()
            .any(|(name, bit)| *name == keyword && self.0 & bit != 0)
    }

    /// Whether there is no container at all.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl std::fmt::Debug for Container {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let held = Self::KEYWORDS
            .iter()
            .filter(|(_, bit)| self.0 & bit != 0)
            .map(|(name, _)| name);
        f.debug_list().entries(held).finish()
    }
}
