//! Rows of delimited text as cities really publish it: byte-order marks, CRLF, quotes, line breaks
//! in quotes, blank lines, stray encodings; a bad row is named and the next one is read.
//!
//! Memory is bounded whatever the file holds: a record has a greatest length, and a quotation mark
//! that is never closed costs its own line only.

use std::io::{self, Read};

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};
use memchr::{memchr, memchr2};

/// Bytes of one record: a matrix of 100,000 columns fits.
pub const RECORD_BYTES_MAX: usize = 1024 * 1024;
/// Line breaks inside one quoted field: a description has a few, an unclosed quote has them all.
const QUOTED_LINES_MAX: usize = 200;
const CHUNK_BYTES: usize = 64 * 1024;
const QUOTE: u8 = b'"';

/// One record, split into its fields.
#[derive(Debug, Clone, Default)]
pub struct Row {
    text: String,
    ends: Vec<usize>,
    /// The line on which it starts, from 1.
    pub line: u64,
    /// It was not UTF-8 and has been read as Windows-1252.
    pub legacy: bool,
}

/// What [`Rows::next`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// A record.
    Row,
    /// A line that is no record: its number and why.
    Bad(u64, &'static str),
    /// The end.
    End,
}

/// Records of a stream.
pub struct Rows<R> {
    input: R,
    buffer: Vec<u8>,
    start: usize,
    line: u64,
    ended: bool,
    delimiter: u8,
    raw: Vec<u8>,
    ends: Vec<usize>,
}

enum Scan {
    Record { bytes: usize, lines: u64 },
    Unfinished,
    Unclosed,
}

impl Row {
    /// The field at this place without surrounding blanks; empty when there is none.
    pub fn at(&self, index: Option<usize>) -> &str {
        let Some(index) = index else { return "" };
        let Some(&end) = self.ends.get(index) else {
            return "";
        };
        let start = match index.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or(end),
            None => 0,
        };
        self.text.get(start..end).unwrap_or("").trim()
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Nothing but blanks and delimiters.
    pub fn is_empty(&self) -> bool {
        self.text.trim().is_empty()
    }
}

impl<R> std::fmt::Debug for Rows<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows")
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}

impl<'a> Rows<Box<dyn Read + 'a>> {
    /// Reads UTF-8, or UTF-16 where a byte-order mark says so, or the named encoding.
    pub fn open(
        mut input: Box<dyn Read + 'a>,
        delimiter: u8,
        encoding: Option<&'static Encoding>,
    ) -> io::Result<Self> {
        let mut head = Vec::with_capacity(3);
        input.by_ref().take(3).read_to_end(&mut head)?;
        let marked = Encoding::for_bom(&head);
        let skip = marked.map_or(0, |(_, bytes)| bytes);
        let rest = head.split_off(skip.min(head.len()));
        let encoding = match marked {
            Some((marked, _)) if marked == UTF_16LE || marked == UTF_16BE => Some(marked),
            Some(_) => None,
            None => encoding.filter(|named| *named != encoding_rs::UTF_8),
        };
        let joined = io::Cursor::new(rest).chain(input);
        let input: Box<dyn Read + 'a> = match encoding {
            Some(encoding) => Box::new(Transcoded::new(joined, encoding)),
            None => Box::new(joined),
        };
        Ok(Self::new(input, delimiter))
    }
}

impl<R: Read> Rows<R> {
    /// Reads UTF-8 without a byte-order mark.
    pub fn new(input: R, delimiter: u8) -> Self {
        Self {
            input,
            buffer: Vec::new(),
            start: 0,
            line: 1,
            ended: false,
            delimiter,
            raw: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// Reads the next record into `row`. Blank lines are records without content.
    pub fn next(&mut self, row: &mut Row) -> io::Result<Step> {
        loop {
            if self.start >= self.buffer.len() && self.ended {
                return Ok(Step::End);
            }
            let line = self.line;
            match self.scan() {
                Scan::Record { bytes, lines } => {
                    self.start += bytes;
                    self.line += lines;
                    self.fill(row, line);
                    return Ok(Step::Row);
                }
                Scan::Unclosed => {
                    self.skip_line()?;
                    return Ok(Step::Bad(
                        line,
                        "a quotation mark is never closed; left out",
                    ));
                }
                Scan::Unfinished if self.buffer.len() - self.start >= RECORD_BYTES_MAX => {
                    self.skip_line()?;
                    return Ok(Step::Bad(line, "longer than 1 MiB; left out"));
                }
                Scan::Unfinished => self.read_more()?,
            }
        }
    }

    fn read_more(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let filled = self.buffer.len();
        self.buffer.resize(filled + CHUNK_BYTES, 0);
        let target = self.buffer.get_mut(filled..).unwrap_or_default();
        let result = self.input.read(target);
        let count = match result {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.buffer.truncate(filled);
                return Ok(());
            }
            Err(error) => {
                self.buffer.truncate(filled);
                return Err(error);
            }
        };
        self.buffer.truncate(filled + count);
        self.ended = count == 0;
        Ok(())
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let rest = self.buffer.get(self.start..).unwrap_or_default();
            if let Some(end) = memchr(b'\n', rest) {
                self.start += end + 1;
                self.line += 1;
                return Ok(());
            }
            self.start = self.buffer.len();
            if self.ended {
                return Ok(());
            }
            self.read_more()?;
        }
    }

    fn scan(&mut self) -> Scan {
        let Self {
            buffer,
            start,
            raw,
            ends,
            delimiter,
            ended,
            ..
        } = self;
        raw.clear();
        ends.clear();
        let rest = buffer.get(*start..).unwrap_or_default();
        let (line, bytes) = match memchr(b'\n', rest) {
            Some(end) => (rest.get(..end).unwrap_or_default(), end + 1),
            None if *ended => (rest, rest.len()),
            None => return Scan::Unfinished,
        };
        if memchr(QUOTE, line).is_some() {
            return scan_quoted(rest, *delimiter, *ended, raw, ends);
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut field_start = 0;
        for end in memchr::memchr_iter(*delimiter, line).chain([line.len()]) {
            raw.extend_from_slice(line.get(field_start..end).unwrap_or_default());
            ends.push(raw.len());
            field_start = end + 1;
        }
        Scan::Record { bytes, lines: 1 }
    }

    fn fill(&mut self, row: &mut Row, line: u64) {
        row.line = line;
        row.legacy = false;
        row.text.clear();
        row.ends.clear();
        if let Ok(text) = std::str::from_utf8(&self.raw) {
            row.text.push_str(text);
            row.ends.extend_from_slice(&self.ends);
            return;
        }
        row.legacy = true;
        let mut start = 0;
        for &end in &self.ends {
            let field = self.raw.get(start..end).unwrap_or_default();
            row.text
                .push_str(&WINDOWS_1252.decode_without_bom_handling(field).0);
            row.ends.push(row.text.len());
            start = end;
        }
    }
}

/// Splits a record that has quotation marks; it may go on over several lines.
fn scan_quoted(
    rest: &[u8],
    delimiter: u8,
    ended: bool,
    raw: &mut Vec<u8>,
    ends: &mut Vec<usize>,
) -> Scan {
    let mut at = 0;
    let mut lines = 1;
    loop {
        if rest.get(at) == Some(&QUOTE) {
            at += 1;
            loop {
                let tail = rest.get(at..).unwrap_or_default();
                let Some(length) = memchr(QUOTE, tail) else {
                    let endless = newlines(tail) > QUOTED_LINES_MAX;
                    return if ended || endless {
                        Scan::Unclosed
                    } else {
                        Scan::Unfinished
                    };
                };
                let inside = tail.get(..length).unwrap_or_default();
                lines += newlines(inside);
                if lines > QUOTED_LINES_MAX {
                    return Scan::Unclosed;
                }
                raw.extend_from_slice(inside);
                at += length + 1;
                match rest.get(at) {
                    Some(&QUOTE) => {
                        raw.push(QUOTE);
                        at += 1;
                    }
                    None if !ended => return Scan::Unfinished,
                    _ => break,
                }
            }
        }
        let tail = rest.get(at..).unwrap_or_default();
        let (length, last) = match memchr2(delimiter, b'\n', tail) {
            Some(length) => (length, tail.get(length) == Some(&b'\n')),
            None if ended => (tail.len(), true),
            None => return Scan::Unfinished,
        };
        let mut plain = tail.get(..length).unwrap_or_default();
        if last {
            plain = plain.strip_suffix(b"\r").unwrap_or(plain);
        }
        raw.extend_from_slice(plain);
        ends.push(raw.len());
        at = (at + length + 1).min(rest.len());
        if last {
            return Scan::Record {
                bytes: at,
                lines: lines as u64,
            };
        }
    }
}

fn newlines(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}

/// Bytes of another encoding, read as UTF-8.
struct Transcoded<R> {
    input: R,
    decoder: Decoder,
    raw: Vec<u8>,
    raw_at: usize,
    text: Vec<u8>,
    text_at: usize,
    ended: bool,
}

impl<R: Read> Transcoded<R> {
    fn new(input: R, encoding: &'static Encoding) -> Self {
        Self {
            input,
            decoder: encoding.new_decoder_without_bom_handling(),
            raw: Vec::new(),
            raw_at: 0,
            text: Vec::new(),
            text_at: 0,
            ended: false,
        }
    }

    fn refill(&mut self) -> io::Result<()> {
        if self.raw_at >= self.raw.len() && !self.ended {
            self.raw.resize(CHUNK_BYTES, 0);
            let count = self.input.read(&mut self.raw)?;
            self.raw.truncate(count);
            self.raw_at = 0;
            self.ended = count == 0;
        }
        self.text.resize(CHUNK_BYTES, 0);
        let pending = self.raw.get(self.raw_at..).unwrap_or_default();
        let (result, read, written, _replaced) =
            self.decoder
                .decode_to_utf8(pending, &mut self.text, self.ended);
        self.raw_at += read;
        self.text.truncate(written);
        self.text_at = 0;
        if self.ended && result == CoderResult::InputEmpty {
            self.raw.clear();
            self.raw_at = 0;
        }
        Ok(())
    }
}

impl<R: Read> Read for Transcoded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.text_at >= self.text.len() {
            if self.ended && self.raw_at >= self.raw.len() {
                return Ok(0);
            }
            self.refill()?;
        }
        let ready = self.text.get(self.text_at..).unwrap_or_default();
        let count = ready.len().min(out.len());
        let (target, _) = out.split_at_mut(count);
        target.copy_from_slice(ready.get(..count).unwrap_or_default());
        self.text_at += count;
        Ok(count)
    }
}

#[cfg(test)]
#[path = "rows/tests.rs"]
mod tests;
