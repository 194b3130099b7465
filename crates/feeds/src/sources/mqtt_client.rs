//! A broker whose client the node is.

use std::sync::Arc;

use base::Tasks;
use mqtt::{ClientSettings, ClientState, Qos, Subscription, Version};
use tokio::sync::{mpsc, watch};

use super::Needs;
use crate::feeds::Feed;

/// Messages between the client and the queue of the feed.
const BETWEEN_MAX: usize = 256;

/// Follows a broker until the tasks stop.
pub(super) async fn follow(feed: &Feed, needs: &Needs, tasks: &Tasks) {
    let settings = match settings(feed, needs) {
        Ok(settings) => settings,
        Err(reason) => return feed.meter.broken(needs.clock.now(), reason),
    };
    let (out, mut messages) = mpsc::channel(BETWEEN_MAX);
    let (state, mut changed) = watch::channel(ClientState::default());
    let pausing = Tasks::new();
    let following = mqtt::subscribe(settings, out, state, pausing.clone());
    let bringing = async {
        loop {
            tokio::select! {
                biased;
                () = tasks.stopped() => break,
                message = messages.recv() => match message {
                    // A queue that is closed drops the message: the broker sends it again.
                    Some(message) => drop(feed.message(message, needs.clock.now()).await),
                    None => return,
                },
            }
        }
        if feed.comes_back() {
            // The broker keeps what is published meanwhile.
            pausing.stop();
        } else {
            // Without a receiver the client takes its subscriptions back.
            messages.close();
        }
    };
    let watching = async {
        while changed.changed().await.is_ok() {
            let state = changed.borrow_and_update().clone();
            match state {
                ClientState::Connected { .. } => feed.meter.works(),
                ClientState::Waiting { reason, .. } => {
                    let reason = format!("the broker: {reason}");
                    feed.meter.broken(needs.clock.now(), reason);
                }
                ClientState::Connecting | ClientState::Stopped => {}
            }
        }
    };
    let (ended, (), ()) = tokio::join!(following, bringing, watching);
    if let Err(fault) = ended {
        feed.meter.broken(needs.clock.now(), fault.to_string());
    }
}

fn settings(feed: &Feed, needs: &Needs) -> Result<ClientSettings, String> {
    let source = &feed.definition.source;
    let url = source.url.as_deref().unwrap_or_default();
    let client_id = match &source.client_id {
        Some(id) => id.clone(),
        None => format!("chorsu-{}", feed.name),
    };
    let (clock, entropy) = (Arc::clone(&needs.clock), Arc::clone(&needs.entropy));
    let mut settings = ClientSettings::new(clock, entropy, url, &client_id);
    settings.version = if source.version == Some(3) {
        Version::V3
    } else {
        Version::V5
    };
    settings.user.clone_from(&source.user);
    settings.password = source
        .password
        .as_ref()
        .map(|secret| secret.reveal().to_owned());
    let qos = Qos::from_bits(source.qos.unwrap_or(1)).unwrap_or(Qos::AtLeastOnce);
    for topic in &source.topics {
        let filter = topic
            .parse()
            .map_err(|reason: mqtt::FilterInvalid| reason.to_string())?;
        settings.subscriptions.push(Subscription { filter, qos });
    }
    Ok(settings)
}
