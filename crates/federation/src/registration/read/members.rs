//! The members of an expanded registration, one by one [CIM-009 §5.2.8 to §5.2.11, §5.2.34].

use base::{Name, Tenant, Time, limits};
use ngsi::aggregate::Period;
use ngsi::parse::lexical;
use ngsi::query::Pattern;
use serde_json::{Map, Value};
use spatial::Geometry;

use super::{Information, Management, Mode, OperationSet, RegistrationError, TYPE};
use crate::registration::{ENTRIES_MAX, EntityInfo, TimeInterval};

/// The names of headers that the node sets itself, or that would change how a request is read.
const OWN_HEADERS: [&str; 9] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "upgrade",
    "te",
    "trailer",
    "via",
    "ngsild-tenant",
];

/// Headers for a source, and the URL of its @context.
pub(super) type SourceInfo = (Vec<(Name, Name)>, Option<Name>);

/// The members of one expanded registration.
pub(super) struct Members<'d>(&'d Map<String, Value>);

impl<'d> Members<'d> {
    /// The members; checks those of which nothing but their form is asked.
    pub(super) fn of(document: &'d Value) -> Result<Self, RegistrationError> {
        let members = document.as_object();
        let members = Self(members.ok_or(RegistrationError::Together("it must be an object"))?);
        if members.0.get("type").and_then(Value::as_str) != Some(TYPE) {
            return Err(wrong("type", &format!("must be {TYPE}")));
        }
        for name in ["registrationName", "description"] {
            members.text(name)?;
        }
        for name in ["location", "observationSpace", "operationSpace"] {
            if let Some(place) = members.0.get(name) {
                Geometry::from_geojson(place).map_err(|e| wrong(name, &e.to_string()))?;
            }
        }
        if let Some(rate) = members.text("refreshRate")? {
            period("refreshRate", rate)?;
        }
        Ok(members)
    }

    fn text(&self, name: &str) -> Result<Option<&'d str>, RegistrationError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
            Some(_) => Err(wrong(name, "must be a string that is not empty")),
        }
    }

    pub(super) fn id(&self) -> Result<Name, RegistrationError> {
        let id = self.text("id")?.unwrap_or_default();
        lexical::uri(id).map_err(|error| RegistrationError::Name {
            member: "id",
            error,
        })
    }

    pub(super) fn endpoint(&self) -> Result<Name, RegistrationError> {
        let url = self.text("endpoint")?;
        let url = url.ok_or_else(|| wrong("endpoint", "is missing: where is the source?"))?;
        let rest = url
            .strip_prefix("http://")
            .or_else(|| url.strip_prefix("https://"));
        let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
        if host.is_none_or(str::is_empty) || !lexical::is_uri(url) || url.contains(['?', '#']) {
            let what = "must be a URL of http or https, without a query";
            return Err(wrong("endpoint", what));
        }
        let url = url.trim_end_matches('/');
        Ok(Name::from(url.strip_suffix("/ngsi-ld/v1").unwrap_or(url)))
    }

    pub(super) fn mode(&self) -> Result<Mode, RegistrationError> {
        let Some(word) = self.text("mode")? else {
            return Ok(Mode::default());
        };
        let found = Mode::ALL.into_iter().find(|mode| mode.word() == word);
        found.ok_or_else(|| {
            let what = "must be inclusive, exclusive, redirect or auxiliary";
            wrong("mode", what)
        })
    }

    /// Those named, else those of the group federationOps; of the mode auxiliary, retrieveOps.
    pub(super) fn operations(&self) -> Result<OperationSet, RegistrationError> {
        let Some(all) = self.names("operations")? else {
            return Ok(match self.mode()? {
                Mode::Auxiliary => OperationSet::auxiliary(),
                _ => OperationSet::federation(),
            });
        };
        all.iter().try_fold(OperationSet::NONE, |set, name| {
            let some = OperationSet::named(name).ok_or_else(|| {
                let shown: String = name.chars().take(64).collect();
                let what = format!("has '{shown}', which names no operation or group of them");
                wrong("operations", &what)
            })?;
            Ok(set.union(some))
        })
    }

    pub(super) fn information(&self) -> Result<Vec<Information>, RegistrationError> {
        let parts = array(self.0.get("information"), "information")?;
        let parts =
            parts.ok_or_else(|| wrong("information", "is missing: what has the source?"))?;
        parts.iter().map(information).collect()
    }

    pub(super) fn tenant(&self) -> Result<Option<Tenant>, RegistrationError> {
        let tenant = self.text("tenant")?.map(Tenant::new).transpose();
        tenant.map_err(|error| wrong("tenant", &error.to_string()))
    }

    pub(super) fn alias(&self) -> Result<Option<Name>, RegistrationError> {
        let alias = self.text("contextSourceAlias")?;
        let fits = |text: &str| {
            text.len() <= 256 && text.bytes().all(|b| b.is_ascii_graphic() && b != b',')
        };
        if alias.is_some_and(|text| !fits(text)) {
            let what = "must be a word as it stands in the header Via";
            return Err(wrong("contextSourceAlias", what));
        }
        Ok(alias.map(Name::from))
    }

    /// One URI or an array of them; `@none` is the default instance.
    pub(super) fn datasets(&self) -> Result<Vec<Name>, RegistrationError> {
        let many;
        let values = match self.0.get("datasetId") {
            None => return Ok(Vec::new()),
            Some(one @ Value::String(_)) => std::slice::from_ref(one),
            some => {
                many = array(some, "datasetId")?;
                many.unwrap_or_default()
            }
        };
        let one = |value: &Value| match value.as_str() {
            Some("@none") => Ok(Name::from("@none")),
            _ => lexical::uri_value(value).map_err(|error| RegistrationError::Name {
                member: "datasetId",
                error,
            }),
        };
        values.iter().map(one).collect()
    }

    pub(super) fn time(&self, name: &'static str) -> Result<Option<Time>, RegistrationError> {
        self.0.get(name).map(|value| time(name, value)).transpose()
    }

    pub(super) fn interval(&self, name: &str) -> Result<Option<TimeInterval>, RegistrationError> {
        let Some(value) = self.0.get(name) else {
            return Ok(None);
        };
        let members = object(value, name, &["startAt", "endAt"])?;
        let start_at = members.get("startAt");
        let start_at = start_at.ok_or_else(|| wrong(name, "must have a 'startAt'"))?;
        let interval = TimeInterval {
            start_at: time("startAt", start_at)?,
            end_at: members.get("endAt").map(|v| time("endAt", v)).transpose()?,
        };
        if interval.end_at.is_some_and(|end| end < interval.start_at) {
            return Err(wrong(name, "ends before it starts"));
        }
        Ok(Some(interval))
    }

    pub(super) fn management(&self) -> Result<Management, RegistrationError> {
        // It may stand beside `management` as well [CIM-009 §5.2.9].
        let beside = match self.0.get("localOnly") {
            None => false,
            Some(Value::Bool(only)) => *only,
            Some(_) => return Err(wrong("localOnly", "must be true or false")),
        };
        let Some(value) = self.0.get("management") else {
            return Ok(Management {
                local_only: beside,
                ..Management::default()
            });
        };
        let known = ["localOnly", "cacheDuration", "timeout", "cooldown"];
        let members = object(value, "management", &known)?;
        let millis = |name: &str| match members.get(name) {
            None => Ok(None),
            Some(value) => match value.as_f64() {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "a float becomes the nearest integer, and is kept within a year"
                )]
                Some(millis) if millis > 0.0 => {
                    Ok(Some((millis.min(31_557_600_000.0) * 1_000.0).ceil() as i64))
                }
                _ => Err(wrong(
                    name,
                    "must be a number of milliseconds greater than 0",
                )),
            },
        };
        let cache_micros = match members.get("cacheDuration") {
            None => None,
            Some(Value::String(text)) => Some(period("cacheDuration", text)?),
            Some(_) => return Err(wrong("cacheDuration", "must be an ISO 8601 duration")),
        };
        Ok(Management {
            local_only: match members.get("localOnly") {
                None => beside,
                Some(Value::Bool(only)) => *only,
                Some(_) => return Err(wrong("localOnly", "must be true or false")),
            },
            cache_micros,
            timeout_micros: millis("timeout")?,
            cooldown_micros: millis("cooldown")?,
        })
    }

    /// Headers for the source, and the @context in which it wants to be asked [CIM-009 §5.2.22].
    pub(super) fn source_info(&self) -> Result<SourceInfo, RegistrationError> {
        let name = "contextSourceInfo";
        let (mut headers, mut context) = (Vec::new(), None);
        let pairs = array(self.0.get(name), name)?.unwrap_or_default();
        for pair in pairs {
            let members = object(pair, name, &["key", "value"])?;
            let text = |of: &str| match members.get(of) {
                Some(Value::String(text)) => Ok(text.as_str()),
                _ => Err(wrong(
                    name,
                    &format!("must have a string '{of}' in each pair"),
                )),
            };
            let (key, value) = (text("key")?, text("value")?);
            if key == "jsonldContext" {
                if !jsonld::is_iri(value) {
                    return Err(wrong("jsonldContext", "must be the URL of an @context"));
                }
                context = Some(Name::from(value));
                continue;
            }
            let header = http::HeaderName::from_bytes(key.as_bytes());
            let header = header.map_err(|_no_header| wrong(name, "has a key that is no header"))?;
            // They are passed over, not refused [CIM-009 §4.3.6.5].
            if OWN_HEADERS.contains(&header.as_str()) {
                continue;
            }
            http::HeaderValue::from_str(value)
                .map_err(|_no_value| wrong(name, "has a value that cannot stand in a header"))?;
            headers.push((Name::from(header.as_str()), Name::from(value)));
        }
        Ok((headers, context))
    }

    fn names(&self, name: &'static str) -> Result<Option<Vec<Name>>, RegistrationError> {
        names(self.0.get(name), name)
    }
}

fn information(value: &Value) -> Result<Information, RegistrationError> {
    let known = ["entities", "propertyNames", "relationshipNames"];
    let members = object(value, "information", &known)?;
    if members.is_empty() {
        return Err(wrong("information", "has an entry that says nothing"));
    }
    let entities = array(members.get("entities"), "entities")?;
    let names = |name| names(members.get(name), name).map(Option::unwrap_or_default);
    Ok(Information {
        entities: entities
            .into_iter()
            .flatten()
            .map(entity)
            .collect::<Result<_, _>>()?,
        property_names: names("propertyNames")?,
        relationship_names: names("relationshipNames")?,
    })
}

/// An id says enough: the type may be left out beside it, though the standard wants one.
fn entity(value: &Value) -> Result<EntityInfo, RegistrationError> {
    let members = object(
        value,
        "entities",
        &["id", "idPattern", "type", "@id", "@type"],
    )?;
    let id = members.get("id").map(lexical::uri_value).transpose();
    let id = id.map_err(|error| RegistrationError::Name {
        member: "entities",
        error,
    })?;
    let types = match members.get("type") {
        None if id.is_some() => Vec::new(),
        None => return Err(wrong("entities", "must have a 'type' each")),
        Some(Value::String(one)) => vec![Name::from(one.as_str())],
        some => names(some, "type")?.unwrap_or_default(),
    };
    let id_pattern = match members.get("idPattern") {
        None => None,
        Some(Value::String(text)) => Some(Pattern::parse("idPattern", text)?),
        Some(_) => {
            return Err(wrong(
                "idPattern",
                "must be a regular expression in a string",
            ));
        }
    };
    Ok(EntityInfo {
        id_pattern: id_pattern.filter(|_| id.is_none()),
        id,
        types,
    })
}

fn names(value: Option<&Value>, name: &str) -> Result<Option<Vec<Name>>, RegistrationError> {
    let Some(values) = array(value, name)? else {
        return Ok(None);
    };
    let one = |value: &Value| match value.as_str() {
        Some(text) if !text.is_empty() && text.len() <= limits::URI_BYTES_MAX => {
            Ok(Name::from(text))
        }
        _ => Err(wrong(name, "must have names alone")),
    };
    values.iter().map(one).collect::<Result<_, _>>().map(Some)
}

fn array<'v>(
    value: Option<&'v Value>,
    name: &str,
) -> Result<Option<&'v [Value]>, RegistrationError> {
    match value {
        None => Ok(None),
        Some(Value::Array(values)) if (1..=ENTRIES_MAX).contains(&values.len()) => Ok(Some(values)),
        Some(_) => {
            let what = format!("must be an array with 1 to {ENTRIES_MAX} entries");
            Err(wrong(name, &what))
        }
    }
}

fn object<'v>(
    value: &'v Value,
    name: &str,
    known: &[&str],
) -> Result<&'v Map<String, Value>, RegistrationError> {
    let members = value.as_object();
    let members = members.ok_or_else(|| wrong(name, "must be a JSON object"))?;
    match members.keys().find(|key| !known.contains(&key.as_str())) {
        Some(other) => {
            let other: String = other.chars().take(64).collect();
            Err(wrong(name, &format!("has no member '{other}'")))
        }
        None => Ok(members),
    }
}

fn time(name: &'static str, value: &Value) -> Result<Time, RegistrationError> {
    lexical::date_time(value).map_err(|error| RegistrationError::Name {
        member: name,
        error,
    })
}

/// Microseconds of an ISO 8601 duration.
fn period(name: &str, text: &str) -> Result<i64, RegistrationError> {
    let period = Period::parse(text).map_err(|error| wrong(name, &error.to_string()))?;
    Ok(period.about())
}

fn wrong(member: &str, what: &str) -> RegistrationError {
    RegistrationError::member(member, what)
}
