//! Feeds written here, clean and dirty.

use expect_test::expect;
use serde_json::json;

use crate::import::{Format, Options, run};
use crate::out::Report;
use crate::source::Source;
use crate::testing::{Collect, Watch, complaints, import, refused, zip};

const AGENCY: &str = "agency_id,agency_name,agency_url,agency_timezone,agency_lang\n\
    a,Transport,https://example.com,Asia/Tashkent,uz\n";
const STOPS: &str = "stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station,level_id,platform_code\n\
    st,Chorsu,41.3264,69.2352,1,,,\n\
    p1,Chorsu 1,41.3265,69.2353,0,st,L1,1\n\
    e1,North,41.3266,69.2354,2,st,,\n\
    n1,,,,3,st,,\n\
    b1,Front,,,4,p1,,\n";
const ROUTES: &str = "route_id,agency_id,route_short_name,route_long_name,route_type\n\
    r1,,1,Chorsu line,1\n";
const TRIPS: &str = "route_id,service_id,trip_id,direction_id,shape_id,trip_headsign\n\
    r1,wk,t1,0,s1,Chorsu\n";
const TIMES: &str = "trip_id,arrival_time,departure_time,stop_id,stop_sequence,pickup_type\n\
    t1,24:30:00,24:31:00,st,20,0\n\
    t1,23:59:00,23:59:30,p1,10,1\n";
const CALENDAR: &str = "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n\
    wk,1,1,1,1,1,0,0,20260101,20261231\n";
const SHAPES: &str = "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence,shape_dist_traveled\n\
    s1,41.2,69.2,2,1.5\ns1,41.1,69.1,1,0\n";

fn city(files: &[(&str, &str)]) -> (Collect, Report) {
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, text)| (*name, text.as_bytes()))
        .collect();
    import(
        Format::Gtfs,
        "tas.gtfs.zip",
        zip(&files),
        &Options::default(),
    )
    .unwrap()
}

fn whole() -> Vec<(&'static str, &'static str)> {
    vec![
        ("agency.txt", AGENCY),
        ("stops.txt", STOPS),
        ("routes.txt", ROUTES),
        ("trips.txt", TRIPS),
        ("stop_times.txt", TIMES),
        ("calendar.txt", CALENDAR),
        ("shapes.txt", SHAPES),
    ]
}

#[test]
fn a_clean_feed_becomes_entities_without_a_complaint() {
    let (sink, report) = city(&whole());
    assert_eq!(complaints(&report), Vec::<String>::new());
    let counts: Vec<(&str, u64)> = report
        .entities
        .iter()
        .map(|(kind, count)| (kind.as_str(), *count))
        .collect();
    assert_eq!(
        counts,
        [
            ("GtfsAccessPoint", 1),
            ("GtfsAgency", 1),
            ("GtfsBoardingArea", 1),
            ("GtfsCalendarRule", 1),
            ("GtfsFeed", 1),
            ("GtfsPathwayNode", 1),
            ("GtfsRoute", 1),
            ("GtfsService", 1),
            ("GtfsShape", 1),
            ("GtfsStation", 1),
            ("GtfsStop", 1),
            ("GtfsTrip", 1),
        ]
    );
    let stop = "urn:ngsi-ld:GtfsStop:tas:p1";
    assert_eq!(
        sink.value(stop, "hasParentStation"),
        "urn:ngsi-ld:GtfsStation:tas:st"
    );
    assert_eq!(
        sink.value(stop, "location")["coordinates"],
        json!([69.2353, 41.3265])
    );
    let route = "urn:ngsi-ld:GtfsRoute:tas:r1";
    assert_eq!(
        sink.value(route, "operatedBy"),
        "urn:ngsi-ld:GtfsAgency:tas:a"
    );
    assert_eq!(sink.value(route, "routeType"), "1");
    let shape = "urn:ngsi-ld:GtfsShape:tas:s1";
    let line = json!([[69.1, 41.1], [69.2, 41.2]]);
    assert_eq!(sink.value(shape, "location")["coordinates"], line);
    assert_eq!(sink.value(shape, "distanceTravelled"), &json!([0.0, 1.5]));
}

#[test]
fn a_trip_carries_its_stop_times_in_order_and_past_midnight() {
    let (sink, _) = city(&whole());
    let trip = &sink.entities["urn:ngsi-ld:GtfsTrip:tas:t1"];
    expect![[r#"
        {
          "id": "urn:ngsi-ld:GtfsTrip:tas:t1",
          "type": "https://smartdatamodels.org/dataModel.UrbanMobility/GtfsTrip",
          "https://smartdatamodels.org/dataModel.UrbanMobility/headSign": {
            "type": "Property",
            "value": "Chorsu"
          },
          "https://smartdatamodels.org/dataModel.UrbanMobility/direction": {
            "type": "Property",
            "value": 0
          },
          "https://smartdatamodels.org/dataModel.UrbanMobility/hasRoute": {
            "type": "Relationship",
            "object": "urn:ngsi-ld:GtfsRoute:tas:r1"
          },
          "https://smartdatamodels.org/dataModel.UrbanMobility/hasService": {
            "type": "Relationship",
            "object": "urn:ngsi-ld:GtfsService:tas:wk"
          },
          "https://smartdatamodels.org/dataModel.UrbanMobility/hasShape": {
            "type": "Relationship",
            "object": "urn:ngsi-ld:GtfsShape:tas:s1"
          },
          "stopTimes": {
            "type": "JsonProperty",
            "json": {
              "stops": [
                "p1",
                "st"
              ],
              "arrivals": [
                86340,
                88200
              ],
              "departures": [
                86370,
                88260
              ],
              "sequences": [
                10,
                20
              ],
              "pickupTypes": [
                1,
                0
              ]
            }
          },
          "@context": "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(trip).unwrap());
}

#[test]
fn dirty_rows_are_named_with_their_line_and_stop_nothing() {
    let (sink, report) = city(&[
        (
            "feed/agency.txt",
            "\u{feff}agency_id, agency_name\r\na,\"A, B\"\r\na,again\r\n",
        ),
        (
            "feed/stops.txt",
            "stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station\n\
             \n\
             1,one,41.1,69.1,,\n\
             1,twice,41.1,69.1,,\n\
             ,nameless,41.1,69.1,,\n\
             2,\"unclosed,41,69,,\n\
             3,far,95,69.1,,\n\
             4,odd,41.1,69.1,9,nowhere\n\
             5,many,41.1,69.1,,,,surplus\n\
             6,short\n",
        ),
        (
            "feed/trips.txt",
            "trip_id,route_id,service_id,direction_id\nt1,r9,s9,east\n",
        ),
        (
            "feed/stop_times.txt",
            "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n\
             t1,08:00:00,08:00:00,1,1\n\
             t9,08:00:00,08:00:00,1,1\n\
             t1,08:00:00,08:00:00,99,2\n\
             t1,8 o'clock,08:00:00,1,3\n\
             t1,,,3,x\n\
             t1,,,3,5\n\
             t1,,,3,5\n",
        ),
        (
            "feed/calendar_dates.txt",
            "service_id,date,exception_type\nx,20260230,1\nx,20260228,7\n",
        ),
        ("feed/fare_rules.txt", "fare_id\n1\n"),
        ("__MACOSX/feed/._stops.txt", "rubbish"),
    ]);
    expect![[r#"
        agency.txt:3: agency_id "a" cannot be used again; left out
        stops.txt:4: id "1" comes a second time; left out
        stops.txt:5: no id; left out
        stops.txt:6: a quotation mark is never closed; left out
        stops.txt:7: "95", "69.1" is no place on Earth; taken without location
        stops.txt:8: location_type "9" is unknown; taken as a stop
        stops.txt:8: parent_station "nowhere" is in no row; taken without
        stops.txt:9: 8 fields under 6 columns; left out
        stops.txt:10: "", "" is no place on Earth; taken without location
        calendar_dates.txt:2: "20260230" is no date; left out
        calendar_dates.txt:3: exception_type is "7", neither 1 nor 2; left out
        stop_times.txt:3: trip_id "t9" is in no row; left out
        stop_times.txt:4: stop_id "99" is in no row; left out
        stop_times.txt:5: "8 o'clock" is no time of day; left out
        stop_times.txt:6: stop_sequence "x" is no number; left out
        stop_times.txt: 1 stop times repeat a trip's stop_sequence; left out
        trips.txt:2: direction_id "east" is no number; taken without
        trips.txt:2: route_id "r9" is in no row; taken without"#]]
    .assert_eq(&complaints(&report).join("\n"));
    assert_eq!(report.entities["GtfsStop"], 4);
    assert_eq!(report.left_out, ["fare_rules.txt: not read"]);
    assert_eq!(
        sink.value("urn:ngsi-ld:GtfsAgency:tas:a", "agencyName"),
        "A, B"
    );
    let times = sink.value("urn:ngsi-ld:GtfsTrip:tas:t1", "stopTimes");
    assert_eq!(times["arrivals"], json!([28_800, null]));
}

#[test]
fn translations_of_every_form_become_languages() {
    let (sink, report) = city(&[
        ("agency.txt", AGENCY),
        ("stops.txt", STOPS),
        (
            "feed_info.txt",
            "feed_publisher_name,feed_lang,feed_start_date\nCity,uz,20260101\n",
        ),
        (
            "translations.txt",
            "table_name,field_name,language,translation,record_id,field_value\n\
             stops,stop_name,ru,Чорсу,st,\n\
             stops,stop_name,zh,乔尔苏,st,\n\
             stops,stop_name,ru,Север,,North\n\
             stops,stop_name,??,x,st,\n",
        ),
    ]);
    assert_eq!(
        sink.value("urn:ngsi-ld:GtfsStation:tas:st", "name"),
        &json!({"ru": "Чорсу", "uz": "Chorsu", "zh": "乔尔苏"})
    );
    let entrance = sink.value("urn:ngsi-ld:GtfsAccessPoint:tas:e1", "name");
    assert_eq!(entrance, &json!({"ru": "Север", "uz": "North"}));
    assert_eq!(
        sink.value("urn:ngsi-ld:GtfsStop:tas:p1", "name"),
        "Chorsu 1"
    );
    assert_eq!(
        complaints(&report),
        [r#"translations.txt:5: language "??" is no language; left out"#]
    );
    let older = "trans_id,lang,translation\nChorsu,ru,Чорсу\n";
    let (sink, _) = city(&[("stops.txt", STOPS), ("translations.txt", older)]);
    let station = sink.value("urn:ngsi-ld:GtfsStation:tas:st", "name");
    assert_eq!(station, &json!({"@none": "Chorsu", "ru": "Чорсу"}));
}

#[test]
fn frequencies_and_transfers_are_entities() {
    let mut files = whole();
    files.push((
        "frequencies.txt",
        "trip_id,start_time,end_time,headway_secs,exact_times\n\
         t1,06:00:00,25:00:00,300,1\nt1,06:00:00,07:00:00,300,\nt1,06:00:00,07:00:00,0,\nx,,,,\n",
    ));
    files.push((
        "transfers.txt",
        "from_stop_id,to_stop_id,transfer_type,min_transfer_time\np1,st,2,90\np1,x,,\n",
    ));
    let (sink, report) = city(&files);
    let frequency = "urn:ngsi-ld:GtfsFrequency:tas:t1:06:00:00";
    assert_eq!(sink.value(frequency, "headwaySeconds"), 300);
    assert_eq!(sink.value(frequency, "exactTimes"), true);
    let rule = "urn:ngsi-ld:GtfsTransferRule:tas:p1:st";
    assert_eq!(sink.value(rule, "minimumTransferTime"), 90);
    assert_eq!(report.complaint_count, 4);
}

#[test]
fn the_same_feed_gives_the_same_entities_and_its_progress_reaches_the_end() {
    let (first, _) = city(&whole());
    let (second, _) = city(&whole());
    assert_eq!(first.entities, second.entities);
    let files: Vec<(&str, &[u8])> = whole()
        .into_iter()
        .map(|(name, text)| (name, text.as_bytes()))
        .collect();
    let (mut sink, mut watch) = (Collect::default(), Watch::default());
    let source = Source::bytes("tas.zip", zip(&files));
    run(
        Format::Gtfs,
        &source,
        &Options::default(),
        &mut sink,
        &mut watch,
    )
    .unwrap();
    assert_eq!(watch.done, watch.total);
}

#[test]
fn a_broken_zip_is_refused_before_anything_is_handed_on() {
    assert!(
        refused(Format::Gtfs, "x.zip", b"not a zip")
            .to_string()
            .contains("no readable zip")
    );
    let error = refused(Format::Gtfs, "x.zip", zip(&[("readme.txt", b"hello")]));
    assert_eq!(
        error.to_string(),
        "x.zip: no agency, routes, stops or trips in this zip"
    );
    let long = format!("stop_id\n{}", "abcdefghij\n".repeat(9_000));
    let mut bytes = zip(&[("stops.txt", long.as_bytes())]);
    let middle = bytes.len() / 3;
    bytes[middle] ^= 0xff;
    let error = refused(Format::Gtfs, "x.zip", bytes);
    assert!(
        error.to_string().contains("stops.txt cannot be unpacked"),
        "{error}"
    );
}

#[test]
fn a_zip_bomb_is_refused() {
    let zeros = vec![b'0'; 65 * 1024 * 1024];
    let error = refused(Format::Gtfs, "bomb.zip", zip(&[("stops.txt", &zeros)]));
    assert_eq!(error.kind(), base::Kind::Limit);
}

#[test]
fn a_cut_zip_never_panics() {
    let files: Vec<(&str, &[u8])> = whole()
        .into_iter()
        .map(|(name, text)| (name, text.as_bytes()))
        .collect();
    let bytes = zip(&files);
    for length in (0..bytes.len()).step_by(7) {
        refused(Format::Gtfs, "cut.zip", bytes.get(..length).unwrap());
    }
}
