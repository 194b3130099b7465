//! Any bytes in a sound frame of the log are batches or damage; what opens is checkpointed and
//! opens again. The first byte says how many changes the record claims to be.

#![no_main]

use std::path::Path;
use std::sync::Arc;

use store_embedded::files::{Files, MemoryFiles};
use store_embedded::{EmbeddedStore, LogSettings, Progress, Settings, check};
use tokio::sync::watch;

const DIR: &str = "data";

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((count, record)) = data.split_first() else {
        return;
    };
    let files: Arc<dyn Files> = Arc::new(MemoryFiles::new());
    let frame = frame(u32::from(*count), record);
    let log = Path::new(DIR).join("log");
    put(&*files, Path::new(DIR), "format", b"chorsu store 1\n");
    put(
        &*files,
        &log,
        "0000000000000001.log",
        &[segment().as_slice(), &frame].concat(),
    );
    let Some(store) = open(&files) else { return };
    store.checkpoint().expect("what was read can be written");
    drop(store);
    let report = check(Arc::clone(&files), Path::new(DIR)).expect("the folder can be read");
    assert!(report.is_sound(), "{report}");
    drop(open(&files).expect("what was open once opens again"));
});

fn open(files: &Arc<dyn Files>) -> Option<EmbeddedStore> {
    let log = LogSettings {
        segment_bytes: 1 << 20,
        spares_max: 0,
    };
    let settings = Settings {
        log,
        ..Settings::default()
    };
    let progress = watch::Sender::new(Progress::Ready);
    EmbeddedStore::open_in(Arc::clone(files), Path::new(DIR), settings, &progress).ok()
}

fn put(files: &dyn Files, folder: &Path, name: &str, bytes: &[u8]) {
    files
        .write_whole(folder, name, bytes)
        .expect("memory takes it");
}

/// The head of the first segment, as `log/segment.rs` of the store lays it out.
fn segment() -> [u8; 64] {
    let mut head = [0; 64];
    head[..8].copy_from_slice(b"CHORSULG");
    head[8] = 1;
    head[16] = 1;
    head[24] = 1;
    let crc = crc32c::crc32c_append(crc32c::crc32c(&head[..12]), &head[16..]);
    head[12..16].copy_from_slice(&crc.to_le_bytes());
    head
}

/// One record in a frame, as `log/frame.rs` of the store lays it out.
fn frame(count: u32, record: &[u8]) -> Vec<u8> {
    let length = u32::try_from(record.len()).expect("an input is short");
    let mut frame = vec![0; 32];
    frame[0] = 1;
    frame[4..8].copy_from_slice(&(length + 8).to_le_bytes());
    frame[12..16].copy_from_slice(&count.to_le_bytes());
    frame[16] = 1;
    frame[24] = 1;
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(&count.to_le_bytes());
    frame.extend_from_slice(record);
    let crc = crc32c::crc32c_append(crc32c::crc32c(&frame[..8]), &frame[12..]);
    frame[8..12].copy_from_slice(&crc.to_le_bytes());
    frame.resize(frame.len().next_multiple_of(8), 0);
    frame
}
