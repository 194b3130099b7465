//! Edits of history in records.
//!
//! ```text
//! 1 add: type names, scope names, count, attributes
//! 2 remove an attribute: name, 0 all datasets | 1 the default one | 2 dataset name
//! 3 remove an instance: name, instance
//! 4 replace an instance: instance, attribute
//! 5 remove the entity
//! 6 seen: dataset flag (and name), moment, 0 | 1 observed, instance; then an edit of those above
//! instance: its Seq as varint, its index as varint
//! ```

use base::{Seq, Time};
use ngsi::temporal::{HistoryEdit, InstanceId};

use super::bytes::{Malformed, Read, Reader, Writer};
use crate::error::Error;
use crate::history::Sighting;

impl Writer {
    pub(super) fn history(
        &mut self,
        edit: &HistoryEdit,
        seen: Option<&Sighting>,
    ) -> Result<(), Error> {
        if let Some(seen) = seen {
            self.byte(6);
            self.byte(u8::from(seen.dataset_id.is_some()));
            if let Some(dataset) = &seen.dataset_id {
                self.name(dataset);
            }
            self.zigzag(seen.moment.0);
            self.byte(u8::from(seen.observed));
            self.instance(seen.arrived);
        }
        match edit {
            HistoryEdit::Add {
                types,
                scope,
                instances,
            } => {
                self.byte(1);
                self.names(types);
                self.names(scope);
                self.attributes(instances, 0)?;
            }
            HistoryEdit::RemoveAttribute { name, dataset_id } => {
                self.byte(2);
                self.name(name);
                match dataset_id {
                    None => self.byte(0),
                    Some(None) => self.byte(1),
                    Some(Some(dataset)) => {
                        self.byte(2);
                        self.name(dataset);
                    }
                }
            }
            HistoryEdit::RemoveInstance { name, instance } => {
                self.byte(3);
                self.name(name);
                self.instance(*instance);
            }
            HistoryEdit::ReplaceInstance {
                instance,
                attribute,
            } => {
                self.byte(4);
                self.instance(*instance);
                self.attribute(attribute, 0)?;
            }
            HistoryEdit::RemoveEntity => self.byte(5),
        }
        Ok(())
    }

    fn instance(&mut self, instance: InstanceId) {
        self.varint(instance.seq.0);
        self.varint(u64::from(instance.index));
    }
}

impl Reader<'_> {
    pub(super) fn history(&mut self) -> Read<HistoryEdit> {
        let mut tag = self.byte()?;
        if tag == 6 {
            self.seen = Some(Sighting {
                dataset_id: if self.flag()? {
                    Some(self.name()?)
                } else {
                    None
                },
                moment: Time(self.zigzag()?),
                observed: self.flag()?,
                arrived: self.instance()?,
            });
            tag = self.byte()?;
        }
        Ok(match tag {
            1 => HistoryEdit::Add {
                types: self.names()?,
                scope: self.names()?,
                instances: self.attributes(0)?,
            },
            2 => HistoryEdit::RemoveAttribute {
                name: self.name()?,
                dataset_id: match self.byte()? {
                    0 => None,
                    1 => Some(None),
                    2 => Some(Some(self.name()?)),
                    _ => return Err(Malformed("a dataset of unknown kind")),
                },
            },
            3 => HistoryEdit::RemoveInstance {
                name: self.name()?,
                instance: self.instance()?,
            },
            4 => HistoryEdit::ReplaceInstance {
                instance: self.instance()?,
                attribute: self.attribute(0)?,
            },
            5 => HistoryEdit::RemoveEntity,
            _ => return Err(Malformed("an edit of unknown kind")),
        })
    }

    fn instance(&mut self) -> Read<InstanceId> {
        let seq = Seq(self.varint()?);
        let index =
            u32::try_from(self.varint()?).map_err(|_large| Malformed("an index is too large"))?;
        Ok(InstanceId { seq, index })
    }
}
