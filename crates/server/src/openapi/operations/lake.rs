//! The operations on the lake as a whole.

use super::{Operation, operation};

const FILES: &[&str] = &["lake.table", "lake.tenant"];

pub(super) const OPERATIONS: &[Operation] = &[
    operation("get", "/lake", "lakeStatus")
        .says("How the lake stands: what is in it, and how far history was taken over")
        .takes(&[&[]])
        .answers(&[(200, "LakeStatus")]),
    operation("get", "/lake/files", "lakeFiles")
        .says("The files of the lake that count, as manifest.json at its root lists them")
        .takes(&[FILES])
        .answers(&[(200, "LakeFiles")]),
    operation("post", "/lake/seal", "sealLake")
        .says("Take over all history that has arrived")
        .takes(&[&[]])
        .answers(&[(200, "LakeSealed")]),
    operation("post", "/lake/compact", "compactLake")
        .says("Merge files where it is worth it")
        .takes(&[&[]])
        .answers(&[(200, "LakeCompacted")]),
];
