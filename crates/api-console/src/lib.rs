//! What the console asks: the live stream, tiles, the city now, series, search.
//!
//! The heart is [the view](view): every entity with a location, in memory, kept by following the
//! log. A handler reads the request, asks whether the caller may, and answers from the view, from
//! the broker or from the watch. What is wrong becomes a [`web::Problem`].

mod ask;
mod basemap;
mod city;
mod entity;
mod error;
mod kept;
mod layers;
mod list;
mod live;
mod noted;
mod search;
mod series;
mod shapes;
mod state;
mod tile;
mod view;
mod watched;

use axum::Router;
use axum::routing::{get, post};

pub use noted::Noted;
pub use state::{ApiConsole, Basemap, City, CityState, Loading, Parts, STREAMS_MAX, Watching};
pub use watched::Watched;

/// The routes under `/console`, but those that load a city. The caller wraps them in
/// [`web::app()`].
pub fn routes(api: ApiConsole) -> Router {
    let console = Router::new()
        .route("/city", get(city::city))
        .route("/now", get(city::now))
        .route(
            "/attention/{id}/acknowledge",
            post(city::acknowledge).delete(city::unacknowledge),
        )
        .route("/live", get(live::live))
        .route("/layers", get(layers::layers))
        .route("/tiles/{layer}/{z}/{x}/{y}", get(tile::tile))
        .route("/entities/{id}", get(entity::entity))
        .route("/entities/{id}/series", get(series::series))
        .route("/list", get(list::list))
        .route("/search", get(search::search))
        .route("/basemap/{file}", get(basemap::file))
        .with_state(api);
    Router::new().nest("/console", console)
}
