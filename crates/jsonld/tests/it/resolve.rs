//! Contexts that include remote documents.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use jsonld::{Context, Error, Resolution};
use serde_json::{Value, json};

/// Loads what is needed from a pretended web until the context is finished.
fn resolve(
    value: &Value,
    web: &[(&str, Value)],
) -> Result<(Arc<Context>, Vec<Vec<String>>), Error> {
    let mut loaded: HashMap<String, Arc<Value>> = HashMap::new();
    let mut rounds = Vec::new();
    loop {
        match Context::resolve(value, &|url| loaded.get(url).cloned())? {
            Resolution::Ready(context) => return Ok((context, rounds)),
            Resolution::Needs(urls) => {
                for url in &urls {
                    let (_, document) = web
                        .iter()
                        .find(|(at, _)| at == url)
                        .unwrap_or_else(|| panic!("no {url}"));
                    loaded.insert(url.clone(), Arc::new(document.clone()));
                }
                rounds.push(urls);
            }
        }
    }
}

#[test]
fn remote_documents_are_asked_for_in_rounds() {
    let web = [
        (
            "https://a.org/1/all.jsonld",
            json!({"@context": ["./part.jsonld", "/2/other.jsonld", {"ex": "urn:late:"}]}),
        ),
        (
            "https://a.org/1/part.jsonld",
            json!({"@context": {"ex": "urn:early:", "speed": "ex:speed"}}),
        ),
        (
            "https://a.org/2/other.jsonld",
            json!({"@context": {"speed": "ex:other", "fuel": "ex:fuel"}}),
        ),
    ];
    let value = json!(["https://a.org/1/all.jsonld", {"level": "ex:level"}]);
    let (context, rounds) = resolve(&value, &web).unwrap();
    assert_eq!(
        rounds,
        [
            vec!["https://a.org/1/all.jsonld"],
            vec![
                "https://a.org/1/part.jsonld",
                "https://a.org/2/other.jsonld"
            ]
        ]
    );
    assert_eq!(context.expand_term("speed").unwrap(), "urn:early:other");
    assert_eq!(context.expand_term("fuel").unwrap(), "urn:early:fuel");
    assert_eq!(context.expand_term("level").unwrap(), "urn:late:level");
}

#[test]
fn core_contexts_need_no_loading() {
    let asked = RefCell::new(Vec::new());
    let value = json!({"@context": ["https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.6.jsonld", "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-non-existing.jsonld"]});
    let found = Context::resolve(&value, &|url| {
        asked.borrow_mut().push(url.to_owned());
        None
    });
    let Ok(Resolution::Needs(urls)) = found else {
        panic!("{found:?}")
    };
    assert_eq!(
        urls,
        ["https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-non-existing.jsonld"]
    );
    assert_eq!(asked.into_inner(), urls);
}

#[test]
fn an_imported_context_stands_beneath_the_map_that_imports_it() {
    let web = [(
        "https://a.org/base.jsonld",
        json!({"@context": {"a": "urn:base:a", "b": "urn:base:b"}}),
    )];
    let (context, _) = resolve(
        &json!({"@import": "https://a.org/base.jsonld", "b": "urn:own:b"}),
        &web,
    )
    .unwrap();
    assert_eq!(context.expand_term("a").unwrap(), "urn:base:a");
    assert_eq!(context.expand_term("b").unwrap(), "urn:own:b");
}

#[test]
fn a_cycle_of_documents_is_refused() {
    let web = [
        ("https://a.org/1", json!({"@context": "https://a.org/2"})),
        ("https://a.org/2", json!({"@context": ["https://a.org/1"]})),
    ];
    assert_eq!(
        resolve(&json!("https://a.org/1"), &web).unwrap_err(),
        Error::Cycle("https://a.org/1".to_owned())
    );
}

#[test]
fn a_document_may_be_included_twice_side_by_side() {
    let web = [(
        "https://a.org/1",
        json!({"@context": {"@protected": true, "a": "urn:x:a"}}),
    )];
    let (context, rounds) = resolve(&json!(["https://a.org/1", "https://a.org/1"]), &web).unwrap();
    assert_eq!(rounds.len(), 1);
    assert_eq!(context.expand_term("a").unwrap(), "urn:x:a");
}

#[test]
fn a_fault_in_a_remote_document_says_where() {
    let web = [("https://a.org/1", json!({"note": "no context member here"}))];
    let fault = resolve(&json!("https://a.org/1"), &web).unwrap_err();
    assert_eq!(fault.kind(), base::Kind::Invalid);
    assert_eq!(
        fault.to_string(),
        r#"in the remote @context https://a.org/1: the document is no JSON-LD context: give it an "@context" member at the top"#
    );
}

#[test]
fn wide_and_deep_inclusions_reach_a_limit() {
    let endless = |url: &str| {
        let count: usize = url.trim_start_matches("https://a.org/").parse().unwrap();
        Some(Arc::new(
            json!({"@context": format!("https://a.org/{}", count + 1)}),
        ))
    };
    let fault = Context::resolve(&json!("https://a.org/0"), &endless).unwrap_err();
    assert_eq!(
        (fault.kind(), root(fault)),
        (base::Kind::Limit, Error::Depth)
    );
    let doubling = |url: &str| {
        let count: usize = url.trim_start_matches("https://a.org/").parse().unwrap();
        let next = format!("https://a.org/{}", count + 1);
        Some(Arc::new(if count < 6 {
            json!({"@context": [next.clone(), next]})
        } else {
            json!({"@context": {}})
        }))
    };
    let fault = Context::resolve(&json!("https://a.org/0"), &doubling).unwrap_err();
    assert_eq!(root(fault), Error::Documents);
    let many: Vec<Value> = (0..300)
        .map(|n| json!({format!("t{n}"): "urn:x:y"}))
        .collect();
    assert_eq!(
        Context::resolve(&json!(many), &|_| None).unwrap_err(),
        Error::Parts
    );
    let deep = (0..60).fold(json!({}), |inner, _| json!([inner]));
    assert_eq!(
        Context::resolve(&deep, &|_| None).unwrap_err(),
        Error::Depth
    );
}

fn root(fault: Error) -> Error {
    match fault {
        Error::Remote { source, .. } => root(*source),
        fault => fault,
    }
}
