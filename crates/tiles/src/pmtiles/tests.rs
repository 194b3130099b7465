//! The archive against a reader of its own.

use std::io::{Cursor, Read as _};

use flate2::read::GzDecoder;
use proptest::prelude::*;

use super::*;

fn tile(z: u32, x: u32, y: u32) -> Tile {
    Tile::new(z, x, y).unwrap()
}

/// A reader by the letter of the specification, apart from the writer.
struct Archive(Vec<u8>);

impl Archive {
    fn word(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.0[at..at + 8].try_into().unwrap())
    }

    fn section(&self, head: usize) -> &[u8] {
        let start = usize::try_from(self.word(head)).unwrap();
        let length = usize::try_from(self.word(head + 8)).unwrap();
        &self.0[start..start + length]
    }

    fn tile(&self, tile: Tile) -> Option<Vec<u8>> {
        let id = number(tile);
        let mut entries = entries(self.section(8));
        loop {
            let (first, run, offset, length) = *entries.iter().rev().find(|entry| entry.0 <= id)?;
            let (offset, length) = (
                usize::try_from(offset).unwrap(),
                usize::try_from(length).unwrap(),
            );
            if run == 0 {
                entries = self::entries(&self.section(40)[offset..offset + length]);
                continue;
            }
            let packed = &self.section(56)[offset..offset + length];
            return (id < first + run).then(|| unpack(packed));
        }
    }
}

fn unpack(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut plain).unwrap();
    plain
}

fn entries(packed: &[u8]) -> Vec<(u64, u64, u64, u64)> {
    let bytes = unpack(packed);
    let mut rest = bytes.iter();
    let mut next = || {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = *rest.next().unwrap();
            number |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return number;
            }
        }
    };
    let count = usize::try_from(next()).unwrap();
    let mut column = || -> Vec<u64> { (0..count).map(|_| next()).collect() };
    let [ids, runs, lengths, offsets] = [column(), column(), column(), column()];
    let (mut id, mut end) = (0, 0);
    (0..count)
        .map(|index| {
            id += ids[index];
            let offset = offsets[index].checked_sub(1).unwrap_or(end);
            end = offset + lengths[index];
            (id, runs[index], offset, lengths[index])
        })
        .collect()
}

/// All tiles of a file, unpacked.
pub(crate) fn tiles(file: &[u8]) -> Vec<(Tile, Vec<u8>)> {
    let archive = Archive(file.to_vec());
    let root = entries(archive.section(8));
    assert!(
        root.iter().all(|entry| entry.1 > 0),
        "a small file has no leaves"
    );
    let runs = root
        .iter()
        .flat_map(|entry| (0..entry.1).map(move |step| entry.0 + step));
    let all = runs.map(|id| {
        let mut tile = Tile::at(0, 0.0, 0.0);
        while number(tile) != id {
            let below = tile.children();
            tile = below.into_iter().find(|child| above(*child, id)).unwrap();
        }
        (tile, archive.tile(tile).unwrap())
    });
    all.collect()
}

/// The tile is the one with this number, or above it.
fn above(tile: Tile, id: u64) -> bool {
    let start = |zoom: u8| ((1_u64 << (2 * zoom)) - 1) / 3;
    let deep = (tile.z()..=22).find(|zoom| id < start(zoom + 1)).unwrap();
    let along = (id - start(deep)) >> (2 * (deep - tile.z()));
    number(tile) - start(tile.z()) == along
}

fn archive(tiles: &[(Tile, Vec<u8>)]) -> Archive {
    let mut out = Cursor::new(Vec::new());
    let mut writer = Writer::new(&mut out, b"{}").unwrap();
    for (tile, bytes) in tiles {
        writer.add(*tile, bytes).unwrap();
    }
    let about = About {
        bounds: [-8.5, 41.0, -8.25, 41.5],
        min_zoom: 6,
        max_zoom: 15,
        center_zoom: 13,
    };
    let written = writer.finish(&about).unwrap();
    assert_eq!(written.tiles, tiles.len() as u64);
    assert_eq!(written.bytes, out.get_ref().len() as u64);
    Archive(out.into_inner())
}

#[test]
fn tiles_have_the_numbers_of_the_specification() {
    for (z, x, y, id) in [
        (0, 0, 0, 0),
        (1, 0, 0, 1),
        (1, 0, 1, 2),
        (1, 1, 1, 3),
        (1, 1, 0, 4),
        (2, 0, 0, 5),
        (12, 3423, 1763, 19_078_479),
    ] {
        assert_eq!(number(tile(z, x, y)), id, "{z}/{x}/{y}");
    }
}

#[test]
fn the_head_says_what_is_in_the_file() {
    let archive = archive(&[(tile(6, 30, 23), vec![1; 2_000])]);
    assert_eq!(&archive.0[..8], b"PMTiles\x03");
    assert_eq!(
        (
            archive.word(8),
            archive.word(72),
            archive.word(80),
            archive.word(88)
        ),
        (127, 1, 1, 1)
    );
    assert_eq!(archive.0[96..102], [1, 2, 2, 1, 6, 15]);
    let west = i32::from_le_bytes(archive.0[102..106].try_into().unwrap());
    let middle = i32::from_le_bytes(archive.0[119..123].try_into().unwrap());
    assert_eq!(
        (west, archive.0[118], middle),
        (-85_000_000, 13, -83_750_000)
    );
    assert_eq!(unpack(archive.section(24)), b"{}");
    assert_eq!(archive.tile(tile(6, 30, 23)), Some(vec![1; 2_000]));
    assert_eq!(archive.tile(tile(6, 30, 24)), None);
}

#[test]
fn equal_tiles_are_written_once_and_runs_are_one_entry() {
    let mut tiles: Vec<Tile> = (0..4)
        .flat_map(|x| (0..4).map(move |y| tile(2, x, y)))
        .collect();
    tiles.sort_by_key(|tile| number(*tile));
    let content = |index: usize| if index == 9 { vec![9] } else { vec![7] };
    let list: Vec<_> = tiles
        .iter()
        .enumerate()
        .map(|(index, tile)| (*tile, content(index)))
        .collect();
    let archive = archive(&list);
    assert_eq!(
        (archive.word(72), archive.word(80), archive.word(88)),
        (16, 3, 2)
    );
    for (index, tile) in tiles.iter().enumerate() {
        assert_eq!(archive.tile(*tile), Some(content(index)));
    }
}

#[test]
fn many_tiles_need_leaves_and_are_found_in_them() {
    let mut state = 1_u64;
    let mut any = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        u32::try_from(state >> 40).unwrap()
    };
    let mut tiles: Vec<Tile> = (0..20_000)
        .map(|_| tile(15, any() & 0x7fff, any() & 0x7fff))
        .collect();
    tiles.sort_by_key(|tile| number(*tile));
    tiles.dedup();
    let list: Vec<_> = tiles
        .into_iter()
        .map(|tile| {
            (
                tile,
                (0..any() % 40).map(|_| any().to_le_bytes()[0]).collect(),
            )
        })
        .collect::<Vec<(Tile, Vec<u8>)>>();
    let archive = archive(&list);
    assert!(archive.word(48) > 0, "there are leaves");
    assert!(archive.word(16) <= 16_384 - 127);
    for (tile, content) in list.iter().step_by(379) {
        assert_eq!(archive.tile(*tile).as_ref(), Some(content));
    }
    assert_eq!(archive.tile(tile(14, 1, 1)), None);
}

#[test]
fn a_tile_out_of_order_is_refused() {
    let mut out = Cursor::new(Vec::new());
    let mut writer = Writer::new(&mut out, b"{}").unwrap();
    writer.add(tile(1, 1, 1), b"b").unwrap();
    assert!(writer.add(tile(1, 0, 0), b"a").is_err());
}

proptest! {
    #[test]
    fn the_four_tiles_below_follow_each_other(z in 0..22_u32, x: u32, y: u32) {
        let parent = tile(z, x % (1 << z), y % (1 << z));
        let start = |z: u32| ((1_u64 << (2 * z)) - 1) / 3;
        let mut below: Vec<u64> = parent.children().into_iter().map(number).collect();
        below.sort_unstable();
        let first = start(z + 1) + 4 * (number(parent) - start(z));
        prop_assert_eq!(below, (first..first + 4).collect::<Vec<_>>());
    }
}
