//! The names that importers give, held against the contexts that Smart Data Models publishes.

use std::collections::BTreeSet;
use std::fs;

use ingest::Format;
use ingest::vocabulary::Model;
use serde_json::Value;

use crate::city::{City, data, feed};

#[test]
fn our_rule_gives_the_names_of_every_published_context() {
    let Some(folder) = data("sdm") else { return };
    let mut terms = 0;
    for model in fs::read_dir(folder).expect("a folder") {
        let model = model.expect("a folder");
        let file = model.path().join("context.jsonld");
        let context: Value =
            serde_json::from_slice(&fs::read(file).expect("a context")).expect("JSON");
        let name = model.file_name().into_string().expect("a name");
        for (term, full) in context["@context"].as_object().expect("an object") {
            // A prefix is no term, and what is no plain name is of the core or of GeoJSON.
            let Some(full) = full.as_str().filter(|full| !full.ends_with('/')) else {
                continue;
            };
            let ours = Model(&name).name(term);
            let core = full.starts_with("https://uri.etsi.org/")
                || full.starts_with('@')
                || full.starts_with("http://purl.org/");
            assert!(
                ours == full || (core && ours == *term),
                "{name}: {term} is {full}, not {ours}"
            );
            terms += 1;
        }
    }
    assert!(terms > 1_000, "only {terms} terms");
}

#[test]
fn no_importer_makes_up_a_name_in_a_published_model() {
    let Some(folder) = data("sdm") else { return };
    let mut published = BTreeSet::new();
    for model in ["UrbanMobility", "Transportation", "Environment", "Weather"] {
        let text = fs::read(folder.join(model).join("context.jsonld")).expect("a context");
        let context: Value = serde_json::from_slice(&text).expect("JSON");
        let terms = context["@context"].as_object().expect("an object");
        published.extend(terms.values().filter_map(Value::as_str).map(str::to_owned));
    }
    let files = [
        (Format::Gtfs, "gtfs/kaunas_2018.gtfs.zip"),
        (Format::Gtfs, "gtfs/hk_highspeedrail_zh-en_2026.gtfs.zip"),
        (Format::GtfsRealtime, "gtfs-rt/king-county-metro-1.pb"),
        (Format::Osm, "osm/moscow-centre-2020.osm.pbf"),
    ];
    for (format, path) in files {
        let Some((city, _)) = City::import(format, path, &feed("f")) else {
            return;
        };
        let names: BTreeSet<&String> = city
            .entities
            .values()
            .filter_map(Value::as_object)
            .flat_map(|map| map.keys())
            .collect();
        for name in names {
            // Building, PointOfInterest and Alert are not among the contexts at hand.
            let elsewhere = ["Building", "PointOfInterest", "Alert"]
                .iter()
                .any(|model| name.contains(&format!("dataModel.{model}/")));
            let ours = name.contains("smartdatamodels.org") && !elsewhere;
            assert!(!ours || published.contains(name), "{path}: {name}");
        }
    }
}
