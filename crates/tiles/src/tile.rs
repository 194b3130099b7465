//! Web Mercator tiles: their numbers, the part of the Earth that each shows, and places as whole
//! numbers of the world square.

use std::f64::consts::PI;

use crate::error::TileError;

/// Deepest zoom of any tile.
pub const ZOOM_MAX: u8 = 22;
/// Units along the edge of a tile.
pub const EXTENT: i32 = 4096;
/// Units beyond the edge that lines and areas are kept, so that no seam shows.
pub const BUFFER: i32 = 64;
/// Degrees of latitude at the northern edge of the world square; the southern is its negative.
pub const LAT_MAX: f64 = 85.051_128_779_806_59;

/// Binary digits of the side of the world square: its unit is 4 cm at the equator.
pub(crate) const WORLD_BITS: u8 = 30;
/// The side of the world square.
pub(crate) const WORLD: i32 = 1 << WORLD_BITS;

/// A tile that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    z: u8,
    x: u32,
    y: u32,
}

impl Tile {
    /// Checks the numbers of a request: `z` up to [`ZOOM_MAX`], `x` and `y` below 2^z.
    pub fn new(z: u32, x: u32, y: u32) -> Result<Self, TileError> {
        match u8::try_from(z) {
            Ok(zoom) if zoom <= ZOOM_MAX && x < 1 << zoom && y < 1 << zoom => {
                Ok(Self { z: zoom, x, y })
            }
            _ => Err(TileError::NoSuchTile { z, x, y }),
        }
    }

    /// The tile of this zoom that shows a place; what lies beyond the world square is taken to its
    /// edge.
    pub fn at(zoom: u8, lon: f64, lat: f64) -> Self {
        let z = zoom.min(ZOOM_MAX);
        let [x, y] = project(lon, lat).map(|number| number.clamp(0, WORLD - 1).unsigned_abs());
        let shift = WORLD_BITS - z;
        Self {
            z,
            x: x >> shift,
            y: y >> shift,
        }
    }

    /// Zoom.
    pub fn z(self) -> u8 {
        self.z
    }

    /// Column, counted from the antimeridian eastwards.
    pub fn x(self) -> u32 {
        self.x
    }

    /// Row, counted from the north.
    pub fn y(self) -> u32 {
        self.y
    }

    /// West, south, east and north of what it shows, in degrees.
    pub fn bbox(self) -> [f64; 4] {
        self.grown(0.0)
    }

    /// West, south, east and north of what can touch it, its buffer included: the things within
    /// are all that the tile is made of.
    pub fn reach(self) -> [f64; 4] {
        self.grown(f64::from(BUFFER) / f64::from(EXTENT))
    }

    /// The box with a margin, in parts of a tile.
    fn grown(self, margin: f64) -> [f64; 4] {
        let side = f64::from(1_u32 << self.z);
        let (x, y) = (f64::from(self.x), f64::from(self.y));
        let lon = |x: f64| (x / side * 360.0 - 180.0).clamp(-180.0, 180.0);
        let lat = |y: f64| {
            let north = PI * (1.0 - 2.0 * y.clamp(0.0, side) / side);
            north.sinh().atan().to_degrees()
        };
        [
            lon(x - margin),
            lat(y + 1.0 + margin),
            lon(x + 1.0 + margin),
            lat(y - margin),
        ]
    }

    /// The four tiles of the next zoom; none below the deepest.
    pub(crate) fn children(self) -> Vec<Self> {
        let below = |x, y| {
            let zoom = u32::from(self.z) + 1;
            Self::new(zoom, self.x * 2 + x, self.y * 2 + y).ok()
        };
        let four = [below(0, 0), below(1, 0), below(0, 1), below(1, 1)];
        four.into_iter().flatten().collect()
    }

    /// Its north-western corner in the world square.
    pub(crate) fn corner(self) -> [i32; 2] {
        let shift = WORLD_BITS - self.z;
        // Both are below 2^30, as the tile exists.
        [self.x << shift, self.y << shift].map(u32::cast_signed)
    }

    /// The binary digits of a world unit that one unit of the tile lacks.
    pub(crate) fn shift(self) -> i32 {
        i32::from(WORLD_BITS) - i32::from(self.z) - 12
    }
}

/// Longitude and latitude in degrees as a place in the world square; what is not a number or lies
/// beyond is taken to the edge.
#[expect(
    clippy::cast_possible_truncation,
    reason = "both factors are clamped to the side of the square; a cast of NaN gives 0"
)]
pub(crate) fn project(lon: f64, lat: f64) -> [i32; 2] {
    let side = f64::from(WORLD);
    let x = lon.clamp(-180.0, 180.0) / 360.0 + 0.5;
    let rise = lat.clamp(-LAT_MAX, LAT_MAX).to_radians().sin();
    let y = 0.5 - ((1.0 + rise) / (1.0 - rise)).ln() / (4.0 * PI);
    [x, y].map(|part| (part.clamp(0.0, 1.0) * side).round() as i32)
}

/// The degrees of a place in the world square.
pub(crate) fn unproject([x, y]: [i32; 2]) -> [f64; 2] {
    let side = f64::from(WORLD);
    let north = PI * (1.0 - 2.0 * f64::from(y) / side);
    [
        f64::from(x) / side * 360.0 - 180.0,
        north.sinh().atan().to_degrees(),
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_tiles_that_exist_can_be_asked_for() {
        for (z, x, y) in [
            (0, 1, 0),
            (3, 8, 0),
            (3, 0, 8),
            (23, 0, 0),
            (u32::MAX, 0, 0),
        ] {
            let error = Tile::new(z, x, y).unwrap_err();
            assert_eq!(error.kind(), base::Kind::Invalid, "{z}/{x}/{y}");
        }
        assert_eq!(Tile::new(22, (1 << 22) - 1, 0).unwrap().z(), 22);
    }

    #[test]
    fn a_tile_shows_the_part_of_the_earth_that_others_say() {
        // As every slippy map has it: the middle of Moscow at zoom 10.
        let tile = Tile::at(10, 37.6, 55.752_1);
        assert_eq!((tile.x(), tile.y()), (618, 320));
        let [west, south, east, north] = tile.bbox();
        assert!((west - 37.265_625).abs() < 1e-9 && (east - 37.617_187_5).abs() < 1e-9);
        assert!((north - 55.776_573).abs() < 1e-5 && (south - 55.578_344).abs() < 1e-5);
        assert_eq!(
            Tile::at(0, 0.0, 0.0).bbox()[0].to_bits(),
            (-180.0_f64).to_bits()
        );
    }

    #[test]
    fn what_is_no_place_is_taken_to_the_edge() {
        for (lon, lat) in [
            (f64::NAN, f64::NAN),
            (1e300, -1e300),
            (180.0, -90.0),
            (-180.0, 90.0),
        ] {
            let tile = Tile::at(22, lon, lat);
            assert!(tile.x() < 1 << 22 && tile.y() < 1 << 22);
        }
    }

    proptest! {
        #[test]
        fn a_place_lies_in_the_box_of_its_tile(
            lon in -180.0..180.0_f64, lat in -85.0..85.0_f64, zoom in 0..=22_u8,
        ) {
            let tile = Tile::at(zoom, lon, lat);
            let [west, south, east, north] = tile.bbox();
            let near = 1e-6;
            prop_assert!(west - near <= lon && lon <= east + near);
            prop_assert!(south - near <= lat && lat <= north + near);
            let reach = tile.reach();
            prop_assert!(reach[0] <= west && reach[1] <= south && reach[2] >= east && reach[3] >= north);
        }

        #[test]
        fn the_world_square_gives_a_place_back(lon in -180.0..180.0_f64, lat in -85.0..85.0_f64) {
            let [back_lon, back_lat] = unproject(project(lon, lat));
            prop_assert!((back_lon - lon).abs() < 1e-6 && (back_lat - lat).abs() < 1e-6);
        }
    }
}
