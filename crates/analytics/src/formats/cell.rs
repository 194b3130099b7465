//! Values as text: in JSON, and in a field of CSV.
//!
//! Whole numbers beyond 2^53 and decimals are texts in JSON, because most readers would round them;
//! so are numbers that JSON has not (`NaN`, `Infinity`, `-Infinity`). Times are ISO 8601, with `Z`
//! where the column has a zone; bytes are hexadecimal.

use std::io::Write as _;
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BinaryViewArray, BooleanArray, Float32Array, Float64Array,
    Int64Array, OffsetSizeTrait, StringViewArray, UInt64Array,
};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int64Type, UInt64Type};
use arrow::error::ArrowError;

/// The largest whole number up to which all are exact in a double.
const EXACT_MAX: u64 = 1 << 53;
/// Lists and structs within one another.
const DEPTH_MAX: usize = 32;

/// A column, ready to be written value by value.
pub(super) struct Column {
    nulls: Option<NullBuffer>,
    values: Values,
}

enum Values {
    Null,
    Bool(BooleanArray),
    Int(Int64Array),
    UInt(UInt64Array),
    Single(Float32Array),
    Double(Float64Array),
    Text(StringViewArray),
    Bytes(BinaryViewArray),
    List {
        /// Where each list begins, and where the last one ends.
        bounds: Vec<(usize, usize)>,
        items: Box<Column>,
    },
    Struct(Vec<(String, Column)>),
}

impl Column {
    pub(super) fn new(array: &ArrayRef) -> Result<Self, ArrowError> {
        Self::within(array, 0)
    }

    fn within(array: &ArrayRef, depth: usize) -> Result<Self, ArrowError> {
        use DataType as D;
        if depth > DEPTH_MAX {
            let reason = format!("values are nested more than {DEPTH_MAX} deep");
            return Err(ArrowError::NotYetImplemented(reason));
        }
        let values = match array.data_type() {
            D::Null => Values::Null,
            D::Boolean => Values::Bool(array.as_boolean().clone()),
            D::UInt64 => Values::UInt(array.as_primitive::<UInt64Type>().clone()),
            whole if whole.is_integer() => {
                Values::Int(cast(array, &D::Int64)?.as_primitive::<Int64Type>().clone())
            }
            D::Float16 | D::Float32 => {
                let array = cast(array, &D::Float32)?;
                Values::Single(array.as_primitive::<Float32Type>().clone())
            }
            D::Float64 => Values::Double(array.as_primitive::<Float64Type>().clone()),
            D::Binary | D::LargeBinary | D::BinaryView | D::FixedSizeBinary(_) => {
                let array = match array.data_type() {
                    D::FixedSizeBinary(_) => &cast(array, &D::Binary)?,
                    _ => array,
                };
                Values::Bytes(cast(array, &D::BinaryView)?.as_binary_view().clone())
            }
            D::Dictionary(_, values) => return Self::within(&cast(array, values)?, depth),
            D::RunEndEncoded(_, values) => {
                return Self::within(&cast(array, values.data_type())?, depth);
            }
            D::FixedSizeList(field, _) | D::ListView(field) => {
                return Self::within(&cast(array, &D::List(Arc::clone(field)))?, depth);
            }
            D::LargeListView(field) => {
                return Self::within(&cast(array, &D::LargeList(Arc::clone(field)))?, depth);
            }
            D::List(_) => list::<i32>(array, depth)?,
            D::LargeList(_) => list::<i64>(array, depth)?,
            D::Map(..) => {
                let map = array.as_map();
                let entries: ArrayRef = Arc::new(map.entries().clone());
                Values::List {
                    bounds: bounds(map.offsets()),
                    items: Box::new(Self::within(&entries, depth + 1)?),
                }
            }
            D::Struct(fields) => {
                let columns = array.as_struct().columns().iter().zip(fields);
                let columns = columns.map(|(column, field)| {
                    Ok((quoted(field.name()), Self::within(column, depth + 1)?))
                });
                Values::Struct(columns.collect::<Result<_, ArrowError>>()?)
            }
            // Texts as they are; decimals, times and spans as Arrow writes them.
            _ => Values::Text(
                cast(&cast(array, &D::Utf8)?, &D::Utf8View)?
                    .as_string_view()
                    .clone(),
            ),
        };
        Ok(Self {
            nulls: array.logical_nulls(),
            values,
        })
    }

    fn is_null(&self, row: usize) -> bool {
        matches!(self.values, Values::Null)
            || self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// Writes a value as JSON.
    pub(super) fn json(&self, row: usize, out: &mut Vec<u8>) {
        if self.is_null(row) {
            out.extend_from_slice(b"null");
            return;
        }
        match &self.values {
            Values::Null => out.extend_from_slice(b"null"),
            Values::Bool(values) => write_to(out, format_args!("{}", values.value(row))),
            Values::Int(values) => {
                let value = values.value(row);
                whole(out, value.unsigned_abs() <= EXACT_MAX, value);
            }
            Values::UInt(values) => {
                let value = values.value(row);
                whole(out, value <= EXACT_MAX, value);
            }
            Values::Single(values) => {
                let value = values.value(row);
                number(out, value.is_finite(), f64::from(value), &value);
            }
            Values::Double(values) => {
                let value = values.value(row);
                number(out, value.is_finite(), value, &value);
            }
            Values::Text(values) => text(out, values.value(row)),
            Values::Bytes(values) => {
                out.push(b'"');
                hex(out, values.value(row));
                out.push(b'"');
            }
            Values::List { bounds, items } => {
                let (from, to) = bounds[row];
                out.push(b'[');
                for item in from..to {
                    if item > from {
                        out.push(b',');
                    }
                    items.json(item, out);
                }
                out.push(b']');
            }
            Values::Struct(columns) => {
                out.push(b'{');
                for (place, (name, column)) in columns.iter().enumerate() {
                    if place > 0 {
                        out.push(b',');
                    }
                    out.extend_from_slice(name.as_bytes());
                    out.push(b':');
                    column.json(row, out);
                }
                out.push(b'}');
            }
        }
    }

    /// Writes a value as a field of CSV: nothing for null, `""` for an empty text, JSON in quotes
    /// for a list or struct.
    pub(super) fn csv(&self, row: usize, out: &mut Vec<u8>) {
        if self.is_null(row) {
            return;
        }
        match &self.values {
            Values::Int(values) => write_to(out, format_args!("{}", values.value(row))),
            Values::UInt(values) => write_to(out, format_args!("{}", values.value(row))),
            Values::Text(values) => field(out, values.value(row)),
            Values::Bytes(values) => hex(out, values.value(row)),
            Values::Single(values) if !values.value(row).is_finite() => {
                out.extend_from_slice(unusual(f64::from(values.value(row))).as_bytes());
            }
            Values::Double(values) if !values.value(row).is_finite() => {
                out.extend_from_slice(unusual(values.value(row)).as_bytes());
            }
            Values::List { .. } | Values::Struct(_) => {
                let mut json = Vec::new();
                self.json(row, &mut json);
                field(out, &String::from_utf8_lossy(&json));
            }
            Values::Null | Values::Bool(_) | Values::Single(_) | Values::Double(_) => {
                self.json(row, out);
            }
        }
    }
}

fn list<O: OffsetSizeTrait>(array: &ArrayRef, depth: usize) -> Result<Values, ArrowError> {
    let list = array.as_list::<O>();
    Ok(Values::List {
        bounds: bounds(list.offsets()),
        items: Box::new(Column::within(list.values(), depth + 1)?),
    })
}

fn bounds<O: OffsetSizeTrait>(offsets: &[O]) -> Vec<(usize, usize)> {
    let pairs = offsets.windows(2);
    pairs
        .map(|pair| (pair[0].as_usize(), pair[1].as_usize()))
        .collect()
}

/// Writing to memory cannot fail.
fn write_to(out: &mut Vec<u8>, what: std::fmt::Arguments<'_>) {
    let _infallible = out.write_fmt(what);
}

fn whole(out: &mut Vec<u8>, exact: bool, value: impl std::fmt::Display) {
    if exact {
        write_to(out, format_args!("{value}"));
    } else {
        write_to(out, format_args!("\"{value}\""));
    }
}

/// The shortest text that reads back as the same number of its width.
fn number(out: &mut Vec<u8>, finite: bool, wide: f64, value: &impl serde::Serialize) {
    if !finite {
        write_to(out, format_args!("\"{}\"", unusual(wide)));
        return;
    }
    // A number that is finite can be written, and writing to memory cannot fail.
    let _infallible = serde_json::to_writer(out, value);
}

fn unusual(value: f64) -> &'static str {
    match (value.is_nan(), value > 0.0) {
        (true, _) => "NaN",
        (false, true) => "Infinity",
        (false, false) => "-Infinity",
    }
}

/// Writes a text as JSON.
pub(super) fn text(out: &mut Vec<u8>, value: &str) {
    // A text can always be written, and writing to memory cannot fail.
    let _infallible = serde_json::to_writer(out, value);
}

/// A text as JSON.
pub(super) fn quoted(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

fn hex(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        write_to(out, format_args!("{byte:02x}"));
    }
}

/// Writes a field of CSV, in quotes where it must be [RFC 4180 §2].
pub(super) fn field(out: &mut Vec<u8>, value: &str) {
    let plain = !value.is_empty()
        && !value.starts_with(' ')
        && !value.ends_with(' ')
        && !value
            .bytes()
            .any(|byte| matches!(byte, b'"' | b',' | b'\r' | b'\n'));
    if plain {
        out.extend_from_slice(value.as_bytes());
        return;
    }
    out.push(b'"');
    out.extend_from_slice(value.replace('"', "\"\"").as_bytes());
    out.push(b'"');
}
