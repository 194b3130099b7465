//! Entities as tables.

use expect_test::expect;
use ngsi::{Attribute, AttributeValue, Uris};
use serde_json::json;
use testkit::{attribute, entity, name};

use crate::world::Plan;

fn plan() -> Plan {
    let of_day = |value: &str| {
        let mut attribute = Attribute::new(name("since"), AttributeValue::Property(json!(value)));
        attribute.value_type = Some(name("DateTime"));
        attribute
    };
    Plan::of([
        entity("urn:ngsi-ld:AirQualityObserved:1")
            .of("AirQualityObserved")
            .property("NO2", 12)
            .property("name", "Chorsu")
            .property("working", true)
            .relationship("refDistrict", "urn:ngsi-ld:District:1")
            .point("location", 69.23, 41.32)
            .with(of_day("2026-01-01T00:00:00Z"))
            .build(),
        entity("urn:ngsi-ld:AirQualityObserved:2")
            .of("AirQualityObserved")
            .property("NO2", 18.5)
            .property("name", json!(["a", "b"]))
            .property("working", false)
            .relationship("refDistrict", "urn:ngsi-ld:District:2")
            .with(of_day("2026-02-01T00:00:00Z"))
            .build(),
        entity("urn:ngsi-ld:District:1")
            .of("District")
            .property("name", "Shaykhontohur")
            .scope("/Tashkent")
            .build(),
        entity("urn:ngsi-ld:District:2")
            .of("District")
            .property("name", "Yunusobod")
            .build(),
    ])
}

#[tokio::test]
async fn all_entities_are_one_table() {
    let world = plan().build().await;
    expect![[r#"
        +----------------------------------+--------------------+----------------------+-------------+-----------+----------+----------------------------------------------+
        | id                               | type               | types                | scope       | longitude | latitude | location                                     |
        +----------------------------------+--------------------+----------------------+-------------+-----------+----------+----------------------------------------------+
        | urn:ngsi-ld:AirQualityObserved:1 | AirQualityObserved | [AirQualityObserved] | []          | 69.23     | 41.32    | {"type":"Point","coordinates":[69.23,41.32]} |
        | urn:ngsi-ld:AirQualityObserved:2 | AirQualityObserved | [AirQualityObserved] | []          |           |          |                                              |
        | urn:ngsi-ld:District:1           | District           | [District]           | [/Tashkent] |           |          |                                              |
        | urn:ngsi-ld:District:2           | District           | [District]           | []          |           |          |                                              |
        +----------------------------------+--------------------+----------------------+-------------+-----------+----------+----------------------------------------------+"#]].assert_eq(
        &world
            .ask("SELECT id, type, types, scope, longitude, latitude, location FROM entity ORDER BY id")
            .await,
    );
    expect![[r"
        +------+-------+--------------+
        | no2  | twice | kind         |
        +------+-------+--------------+
        | 12   | 24.0  | Relationship |
        | 18.5 | 37.0  | Relationship |
        +------+-------+--------------+"]].assert_eq(
        &world
            .ask("SELECT attribute(attributes, 'NO2') no2, attribute_number(attributes, 'NO2') * 2 twice, attribute(attributes, 'refDistrict', 'type') kind FROM entity WHERE type = 'AirQualityObserved'")
            .await,
    );
}

#[tokio::test]
async fn a_type_is_a_table_with_exact_columns_found_whatever_the_case() {
    let world = plan().build().await;
    expect![[r#"
        +----------------------------------+----------------------+----------------------+-------------+-----------+----------+------+----------------------------------------------+-----------+------------------------+----------------------+---------+
        | id                               | created_at           | modified_at          | observed_at | longitude | latitude | NO2  | location                                     | name      | refDistrict            | since                | working |
        +----------------------------------+----------------------+----------------------+-------------+-----------+----------+------+----------------------------------------------+-----------+------------------------+----------------------+---------+
        | urn:ngsi-ld:AirQualityObserved:1 | 1970-01-01T00:00:00Z | 1970-01-01T00:00:00Z |             | 69.23     | 41.32    | 12.0 | {"type":"Point","coordinates":[69.23,41.32]} | "Chorsu"  | urn:ngsi-ld:District:1 | 2026-01-01T00:00:00Z | true    |
        | urn:ngsi-ld:AirQualityObserved:2 | 1970-01-01T00:00:00Z | 1970-01-01T00:00:00Z |             |           |          | 18.5 |                                              | ["a","b"] | urn:ngsi-ld:District:2 | 2026-02-01T00:00:00Z | false   |
        +----------------------------------+----------------------+----------------------+-------------+-----------+----------+------+----------------------------------------------+-----------+------------------------+----------------------+---------+"#]].assert_eq(&world.ask("SELECT * FROM now.AirQualityObserved").await);
    expect![[r#"
        +------+-----------+---------------+
        | NO2  | name      | DistrictName  |
        +------+-----------+---------------+
        | 12.0 | "Chorsu"  | Shaykhontohur |
        | 18.5 | ["a","b"] | Yunusobod     |
        +------+-----------+---------------+"#]].assert_eq(
        &world
            .ask("select a.No2, A.NAME, D.name as DistrictName from NOW.airqualityobserved a join now.district d on d.ID = a.refdistrict order by districtname")
            .await,
    );
    expect![[r#"
        +-------------+----------------------+-------------+
        | column_name | data_type            | is_nullable |
        +-------------+----------------------+-------------+
        | id          | Utf8View             | NO          |
        | created_at  | Timestamp(µs, "UTC") | NO          |
        | modified_at | Timestamp(µs, "UTC") | NO          |
        | observed_at | Timestamp(µs, "UTC") | YES         |
        | longitude   | Float64              | YES         |
        | latitude    | Float64              | YES         |
        | NO2         | Float64              | YES         |
        | location    | Utf8View             | YES         |
        | name        | Utf8View             | YES         |
        | refDistrict | Utf8View             | YES         |
        | since       | Timestamp(µs, "UTC") | YES         |
        | working     | Boolean              | YES         |
        +-------------+----------------------+-------------+"#]]
    .assert_eq(&world.ask("DESCRIBE now.airqualityobserved").await);
}

#[tokio::test]
async fn shared_queries_and_aliases_are_found_whatever_the_case() {
    let world = plan().build().await;
    expect![[r"
        +---------+-------+
        | MeanNO2 | more  |
        +---------+-------+
        | 15.25   | 16.25 |
        +---------+-------+"]].assert_eq(
        &world
            .ask("WITH Daily AS (SELECT avg(no2) AS MeanNO2 FROM now.airqualityobserved) SELECT daily.meanno2, MEANNO2 + 1 AS more FROM daily")
            .await,
    );
}

#[tokio::test]
async fn two_spellings_that_differ_only_in_case_are_told_apart_by_quotes() {
    let world = Plan::of([entity("urn:a")
        .of("Room")
        .property("Temp", 1)
        .property("temp", 2)
        .build()])
    .build()
    .await;
    expect![[r#"the column 'TEMP' may be "Temp" or "temp": write it in quotes"#]].assert_eq(
        &world
            .refusal("SELECT\n  TEMP FROM now.room")
            .await
            .to_string(),
    );
    assert_eq!(
        world
            .refusal("SELECT\n  TEMP FROM now.room")
            .await
            .position(),
        Some((2, 3))
    );
    expect![[r"
        +------+------+-----+
        | temp | Temp | t   |
        +------+------+-----+
        | 2.0  | 1.0  | 1.0 |
        +------+------+-----+"]]
    .assert_eq(
        &world
            .ask("SELECT temp, Temp, \"Temp\" AS t FROM now.Room")
            .await,
    );
}

#[tokio::test]
async fn types_of_one_short_name_are_named_whole() {
    let with = |id: &str, class: &str| {
        let mut entity = entity(id).build();
        entity.types = vec![class.into()];
        entity
    };
    let world = Plan::of([
        with("urn:a", "https://one.org/Building"),
        with("urn:b", "https://two.org/Building"),
    ])
    .build()
    .await;
    expect!["there is no table 'now.Building': several types are called so, name one whole and in quotes: https://one.org/Building, https://two.org/Building"].assert_eq(
        &world
            .refusal("SELECT id FROM now.Building")
            .await
            .to_string(),
    );
    expect![[r"
        +-------+
        | id    |
        +-------+
        | urn:b |
        +-------+"]]
    .assert_eq(
        &world
            .ask("SELECT id FROM now.\"https://two.org/Building\"")
            .await,
    );
}

#[tokio::test]
async fn what_is_not_there_is_said_with_what_may_be_meant() {
    let world = plan().build().await;
    for (sql, expected) in [
        (
            "SELECT * FROM AirQualityObserved",
            expect![[
                r#"there is no table 'AirQualityObserved': did you mean now."AirQualityObserved"?"#
            ]],
        ),
        (
            "SELECT no3 FROM now.AirQualityObserved",
            expect![
                "there is no column 'no3'; there are: id, created_at, modified_at, observed_at, longitude, latitude, NO2, location, name, refDistrict, since, working"
            ],
        ),
        (
            "SELECT 1 FROM nowhere.x",
            expect!["there is no schema 'nowhere': there are public, now and records"],
        ),
        ("SELECT 1 +", expect!["Expected: an expression, found: EOF"]),
        (
            "SELECT CAST(name AS DOUBLE) FROM now.District",
            expect!["Cannot cast string 'Shaykhontohur' to value of Float64 type"],
        ),
    ] {
        expected.assert_eq(&world.refusal(sql).await.to_string());
    }
}

#[tokio::test]
async fn a_thousand_pages_are_read_one_by_one() {
    let many = (0..2_500).map(|n| {
        entity(&format!("urn:r:{n:05}"))
            .of("Room")
            .property("n", n)
            .build()
    });
    let world = Plan::of(many).build().await;
    expect![[r"
        +------+-----------+-------------+
        | n    | s         | last        |
        +------+-----------+-------------+
        | 2500 | 3123750.0 | urn:r:02499 |
        +------+-----------+-------------+"]]
    .assert_eq(
        &world
            .ask("SELECT count(*) n, sum(n) s, max(id) last FROM now.Room")
            .await,
    );
    expect![[r"
        +-------------+
        | id          |
        +-------------+
        | urn:r:00007 |
        | urn:r:02400 |
        +-------------+"]]
    .assert_eq(
        &world
            .ask("SELECT id FROM entity WHERE id IN ('urn:r:00007', 'urn:r:02400', 'urn:none')")
            .await,
    );
    expect![[r"
        +----------+
        | count(*) |
        +----------+
        | 0        |
        +----------+"]]
    .assert_eq(
        &world
            .ask("SELECT count(*) FROM entity WHERE type = 'Nothing'")
            .await,
    );
}

#[tokio::test]
async fn values_of_many_kinds_are_json() {
    let vocab = attribute("status", AttributeValue::Vocab(Uris::One(name("parked"))));
    let world = Plan::of([
        entity("urn:a").of("X").property("v", 1).with(vocab).build(),
        entity("urn:b").of("X").property("v", "one").build(),
        entity("urn:c")
            .of("X")
            .property("v", json!({"a": [1]}))
            .build(),
    ])
    .build()
    .await;
    expect![[r#"
        +-------+-----------+--------+
        | id    | v         | status |
        +-------+-----------+--------+
        | urn:a | 1         | parked |
        | urn:b | "one"     |        |
        | urn:c | {"a":[1]} |        |
        +-------+-----------+--------+"#]]
    .assert_eq(&world.ask("SELECT id, v, status FROM now.X").await);
}
