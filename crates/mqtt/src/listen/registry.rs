//! Who is connected, and whose session is kept.

use std::sync::Arc;

use base::Time;
use hashbrown::HashMap;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::ledger::Session;

/// The clients of a listener by client id: one connection each [MQTT5 §3.1.4].
#[derive(Debug)]
pub(crate) struct Registry {
    clients: Mutex<Clients>,
    sessions_max: usize,
}

#[derive(Debug, Default)]
struct Clients {
    by_id: HashMap<Arc<str>, Place>,
    entered: u64,
}

#[derive(Debug)]
struct Place {
    session: Arc<Session>,
    /// Which connection it is or was.
    number: u64,
    presence: Presence,
}

#[derive(Debug)]
enum Presence {
    /// Connected.
    Here {
        /// Ends the connection.
        supplant: oneshot::Sender<Supplanted>,
        /// Whether the session outlives it.
        keeps: bool,
    },
    /// Gone; the session is kept.
    Away {
        /// For so long.
        until: Time,
        /// A will that waits for its time.
        will: Option<oneshot::Sender<Supplanted>>,
    },
}

/// A connection came in the place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Supplanted {
    /// Whether the session goes on.
    pub(crate) resumed: bool,
}

/// A place in the registry.
#[derive(Debug)]
pub(crate) struct Entered {
    /// The session, new or old.
    pub(crate) session: Arc<Session>,
    /// Whether it is an old one.
    pub(crate) resumed: bool,
    /// For [`Registry::leave`].
    pub(crate) number: u64,
    /// Fires when another connection comes with the same client id.
    pub(crate) supplanted: oneshot::Receiver<Supplanted>,
}

impl Registry {
    pub(crate) fn new(sessions_max: usize) -> Self {
        Self {
            clients: Mutex::default(),
            sessions_max,
        }
    }

    /// Takes the place of a client; whoever had it is told.
    pub(crate) fn enter(&self, client: &Arc<str>, clean: bool, keeps: bool, now: Time) -> Entered {
        let mut clients = self.clients.lock();
        clients.entered += 1;
        let number = clients.entered;
        let (supplant, supplanted) = oneshot::channel();
        let before = clients.by_id.remove(client);
        let resumable = |place: &Place| match &place.presence {
            Presence::Here { keeps, .. } => *keeps,
            Presence::Away { until, .. } => *until > now,
        };
        let resumed = !clean && before.as_ref().is_some_and(resumable);
        let mut session = Arc::default();
        if let Some(before) = before {
            let told = match before.presence {
                Presence::Here { supplant, .. } => Some(supplant),
                Presence::Away { will, .. } => will,
            };
            // Who ended in this moment need not be told.
            let _heard = told.map(|told| told.send(Supplanted { resumed }).is_ok());
            if resumed {
                session = before.session;
            }
        }
        let place = Place {
            session: Arc::clone(&session),
            number,
            presence: Presence::Here { supplant, keeps },
        };
        clients.by_id.insert(Arc::clone(client), place);
        Entered {
            session,
            resumed,
            number,
            supplanted,
        }
    }

    /// Leaves the place. The session is kept until then, if it is to be kept and there is room:
    /// whether it is.
    pub(crate) fn leave(
        &self,
        client: &Arc<str>,
        number: u64,
        until: Option<Time>,
        will: Option<oneshot::Sender<Supplanted>>,
        now: Time,
    ) -> bool {
        let mut clients = self.clients.lock();
        if clients
            .by_id
            .get(client)
            .is_none_or(|place| place.number != number)
        {
            return false;
        }
        if clients.by_id.len() > self.sessions_max {
            clients.by_id.retain(
                |_, place| !matches!(place.presence, Presence::Away { until, .. } if until <= now),
            );
        }
        let room = clients.by_id.len() <= self.sessions_max;
        match (until, clients.by_id.get_mut(client)) {
            (Some(until), Some(place)) if room => {
                place.presence = Presence::Away { until, will };
                true
            }
            _ => {
                clients.by_id.remove(client);
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(1_000_000);
    const LATER: Time = Time(2_000_000);

    #[test]
    fn a_session_is_resumed_until_its_time_is_over() {
        let registry = Registry::new(10);
        let client: Arc<str> = "a".into();
        let first = registry.enter(&client, false, true, NOW);
        assert!(!first.resumed);
        assert!(registry.leave(&client, first.number, Some(LATER), None, NOW));
        let second = registry.enter(&client, false, true, NOW);
        assert!(second.resumed);
        assert!(Arc::ptr_eq(&first.session, &second.session));
        assert!(registry.leave(&client, second.number, Some(LATER), None, NOW));
        assert!(!registry.enter(&client, false, true, LATER).resumed);
    }

    #[test]
    fn who_was_supplanted_leaves_nothing() {
        let registry = Registry::new(10);
        let client: Arc<str> = "a".into();
        let mut first = registry.enter(&client, true, false, NOW);
        let second = registry.enter(&client, false, true, NOW);
        let told = first.supplanted.try_recv().unwrap();
        assert!(!told.resumed, "the first session ended with its connection");
        assert!(!registry.leave(&client, first.number, None, None, NOW));
        assert!(registry.leave(&client, second.number, Some(LATER), None, NOW));
    }

    #[test]
    fn sessions_are_bounded_and_those_over_their_time_go_first() {
        let registry = Registry::new(1);
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let first = registry.enter(&a, false, true, NOW);
        assert!(registry.leave(&a, first.number, Some(LATER), None, NOW));
        let second = registry.enter(&b, false, true, NOW);
        assert!(!registry.leave(&b, second.number, Some(LATER), None, NOW));
        let third = registry.enter(&b, false, true, LATER);
        assert!(registry.leave(&b, third.number, Some(Time(9_000_000)), None, LATER));
        assert!(!registry.clients.lock().by_id.contains_key("a"));
    }
}
