//! What the caller can read: the `Accept` header with its weights [RFC 9110 §12.5.1; CIM-009 §6.3.4].

use axum::extract::FromRequestParts;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, StatusCode};

use crate::problem::Problem;

/// Ranges of one `Accept` header that are looked at: browsers send eight.
const RANGES_MAX: usize = 32;

/// The media types of NGSI-LD.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Media {
    /// `application/json`: the @context stands in a `Link` header.
    Json,
    /// `application/ld+json`: the @context stands in the body.
    LdJson,
    /// `application/geo+json`.
    GeoJson,
    /// `application/merge-patch+json`: only as the type of a request body.
    MergePatch,
}

impl Media {
    /// The text of the type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::LdJson => "application/ld+json",
            Self::GeoJson => "application/geo+json",
            Self::MergePatch => "application/merge-patch+json",
        }
    }

    /// The value of a `Content-Type` header.
    pub fn header(self) -> HeaderValue {
        HeaderValue::from_static(self.as_str())
    }

    /// The type of the request's body, which must be one of `allowed`; else 415.
    /// Parameters such as `charset` are passed over.
    pub fn of_body(headers: &HeaderMap, allowed: &[Self]) -> Result<Self, Problem> {
        let sent = headers
            .get(CONTENT_TYPE)
            .map_or("", |value| value.to_str().unwrap_or(""));
        let essence = sent.split(';').next().unwrap_or("").trim();
        let found = allowed
            .iter()
            .find(|media| media.as_str().eq_ignore_ascii_case(essence));
        found.copied().ok_or_else(|| {
            let allowed: Vec<_> = allowed.iter().map(|media| media.as_str()).collect();
            Problem::plain(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                format_args!(
                    "send the body with 'Content-Type: {}'",
                    allowed.join("' or '")
                ),
            )
        })
    }
}

/// The `Accept` header of a request.
#[derive(Debug, Clone, Default)]
pub struct Accept {
    /// Media range in lower case and weight in thousandths.
    ranges: Vec<(String, u16)>,
}

impl Accept {
    /// Reads the headers; none, or none that is understood, accepts everything.
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let lines = headers
            .get_all(ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok());
        let ranges = lines
            .flat_map(|line| line.split(','))
            .filter(|range| !range.trim().is_empty())
            .take(RANGES_MAX)
            .map(range)
            .collect();
        Self { ranges }
    }

    /// The media type among `offers` that the caller likes best; of several that it likes
    /// alike, the first offered; else 406.
    pub fn choose(&self, offers: &[Media]) -> Result<Media, Problem> {
        let names: Vec<&'static str> = offers.iter().map(|media| media.as_str()).collect();
        let chosen = self.choose_of(&names)?;
        let place = names.iter().position(|name| *name == chosen);
        Ok(place.map_or(Media::Json, |place| offers[place]))
    }

    /// As [`Accept::choose`], among media types that are not those of NGSI-LD; none: 406.
    pub fn choose_of(&self, offers: &[&'static str]) -> Result<&'static str, Problem> {
        let mut best: Option<(&'static str, u16)> = None;
        for &offer in offers {
            let weight = self.weight(offer);
            if weight > best.map_or(0, |(_, weight)| weight) {
                best = Some((offer, weight));
            }
        }
        best.map(|(media, _)| media).ok_or_else(|| {
            Problem::plain(
                StatusCode::NOT_ACCEPTABLE,
                format_args!(
                    "this can be had as {}: send one in 'Accept'",
                    offers.join(" or ")
                ),
            )
        })
    }

    /// The weight of a media type: that of the most specific range that holds it.
    fn weight(&self, media: &str) -> u16 {
        if self.ranges.is_empty() {
            return 1_000;
        }
        let family = media.split('/').next().unwrap_or("");
        let of = |wanted: &str| {
            self.ranges
                .iter()
                .filter(|(range, _)| range == wanted)
                .map(|(_, w)| *w)
                .max()
        };
        of(media)
            .or_else(|| of(&format!("{family}/*")))
            .or_else(|| of("*/*"))
            .unwrap_or(0)
    }
}

/// One media range and its weight; a weight that cannot be read is 1.
fn range(text: &str) -> (String, u16) {
    let mut parts = text.split(';').map(str::trim);
    let media = parts.next().unwrap_or("").to_ascii_lowercase();
    let weight = parts
        .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
        .and_then(|text| text.parse::<f32>().ok())
        .map_or(1_000, |q| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the clamp keeps it within 0 to 1000"
            )]
            let thousandths = (q.clamp(0.0, 1.0) * 1_000.0) as u16;
            thousandths
        });
    (media, weight)
}

impl<S: Sync> FromRequestParts<S> for Accept {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::from_headers(&parts.headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(accept: &str, offers: &[Media]) -> Option<Media> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().expect("a header"));
        Accept::from_headers(&headers).choose(offers).ok()
    }

    const BOTH: &[Media] = &[Media::Json, Media::LdJson];

    #[test]
    fn the_heaviest_and_then_the_first_offer_is_chosen() {
        assert_eq!(choose("application/ld+json", BOTH), Some(Media::LdJson));
        assert_eq!(
            choose("application/ld+json, application/json", BOTH),
            Some(Media::Json)
        );
        let heavier = "application/json;q=0.5, application/ld+json;q=0.9";
        assert_eq!(choose(heavier, BOTH), Some(Media::LdJson));
        assert_eq!(choose("*/*", BOTH), Some(Media::Json));
        assert_eq!(
            choose("text/html, application/*;q=0.1", BOTH),
            Some(Media::Json)
        );
        assert_eq!(Accept::default().choose(BOTH).ok(), Some(Media::Json));
    }

    #[test]
    fn a_weight_of_zero_takes_a_type_out_even_when_a_wildcard_follows() {
        assert_eq!(
            choose("application/json;q=0, */*", BOTH),
            Some(Media::LdJson)
        );
        assert_eq!(choose("application/xml", BOTH), None);
        assert_eq!(choose("application/geo+json", BOTH), None);
    }

    #[test]
    fn the_type_of_a_body_is_one_of_those_allowed() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, text.parse().expect("a header"));
            Media::of_body(&headers, BOTH)
        };
        assert_eq!(
            of("application/json; charset=utf-8").ok(),
            Some(Media::Json)
        );
        assert_eq!(of("Application/LD+JSON").ok(), Some(Media::LdJson));
        assert!(of("text/plain").is_err_and(|p| p.status == 415));
    }
}
