//! A dry run: what a definition would make of samples. Nothing is written.

use base::Time;
use bytes::Bytes;
use jsonld::Context;
use ngsi::render::{Out, Renderer};
use serde::Serialize;
use serde_json::Value;

use crate::decode::{Form, Payload, Piece};
use crate::definition::Definition;
use crate::error::FeedError;
use crate::feeds::Feeds;

/// Samples of one dry run.
pub(crate) const SAMPLES_MAX: usize = 100;
/// Entities that are shown of one sample; the others are counted.
const SHOWN_MAX: usize = 100;

/// A payload to try a definition on.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Where it would be published.
    pub topic: String,
    /// What it would say.
    pub payload: Bytes,
    /// How it is written, if otherwise than the definition says.
    pub form: Option<Form>,
}

/// What would become of a sample.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tried {
    /// Records in it.
    pub received: u64,
    /// Of those: would be stored, as far as can be said without the store.
    pub accepted: u64,
    /// Of those: would not.
    pub refused: u64,
    /// The entities, normalized under the core context; the first hundred.
    pub entities: Vec<Value>,
    /// Why others are none, or what would be missing of them.
    pub reasons: Vec<String>,
}

impl Feeds {
    /// Tries a definition on samples.
    pub async fn try_out(
        &self,
        definition: &Definition,
        samples: &[Sample],
    ) -> Result<Vec<Tried>, FeedError> {
        let codec = self.codec("trial", definition)?;
        let now = self.parts.clock.now();
        let mut all = Vec::with_capacity(samples.len());
        for sample in samples {
            let payload = Payload {
                bytes: &sample.payload,
                topic: &sample.topic,
                form: sample.form,
                arrived: now,
            };
            let mut tried = Tried::default();
            for piece in codec.decode(payload).await {
                tried.take(piece, now);
            }
            all.push(tried);
        }
        Ok(all)
    }
}

impl Tried {
    fn take(&mut self, piece: Piece, now: Time) {
        self.received += 1;
        match piece {
            Piece::More(count) => {
                self.received += count - 1;
                self.refused += count;
            }
            Piece::Refused(refusal) => {
                self.refused += 1;
                if self.reasons.len() < SHOWN_MAX {
                    self.reasons.push(refusal.reason);
                }
            }
            Piece::Made {
                fragment, without, ..
            } => {
                self.accepted += 1;
                let left = SHOWN_MAX.saturating_sub(self.reasons.len());
                let reasons = without.into_iter().take(left);
                self.reasons
                    .extend(reasons.map(|reason| format!("{reason}; taken without")));
                if self.entities.len() >= SHOWN_MAX {
                    return;
                }
                if let Some(entity) = fragment.into_entity(now) {
                    let core = Context::core();
                    let mut out = Out::with_capacity(512);
                    Renderer::new(&core, now).entity(&mut out, &entity, None);
                    let text = out.into_string();
                    self.entities.extend(serde_json::from_str::<Value>(&text));
                }
            }
        }
    }
}
