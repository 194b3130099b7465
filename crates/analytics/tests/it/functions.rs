//! The functions, each with its values.

use expect_test::{Expect, expect};
use testkit::entity;

use crate::world::{Plan, World};

async fn world() -> World {
    Plan::of([entity("urn:a").of("A").build()]).build().await
}

async fn check(cases: impl IntoIterator<Item = (&str, Expect)>) {
    let world = world().await;
    for (sql, expected) in cases {
        expected.assert_eq(&world.ask(sql).await);
    }
}

#[tokio::test]
async fn places_are_measured_and_compared() {
    const SQUARE: &str = "'POLYGON((69 41, 70 41, 70 42, 69 42, 69 41))'";
    let within = format!(
        "SELECT within(point(69.2, 41.3), {SQUARE}) a, within('POINT(71 41)', {SQUARE}) b, intersects('LINESTRING(68 41.5, 71 41.5)', {SQUARE}) c, within(NULL, {SQUARE}) d"
    );
    check([
        ("SELECT round(distance_m(69.24, 41.31, 69.25, 41.31)) a, round(distance_m(point(69.24, 41.31), '{\"type\":\"Point\",\"coordinates\":[69.25,41.31]}')) b, distance_m(NULL, 1, 2, 3) c", expect![[r"
            +-------+-------+---+
            | a     | b     | c |
            +-------+-------+---+
            | 835.0 | 835.0 |   |
            +-------+-------+---+"]]),
        (&within, expect![[r"
            +------+-------+------+---+
            | a    | b     | c    | d |
            +------+-------+------+---+
            | true | false | true |   |
            +------+-------+------+---+"]]),
        ("SELECT longitude('POINT(1 2)') a, latitude(point(1, 2)) b", expect![[r"
            +-----+-----+
            | a   | b   |
            +-----+-----+
            | 1.0 | 2.0 |
            +-----+-----+"]]),
        ("SELECT within('nonsense', 'POINT(1 1)')", expect![[r#"Invalid { reason: "'nonsense' is no geometry: write it as GeoJSON or as POLYGON ((…))", position: None }"#]]),
        ("SELECT point(200, 0)", expect![[r#"Invalid { reason: "200, 0 is no place: longitude goes to 180, latitude to 90", position: None }"#]]),
        ("SELECT distance_m('a')", expect![[r#"Invalid { reason: "Execution error: Function 'distance_m' user-defined coercion failed with: Error during planning: distance_m is called as distance_m(number, number, number, number) or distance_m(text, text). No function matches the given name and argument types 'distance_m(Utf8)'. You might need to add explicit type casts.\n\tCandidate functions:\n\tdistance_m(UserDefined)", position: None }"#]]),
    ])
    .await;
}

#[tokio::test]
async fn cells_of_h3_are_numbers_and_texts() {
    check([
        ("SELECT h3_cell(69.24, 41.31, 9) c, h3_text(h3_cell(69.24, 41.31, 9)) t, h3_parent(h3_cell(69.24, 41.31, 9), 5) = h3_cell(69.24, 41.31, 5) p, h3_resolution(h3_text(h3_cell(69.24, 41.31, 7))) r", expect![[r"
            +--------------------+-----------------+------+---+
            | c                  | t               | p    | r |
            +--------------------+-----------------+------+---+
            | 617567449741787135 | 8920a52d2b3ffff | true | 7 |
            +--------------------+-----------------+------+---+"]]),
        ("SELECT intersects(point(69.24, 41.31), h3_boundary(h3_cell(69.24, 41.31, 9))) b", expect![[r"
            +------+
            | b    |
            +------+
            | true |
            +------+"]]),
        ("SELECT h3_cell(0, 0, 16)", expect![[r#"Invalid { reason: "16 is no resolution of H3: they go from 0 to 15", position: None }"#]]),
        ("SELECT h3_parent(5, 1)", expect![[r#"Invalid { reason: "5 is no cell of H3", position: None }"#]]),
    ])
    .await;
}

#[tokio::test]
async fn buckets_of_time_follow_the_calendar_of_a_zone() {
    check([
        ("SELECT time_bucket('15 minutes', '2026-03-04T10:44:59Z') a, time_bucket(INTERVAL '1 day', TIMESTAMP '2026-03-04 10:44:59') b, time_bucket('7 days', '2026-03-04T10:00:00Z') c, time_bucket('1 month', '2026-03-04T10:00:00Z') d, time_bucket('3 months', '2026-06-04T10:00:00Z') e", expect![[r"
            +----------------------+----------------------+----------------------+----------------------+----------------------+
            | a                    | b                    | c                    | d                    | e                    |
            +----------------------+----------------------+----------------------+----------------------+----------------------+
            | 2026-03-04T10:30:00Z | 2026-03-04T00:00:00Z | 2026-03-02T00:00:00Z | 2026-03-01T00:00:00Z | 2026-04-01T00:00:00Z |
            +----------------------+----------------------+----------------------+----------------------+----------------------+"]]),
        ("SELECT time_bucket('1 day', '2026-03-04T20:00:00Z', 'Asia/Tashkent') a, time_bucket('1 month', '2026-02-28T20:00:00Z', 'Asia/Tashkent') b, time_bucket('30 minutes', '2026-03-04T20:44:00Z', 'Asia/Kathmandu') c, time_bucket('1 day', '2026-03-29T12:00:00Z', 'Europe/Madrid') d", expect![[r"
            +----------------------+----------------------+----------------------+----------------------+
            | a                    | b                    | c                    | d                    |
            +----------------------+----------------------+----------------------+----------------------+
            | 2026-03-04T19:00:00Z | 2026-02-28T19:00:00Z | 2026-03-04T20:15:00Z | 2026-03-28T23:00:00Z |
            +----------------------+----------------------+----------------------+----------------------+"]]),
        ("SELECT bucket FROM buckets('2026-03-28T10:00:00Z', '2026-03-31T00:00:00Z', '1 day', 'Europe/Madrid')", expect![[r"
            +----------------------+
            | bucket               |
            +----------------------+
            | 2026-03-27T23:00:00Z |
            | 2026-03-28T23:00:00Z |
            | 2026-03-29T22:00:00Z |
            | 2026-03-30T22:00:00Z |
            +----------------------+"]]),
        ("SELECT count(*) n, min(bucket) a, max(bucket) b FROM buckets(TIMESTAMP '2026-01-01', '2026-02-01', INTERVAL '1 hour')", expect![[r"
            +-----+----------------------+----------------------+
            | n   | a                    | b                    |
            +-----+----------------------+----------------------+
            | 744 | 2026-01-01T00:00:00Z | 2026-01-31T23:00:00Z |
            +-----+----------------------+----------------------+"]]),
        ("SELECT * FROM buckets('2026-01-01', '2027-01-01', '1 microsecond')", expect![[r#"Invalid { reason: "there would be more than 5000000 buckets", position: None }"#]]),
    ])
    .await;
}

#[tokio::test]
async fn now_is_one_moment_of_a_query() {
    check([(
        "SELECT now() > '2020-01-01' AS later, now() = now() AS same, time_bucket('1 day', now()) <= now() AS begun",
        expect![[r"
            +-------+------+-------+
            | later | same | begun |
            +-------+------+-------+
            | true  | true | true  |
            +-------+------+-------+"]],
    )])
    .await;
}

#[tokio::test]
async fn gaps_are_filled() {
    check([(
        "WITH v(t, x) AS (VALUES ('2026-01-01T01:00:00Z', 10), ('2026-01-01T03:00:00Z', 40))
         SELECT b.bucket, v.x, locf(v.x) OVER (ORDER BY b.bucket) carried,
                interpolate(v.x, b.bucket) OVER (ORDER BY b.bucket) drawn,
                interpolate(v.x) OVER (ORDER BY b.bucket) by_row
         FROM buckets('2026-01-01', '2026-01-01T05:00:00Z', '1 hour') b
         LEFT JOIN v ON CAST(v.t AS TIMESTAMP) = b.bucket ORDER BY 1",
        expect![[r"
            +----------------------+----+---------+-------+--------+
            | bucket               | x  | carried | drawn | by_row |
            +----------------------+----+---------+-------+--------+
            | 2026-01-01T00:00:00Z |    |         |       |        |
            | 2026-01-01T01:00:00Z | 10 | 10      | 10.0  | 10.0   |
            | 2026-01-01T02:00:00Z |    | 10      | 25.0  | 25.0   |
            | 2026-01-01T03:00:00Z | 40 | 40      | 40.0  | 40.0   |
            | 2026-01-01T04:00:00Z |    | 40      |       |        |
            +----------------------+----+---------+-------+--------+"]],
    )])
    .await;
}
