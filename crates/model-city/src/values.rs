//! What each device measures at a moment: a function of the city, the device and the moment.

use crate::boats::Motion;
use crate::chance::{count, real, reals};
use crate::devices::{Device, Kind};
use crate::incidents::{self, Wrong};
use crate::model::Model;
use crate::moment::{Moment, Weather};
use crate::people::{at_home, bump, traffic};

/// One value of a reading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value {
    /// A number, and its decimals.
    Number(f64, u8),
    Text(&'static str),
    Flag(bool),
}

/// The values of a reading by name.
pub(crate) type Values = Vec<(&'static str, Value)>;

/// The moment, and what holds for the whole city at it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) moment: Moment,
    pub(crate) weather: Weather,
}

impl Now {
    pub(crate) fn new(model: &Model, moment: Moment) -> Self {
        Self {
            moment,
            weather: Weather::at(model.chance, moment),
        }
    }
}

fn number(value: f64, digits: u8) -> Value {
    Value::Number(value, digits)
}

/// Where something is and where it goes.
fn moving(motion: &Motion) -> Values {
    let [lon, lat] = motion.spot.degrees();
    vec![
        ("lon", number(lon, 6)),
        ("lat", number(lat, 6)),
        ("heading", number(motion.bearing, 0)),
    ]
}

/// One device at one moment.
struct Look<'a> {
    model: &'a Model,
    now: &'a Now,
    kind: Kind,
    number: usize,
    device: &'a Device,
    honest: bool,
}

/// What a device says; nothing if it is silent. The honest answer is the truth that a broken
/// device hides.
pub(crate) fn values(
    model: &Model,
    kind: Kind,
    device: usize,
    now: &Now,
    honest: bool,
) -> Option<Values> {
    let look = Look {
        model,
        now,
        kind,
        number: device,
        device: model.devices.of(kind).get(device)?,
        honest,
    };
    if !honest && kind == Kind::Air && look.wrong(Wrong::Silent) > 0.0 {
        return None;
    }
    Some(match kind {
        Kind::Traffic => look.traffic(),
        Kind::Air => look.air(),
        Kind::Weather => look.weather(),
        Kind::Parking => look.parking(),
        Kind::Power => look.power(),
        Kind::Museum => look.museum(),
        Kind::Berth => vec![(
            "occupied",
            Value::Flag(model.ships[device].at(now.moment).home),
        )],
        Kind::Hospital => look.hospital(),
        Kind::School => look.school(),
        Kind::Ship => look.ship(),
        Kind::Drone => look.drone(),
        Kind::Meter => look.meter(),
        Kind::Water => look.water(),
        Kind::Bench => look.bench(),
        Kind::Light => look.light(),
    })
}

impl Look<'_> {
    /// A smooth line of its own for this device.
    fn wave(&self, line: u64, hours: f64) -> f64 {
        let own = self
            .model
            .chance
            .of(self.kind.feed())
            .nth(self.number)
            .at(line);
        own.wave(self.now.moment.hours() / hours)
    }

    /// Something of its own for this device that never changes.
    fn own(&self, line: u64, low: f64, high: f64) -> f64 {
        self.model
            .chance
            .of(self.kind.feed())
            .nth(self.number)
            .at(line)
            .between(low, high)
    }

    fn wrong(&self, wrong: Wrong) -> f64 {
        incidents::depth(
            self.model,
            wrong,
            self.kind,
            self.number,
            self.now.moment.utc,
        )
    }

    fn hour(&self) -> f64 {
        self.now.moment.hour
    }

    fn weekend(&self) -> f64 {
        self.now.moment.weekend
    }

    fn traffic(&self) -> Values {
        let class = self.model.streets.ways[self.device.link].class;
        let lanes = f64::from(class.lanes());
        let noise = 1.0 + 0.10 * self.wave(1, 0.8) + 0.06 * self.wave(2, 0.08);
        let rain = 1.0 - 0.12 * self.now.weather.rain.min(1.0);
        let wanted = self.model.load(self.number) * traffic(self.hour(), self.weekend()) * noise;
        // More than fits does not come through.
        let filled = 1.12 * (1.0 - (-wanted).exp());
        let free = class.speed() * self.own(3, 0.86, 1.0) * rain;
        let jam = self.wrong(Wrong::Jam);
        let speed = free / (1.0 + 1.5 * filled.powi(3)) * (1.0 - 0.84 * jam);
        let speed = (speed * (1.0 + 0.025 * self.wave(4, 0.05))).max(2.5);
        let flow = class.capacity() * filled * (1.0 - 0.55 * jam);
        let occupancy = (flow / (speed * lanes * 130.0))
            .max(jam * 0.62)
            .clamp(0.0, 0.97);
        let stuck = !self.honest && self.wrong(Wrong::Stuck) > 0.0;
        let speed = if stuck { (free * 0.93).round() } else { speed };
        vec![
            ("averageVehicleSpeed", number(speed, 1)),
            ("intensity", number(flow, 0)),
            ("occupancy", number(occupancy, 3)),
        ]
    }

    fn air(&self) -> Values {
        let weather = &self.now.weather;
        let cars = traffic(self.hour(), self.weekend()) / 0.06;
        let still = (3.4 / (weather.wind + 0.9)).min(2.2);
        let heat = (9.0 - weather.temperature).max(0.0);
        let local = 0.35 + 0.5 * self.device.jobs + 0.3 * self.device.homes;
        let noise = 1.0 + 0.16 * self.wave(1, 2.5) + 0.07 * self.wave(2, 0.3);
        let washed = 1.0 - 0.3 * weather.rain.min(1.0);
        let pm25 = (4.0 + (6.5 * cars * local + 0.9 * heat + 4.0) * still) * noise * washed;
        let no2 = (5.0 + 21.0 * cars * local * still.sqrt()) * noise;
        let o3 = (28.0 + 62.0 * (weather.light / 900.0) - 0.35 * no2).max(3.0)
            * (1.0 + 0.1 * self.wave(3, 3.0));
        vec![
            ("pm25", number(pm25.max(1.0), 1)),
            (
                "pm10",
                number((pm25 * 1.55 + 5.0 + weather.wind).max(2.0), 1),
            ),
            ("no2", number(no2, 1)),
            ("o3", number(o3, 1)),
        ]
    }

    fn weather(&self) -> Values {
        let weather = &self.now.weather;
        let warm = 0.9 * self.device.jobs + 0.5 * self.wave(1, 1.5) + self.own(2, -0.5, 0.5);
        vec![
            ("temperature", number(weather.temperature + warm, 1)),
            (
                "relativeHumidity",
                number(
                    (weather.humidity + 0.02 * self.wave(3, 2.0)).clamp(0.05, 1.0),
                    3,
                ),
            ),
            (
                "windSpeed",
                number(weather.wind * (1.0 + 0.2 * self.wave(4, 0.2)), 1),
            ),
            (
                "windDirection",
                number(
                    (weather.direction + 12.0 * self.wave(5, 0.4)).rem_euclid(360.0),
                    0,
                ),
            ),
            ("precipitation", number(weather.rain, 2)),
            ("atmosphericPressure", number(weather.pressure, 1)),
        ]
    }

    fn parking(&self) -> Values {
        let work = bump(self.hour(), 8.3, 18.0, 1.4) * (1.0 - 0.55 * self.weekend());
        let home = at_home(self.hour(), self.weekend());
        let weight = self.device.jobs / (self.device.jobs + self.device.homes + 0.01);
        let taken = weight * (0.12 + 0.78 * work) + (1.0 - weight) * (0.25 + 0.55 * home);
        let taken =
            taken * self.own(1, 0.72, 1.05) + 0.05 * self.wave(2, 0.7) + 0.02 * self.wave(3, 0.12);
        let taken = taken.clamp(0.02, 0.985);
        let taken = taken + (1.0 - taken) * self.wrong(Wrong::Full);
        vec![(
            "availableSpotNumber",
            number((self.device.size * (1.0 - taken)).floor(), 0),
        )]
    }

    /// How much of the largest use of power is used, by people at home and at work.
    fn use_of_power(&self) -> f64 {
        let (hour, weekend) = (self.hour(), self.weekend());
        let evening = bump(hour, 17.5, 23.2, 1.6);
        let home = 0.22 + 0.2 * bump(hour, 6.2, 9.0, 1.0) + 0.42 * evening;
        let work = 0.16 + 0.62 * bump(hour, 7.8, 18.8, 1.6) * (1.0 - 0.6 * weekend);
        let homes = 0.35 + self.device.homes;
        let jobs = 0.2 + self.device.jobs;
        let cold = (8.0 - self.now.weather.temperature).max(0.0) * 0.009;
        let warm = (self.now.weather.temperature - 25.0).max(0.0) * 0.017;
        (home * homes + work * jobs) / (homes + jobs) + cold + warm
    }

    fn power(&self) -> Values {
        let part = self.use_of_power()
            * self.own(1, 0.75, 1.05)
            * (1.0 + 0.05 * self.wave(2, 0.5) + 0.03 * self.wave(3, 0.06));
        let oil = self.now.weather.temperature * 0.8
            + 22.0
            + 34.0 * part.powf(1.6)
            + 1.2 * self.wave(4, 1.0)
            + 42.0 * self.wrong(Wrong::Hot);
        vec![
            ("load", number(self.device.size * part, 1)),
            ("oilTemperature", number(oil, 1)),
        ]
    }

    fn museum(&self) -> Values {
        let open = bump(self.hour(), 10.2, 17.8, 0.6) * (0.6 + 0.5 * self.weekend());
        let visitors = open * self.own(1, 8.0, 38.0) * (1.0 + 0.4 * self.wave(2, 0.5)).max(0.0);
        let damp = self.wrong(Wrong::Damp);
        vec![
            ("peopleCount", number(visitors.floor(), 0)),
            (
                "temperature",
                number(
                    20.6 + self.own(3, -0.6, 0.6) + visitors * 0.018 + 0.25 * self.wave(4, 3.0),
                    2,
                ),
            ),
            (
                "relativeHumidity",
                number(
                    0.485
                        + self.own(5, -0.02, 0.02)
                        + visitors * 0.0006
                        + 0.008 * self.wave(6, 4.0)
                        + 0.23 * damp,
                    3,
                ),
            ),
        ]
    }

    fn hospital(&self) -> Values {
        let taken = 0.82
            + 0.07 * self.wave(1, 40.0)
            + 0.03 * self.wave(2, 7.0)
            + 0.02 * ((self.hour() - 11.0) / 24.0 * std::f64::consts::TAU).cos();
        vec![(
            "availableBeds",
            number((self.device.size * (1.0 - taken)).round().max(0.0), 0),
        )]
    }

    fn school(&self) -> Values {
        let enrolled = (self.device.size * self.own(1, 0.82, 0.99)).round();
        let present = bump(self.hour(), 8.1, 14.2, 0.5)
            * (1.0 - self.weekend())
            * (0.94 + 0.02 * self.wave(2, 20.0));
        vec![
            ("pupilsPresent", number((enrolled * present).floor(), 0)),
            ("availablePlaces", number(self.device.size - enrolled, 0)),
        ]
    }

    fn ship(&self) -> Values {
        let motion = self.model.ships[self.number].at(self.now.moment);
        let mut values = moving(&motion);
        let knots = motion.speed * 1.943_844;
        values.push(("speedOverGround", number(knots, 1)));
        let status = if motion.home {
            "moored"
        } else if motion.speed < 0.05 {
            "anchored"
        } else {
            "underway"
        };
        values.push(("status", Value::Text(status)));
        values
    }

    fn drone(&self) -> Values {
        let flight = self.model.drones[self.number].at(self.model.chance, self.now.moment);
        let mut values = moving(&flight.motion);
        values.push(("speed", number(flight.motion.speed * 3.6, 1)));
        values.push(("altitude", number(flight.altitude, 1)));
        values.push(("batteryLevel", number(flight.battery, 3)));
        values.push((
            "status",
            Value::Text(if flight.motion.home {
                "charging"
            } else {
                "flying"
            }),
        ));
        values
    }

    fn meter(&self) -> Values {
        let part =
            self.use_of_power() * (1.0 + 0.25 * self.wave(1, 0.7) + 0.1 * self.wave(2, 0.15));
        vec![(
            "totalActivePower",
            number(self.device.size * 1.1 * part.max(0.05), 2),
        )]
    }

    fn water(&self) -> Values {
        let (hour, weekend) = (self.hour(), self.weekend());
        let use_now = 0.09
            + 0.75 * bump(hour, 6.0 + weekend, 9.3 + weekend, 1.2)
            + 0.28 * bump(hour, 9.0, 18.5, 2.0)
            + 0.62 * bump(hour, 18.5, 22.6, 1.4);
        let noise = 1.0 + 0.25 * self.wave(1, 0.5);
        let largest = self.device.size * 0.055;
        let flow = largest * (use_now * noise + 2.6 * self.wrong(Wrong::Leak));
        // The counter runs with the mean flow: it never goes back.
        let begun = self.own(2, 0.0, 4_000.0);
        let hours = self.now.moment.hours() - 490_000.0;
        vec![
            ("flow", number(flow, 3)),
            (
                "waterConsumption",
                number(begun + largest * 0.41 * hours, 1),
            ),
        ]
    }

    fn bench(&self) -> Values {
        let light = self.now.weather.light;
        let hour = self.hour();
        let day = bump(hour, 8.0, 21.0, 2.0);
        let pleasant = bump(self.now.weather.temperature, 8.0, 34.0, 8.0)
            * (1.0 - self.now.weather.rain.min(1.0));
        let sits = day * pleasant * 0.5 > 0.5 + 0.5 * self.wave(1, 0.3);
        // Charged through the day, used in the evening and for its lamp at night.
        let charge = 0.62
            + 0.2 * ((hour - 17.5) / 24.0 * std::f64::consts::TAU).cos()
            + 0.1 * self.wave(2, 30.0)
            - 0.08 * self.now.weather.clouds;
        vec![
            ("batteryLevel", number(charge.clamp(0.05, 1.0), 3)),
            ("solarPower", number(self.device.size * light / 1_000.0, 1)),
            ("occupied", Value::Flag(sits)),
        ]
    }

    fn light(&self) -> Values {
        let dark = self.now.moment.sun()
            < -0.03 + self.own(1, -0.012, 0.012) + 0.05 * self.now.weather.clouds;
        let late = !(5.0..23.5).contains(&self.hour());
        let level = match (dark, late) {
            (false, _) => 0.0,
            (true, false) => 1.0,
            (true, true) => 0.5,
        };
        vec![
            ("illuminanceLevel", number(level, 2)),
            ("powerState", Value::Text(if dark { "on" } else { "off" })),
        ]
    }
}

impl Model {
    /// Vehicles wanted in a day by the capacity of an hour at a traffic counter.
    pub(crate) fn load(&self, counter: usize) -> f64 {
        let Some(device) = self.devices.of(Kind::Traffic).get(counter) else {
            return 0.0;
        };
        let way = &self.streets.ways[device.link];
        let daily = way
            .edges
            .iter()
            .map(|edge| self.people.daily[*edge])
            .sum::<f64>()
            / real(way.edges.len());
        // What would be more than full twice over finds another hour or another way.
        (daily / device.size).min(24.0)
    }
}

impl Value {
    /// As JSON has it.
    pub(crate) fn write(self, out: &mut String) {
        use std::fmt::Write as _;
        // Writing to a String cannot fail.
        let _infallible = match self {
            Self::Number(number, digits) => {
                let power = [1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6][usize::from(digits.min(6))];
                write!(out, "{}", (number * power).round() / power + 0.0)
            }
            Self::Text(text) => write!(out, "\"{text}\""),
            Self::Flag(flag) => write!(out, "{flag}"),
        };
    }

    /// The number that it is, if it is one.
    pub(crate) fn json(self) -> serde_json::Value {
        match self {
            Self::Number(number, digits) => {
                let power = 10_f64.powi(i32::from(digits.min(6)));
                let rounded = (number * power).round() / power + 0.0;
                if digits == 0 && rounded.abs() < 1e15 {
                    serde_json::Value::from(crate::chance::whole(rounded))
                } else {
                    serde_json::Value::from(rounded)
                }
            }
            Self::Text(text) => serde_json::Value::from(text),
            Self::Flag(flag) => serde_json::Value::from(flag),
        }
    }
}

/// Seconds after the start of its period at which a device reports.
pub(crate) fn phase(model: &Model, kind: Kind, device: usize) -> usize {
    let own = model.chance.of("phase").of(kind.feed()).nth(device);
    count((own.unit() * reals(kind.every())).floor())
}
