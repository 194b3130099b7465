//! A context as it is kept and as it is listed [CIM-009 §5.13.3.5].

use base::{Name, Tenant, Time};
use ports::Doc;
use serde_json::{Value, json};

/// Where a context came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContextKind {
    /// Added by a client.
    Hosted,
    /// A copy of a document from elsewhere.
    Cached,
    /// Made by the node for a client that needs a URL, such as a subscription's.
    ImplicitlyCreated,
}

/// A context that the node keeps.
#[derive(Debug, Clone)]
pub struct ContextRecord {
    /// Its id here; the URL of a cached one.
    pub id: Name,
    /// The URL of a cached one.
    pub url: Option<String>,
    /// Where it came from.
    pub kind: ContextKind,
    /// When it was added or fetched.
    pub created_at: Time,
    /// The document `{"@context": …}`; null in a list.
    pub document: Value,
    /// How often it was used since the node started.
    pub hits: u64,
    /// When it was last used.
    pub last_usage: Option<Time>,
}

impl ContextKind {
    /// The standard's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hosted => "Hosted",
            Self::Cached => "Cached",
            Self::ImplicitlyCreated => "ImplicitlyCreated",
        }
    }

    /// The kind of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Hosted, Self::Cached, Self::ImplicitlyCreated]
            .into_iter()
            .find(|k| k.word() == word)
    }
}

impl ContextRecord {
    /// The core context, which is built in.
    pub(super) fn core(url: &str) -> Self {
        let text = jsonld::builtin(url).unwrap_or("{}");
        Self {
            id: Name::from(url),
            url: Some(url.to_owned()),
            kind: ContextKind::Cached,
            created_at: Time::default(),
            document: serde_json::from_str(text).unwrap_or_default(),
            hits: 0,
            last_usage: None,
        }
    }

    /// A copy of a document from elsewhere.
    pub(super) fn cached(url: &str, document: Value, now: Time) -> Self {
        Self {
            id: Name::from(url),
            url: Some(url.to_owned()),
            kind: ContextKind::Cached,
            created_at: now,
            document,
            hits: 0,
            last_usage: None,
        }
    }

    pub(super) fn from_doc(doc: &Doc) -> Option<Self> {
        let document = doc.body.get("document")?.clone();
        Some(Self {
            document,
            ..Self::described(doc)?
        })
    }

    /// All but the document, which may be large.
    pub(super) fn described(doc: &Doc) -> Option<Self> {
        let body = &doc.body;
        Some(Self {
            id: doc.id.clone(),
            url: body
                .get("url")
                .and_then(Value::as_str)
                .map(ToOwned::to_owned),
            kind: ContextKind::from_word(body.get("kind")?.as_str()?)?,
            created_at: Time(body.get("createdAt")?.as_i64()?),
            document: Value::Null,
            hits: 0,
            last_usage: None,
        })
    }

    pub(super) fn to_body(&self) -> Value {
        json!({
            "url": self.url,
            "kind": self.kind.word(),
            "createdAt": self.created_at.as_micros(),
            "bytes": super::kept::bytes(&self.document),
            "document": self.document,
        })
    }

    /// The tenant under which it is kept, seen from `tenant`.
    pub(super) fn tenant(&self, tenant: &Tenant) -> Tenant {
        match self.kind {
            ContextKind::Cached => Tenant::default_tenant(),
            ContextKind::Hosted | ContextKind::ImplicitlyCreated => tenant.clone(),
        }
    }
}
