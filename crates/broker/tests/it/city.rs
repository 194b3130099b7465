//! A city's broker in memory, and commands in a line.

use std::sync::Arc;

use base::{Name, Tasks, Tenant, Time};
use broker::command::Upsert;
use broker::contexts::Folder;
use broker::{Broker, BrokerError, Command, Contexts, Done};
use jsonld::Context;
use ngsi::Entity;
use ngsi::parse::{Fragment, Parser, Purpose};
use ports::{Outbound, Store, StoreError};
use serde_json::Value;
use store_memory::{Faulty, MemoryStore};
use testkit::{ScriptedOutbound, SeededEntropy, StepClock};
use trust::{Access, Call, Principal};

pub(crate) struct City {
    pub(crate) broker: Arc<Broker>,
    pub(crate) store: Arc<Faulty>,
    pub(crate) clock: Arc<StepClock>,
    pub(crate) outbound: Arc<ScriptedOutbound>,
    pub(crate) tasks: Tasks,
}

impl City {
    pub(crate) fn new() -> Self {
        Self::with(Access::Open)
    }

    pub(crate) fn with(access: Access) -> Self {
        let store = Arc::new(Faulty::new(Arc::new(MemoryStore::new())));
        let clock = Arc::new(StepClock::at(Time::from_seconds(1_000_000)));
        let tasks = Tasks::new();
        let broker = Broker::new(
            Arc::<Faulty>::clone(&store) as Arc<dyn Store>,
            Arc::<StepClock>::clone(&clock),
            access,
            tasks.clone(),
        );
        Self {
            broker,
            store,
            clock,
            outbound: Arc::new(ScriptedOutbound::new()),
            tasks,
        }
    }

    pub(crate) fn contexts(&self, folder: Option<Folder>) -> Contexts {
        Contexts::new(
            Arc::<Faulty>::clone(&self.store) as Arc<dyn Store>,
            Arc::<StepClock>::clone(&self.clock),
            Arc::new(SeededEntropy::new(1)),
            Arc::<ScriptedOutbound>::clone(&self.outbound) as Arc<dyn Outbound>,
            folder,
        )
    }

    pub(crate) async fn one(&self, command: Command) -> Result<Done, BrokerError> {
        self.broker.apply_one(&anybody(), command).await
    }

    pub(crate) async fn all(&self, commands: Vec<Command>) -> Vec<Result<Done, BrokerError>> {
        let done = self.broker.apply(&anybody(), commands).await;
        done.expect("the door takes them")
    }

    pub(crate) async fn get(&self, id: &str) -> Option<Arc<Entity>> {
        self.broker.retrieve(&anybody(), id).await.ok()
    }
}

/// A call of somebody unknown who has time.
pub(crate) fn anybody() -> Call {
    within(&Tenant::default_tenant())
}

pub(crate) fn within(tenant: &Tenant) -> Call {
    Call {
        principal: Principal::Public,
        tenant: tenant.clone(),
        deadline: Time::MAX,
    }
}

pub(crate) fn tenant(name: &str) -> Tenant {
    Tenant::new(name).expect("the test gives a valid tenant")
}

pub(crate) fn read(purpose: Purpose, value: Value) -> Fragment {
    let context = Context::core();
    let fragment = Parser::new(&context, purpose).fragment(value);
    fragment.expect("the test gives a valid fragment")
}

pub(crate) fn create(value: Value) -> Command {
    Command::Create(read(Purpose::Whole, value))
}

pub(crate) fn upsert(value: Value) -> Command {
    Command::Upsert {
        fragment: read(Purpose::Whole, value),
        how: Upsert::Replace,
        skip_unchanged: true,
    }
}

pub(crate) fn append(id: &str, value: Value) -> Command {
    Command::Append {
        id: Name::from(id),
        fragment: read(Purpose::Whole, value),
        overwrite: true,
    }
}

pub(crate) fn delete(id: &str) -> Command {
    Command::Delete { id: Name::from(id) }
}

pub(crate) fn full() -> StoreError {
    StoreError::Unavailable {
        reason: "the disk is full".to_owned(),
    }
}
