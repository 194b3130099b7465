//! The built binary, from start to end, at its best and its worst.

#[cfg(test)]
mod it {
    mod chain;
    mod closed;
    mod crash;
    mod demo;
    mod folder;
    mod hostile;
    mod import;
    mod lake;
    mod lifecycle;
    mod readme;
    mod records;
    mod start_page;
    mod told;

    /// Says it even where the test passes, whose prints are kept back.
    pub(crate) fn say(text: &str) {
        use std::io::Write as _;
        writeln!(std::io::stdout(), "{text}").expect("an output");
    }

    /// An entity of type Bench with a number of seats.
    pub(crate) fn bench(id: u64, seats: u64) -> serde_json::Value {
        serde_json::json!({
            "id": format!("urn:ngsi-ld:Bench:{id}"),
            "type": "Bench",
            "seats": { "type": "Property", "value": seats },
        })
    }

    /// How many entities of type Bench there are.
    pub(crate) fn benches(http: &e2e::Http) -> u64 {
        let answer = http
            .get("/ngsi-ld/v1/entities?type=Bench&limit=0&count=true")
            .expect("an answer");
        let count = answer.header("ngsild-results-count");
        count
            .and_then(|text| text.parse().ok())
            .unwrap_or_else(|| panic!("{}", answer.text()))
    }
}
