//! Where a notification goes by MQTT: `mqtt[s]://[user[:password]@]host[:port]/topic/…` and what the
//! notifier has to know [CIM-009 §7.2].

use mqtt::{Qos, Version};
use percent_encoding::percent_decode_str;
use url::Url;

use crate::model::Endpoint;

/// Bytes of a topic [MQTT5 §1.5.4].
const TOPIC_BYTES_MAX: usize = 65_535;

/// A broker, and who is at it: whatever has the same shares a connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// Scheme, host and port.
    pub(super) url: String,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    is_v5: bool,
}

impl Place {
    pub(super) fn version(&self) -> Version {
        if self.is_v5 { Version::V5 } else { Version::V3 }
    }
}

/// Where a notification goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) place: Place,
    pub(super) topic: String,
    pub(super) qos: Qos,
}

impl Target {
    /// Reads an endpoint.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn of(endpoint: &Endpoint) -> Result<Self, String> {
        let url = Url::parse(&endpoint.uri).map_err(|fault| format!("the endpoint: {fault}"))?;
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or("the endpoint names no broker")?;
        let port = url.port().map(|port| format!(":{port}"));
        let (user, password) = (url.username(), url.password());
        let is_v5 = match endpoint.notifier("MQTT-Version") {
            None | Some("mqtt5.0") => true,
            Some("mqtt3.1.1") => false,
            Some(other) => {
                return Err(format!(
                    "MQTT-Version is mqtt3.1.1 or mqtt5.0, not '{other}'"
                ));
            }
        };
        let qos = match endpoint.notifier("MQTT-QoS") {
            None | Some("0") => Qos::AtMostOnce,
            Some("1") => Qos::AtLeastOnce,
            Some("2") => Qos::ExactlyOnce,
            Some(other) => return Err(format!("MQTT-QoS is 0, 1 or 2, not '{other}'")),
        };
        Ok(Self {
            topic: topic(&url)?,
            place: Place {
                url: format!("{}://{host}{}", url.scheme(), port.unwrap_or_default()),
                user: (!user.is_empty()).then(|| plain(user)).transpose()?,
                password: password.map(plain).transpose()?,
                is_v5,
            },
            qos,
        })
    }
}

fn topic(url: &Url) -> Result<String, String> {
    if url.query().is_some() || url.fragment().is_some() {
        return Err("the endpoint has more than a topic: write ? and # as %3F and %23".to_owned());
    }
    let path = url.path();
    let topic = plain(path.strip_prefix('/').unwrap_or(path))?;
    if topic.is_empty() || topic.len() > TOPIC_BYTES_MAX {
        return Err("the endpoint names no topic".to_owned());
    }
    if topic.contains(['+', '#', '\0']) {
        return Err("a topic that is published to has no + and no #".to_owned());
    }
    Ok(topic)
}

/// A text of the endpoint without its percent-encoding.
fn plain(text: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8();
    let decoded = decoded.map_err(|_invalid| "the endpoint is not UTF-8")?;
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use base::Name;

    use crate::model::{Accept, Transport};

    use super::*;

    fn endpoint(uri: &str, info: &[(&str, &str)]) -> Endpoint {
        let info = info.iter();
        Endpoint {
            uri: Name::from(uri),
            transport: Transport::Mqtt,
            accept: Accept::Json,
            timeout: None,
            cooldown: None,
            receiver_info: Vec::new(),
            notifier_info: info
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }

    #[test]
    fn an_endpoint_is_a_broker_a_user_and_a_topic() {
        let target = Target::of(&endpoint("mqtt://b.example/city/air", &[])).unwrap();
        assert_eq!(target.place.url, "mqtt://b.example");
        assert_eq!(
            (target.topic.as_str(), target.qos),
            ("city/air", Qos::AtMostOnce)
        );
        assert_eq!(target.place.version(), Version::V5);
        let said = endpoint(
            "mqtts://an%40a:s%3Acret@[::1]:9883/a%20b",
            &[("MQTT-Version", "mqtt3.1.1"), ("MQTT-QoS", "2")],
        );
        let target = Target::of(&said).unwrap();
        assert_eq!(target.place.url, "mqtts://[::1]:9883");
        assert_eq!(target.place.user.as_deref(), Some("an@a"));
        assert_eq!(target.place.password.as_deref(), Some("s:cret"));
        assert_eq!(
            (target.topic.as_str(), target.qos),
            ("a b", Qos::ExactlyOnce)
        );
        assert_eq!(target.place.version(), Version::V3);
    }

    #[test]
    fn what_cannot_be_published_to_is_refused() {
        for uri in [
            "mqtt://b.example",
            "mqtt://b.example/",
            "mqtt://b.example/a/%23",
            "mqtt://b.example/a/+",
            "mqtt://b.example/a?x=1",
            "mqtt:///a",
        ] {
            let refused = Target::of(&endpoint(uri, &[]));
            assert!(refused.is_err(), "{uri}");
        }
        for info in [("MQTT-QoS", "3"), ("MQTT-Version", "4")] {
            Target::of(&endpoint("mqtt://b.example/a", &[info])).unwrap_err();
        }
    }
}
