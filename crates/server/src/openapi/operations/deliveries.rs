//! The operations on what becomes of notifications.

use super::{Operation, PAGE, operation};

const LETTER: &[&str] = &["letter"];
const RESUME: &[&str] = &["lastEventId"];

pub(super) const OPERATIONS: &[Operation] = &[
    operation(
        "get",
        "/subscriptions/{subscriptionId}/deliveries",
        "retrieveDeliveries",
    )
    .says("How it stands with the notifications of a subscription, and why one was not delivered")
    .takes(&[PAGE])
    .answers(&[(200, "Deliveries")]),
    operation(
        "post",
        "/subscriptions/{subscriptionId}/deliveries/replay",
        "replayDeadLetters",
    )
    .says("Try dead letters anew, one or all")
    .takes(&[LETTER])
    .answers(&[(200, "Replayed")]),
    operation(
        "delete",
        "/subscriptions/{subscriptionId}/deliveries/dead",
        "discardDeadLetters",
    )
    .says("Throw dead letters away, one or all")
    .takes(&[LETTER])
    .answers(&[(204, "")]),
    operation(
        "get",
        "/subscriptions/{subscriptionId}/deliveries/dead/{letter}",
        "retrieveDeadLetter",
    )
    .says("The notification in a dead letter, as it would have been sent")
    .takes(&[&[]])
    .answers(&[(200, "Notification")]),
    operation(
        "get",
        "/subscriptions/{subscriptionId}/events",
        "listenToSubscription",
    )
    .says("The notifications of a subscription as they come, by Server-Sent Events or WebSocket")
    .takes(&[RESUME])
    .answers(&[(200, "Stream")]),
];
