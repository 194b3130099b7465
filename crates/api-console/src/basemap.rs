//! The basemap: a file of tiles, read by ranges of bytes.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::RangeInclusive;
use std::path::Path as FilePath;
use std::time::UNIX_EPOCH;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use base::Kind;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use trust::Operation;
use web::{Caller, Problem, Query};

use crate::error::{Answer, Failure, fail, not_found};
use crate::state::ApiConsole;

/// Bytes that are read at once.
const CHUNK: u64 = 256 * 1024;
/// Bytes of a file name.
const NAME_BYTES_MAX: usize = 200;
/// A file whose name changes with its content need never be asked for again.
const FOREVER: &str = "private, max-age=31536000, immutable";
const OFTEN: &str = "private, no-cache";

/// `GET` and `HEAD /console/basemap/{file}`
pub(crate) async fn file(
    State(api): State<ApiConsole>,
    Caller(call): Caller,
    Path(name): Path<String>,
    query: Query,
    method: Method,
    headers: HeaderMap,
) -> Answer {
    api.allow(&call, Operation::Read)?;
    query.allow(&["v"])?;
    check_name(&name)?;
    let path = api.basemaps.join(&name);
    let opened = tokio::task::spawn_blocking(move || Opened::at(&path));
    let opened = opened
        .await
        .map_err(|error| fail(Kind::Internal, format_args!("a file was not read: {error}")))??;
    let cache = if query.get("v").is_some() {
        FOREVER
    } else {
        OFTEN
    };
    let mut response = opened.answer(&method, &headers)?;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    Ok(response)
}

/// Only names of files in the folder itself are read.
fn check_name(name: &str) -> Result<(), Failure> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    let is_name = !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && !name.starts_with('.')
        && name.chars().all(is_plain);
    if is_name {
        Ok(())
    } else {
        Err(not_found("there is no such basemap"))
    }
}

/// A file that is there.
struct Opened {
    file: std::fs::File,
    length: u64,
    tag: String,
}

/// Which bytes are asked for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Whole,
    Part(RangeInclusive<u64>),
    Nothing,
}

impl Opened {
    fn at(path: &FilePath) -> Result<Self, Failure> {
        let missing = |_reason| not_found("there is no such basemap");
        // A link could lead out of the folder.
        let is_file = std::fs::symlink_metadata(path).map_err(missing)?.is_file();
        if !is_file {
            return Err(not_found("there is no such basemap"));
        }
        let file = std::fs::File::open(path).map_err(missing)?;
        let about = file.metadata().map_err(missing)?;
        let changed = about
            .modified()
            .ok()
            .and_then(|at| at.duration_since(UNIX_EPOCH).ok())
            .map_or(0, |since| since.as_nanos());
        Ok(Self {
            length: about.len(),
            tag: format!("\"{:x}-{changed:x}\"", about.len()),
            file,
        })
    }

    fn answer(self, method: &Method, headers: &HeaderMap) -> Answer {
        let text = |name| {
            headers
                .get(name)
                .and_then(|value: &HeaderValue| value.to_str().ok())
        };
        if text(header::IF_NONE_MATCH).is_some_and(|known| known.contains(&self.tag)) {
            let mut response = StatusCode::NOT_MODIFIED.into_response();
            set(&mut response, header::ETAG, &self.tag);
            return Ok(response);
        }
        // A range of another file than the caller knows would be of no use.
        let is_same = text(header::IF_RANGE).is_none_or(|known| known == self.tag);
        let range = text(header::RANGE).filter(|_| is_same && *method == Method::GET);
        let (status, part) = match range.map_or(Asked::Whole, |range| asked(range, self.length)) {
            Asked::Nothing => return Err(self.unsatisfiable()),
            Asked::Whole => (StatusCode::OK, None),
            Asked::Part(part) => (StatusCode::PARTIAL_CONTENT, Some(part)),
        };
        let (length, tag) = (self.length, self.tag.clone());
        let (from, count) = match &part {
            None => (0, length),
            Some(part) => (*part.start(), part.end() - part.start() + 1),
        };
        let body = if *method == Method::HEAD {
            Body::empty()
        } else {
            self.body(from, count)
        };
        let mut response = (status, body).into_response();
        set(&mut response, header::ETAG, &tag);
        set(&mut response, header::ACCEPT_RANGES, "bytes");
        set(&mut response, header::CONTENT_LENGTH, &count.to_string());
        let media = "application/vnd.pmtiles";
        set(&mut response, header::CONTENT_TYPE, media);
        if let Some(part) = part {
            let range = format!("bytes {}-{}/{length}", part.start(), part.end());
            set(&mut response, header::CONTENT_RANGE, &range);
        }
        Ok(response)
    }

    fn unsatisfiable(&self) -> Failure {
        let detail = format_args!("the file has {} bytes: ask for some of them", self.length);
        let problem = Problem::plain(StatusCode::RANGE_NOT_SATISFIABLE, detail);
        let range = HeaderValue::try_from(format!("bytes */{}", self.length));
        Failure(match range {
            Ok(range) => problem.with(header::CONTENT_RANGE, range),
            Err(_no_text) => problem,
        })
    }

    /// So many bytes of the file, a chunk at a time.
    fn body(self, from: u64, count: u64) -> Body {
        let reading = (self.file, from, count);
        Body::from_stream(stream::unfold(reading, |(mut file, at, left)| async move {
            if left == 0 {
                return None;
            }
            let size = left.min(CHUNK);
            let read = tokio::task::spawn_blocking(move || {
                let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
                file.seek(SeekFrom::Start(at))?;
                file.read_exact(&mut bytes)?;
                Ok((file, Bytes::from(bytes)))
            });
            let read = read.await.map_err(std::io::Error::other).flatten();
            match read {
                Ok((file, bytes)) => Some((Ok(bytes), (file, at + size, left - size))),
                // The stream breaks off, as the length was promised.
                Err(error) => Some((Err::<Bytes, std::io::Error>(error), nothing_left()?)),
            }
        }))
    }
}

/// There is nothing to go on with after an error: axum asks no more.
fn nothing_left() -> Option<(std::fs::File, u64, u64)> {
    None
}

fn set(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Reads a `Range` header [RFC 9110 §14.2]: one range of bytes; of several, or of another unit,
/// the whole is given.
fn asked(range: &str, length: u64) -> Asked {
    let Some(set) = range.trim().strip_prefix("bytes=") else {
        return Asked::Whole;
    };
    let Some((first, last)) = set.split_once('-').filter(|_| !set.contains(',')) else {
        return Asked::Whole;
    };
    let number = |text: &str| text.trim().parse::<u64>();
    match (number(first), number(last)) {
        (Ok(first), Ok(last)) if first > last => Asked::Whole,
        (Ok(first), _) if first >= length => Asked::Nothing,
        (Ok(first), Ok(last)) => Asked::Part(first..=last.min(length - 1)),
        (Ok(first), Err(_)) if last.trim().is_empty() => Asked::Part(first..=length - 1),
        (Err(_), Ok(0)) if first.trim().is_empty() => Asked::Nothing,
        (Err(_), Ok(_)) if first.trim().is_empty() && length == 0 => Asked::Nothing,
        (Err(_), Ok(last)) if first.trim().is_empty() => {
            Asked::Part(length.saturating_sub(last)..=length - 1)
        }
        _ => Asked::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_as_the_standard_says() {
        assert_eq!(asked("bytes=0-0", 10), Asked::Part(0..=0));
        assert_eq!(asked("bytes=2-", 10), Asked::Part(2..=9));
        assert_eq!(asked("bytes=2-99", 10), Asked::Part(2..=9));
        assert_eq!(asked("bytes=-3", 10), Asked::Part(7..=9));
        assert_eq!(asked("bytes=-30", 10), Asked::Part(0..=9));
        for nothing in ["bytes=10-", "bytes=10-11", "bytes=-0"] {
            assert_eq!(asked(nothing, 10), Asked::Nothing, "{nothing}");
        }
        for whole in [
            "bytes=5-2",
            "bytes=a-b",
            "bytes=1-2,4-5",
            "lines=1-2",
            "bytes=-",
            "",
        ] {
            assert_eq!(asked(whole, 10), Asked::Whole, "{whole}");
        }
        assert_eq!(asked("bytes=0-", 0), Asked::Nothing);
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        for bad in ["", "..", ".hidden", "a/b", "a\\b", "a%2fb", "a\0b", "ä"] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        check_name("navrud.pmtiles").expect("a name");
    }
}
