//! What the doors share: who holds which token.

use base::Time;
use trust::{Denied, Operation, Principal};
use web::Guard;

/// Knows tokens that say what they allow: `read`, `read+history`, `anna:read`.
#[derive(Debug)]
pub(crate) struct Words;

impl Guard for Words {
    fn identify(&self, bearer: Option<&str>, _now: Time) -> Result<Principal, Denied> {
        let Some(bearer) = bearer else {
            return Ok(Principal::Public);
        };
        let (name, words) = bearer.split_once(':').unwrap_or(("somebody", bearer));
        let operations = words.split('+').map(Operation::from_word);
        let operations = operations.collect::<Option<_>>();
        Ok(Principal::Token {
            id: name.into(),
            name: name.into(),
            operations: operations.ok_or(Denied::TokenRefused)?,
        })
    }
}
