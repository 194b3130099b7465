//! What holds whatever comes.

use proptest::prelude::*;

use super::kit::{Node, pushed};

fn payload() -> impl Strategy<Value = Vec<u8>> {
    let good = (0_u32..60, any::<f64>()).prop_map(|(second, value)| {
        let value = serde_json::json!(value);
        format!(r#"{{"t":"2026-01-01T00:00:{second:02}Z","pm25":{value}}}"#)
    });
    let array = proptest::collection::vec(
        prop_oneof![good.clone(), Just("{}".to_owned()), Just("[1]".to_owned())],
        0..5,
    );
    prop_oneof![
        good.prop_map(String::into_bytes),
        array
            .clone()
            .prop_map(|items| format!("[{}]", items.join(",")).into_bytes()),
        array.prop_map(|items| items.join("\n").into_bytes()),
        proptest::collection::vec(any::<u8>(), 0..80),
        "[\\[\\]{}\":,a-z0-9 \\n]{0,40}".prop_map(String::into_bytes),
    ]
}

const FORMATS: [&str; 5] = ["json", "csv", "geojson", "gtfs-rt", "ngsi"];

fn definition(format: &str) -> String {
    let line = format!("kind = \"push\"\nformat = \"{format}\"");
    if matches!(format, "gtfs-rt" | "ngsi") {
        return format!("[source]\n{line}");
    }
    pushed().replace("kind = \"push\"", &line)
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(48)
    })]

    #[test]
    fn every_record_is_accepted_or_refused_with_a_reason(payloads in proptest::collection::vec(payload(), 1..8)) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let node = Node::new().await;
            for format in FORMATS {
                node.feed(format, &definition(format)).await;
                let (mut received, mut accepted, mut refused) = (0, 0, 0);
                for payload in &payloads {
                    let receipt = node.push(format, "city/air/1", payload.clone()).await;
                    assert_eq!(receipt.received, receipt.accepted + receipt.refused);
                    assert_eq!(receipt.refused == 0, receipt.refusals.is_empty());
                    assert!(receipt.refusals.iter().all(|refused| !refused.reason.is_empty()));
                    received += receipt.received;
                    accepted += receipt.accepted;
                    refused += receipt.refused;
                }
                let health = node.health(format);
                assert_eq!((health.received, health.accepted, health.refused), (received, accepted, refused));
            }
        });
    }
}
