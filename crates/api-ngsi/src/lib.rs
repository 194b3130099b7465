//! The HTTP binding of NGSI-LD, one file a resource.
