//! What this node tells of its sources, beside the standard.

use super::{LOCAL, Operation, PAGE, operation};

pub(super) const OPERATIONS: &[Operation] =
    &[operation("post", "/federation/explain", "explainQuery")
        .says("Which source gives what of an answer, how long it takes, and why one is missing")
        .takes(&[LOCAL, PAGE])
        .reads("Query")
        .answers(&[(200, "Explanation")])];
