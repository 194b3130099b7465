//! The operations of the HTTP API, one row each. A test compares every row with the real routes.

mod carried;
mod city;
mod deliveries;
mod erasures;
mod federation;
mod lake;
mod pinned;
mod records;
mod retention;
mod sources;
#[cfg(feature = "analytics")]
mod sql;
mod subscriptions;

/// What a body or an answer is, by the name of its schema in components.json; empty: nothing.
type Schema = &'static str;

/// One operation.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    /// Groups of parameters of the query string.
    pub(super) parameters: &'static [&'static [&'static str]],
    pub(super) body: Schema,
    /// Status and what comes with it. Problems are the same everywhere and not listed.
    pub(super) answers: &'static [(u16, Schema)],
}

const LOCAL: &[&str] = &["local"];
const TYPE: &[&str] = &["type"];
const REPRESENTATION: &[&str] = &[
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
const SELECTION: &[&str] = &[
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
const ORDER: &[&str] = &[
    "orderBy",
    "orderFrom",
    "orderFromGeometry",
    "orderFromCoordinates",
    "collation",
];
/// Parameters of a query that has the rest in its body.
const BESIDE_A_BODY: &[&str] = &["options", "format", "local", "lang"];
const TEMPORAL: &[&str] = &[
    "options",
    "format",
    "lang",
    "attrs",
    "pick",
    "omit",
    "datasetId",
    "local",
];
const PAGE: &[&str] = &["limit", "offset", "count"];
const TIME: &[&str] = &[
    "timerel",
    "timeAt",
    "endTimeAt",
    "timeproperty",
    "lastN",
    "aggrMethods",
    "aggrPeriodDuration",
];

const fn operation(method: &'static str, path: &'static str, id: &'static str) -> Operation {
    Operation {
        method,
        path,
        id,
        summary: "",
        parameters: &[],
        body: "",
        answers: &[(204, "")],
    }
}

impl Operation {
    const fn says(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    const fn takes(mut self, parameters: &'static [&'static [&'static str]]) -> Self {
        self.parameters = parameters;
        self
    }

    const fn reads(mut self, body: Schema) -> Self {
        self.body = body;
        self
    }

    const fn answers(mut self, answers: &'static [(u16, Schema)]) -> Self {
        self.answers = answers;
        self
    }
}

/// Answers of operations on one entity: 207 when it was done at some sources and not at others.
const CREATE: &[(u16, Schema)] = &[(201, ""), (207, "BatchResult")];
/// Answers of operations on many entities.
const BATCH: &[(u16, Schema)] = &[(204, ""), (207, "BatchResult")];
const BATCH_CREATE: &[(u16, Schema)] = &[(201, "Ids"), (207, "BatchResult")];
const BATCH_UPSERT: &[(u16, Schema)] = &[(201, "Ids"), (204, ""), (207, "BatchResult")];
const UPDATE: &[(u16, Schema)] = &[(204, ""), (207, "UpdateResult")];
const TEMPORALS: &[(u16, Schema)] = &[(200, "TemporalEntities"), (206, "TemporalEntities")];

/// All operations.
pub(super) fn operations() -> impl Iterator<Item = &'static Operation> + Clone {
    #[cfg(feature = "analytics")]
    let sql = sql::OPERATIONS;
    #[cfg(not(feature = "analytics"))]
    let sql: &[Operation] = &[];
    NODE.iter()
        .chain(carried::OPERATIONS)
        .chain(city::OPERATIONS)
        .chain(sources::OPERATIONS)
        .chain(subscriptions::OPERATIONS)
        .chain(deliveries::OPERATIONS)
        .chain(pinned::OPERATIONS)
        .chain(records::OPERATIONS)
        .chain(erasures::OPERATIONS)
        .chain(retention::OPERATIONS)
        .chain(lake::OPERATIONS)
        .chain(federation::OPERATIONS)
        .chain(sql)
}

/// The standard's, and the node's own about itself.
const NODE: &[Operation] = &[
    operation("get", "/ngsi-ld/v1/entities", "queryEntities")
        .says("Query entities")
        .takes(&[SELECTION, REPRESENTATION, ORDER, PAGE])
        .answers(&[(200, "Entities")]),
    operation("post", "/ngsi-ld/v1/entities", "createEntity")
        .says("Create an entity")
        .takes(&[LOCAL])
        .reads("Entity")
        .answers(CREATE),
    operation("delete", "/ngsi-ld/v1/entities", "purgeEntities")
        .says("Delete the entities that match, or some of their attributes")
        .takes(&[SELECTION, &["attrs", "drop", "keep", "local"]])
        .answers(BATCH),
    operation("get", "/ngsi-ld/v1/entities/{entityId}", "retrieveEntity")
        .says("Retrieve an entity")
        .takes(&[REPRESENTATION, &["entityMap", "entityMapLifetime", "type"]])
        .answers(&[(200, "Entity")]),
    operation("put", "/ngsi-ld/v1/entities/{entityId}", "replaceEntity")
        .says("Replace an entity")
        .takes(&[LOCAL, TYPE])
        .reads("Entity")
        .answers(UPDATE),
    operation("patch", "/ngsi-ld/v1/entities/{entityId}", "mergeEntity")
        .says("Merge a fragment into an entity")
        .takes(&[LOCAL, TYPE, &["options", "format", "observedAt", "lang"]])
        .reads("Fragment")
        .answers(UPDATE),
    operation("delete", "/ngsi-ld/v1/entities/{entityId}", "deleteEntity")
        .says("Delete an entity")
        .takes(&[LOCAL, TYPE])
        .answers(BATCH),
    operation(
        "post",
        "/ngsi-ld/v1/entities/{entityId}/attrs",
        "appendAttributes",
    )
    .says("Append attributes to an entity")
    .takes(&[&["options"], LOCAL, TYPE])
    .reads("Fragment")
    .answers(UPDATE),
    operation(
        "patch",
        "/ngsi-ld/v1/entities/{entityId}/attrs",
        "updateAttributes",
    )
    .says("Update attributes of an entity that are there")
    .takes(&[LOCAL, TYPE])
    .reads("Fragment")
    .answers(UPDATE),
    operation(
        "patch",
        "/ngsi-ld/v1/entities/{entityId}/attrs/{attrName}",
        "updateAttribute",
    )
    .says("Change members of an attribute")
    .takes(&[LOCAL, TYPE])
    .reads("Attribute")
    .answers(UPDATE),
    operation(
        "put",
        "/ngsi-ld/v1/entities/{entityId}/attrs/{attrName}",
        "replaceAttribute",
    )
    .says("Replace an attribute")
    .takes(&[LOCAL, TYPE])
    .reads("Attribute")
    .answers(UPDATE),
    operation(
        "delete",
        "/ngsi-ld/v1/entities/{entityId}/attrs/{attrName}",
        "deleteAttribute",
    )
    .says("Delete an attribute")
    .takes(&[LOCAL, TYPE, &["datasetId", "deleteAll"]])
    .answers(UPDATE),
    operation("post", "/ngsi-ld/v1/entityOperations/create", "createBatch")
        .says("Create entities")
        .takes(&[LOCAL])
        .reads("Entities")
        .answers(BATCH_CREATE),
    operation("post", "/ngsi-ld/v1/entityOperations/upsert", "upsertBatch")
        .says("Create or change entities; `skipUnchanged` leaves alone what would not change")
        .takes(&[LOCAL, &["options"]])
        .reads("Entities")
        .answers(BATCH_UPSERT),
    operation("post", "/ngsi-ld/v1/entityOperations/update", "updateBatch")
        .says("Append to entities")
        .takes(&[LOCAL, &["options"]])
        .reads("Entities")
        .answers(BATCH),
    operation("post", "/ngsi-ld/v1/entityOperations/merge", "mergeBatch")
        .says("Merge fragments into entities")
        .takes(&[LOCAL, &["options", "format", "observedAt", "lang"]])
        .reads("Entities")
        .answers(BATCH),
    operation("post", "/ngsi-ld/v1/entityOperations/delete", "deleteBatch")
        .says("Delete entities")
        .takes(&[LOCAL])
        .reads("Ids")
        .answers(BATCH),
    operation("post", "/ngsi-ld/v1/entityOperations/query", "queryBatch")
        .says("Query entities with a body")
        .takes(&[BESIDE_A_BODY, PAGE])
        .reads("Query")
        .answers(&[(200, "Entities")]),
    operation("get", "/ngsi-ld/v1/temporal/entities", "queryTemporal")
        .says("Query entities over time")
        .takes(&[SELECTION, TEMPORAL, TIME, ORDER, PAGE])
        .answers(TEMPORALS),
    operation("post", "/ngsi-ld/v1/temporal/entities", "upsertTemporal")
        .says("Add history to an entity, which is created if need be")
        .takes(&[LOCAL])
        .reads("TemporalEntity")
        .answers(&[(201, ""), (204, ""), (207, "BatchResult")]),
    operation(
        "get",
        "/ngsi-ld/v1/temporal/entities/{entityId}",
        "retrieveTemporal",
    )
    .says("Retrieve an entity over time")
    .takes(&[TEMPORAL, TIME, &["entityMap", "entityMapLifetime"]])
    .answers(&[(200, "TemporalEntity"), (206, "TemporalEntity")]),
    operation(
        "delete",
        "/ngsi-ld/v1/temporal/entities/{entityId}",
        "deleteTemporal",
    )
    .says("Delete the history of an entity")
    .takes(&[LOCAL, &["deleteAll"]])
    .answers(BATCH),
    operation(
        "post",
        "/ngsi-ld/v1/temporal/entities/{entityId}/attrs",
        "appendTemporal",
    )
    .says("Add instances of attributes to a history")
    .takes(&[LOCAL])
    .reads("TemporalFragment")
    .answers(UPDATE),
    operation(
        "delete",
        "/ngsi-ld/v1/temporal/entities/{entityId}/attrs/{attrName}",
        "deleteTemporalAttribute",
    )
    .says("Delete the history of an attribute")
    .takes(&[LOCAL, &["deleteAll", "datasetId"]])
    .answers(UPDATE),
    operation(
        "patch",
        "/ngsi-ld/v1/temporal/entities/{entityId}/attrs/{attrName}/{instanceId}",
        "updateInstance",
    )
    .says("Change one instance in a history")
    .takes(&[LOCAL])
    .reads("TemporalFragment")
    .answers(UPDATE),
    operation(
        "delete",
        "/ngsi-ld/v1/temporal/entities/{entityId}/attrs/{attrName}/{instanceId}",
        "deleteInstance",
    )
    .says("Delete one instance from a history")
    .takes(&[LOCAL])
    .answers(UPDATE),
    operation(
        "post",
        "/ngsi-ld/v1/temporal/entityOperations/query",
        "queryTemporalBatch",
    )
    .says("Query entities over time with a body")
    .takes(&[BESIDE_A_BODY, PAGE])
    .reads("Query")
    .answers(TEMPORALS),
    operation("get", "/ngsi-ld/v1/types", "retrieveTypes")
        .says("Which types there are")
        .takes(&[&["details", "count"], LOCAL])
        .answers(&[(200, "Types")]),
    operation("get", "/ngsi-ld/v1/types/{type}", "retrieveType")
        .says("What there is of a type")
        .takes(&[LOCAL])
        .answers(&[(200, "Type")]),
    operation("get", "/ngsi-ld/v1/attributes", "retrieveAttributes")
        .says("Which attributes there are")
        .takes(&[&["details", "count"], LOCAL])
        .answers(&[(200, "AttributeList")]),
    operation(
        "get",
        "/ngsi-ld/v1/attributes/{attrName}",
        "retrieveAttributeInfo",
    )
    .says("What there is of an attribute")
    .takes(&[LOCAL])
    .answers(&[(200, "AttributeInfo")]),
    operation("get", "/ngsi-ld/v1/jsonldContexts", "listContexts")
        .says("Which @contexts the node keeps")
        .takes(&[&["details", "kind"]])
        .answers(&[(200, "Contexts")]),
    operation("post", "/ngsi-ld/v1/jsonldContexts", "addContext")
        .says("Add an @context")
        .takes(&[&[]])
        .reads("Context")
        .answers(&[(201, "")]),
    operation(
        "get",
        "/ngsi-ld/v1/jsonldContexts/{contextId}",
        "serveContext",
    )
    .says("One @context")
    .takes(&[&["details"]])
    .answers(&[(200, "Context")]),
    operation(
        "delete",
        "/ngsi-ld/v1/jsonldContexts/{contextId}",
        "deleteContext",
    )
    .says("Delete or reload an @context")
    .takes(&[&["reload"]]),
    operation("get", "/ngsi-ld/v1/info/sourceIdentity", "sourceIdentity")
        .says("Who this node is")
        .answers(&[(200, "SourceIdentity")]),
    operation("post", "/setup", "setUp")
        .says("Make the administrator's token in exchange for the setup token")
        .answers(&[(201, "NewToken")]),
    operation("get", "/admin/tokens", "listTokens")
        .says("Which tokens there are")
        .takes(&[PAGE])
        .answers(&[(200, "Tokens")]),
    operation("post", "/admin/tokens", "makeToken")
        .says("Make a token")
        .reads("TokenWish")
        .answers(&[(201, "NewToken")]),
    operation("delete", "/admin/tokens/{tokenId}", "revokeToken").says("Take a token back"),
    operation("post", "/admin/backup", "backUp")
        .says("Copy the store to a new folder of the node's machine")
        .reads("BackupWish")
        .answers(&[(201, "Backup")]),
    operation("get", "/health", "health")
        .says("Whether the process lives")
        .answers(&[(200, "Health")]),
    operation("get", "/ready", "ready")
        .says("Whether the store is open; how far it is")
        .answers(&[(200, "Ready"), (503, "Loading")]),
    operation("get", "/metrics", "metrics")
        .says("Numbers in the text form of Prometheus")
        .answers(&[(200, "Metrics")]),
    operation("get", "/api", "api")
        .says("This document")
        .answers(&[(200, "Document")]),
];
