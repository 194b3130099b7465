//! The timetable of the city as a GTFS feed: lines with shapes, trips that repeat at a headway.

use std::fmt::Write as _;
use std::io::{self, Seek, Write};

use zip::write::SimpleFileOptions;
use zip::{DateTime, ZipWriter};

use crate::lines::Line;
use crate::model::Model;
use crate::names::{self, Name};
use crate::rolling::{self, DAYS};

pub(crate) fn write(city: &Model, out: &mut (impl Write + Seek)) -> io::Result<()> {
    let mut zip = ZipWriter::new(out);
    // The same moment in every archive: the same city is the same bytes.
    let options = SimpleFileOptions::default().last_modified_time(DateTime::default());
    for (name, text) in files(city) {
        zip.start_file(name, options)?;
        zip.write_all(text.as_bytes())?;
    }
    zip.finish()?;
    Ok(())
}

/// A field of a table: quoted if it must be.
fn field(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

struct Tables {
    stops: String,
    routes: String,
    shapes: String,
    trips: String,
    stop_times: String,
    frequencies: String,
    translations: String,
}

/// Appends a row. Writing to a String cannot fail.
macro_rules! row {
    ($table:expr, $($part:tt)*) => {{
        let _infallible = writeln!($table, $($part)*);
    }};
}

fn files(city: &Model) -> Vec<(&'static str, String)> {
    let mut tables = Tables {
        stops: "stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station\n".to_owned(),
        routes: "route_id,agency_id,route_short_name,route_long_name,route_type,route_color,route_text_color\n".to_owned(),
        shapes: "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence,shape_dist_traveled\n".to_owned(),
        trips: "route_id,service_id,trip_id,trip_headsign,direction_id,shape_id\n".to_owned(),
        stop_times: "trip_id,arrival_time,departure_time,stop_id,stop_sequence,shape_dist_traveled,timepoint\n".to_owned(),
        frequencies: "trip_id,start_time,end_time,headway_secs,exact_times\n".to_owned(),
        translations: "table_name,field_name,language,translation,record_id\n".to_owned(),
    };
    let agency = names::city().and(" City Transport", " — городской транспорт", "城市交通");
    tables.translate("agency", "agency_name", "navrud", &agency);
    for line in &city.lines {
        tables.line(line);
    }
    let calendar = "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n\
        workday,1,1,1,1,1,0,0,20200101,20401231\nweekend,0,0,0,0,0,1,1,20200101,20401231\n";
    let agency = format!(
        "agency_id,agency_name,agency_url,agency_timezone,agency_lang\nnavrud,{},https://navrud.example/,{},en\n",
        agency.en, city.zone
    );
    let info = "feed_publisher_name,feed_publisher_url,feed_lang,feed_start_date,feed_end_date,feed_version\n\
        \"Chorsu model city (simulated)\",https://navrud.example/,en,20200101,20401231,1\n";
    vec![
        ("agency.txt", agency),
        ("calendar.txt", calendar.to_owned()),
        ("feed_info.txt", info.to_owned()),
        ("frequencies.txt", tables.frequencies),
        ("routes.txt", tables.routes),
        ("shapes.txt", tables.shapes),
        ("stop_times.txt", tables.stop_times),
        ("stops.txt", tables.stops),
        ("translations.txt", tables.translations),
        ("trips.txt", tables.trips),
    ]
}

impl Tables {
    fn translate(&mut self, table: &str, key: &str, record: &str, name: &Name) {
        for (language, text) in [("en", &name.en), ("ru", &name.ru), ("zh", &name.zh)] {
            row!(
                self.translations,
                "{table},{key},{language},{},{record}",
                field(text)
            );
        }
    }

    fn line(&mut self, line: &Line) {
        let kind = if line.metro { 1 } else { 3 };
        let id = &line.id;
        row!(
            self.routes,
            "{id},navrud,{id},{},{kind},{},FFFFFF",
            field(&line.name.en),
            line.color
        );
        self.translate("routes", "route_long_name", id, &line.name);
        for stop in &line.stops {
            let [lon, lat] = stop.spot.degrees();
            let name = field(&stop.name.en);
            if line.metro {
                row!(self.stops, "{}-station,{name},{lat},{lon},1,", stop.id);
                row!(self.stops, "{0},{name},{lat},{lon},0,{0}-station", stop.id);
                self.translate(
                    "stops",
                    "stop_name",
                    &format!("{}-station", stop.id),
                    &stop.name,
                );
            } else {
                row!(self.stops, "{},{name},{lat},{lon},0,", stop.id);
            }
            self.translate("stops", "stop_name", &stop.id, &stop.name);
        }
        for back in [false, true] {
            self.direction(line, back);
        }
    }

    fn direction(&mut self, line: &Line, back: bool) {
        let direction = u8::from(back);
        let shape = format!("{}-{direction}", line.id);
        let mut points: Vec<_> = line.path.iter().zip(&line.along).collect();
        if back {
            points.reverse();
        }
        for (number, (spot, along)) in (1..).zip(points) {
            let [lon, lat] = spot.degrees();
            let distance = if back { line.length() - along } else { *along };
            row!(self.shapes, "{shape},{lat},{lon},{number},{distance:.1}");
        }
        for (day, _) in DAYS {
            let trip = rolling::trip_id(line, back, day);
            let end = if back {
                line.stops.first()
            } else {
                line.stops.last()
            };
            if let Some(end) = end {
                let sign = end.name.clone();
                row!(
                    self.trips,
                    "{},{day},{trip},{},{direction},{shape}",
                    line.id,
                    field(&sign.en)
                );
                self.translate("trips", "trip_headsign", &trip, &sign);
            }
            self.calls(line, back, &trip);
            for (from, to, headway) in rolling::headways(line, day) {
                row!(
                    self.frequencies,
                    "{trip},{},{},{headway},0",
                    clock(from),
                    clock(to)
                );
            }
        }
    }

    fn calls(&mut self, line: &Line, back: bool, trip: &str) {
        for (number, call) in (1..).zip(rolling::calls(line, back)) {
            let stop = &line.stops[call.stop];
            let distance = if back {
                line.length() - stop.along
            } else {
                stop.along
            };
            row!(
                self.stop_times,
                "{trip},{},{},{},{number},{distance:.1},0",
                clock(call.arrival),
                clock(call.departure),
                stop.id
            );
        }
    }
}

/// Seconds of the day as GTFS writes them.
fn clock(seconds: i64) -> String {
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    )
}
