//! Whom the client believes over TLS.

use std::sync::Arc;

use outbound::{Allow, Client, Settings, SettingsInvalid};
use ports::{Outbound as _, OutboundError};
use rcgen::CertifiedKey;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::listener::{Stand, client_with, get};

/// Listens with a certificate of its own making for `localhost`; gives the port and the certificate in PEM.
async fn listen() -> (u16, Vec<u8>) {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(vec![cert.der().clone()], key)
    .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    base::Tasks::new().spawn("listener", async move {
        while let Ok((socket, _)) = listener.accept().await {
            let Ok(mut socket) = acceptor.accept(socket).await else {
                continue;
            };
            let mut head = [0; 4096];
            let _head = socket.read(&mut head).await;
            let _taken = socket
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")
                .await;
        }
    });
    (port, cert.pem().into_bytes())
}

#[tokio::test]
async fn an_additional_root_is_trusted_and_a_stranger_is_not() {
    let (port, roots_pem) = listen().await;
    let settings = Settings {
        allow: Allow::Loopback,
        roots_pem,
        ..Settings::default()
    };
    let reply = client_with(&settings)
        .send(get(format!("https://localhost:{port}/")))
        .await
        .unwrap();
    assert_eq!(&*reply.body, b"secret");
    let wrong_name = client_with(&settings)
        .send(get(format!("https://127.0.0.1:{port}/")))
        .await
        .unwrap_err();
    assert!(
        matches!(wrong_name, OutboundError::Unreachable { .. }),
        "{wrong_name}"
    );
    let stranger = Settings {
        allow: Allow::Loopback,
        ..Settings::default()
    };
    let fault = client_with(&stranger)
        .send(get(format!("https://localhost:{port}/")))
        .await
        .unwrap_err();
    assert!(fault.to_string().contains("certificate"), "{fault}");
}

#[test]
fn roots_that_are_none_are_refused() {
    for roots in [
        "no certificate",
        "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----",
    ] {
        let settings = Settings {
            roots_pem: roots.as_bytes().to_vec(),
            ..Settings::default()
        };
        let fault = Client::new(&settings, Stand::new()).unwrap_err();
        assert!(matches!(fault, SettingsInvalid::Roots(_)), "{fault}");
    }
}
