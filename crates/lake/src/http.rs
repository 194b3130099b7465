//! The lake over HTTP.

mod erasures;
mod files;
mod records;
mod retention;

use std::sync::Arc;

use axum::Router;

use crate::Lake;

/// The routes.
pub fn routes(lake: Arc<Lake>) -> Router {
    Router::new()
        .merge(files::routes(Arc::clone(&lake)))
        .merge(erasures::routes(Arc::clone(&lake)))
        .merge(records::routes(Arc::clone(&lake)))
        .merge(retention::routes(lake))
}
