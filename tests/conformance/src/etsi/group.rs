//! The groups of the suite, and the ports that each may use while others run beside it.

/// Cases that are run together, on a node or five of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// A folder or a file below `TP/NGSI-LD`, or [`INTEROPERABILITY`].
    pub path: String,
    /// The first of three ports of the suite's own servers.
    pub mocks: u16,
}

/// The group of five nodes.
pub const INTEROPERABILITY: &str = "IOP_TP";

/// jsonldContext 050_04 and 051_03 have this port of the node written down; the others take any.
const WRITTEN_DOWN: u16 = 9090;

/// All of the suite, the slowest first: those that wait most must not begin last.
const ALL: [&str; 19] = [
    "DistributedOperations/Provision/Entities",
    INTEROPERABILITY,
    "ContextInformation/Subscription",
    "DistributedOperations/Provision/BatchEntities",
    "DistributedOperations/Provision/EntityAttributes",
    "ContextInformation/Provision",
    "DistributedOperations/Consumption",
    "ContextSource/RegistrationSubscription",
    "ContextInformation/Consumption/Entity",
    "ContextInformation/Consumption/TemporalEntity",
    "ContextInformation/Consumption/Discovery",
    "DistributedOperations/LoopDetection",
    "DistributedOperations/Subscription",
    "jsonldContext",
    "CommonBehaviours",
    "ContextSource/Discovery",
    "ContextSource/Registration",
    "ContextInformation/EntityMap",
    "ContextInformation/Snapshot",
];

/// Where the suite's own servers begin to listen. Ports from 8089 to 8099 stand in the files of
/// [`INTEROPERABILITY`]; no group comes near them.
const MOCKS: u16 = 8_085;
const MOCKS_STEP: u16 = 100;

impl Group {
    /// All of the suite, each group with ports of its own.
    pub fn all() -> Vec<Self> {
        Self::of(ALL.into_iter())
    }

    /// Those named, each with ports of its own.
    pub fn of<'n>(names: impl Iterator<Item = &'n str>) -> Vec<Self> {
        let steps = (0..).map(|step: u16| MOCKS + step * MOCKS_STEP);
        names
            .zip(steps)
            .map(|(name, mocks)| Self {
                path: name.trim_matches('/').to_owned(),
                mocks,
            })
            .collect()
    }

    /// Where it lies in a checkout.
    pub fn folder(&self) -> String {
        if self.path.starts_with(INTEROPERABILITY) {
            self.path.clone()
        } else {
            format!("TP/NGSI-LD/{}", self.path)
        }
    }

    /// The aliases of its nodes, the first being the one that is asked. Those of five nodes are
    /// the ones that the cases look for in `Via`.
    pub fn aliases(&self) -> Vec<String> {
        if self.path.starts_with(INTEROPERABILITY) {
            (1..=5).map(|number| format!("antares{number}")).collect()
        } else {
            vec!["chorsu".to_owned()]
        }
    }

    /// The port that its node shall have; 0: any.
    pub fn port(&self) -> u16 {
        if self.path.starts_with("jsonldContext") {
            WRITTEN_DOWN
        } else {
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_groups_share_a_port() {
        let mut ports: Vec<u16> = Group::all()
            .iter()
            .flat_map(|group| group.mocks..group.mocks + 3)
            .chain([WRITTEN_DOWN])
            .chain(8_089..8_100)
            .collect();
        let count = ports.len();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), count);
    }

    #[test]
    fn five_nodes_are_told_apart_by_their_aliases() {
        let [group] = Group::of(["IOP_TP"].into_iter()).try_into().unwrap();
        let mut aliases = group.aliases();
        aliases.dedup();
        assert_eq!((aliases.len(), group.folder().as_str()), (5, "IOP_TP"));
    }
}
