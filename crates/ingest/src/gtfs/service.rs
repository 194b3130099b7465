//! On which days trips run: calendars, exceptions, and the services that both are about.

use std::collections::HashSet;

use super::archive::Archive;
use super::{City, MODEL, Operator, id, values};
use crate::entity::Entity;
use crate::error::ImportError;
use crate::out::{Out, shown};
use crate::rows::Row;

const DAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// Weekly rules.
pub(super) fn calendar(
    archive: &mut Archive,
    city: &mut City,
    out: &mut Out<'_>,
) -> Result<(), ImportError> {
    const FILE: &str = "calendar.txt";
    let Some(mut table) = archive.table(FILE, out)? else {
        return Ok(());
    };
    let mut row = Row::default();
    let mut known = HashSet::new();
    let key = table.column("service_id");
    while table.next(&mut row, out)? {
        let Some(id) = id(&row, key, FILE, |id| known.contains(id), out) else {
            continue;
        };
        let at = |name| row.at(table.column(name));
        let mut entity = Entity::new(MODEL, "GtfsCalendarRule", city.urn("GtfsCalendarRule", id));
        entity.property("name", id);
        entity.relationship("hasService", &city.urn("GtfsService", id));
        let (Some(start), Some(end)) =
            (values::date(at("start_date")), values::date(at("end_date")))
        else {
            let dates = (shown(at("start_date")), shown(at("end_date")));
            let reason = format!("{} to {} are no dates; left out", dates.0, dates.1);
            out.complain(FILE, Some(row.line), reason);
            continue;
        };
        entity.date("startDate", &start);
        entity.date("endDate", &end);
        if let Some(day) = DAYS.into_iter().find(|day| !["0", "1"].contains(&at(day))) {
            let reason = format!("{day} is {}, neither 0 nor 1; left out", shown(at(day)));
            out.complain(FILE, Some(row.line), reason);
            continue;
        }
        for day in DAYS {
            entity.property(day, at(day) == "1");
        }
        known.insert(id.to_owned());
        city.services
            .entry(id.to_owned())
            .or_insert(Operator::Unknown);
        out.entity(FILE, entity.into_value())?;
    }
    Ok(())
}

/// Single days on which a service runs or does not.
pub(super) fn calendar_dates(
    archive: &mut Archive,
    city: &mut City,
    out: &mut Out<'_>,
) -> Result<(), ImportError> {
    const FILE: &str = "calendar_dates.txt";
    let Some(mut table) = archive.table(FILE, out)? else {
        return Ok(());
    };
    let mut row = Row::default();
    let mut known = HashSet::new();
    let key = table.column("service_id");
    while table.next(&mut row, out)? {
        let Some(id) = id(&row, key, FILE, |_| false, out) else {
            continue;
        };
        let at = |name| row.at(table.column(name));
        let Some(date) = values::date(at("date")) else {
            let reason = format!("{} is no date; left out", shown(at("date")));
            out.complain(FILE, Some(row.line), reason);
            continue;
        };
        if !["1", "2"].contains(&at("exception_type")) {
            let kind = shown(at("exception_type"));
            let reason = format!("exception_type is {kind}, neither 1 nor 2; left out");
            out.complain(FILE, Some(row.line), reason);
            continue;
        }
        let rule = format!("{id}:{date}");
        if !known.insert(rule.clone()) {
            out.complain(
                FILE,
                Some(row.line),
                "this service and day a second time; left out",
            );
            continue;
        }
        city.services
            .entry(id.to_owned())
            .or_insert(Operator::Unknown);
        let urn = city.urn("GtfsCalendarDateRule", &rule);
        let mut entity = Entity::new(MODEL, "GtfsCalendarDateRule", urn);
        entity.relationship("hasService", &city.urn("GtfsService", id));
        entity.date("appliesOn", &date);
        entity.property("exceptionType", at("exception_type"));
        out.entity(FILE, entity.into_value())?;
    }
    Ok(())
}

/// The services themselves, which no file lists.
pub(super) fn services(city: &City, out: &mut Out<'_>) -> Result<(), ImportError> {
    for (id, operator) in &city.services {
        let mut entity = Entity::new(MODEL, "GtfsService", city.urn("GtfsService", id));
        entity.property("name", id.as_str());
        let agency = match operator {
            Operator::One(number) => Some(*number),
            Operator::Unknown if city.agencies.len() == 1 => Some(0),
            Operator::Unknown | Operator::Several => None,
        };
        if let Some(agency) = agency.and_then(|number| city.agency(number)) {
            entity.relationship("operatedBy", &agency);
        }
        out.entity("calendar.txt", entity.into_value())?;
    }
    Ok(())
}
