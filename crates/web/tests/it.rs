//! The kit from the outside: an app of a few routes, asked as a client would ask it.

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;
    use axum::Router;
    use axum::body::Body as HttpBody;
    use axum::http::{Request, Response, StatusCode};
    use axum::routing::{get, post};
    use base::Time;
    use http_body_util::BodyExt as _;
    use ports::{Clock, Entropy};
    use serde_json::Value;
    use tower::ServiceExt as _;
    use trust::{Denied, Operations, Principal};
    use web::{Arrived, Body, Caller, Guard, Kit, Problem, Query};

    /// Stands still; whoever waits for a moment has it at once.
    #[derive(Debug)]
    struct Still;

    #[async_trait]
    impl Clock for Still {
        fn now(&self) -> Time {
            Time(1_000_000)
        }
        async fn sleep_until(&self, _time: Time) {}
    }

    #[derive(Debug)]
    struct Zeros;

    impl Entropy for Zeros {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    /// Knows one token.
    #[derive(Debug)]
    struct OneToken;

    impl Guard for OneToken {
        fn identify(&self, bearer: Option<&str>, _now: Time) -> Result<Principal, Denied> {
            match bearer {
                None => Ok(Principal::Public),
                Some("good") => Ok(Principal::Token {
                    id: "a1".into(),
                    name: "feed".into(),
                    operations: Operations::ALL,
                }),
                Some(_) => Err(Denied::TokenRefused),
            }
        }
    }

    fn app() -> Router {
        let routes = Router::new()
            .route("/ngsi-ld/v1/entities", get(who).post(length))
            .route("/broken", post(broken))
            .route("/strict", get(strict));
        let kit = Kit::new(Arc::new(OneToken), Arc::new(Still), &Zeros, 30_000_000);
        web::app(routes, Arc::new(kit))
    }

    async fn who(Caller(call): Caller) -> String {
        format!(
            "{} in {} until {}",
            call.principal.label(),
            call.tenant,
            call.deadline
        )
    }

    async fn length(Body(body): Body) -> String {
        body.len().to_string()
    }

    async fn strict(query: Query) -> Result<&'static str, Problem> {
        query.allow(&["a"])?;
        Ok("fine")
    }

    async fn broken(axum::Extension(arrived): axum::Extension<Arrived>) -> String {
        panic!("a defect in request {}", arrived.request_id)
    }

    async fn ask(request: Request<HttpBody>) -> (StatusCode, Response<HttpBody>) {
        let response = app().oneshot(request).await.expect("infallible");
        (response.status(), response)
    }

    async fn text(response: Response<HttpBody>) -> String {
        let bytes = response
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes();
        String::from_utf8(bytes.to_vec()).expect("UTF-8")
    }

    async fn problem(response: Response<HttpBody>) -> (String, Value) {
        let media = response.headers()["content-type"]
            .to_str()
            .expect("ASCII")
            .to_owned();
        let body: Value = serde_json::from_str(&text(response).await).expect("JSON");
        assert_eq!(body["status"], body["status"].as_u64().expect("a number"));
        assert!(
            body["detail"]
                .as_str()
                .is_some_and(|detail| !detail.is_empty()),
            "{body}"
        );
        (media, body)
    }

    fn get_request(path: &str) -> Request<HttpBody> {
        Request::get(path)
            .body(HttpBody::empty())
            .expect("a request")
    }

    #[tokio::test]
    async fn a_handler_learns_who_asks_for_which_tenant_until_when() {
        let request = Request::get("/ngsi-ld/v1/entities")
            .header("Authorization", "Bearer good")
            .header("NGSILD-Tenant", "north")
            .body(HttpBody::empty())
            .expect("a request");
        let (status, response) = ask(request).await;
        assert_eq!(status, 200);
        assert_eq!(response.headers()["x-request-id"], "0000000000000000");
        assert_eq!(
            text(response).await,
            "a1 in north until 1970-01-01T00:00:31Z"
        );
    }

    #[tokio::test]
    async fn a_wrong_token_is_refused_where_somebody_asks_who_it_is() {
        let request = |path: &str| {
            let builder = Request::get(path).header("Authorization", "Bearer wrong");
            builder.body(HttpBody::empty()).expect("a request")
        };
        let (status, response) = ask(request("/ngsi-ld/v1/entities")).await;
        assert_eq!(status, 401);
        assert_eq!(
            response.headers()["www-authenticate"],
            "Bearer realm=\"chorsu\""
        );
        assert!(
            problem(response).await.1["detail"]
                .as_str()
                .expect("text")
                .contains("token")
        );
        assert_eq!(ask(request("/strict")).await.0, 200);
    }

    #[tokio::test]
    async fn a_slash_at_the_end_changes_nothing() {
        let (status, response) = ask(get_request("/ngsi-ld/v1/entities/?x=1")).await;
        assert_eq!(status, 200);
        assert!(text(response).await.starts_with("public in default"));
    }

    #[tokio::test]
    async fn no_route_a_wrong_method_and_a_panic_are_problems() {
        let (status, response) = ask(get_request("/nowhere")).await;
        assert_eq!(status, 404);
        assert_eq!(problem(response).await.0, "application/problem+json");

        let (status, response) = ask(get_request("/ngsi-ld/v1/nowhere/")).await;
        assert_eq!(status, 404);
        assert_eq!(problem(response).await.0, "application/json");

        for path in ["/ngsi-ld/v1/entities", "/ngsi-ld/v1/entities/"] {
            let request = Request::delete(path)
                .body(HttpBody::empty())
                .expect("a request");
            let (status, response) = ask(request).await;
            assert_eq!(status, 405);
            assert_eq!(response.headers()["allow"], "GET,HEAD,POST");
            problem(response).await;
        }

        let request = Request::post("/broken")
            .body(HttpBody::empty())
            .expect("a request");
        let (status, response) = ask(request).await;
        assert_eq!(status, 500);
        assert!(
            !problem(response)
                .await
                .1
                .to_string()
                .contains("a defect in")
        );
    }

    #[tokio::test]
    async fn a_path_that_is_no_text_is_a_problem() {
        let (status, response) = ask(get_request("/ngsi-ld/v1/%FF")).await;
        assert_eq!(status, 400);
        assert!(
            problem(response).await.1["detail"]
                .as_str()
                .expect("text")
                .contains("UTF-8")
        );
    }

    #[tokio::test]
    async fn an_unknown_parameter_is_named() {
        let (status, response) = ask(get_request("/strict?b=1")).await;
        assert_eq!(status, 400);
        assert!(
            problem(response).await.1["detail"]
                .as_str()
                .expect("text")
                .contains("'b'")
        );
    }

    #[tokio::test]
    async fn a_body_is_read_whole_and_bounded_in_size_length_and_time() {
        let post = |length: Option<&str>, body: HttpBody| {
            let mut builder = Request::post("/ngsi-ld/v1/entities");
            if let Some(length) = length {
                builder = builder.header("Content-Length", length);
            }
            builder.body(body).expect("a request")
        };
        let (status, response) = ask(post(Some("3"), HttpBody::from("abc"))).await;
        assert_eq!((status.as_u16(), text(response).await.as_str()), (200, "3"));
        assert_eq!(ask(post(None, HttpBody::from("abc"))).await.0, 411);
        assert_eq!(
            ask(post(Some("10485761"), HttpBody::from("abc"))).await.0,
            413
        );
        let lie = vec![b' '; 10 * 1024 * 1024 + 1];
        assert_eq!(ask(post(Some("3"), HttpBody::from(lie))).await.0, 413);
        let never = futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>();
        assert_eq!(
            ask(post(Some("3"), HttpBody::from_stream(never))).await.0,
            408
        );
    }
}
