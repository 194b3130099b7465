//! Where payloads come from, other than from those who bring them.

mod events;
mod mqtt_client;
mod poll;
mod sse;

use std::sync::Arc;

use base::Tasks;
use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use ports::{Clock, Entropy, Outbound};

use crate::definition::{Kind, Source};
use crate::feeds::Feed;

/// What a source needs.
#[derive(Debug, Clone)]
pub(crate) struct Needs {
    pub(crate) outbound: Arc<dyn Outbound>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

/// Starts what brings the payloads of a feed. It ends with the feed's own tasks.
pub(crate) fn start(feed: &Arc<Feed>, needs: &Needs, own: &Tasks) {
    let (source, needs, tasks) = (Arc::clone(feed), needs.clone(), own.clone());
    match feed.definition.source.kind {
        Kind::Listener | Kind::Push => {}
        Kind::Poll => own.spawn("poll", async move {
            poll::follow(&source, &needs, &tasks).await;
        }),
        Kind::Sse => own.spawn(
            "sse",
            async move { sse::follow(&source, &needs, &tasks).await },
        ),
        Kind::Mqtt => own.spawn("mqtt", async move {
            mqtt_client::follow(&source, &needs, &tasks).await;
        }),
    }
}

/// The headers that a source sends.
pub(crate) fn headers(source: &Source) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &source.headers {
        let name = HeaderName::try_from(name)
            .map_err(|_invalid| format!("[source] {name:?} is no name of a header"))?;
        let mut value = HeaderValue::try_from(value.reveal())
            .map_err(|_invalid| format!("[source] the value of header {name} is none"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    if let Some(user) = &source.user {
        let password = source
            .password
            .as_ref()
            .map_or("", |secret| secret.reveal());
        let basic = format!("Basic {}", base64(format!("{user}:{password}").as_bytes()));
        let mut basic = HeaderValue::try_from(basic).map_err(|reason| reason.to_string())?;
        basic.set_sensitive(true);
        headers.insert(AUTHORIZATION, basic);
    }
    Ok(headers)
}

/// Base64 with padding [RFC 4648 §4].
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let at = |index: usize| u32::from(three.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4_usize {
            let letter = (bits >> (18 - 6 * place)) & 63;
            let letter = usize::try_from(letter).ok().and_then(|l| LETTERS.get(l));
            let is_padding = place > three.len();
            text.push(if is_padding {
                '='
            } else {
                letter.copied().map_or('=', char::from)
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        let of = |text: &str| base64(text.as_bytes());
        let made = ["", "f", "fo", "foo", "foob", "Aladdin:open sesame"].map(of);
        let known = [
            "",
            "Zg==",
            "Zm8=",
            "Zm9v",
            "Zm9vYg==",
            "QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        ];
        assert_eq!(made, known);
    }
}
