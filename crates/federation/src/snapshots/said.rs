//! What is said of a snapshot [CIM-009 §5.2.41].

use base::{Name, Time};
use jsonld::Context;
use ngsi::aggregate::Period;
use ngsi::query::QExpr;
use ngsi::{Attribute, AttributeValue, Entity};
use serde_json::{Map, Value, json};

use super::SnapshotError;

/// The priority of a snapshot of which nothing is said.
const PRIORITY: u8 = 5;
/// Microseconds that a snapshot lives when nothing is said.
const LIFETIME_MICROS: i64 = 24 * 60 * 60 * 1_000_000;
/// Microseconds that a snapshot lives at most, from its making.
const LIFETIME_MICROS_MAX: i64 = 30 * 24 * 60 * 60 * 1_000_000;
/// Questions of one snapshot.
const QUERIES_MAX: usize = 100;
/// Members that a snapshot says and nobody sets.
const READ_ONLY: [&str; 8] = [
    "createdAt",
    "modifiedAt",
    "expiresAt",
    "lastUsedAt",
    "snapshotStatus",
    "snapshotQueriesDetails",
    "snapshotTemporalQueriesDetails",
    "snapshotSize",
];

/// How far a snapshot is, or how one of its questions went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It is being filled.
    Preparing,
    /// All is there.
    Success,
    /// Some of it is there: a source or a question failed.
    Partial,
    /// Nothing matched.
    Empty,
    /// Nothing could be had.
    Failure,
}

impl Status {
    /// The standard's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Success => "success",
            Self::Partial => "partial",
            Self::Empty => "empty",
            Self::Failure => "failure",
        }
    }

    /// The status of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        [
            Self::Preparing,
            Self::Success,
            Self::Partial,
            Self::Empty,
            Self::Failure,
        ]
        .into_iter()
        .find(|status| status.word() == word)
    }
}

/// What is said of a snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// 1 to 10: those of low priority give way first.
    pub priority: u8,
    /// How long it should live, as it was written.
    pub lifetime: Option<String>,
    /// When it was begun.
    pub created_at: Time,
    /// When it was last changed.
    pub modified_at: Time,
    /// When it ends.
    pub expires_at: Time,
    /// When it was last used.
    /// Limit: written down only with other changes, so a restart may forget the last uses.
    pub last_used_at: Time,
    /// How far it is.
    pub status: Status,
    /// Its questions, as they were written.
    pub queries: Vec<Value>,
    /// How each question went.
    pub details: Vec<Value>,
    /// Who is told when it is ready: `endpoint`.
    pub endpoint: Option<Value>,
    /// Headers for whom is told: `receiverInfo`.
    pub receiver_info: Option<Value>,
    /// Bytes of its entities.
    pub bytes: usize,
    /// How many entities it holds.
    pub entities: usize,
}

impl Said {
    /// Reads what a caller says of a new snapshot, its questions apart.
    pub fn of_new(body: &Map<String, Value>, now: Time) -> Result<Self, SnapshotError> {
        let mut said = Self {
            priority: PRIORITY,
            lifetime: None,
            created_at: now,
            modified_at: now,
            expires_at: now.plus_micros(LIFETIME_MICROS),
            last_used_at: now,
            status: Status::Preparing,
            queries: Vec::new(),
            details: Vec::new(),
            endpoint: None,
            receiver_info: None,
            bytes: 0,
            entities: 0,
        };
        said.change(body)?;
        said.settle(now);
        Ok(said)
    }

    /// Takes over what a caller may change; the rest of the members is refused.
    pub fn change(&mut self, body: &Map<String, Value>) -> Result<(), SnapshotError> {
        let invalid = |text: &str| SnapshotError::Invalid(text.to_owned());
        for (member, value) in body {
            match member.as_str() {
                "type" if value.as_str() == Some("Snapshot") => {}
                "type" => return Err(invalid("'type' must be Snapshot")),
                "@context" | "id" => {}
                "snapshotPriority" => {
                    let priority = value.as_u64().and_then(|n| u8::try_from(n).ok());
                    self.priority = priority
                        .filter(|priority| (1..=10).contains(priority))
                        .ok_or_else(|| {
                            invalid("'snapshotPriority' must be a number from 1 to 10")
                        })?;
                }
                "snapshotLifetime" => {
                    let text = value
                        .as_str()
                        .filter(|text| Period::parse(text).is_ok_and(|period| !period.is_whole()));
                    let text = text.ok_or_else(|| {
                        invalid("'snapshotLifetime' must be a duration of ISO 8601, such as P1D")
                    })?;
                    self.lifetime = Some(text.to_owned());
                }
                "endpoint" if is_endpoint(value) => self.endpoint = Some(value.clone()),
                "endpoint" => {
                    return Err(invalid("'endpoint' must be an object with an http 'uri'"));
                }
                "receiverInfo" if value.is_array() => self.receiver_info = Some(value.clone()),
                "receiverInfo" => return Err(invalid("'receiverInfo' must be an array")),
                other if READ_ONLY.contains(&other) => {
                    let text = format!("'{other}' is said by the node alone");
                    return Err(SnapshotError::Invalid(text));
                }
                other => {
                    let shown: String = other.chars().take(64).collect();
                    let text = format!("'{shown}' cannot be said of a snapshot here");
                    return Err(SnapshotError::Invalid(text));
                }
            }
        }
        Ok(())
    }

    /// Takes over the questions of a new snapshot.
    pub fn ask(&mut self, queries: Vec<Value>) -> Result<(), SnapshotError> {
        if queries.is_empty() || queries.len() > QUERIES_MAX {
            let text = format!("'snapshotQueries' must be an array of 1 to {QUERIES_MAX} Queries");
            return Err(SnapshotError::Invalid(text));
        }
        self.queries = queries;
        Ok(())
    }

    /// Sets when it ends, and that it was changed.
    pub(super) fn settle(&mut self, now: Time) {
        let lifetime = self
            .lifetime
            .as_deref()
            .and_then(|text| Period::parse(text).ok());
        let ends = match lifetime {
            Some(period) => period.after(self.created_at),
            None => self.created_at.plus_micros(LIFETIME_MICROS),
        };
        self.expires_at = ends.min(self.created_at.plus_micros(LIFETIME_MICROS_MAX));
        self.modified_at = now;
    }

    /// As JSON.
    pub fn to_json(&self, id: &Name) -> Value {
        let mut json = json!({
            "id": id,
            "type": "Snapshot",
            "createdAt": self.created_at.to_string(),
            "modifiedAt": self.modified_at.to_string(),
            "expiresAt": self.expires_at.to_string(),
            "lastUsedAt": self.last_used_at.to_string(),
            "snapshotPriority": self.priority,
            "snapshotStatus": self.status.word(),
            "snapshotQueries": self.queries,
            "snapshotQueriesDetails": self.details,
        });
        let more = [
            ("snapshotLifetime", self.lifetime.clone().map(Value::from)),
            ("endpoint", self.endpoint.clone()),
            ("receiverInfo", self.receiver_info.clone()),
        ];
        if let Value::Object(members) = &mut json {
            let more = more
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)));
            members.extend(more.map(|(name, value)| (name.to_owned(), value)));
        }
        json
    }

    /// As an entity, so that it can be held against a query.
    pub(super) fn as_entity(&self, id: &Name) -> Entity {
        let context = Context::core();
        let text = |value: String| AttributeValue::Property(Value::from(value));
        let values = [
            (
                "snapshotPriority",
                AttributeValue::Property(self.priority.into()),
            ),
            ("snapshotStatus", text(self.status.word().to_owned())),
            (
                "snapshotLifetime",
                text(self.lifetime.clone().unwrap_or_default()),
            ),
            ("lastUsedAt", text(self.last_used_at.to_string())),
        ];
        let attributes = values.into_iter().filter_map(|(name, value)| {
            Some(Attribute::new(context.expand_name(name).ok()?, value))
        });
        Entity {
            id: id.clone(),
            types: context.expand_name("Snapshot").into_iter().collect(),
            scope: Vec::new(),
            created_at: self.created_at,
            modified_at: self.modified_at,
            expires_at: Some(self.expires_at),
            attributes: attributes.collect(),
        }
    }
}

/// Members of a snapshot that a query may speak of, besides those that every entity has.
const QUERIED: [&str; 4] = [
    "snapshotPriority",
    "snapshotStatus",
    "snapshotLifetime",
    "lastUsedAt",
];

/// Whether a query speaks of nothing but what is said of snapshots [CIM-009 §5.16.7.4].
pub fn speaks_of_snapshots(q: &QExpr) -> bool {
    match q {
        QExpr::And(all) | QExpr::Or(all) => all.iter().all(speaks_of_snapshots),
        QExpr::Term(term) if !term.hops.is_empty() => false,
        QExpr::Term(term) => match term.path.attributes.as_slice() {
            [] => true,
            [name] => {
                let context = Context::core();
                let queried = |member: &&str| context.expand_name(member).is_ok_and(|n| n == *name);
                QUERIED.iter().any(queried)
            }
            _ => false,
        },
    }
}

fn is_endpoint(value: &Value) -> bool {
    let uri = value.get("uri").and_then(Value::as_str);
    uri.is_some_and(|uri| uri.starts_with("http://") || uri.starts_with("https://"))
}
