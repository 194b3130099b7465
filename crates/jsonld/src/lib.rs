//! The @context of JSON-LD as NGSI-LD uses it: parse, expand, compact; no I/O.
