//! The part of a read that left the store: rows of the archive as rows of a series.

use std::collections::VecDeque;
use std::sync::Arc;

use base::{Name, Seq, Tenant, Time};
use ngsi::temporal::Span;
use parking_lot::RwLock;
use ports::{Archive, PastAsk, PastReader, PastRow, PastValue};

use super::names::Names;
use super::row::{Row, RowValue, SeriesKey};
use super::window::Window;
use super::{History, Inner};
use crate::Error;

/// A read of an entity's archived history.
#[derive(Debug)]
pub(super) struct Archived {
    reader: Box<dyn PastReader>,
    names: Arc<RwLock<Names>>,
    /// The series that may have rows.
    pub(super) series: Vec<SeriesKey>,
    /// The change up to which the archive has all, what was taken out included.
    handed: Seq,
    room: Vec<PastRow>,
}

impl Archived {
    fn begin(
        archive: &dyn Archive,
        names: &Arc<RwLock<Names>>,
        ask: PastAsk,
        handed: Seq,
    ) -> Result<Self, Error> {
        let mut reader = archive.read(ask)?;
        let found = reader.series()?;
        let series = found.iter().map(|(name, dataset)| SeriesKey {
            name: number(names, Some(name)),
            dataset: number(names, dataset.as_ref()),
        });
        Ok(Self {
            series: series.collect(),
            reader,
            names: Arc::clone(names),
            handed,
            room: Vec::new(),
        })
    }

    /// Appends the next rows of a series where they belong in the order of moments; none: there
    /// are no more.
    pub(super) fn next(
        &mut self,
        series: SeriesKey,
        last: bool,
        rows: &mut VecDeque<Row>,
    ) -> Result<(), Error> {
        let text = |number| self.names.read().text(number).cloned();
        let Some(name) = text(series.name) else {
            return Ok(());
        };
        let dataset = text(series.dataset);
        self.room.clear();
        let (reader, room) = (&mut self.reader, &mut self.room);
        reader.next(&name, dataset.as_ref(), room)?;
        for row in self.room.drain(..) {
            let mut row = row_of(row, &self.names);
            if !row.is_instance() {
                // The archive has cut it; what the store took out since is of all within it.
                row.arrived.seq = self.handed;
            }
            if last {
                rows.push_front(row);
            } else {
                rows.push_back(row);
            }
        }
        Ok(())
    }
}

/// The number of a text; nearly always it has one.
fn number(names: &RwLock<Names>, text: Option<&Name>) -> u32 {
    let Some(text) = text else { return 0 };
    let known = names.read().known(text);
    known.unwrap_or_else(|| names.write().number(text))
}

fn row_of(row: PastRow, names: &RwLock<Names>) -> Row {
    Row {
        moment: row.moment.0,
        observed: row.observed,
        modified: row.modified_at.0,
        created: row.created_at.0,
        unit: number(names, row.unit_code.as_ref()),
        value_type: number(names, row.value_type.as_ref()),
        id: row.id,
        arrived: row.arrived,
        value: match row.value {
            PastValue::Int(int) => RowValue::Int(int),
            PastValue::Float(float) => RowValue::Float(float),
            PastValue::Deleted => RowValue::Deleted,
            PastValue::Wide(attribute) => RowValue::Whole(attribute),
            PastValue::Rolled(rolled) => RowValue::Rolled(rolled),
        },
    }
}

impl History {
    /// Where history that is given away can be read from now on; it has all up to `handed`.
    pub(crate) fn keep_in(&self, archive: Arc<dyn Archive>, handed: Seq) {
        self.lend();
        self.inner.write().handed = handed;
        let _kept_already = self.archive.set(archive);
    }

    /// Shows the store at one moment and a read of the archive as it was no later: what is not in
    /// this read is still in the store.
    pub(super) fn at_one_moment<T>(
        &self,
        tenant: &Tenant,
        id: &str,
        span: &Span,
        take: impl FnOnce(&Inner, Option<Archived>) -> T,
    ) -> Result<T, Error> {
        loop {
            let (given, handed) = {
                let inner = self.inner.read();
                (inner.given, inner.handed)
            };
            let archive = self.archive.get();
            let archived = archive.map(|archive| {
                let window = Window::new(span, &[]);
                let ask = PastAsk {
                    tenant: tenant.clone(),
                    entity: Name::from(id),
                    attributes: span.attributes.clone(),
                    moments: (Time(window.from), Time(window.until)),
                    last: span.last,
                };
                Archived::begin(&**archive, &self.names, ask, handed)
            });
            let archived = archived.transpose()?;
            let inner = self.inner.read();
            if archived.is_none()
                && let Some(hollow) = inner.segments.iter().rfind(|segment| segment.hollow)
            {
                return Err(Error::Given(hollow.to));
            }
            if inner.given == given {
                return Ok(take(&inner, archived));
            }
        }
    }
}
