//! Geo-queries [CIM-009 §4.10].

use base::{Name, Time};
use jsonld::Context;
use serde_json::Value;
use spatial::{Geometry, Georel, Predicate};

use super::QueryError;
use super::cursor::expand;
use crate::entity::{AttributeValue, Entity};

/// Where the geometry of an entity shall lie.
#[derive(Debug, Clone, PartialEq)]
pub struct GeoQuery {
    /// Expanded name of the GeoProperty.
    pub property: Name,
    /// How it shall lie to which geometry.
    pub predicate: Predicate,
}

impl GeoQuery {
    /// Reads `georel`, `geometry`, `coordinates` and `geoproperty`; without the last `location` is meant.
    pub fn parse(
        georel: &str,
        geometry: &str,
        coordinates: &Value,
        geoproperty: Option<&str>,
        context: &Context,
    ) -> Result<Self, QueryError> {
        let relation: Georel = georel.parse()?;
        // The grammar admits one distance, and it is no zero.
        if let Georel::Near {
            max_distance,
            min_distance,
        } = relation
        {
            let distances = [max_distance, min_distance];
            let mut said = distances.into_iter().flatten();
            if said.next().is_some_and(|metres| metres <= 0.0) || said.next().is_some() {
                return Err(QueryError::Together(
                    "'georel' near takes one distance that is more than 0 metres".to_owned(),
                ));
            }
        }
        let reference = Geometry::from_coordinates(geometry, coordinates)?;
        let property = expand("geoproperty", geoproperty.unwrap_or("location"), context)?;
        Ok(Self {
            property,
            predicate: Predicate::new(relation, reference),
        })
    }

    /// Whether an instance of the GeoProperty lies so.
    pub fn matches(&self, entity: &Entity, now: Time) -> bool {
        entity
            .instances(&self.property)
            .any(|attribute| match &attribute.value {
                AttributeValue::Geo(geometry) => {
                    !attribute.is_expired(now) && self.predicate.holds(geometry)
                }
                _ => false,
            })
    }
}
