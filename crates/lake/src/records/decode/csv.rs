//! Delimited text [RFC 4180]: a header line names the columns, in any order. An empty cell is a
//! missing value, a quoted empty one an empty text; in a column that may not be null both are an
//! empty text.

use std::sync::Arc;

use bytes::Bytes;

use super::super::cells::Filler;
use super::super::check::{twice, unknown, wanted};
use super::super::error::RecordError;
use super::super::limits::ROW_BYTES_MAX;
use super::super::table::{ColumnType, RecordTable};
use super::{Decoder, Take};

/// Where a cell stands within the line, and how it is written.
#[derive(Debug, Clone, Copy)]
struct Cell {
    from: usize,
    to: usize,
    how: How,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Bare,
    Quoted,
    /// Quoted, with quotes in it that are written twice.
    Doubled,
}

/// What came of looking for the cells of a line.
enum Line {
    /// It ends before this byte.
    Whole(usize),
    /// Its end has not come yet.
    Part,
    /// It is wrong.
    Wrong(&'static str),
}

/// A decoder of delimited text.
#[derive(Debug)]
pub(super) struct Csv {
    table: Arc<RecordTable>,
    filler: Filler,
    /// Bytes that are not a whole line yet.
    rest: Vec<u8>,
    /// For each cell of a line its column in the table; `None`: the header has not come yet.
    header: Option<Vec<usize>>,
    /// Columns of the table that the header does not name.
    missing: Vec<usize>,
    cells: Vec<Cell>,
    is_begun: bool,
}

impl Csv {
    pub(super) fn new(table: &Arc<RecordTable>) -> Self {
        Self {
            table: Arc::clone(table),
            filler: Filler::new(table),
            rest: Vec::new(),
            header: None,
            missing: Vec::new(),
            cells: Vec::new(),
            is_begun: false,
        }
    }

    /// Takes the whole lines of `bytes`; how many bytes they are.
    fn lines(&mut self, bytes: &[u8], is_last: bool, take: Take<'_>) -> Result<usize, RecordError> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            match cells_of(rest, is_last, &mut self.cells) {
                Line::Whole(end) => {
                    self.line(rest)?;
                    at += end;
                }
                Line::Part if rest.len() > ROW_BYTES_MAX => {
                    let reason = format!("it has more than {ROW_BYTES_MAX} bytes");
                    return Err(RecordError::row(self.filler.row(), reason));
                }
                Line::Part => break,
                Line::Wrong(reason) => return Err(RecordError::row(self.filler.row(), reason)),
            }
            if self.filler.is_full()
                && let Some(rows) = self.filler.finish()?
            {
                take(rows)?;
            }
        }
        Ok(at)
    }

    /// Takes the line whose cells were just found.
    fn line(&mut self, line: &[u8]) -> Result<(), RecordError> {
        let Some(header) = &self.header else {
            return self.head(line);
        };
        if self.cells.len() != header.len() {
            let (has, wants) = (self.cells.len(), header.len());
            let reason = format!("it has {has} cells, and the header {wants}");
            return Err(RecordError::row(self.filler.row(), reason));
        }
        for (cell, place) in self.cells.iter().zip(header) {
            let raw = line.get(cell.from..cell.to).unwrap_or_default();
            let column = self.table.columns().get(*place);
            let Ok(text) = str::from_utf8(raw) else {
                let name = column.map_or("", |column| &column.name);
                return Err(RecordError::cell(
                    self.filler.row(),
                    name,
                    "it is not UTF-8",
                ));
            };
            let is_empty = text.is_empty() && cell.how == How::Bare;
            let is_text = column.is_some_and(|c| c.kind == ColumnType::Text && !c.nullable);
            match cell.how {
                _ if is_empty && !is_text => self.filler.null(*place)?,
                How::Doubled => self.filler.text(*place, &text.replace("\"\"", "\""))?,
                How::Bare | How::Quoted => self.filler.text(*place, text)?,
            }
        }
        for place in &self.missing {
            self.filler.null(*place)?;
        }
        self.filler.end_row();
        Ok(())
    }

    fn head(&mut self, line: &[u8]) -> Result<(), RecordError> {
        let mut header = Vec::with_capacity(self.cells.len());
        let mut places = vec![None; self.table.columns().len()];
        for (at, cell) in self.cells.iter().enumerate() {
            let raw = line.get(cell.from..cell.to).unwrap_or_default();
            let name = String::from_utf8_lossy(raw);
            let place = self.table.place(&name);
            let place = place.ok_or_else(|| unknown(&self.table, &name))?;
            if let Some(slot) = places.get_mut(place)
                && slot.replace(at).is_some()
            {
                return Err(twice(&name));
            }
            header.push(place);
        }
        wanted(&self.table, &places)?;
        let missing = places.iter().enumerate();
        let missing = missing.filter(|(_, at)| at.is_none());
        self.missing = missing.map(|(place, _)| place).collect();
        self.header = Some(header);
        Ok(())
    }
}

impl Decoder for Csv {
    fn push(&mut self, mut bytes: Bytes, take: Take<'_>) -> Result<(), RecordError> {
        if !self.is_begun {
            if self.rest.len() + bytes.len() < 3 {
                self.rest.extend_from_slice(&bytes);
                return Ok(());
            }
            if !self.rest.is_empty() {
                self.rest.extend_from_slice(&bytes);
                bytes = std::mem::take(&mut self.rest).into();
            }
            self.is_begun = true;
            if bytes.starts_with("\u{feff}".as_bytes()) {
                bytes = bytes.slice(3..);
            }
        }
        if self.rest.is_empty() {
            let taken = self.lines(&bytes, false, take)?;
            let rest = bytes.get(taken..).unwrap_or_default();
            self.rest.extend_from_slice(rest);
            return Ok(());
        }
        let mut held = std::mem::take(&mut self.rest);
        held.extend_from_slice(&bytes);
        let taken = self.lines(&held, false, take)?;
        held.drain(..taken);
        self.rest = held;
        Ok(())
    }

    fn finish(&mut self, take: Take<'_>) -> Result<(), RecordError> {
        let rest = std::mem::take(&mut self.rest);
        self.lines(&rest, true, take)?;
        if self.header.is_none() {
            let reason = "the body is empty: the first line names the columns";
            return Err(RecordError::Invalid(reason.to_owned()));
        }
        self.filler.finish()?.map_or(Ok(()), take)
    }
}

/// Finds the cells of the first line of `bytes`.
fn cells_of(bytes: &[u8], is_last: bool, cells: &mut Vec<Cell>) -> Line {
    cells.clear();
    let mut at = 0;
    loop {
        let (cell, end) = if bytes.get(at) == Some(&b'"') {
            match quoted(bytes, at + 1) {
                Some(found) => found,
                None if is_last => return Line::Wrong("a quote is opened and never closed"),
                None => return Line::Part,
            }
        } else {
            let rest = bytes.get(at..).unwrap_or_default();
            let end = memchr::memchr3(b',', b'\n', b'"', rest).map_or(bytes.len(), |n| at + n);
            let cell = Cell {
                from: at,
                to: end,
                how: How::Bare,
            };
            (cell, end)
        };
        let (mut cell, mut end) = (cell, end);
        match bytes.get(end) {
            Some(b',') => {
                cells.push(cell);
                at = end + 1;
                continue;
            }
            Some(b'"') => return Line::Wrong("a quote stands within a cell that is not quoted"),
            Some(b'\r') if cell.how != How::Bare => {
                // Behind a quoted cell only the end of the line may follow.
                match bytes.get(end + 1) {
                    Some(b'\n') => end += 1,
                    None if is_last => end += 1,
                    None => return Line::Part,
                    Some(_) => return Line::Wrong("behind a quoted cell something follows"),
                }
            }
            Some(b'\n') => {}
            None if is_last => {}
            None => return Line::Part,
            Some(_) => return Line::Wrong("behind a quoted cell something follows"),
        }
        if cell.how == How::Bare && cell.to > cell.from && bytes.get(cell.to - 1) == Some(&b'\r') {
            cell.to -= 1;
        }
        cells.push(cell);
        return Line::Whole((end + 1).min(bytes.len()));
    }
}

/// A quoted cell whose text begins at `from`, and where it ends; `None`: the end has not come yet.
fn quoted(bytes: &[u8], from: usize) -> Option<(Cell, usize)> {
    let (mut at, mut how) = (from, How::Quoted);
    loop {
        let to = at + memchr::memchr(b'"', bytes.get(at..)?)?;
        if bytes.get(to + 1) == Some(&b'"') {
            how = How::Doubled;
            at = to + 2;
            continue;
        }
        return Some((Cell { from, to, how }, to + 1));
    }
}
