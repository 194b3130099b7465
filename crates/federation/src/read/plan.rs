//! What each source is asked: narrowed to what it has and what is wanted [CIM-009 §4.3.6.1].

use std::borrow::Cow;

use base::{Name, Time};
use http::Method;
use ngsi::query::{Selector, TypeExpr};
use serde_json::{Value, json};

use super::{Filters, Question};
use crate::Match;
use crate::forward::{Ask, Words, segment};
use crate::registration::Information;

/// Operations by which one entity is read, the best first.
pub(super) const RETRIEVE: [&str; 3] = ["retrieveEntity", "queryEntity", "queryBatch"];
/// Operations by which entities are looked for.
pub(super) const QUERY: [&str; 2] = ["queryEntity", "queryBatch"];
/// Ids in one ask: what a URL has room for.
const IDS_MAX: usize = 50;

/// An ask that comes in pages.
#[derive(Debug, Clone)]
pub(super) struct Paged {
    ask: Ask,
    /// Whether the source has sorted out what does not match.
    pub(super) is_filtered: bool,
    /// Whether it is about one entity alone, and has no pages.
    pub(super) is_single: bool,
}

impl Paged {
    /// The words in which it is asked.
    pub(super) fn words(&self) -> &Words {
        &self.ask.words
    }

    /// The same ask for history: a page of it, from a moment on if that is said.
    pub(super) fn over_time(
        &self,
        offset: usize,
        limit: usize,
        time: &[(&'static str, String)],
        from: Option<Time>,
    ) -> Ask {
        let mut ask = self.page(offset, limit);
        ask.path = format!("/temporal{}", ask.path);
        let is_before = time.iter().any(|(n, v)| *n == "timerel" && v == "before");
        for (name, value) in time {
            let (name, value) = match (*name, from) {
                ("timerel", Some(_)) if is_before => ("timerel", "between".to_owned()),
                ("timeAt", Some(_)) if is_before => ("endTimeAt", value.clone()),
                ("timeAt", Some(_)) => continue,
                (name, _) => (name, value.clone()),
            };
            ask.params.push((name.into(), value));
        }
        if let Some(from) = from {
            if !time.iter().any(|(name, _)| *name == "timerel") {
                ask.params.push(("timerel".into(), "after".to_owned()));
            }
            ask.params.push(("timeAt".into(), from.to_string()));
        }
        ask
    }

    /// The ask for one page.
    pub(super) fn page(&self, offset: usize, limit: usize) -> Ask {
        let mut ask = self.ask.clone();
        if self.is_single {
            return ask;
        }
        ask.params.push(("limit".into(), limit.to_string()));
        if offset > 0 {
            ask.params.push(("offset".into(), offset.to_string()));
        }
        ask
    }
}

/// The asks for a source; `words` are those that it is asked in.
pub(super) fn asks(question: &Question, one: &Match, operation: &str, words: &Words) -> Vec<Paged> {
    let by_post = operation == "queryBatch";
    let is_filtered =
        !question.keeps_filters() && (question.filters.is_empty() || words.is(&question.words));
    // A body can carry any @context; a URL only names that have a meaning without one.
    let words = if by_post || words.url().is_some() {
        words.clone()
    } else {
        Words::core()
    };
    let is_filtered = is_filtered && (question.filters.is_empty() || words.is(&question.words));
    let attrs = if is_filtered || question.keeps_filters() {
        one.attrs.clone()
    } else {
        registered(one)
    };
    let planner = Planner {
        question,
        one,
        attrs: attrs.iter().map(|name| words.short(name)).collect(),
        words: &words,
        is_filtered,
    };
    if operation == "retrieveEntity" {
        let ids = question.query.ids.iter();
        return ids.map(|id| planner.retrieve(id)).collect();
    }
    let selectors = planner.selectors();
    let asks = selectors
        .iter()
        .map(|selector| planner.look(selector, by_post));
    asks.collect()
}

/// All attributes that a source has by its registration; empty: any.
fn registered(one: &Match) -> Vec<Name> {
    let information = &one.registration.information;
    if information.iter().any(Information::has_all_attributes) {
        return Vec::new();
    }
    information
        .iter()
        .flat_map(|part| part.attributes().cloned())
        .collect()
}

struct Planner<'p> {
    question: &'p Question,
    one: &'p Match,
    attrs: Vec<String>,
    words: &'p Words,
    is_filtered: bool,
}

impl Planner<'_> {
    fn retrieve(&self, id: &str) -> Paged {
        let path = format!("/entities/{}", segment(id));
        let mut ask = Ask::new(Method::GET, path, self.words.clone());
        if !self.attrs.is_empty() {
            ask = ask.with("attrs", self.attrs.join(","));
        }
        Paged {
            ask: ask.with("options", "sysAttrs"),
            is_filtered: true,
            is_single: true,
        }
    }

    /// What is looked for, narrowed to what the source has: selectors that differ in their ids
    /// alone are one, and too many ids are several.
    fn selectors(&self) -> Vec<Selector> {
        let query = &self.question.query;
        let own = [Selector {
            ids: query.ids.clone(),
            id_pattern: query.id_pattern.clone(),
            types: query.types.clone(),
        }];
        let asked = if query.selectors.is_empty() {
            &own[..]
        } else {
            &query.selectors
        };
        let mut narrowed: Vec<Selector> = Vec::new();
        for selector in asked {
            let Some(one) = self.narrow(selector) else {
                continue;
            };
            let alike = |known: &&mut Selector| {
                known.types == one.types && !known.ids.is_empty() && !one.ids.is_empty()
            };
            match narrowed.iter_mut().find(alike) {
                Some(known) => known.ids.extend(one.ids),
                None => narrowed.push(one),
            }
        }
        let mut split = Vec::new();
        for selector in narrowed {
            if selector.ids.len() <= IDS_MAX {
                split.push(selector);
                continue;
            }
            split.extend(selector.ids.chunks(IDS_MAX).map(|ids| Selector {
                ids: ids.to_vec(),
                ..selector.clone()
            }));
        }
        split
    }

    fn narrow(&self, selector: &Selector) -> Option<Selector> {
        let one = self.one;
        let has_pattern = |id: &Name| {
            let pattern = selector.id_pattern.as_ref();
            pattern.is_none_or(|pattern| pattern.is_match(id))
        };
        let ids: Vec<Name> = match (selector.ids.is_empty(), one.ids.is_empty()) {
            (true, _) => one
                .ids
                .iter()
                .filter(|id| has_pattern(id))
                .cloned()
                .collect(),
            (false, true) => selector.ids.clone(),
            (false, false) => {
                let both = selector.ids.iter().filter(|id| one.ids.contains(id));
                both.cloned().collect()
            }
        };
        if ids.is_empty() && (!selector.ids.is_empty() || !one.ids.is_empty()) {
            return None;
        }
        // Two patterns cannot be sent: what the other leaves out is sorted out of the reply.
        let id_pattern = match (&selector.id_pattern, one.id_patterns.as_slice()) {
            _ if !ids.is_empty() => None,
            (Some(pattern), _) => Some(pattern.clone()),
            (None, [only]) => Some(only.clone()),
            (None, _) => None,
        };
        Some(Selector {
            ids,
            id_pattern,
            types: self.types(selector.types.as_ref())?,
        })
    }

    /// The types asked for, of those that the source has.
    #[expect(
        clippy::option_option,
        reason = "none can be had, and any will do, are two things"
    )]
    fn types(&self, asked: Option<&TypeExpr>) -> Option<Option<TypeExpr>> {
        let own = &self.one.types;
        let any_own = || (!own.is_empty()).then(|| TypeExpr::any(own.iter().cloned()));
        let Some(asked) = asked.filter(|types| !types.is_wildcard()) else {
            return Some(any_own());
        };
        if own.is_empty() {
            return Some(Some(asked.clone()));
        }
        let has_one = |all_of: &&Vec<Name>| all_of.iter().any(|name| own.contains(name));
        let any_of: Vec<Vec<Name>> = asked.any_of.iter().filter(has_one).cloned().collect();
        (!any_of.is_empty()).then_some(Some(TypeExpr { any_of }))
    }

    fn look(&self, selector: &Selector, by_post: bool) -> Paged {
        let ask = if by_post {
            self.by_post(selector)
        } else {
            self.by_get(selector)
        };
        Paged {
            ask: ask.with("options", "sysAttrs"),
            is_filtered: self.is_filtered,
            is_single: false,
        }
    }

    fn by_get(&self, selector: &Selector) -> Ask {
        let mut ask = Ask::new(Method::GET, "/entities".to_owned(), self.words.clone());
        if let Some(types) = &selector.types {
            ask = ask.with("type", self.type_text(types));
        }
        if !selector.ids.is_empty() {
            let ids: Vec<&str> = selector.ids.iter().map(|id| &**id).collect();
            ask = ask.with("id", ids.join(","));
        }
        if let Some(pattern) = &selector.id_pattern {
            ask = ask.with("idPattern", pattern.as_str());
        }
        if !self.attrs.is_empty() {
            ask = ask.with("attrs", self.attrs.join(","));
        }
        if self.is_filtered {
            ask.params.extend(parameters(&self.question.filters));
        }
        ask
    }

    fn by_post(&self, selector: &Selector) -> Ask {
        let types = selector.types.as_ref();
        let types = types.map_or_else(|| "*".to_owned(), |types| self.type_text(types));
        let entities: Vec<Value> = if selector.ids.is_empty() {
            let mut entity = json!({ "type": types });
            if let Some(pattern) = &selector.id_pattern {
                entity["idPattern"] = json!(pattern.as_str());
            }
            vec![entity]
        } else {
            let one = |id: &Name| json!({ "id": id, "type": types });
            selector.ids.iter().map(one).collect()
        };
        let mut body = json!({ "type": "Query", "entities": entities });
        if !self.attrs.is_empty() {
            body["attrs"] = json!(self.attrs);
        }
        if self.is_filtered {
            members(&self.question.filters, &mut body);
        }
        let path = "/entityOperations/query".to_owned();
        let mut ask = Ask::new(Method::POST, path, self.words.clone());
        ask.body = Some(body);
        ask
    }

    fn type_text(&self, types: &TypeExpr) -> String {
        let all_of = |names: &Vec<Name>| {
            let names: Vec<String> = names.iter().map(|name| self.words.short(name)).collect();
            match names.as_slice() {
                [one] => one.clone(),
                many => format!("({})", many.join(";")),
            }
        };
        let any_of: Vec<String> = types.any_of.iter().map(all_of).collect();
        any_of.join(",")
    }
}

/// Filters as parameters.
fn parameters(filters: &Filters) -> Vec<(Cow<'static, str>, String)> {
    let geo = filters.geo.clone().unwrap_or_default();
    let [georel, geometry, coordinates, geoproperty] = geo;
    let all = [
        ("q", filters.q.clone()),
        ("scopeQ", filters.scope_q.clone()),
        ("georel", georel),
        ("geometry", geometry),
        ("coordinates", coordinates),
        ("geoproperty", geoproperty),
        ("expandValues", filters.expand_values.clone()),
        ("jsonKeys", filters.json_keys.clone()),
    ];
    let said = all.into_iter();
    said.filter_map(|(name, value)| Some((Cow::Borrowed(name), value?)))
        .collect()
}

/// Filters as members of a Query [CIM-009 §5.2.23].
fn members(filters: &Filters, body: &mut Value) {
    if let Some(q) = &filters.q {
        body["q"] = json!(q);
    }
    if let Some(scope_q) = &filters.scope_q {
        body["scopeQ"] = json!(scope_q);
    }
    if let Some([georel, geometry, coordinates, geoproperty]) = &filters.geo {
        let coordinates = coordinates.as_deref().unwrap_or("[]");
        let coordinates: Value = serde_json::from_str(coordinates).unwrap_or_default();
        let mut geo = json!({ "georel": georel, "geometry": geometry, "coordinates": coordinates });
        if let Some(geoproperty) = geoproperty {
            geo["geoproperty"] = json!(geoproperty);
        }
        body["geoQ"] = geo;
    }
    for (name, list) in [
        ("expandValues", &filters.expand_values),
        ("jsonKeys", &filters.json_keys),
    ] {
        if let Some(list) = list {
            body[name] = list.split(',').collect();
        }
    }
}
