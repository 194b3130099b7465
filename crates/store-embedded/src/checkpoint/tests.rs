//! Checkpoints: what was written is read back, and any damage is found.

use std::path::Path;
use std::sync::Arc;

use base::{Name, Tenant, Time};
use ports::Doc;
use serde_json::json;

use super::*;
use crate::files::MemoryFiles;

fn sample(files: &MemoryFiles) -> PathBuf {
    let files: Arc<dyn Files> = Arc::new(files.clone());
    let mut writer = Writer::create(&files, Path::new("c"), Seq(7)).unwrap();
    writer.tenant(&Tenant::default());
    writer.tenant(&Tenant::new("city").unwrap());
    writer.block(Kind::Dictionary, 0, b"names").unwrap();
    let mut rows = Rows::default();
    rows.push(Seq(3), b"one");
    rows.push(Seq(9), b"");
    writer
        .block(Kind::Entities, rows.items, &rows.bytes)
        .unwrap();
    let mut rows = Rows::default();
    rows.push_doc(&doc());
    writer.block(Kind::Docs, rows.items, &rows.bytes).unwrap();
    let mut rows = Rows::default();
    rows.push(Seq(5), b"tail");
    writer
        .block(Kind::Cursors, rows.items, &rows.bytes)
        .unwrap();
    writer.finish(Seq(9), Time(11)).unwrap().install().unwrap()
}

fn doc() -> Doc {
    let body = Arc::new(json!({"a": [1, "b"]}));
    Doc {
        kind: Name::from("context"),
        id: Name::from("x"),
        body,
        seq: Seq(4),
    }
}

#[test]
fn a_checkpoint_is_read_back() {
    let files = MemoryFiles::new();
    let path = sample(&files);
    assert_eq!(
        list(&files, Path::new("c")).unwrap(),
        [(Seq(7), path.clone())]
    );
    let found = Checkpoint::open(&files, &path).unwrap();
    assert_eq!(
        (found.from, found.until, found.time),
        (Seq(7), Seq(9), Time(11))
    );
    assert_eq!(found.tenants.len(), 2);
    let blocks: Vec<Vec<u8>> = found
        .entries
        .iter()
        .map(|e| found.block(e).unwrap())
        .collect();
    let [names, entities, docs, cursors] = blocks.try_into().unwrap();
    assert_eq!(names, b"names");
    let rows = EntityBlock(entities);
    let rows: Vec<_> = rows.rows().map(Option::unwrap).collect();
    assert_eq!(rows, [(Seq(3), &b"one"[..]), (Seq(9), b"")]);
    let docs: Vec<_> = DocBlock(docs).docs().map(Option::unwrap).collect();
    assert_eq!(docs, [doc()]);
    let cursors: Vec<_> = CursorBlock(cursors).cursors().map(Option::unwrap).collect();
    assert_eq!(cursors, [(Name::from("tail"), Seq(5))]);
}

#[test]
fn every_flipped_bit_and_every_cut_is_found() {
    let files = MemoryFiles::new();
    let path = sample(&files);
    let good = files.read(&path).unwrap();
    let read = |files: &MemoryFiles| -> Result<(), Error> {
        let found = Checkpoint::open(files, &path)?;
        found
            .entries
            .iter()
            .try_for_each(|entry| found.block(entry).map(drop))
    };
    read(&files).unwrap();
    for bit in 0..good.len() * 8 {
        let bad = files.duplicate();
        bad.damage(&path, bit / 8, 1 << (bit % 8));
        let error = read(&bad).unwrap_err();
        assert_eq!(error.kind(), base::Kind::Corrupt, "bit {bit}: {error}");
    }
    for len in 0..good.len() {
        let bad = files.duplicate();
        bad.open(&path).unwrap().set_len(len as u64).unwrap();
        read(&bad).unwrap_err();
    }
}

#[test]
fn an_unfinished_checkpoint_is_none() {
    let files = MemoryFiles::new();
    let shared: Arc<dyn Files> = Arc::new(files.clone());
    let dir = Path::new("c");
    let writer = Writer::create(&shared, dir, Seq(1)).unwrap();
    assert!(list(&files, dir).unwrap().is_empty());
    let finished = writer.finish(Seq(1), Time(0)).unwrap();
    assert!(list(&files, dir).unwrap().is_empty());
    finished.install().unwrap();
    assert_eq!(list(&files, dir).unwrap().len(), 1);
}

#[test]
fn the_bytes_of_a_checkpoint_are_these() {
    let files = MemoryFiles::new();
    let bytes = files.read(&sample(&files)).unwrap();
    let digest = format!(
        "{} bytes, crc32c {:08x}",
        bytes.len(),
        crc32c::crc32c(&bytes)
    );
    expect_test::expect!["307 bytes, crc32c db5e60ca"].assert_eq(&digest);
    assert_eq!(&bytes[..12], b"CHORSUCP\x01\0\0\0");
    assert_eq!(&bytes[16..24], &[7, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(&bytes[64..69], b"names");
    let row = b"\x03\0\0\0\0\0\0\0\x03\0\0\0one";
    assert_eq!(&bytes[69..84], row);
}

#[test]
fn rows_that_make_no_sense_are_said_once() {
    let block = EntityBlock(vec![1; 9]);
    let rows: Vec<_> = block.rows().collect();
    assert_eq!(rows, [None]);
    let mut rows = Rows::default();
    rows.push(Seq(1), b"not a doc");
    assert_eq!(DocBlock(rows.bytes).docs().collect::<Vec<_>>(), [None]);
}
