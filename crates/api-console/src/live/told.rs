//! What a stream has told, and what it has to tell.

use base::{Name, Seq};
use hashbrown::{HashMap, HashSet};
use ports::{EntityChange, Fact};
use serde_json::{Value, json};
use spatial::Envelope;

use crate::error::Failure;
use crate::noted::Noted;
use crate::state::ApiConsole;
use crate::view::known::short;
use crate::view::place::Place;
use crate::view::{Seen, View};

/// Changes in one message.
const CHANGES_MAX: usize = 2_000;
/// Changes of the log that are read for a stream that comes back.
const BEHIND_MAX: u64 = 50_000;
/// Changes of the log that are read at once.
const PAGE: usize = 1_000;

/// What a stream has told.
#[derive(Debug)]
pub(super) struct Told {
    /// Expanded or short names; empty: all.
    types: Vec<String>,
    area: Option<Envelope>,
    /// All changes up to this one are told.
    seq: u64,
    /// What the log says that the view does not remember: entities by their last change, the last
    /// one first, and whether it took them away.
    backlog: Vec<(u64, Name, bool)>,
    /// Slots that were in sight before their last change, which is not told yet.
    seen: HashSet<u32>,
}

/// What is to be told next.
#[derive(Debug)]
pub(super) enum Next {
    /// These changes, up to this one.
    Changes {
        /// The change.
        id: u64,
        /// The changes as JSON.
        data: String,
    },
    /// More than is remembered: the client must begin anew.
    TooFarBehind,
    /// There is nothing to tell.
    Nothing,
}

impl Told {
    /// Nothing is told yet.
    pub(super) fn new(types: Vec<String>, area: Option<Envelope>) -> Self {
        Self {
            types,
            area,
            seq: 0,
            backlog: Vec::new(),
            seen: HashSet::new(),
        }
    }

    /// Up to where it has told.
    pub(super) fn seq(&self) -> u64 {
        self.seq
    }

    /// Begins after a change, or with what comes; false when that is too far behind.
    pub(super) async fn begin(
        &mut self,
        api: &ApiConsole,
        after: Option<u64>,
    ) -> Result<bool, Failure> {
        let (floor, seq) = {
            let view = api.view.read();
            (view.recent.floor(), view.seq)
        };
        self.seq = seq;
        let Some(after) = after else { return Ok(true) };
        let Seq(head) = api.broker.store().head();
        if after > head || head - after > BEHIND_MAX {
            return Ok(false);
        }
        self.seq = after;
        if after < floor {
            self.read_log(api, floor).await?;
        }
        Ok(true)
    }

    /// Reads from the log what was changed up to where the view remembers.
    async fn read_log(&mut self, api: &ApiConsole, floor: u64) -> Result<(), Failure> {
        let mut last: HashMap<Name, (u64, bool)> = HashMap::new();
        let mut after = self.seq;
        while after < floor {
            let changes = api.broker.store().changes(Seq(after), PAGE).await?;
            let Some(end) = changes.last() else { break };
            after = end.seq.0;
            for change in changes {
                let is_ours = change.tenant.is_default() && change.seq.0 <= floor;
                if let (
                    Fact::Entity {
                        id, change: what, ..
                    },
                    true,
                ) = (change.fact, is_ours)
                {
                    let is_gone = matches!(what, EntityChange::Delete { .. });
                    last.insert(id, (change.seq.0, is_gone));
                }
            }
        }
        let changed = last.into_iter();
        self.backlog = changed.map(|(id, (seq, gone))| (seq, id, gone)).collect();
        self.backlog
            .sort_unstable_by_key(|(seq, ..)| std::cmp::Reverse(*seq));
        Ok(())
    }

    /// What is to be told next.
    pub(super) fn next(&mut self, api: &ApiConsole) -> Next {
        let view = api.view.read();
        if !view.is_complete {
            return Next::Nothing;
        }
        let noted = api.watching.now();
        if !self.backlog.is_empty() {
            return self.next_of_backlog(&view, &noted);
        }
        if self.seq < view.recent.floor() {
            self.seq = view.seq;
            self.seen.clear();
            return Next::TooFarBehind;
        }
        self.next_of_recent(&view, &noted)
    }

    fn next_of_backlog(&mut self, view: &View, noted: &Noted) -> Next {
        let mut told = Vec::new();
        while told.len() < CHANGES_MAX {
            let Some((seq, id, is_gone)) = self.backlog.pop() else {
                break;
            };
            match view.of(&id) {
                // A later change of it is remembered, and told in its turn.
                Some(place) if place.seq > view.recent.floor() => {}
                Some(place) if self.asks_for(view, place.kind) && self.sees(place) => {
                    told.push(shown(view, place, noted));
                }
                // What went may have been on the map; what never was there is not missed.
                None if is_gone => told.push(json!({"id": id, "deleted": true})),
                Some(_) | None => {}
            }
            self.seq = seq;
        }
        if self.backlog.is_empty() {
            self.seq = self.seq.max(view.recent.floor());
        }
        self.message(told)
    }

    fn next_of_recent(&mut self, view: &View, noted: &Noted) -> Next {
        let mut told = Vec::new();
        let mut end = view.seq;
        for entry in view.recent.after(self.seq) {
            if told.len() >= CHANGES_MAX {
                end = self.seq;
                break;
            }
            self.seq = entry.seq;
            match &entry.change {
                Seen::Gone(gone) => {
                    let (id, kind) = &**gone;
                    if view.slot(id).is_none() && self.asks_for(view, *kind) {
                        told.push(json!({"id": id, "type": iri(view, *kind), "deleted": true}));
                    }
                }
                Seen::Slot { slot, from } => {
                    let Some(place) = view.place(*slot) else {
                        continue;
                    };
                    let was_seen = from.is_some_and(|(lon, lat)| self.holds(lon, lat));
                    let is_last = place.seq == entry.seq;
                    if !is_last {
                        // Limit: of a thing that left the box in more than one step, the steps
                        // before a reconnection are not known after it.
                        if was_seen {
                            self.seen.insert(*slot);
                        }
                        continue;
                    }
                    let was_seen = self.seen.remove(slot) || was_seen;
                    if self.asks_for(view, place.kind) && (was_seen || self.sees(place)) {
                        told.push(shown(view, place, noted));
                    }
                }
            }
        }
        self.seq = self.seq.max(end);
        self.message(told)
    }

    fn message(&self, told: Vec<Value>) -> Next {
        if told.is_empty() {
            return Next::Nothing;
        }
        Next::Changes {
            id: self.seq,
            data: Value::Array(told).to_string(),
        }
    }

    fn asks_for(&self, view: &View, kind: u16) -> bool {
        let iri = iri(view, kind);
        let is = |wanted: &String| wanted == iri || wanted == short(iri);
        self.types.is_empty() || self.types.iter().any(is)
    }

    fn sees(&self, place: &Place) -> bool {
        let around = place.at.envelope();
        self.area.is_none_or(|area| area.intersects(&around))
    }

    fn holds(&self, lon: f32, lat: f32) -> bool {
        let (lon, lat) = (f64::from(lon), f64::from(lat));
        self.area.is_some_and(|area| {
            (area.min_lon..=area.max_lon).contains(&lon)
                && (area.min_lat..=area.max_lat).contains(&lat)
        })
    }
}

fn iri(view: &View, kind: u16) -> &str {
    view.kind_at(kind).map_or("", |kind| &kind.iri)
}

fn shown(view: &View, place: &Place, noted: &Noted) -> Value {
    let (lon, lat) = place.at.middle();
    let mut shown = json!({
        "id": place.id,
        "type": iri(view, place.kind),
        "layer": view.layer_of(place).map(|layer| &layer.id),
        "seq": place.seq,
        "at": place.time.to_string(),
        "location": [lon, lat],
        "value": place.value(),
        "attribute": view.attribute(place.attribute).map(|attribute| &attribute.iri),
    });
    if let Some(severity) = noted.severity(&place.id) {
        shown["severity"] = json!(severity.as_str());
    }
    shown
}
