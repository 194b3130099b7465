//! The limits of the node, in one place: each with its reason.

/// Bytes of a tenant's name: it stands in headers, logs and metrics.
pub const TENANT_NAME_BYTES_MAX: usize = 64;
/// Bytes of an HTTP request body: a batch of 1,000 entities of 10 KB.
pub const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Bytes of an entity id or any other URI: longer ones are an attack or an error.
pub const URI_BYTES_MAX: usize = 2_048;
/// Bytes of one stored entity: a large building polygon with all its attributes stays far below.
pub const ENTITY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Attribute instances of one entity, sub-attributes not counted.
pub const ATTRIBUTES_MAX: usize = 2_000;
/// Sub-attributes of one attribute: the standard's own examples have three.
pub const SUB_ATTRIBUTES_MAX: usize = 256;
/// Depth of sub-attributes: the standard's own examples use two.
pub const ATTRIBUTE_DEPTH_MAX: usize = 8;
/// Depth of JSON in a body: `serde_json` refuses 128, which also bounds our own recursion.
pub const JSON_DEPTH_MAX: usize = 64;
/// Types of one entity.
pub const TYPES_MAX: usize = 64;
/// Entities in one batch operation.
pub const BATCH_ENTITIES_MAX: usize = 10_000;
/// Entities on a page when the caller names no number [CIM-009 §5.5.9].
pub const PAGE_DEFAULT: usize = 20;
/// Entities on a page at most.
pub const PAGE_MAX: usize = 1_000;
/// Instances of one attribute in one temporal answer when the caller asks for no `lastN`.
pub const TEMPORAL_INSTANCES_MAX: usize = 10_000;
/// Bytes of a query text (`q`, `scopeQ`, `type` …): the length of a long URL.
pub const QUERY_BYTES_MAX: usize = 8 * 1024;
/// Terms and comparisons of one query: bounds the work per entity.
pub const QUERY_TERMS_MAX: usize = 256;
/// Depth of brackets in a query: bounds recursion.
pub const QUERY_DEPTH_MAX: usize = 32;
/// Entities that one sorted (`orderBy`) or joined answer may have to hold at once.
pub const SORTED_ENTITIES_MAX: usize = 1_000_000;
/// Levels of linked entities in one answer [CIM-009 §4.5.23].
pub const JOIN_LEVEL_MAX: usize = 10;
/// Commands that may wait at the door of a tenant before callers are told to come back.
pub const DOOR_QUEUE_MAX: usize = 4_096;
/// Bytes, about as they came, of all commands that wait at the doors of a node: in memory they take
/// several times as many.
pub const DOOR_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of one answer with entities: those that are linked in may come again and again.
pub const ANSWER_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Tenants of one node: each costs an index.
pub const TENANTS_MAX: usize = 10_000;
/// Positions of one geometry: the finest coastlines and bus routes of a city stay below.
pub const GEOMETRY_POSITIONS_MAX: usize = 100_000;
