//! A closed node: the setup, tokens, and what they open.

use std::path::Path;
use std::time::Duration;

use e2e::node::pause;
use e2e::{Http, Node, Options, chorsu};
use serde_json::{Value, json};

use super::bench;

const CLOSED: Options<'static> = Options {
    open: false,
    port: 0,
    flags: &[],
};

/// The setup token that the node printed.
fn setup_token(node: &Node) -> Option<String> {
    let printed = node.printed();
    let token = printed.split("Bearer ").nth(1)?;
    Some(token.split('\'').next()?.to_owned())
}

/// Sets the node up; the administrator's client.
fn set_up(node: &Node) -> anyhow::Result<Http> {
    let token = setup_token(node).expect("a setup token");
    let answer = node
        .http()
        .with_token(&token)
        .send("POST", "/setup", None)?;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let made = answer.json()?;
    Ok(node
        .http()
        .with_token(made["token"].as_str().expect("a token")))
}

fn make(admin: &Http, wish: &Value) -> anyhow::Result<(String, String)> {
    let answer = admin.post("/admin/tokens", wish)?;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let made = answer.json()?;
    let text = |name: &str| made[name].as_str().expect("text").to_owned();
    Ok((text("id"), text("token")))
}

#[test]
fn a_closed_node_lets_nobody_in_without_a_token() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let node = Node::start_with(place.path(), CLOSED)?;
    let http = node.http();
    for client in [
        http.clone(),
        http.clone().with_token("chorsu_wrong"),
        http.clone().with("Authorization", "Basic YTpi"),
    ] {
        assert_eq!(client.get("/ngsi-ld/v1/entities?type=Bench")?.status, 401);
        assert_eq!(
            client.post("/ngsi-ld/v1/entities", &bench(1, 3))?.status,
            401
        );
        assert_eq!(
            client
                .delete("/ngsi-ld/v1/entities/urn:ngsi-ld:Bench:1")?
                .status,
            401
        );
        assert_eq!(client.get("/admin/tokens")?.status, 401);
        assert_eq!(client.get("/metrics")?.status, 401);
        assert_eq!(
            client
                .post("/admin/backup", &json!({ "to": "/tmp/x" }))?
                .status,
            401
        );
        let setup = client.send("POST", "/setup", None)?;
        assert_eq!(setup.status, 401, "{}", setup.text());
    }
    assert_eq!(http.get("/health")?.status, 200);
    assert_eq!(http.get("/ready")?.status, 200);
    assert_eq!(http.get("/ready")?.json()?["head"], 0);
    node.finish()
}

#[test]
fn the_setup_token_works_once() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let node = Node::start_with(place.path(), CLOSED)?;
    let token = setup_token(&node).expect("a setup token");
    let admin = set_up(&node)?;
    let again = node
        .http()
        .with_token(&token)
        .send("POST", "/setup", None)?;
    assert_eq!(again.status, 409, "{}", again.text());
    assert_eq!(
        node.http()
            .with_token(&token)
            .get("/ngsi-ld/v1/types")?
            .status,
        401
    );
    assert_eq!(
        admin.post("/ngsi-ld/v1/entities", &bench(1, 3))?.status,
        201
    );
    node.finish()?;
    let node = Node::start_with(place.path(), CLOSED)?;
    assert_eq!(setup_token(&node), None, "{}", node.printed());
    node.finish()
}

#[test]
fn a_token_opens_what_it_names_until_it_ends_or_is_revoked() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let node = Node::start_with(place.path(), CLOSED)?;
    let admin = set_up(&node)?;
    admin.post("/ngsi-ld/v1/entities", &bench(1, 3))?;

    let (id, secret) = make(&admin, &json!({ "name": "screen", "operations": ["read"] }))?;
    let screen = node.http().with_token(&secret);
    assert_eq!(
        screen
            .get("/ngsi-ld/v1/entities/urn:ngsi-ld:Bench:1")?
            .status,
        200
    );
    let refused = screen.post("/ngsi-ld/v1/entities", &bench(2, 3))?;
    assert_eq!(refused.status, 403);
    assert!(
        refused.text().contains("'screen' does not allow 'write'"),
        "{}",
        refused.text()
    );
    assert_eq!(screen.get("/admin/tokens")?.status, 403);
    assert!(
        screen
            .get("/start?part=city")?
            .text()
            .contains("1 entity of 1 type")
    );

    assert_eq!(admin.delete(&format!("/admin/tokens/{id}"))?.status, 204);
    assert_eq!(screen.get("/ngsi-ld/v1/types")?.status, 401);
    assert_eq!(admin.delete("/admin/tokens/nobody")?.status, 404);

    let soon = (std::time::UNIX_EPOCH.elapsed()?.as_secs() + 2).to_string();
    let until = Command::date(&soon)?;
    let wish = json!({ "name": "brief", "operations": ["read"], "expiresAt": until });
    let (_, secret) = make(&admin, &wish)?;
    let brief = node.http().with_token(&secret);
    assert_eq!(brief.get("/ngsi-ld/v1/types")?.status, 200);
    pause(Duration::from_millis(2_500));
    assert_eq!(brief.get("/ngsi-ld/v1/types")?.status, 401);
    node.finish()
}

/// The system's `date`, to write a moment as ISO 8601.
struct Command;

impl Command {
    fn date(seconds: &str) -> anyhow::Result<String> {
        let arguments = ["-u", "-d", &format!("@{seconds}"), "+%Y-%m-%dT%H:%M:%SZ"];
        let output = std::process::Command::new("date")
            .args(arguments)
            .output()?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }
}

#[test]
fn a_wrong_wish_for_a_token_is_refused() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let node = Node::start_with(place.path(), CLOSED)?;
    let admin = set_up(&node)?;
    for wish in [
        json!({}),
        json!({ "name": "a" }),
        json!({ "name": "", "operations": ["read"] }),
        json!({ "name": "a", "operations": [] }),
        json!({ "name": "a", "operations": ["fly"] }),
        json!({ "name": "a", "operations": ["read"], "expiresAt": "yesterday" }),
        json!({ "name": "a", "operations": ["read"], "expiresAt": "2001-01-01T00:00:00Z" }),
        json!({ "name": "a", "operations": ["read"], "surprise": 1 }),
    ] {
        let answer = admin.post("/admin/tokens", &wish)?;
        assert_eq!(answer.status, 400, "{wish}: {}", answer.text());
    }
    let list = admin.get("/admin/tokens")?.json()?;
    assert_eq!(list.as_array().map(Vec::len), Some(1));
    node.finish()
}

#[test]
fn the_last_administrator_cannot_be_revoked() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let node = Node::start_with(place.path(), CLOSED)?;
    let admin = set_up(&node)?;
    let first = admin.get("/admin/tokens")?.json()?[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    assert_eq!(admin.delete(&format!("/admin/tokens/{first}"))?.status, 409);
    let (_, secret) = make(
        &admin,
        &json!({ "name": "two", "operations": ["administer"] }),
    )?;
    let two = node.http().with_token(&secret);
    assert_eq!(two.delete(&format!("/admin/tokens/{first}"))?.status, 204);
    assert_eq!(admin.get("/admin/tokens")?.status, 401);
    node.finish()
}

#[test]
fn tokens_outlive_a_restart_and_their_secrets_are_kept_nowhere() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let node = Node::start_with(place.path(), CLOSED)?;
    let admin = set_up(&node)?;
    let (_, secret) = make(&admin, &json!({ "name": "feed", "operations": ["write"] }))?;
    let listed = admin.get("/admin/tokens?limit=1&count=true")?;
    assert_eq!(listed.header("ngsild-results-count"), Some("2"));
    assert!(
        listed
            .header("link")
            .is_some_and(|link| link.contains("offset=1"))
    );
    let hidden = secret.rsplit('_').next().expect("a secret").to_owned();
    assert!(!admin.get("/admin/tokens")?.text().contains(&hidden));
    assert!(!node.log().contains(&hidden));
    node.finish()?;
    assert!(!holds(&place.path().join("data"), hidden.as_bytes())?);

    let node = Node::start_with(place.path(), CLOSED)?;
    let feed = node.http().with_token(&secret);
    assert_eq!(feed.post("/ngsi-ld/v1/entities", &bench(1, 3))?.status, 201);
    assert_eq!(feed.get("/ngsi-ld/v1/types")?.status, 403);
    node.finish()
}

#[test]
fn whoever_holds_the_folder_can_make_a_new_administrator() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let node = Node::start_with(place.path(), CLOSED)?;
    set_up(&node)?;
    node.finish()?;
    let data = place.path().join("data").display().to_string();
    let made = chorsu(&["token", "--data", &data, "--name", "found"])?;
    assert_eq!(made.code, 0, "{}", made.err);
    let node = Node::start_with(place.path(), CLOSED)?;
    let admin = node.http().with_token(made.out.trim());
    assert_eq!(admin.get("/admin/tokens")?.status, 200);
    node.finish()
}

/// Whether a file below the folder holds the bytes.
fn holds(folder: &Path, bytes: &[u8]) -> anyhow::Result<bool> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let found = if path.is_dir() {
            holds(&path, bytes)?
        } else {
            std::fs::read(&path)?
                .windows(bytes.len())
                .any(|window| window == bytes)
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}
