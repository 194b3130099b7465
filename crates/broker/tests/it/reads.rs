//! The reads: pages, counts, order, links.

use broker::reads::{Found, Page};
use jsonld::Context;
use ngsi::query::{OrderBy, Query};
use serde_json::json;

use super::city::{City, anybody, create};

async fn filled() -> City {
    let city = City::new();
    let commands = (0..25).map(|n| {
        let id = format!("urn:a:{n:02}");
        let next = format!("urn:a:{:02}", n + 1);
        create(json!({"id": id, "type": "T", "n": (n * 7) % 25,
            "next": {"type": "Relationship", "object": next}}))
    });
    for done in city.all(commands.collect()).await {
        done.expect("created");
    }
    city
}

async fn ask(city: &City, query: &Query, order: Option<&str>, page: Page) -> Found {
    let order = order.map(|text| {
        OrderBy::parse(text, None, None, &Context::core()).expect("the test gives an order")
    });
    let found = city
        .broker
        .query(&anybody(), query, order.as_ref(), &page)
        .await;
    found.expect("answered")
}

fn ids(found: &Found) -> Vec<&str> {
    found.entities.iter().map(|e| &*e.id).collect()
}

#[tokio::test]
async fn pages_put_together_are_the_whole_and_the_last_says_so() {
    let city = filled().await;
    let query = testkit::of_type("T");
    let mut all = Vec::new();
    for offset in (0..25).step_by(10) {
        let page = Page {
            offset,
            limit: 10,
            count: true,
        };
        let found = ask(&city, &query, None, page).await;
        assert_eq!(found.count, Some(25));
        assert_eq!(found.more, offset + 10 < 25);
        all.extend(found.entities.iter().map(|e| e.id.to_string()));
    }
    let expected: Vec<String> = (0..25).map(|n| format!("urn:a:{n:02}")).collect();
    assert_eq!(all, expected);
}

#[tokio::test]
async fn a_page_of_nothing_still_counts_and_one_far_out_is_empty() {
    let city = filled().await;
    let query = testkit::q("n<5");
    let counted = Page {
        offset: 0,
        limit: 0,
        count: true,
    };
    let found = ask(&city, &query, None, counted).await;
    assert_eq!((found.entities.len(), found.count), (0, Some(5)));
    let far = Page {
        offset: usize::MAX,
        limit: 10,
        count: false,
    };
    let found = ask(&city, &query, None, far.clone()).await;
    assert!(found.entities.is_empty() && !found.more);
    let found = ask(&city, &query, Some("n"), far).await;
    assert!(found.entities.is_empty() && !found.more);
}

#[tokio::test]
async fn an_order_holds_over_pages() {
    let city = filled().await;
    let query = testkit::of_type("T");
    let page = |offset| Page {
        offset,
        limit: 3,
        count: false,
    };
    let found = ask(&city, &query, Some("n"), page(0)).await;
    assert_eq!(ids(&found), ["urn:a:00", "urn:a:18", "urn:a:11"]);
    assert!(found.more);
    let found = ask(&city, &query, Some("n;desc"), page(0)).await;
    assert_eq!(ids(&found), ["urn:a:07", "urn:a:14", "urn:a:21"]);
    let found = ask(&city, &query, Some("n"), page(24)).await;
    assert_eq!((ids(&found), found.more), (vec!["urn:a:07"], false));
}

#[tokio::test]
async fn links_are_followed_so_far_and_no_further() {
    let city = filled().await;
    let start = city.get("urn:a:00").await.expect("there");
    let end = city.get("urn:a:24").await.expect("there");
    let call = anybody();
    let linked = city.broker.linked(&call, &[start], 3).await;
    let mut linked: Vec<_> = linked.expect("read").into_keys().collect();
    linked.sort();
    assert_eq!(linked, ["urn:a:01", "urn:a:02", "urn:a:03"]);
    let nowhere = city.broker.linked(&call, &[end], 3).await;
    assert!(nowhere.expect("read").is_empty());
}

#[tokio::test]
async fn a_question_about_linked_entities_is_answered_from_them() {
    let city = filled().await;
    // n of urn:a:03 is 21, so that urn:a:02 leads to it.
    let page = Page {
        offset: 0,
        limit: 10,
        count: true,
    };
    let found = ask(&city, &testkit::q("next{n}==21"), None, page).await;
    assert_eq!((ids(&found), found.count), (vec!["urn:a:02"], Some(1)));
}
