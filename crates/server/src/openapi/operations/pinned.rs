//! The operations on what was pinned and what was frozen: entity maps and snapshots.

use super::{Operation, SELECTION, TIME, operation};

pub(super) const OPERATIONS: &[Operation] = &[
    operation("get", "/ngsi-ld/v1/entityMaps", "createEntityMap")
        .says("Pin which entities a query is about")
        .takes(&[SELECTION, &["attrs", "local"]])
        .answers(&[(201, "EntityMap")]),
    operation(
        "get",
        "/ngsi-ld/v1/temporal/entityMaps",
        "createTemporalEntityMap",
    )
    .says("Pin which entities a query over time is about")
    .takes(&[SELECTION, TIME, &["attrs", "local"]])
    .answers(&[(201, "EntityMap")]),
    operation(
        "get",
        "/ngsi-ld/v1/entityMaps/{entityMapId}",
        "retrieveEntityMap",
    )
    .says("Retrieve an entity map")
    .answers(&[(200, "EntityMap")]),
    operation(
        "patch",
        "/ngsi-ld/v1/entityMaps/{entityMapId}",
        "updateEntityMap",
    )
    .says("Set when an entity map ends")
    .reads("EntityMapFragment"),
    operation(
        "delete",
        "/ngsi-ld/v1/entityMaps/{entityMapId}",
        "deleteEntityMap",
    )
    .says("Delete an entity map"),
    operation("post", "/ngsi-ld/v1/snapshots", "createSnapshot")
        .says("Freeze the answers to queries")
        .reads("Snapshot")
        .answers(&[(201, "")]),
    operation("delete", "/ngsi-ld/v1/snapshots", "purgeSnapshots")
        .says("Delete the snapshots that match")
        .takes(&[&["q"]]),
    operation(
        "get",
        "/ngsi-ld/v1/snapshots/{snapshotId}",
        "retrieveSnapshot",
    )
    .says("Retrieve what is said of a snapshot")
    .answers(&[(200, "Snapshot")]),
    operation(
        "patch",
        "/ngsi-ld/v1/snapshots/{snapshotId}",
        "updateSnapshot",
    )
    .says("Change the priority, the lifetime or who is told of a snapshot")
    .reads("SnapshotFragment")
    .answers(&[(200, "Snapshot")]),
    operation(
        "delete",
        "/ngsi-ld/v1/snapshots/{snapshotId}",
        "deleteSnapshot",
    )
    .says("Delete a snapshot with all that it holds"),
    operation(
        "post",
        "/ngsi-ld/v1/snapshots/{snapshotId}/clone",
        "cloneSnapshot",
    )
    .says("Make a snapshot of all that another holds")
    .reads("SnapshotFragment")
    .answers(&[(201, "")]),
];
