//! The @contexts that the node knows: built in, cached from elsewhere, hosted [CIM-009 §5.13].
//!
//! A cached one is a public document and serves every tenant; a hosted one belongs to the tenant
//! that added it. Both are docs of the store and so survive a restart without the network.

mod fetch;
mod folder;
mod gone;
mod kept;
mod record;
mod usage;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use base::{Kind, Name, Tenant, Time};
use jsonld::{Context, Resolution};
use parking_lot::RwLock;
use ports::{Clock, Entropy, Outbound, Store, StoreError};
use serde_json::Value;

pub use fetch::FetchError;
pub use folder::{Folder, FolderError};
pub use record::{ContextKind, ContextRecord};

use gone::Gone;
use usage::{Usage, Usages};

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
/// Bytes of the documents of one tenant, or of the cached ones of the node.
const CONTEXTS_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Bytes of one document: the largest in the field have a third of it.
const DOCUMENT_BYTES_MAX: usize = 4 * 1024 * 1024;
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
    usages: Usages,
    gone: Gone,
    /// Tenants that use the contexts of another.
    lent: RwLock<HashMap<Tenant, Tenant>>,
    /// How much each tenant keeps, of those that were asked.
    kept: tokio::sync::Mutex<HashMap<Tenant, kept::Kept>>,
}

/// A document, by the tenant that keeps it and its id.
type Document = ((Tenant, Name), Arc<Value>);

/// A context at hand, and the documents that it was made of.
#[derive(Debug)]
struct Resolved {
    context: Arc<Context>,
    documents: Vec<((Tenant, Name), Arc<Usage>)>,
    /// Microseconds, to find the one that was not used for longest.
    last_usage: AtomicI64,
}

impl Resolved {
    fn count(&self, now: Time) {
        self.last_usage.store(now.as_micros(), Ordering::Relaxed);
        for (_, usage) in &self.documents {
            usage.count(now);
        }
    }
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
            usages: Usages::default(),
            gone: Gone::default(),
            lent: RwLock::default(),
            kept: tokio::sync::Mutex::default(),
        }
    }

    /// The core context.
    pub fn core(&self) -> Arc<Context> {
        Arc::clone(&self.core)
    }

    /// The context at a URL, beneath the core.
    pub async fn link(&self, tenant: &Tenant, url: &str) -> Result<Arc<Context>, ContextError> {
        let tenant = &self.owner(tenant);
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
        let tenant = &self.owner(tenant);
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
            let resolved = self.resolve(tenant, value).await?;
            resolved.count(self.clock.now());
            return Ok(resolved.context);
        }
        self.resolve_and_keep(tenant, text, value).await
    }

    fn kept(&self, tenant: &Tenant, key: &str) -> Option<Arc<Context>> {
        let resolved = self.resolved.read();
        // Limit: the key is copied for the look-up; it is a URL in all but rare cases.
        let found = resolved.get(&(tenant.clone(), key.to_owned()))?;
        found.count(self.clock.now());
        Some(Arc::clone(&found.context))
    }

    async fn resolve_and_keep(
        &self,
        tenant: &Tenant,
        key: String,
        value: &Value,
    ) -> Result<Arc<Context>, ContextError> {
        let resolved = Arc::new(self.resolve(tenant, value).await?);
        resolved.count(self.clock.now());
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
                    return Ok(Resolved {
                        context,
                        documents,
                        last_usage: AtomicI64::default(),
                    });
                }
                Resolution::Needs(urls) => {
                    for url in urls {
                        let (key, document) = self.document(tenant, &url).await?;
                        let usage = self.usages.of(&key);
                        documents.push((key, usage));
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
    async fn document(&self, tenant: &Tenant, url: &str) -> Result<Document, ContextError> {
        if let Some(id) = hosted_id(url)
            && let Some(record) = self.find(tenant, id).await?
        {
            return Ok((
                (record.tenant(tenant), Name::from(id)),
                Arc::new(record.document),
            ));
        }
        if let Some(cached) = self.cached(url).await? {
            return Ok(cached);
        }
        let turn = self.gone.turn(url);
        let _held = turn.lock().await;
        // Somebody else may have fetched it meanwhile, or learned that it cannot be had.
        if let Some(cached) = self.cached(url).await? {
            return Ok(cached);
        }
        let began = self.clock.now();
        if let Some(reason) = self.gone.recall(url, began) {
            let url = shown(url);
            return Err(ContextError::NotAvailable { url, reason });
        }
        let document = self.fetch(url).await.inspect_err(|error| {
            if let ContextError::NotAvailable { reason, .. } = error {
                self.gone.remember(url, reason, began, self.clock.now());
            }
        })?;
        let default = Tenant::default_tenant();
        let record = ContextRecord::cached(url, document, self.clock.now());
        // A node that keeps too many already asks for it again the next time.
        if !self.keep(&default, &record).await? {
            tracing::warn!(url, "the node caches too many @contexts already");
        }
        Ok(((default, record.id), Arc::new(record.document)))
    }

    /// A document that was fetched before.
    async fn cached(&self, url: &str) -> Result<Option<Document>, StoreError> {
        let default = Tenant::default_tenant();
        let doc = self.store.doc(&default, DOC_KIND, url).await?;
        let record = doc.as_ref().and_then(ContextRecord::from_doc);
        let record = record.filter(|record| record.kind == ContextKind::Cached);
        Ok(record.map(|record| ((default, record.id), Arc::new(record.document))))
    }

    async fn fetch(&self, url: &str) -> Result<Value, ContextError> {
        let not_available = |reason| ContextError::NotAvailable {
            url: shown(url),
            reason,
        };
        self.fetcher.fetch(url).await.map_err(not_available)
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
        if kept::bytes(&document) > DOCUMENT_BYTES_MAX {
            return Err(ContextError::Refused(
                "an @context has at most 4 MiB: split it",
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

    /// The same for a client that reads it, which is a use of it.
    pub async fn serve(&self, tenant: &Tenant, id: &str) -> Result<ContextRecord, ContextError> {
        let record = self.get(tenant, id).await?;
        if !jsonld::is_core(id) {
            let document = (record.tenant(tenant), record.id.clone());
            self.usages.of(&document).count(self.clock.now());
        }
        Ok(record)
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
            // The core is built in: it is always the one that the node speaks.
            return if reload {
                Ok(())
            } else {
                Err(ContextError::Refused("the core @context cannot be deleted"))
            };
        }
        let record = match self.get(tenant, id).await {
            Err(ContextError::Unknown { .. }) if reload && !id.contains("://") => {
                return Err(ContextError::Refused(NOT_RELOADED));
            }
            found => found?,
        };
        let world = record.tenant(tenant);
        if !reload {
            self.put(&world, &record.id, None).await?;
            self.forget(&world, &record.id);
            self.usages.forget(&(world.clone(), record.id));
            self.kept.lock().await.remove(&world);
            return Ok(());
        }
        if record.kind != ContextKind::Cached {
            return Err(ContextError::Refused(NOT_RELOADED));
        }
        let document = self.fetch_usable(&record.id).await?;
        self.gone.forget(&record.id);
        let fresh = ContextRecord::cached(&record.id, document, self.clock.now());
        self.save(&world, &fresh).await?;
        // Only now, so that nobody resolves the old one meanwhile and keeps it.
        self.forget(&world, &record.id);
        Ok(())
    }

    /// Fetches what shall take the place of a cached document, which must be an @context.
    async fn fetch_usable(&self, url: &str) -> Result<Value, ContextError> {
        let unusable = |why: String| ContextError::NotAvailable {
            url: shown(url),
            reason: FetchError::Unusable(why),
        };
        let document = match self.fetch(url).await {
            Err(ContextError::NotAvailable {
                reason: reason @ FetchError::NotJson,
                ..
            }) => return Err(unusable(reason.to_string())),
            fetched => fetched?,
        };
        Context::resolve(&document, &|_| None).map_err(|error| unusable(error.to_string()))?;
        Ok(document)
    }

    /// Drops what was resolved from a document.
    fn forget(&self, world: &Tenant, id: &Name) {
        self.resolved
            .write()
            .retain(|_, r| !r.documents.iter().any(|((t, i), _)| t == world && i == id));
    }
}

/// Why there is nothing to be fetched anew.
const NOT_RELOADED: &str = "only a cached @context, by its URL, can be reloaded";

/// The id of a context hosted by an NGSI-LD node, from its URL.
fn hosted_id(url: &str) -> Option<&str> {
    let (_, id) = url.split_once("/ngsi-ld/v1/jsonldContexts/")?;
    (!id.is_empty() && !id.contains(['/', '?', '#'])).then_some(id)
}

fn shown(url: &str) -> String {
    url.chars().take(200).collect()
}
