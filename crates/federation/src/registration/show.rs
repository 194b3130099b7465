//! From a registration to JSON, its names compacted with the asker's @context.

use base::Time;
use jsonld::Context;
use serde_json::{Map, Value};

use super::Registration;

impl Registration {
    /// The registration as it is shown: as it came, with what became of it [CIM-009 §5.2.9].
    pub fn show(&self, context: &Context, sys_attrs: bool) -> Value {
        let mut shown = Map::new();
        for (name, value) in self.document().as_object().into_iter().flatten() {
            let mut value = value.clone();
            if name == "information" {
                compact_information(&mut value, context);
            }
            // Only names of properties of the source have a scheme.
            let name = if name.contains(':') {
                context.compact_term(name).into_owned()
            } else {
                name.clone()
            };
            shown.insert(name, value);
        }
        self.show_traffic(&mut shown);
        if sys_attrs {
            shown.insert("createdAt".to_owned(), text(self.created_at));
            shown.insert("modifiedAt".to_owned(), text(self.modified_at));
        }
        Value::Object(shown)
    }

    fn show_traffic(&self, shown: &mut Map<String, Value>) {
        let traffic = &*self.traffic;
        let Some(failing) = traffic.is_failing() else {
            return;
        };
        let status = if failing { "failed" } else { "ok" };
        shown.insert("status".to_owned(), status.into());
        shown.insert("timesSent".to_owned(), traffic.times_sent().into());
        shown.insert("timesFailed".to_owned(), traffic.times_failed().into());
        for (name, time) in [
            ("lastSuccess", traffic.last_success()),
            ("lastFailure", traffic.last_failure()),
        ] {
            if let Some(time) = time {
                shown.insert(name.to_owned(), text(time));
            }
        }
    }
}

fn text(time: Time) -> Value {
    Value::String(time.to_string())
}

fn compact_information(information: &mut Value, context: &Context) {
    for part in information.as_array_mut().into_iter().flatten() {
        for list in ["propertyNames", "relationshipNames"] {
            if let Some(names) = part.get_mut(list) {
                compact(names, context);
            }
        }
        let entities = part.get_mut("entities").and_then(Value::as_array_mut);
        for entity in entities.into_iter().flatten() {
            if let Some(types) = entity.get_mut("type") {
                compact(types, context);
            }
        }
    }
}

fn compact(names: &mut Value, context: &Context) {
    match names {
        Value::String(name) => *name = context.compact_term(name).into_owned(),
        Value::Array(names) => names.iter_mut().for_each(|name| compact(name, context)),
        _ => {}
    }
}
