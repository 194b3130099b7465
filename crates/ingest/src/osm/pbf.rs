//! The PBF format: framed, compressed blocks of some eight thousand elements.

use std::io::Read;

use flate2::read::ZlibDecoder;

use super::element::{Element, Member, PARTS_MAX, Place, Tags, Wanted};
use crate::error::ImportError;
use crate::out::{Out, shown};
use crate::source::Stream;
use crate::wire::{Broken, Fields, Packed, Value, zigzag};

/// The format's own limits of a block's header and of a block.
const HEADER_BYTES_MAX: u32 = 64 * 1024;
const BLOCK_BYTES_MAX: u64 = 32 * 1024 * 1024;
const FEATURES: [&[u8]; 2] = [b"OsmSchema-V0.6", b"DenseNodes"];

/// The first bytes of the format: the length of a header that says "OSMHeader".
pub(super) fn is_pbf(head: &[u8]) -> bool {
    head.get(4..)
        .is_some_and(|rest| rest.starts_with(b"\x0a\x09OSMHeader"))
}

/// Passes over a file once, giving what is wanted to `each`.
pub(super) fn pass(
    mut input: Stream,
    file: &str,
    wanted: Wanted,
    out: &mut Out<'_>,
    each: &mut dyn FnMut(Element<'_>, &mut Out<'_>) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let mut number = 0_u64;
    let mut began = false;
    loop {
        number += 1;
        let broken = |reason: &str| ImportError::broken(file, &format!("block {number}: {reason}"));
        let mut length = [0; 4];
        let read =
            fill(&mut input, &mut length).map_err(|reason| ImportError::broken(file, &reason))?;
        if read == 0 && began {
            return Ok(());
        }
        let length = u32::from_be_bytes(length);
        if read < 4 || length > HEADER_BYTES_MAX {
            return Err(broken("no header of a block"));
        }
        let header = exactly(&mut input, u64::from(length)).ok_or_else(|| broken("cut off"))?;
        let (kind, size) =
            blob_header(&header).map_err(|_invalid| broken("its header is broken"))?;
        if size > BLOCK_BYTES_MAX {
            return Err(ImportError::too_large(
                file,
                format!("block {number} is larger than 32 MiB"),
            ));
        }
        let blob = exactly(&mut input, size).ok_or_else(|| broken("cut off"))?;
        match kind.as_slice() {
            b"OSMHeader" => {
                began = true;
                let block = unpack(&blob).map_err(|reason| broken(&reason))?;
                features(&block).map_err(|reason| broken(&reason))?;
            }
            b"OSMData" if began => {
                let block = unpack(&blob).map_err(|reason| broken(&reason))?;
                data(&block, wanted, &mut |element| each(element, out)).map_err(|reason| {
                    match reason {
                        Stop::Broken => broken("its elements are broken"),
                        Stop::Error(error) => error,
                    }
                })?;
            }
            b"OSMData" => return Err(broken("data before the header")),
            _ => {}
        }
    }
}

/// Reads until the buffer is full or the input ends.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match input.read(rest)? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

fn exactly(input: &mut impl Read, length: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(length).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 == length).then_some(bytes)
}

fn blob_header(bytes: &[u8]) -> Result<(Vec<u8>, u64), Broken> {
    let (mut kind, mut size) = (Vec::new(), None);
    for field in Fields(bytes) {
        match field? {
            (1, value) => kind = value.bytes()?.to_vec(),
            (3, value) => size = Some(value.number()?),
            _ => {}
        }
    }
    Ok((kind, size.ok_or(Broken)?))
}

/// Unpacks a blob, never to more than a block may have.
fn unpack(blob: &[u8]) -> Result<Vec<u8>, String> {
    for field in Fields(blob) {
        let (number, value) = field.map_err(|reason| reason.to_string())?;
        let Value::Bytes(bytes) = value else { continue };
        match number {
            1 => return Ok(bytes.to_vec()),
            3 => {
                let mut block = Vec::new();
                ZlibDecoder::new(bytes)
                    .take(BLOCK_BYTES_MAX + 1)
                    .read_to_end(&mut block)
                    .map_err(|reason| format!("cannot be unpacked: {reason}"))?;
                if block.len() as u64 > BLOCK_BYTES_MAX {
                    return Err("unpacks to more than 32 MiB".to_owned());
                }
                return Ok(block);
            }
            4..=7 => {
                let name = ["lzma", "bzip2", "lz4", "zstd"];
                let name = usize::try_from(number - 4)
                    .ok()
                    .and_then(|index| name.get(index));
                let name = name.copied().unwrap_or_default();
                return Err(format!("packed with {name}; only zlib is read here"));
            }
            _ => {}
        }
    }
    Err("holds no data".to_owned())
}

/// Refuses a file that needs what is not understood here.
fn features(block: &[u8]) -> Result<(), String> {
    for field in Fields(block) {
        if let (4, Value::Bytes(feature)) = field.map_err(|reason| reason.to_string())?
            && !FEATURES.contains(&feature)
        {
            let feature = shown(&String::from_utf8_lossy(feature));
            return Err(format!(
                "the file needs {feature}, which is not understood here"
            ));
        }
    }
    Ok(())
}

/// An element with more parts than any has is as good as broken.
fn bounded(parts: usize) -> Result<(), Broken> {
    if parts > PARTS_MAX {
        Err(Broken)
    } else {
        Ok(())
    }
}

/// Why a block was not read to its end.
enum Stop {
    Broken,
    Error(ImportError),
}

impl From<Broken> for Stop {
    fn from(_: Broken) -> Self {
        Self::Broken
    }
}

type Each<'e> = &'e mut dyn FnMut(Element<'_>) -> Result<(), ImportError>;

/// What all elements of a block share.
struct Block<'a> {
    strings: Vec<&'a [u8]>,
    granularity: i64,
    lat_offset: i64,
    lon_offset: i64,
}

fn data(bytes: &[u8], wanted: Wanted, each: Each<'_>) -> Result<(), Stop> {
    let mut block = Block {
        strings: Vec::new(),
        granularity: 100,
        lat_offset: 0,
        lon_offset: 0,
    };
    for field in Fields(bytes) {
        match field? {
            (1, value) => {
                for text in Fields(value.bytes()?) {
                    block.strings.push(text?.1.bytes()?);
                }
            }
            (17, value) => block.granularity = value.int()?,
            (19, value) => block.lat_offset = value.int()?,
            (20, value) => block.lon_offset = value.int()?,
            _ => {}
        }
    }
    for field in Fields(bytes) {
        let (2, group) = field? else { continue };
        for element in Fields(group.bytes()?) {
            match element? {
                (1, value) if wanted.nodes => block.node(value.bytes()?, each)?,
                (2, value) if wanted.nodes => block.dense(value.bytes()?, each)?,
                (3, value) if wanted.ways => block.way(value.bytes()?, each)?,
                (4, value) if wanted.relations => block.relation(value.bytes()?, each)?,
                _ => {}
            }
        }
    }
    Ok(())
}

impl<'a> Block<'a> {
    /// A text of the block; what is not UTF-8 counts as empty.
    fn text(&self, index: u64) -> Result<&'a str, Broken> {
        let index = usize::try_from(index).map_err(|_invalid| Broken)?;
        let bytes = self.strings.get(index).ok_or(Broken)?;
        Ok(std::str::from_utf8(bytes).unwrap_or_default())
    }

    fn tags(&self, keys: Packed<'_>, mut values: Packed<'_>) -> Result<Tags<'a>, Broken> {
        let mut tags = Tags::default();
        for key in keys {
            let value = values.next().ok_or(Broken)?;
            tags.0.push((self.text(key?)?, self.text(value?)?));
            bounded(tags.0.len())?;
        }
        Ok(tags)
    }

    fn place(&self, lon: i64, lat: i64) -> Option<Place> {
        let nano = |offset: i64, number: i64| {
            number
                .checked_mul(self.granularity)
                .and_then(|product| product.checked_add(offset))
        };
        Place::from_nano(nano(self.lon_offset, lon)?, nano(self.lat_offset, lat)?)
    }

    fn node(&self, bytes: &[u8], each: Each<'_>) -> Result<(), Stop> {
        let (mut id, mut lat, mut lon) = (0, 0, 0);
        let (mut keys, mut values) = (Packed::default(), Packed::default());
        for field in Fields(bytes) {
            match field? {
                (1, value) => id = zigzag(value.number()?),
                (2, value) => keys = Packed(value.bytes()?),
                (3, value) => values = Packed(value.bytes()?),
                (8, value) => lat = zigzag(value.number()?),
                (9, value) => lon = zigzag(value.number()?),
                _ => {}
            }
        }
        let tags = self.tags(keys, values)?;
        match self.place(lon, lat) {
            Some(place) => each(Element::Node { id, place, tags }).map_err(Stop::Error),
            None => Ok(()),
        }
    }

    fn dense(&self, bytes: &[u8], each: Each<'_>) -> Result<(), Stop> {
        let mut columns: [Packed<'_>; 4] = Default::default();
        for field in Fields(bytes) {
            match field? {
                (1, value) => columns[0] = Packed(value.bytes()?),
                (8, value) => columns[1] = Packed(value.bytes()?),
                (9, value) => columns[2] = Packed(value.bytes()?),
                (10, value) => columns[3] = Packed(value.bytes()?),
                _ => {}
            }
        }
        let [mut ids, mut lats, mut lons, mut texts] = columns;
        let (mut id, mut lat, mut lon) = (0, 0, 0);
        while ids.add_to(&mut id)? {
            if !lats.add_to(&mut lat)? || !lons.add_to(&mut lon)? {
                return Err(Stop::Broken);
            }
            let mut tags = Tags::default();
            // The tags of all nodes stand in one row, with a 0 behind those of each.
            while let Some(key) = texts.next().transpose()?.filter(|key| *key != 0) {
                let value = texts.next().ok_or(Broken)??;
                tags.0.push((self.text(key)?, self.text(value)?));
                bounded(tags.0.len())?;
            }
            if let Some(place) = self.place(lon, lat) {
                each(Element::Node { id, place, tags }).map_err(Stop::Error)?;
            }
        }
        Ok(())
    }

    fn way(&self, bytes: &[u8], each: Each<'_>) -> Result<(), Stop> {
        let mut id = 0;
        let mut columns: [Packed<'_>; 3] = Default::default();
        for field in Fields(bytes) {
            match field? {
                (1, value) => id = value.int()?,
                (2, value) => columns[0] = Packed(value.bytes()?),
                (3, value) => columns[1] = Packed(value.bytes()?),
                (8, value) => columns[2] = Packed(value.bytes()?),
                _ => {}
            }
        }
        let [keys, values, mut nodes] = columns;
        let tags = self.tags(keys, values)?;
        let mut refs = Vec::new();
        let mut node = 0;
        while nodes.add_to(&mut node)? {
            refs.push(node);
            bounded(refs.len())?;
        }
        each(Element::Way {
            id,
            refs: &refs,
            tags,
        })
        .map_err(Stop::Error)
    }

    fn relation(&self, bytes: &[u8], each: Each<'_>) -> Result<(), Stop> {
        let mut id = 0;
        let mut columns: [Packed<'_>; 5] = Default::default();
        for field in Fields(bytes) {
            match field? {
                (1, value) => id = value.int()?,
                (2, value) => columns[0] = Packed(value.bytes()?),
                (3, value) => columns[1] = Packed(value.bytes()?),
                (8, value) => columns[2] = Packed(value.bytes()?),
                (9, value) => columns[3] = Packed(value.bytes()?),
                (10, value) => columns[4] = Packed(value.bytes()?),
                _ => {}
            }
        }
        let [keys, values, mut roles, mut ids, mut kinds] = columns;
        let tags = self.tags(keys, values)?;
        let mut members = Vec::new();
        let mut member = 0;
        while ids.add_to(&mut member)? {
            let role = self.text(roles.next().ok_or(Broken)??)?;
            let is_way = kinds.next().ok_or(Broken)?? == 1;
            members.push(Member {
                way: is_way.then_some(member),
                inner: role == "inner",
            });
            bounded(members.len())?;
        }
        each(Element::Relation {
            id,
            members: &members,
            tags,
        })
        .map_err(Stop::Error)
    }
}
