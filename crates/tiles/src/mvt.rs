//! The Mapbox Vector Tile format, version 2.1, as it is written: layers of features with tags.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::tile::EXTENT;

/// A point in units of the tile.
pub(crate) type Spot = [i32; 2];

/// What a feature is made of [MVT §4.3.4].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Point = 1,
    Line = 2,
    Area = 3,
}

/// The value of a tag.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    Text(&'a str),
    Whole(u64),
    Number(f64),
    Flag(bool),
}

/// The beginning of a text of at most so many bytes, cut between letters.
pub(crate) fn shortened(text: &str, bytes_max: usize) -> &str {
    let end = (0..=bytes_max.min(text.len())).rev();
    end.into_iter()
        .find_map(|end| text.get(..end))
        .unwrap_or_default()
}

/// A geometry under construction: commands relative to where the last one ended [MVT §4.3].
#[derive(Debug, Default)]
pub(crate) struct Path {
    words: Vec<u32>,
    at: Spot,
}

impl Path {
    pub(crate) fn point(&mut self, spot: Spot) {
        self.words.push(9);
        self.go(spot);
    }

    /// Two or more points.
    pub(crate) fn line(&mut self, spots: &[Spot]) {
        let Some((first, rest)) = spots.split_first() else {
            return;
        };
        self.point(*first);
        self.words
            .push(u32::try_from(rest.len()).unwrap_or_default() << 3 | 2);
        for spot in rest {
            self.go(*spot);
        }
    }

    /// Three or more points; the first is not repeated at the end.
    pub(crate) fn ring(&mut self, spots: &[Spot]) {
        self.line(spots);
        self.words.push(15);
    }

    /// Bytes that a line or ring takes at most: steps within a tile and its buffer fit two bytes.
    pub(crate) fn bytes(points: usize) -> usize {
        points * 4 + 8
    }

    fn go(&mut self, spot: Spot) {
        let [x, y] = spot;
        let zigzag = |step: i32| ((step << 1) ^ (step >> 31)).cast_unsigned();
        self.words.push(zigzag(x.wrapping_sub(self.at[0])));
        self.words.push(zigzag(y.wrapping_sub(self.at[1])));
        self.at = spot;
    }
}

/// One layer.
#[derive(Debug)]
pub(crate) struct Layer {
    name: &'static str,
    features: Vec<u8>,
    keys: Vec<&'static str>,
    values: HashMap<Box<[u8]>, u32, FixedState>,
    value_bytes: Vec<u8>,
    tags: Vec<u32>,
}

impl Layer {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            features: Vec::new(),
            keys: Vec::new(),
            values: HashMap::default(),
            value_bytes: Vec::new(),
            tags: Vec::new(),
        }
    }

    /// A tag of the feature that ends next.
    pub(crate) fn tag(&mut self, key: &'static str, value: Value<'_>) {
        let known = self.keys.iter().position(|known| *known == key);
        let key_index = known.unwrap_or_else(|| {
            self.keys.push(key);
            self.keys.len() - 1
        });
        let mut bytes = Vec::new();
        match value {
            Value::Text(text) => block(&mut bytes, 1, text.as_bytes()),
            Value::Number(number) => {
                bytes.push(3 << 3 | 1);
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            Value::Whole(number) => field(&mut bytes, 5, number),
            Value::Flag(flag) => field(&mut bytes, 7, u64::from(flag)),
        }
        let next = u32::try_from(self.values.len()).unwrap_or_default();
        let value_bytes = &mut self.value_bytes;
        let value_index = *self.values.entry_ref(bytes.as_slice()).or_insert_with(|| {
            block(value_bytes, 4, &bytes);
            next
        });
        self.tags
            .extend([u32::try_from(key_index).unwrap_or_default(), value_index]);
    }

    /// Ends a feature with its geometry; the path is empty again afterwards.
    pub(crate) fn end(&mut self, shape: Shape, path: &mut Path) {
        let mut feature = Vec::with_capacity(path.words.len() * 2 + self.tags.len() + 16);
        packed(&mut feature, 2, &self.tags);
        field(&mut feature, 3, shape as u64);
        packed(&mut feature, 4, &path.words);
        block(&mut self.features, 2, &feature);
        self.tags.clear();
        path.words.clear();
        path.at = [0, 0];
    }

    /// Adds the layer to a tile, unless it is empty.
    pub(crate) fn write(&self, tile: &mut Vec<u8>) {
        if self.features.is_empty() {
            return;
        }
        let mut layer = Vec::with_capacity(self.features.len() + self.value_bytes.len() + 128);
        field(&mut layer, 15, 2);
        block(&mut layer, 1, self.name.as_bytes());
        layer.extend_from_slice(&self.features);
        for key in &self.keys {
            block(&mut layer, 3, key.as_bytes());
        }
        layer.extend_from_slice(&self.value_bytes);
        field(&mut layer, 5, u64::from(EXTENT.unsigned_abs()));
        block(tile, 3, &layer);
    }
}

/// A number in groups of seven bits, the lowest first.
pub(crate) fn varint(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = number.to_le_bytes()[0] & 0x7f;
        number >>= 7;
        if number == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

fn field(out: &mut Vec<u8>, number: u64, value: u64) {
    varint(out, number << 3);
    varint(out, value);
}

fn block(out: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    varint(out, number << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn packed(out: &mut Vec<u8>, number: u64, words: &[u32]) {
    if words.is_empty() {
        return;
    }
    let mut bytes = Vec::with_capacity(words.len() * 2);
    for word in words {
        varint(&mut bytes, u64::from(*word));
    }
    block(out, number, &bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, Seen};

    #[test]
    fn a_decoder_by_the_specification_reads_what_was_written() {
        let mut layer = Layer::new("things");
        let mut path = Path::default();
        layer.tag("name", Value::Text("Навруд"));
        layer.tag("n", Value::Whole(u64::MAX));
        path.point([5, -7]);
        layer.end(Shape::Point, &mut path);
        layer.tag("v", Value::Number(-1.5));
        layer.tag("name", Value::Text("Навруд"));
        path.line(&[[0, 0], [4096, 10]]);
        path.line(&[[7, 7], [8, 8], [9, 7]]);
        layer.end(Shape::Line, &mut path);
        layer.tag("sim", Value::Flag(true));
        path.ring(&[[0, 0], [10, 0], [10, 10]]);
        layer.end(Shape::Area, &mut path);
        let mut bytes = Vec::new();
        layer.write(&mut bytes);
        let features = testing::features(&bytes, "things");
        assert_eq!(features[0].geometry, Seen::Points(vec![[5, -7]]));
        assert_eq!(features[0].text("name"), Some("Навруд"));
        assert_eq!(features[0].whole("n"), Some(u64::MAX));
        let lines = vec![vec![[0, 0], [4096, 10]], vec![[7, 7], [8, 8], [9, 7]]];
        assert_eq!(features[1].geometry, Seen::Lines(lines));
        assert_eq!(features[1].number("v"), Some(-1.5));
        assert_eq!(features[1].text("name"), Some("Навруд"));
        assert_eq!(
            features[2].geometry,
            Seen::Rings(vec![vec![[0, 0], [10, 0], [10, 10]]])
        );
        assert!(features[2].flag("sim"));
    }

    #[test]
    fn a_layer_without_features_takes_no_bytes() {
        let mut bytes = Vec::new();
        Layer::new("empty").write(&mut bytes);
        assert!(bytes.is_empty());
    }

    #[test]
    fn a_text_is_cut_between_letters() {
        assert_eq!(shortened("纳夫鲁德", 7), "纳夫");
        assert_eq!(shortened("abc", 7), "abc");
        assert_eq!(shortened("é", 1), "");
    }
}
