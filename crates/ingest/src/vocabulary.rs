//! The names that importers give: those of Smart Data Models, in full.
//!
//! Smart Data Models forms its IRIs by a rule, and this file is that rule: terms that all models
//! share stand directly under `https://smartdatamodels.org/`, the others under their model, and
//! the core of NGSI-LD keeps its own. Entities therefore carry full names and only the core
//! context: nothing is fetched, nothing is repeated per entity, and what is stored is exactly what
//! the published contexts expand to. A term that no model defines stays a plain term, which the
//! core context puts into its default vocabulary, so it can always be asked for by its short name.

/// The context that every imported entity carries; a node has it built in.
pub const CORE_CONTEXT: &str = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld";

/// Terms that mean the same in every Smart Data Model.
const SHARED: &[&str] = &[
    "address",
    "addressCountry",
    "addressLocality",
    "addressRegion",
    "alternateName",
    "annotations",
    "areaServed",
    "availabilityRestriction",
    "availableLanguage",
    "closes",
    "color",
    "contactOption",
    "contactPoint",
    "contactType",
    "dataProvider",
    "dateCreated",
    "dateModified",
    "dateObserved",
    "dayOfWeek",
    "district",
    "email",
    "endDate",
    "faxNumber",
    "givenName",
    "image",
    "instValue",
    "maxOverTime",
    "minOverTime",
    "name",
    "openingHours",
    "openingHoursSpecification",
    "opens",
    "owner",
    "postOfficeBoxNumber",
    "postalCode",
    "productSupported",
    "seeAlso",
    "source",
    "startDate",
    "streetAddress",
    "streetNr",
    "telephone",
    "timeInstant",
    "url",
    "validFrom",
    "validThrough",
];

/// Terms of the NGSI-LD core context: left as they are, every node expands them.
const CORE: &[&str] = &[
    "bbox",
    "coordinates",
    "createdAt",
    "data",
    "deletedAt",
    "description",
    "endAt",
    "features",
    "id",
    "location",
    "modifiedAt",
    "observationSpace",
    "observedAt",
    "operationSpace",
    "startAt",
    "status",
    "type",
    "typeName",
    "unitCode",
];

/// One of the Smart Data Models, by the name of its repository after `dataModel.`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Model<'a>(pub &'a str);

impl Model<'_> {
    /// Public transport.
    pub const URBAN_MOBILITY: Model<'static> = Model("UrbanMobility");
    /// Roads and vehicles.
    pub const TRANSPORTATION: Model<'static> = Model("Transportation");
    /// Buildings.
    pub const BUILDING: Model<'static> = Model("Building");
    /// Places of interest.
    pub const POINT_OF_INTEREST: Model<'static> = Model("PointOfInterest");
    /// Alerts.
    pub const ALERT: Model<'static> = Model("Alert");

    /// The full name of a term of this model.
    pub fn name(&self, term: &str) -> String {
        if term.contains(':') || CORE.contains(&term) {
            term.to_owned()
        } else if SHARED.contains(&term) {
            format!("https://smartdatamodels.org/{term}")
        } else {
            format!("https://smartdatamodels.org/dataModel.{}/{term}", self.0)
        }
    }
}

/// The URN of an entity, `urn:ngsi-ld:{kind}:{feed}:{local}`, with everything escaped that a URN
/// does not allow. The same three words give the same URN.
pub fn urn(kind: &str, feed: &str, local: &str) -> String {
    let mut urn = String::with_capacity(16 + kind.len() + feed.len() + local.len());
    urn.push_str("urn:ngsi-ld:");
    for (position, part) in [kind, feed, local].into_iter().enumerate() {
        if position > 0 {
            urn.push(':');
        }
        escape(part, &mut urn);
    }
    urn
}

/// Appends the text with every byte escaped that is neither unreserved in a URI nor a colon.
pub fn escape(text: &str, out: &mut String) {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(DIGITS[usize::from(byte >> 4)]);
            out.push(DIGITS[usize::from(byte & 15)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_shared_core_or_of_its_model() {
        let model = Model::URBAN_MOBILITY;
        assert_eq!(model.name("name"), "https://smartdatamodels.org/name");
        assert_eq!(model.name("location"), "location");
        assert_eq!(
            model.name("shortName"),
            "https://smartdatamodels.org/dataModel.UrbanMobility/shortName"
        );
        assert_eq!(model.name("http://example.org/x"), "http://example.org/x");
    }

    #[test]
    fn ids_are_uris_whatever_the_feed_calls_its_things() {
        assert_eq!(
            urn("GtfsStop", "kaunas", "de:1:2"),
            "urn:ngsi-ld:GtfsStop:kaunas:de:1:2"
        );
        assert_eq!(
            urn("GtfsStop", "a b", "站/1"),
            "urn:ngsi-ld:GtfsStop:a%20b:%E7%AB%99%2F1"
        );
    }
}
