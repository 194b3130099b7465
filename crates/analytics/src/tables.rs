//! The tables: what there is for a call, and each of them as the engine reads it.
//!
//! This is the place where rights are decided: a table stands in the directory of a call only if
//! the call may ask it, and reads nothing but the call's tenant. Limit: rights hold for whole tables;
//! grants by type or attribute would become filters of [`Directory::open`].

pub(crate) mod entities;
pub(crate) mod files;
pub(crate) mod prune;
pub(crate) mod row;
pub(crate) mod shape;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::{Name, Time};
use broker::BrokerError;
use datafusion::datasource::TableProvider;
use datafusion::sql::sqlparser::ast::Ident;
use lake::Manifest;
use lake::history::schema::short;
use trust::{Call, Operation};

use crate::names::{pick, place};
use crate::session::{CATALOG, NOW, PUBLIC, RECORDS};
use crate::{Parts, SqlError};

/// What a table is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// All entities.
    Entities,
    /// Entities of a type, by its expanded name.
    Type(Name),
    /// Instances of attributes.
    History,
    /// What is left of them after their retention.
    Rolled,
    /// A table of records.
    Records(String),
}

/// A table of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its schema.
    pub(crate) schema: &'static str,
    /// Its name.
    pub(crate) name: String,
    /// What it is made of.
    pub(crate) source: Source,
}

/// The files of one moment, for all tables of a query.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    /// The files; they stay as long as this is held.
    pub(crate) manifest: Arc<Manifest>,
    /// Up to when history is in them.
    pub(crate) until: Option<Time>,
}

/// What a call may ask.
pub(crate) struct Directory<'a> {
    parts: &'a Parts,
    call: &'a Call,
    /// Expanded names of the types that are there, ascending; read when a name needs them.
    types: Option<Vec<Name>>,
    /// How many entities each of them has.
    counts: Vec<u64>,
}

impl<'a> Directory<'a> {
    /// The directory of a call.
    pub(crate) async fn of(parts: &'a Parts, call: &'a Call) -> Result<Self, SqlError> {
        parts.broker.known_tenant(&call.tenant).await?;
        Ok(Self {
            parts,
            call,
            types: None,
            counts: Vec::new(),
        })
    }

    fn may(&self, operation: Operation) -> Result<(), BrokerError> {
        self.parts.broker.authorize(self.call, operation)
    }

    /// The types that are there.
    pub(crate) async fn types(&mut self) -> Result<&[Name], SqlError> {
        if self.types.is_none() {
            let census = self.parts.broker.census(self.call).await?;
            self.counts = census.types.iter().map(|of| of.entities).collect();
            self.types = Some(census.types.into_iter().map(|of| of.name).collect());
        }
        Ok(self.types.as_deref().unwrap_or_default())
    }

    /// How many entities are of a type.
    pub(crate) async fn entities(&mut self, class: &str) -> Result<Option<u64>, SqlError> {
        let types = self.types().await?;
        let at = types.iter().position(|name| **name == *class);
        Ok(at.and_then(|at| self.counts.get(at).copied()))
    }

    /// All tables that the call may ask.
    pub(crate) async fn all(&mut self) -> Result<Vec<Listed>, SqlError> {
        let mut all = Vec::new();
        let public = |name: &str, source| Listed {
            schema: PUBLIC,
            name: name.to_owned(),
            source,
        };
        if self.may(Operation::Read).is_ok() {
            all.push(public("entity", Source::Entities));
        }
        if self.may(Operation::History).is_ok() {
            all.push(public("history", Source::History));
            all.push(public("rolled", Source::Rolled));
        }
        if self.may(Operation::Read).is_ok() {
            all.extend(self.typed().await?);
            all.extend(self.records());
        }
        Ok(all)
    }

    /// The types as tables: by their short name where no other type has it, else whole.
    async fn typed(&mut self) -> Result<Vec<Listed>, SqlError> {
        let types = self.types().await?;
        let mut by_short: BTreeMap<&str, usize> = BTreeMap::new();
        for name in types {
            *by_short.entry(short(name)).or_default() += 1;
        }
        let listed = types.iter().map(|name| {
            let is_alone = by_short.get(short(name)) == Some(&1) && !short(name).is_empty();
            Listed {
                schema: NOW,
                name: if is_alone { short(name) } else { name }.to_owned(),
                source: Source::Type(name.clone()),
            }
        });
        Ok(listed.collect())
    }

    fn records(&self) -> Vec<Listed> {
        let tables = self.parts.lake.record_tables(&self.call.tenant);
        let listed = tables.iter().map(|table| Listed {
            schema: RECORDS,
            name: table.name.clone(),
            source: Source::Records(table.name.clone()),
        });
        listed.collect()
    }

    /// The table that a relation of a text names.
    pub(crate) async fn find(&mut self, relation: &[Ident]) -> Result<Listed, SqlError> {
        let (schema, table) = match relation {
            [table] => (PUBLIC, table),
            [schema, table] => (schema_of(schema)?, table),
            [catalog, schema, table] if catalog.value.eq_ignore_ascii_case(CATALOG) => {
                (schema_of(schema)?, table)
            }
            _ => return Err(self.unknown(relation).await),
        };
        let listed = match schema {
            NOW => {
                self.may(Operation::Read)?;
                self.typed().await?
            }
            RECORDS => {
                self.may(Operation::Read)?;
                self.records()
            }
            _ => return self.public(relation, table).await,
        };
        let names: BTreeMap<_, BTreeSet<_>> = fold(listed.iter().map(|table| table.name.as_str()));
        let spelled = pick("table", table, names.get(&table.value.to_lowercase()))?;
        let found = spelled.and_then(|name| listed.into_iter().find(|table| table.name == name));
        if let Some(found) = found {
            return Ok(found);
        }
        // Every type can be named whole.
        let whole = |listed: &&Name| schema == NOW && ***listed == *table.value;
        if let Some(name) = self.types().await?.iter().find(whole) {
            return Ok(Listed {
                schema: NOW,
                name: name.to_string(),
                source: Source::Type(name.clone()),
            });
        }
        Err(self.unknown(relation).await)
    }

    async fn public(&mut self, relation: &[Ident], table: &Ident) -> Result<Listed, SqlError> {
        let known = [
            ("entity", Source::Entities, Operation::Read),
            ("history", Source::History, Operation::History),
            ("rolled", Source::Rolled, Operation::History),
        ];
        let names = fold(known.iter().map(|(name, _, _)| *name));
        let spelled = pick("table", table, names.get(&table.value.to_lowercase()))?;
        let found = known
            .into_iter()
            .find(|(name, _, _)| spelled.as_deref() == Some(*name));
        let Some((name, source, operation)) = found else {
            return Err(self.unknown(relation).await);
        };
        self.may(operation)?;
        Ok(Listed {
            schema: PUBLIC,
            name: name.to_owned(),
            source,
        })
    }

    /// Says that there is no such table, and what may have been meant.
    async fn unknown(&mut self, relation: &[Ident]) -> SqlError {
        let named: Vec<_> = relation.iter().map(|part| part.value.as_str()).collect();
        let last = named.last().map(|name| name.to_lowercase());
        let all = self.all().await.unwrap_or_default();
        let like = all
            .iter()
            .find(|table| Some(table.name.to_lowercase()) == last)
            .map(|table| format!("did you mean {}.\"{}\"?", table.schema, table.name));
        let several = all
            .iter()
            .filter(|table| table.schema == NOW && Some(short(&table.name).to_lowercase()) == last);
        let several: Vec<_> = several.map(|table| table.name.as_str()).collect();
        let hint = match (like, several.as_slice()) {
            (Some(like), _) => like,
            (None, []) => "SHOW TABLES says what there is".to_owned(),
            (None, several) => format!(
                "several types are called so, name one whole and in quotes: {}",
                several.join(", ")
            ),
        };
        SqlError::Invalid {
            reason: format!("there is no table '{}': {hint}", named.join(".")),
            position: relation.first().and_then(place),
        }
    }

    /// A table as the engine reads it.
    pub(crate) async fn open(
        &mut self,
        listed: &Listed,
        moment: &Moment,
    ) -> Result<Arc<dyn TableProvider>, SqlError> {
        let tenant = &self.call.tenant;
        let now = self.parts.broker.now();
        Ok(match &listed.source {
            Source::Entities => {
                let types = self.types().await?.to_vec();
                let store = Arc::clone(self.parts.broker.store());
                Arc::new(entities::Entities::all(store, tenant.clone(), now, types))
            }
            Source::Type(class) => {
                let store = Arc::clone(self.parts.broker.store());
                let table = entities::Entities::of_type(store, tenant.clone(), now, class.clone());
                Arc::new(table.await?)
            }
            Source::History => Arc::new(files::history(&moment.manifest, tenant.as_str())),
            Source::Rolled => Arc::new(files::rolled(&moment.manifest, tenant.as_str())),
            Source::Records(name) => {
                let Ok(table) = self.parts.lake.record_table(tenant, name) else {
                    let reason = format!("the table of records '{name}' was taken away");
                    return Err(SqlError::Changed(reason));
                };
                Arc::new(files::records(&moment.manifest, tenant.as_str(), &table))
            }
        })
    }
}

/// The schema that an identifier names.
fn schema_of(ident: &Ident) -> Result<&'static str, SqlError> {
    let known = [PUBLIC, NOW, RECORDS];
    let found = known
        .into_iter()
        .find(|schema| schema.eq_ignore_ascii_case(&ident.value));
    found.ok_or_else(|| SqlError::Invalid {
        reason: format!(
            "there is no schema '{}': there are {PUBLIC}, {NOW} and {RECORDS}",
            ident.value
        ),
        position: place(ident),
    })
}

/// Names by their lower-case form.
fn fold<'n>(names: impl Iterator<Item = &'n str>) -> BTreeMap<String, BTreeSet<String>> {
    let mut folded: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for name in names {
        let spellings = folded.entry(name.to_lowercase()).or_default();
        spellings.insert(name.to_owned());
    }
    folded
}
