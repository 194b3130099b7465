//! Graves: what was taken out of history, and which of the rows that fall together count.
//!
//! A grave hides every row in its reach that arrived before it, wherever that row lies, so graves
//! and rows may be merged in any order; the rows go for good when segments are merged.

use base::Seq;
use ngsi::temporal::InstanceId;

use super::bytes::{Input, put, put_signed};
use super::row::{Row, SeriesKey};

/// Rows of one entity that are gone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Grave {
    /// The change that took them: rows that arrived earlier are gone.
    pub(super) at: Seq,
    /// Which.
    pub(super) reach: Reach,
}

/// Which rows of an entity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Reach {
    /// All.
    Entity,
    /// Of an attribute: of one dataset, or of all.
    Attribute(u32, Option<u32>),
    /// Of a series, observed at that time: also those that were hidden by the one taken out.
    Observed(SeriesKey, i64),
    /// Of a series, that one.
    Instance(SeriesKey, InstanceId),
}

impl Grave {
    /// Whether it hides the row.
    pub(super) fn hides(&self, series: SeriesKey, row: &Row) -> bool {
        row.arrived.seq < self.at
            && match self.reach {
                Reach::Entity => true,
                Reach::Attribute(name, dataset) => {
                    name == series.name && dataset.is_none_or(|d| d == series.dataset)
                }
                Reach::Observed(key, time) => {
                    let is_then = row.observed && row.moment == time;
                    key == series && is_then && row.is_instance()
                }
                Reach::Instance(key, id) => key == series && row.id == id && row.is_instance(),
            }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put(out, self.at.0);
        match self.reach {
            Reach::Entity => out.push(0),
            Reach::Attribute(name, None) => {
                out.push(1);
                put(out, name.into());
            }
            Reach::Attribute(name, Some(dataset)) => {
                out.push(2);
                put_series(out, SeriesKey { name, dataset });
            }
            Reach::Observed(series, time) => {
                out.push(3);
                put_series(out, series);
                put_signed(out, time);
            }
            Reach::Instance(series, id) => {
                out.push(4);
                put_series(out, series);
                put(out, id.seq.0);
                put(out, id.index.into());
            }
        }
    }

    pub(super) fn decode(input: &mut Input<'_>) -> Option<Self> {
        let at = Seq(input.number()?);
        let reach = match input.byte()? {
            0 => Reach::Entity,
            1 => Reach::Attribute(input.small()?, None),
            2 => Reach::Attribute(input.small()?, Some(input.small()?)),
            3 => Reach::Observed(series(input)?, input.signed()?),
            4 => {
                let series = series(input)?;
                let id = InstanceId {
                    seq: Seq(input.number()?),
                    index: input.small()?,
                };
                Reach::Instance(series, id)
            }
            _ => return None,
        };
        Some(Self { at, reach })
    }
}

fn put_series(out: &mut Vec<u8>, series: SeriesKey) {
    put(out, series.name.into());
    put(out, series.dataset.into());
}

fn series(input: &mut Input<'_>) -> Option<SeriesKey> {
    Some(SeriesKey {
        name: input.small()?,
        dataset: input.small()?,
    })
}

/// Leaves of the rows of one series and moment those that count, by id: of those observed then the
/// one that came last, each other once, none that a grave hides.
pub(super) fn settle(series: SeriesKey, rows: &mut Vec<Row>, graves: &[Grave]) {
    if rows.len() > 1 {
        rows.sort_by_key(|row| (row.is_instance(), row.observed, row.arrived));
        rows.dedup_by(|later, earlier| {
            let alike = earlier.observed == later.observed && earlier.is_instance();
            // What is not observed counts each, but a row that comes from two places is one.
            let same = alike && (later.observed || later.arrived == earlier.arrived);
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
    }
    if !graves.is_empty() {
        rows.retain(|row| !graves.iter().any(|grave| grave.hides(series, row)));
    }
    if rows.len() > 1 {
        rows.sort_by_key(|row| row.id);
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::RowValue;
    use super::*;

    fn row(observed: bool, seq: u64) -> Row {
        let id = InstanceId {
            seq: Seq(seq),
            index: 0,
        };
        Row {
            moment: 5,
            observed,
            modified: 5,
            created: 5,
            unit: 0,
            value_type: 0,
            id,
            arrived: id,
            value: RowValue::Int(1),
        }
    }

    #[test]
    fn of_rows_observed_at_one_time_the_last_counts_and_the_others_stay() {
        let mut rows = vec![
            row(true, 4),
            row(false, 2),
            row(true, 9),
            row(false, 2),
            row(false, 3),
        ];
        settle(SeriesKey::MIN, &mut rows, &[]);
        assert_eq!(rows, [row(false, 2), row(false, 3), row(true, 9)]);
    }

    #[test]
    fn a_row_hidden_by_a_later_one_does_not_come_back_when_that_is_taken_out() {
        let grave = Grave {
            at: Seq(10),
            reach: Reach::Observed(SeriesKey::MIN, 5),
        };
        let mut rows = vec![row(true, 4), row(true, 9)];
        settle(SeriesKey::MIN, &mut rows, &[grave]);
        assert!(rows.is_empty());
        let mut alone = vec![row(true, 4)];
        settle(SeriesKey::MIN, &mut alone, &[grave]);
        assert!(alone.is_empty());
    }

    #[test]
    fn graves_read_back() {
        let series = SeriesKey {
            name: 7,
            dataset: 300,
        };
        let id = InstanceId {
            seq: Seq(1 << 40),
            index: 9,
        };
        for reach in [
            Reach::Entity,
            Reach::Attribute(3, None),
            Reach::Attribute(3, Some(0)),
            Reach::Observed(series, -5),
            Reach::Instance(series, id),
        ] {
            let grave = Grave { at: Seq(77), reach };
            let mut bytes = Vec::new();
            grave.encode(&mut bytes);
            assert_eq!(Grave::decode(&mut Input(&bytes)), Some(grave));
        }
    }
}
