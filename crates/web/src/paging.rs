//! Pages of a list: `limit`, `offset`, `count` and the links to the pages around [CIM-009 §6.3.10].

use base::limits::{PAGE_DEFAULT, PAGE_MAX};
use http::HeaderValue;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::accept::Media;
use crate::problem::Problem;
use crate::query::Query;

/// What must be escaped in a query string within the angle brackets of a `Link` header.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'+')
    .add(b'<')
    .add(b'>');

/// The names of the parameters that [`Page::from_query`] reads.
pub const PARAMETERS: [&str; 3] = ["limit", "offset", "count"];

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Entries at most; 0 only when `count` is set.
    pub limit: usize,
    /// Entries passed over.
    pub offset: usize,
    /// Whether the caller wants to know how many there are in all.
    pub count: bool,
}

impl Page {
    /// Reads `limit`, `offset` and `count`.
    pub fn from_query(query: &Query) -> Result<Self, Problem> {
        // A page that is no page is wrong data, not a wrong request [CIM-009 §5.5.9].
        let number = |name| {
            let number = query.parsed::<usize>(name, "a number");
            number.map_err(|problem| Problem::new(base::Kind::Invalid, problem.detail))
        };
        let limit = number("limit")?.unwrap_or(PAGE_DEFAULT);
        let offset = number("offset")?.unwrap_or(0);
        let count = query.flag("count")?;
        if limit > PAGE_MAX {
            return Err(Problem::new(
                base::Kind::Invalid,
                format_args!("limit is {limit}: it must be at most {PAGE_MAX}"),
            ));
        }
        if limit == 0 && !count {
            return Err(Problem::new(
                base::Kind::Invalid,
                "limit=0 asks for nothing: add count=true to learn the number alone",
            ));
        }
        Ok(Self {
            limit,
            offset,
            count,
        })
    }

    /// The `Link` headers to the pages before and after: item offsets, relative to the host.
    /// `path` is the path asked for, `query` what was asked, `more` whether entries follow.
    pub fn links(self, path: &str, query: &Query, media: Media, more: bool) -> Vec<HeaderValue> {
        // In one order, so that the same question has the same links.
        let sorted = |mut parts: Vec<String>| {
            parts.sort_unstable();
            parts
        };
        self.around(path, query, (media, self.after(more)), sorted)
    }

    /// As [`Page::links`], where the next page begins at another offset than behind this one:
    /// in a list that keeps the places of what fell out of it.
    pub fn links_from(
        self,
        path: &str,
        query: &Query,
        media: Media,
        next: Option<usize>,
    ) -> Vec<HeaderValue> {
        let sorted = |mut parts: Vec<String>| {
            parts.sort_unstable();
            parts
        };
        self.around(path, query, (media, next), sorted)
    }

    /// Where the next page begins, if there is more.
    fn after(self, more: bool) -> Option<usize> {
        more.then(|| self.offset.saturating_add(self.limit))
    }

    /// As [`Page::links`], with the parameters in the order in which they came.
    pub fn links_as_asked(
        self,
        path: &str,
        query: &Query,
        media: Media,
        more: bool,
    ) -> Vec<HeaderValue> {
        self.around(path, query, (media, self.after(more)), |parts| parts)
    }

    fn around(
        self,
        path: &str,
        query: &Query,
        (media, next): (Media, Option<usize>),
        ordered: fn(Vec<String>) -> Vec<String>,
    ) -> Vec<HeaderValue> {
        let before = (self.offset > 0).then(|| self.offset.saturating_sub(self.limit));
        [("prev", before), ("next", next)]
            .into_iter()
            .filter_map(|(rel, offset)| {
                let offset = offset.filter(|_| self.limit > 0)?;
                let parts = ordered(self.parts(query, offset));
                link(path, &parts, media, rel)
            })
            .collect()
    }

    /// What was asked, with the limit and another offset.
    fn parts(self, query: &Query, offset: usize) -> Vec<String> {
        let (limit, offset) = (self.limit.to_string(), offset.to_string());
        let mut parts: Vec<String> = query
            .pairs()
            .map(|(name, value)| match name {
                "limit" => format!("limit={limit}"),
                "offset" => format!("offset={offset}"),
                _ => format!("{}={}", escaped(name), escaped(value)),
            })
            .collect();
        for (name, value) in [("limit", &limit), ("offset", &offset)] {
            if query.get(name).is_none() {
                parts.push(format!("{name}={value}"));
            }
        }
        parts
    }
}

fn link(path: &str, parts: &[String], media: Media, rel: &str) -> Option<HeaderValue> {
    let path = path.trim_end_matches('/');
    let media = media.as_str();
    let text = format!(
        "<{path}?{}>;rel=\"{rel}\";type=\"{media}\"",
        parts.join("&")
    );
    HeaderValue::try_from(text).ok()
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(raw: &str, more: bool) -> Vec<String> {
        let query = Query::parse(raw).expect("a query");
        let page = Page::from_query(&query).expect("a page");
        let links = page.links("/ngsi-ld/v1/entities/", &query, Media::Json, more);
        links
            .iter()
            .map(|link| link.to_str().expect("ASCII").to_owned())
            .collect()
    }

    #[test]
    fn the_links_keep_the_question_and_move_the_offset() {
        assert_eq!(
            links(
                "count=true&idPattern=urn%3Aa.%2A&limit=2&offset=1&type=B",
                true
            ),
            [
                "</ngsi-ld/v1/entities?count=true&idPattern=urn:a.*&limit=2&offset=0&type=B>;\
                 rel=\"prev\";type=\"application/json\"",
                "</ngsi-ld/v1/entities?count=true&idPattern=urn:a.*&limit=2&offset=3&type=B>;\
                 rel=\"next\";type=\"application/json\"",
            ]
        );
        assert_eq!(links("q=a%3D%3D%22%C3%A9%22", false), Vec::<String>::new());
        assert!(links("q=%C3%A9", true)[0].contains("?limit=20&offset=20&q=%C3%A9>"));
    }

    #[test]
    fn the_next_page_may_begin_further_on() {
        let query = Query::parse("limit=2").expect("a query");
        let page = Page::from_query(&query).expect("a page");
        let links = page.links_from("/x", &query, Media::Json, Some(5));
        assert_eq!(links.len(), 1);
        assert!(
            links[0]
                .to_str()
                .is_ok_and(|link| link.contains("offset=5"))
        );
        assert!(page.links_from("/x", &query, Media::Json, None).is_empty());
    }

    #[test]
    fn a_page_is_bounded() {
        let page = |raw: &str| Page::from_query(&Query::parse(raw).expect("a query"));
        assert!(page("limit=1001").is_err_and(|p| p.detail.contains("1000")));
        assert!(page("limit=0").is_err_and(|p| p.detail.contains("count=true")));
        assert!(page("limit=0&count=true").is_ok_and(|page| page.limit == 0));
        assert!(page("offset=-1").is_err_and(|p| p.status == 400));
    }
}
