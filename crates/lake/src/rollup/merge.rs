//! Many sorted files of one day become roll-ups: series by series, so that only one is in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array as _, AsArray as _, BooleanArray, Float64Array, Int8Array, Int32Array, Int64Array,
    ListArray, RecordBatch, StringArray, TimestampMicrosecondArray,
};

use crate::history::scan::Scan;
use crate::history::schema::DELETED;
use crate::rollup::cell::{Cell, Last, Numbers, Slot};
use crate::rollup::filter::{next, open};
use crate::rollup::sheets::{Sheets, Trail};
use crate::rollup::write::Rows;
use crate::rollup::{Sketch, schema};
use crate::{Entry, Lake, LakeError, Partition, Table};

/// What of a file of history is read.
const RAW: [&str; 14] = [
    "entity",
    "type",
    "type_uri",
    "attribute",
    "attribute_uri",
    "dataset",
    "time",
    "observed",
    "number",
    "text",
    "kind",
    "unit",
    "seq",
    "place",
];

/// What becomes of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Target {
    /// They stay as they are.
    Keep,
    /// They are rolled up into periods of so many microseconds.
    Into(i64),
    /// They go.
    Gone,
}

/// Which series a row belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Series {
    pub(crate) entity: String,
    pub(crate) attribute_uri: String,
    pub(crate) dataset: Option<String>,
    pub(crate) attribute: String,
    pub(crate) class: String,
    pub(crate) class_uri: String,
}

/// The cells of one series, by period and slot.
type Gathered = BTreeMap<i64, BTreeMap<Slot, Cell>>;

/// Reads files of one tenant, type and day, and writes what is made of them: of a period of 0 they
/// are history, of which nothing is written that stays; what stays of roll-ups is written anew.
/// `target` says by period and attribute what becomes of rows.
pub(crate) async fn roll(
    (lake, trail): (&Lake, &Trail),
    files: &[(i64, Arc<Entry>)],
    target: &(impl Fn(i64, &str) -> Target + Send + Sync),
) -> Result<Vec<Entry>, LakeError> {
    let mut sources = Vec::new();
    for (period, entry) in files {
        let mut source = Source::open(lake, *period, entry).await?;
        source.refill(lake)?;
        sources.push(source);
    }
    let Some((_, first)) = files.first() else {
        return Ok(Vec::new());
    };
    let mut made = Made {
        lake,
        trail,
        like: first.partition.clone(),
        tables: BTreeMap::new(),
    };
    let mut last = Series::default();
    while let Some(series) = sources.iter().filter_map(Source::series).min() {
        if series < last {
            let entity = series.entity;
            return Err(LakeError::Corrupt(format!(
                "rows of {entity} are out of order"
            )));
        }
        let mut gathered = Gathered::new();
        for source in &mut sources {
            let target = target(source.period, &series.attribute_uri);
            source.gather(lake, (&series, target), &mut gathered)?;
        }
        made.write(&series, gathered).await?;
        last = series;
    }
    Box::pin(made.finish()).await
}

/// A file that is being read.
struct Source {
    period: i64,
    path: String,
    scan: Scan,
    rows: Option<Columns>,
    at: usize,
}

/// The columns of some rows.
struct Columns {
    entity: StringArray,
    class: StringArray,
    class_uri: StringArray,
    attribute: StringArray,
    attribute_uri: StringArray,
    dataset: StringArray,
    time: TimestampMicrosecondArray,
    observed: BooleanArray,
    unit: StringArray,
    values: Values,
}

/// The columns that history and roll-ups do not share.
enum Values {
    Raw(Box<RawValues>),
    Rolled(Box<RolledValues>),
}

struct RawValues {
    number: Float64Array,
    text: StringArray,
    kind: Int8Array,
    seq: Int64Array,
    place: Int32Array,
}

struct RolledValues {
    count: Int64Array,
    /// min, max, sum, sum_of_squares, last.
    numbers: [Float64Array; 5],
    last_at: TimestampMicrosecondArray,
    last_text: StringArray,
    sketch: ListArray,
}

impl Source {
    async fn open(lake: &Lake, period: i64, entry: &Entry) -> Result<Self, LakeError> {
        let columns = (period == 0).then_some(RAW.as_slice());
        Ok(Self {
            period,
            path: entry.path.clone(),
            scan: open(lake, entry, columns).await?,
            rows: None,
            at: 0,
        })
    }

    /// Sees to it that there is a row to look at, unless there are no more.
    fn refill(&mut self, lake: &Lake) -> Result<(), LakeError> {
        while self
            .rows
            .as_ref()
            .is_none_or(|rows| self.at >= rows.entity.len())
        {
            let Some(batch) = next(lake, &mut self.scan)? else {
                self.rows = None;
                return Ok(());
            };
            let columns = Columns::of(&batch, self.period > 0);
            let damaged = || LakeError::Corrupt(format!("{}: a column is missing", self.path));
            self.rows = Some(columns.ok_or_else(damaged)?);
            self.at = 0;
        }
        Ok(())
    }

    /// The series of the row that comes next.
    fn series(&self) -> Option<Series> {
        self.rows.as_ref().map(|rows| rows.series(self.at))
    }

    /// Takes all rows of a series in, if they come next.
    fn gather(
        &mut self,
        lake: &Lake,
        (series, target): (&Series, Target),
        gathered: &mut Gathered,
    ) -> Result<(), LakeError> {
        while let Some(rows) = &self.rows
            && rows.is_of(self.at, series)
        {
            let end = (self.at..rows.entity.len()).take_while(|row| rows.is_of(*row, series));
            let end = end.last().map_or(self.at, |row| row + 1);
            let into = match (target, self.period) {
                (Target::Into(period), _) => Some(period),
                (Target::Keep, period) if period > 0 => Some(period),
                (Target::Keep | Target::Gone, _) => None,
            };
            if let Some(period) = into {
                let cells = gathered.entry(period).or_default();
                rows.gather(self.at..end, period, cells).ok_or_else(|| {
                    LakeError::Corrupt(format!("{}: a row is damaged", self.path))
                })?;
            }
            self.at = end;
            self.refill(lake)?;
        }
        Ok(())
    }
}

fn column<T: Clone + 'static>(batch: &RecordBatch, name: &str) -> Option<T> {
    batch
        .column_by_name(name)?
        .as_any()
        .downcast_ref::<T>()
        .cloned()
}

fn text(column: &StringArray, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| column.value(row))
}

impl Columns {
    fn of(batch: &RecordBatch, is_rolled: bool) -> Option<Self> {
        let values = if is_rolled {
            Values::Rolled(Box::new(RolledValues {
                count: column(batch, "count")?,
                numbers: [
                    column(batch, "min")?,
                    column(batch, "max")?,
                    column(batch, "sum")?,
                    column(batch, "sum_of_squares")?,
                    column(batch, "last")?,
                ],
                last_at: column(batch, "last_at")?,
                last_text: column(batch, "last_text")?,
                sketch: column(batch, "sketch")?,
            }))
        } else {
            Values::Raw(Box::new(RawValues {
                number: column(batch, "number")?,
                text: column(batch, "text")?,
                kind: column(batch, "kind")?,
                seq: column(batch, "seq")?,
                place: column(batch, "place")?,
            }))
        };
        Some(Self {
            entity: column(batch, "entity")?,
            class: column(batch, "type")?,
            class_uri: column(batch, "type_uri")?,
            attribute: column(batch, "attribute")?,
            attribute_uri: column(batch, "attribute_uri")?,
            dataset: column(batch, "dataset")?,
            time: column(batch, "time")?,
            observed: column(batch, "observed")?,
            unit: column(batch, "unit")?,
            values,
        })
    }

    fn series(&self, row: usize) -> Series {
        Series {
            entity: self.entity.value(row).to_owned(),
            attribute_uri: self.attribute_uri.value(row).to_owned(),
            dataset: text(&self.dataset, row).map(str::to_owned),
            attribute: self.attribute.value(row).to_owned(),
            class: self.class.value(row).to_owned(),
            class_uri: self.class_uri.value(row).to_owned(),
        }
    }

    fn is_of(&self, row: usize, series: &Series) -> bool {
        self.entity.value(row) == series.entity
            && self.attribute_uri.value(row) == series.attribute_uri
            && text(&self.dataset, row) == series.dataset.as_deref()
    }

    /// Takes rows of one series into the cells of periods; `None`: a row is damaged.
    fn gather(
        &self,
        rows: std::ops::Range<usize>,
        period: i64,
        cells: &mut BTreeMap<Slot, Cell>,
    ) -> Option<()> {
        let mut open: Option<(Slot, Cell)> = None;
        for row in rows {
            let Some(value) = self.value(row)? else {
                continue;
            };
            let time = self.time.value(row);
            let start = time - time.rem_euclid(period);
            let unit = text(&self.unit, row);
            let is_same = |slot: &Slot| {
                slot.time == start
                    && slot.observed == self.observed.value(row)
                    && slot.unit.as_deref() == unit
                    && slot.other == value.is_other()
            };
            match &mut open {
                Some((slot, cell)) if is_same(slot) => value.join(cell),
                other => {
                    let slot = Slot {
                        time: start,
                        observed: self.observed.value(row),
                        unit: unit.map(str::to_owned),
                        other: value.is_other(),
                    };
                    if let Some((slot, cell)) = other.replace((slot, value.cell())) {
                        put(cells, slot, cell);
                    }
                }
            }
        }
        if let Some((slot, cell)) = open {
            put(cells, slot, cell);
        }
        Some(())
    }

    /// What a row says; `Some(None)`: a deletion, which says nothing; `None`: it is damaged.
    #[expect(
        clippy::option_option,
        reason = "nothing to count and damage are two things"
    )]
    fn value(&self, row: usize) -> Option<Option<Value<'_>>> {
        match &self.values {
            Values::Raw(values) => {
                let RawValues {
                    number,
                    text: texts,
                    kind,
                    seq,
                    place,
                } = &**values;
                if kind.value(row) == DELETED {
                    return Some(None);
                }
                let (at, tie) = (self.time.value(row), (seq.value(row), place.value(row)));
                Some(Some(if number.is_valid(row) {
                    Value::Number(number.value(row), at, tie)
                } else {
                    Value::Text(text(texts, row).unwrap_or("null"), at, tie)
                }))
            }
            Values::Rolled(values) => {
                let RolledValues {
                    count,
                    numbers,
                    last_at,
                    last_text,
                    sketch,
                } = &**values;
                let [min, max, sum, sum_of_squares, last] = numbers;
                let last = if min.is_valid(row) {
                    let sketch = sketch.value(row);
                    Last::Numbers(Box::new(Numbers {
                        min: min.value(row),
                        max: max.value(row),
                        sum: sum.value(row),
                        sum_of_squares: sum_of_squares.value(row),
                        last: last.value(row),
                        sketch: Sketch::from_list(sketch.as_struct_opt()?)?,
                    }))
                } else {
                    Last::Text(text(last_text, row)?.to_owned())
                };
                Some(Some(Value::Rolled(Cell {
                    count: u64::try_from(count.value(row)).ok()?,
                    last_at: last_at.value(row),
                    tie: (i64::MIN, 0),
                    last,
                })))
            }
        }
    }
}

/// What one row says.
enum Value<'a> {
    Number(f64, i64, (i64, i32)),
    Text(&'a str, i64, (i64, i32)),
    Rolled(Cell),
}

impl Value<'_> {
    fn is_other(&self) -> bool {
        match self {
            Self::Number(..) => false,
            Self::Text(..) => true,
            Self::Rolled(cell) => matches!(cell.last, Last::Text(_)),
        }
    }

    fn cell(self) -> Cell {
        match self {
            Self::Number(number, at, tie) => Cell::number(number, at, tie),
            Self::Text(text, at, tie) => Cell::text(text, at, tie),
            Self::Rolled(cell) => cell,
        }
    }

    /// Takes it into a cell of its slot.
    fn join(self, cell: &mut Cell) {
        match (self, &mut cell.last) {
            (Self::Number(number, at, tie), Last::Numbers(numbers)) => {
                numbers.add(number);
                cell.count += 1;
                if (at, tie) >= (cell.last_at, cell.tie) {
                    numbers.last = number;
                    (cell.last_at, cell.tie) = (at, tie);
                }
            }
            (value, _) => cell.merge(value.cell()),
        }
    }
}

fn put(cells: &mut BTreeMap<Slot, Cell>, slot: Slot, cell: Cell) {
    match cells.entry(slot) {
        std::collections::btree_map::Entry::Vacant(empty) => drop(empty.insert(cell)),
        std::collections::btree_map::Entry::Occupied(mut known) => known.get_mut().merge(cell),
    }
}

/// What is being made.
struct Made<'a> {
    lake: &'a Lake,
    trail: &'a Trail,
    /// Whose tenant, class and day the roll-ups have.
    like: Partition,
    tables: BTreeMap<i64, (Rows, Sheets<'a>)>,
}

impl Made<'_> {
    async fn write(&mut self, series: &Series, gathered: Gathered) -> Result<(), LakeError> {
        for (period, cells) in gathered {
            let (rows, sheets) = self.tables.entry(period).or_insert_with(|| {
                let partition = Partition {
                    table: Table::Rolled(period),
                    ..self.like.clone()
                };
                (
                    Rows::default(),
                    Sheets::new((self.lake, self.trail), partition, schema()),
                )
            });
            for (slot, cell) in cells {
                if let Some(batch) = rows.push(series, &slot, &cell)? {
                    sheets.push(&batch).await?;
                }
            }
        }
        Ok(())
    }

    async fn finish(self) -> Result<Vec<Entry>, LakeError> {
        let mut all = Vec::new();
        for (mut rows, mut sheets) in self.tables.into_values() {
            sheets.push(&rows.take()?).await?;
            all.extend(sheets.finish().await?);
        }
        Ok(all)
    }
}
