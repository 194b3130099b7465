//! The parameters that many operations share: representation, languages, projection, query.

use std::sync::Arc;

use base::{Name, Time};
use jsonld::Context;
use ngsi::Entity;
use ngsi::query::{
    self, GeoQuery, Member, OrderBy, Pattern, Projection, QExpr, QOptions, Query as EntityQuery,
    ScopeExpr, TypeExpr,
};
use ngsi::render::{Format, Languages};
use serde_json::Value;
use web::{Media, Query};

use crate::error::{Failure, bad_request, invalid_request};

/// Parameters of the representation of entities.
pub(crate) const REPRESENTATION: [&str; 12] = [
    "options",
    "format",
    "lang",
    "attrs",
    "pick",
    "omit",
    "geometryProperty",
    "datasetId",
    "join",
    "joinLevel",
    "containedBy",
    "local",
];
/// Parameters that select entities.
pub(crate) const SELECTION: [&str; 15] = [
    "id",
    "idPattern",
    "type",
    "q",
    "scopeQ",
    "georel",
    "geometry",
    "coordinates",
    "geoproperty",
    "expandValues",
    "jsonKeys",
    "csf",
    "entityMap",
    "entityMapLifetime",
    "splitEntities",
];
/// Parameters of the order.
pub(crate) const ORDER: [&str; 5] = [
    "orderBy",
    "orderFrom",
    "orderFromGeometry",
    "orderFromCoordinates",
    "collation",
];

/// How an entity is to be shown.
#[derive(Debug)]
pub(crate) struct Representation {
    pub(crate) format: Format,
    pub(crate) temporal_values: bool,
    pub(crate) sys_attrs: bool,
    pub(crate) languages: Option<Languages>,
    pub(crate) projection: Option<Projection>,
    /// Attributes of `attrs`, expanded.
    pub(crate) attrs: Vec<Name>,
    /// Expanded name of the GeoProperty that a GeoJSON feature lies at.
    pub(crate) geometry_property: Name,
    /// Only these datasets; the default one is `None`.
    pub(crate) datasets: Option<Vec<Option<Name>>>,
    pub(crate) join: Join,
}

impl Join {
    /// How many relationships in a row are followed.
    pub(crate) fn levels(self) -> usize {
        match self {
            Self::None => 0,
            Self::Flat(levels) | Self::Inline(levels) => levels,
        }
    }
}

/// How linked entities come with an answer [CIM-009 §4.5.23].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Join {
    None,
    Flat(usize),
    Inline(usize),
}

impl Representation {
    pub(crate) fn read(query: &Query, context: &Context) -> Result<Self, Failure> {
        let options = Options::read(query)?;
        let attrs = match query.get("attrs") {
            Some(text) => query::attributes(text, context)?,
            None => Vec::new(),
        };
        let (pick, omit) = (query.get("pick"), query.get("omit"));
        if !attrs.is_empty() && (pick.is_some() || omit.is_some()) {
            return Err(bad_request(
                "'attrs' does not go together with 'pick' or 'omit'",
            ));
        }
        let projection = (pick.is_some() || omit.is_some())
            .then(|| Projection::parse(pick, omit, context))
            .transpose()?;
        let geometry = query.get("geometryProperty").unwrap_or("location");
        let geometry_property = context.expand_name(geometry).map_err(bad_request)?;
        Ok(Self {
            format: options.format,
            temporal_values: options.temporal_values,
            sys_attrs: options.sys_attrs,
            languages: query.get("lang").map(Languages::parse),
            projection,
            attrs,
            geometry_property,
            datasets: datasets(query)?,
            join: join(query)?,
        })
    }

    /// Refuses what cannot be shown: a geometry property outside of GeoJSON, and members of linked
    /// entities that the join does not reach [CIM-009 §5.7.1.4, §5.7.2.4].
    pub(crate) fn check(&self, media: Media, query: &Query) -> Result<(), Failure> {
        if query.get("geometryProperty").is_some() && media != Media::GeoJson {
            return Err(bad_request(
                "'geometryProperty' is for answers in application/geo+json",
            ));
        }
        let depth = self.projection.as_ref().map_or(0, Projection::depth);
        if depth > self.join.levels() {
            return Err(bad_request(
                "'pick' or 'omit' speaks of linked entities that 'join' and 'joinLevel' do not reach",
            ));
        }
        Ok(())
    }

    /// The entity with what `attrs`, `datasetId` and the projection leave of it. `None`: nothing
    /// that was asked for is there.
    pub(crate) fn shape(&self, entity: &Arc<Entity>) -> Option<Arc<Entity>> {
        if self
            .projection
            .as_ref()
            .is_some_and(|p| !shows_anything(p, entity))
        {
            return None;
        }
        if self.attrs.is_empty() && self.datasets.is_none() {
            return Some(Arc::clone(entity));
        }
        let mut shaped = Entity::clone(entity);
        self.keep_asked(&mut shaped);
        (!shaped.attributes.is_empty() || self.attrs.is_empty()).then(|| Arc::new(shaped))
    }
}

impl Representation {
    /// The same for an entity that a query found: that none of the datasets asked for is there
    /// does not unfind it.
    pub(crate) fn shape_found(&self, entity: &Arc<Entity>) -> Option<Arc<Entity>> {
        if self.projection.is_some() {
            return self.shape(entity);
        }
        let mut shaped = Entity::clone(entity);
        if self.attrs.is_empty() && self.datasets.is_none() {
            return Some(Arc::clone(entity));
        }
        self.keep_asked(&mut shaped);
        Some(Arc::new(shaped))
    }

    fn keep_asked(&self, entity: &mut Entity) {
        if !self.attrs.is_empty() {
            entity.attributes.retain(|a| self.attrs.contains(&a.name));
        }
        if let Some(datasets) = &self.datasets {
            entity
                .attributes
                .retain(|a| datasets.contains(&a.dataset_id));
        }
    }
}

/// Whether a projection leaves any member of the entity.
fn shows_anything(projection: &Projection, entity: &Entity) -> bool {
    projection.shows(Member::Id)
        || projection.shows(Member::Type)
        || (projection.shows(Member::Scope) && !entity.scope.is_empty())
        || entity
            .attributes
            .iter()
            .any(|a| projection.shows_attribute(&a.name))
}

/// Members that the node gives to everything: alone they narrow no query.
const SYSTEM_MEMBERS: [&str; 4] = ["createdAt", "modifiedAt", "deletedAt", "expiresAt"];

/// A query must say something of what it looks for, so that nobody asks a federation for all
/// there is by mistake [CIM-009 §5.7.2.4, §5.6.21.4].
pub(crate) fn must_select(query: &EntityQuery, context: &Context) -> Result<(), Failure> {
    let system = |name: &Name| SYSTEM_MEMBERS.contains(&&*context.compact_term(name));
    let selects = query.types.is_some()
        || query.attrs.iter().any(|name| !system(name))
        || query.q.as_ref().is_some_and(QExpr::names_attribute)
        || query.geo.is_some()
        || !query.selectors.is_empty();
    if selects {
        return Ok(());
    }
    Err(bad_request(
        "say what to look for: a type, attrs, q or a geo-query; or ask with local=true",
    ))
}

/// What a query asks of linked entities must be within reach of the join [CIM-009 §5.7.2.4].
pub(crate) fn must_reach(query: &EntityQuery, join: Join) -> Result<(), Failure> {
    let depth = query.q.as_ref().map_or(0, QExpr::depth);
    if depth > join.levels() {
        return Err(bad_request(
            "'q' speaks of linked entities that 'join' and 'joinLevel' do not reach",
        ));
    }
    Ok(())
}

/// `options` and `format` [CIM-009 §6.3.7].
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) format: Format,
    pub(crate) temporal_values: bool,
    pub(crate) aggregated: bool,
    pub(crate) sys_attrs: bool,
}

impl Options {
    pub(crate) fn read(query: &Query) -> Result<Self, Failure> {
        let mut read = Self::default();
        for option in query.list("options")? {
            match option {
                "sysAttrs" => read.sys_attrs = true,
                "entityMap" | "splitEntities" => {}
                other => read.set_format(other)?,
            }
        }
        if let Some(format) = query.get("format") {
            // Of the two, `format` counts [CIM-009 §6.3.12].
            read = Self {
                sys_attrs: read.sys_attrs,
                ..Self::default()
            };
            read.set_format(format)?;
        }
        Ok(read)
    }

    fn set_format(&mut self, word: &str) -> Result<(), Failure> {
        match word {
            "normalized" => self.format = Format::Normalized,
            "concise" => self.format = Format::Concise,
            "simplified" | "keyValues" => self.format = Format::Simplified,
            "temporalValues" => self.temporal_values = true,
            "aggregatedValues" => self.aggregated = true,
            other => {
                let shown: String = other.chars().take(64).collect();
                return Err(invalid_request(format_args!(
                    "'{shown}' is no option: known are normalized, concise, simplified, keyValues, \
                     temporalValues, aggregatedValues and sysAttrs"
                )));
            }
        }
        Ok(())
    }
}

fn datasets(query: &Query) -> Result<Option<Vec<Option<Name>>>, Failure> {
    if query.get("datasetId").is_none() {
        return Ok(None);
    }
    let datasets = query.list("datasetId")?;
    let one = |id: &str| match id {
        "@none" => Ok(None),
        uri => ngsi::parse::lexical::uri(uri).map(Some),
    };
    Ok(Some(
        datasets.into_iter().map(one).collect::<Result<_, _>>()?,
    ))
}

fn join(query: &Query) -> Result<Join, Failure> {
    let level: Option<usize> = query.parsed("joinLevel", "a number from 1")?;
    let kind = query.get("join").unwrap_or("@none");
    if level == Some(0) {
        return Err(bad_request("'joinLevel' must be at least 1"));
    }
    if level.is_some() && kind == "@none" {
        return Err(bad_request("'joinLevel' needs 'join' to be flat or inline"));
    }
    let level = level.unwrap_or(1).min(base::limits::JOIN_LEVEL_MAX);
    match kind {
        "@none" => Ok(Join::None),
        "flat" => Ok(Join::Flat(level)),
        "inline" => Ok(Join::Inline(level)),
        _ => Err(bad_request("'join' must be flat, inline or @none")),
    }
}

/// The query over entities that the parameters make.
pub(crate) fn entity_query(
    query: &Query,
    context: &Context,
    now: Time,
) -> Result<EntityQuery, Failure> {
    let split = |name| query.get(name).map(|t| t.split(',').collect::<Vec<_>>());
    let expand_values = split("expandValues").unwrap_or_default();
    let json_keys = split("jsonKeys").unwrap_or_default();
    if let Some(filter) = query.get("csf") {
        QExpr::parse(filter, QOptions::default(), context)?;
    }
    let options = QOptions {
        expand_values: &expand_values,
        json_keys: &json_keys,
    };
    Ok(EntityQuery {
        ids: query
            .get("id")
            .map(query::ids)
            .transpose()?
            .unwrap_or_default(),
        id_pattern: query
            .get("idPattern")
            .map(|t| Pattern::parse("idPattern", t))
            .transpose()?,
        types: query
            .get("type")
            .map(|t| TypeExpr::parse(t, context))
            .transpose()?,
        attrs: query
            .get("attrs")
            .map(|t| query::attributes(t, context))
            .transpose()?
            .unwrap_or_default(),
        q: query
            .get("q")
            .map(|t| QExpr::parse(t, options, context))
            .transpose()?,
        scope: query.get("scopeQ").map(ScopeExpr::parse).transpose()?,
        geo: geo_query(query, context)?,
        now,
        ..EntityQuery::default()
    })
}

fn geo_query(query: &Query, context: &Context) -> Result<Option<GeoQuery>, Failure> {
    let parts = ["georel", "geometry", "coordinates"].map(|name| query.get(name));
    match parts {
        [None, None, None] => Ok(None),
        [Some(georel), Some(geometry), Some(coordinates)] => {
            let coordinates: Value = serde_json::from_str(coordinates)
                .map_err(|_no_json| bad_request("'coordinates' must be a JSON array"))?;
            let geoproperty = query.get("geoproperty");
            Ok(Some(GeoQuery::parse(
                georel,
                geometry,
                &coordinates,
                geoproperty,
                context,
            )?))
        }
        _ => Err(bad_request(
            "a geo-query needs 'georel', 'geometry' and 'coordinates' together",
        )),
    }
}

/// The order that the parameters ask for.
pub(crate) fn order(query: &Query, context: &Context) -> Result<Option<OrderBy>, Failure> {
    let Some(text) = query.get("orderBy") else {
        return Ok(None);
    };
    let from = query.get("orderFrom").map(geometry_of).transpose()?;
    Ok(Some(OrderBy::parse(
        text,
        from,
        query.get("collation"),
        context,
    )?))
}

fn geometry_of(text: &str) -> Result<spatial::Geometry, Failure> {
    let value: Value = serde_json::from_str(text)
        .map_err(|_no_json| bad_request("'orderFrom' must be a GeoJSON geometry or coordinates"))?;
    let read = if value.is_array() {
        spatial::Geometry::from_coordinates("Point", &value)
    } else {
        spatial::Geometry::from_geojson(&value)
    };
    read.map_err(bad_request)
}
