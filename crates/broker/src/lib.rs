//! The heart of the node: the one door for writes, the reads, the contexts.
//!
//! Read in this order: [`command`] says what can be wanted; `decide` says, without any I/O, what
//! comes of it; the door gathers what waits, decides it in order and commits it as one batch;
//! [`reads`] answers questions about what is, [`past`] about what was.

pub mod command;
pub mod contexts;
mod decide;
mod door;
pub mod error;
pub mod past;
pub mod reads;
mod sweep;

use std::sync::Arc;

use base::{Name, Tasks, Tenant, Time};
use ports::{Clock, Store};
use trust::{Access, Call, Operation};

pub use command::{Command, Done};
pub use contexts::Contexts;
pub use error::BrokerError;

use door::Doors;

/// The heart of one node. Everybody who reads or writes entities goes through it.
#[derive(Debug)]
pub struct Broker {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    access: Access,
    doors: Doors,
}

impl Broker {
    /// A broker over a store. Its tasks end with `tasks`.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        access: Access,
        tasks: Tasks,
    ) -> Arc<Self> {
        let sweeping = tasks.clone();
        let doors = Doors::new(Arc::clone(&store), Arc::clone(&clock), tasks);
        let broker = Arc::new(Self {
            store,
            clock,
            access,
            doors,
        });
        sweep::start(&broker, &sweeping);
        broker
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// What time it is.
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// Whether the call may do this.
    pub fn authorize(&self, call: &Call, operation: Operation) -> Result<(), BrokerError> {
        Ok(self.access.authorize(call, operation)?)
    }

    /// Does what is wanted, each command on its own: one that is refused does not keep the others
    /// from being done. Returns, command by command, when what was done is on disk. A call whose
    /// deadline passes before its turn comes is refused as a whole.
    pub async fn apply(
        &self,
        call: &Call,
        commands: Vec<Command>,
    ) -> Result<Vec<Result<Done, BrokerError>>, BrokerError> {
        for operation in command::operations(&commands) {
            self.access.authorize(call, operation)?;
        }
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        self.doors.pass(call, commands).await
    }

    /// Does one thing.
    pub async fn apply_one(&self, call: &Call, command: Command) -> Result<Done, BrokerError> {
        let mut results = self.apply(call, vec![command]).await?;
        results.pop().unwrap_or(Err(BrokerError::DoorClosed))
    }

    /// Refuses a tenant that nobody has ever written to [CIM-009 §5.5.10].
    pub async fn known_tenant(&self, tenant: &Tenant) -> Result<(), BrokerError> {
        if tenant.is_default() || self.doors.has(tenant) {
            return Ok(());
        }
        if self.store.tenants().await?.contains(tenant) {
            return Ok(());
        }
        Err(BrokerError::TenantUnknown {
            tenant: Name::from(tenant.as_str()),
        })
    }
}
