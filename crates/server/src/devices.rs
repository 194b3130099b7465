//! Devices that publish by MQTT: who may, and where their messages go.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use base::Tasks;
use feeds::Feeds;
use mqtt::{Credentials, Door, ListenSettings, Refusal};
use ports::{Clock as _, Entropy};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use trust::{Access, Call, Operation};
use web::Guard;

use crate::real::{OsEntropy, SystemClock};

/// Messages between the sockets and the feeds.
const WAITING_MAX: usize = 8_192;

/// Lets in whoever sends, as password, a token that may write; the user name is not looked at.
#[derive(Debug)]
pub(crate) struct TokenDoor {
    pub(crate) guard: Arc<dyn Guard>,
    pub(crate) access: Access,
}

#[async_trait]
impl Door for TokenDoor {
    async fn connect(&self, who: &Credentials<'_>) -> Result<(), Refusal> {
        let token = who.password.map(std::str::from_utf8).transpose();
        let Ok(token) = token else {
            return Err(Refusal::Credentials);
        };
        let now = SystemClock.now();
        let principal = self.guard.identify(token, now);
        let principal = principal.map_err(|_unknown| Refusal::Credentials)?;
        let call = Call {
            principal,
            ..Call::of_the_node(base::Tenant::default_tenant())
        };
        let allowed = self.access.authorize(&call, Operation::Write);
        allowed.map_err(|_denied| match token {
            None => Refusal::Credentials,
            Some(_) => Refusal::Forbidden,
        })
    }
}

/// Listens for devices and hands what they say to the feeds. Returns where it listens.
pub(crate) async fn listen(
    address: SocketAddr,
    door: Arc<dyn Door>,
    feeds: Arc<Feeds>,
    tasks: &Tasks,
) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("listening for devices at {address}"))?;
    let address = listener.local_addr()?;
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    let settings = ListenSettings::new(Arc::new(SystemClock), entropy);
    let (out, mut messages) = mpsc::channel(WAITING_MAX);
    let listening = mqtt::listen(listener, settings, door, out, tasks.clone());
    tasks.spawn("listen for devices", listening);
    tasks.spawn("messages of devices", async move {
        while let Some(message) = messages.recv().await {
            feeds.message(message).await;
        }
    });
    Ok(address)
}
