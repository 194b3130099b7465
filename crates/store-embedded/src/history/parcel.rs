//! Parcels: rows with the texts of their names, for whoever takes them over.

use base::{Name, Seq, Tenant, Time};
use ports::{Cut, PastRow, PastValue};

use super::hollow::Taken;
use super::merge::Whose;
use super::names::Names;
use super::row::{Row, RowValue};
use super::{History, split_owner};
use crate::Error;

/// Rows of a series that are given at once.
const PART_ROWS: usize = 8_192;

/// A series of a parcel, without the types of its entity.
#[derive(Debug)]
pub(crate) struct PartOf {
    pub(crate) tenant: Tenant,
    pub(crate) entity: Name,
    pub(crate) name: Name,
    pub(crate) dataset_id: Option<Name>,
}

/// The rows of a parcel, part by part.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) taken: Taken,
    /// The group that comes next.
    next: Option<Whose>,
    group: Vec<Row>,
}

impl Parts {
    /// All that arrived with the changes of the range.
    pub(crate) fn new(taken: Taken) -> Self {
        Self {
            taken,
            next: None,
            group: Vec::new(),
        }
    }

    /// The first and the last change.
    pub(crate) fn range(&self) -> (Seq, Seq) {
        (self.taken.from, self.taken.until)
    }

    /// Appends the next rows, all of one series; `None`: there are no more.
    pub(crate) fn next(
        &mut self,
        history: &History,
        rows: &mut Vec<PastRow>,
    ) -> Result<Option<PartOf>, Error> {
        if self.next.is_none() {
            self.next = self.taken.next(&mut self.group)?;
        }
        let Some((owner, series)) = self.next.take() else {
            return Ok(None);
        };
        let damaged = || {
            let owner = String::from_utf8_lossy(&owner).into_owned();
            Error::corrupt(
                &history.dir,
                0,
                format!("an instance of '{owner}' cannot be read"),
            )
        };
        let (tenant, entity) = split_owner(&owner).ok_or_else(damaged)?;
        let names = history.names.read();
        let name = names.text(series.name).ok_or_else(damaged)?.clone();
        let dataset_id = names.text(series.dataset).cloned();
        let begin = rows.len();
        loop {
            for row in self.group.drain(..) {
                let row = row_of(&row, &name, dataset_id.as_ref(), &names);
                rows.push(row.ok_or_else(damaged)?);
            }
            self.next = self.taken.next(&mut self.group)?;
            let goes_on = self
                .next
                .as_ref()
                .is_some_and(|next| (&next.0, next.1) == (&owner, series));
            if !goes_on || rows.len() - begin >= PART_ROWS {
                break;
            }
        }
        Ok(Some(PartOf {
            tenant,
            entity,
            name,
            dataset_id,
        }))
    }

    /// What the changes of the range took out.
    pub(crate) fn cuts(&self, history: &History) -> Vec<Cut> {
        history.cuts(&self.taken)
    }
}

fn row_of(row: &Row, name: &Name, dataset_id: Option<&Name>, names: &Names) -> Option<PastRow> {
    let value = match &row.value {
        RowValue::Int(int) => PastValue::Int(*int),
        RowValue::Float(float) => PastValue::Float(*float),
        RowValue::Deleted => PastValue::Deleted,
        _ => PastValue::Wide(Box::new(row.attribute(name, dataset_id, names)?)),
    };
    Some(PastRow {
        moment: Time(row.moment),
        observed: row.observed,
        modified_at: Time(row.modified),
        created_at: Time(row.created),
        unit_code: names.text(row.unit).cloned(),
        value_type: names.text(row.value_type).cloned(),
        id: row.id,
        arrived: row.arrived,
        value,
    })
}
