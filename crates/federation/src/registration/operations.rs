//! The operations that a source may be asked for [CIM-009 §4.20].

use std::fmt;

/// All operations of the standard, by name [CIM-009 Table 4.20-1].
pub const OPERATIONS: [&str; 43] = [
    "createEntity",
    "updateEntity",
    "appendAttrs",
    "updateAttrs",
    "deleteAttrs",
    "deleteEntity",
    "createBatch",
    "upsertBatch",
    "updateBatch",
    "deleteBatch",
    "upsertTemporal",
    "appendAttrsTemporal",
    "deleteAttrsTemporal",
    "updateAttrInstanceTemporal",
    "deleteAttrInstanceTemporal",
    "deleteTemporal",
    "mergeEntity",
    "replaceEntity",
    "replaceAttrs",
    "mergeBatch",
    "purgeEntity",
    "retrieveEntity",
    "queryEntity",
    "queryBatch",
    "retrieveTemporal",
    "queryTemporal",
    "retrieveEntityTypes",
    "retrieveEntityTypeDetails",
    "retrieveEntityTypeInfo",
    "retrieveAttrTypes",
    "retrieveAttrTypeDetails",
    "retrieveAttrTypeInfo",
    "createSubscription",
    "updateSubscription",
    "retrieveSubscription",
    "querySubscription",
    "deleteSubscription",
    "retrieveEntityMap",
    "updateEntityMap",
    "deleteEntityMap",
    "createEntityMapQueryEntity",
    "createEntityMapQueryTemporal",
    "retrieveContextSourceIdentity",
];

/// What two groups have in common.
const ASSOCIATION: [&str; 15] = [
    "retrieveEntity",
    "queryEntity",
    "queryBatch",
    "retrieveEntityTypes",
    "retrieveEntityTypeDetails",
    "retrieveEntityTypeInfo",
    "retrieveAttrTypes",
    "retrieveAttrTypeDetails",
    "retrieveAttrTypeInfo",
    "createSubscription",
    "updateSubscription",
    "retrieveSubscription",
    "querySubscription",
    "deleteSubscription",
    "retrieveContextSourceIdentity",
];
/// Of entity maps of what is now.
const ENTITY_MAPS: [&str; 4] = [
    "retrieveEntityMap",
    "updateEntityMap",
    "deleteEntityMap",
    "createEntityMapQueryEntity",
];
/// What changes an entity in whole or in part, without making or unmaking it.
const UPDATE: [&str; 4] = [
    "updateEntity",
    "updateAttrs",
    "replaceEntity",
    "replaceAttrs",
];
/// What reads entities.
const RETRIEVE: [&str; 2] = ["retrieveEntity", "queryEntity"];
/// What else a source does that stands in for this node.
const REDIRECTION: [&str; 12] = [
    "createEntity",
    "appendAttrs",
    "deleteAttrs",
    "deleteEntity",
    "mergeEntity",
    "purgeEntity",
    "retrieveEntityTypes",
    "retrieveEntityTypeDetails",
    "retrieveEntityTypeInfo",
    "retrieveAttrTypes",
    "retrieveAttrTypeDetails",
    "retrieveAttrTypeInfo",
];

/// The groups, by name [CIM-009 Table 4.20-2].
const GROUPS: [(&str, &[&[&str]]); 5] = [
    ("federationOps", &[&ASSOCIATION, &ENTITY_MAPS]),
    ("associationOps", &[&ASSOCIATION]),
    ("updateOps", &[&UPDATE]),
    ("retrieveOps", &[&RETRIEVE]),
    (
        "redirectionOps",
        &[&REDIRECTION, &UPDATE, &RETRIEVE, &ENTITY_MAPS],
    ),
];

/// A set of operations.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct OperationSet(u64);

impl OperationSet {
    /// None.
    pub const NONE: Self = Self(0);

    /// The operation, or the operations of the group, of that name.
    pub fn named(name: &str) -> Option<Self> {
        if let Some((_, parts)) = GROUPS.iter().find(|(group, _)| *group == name) {
            let members = parts.iter().flat_map(|part| part.iter());
            return Some(members.fold(Self::NONE, |set, member| Self(set.0 | bit(member))));
        }
        match bit(name) {
            0 => None,
            one => Some(Self(one)),
        }
    }

    /// What a registration that names none allows [CIM-009 §5.2.9].
    pub fn federation() -> Self {
        Self::named("federationOps").unwrap_or_default()
    }

    /// What a source of the mode auxiliary may at most be asked for [CIM-009 §5.9.2.4].
    pub(crate) fn auxiliary() -> Self {
        Self::named("retrieveOps").unwrap_or_default()
    }

    /// Whether the operation of that name is in it.
    pub fn has(self, operation: &str) -> bool {
        self.0 & bit(operation) != 0
    }

    /// Whether all of the other are in it.
    pub fn includes(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// What is in one of the two.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The names, in the order of the standard.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        OPERATIONS
            .into_iter()
            .enumerate()
            .filter(move |(place, _)| self.0 & (1 << place) != 0)
            .map(|(_, name)| name)
    }
}

fn bit(name: &str) -> u64 {
    let place = OPERATIONS.iter().position(|known| *known == name);
    place.map_or(0, |place| 1 << place)
}

impl fmt::Debug for OperationSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_group_is_an_operation() {
        for (group, parts) in GROUPS {
            for member in parts.iter().flat_map(|part| part.iter()) {
                assert!(OPERATIONS.contains(member), "{group}: {member}");
            }
        }
    }

    #[test]
    fn a_group_allows_its_operations_and_no_others() {
        let federation = OperationSet::federation();
        assert!(federation.has("queryEntity") && federation.has("createSubscription"));
        assert!(!federation.has("createEntity") && !federation.has("queryTemporal"));
        let redirection = OperationSet::named("redirectionOps").expect("a group");
        assert!(redirection.has("purgeEntity") && redirection.has("replaceAttrs"));
        assert!(!redirection.has("createBatch") && !redirection.has("queryBatch"));
        assert_eq!(OperationSet::named("everything"), None);
        assert!(!federation.has("everything"));
    }

    #[test]
    fn an_operation_alone_allows_itself() {
        for name in OPERATIONS {
            let set = OperationSet::named(name).expect("an operation");
            assert_eq!(set.names().collect::<Vec<_>>(), [name]);
        }
    }
}
