//! Files of one partition become one, in the same order.

use arrow::array::RecordBatch;
use arrow::compute::interleave_record_batch;

use super::scan::{Key, Keys, Scan, Source};
use super::write::{FileWriter, Sealed};
use crate::LakeError;

/// Rows that are put together at once.
const BATCH_ROWS: usize = 8_192;

/// A file and where it is being read.
#[derive(Debug)]
struct Input {
    path: String,
    scan: Scan,
    batch: RecordBatch,
    keys: Keys,
    row: usize,
}

impl Input {
    /// `None`: it has no rows.
    fn open(path: String, source: Source) -> Result<Option<Self>, LakeError> {
        let mut scan = Scan::open(&path, source, None)?;
        let Some((batch, keys)) = next(&path, &mut scan)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            path,
            scan,
            batch,
            keys,
            row: 0,
        }))
    }

    fn key(&self) -> Key<'_> {
        self.keys.key(self.row)
    }

    /// Whether the rows at hand are used up.
    fn is_empty(&self) -> bool {
        self.row >= self.keys.len()
    }

    /// Reads the next rows; whether there are any.
    fn refill(&mut self) -> Result<bool, LakeError> {
        let Some((batch, keys)) = next(&self.path, &mut self.scan)? else {
            return Ok(false);
        };
        (self.batch, self.keys, self.row) = (batch, keys, 0);
        Ok(true)
    }
}

fn next(path: &str, scan: &mut Scan) -> Result<Option<(RecordBatch, Keys)>, LakeError> {
    while let Some(batch) = scan.read()? {
        if batch.num_rows() > 0 {
            let keys = Keys::of(&batch).ok_or_else(|| {
                LakeError::Corrupt(format!("the file {path}: columns are missing"))
            })?;
            return Ok(Some((batch, keys)));
        }
    }
    Ok(None)
}

/// Merges files, each in order, into one.
pub fn merge(
    files: Vec<(String, Source)>,
    mut writer: FileWriter,
) -> Result<Option<Sealed>, LakeError> {
    let mut inputs = Vec::new();
    for (path, source) in files {
        inputs.extend(Input::open(path, source)?);
    }
    let mut chosen: Vec<(usize, usize)> = Vec::with_capacity(BATCH_ROWS);
    while !inputs.is_empty() {
        // Until one of the inputs has no rows at hand: it must be refilled before the next choice.
        while chosen.len() < BATCH_ROWS && !inputs.iter().any(Input::is_empty) {
            choose(&mut inputs, &mut chosen);
        }
        write(&inputs, &mut chosen, &mut writer)?;
        let mut left = Vec::with_capacity(inputs.len());
        for mut input in inputs {
            if !input.is_empty() || input.refill()? {
                left.push(input);
            }
        }
        inputs = left;
    }
    writer.finish()
}

/// Chooses the rows that come next of one input: all that come before those of the others.
fn choose(inputs: &mut [Input], chosen: &mut Vec<(usize, usize)>) {
    let mut order: Vec<usize> = (0..inputs.len()).collect();
    order.sort_by(|a, b| {
        let key = |place: &usize| inputs.get(*place).map(Input::key);
        key(a).cmp(&key(b))
    });
    let Some((&first, rest)) = order.split_first() else {
        return;
    };
    let mut until = chosen.len();
    if let Some(input) = inputs.get(first) {
        let behind = rest.first().and_then(|place| inputs.get(*place));
        let behind = behind.map(Input::key);
        let mut row = input.row;
        while row < input.keys.len()
            && chosen.len() < BATCH_ROWS
            && behind.is_none_or(|behind| input.keys.key(row) <= behind)
        {
            chosen.push((first, row));
            row += 1;
        }
        until = row;
    }
    if let Some(input) = inputs.get_mut(first) {
        input.row = until;
    }
}

fn write(
    inputs: &[Input],
    chosen: &mut Vec<(usize, usize)>,
    writer: &mut FileWriter,
) -> Result<(), LakeError> {
    let batches: Vec<&RecordBatch> = inputs.iter().map(|input| &input.batch).collect();
    let merged = interleave_record_batch(&batches, chosen);
    let merged = merged.map_err(|error| LakeError::Corrupt(format!("rows to merge: {error}")))?;
    chosen.clear();
    writer.write(&merged)
}
