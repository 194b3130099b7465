//! Turning the term maps of a context into terms [JSON-LD-API §4.2].
//!
//! Limit: `@language`, `@direction`, `@index`, `@nest`, `@base`, `@propagate` and scoped `@context` are accepted and
//! not applied: NGSI-LD gives them no meaning for names, and values are kept as they were sent.

use base::{Name, limits::URI_BYTES_MAX};
use hashbrown::HashMap;
use serde_json::{Map, Value};

use crate::error::ContextError;
use crate::iri::{
    ends_as_prefix, has_scheme, is_blank, is_keyword, is_keyword_like, split_compact,
};
use crate::layer::Layer;
use crate::limits::{CHAIN_MAX, TERMS_MAX};
use crate::term::{Coercion, Container, Meaning, Term};

/// Members that a term definition may have.
const MEMBERS: [&str; 11] = [
    "@container",
    "@context",
    "@direction",
    "@id",
    "@index",
    "@language",
    "@nest",
    "@prefix",
    "@protected",
    "@reverse",
    "@type",
];

/// What the parts of a context have defined so far.
#[derive(Debug)]
pub(crate) struct Definer<'c> {
    core: Option<&'c Layer>,
    core_vocab: Option<&'c Name>,
    terms: HashMap<Name, Defined>,
    vocab: Option<Name>,
}

#[derive(Debug)]
struct Defined {
    term: Term,
    protected: bool,
}

/// One term map while its terms are being defined; terms may lean on later ones.
struct Pass<'a> {
    map: &'a Map<String, Value>,
    /// `false` while a term is being defined, `true` afterwards.
    done: HashMap<&'a str, bool>,
    protected: bool,
    depth: usize,
}

impl<'c> Definer<'c> {
    /// Starts from the terms and the `@vocab` of the core context; with neither when the core itself is read.
    pub(crate) fn new(core: Option<(&'c Layer, &'c Name)>) -> Self {
        let (core, core_vocab) = core.unzip();
        Self {
            core,
            core_vocab,
            terms: HashMap::new(),
            vocab: core_vocab.cloned(),
        }
    }

    /// Applies one term map on top of what is defined.
    pub(crate) fn apply(&mut self, map: &Map<String, Value>) -> Result<(), ContextError> {
        let protected = flag(map, "@protected", "@protected")?.unwrap_or(false);
        let mut pass = Pass {
            map,
            done: HashMap::new(),
            protected,
            depth: 0,
        };
        self.apply_keywords(&mut pass)?;
        for term in map.keys().filter(|key| !is_keyword(key)) {
            self.define(&mut pass, term)?;
        }
        Ok(())
    }

    /// Forgets what is defined, as a `null` part asks.
    pub(crate) fn reset(&mut self) -> Result<(), ContextError> {
        if let Some((name, _)) = self.terms.iter().find(|(_, defined)| defined.protected) {
            return Err(ContextError::Protected(name.as_str().to_owned()));
        }
        self.terms.clear();
        self.vocab = self.core_vocab.cloned();
        Ok(())
    }

    /// The terms that the core context leaves standing, and the last `@vocab`.
    pub(crate) fn finish(self) -> (Layer, Option<Name>) {
        let core = self.core;
        let standing = self
            .terms
            .into_iter()
            .filter(|(name, _)| core.is_none_or(|core| core.term(name).is_none()));
        (
            Layer::new(
                standing
                    .map(|(name, defined)| (name, defined.term))
                    .collect(),
            ),
            self.vocab,
        )
    }

    fn apply_keywords(&mut self, pass: &mut Pass<'_>) -> Result<(), ContextError> {
        for (key, value) in pass.map {
            let fits = match key.as_str() {
                "@vocab" | "@language" | "@base" | "@direction" => {
                    value.is_string() || value.is_null()
                }
                "@version" => value.as_f64() == Some(1.1),
                "@import" => value.is_string(),
                "@propagate" | "@protected" => value.is_boolean(),
                "@type" => value.is_object(),
                keyword => !is_keyword(keyword),
            };
            if !fits {
                return Err(wrong(
                    key,
                    "this keyword cannot be defined so; leave it out",
                ));
            }
        }
        match pass.map.get("@vocab") {
            Some(Value::String(vocab)) => {
                let expanded = self.expand(
                    &mut Pass {
                        map: &Map::new(),
                        ..Pass::child(pass)
                    },
                    vocab,
                )?;
                let iri = expanded.filter(|iri| has_scheme(iri) || is_blank(iri));
                self.vocab = Some(iri.ok_or(wrong("@vocab", "its value must be an IRI"))?);
            }
            Some(Value::Null) => self.vocab = None,
            _ => {}
        }
        Ok(())
    }

    /// Defines one term of the pass, after those it leans on.
    fn define<'a>(&mut self, pass: &mut Pass<'a>, name: &'a str) -> Result<(), ContextError> {
        match pass.done.get(name) {
            Some(true) => return Ok(()),
            Some(false) => return Err(ContextError::CyclicTerm(name.to_owned())),
            None => {}
        }
        // JSON-LD reserves the form of keywords: such terms are passed over. `@type` may be given a container.
        if is_keyword_like(name) {
            return Ok(());
        }
        if name.is_empty() {
            return Err(wrong(name, "a term must not be empty"));
        }
        if name.len() > URI_BYTES_MAX {
            return Err(ContextError::Long);
        }
        if pass.depth >= CHAIN_MAX {
            return Err(ContextError::Chain(name.to_owned()));
        }
        if self.terms.len() >= TERMS_MAX {
            return Err(ContextError::Terms);
        }
        pass.done.insert(name, false);
        pass.depth += 1;
        let previous = self.terms.remove(name);
        let defined = self.definition(pass, name)?;
        pass.depth -= 1;
        pass.done.insert(name, true);
        let Some(mut defined) = defined else {
            return Ok(());
        };
        if previous.as_ref().is_some_and(|previous| previous.protected) {
            if previous.is_some_and(|previous| previous.term != defined.term) {
                return Err(ContextError::Protected(name.to_owned()));
            }
            defined.protected = true;
        }
        self.terms.insert(Name::from(name), defined);
        Ok(())
    }

    fn definition<'a>(
        &mut self,
        pass: &mut Pass<'a>,
        name: &'a str,
    ) -> Result<Option<Defined>, ContextError> {
        let empty = Map::new();
        let (id, members, simple) = match pass.map.get(name) {
            None | Some(Value::Null) => (Some(&Value::Null), &empty, false),
            Some(Value::Object(members)) => (members.get("@id"), members, false),
            Some(id @ Value::String(_)) => (Some(id), &empty, true),
            Some(_) => return Err(wrong(name, "give an IRI, an object with \"@id\", or null")),
        };
        if members
            .keys()
            .any(|member| !MEMBERS.contains(&member.as_str()))
        {
            return Err(wrong(
                name,
                "only @id, @type, @container and the other members of JSON-LD are allowed",
            ));
        }
        // A user's context has none of these; the core has, for its own terms [CIM-009 §5.5.7].
        if self.core.is_some() && members.contains_key("@context") {
            return Err(wrong(name, "NGSI-LD allows no contexts within a term"));
        }
        let protected = flag(members, "@protected", name)?.unwrap_or(pass.protected);
        let meaning = if let Some(reverse) = members.get("@reverse") {
            if id.is_some() || !reverse.is_string() {
                return Err(wrong(name, "@reverse takes an IRI and stands without @id"));
            }
            Meaning::Nothing
        } else {
            match self.meaning(pass, name, id)? {
                Some(meaning) => meaning,
                None => return Ok(None),
            }
        };
        let as_prefix = match flag(members, "@prefix", name)? {
            Some(_) if name.contains([':', '/']) => {
                return Err(wrong(name, "a prefix must hold neither : nor /"));
            }
            Some(stated) => stated,
            None => {
                simple
                    && !name.contains([':', '/'])
                    && matches!(&meaning, Meaning::Iri(iri) if ends_as_prefix(iri))
            }
        };
        let prefix = as_prefix && matches!(meaning, Meaning::Iri(_));
        let coercion = members
            .get("@type")
            .map(|kind| self.coercion(pass, name, kind))
            .transpose()?;
        let container = container(name, members.get("@container"))?;
        Ok(Some(Defined {
            term: Term {
                meaning,
                coercion,
                container,
                prefix,
            },
            protected,
        }))
    }

    /// What a term stands for; `None` if its definition is to be passed over.
    fn meaning<'a>(
        &mut self,
        pass: &mut Pass<'a>,
        name: &'a str,
        id: Option<&Value>,
    ) -> Result<Option<Meaning>, ContextError> {
        let iri = match id {
            Some(Value::Null) => return Ok(Some(Meaning::Nothing)),
            Some(Value::String(id)) if id == "@context" => {
                return Err(wrong(name, "@context has no alias"));
            }
            Some(Value::String(id)) if is_keyword(id) => {
                return Ok(Some(Meaning::Keyword(Name::from(id.as_str()))));
            }
            Some(Value::String(id)) if is_keyword_like(id) => return Ok(None),
            // A name with a slash or colon may stand for another IRI than its own form says, against the letter of
            // JSON-LD: published data models have such names ("CCS/SAE"), and a term is looked up first anyway.
            Some(Value::String(id)) if id != name => self.expand(pass, id)?,
            Some(Value::String(_)) | None => self.own_iri(pass, name)?,
            Some(_) => return Err(wrong(name, "its @id must be an IRI or null")),
        };
        match iri {
            None => Ok(Some(Meaning::Nothing)),
            Some(iri) if is_keyword(&iri) => Ok(Some(Meaning::Keyword(iri))),
            Some(iri) if has_scheme(&iri) || is_blank(&iri) => Ok(Some(Meaning::Iri(iri))),
            Some(_) => Err(wrong(
                name,
                "its @id must be an IRI, a compact IRI with a defined prefix, or a term",
            )),
        }
    }

    /// The IRI of a term that gives none: by its own prefix, else by `@vocab`.
    fn own_iri<'a>(
        &mut self,
        pass: &mut Pass<'a>,
        name: &'a str,
    ) -> Result<Option<Name>, ContextError> {
        if let Some((prefix, suffix)) = split_compact(name) {
            self.define_ahead(pass, prefix)?;
            if let Some(iri) = self.term(prefix).and_then(Term::iri) {
                return join(iri, suffix).map(Some);
            }
        }
        if has_scheme(name) || is_blank(name) {
            return Ok(Some(Name::from(name)));
        }
        match &self.vocab {
            Some(vocab) => join(vocab, name).map(Some),
            None => Err(wrong(
                name,
                "it has no @id, and there is no @vocab to put before it",
            )),
        }
    }

    /// Expands an IRI of a definition, relative to `@vocab`; `None` stands for null [JSON-LD-API §5.2.2].
    fn expand(&mut self, pass: &mut Pass<'_>, value: &str) -> Result<Option<Name>, ContextError> {
        if value.len() > URI_BYTES_MAX {
            return Err(ContextError::Long);
        }
        if is_keyword_like(value) {
            return Ok(is_keyword(value).then(|| Name::from(value)));
        }
        self.define_ahead(pass, value)?;
        if let Some(term) = self.term(value) {
            return Ok(term.target().cloned());
        }
        if let Some((prefix, suffix)) = split_compact(value) {
            self.define_ahead(pass, prefix)?;
            if let Some(iri) = self
                .term(prefix)
                .filter(|term| term.prefix)
                .and_then(Term::iri)
            {
                return join(iri, suffix).map(Some);
            }
        }
        match &self.vocab {
            Some(vocab) if !has_scheme(value) && !is_blank(value) => join(vocab, value).map(Some),
            _ => Ok(Some(Name::from(value))),
        }
    }

    fn define_ahead(&mut self, pass: &mut Pass<'_>, name: &str) -> Result<(), ContextError> {
        match pass.map.get_key_value(name) {
            Some((name, _)) if !is_keyword(name) => self.define(pass, name),
            _ => Ok(()),
        }
    }

    fn term(&self, name: &str) -> Option<&Term> {
        let own = self.terms.get(name).map(|defined| &defined.term);
        own.or_else(|| self.core.and_then(|core| core.term(name)))
    }

    fn coercion(
        &mut self,
        pass: &mut Pass<'_>,
        name: &str,
        kind: &Value,
    ) -> Result<Coercion, ContextError> {
        let fault = || {
            wrong(
                name,
                "its @type must be @id, @vocab, @json, @none, or the IRI of a data type",
            )
        };
        match kind.as_str().ok_or_else(fault)? {
            "@id" => Ok(Coercion::Id),
            "@vocab" => Ok(Coercion::Vocab),
            "@json" => Ok(Coercion::Json),
            "@none" => Ok(Coercion::None),
            kind => self
                .expand(pass, kind)?
                .filter(|iri| has_scheme(iri))
                .map(Coercion::Iri)
                .ok_or_else(fault),
        }
    }
}

impl Pass<'_> {
    fn child(parent: &Self) -> Self {
        Self {
            map: parent.map,
            done: HashMap::new(),
            protected: parent.protected,
            depth: parent.depth,
        }
    }
}

fn container(name: &str, value: Option<&Value>) -> Result<Container, ContextError> {
    let mut container = Container::default();
    let fits = match value {
        None | Some(Value::Null) => true,
        Some(Value::String(keyword)) => container.add(keyword),
        Some(Value::Array(keywords)) => keywords
            .iter()
            .all(|word| word.as_str().is_some_and(|word| container.add(word))),
        Some(_) => false,
    };
    if fits {
        Ok(container)
    } else {
        Err(wrong(
            name,
            "its @container must be @list, @set, @language, @index, @id, @type or @graph",
        ))
    }
}

fn flag(
    members: &Map<String, Value>,
    keyword: &str,
    term: &str,
) -> Result<Option<bool>, ContextError> {
    match members.get(keyword) {
        None => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(wrong(term, "@protected and @prefix take true or false")),
    }
}

fn join(start: &str, rest: &str) -> Result<Name, ContextError> {
    if start.len() + rest.len() > URI_BYTES_MAX {
        return Err(ContextError::Long);
    }
    Ok(Name::from([start, rest].concat()))
}

fn wrong(term: &str, why: &'static str) -> ContextError {
    ContextError::Definition {
        term: term.to_owned(),
        why,
    }
}
