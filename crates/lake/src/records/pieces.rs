//! A file of somebody's, cut into batches whose ids follow from what is in it: whoever loads the
//! same file again brings nothing twice.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _};
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::StreamWriter;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sha2::{Digest as _, Sha256};

use super::decode::Format;
use super::error::RecordError;

/// Bytes of a batch, about.
const PIECE_BYTES: usize = 32 * 1024 * 1024;
/// Rows of a batch that is read from columns.
const PIECE_ROWS: usize = 500_000;
/// Letters of the file's checksum in the id of a batch.
const ID_LETTERS: usize = 24;

/// A batch that is cut from a file.
#[derive(Debug)]
pub struct Piece {
    /// Its id.
    pub batch: String,
    /// How it is written.
    pub format: Format,
    /// What is sent.
    pub body: Bytes,
    /// Which part of the file is read with it, in thousandths.
    pub done: u64,
}

/// The batches of a file, one after the other.
#[derive(Debug)]
pub struct Pieces {
    id: String,
    count: u64,
    from: From,
    size: u64,
    at: u64,
}

/// What is cut.
enum From {
    /// Lines, with the line that all pieces begin with; whether a line can go on behind its end.
    Lines {
        file: BufReader<File>,
        header: Option<Vec<u8>>,
        format: Format,
    },
    /// Columns.
    Columns {
        rows: Box<dyn Iterator<Item = Result<RecordBatch, String>> + Send>,
        schema: SchemaRef,
        is_begun: bool,
    },
}

impl std::fmt::Debug for From {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Lines { .. } => "Lines",
            Self::Columns { .. } => "Columns",
        })
    }
}

/// The format that the name of a file says.
pub fn format_of(path: &Path) -> Option<Format> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    match extension.as_str() {
        "csv" => Some(Format::Csv),
        "ndjson" | "jsonl" => Some(Format::Ndjson),
        "arrow" | "arrows" | "ipc" | "feather" => Some(Format::Arrow),
        "parquet" | "pq" => Some(Format::Parquet),
        _ => None,
    }
}

impl Pieces {
    /// Opens a file.
    pub fn open(path: &Path, format: Format) -> Result<Self, RecordError> {
        let wrong = |error: &dyn std::fmt::Display| {
            RecordError::Invalid(format!("{}: {error}", path.display()))
        };
        let mut file = File::open(path).map_err(|error| wrong(&error))?;
        let id = checksum(&mut file).map_err(|error| wrong(&error))?;
        file.rewind().map_err(|error| wrong(&error))?;
        let size = file.metadata().map_err(|error| wrong(&error))?.len();
        let from = match format {
            Format::Csv | Format::Ndjson => From::Lines {
                file: BufReader::with_capacity(1024 * 1024, file),
                header: None,
                format,
            },
            Format::Parquet => {
                let builder = ParquetRecordBatchReaderBuilder::try_new(file);
                let builder = builder.map_err(|error| wrong(&error))?;
                let schema = Arc::clone(builder.schema());
                let rows = builder.build().map_err(|error| wrong(&error))?;
                From::Columns {
                    rows: Box::new(rows.map(|rows| rows.map_err(|error| error.to_string()))),
                    schema,
                    is_begun: false,
                }
            }
            Format::Arrow => columns_of_arrow(file).map_err(|error| wrong(&error))?,
        };
        Ok(Self {
            id,
            count: 0,
            from,
            size,
            at: 0,
        })
    }

    /// The next batch; `None`: the file is at its end.
    pub fn next_piece(&mut self) -> Result<Option<Piece>, RecordError> {
        let cut = match &mut self.from {
            From::Lines {
                file,
                header,
                format,
            } => lines(file, header, *format, self.count == 0)
                .map(|body| body.map(|body| (body, *format))),
            From::Columns {
                rows,
                schema,
                is_begun,
            } => columns(&mut **rows, schema, is_begun)
                .map(|body| body.map(|body| (body, Format::Arrow))),
        };
        let Some((body, format)) = cut.map_err(RecordError::Invalid)? else {
            return Ok(None);
        };
        self.count += 1;
        self.at += body.len() as u64;
        let batch = format!("file-{}-{}", self.id, self.count);
        let done = (self.at * 1_000).checked_div(self.size).unwrap_or(1_000);
        Ok(Some(Piece {
            batch,
            format,
            body: body.into(),
            done: done.min(1_000),
        }))
    }
}

fn checksum(file: &mut File) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    let mut part = vec![0; 1024 * 1024];
    loop {
        let read = file.read(&mut part)?;
        if read == 0 {
            break;
        }
        hash.update(part.get(..read).unwrap_or_default());
    }
    let mut text = hex::encode(hash.finalize());
    text.truncate(ID_LETTERS);
    Ok(text)
}

/// Whole lines, about as many as a batch has bytes. A line of delimited text ends where no quote is open.
fn lines(
    file: &mut BufReader<File>,
    header: &mut Option<Vec<u8>>,
    format: Format,
    is_first: bool,
) -> Result<Option<Vec<u8>>, String> {
    let mut body = Vec::new();
    let line = |file: &mut BufReader<File>, body: &mut Vec<u8>| -> Result<bool, String> {
        let mut quotes = 0;
        let begin = body.len();
        loop {
            let from = body.len();
            let read = file.read_until(b'\n', body);
            if read.map_err(|error| error.to_string())? == 0 {
                return Ok(body.len() > begin);
            }
            let part = body.get(from..).unwrap_or_default();
            quotes += memchr::memchr_iter(b'"', part).count();
            if format != Format::Csv || quotes % 2 == 0 {
                return Ok(true);
            }
            if body.len() - begin > super::limits::ROW_BYTES_MAX {
                return Err("a quote is opened and never closed".to_owned());
            }
        }
    };
    if format == Format::Csv && header.is_none() {
        let mut first = Vec::new();
        line(file, &mut first)?;
        *header = Some(first);
    }
    if let Some(header) = header {
        body.extend_from_slice(header);
    }
    let own = body.len();
    while body.len() < PIECE_BYTES && line(file, &mut body)? {}
    // A file of a header alone is a batch without rows, which says whether the header is right.
    let is_something = body.len() > own || (is_first && !body.is_empty());
    Ok(is_something.then_some(body))
}

fn columns_of_arrow(mut file: File) -> Result<From, Box<dyn std::error::Error>> {
    let mut magic = [0; 6];
    let is_file = file.read_exact(&mut magic).is_ok() && &magic == b"ARROW1";
    file.rewind()?;
    let text = |error: arrow::error::ArrowError| error.to_string();
    let file = BufReader::new(file);
    if is_file {
        let reader = arrow::ipc::reader::FileReader::try_new(file, None)?;
        return Ok(From::Columns {
            schema: reader.schema(),
            rows: Box::new(reader.map(move |rows| rows.map_err(text))),
            is_begun: false,
        });
    }
    let reader = arrow::ipc::reader::StreamReader::try_new(file, None)?;
    Ok(From::Columns {
        schema: reader.schema(),
        rows: Box::new(reader.map(move |rows| rows.map_err(text))),
        is_begun: false,
    })
}

/// The next rows as Arrow's stream.
fn columns(
    rows: &mut dyn Iterator<Item = Result<RecordBatch, String>>,
    schema: &SchemaRef,
    is_begun: &mut bool,
) -> Result<Option<Vec<u8>>, String> {
    let mut body = Vec::new();
    let mut writer = StreamWriter::try_new(&mut body, schema).map_err(|error| error.to_string())?;
    let mut count = 0;
    let mut is_empty = *is_begun;
    while count < PIECE_ROWS && writer.get_ref().len() < PIECE_BYTES {
        let Some(next) = rows.next() else { break };
        let next = next?;
        writer.write(&next).map_err(|error| error.to_string())?;
        count += next.num_rows();
        is_empty = false;
    }
    *is_begun = true;
    writer.finish().map_err(|error| error.to_string())?;
    drop(writer);
    Ok((!is_empty).then_some(body))
}
