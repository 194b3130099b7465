//! The operations on how long history and records are kept.

use super::{Operation, operation};

pub(super) const OPERATIONS: &[Operation] = &[
    operation("get", "/history/retention", "retention")
        .says("How long history and records are kept, and what the last run did")
        .takes(&[&[]])
        .answers(&[(200, "Retention")]),
    operation("get", "/history/retention/{name}", "retentionPolicy")
        .says("One policy")
        .takes(&[&[]])
        .answers(&[(200, "RetentionPolicy")]),
    operation("put", "/history/retention/{name}", "putRetentionPolicy")
        .says("Keep a policy: how long instances are kept, and what is left of them then")
        .takes(&[&[]])
        .reads("RetentionPolicy")
        .answers(&[(201, ""), (204, "")]),
    operation(
        "delete",
        "/history/retention/{name}",
        "deleteRetentionPolicy",
    )
    .says("Take a policy away: nothing more goes by it")
    .takes(&[&[]]),
    operation("post", "/history/retention/dry-run", "tryRetention")
        .says("What a run would do now, also with a policy that is not kept; nothing goes")
        .takes(&[&[]])
        .reads("RetentionPolicy")
        .answers(&[(200, "RetentionReport")]),
    operation("post", "/history/retention/runs", "runRetention")
        .says("Let go what is due; 202 when it takes longer than a request may")
        .takes(&[&[]])
        .answers(&[(200, "RetentionReport"), (202, "")]),
];
