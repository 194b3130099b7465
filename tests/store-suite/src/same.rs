//! Whether two stores answer alike.

use std::collections::BTreeSet;
use std::sync::Arc;

use base::{Name, Seq, Tenant, Time};
use ngsi::temporal::{Evolution, Samples, Series, Span};
use ngsi::{Attribute, Entity, Query};
use ports::{Change, Store, Versioned};
use testkit::RandomWorld;

/// What goes into a comparison: the store, the model, and words that say where a difference was met.
pub(crate) struct Pair<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) model: &'a dyn Store,
    pub(crate) place: String,
}

/// Attributes have no order: they are compared by name and dataset.
pub(crate) fn ordered(mut found: Versioned) -> Versioned {
    let mut entity = Entity::clone(&found.entity);
    entity.attributes.sort_by_key(Attribute::key);
    found.entity = Arc::new(entity);
    found
}

pub(crate) fn all_ordered(found: Vec<Versioned>) -> Vec<Versioned> {
    found.into_iter().map(ordered).collect()
}

pub(crate) async fn find_all(store: &dyn Store, tenant: &Tenant, query: &Query) -> Vec<Versioned> {
    all_ordered(
        store
            .find(tenant, query, None, usize::MAX)
            .await
            .expect("the store finds"),
    )
}

/// The pages of an answer, put together.
async fn find_paged(
    store: &dyn Store,
    tenant: &Tenant,
    query: &Query,
    limit: usize,
) -> Vec<Versioned> {
    let mut all: Vec<Versioned> = Vec::new();
    loop {
        let after = all.last().map(|found| found.entity.id.clone());
        let page = store.find(tenant, query, after.as_deref(), limit).await;
        let page = page.expect("the store finds");
        assert!(page.len() <= limit, "a page holds at most {limit}");
        if page.is_empty() {
            return all_ordered(all);
        }
        all.extend(page);
    }
}

impl Pair<'_> {
    /// Everything that can be asked without a question: entities, docs, heads, the log.
    pub(crate) async fn state(&self, tenants: &[Tenant], kinds: &[&str]) {
        let Self {
            store,
            model,
            place,
        } = self;
        assert_eq!(store.head(), model.head(), "head, {place}");
        let told = |tenants: Vec<Tenant>| tenants;
        let of_store = store
            .tenants()
            .await
            .map(told)
            .expect("the store tells tenants");
        assert_eq!(
            of_store,
            model.tenants().await.expect("tenants"),
            "tenants, {place}"
        );
        self.log().await;
        for tenant in tenants {
            let place = format!("tenant {tenant}, {place}");
            let everything = Query {
                now: Time::MIN,
                ..Query::default()
            };
            let expected = find_all(*model, tenant, &everything).await;
            let found = find_all(*store, tenant, &everything).await;
            assert_eq!(found, expected, "all entities, {place}");
            for one in &expected {
                let read = store
                    .read(tenant, &one.entity.id)
                    .await
                    .expect("the store reads");
                assert_eq!(read.map(ordered).as_ref(), Some(one), "read, {place}");
            }
            for kind in kinds {
                let docs = store
                    .docs(tenant, kind, None, usize::MAX)
                    .await
                    .expect("docs");
                let expected = model
                    .docs(tenant, kind, None, usize::MAX)
                    .await
                    .expect("docs");
                assert_eq!(docs, expected, "docs of {kind}, {place}");
            }
            let census = store.census(tenant).await.expect("the store counts");
            let expected = model.census(tenant).await.expect("the model counts");
            assert_eq!(census, expected, "census, {place}");
        }
    }

    async fn log(&self) {
        let plain = |changes: Vec<Change>| -> Vec<Change> { changes };
        let found = self.store.changes(Seq::ZERO, usize::MAX).await.map(plain);
        let expected = self.model.changes(Seq::ZERO, usize::MAX).await.map(plain);
        let (found, expected) = (found.expect("changes"), expected.expect("changes"));
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "change {}, {}", expected.seq, self.place);
        }
        assert_eq!(found.len(), expected.len(), "changes, {}", self.place);
    }

    /// A random question: the answer, its pages, its number; and that it is what `matches` says.
    pub(crate) async fn question(&self, world: &mut RandomWorld, now: Time) {
        let Self {
            store,
            model,
            place,
        } = self;
        let tenant = world.tenant();
        let query = world.query(now);
        let expected = find_all(*model, &tenant, &query).await;
        let limit = 1 + world.random.below(expected.len() + 2);
        let found = find_paged(*store, &tenant, &query, limit).await;
        let ids = |all: &[Versioned]| -> Vec<Name> {
            all.iter().map(|found| found.entity.id.clone()).collect()
        };
        assert_eq!(
            ids(&found),
            ids(&expected),
            "find by {limit}, {place}, {query:?}"
        );
        assert_eq!(found, expected, "find by {limit}, {place}, {query:?}");
        let count = store
            .count(&tenant, &query)
            .await
            .expect("the store counts");
        assert_eq!(count, expected.len() as u64, "count, {place}, {query:?}");
        let everything = Query {
            now: Time::MIN,
            ..Query::default()
        };
        let mut all = find_all(*store, &tenant, &everything).await;
        all.retain(|found| query.matches(&found.entity));
        assert_eq!(ids(&all), ids(&expected), "matches, {place}, {query:?}");
        self.expired(&tenant, now, world.random.below(6)).await;
    }

    /// What has expired, by when it did: those that expired at the same time may come in any order.
    async fn expired(&self, tenant: &Tenant, now: Time, limit: usize) {
        let mut ends = Vec::new();
        for store in [self.store, self.model] {
            let ids = store
                .expired(tenant, now, limit)
                .await
                .expect("the store tells expired");
            let mut times = Vec::new();
            for id in &ids {
                let found = self.model.read(tenant, id).await.expect("the model reads");
                let entity = found.expect("what has expired is there").entity;
                let attributes = entity.attributes.iter().map(|a| a.expires_at);
                times.push(attributes.chain([entity.expires_at]).flatten().min());
            }
            let different: BTreeSet<&Name> = ids.iter().collect();
            assert_eq!(
                different.len(),
                ids.len(),
                "expired ids are told once, {}",
                self.place
            );
            ends.push(times);
        }
        assert_eq!(
            ends.first(),
            ends.last(),
            "expired at {now} by {limit}, {}",
            self.place
        );
    }

    /// A random look into the past.
    pub(crate) async fn past(&self, world: &mut RandomWorld, now: Time) {
        let Self {
            store,
            model,
            place,
        } = self;
        let tenant = world.tenant();
        let id = world.id();
        for span in [world.span(now), Span::all(usize::MAX)] {
            let found = store
                .history(&tenant, &id, &span)
                .await
                .expect("the store has history");
            let expected = model.history(&tenant, &id, &span).await.expect("history");
            let samples = store.samples(&tenant, &id, &span).await.expect("samples");
            let all = expected.clone().map(|evolution| evolution.series);
            let counted = all.map(|all| all.into_iter().map(|s| Samples::of(s, &span)).collect());
            assert_eq!(samples, counted, "samples of {id}, {place}, {span:?}");
            same_past(
                found,
                expected,
                &format!("history of {id} of {tenant}, {place}, {span:?}"),
            );
        }
        let types: Vec<Name> = (0..world.random.below(3))
            .map(|_| testkit::name(world.random.word(&["Room", "House", "Added"])))
            .collect();
        let after = world.random.percent(50).then_some(id);
        let limit = world.random.below(12);
        let found = store
            .heads(&tenant, &types, after.as_deref(), limit)
            .await
            .expect("heads");
        let expected = model
            .heads(&tenant, &types, after.as_deref(), limit)
            .await
            .expect("heads");
        assert_eq!(
            found, expected,
            "heads of {types:?} after {after:?}, {place}"
        );
    }
}

/// Series by series, so that a difference is small enough to read.
fn same_past(found: Option<Evolution>, expected: Option<Evolution>, place: &str) {
    let parts = |evolution: Option<Evolution>| evolution.map(|e| (e.head, e.series)).unzip();
    let (head, series) = parts(found);
    let (expected_head, expected_series) = parts(expected);
    assert_eq!(head, expected_head, "{place}");
    let (series, expected) = (
        series.unwrap_or_default(),
        expected_series.unwrap_or_default(),
    );
    let keys = |all: &[Series]| -> Vec<(Name, Option<Name>)> {
        all.iter()
            .map(|s| (s.name.clone(), s.dataset_id.clone()))
            .collect()
    };
    assert_eq!(keys(&series), keys(&expected), "{place}");
    for (series, expected) in series.iter().zip(&expected) {
        assert_eq!(series, expected, "{place}");
    }
}
