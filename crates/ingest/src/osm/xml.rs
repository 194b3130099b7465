//! The XML format, read element by element.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::element::{Element, Member, PARTS_MAX, Place, Tags, Wanted};
use crate::error::ImportError;
use crate::out::{Out, shown};
use crate::source::Stream;

/// Bytes of one tag of markup: the longest description fits many times.
const MARKUP_BYTES_MAX: usize = 1024 * 1024;
/// Depth of elements: OpenStreetMap has three levels.
const DEPTH_MAX: usize = 16;

/// An element under construction.
#[derive(Default)]
struct Draft {
    kind: Kind,
    id: i64,
    place: Option<Place>,
    tags: Vec<(String, String)>,
    refs: Vec<i64>,
    members: Vec<Member>,
    deleted: bool,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[default]
    None,
    Node,
    Way,
    Relation,
}

/// Passes over a file once, giving what is wanted to `each`.
pub(super) fn pass(
    input: Stream,
    file: &str,
    wanted: Wanted,
    out: &mut Out<'_>,
    each: &mut dyn FnMut(Element<'_>, &mut Out<'_>) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let used = Rc::new(Cell::new(0));
    let input = Bounded {
        inner: BufReader::new(input),
        used: Rc::clone(&used),
    };
    let mut reader = Reader::from_reader(input);
    let mut buffer = Vec::new();
    let mut draft = Draft::default();
    let mut depth = 0_usize;
    let mut began = false;
    loop {
        buffer.clear();
        used.set(0);
        let event = reader.read_event_into(&mut buffer);
        let position = reader.buffer_position();
        let broken =
            |reason: &str| ImportError::broken(file, &format!("near byte {position}: {reason}"));
        match event.map_err(|reason| broken(&reason.to_string()))? {
            Event::Start(tag) => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Err(broken("nested too deeply"));
                }
                began |= root(&tag, began).map_err(|reason| broken(&reason))?;
                draft.open(&tag).map_err(|reason| broken(&reason))?;
            }
            Event::Empty(tag) => {
                began |= root(&tag, began).map_err(|reason| broken(&reason))?;
                let whole = draft.open(&tag).map_err(|reason| broken(&reason))?;
                if whole {
                    draft.give(wanted, out, each)?;
                }
            }
            Event::End(tag) => {
                depth = depth.saturating_sub(1);
                if matches!(tag.name().as_ref(), b"node" | b"way" | b"relation") {
                    draft.give(wanted, out, each)?;
                }
            }
            Event::Eof if depth > 0 || !began => return Err(broken("the file ends too early")),
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

/// Checks that the first element is `osm`; `true` once it is.
fn root(tag: &BytesStart<'_>, began: bool) -> Result<bool, String> {
    if began || tag.name().as_ref() == b"osm" {
        return Ok(true);
    }
    let name = shown(&String::from_utf8_lossy(tag.name().as_ref()));
    Err(format!("this is {name}, not osm"))
}

impl Draft {
    /// Takes a start tag; `true` if it begins a node, a way or a relation.
    fn open(&mut self, tag: &BytesStart<'_>) -> Result<bool, String> {
        let kind = match tag.name().as_ref() {
            b"node" => Kind::Node,
            b"way" => Kind::Way,
            b"relation" => Kind::Relation,
            b"tag" | b"nd" | b"member" if self.kind != Kind::None => {
                return self.part(tag).map(|()| false);
            }
            _ => return Ok(false),
        };
        *self = Self {
            kind,
            ..Self::default()
        };
        let id = attribute(tag, "id")?.ok_or("an element without id")?;
        self.id = id
            .parse()
            .map_err(|_invalid| format!("id {} is no number", shown(&id)))?;
        self.deleted = attribute(tag, "visible")?.as_deref() == Some("false")
            || attribute(tag, "action")?.as_deref() == Some("delete");
        if kind == Kind::Node {
            let lon = attribute(tag, "lon")?.and_then(|text| nano(&text));
            let lat = attribute(tag, "lat")?.and_then(|text| nano(&text));
            self.place = lon
                .zip(lat)
                .and_then(|(lon, lat)| Place::from_nano(lon, lat));
        }
        Ok(true)
    }

    fn part(&mut self, tag: &BytesStart<'_>) -> Result<(), String> {
        if self.tags.len() + self.refs.len() + self.members.len() > PARTS_MAX {
            return Err(format!(
                "element {} has more than {PARTS_MAX} parts",
                self.id
            ));
        }
        let number = |name| -> Result<i64, String> {
            let text = attribute(tag, name)?.unwrap_or_default();
            text.parse()
                .map_err(|_invalid| format!("{name} {} is no number", shown(&text)))
        };
        match tag.name().as_ref() {
            b"tag" => {
                let key = attribute(tag, "k")?.unwrap_or_default();
                self.tags
                    .push((key, attribute(tag, "v")?.unwrap_or_default()));
            }
            b"nd" => self.refs.push(number("ref")?),
            _ => {
                let is_way = attribute(tag, "type")?.as_deref() == Some("way");
                let way = if is_way { Some(number("ref")?) } else { None };
                let inner = attribute(tag, "role")?.as_deref() == Some("inner");
                self.members.push(Member { way, inner });
            }
        }
        Ok(())
    }

    /// Gives the finished element on, if it is wanted.
    fn give(
        &mut self,
        wanted: Wanted,
        out: &mut Out<'_>,
        each: &mut dyn FnMut(Element<'_>, &mut Out<'_>) -> Result<(), ImportError>,
    ) -> Result<(), ImportError> {
        let draft = std::mem::take(self);
        if draft.deleted {
            return Ok(());
        }
        let tags = draft
            .tags
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()));
        let tags = Tags(tags.collect());
        let id = draft.id;
        match (draft.kind, draft.place) {
            (Kind::Node, Some(place)) if wanted.nodes => {
                each(Element::Node { id, place, tags }, out)
            }
            (Kind::Way, _) if wanted.ways => each(
                Element::Way {
                    id,
                    refs: &draft.refs,
                    tags,
                },
                out,
            ),
            (Kind::Relation, _) if wanted.relations => each(
                Element::Relation {
                    id,
                    members: &draft.members,
                    tags,
                },
                out,
            ),
            _ => Ok(()),
        }
    }
}

/// The value of an attribute, with its entities resolved.
fn attribute(tag: &BytesStart<'_>, name: &str) -> Result<Option<String>, String> {
    let found = tag
        .try_get_attribute(name)
        .map_err(|reason| reason.to_string())?;
    let Some(found) = found else { return Ok(None) };
    found
        .unescape_value()
        .map(|text| Some(text.into_owned()))
        .map_err(|reason| reason.to_string())
}

/// Degrees as billionths, kept whole so that no digit of the file is lost.
#[expect(
    clippy::cast_possible_truncation,
    reason = "360 degrees are 3.6e11 billionths"
)]
fn nano(text: &str) -> Option<i64> {
    let degrees: f64 = text.parse().ok()?;
    (degrees.abs() <= 360.0).then(|| (degrees * 1e7).round() as i64 * 100)
}

/// A reader that gives no more than one tag of markup may have, until told to begin anew.
struct Bounded<R> {
    inner: R,
    used: Rc<Cell<usize>>,
}

impl<R: BufRead> Bounded<R> {
    fn check(&self) -> io::Result<()> {
        if self.used.get() > MARKUP_BYTES_MAX {
            return Err(io::Error::other("one tag is longer than 1 MiB"));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Bounded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.check()?;
        let count = self.inner.read(out)?;
        self.used.set(self.used.get() + count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Bounded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.check()?;
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.used.set(self.used.get() + amount);
        self.inner.consume(amount);
    }
}
