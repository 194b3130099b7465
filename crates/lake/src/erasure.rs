//! Erasure: all that the node has of some entities leaves every tier, and a receipt says so.
//!
//! In this order: the entities and their history are deleted by the door; copies that others of
//! the node keep go too; the lake hears of it and its files are written anew, record tables with a
//! subject column among them; then the store writes its files anew and drops the log, once all
//! tails have read it. At last every file is read again, and the receipt says what was found. It is
//! kept for good and names nobody: only salted hashes of the identifiers.
//!
//! Limit: notifications that were delivered, copies that others took, and backups are elsewhere;
//! backups are treated by the same code on their folder.

mod copies;
mod receipt;
mod records;
mod scan;

use std::sync::Arc;

use base::{Name, Tenant, Time};
use broker::{BrokerError, Command};
use ngsi::temporal::HistoryEdit;
use ports::{Act, Batch, Forgotten};
use serde_json::Value;
use trust::Call;

pub use receipt::{Receipt, State as Standing};

use crate::{Lake, LakeError};

/// Entities of one erasure.
pub const SUBJECTS_MAX: usize = 100;
/// Bytes of an identifier.
pub const SUBJECT_BYTES_MAX: usize = 2_048;
/// Characters of a reason.
pub const REASON_CHARS_MAX: usize = 1_000;
/// For so long tails and readers are waited for, in microseconds.
const PATIENCE_MICROS: i64 = 600_000_000;
/// Between two looks at them, in microseconds.
const PAUSE_MICROS: i64 = 500_000;

/// One erasure at a time.
#[derive(Debug, Default)]
pub(crate) struct State {
    running: tokio::sync::Mutex<()>,
}

/// What is to be erased.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Whose world.
    pub tenant: Tenant,
    /// The identifiers of the entities.
    pub subjects: Vec<Name>,
    /// Why; it is kept.
    pub reason: String,
    /// Who wants it.
    pub by: String,
    /// Whether nobody follows the log, as in a backup: then nobody is waited for.
    pub offline: bool,
}

impl Wish {
    /// Refuses what cannot be done, or would leave a trace in the receipt.
    pub fn check(&self) -> Result<(), LakeError> {
        let invalid = |what: String| Err(LakeError::Invalid(what));
        if !(1..=SUBJECTS_MAX).contains(&self.subjects.len()) {
            return invalid(format!("'subjects' names 1 to {SUBJECTS_MAX} entities"));
        }
        let is_id = |id: &Name| id.contains(':') && id.len() <= SUBJECT_BYTES_MAX;
        if !self.subjects.iter().all(is_id) {
            let max = SUBJECT_BYTES_MAX;
            return invalid(format!(
                "each of 'subjects' is a URI of at most {max} bytes"
            ));
        }
        if !(1..=REASON_CHARS_MAX).contains(&self.reason.chars().count()) {
            return invalid(format!(
                "'reason' says in 1 to {REASON_CHARS_MAX} characters why"
            ));
        }
        if self.subjects.iter().any(|id| self.reason.contains(&**id)) {
            let what = "'reason' is kept: leave the identifiers out of it";
            return invalid(what.to_owned());
        }
        Ok(())
    }
}

impl Lake {
    /// Erases, and gives the receipt, which is kept already.
    pub async fn erase(self: &Arc<Self>, wish: Wish) -> Result<Receipt, LakeError> {
        wish.check()?;
        let Ok(_alone) = self.erasure.running.try_lock() else {
            let what = "an erasure is under way: wait until its receipt is there";
            return Err(LakeError::Conflict(what.to_owned()));
        };
        let mut receipt = Receipt::begin(&wish, &*self.parts.entropy, self.now());
        self.keep_receipt(&wish.tenant, &receipt).await?;
        let erased = self.erase_all(&wish, &mut receipt).await;
        receipt.end(self.now(), erased.as_ref().err().map(ToString::to_string));
        self.keep_receipt(&wish.tenant, &receipt).await?;
        erased.map(|()| receipt)
    }

    async fn erase_all(
        self: &Arc<Self>,
        wish: &Wish,
        receipt: &mut Receipt,
    ) -> Result<(), LakeError> {
        receipt.history = self.count_sealed(wish).await?;
        receipt.entities = self.delete(wish).await?;
        let mut everywhere: Vec<(Tenant, Name)> = wish
            .subjects
            .iter()
            .map(|id| (wish.tenant.clone(), id.clone()))
            .collect();
        let copies = self.delete_copies(wish).await?;
        receipt.copies = copies.len() as u64;
        everywhere.extend(copies);
        receipt.records = self.erase_records(wish).await?;
        let until = self.now().plus_micros(PATIENCE_MICROS);
        loop {
            receipt.letters += self.delete_letters(wish).await?;
            let forgotten = self.forget(wish, &everywhere).await?;
            receipt.store.0 += forgotten.rewritten;
            receipt.store.1 += forgotten.removed;
            let held = self.remove_gone().await?;
            receipt.waits_for = forgotten.waits_for;
            if held > 0 {
                receipt.waits_for.push(Name::from("readers of the lake"));
            }
            if receipt.waits_for.is_empty() || self.now() >= until {
                break;
            }
            self.pause().await?;
        }
        let scanned = self.scan_for(wish, &everywhere).await?;
        receipt.scanned = Some(scanned);
        Ok(())
    }

    /// Deletes the entities and their history by the door; how many there were.
    async fn delete(&self, wish: &Wish) -> Result<u64, LakeError> {
        let call = Call::of_the_node(wish.tenant.clone());
        let mut found = 0;
        for id in &wish.subjects {
            let deletion = Command::Delete { id: id.clone() };
            let removal = Command::EditHistory {
                id: id.clone(),
                edit: HistoryEdit::RemoveEntity,
            };
            let mut was_there = false;
            for command in [deletion, removal] {
                match self.parts.broker.apply_one(&call, command).await {
                    Ok(_) => was_there = true,
                    Err(BrokerError::EntityUnknown { .. }) => {}
                    Err(error) => return Err(LakeError::GivenUp(error.to_string())),
                }
            }
            found += u64::from(was_there);
        }
        Ok(found)
    }

    /// The lake hears of what was taken out, then the store writes its files anew.
    async fn forget(
        self: &Arc<Self>,
        wish: &Wish,
        everywhere: &[(Tenant, Name)],
    ) -> Result<Forgotten, LakeError> {
        self.seal_cuts().await?;
        let Some(past) = &self.parts.past else {
            return Ok(Forgotten::default());
        };
        let Some(forget) = past.forgets() else {
            return Ok(Forgotten::default());
        };
        let forgotten = forget.forget(everywhere).await?;
        if !wish.offline || forgotten.waits_for.is_empty() {
            return Ok(forgotten);
        }
        for tail in &forgotten.waits_for {
            let head = self.parts.broker.store().head();
            self.commit_acts(
                &Tenant::default_tenant(),
                Vec::new(),
                Some((tail.clone(), head)),
            )
            .await?;
        }
        let again = forget.forget(everywhere).await?;
        Ok(Forgotten {
            rewritten: forgotten.rewritten + again.rewritten,
            removed: forgotten.removed + again.removed,
            waits_for: again.waits_for,
        })
    }

    async fn pause(&self) -> Result<(), LakeError> {
        let until = self.now().plus_micros(PAUSE_MICROS);
        tokio::select! {
            biased;
            () = self.parts.tasks.stopped() => {
                Err(LakeError::GivenUp("the node stops; say it again".to_owned()))
            }
            () = self.parts.clock.sleep_until(until) => Ok(()),
        }
    }

    async fn commit_acts(
        &self,
        tenant: &Tenant,
        acts: Vec<Act>,
        cursor: Option<(Name, base::Seq)>,
    ) -> Result<(), LakeError> {
        let batch = Batch {
            tenant: tenant.clone(),
            time: self.now(),
            acts,
            cursor,
        };
        self.parts.broker.store().commit(batch).await?;
        Ok(())
    }

    /// A receipt as it is kept.
    pub async fn receipt(
        &self,
        tenant: &Tenant,
        id: &str,
    ) -> Result<Option<Arc<Value>>, LakeError> {
        let store = self.parts.broker.store();
        let doc = store.doc(tenant, receipt::KIND, id).await?;
        Ok(doc.map(|doc| doc.body))
    }

    /// The first `limit` receipts of a tenant after one, by id: from the oldest on.
    pub async fn receipts(
        &self,
        tenant: &Tenant,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Arc<Value>>, LakeError> {
        let store = self.parts.broker.store();
        let docs = store.docs(tenant, receipt::KIND, after, limit).await?;
        Ok(docs.into_iter().map(|doc| doc.body).collect())
    }

    async fn keep_receipt(&self, tenant: &Tenant, receipt: &Receipt) -> Result<(), LakeError> {
        let act = Act::Doc {
            kind: Name::from(receipt::KIND),
            id: Name::from(receipt.id.as_str()),
            expect: ports::Expect::Any,
            body: Some(Arc::new(receipt.to_json())),
        };
        self.commit_acts(tenant, vec![act], None).await
    }
}

/// When a receipt was begun, as part of its id: ids are in order of time.
fn in_order(at: Time) -> String {
    format!("{:016x}", at.0.max(0))
}
