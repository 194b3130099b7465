//! Public transport: metro lines under the city, bus lines on its streets, the railway.

use crate::chance::{Chance, count, real};
use crate::ground::{Ground, Spot};
use crate::names::{self, Name};
use crate::people::{People, Tree};
use crate::plan::Counts;
use crate::streets::{Class, Streets};

/// A stop of a line.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    pub(crate) id: String,
    pub(crate) name: Name,
    pub(crate) spot: Spot,
    /// Metres from the start of the line.
    pub(crate) along: f64,
    /// Homes and jobs around it, as shares of the densest part.
    pub(crate) homes: f64,
    pub(crate) jobs: f64,
}

/// A line with its stops; vehicles go to its end and back again.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) id: String,
    pub(crate) metro: bool,
    pub(crate) name: Name,
    pub(crate) color: &'static str,
    pub(crate) path: Vec<Spot>,
    /// Metres from the start at each place of the path.
    pub(crate) along: Vec<f64>,
    pub(crate) stops: Vec<Stop>,
    /// Seconds between vehicles when most are out.
    pub(crate) headway: i64,
    /// People that fit into a vehicle.
    pub(crate) capacity: u32,
    /// Kilometres an hour between stops.
    pub(crate) pace: f64,
    /// Seconds at a stop.
    pub(crate) dwell: i64,
}

const COLORS: [&str; 8] = [
    "C8102E", "0057B8", "00843D", "F2A900", "6F4E9B", "00A3AD", "8A5A2B", "D14C8F",
];

impl Line {
    pub(crate) fn length(&self) -> f64 {
        self.along.last().copied().unwrap_or(0.0)
    }

    /// The spot so many metres from the start.
    pub(crate) fn spot(&self, metres: f64) -> Spot {
        let next = self.along.partition_point(|along| *along <= metres);
        let next = next.clamp(1, self.along.len() - 1);
        let (from, to) = (self.along[next - 1], self.along[next]);
        let part = ((metres - from) / (to - from).max(0.01)).clamp(0.0, 1.0);
        self.path[next - 1].toward(self.path[next], part)
    }

    /// Seconds from one stop to the next, without the time at it.
    pub(crate) fn seconds(&self, stop: usize) -> i64 {
        let metres = self.stops[stop + 1].along - self.stops[stop].along;
        crate::chance::whole(metres / (self.pace / 3.6)).max(20)
    }

    /// Seconds from the first stop to the last.
    pub(crate) fn run(&self) -> i64 {
        let stops = self.stops.len();
        let between: i64 = (0..stops - 1).map(|stop| self.seconds(stop)).sum();
        between + self.dwell * i64::try_from(stops - 2).unwrap_or(0)
    }

    /// Vehicles that the line needs, an even number so that half of them can rest.
    pub(crate) fn fleet(&self) -> i64 {
        let all = 2 * (self.run() + REST_SECONDS) / self.headway;
        (all + all % 2).max(2)
    }

    /// Seconds from one start of a vehicle to its next.
    pub(crate) fn cycle(&self) -> i64 {
        let shortest = 2 * (self.run() + REST_SECONDS);
        (shortest + self.fleet() - 1) / self.fleet() * self.fleet()
    }
}

/// Least seconds at either end of a line.
pub(crate) const REST_SECONDS: i64 = 180;

fn measured(path: &[Spot]) -> Vec<f64> {
    let mut total = 0.0;
    let mut along = vec![0.0];
    for pair in path.windows(2) {
        total += pair[0].to(pair[1]);
        along.push(total);
    }
    along
}

/// All lines of the city.
pub(crate) fn lay(
    chance: Chance,
    counts: &Counts,
    ground: &Ground,
    streets: &Streets,
    people: &People,
) -> Vec<Line> {
    let chance = chance.of("lines");
    let mut lines: Vec<Line> = (0..counts.metro_lines)
        .map(|number| metro(chance, number, counts, ground, streets, people))
        .collect();
    lines.extend(
        (0..counts.bus_lines)
            .filter_map(|number| bus(chance, number, counts, ground, streets, people)),
    );
    lines
}

fn metro(
    chance: Chance,
    number: usize,
    counts: &Counts,
    ground: &Ground,
    streets: &Streets,
    people: &People,
) -> Line {
    let own = chance.of("metro").nth(number);
    let angle = std::f64::consts::PI * (real(number) + 0.35) / real(counts.metro_lines)
        + own.at(1).between(-0.1, 0.1);
    let reach = ground.radius * 0.92;
    let mut path: Vec<Spot> = (0..=48)
        .map(|step| {
            let part = f64::from(step) / 24.0 - 1.0;
            let swing = own.at(2).wave(part * 1.6) * 0.16 * ground.radius * part.abs();
            let (sin, cos) = angle.sin_cos();
            let (x, y) = (part * reach, swing);
            ground.bend(Spot::new(x * cos - y * sin, x * sin + y * cos))
        })
        .collect();
    // It goes under the river, and ends on dry land.
    let dry = |spot: &Spot| !ground.is_wet(*spot, 30.0);
    let last = path.iter().rposition(dry).unwrap_or(path.len() - 1);
    path.truncate(last + 1);
    path.drain(..path.iter().position(dry).unwrap_or(0));
    let along = measured(&path);
    let mut line = Line {
        id: format!("M{}", number + 1),
        metro: true,
        name: Name::new("", "", ""),
        color: COLORS[number % COLORS.len()],
        path,
        along,
        stops: Vec::new(),
        headway: 240,
        capacity: 900,
        pace: 48.0,
        dwell: 30,
    };
    let spacing = (ground.radius / 6.0).clamp(550.0, 1_800.0);
    place_stops(&mut line, spacing, ground, streets, people);
    line
}

/// A bus takes the quickest streets from one side to another, most by way of somewhere inner.
fn bus(
    chance: Chance,
    number: usize,
    counts: &Counts,
    ground: &Ground,
    streets: &Streets,
    people: &People,
) -> Option<Line> {
    let own = chance.of("bus").nth(number);
    let turn = std::f64::consts::TAU;
    let angle = turn * real(number) / real(counts.bus_lines) + own.at(1).between(-0.2, 0.2);
    let spot = |angle: f64, reach: f64| {
        Spot::new(
            angle.cos() * reach * ground.radius,
            angle.sin() * reach * ground.radius,
        )
    };
    let start = streets.nearest(spot(angle, own.at(2).between(0.72, 0.95)));
    let over = streets.nearest(spot(
        angle + own.at(3).between(0.6, 2.4),
        own.at(4).between(0.1, 0.5),
    ));
    let end = streets.nearest(spot(
        angle + own.at(5).between(1.9, 4.2),
        own.at(6).between(0.6, 0.93),
    ));
    let mut nodes = Tree::from(streets, start).path(streets, over);
    nodes.extend(
        Tree::from(streets, over)
            .path(streets, end)
            .into_iter()
            .skip(1),
    );
    // A stub that the bus would drive in and out again is left out.
    let mut path: Vec<usize> = Vec::new();
    for node in nodes {
        while path.len() >= 2 && path[path.len() - 2] == node {
            path.pop();
        }
        if path.last() != Some(&node) {
            path.push(node);
        }
    }
    if path.len() < 4 {
        return None;
    }
    let path: Vec<Spot> = path.into_iter().map(|node| streets.spots[node]).collect();
    let along = measured(&path);
    let mut line = Line {
        id: format!("{}", number + 1),
        metro: false,
        name: Name::new("", "", ""),
        color: "4A6572",
        path,
        along,
        stops: Vec::new(),
        headway: 60 * (4 + i64::try_from(own.at(7).below(4)).unwrap_or(0)),
        capacity: 90,
        pace: 26.0,
        dwell: 20,
    };
    let spacing = (ground.radius / 10.0).clamp(340.0, 900.0);
    place_stops(&mut line, spacing, ground, streets, people);
    Some(line)
}

fn place_stops(line: &mut Line, spacing: f64, ground: &Ground, streets: &Streets, people: &People) {
    let stops = count(line.length() / spacing).clamp(3, 60);
    for number in 0..=stops {
        let along = line.length() * real(number) / real(stops);
        let spot = line.spot(along);
        // Nobody waits on a bridge.
        if number != 0 && number != stops && ground.is_wet(spot, 20.0) {
            continue;
        }
        let (homes, jobs) = people.around(spot);
        let mut name = crossing(streets, spot);
        if line.stops.iter().any(|stop| stop.name == name) {
            let again = line.stops.len() + 1;
            name = name.and(
                &format!(" ({again})"),
                &format!(" ({again})"),
                &format!("（{again}）"),
            );
        }
        let id = format!("{}-{:02}", line.id.to_lowercase(), line.stops.len() + 1);
        line.stops.push(Stop {
            id,
            name,
            spot,
            along,
            homes,
            jobs,
        });
    }
    let (first, last) = (&line.stops[0].name, &line.stops[line.stops.len() - 1].name);
    line.name = Name::new(
        format!("{} – {}", first.en, last.en),
        format!("{} – {}", first.ru, last.ru),
        format!("{}—{}", first.zh, last.zh),
    );
}

/// The name of the nearest crossing: the larger street first.
fn crossing(streets: &Streets, spot: Spot) -> Name {
    let node = streets.nearest(spot);
    let mut meeting: Vec<(Class, usize)> = streets.at[node]
        .iter()
        .map(|edge| (streets.edges[*edge].class, streets.edges[*edge].street))
        .collect();
    meeting.sort_unstable();
    meeting.dedup_by_key(|(_, street)| *street);
    match meeting.as_slice() {
        [] => names::city(),
        [(_, one)] => streets.names[*one].clone(),
        [(_, one), (_, other), ..] => streets.names[*one].with(&streets.names[*other]),
    }
}

/// The railway: past the centre on the far side of the river, and where its station is.
pub(crate) fn railway(ground: &Ground) -> (Vec<Spot>, Spot) {
    let steps = 80_usize;
    let path: Vec<Spot> = (0..=steps)
        .map(|step| {
            let along = ground.reach() * (real(step) / real(steps) * 2.0 - 1.0);
            let river = ground.river(along * 0.9);
            ground.bend(Spot::new(along, -river.y * 0.25 + 0.62 * ground.radius))
        })
        .collect();
    let centre = Spot::default();
    let station = path
        .iter()
        .copied()
        .min_by(|a, b| a.to(centre).total_cmp(&b.to(centre)));
    (path, station.unwrap_or_default())
}
