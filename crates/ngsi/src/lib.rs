//! NGSI-LD entities: model, parsing, query language, patch semantics, rendering; pure.
