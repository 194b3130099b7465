//! What other sources tell of the subscriptions that they carry for the node.

use super::{Operation, operation};

pub(super) const OPERATIONS: &[Operation] =
    &[
        operation("post", "/ngsi-ld/ex/remote-notify", "remoteNotify")
            .says("Tell of a subscription that a source was forwarded; its id is the right to it")
            .takes(&[&[]])
            .reads("Notification")
            .answers(&[(200, "")]),
    ];
