//! Real cities in, into a running and into a stopped node. `CHORSU_DATA` names the folder of the
//! files, `../shared/data` beside the project if it is not set; what is not there is said and left
//! out.

use std::path::{Path, PathBuf};

use e2e::{Http, Node, Options, Output, chorsu};

use super::benches;

fn city(file: &str) -> Option<String> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("CHORSU_DATA").map_or(beside, PathBuf::from);
    let path = folder.join(file);
    if path.exists() {
        return Some(path.display().to_string());
    }
    println!("left out: {file} is not here; CHORSU_DATA names the folder of real data");
    None
}

fn mapping(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/mappings");
    root.join(name).display().to_string()
}

fn import(arguments: &[&str]) -> anyhow::Result<Output> {
    let output = chorsu(&[&["import"], arguments].concat())?;
    anyhow::ensure!(
        output.code == 0,
        "{arguments:?}:\n{}{}",
        output.out,
        output.err
    );
    Ok(output)
}

fn count(http: &Http, query: &str) -> anyhow::Result<u64> {
    let answer = http.get(&format!("/ngsi-ld/v1/entities?{query}&limit=0&count=true"))?;
    let count = answer
        .header("ngsild-results-count")
        .and_then(|text| text.parse().ok());
    count.ok_or_else(|| anyhow::anyhow!("{query}: {}", answer.text()))
}

const GTFS: &str = "https://smartdatamodels.org/dataModel.UrbanMobility/";

#[test]
fn a_schedule_enters_a_running_and_a_stopped_node_alike_and_once() -> anyhow::Result<()> {
    let Some(file) = city("gtfs/kaunas_2018.gtfs.zip") else {
        return Ok(());
    };
    let place = tempfile::tempdir()?;
    let data = place.path().join("data").display().to_string();
    let stopped = import(&["gtfs", &file, "--data", &data])?;
    assert!(stopped.out.contains("9618 GtfsTrip") && stopped.out.contains("876 GtfsStop"));
    assert!(
        stopped.out.contains("updated 0 · unchanged 0 · refused 0"),
        "{}",
        stopped.out
    );

    let node = Node::start(place.path())?;
    let head = node.http().get("/ready")?.json()?["head"].as_u64();
    let again = import(&["gtfs", &file, "--to", &node.url()])?;
    assert!(
        again.out.contains("created 0 · updated 0 · unchanged"),
        "{}",
        again.out
    );
    assert!(again.out.contains("refused 0"), "{}", again.out);
    assert_eq!(
        node.http().get("/ready")?.json()?["head"].as_u64(),
        head,
        "nothing was written"
    );
    assert_eq!(count(&node.http(), &format!("type={GTFS}GtfsStop"))?, 876);
    assert_eq!(count(&node.http(), &format!("type={GTFS}GtfsRoute"))?, 69);
    let near = "georel=near;maxDistance==500&geometry=Point&coordinates=%5B23.9036,54.8985%5D";
    let stops = count(&node.http(), &format!("type={GTFS}GtfsStop&{near}"))?;
    assert!(
        (1..100).contains(&stops),
        "{stops} stops within 500 m of the centre"
    );
    node.finish()
}

#[test]
fn streets_and_buildings_enter_a_running_node() -> anyhow::Result<()> {
    let Some(file) = city("osm/moscow-centre-2020.osm.pbf") else {
        return Ok(());
    };
    let place = tempfile::tempdir()?;
    let node = Node::start(place.path())?;
    import(&["osm", &file, "--to", &node.url()])?;
    let types = node.http().get("/ngsi-ld/v1/types")?.text();
    assert!(
        types.contains("Building") && types.contains("Road"),
        "{types}"
    );
    let again = import(&["osm", &file, "--to", &node.url()])?;
    assert!(again.out.contains("created 0 · updated 0"), "{}", again.out);
    node.finish()
}

#[test]
fn a_time_series_enters_with_its_history() -> anyhow::Result<()> {
    let Some(file) = city("timeseries/ett/ETTh1.csv.gz") else {
        return Ok(());
    };
    let place = tempfile::tempdir()?;
    let node = Node::start(place.path())?;
    let arguments = [
        "csv",
        &file,
        "--mapping",
        &mapping("etth1.toml"),
        "--to",
        &node.url(),
    ];
    let output = import(&arguments)?;
    assert!(output.out.contains("history: "), "{}", output.out);
    let entities = node
        .http()
        .get("/ngsi-ld/v1/entities?local=true&limit=1&type=*")?;
    let list = entities.json()?;
    let id = list[0]["id"]
        .as_str()
        .ok_or_else(|| anyhow::anyhow!("{list}"))?
        .to_owned();
    let history = node
        .http()
        .get(&format!("/ngsi-ld/v1/temporal/entities/{id}?lastN=24"))?
        .json()?;
    let series = history.as_object().and_then(|members| {
        members
            .values()
            .filter_map(|member| member.as_array())
            .map(Vec::len)
            .max()
    });
    assert_eq!(series, Some(24), "{history}");
    node.finish()
}

#[test]
fn an_import_needs_a_token_where_the_node_is_closed() -> anyhow::Result<()> {
    let place = tempfile::tempdir()?;
    let file = place.path().join("benches.json");
    std::fs::write(&file, super::bench(1, 3).to_string())?;
    let file = file.display().to_string();
    let data = place.path().join("data").display().to_string();
    let token = chorsu(&["token", "--data", &data])?.out.trim().to_owned();
    let node = Node::start_with(
        place.path(),
        Options {
            open: false,
            ..Options::default()
        },
    )?;
    let refused = chorsu(&["import", "ngsi", &file, "--to", &node.url()])?;
    assert_ne!(refused.code, 0);
    assert!(
        refused.err.contains("401") && refused.err.contains("token"),
        "{}",
        refused.err
    );
    import(&["ngsi", &file, "--to", &node.url(), "--token", &token])?;
    assert_eq!(benches(&node.http().with_token(&token)), 1);
    node.finish()
}

#[test]
fn what_cannot_be_used_is_said_with_line_and_reason_and_the_rest_is_imported() -> anyhow::Result<()>
{
    let place = tempfile::tempdir()?;
    let file = place.path().join("benches.jsonl");
    let lines = [
        super::bench(1, 3).to_string(),
        "{ this is no JSON".to_owned(),
        r#"{"id": "no uri", "type": "Bench"}"#.to_owned(),
        super::bench(2, 3).to_string(),
    ];
    std::fs::write(&file, lines.join("\n"))?;
    let file = file.display().to_string();
    let node = Node::start(place.path())?;
    let output = import(&["ngsi", &file, "--to", &node.url()])?;
    assert!(output.out.contains("benches.jsonl:2:"), "{}", output.out);
    assert_eq!(benches(&node.http()), 2);

    let dry = import(&[
        "ngsi",
        &file,
        "--to",
        &node.url(),
        "--tenant",
        "other",
        "--dry-run",
    ])?;
    assert!(dry.out.contains("dry run"), "{}", dry.out);
    import(&["ngsi", &file, "--to", &node.url(), "--tenant", "other"])?;
    assert_eq!(benches(&node.http().with("NGSILD-Tenant", "other")), 2);

    for (format, bytes) in [
        ("gtfs", &b"PK\x03\x04 broken"[..]),
        ("osm", b"\0\0\0\xffx"),
        ("gtfs-rt", b"\xff\xff"),
        ("ngsi", b"\xff"),
    ] {
        let broken = place.path().join("broken.bin");
        std::fs::write(&broken, bytes)?;
        let output = chorsu(&[
            "import",
            format,
            &broken.display().to_string(),
            "--to",
            &node.url(),
        ])?;
        assert_ne!(output.code, 0, "{format}: {}", output.out);
        assert!(!output.err.contains("panicked"), "{}", output.err);
    }
    let nobody = chorsu(&["import", "ngsi", &file, "--to", "http://127.0.0.1:9"])?;
    assert_ne!(nobody.code, 0);
    assert!(nobody.err.contains("127.0.0.1"), "{}", nobody.err);
    node.finish()
}
