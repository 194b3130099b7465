//! The sea: what lies on the right of the coast lines, within the frame of the map.
//!
//! OpenStreetMap draws coasts with the land on the left. Lines are joined end to end, cut to the
//! frame, and each one that leaves the frame is followed along its edge, with the clock, to the next
//! one that enters: what is gone round that way is sea.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::clip::{self, Bounds, Vertex};

/// A coast may end so far from the frame, in parts of its longer side, and still be led to it: where
/// an extract was cut.
const GAP_PART: i64 = 8;

type Ring = Vec<Vertex>;

/// The sea as polygons, each a shell and its islands; none if the coasts do not bound it.
pub(super) fn sea(coasts: Vec<Ring>, frame: &Bounds) -> Vec<Vec<Ring>> {
    let (mut shells, mut islands, mut parts) = (Vec::new(), Vec::new(), Vec::new());
    for coast in join(coasts) {
        let closed = coast.first() == coast.last();
        if closed && frame.holds(&Bounds::around(&coast)) {
            let mut ring = coast;
            ring.pop();
            if turns_with_clock(&ring) {
                shells.push(vec![ring]);
            } else {
                islands.push(ring);
            }
            continue;
        }
        let Some(cut) = within(&coast, closed, frame) else {
            return Vec::new();
        };
        parts.extend(cut);
    }
    if parts.is_empty() && shells.is_empty() && !islands.is_empty() {
        shells.push(vec![corners(frame).to_vec()]);
    }
    shells.extend(around(parts, frame).into_iter().map(|ring| vec![ring]));
    let only = shells.len() == 1;
    for island in islands {
        let Some(&place) = island.first() else {
            continue;
        };
        let sea = shells
            .iter_mut()
            .find(|rings| only || rings.first().is_some_and(|shell| holds(shell, place)));
        if let Some(sea) = sea {
            sea.push(island);
        }
    }
    shells
}

/// Whether the place lies in the sea.
pub(super) fn floods(sea: &[Vec<Ring>], place: Vertex) -> bool {
    let rings = sea.iter().flatten();
    rings.filter(|ring| holds(ring, place)).count() % 2 == 1
}

/// Joins lines where one begins at the end of another.
fn join(coasts: Vec<Ring>) -> Vec<Ring> {
    let mut begins: HashMap<[i32; 2], usize, FixedState> = HashMap::default();
    let mut ends: HashMap<[i32; 2], (), FixedState> = HashMap::default();
    for (index, coast) in coasts.iter().enumerate() {
        if let (Some(first), Some(last)) = (coast.first(), coast.last()) {
            begins.insert([first.x, first.y], index);
            ends.insert([last.x, last.y], ());
        }
    }
    // What begins where nothing ends comes first, so that a chain is not begun in its middle.
    let inner = |coast: &Ring| {
        coast
            .first()
            .is_some_and(|first| ends.contains_key(&[first.x, first.y]))
    };
    let mut order: Vec<usize> = (0..coasts.len()).collect();
    order.sort_by_key(|index| coasts.get(*index).is_some_and(inner));
    let mut rest: Vec<Option<Ring>> = coasts.into_iter().map(Some).collect();
    let mut joined = Vec::new();
    for start in order {
        let Some(mut chain) = rest.get_mut(start).and_then(Option::take) else {
            continue;
        };
        while let (Some(first), Some(last)) = (chain.first(), chain.last())
            && first != last
            && let Some(next) = begins.get(&[last.x, last.y])
            && let Some(more) = rest.get_mut(*next).and_then(Option::take)
        {
            chain.extend(more.into_iter().skip(1));
        }
        if chain.len() > 1 {
            joined.push(chain);
        }
    }
    joined
}

/// The parts of a coast within the frame, each from edge to edge; `None` if it ends far inside.
fn within(coast: &Ring, closed: bool, frame: &Bounds) -> Option<Vec<Ring>> {
    let mut parts = clip::line(coast, frame);
    // A ring that begins inside the frame is cut there by nothing but its list of points.
    if closed
        && parts.len() > 1
        && parts.first().and_then(|part| part.first()) == coast.first()
        && parts.last().and_then(|part| part.last()) == coast.last()
    {
        let begin = parts.swap_remove(0);
        // The last part stands first now, as the first was taken out of its place.
        if let Some(end) = parts.first_mut() {
            end.extend(begin.into_iter().skip(1));
        }
    }
    for part in &mut parts {
        let (first, last) = (*part.first()?, *part.last()?);
        let enters = led(first, frame)?;
        if enters != first {
            part.insert(0, enters);
        }
        let leaves = led(last, frame)?;
        if leaves != last {
            part.push(leaves);
        }
    }
    Some(parts)
}

/// The place of the edge that is nearest; `None` if none is near.
fn led(place: Vertex, frame: &Bounds) -> Option<Vertex> {
    let Vertex { x, y, .. } = place;
    let edges = [
        [frame.min[0], y],
        [frame.max[0], y],
        [x, frame.min[1]],
        [x, frame.max[1]],
    ];
    let away = |[a, b]: [i32; 2]| {
        (i64::from(a) - i64::from(x)).abs() + (i64::from(b) - i64::from(y)).abs()
    };
    let nearest = edges.into_iter().min_by_key(|edge| away(*edge))?;
    (away(nearest) <= frame.size() / GAP_PART).then(|| Vertex::new(nearest))
}

/// The corners of the frame, with the clock from the north-west.
fn corners(frame: &Bounds) -> [Vertex; 4] {
    let ([west, north], [east, south]) = (frame.min, frame.max);
    [[west, north], [east, north], [east, south], [west, south]].map(Vertex::new)
}

/// How far along the edge a place of it is, with the clock from the north-western corner.
fn along(place: Vertex, frame: &Bounds) -> i64 {
    let far = |from: i32, to: i32| i64::from(to) - i64::from(from);
    let width = far(frame.min[0], frame.max[0]);
    let height = far(frame.min[1], frame.max[1]);
    if place.y == frame.min[1] {
        far(frame.min[0], place.x)
    } else if place.x == frame.max[0] {
        width + far(frame.min[1], place.y)
    } else if place.y == frame.max[1] {
        width + height + far(place.x, frame.max[0])
    } else {
        2 * width + height + far(place.y, frame.max[1])
    }
}

/// Follows parts and the edge of the frame until each ring is closed.
fn around(parts: Vec<Ring>, frame: &Bounds) -> Vec<Ring> {
    let mut entries: Vec<(i64, usize)> = parts
        .iter()
        .enumerate()
        .filter_map(|(index, part)| Some((along(*part.first()?, frame), index)))
        .collect();
    entries.sort_unstable();
    let mut rest: Vec<Option<Ring>> = parts.into_iter().map(Some).collect();
    let mut rings = Vec::new();
    for start in 0..rest.len() {
        let mut ring = Ring::new();
        let mut next = start;
        while let Some(part) = rest.get_mut(next).and_then(Option::take) {
            let Some(&leaves) = part.last() else { break };
            ring.extend(part);
            let from = along(leaves, frame);
            let found = entries.partition_point(|(entry, _)| *entry < from);
            let Some(&(to, index)) = entries.get(found).or(entries.first()) else {
                break;
            };
            ring.extend(passed(from, to, frame));
            next = index;
        }
        ring.dedup();
        if ring.len() > 2 {
            rings.push(ring);
        }
    }
    rings
}

/// The corners between two places of the edge, with the clock.
fn passed(from: i64, to: i64, frame: &Bounds) -> Vec<Vertex> {
    let corners = corners(frame);
    let far = |a: i32, b: i32| i64::from(b) - i64::from(a);
    let all = 2 * (far(frame.min[0], frame.max[0]) + far(frame.min[1], frame.max[1]));
    let end = if to < from { to + all } else { to };
    let twice = corners.into_iter().chain(corners).zip(0..);
    twice
        .map(|(corner, number)| {
            (
                corner,
                along(corner, frame) + if number < 4 { 0 } else { all },
            )
        })
        .filter(|(_, at)| (from..=end).contains(at))
        .map(|(corner, _)| corner)
        .collect()
}

/// The ring turns with the clock on a screen.
fn turns_with_clock(ring: &Ring) -> bool {
    let next = ring.iter().cycle().skip(1);
    let cross = |p: &Vertex, q: &Vertex| {
        i128::from(p.x) * i128::from(q.y) - i128::from(q.x) * i128::from(p.y)
    };
    ring.iter()
        .zip(next)
        .map(|(p, q)| cross(p, q))
        .sum::<i128>()
        > 0
}

/// The place lies within the ring.
fn holds(ring: &Ring, place: Vertex) -> bool {
    let next = ring.iter().cycle().skip(1);
    let crossed = ring.iter().zip(next).filter(|(a, b)| {
        if (a.y > place.y) == (b.y > place.y) {
            return false;
        }
        let part = f64::from(place.y - a.y) / f64::from(b.y - a.y);
        f64::from(place.x) < f64::from(a.x) + part * f64::from(b.x - a.x)
    });
    crossed.count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Bounds = Bounds {
        min: [0, 0],
        max: [100, 100],
    };

    fn line(places: &[[i32; 2]]) -> Ring {
        places.iter().map(|place| Vertex::new(*place)).collect()
    }

    fn is_sea(sea: &[Vec<Ring>], x: i32, y: i32) -> bool {
        floods(sea, Vertex::new([x, y]))
    }

    #[test]
    fn the_sea_lies_on_the_right_of_its_coast() {
        // Northwards through the middle, in two pieces given in the wrong order.
        let coast = [line(&[[50, 40], [50, -20]]), line(&[[50, 120], [50, 40]])];
        let east = sea(coast.to_vec(), &FRAME);
        assert!(is_sea(&east, 75, 50) && !is_sea(&east, 25, 50));
        let back = coast.map(|mut line| {
            line.reverse();
            line
        });
        let west = sea(back.to_vec(), &FRAME);
        assert!(is_sea(&west, 25, 50) && !is_sea(&west, 75, 50));
    }

    #[test]
    fn islands_stay_dry_and_two_shores_make_a_strait() {
        let west = line(&[[30, 120], [30, -20]]);
        let east = line(&[[70, -20], [70, 120]]);
        // Against the clock on a screen: the land is on the left.
        let island = line(&[[45, 45], [45, 55], [55, 55], [55, 45], [45, 45]]);
        let strait = sea(vec![west, east, island], &FRAME);
        for (x, wet) in [
            (10, false),
            (40, true),
            (50, false),
            (60, true),
            (90, false),
        ] {
            assert_eq!(is_sea(&strait, x, 50), wet, "{x}");
        }
    }

    #[test]
    fn an_island_alone_lies_in_the_open_sea() {
        let island = line(&[[45, 45], [45, 55], [55, 55], [55, 45], [45, 45]]);
        let open = sea(vec![island], &FRAME);
        assert!(is_sea(&open, 5, 5) && !is_sea(&open, 50, 50));
    }

    #[test]
    fn a_peninsula_that_is_a_ring_is_cut_by_the_frame() {
        // An island whose ring begins inside the frame and reaches beyond its southern edge.
        let ring = line(&[[40, 50], [40, 150], [60, 150], [60, 50], [40, 50]]);
        let around = sea(vec![ring], &FRAME);
        assert!(!is_sea(&around, 50, 75) && is_sea(&around, 20, 75) && is_sea(&around, 50, 20));
    }

    #[test]
    fn a_coast_that_ends_near_the_edge_is_led_to_it_and_one_far_inside_bounds_nothing() {
        let near = sea(vec![line(&[[50, 95], [50, 6]])], &FRAME);
        assert!(is_sea(&near, 75, 50) && !is_sea(&near, 25, 50));
        assert!(sea(vec![line(&[[50, 95], [50, 50]])], &FRAME).is_empty());
        assert!(sea(Vec::new(), &FRAME).is_empty());
    }
}
