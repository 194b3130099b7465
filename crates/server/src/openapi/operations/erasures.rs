//! The operations on erasures.

use super::{Operation, operation};

pub(super) const OPERATIONS: &[Operation] = &[
    operation("get", "/history/erasures", "erasures")
        .says("The receipts of erasures, the oldest first, a hundred at a time")
        .takes(&[&["after"]])
        .answers(&[(200, "ErasureReceipts")]),
    operation("post", "/history/erasures", "erase")
        .says("Erase what the node has of somebody, in every tier, with a receipt")
        .takes(&[&[]])
        .reads("ErasureWish")
        .answers(&[(201, "ErasureReceipt"), (202, "")]),
    operation("get", "/history/erasures/{id}", "erasure")
        .says("One receipt")
        .takes(&[&[]])
        .answers(&[(200, "ErasureReceipt")]),
];
