//! What the city is like now, in the shape in which the console is told it (`GET /console/now`).

use base::{Name, Seq, Time};
use insight::{Band, Level};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// The city at one moment. Serialises in camelCase, times as RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Now {
    /// When this was said.
    #[serde(serialize_with = "text")]
    pub time: Time,
    /// The last change of the log that is in it.
    pub seq: Seq,
    /// How many things need attention, acknowledged ones included.
    pub counts: Counts,
    /// The measures of the city in a fixed order; those of which the city has nothing are left out.
    pub measures: Vec<Measure>,
    /// What needs attention: the worst first, of those the oldest first.
    pub attention: Vec<Attention>,
    /// How many more need attention than are shown.
    pub attention_more: usize,
    /// The feeds.
    pub feeds: Vec<FeedState>,
    /// How fresh it all is.
    pub freshness: Freshness,
    /// Whether the watch has read all that was there when the node started.
    pub complete: bool,
}

/// How many things need attention, by severity; what is acknowledged is still so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Critical ones.
    pub critical: usize,
    /// Warnings.
    pub warning: usize,
    /// Notices.
    pub notice: usize,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Notice,
    /// Somebody should look.
    Warning,
    /// Somebody should look at once.
    Critical,
}

/// One measure of the city.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Measure {
    /// Its word, such as `traffic-speed`.
    pub id: &'static str,
    /// The entity whose history is the measure's.
    pub entity: Name,
    /// The attribute of it, expanded.
    pub attribute: Name,
    /// UN/CEFACT code of its unit.
    pub unit: Option<&'static str>,
    /// What it is; `None`: nothing can be said.
    pub value: Option<f64>,
    /// What is usual at this hour of this kind of day; `None`: too little is known.
    pub usual: Option<Range>,
    /// How it stands to that.
    pub status: Status,
    /// Its last 24 hours, at most 60 points: milliseconds since 1970 and value; no value is a gap.
    pub spark: Vec<(i64, Option<f64>)>,
    /// Whether anything that it was made from is simulated.
    pub simulated: bool,
    /// When the newest of what it was made from was observed.
    #[serde(serialize_with = "some_text")]
    pub at: Option<Time>,
    /// How long that was ago.
    pub age_seconds: Option<i64>,
    /// Whether all of what it is made from is too old to speak of now.
    pub stale: bool,
    /// How many things it is made from; of `berths-used`, all berths.
    pub entities: usize,
    /// With how many decimals it is shown.
    pub digits: u8,
}

/// A usual range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Range {
    /// The 10th percentile.
    pub low: f64,
    /// The median.
    pub mid: f64,
    /// The 90th percentile.
    pub high: f64,
}

impl From<Band> for Range {
    fn from(band: Band) -> Self {
        Self {
            low: band.low,
            mid: band.mid,
            high: band.high,
        }
    }
}

/// How a measure stands to what is usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Within the usual range or not far from it.
    Usual,
    /// Outside by more than the width of the range.
    Warning,
    /// Outside by more than twice the width.
    Critical,
    /// Nothing can be said: too little history, or no fresh data.
    Unknown,
}

impl From<Level> for Status {
    fn from(level: Level) -> Self {
        match level {
            Level::Usual => Self::Usual,
            Level::Warning => Self::Warning,
            Level::Critical => Self::Critical,
        }
    }
}

/// One thing that needs attention. The words are the client's: here are a code and what it speaks of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Attention {
    /// The same for the same condition, also after a restart; safe in a path.
    pub id: Name,
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub code: Code,
    /// What the words need. Of several things gathered into one: `count`, and `entities` with the
    /// first of their ids.
    pub params: Map<String, Value>,
    /// Which entity; `None`: several, or none.
    pub entity: Option<Name>,
    /// The type of the entity or of all that are gathered, expanded.
    #[serde(rename = "type")]
    pub type_name: Option<Name>,
    /// Which attribute, expanded.
    pub attribute: Option<Name>,
    /// The name of the entity by language; `und` when it has one in no language.
    pub name: Option<Map<String, Value>>,
    /// Longitude and latitude of the entity.
    pub location: Option<[f64; 2]>,
    /// Since when.
    #[serde(serialize_with = "text")]
    pub since: Time,
    /// Who said that it is being looked after.
    pub acknowledged: Option<Acknowledged>,
    /// Whether it is about simulated things.
    pub simulated: bool,
}

/// What needs attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// A feed has not said anything for longer than expected.
    FeedLate,
    /// A feed cannot be read.
    FeedFailing,
    /// A value is far above what is usual.
    ValueHigh,
    /// A value is far below what is usual.
    ValueLow,
    /// A device has been silent for longer than is usual for it.
    DeviceSilent,
    /// A measure is far above what is usual.
    MeasureHigh,
    /// A measure is far below what is usual.
    MeasureLow,
}

impl Code {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::FeedLate => "feed-late",
            Self::FeedFailing => "feed-failing",
            Self::ValueHigh => "value-high",
            Self::ValueLow => "value-low",
            Self::DeviceSilent => "device-silent",
            Self::MeasureHigh => "measure-high",
            Self::MeasureLow => "measure-low",
        }
    }
}

/// Who looks after something, and since when.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Acknowledged {
    /// Since when.
    #[serde(serialize_with = "text")]
    pub at: Time,
    /// The name of the token, or `public` or `administrator`.
    pub by: String,
}

/// A feed as it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FeedState {
    /// Its name.
    pub name: String,
    /// How it does.
    pub state: FeedCondition,
    /// How long ago what it last said was observed.
    pub lag_seconds: Option<u64>,
    /// How often it is expected to say something.
    pub expected_every_seconds: Option<u32>,
    /// Whether what it says is simulated.
    pub simulated: bool,
    /// What last went wrong.
    pub last_error: Option<FeedFailure>,
}

/// How a feed does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FeedCondition {
    /// Nothing has come yet.
    Waiting,
    /// It comes as expected.
    Live,
    /// It has been silent for longer than expected.
    Late,
    /// It cannot be read.
    Failing,
    /// It was switched off.
    Stopped,
}

/// What went wrong with a feed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FeedFailure {
    /// When.
    #[serde(serialize_with = "text")]
    pub at: Time,
    /// What.
    pub reason: String,
}

/// How fresh it all is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Freshness {
    /// How long ago the newest of all readings was observed; `None`: there are none.
    pub newest_seconds: Option<i64>,
    /// How many feeds are late or failing.
    pub late_feeds: usize,
}

/// The usual range from a moment on, up to the next one of the series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Usual {
    /// From when.
    #[serde(serialize_with = "text")]
    pub at: Time,
    /// The 10th percentile.
    pub low: f64,
    /// The median.
    pub mid: f64,
    /// The 90th percentile.
    pub high: f64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn text<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

#[expect(clippy::ref_option, reason = "serde calls it with a reference")]
fn some_text<S: Serializer>(time: &Option<Time>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.collect_str(time),
        None => serializer.serialize_none(),
    }
}
