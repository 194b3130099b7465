//! `NotificationParams` [CIM-009 §5.2.14].

use base::limits::JOIN_LEVEL_MAX;
use ngsi::query::Projection;
use ngsi::render::Format;
use serde_json::{Map, Value};

use super::super::notification::{Join, NotificationParams};
use super::super::said::Spoken;
use super::members::Members;
use super::{Result, endpoint};
use crate::error::SubscriptionError;

/// The members that its owner says.
const MEMBERS: [&str; 9] = [
    "attributes",
    "pick",
    "omit",
    "format",
    "sysAttrs",
    "showChanges",
    "join",
    "joinLevel",
    "endpoint",
];
/// The members that the node says.
const READ_ONLY: [&str; 6] = [
    "status",
    "timesSent",
    "timesFailed",
    "lastNotification",
    "lastSuccess",
    "lastFailure",
];

/// Takes out what only the node says.
pub(super) fn strip(members: &mut Map<String, Value>) {
    members.retain(|name, _| !READ_ONLY.contains(&name.as_str()));
}

pub(super) fn read(value: &Value, spoken: Option<&Spoken>) -> Result<NotificationParams> {
    let spoken = spoken.ok_or_else(|| SubscriptionError::member("notification", "is missing"))?;
    let members = Members::within("notification", value, spoken)?;
    members.only(&MEMBERS)?;
    let format = match members.text("format")? {
        None | Some("normalized") => Format::Normalized,
        Some("concise") => Format::Concise,
        Some("keyValues" | "simplified") => Format::Simplified,
        Some(_) => {
            return Err(members.wrong(
                "format",
                "must be normalized, concise, simplified or keyValues",
            ));
        }
    };
    let show_changes = members.flag("showChanges")?.unwrap_or(false);
    if show_changes && format == Format::Simplified {
        return Err(SubscriptionError::Together(
            "'showChanges' needs the format normalized or concise: simplified has no room for previous values",
        ));
    }
    let (attributes, projection) = shown(&members, spoken)?;
    let join = join(&members)?;
    let levels = match join {
        Join::None => 0,
        Join::Flat(levels) | Join::Inline(levels) => levels,
    };
    if projection.as_ref().map_or(0, Projection::depth) > levels {
        return Err(SubscriptionError::Together(
            "'pick' or 'omit' speaks of linked entities that 'join' and 'joinLevel' do not reach",
        ));
    }
    let (endpoint, _) = members
        .get("endpoint")
        .ok_or_else(|| SubscriptionError::member("notification.endpoint", "is missing"))?;
    Ok(NotificationParams {
        attributes,
        projection,
        format,
        sys_attrs: members.flag("sysAttrs")?.unwrap_or(false),
        show_changes,
        join,
        endpoint: endpoint::read(endpoint, spoken)?,
    })
}

/// Which members of an entity are shown.
fn shown(members: &Members<'_>, spoken: &Spoken) -> Result<(Vec<base::Name>, Option<Projection>)> {
    let attributes = members.names("attributes")?;
    let joined = |name| Ok::<_, SubscriptionError>(members.texts(name)?.map(|t| t.join(",")));
    let (pick, omit) = (joined("pick")?, joined("omit")?);
    if pick.is_none() && omit.is_none() {
        return Ok((attributes.unwrap_or_default(), None));
    }
    if attributes.is_some() {
        return Err(SubscriptionError::Together(
            "'attributes' does not go together with 'pick' or 'omit'",
        ));
    }
    let read = Projection::parse(pick.as_deref(), omit.as_deref(), &spoken.context);
    let projection = read.map_err(SubscriptionError::query("notification"))?;
    Ok((Vec::new(), Some(projection)))
}

fn join(members: &Members<'_>) -> Result<Join> {
    let level = match members.get("joinLevel") {
        None => None,
        Some((value, _)) => {
            let level = value.as_u64().filter(|level| *level > 0);
            let must = || members.wrong("joinLevel", "must be a whole number from 1");
            let level = usize::try_from(level.ok_or_else(must)?).unwrap_or(JOIN_LEVEL_MAX);
            Some(level.min(JOIN_LEVEL_MAX))
        }
    };
    let levels = level.unwrap_or(1);
    match members.text("join")? {
        Some("flat") => Ok(Join::Flat(levels)),
        Some("inline") => Ok(Join::Inline(levels)),
        None | Some("@none") if level.is_none() => Ok(Join::None),
        None | Some("@none") => Err(SubscriptionError::Together(
            "'joinLevel' needs 'join' to be flat or inline",
        )),
        Some(_) => Err(members.wrong("join", "must be flat, inline or @none")),
    }
}
