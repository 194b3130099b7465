//! Cuts a stream of JSON into the entities in it, without parsing them.

use std::io::{self, BufRead};

/// How entities stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `[{…}, {…}]`
    Array,
    /// One a line.
    Lines,
    /// The whole file is one.
    One,
}

/// What was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// An element; the line on which it starts.
    Element(u64),
    /// An element longer than allowed; it was passed over.
    TooLong(u64),
    /// A blank line.
    Blank,
    /// The end.
    End,
}

/// Gives one element after the other.
pub(super) struct Cutter<R> {
    input: R,
    form: Form,
    line: u64,
    started: bool,
    ended: bool,
    elements: u64,
}

/// Where the cutter is inside an element.
#[derive(Default)]
struct Place {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl<R: BufRead> Cutter<R> {
    pub(super) fn new(input: R, form: Form) -> Self {
        Self {
            input,
            form,
            line: 1,
            started: false,
            ended: false,
            elements: 0,
        }
    }

    /// Cuts the next element into `text`, which holds at most `bytes_max` of it.
    pub(super) fn next(&mut self, text: &mut Vec<u8>, bytes_max: usize) -> io::Result<Cut> {
        text.clear();
        if !self.started {
            self.started = true;
            if self.input.fill_buf()?.starts_with(b"\xEF\xBB\xBF") {
                self.input.consume(3);
            }
            if self.form == Form::Array {
                self.skip_blanks()?;
                self.input.consume(1);
            }
        }
        match self.form {
            _ if self.ended => Ok(Cut::End),
            Form::Array => self.next_of_array(text, bytes_max),
            Form::Lines => self.take(text, bytes_max, |place, byte| {
                let _: &Place = place;
                byte == b'\n'
            }),
            Form::One => self.take(text, bytes_max, |_, _| false),
        }
    }

    fn next_of_array(&mut self, text: &mut Vec<u8>, bytes_max: usize) -> io::Result<Cut> {
        match self.skip_blanks()? {
            Some(b']') => {
                self.input.consume(1);
                self.ended = true;
                return match self.skip_blanks()? {
                    None => Ok(Cut::End),
                    Some(_) => Err(self.wrong("something stands behind the array")),
                };
            }
            Some(b',') if self.elements > 0 => self.input.consume(1),
            Some(_) if self.elements == 0 => {}
            Some(_) => return Err(self.wrong("a comma is missing")),
            None => return Err(self.wrong("the array is not closed")),
        }
        self.skip_blanks()?;
        let cut = self.take(text, bytes_max, |place, byte| {
            place.depth == 0 && !place.in_string && (byte == b',' || byte == b']')
        })?;
        if self.ended {
            return Err(self.wrong("the array is not closed"));
        }
        self.elements += 1;
        Ok(cut)
    }

    /// Takes bytes until `is_end`; the byte that ends a line is consumed, that of an array is not.
    fn take(
        &mut self,
        text: &mut Vec<u8>,
        bytes_max: usize,
        is_end: impl Fn(&Place, u8) -> bool,
    ) -> io::Result<Cut> {
        let start = self.line;
        let mut place = Place::default();
        let (mut blank, mut too_long) = (true, false);
        loop {
            let chunk = self.input.fill_buf()?;
            if chunk.is_empty() {
                self.ended = true;
                break;
            }
            let mut used = 0;
            let mut found = false;
            for &byte in chunk {
                if is_end(&place, byte) {
                    found = true;
                    break;
                }
                used += 1;
                place.pass(byte);
                blank &= byte.is_ascii_whitespace();
                self.line += u64::from(byte == b'\n');
            }
            let part = chunk.get(..used).unwrap_or_default();
            if text.len() + part.len() > bytes_max {
                too_long = true;
            } else {
                text.extend_from_slice(part);
            }
            let closes = found && self.form == Form::Lines;
            self.input.consume(used + usize::from(closes));
            self.line += u64::from(closes);
            if found {
                break;
            }
        }
        Ok(match (blank, too_long) {
            (true, _) if self.ended => Cut::End,
            (true, _) if self.form == Form::Lines => Cut::Blank,
            (_, true) => Cut::TooLong(start),
            _ => Cut::Element(start),
        })
    }

    /// The next byte that is no blank, not consumed.
    fn skip_blanks(&mut self) -> io::Result<Option<u8>> {
        loop {
            let chunk = self.input.fill_buf()?;
            if chunk.is_empty() {
                return Ok(None);
            }
            let blanks = chunk
                .iter()
                .take_while(|byte| byte.is_ascii_whitespace())
                .count();
            let lines = chunk
                .iter()
                .take(blanks)
                .filter(|byte| **byte == b'\n')
                .count();
            let next = chunk.get(blanks).copied();
            self.line += lines as u64;
            self.input.consume(blanks);
            if next.is_some() {
                return Ok(next);
            }
        }
    }

    fn wrong(&self, reason: &str) -> io::Error {
        io::Error::other(format!("line {}: {reason}", self.line))
    }
}

impl Place {
    fn pass(&mut self, byte: u8) {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}
