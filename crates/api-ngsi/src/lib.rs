//! The HTTP binding of NGSI-LD, one file a resource [CIM-009 §6].
//!
//! A handler is always the same three steps: read the request into the model's words, ask the
//! broker, write the answer. What is wrong becomes a [`web::Problem`].

mod answer;
mod attributes;
mod batch;
mod carried;
mod contexts;
mod deliveries;
mod discovery;
mod elsewhere;
mod entities;
mod entity;
mod entity_maps;
mod error;
mod events;
mod explain;
mod identity;
mod outcome;
mod parameters;
mod payload;
mod preferences;
mod provision;
mod registration_subscriptions;
mod registrations;
mod snapshots;
mod state;
mod subscriptions;
mod temporal;
mod temporal_query;
mod write;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, patch, post};

pub use state::Api;

/// The routes of `/ngsi-ld/v1`, and those beside it that the standard knows nothing of. The caller wraps them in [`web::app()`].
pub fn routes(api: Api) -> Router {
    let v1 = Router::new()
        .merge(current())
        .merge(over_time())
        .merge(sources())
        .merge(subscriptions())
        .merge(entity_maps())
        .merge(snapshots())
        .route("/types", get(discovery::types))
        .route("/types/{name}", get(discovery::one_type))
        .route("/attributes", get(discovery::attributes))
        .route("/attributes/{name}", get(discovery::one_attribute))
        .route("/jsonldContexts", get(contexts::list).post(contexts::add))
        .route(
            "/jsonldContexts/{id}",
            get(contexts::serve).delete(contexts::remove),
        )
        .route("/info/sourceIdentity", get(identity::source))
        .layer(from_fn_with_state(api.clone(), snapshots::enter))
        .with_state(api.clone());
    Router::new()
        .nest("/ngsi-ld/v1", v1)
        .merge(told().with_state(api.clone()))
        .merge(explained().with_state(api.clone()))
        .merge(deliveries().with_state(api))
}

/// What became of a query at other sources.
fn explained() -> Router<Api> {
    Router::new().route("/federation/explain", post(explain::explain))
}

/// What other sources tell this node.
fn told() -> Router<Api> {
    Router::new().route(federation::carried::PATH, post(carried::notify))
}

/// What was frozen.
fn snapshots() -> Router<Api> {
    Router::new()
        .route(
            "/snapshots",
            post(snapshots::create).delete(snapshots::purge),
        )
        .route(
            "/snapshots/{id}",
            get(snapshots::retrieve)
                .patch(snapshots::update)
                .delete(snapshots::remove),
        )
        .route("/snapshots/{id}/clone", post(snapshots::copy))
}

/// Which entities are pinned.
fn entity_maps() -> Router<Api> {
    Router::new()
        .route("/entityMaps", get(entity_maps::create))
        .route("/temporal/entityMaps", get(temporal_query::entity_map))
        .route(
            "/entityMaps/{id}",
            get(entity_maps::retrieve)
                .patch(entity_maps::update)
                .delete(entity_maps::remove),
        )
}

/// How notifications fare.
fn deliveries() -> Router<Api> {
    Router::new()
        .route("/subscriptions/{id}/deliveries", get(deliveries::report))
        .route(
            "/subscriptions/{id}/deliveries/replay",
            post(deliveries::replay),
        )
        .route(
            "/subscriptions/{id}/deliveries/dead",
            delete(deliveries::discard),
        )
        .route(
            "/subscriptions/{id}/deliveries/dead/{letter}",
            get(deliveries::dead_letter),
        )
        .route("/subscriptions/{id}/events", get(events::listen))
}

/// What is now.
fn current() -> Router<Api> {
    Router::new()
        .route(
            "/entities",
            get(entities::query)
                .post(provision::create)
                .delete(provision::purge)
                .put(provision::no_id)
                .patch(provision::no_id),
        )
        .route(
            "/entities/{id}",
            get(entity::retrieve)
                .put(provision::replace)
                .patch(provision::merge)
                .delete(provision::remove),
        )
        .route(
            "/entities/{id}/attrs",
            post(attributes::append).patch(attributes::update),
        )
        .route(
            "/entities/{id}/attrs/{name}",
            patch(attributes::update_one)
                .put(attributes::replace_one)
                .delete(attributes::remove_one),
        )
        .route("/entityOperations/create", post(batch::create))
        .route("/entityOperations/upsert", post(batch::upsert))
        .route("/entityOperations/update", post(batch::update))
        .route("/entityOperations/merge", post(batch::merge))
        .route("/entityOperations/delete", post(batch::remove))
        .route("/entityOperations/query", post(entities::query_by_post))
}

/// What was.
fn over_time() -> Router<Api> {
    Router::new()
        .route(
            "/temporal/entities",
            get(temporal_query::query).post(temporal::add),
        )
        .route(
            "/temporal/entities/{id}",
            get(temporal_query::retrieve).delete(temporal::remove),
        )
        .route(
            "/temporal/entities/{id}/attrs",
            post(temporal::add_attributes),
        )
        .route(
            "/temporal/entities/{id}/attrs/{name}",
            delete(temporal::remove_attribute),
        )
        .route(
            "/temporal/entities/{id}/attrs/{name}/{instance}",
            patch(temporal::update_instance).delete(temporal::remove_instance),
        )
        .route(
            "/temporal/entityOperations/query",
            post(temporal_query::query_by_post),
        )
}

/// Who is told of what.
fn subscriptions() -> Router<Api> {
    Router::new()
        .route(
            "/subscriptions",
            get(subscriptions::list).post(subscriptions::create),
        )
        .route(
            "/subscriptions/{id}",
            get(subscriptions::retrieve)
                .patch(subscriptions::update)
                .delete(subscriptions::remove),
        )
}

/// Other sources, and who is told of them.
fn sources() -> Router<Api> {
    Router::new()
        .route(
            "/csourceRegistrations",
            get(registrations::query).post(registrations::create),
        )
        .route(
            "/csourceRegistrations/{id}",
            get(registrations::retrieve)
                .patch(registrations::update)
                .delete(registrations::remove),
        )
        .route(
            "/csourceSubscriptions",
            get(registration_subscriptions::query).post(registration_subscriptions::create),
        )
        .route(
            "/csourceSubscriptions/{id}",
            get(registration_subscriptions::retrieve)
                .patch(registration_subscriptions::update)
                .delete(registration_subscriptions::remove),
        )
}
