//! Start, readiness, metrics, settings, and an orderly end.

use std::io::Write as _;
use std::time::Duration;

use e2e::http::read_answer;
use e2e::node::pause;
use e2e::{Node, Options, chorsu};
use serde_json::json;

use super::{bench, benches};

#[test]
fn a_node_starts_answers_and_ends_well() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let node = Node::start(place.path())?;
    let http = node.http();
    assert_eq!(http.get("/health")?.json()?["status"], "up");
    assert_eq!(
        http.get("/ready")?.json()?,
        json!({ "status": "ready", "head": 0 })
    );
    assert_eq!(http.post("/ngsi-ld/v1/entities", &bench(1, 3))?.status, 201);
    assert_eq!(http.get("/ready")?.json()?["head"], 1);
    let metrics = http.get("/metrics")?.text();
    let line = "chorsu_http_requests_total{method=\"POST\",route=\"/ngsi-ld/v1/entities\",status=\"2xx\"} 1";
    assert!(metrics.contains(line), "{metrics}");
    assert!(
        metrics.contains("chorsu_http_request_seconds_bucket"),
        "{metrics}"
    );
    node.finish()
}

#[test]
fn what_was_written_is_there_after_a_restart() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    for round in 1..=3 {
        let node = Node::start(place.path())?;
        assert_eq!(benches(&node.http()), round - 1);
        assert_eq!(
            node.http()
                .post("/ngsi-ld/v1/entities", &bench(round, 1))?
                .status,
            201
        );
        node.finish()?;
    }
    let check = chorsu(&[
        "check",
        "--data",
        &place.path().join("data").display().to_string(),
    ])?;
    assert_eq!(check.code, 0, "{}{}", check.out, check.err);
    assert!(
        check.out.contains("sound: the last change is 3"),
        "{}",
        check.out
    );
    Ok(())
}

#[test]
fn a_request_under_way_is_finished_before_the_node_ends() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let mut node = Node::start(place.path())?;
    let body = bench(1, 3).to_string();
    let (early, late) = body.split_at(10);
    let mut stream = node.http().connect()?;
    write!(
        stream,
        "POST /ngsi-ld/v1/entities HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{early}",
        body.len()
    )?;
    pause(Duration::from_millis(100));
    node.signal("TERM")?;
    pause(Duration::from_millis(200));
    stream.write_all(late.as_bytes())?;
    assert_eq!(read_answer(&mut stream)?.status, 201);
    assert!(node.wait()?.success());
    e2e::node::assert_log_clean(&node.log(), &[])?;
    let node = Node::start(place.path())?;
    assert_eq!(benches(&node.http()), 1);
    node.finish()
}

#[test]
fn a_folder_belongs_to_one_node_at_a_time() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let node = Node::start(place.path())?;
    let data = place.path().join("data").display().to_string();
    let second = chorsu(&[
        "serve",
        "--data",
        &data,
        "--listen",
        "127.0.0.1:0",
        "--open",
    ])?;
    assert_ne!(second.code, 0);
    assert!(second.err.contains("in use"), "{}", second.err);
    node.finish()
}

#[test]
fn an_open_node_refuses_other_addresses_and_other_names() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let data = place.path().join("data").display().to_string();
    let wide = chorsu(&["serve", "--data", &data, "--listen", "0.0.0.0:0", "--open"])?;
    assert_ne!(wide.code, 0);
    assert!(wide.err.contains("loopback"), "{}", wide.err);

    let node = Node::start(place.path())?;
    let request =
        b"GET /ngsi-ld/v1/types HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    assert_eq!(node.http().send_raw(request)?.status, 421);
    node.finish()
}

#[test]
fn settings_come_from_flag_environment_file_and_default_in_this_order() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let file = place.path().join("chorsu.toml");
    std::fs::write(&file, "workers = 3\nlog = \"warn\"\nconnections = 77\n")?;
    let mut command = e2e::command::bare(&["settings", "--workers", "1", "--config"])?;
    command
        .arg(&file)
        .env("CHORSU_WORKERS", "2")
        .env("CHORSU_LOG", "debug");
    let text = String::from_utf8(command.output()?.stdout)?;
    let said = |name: &str| {
        let line = text
            .lines()
            .find(|line| line.split_whitespace().next() == Some(name));
        line.unwrap_or_default()
            .split_whitespace()
            .skip(1)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(said("workers"), "1 flag");
    assert_eq!(said("log"), "debug environment");
    assert_eq!(said("connections"), "77 file");
    assert_eq!(said("listen"), "127.0.0.1:7700 default");
    Ok(())
}

#[test]
fn the_log_can_be_json() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let flags = ["--log-format", "json", "--log", "info,access=debug"];
    let node = Node::start_with(
        place.path(),
        Options {
            flags: &flags,
            ..Options::default()
        },
    )?;
    node.http()
        .with("Authorization", "Bearer hidden")
        .get("/ngsi-ld/v1/types?local=true")?;
    let log = node.log();
    node.finish()?;
    let mut seen = false;
    for line in log.lines() {
        let entry: serde_json::Value = serde_json::from_str(line)?;
        seen |= entry["path"] == "/ngsi-ld/v1/types" && entry["status"] == 200;
    }
    assert!(seen, "{log}");
    assert!(
        !log.contains("hidden") && !log.contains("local=true"),
        "{log}"
    );
    Ok(())
}
