//! Entity ordering: `orderBy`, `collation`, `orderFrom` [CIM-009 §4.23].

use std::cmp::Ordering;
use std::fmt;

use base::limits::QUERY_TERMS_MAX;
use base::{Name, Time};
use icu_collator::options::{AlternateHandling, CollatorOptions, Strength};
use icu_collator::{Collator, CollatorBorrowed, CollatorPreferences};
use icu_locale_core::Locale;
use icu_locale_core::extensions::unicode::key;
use jsonld::Context;
use serde_json::Value;
use spatial::Geometry;

use super::cursor::Cursor;
use super::path::{Found, Member, is_name_char};
use super::value::temporal;
use super::{Literal, Path, QueryError};
use crate::entity::Entity;

/// In which order entities are returned. Entities that are equal in all terms stand in the order of their ids.
pub struct OrderBy {
    /// The terms, the first one deciding first.
    pub terms: Vec<OrderTerm>,
    /// What distances are measured from.
    pub from: Option<Geometry>,
    collator: CollatorBorrowed<'static>,
}

/// One term of an ordering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderTerm {
    /// By what.
    pub path: Path,
    /// In which direction.
    pub direction: Direction,
}

/// The direction of an ordering. What is null or not there comes last in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// `asc`, the default.
    Ascending,
    /// `desc`
    Descending,
    /// `dist-asc`: the nearest first.
    NearestFirst,
    /// `dist-desc`: the farthest first.
    FarthestFirst,
}

/// What of an entity decides its place; made by [`OrderBy::key`], compared by [`OrderBy::compare`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey {
    ranks: Vec<Rank>,
    id: Name,
}

/// A value in the order of datatypes [CIM-009 §4.23.2].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Distance(u64),
    Number(u64),
    /// The sort key of the collation.
    Text(Vec<u8>),
    /// URIs are compared by their bytes, whatever the collation.
    Uri(Name),
    Object(String),
    Array(String),
    Boolean(bool),
    TimeOfDay(i64),
    /// A Date or a DateTime.
    Moment(Time),
    Null,
    Missing,
}

impl OrderBy {
    /// Reads `type;asc,name.subProperty;desc,location;dist-asc`. Texts are ordered by the `collation`, a BCP 47 tag,
    /// else by the root collation of the CLDR, as the standard demands. Distances need a geometry `from` which.
    pub fn parse(
        text: &str,
        from: Option<Geometry>,
        collation: Option<&str>,
        context: &Context,
    ) -> Result<Self, QueryError> {
        let mut cursor = Cursor::new("orderBy", text)?;
        let mut terms = Vec::new();
        loop {
            terms.push(OrderTerm::read(&mut cursor, context)?);
            if terms.len() > QUERY_TERMS_MAX {
                return Err(cursor.limit(format!("has more than {QUERY_TERMS_MAX} terms")));
            }
            if cursor.at_end() {
                break;
            }
            if !cursor.eat(",") {
                return Err(cursor.wrong("expected ',' or a direction"));
            }
        }
        if from.is_none() && terms.iter().any(|term| term.direction.is_by_distance()) {
            return Err(QueryError::Together(
                "an order by distance needs 'orderFrom'".to_owned(),
            ));
        }
        Ok(Self {
            terms,
            from,
            collator: collator(collation.unwrap_or("und"))?,
        })
    }

    /// Whether it orders by nothing but ascending ids, as stores answer anyway.
    pub fn is_by_id(&self) -> bool {
        let by_id = |term: &OrderTerm| {
            term.path.member == Some(Member::Id) && term.direction == Direction::Ascending
        };
        self.terms.first().is_some_and(by_id)
    }

    /// What decides the place of the entity; attributes that have expired at `now` are not there.
    pub fn key(&self, entity: &Entity, now: Time) -> SortKey {
        let ranks = self
            .terms
            .iter()
            .map(|term| self.rank(term, entity, now))
            .collect();
        SortKey {
            ranks,
            id: entity.id.clone(),
        }
    }

    /// Which of two entities comes first.
    pub fn compare(&self, one: &SortKey, two: &SortKey) -> Ordering {
        let pairs = one.ranks.iter().zip(&two.ranks);
        self.terms
            .iter()
            .zip(pairs)
            .map(|(term, (one, two))| term.direction.compare(one, two))
            .find(|ordering| ordering.is_ne())
            .unwrap_or_else(|| one.id.cmp(&two.id))
    }

    /// Of several instances or languages the one that comes first counts.
    fn rank(&self, term: &OrderTerm, entity: &Entity, now: Time) -> Rank {
        let mut best = Rank::Missing;
        let mut offer = |rank: Rank| {
            if term.direction.compare(&rank, &best).is_lt() {
                best = rank;
            }
        };
        term.path.any(entity, now, &mut |found| {
            match found {
                Found::Languages(map) => {
                    map.values().for_each(|value| offer(self.rank_json(value)));
                }
                other => offer(self.rank_found(other, term.direction)),
            }
            false
        });
        best
    }

    fn rank_found(&self, found: Found<'_>, direction: Direction) -> Rank {
        match found {
            Found::Json(value) => self.rank_json(value),
            Found::Array(values) => Rank::Array(joined(values)),
            Found::Uris([uri]) => Rank::Uri(uri.clone()),
            Found::Texts([text]) => self.rank_text(text),
            Found::Uris(names) | Found::Texts(names) => Rank::Array(names.join(",")),
            Found::Moment(time) => Rank::Moment(time),
            Found::Geo(geometry) => match &self.from {
                Some(from) if direction.is_by_distance() => {
                    Rank::Distance(ordered(spatial::distance(from, geometry)))
                }
                _ => Rank::Object(geometry.to_geojson().to_string()),
            },
            Found::Languages(_) => Rank::Missing,
        }
    }

    fn rank_json(&self, value: &Value) -> Rank {
        match value {
            Value::Null => Rank::Null,
            Value::Bool(value) => Rank::Boolean(*value),
            Value::Number(number) => number
                .as_f64()
                .map_or(Rank::Null, |n| Rank::Number(ordered(n))),
            Value::String(text) => self.rank_text(text),
            Value::Array(values) => Rank::Array(joined(values)),
            Value::Object(members) => match members.get("@value").and_then(Value::as_str) {
                Some(text) => match temporal(text) {
                    Some(Literal::Moment(time)) => Rank::Moment(time),
                    Some(Literal::TimeOfDay(micros)) => Rank::TimeOfDay(micros),
                    _ => self.rank_text(text),
                },
                None => Rank::Object(value.to_string()),
            },
        }
    }

    fn rank_text(&self, text: &str) -> Rank {
        let mut key = Vec::with_capacity(text.len() * 2);
        let Ok(()) = self.collator.write_sort_key_to(text, &mut key);
        Rank::Text(key)
    }
}

impl fmt::Debug for OrderBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderBy")
            .field("terms", &self.terms)
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

impl OrderTerm {
    fn read(cursor: &mut Cursor<'_>, context: &Context) -> Result<Self, QueryError> {
        let name = cursor.take_while(is_name_char);
        if name.is_empty() {
            return Err(cursor.wrong("expected the name of an attribute"));
        }
        let path = Path::read_after(name, cursor, context)?;
        if !cursor.eat(";") {
            return Ok(Self {
                path,
                direction: Direction::Ascending,
            });
        }
        let place = cursor.clone();
        let direction = match cursor.take_while(|c| c.is_alphanumeric() || c == '-') {
            "asc" => Direction::Ascending,
            "desc" => Direction::Descending,
            "dist-asc" => Direction::NearestFirst,
            "dist-desc" => Direction::FarthestFirst,
            _ => return Err(place.wrong("expected asc, desc, dist-asc or dist-desc")),
        };
        Ok(Self { path, direction })
    }
}

impl Direction {
    /// Whether it orders by distance.
    pub fn is_by_distance(self) -> bool {
        matches!(self, Self::NearestFirst | Self::FarthestFirst)
    }

    fn compare(self, one: &Rank, two: &Rank) -> Ordering {
        let nothing = |rank: &Rank| matches!(rank, Rank::Null | Rank::Missing);
        let distance = |rank: &Rank| matches!(rank, Rank::Distance(_));
        let reversed = match self {
            Self::Ascending | Self::NearestFirst => false,
            Self::Descending => !nothing(one) && !nothing(two),
            Self::FarthestFirst => distance(one) && distance(two),
        };
        if reversed { two.cmp(one) } else { one.cmp(two) }
    }
}

/// The collation of a BCP 47 tag such as `de-u-co-phonebk` [RFC 6067].
fn collator(tag: &str) -> Result<CollatorBorrowed<'static>, QueryError> {
    let refused = |reason: String| QueryError::Name {
        parameter: "collation",
        name: tag.chars().take(64).collect(),
        reason,
    };
    let locale = Locale::try_from_str(tag)
        .map_err(|error| refused(format!("it is no BCP 47 language tag: {error}")))?;
    let keyword = |key| {
        locale
            .extensions
            .unicode
            .keywords
            .get(&key)
            .map(ToString::to_string)
    };
    let mut options = CollatorOptions::default();
    options.strength = match keyword(key!("ks")).as_deref() {
        None => None,
        Some("level1") => Some(Strength::Primary),
        Some("level2") => Some(Strength::Secondary),
        Some("level3") => Some(Strength::Tertiary),
        Some("level4") => Some(Strength::Quaternary),
        Some("identic") => Some(Strength::Identical),
        Some(other) => return Err(refused(format!("there is no strength '{other}'"))),
    };
    options.alternate_handling = match keyword(key!("ka")).as_deref() {
        None => None,
        Some("shifted") => Some(AlternateHandling::Shifted),
        Some("noignore") => Some(AlternateHandling::NonIgnorable),
        Some(other) => return Err(refused(format!("there is no handling '{other}'"))),
    };
    Collator::try_new(CollatorPreferences::from(&locale), options)
        .map_err(|error| refused(error.to_string()))
}

/// Bits that are ordered as the numbers are.
fn ordered(number: f64) -> u64 {
    let bits = (number + 0.0).to_bits();
    if bits >> 63 == 1 {
        !bits
    } else {
        bits | (1 << 63)
    }
}

fn joined(values: &[Value]) -> String {
    values
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::{Attribute, AttributeValue};
    use serde_json::json;

    fn entity(id: &str, name: Option<Value>) -> Entity {
        let context = Context::core();
        let mut attributes = Vec::new();
        if let Some(value) = name {
            let name = context.expand_name("name").expect("a name");
            attributes.push(Attribute::new(name, AttributeValue::Property(value)));
        }
        Entity {
            id: id.into(),
            types: vec!["T".into()],
            scope: Vec::new(),
            created_at: Time(0),
            modified_at: Time(0),
            expires_at: None,
            attributes,
        }
    }

    fn order(text: &str, collation: Option<&str>) -> Result<OrderBy, QueryError> {
        OrderBy::parse(text, None, collation, &Context::core())
    }

    fn sorted(text: &str, collation: Option<&str>, values: &[Value]) -> Vec<Value> {
        let order = order(text, collation).expect("an order");
        let mut keyed: Vec<_> = values
            .iter()
            .map(|v| {
                (
                    order.key(&entity("urn:a", (!v.is_null()).then(|| v.clone())), Time(0)),
                    v,
                )
            })
            .collect();
        keyed.sort_by(|a, b| order.compare(&a.0, &b.0));
        keyed.into_iter().map(|(_, v)| v.clone()).collect()
    }

    #[test]
    fn types_of_values_stand_in_the_order_of_the_standard_and_nothing_last() {
        let at = |v: &str| json!({"@type": "DateTime", "@value": v});
        let values = [
            json!(null),
            at("2020-01-02T00:00:00Z"),
            json!(true),
            json!([1]),
            json!({"a": 1}),
            json!("x"),
            json!(3),
            json!(-4.5),
            at("2020-01-01T00:00:00Z"),
        ];
        let expected = [
            json!(-4.5),
            json!(3),
            json!("x"),
            json!({"a": 1}),
            json!([1]),
            json!(true),
            at("2020-01-01T00:00:00Z"),
            at("2020-01-02T00:00:00Z"),
            json!(null),
        ];
        assert_eq!(sorted("name", None, &values), expected);
        let back = sorted("name;desc", None, &values);
        assert_eq!((&back[0], &back[8]), (&expected[7], &json!(null)));
    }

    #[test]
    fn texts_are_ordered_by_the_collation() {
        let values = [json!("Zebra"), json!("Ähre"), json!("a"), json!("B")];
        let expected = [json!("a"), json!("Ähre"), json!("B"), json!("Zebra")];
        assert_eq!(sorted("name", None, &values), expected);
        assert_eq!(sorted("name", Some("de-u-co-phonebk"), &values), expected);
        let swedish = [json!("a"), json!("B"), json!("Zebra"), json!("Ähre")];
        assert_eq!(sorted("name", Some("sv"), &values), swedish);
        for tag in ["!!nope", "not a bcp47 tag!!", "de-u-ks-level9"] {
            assert!(order("name", Some(tag)).is_err(), "{tag}");
        }
    }

    #[test]
    fn a_broken_order_is_refused() {
        for text in [
            "",
            "name,",
            "name;up",
            "name;",
            "name;asc;desc",
            "location;dist-asc",
            "a[",
            "a..b",
        ] {
            assert!(order(text, None).is_err(), "{text}");
        }
        assert!(order("id", None).expect("an order").is_by_id());
    }

    #[test]
    fn distances_come_before_what_is_no_place() {
        let place = |id: &str, lon: f64| {
            let mut entity = entity(id, None);
            let point = json!({"type": "Point", "coordinates": [lon, 40.0]});
            let geometry = Geometry::from_geojson(&point).expect("a point");
            let name = Context::core().expand_name("location").expect("a name");
            entity
                .attributes
                .push(Attribute::new(name, AttributeValue::Geo(geometry)));
            entity
        };
        let from = Geometry::from_coordinates("Point", &json!([8, 40])).expect("a point");
        let all = [
            entity("nowhere", None),
            place("far", 10.0),
            place("near", 8.1),
        ];
        for (text, expected) in [
            ("location;dist-asc", ["near", "far", "nowhere"]),
            ("location;dist-desc", ["far", "near", "nowhere"]),
        ] {
            let order = OrderBy::parse(text, Some(from.clone()), None, &Context::core());
            let order = order.expect("an order");
            let mut keys: Vec<_> = all.iter().map(|e| order.key(e, Time(0))).collect();
            keys.sort_by(|a, b| order.compare(a, b));
            assert_eq!(keys.iter().map(|k| &*k.id).collect::<Vec<_>>(), expected);
        }
    }
}
