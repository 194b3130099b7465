//! The @contexts that the node knows: built in, cached from elsewhere, hosted [CIM-009 §5.13].
//!
//! A cached one is a public document and serves every tenant; a hosted one belongs to the tenant
//! that added it. Both are docs of the store and so survive a restart without the network.

mod fetch;
mod folder;
mod record;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base::{Kind, Name, Tenant, Time};
use jsonld::{Context, Resolution};
use parking_lot::RwLock;
use ports::{Act, Batch, Clock, Entropy, Expect, Outbound, Store, StoreError};
use serde_json::Value;

pub use fetch::FetchError;
pub use folder::{Folder, FolderError};
pub use record::{ContextKind, ContextRecord};

/// The family of docs that contexts are.
const DOC_KIND: &str = "context";
/// Resolved contexts kept in memory: each may hold thousands of terms.
const RESOLVED_MAX: usize = 1_000;
/// Bytes of an @context within a body up to which the resolved one is kept.
const KEPT_VALUE_BYTES_MAX: usize = 64 * 1024;
/// Rounds of loading that one context may need; each goes a level deeper.
const ROUNDS_MAX: usize = 16;
/// Hosted contexts of one tenant, or cached ones of the node: each may take megabytes.
const CONTEXTS_MAX: usize = 10_000;
/// Docs read from the store at once.
const CHUNK: usize = 64;

/// Why there is no such context.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ContextError {
    /// It is no @context.
    #[error(transparent)]
    Invalid(#[from] jsonld::ContextError),
    /// A document that it names cannot be had.
    #[error("the @context '{url}' cannot be had: {reason}")]
    NotAvailable {
        /// What was asked for.
        url: String,
        /// Why not.
        reason: FetchError,
    },
    /// The node knows none of that name.
    #[error("there is no @context '{id}' here")]
    Unknown {
        /// What was asked for.
        id: String,
    },
    /// It cannot be done to a context of that kind.
    #[error("{0}")]
    Refused(&'static str),
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ContextError {
    /// What the caller can do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Invalid(error) => error.kind(),
            Self::NotAvailable {
                reason: FetchError::NotJson,
                ..
            }
            | Self::Refused(_) => Kind::Invalid,
            Self::NotAvailable { .. } => Kind::Unavailable,
            Self::Unknown { .. } => Kind::NotFound,
            Self::Store(error) => error.kind(),
        }
    }
}

/// The @contexts of a node.
#[derive(Debug)]
pub struct Contexts {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    fetcher: fetch::Fetcher,
    core: Arc<Context>,
    resolved: RwLock<HashMap<(Tenant, String), Arc<Resolved>>>,
    /// How many docs each tenant keeps, of those that were asked.
    kept: tokio::sync::Mutex<HashMap<Tenant, usize>>,
}

/// A context at hand, and the documents that it was made of.
#[derive(Debug)]
struct Resolved {
    context: Arc<Context>,
    documents: Vec<(Tenant, Name)>,
    hits: AtomicU64,
    last_usage: AtomicU64,
}

impl Contexts {
    /// The contexts kept in a store; what is missing is taken from the folder, if there is one,
    /// else fetched.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        outbound: Arc<dyn Outbound>,
        folder: Option<Folder>,
    ) -> Self {
        let fetcher = fetch::Fetcher::new(outbound, Arc::clone(&clock), folder);
        let core = Context::core();
        Self {
            store,
            clock,
            entropy,
            fetcher,
            core,
            resolved: RwLock::default(),
            kept: tokio::sync::Mutex::default(),
        }
    }

    /// The core context.
    pub fn core(&self) -> Arc<Context> {
        Arc::clone(&self.core)
    }

    /// The context at a URL, beneath the core.
    pub async fn link(&self, tenant: &Tenant, url: &str) -> Result<Arc<Context>, ContextError> {
        if jsonld::is_core(url) {
            return Ok(self.core());
        }
        if let Some(context) = self.kept(tenant, url) {
            return Ok(context);
        }
        self.resolve_and_keep(tenant, url.to_owned(), &Value::String(url.to_owned()))
            .await
    }

    /// The context that a body carries, beneath the core.
    pub async fn value(
        &self,
        tenant: &Tenant,
        value: &Value,
    ) -> Result<Arc<Context>, ContextError> {
        match value {
            Value::String(url) => return self.link(tenant, url).await,
            Value::Array(parts) if parts.len() == 1 && parts[0].is_string() => {
                return self
                    .link(tenant, parts[0].as_str().unwrap_or_default())
                    .await;
            }
            _ => {}
        }
        let text = value.to_string();
        if let Some(context) = self.kept(tenant, &text) {
            return Ok(context);
        }
        if text.len() > KEPT_VALUE_BYTES_MAX {
            return Ok(self.resolve(tenant, value).await?.context);
        }
        self.resolve_and_keep(tenant, text, value).await
    }

    fn kept(&self, tenant: &Tenant, key: &str) -> Option<Arc<Context>> {
        let resolved = self.resolved.read();
        // Limit: the key is copied for the look-up; it is a URL in all but rare cases.
        let found = resolved.get(&(tenant.clone(), key.to_owned()))?;
        found.hits.fetch_add(1, Ordering::Relaxed);
        let now = u64::try_from(self.clock.now().as_micros()).unwrap_or(0);
        found.last_usage.store(now, Ordering::Relaxed);
        Some(Arc::clone(&found.context))
    }

    async fn resolve_and_keep(
        &self,
        tenant: &Tenant,
        key: String,
        value: &Value,
    ) -> Result<Arc<Context>, ContextError> {
        let resolved = Arc::new(self.resolve(tenant, value).await?);
        let context = Arc::clone(&resolved.context);
        let mut kept = self.resolved.write();
        if kept.len() >= RESOLVED_MAX {
            let oldest = kept
                .iter()
                .min_by_key(|(_, r)| r.last_usage.load(Ordering::Relaxed))
                .map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                kept.remove(&oldest);
            }
        }
        kept.insert((tenant.clone(), key), resolved);
        Ok(context)
    }

    async fn resolve(&self, tenant: &Tenant, value: &Value) -> Result<Resolved, ContextError> {
        let mut loaded: HashMap<String, Arc<Value>> = HashMap::new();
        let mut documents = Vec::new();
        for _ in 0..ROUNDS_MAX {
            match Context::resolve(value, &|url| loaded.get(url).cloned())? {
                Resolution::Ready(context) => {
                    let now = u64::try_from(self.clock.now().as_micros()).unwrap_or(0);
                    return Ok(Resolved {
                        context,
                        documents,
                        hits: AtomicU64::new(1),
                        last_usage: AtomicU64::new(now),
                    });
                }
                Resolution::Needs(urls) => {
                    for url in urls {
                        let (key, document) = self.document(tenant, &url).await?;
                        documents.push(key);
                        loaded.insert(url, document);
                    }
                }
            }
        }
        Err(ContextError::Refused(
            "the @context includes others too deep",
        ))
    }

    /// A document by its URL: hosted here, cached, or fetched and then cached.
    async fn document(
        &self,
        tenant: &Tenant,
        url: &str,
    ) -> Result<((Tenant, Name), Arc<Value>), ContextError> {
        if let Some(id) = hosted_id(url)
            && let Some(record) = self.find(tenant, id).await?
        {
            return Ok((
                (record.tenant(tenant), Name::from(id)),
                Arc::new(record.document),
            ));
        }
        let default = Tenant::default_tenant();
        if let Some(doc) = self.store.doc(&default, DOC_KIND, url).await?
            && let Some(record) = ContextRecord::from_doc(&doc)
        {
            return Ok(((default, doc.id), Arc::new(record.document)));
        }
        let document = self.fetch(url).await?;
        let record = ContextRecord {
            id: Name::from(url),
            url: Some(url.to_owned()),
            kind: ContextKind::Cached,
            created_at: self.clock.now(),
            document,
            hits: 0,
            last_usage: None,
        };
        // A node that keeps too many already asks for it again the next time.
        if !self.keep(&default, &record).await? {
            tracing::warn!(url, "the node caches too many @contexts already");
        }
        Ok(((default, record.id), Arc::new(record.document)))
    }

    async fn fetch(&self, url: &str) -> Result<Value, ContextError> {
        self.fetcher
            .fetch(url)
            .await
            .map_err(|reason| ContextError::NotAvailable {
                url: shown(url),
                reason,
            })
    }

    async fn save(&self, tenant: &Tenant, record: &ContextRecord) -> Result<(), ContextError> {
        self.put(tenant, &record.id, Some(Arc::new(record.to_body())))
            .await
    }

    async fn put(
        &self,
        tenant: &Tenant,
        id: &Name,
        body: Option<Arc<Value>>,
    ) -> Result<(), ContextError> {
        let act = Act::Doc {
            kind: Name::from(DOC_KIND),
            id: id.clone(),
            expect: Expect::Any,
            body,
        };
        let time = self.clock.now();
        let batch = Batch {
            tenant: tenant.clone(),
            time,
            acts: vec![act],
            cursor: None,
        };
        self.store.commit(batch).await?;
        Ok(())
    }

    /// Hosts a document `{"@context": …}` and returns its id [CIM-009 §5.13.2].
    /// It is resolved once, so that nothing unusable is hosted.
    pub async fn host(
        &self,
        tenant: &Tenant,
        document: Value,
        kind: ContextKind,
    ) -> Result<Name, ContextError> {
        if document.get("@context").is_none() {
            return Err(ContextError::Refused(
                "the body must be an object with '@context'",
            ));
        }
        self.resolve(tenant, &document).await?;
        let mut random = [0_u8; 16];
        self.entropy.fill(&mut random);
        let id = Name::from(format!("{:032x}", u128::from_be_bytes(random)));
        let record = ContextRecord {
            id: id.clone(),
            url: None,
            kind,
            created_at: self.clock.now(),
            document,
            hits: 0,
            last_usage: None,
        };
        if self.keep(tenant, &record).await? {
            return Ok(id);
        }
        Err(ContextError::Refused(
            "this tenant keeps too many @contexts already: delete some",
        ))
    }

    /// Saves a new context, unless the tenant keeps too many. They are counted
    /// anew after one was deleted, else the number is known.
    async fn keep(&self, tenant: &Tenant, record: &ContextRecord) -> Result<bool, ContextError> {
        let mut kept = self.kept.lock().await;
        let number = match kept.get(tenant) {
            Some(number) => *number,
            None => self.described(tenant).await?.len(),
        };
        if number >= CONTEXTS_MAX {
            return Ok(false);
        }
        self.save(tenant, record).await?;
        // Limit: what is fetched twice at once is counted twice until the next count.
        kept.insert(tenant.clone(), number + 1);
        Ok(true)
    }

    /// What a tenant keeps, by id, without the documents.
    async fn described(&self, tenant: &Tenant) -> Result<Vec<ContextRecord>, StoreError> {
        let (mut records, mut after) = (Vec::new(), None::<Name>);
        loop {
            let docs = self.store.docs(tenant, DOC_KIND, after.as_deref(), CHUNK);
            let docs = docs.await?;
            records.extend(docs.iter().filter_map(ContextRecord::described));
            match docs.last() {
                Some(last) if docs.len() == CHUNK => after = Some(last.id.clone()),
                _ => return Ok(records),
            }
        }
    }

    /// All contexts that a tenant sees, by id, without their documents; those it hosts and those
    /// cached for everybody.
    pub async fn list(
        &self,
        tenant: &Tenant,
        kind: Option<ContextKind>,
    ) -> Result<Vec<ContextRecord>, ContextError> {
        let mut records = Vec::new();
        let default = Tenant::default_tenant();
        let mut worlds = vec![tenant];
        if !tenant.is_default() {
            worlds.push(&default);
        }
        for world in worlds {
            let described = self.described(world).await?.into_iter();
            records.extend(
                described
                    .filter(|r| world == tenant || r.kind == ContextKind::Cached)
                    .filter(|r| kind.is_none_or(|k| k == r.kind))
                    .map(|r| self.with_usage(world, r)),
            );
        }
        Ok(records)
    }

    /// One context, by its id here or its URL [CIM-009 §5.13.4].
    pub async fn get(&self, tenant: &Tenant, id: &str) -> Result<ContextRecord, ContextError> {
        if jsonld::is_core(id) {
            return Ok(ContextRecord::core(id));
        }
        let id = hosted_id(id).unwrap_or(id);
        let record = self.find(tenant, id).await?;
        let record = record.ok_or_else(|| ContextError::Unknown { id: shown(id) })?;
        let world = record.tenant(tenant);
        Ok(self.with_usage(&world, record))
    }

    async fn find(&self, tenant: &Tenant, id: &str) -> Result<Option<ContextRecord>, StoreError> {
        if let Some(doc) = self.store.doc(tenant, DOC_KIND, id).await? {
            return Ok(ContextRecord::from_doc(&doc));
        }
        if tenant.is_default() {
            return Ok(None);
        }
        let doc = self
            .store
            .doc(&Tenant::default_tenant(), DOC_KIND, id)
            .await?;
        let record = doc.as_ref().and_then(ContextRecord::from_doc);
        Ok(record.filter(|r| r.kind == ContextKind::Cached))
    }

    /// Deletes a context, or fetches a cached one anew [CIM-009 §5.13.5].
    pub async fn delete(
        &self,
        tenant: &Tenant,
        id: &str,
        reload: bool,
    ) -> Result<(), ContextError> {
        if jsonld::is_core(id) {
            return Err(ContextError::Refused("the core @context cannot be deleted"));
        }
        let record = self.get(tenant, id).await?;
        let world = record.tenant(tenant);
        if !reload {
            self.put(&world, &record.id, None).await?;
            self.forget(&world, &record.id);
            self.kept.lock().await.remove(&world);
            return Ok(());
        }
        if record.kind != ContextKind::Cached {
            return Err(ContextError::Refused(
                "only a cached @context can be reloaded",
            ));
        }
        let document = self.fetch(&record.id).await?;
        Context::resolve(&document, &|_| None)?;
        let id = record.id.clone();
        self.save(
            &world,
            &ContextRecord {
                document,
                created_at: self.clock.now(),
                ..record
            },
        )
        .await?;
        // Only now, so that nobody resolves the old one meanwhile and keeps it.
        self.forget(&world, &id);
        Ok(())
    }

    /// Drops what was resolved from a document.
    fn forget(&self, world: &Tenant, id: &Name) {
        self.resolved
            .write()
            .retain(|_, r| !r.documents.iter().any(|(t, i)| t == world && i == id));
    }

    fn with_usage(&self, world: &Tenant, mut record: ContextRecord) -> ContextRecord {
        let resolved = self.resolved.read();
        let made_of_it = resolved.values().filter(|r| {
            r.documents
                .iter()
                .any(|(t, i)| t == world && *i == record.id)
        });
        for user in made_of_it {
            record.hits += user.hits.load(Ordering::Relaxed);
            let last = i64::try_from(user.last_usage.load(Ordering::Relaxed))
                .ok()
                .map(Time);
            record.last_usage = record.last_usage.max(last);
        }
        record
    }
}

/// The id of a context hosted by an NGSI-LD node, from its URL.
fn hosted_id(url: &str) -> Option<&str> {
    let (_, id) = url.split_once("/ngsi-ld/v1/jsonldContexts/")?;
    (!id.is_empty() && !id.contains(['/', '?', '#'])).then_some(id)
}

fn shown(url: &str) -> String {
    url.chars().take(200).collect()
}
