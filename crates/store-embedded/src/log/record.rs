//! What a record of the log says: one batch.
//!
//! ```text
//! format, 1 · time as zigzag · tenant text · 0 | 1 cursor: text, varint · count of acts
//! act: 1 put: id text, entity            2 patch: id text, delta
//!      3 delete: id text, time, type names   4 history: id text, edit
//!      5 doc: kind name, id text, JSON       6 doc removed: kind name, id text
//! ```
//!
//! The pieces are laid out in `bytes`, `value`, `entity` and `history`. A record is read without
//! any other record, so a batch names in full what it names, once. What a writer expected is not
//! kept: a batch in the log was true when it was written.

mod bytes;
mod entity;
mod history;
mod value;

use std::sync::Arc;

use base::{Name, Seq, Tenant, Time};
use ports::{Act, Around, Batch, Change, EntityChange, Fact};

use crate::error::Error;
use crate::history::Sighting;
pub(crate) use bytes::Malformed;
use bytes::{Read, Reader, Writer};

const FORMAT: u8 = 1;
/// Bytes of one encoded batch: the largest body with room for what the node adds.
pub(crate) const BATCH_BYTES_MAX: usize = 64 << 20;

/// A batch as the log has it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Logged {
    pub(crate) tenant: Tenant,
    pub(crate) time: Time,
    pub(crate) cursor: Option<(Name, Seq)>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) seen: Seen,
}

/// By the place of an edit in its batch: where the instance is that it speaks of.
pub(crate) type Seen = Vec<(usize, Sighting)>;

impl Logged {
    /// The batch without its expectations.
    pub(crate) fn from_batch(batch: Batch, seen: Seen) -> Self {
        let Batch {
            tenant,
            time,
            acts,
            cursor,
        } = batch;
        let facts = acts.into_iter().map(|act| match act {
            Act::Entity {
                id, change, around, ..
            } => Fact::Entity { id, change, around },
            Act::History { id, edit } => Fact::History { id, edit },
            Act::Doc { kind, id, body, .. } => Fact::Doc { kind, id, body },
        });
        Self {
            tenant,
            time,
            cursor,
            facts: facts.collect(),
            seen,
        }
    }

    /// The changes of this batch, which begins at `first`.
    pub(crate) fn changes(&self, first: Seq) -> impl Iterator<Item = Change> + '_ {
        self.facts.iter().zip(first.0..).map(|(fact, seq)| Change {
            seq: Seq(seq),
            tenant: self.tenant.clone(),
            time: self.time,
            fact: fact.clone(),
        })
    }
}

/// The bytes of a batch; an error when it is more than can be read back.
pub(crate) fn encode(batch: &Batch, seen: &[(usize, Sighting)]) -> Result<Vec<u8>, Error> {
    let mut writer = Writer::new(batch.time);
    writer.byte(FORMAT);
    writer.zigzag(batch.time.0);
    writer.text(batch.tenant.as_str());
    writer.byte(u8::from(batch.cursor.is_some()));
    if let Some((name, seq)) = &batch.cursor {
        writer.text(name);
        writer.varint(seq.0);
    }
    writer.varint(batch.acts.len() as u64);
    for (place, act) in batch.acts.iter().enumerate() {
        let seen = seen.iter().find(|(of, _)| *of == place);
        writer.act(act, seen.map(|(_, seen)| seen))?;
        let found = writer.out.len();
        if found > BATCH_BYTES_MAX {
            return Err(Error::Limit {
                what: "the bytes of a batch",
                found,
                max: BATCH_BYTES_MAX,
            });
        }
    }
    Ok(writer.out)
}

/// Reads a batch back.
pub(crate) fn decode(bytes: &[u8]) -> Result<Logged, Malformed> {
    let mut reader = Reader::new(bytes);
    if reader.byte()? != FORMAT {
        return Err(Malformed("a record has a format of another version"));
    }
    reader.time = Time(reader.zigzag()?);
    let tenant =
        Tenant::new(reader.text()?).map_err(|_invalid| Malformed("a tenant has no such name"))?;
    let cursor = if reader.flag()? {
        Some((Name::from(reader.text()?), Seq(reader.varint()?)))
    } else {
        None
    };
    let count = reader.count()?;
    let mut seen = Seen::new();
    let fact = |place| {
        let fact = reader.fact()?;
        seen.extend(reader.seen.take().map(|seen| (place, seen)));
        Ok(fact)
    };
    let facts = (0..count).map(fact).collect::<Read<Vec<_>>>()?;
    if !reader.rest.is_empty() {
        return Err(Malformed("a record is longer than its batch"));
    }
    Ok(Logged {
        tenant,
        time: reader.time,
        cursor,
        facts,
        seen,
    })
}

/// When a batch was committed, without reading the rest.
pub(crate) fn time(bytes: &[u8]) -> Result<Time, Malformed> {
    let mut reader = Reader::new(bytes);
    if reader.byte()? != FORMAT {
        return Err(Malformed("a record has a format of another version"));
    }
    Ok(Time(reader.zigzag()?))
}

impl Writer {
    fn act(&mut self, act: &Act, seen: Option<&Sighting>) -> Result<(), Error> {
        match act {
            Act::Entity {
                id,
                change: EntityChange::Put(entity),
                ..
            } => {
                self.byte(1);
                self.text(id);
                self.entity(entity)?;
            }
            Act::Entity {
                id,
                change: EntityChange::Patch { delta, .. },
                ..
            } => {
                self.byte(2);
                self.text(id);
                self.delta(delta)?;
            }
            Act::Entity {
                id,
                change: EntityChange::Delete { at, types },
                ..
            } => {
                self.byte(3);
                self.text(id);
                self.time(*at);
                self.names(types);
            }
            Act::History { id, edit } => {
                self.byte(4);
                self.text(id);
                self.history(edit, seen)?;
            }
            Act::Doc { kind, id, body, .. } => {
                self.byte(if body.is_some() { 5 } else { 6 });
                self.name(kind);
                self.text(id);
                body.iter().try_for_each(|body| self.value(body, 0))?;
            }
        }
        Ok(())
    }
}

impl Reader<'_> {
    fn fact(&mut self) -> Read<Fact> {
        let tag = self.byte()?;
        if matches!(tag, 5 | 6) {
            let (kind, id) = (self.name()?, Name::from(self.text()?));
            let body = if tag == 5 {
                Some(Arc::new(self.value(0)?))
            } else {
                None
            };
            return Ok(Fact::Doc { kind, id, body });
        }
        let id = Name::from(self.text()?);
        let change = match tag {
            1 => EntityChange::Put(Arc::new(self.entity(id.clone())?)),
            2 => EntityChange::Patch {
                delta: self.delta()?,
            },
            3 => EntityChange::Delete {
                at: self.time()?,
                types: self.names()?,
            },
            4 => {
                return Ok(Fact::History {
                    edit: self.history()?,
                    id,
                });
            }
            _ => return Err(Malformed("an act of unknown kind")),
        };
        let around = Around::default();
        Ok(Fact::Entity { id, change, around })
    }
}

#[cfg(test)]
mod tests;
