//! The operations on subscriptions.

use super::{Operation, PAGE, operation};

const OPTIONS: &[&str] = &["options"];

pub(super) const OPERATIONS: &[Operation] = &[
    operation("get", "/ngsi-ld/v1/subscriptions", "querySubscriptions")
        .says("The subscriptions, with how their notifications fared")
        .takes(&[OPTIONS, PAGE])
        .answers(&[(200, "Subscriptions")]),
    operation("post", "/ngsi-ld/v1/subscriptions", "createSubscription")
        .says("Subscribe to changes of entities")
        .takes(&[&[]])
        .reads("Subscription")
        .answers(&[(201, "")]),
    operation(
        "get",
        "/ngsi-ld/v1/subscriptions/{subscriptionId}",
        "retrieveSubscription",
    )
    .says("One subscription, with how its notifications fared")
    .takes(&[OPTIONS])
    .answers(&[(200, "Subscription")]),
    operation(
        "patch",
        "/ngsi-ld/v1/subscriptions/{subscriptionId}",
        "updateSubscription",
    )
    .says("Change members of a subscription; null deletes one")
    .takes(&[&[]])
    .reads("SubscriptionFragment")
    .answers(&[(204, "")]),
    operation(
        "delete",
        "/ngsi-ld/v1/subscriptions/{subscriptionId}",
        "deleteSubscription",
    )
    .says("End a subscription")
    .takes(&[&[]])
    .answers(&[(204, "")]),
];
