//! Purge: what a selection names is deleted here and at the sources that have any of it
//! [CIM-009 §5.6.21].

use std::borrow::Cow;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use http::Method;
use ngsi::Query;
use trust::Call;

use super::{AT_ONCE, Asking, Part, operation, reply};
use crate::Gateway;
use crate::forward::{Ask, Route, Words};
use crate::registration::{Mode, Registration};
use crate::registry::Wanted;

/// The name of the operation [CIM-009 §4.20].
const PURGE: &str = "purgeEntity";

impl Gateway {
    /// Has the sources that have any of a selection purge it; what is here is the caller's.
    pub async fn purge_elsewhere(
        &self,
        call: &Call,
        route: &Route,
        selection: &Query,
        words: &Words,
        params: &[(Cow<'static, str>, String)],
    ) -> Vec<Part> {
        let wanted = Wanted::of(PURGE, selection);
        let mut sources: Vec<(Arc<Registration>, bool)> = Vec::new();
        for found in self.registry.covering(&call.tenant, &wanted) {
            let source = found.registration;
            let is_known = sources
                .last()
                .is_some_and(|(known, _)| known.id == source.id);
            let is_concerned = match source.mode {
                Mode::Auxiliary => false,
                Mode::Inclusive => found.is_allowed,
                Mode::Exclusive | Mode::Redirect => true,
            };
            if is_concerned && !is_known {
                sources.push((source, found.is_allowed));
            }
        }
        let asks: Vec<Asking<'_, Option<Part>>> = sources
            .iter()
            .map(|(source, does)| {
                Box::pin(async move {
                    if !does {
                        return Some(Part::unsupported(source, Vec::new(), PURGE));
                    }
                    let theirs = self.words(call, source, words).await;
                    let mut ask = Ask::new(Method::DELETE, "/entities".to_owned(), words.clone());
                    ask.params = operation::params(params, selection.types.as_ref(), &theirs);
                    let reply = self.forward(call, route, source, ask).await;
                    Part::there(source, Vec::new(), reply::read(reply, &[], &theirs))
                }) as _
            })
            .collect();
        let parts = stream::iter(asks).buffered(AT_ONCE).collect::<Vec<_>>();
        parts.await.into_iter().flatten().collect()
    }
}
