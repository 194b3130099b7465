//! The folder of a node: backup, restore, check, repair.

use std::fs;
use std::path::{Path, PathBuf};

use e2e::{Node, Options, Output, chorsu};

use super::{bench, benches};

fn run(arguments: &[&str], data: &Path) -> anyhow::Result<Output> {
    let data = data.display().to_string();
    chorsu(&[arguments, &["--data", &data]].concat())
}

fn write(node: &Node, ids: std::ops::Range<u64>) -> anyhow::Result<()> {
    for id in ids {
        assert_eq!(
            node.http()
                .post("/ngsi-ld/v1/entities", &bench(id, 1))?
                .status,
            201
        );
    }
    Ok(())
}

#[test]
fn a_backup_of_a_running_node_is_restored() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let (data, copy) = (place.path().join("data"), place.path().join("copy"));
    let node = Node::start(place.path())?;
    write(&node, 0..20)?;
    let to = copy.display().to_string();

    let without_node = run(&["backup", "--to", &to], &data)?;
    assert_ne!(without_node.code, 0);
    assert!(without_node.err.contains("--node"), "{}", without_node.err);
    let made = run(&["backup", "--to", &to, "--node", &node.url()], &data)?;
    assert_eq!(made.code, 0, "{}", made.err);
    assert!(made.out.contains("up to change 20"), "{}", made.out);
    let again = run(&["backup", "--to", &to, "--node", &node.url()], &data)?;
    assert_ne!(again.code, 0, "a backup does not overwrite another");
    write(&node, 20..30)?;
    assert_eq!(benches(&node.http()), 30);
    // Asked for as a stranger would: a path that is none of ours.
    let wish = serde_json::json!({ "to": "relative/folder" });
    assert_eq!(node.http().post("/admin/backup", &wish)?.status, 400);
    node.finish()?;

    let second = tempfile::tempdir()?;
    let restored = run(&["restore", "--from", &to], &second.path().join("data"))?;
    assert_eq!(restored.code, 0, "{}", restored.err);
    let node = Node::start(second.path())?;
    assert_eq!(benches(&node.http()), 20);
    write(&node, 20..21)?;
    node.finish()?;
    let full = run(&["restore", "--from", &to], &second.path().join("data"))?;
    assert_ne!(full.code, 0, "a restore does not overwrite a store");
    Ok(())
}

#[test]
fn a_backup_of_a_stopped_node_is_a_store_of_its_own() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let node = Node::start(place.path())?;
    write(&node, 0..5)?;
    node.finish()?;
    let copy = tempfile::tempdir()?;
    let to = copy.path().join("data").display().to_string();
    let made = run(&["backup", "--to", &to], &place.path().join("data"))?;
    assert_eq!(made.code, 0, "{}", made.err);
    let node = Node::start(copy.path())?;
    assert_eq!(benches(&node.http()), 5);
    node.finish()
}

#[test]
fn a_restore_can_leave_out_what_came_later() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let node = Node::start(place.path())?;
    write(&node, 0..3)?;
    let entity = node
        .http()
        .get("/ngsi-ld/v1/entities/urn:ngsi-ld:Bench:2?options=sysAttrs")?;
    let moment = entity.json()?["createdAt"]
        .as_str()
        .expect("a moment")
        .to_owned();
    write(&node, 3..6)?;
    let copy = place.path().join("copy").display().to_string();
    let made = run(
        &["backup", "--to", &copy, "--node", &node.url()],
        &place.path().join("data"),
    )?;
    assert_eq!(made.code, 0, "{}", made.err);
    node.finish()?;
    let second = tempfile::tempdir()?;
    let arguments = ["restore", "--from", &copy, "--until", &moment];
    let restored = run(&arguments, &second.path().join("data"))?;
    assert_eq!(restored.code, 0, "{}", restored.err);
    let node = Node::start(second.path())?;
    assert_eq!(benches(&node.http()), 3);
    node.finish()
}

/// The first segment of the log.
fn segment(data: &Path) -> anyhow::Result<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(data.join("log"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    files
        .into_iter()
        .next()
        .ok_or_else(|| anyhow::anyhow!("no log"))
}

#[test]
fn damage_is_said_not_started_over_and_repaired_on_request() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let data = place.path().join("data");
    let node = Node::start(place.path())?;
    write(&node, 0..40)?;
    // Without an orderly end there is no checkpoint: everything stands in the log.
    node.kill()?;
    let file = segment(&data)?;
    let mut bytes = fs::read(&file)?;
    let needle = b"urn:ngsi-ld:Bench:20";
    let at = bytes
        .windows(needle.len())
        .position(|window| window == needle)
        .expect("an entity");
    bytes[at] ^= 0x20;
    fs::write(&file, &bytes)?;

    let check = run(&["check"], &data)?;
    assert_ne!(check.code, 0, "{}", check.out);
    assert!(check.out.contains("damaged"), "{}", check.out);
    let started = Node::start_with(place.path(), Options::default());
    let error = started
        .map(|_node| ())
        .expect_err("a damaged node does not start")
        .to_string();
    assert!(
        error.contains("damaged") && error.contains("log"),
        "{error}"
    );

    let said = run(&["repair"], &data)?;
    assert_ne!(said.code, 0, "{}", said.out);
    assert_eq!(fs::read(&file)?, bytes, "saying changes nothing");
    let done = run(&["repair", "--cut"], &data)?;
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let node = Node::start(place.path())?;
    assert_eq!(benches(&node.http()), 20);
    node.finish()?;
    let check = run(&["check"], &data)?;
    assert_eq!(check.code, 0, "{}", check.out);
    Ok(())
}

#[test]
fn a_folder_that_is_no_store_is_not_taken_for_an_empty_one() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let nowhere = place.path().join("nowhere");
    for arguments in [
        &["check"][..],
        &["repair"],
        &["backup", "--to", "/tmp/never-made"],
    ] {
        let output = run(arguments, &nowhere)?;
        assert_ne!(output.code, 0, "{arguments:?}: {}", output.out);
        assert!(!nowhere.exists(), "{arguments:?} made the folder");
    }
    Ok(())
}
