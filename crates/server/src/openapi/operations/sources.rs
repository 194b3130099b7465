//! The operations on other sources: their registrations, and who is told of them.

use super::{Operation, PAGE, operation};

const OPTIONS: &[&str] = &["options"];
const DISCOVERY: &[&str] = &[
    "id",
    "idPattern",
    "type",
    "attrs",
    "q",
    "csf",
    "scopeQ",
    "georel",
    "geometry",
    "coordinates",
    "geoproperty",
    "timerel",
    "timeAt",
    "endTimeAt",
    "timeproperty",
    "expandValues",
    "jsonKeys",
    "options",
    "lang",
];

pub(super) const OPERATIONS: &[Operation] = &[
    operation("get", "/ngsi-ld/v1/csourceRegistrations", "querySources")
        .says("Which sources have something of what is looked for")
        .takes(&[DISCOVERY, PAGE])
        .answers(&[(200, "Registrations")]),
    operation("post", "/ngsi-ld/v1/csourceRegistrations", "registerSource")
        .says("Register a source")
        .takes(&[&[]])
        .reads("Registration")
        .answers(&[(201, "")]),
    operation(
        "get",
        "/ngsi-ld/v1/csourceRegistrations/{registrationId}",
        "retrieveRegistration",
    )
    .says("One registration")
    .takes(&[OPTIONS])
    .answers(&[(200, "Registration")]),
    operation(
        "patch",
        "/ngsi-ld/v1/csourceRegistrations/{registrationId}",
        "updateRegistration",
    )
    .says("Change a registration; null takes a member away")
    .takes(&[&[]])
    .reads("Fragment"),
    operation(
        "delete",
        "/ngsi-ld/v1/csourceRegistrations/{registrationId}",
        "deleteRegistration",
    )
    .says("Take a registration away")
    .takes(&[&[]]),
    operation(
        "get",
        "/ngsi-ld/v1/csourceSubscriptions",
        "querySourceSubscriptions",
    )
    .says("Who is told of registrations")
    .takes(&[OPTIONS, PAGE])
    .answers(&[(200, "Subscriptions")]),
    operation(
        "post",
        "/ngsi-ld/v1/csourceSubscriptions",
        "subscribeToSources",
    )
    .says("Subscribe to registrations")
    .takes(&[&[]])
    .reads("Subscription")
    .answers(&[(201, "")]),
    operation(
        "get",
        "/ngsi-ld/v1/csourceSubscriptions/{subscriptionId}",
        "retrieveSourceSubscription",
    )
    .says("One subscription to registrations")
    .takes(&[OPTIONS])
    .answers(&[(200, "Subscription")]),
    operation(
        "patch",
        "/ngsi-ld/v1/csourceSubscriptions/{subscriptionId}",
        "updateSourceSubscription",
    )
    .says("Change a subscription to registrations")
    .takes(&[&[]])
    .reads("Fragment"),
    operation(
        "delete",
        "/ngsi-ld/v1/csourceSubscriptions/{subscriptionId}",
        "deleteSourceSubscription",
    )
    .says("End a subscription to registrations")
    .takes(&[&[]]),
];
