//! Tiles that were made lately, so that what has not changed, or is crowded, is not made again for
//! everybody who asks.

use base::Time;
use bytes::Bytes;
use hashbrown::HashMap;
use parking_lot::Mutex;
use tiles::Tile;

/// Bytes of all tiles that are kept.
const BYTES_MAX: usize = 16 * 1024 * 1024;
/// Tiles that are kept.
const TILES_MAX: usize = 4_096;
/// Things from which on a tile is crowded: it shows clusters, and takes some milliseconds to make.
const CROWD: usize = 5_000;
/// How long a crowded tile stands though something in it has changed.
/// Limit: so long a cluster may lag behind; what the live stream tells of is not behind.
const STANDS_MICROS: i64 = 5 * 1_000_000;

/// The tiles that are kept.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<Tiles>);

#[derive(Debug, Default)]
struct Tiles {
    tiles: HashMap<(Box<str>, Tile), Made>,
    bytes: usize,
}

/// A tile that was made.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    /// The version of what it shows.
    pub(crate) tag: String,
    /// When it was made.
    pub(crate) at: Time,
    /// How many things went into it.
    pub(crate) things: usize,
    /// The tile.
    pub(crate) bytes: Bytes,
}

impl Made {
    /// Whether it will do at `now` for what is of that version.
    fn will_do(&self, tag: &str, now: Time) -> bool {
        let age = now.as_micros().saturating_sub(self.at.as_micros());
        self.tag == tag || (self.things > CROWD && (0..STANDS_MICROS).contains(&age))
    }
}

impl Kept {
    /// A tile of a layer that will do.
    pub(crate) fn get(&self, layer: &str, tile: Tile, tag: &str, now: Time) -> Option<Made> {
        let held = self.0.lock();
        let made = held.tiles.get(&(Box::from(layer), tile))?;
        made.will_do(tag, now).then(|| made.clone())
    }

    /// Keeps a tile; forgets all when there are too many.
    pub(crate) fn keep(&self, layer: &str, tile: Tile, made: Made) {
        let mut held = self.0.lock();
        if held.bytes + made.bytes.len() > BYTES_MAX || held.tiles.len() >= TILES_MAX {
            *held = Tiles::default();
        }
        held.bytes += made.bytes.len();
        if let Some(old) = held.tiles.insert((Box::from(layer), tile), made) {
            held.bytes -= old.bytes.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowded_tile_stands_for_a_while_and_a_quiet_one_until_it_changes() {
        let kept = Kept::default();
        let tile = Tile::at(10, 66.0, 41.0);
        let made = |things| Made {
            tag: "1".to_owned(),
            at: Time(0),
            things,
            bytes: Bytes::from_static(b"x"),
        };
        let has = |layer, tag, at| kept.get(layer, tile, tag, Time(at)).is_some();
        kept.keep("quiet", tile, made(3));
        kept.keep("crowd", tile, made(CROWD + 1));
        assert!(has("quiet", "1", 9_000_000) && !has("quiet", "2", 1));
        assert!(has("crowd", "2", 4_999_999) && !has("crowd", "2", 5_000_000));
        assert!(!has("none", "1", 0));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let kept = Kept::default();
        let megabyte = Bytes::from(vec![0; 1024 * 1024]);
        for number in 0..100_u32 {
            let tile = Tile::new(10, number, 0).expect("a tile");
            let made = Made {
                tag: String::new(),
                at: Time(0),
                things: 1,
                bytes: megabyte.clone(),
            };
            kept.keep("a", tile, made);
            assert!(kept.0.lock().bytes <= BYTES_MAX);
        }
        assert!(kept.0.lock().tiles.len() <= 16);
    }
}
