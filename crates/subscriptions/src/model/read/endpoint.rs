//! `Endpoint` [CIM-009 §5.2.15].

use base::Name;
use http::{HeaderName, HeaderValue, Uri};
use ngsi::parse::lexical;
use serde_json::Value;

use super::super::notification::{Accept, Endpoint, Transport};
use super::super::said::Spoken;
use super::Result;
use super::members::Members;

/// The members of an endpoint.
const MEMBERS: [&str; 6] = [
    "uri",
    "accept",
    "timeout",
    "cooldown",
    "receiverInfo",
    "notifierInfo",
];
/// Pairs of one list: they become headers.
const PAIRS_MAX: usize = 64;

pub(super) fn read(value: &Value, spoken: &Spoken) -> Result<Endpoint> {
    let members = Members::within("notification.endpoint", value, spoken)?;
    members.only(&MEMBERS)?;
    let uri = members
        .text("uri")?
        .ok_or_else(|| members.wrong("uri", "is missing"))?;
    let transport = transport(uri).map_err(|reason| members.wrong("uri", reason))?;
    let accept = match members.text("accept")? {
        None | Some("application/json") => Accept::Json,
        Some("application/ld+json") => Accept::LdJson,
        Some("application/geo+json") => Accept::GeoJson,
        Some(_) => {
            return Err(members.wrong(
                "accept",
                "must be application/json, application/ld+json or application/geo+json",
            ));
        }
    };
    let endpoint = Endpoint {
        uri: Name::from(uri),
        transport,
        accept,
        timeout: members.milliseconds("timeout")?,
        cooldown: members.milliseconds("cooldown")?,
        receiver_info: pairs(&members, "receiverInfo")?,
        notifier_info: pairs(&members, "notifierInfo")?,
    };
    match transport {
        Transport::Http => headers(&members, &endpoint)?,
        Transport::Mqtt => settings(&members, &endpoint)?,
        Transport::Events => {}
    }
    Ok(endpoint)
}

/// How what is sent to the URI is brought there.
fn transport(uri: &str) -> std::result::Result<Transport, &'static str> {
    if !lexical::is_uri(uri) {
        return Err("must be a URI");
    }
    let (scheme, _) = uri.split_once(':').unwrap_or_default();
    let parsed = || uri.parse::<Uri>().ok();
    let has_host = |uri: &Uri| uri.host().is_some_and(|host| !host.is_empty());
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" if parsed().as_ref().is_some_and(has_host) => Ok(Transport::Http),
        "http" | "https" => Err("must name a host, as in http://host:8080/notify"),
        "mqtt" | "mqtts" => {
            let topic = |uri: &Uri| uri.path().trim_matches('/').is_empty();
            match parsed().filter(has_host) {
                Some(uri) if !topic(&uri) => Ok(Transport::Mqtt),
                _ => Err("must name a host and a topic, as in mqtt://host:1883/topic"),
            }
        }
        "events" => Ok(Transport::Events),
        _ => Err("must be of the scheme http, https, mqtt, mqtts or events"),
    }
}

/// An array of `KeyValuePair` [CIM-009 §5.2.22].
fn pairs(members: &Members<'_>, name: &'static str) -> Result<Vec<(String, String)>> {
    let must = || {
        let reason = "must be an array of objects with a 'key' and a 'value', both strings";
        members.wrong(name, reason)
    };
    let items = match members.get(name) {
        None => return Ok(Vec::new()),
        Some((Value::Array(items), _)) if items.len() <= PAIRS_MAX => items,
        Some(_) => return Err(must()),
    };
    let one = |item: &Value| {
        let pair = item.as_object().filter(|pair| pair.len() == 2)?;
        let text = |name| pair.get(name)?.as_str().map(ToOwned::to_owned);
        let key = text("key").filter(|key| !key.is_empty())?;
        Some((key, text("value")?))
    };
    let pairs = items.iter().map(one).collect::<Option<_>>();
    pairs.ok_or_else(must)
}

/// What shall be a header must be able to.
fn headers(members: &Members<'_>, endpoint: &Endpoint) -> Result<()> {
    for (key, value) in &endpoint.receiver_info {
        if HeaderName::from_bytes(key.as_bytes()).is_err() || HeaderValue::from_str(value).is_err()
        {
            return Err(members.wrong("receiverInfo", "must be names and values of HTTP headers"));
        }
    }
    Ok(())
}

/// The settings of MQTT [CIM-009 §7.2].
fn settings(members: &Members<'_>, endpoint: &Endpoint) -> Result<()> {
    let known = |key: &str, words: &[&str]| {
        let said = endpoint.notifier(key);
        said.is_none_or(|word| words.contains(&word))
    };
    if !known("MQTT-Version", &["mqtt3.1.1", "mqtt5.0"]) {
        let reason = "of 'MQTT-Version' must be mqtt3.1.1 or mqtt5.0";
        return Err(members.wrong("notifierInfo", reason));
    }
    if !known("MQTT-QoS", &["0", "1", "2"]) {
        return Err(members.wrong("notifierInfo", "of 'MQTT-QoS' must be 0, 1 or 2"));
    }
    Ok(())
}
