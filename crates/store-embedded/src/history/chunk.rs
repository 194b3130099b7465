//! Chunks: up to a thousand rows of one series as bytes, ordered by moment.
//!
//! Each row is one byte of flags (0–2 the kind of value, 8 observed, 16 a new shape follows,
//! 32 replaced: the change that wrote it follows, 64 index not 0, 128 the lag of modified behind
//! observed is that of the row before) and numbers as differences from the row before: the
//! difference of the differences of moments, the lag, the seq, the index, and the shape (created,
//! unit, value type) where it is new. Chunks of one entity in one block go on where the one before
//! ended, so that what one change brought to several attributes costs little. Values are whole numbers or decimals of up to three places
//! as differences, other floats as the bytes that differ from the last one, or blobs.

use base::Seq;
use ngsi::temporal::InstanceId;

use super::bytes::{Input, put, put_bytes, put_signed};
use super::row::{Row, RowValue};

const KIND: u8 = 7;
const INT: u8 = 0;
/// Floats with 0 to 3 decimal places are the kinds 1 to 4.
const DECIMAL: u8 = 1;
const FLOAT: u8 = 5;
const BLOB: u8 = 6;
const DELETED: u8 = 7;
const OBSERVED: u8 = 8;
const SHAPE: u8 = 16;
const REPLACED: u8 = 32;
const INDEX: u8 = 64;
const SAME_LAG: u8 = 128;

const SCALES: [f64; 4] = [1.0, 10.0, 100.0, 1_000.0];
/// Above this, whole floats are no longer exact.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// What the row before was, from which the next one differs.
#[derive(Debug, Default)]
struct Before {
    moment: i64,
    step: i64,
    lag: i64,
    seq: u64,
    created: i64,
    unit: u32,
    value_type: u32,
    int: i64,
    float: f64,
    places: u8,
}

/// Writes rows one behind the other.
#[derive(Debug, Default)]
pub(super) struct Writer {
    before: Before,
    /// Rows written.
    pub(super) count: u64,
    /// Their bytes.
    pub(super) bytes: Vec<u8>,
}

impl Writer {
    /// Starts a new chunk; the room is kept. One that `continues` follows in the same block on
    /// another of the same entity.
    pub(super) fn start(&mut self, continues: bool) {
        self.before.start(continues);
        self.count = 0;
        self.bytes.clear();
    }

    /// Appends a row; its moment is not before that of the last.
    pub(super) fn push(&mut self, row: &Row) {
        let before = &mut self.before;
        let out = &mut self.bytes;
        let start = out.len();
        self.count += 1;
        let mut flags = 0;
        out.push(0);
        let step = row.moment.wrapping_sub(before.moment);
        put_signed(out, step.wrapping_sub(before.step));
        (before.moment, before.step) = (row.moment, step);
        if row.observed {
            flags |= OBSERVED;
            let lag = row.modified.wrapping_sub(row.moment);
            if lag == before.lag {
                flags |= SAME_LAG;
            } else {
                put_signed(out, lag.wrapping_sub(before.lag));
            }
            before.lag = lag;
        }
        put_signed(out, row.id.seq.0.wrapping_sub(before.seq).cast_signed());
        before.seq = row.id.seq.0;
        if row.id.index != 0 {
            flags |= INDEX;
            put(out, row.id.index.into());
        }
        if row.arrived != row.id {
            flags |= REPLACED;
            put(out, row.arrived.seq.0);
            put(out, row.arrived.index.into());
        }
        let shape = (row.created, row.unit, row.value_type);
        if shape != (before.created, before.unit, before.value_type) {
            flags |= SHAPE;
            put_signed(out, row.modified.wrapping_sub(row.created));
            put(out, row.unit.into());
            put(out, row.value_type.into());
            (before.created, before.unit, before.value_type) = shape;
        }
        flags |= before.put_value(&row.value, out);
        if let Some(first) = out.get_mut(start) {
            *first = flags;
        }
    }
}

impl Before {
    fn start(&mut self, continues: bool) {
        if !continues {
            *self = Self::default();
        }
        self.step = 0;
    }

    fn put_value(&mut self, value: &RowValue, out: &mut Vec<u8>) -> u8 {
        match value {
            RowValue::Int(int) => {
                put_signed(out, int.wrapping_sub(self.int));
                self.int = *int;
                INT
            }
            RowValue::Float(float) => self.put_float(*float, out),
            RowValue::Blob(bytes) => {
                put_bytes(out, bytes);
                BLOB
            }
            // Rows of the archive do not come back: see `Builder::push`.
            RowValue::Deleted | RowValue::Whole(_) | RowValue::Rolled(_) => DELETED,
        }
    }

    fn put_float(&mut self, float: f64, out: &mut Vec<u8>) -> u8 {
        let last = self.places;
        let others = (0..4).filter(|places| *places != last);
        let found = std::iter::once(last)
            .chain(others)
            .find_map(|places| Some((places, scaled(float, places)?)));
        if let Some((places, whole)) = found {
            put_signed(out, whole.wrapping_sub(nearest(self.float, places)));
            (self.float, self.places) = (float, places);
            return DECIMAL + places;
        }
        // Bytes that are the same as before at either end are left out.
        let differing = float.to_bits() ^ self.float.to_bits();
        self.float = float;
        let low = differing.trailing_zeros().min(63) / 8;
        let rest = differing >> (low * 8);
        let len = 8 - rest.leading_zeros() / 8;
        out.push(u8::try_from(low << 4 | len).unwrap_or_default());
        out.extend(rest.to_le_bytes().iter().take(len as usize));
        FLOAT
    }

    fn value(&mut self, kind: u8, input: &mut Input<'_>) -> Option<RowValue> {
        Some(match kind {
            INT => {
                self.int = self.int.wrapping_add(input.signed()?);
                RowValue::Int(self.int)
            }
            FLOAT => {
                let head = input.byte()?;
                let (low, len) = (u32::from(head >> 4), usize::from(head & 15));
                let mut bytes = [0; 8];
                bytes.get_mut(..len)?.copy_from_slice(input.take(len)?);
                let differing = u64::from_le_bytes(bytes).checked_shl(low * 8)?;
                self.float = f64::from_bits(self.float.to_bits() ^ differing);
                RowValue::Float(self.float)
            }
            BLOB => RowValue::Blob(input.bytes()?.into()),
            DELETED => RowValue::Deleted,
            decimal => {
                let places = decimal - DECIMAL;
                let whole = nearest(self.float, places).wrapping_add(input.signed()?);
                self.float = whole_to_float(whole) / SCALES.get(usize::from(places))?;
                self.places = places;
                RowValue::Float(self.float)
            }
        })
    }
}

/// The float times ten to the places when that is whole and leads back to the very same float.
fn scaled(float: f64, places: u8) -> Option<i64> {
    let scale = *SCALES.get(usize::from(places))?;
    let whole = (float * scale).round();
    if whole.abs() >= EXACT_MAX {
        return None;
    }
    let whole = float_to_whole(whole);
    ((whole_to_float(whole) / scale).to_bits() == float.to_bits()).then_some(whole)
}

/// The whole number nearest to the float times ten to the places; any float has one.
fn nearest(float: f64, places: u8) -> i64 {
    let scale = SCALES.get(usize::from(places)).copied().unwrap_or(1.0);
    float_to_whole((float * scale).round())
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "saturates, alike on both sides"
)]
fn float_to_whole(float: f64) -> i64 {
    float as i64
}

#[expect(clippy::cast_precision_loss, reason = "numbers written are below 2^53")]
fn whole_to_float(whole: i64) -> f64 {
    whole as f64
}

/// Reads the rows of chunks one by one; `None` in place of a row that is damaged ends it.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    before: Before,
    input: Input<'a>,
}

impl Default for Reader<'_> {
    fn default() -> Self {
        Self {
            before: Before::default(),
            input: Input(&[]),
        }
    }
}

impl<'a> Reader<'a> {
    /// Goes to the rows of the next chunk of the same entity and block.
    pub(super) fn start(&mut self, bytes: &'a [u8]) {
        self.before.start(true);
        self.input = Input(bytes);
    }

    /// Whether all rows have been read.
    pub(super) fn is_done(&self) -> bool {
        self.input.is_empty()
    }

    /// The next row; `None` when the bytes hold none.
    pub(super) fn row(&mut self) -> Option<Row> {
        let before = &mut self.before;
        let input = &mut self.input;
        let flags = input.byte()?;
        before.step = before.step.wrapping_add(input.signed()?);
        before.moment = before.moment.wrapping_add(before.step);
        let observed = flags & OBSERVED != 0;
        let mut modified = before.moment;
        if observed {
            if flags & SAME_LAG == 0 {
                before.lag = before.lag.wrapping_add(input.signed()?);
            }
            modified = before.moment.wrapping_add(before.lag);
        }
        before.seq = before.seq.wrapping_add(input.signed()?.cast_unsigned());
        let index = if flags & INDEX == 0 {
            0
        } else {
            input.small()?
        };
        let id = InstanceId {
            seq: Seq(before.seq),
            index,
        };
        let mut arrived = id;
        if flags & REPLACED != 0 {
            arrived = InstanceId {
                seq: Seq(input.number()?),
                index: input.small()?,
            };
        }
        if flags & SHAPE != 0 {
            before.created = modified.wrapping_sub(input.signed()?);
            before.unit = input.small()?;
            before.value_type = input.small()?;
        }
        let value = before.value(flags & KIND, input)?;
        Some(Row {
            moment: before.moment,
            observed,
            modified,
            created: before.created,
            unit: before.unit,
            value_type: before.value_type,
            id,
            arrived,
            value,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::names::Names;
    use super::super::row::tests::any_attribute;
    use super::super::tests::hex;
    use super::*;

    fn read(bytes: &[u8]) -> Vec<Row> {
        let mut reader = Reader::default();
        reader.start(bytes);
        std::iter::from_fn(|| reader.row()).collect()
    }

    proptest! {
        #[test]
        fn rows_read_back(
            attributes in vec(any_attribute("a"), 0..40), seq: u64, index in 0u32..3, later: bool,
        ) {
            let mut names = Names::default();
            let mut writer = Writer::default();
            let id = InstanceId { seq: Seq(seq), index };
            let arrived = if later { InstanceId { seq: Seq(seq ^ 5), index: 2 } } else { id };
            let rows: Vec<Row> =
                attributes.iter().map(|a| Row::of(a, id, arrived, &mut names)).collect();
            for row in &rows {
                writer.push(row);
            }
            prop_assert_eq!(read(&writer.bytes), rows);
        }

        #[test]
        fn damaged_bytes_end_the_chunk_without_harm(bytes: Vec<u8>) {
            prop_assert!(read(&bytes).len() <= bytes.len());
        }
    }

    #[test]
    fn a_point_of_a_regular_sensor_costs_few_bytes() {
        let mut writer = Writer::default();
        let mut seq = 0;
        for n in 0..1_000i64 {
            // Every minute, some milliseconds late, among 100,000 other sensors; 21.0 to 22.5.
            let jitter = n * 7_919 % 1_000;
            seq += 100_000 + jitter.unsigned_abs();
            let id = InstanceId {
                seq: Seq(seq),
                index: 0,
            };
            writer.push(&Row {
                moment: 1_700_000_000_000_000 + n * 60_000_000,
                observed: true,
                modified: 1_700_000_000_200_000 + n * 60_000_000 + jitter * 1_000,
                created: 1_600_000_000_000_000,
                unit: 1,
                value_type: 0,
                id,
                arrived: id,
                value: RowValue::Float(f64::from(u32::try_from(210 + n % 16).unwrap()) / 10.0),
            });
        }
        let per_point = writer.bytes.len() / 1_000;
        assert!(per_point <= 13, "{per_point} bytes");
    }

    #[test]
    fn the_bytes_of_a_chunk_are_these() {
        let mut writer = Writer::default();
        let id = InstanceId {
            seq: Seq(9),
            index: 2,
        };
        let row = Row {
            moment: 1_000,
            observed: true,
            modified: 1_010,
            created: 900,
            unit: 1,
            value_type: 0,
            id,
            arrived: id,
            value: RowValue::Float(21.5),
        };
        writer.push(&row);
        let next = InstanceId {
            seq: Seq(12),
            index: 0,
        };
        let value = RowValue::Float(std::f64::consts::PI);
        writer.push(&Row {
            moment: 2_000,
            modified: 2_010,
            id: next,
            arrived: next,
            value,
            ..row.clone()
        });
        writer.push(&Row {
            moment: 3_000,
            observed: false,
            modified: 3_000,
            value: RowValue::Deleted,
            ..row
        });
        assert_eq!(hex(&writer.bytes), GOLDEN);
    }

    const GOLDEN: &str = "5ad00f141202dc010100ae038d000607182d4454fba13c47000502";
}
