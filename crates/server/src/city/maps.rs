//! The basemaps in the folder of a node: which one is shown, and what its head says.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::UNIX_EPOCH;

use api_console::Basemap;
use flate2::read::GzDecoder;
use serde_json::Value;

/// Bytes of the head of a PMTiles archive of version 3.
const HEAD_BYTES: usize = 127;
/// Bytes of metadata that are read, packed and not.
const METADATA_BYTES_MAX: u64 = 1024 * 1024;

/// The basemap that was made last; none when there is none that can be read.
pub(super) fn newest(folder: &Path) -> Option<Basemap> {
    let files = fs::read_dir(folder).ok()?.flatten();
    let maps = files.filter(|file| file.path().extension().is_some_and(|it| it == "pmtiles"));
    let newest = maps.max_by_key(|file| file.metadata().and_then(|it| it.modified()).ok())?;
    match read(&newest.path()) {
        Ok(map) => Some(map),
        Err(error) => {
            let file = newest.path();
            tracing::warn!(%error, file = %file.display(), "a basemap cannot be read; load it again");
            None
        }
    }
}

/// What the head of an archive says [PMTiles v3 §3].
fn read(path: &Path) -> std::io::Result<Basemap> {
    let mut file = File::open(path)?;
    let mut head = [0_u8; HEAD_BYTES];
    file.read_exact(&mut head)?;
    if !head.starts_with(b"PMTiles\x03") {
        return Err(std::io::Error::other(
            "it is no PMTiles archive of version 3",
        ));
    }
    let about = file.metadata()?;
    let modified = about.modified()?.duration_since(UNIX_EPOCH);
    let modified = modified.map_err(std::io::Error::other)?;
    let metadata = metadata(&mut file, &head)?;
    let text = |name| {
        metadata
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let degrees = |at| f64::from(i32::from_le_bytes(bytes(&head, at))) / 1e7;
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    Ok(Basemap {
        file: name.unwrap_or_default(),
        version: format!("{:x}-{:x}", modified.as_micros(), about.len()),
        bounds: [degrees(102), degrees(106), degrees(110), degrees(114)],
        min_zoom: u8::from_le_bytes(bytes(&head, 100)),
        max_zoom: u8::from_le_bytes(bytes(&head, 101)),
        attribution: text("attribution").to_owned(),
    })
}

fn metadata(file: &mut File, head: &[u8; HEAD_BYTES]) -> std::io::Result<Value> {
    let offset = u64::from_le_bytes(bytes(head, 24));
    let length = u64::from_le_bytes(bytes(head, 32));
    file.seek(SeekFrom::Start(offset))?;
    let packed = file.take(length.min(METADATA_BYTES_MAX));
    let mut text = Vec::new();
    GzDecoder::new(packed)
        .take(METADATA_BYTES_MAX)
        .read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// A number of the head; its places are constants within it.
fn bytes<const N: usize>(head: &[u8; HEAD_BYTES], at: usize) -> [u8; N] {
    let slice = head.get(at..at + N).and_then(|slice| slice.try_into().ok());
    slice.unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_that_was_made_is_found_with_what_it_says_of_itself() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        assert_eq!(newest(folder.path()), None);
        let osm = r#"<osm><node id="1" lat="41.3" lon="69.2"/><node id="2" lat="41.4" lon="69.3"/>
            <way id="1"><nd ref="1"/><nd ref="2"/><tag k="highway" v="primary"/></way></osm>"#;
        let source = ingest::Source::bytes("a.osm", osm.as_bytes().to_vec());
        let settings = tiles::basemap::Settings::openstreetmap("a");
        let mut file = File::create(folder.path().join("a.pmtiles"))?;
        let built = tiles::basemap::build(&source, &settings, &mut file, &mut |_, _, _| {})?;
        let map = newest(folder.path()).expect("a map");
        assert_eq!(
            (map.min_zoom, map.max_zoom),
            (built.min_zoom, built.max_zoom)
        );
        assert_eq!(map.attribution, "© OpenStreetMap contributors");
        for (said, drawn) in map.bounds.iter().zip(built.bounds) {
            assert!((said - drawn).abs() < 1e-6, "{:?}", map.bounds);
        }
        fs::write(folder.path().join("b.pmtiles"), "nonsense")?;
        assert_eq!(newest(folder.path()), None);
        Ok(())
    }
}
