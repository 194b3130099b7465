//! Which entities a temporal query is about [CIM-009 §5.7.4.4].

use base::Name;
use broker::BrokerError;
use ngsi::query::{Query as EntityQuery, ScopeExpr};
use ngsi::temporal::{Evolution, Head, Instance, Span, scope};
use ngsi::{AttributeValue, Entity};
use trust::Call;
use web::Page;

use super::asked::Asked;
use crate::error::Failure;
use crate::state::Api;

/// Heads read at once while looking for matches.
const CHUNK: usize = 256;
/// Instances of each series that a query is held against.
/// Limit: later ones of an entity that has more of them in the time asked for do not count.
pub(super) const MATCHED_MAX: usize = 100_000;

/// A temporal query.
#[derive(Debug)]
pub(super) struct Finder<'a> {
    pub(super) asked: &'a Asked,
    pub(super) selection: EntityQuery,
    pub(super) descending: bool,
    pub(super) page: Page,
    /// Those that other sources know of the time asked for.
    pub(super) elsewhere: Vec<Name>,
}

/// Entities found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Those of the page.
    pub(super) ids: Vec<Name>,
    /// Whether there are more after them.
    pub(super) more: bool,
    /// How many there are in all, if that was asked.
    pub(super) count: Option<u64>,
}

impl Finder<'_> {
    /// The entities of the page that was asked for.
    pub(super) async fn find(&self, api: &Api, call: &Call) -> Result<Found, Failure> {
        let end = self.page.offset.saturating_add(self.page.limit);
        let all = self.page.count || self.descending;
        let wanted = if all {
            usize::MAX
        } else {
            end.saturating_add(1)
        };
        let mut ids = self.matches(api, call, wanted).await?;
        if !self.elsewhere.is_empty() {
            ids.extend(self.elsewhere.iter().cloned());
            ids.sort_unstable();
            ids.dedup();
        }
        if self.descending {
            ids.reverse();
        }
        let count = if self.page.count {
            u64::try_from(ids.len()).ok()
        } else {
            None
        };
        let more = ids.len() > end;
        ids.truncate(end);
        ids.drain(..self.page.offset.min(ids.len()));
        Ok(Found { ids, more, count })
    }

    /// The first matches, by id.
    pub(super) async fn matches(
        &self,
        api: &Api,
        call: &Call,
        wanted: usize,
    ) -> Result<Vec<Name>, Failure> {
        let mut found = Vec::new();
        if let Some(ids) = self.selection.only_ids() {
            let mut ids: Vec<Name> = ids.into_iter().cloned().collect();
            ids.sort_unstable();
            ids.dedup();
            for id in ids {
                if found.len() < wanted && self.is_match(api, call, &id).await? {
                    found.push(id);
                }
            }
            return Ok(found);
        }
        let types: Vec<Name> = self
            .selection
            .only_types()
            .map(|types| types.into_iter().cloned().collect())
            .unwrap_or_default();
        let mut after: Option<Name> = None;
        loop {
            let heads = api
                .broker
                .heads(call, &types, after.as_deref(), CHUNK)
                .await?;
            let ended = heads.len() < CHUNK;
            after = heads.last().map(|head| head.id.clone());
            for head in heads {
                if found.len() == wanted {
                    return Ok(found);
                }
                if self.is_match(api, call, &head.id).await? {
                    found.push(head.id);
                }
            }
            if ended {
                return Ok(found);
            }
        }
    }

    /// Whether an entity has instances in the time asked for that are as the query says: those
    /// that it is held against and, of them, those that are to be shown.
    async fn is_match(&self, api: &Api, call: &Call, id: &Name) -> Result<bool, Failure> {
        let selection = &self.selection;
        let deep = selection.q.is_some() || selection.geo.is_some() || selection.scope.is_some();
        let span = Span {
            attributes: if deep {
                None
            } else {
                self.asked.span.attributes.clone()
            },
            limit: if deep { MATCHED_MAX } else { 1 },
            last: false,
            ..self.asked.span.clone()
        };
        let mut evolution = match api.broker.evolution(call, id, &span).await {
            Ok(evolution) => evolution,
            Err(BrokerError::EntityUnknown { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        if let Some(wanted) = &selection.scope {
            let history = api.broker.scope_history(call, id).await?;
            keep_in_scope(&mut evolution, &history, wanted, &span);
        }
        let unscoped = EntityQuery {
            scope: None,
            ..selection.clone()
        };
        let shown = |name: &Name, dataset_id: &Option<Name>| {
            self.asked
                .span
                .attributes
                .as_ref()
                .is_none_or(|names| names.contains(name))
                && self
                    .datasets()
                    .is_none_or(|datasets| datasets.contains(dataset_id))
        };
        let any = evolution
            .series
            .iter()
            .any(|series| shown(&series.name, &series.dataset_id));
        Ok(any && unscoped.matches(&all_at_once(evolution)))
    }

    fn datasets(&self) -> Option<&Vec<Option<Name>>> {
        self.asked.representation.datasets.as_ref()
    }
}

/// Leaves the instances of the times through which a scope that was asked for was valid
/// [CIM-009 §4.18, §5.7.4.4].
pub(super) fn keep_in_scope(
    evolution: &mut Evolution,
    history: &[Instance],
    wanted: &ScopeExpr,
    span: &Span,
) {
    let valid: Vec<_> = scope::validities(history, span)
        .into_iter()
        .filter(|v| v.meets(span) && wanted.matches(&scope::scopes(&v.instance.attribute)))
        .collect();
    for series in &mut evolution.series {
        series.instances.retain(|instance| {
            let moment = span.moment_of(&instance.attribute);
            valid.iter().any(|validity| validity.holds(moment))
        });
    }
    evolution
        .series
        .retain(|series| !series.instances.is_empty());
}

/// An evolution as one entity with all its instances, so that a query matches if any of them
/// does [CIM-009 §5.7.4.4].
fn all_at_once(evolution: Evolution) -> Entity {
    let Head {
        id,
        types,
        scope,
        created_at,
        modified_at,
        ..
    } = evolution.head;
    let instances = evolution
        .series
        .into_iter()
        .flat_map(|series| series.instances);
    Entity {
        id,
        types,
        scope,
        created_at,
        modified_at,
        expires_at: None,
        attributes: instances
            .map(|instance| instance.attribute)
            .filter(|attribute| !matches!(attribute.value, AttributeValue::Null))
            .collect(),
    }
}
