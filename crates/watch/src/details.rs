//! What only an entity itself can tell of a row: its name, its place, the unit of a value.

use std::collections::HashMap;
use std::sync::Arc;

use base::{Name, Tenant};
use ngsi::{AttributeValue, Entity};
use ports::Store;
use serde_json::{Map, Value};

use crate::attention::Condition;
use crate::measures::short;
use crate::now::{Acknowledged, Attention};

/// What rows show of their entities; only of those that are shown.
#[derive(Debug, Default)]
pub(crate) struct Details(HashMap<Name, Arc<Detail>>);

/// Of one entity.
#[derive(Debug, Default)]
pub(crate) struct Detail {
    name: Option<Map<String, Value>>,
    location: Option<[f64; 2]>,
    units: Vec<(Name, Name)>,
}

impl Details {
    /// Those of the ids that are not known yet; forgets all others that are.
    pub(crate) fn missing(&mut self, ids: &[Name]) -> Vec<Name> {
        self.0.retain(|id, _| ids.contains(id));
        let missing = ids.iter().filter(|id| !self.0.contains_key(*id));
        missing.cloned().collect()
    }

    pub(crate) fn insert(&mut self, id: Name, detail: Detail) {
        self.0.insert(id, Arc::new(detail));
    }

    /// The row as the console is told it.
    pub(crate) fn tell(
        &self,
        condition: Condition,
        acknowledged: Option<Acknowledged>,
    ) -> Attention {
        let detail = condition.entity.as_ref().and_then(|id| self.0.get(id));
        let mut params = condition.params;
        let unit = detail
            .zip(condition.attribute.as_ref())
            .and_then(|(detail, attribute)| {
                let found = detail.units.iter().find(|(name, _)| name == attribute);
                found.map(|(_, unit)| Value::from(unit.as_str()))
            });
        if let (Some(place), Some(unit)) = (params.get_mut("unit"), unit) {
            *place = unit;
        }
        Attention {
            id: condition.id,
            severity: condition.severity,
            code: condition.code,
            params,
            entity: condition.entity,
            type_name: condition.type_name,
            attribute: condition.attribute,
            name: detail.and_then(|detail| detail.name.clone()),
            location: detail.and_then(|detail| detail.location),
            since: condition.since,
            acknowledged,
            simulated: condition.simulated,
        }
    }
}

/// Reads an entity's details. One that cannot be read has none.
pub(crate) async fn read(store: &dyn Store, id: &Name) -> Detail {
    match store.read(&Tenant::default_tenant(), id).await {
        Ok(Some(found)) => detail(&found.entity),
        Ok(None) => Detail::default(),
        Err(reason) => {
            tracing::warn!(%id, %reason, "an entity that needs attention cannot be read");
            Detail::default()
        }
    }
}

fn detail(entity: &Entity) -> Detail {
    let mut detail = Detail::default();
    for attribute in entity.attributes.iter().filter(|a| a.dataset_id.is_none()) {
        if let Some(unit) = &attribute.unit_code {
            detail.units.push((attribute.name.clone(), unit.clone()));
        }
        match (short(&attribute.name), &attribute.value) {
            ("name", AttributeValue::Language(map)) => detail.name = Some(map.clone()),
            ("name", AttributeValue::Property(Value::String(text))) => {
                let named = [("und".to_owned(), Value::from(text.as_str()))];
                detail.name = Some(named.into_iter().collect());
            }
            ("location", AttributeValue::Geo(geometry)) => {
                let centre = geometry.centroid();
                detail.location = Some([centre.lon, centre.lat]);
            }
            _ => {}
        }
    }
    detail
}
