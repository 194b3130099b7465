//! Random questions to a random world.

use base::Time;
use jsonld::Context;
use ngsi::query::{GeoQuery, Pattern, QExpr, QOptions, Query, ScopeExpr, Selector, TypeExpr};
use ngsi::temporal::{Bound, Span, TimeProperty};
use serde_json::json;

use super::{RandomWorld, TEXTS, TYPES};
use crate::name;

impl RandomWorld {
    /// A question to this world that often has an answer.
    pub fn query(&mut self, now: Time) -> Query {
        let mut query = Query {
            now,
            ..Query::default()
        };
        for _ in 0..=self.random.below(3) {
            match self.random.below(16) {
                0 => query.ids = (0..=self.random.below(4)).map(|_| self.id()).collect(),
                1 => {
                    query.id_pattern =
                        Pattern::parse("idPattern", self.random.word(&["1$", "^urn:t", "Ü"])).ok();
                }
                2..=4 => query.types = Some(self.types()),
                5 => {
                    query.attrs = (0..=self.random.below(2))
                        .map(|_| self.short_name())
                        .map(name)
                        .collect();
                }
                6 => {
                    query.scope = ScopeExpr::parse(
                        self.random
                            .word(&["/A/#", "/A/+", "/#", "(/A;/E)", "/A/B|/E"]),
                    )
                    .ok();
                }
                7..=9 => query.geo = self.geo(),
                10 => {
                    query.selectors = (0..=self.random.below(2))
                        .map(|_| self.selector())
                        .collect();
                }
                11 => {}
                _ => {
                    let q = self.condition(2);
                    let q = QExpr::parse(&q, QOptions::default(), &Context::core());
                    query.q = Some(q.expect("the world asks in valid q"));
                }
            }
        }
        query
    }

    /// A span near `now`.
    pub fn span(&mut self, now: Time) -> Span {
        let property = *self.random.pick(&[
            TimeProperty::ObservedAt,
            TimeProperty::ObservedAt,
            TimeProperty::CreatedAt,
            TimeProperty::ModifiedAt,
            TimeProperty::DeletedAt,
        ]);
        let limit = *self.random.pick(&[0, 1, 2, 5, usize::MAX]);
        let attributes = self.random.percent(30).then(|| {
            (0..=self.random.below(3))
                .map(|_| self.short_name())
                .map(name)
                .collect()
        });
        let from = self.bound(now);
        let until = self.bound(now);
        Span {
            attributes,
            property,
            from,
            until,
            limit,
            last: self.random.percent(50),
        }
    }

    fn bound(&mut self, now: Time) -> Option<Bound> {
        let time = now.plus_micros(self.random.between(-40, 10) * 500_000);
        let inclusive = self.random.percent(50);
        self.random.percent(50).then_some(Bound { time, inclusive })
    }

    fn geo(&mut self) -> Option<GeoQuery> {
        let reference = self.geometry().to_geojson();
        let metres = *self.random.pick(&[1, 5_000, 30_000, 3_000_000]);
        let georel = match self.random.below(9) {
            0..=2 => format!("near;maxDistance=={metres}"),
            3 => format!("near;minDistance=={metres}"),
            other => (*[
                "within",
                "contains",
                "intersects",
                "disjoint",
                "overlaps",
                "equals",
            ]
            .get(other - 4)
            .unwrap_or(&"equals"))
            .to_owned(),
        };
        let property = self.random.word(&["location", "location", "area"]);
        let geometry = reference.get("type")?.as_str()?;
        let coordinates = reference.get("coordinates")?;
        GeoQuery::parse(
            &georel,
            geometry,
            coordinates,
            Some(property),
            &Context::core(),
        )
        .ok()
    }

    fn types(&mut self) -> TypeExpr {
        let text = self.random.word(&[
            "Room",
            "House",
            "Room,Street",
            "(House;Public)",
            "(Room;Public)|Vehicle",
            "*",
            "Nothing",
        ]);
        TypeExpr::parse(text, &Context::core()).expect("the world asks for valid types")
    }

    fn selector(&mut self) -> Selector {
        let mut selector = Selector {
            types: Some(self.types()),
            ..Selector::default()
        };
        if self.random.percent(30) {
            selector.ids = (0..3).map(|_| self.id()).collect();
        }
        if self.random.percent(20) {
            selector.id_pattern = Pattern::parse("idPattern", "1").ok();
        }
        selector
    }

    /// The text of a random `q`.
    fn condition(&mut self, depth: usize) -> String {
        if depth > 0 && self.random.percent(45) {
            let operator = if self.random.percent(70) { ";" } else { "|" };
            let parts: Vec<String> = (0..2).map(|_| self.condition(depth - 1)).collect();
            let text = parts.join(operator);
            return if self.random.percent(50) {
                format!("({text})")
            } else {
                text
            };
        }
        let path = self.random.word(&[
            "temperature",
            "temperature",
            "level",
            "level",
            "label",
            "flag",
            "tags",
            "address[city]",
            "address[number]",
            "since",
            "note",
            "ref",
            "inside",
            "refs",
            "color",
            "color[en]",
            "color[*]",
            "raw[m1]",
            "category",
            "series",
            "level.detail",
            "level.observedAt",
            "modifiedAt",
            "location",
            "temperature.unitCode",
            "expiresAt",
            "id",
            "type",
            "scope",
            "level.datasetId",
        ]);
        match self.random.below(12) {
            0 => path.to_owned(),
            1 => format!("!{path}"),
            2 => format!("{path}~=\"{}\"", self.random.word(&["^a", "b$", "", "."])),
            3 => format!("{path}!~=\"^a\""),
            4 => {
                let (low, high) = (self.random.between(-3, 3), self.random.between(-3, 3));
                let operator = self.random.word(&["==", "!="]);
                format!("{path}{operator}{low}..{high}")
            }
            5 | 6 => {
                let operator = self.random.word(&[">", ">=", "<", "<="]);
                format!("{path}{operator}{}", self.comparable(path))
            }
            _ => {
                let operator = if self.random.percent(75) { "==" } else { "!=" };
                let values = (0..=self.random.below(2)).map(|_| self.literal(path));
                format!("{path}{operator}{}", values.collect::<Vec<_>>().join(","))
            }
        }
    }

    fn literal(&mut self, path: &str) -> String {
        match path {
            "flag" => if self.random.percent(50) {
                "true"
            } else {
                "false"
            }
            .to_owned(),
            "ref" | "refs" | "inside" => format!("\"urn:t:{}\"", self.random.below(6)),
            "category" => format!("https://example.org/c#{}", self.random.below(6)),
            "id" => format!("\"{}\"", self.id()),
            "type" => format!("\"{}\"", name(self.random.word(&TYPES))),
            _ => self.comparable(path),
        }
    }

    fn comparable(&mut self, path: &str) -> String {
        if matches!(
            path,
            "since" | "modifiedAt" | "expiresAt" | "level.observedAt"
        ) {
            return Time::from_seconds(self.random.between(0, 4) * 86_400).to_string();
        }
        let textual = path.starts_with("color")
            || matches!(path, "label" | "tags" | "address[city]" | "scope");
        if self.random.percent(if textual { 85 } else { 10 }) {
            json!(self.random.word(&TEXTS)).to_string()
        } else {
            self.number().to_string()
        }
    }
}
