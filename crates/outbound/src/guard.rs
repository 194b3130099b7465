//! The guard: which hosts and addresses may be called, also as the resolver of the connections.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::{io, vec};

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use ports::OutboundError;
use tower_service::Service;
use url::{Host, Url};

use crate::reach::Reach;
use crate::settings::{Allow, Settings};

/// What the settings allow. As a resolver it hands out checked addresses only, and connections go to these.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    allow: Allow,
    hosts: Arc<[String]>,
    resolver: GaiResolver,
}

/// A name led to an address that may not be called.
#[derive(Debug, thiserror::Error)]
#[error("the address may not be called")]
pub(crate) struct Forbidden;

impl Guard {
    pub(crate) fn new(settings: &Settings) -> Self {
        let hosts = settings
            .hosts_allowed
            .iter()
            .map(|host| host.to_ascii_lowercase())
            .collect();
        Self {
            allow: settings.allow,
            hosts,
            resolver: GaiResolver::new(),
        }
    }

    /// Reads a URL that is to be called. Addresses written out are checked here, since connections to them ask no
    /// resolver; names are checked when they are resolved.
    pub(crate) fn url(&self, text: &str) -> Result<Url, OutboundError> {
        let invalid = |reason: &str| OutboundError::UrlInvalid {
            url: text.chars().take(200).collect(),
            reason: reason.to_owned(),
        };
        if text.len() > base::limits::URI_BYTES_MAX {
            return Err(invalid("it is too long"));
        }
        let mut url = Url::parse(text).map_err(|fault| invalid(&fault.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid("only http and https are spoken"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("credentials belong in a header, not in the URL"));
        }
        url.set_fragment(None);
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) => None,
            None => return Err(invalid("it names no host")),
        };
        let host = url.host_str().unwrap_or_default();
        if address.is_some_and(|address| !self.permits(host, address)) {
            return Err(OutboundError::AddressForbidden {
                host: host.to_owned(),
            });
        }
        Ok(url)
    }

    /// The addresses of a host, if all of them may be called.
    pub(crate) async fn reach(
        &self,
        host: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, OutboundError> {
        let forbidden = || OutboundError::AddressForbidden {
            host: host.to_owned(),
        };
        let unreachable = |reason: String| OutboundError::Unreachable {
            host: host.to_owned(),
            reason,
        };
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse::<IpAddr>() {
            let permitted = self.permits(host, address);
            let found = permitted.then(|| vec![SocketAddr::new(address, port)]);
            return found.ok_or_else(forbidden);
        }
        let name: Name = bare
            .parse()
            .map_err(|_invalid| unreachable("it is no name of a host".to_owned()))?;
        let found = self.clone().call(name).await.map_err(|error| {
            let is_forbidden = error
                .get_ref()
                .is_some_and(<dyn std::error::Error + Send + Sync>::is::<Forbidden>);
            if is_forbidden {
                forbidden()
            } else {
                unreachable(error.to_string())
            }
        })?;
        Ok(found
            .map(|found| SocketAddr::new(found.ip(), port))
            .collect())
    }

    fn permits(&self, host: &str, address: IpAddr) -> bool {
        self.allow.permits(Reach::of(address)) || self.names(host)
    }

    fn names(&self, host: &str) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        self.hosts
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(host) || allowed.eq_ignore_ascii_case(bare))
    }
}

impl Service<Name> for Guard {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.resolver.poll_ready(context)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let guard = self.clone();
        let host = name.as_str().to_owned();
        let found = self.resolver.call(name);
        Box::pin(async move {
            let addresses: Vec<SocketAddr> = found.await?.collect();
            // One forbidden address forbids them all: an honest name does not mix them.
            if addresses
                .iter()
                .all(|address| guard.permits(&host, address.ip()))
            {
                Ok(addresses.into_iter())
            } else {
                Err(io::Error::other(Forbidden))
            }
        })
    }
}
