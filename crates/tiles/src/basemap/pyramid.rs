//! Cutting the map into tiles, zoom by zoom: every tile is cut from the one above it.

use super::read::{Form, Piece};
use crate::clip::{self, Bounds};
use crate::pmtiles;
use crate::tile::Tile;

/// A tile with the pieces that it and the tiles below it show.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) tile: Tile,
    pub(super) pieces: Vec<Piece>,
}

/// The whole world.
pub(super) fn world(pieces: Vec<Piece>) -> Part {
    Part {
        tile: Tile::at(0, 0.0, 0.0),
        pieces,
    }
}

/// The four tiles below a tile, in the order of their numbers, without those that are empty or
/// beyond the map.
pub(super) fn split(part: Part, map: &Bounds) -> Vec<Part> {
    let mut parts: Vec<Part> = part
        .tile
        .children()
        .into_iter()
        .map(|tile| Part {
            tile,
            pieces: Vec::new(),
        })
        .collect();
    parts.sort_by_key(|part| pmtiles::number(part.tile));
    let boxes: Vec<Bounds> = parts.iter().map(|part| Bounds::of(part.tile)).collect();
    for piece in part.pieces {
        share(piece, &mut parts, &boxes);
    }
    parts.retain(|part| !part.pieces.is_empty() && Bounds::of(part.tile).touches(map));
    parts
}

/// Gives every tile what it shows of a piece; the last one that shows all of it gets the piece
/// itself.
fn share(piece: Piece, parts: &mut [Part], boxes: &[Bounds]) {
    let last = boxes.iter().rposition(|bounds| bounds.holds(&piece.bounds));
    for (index, (part, bounds)) in parts.iter_mut().zip(boxes).enumerate() {
        if Some(index) == last || !piece.bounds.touches(bounds) {
            continue;
        }
        if bounds.holds(&piece.bounds) {
            part.pieces.push(piece.clone());
        } else {
            cut(&piece, bounds, &mut part.pieces);
        }
    }
    if let Some(part) = last.and_then(|index| parts.get_mut(index)) {
        part.pieces.push(piece);
    }
}

/// The parts of a piece within a box.
fn cut(piece: &Piece, bounds: &Bounds, out: &mut Vec<Piece>) {
    let mut push = |form: Form, bounds: Bounds| {
        out.push(Piece {
            style: piece.style,
            bounds,
            form,
        });
    };
    match &piece.form {
        Form::Point(_) => {}
        Form::Line(points) => {
            for part in clip::line(points, bounds) {
                let around = Bounds::around(&part);
                push(Form::Line(part), around);
            }
        }
        Form::Area(rings) => {
            let mut kept = Vec::with_capacity(rings.len());
            for ring in rings {
                let part = clip::ring(ring, bounds);
                if part.len() > 2 {
                    kept.push(part);
                } else if kept.is_empty() {
                    return;
                }
            }
            let around = Bounds::around(kept.iter().flatten());
            push(Form::Area(kept), around);
        }
    }
}
