//! Cutting a log that no process has open: everything from some record on goes.

use std::path::Path;

use super::frame::{Group, Record};
use super::scan::{self, Place, Source, Walk};
use super::segment;
use crate::error::Error;
use crate::files::Files;

/// Where a cut has to be made: in the middle of a frame, whose first records stay.
#[derive(Debug)]
struct Kept {
    offset: u64,
    frame: Vec<u8>,
}

/// Cuts the log before the first record that `drops` names, and whatever cannot be read. Segments
/// behind it are renamed to `*.lost`, so that nothing is destroyed that an expert could still
/// want. Returns whether anything was cut.
pub(crate) fn cut(
    files: &dyn Files,
    dir: &Path,
    drops: &mut dyn FnMut(&Record<'_>) -> Result<bool, Error>,
) -> Result<bool, Error> {
    let names = files.list(dir).map_err(Error::io("list", dir))?;
    let mut is_cut = false;
    let mut expected = None;
    for (epoch, name) in names
        .iter()
        .filter_map(|name| Some((segment::epoch(name)?, name)))
    {
        let path = dir.join(name);
        if !is_cut {
            let follows = expected.is_none_or(|expected| expected == epoch);
            expected = Some(epoch + 1);
            match follows
                .then(|| cut_segment(files, &path, epoch, drops))
                .transpose()
            {
                Ok(Some(cut)) => {
                    is_cut = cut;
                    continue;
                }
                Ok(None) | Err(Error::Corrupt { .. }) => is_cut = true,
                Err(error) => return Err(error),
            }
        }
        let lost = path.with_extension("lost");
        files
            .rename(&path, &lost)
            .map_err(Error::io("rename", &path))?;
    }
    files.sync_dir(dir).map_err(Error::io("sync", dir))?;
    Ok(is_cut)
}

/// Cuts within one segment; whether it was cut.
fn cut_segment(
    files: &dyn Files,
    path: &Path,
    epoch: u64,
    drops: &mut dyn FnMut(&Record<'_>) -> Result<bool, Error>,
) -> Result<bool, Error> {
    let file = files.open(path).map_err(Error::io("open", path))?;
    let header = segment::Header::read(&*file, path, epoch)?;
    let source = Source {
        file: &*file,
        path,
        epoch,
    };
    let mut kept: Option<Kept> = None;
    let mut good = segment::HEADER_BYTES as u64;
    let walked = scan::walk(source, Place::first(&header), &mut |found| {
        let mut group = Group::new();
        let mut drop_rest = false;
        found.records(&mut |record| {
            drop_rest = drop_rest || drops(&record)?;
            if !drop_rest {
                group.push(record.count, record.bytes);
            }
            Ok(())
        })?;
        if !drop_rest {
            good = found.offset + found.head.frame_bytes() as u64;
            return Ok(Walk::Go);
        }
        let frame = if group.is_empty() {
            Vec::new()
        } else {
            group.seal(epoch, found.head.seq).to_vec()
        };
        kept = Some(Kept {
            offset: found.offset,
            frame,
        });
        Ok(Walk::Stop)
    });
    let damaged = match walked {
        Ok(end) => end.tail != scan::Tail::Clean,
        Err(Error::Corrupt { .. }) => true,
        Err(error) => return Err(error),
    };
    if !damaged && kept.is_none() {
        return Ok(false);
    }
    let Kept { offset, frame } = kept.unwrap_or(Kept {
        offset: good,
        frame: Vec::new(),
    });
    file.set_len(offset).map_err(Error::io("cut", path))?;
    file.write_at(offset, &frame)
        .map_err(Error::io("write", path))?;
    file.sync().map_err(Error::io("sync", path))?;
    Ok(true)
}
