//! Reading a vector tile back.

use std::collections::BTreeMap;

use prost::Message as _;
use serde_json::{Value as Json, json};

#[derive(prost::Message)]
struct Tile {
    #[prost(message, repeated, tag = "3")]
    layers: Vec<Layer>,
}

#[derive(prost::Message)]
struct Layer {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "2")]
    features: Vec<Feature>,
    #[prost(string, repeated, tag = "3")]
    keys: Vec<String>,
    #[prost(message, repeated, tag = "4")]
    values: Vec<Value>,
}

#[derive(prost::Message)]
struct Feature {
    #[prost(uint32, repeated, tag = "2")]
    tags: Vec<u32>,
    #[prost(uint32, tag = "3")]
    kind: u32,
}

#[derive(prost::Message)]
struct Value {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
    #[prost(float, optional, tag = "2")]
    float: Option<f32>,
    #[prost(double, optional, tag = "3")]
    double: Option<f64>,
    #[prost(int64, optional, tag = "4")]
    int: Option<i64>,
    #[prost(uint64, optional, tag = "5")]
    uint: Option<u64>,
    #[prost(sint64, optional, tag = "6")]
    sint: Option<i64>,
    #[prost(bool, optional, tag = "7")]
    flag: Option<bool>,
}

/// The features of the layer `things`: what they say, and `kind` 1 a point, 2 a line, 3 an area.
pub(super) fn features(bytes: &[u8]) -> Vec<BTreeMap<String, Json>> {
    let tile = Tile::decode(bytes).expect("a tile");
    let mut all = Vec::new();
    for layer in &tile.layers {
        assert_eq!(layer.name, "things");
        for feature in &layer.features {
            let mut said = BTreeMap::from([("kind".to_owned(), json!(feature.kind))]);
            for pair in feature.tags.chunks(2) {
                let key = layer.keys[pair[0] as usize].clone();
                said.insert(key, value(&layer.values[pair[1] as usize]));
            }
            all.push(said);
        }
    }
    all
}

fn value(value: &Value) -> Json {
    if let Some(text) = &value.text {
        return json!(text);
    }
    if let Some(flag) = value.flag {
        return json!(flag);
    }
    let whole = value.int.or(value.sint);
    #[expect(clippy::cast_precision_loss, reason = "tests count to a few thousand")]
    let number = whole
        .map(|whole| whole as f64)
        .or(value.uint.map(|whole| whole as f64))
        .or(value.double)
        .or(value.float.map(f64::from));
    json!(number)
}
