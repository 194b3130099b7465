//! History as a table: what is read of it, and what need not be.

use base::Tenant;
use expect_test::expect;
use testkit::entity;

use crate::world::{Plan, Reading, within};

/// 2026-01-01.
const DAY_ONE: i64 = 1_767_225_600;

fn day(number: i64) -> Vec<Reading> {
    let start = DAY_ONE + number * 86_400;
    let number = i32::try_from(number).expect("a small number");
    let value = |sensor: i32| f64::from(number * 10 + sensor);
    vec![
        ("urn:s:1", "NO2", start, value(1)),
        ("urn:s:1", "NO2", start + 3_600, value(3)),
        ("urn:s:2", "NO2", start + 60, value(2)),
        ("urn:s:2", "PM10", start + 60, 100.0),
    ]
}

fn plan() -> Plan {
    let sensor = |id: &str, district: &str| {
        entity(id)
            .of("AirQualityObserved")
            .property("district", district)
            .build()
    };
    let mut plan = Plan::of([
        sensor("urn:s:1", "Chilonzor"),
        sensor("urn:s:2", "Yunusobod"),
    ]);
    let of = |number| (Tenant::default_tenant(), "AirQualityObserved", day(number));
    plan.files = (0..4).map(of).collect();
    let other = Tenant::new("other").expect("a tenant");
    plan.files.push((other, "AirQualityObserved", day(7)));
    plan
}

#[tokio::test]
async fn the_daily_mean_by_district_joins_history_with_entities() {
    let world = plan().build().await;
    let sql = "SELECT time_bucket('1 day', h.time) AS day, s.district, avg(h.number) AS mean, count(*) AS n
        FROM history h JOIN now.AirQualityObserved s ON s.id = h.entity
        WHERE h.attribute = 'NO2' AND h.time >= '2026-01-02' AND h.time < '2026-01-04'
        GROUP BY 1, 2 ORDER BY 1, 2";
    expect![[r"
        +----------------------+-----------+------+---+
        | day                  | district  | mean | n |
        +----------------------+-----------+------+---+
        | 2026-01-02T00:00:00Z | Chilonzor | 12.0 | 2 |
        | 2026-01-02T00:00:00Z | Yunusobod | 12.0 | 1 |
        | 2026-01-03T00:00:00Z | Chilonzor | 22.0 | 2 |
        | 2026-01-03T00:00:00Z | Yunusobod | 22.0 | 1 |
        +----------------------+-----------+------+---+"]]
    .assert_eq(&world.ask(sql).await);
}

#[tokio::test]
async fn a_tenant_sees_its_own_history_alone() {
    let world = plan().build().await;
    expect![[r"
        +----+----------------------+----------------------+
        | n  | first                | last                 |
        +----+----------------------+----------------------+
        | 16 | 2026-01-01T00:00:00Z | 2026-01-04T01:00:00Z |
        +----+----------------------+----------------------+"]]
    .assert_eq(
        &world
            .ask("SELECT count(*) n, min(time) first, max(time) last FROM history")
            .await,
    );
    let other = within("other");
    let asked = world.try_ask(&other, "SELECT count(*) n, min(time) first FROM history");
    expect![[r"
        +---+----------------------+
        | n | first                |
        +---+----------------------+
        | 4 | 2026-01-08T00:00:00Z |
        +---+----------------------+"]]
    .assert_eq(&asked.await.expect("an answer"));
}

#[tokio::test]
async fn files_that_cannot_have_a_row_are_not_opened() {
    let world = plan().build().await;
    for (filter, expected) in [
        ("true", 4),
        ("day = '2026-01-02'", 1),
        ("time >= '2026-01-03'", 2),
        ("time BETWEEN '2026-01-02' AND '2026-01-02 23:00:00'", 1),
        ("entity = 'urn:s:3'", 0),
        ("entity = 'urn:s:2'", 4),
        ("type = 'AirQualityObserved'", 4),
        ("type = 'Other'", 0),
        ("type_uri LIKE 'https://x%'", 0),
        (
            "number > 5 AND (day = '2026-01-01' OR time >= '2026-01-04')",
            2,
        ),
    ] {
        let sql = format!("EXPLAIN SELECT number FROM history WHERE {filter}");
        let plan = world.ask(&sql).await;
        let mut found: Vec<_> = plan.match_indices("history/").collect();
        found.dedup();
        assert_eq!(found.len(), expected, "{filter}\n{plan}");
    }
}

#[tokio::test]
async fn rows_of_a_predicate_are_the_same_as_without_files_left_out() {
    let world = plan().build().await;
    expect![[r"
        +---------+-----------+----------------------+--------+------------+
        | entity  | attribute | time                 | number | day        |
        +---------+-----------+----------------------+--------+------------+
        | urn:s:2 | NO2       | 2026-01-01T00:01:00Z | 2.0    | 2026-01-01 |
        | urn:s:2 | PM10      | 2026-01-01T00:01:00Z | 100.0  | 2026-01-01 |
        | urn:s:2 | NO2       | 2026-01-02T00:01:00Z | 12.0   | 2026-01-02 |
        | urn:s:2 | PM10      | 2026-01-02T00:01:00Z | 100.0  | 2026-01-02 |
        +---------+-----------+----------------------+--------+------------+"]].assert_eq(
        &world
            .ask("SELECT entity, attribute, time, number, day FROM history WHERE entity = 'urn:s:2' AND time < '2026-01-03' ORDER BY time, attribute")
            .await,
    );
    expect![[r"
        +----------------------+
        | time                 |
        +----------------------+
        | 2026-01-04T01:00:00Z |
        +----------------------+"]]
    .assert_eq(
        &world
            .ask("SELECT time FROM history ORDER BY time DESC LIMIT 1")
            .await,
    );
}

#[tokio::test]
async fn the_order_of_the_rows_of_a_file_spares_a_sort() {
    let world = plan().build().await;
    let plan = world
        .ask("EXPLAIN SELECT entity, attribute_uri, count(*) FROM history WHERE day = '2026-01-01' GROUP BY 1, 2 ORDER BY 1, 2")
        .await;
    assert!(!plan.contains("SortExec"), "{plan}");
}
