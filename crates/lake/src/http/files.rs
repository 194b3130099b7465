//! Over HTTP: which files count.

use std::sync::Arc;

use axum::Router;

use crate::Lake;

/// The routes.
pub(super) fn routes(_lake: Arc<Lake>) -> Router {
    Router::new()
}
