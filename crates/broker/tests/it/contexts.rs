//! The contexts: from a folder, fetched and cached for all, hosted for one tenant.

use std::sync::Arc;

use base::{Kind, Name, Tenant};
use broker::contexts::{ContextError, ContextKind, Folder};
use http::StatusCode;
use ports::Clock as _;
use serde_json::json;
use store_memory::Fault;

use super::city::{City, full, tenant};

const URL: &str = "http://contexts.example/c.jsonld";
const DOCUMENT: &str = r#"{"@context": {"speed": "https://vehicles.example/speed"}}"#;

fn default() -> Tenant {
    Tenant::default_tenant()
}

#[tokio::test]
async fn a_fetched_context_is_cached_for_every_tenant_and_survives_a_restart() {
    let city = City::new();
    city.outbound.reply(URL, StatusCode::OK, DOCUMENT);
    let contexts = city.contexts(None);
    let context = contexts.link(&tenant("north"), URL).await.expect("fetched");
    let speed = context.expand_name("speed").expect("a term");
    assert_eq!(&*speed, "https://vehicles.example/speed");
    contexts.link(&default(), URL).await.expect("cached");
    let restarted = city.contexts(None);
    restarted
        .link(&tenant("south"), URL)
        .await
        .expect("from the store");
    assert_eq!(city.outbound.asked().len(), 1);
    let listed = restarted
        .list(&tenant("south"), Some(ContextKind::Cached))
        .await
        .expect("a list");
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].hits, 1);
}

#[tokio::test]
async fn a_context_that_cannot_be_had_is_unavailable_and_asked_for_again() {
    let city = City::new();
    let contexts = city.contexts(None);
    let gone = contexts.link(&default(), URL).await;
    assert_eq!(gone.map_err(|e| e.kind()).err(), Some(Kind::Unavailable));
    city.outbound.reply(URL, StatusCode::NOT_FOUND, "");
    let missing = contexts.link(&default(), URL).await;
    assert_eq!(missing.map_err(|e| e.kind()).err(), Some(Kind::Unavailable));
    city.outbound.reply(URL, StatusCode::OK, "no JSON");
    let nonsense = contexts.link(&default(), URL).await;
    assert_eq!(nonsense.map_err(|e| e.kind()).err(), Some(Kind::Invalid));
    city.outbound.reply(URL, StatusCode::OK, DOCUMENT);
    contexts.link(&default(), URL).await.expect("it can be had");
}

#[tokio::test]
async fn a_fetch_that_never_ends_is_given_up() {
    #[derive(Debug)]
    struct Silent;
    #[async_trait::async_trait]
    impl ports::Outbound for Silent {
        async fn send(
            &self,
            _request: ports::Request,
        ) -> Result<ports::Reply, ports::OutboundError> {
            std::future::pending().await
        }
    }
    let city = City::new();
    let contexts = broker::Contexts::new(
        Arc::<store_memory::Faulty>::clone(&city.store) as Arc<dyn ports::Store>,
        Arc::<testkit::StepClock>::clone(&city.clock),
        Arc::new(testkit::SeededEntropy::new(1)),
        Arc::new(Silent),
        None,
    );
    let north = default();
    let fetch = contexts.link(&north, URL);
    let time_passes = async {
        tokio::task::yield_now().await;
        city.clock.advance_seconds(6);
    };
    let (fetched, ()) = tokio::join!(fetch, time_passes);
    assert_eq!(fetched.map_err(|e| e.kind()).err(), Some(Kind::Unavailable));
    // Nobody else waits for it again, for a while: this would not return.
    let again = contexts.link(&north, URL).await;
    assert_eq!(again.map_err(|e| e.kind()).err(), Some(Kind::Unavailable));
}

#[tokio::test]
async fn uses_are_counted_by_document_until_it_is_deleted() {
    let city = City::new();
    let contexts = city.contexts(None);
    city.outbound.reply(URL, StatusCode::OK, DOCUMENT);
    contexts.link(&default(), URL).await.expect("fetched");
    let both = json!([URL, {"a": "https://vehicles.example/a"}]);
    contexts.value(&default(), &both).await.expect("cached");
    let hits = async |contexts: &broker::Contexts| {
        let record = contexts.get(&default(), URL).await.expect("it is here");
        (record.hits, record.last_usage)
    };
    assert_eq!(hits(&contexts).await, (2, Some(city.clock.now())));
    city.clock.advance_seconds(1);
    contexts.serve(&default(), URL).await.expect("it is here");
    assert_eq!(hits(&contexts).await, (3, Some(city.clock.now())));
    contexts
        .delete(&default(), URL, false)
        .await
        .expect("deleted");
    city.outbound.reply(URL, StatusCode::OK, DOCUMENT);
    contexts.link(&default(), URL).await.expect("fetched again");
    assert_eq!(hits(&contexts).await.0, 1);
}

#[tokio::test]
async fn a_hosted_context_belongs_to_its_tenant() {
    let city = City::new();
    let contexts = city.contexts(None);
    let (north, south) = (tenant("north"), tenant("south"));
    let document = serde_json::from_str(DOCUMENT).expect("JSON");
    let id = contexts
        .host(&north, document, ContextKind::Hosted)
        .await
        .expect("hosted");
    let url = format!("http://here/ngsi-ld/v1/jsonldContexts/{id}");
    let context = contexts.link(&north, &url).await.expect("its own");
    assert_eq!(
        context.expand_name("speed").ok(),
        Some(Name::from("https://vehicles.example/speed"))
    );
    contexts.get(&north, &url).await.expect("it can be had");
    let other = contexts.get(&south, &id).await;
    assert!(matches!(other, Err(ContextError::Unknown { .. })));
    contexts
        .link(&south, &url)
        .await
        .expect_err("it cannot be had");
    contexts
        .delete(&south, &id, false)
        .await
        .expect_err("it cannot be had");
    contexts.delete(&north, &id, false).await.expect("deleted");
    contexts
        .link(&north, &url)
        .await
        .expect_err("it cannot be had");
}

#[tokio::test]
async fn what_is_no_context_is_not_hosted() {
    let city = City::new();
    let contexts = city.contexts(None);
    let many: Vec<String> = (0..100).map(|n| format!("{URL}?{n}")).collect();
    for wrong in [
        json!({}),
        json!({"@context": 7}),
        json!({"@context": {"a": 7}}),
        json!({"@context": many}),
    ] {
        let refused = contexts
            .host(&default(), wrong.clone(), ContextKind::Hosted)
            .await;
        let kind = refused.map_err(|e| e.kind()).err();
        assert!(matches!(kind, Some(Kind::Invalid | Kind::Limit)), "{wrong}");
    }
    assert!(
        contexts
            .list(&default(), None)
            .await
            .expect("a list")
            .is_empty()
    );
    assert!(
        city.outbound.asked().is_empty(),
        "too many are not asked for"
    );
}

#[tokio::test]
async fn a_store_that_fails_hosts_nothing() {
    let city = City::new();
    let contexts = city.contexts(None);
    let document = serde_json::from_str(DOCUMENT).expect("JSON");
    city.store.inject(Fault::Commit(full()));
    let refused = contexts
        .host(&default(), document, ContextKind::Hosted)
        .await;
    assert_eq!(refused.map_err(|e| e.kind()), Err(Kind::Unavailable));
    assert!(
        contexts
            .list(&default(), None)
            .await
            .expect("a list")
            .is_empty()
    );
}

#[tokio::test]
async fn a_reload_changes_what_a_cached_context_says() {
    let city = City::new();
    let contexts = city.contexts(None);
    city.outbound.reply(URL, StatusCode::OK, DOCUMENT);
    contexts.link(&default(), URL).await.expect("fetched");
    let changed = r#"{"@context": {"speed": "https://vehicles.example/v2"}}"#;
    city.outbound.reply(URL, StatusCode::OK, changed);
    contexts
        .delete(&default(), URL, true)
        .await
        .expect("reloaded");
    let context = contexts.link(&default(), URL).await.expect("cached");
    let speed = context.expand_name("speed").expect("a term");
    assert_eq!(&*speed, "https://vehicles.example/v2");
    // A reload that fails leaves what was there, and is said to be the fault of the other side.
    city.outbound.reply(URL, StatusCode::OK, "no JSON");
    city.outbound
        .reply(URL, StatusCode::OK, r#"{"@context": 7}"#);
    for _ in 0..3 {
        let failed = contexts.delete(&default(), URL, true).await;
        assert_eq!(failed.map_err(|e| e.kind()), Err(Kind::Unavailable));
    }
    let nothing = contexts.delete(&default(), "unknown", true).await;
    assert_eq!(nothing.map_err(|e| e.kind()), Err(Kind::Invalid));
    let core = jsonld::CORE_URL;
    contexts.delete(&default(), core, true).await.expect("ours");
    contexts
        .delete(&default(), core, false)
        .await
        .expect_err("the core stays");
    contexts.link(&default(), URL).await.expect("it can be had");
}

#[tokio::test]
async fn a_folder_stands_in_the_place_of_the_network() {
    let folder = std::env::temp_dir().join(format!("chorsu-contexts-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let index = json!({ URL: "c.jsonld", "http://contexts.example/missing": "none" });
    std::fs::write(folder.join("index.json"), index.to_string()).expect("written");
    std::fs::write(folder.join("c.jsonld"), DOCUMENT).expect("written");
    let city = City::new();
    let contexts = city.contexts(Some(Folder::open(&folder).expect("an index")));
    contexts.link(&default(), URL).await.expect("it can be had");
    for url in [
        "http://contexts.example/missing",
        "http://elsewhere.example/c",
        "http://localhost:1@elsewhere.example/c",
    ] {
        contexts.link(&default(), url).await.expect_err(url);
    }
    assert!(city.outbound.asked().is_empty());
    city.outbound
        .reply("http://localhost:80/", StatusCode::OK, DOCUMENT);
    let own = contexts.link(&default(), "http://localhost:80/c").await;
    own.expect("the city's own machine is no internet");
    std::fs::remove_dir_all(&folder).expect("removed");
}
