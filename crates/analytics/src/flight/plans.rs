//! What was asked and is not fetched yet: tickets and prepared statements. Each is of one caller, is
//! found by a name that cannot be guessed, is forgotten after a while, and there are not too many.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{Tenant, Time};
use bytes::Bytes;
use datafusion::common::ParamValues;
use parking_lot::Mutex;
use ports::{Clock, Entropy};
use tonic::Status;
use trust::{Call, Principal};

/// Tickets and statements kept at once: with the longest text and values some of them take a
/// quarter of a GiB, in practice a few MB.
const PLANS_MAX: usize = 1_024;
/// Of one caller.
const PLANS_OF_ONE_MAX: usize = 256;
/// Microseconds without use after which one is forgotten.
const LIFE_MICROS: i64 = 15 * 60 * 1_000_000;

/// A question with the values of its parameters.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) sql: Arc<str>,
    pub(super) parameters: Option<ParamValues>,
}

#[derive(Debug)]
struct Kept {
    principal: Principal,
    tenant: Tenant,
    until: Time,
    plan: Plan,
}

/// The plans of a node.
#[derive(Debug)]
pub(super) struct Plans {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    kept: Mutex<BTreeMap<Bytes, Kept>>,
}

impl Plans {
    pub(super) fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            clock,
            entropy,
            kept: Mutex::default(),
        }
    }

    /// Keeps a plan and gives its name.
    pub(super) fn keep(&self, call: &Call, plan: Plan) -> Result<Bytes, Status> {
        let mut name = [0; 16];
        self.entropy.fill(&mut name);
        let name = Bytes::copy_from_slice(&name);
        let now = self.clock.now();
        let mut kept = self.kept.lock();
        kept.retain(|_, kept| kept.until > now);
        let own = kept.values().filter(|kept| kept.is_of(call)).count();
        if kept.len() >= PLANS_MAX || own >= PLANS_OF_ONE_MAX {
            return Err(Status::resource_exhausted(
                "too many statements are prepared or not fetched yet: close some, or wait",
            ));
        }
        kept.insert(
            name.clone(),
            Kept {
                principal: call.principal.clone(),
                tenant: call.tenant.clone(),
                until: now.plus_micros(LIFE_MICROS),
                plan,
            },
        );
        Ok(name)
    }

    /// The caller's plan of that name. It lives on from now.
    pub(super) fn get(&self, call: &Call, name: &[u8]) -> Result<Plan, Status> {
        self.with(call, name, |plan| plan.clone())
    }

    /// Binds values to the caller's plan of that name.
    pub(super) fn bind(
        &self,
        call: &Call,
        name: &[u8],
        parameters: Option<ParamValues>,
    ) -> Result<(), Status> {
        self.with(call, name, |plan| plan.parameters = parameters)
    }

    /// Forgets the caller's plan of that name; one that is not there is forgotten already.
    pub(super) fn forget(&self, call: &Call, name: &[u8]) {
        let mut kept = self.kept.lock();
        if kept.get(name).is_some_and(|kept| kept.is_of(call)) {
            kept.remove(name);
        }
    }

    fn with<T>(
        &self,
        call: &Call,
        name: &[u8],
        work: impl FnOnce(&mut Plan) -> T,
    ) -> Result<T, Status> {
        let now = self.clock.now();
        let mut kept = self.kept.lock();
        let found = kept.get_mut(name);
        // Another's is not there: a name says nothing of what it names.
        let found = found.filter(|kept| kept.is_of(call) && kept.until > now);
        let found = found.ok_or_else(|| {
            Status::not_found("this ticket or statement is unknown, closed or expired: ask anew")
        })?;
        found.until = now.plus_micros(LIFE_MICROS);
        Ok(work(&mut found.plan))
    }
}

impl Kept {
    fn is_of(&self, call: &Call) -> bool {
        self.principal == call.principal && self.tenant == call.tenant
    }
}

#[cfg(test)]
mod tests {
    use testkit::{SeededEntropy, StepClock};
    use tonic::Code;
    use trust::Operations;

    use super::*;

    fn call(id: &str) -> Call {
        Call {
            principal: Principal::Token {
                id: id.into(),
                name: id.into(),
                operations: Operations::ALL,
            },
            ..Call::of_the_node(Tenant::default_tenant())
        }
    }

    fn plan() -> Plan {
        Plan {
            sql: "SELECT 1".into(),
            parameters: None,
        }
    }

    fn plans() -> (Plans, Arc<StepClock>) {
        let clock = Arc::new(StepClock::at(Time(1_000_000)));
        let plans = Plans::new(Arc::clone(&clock) as _, Arc::new(SeededEntropy::new(7)));
        (plans, clock)
    }

    #[test]
    fn a_ticket_is_of_its_caller_alone_and_expires() {
        let (plans, clock) = plans();
        let name = plans.keep(&call("a"), plan()).expect("kept");
        let found = plans.get(&call("a"), &name).expect("the caller's own");
        assert_eq!(&*found.sql, "SELECT 1");
        let code = |found: Result<Plan, Status>| found.expect_err("a refusal").code();
        assert_eq!(code(plans.get(&call("b"), &name)), Code::NotFound);
        plans.forget(&call("b"), &name);
        let elsewhere = Call {
            tenant: Tenant::new("north").expect("a tenant"),
            ..call("a")
        };
        assert_eq!(code(plans.get(&elsewhere, &name)), Code::NotFound);
        clock.advance_micros(LIFE_MICROS - 1);
        plans.get(&call("a"), &name).expect("still there");
        clock.advance_micros(LIFE_MICROS);
        assert_eq!(code(plans.get(&call("a"), &name)), Code::NotFound);
    }

    #[test]
    fn there_are_not_too_many_and_old_ones_make_room() {
        let (plans, clock) = plans();
        for _ in 0..PLANS_OF_ONE_MAX {
            plans.keep(&call("a"), plan()).expect("kept");
        }
        let refused = plans.keep(&call("a"), plan()).expect_err("a refusal");
        assert_eq!(refused.code(), Code::ResourceExhausted);
        plans.keep(&call("b"), plan()).expect("another's is kept");
        clock.advance_micros(LIFE_MICROS);
        plans.keep(&call("a"), plan()).expect("there is room again");
    }
}
