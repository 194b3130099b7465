//! Readings into the store: what is newer than what stands there becomes current, what is older
//! becomes history, and what stands there already is not said again.

use std::collections::HashMap;
use std::sync::Arc;

use base::{Kind, Name, Time};
use broker::command::Upsert;
use broker::{Broker, BrokerError, Command};
use ngsi::parse::Fragment;
use ngsi::{Attribute, Entity};
use ports::StoreError;
use trust::Call;

/// Writes for one feed.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) broker: Arc<Broker>,
    pub(crate) call: Call,
}

/// What one batch has said so far of entities, beyond what stands in the store.
#[derive(Default)]
struct Said(HashMap<Name, HashMap<Name, Time>>);

impl Writer {
    /// Writes fragments, and returns for each why it could not be written. An error is one of the
    /// store or the door: nothing is known to be written, and the same can be tried again.
    pub(crate) async fn write(
        &self,
        fragments: &[Fragment],
    ) -> Result<Vec<Result<(), BrokerError>>, BrokerError> {
        let mut done = Vec::with_capacity(fragments.len());
        // Halves of a batch that failed as a whole wait here: the first half is on top.
        let mut waiting = vec![fragments];
        while let Some(part) = waiting.pop() {
            let commands = self.commands(part).await?;
            match self.broker.apply(&self.call, commands).await {
                Ok(results) => {
                    for result in results {
                        match result {
                            Err(error) if error.kind() == Kind::Unavailable => return Err(error),
                            result => done.push(result.map(|_| ())),
                        }
                    }
                }
                Err(error) if is_passing(&error) => return Err(error),
                Err(error) if part.len() <= 1 => done.push(Err(error)),
                Err(_one_of_them) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    waiting.extend([second, first]);
                }
            }
        }
        Ok(done)
    }

    async fn commands(&self, fragments: &[Fragment]) -> Result<Vec<Command>, StoreError> {
        let mut said = Said::default();
        let mut commands = Vec::with_capacity(fragments.len());
        for fragment in fragments {
            let id = fragment.id.clone().unwrap_or_else(|| Name::from(""));
            let current = self.broker.store().read(&self.call.tenant, &id).await?;
            let entity = current.as_ref().map(|current| &*current.entity);
            commands.push(command(fragment.clone(), &id, entity, &mut said));
        }
        Ok(commands)
    }
}

/// Whether the same can be tried again with hope.
fn is_passing(error: &BrokerError) -> bool {
    matches!(error.kind(), Kind::Unavailable | Kind::Conflict)
}

fn command(
    mut fragment: Fragment,
    id: &Name,
    current: Option<&Entity>,
    said: &mut Said,
) -> Command {
    if let Some(current) = current {
        fragment
            .attributes
            .retain(|new| !stands_there(new, current));
    }
    let known = said.0.entry(id.clone()).or_default();
    let is_late = |new: &Attribute| {
        let Some(at) = new.observed_at else {
            return false;
        };
        let before = current
            .and_then(|entity| entity.attribute(&new.name, new.dataset_id.as_deref()))
            .and_then(|before| before.observed_at);
        before.max(known.get(&new.name).copied()) > Some(at)
    };
    if fragment.attributes.iter().any(is_late) {
        // Of the past only what has a moment can be told.
        fragment.attributes.retain(|new| new.observed_at.is_some());
        return Command::AddHistory {
            fragment,
            must_exist: false,
        };
    }
    for new in &fragment.attributes {
        if let Some(at) = new.observed_at {
            known.insert(new.name.clone(), at);
        }
    }
    Command::Upsert {
        fragment,
        how: Upsert::Update,
        skip_unchanged: true,
    }
}

/// Whether an attribute without a moment says what the entity says already.
fn stands_there(new: &Attribute, current: &Entity) -> bool {
    new.observed_at.is_none()
        && current
            .attribute(&new.name, new.dataset_id.as_deref())
            .is_some_and(|known| {
                known.value == new.value
                    && known.unit_code == new.unit_code
                    && known.expires_at == new.expires_at
                    && known.observed_at.is_none()
                    && known.value_type == new.value_type
                    && known.object_type == new.object_type
                    && new.sub.is_empty()
                    && known.sub.is_empty()
            })
}
