//! How long what is kept, as an administrator meets it over HTTP.

use lake::records::Format;
use serde_json::{Value, json};

use super::records::kit::{Node, taps};

const DAY: i64 = 86_400;

async fn ask(node: &Node, how: (&str, &str), rights: &str, body: &Value) -> (u16, Value) {
    let body = match body {
        Value::Null => Vec::new(),
        body => body.to_string().into_bytes(),
    };
    let (status, said, _) = node.ask(how, rights, ("application/json", body)).await;
    (
        status.as_u16(),
        serde_json::from_slice(&said).unwrap_or_default(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policies_are_kept_by_administrators_and_read_with_the_right_to_history() {
    let node = Node::new().await;
    let one = "/history/retention/usual";
    let wire = json!({ "raw": "P60D", "steps": [{ "period": "PT1H", "keep": "forever" }] });
    for rights in ["read,write,history", "none"] {
        assert_eq!(ask(&node, ("PUT", one), rights, &wire).await.0, 403);
        assert_eq!(
            ask(&node, ("DELETE", one), rights, &Value::Null).await.0,
            403
        );
        for path in ["/history/retention/runs", "/history/retention/dry-run"] {
            assert_eq!(
                ask(&node, ("POST", path), rights, &Value::Null).await.0,
                403
            );
        }
    }
    assert_eq!(ask(&node, ("PUT", one), "administer", &wire).await.0, 201);
    assert_eq!(ask(&node, ("PUT", one), "administer", &wire).await.0, 204);
    assert_eq!(ask(&node, ("GET", one), "write", &Value::Null).await.0, 403);
    let (status, said) = ask(&node, ("GET", one), "history", &Value::Null).await;
    assert_eq!((status, said), (200, wire.clone()));
    let (_, all) = ask(
        &node,
        ("GET", "/history/retention"),
        "history",
        &Value::Null,
    )
    .await;
    assert_eq!(
        all,
        json!({ "policies": { "usual": wire }, "lastRun": null })
    );
    let twin = ("PUT", "/history/retention/other");
    let (status, said) = ask(&node, twin, "administer", &json!({ "raw": "P1D" })).await;
    assert!(
        status == 409
            && said["detail"]
                .as_str()
                .is_some_and(|text| text.contains("usual"))
    );
    let odd = ("PUT", "/history/retention/a%20b");
    assert_eq!(ask(&node, odd, "administer", &wire).await.0, 400);
    let wrong = json!({ "raw": "forever", "steps": [{ "period": "PT1H", "keep": "P1D" }] });
    let (status, said) = ask(&node, ("PUT", one), "administer", &wrong).await;
    assert!(
        status == 400
            && said["detail"]
                .as_str()
                .is_some_and(|text| text.contains("never come"))
    );
    let unknown = ("GET", "/history/retention?what=1");
    assert_eq!(ask(&node, unknown, "history", &Value::Null).await.0, 400);
    assert_eq!(
        ask(&node, ("DELETE", one), "administer", &Value::Null)
            .await
            .0,
        204
    );
    assert_eq!(
        ask(&node, ("DELETE", one), "administer", &Value::Null)
            .await
            .0,
        404
    );
    assert_eq!(
        ask(&node, ("GET", one), "history", &Value::Null).await.0,
        404
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_go_by_the_day_as_the_dry_run_said() {
    let node = Node::new().await;
    node.declare("taps", &taps()).await;
    let rows = "time,stop,fare\n2025-12-20T08:00:00Z,a,1\n2025-12-20T09:00:00Z,a,1\n2025-12-31T08:00:00Z,a,1\n";
    let (status, _) = node
        .bring("taps", "1", (Format::Csv, rows.as_bytes().to_vec()))
        .await;
    assert_eq!(status, 201);
    let wire = json!({ "table": "taps", "raw": "P7D" });
    let dry = ("POST", "/history/retention/dry-run");
    let (status, would) = ask(&node, dry, "administer", &wire).await;
    assert_eq!((status, &would["total"]["rows"]), (200, &json!(2)));
    assert_eq!(would["total"]["left"]["rows"], 1);
    let run = ("POST", "/history/retention/runs");
    let (status, nothing) = ask(&node, run, "administer", &Value::Null).await;
    assert_eq!((status, &nothing["total"]["rows"]), (200, &json!(0)));
    let put = ("PUT", "/history/retention/taps");
    assert_eq!(ask(&node, put, "administer", &wire).await.0, 201);
    let (status, did) = ask(&node, run, "administer", &Value::Null).await;
    assert_eq!((status, &did["total"]), (200, &would["total"]));
    let (_, all) = ask(
        &node,
        ("GET", "/history/retention"),
        "history",
        &Value::Null,
    )
    .await;
    assert_eq!(all["lastRun"], did);
    let (_, page, _) = node
        .ask(("GET", "/records/taps/rows"), "read", ("", Vec::new()))
        .await;
    let rows: Value = serde_json::from_slice(&page).expect("JSON");
    assert_eq!(rows.as_array().map(Vec::len), Some(1), "{rows}");
    node.clock.advance_seconds(30 * DAY);
    let node = node.restarted().await;
    let (status, _) = ask(&node, run, "administer", &Value::Null).await;
    assert!(
        status == 200 || status == 409,
        "the night's run may be under way"
    );
}
