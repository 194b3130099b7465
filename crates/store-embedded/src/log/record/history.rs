//! Edits of history in records.
//!
//! ```text
//! 1 add: type names, scope names, count, attributes
//! 2 remove an attribute: name, 0 all datasets | 1 the default one | 2 dataset name
//! 3 remove an instance: name, instance
//! 4 replace an instance: instance, attribute
//! 5 remove the entity
//! instance: its Seq as varint, its index as varint
//! ```

use base::Seq;
use ngsi::temporal::{HistoryEdit, InstanceId};

use super::bytes::{Malformed, Read, Reader, Writer};
use crate::error::Error;

impl Writer {
    pub(super) fn history(&mut self, edit: &HistoryEdit) -> Result<(), Error> {
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
        Ok(match self.byte()? {
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
