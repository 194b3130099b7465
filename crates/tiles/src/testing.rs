//! For tests: vector tiles as any other reader of the specification sees them.

use std::collections::BTreeMap;

use prost::Message;

/// A tile as `vector_tile.proto` defines it.
#[derive(Clone, PartialEq, Message)]
struct Tile {
    #[prost(message, repeated, tag = "3")]
    layers: Vec<Layer>,
}

#[derive(Clone, PartialEq, Message)]
struct Layer {
    #[prost(uint32, tag = "15")]
    version: u32,
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "2")]
    features: Vec<Raw>,
    #[prost(string, repeated, tag = "3")]
    keys: Vec<String>,
    #[prost(message, repeated, tag = "4")]
    values: Vec<Value>,
    #[prost(uint32, tag = "5")]
    extent: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Raw {
    #[prost(uint32, repeated, tag = "2")]
    tags: Vec<u32>,
    #[prost(uint32, tag = "3")]
    shape: u32,
    #[prost(uint32, repeated, tag = "4")]
    geometry: Vec<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Value {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
    #[prost(double, optional, tag = "3")]
    number: Option<f64>,
    #[prost(uint64, optional, tag = "5")]
    whole: Option<u64>,
    #[prost(bool, optional, tag = "7")]
    flag: Option<bool>,
}

/// A geometry as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Points(Vec<[i32; 2]>),
    Lines(Vec<Vec<[i32; 2]>>),
    Rings(Vec<Vec<[i32; 2]>>),
}

/// A feature as it was read.
#[derive(Debug, Clone)]
pub(crate) struct Feature {
    pub(crate) tags: BTreeMap<String, Value>,
    pub(crate) geometry: Seen,
}

impl Feature {
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.tags.get(key)?.text.as_deref()
    }

    pub(crate) fn whole(&self, key: &str) -> Option<u64> {
        self.tags.get(key)?.whole
    }

    pub(crate) fn number(&self, key: &str) -> Option<f64> {
        self.tags.get(key)?.number
    }

    pub(crate) fn flag(&self, key: &str) -> bool {
        self.tags
            .get(key)
            .is_some_and(|value| value.flag == Some(true))
    }

    /// All points of its geometry.
    pub(crate) fn spots(&self) -> Vec<[i32; 2]> {
        match &self.geometry {
            Seen::Points(points) => points.clone(),
            Seen::Lines(lines) | Seen::Rings(lines) => lines.concat(),
        }
    }
}

/// The features of one layer; none if the tile has no such layer.
pub(crate) fn features(bytes: &[u8], name: &str) -> Vec<Feature> {
    let tile = Tile::decode(bytes).unwrap();
    let mut names: Vec<&str> = tile
        .layers
        .iter()
        .map(|layer| layer.name.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), tile.layers.len(), "a layer comes twice");
    let Some(layer) = tile.layers.iter().find(|layer| layer.name == name) else {
        return Vec::new();
    };
    assert_eq!((layer.version, layer.extent), (2, 4096));
    layer
        .features
        .iter()
        .map(|raw| Feature {
            tags: raw
                .tags
                .chunks(2)
                .map(|pair| {
                    let key = layer.keys[pair[0] as usize].clone();
                    (key, layer.values[pair[1] as usize].clone())
                })
                .collect(),
            geometry: geometry(raw),
        })
        .collect()
}

fn geometry(raw: &Raw) -> Seen {
    let mut parts: Vec<Vec<[i32; 2]>> = Vec::new();
    let (mut words, mut at) = (raw.geometry.iter().copied(), [0_i32, 0]);
    let mut closed = 0;
    while let Some(command) = words.next() {
        let (what, count) = (command & 7, command >> 3);
        for _ in 0..count {
            if what == 7 {
                closed += 1;
                continue;
            }
            for place in &mut at {
                let word = words.next().unwrap();
                *place += (word >> 1).cast_signed() ^ -(word & 1).cast_signed();
            }
            match what {
                1 => parts.push(vec![at]),
                2 => parts.last_mut().unwrap().push(at),
                other => panic!("no such command: {other}"),
            }
        }
    }
    match raw.shape {
        1 => Seen::Points(parts.concat()),
        2 => {
            assert!(parts.iter().all(|line| line.len() > 1));
            Seen::Lines(parts)
        }
        3 => {
            assert!(parts.iter().all(|ring| ring.len() > 2));
            assert_eq!(closed, parts.len());
            let turn = |ring: &Vec<[i32; 2]>| crate::clip::twice_area(ring);
            assert!(
                parts.first().is_some_and(|shell| turn(shell) > 0),
                "a shell turned wrongly"
            );
            assert!(
                parts.iter().all(|ring| turn(ring) != 0),
                "a ring without area"
            );
            Seen::Rings(parts)
        }
        other => panic!("no such shape: {other}"),
    }
}
