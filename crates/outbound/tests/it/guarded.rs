//! Whom the client calls, and whom it does not.

use outbound::{Allow, Settings};
use ports::{Outbound as _, OutboundError};

use super::listener::{client, client_with, get, listen};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Own: yes\r\n\r\nhi";

#[tokio::test]
async fn an_allowed_address_is_called_and_answers() {
    let mut listener = listen(OK).await;
    let mut request = get(format!("http://{}/path?q=1#fragment", listener.address));
    request.headers.insert("x-tenant", "city".parse().unwrap());
    request
        .headers
        .insert("host", "forged.example".parse().unwrap());
    request
        .headers
        .insert("transfer-encoding", "chunked".parse().unwrap());
    let reply = client(Allow::Loopback).send(request).await.unwrap();
    assert_eq!(
        (reply.status.as_u16(), &*reply.body),
        (200, b"hi".as_slice())
    );
    assert_eq!(reply.headers["x-own"], "yes");
    let head = listener.heads.recv().await.unwrap().to_ascii_lowercase();
    assert!(head.starts_with("get /path?q=1 http/1.1\r\n"), "{head}");
    assert!(
        head.contains(&format!("host: {}\r\n", listener.address))
            && head.contains("x-tenant: city\r\n"),
        "{head}"
    );
    assert!(
        !head.contains("forged") && !head.contains("chunked"),
        "{head}"
    );
}

#[tokio::test]
async fn private_addresses_are_refused_however_they_are_written() {
    let mut listener = listen(OK).await;
    let port = listener.address.port();
    let public = client(Allow::Public);
    for host in [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "127.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "10.0.0.1",
        "169.254.169.254",
        "0.0.0.0",
    ] {
        let fault = public
            .send(get(format!("http://{host}:{port}/")))
            .await
            .unwrap_err();
        assert!(
            matches!(fault, OutboundError::AddressForbidden { .. }),
            "{host}: {fault}"
        );
    }
    let fault = client(Allow::Loopback)
        .send(get(format!("http://10.0.0.1:{port}/")))
        .await
        .unwrap_err();
    assert!(
        matches!(fault, OutboundError::AddressForbidden { .. }),
        "{fault}"
    );
    assert!(listener.heads.try_recv().is_err(), "nothing was called");
}

#[tokio::test]
async fn a_listed_host_may_be_called_whatever_its_address() {
    let listener = listen(OK).await;
    let settings = Settings {
        hosts_allowed: vec!["LocalHost".to_owned()],
        ..Settings::default()
    };
    let client = client_with(&settings);
    let port = listener.address.port();
    assert_eq!(
        client
            .send(get(format!("http://localhost:{port}/")))
            .await
            .unwrap()
            .status,
        200
    );
    let fault = client
        .send(get(format!("http://127.0.0.1:{port}/")))
        .await
        .unwrap_err();
    assert!(
        matches!(fault, OutboundError::AddressForbidden { .. }),
        "{fault}"
    );
}

#[tokio::test]
async fn a_redirect_is_a_reply_and_is_not_followed() {
    let mut target = listen(OK).await;
    let listener = listen(format!(
        "HTTP/1.1 302 Found\r\nLocation: http://{}/\r\nContent-Length: 0\r\n\r\n",
        target.address
    ))
    .await;
    let reply = client(Allow::Loopback)
        .send(get(format!("http://{}/", listener.address)))
        .await
        .unwrap();
    assert_eq!(reply.status, 302);
    assert!(
        reply.headers["location"]
            .to_str()
            .unwrap()
            .contains(&target.address.to_string())
    );
    assert!(
        target.heads.try_recv().is_err(),
        "the target was not called"
    );
}

#[tokio::test]
async fn urls_that_cannot_be_asked_are_refused_with_the_reason() {
    let client = client(Allow::Any);
    let long = format!("http://example.org/{}", "x".repeat(3_000));
    for url in [
        "",
        "example.org",
        "ftp://example.org/",
        "file:///etc/passwd",
        "http://",
        "http://u:p@example.org/",
        "http://[::1",
        &long,
    ] {
        let fault = client.send(get(url)).await.unwrap_err();
        assert!(
            matches!(fault, OutboundError::UrlInvalid { .. }),
            "{url}: {fault}"
        );
        assert_eq!(fault.kind(), base::Kind::Invalid);
    }
}

#[tokio::test]
async fn a_host_where_nobody_listens_is_unreachable() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let fault = client(Allow::Loopback)
        .send(get(format!("http://{gone}/")))
        .await
        .unwrap_err();
    assert!(
        matches!(fault, OutboundError::Unreachable { .. }),
        "{fault}"
    );
    let fault = client(Allow::Loopback)
        .send(get("http://nowhere.invalid/"))
        .await
        .unwrap_err();
    assert!(
        matches!(fault, OutboundError::Unreachable { .. }),
        "{fault}"
    );
}

#[tokio::test]
async fn what_is_no_http_gets_the_addresses_that_may_be_called_alone() {
    let (public, own) = (client(Allow::Public), client(Allow::Loopback));
    for host in [
        "127.0.0.1",
        "localhost",
        "::1",
        "[::1]",
        "2130706433",
        "192.168.1.1",
        "169.254.169.254",
    ] {
        let refused = public.reach(host, 1883).await;
        assert!(
            matches!(refused, Err(OutboundError::AddressForbidden { .. })),
            "{host}: {refused:?}"
        );
    }
    let found = own.reach("127.0.0.1", 1883).await.unwrap();
    assert_eq!(found, ["127.0.0.1:1883".parse().unwrap()]);
    let found = own.reach("localhost", 1884).await.unwrap();
    assert!(
        !found.is_empty()
            && found
                .iter()
                .all(|one| one.port() == 1884 && one.ip().is_loopback())
    );
    let unknown = own.reach("no such host", 1883).await;
    assert!(
        matches!(unknown, Err(OutboundError::Unreachable { .. })),
        "{unknown:?}"
    );
}
