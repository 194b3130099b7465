//! The sweep: entities and attributes that have expired are deleted, so that the log says so and
//! history ends where the thing ended [CIM-009 §4.22]. Reads do not wait for it: they never show
//! what has expired.

use std::sync::{Arc, Weak};

use base::{Name, Tasks, Tenant};
use ports::StoreError;
use trust::Call;

use crate::{Broker, Command};

/// Microseconds between two sweeps.
const SWEEP_EVERY_MICROS: i64 = 2_000_000;
/// Entities that one command round deletes.
const SWEEP_ENTITIES_MAX: usize = 1_000;

/// Sweeps until the node stops.
pub(crate) fn start(broker: &Arc<Broker>, tasks: &Tasks) {
    let weak = Arc::downgrade(broker);
    let clock = Arc::clone(&broker.clock);
    let stop = tasks.clone();
    tasks.spawn("sweep", async move {
        loop {
            let next = clock.now().plus_micros(SWEEP_EVERY_MICROS);
            tokio::select! {
                biased;
                () = stop.stopped() => return,
                () = clock.sleep_until(next) => {}
            }
            if !sweep_all(&weak).await {
                return;
            }
        }
    });
}

/// One sweep over all tenants. `false`: the broker is gone.
async fn sweep_all(broker: &Weak<Broker>) -> bool {
    let Some(broker) = broker.upgrade() else {
        return false;
    };
    if let Err(error) = sweep_tenants(&broker).await {
        tracing::warn!(%error, "expired entities could not be swept; the next sweep tries again");
    }
    true
}

async fn sweep_tenants(broker: &Broker) -> Result<(), StoreError> {
    for tenant in broker.store.tenants().await? {
        let expired = broker
            .store
            .expired(&tenant, broker.now(), SWEEP_ENTITIES_MAX)
            .await?;
        if expired.is_empty() {
            continue;
        }
        delete(broker, tenant, expired).await;
    }
    Ok(())
}

async fn delete(broker: &Broker, tenant: Tenant, expired: Vec<Name>) {
    let commands = expired
        .into_iter()
        .map(|id| Command::Sweep { id })
        .collect();
    if let Err(error) = broker.apply(&Call::of_the_node(tenant), commands).await {
        tracing::warn!(%error, "expired entities could not be swept; the next sweep tries again");
    }
}
