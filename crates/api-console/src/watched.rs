//! The watch of the node, as the console asks it.

use std::sync::Arc;

use async_trait::async_trait;
use base::{Name, Time};
use parking_lot::Mutex;
use tiles::data::Severity;
use tokio::sync::watch::Receiver;
use trust::Call;
use watch::{Now, Range, Usual, Watch, WatchError};

use crate::noted::Noted;
use crate::state::Watching;

/// A [`Watch`] whose last word is kept as JSON, so that it is written once for all who ask.
#[derive(Debug)]
pub struct Watched {
    watch: Arc<Watch>,
    changed: Receiver<u64>,
    last: Mutex<Option<(Arc<Now>, Arc<Noted>)>>,
}

impl Watched {
    /// Asks this watch.
    pub fn new(watch: Arc<Watch>) -> Arc<Self> {
        Arc::new(Self {
            changed: watch.changed(),
            watch,
            last: Mutex::new(None),
        })
    }
}

#[async_trait]
impl Watching for Watched {
    fn now(&self) -> Arc<Noted> {
        let now = self.watch.now();
        let mut last = self.last.lock();
        if let Some((known, noted)) = &*last
            && Arc::ptr_eq(known, &now)
        {
            return Arc::clone(noted);
        }
        let severities = self.watch.severities();
        let severities = severities.iter().map(|(entity, severity)| {
            let severity = match severity {
                watch::Severity::Notice => Severity::Notice,
                watch::Severity::Warning => Severity::Warning,
                watch::Severity::Critical => Severity::Critical,
            };
            (&**entity, severity)
        });
        // What is said of the city is text, numbers and lists of them: always JSON.
        let value = serde_json::to_value(&*now).unwrap_or_default();
        let version = *self.changed.borrow();
        let noted = Arc::new(Noted::new(version, &value).and(severities));
        *last = Some((now, Arc::clone(&noted)));
        noted
    }

    async fn acknowledge(&self, call: &Call, id: &str, seen: bool) -> Result<(), WatchError> {
        if seen {
            self.watch.acknowledge(call, id).await
        } else {
            self.watch.unacknowledge(call, id).await
        }
    }

    async fn usual(
        &self,
        call: &Call,
        entity: &str,
        attribute: &str,
        (from, until): (Time, Time),
    ) -> Result<Vec<Usual>, WatchError> {
        self.watch.usual(call, entity, attribute, from, until).await
    }

    async fn usual_now(
        &self,
        call: &Call,
        entity: &str,
        attributes: &[Name],
    ) -> Result<Vec<Option<Range>>, WatchError> {
        self.watch.usual_now(call, entity, attributes).await
    }
}
