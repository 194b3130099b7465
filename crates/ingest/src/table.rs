//! Rows under a header, for importers that only want those that can be used.

use std::cell::Cell;
use std::collections::HashMap;
use std::io::Read;
use std::rc::Rc;

use crate::error::ImportError;
use crate::out::Out;
use crate::rows::{Row, Rows, Step};

/// Columns of a table: as many as fit into a record of empty fields would be an attack.
const COLUMNS_MAX: usize = 100_000;

/// Rows under a header: complains about bad ones itself and gives only those that can be used.
pub(crate) struct Table<'a> {
    rows: Rows<Box<dyn Read + 'a>>,
    names: Vec<String>,
    places: HashMap<String, usize>,
    file: String,
    meter: Meter,
    taken: u32,
}

/// How much is read, of how much.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    pub(crate) done: Rc<Cell<u64>>,
    pub(crate) total: u64,
}

/// Rows between two looks at the meter.
const ROWS_PER_LOOK: u32 = 2_048;

impl<'a> Table<'a> {
    /// Takes the next row as the header. A column named twice counts once, the first time.
    pub(crate) fn new(
        mut rows: Rows<Box<dyn Read + 'a>>,
        file: &str,
        meter: Meter,
        out: &mut Out<'_>,
    ) -> Result<Self, ImportError> {
        let mut row = Row::default();
        let found = next_row(&mut rows, file, &mut row, out)?;
        let mut names = Vec::new();
        if found {
            if row.len() > COLUMNS_MAX {
                return Err(ImportError::too_large(file, "more than 100,000 columns"));
            }
            names.extend((0..row.len()).map(|index| row.at(Some(index)).to_owned()));
        }
        let mut places = HashMap::new();
        for (index, name) in names.iter().enumerate() {
            places.entry(name.clone()).or_insert(index);
        }
        out.at(file, meter.done.get(), meter.total);
        Ok(Self {
            rows,
            names,
            places,
            file: file.to_owned(),
            meter,
            taken: 0,
        })
    }

    /// The columns by name, in order.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Where a column stands.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// The next usable row; `false` at the end. Missing fields at its end are empty.
    pub(crate) fn next(&mut self, row: &mut Row, out: &mut Out<'_>) -> Result<bool, ImportError> {
        while next_row(&mut self.rows, &self.file, row, out)? {
            out.row();
            self.taken += 1;
            if self.taken.is_multiple_of(ROWS_PER_LOOK) {
                out.at(&self.file, self.meter.done.get(), self.meter.total);
            }
            let columns = self.names.len();
            if (columns..row.len()).any(|index| !row.at(Some(index)).is_empty()) {
                let fields = row.len();
                let reason = format!("{fields} fields under {columns} columns; left out");
                out.complain(&self.file, Some(row.line), reason);
                continue;
            }
            return Ok(true);
        }
        out.at(&self.file, self.meter.done.get(), self.meter.total);
        Ok(false)
    }
}

/// The next row with content; complains about lines that are none.
fn next_row(
    rows: &mut Rows<Box<dyn Read + '_>>,
    file: &str,
    row: &mut Row,
    out: &mut Out<'_>,
) -> Result<bool, ImportError> {
    loop {
        match rows
            .next(row)
            .map_err(|reason| ImportError::broken(file, &reason))?
        {
            Step::End => return Ok(false),
            Step::Bad(line, reason) => out.complain(file, Some(line), reason),
            Step::Row if row.is_empty() => {}
            Step::Row => {
                if row.legacy {
                    out.complain(file, Some(row.line), "not UTF-8; read as Windows-1252");
                }
                return Ok(true);
            }
        }
    }
}
