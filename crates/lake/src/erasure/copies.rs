//! Copies that others of the node keep: worlds of snapshots, letters that could not be delivered.

use std::sync::Arc;

use base::{Name, Tenant};
use ngsi::temporal::HistoryEdit;
use ports::{Act, Around, EntityChange, Expect};

use super::Wish;
use super::scan::{Hit, Needles};
use crate::{Lake, LakeError, manifest};

/// Families of docs that hold what was to be delivered.
const LETTERS: [&str; 2] = ["dead-letter", "source-dead-letter"];
/// Docs read at once.
const PAGE: usize = 1_000;

impl Lake {
    /// Deletes the entities in tenants of the node's own, where snapshots are; which there were.
    pub(super) async fn delete_copies(
        &self,
        wish: &Wish,
    ) -> Result<Vec<(Tenant, Name)>, LakeError> {
        let store = Arc::clone(self.parts.broker.store());
        let mut copies = Vec::new();
        let tenants = store.tenants().await?;
        let own = tenants
            .iter()
            .filter(|t| t.is_hidden() && **t != manifest::tenant());
        for tenant in own {
            for id in &wish.subjects {
                let live = store.read(tenant, id).await?;
                let all = ngsi::temporal::Span::all(1);
                if live.is_none() && store.history(tenant, id, &all).await?.is_none() {
                    continue;
                }
                let mut acts = Vec::new();
                if let Some(live) = live {
                    acts.push(Act::Entity {
                        id: id.clone(),
                        expect: Expect::Any,
                        change: EntityChange::Delete {
                            at: self.now(),
                            types: live.entity.types.clone(),
                        },
                        around: Around::default(),
                    });
                }
                acts.push(Act::History {
                    id: id.clone(),
                    edit: HistoryEdit::RemoveEntity,
                });
                self.commit_acts(tenant, acts, None).await?;
                copies.push((tenant.clone(), id.clone()));
            }
        }
        Ok(copies)
    }

    /// Deletes letters that speak of the entities; how many.
    pub(super) async fn delete_letters(&self, wish: &Wish) -> Result<u64, LakeError> {
        let store = Arc::clone(self.parts.broker.store());
        let needles = Needles::new(&wish.subjects);
        let mut deleted = 0;
        for tenant in store.tenants().await? {
            for family in LETTERS {
                let mut after: Option<Name> = None;
                loop {
                    let docs = store.docs(&tenant, family, after.as_deref(), PAGE).await?;
                    let Some(last) = docs.last() else { break };
                    after = Some(last.id.clone());
                    let theirs = docs.iter().filter(|doc| {
                        needles.first(doc.body.to_string().as_bytes()) == Some(Hit::Whole)
                    });
                    let acts = theirs.map(|doc| Act::Doc {
                        kind: doc.kind.clone(),
                        id: doc.id.clone(),
                        expect: Expect::Any,
                        body: None,
                    });
                    let acts: Vec<Act> = acts.collect();
                    deleted += acts.len() as u64;
                    if !acts.is_empty() {
                        self.commit_acts(&tenant, acts, None).await?;
                    }
                }
            }
        }
        Ok(deleted)
    }
}
