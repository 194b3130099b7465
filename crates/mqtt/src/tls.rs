//! The address of a broker, and TLS to it.

use std::sync::Arc;

use base::Kind;
use ports::{Clock, Outbound};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

use crate::Fault;
use crate::pump::Wire;

/// Where a broker is and how it is spoken to.
pub(crate) struct Address {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

fn invalid(reason: impl Into<String>) -> Fault {
    Fault::SettingsInvalid(reason.into())
}

impl Address {
    /// From `mqtt://` or `mqtts://`.
    pub(crate) fn parse(url: &str, roots_pem: &[u8]) -> Result<Self, Fault> {
        let url = Url::parse(url).map_err(|fault| invalid(format!("the URL: {fault}")))?;
        let (port, secure) = match url.scheme() {
            "mqtt" => (1883, false),
            "mqtts" => (8883, true),
            _ => return Err(invalid("the URL begins with neither mqtt:// nor mqtts://")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("user name and password do not belong into the URL"));
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() {
            return Err(invalid("the URL has more than a host and a port"));
        }
        let host = match url.host() {
            Some(url::Host::Domain(name)) if !name.is_empty() => name.to_owned(),
            Some(url::Host::Ipv4(address)) => address.to_string(),
            Some(url::Host::Ipv6(address)) => address.to_string(),
            _ => return Err(invalid("the URL has no host")),
        };
        let tls = if secure {
            let name = ServerName::try_from(host.clone())
                .map_err(|fault| invalid(format!("the host: {fault}")))?;
            Some((TlsConnector::from(Arc::new(trust(roots_pem)?)), name))
        } else {
            None
        };
        Ok(Self {
            host,
            port: url.port().unwrap_or(port),
            tls,
        })
    }

    /// Connects, to an address that may be connected to.
    pub(crate) async fn connect(&self, reach: Option<&dyn Outbound>) -> Result<TcpStream, Fault> {
        let stream = match reach {
            None => TcpStream::connect((self.host.as_str(), self.port)).await?,
            Some(reach) => {
                let found = reach.reach(&self.host, self.port).await;
                let found = found.map_err(|error| match error.kind() {
                    Kind::Forbidden => Fault::AddressForbidden(error.to_string()),
                    _ => Fault::Network(error.to_string()),
                })?;
                TcpStream::connect(found.as_slice()).await?
            }
        };
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Begins TLS, if it is wanted.
    pub(crate) async fn greet(
        &self,
        stream: TcpStream,
        bytes_max: usize,
        clock: Arc<dyn Clock>,
    ) -> Result<Wire, Fault> {
        Ok(match &self.tls {
            None => {
                let (reader, writer) = stream.into_split();
                Wire::new(reader, writer, bytes_max, clock)
            }
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await?;
                let (reader, writer) = tokio::io::split(stream);
                Wire::new(reader, writer, bytes_max, clock)
            }
        })
    }
}

/// TLS 1.2 and 1.3 by ring, trusting the public authorities and the additional certificates.
fn trust(roots_pem: &[u8]) -> Result<ClientConfig, Fault> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let public = roots.len();
    for certificate in CertificateDer::pem_slice_iter(roots_pem) {
        let certificate = certificate.map_err(|fault| invalid(format!("the roots: {fault}")))?;
        roots
            .add(certificate)
            .map_err(|fault| invalid(format!("the roots: {fault}")))?;
    }
    if roots.len() == public && !roots_pem.is_empty() {
        return Err(invalid("the roots: there is no certificate in them"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|fault| invalid(fault.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scheme_a_host_and_a_port() {
        let address = |url| Address::parse(url, &[]);
        let read = address("mqtt://broker.example").ok().unwrap();
        assert_eq!((read.host.as_str(), read.port), ("broker.example", 1883));
        let read = address("mqtts://[::1]:9000/").ok().unwrap();
        assert_eq!((read.host.as_str(), read.port), ("::1", 9000));
        assert!(read.tls.is_some());
        for wrong in [
            "http://broker.example",
            "mqtt://",
            "mqtt://user:secret@broker.example",
            "mqtt://broker.example/topic",
            "broker.example",
        ] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
        assert!(Address::parse("mqtts://broker.example", b"nonsense").is_err());
    }
}
