//! The floor of the disk: what one sync of 4 KiB takes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use crate::clock;
use crate::histogram::Histogram;

const TIMES: u64 = 300;
const PAGE: usize = 4_096;

/// Half of all syncs took no longer than this, in a file written before.
pub(crate) fn sync_of_a_page(folder: &Path) -> io::Result<Duration> {
    let file = File::create(folder.join("sync-floor"))?;
    let page = [7; PAGE];
    for place in 0..TIMES {
        file.write_all_at(&page, place * PAGE as u64)?;
    }
    file.sync_all()?;
    let mut histogram = Histogram::default();
    for place in 0..TIMES {
        let start = clock::now();
        file.write_all_at(&page, place * PAGE as u64)?;
        file.sync_data()?;
        histogram.add(start.elapsed());
    }
    Ok(histogram.quantile(500))
}
