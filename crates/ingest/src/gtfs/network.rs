//! What stands still: the feed itself, agencies, levels, stops, routes, transfers.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::archive::Archive;
use super::{City, MODEL, StopKind, id, texts, values};
use crate::entity::Entity;
use crate::error::ImportError;
use crate::out::{Out, Quiet, Refused, Sink, shown};
use crate::rows::Row;
use crate::table::Table;

/// The feed: who publishes it, which version it is, how long it holds, in which language it is.
pub(super) fn feed(
    archive: &mut Archive,
    city: &mut City,
    out: &mut Out<'_>,
) -> Result<(), ImportError> {
    let mut entity = Entity::plain(MODEL, "GtfsFeed", city.urn("GtfsFeed", &city.feed));
    entity.property("name", city.feed.as_str());
    let mut row = Row::default();
    if let Some(mut table) = archive.table("feed_info.txt", out)?
        && table.next(&mut row, out)?
    {
        let at = |name| row.at(table.column(name));
        entity.optional("dataProvider", at("feed_publisher_name"));
        entity.optional("source", at("feed_publisher_url"));
        entity.optional("language", at("feed_lang"));
        entity.optional("email", at("feed_contact_email"));
        if !at("feed_version").is_empty() {
            entity.extra("version", at("feed_version"));
        }
        for (term, name) in [
            ("startDate", "feed_start_date"),
            ("endDate", "feed_end_date"),
        ] {
            if let Some(date) = values::date(at(name)) {
                entity.date(term, &date);
            }
        }
        // "mul" says that the plain texts are in several languages.
        let language = Some(at("feed_lang")).filter(|tag| texts::is_tag(tag) && *tag != "mul");
        city.texts.language = language.map(str::to_owned);
    }
    let attributions = attributions(archive, out)?;
    if !attributions.is_empty() {
        entity.extra_json("attributions", &Value::Array(attributions));
    }
    Ok(out.entity("feed_info.txt", entity.into_value())?)
}

fn attributions(archive: &mut Archive, out: &mut Out<'_>) -> Result<Vec<Value>, ImportError> {
    /// Attributions shown: a feed names a handful.
    const ATTRIBUTIONS_MAX: usize = 1_000;
    let mut list = Vec::new();
    let Some(mut table) = archive.table("attributions.txt", out)? else {
        return Ok(list);
    };
    let mut row = Row::default();
    while table.next(&mut row, out)? && list.len() < ATTRIBUTIONS_MAX {
        let names = table.names().iter().enumerate();
        let fields = names.map(|(index, name)| (name, row.at(Some(index))));
        let filled = fields.filter(|(_, value)| !value.is_empty());
        let map: Map<String, Value> = filled
            .map(|(name, value)| (name.clone(), Value::from(value)))
            .collect();
        list.push(Value::Object(map));
    }
    Ok(list)
}

/// Agencies; also settles in which language the plain texts are, and reads the translations.
pub(super) fn agencies(
    archive: &mut Archive,
    city: &mut City,
    out: &mut Out<'_>,
) -> Result<(), ImportError> {
    const FILE: &str = "agency.txt";
    if city.texts.language.is_none() {
        city.texts.language = agency_language(archive)?;
    }
    if let Some(table) = archive.table("translations.txt", out)? {
        city.texts.read(table, out)?;
    }
    let Some(mut table) = archive.table(FILE, out)? else {
        return Ok(());
    };
    let mut row = Row::default();
    while table.next(&mut row, out)? {
        let at = |name| row.at(table.column(name));
        let id = at("agency_id");
        if city.agencies.iter().any(|known| known == id) || id.len() > super::ID_BYTES_MAX {
            let reason = format!("agency_id {} cannot be used again; left out", shown(id));
            out.complain(FILE, Some(row.line), reason);
            continue;
        }
        city.agencies.push(id.to_owned());
        let Some(urn) = city.agency(city.agencies.len() - 1) else {
            continue;
        };
        let mut entity = Entity::new(MODEL, "GtfsAgency", urn);
        let text = |field| city.texts.text("agency", field, id, at(field));
        entity.text("agencyName", text("agency_name"));
        entity.text("name", text("agency_name"));
        entity.text("page", text("agency_url"));
        entity.text("agency_fare_url", text("agency_fare_url"));
        entity.optional("source", at("agency_url"));
        entity.optional("phone", at("agency_phone"));
        entity.optional("agency_email", at("agency_email"));
        entity.optional("timezone", at("agency_timezone"));
        entity.optional("language", at("agency_lang"));
        out.entity(FILE, entity.into_value())?;
    }
    Ok(())
}

/// Takes nothing: for a first look at a table, whose complaints come with the second.
struct Nothing;

impl Sink for Nothing {
    fn entities(&mut self, _batch: Vec<Value>) -> Result<(), Refused> {
        Ok(())
    }
    fn history(&mut self, _batch: Vec<Value>) -> Result<(), Refused> {
        Ok(())
    }
}

/// Looks through a table without a word.
pub(super) fn look(
    archive: &mut Archive,
    file: &'static str,
    mut each: impl FnMut(&Table<'_>, &Row),
) -> Result<(), ImportError> {
    let (mut nothing, mut quiet) = (Nothing, Quiet);
    let mut silent = Out::new(&mut nothing, &mut quiet, 1);
    let Some(mut table) = archive.table(file, &mut silent)? else {
        return Ok(());
    };
    let mut row = Row::default();
    while table.next(&mut row, &mut silent)? {
        each(&table, &row);
    }
    Ok(())
}

fn agency_language(archive: &mut Archive) -> Result<Option<String>, ImportError> {
    let mut language = None;
    look(archive, "agency.txt", |table, row| {
        let tag = row.at(table.column("agency_lang"));
        if language.is_none() && texts::is_tag(tag) {
            language = Some(tag.to_owned());
        }
    })?;
    Ok(language)
}

/// Levels of stations.
pub(super) fn levels(
    archive: &mut Archive,
    city: &City,
    out: &mut Out<'_>,
) -> Result<(), ImportError> {
    const FILE: &str = "levels.txt";
    let Some(mut table) = archive.table(FILE, out)? else {
        return Ok(());
    };
    let (key, name, index) = (
        table.column("level_id"),
        table.column("level_name"),
        table.column("level_index"),
    );
    let mut row = Row::default();
    let mut known = HashSet::new();
    while table.next(&mut row, out)? {
        let Some(id) = id(&row, key, FILE, |id| known.contains(id), out) else {
            continue;
        };
        known.insert(id.to_owned());
        let mut entity = Entity::plain(MODEL, "GtfsLevel", city.urn("GtfsLevel", id));
        entity.text(
            "name",
            city.texts.text("levels", "level_name", id, row.at(name)),
        );
        match row.at(index).parse::<f64>() {
            Ok(number) if number.is_finite() => entity.extra("levelIndex", number),
            _ => out.complain(
                FILE,
                Some(row.line),
                "level_index is no number; taken without",
            ),
        }
        out.entity(FILE, entity.into_value())?;
    }
    Ok(())
}

/// Stops, stations, entrances and what else stands in `stops.txt`.
pub(super) fn stops(
    archive: &mut Archive,
    city: &mut City,
    out: &mut Out<'_>,
) -> Result<(), ImportError> {
    const FILE: &str = "stops.txt";
    let known = &mut city.stops;
    look(archive, FILE, |table, row| {
        let id = row.at(table.column("stop_id"));
        let number = u32::try_from(known.ids.len()).unwrap_or(u32::MAX);
        if let std::collections::hash_map::Entry::Vacant(free) = known.numbers.entry(id.to_owned())
        {
            free.insert(number);
            known.ids.push(id.to_owned());
            let kind = row.at(table.column("location_type"));
            known
                .kinds
                .push(StopKind::parse(kind).unwrap_or(StopKind::Stop));
        }
    })?;
    let Some(mut table) = archive.table(FILE, out)? else {
        return Ok(());
    };
    let mut row = Row::default();
    let mut seen = HashSet::new();
    let key = table.column("stop_id");
    while table.next(&mut row, out)? {
        let Some(id) = id(&row, key, FILE, |id| seen.contains(id), out) else {
            continue;
        };
        seen.insert(id.to_owned());
        let entity = stop(id, &row, &table, city, out);
        out.entity(FILE, entity.into_value())?;
    }
    Ok(())
}

fn stop(id: &str, row: &Row, table: &Table<'_>, city: &City, out: &mut Out<'_>) -> Entity {
    const FILE: &str = "stops.txt";
    let at = |name| row.at(table.column(name));
    let mut complain = |reason: String| out.complain(FILE, Some(row.line), reason);
    let kind = StopKind::parse(at("location_type")).unwrap_or_else(|| {
        let shown = shown(at("location_type"));
        complain(format!("location_type {shown} is unknown; taken as a stop"));
        StopKind::Stop
    });
    let name = kind.name();
    let urn = city.urn(name, id);
    let mut entity = match kind {
        StopKind::Node | StopKind::Boarding => Entity::plain(MODEL, name, urn),
        _ => Entity::new(MODEL, name, urn),
    };
    let text = |field| city.texts.text("stops", field, id, at(field));
    entity.text("name", text("stop_name"));
    entity.text("description", text("stop_desc"));
    entity.text("page", text("stop_url"));
    entity.optional("code", at("stop_code"));
    entity.optional("zoneCode", at("zone_id"));
    entity.optional("timezone", at("stop_timezone"));
    entity.optional("wheelChairAccessible", at("wheelchair_boarding"));
    if !at("platform_code").is_empty() {
        entity.extra("platformCode", at("platform_code"));
    }
    if !at("level_id").is_empty() {
        entity.extra_relationship("level", &city.urn("GtfsLevel", at("level_id")));
    }
    let (lon, lat) = (at("stop_lon"), at("stop_lat"));
    match values::place(lon, lat) {
        Some((lon, lat)) => entity.place(lon, lat),
        None if matches!(kind, StopKind::Node | StopKind::Boarding) && lon.is_empty() => {}
        None => {
            let (lat, lon) = (shown(lat), shown(lon));
            complain(format!(
                "{lat}, {lon} is no place on Earth; taken without location"
            ));
        }
    }
    let parent = at("parent_station");
    match city.stop(parent) {
        _ if parent.is_empty() => {}
        Some(parent) => entity.relationship("hasParentStation", &parent),
        None => {
            complain(format!(
                "parent_station {} is in no row; taken without",
                shown(parent)
            ));
        }
    }
    entity
}

/// Routes.
pub(super) fn routes(
    archive: &mut Archive,
    city: &mut City,
    out: &mut Out<'_>,
) -> Result<(), ImportError> {
    const FILE: &str = "routes.txt";
    let Some(mut table) = archive.table(FILE, out)? else {
        return Ok(());
    };
    let mut row = Row::default();
    let key = table.column("route_id");
    while table.next(&mut row, out)? {
        let known = |id: &str| city.routes.contains_key(id);
        let Some(id) = id(&row, key, FILE, known, out) else {
            continue;
        };
        let agency = row.at(table.column("agency_id"));
        let number = match city.agencies.as_slice() {
            [_] if agency.is_empty() => Some(0),
            agencies => agencies.iter().position(|known| known == agency),
        };
        if number.is_none() && !city.agencies.is_empty() {
            let reason = format!("agency_id {} is in no row; taken without", shown(agency));
            out.complain(FILE, Some(row.line), reason);
        }
        city.routes.insert(id.to_owned(), number);
        let entity = route(id, &row, &table, city, out);
        out.entity(FILE, entity.into_value())?;
    }
    Ok(())
}

fn route(id: &str, row: &Row, table: &Table<'_>, city: &City, out: &mut Out<'_>) -> Entity {
    let at = |name| row.at(table.column(name));
    let mut entity = Entity::new(MODEL, "GtfsRoute", city.urn("GtfsRoute", id));
    let text = |field| city.texts.text("routes", field, id, at(field));
    entity.text(
        "name",
        text("route_long_name").or_else(|| text("route_short_name")),
    );
    entity.text("shortName", text("route_short_name"));
    entity.text("description", text("route_desc"));
    entity.text("page", text("route_url"));
    entity.optional("routeColor", at("route_color"));
    entity.optional("routeTextColor", at("route_text_color"));
    if let Ok(kind) = at("route_type").parse::<u16>() {
        entity.property("routeType", kind.to_string());
    } else {
        let shown = shown(at("route_type"));
        let reason = format!("route_type {shown} is no number; taken without");
        out.complain("routes.txt", Some(row.line), reason);
    }
    if let Ok(order) = at("route_sort_order").parse::<u64>() {
        entity.property("routeSortOrder", order);
    }
    if let Some(agency) = city
        .routes
        .get(id)
        .copied()
        .flatten()
        .and_then(|n| city.agency(n))
    {
        entity.relationship("operatedBy", &agency);
    }
    entity
}

/// Rules for changing from one stop to another.
pub(super) fn transfers(
    archive: &mut Archive,
    city: &City,
    out: &mut Out<'_>,
) -> Result<(), ImportError> {
    const FILE: &str = "transfers.txt";
    const KEYS: [&str; 6] = [
        "from_stop_id",
        "to_stop_id",
        "from_route_id",
        "to_route_id",
        "from_trip_id",
        "to_trip_id",
    ];
    let Some(mut table) = archive.table(FILE, out)? else {
        return Ok(());
    };
    let mut row = Row::default();
    let mut known = HashSet::new();
    while table.next(&mut row, out)? {
        let at = |name| row.at(table.column(name));
        let key = KEYS.map(at).join(":");
        let id = key.trim_end_matches(':').to_owned();
        let (Some(from), Some(to)) = (city.stop(at(KEYS[0])), city.stop(at(KEYS[1]))) else {
            // Limit: transfers between trips alone (transfer_type 4 and 5) name no stops.
            out.complain(
                FILE,
                Some(row.line),
                "one of the stops is in no row; left out",
            );
            continue;
        };
        if id.len() > super::ID_BYTES_MAX || !known.insert(id.clone()) {
            out.complain(
                FILE,
                Some(row.line),
                "the same transfer a second time; left out",
            );
            continue;
        }
        let urn = city.urn("GtfsTransferRule", &id);
        let mut entity = Entity::new(MODEL, "GtfsTransferRule", urn);
        entity.relationship("hasOrigin", &from);
        entity.relationship("hasDestination", &to);
        let kind = Some(at("transfer_type"))
            .filter(|kind| !kind.is_empty())
            .unwrap_or("0");
        entity.property("transferType", kind);
        if let Ok(seconds) = at("min_transfer_time").parse::<u32>() {
            entity.property("minimumTransferTime", seconds);
        }
        out.entity(FILE, entity.into_value())?;
    }
    Ok(())
}
