//! Cells of H3: whole numbers, as in tables of records; `h3_text` makes them the text that maps and
//! other engines know, `8a2a1072b59ffff`, which every function here takes too.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, Int64Array, StringViewArray};
use datafusion::common::{Result as PlanResult, exec_err};
use h3o::{CellIndex, LatLng, Resolution};
use serde_json::json;

use super::{Definition, Kind, numbers, wholes};

pub(super) const FUNCTIONS: &[Definition] = &[
    Definition {
        name: "h3_cell",
        takes: &[&[Kind::Number, Kind::Number, Kind::Whole]],
        returns: Kind::Whole,
        body: cell,
    },
    Definition {
        name: "h3_parent",
        takes: &[&[Kind::Whole; 2], &[Kind::Text, Kind::Whole]],
        returns: Kind::Whole,
        body: parent,
    },
    Definition {
        name: "h3_resolution",
        takes: CELL,
        returns: Kind::Whole,
        body: resolution_of,
    },
    Definition {
        name: "h3_boundary",
        takes: CELL,
        returns: Kind::Text,
        body: boundary,
    },
    Definition {
        name: "h3_text",
        takes: CELL,
        returns: Kind::Text,
        body: text,
    },
];

const CELL: &[&[Kind]] = &[&[Kind::Whole], &[Kind::Text]];

fn resolution(number: i64) -> PlanResult<Resolution> {
    let level = u8::try_from(number).ok();
    if let Some(resolution) = level.and_then(|level| Resolution::try_from(level).ok()) {
        Ok(resolution)
    } else {
        exec_err!("{number} is no resolution of H3: they go from 0 to 15")
    }
}

/// The cells of the first column.
fn cells(
    columns: &[ArrayRef],
) -> PlanResult<Box<dyn Iterator<Item = PlanResult<Option<CellIndex>>> + '_>> {
    let Some(texts) = columns
        .first()
        .and_then(|column| column.as_string_view_opt())
    else {
        let cells = wholes(columns, 0)?.map(|number| match number {
            None => Ok(None),
            Some(number) => {
                if let Ok(cell) = CellIndex::try_from(number.cast_unsigned()) {
                    Ok(Some(cell))
                } else {
                    exec_err!("{number} is no cell of H3")
                }
            }
        });
        return Ok(Box::new(cells));
    };
    let cells = texts.iter().map(|text| match text.map(str::parse) {
        None => Ok(None),
        Some(Ok(cell)) => Ok(Some(cell)),
        Some(Err(_)) => exec_err!("a text is no cell of H3: they are as 8a2a1072b59ffff"),
    });
    Ok(Box::new(cells))
}

fn whole(cell: CellIndex) -> i64 {
    u64::from(cell).cast_signed()
}

fn cell(columns: &[ArrayRef]) -> PlanResult<ArrayRef> {
    let places = numbers(columns, 0)?.zip(numbers(columns, 1)?);
    let cells = places.zip(wholes(columns, 2)?).map(|row| match row {
        ((Some(lon), Some(lat)), Some(level)) => {
            if let Ok(place) = LatLng::new(lat, lon) {
                Ok(Some(whole(place.to_cell(resolution(level)?))))
            } else {
                exec_err!("{lon}, {lat} is no place: longitude goes first")
            }
        }
        _ => Ok(None),
    });
    Ok(Arc::new(cells.collect::<PlanResult<Int64Array>>()?))
}

fn parent(columns: &[ArrayRef]) -> PlanResult<ArrayRef> {
    let rows = cells(columns)?.zip(wholes(columns, 1)?);
    let parents = rows.map(|row| match row {
        (cell, Some(level)) => match cell? {
            Some(cell) => Ok(cell.parent(resolution(level)?).map(whole)),
            None => Ok(None),
        },
        (_, None) => Ok(None),
    });
    Ok(Arc::new(parents.collect::<PlanResult<Int64Array>>()?))
}

fn resolution_of(columns: &[ArrayRef]) -> PlanResult<ArrayRef> {
    let level = |cell: CellIndex| i64::from(u8::from(cell.resolution()));
    let levels = cells(columns)?.map(|cell| Ok(cell?.map(level)));
    Ok(Arc::new(levels.collect::<PlanResult<Int64Array>>()?))
}

fn text(columns: &[ArrayRef]) -> PlanResult<ArrayRef> {
    let texts = cells(columns)?.map(|cell| Ok(cell?.map(|cell| cell.to_string())));
    Ok(Arc::new(texts.collect::<PlanResult<StringViewArray>>()?))
}

fn boundary(columns: &[ArrayRef]) -> PlanResult<ArrayRef> {
    let ring = |cell: CellIndex| {
        let boundary = cell.boundary();
        let mut ring: Vec<_> = boundary.iter().map(|at| [at.lng(), at.lat()]).collect();
        ring.extend(ring.first().copied());
        json!({"type": "Polygon", "coordinates": [ring]}).to_string()
    };
    let rings = cells(columns)?.map(|cell| Ok(cell?.map(ring)));
    Ok(Arc::new(rings.collect::<PlanResult<StringViewArray>>()?))
}
