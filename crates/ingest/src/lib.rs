//! Feeds and files of a real city: GTFS, GTFS-Realtime, OpenStreetMap, CSV, NGSI-LD; decoded and mapped to entities.
