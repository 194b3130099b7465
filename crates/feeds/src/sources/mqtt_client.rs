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
    // To leave is to take the subscriptions back: not when the node or a new definition comes back
    // to them, for which the broker keeps what is published meanwhile.
    let leaving = Tasks::new();
    let following = mqtt::subscribe(settings, out, state, leaving.clone());
    let following = async {
        let mut following = std::pin::pin!(following);
        tokio::select! {
            ended = &mut following => return ended,
            () = tasks.stopped() => {}
        }
        if feed.comes_back() {
            return Ok(());
        }
        leaving.stop();
        following.await
    };
    let bringing = async {
        while let Some(message) = messages.recv().await {
            // A queue that is closed drops the message: the broker sends it again.
            let _sent = feed.message(message, needs.clock.now()).await;
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
