//! A broker that is spoken to by TLS.

use std::sync::Arc;

use base::Tasks;
use mqtt::{ClientState, Qos, Subscription, Version, subscribe};
use rcgen::CertifiedKey;
use rustls::pki_types::PrivateKeyDer;
use testkit::StepClock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::raw::{PATIENCE, client};

/// A broker with a certificate of its own making for `localhost` that lets a client of 3.1.1 in and
/// sends it a message; the port and the certificate.
async fn broker(tasks: &Tasks) -> (u16, Vec<u8>) {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tasks.spawn("broker", async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut packet = [0; 18];
            stream.read_exact(&mut packet).await.unwrap();
            stream.write_all(b"\x20\x02\x00\x00").await.unwrap();
            stream.read_exact(&mut packet[..8]).await.unwrap();
            let answer = b"\x90\x03\x00\x01\x01\x32\x06\x00\x01a\x00\x05A";
            stream.write_all(answer).await.unwrap();
            stream.read_exact(&mut packet[..4]).await.unwrap();
            assert_eq!(packet[..4], *b"\x40\x02\x00\x05");
            stream
                .write_all(b"\x32\x06\x00\x01a\x00\x06B")
                .await
                .unwrap();
            stream.read_exact(&mut packet[..4]).await.unwrap();
        }
    });
    (port, cert.pem().into_bytes())
}

#[tokio::test]
async fn a_broker_is_trusted_by_its_certificate_alone() {
    let tasks = Tasks::new();
    let (port, certificate) = broker(&tasks).await;
    for trusted in [true, false] {
        let clock = Arc::new(StepClock::default());
        let url = format!("mqtts://localhost:{port}");
        let mut settings = client(&clock, &url, Version::V3);
        settings.subscriptions = vec![Subscription {
            filter: "a".parse().unwrap(),
            qos: Qos::AtLeastOnce,
        }];
        if trusted {
            settings.roots_pem.clone_from(&certificate);
        }
        let (out, mut messages) = mpsc::channel(1);
        let (shown, mut state) = watch::channel(ClientState::default());
        let inner = Tasks::new();
        let stop = inner.clone();
        tasks.spawn("client", async move {
            subscribe(settings, out, shown, inner).await.unwrap();
        });
        if trusted {
            for payload in [b"A", b"B"] {
                let message = timeout(PATIENCE, messages.recv()).await.unwrap().unwrap();
                assert_eq!(&message.payload[..], payload);
                message.accept();
            }
        } else {
            let waiting = |state: &ClientState| matches!(state, ClientState::Waiting { .. });
            let state = timeout(PATIENCE, state.wait_for(waiting)).await;
            let ClientState::Waiting { reason, .. } = state.unwrap().unwrap().clone() else {
                unreachable!("waited for")
            };
            assert!(reason.contains("certificate"), "{reason}");
        }
        stop.stop();
    }
}
