//! Server-Sent Events out of bytes as they come [HTML §9.2].

/// Bytes of one event, its names included.
const EVENT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its name; `message` when it has none.
    pub(crate) name: String,
    /// What it says.
    pub(crate) data: String,
    /// The id that was last named, by it or before it.
    pub(crate) id: String,
}

/// Reads events; memory is bounded by the largest event.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    line: Vec<u8>,
    after_return: bool,
    begun: bool,
    name: String,
    data: String,
    has_data: bool,
    id: String,
    /// Milliseconds after which the server wants to be asked again.
    pub(crate) retry_millis: Option<u64>,
}

impl Reader {
    /// A reader that goes on after an event.
    pub(crate) fn after(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            ..Self::default()
        }
    }

    /// Takes bytes and gives the events that they complete.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<Vec<Event>, String> {
        let mut events = Vec::new();
        for byte in bytes {
            let was_return = std::mem::replace(&mut self.after_return, *byte == b'\r');
            match byte {
                b'\n' if was_return => {}
                b'\n' | b'\r' => events.extend(self.end_of_line()),
                _ => self.line.push(*byte),
            }
            if self.line.len() + self.data.len() > EVENT_BYTES_MAX {
                return Err(format!("an event is longer than {EVENT_BYTES_MAX} bytes"));
            }
        }
        Ok(events)
    }

    fn end_of_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        let line = match line.strip_prefix(b"\xEF\xBB\xBF") {
            Some(rest) if !self.begun => rest,
            _ => &line,
        };
        self.begun = true;
        let line = String::from_utf8_lossy(line);
        if line.is_empty() {
            return self.end_of_event();
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.data.push_str(value);
                self.has_data = true;
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            "retry" => self.retry_millis = value.parse().ok().or(self.retry_millis),
            _ => {}
        }
        None
    }

    fn end_of_event(&mut self) -> Option<Event> {
        let name = std::mem::take(&mut self.name);
        let data = std::mem::take(&mut self.data);
        let has_data = std::mem::take(&mut self.has_data);
        has_data.then(|| Event {
            name: if name.is_empty() {
                "message".to_owned()
            } else {
                name
            },
            data,
            id: self.id.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(chunks: &[&[u8]]) -> Vec<(String, String, String)> {
        let mut reader = Reader::default();
        let mut events = Vec::new();
        for chunk in chunks {
            events.extend(reader.take(chunk).unwrap());
        }
        events.into_iter().map(|e| (e.name, e.data, e.id)).collect()
    }

    #[test]
    fn events_have_names_data_of_several_lines_and_ids_that_stay() {
        let text = "\u{feff}: hello\r\n\r\nid: 7\nevent: air\ndata: {\"a\":1,\ndata:\"b\":2}\n\ndata: x\r\rid\n\nevent: none\n\n";
        let own =
            |name: &str, data: &str, id: &str| (name.to_owned(), data.to_owned(), id.to_owned());
        let events = all(&[text.as_bytes()]);
        assert_eq!(
            events,
            [
                own("air", "{\"a\":1,\n\"b\":2}", "7"),
                own("message", "x", "7")
            ]
        );
    }

    #[test]
    fn an_event_without_end_is_an_error_and_not_all_memory() {
        let mut reader = Reader::default();
        let chunk = vec![b'x'; EVENT_BYTES_MAX / 2 + 1];
        assert_eq!(reader.take(&chunk).unwrap(), []);
        assert!(reader.take(&chunk).unwrap_err().contains("longer"));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_the_bytes_are_cut(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b':'), Just(b'd'), any::<u8>()], 0..200),
            at in 0_usize..200,
        ) {
            let mut text = b"data: a\n\n".to_vec();
            text.extend(bytes);
            let (one, two) = text.split_at(at.min(text.len()));
            prop_assert_eq!(all(&[&text]), all(&[one, two]));
        }
    }
}
