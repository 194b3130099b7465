//! The operations that a living city has beside the standard's: its feeds, and what the console asks.

use super::{Operation, PAGE, operation};

const WORDS: &[&str] = &["console.q", "limit", "console.lang"];
const LIST: &[&str] = &["layer", "bbox", "console.q", "limit", "after"];
const SERIES: &[&str] = &["attribute", "from", "to", "points"];
const LIVE: &[&str] = &["types", "bbox", "lastEventId"];

pub(super) const OPERATIONS: &[Operation] = &[
    operation("get", "/feeds", "listFeeds")
        .says("The feeds, with their health")
        .takes(&[PAGE])
        .answers(&[(200, "Feeds")]),
    operation("post", "/feeds/try", "tryFeed")
        .says("Run samples through a definition and write nothing")
        .takes(&[&[]])
        .reads("FeedTrial")
        .answers(&[(200, "FeedTried")]),
    operation("get", "/feeds/{name}", "retrieveFeed")
        .says("One feed, with its health")
        .takes(&[&[]])
        .answers(&[(200, "Feed")]),
    operation("put", "/feeds/{name}", "putFeed")
        .says("Define a feed, or define it anew")
        .takes(&[&[]])
        .reads("FeedDefinition")
        .answers(&[(201, ""), (204, "")]),
    operation("delete", "/feeds/{name}", "deleteFeed")
        .says("Stop a feed and forget it")
        .takes(&[&[]]),
    operation("post", "/feeds/{name}/push", "pushReadings")
        .says("Hand readings to a feed; answered when they are on disk")
        .takes(&[&["topic"]])
        .reads("Payload")
        .answers(&[(200, "FeedReceipt"), (207, "FeedReceipt")]),
    operation("get", "/console/city", "city")
        .says("Which city it is, its basemap, and what is being loaded")
        .takes(&[&[]])
        .answers(&[(200, "City")]),
    operation("get", "/console/now", "now")
        .says("The city now: measures with their usual range, and what needs attention")
        .takes(&[&[]])
        .answers(&[(200, "Now")]),
    operation("post", "/console/attention/{id}/acknowledge", "acknowledge")
        .says("Note that somebody looks after it")
        .takes(&[&[]]),
    operation(
        "delete",
        "/console/attention/{id}/acknowledge",
        "unacknowledge",
    )
    .says("Take that back")
    .takes(&[&[]]),
    operation("get", "/console/live", "live")
        .says("The live stream, which resumes at Last-Event-ID")
        .takes(&[LIVE])
        .answers(&[(200, "Stream")]),
    operation("get", "/console/layers", "layers")
        .says("What can be laid over the map")
        .takes(&[&[]])
        .answers(&[(200, "Layers")]),
    operation("get", "/console/tiles/{layer}/{z}/{x}/{y}", "tile")
        .says("One vector tile of a layer, now or then")
        .takes(&[&["t"]])
        .answers(&[(200, "Tile"), (204, "")]),
    operation("get", "/console/basemap/{file}", "basemap")
        .says("The basemap, by ranges")
        .takes(&[&["v"]])
        .answers(&[(200, "Archive"), (206, "Archive")]),
    operation("get", "/console/entities/{id}", "thing")
        .says("One thing, as the console shows it")
        .takes(&[&[]])
        .answers(&[(200, "Thing")]),
    operation("get", "/console/entities/{id}/series", "series")
        .says("One attribute over time, for a chart")
        .takes(&[SERIES])
        .answers(&[(200, "Series")]),
    operation("get", "/console/list", "list")
        .says("Things in words: the twin of the map")
        .takes(&[LIST])
        .answers(&[(200, "Things")]),
    operation("get", "/console/search", "search")
        .says("Things and places by name, id or coordinates")
        .takes(&[WORDS])
        .answers(&[(200, "Hits")]),
    operation("post", "/console/load/model", "loadModel")
        .says("Load the model city")
        .takes(&[&[]])
        .reads("ModelCity")
        .answers(&[(202, "Begun")]),
    operation("post", "/console/load/osm", "loadOsm")
        .says("Load OpenStreetMap data: .osm.pbf, .osm or .osm.gz")
        .takes(&[&["console.name"]])
        .reads("File")
        .answers(&[(202, "Begun")]),
    operation("post", "/console/load/gtfs", "loadGtfs")
        .says("Load a GTFS timetable")
        .takes(&[&["console.name"]])
        .reads("File")
        .answers(&[(202, "Begun")]),
];
