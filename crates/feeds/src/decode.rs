//! From a payload to fragments of entities, or reasons.

use std::sync::Arc;

use base::{Name, Tenant, Time};
use broker::Contexts;
use ingest::records::{self, Mapper, Shape};
use jsonld::Context;
use ngsi::parse::{Fragment, Parser, Purpose};
use ngsi::{Attribute, AttributeValue};
use serde_json::Value;

/// Payloads from this size on are read on a thread of their own: they would keep others waiting.
const LARGE_BYTES: usize = 128 * 1024;
/// Characters of a refused record that are shown.
pub(crate) const SAMPLE_CHARS_MAX: usize = 200;

/// How a payload is written, if it is written otherwise than the definition says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// JSON, or JSON a line.
    Json,
    /// Delimited text.
    Csv,
    /// GeoJSON.
    GeoJson,
}

/// Turns the payloads of one feed into entities.
#[derive(Debug)]
pub(crate) enum Decoder {
    /// Records under a mapping.
    Mapped {
        mapper: Box<Mapper>,
        shape: Shape,
        pointer: String,
    },
    /// GTFS-Realtime of the schedule with this name.
    GtfsRealtime(String),
    /// NGSI-LD.
    Ngsi,
}

/// A payload and where it came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Payload<'p> {
    pub(crate) bytes: &'p bytes::Bytes,
    pub(crate) topic: &'p str,
    pub(crate) form: Option<Form>,
    pub(crate) arrived: Time,
}

/// What one record of a payload became.
#[derive(Debug)]
pub(crate) enum Piece {
    /// An entity, when it was so, and what could not be read of it.
    Made {
        fragment: Fragment,
        at: Time,
        without: Vec<String>,
    },
    /// Nothing.
    Refused(Refusal),
    /// So many more are nothing, for like reasons.
    More(u64),
}

/// Why a record was not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// One word for counting.
    pub(crate) code: &'static str,
    /// What is wrong, in a sentence.
    pub(crate) reason: String,
    /// The beginning of the record.
    pub(crate) sample: String,
}

impl Refusal {
    pub(crate) fn new(code: &'static str, reason: impl Into<String>, sample: String) -> Self {
        Self {
            code,
            reason: reason.into(),
            sample,
        }
    }
}

/// What turns payloads into entities, with what it needs for that.
#[derive(Debug)]
pub(crate) struct Codec {
    pub(crate) decoder: Arc<Decoder>,
    pub(crate) contexts: Arc<Contexts>,
    pub(crate) tenant: Tenant,
    pub(crate) simulated: bool,
    /// How far ahead of the clock a reading may be, in microseconds.
    pub(crate) ahead_max_micros: Option<i64>,
}

impl Codec {
    /// What a payload says. Every record of it becomes one piece; there is at least one, unless
    /// the payload is well formed and holds no records.
    pub(crate) async fn decode(&self, payload: Payload<'_>) -> Vec<Piece> {
        let mut pieces = match &*self.decoder {
            Decoder::Ngsi => self.ngsi(payload).await,
            _ if payload.bytes.len() >= LARGE_BYTES => self.on_a_thread(payload).await,
            decoder => decoder.decode(payload),
        };
        for piece in &mut pieces {
            self.finish(piece, payload.arrived);
        }
        pieces
    }

    async fn on_a_thread(&self, payload: Payload<'_>) -> Vec<Piece> {
        let (decoder, bytes) = (Arc::clone(&self.decoder), payload.bytes.clone());
        let (topic, form, arrived) = (payload.topic.to_owned(), payload.form, payload.arrived);
        let decoding = tokio::task::spawn_blocking(move || {
            decoder.decode(Payload {
                bytes: &bytes,
                topic: &topic,
                form,
                arrived,
            })
        });
        decoding.await.unwrap_or_else(|_panicked| {
            let reason = "reading it failed within the node: this is a defect, please report it";
            vec![refused_whole(payload.bytes, "payload", reason)]
        })
    }

    /// Entities, each in the light of its own @context.
    async fn ngsi(&self, payload: Payload<'_>) -> Vec<Piece> {
        let read = match records::ngsi(payload.bytes) {
            Ok(read) => read,
            Err(reason) => return vec![refused_whole(payload.bytes, "payload", &reason)],
        };
        let mut pieces = Vec::with_capacity(read.made.len());
        let mut last: Option<(Value, Arc<Context>)> = None;
        for entity in read.made {
            let member = entity.get("@context").cloned().unwrap_or_default();
            let context = match &last {
                Some((known, context)) if *known == member => Arc::clone(context),
                _ => match self.contexts.value(&self.tenant, &member).await {
                    Ok(context) => {
                        last = Some((member, Arc::clone(&context)));
                        context
                    }
                    Err(reason) => {
                        let sample = sample_of(&entity);
                        let refusal = Refusal::new("context", reason.to_string(), sample);
                        pieces.push(Piece::Refused(refusal));
                        continue;
                    }
                },
            };
            pieces.push(parsed(entity, &context, payload.arrived));
        }
        complained(&mut pieces, read.complaints, read.more, payload.bytes);
        pieces
    }

    /// Marks what is simulated, and refuses what comes from the future.
    fn finish(&self, piece: &mut Piece, arrived: Time) {
        let Piece::Made { fragment, at, .. } = piece else {
            return;
        };
        if let Some(ahead) = self.ahead_max_micros
            && *at > arrived.plus_micros(ahead)
        {
            let reason = format!("its time {at} is ahead of the node's clock, {arrived}");
            let sample = fragment.id.as_deref().unwrap_or_default().to_owned();
            *piece = Piece::Refused(Refusal::new("time", reason, sample));
            return;
        }
        if self.simulated {
            let name = Name::from(SIMULATED);
            let mark = AttributeValue::Property(Value::Bool(true));
            fragment.attributes.retain(|known| known.name != name);
            fragment.attributes.push(Attribute::new(name, mark));
        }
    }
}

/// The attribute that marks an entity as simulated.
const SIMULATED: &str = "https://uri.etsi.org/ngsi-ld/default-context/simulated";

impl Decoder {
    fn decode(&self, payload: Payload<'_>) -> Vec<Piece> {
        match self {
            Self::Mapped {
                mapper,
                shape,
                pointer,
            } => mapped(mapper, *shape, pointer, payload),
            Self::GtfsRealtime(schedule) => gtfs_realtime(schedule, payload),
            // Read by the codec, which knows the contexts.
            Self::Ngsi => Vec::new(),
        }
    }
}

fn mapped(mapper: &Mapper, shape: Shape, pointer: &str, payload: Payload<'_>) -> Vec<Piece> {
    let shape = match payload.form {
        None => shape,
        Some(Form::Json) if shape == Shape::GeoJson => shape,
        Some(Form::Json) => Shape::Json,
        Some(Form::Csv) => Shape::Csv,
        Some(Form::GeoJson) => Shape::GeoJson,
    };
    let piece = |record| match record {
        Ok(record) => match mapper.map(&record, payload.topic, payload.arrived) {
            Ok(made) => Piece::Made {
                fragment: made.fragment,
                at: made.at,
                without: made.without,
            },
            Err(useless) => {
                let refusal = Refusal::new(useless.code, useless.reason, sample_of(&record));
                Piece::Refused(refusal)
            }
        },
        Err(records::Bad { reason, sample }) => {
            let sample = sample.map_or_else(|| sample_of_bytes(payload.bytes), |text| cut(&text));
            Piece::Refused(Refusal::new("payload", reason, sample))
        }
    };
    let records = mapper.records(payload.bytes, shape, pointer);
    records.into_iter().map(piece).collect()
}

fn gtfs_realtime(schedule: &str, payload: Payload<'_>) -> Vec<Piece> {
    let read = match records::gtfs_realtime(payload.bytes, schedule) {
        Ok(read) => read,
        Err(reason) => return vec![refused_whole(payload.bytes, "payload", &reason)],
    };
    let core = Context::core();
    let entities = read.made.into_iter();
    let mut pieces: Vec<Piece> = entities
        .map(|entity| parsed(entity, &core, payload.arrived))
        .collect();
    complained(&mut pieces, read.complaints, read.more, payload.bytes);
    pieces
}

fn complained(pieces: &mut Vec<Piece>, complaints: Vec<String>, more: u64, bytes: &[u8]) {
    for reason in complaints {
        let refusal = Refusal::new("payload", reason, sample_of_bytes(bytes));
        pieces.push(Piece::Refused(refusal));
    }
    if more > 0 {
        pieces.push(Piece::More(more));
    }
}

fn parsed(entity: Value, context: &Context, arrived: Time) -> Piece {
    let sample = sample_of(&entity);
    match Parser::new(context, Purpose::Whole).entity(entity) {
        Ok(fragment) => {
            let observed = fragment.attributes.iter().filter_map(|a| a.observed_at);
            let at = observed.max().unwrap_or(arrived);
            Piece::Made {
                fragment,
                at,
                without: Vec::new(),
            }
        }
        Err(reason) => Piece::Refused(Refusal::new("entity", reason.to_string(), sample)),
    }
}

fn refused_whole(bytes: &[u8], code: &'static str, reason: &(impl ToString + ?Sized)) -> Piece {
    let refusal = Refusal::new(code, reason.to_string(), sample_of_bytes(bytes));
    Piece::Refused(refusal)
}

fn sample_of(record: &Value) -> String {
    cut(&record.to_string())
}

fn sample_of_bytes(bytes: &[u8]) -> String {
    let head = bytes.get(..4 * SAMPLE_CHARS_MAX).unwrap_or(bytes);
    cut(&String::from_utf8_lossy(head))
}

/// The beginning of a text, fit to be shown.
pub(crate) fn cut(text: &str) -> String {
    let chars = text.chars().take(SAMPLE_CHARS_MAX);
    chars
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
