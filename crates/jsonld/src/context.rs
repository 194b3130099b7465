//! A resolved context: names to IRIs and back.

use std::borrow::Cow;
use std::sync::Arc;

use base::{Name, limits::URI_BYTES_MAX};

use crate::builtin::core;
use crate::error::ContextError;
use crate::iri::{has_scheme, is_blank, is_keyword_like, split_compact};
use crate::layer::Layer;
use crate::term::{Coercion, Container, Meaning, Term};

/// An immutable context: the core context, and beneath it the terms of a user context.
///
/// The core is looked at first, so that no user context can override it [CIM-009 §4.4]. Its `@vocab` prevails too:
/// a user's `@vocab` serves the definitions of that user context, and what is defined nowhere falls to
/// `https://uri.etsi.org/ngsi-ld/default-context/`.
#[derive(Debug)]
pub struct Context {
    core: Arc<Layer>,
    user: Layer,
    vocab: Name,
}

/// How a name is to be read.
enum Reading<'c, 'n> {
    Keyword,
    Term(&'c Term),
    Compact(&'c Name, &'n str),
    Absolute,
    Vocab,
}

impl Context {
    /// The core context alone, version 1.9.
    pub fn core() -> Arc<Self> {
        Arc::clone(core())
    }

    pub(crate) fn of_core(core: Layer, vocab: Name) -> Self {
        Self {
            core: Arc::new(core),
            user: Layer::default(),
            vocab,
        }
    }

    /// The core context with a user's terms beneath it.
    pub(crate) fn beneath_core(user: Layer) -> Self {
        let core = core();
        Self {
            core: Arc::clone(&core.core),
            user,
            vocab: core.vocab.clone(),
        }
    }

    pub(crate) fn core_layer(&self) -> (&Layer, &Name) {
        (&self.core, &self.vocab)
    }

    /// Expands the name of an attribute or a type, relative to `@vocab`. Terms win over compact IRIs, those over
    /// absolute IRIs, which stay as they are; anything else is put behind `@vocab`.
    ///
    /// # Errors
    /// `EmptyName`; `Keyword` for keywords and their aliases (`id`, `type`); `Meaningless` for terms mapped to null;
    /// `Long`.
    pub fn expand_term<'a>(&'a self, name: &'a str) -> Result<Cow<'a, str>, ContextError> {
        Ok(match self.read_name(name)? {
            Reading::Term(term) => Cow::Borrowed(iri_of(term, name)?),
            Reading::Compact(start, rest) => Cow::Owned([start, rest].concat()),
            Reading::Vocab => Cow::Owned([&*self.vocab, name].concat()),
            Reading::Absolute | Reading::Keyword => Cow::Borrowed(name),
        })
    }

    /// As [`Context::expand_term`], but shared: a known term costs no allocation.
    ///
    /// # Errors
    /// Those of [`Context::expand_term`].
    pub fn expand_name(&self, name: &str) -> Result<Name, ContextError> {
        Ok(match self.read_name(name)? {
            Reading::Term(term) => iri_of(term, name)?.clone(),
            Reading::Compact(start, rest) => Name::from([start, rest].concat()),
            Reading::Vocab => Name::from([&*self.vocab, name].concat()),
            Reading::Absolute | Reading::Keyword => Name::from(name),
        })
    }

    /// Expands an identifier: a compact IRI by its prefix; everything else stays as it is.
    pub fn expand_iri<'a>(&self, iri: &'a str) -> Cow<'a, str> {
        match self.split_by_prefix(iri) {
            Some((start, rest)) => Cow::Owned([start, rest].concat()),
            None => Cow::Borrowed(iri),
        }
    }

    /// Compacts an IRI or a keyword to the shortest name that expands to it again: a term (of the core first), the
    /// rest behind `@vocab`, or a compact IRI; else the IRI itself.
    ///
    /// Limit: an absolute IRI whose scheme the context defines as a prefix (`urn:x` with a prefix `urn`) cannot be
    /// written in that context at all; it is given back as it is.
    pub fn compact_term<'a>(&'a self, iri: &'a str) -> Cow<'a, str> {
        if let Some(name) = self.core.name_of(iri).or_else(|| self.user.name_of(iri)) {
            return Cow::Borrowed(name);
        }
        if let Some(rest) = iri.strip_prefix(&*self.vocab)
            && !rest.is_empty()
            && matches!(self.read(rest), Reading::Vocab)
        {
            return Cow::Borrowed(rest);
        }
        self.compact_by_prefix(iri)
            .map_or(Cow::Borrowed(iri), Cow::Owned)
    }

    /// The definition of a term; the core's before the user's.
    pub fn term(&self, name: &str) -> Option<&Term> {
        self.core.term(name).or_else(|| self.user.term(name))
    }

    /// The `@type` that the context gives to the values of a term.
    pub fn coercion(&self, name: &str) -> Option<&Coercion> {
        self.term(name)?.coercion()
    }

    /// The `@container` that the context gives to the values of a term.
    pub fn container(&self, name: &str) -> Container {
        self.term(name).map(Term::container).unwrap_or_default()
    }

    /// The keyword that a name stands for, such as `@id` for `id`.
    pub fn keyword(&self, name: &str) -> Option<&str> {
        match self.term(name)?.meaning() {
            Meaning::Keyword(keyword) => Some(keyword),
            Meaning::Iri(_) | Meaning::Nothing => None,
        }
    }

    /// What is put before names that are defined nowhere.
    pub fn vocab(&self) -> &str {
        &self.vocab
    }

    /// The terms of the user context that stand beneath the core, in no particular order.
    pub fn user_terms(&self) -> impl Iterator<Item = (&Name, &Term)> {
        self.user.terms()
    }

    fn read_name<'n>(&self, name: &'n str) -> Result<Reading<'_, 'n>, ContextError> {
        if name.is_empty() {
            return Err(ContextError::EmptyName);
        }
        if name.len() > URI_BYTES_MAX {
            return Err(ContextError::Long);
        }
        match self.read(name) {
            Reading::Keyword => Err(ContextError::Keyword(name.to_owned())),
            reading => Ok(reading),
        }
    }

    fn read<'n>(&self, name: &'n str) -> Reading<'_, 'n> {
        if let Some(term) = self.term(name) {
            Reading::Term(term)
        } else if is_keyword_like(name) {
            Reading::Keyword
        } else if let Some((start, rest)) = self.split_by_prefix(name) {
            Reading::Compact(start, rest)
        } else if has_scheme(name) || is_blank(name) {
            Reading::Absolute
        } else {
            Reading::Vocab
        }
    }

    fn split_by_prefix<'n>(&self, name: &'n str) -> Option<(&Name, &'n str)> {
        let (prefix, rest) = split_compact(name)?;
        let term = self.term(prefix).filter(|term| term.is_prefix())?;
        Some((term.iri()?, rest))
    }

    fn compact_by_prefix(&self, iri: &str) -> Option<String> {
        self.core
            .prefixes_of(iri)
            .chain(self.user.prefixes_of(iri))
            .map(|(prefix, rest)| [prefix, ":", rest].concat())
            .filter(|compact| matches!(self.read(compact), Reading::Compact(..)))
            .min_by(|a, b| (a.len(), a).cmp(&(b.len(), b)))
    }
}

fn iri_of<'t>(term: &'t Term, name: &str) -> Result<&'t Name, ContextError> {
    match term.meaning() {
        Meaning::Iri(iri) => Ok(iri),
        Meaning::Keyword(_) => Err(ContextError::Keyword(name.to_owned())),
        Meaning::Nothing => Err(ContextError::Meaningless(name.to_owned())),
    }
}
