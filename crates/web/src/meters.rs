//! What is counted of requests: how many, how long, by route and method.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use http::{Method, StatusCode};
use metrics::{Counter, Histogram};
use parking_lot::RwLock;

/// The counter of requests by method, route and class of status.
pub const REQUESTS: &str = "chorsu_http_requests_total";
/// The histogram of seconds by method and route.
pub const SECONDS: &str = "chorsu_http_request_seconds";

const METHODS: [&str; 6] = ["GET", "POST", "PATCH", "PUT", "DELETE", "other"];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// The meters of all routes. They are made at a route's first request, so that a request costs
/// a look-up and no allocation.
#[derive(Debug, Default)]
pub struct Meters {
    routes: RwLock<HashMap<String, Arc<RouteMeters>>>,
}

/// The meters of one route, by method.
#[derive(Debug, Default)]
struct RouteMeters([OnceLock<MethodMeters>; METHODS.len()]);

#[derive(Debug)]
struct MethodMeters {
    seconds: Histogram,
    /// Made when the first such answer is given, so that nobody reads lines of zeros.
    requests: [OnceLock<Counter>; CLASSES.len()],
}

impl Meters {
    /// Counts one request. `route` is a template such as `/entities/{id}`, so that there are as
    /// many as the program has routes.
    pub fn count(&self, route: &str, method: &Method, status: StatusCode, seconds: f64) {
        let known = self.routes.read().get(route).map(Arc::clone);
        let meters = known.unwrap_or_else(|| {
            Arc::clone(self.routes.write().entry(route.to_owned()).or_default())
        });
        let place = METHODS.iter().position(|m| *m == method.as_str());
        let place = place.unwrap_or(METHODS.len() - 1);
        let (Some(cell), Some(word)) = (meters.0.get(place), METHODS.get(place)) else {
            return;
        };
        let meters = cell.get_or_init(|| MethodMeters::new(route, word));
        meters.seconds.record(seconds);
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let (Some(cell), Some(class)) = (meters.requests.get(class), CLASSES.get(class)) {
            let make = || {
                let route = route.to_owned();
                metrics::counter!(REQUESTS, "method" => *word, "route" => route, "status" => *class)
            };
            cell.get_or_init(make).increment(1);
        }
    }
}

impl MethodMeters {
    fn new(route: &str, method: &'static str) -> Self {
        let route = route.to_owned();
        Self {
            seconds: metrics::histogram!(SECONDS, "method" => method, "route" => route),
            requests: Default::default(),
        }
    }
}
