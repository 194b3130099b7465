//! Which tables of records there are: docs of the family `record-table`.

use std::sync::Arc;

use base::limits::TENANTS_MAX;
use base::{Kind, Name, Tenant};
use parking_lot::RwLock;
use ports::{Act, Batch, Expect};
use serde::Deserialize as _;
use serde_json::json;

use super::Records;
use super::error::RecordError;
use super::limits::TABLES_MAX;
use super::table::{Definition, Kept, RecordTable, check_name};
use crate::manifest::tenant as own_tenant;
use crate::{Edit, Lake, LakeError, Table};

/// The family of docs.
const KIND: &str = "record-table";
/// The family of the doc by which a tenant that only has records comes to be.
const MARK: &str = "record-tenant";
/// Docs read at once.
const PAGE: usize = 1_000;
/// How often a table is deleted anew when its files are replaced meanwhile.
const TRIES_MAX: usize = 16;

/// A table while the node runs.
#[derive(Debug)]
pub(super) struct Live {
    table: RwLock<Arc<RecordTable>>,
    /// Whether it is there; held for reading while a batch becomes true.
    pub(super) is_there: tokio::sync::RwLock<bool>,
}

impl Live {
    fn new(table: RecordTable) -> Arc<Self> {
        Arc::new(Self {
            table: RwLock::new(Arc::new(table)),
            is_there: tokio::sync::RwLock::new(true),
        })
    }

    /// The table as it is now.
    pub(super) fn table(&self) -> Arc<RecordTable> {
        Arc::clone(&self.table.read())
    }
}

/// What became of a declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declared {
    /// The table is new.
    New,
    /// It has further columns, or other descriptions.
    Changed,
    /// It was so already.
    Same,
}

impl Records {
    /// Reads the tables from the store.
    pub(crate) async fn load(store: &dyn ports::Store) -> Result<Self, LakeError> {
        let records = Self::default();
        let mut after: Option<Name> = None;
        loop {
            let docs = store
                .docs(&own_tenant(), KIND, after.as_deref(), PAGE)
                .await?;
            let Some(last) = docs.last() else {
                return Ok(records);
            };
            after = Some(last.id.clone());
            for doc in docs {
                let kept = Kept::deserialize(&*doc.body).map_err(|error| {
                    LakeError::Corrupt(format!("the table's doc {}: {error}", doc.id))
                })?;
                let key = (kept.tenant.clone(), kept.name.clone());
                let mut tables = records.tables.write();
                tables.insert(key, Live::new(kept.into()));
            }
        }
    }

    pub(super) fn live(&self, tenant: &Tenant, name: &str) -> Result<Arc<Live>, RecordError> {
        let key = (tenant.as_str().to_owned(), name.to_owned());
        let found = self.tables.read().get(&key).map(Arc::clone);
        found.ok_or_else(|| RecordError::TableUnknown {
            tenant: tenant.clone(),
            name: name.chars().filter(|c| !c.is_control()).take(64).collect(),
        })
    }

    /// The ids of all tables.
    pub(super) fn ids(&self) -> std::collections::BTreeSet<String> {
        let tables = self.tables.read();
        tables
            .values()
            .map(|live| live.table().id.clone())
            .collect()
    }
}

impl Lake {
    /// The tables of a tenant, by name.
    pub fn record_tables(&self, tenant: &Tenant) -> Vec<Arc<RecordTable>> {
        let tables = self.records.tables.read();
        let own = tables.iter().filter(|((of, _), _)| of == tenant.as_str());
        own.map(|(_, live)| live.table()).collect()
    }

    /// A table.
    pub fn record_table(
        &self,
        tenant: &Tenant,
        name: &str,
    ) -> Result<Arc<RecordTable>, RecordError> {
        self.records.live(tenant, name).map(|live| live.table())
    }

    /// Makes a table, or lets one grow by columns that may be null.
    pub async fn declare_records(
        &self,
        tenant: &Tenant,
        name: &str,
        definition: Definition,
    ) -> Result<Declared, RecordError> {
        check_name("table", name)?;
        definition.check()?;
        let _one_at_a_time = self.records.declaring.lock().await;
        let now = self.parts.clock.now();
        if let Ok(live) = self.records.live(tenant, name) {
            let was = live.table();
            if was.definition == definition {
                return Ok(Declared::Same);
            }
            was.definition.can_become(&definition)?;
            let kept = Kept {
                modified_at: now,
                definition,
                ..was.kept()
            };
            self.keep_table(&kept).await?;
            *live.table.write() = Arc::new(kept.into());
            return Ok(Declared::Changed);
        }
        if self.record_tables(tenant).len() >= TABLES_MAX {
            let reason = format!("a tenant has at most {TABLES_MAX} tables of records");
            return Err(RecordError::Limit(reason));
        }
        self.make_tenant(tenant).await?;
        let mut id = [0; 8];
        self.parts.entropy.fill(&mut id);
        let kept = Kept {
            tenant: tenant.as_str().to_owned(),
            name: name.to_owned(),
            id: hex::encode(id),
            created_at: now,
            modified_at: now,
            definition,
        };
        self.keep_table(&kept).await?;
        let key = (kept.tenant.clone(), kept.name.clone());
        let mut tables = self.records.tables.write();
        tables.insert(key, Live::new(kept.into()));
        Ok(Declared::New)
    }

    async fn keep_table(&self, kept: &Kept) -> Result<(), RecordError> {
        let body = serde_json::to_value(kept).map_err(|error| RecordError::Lake {
            kind: Kind::Internal,
            reason: error.to_string(),
        })?;
        let act = doc(KIND, &doc_id(&kept.tenant, &kept.name), Some(body));
        self.commit_docs(own_tenant(), vec![act]).await
    }

    /// A tenant of whom there is nothing yet comes to be.
    async fn make_tenant(&self, tenant: &Tenant) -> Result<(), RecordError> {
        if self.parts.broker.known_tenant(tenant).await.is_ok() {
            return Ok(());
        }
        if self.parts.broker.store().tenants().await?.len() >= TENANTS_MAX {
            let reason = format!("a node has at most {TENANTS_MAX} tenants");
            return Err(RecordError::Limit(reason));
        }
        let mark = doc(MARK, "records", Some(json!({})));
        self.commit_docs(tenant.clone(), vec![mark]).await
    }

    pub(super) async fn commit_docs(
        &self,
        tenant: Tenant,
        acts: Vec<Act>,
    ) -> Result<(), RecordError> {
        let batch = Batch {
            tenant,
            time: self.parts.clock.now(),
            acts,
            cursor: None,
        };
        self.parts.broker.store().commit(batch).await?;
        Ok(())
    }

    /// Deletes a table with all its rows. Its files go when nobody reads them any more.
    pub async fn delete_records(&self, tenant: &Tenant, name: &str) -> Result<(), RecordError> {
        let _one_at_a_time = self.records.declaring.lock().await;
        let live = self.records.live(tenant, name)?;
        let mut is_there = live.is_there.write().await;
        for _try in 0..TRIES_MAX {
            let files = Table::Records(name.to_owned());
            let edit = Edit {
                remove: self
                    .manifest()
                    .table(&files, tenant.as_str())
                    .map(Arc::clone)
                    .collect(),
                acts: vec![doc(KIND, &doc_id(tenant.as_str(), name), None)],
                ..Edit::default()
            };
            match self.keeper.commit(edit).await {
                // Somebody merged files of it: they are looked for again.
                Err(LakeError::Conflict(_)) => {}
                done => {
                    done?;
                    *is_there = false;
                    let key = (tenant.as_str().to_owned(), name.to_owned());
                    self.records.tables.write().remove(&key);
                    return Ok(());
                }
            }
        }
        let reason = "the table's files are being rewritten: try again in a second";
        Err(RecordError::Busy(reason.to_owned()))
    }
}

/// The id of a table's doc: no tenant's name has a slash.
fn doc_id(tenant: &str, name: &str) -> String {
    format!("{tenant}/{name}")
}

/// A change of a doc.
pub(super) fn doc(kind: &str, id: &str, body: Option<serde_json::Value>) -> Act {
    Act::Doc {
        kind: Name::from(kind),
        id: Name::from(id),
        expect: Expect::Any,
        body: body.map(Arc::new),
    }
}
