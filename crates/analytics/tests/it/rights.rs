//! Who may ask what, and that nothing but asking is possible.

use base::{Kind, Tenant};
use expect_test::expect;
use testkit::entity;
use trust::Operation;

use crate::world::{Plan, holder, within};

fn plan() -> Plan {
    let mut plan = Plan::of([entity("urn:a").of("Room").property("t", 1).build()]);
    let other = Tenant::new("other").expect("a tenant");
    plan.entities.push((
        other,
        entity("urn:secret").of("Vault").property("code", 7).build(),
    ));
    plan
}

#[tokio::test]
async fn a_token_opens_the_tables_of_what_it_allows() {
    let mut plan = plan();
    plan.closed = true;
    let world = plan.build().await;
    let kind = async |operations: &[Operation], sql: &str| {
        let asked = world.try_ask(&holder(operations), sql).await;
        asked.err().map(|error| error.kind())
    };
    let (entities, history) = (
        "SELECT count(*) FROM now.Room",
        "SELECT count(*) FROM history",
    );
    assert_eq!(kind(&[Operation::Read], entities).await, None);
    assert_eq!(
        kind(&[Operation::Read], history).await,
        Some(Kind::Forbidden)
    );
    assert_eq!(kind(&[Operation::History], history).await, None);
    assert_eq!(
        kind(&[Operation::History], entities).await,
        Some(Kind::Forbidden)
    );
    assert_eq!(
        kind(&[Operation::Write], "SELECT * FROM entity").await,
        Some(Kind::Forbidden)
    );
    let tables = world.analytics.tables(&holder(&[Operation::History])).await;
    let tables: Vec<_> = tables
        .expect("tables")
        .into_iter()
        .map(|table| table.name)
        .collect();
    assert!(tables.contains(&"history".to_owned()) && !tables.contains(&"entity".to_owned()));
}

#[tokio::test]
async fn nothing_of_another_tenant_is_named_anywhere() {
    let world = plan().build().await;
    for sql in [
        "SHOW TABLES",
        "SELECT * FROM information_schema.columns",
        "SELECT * FROM information_schema.Tables",
        "SELECT * FROM information_schema.schemata",
        "SELECT * FROM information_schema.views",
        "SELECT * FROM entity",
    ] {
        let table = world.ask(sql).await;
        assert!(
            table.contains("city") || table.contains("urn:a"),
            "{sql}\n{table}"
        );
        assert!(
            !table.contains("Vault") && !table.contains("other"),
            "{sql}\n{table}"
        );
    }
    let other = within("other");
    let theirs = world.try_ask(
        &other,
        "SELECT TABLE_NAME FROM information_schema.tables WHERE table_schema = 'now'",
    );
    expect![[r"
        +------------+
        | table_name |
        +------------+
        | Vault      |
        +------------+"]]
    .assert_eq(&theirs.await.expect("an answer"));
    let kind = world
        .try_ask(&within("nobody"), "SELECT 1")
        .await
        .map_err(|error| error.kind());
    assert_eq!(kind, Err(Kind::NotFound));
}

#[tokio::test]
async fn whatever_is_no_question_is_refused() {
    let world = plan().build().await;
    for sql in [
        "CREATE TABLE t AS SELECT 1",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "CREATE VIEW v AS SELECT 1",
        "CREATE FUNCTION f() RETURNS INT RETURN 1",
        "DROP TABLE entity",
        "INSERT INTO entity VALUES (1)",
        "UPDATE entity SET id = 'x'",
        "DELETE FROM entity",
        "COPY entity TO '/tmp/x.parquet'",
        "COPY (SELECT 1) TO '/tmp/x.csv'",
        "EXPLAIN COPY entity TO '/tmp/x.parquet'",
        "EXPLAIN ANALYZE INSERT INTO entity VALUES (1)",
        "SET datafusion.execution.batch_size = 1",
        "RESET datafusion.execution.batch_size",
        "SHOW ALL",
        "SHOW datafusion.runtime.temp_directory",
        "PREPARE p AS SELECT 1",
        "EXECUTE p",
        "DEALLOCATE p",
        "BEGIN",
        "COMMIT",
        "TRUNCATE TABLE entity",
        "USE x",
        "ANALYZE TABLE entity",
        "SELECT * INTO t FROM entity",
        "WITH x AS (INSERT INTO entity VALUES (1)) SELECT 1",
    ] {
        let kind = world.refusal(sql).await.kind();
        assert!(
            matches!(kind, Kind::Forbidden | Kind::Invalid | Kind::Unsupported),
            "{sql}: {kind}"
        );
    }
}

#[tokio::test]
async fn no_file_and_no_address_is_read() {
    let world = plan().build().await;
    for sql in [
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM \"/etc/passwd\"",
        "SELECT * FROM \"file:///etc/passwd\"",
        "SELECT * FROM '/tmp/x.parquet'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_parquet('/etc/passwd')",
        "SELECT * FROM parquet_metadata('/etc/passwd')",
        "SELECT * FROM \"http://127.0.0.1/\"",
        "SELECT * FROM information_schema.df_settings",
        "SELECT * FROM city.information_schema.df_settings",
        "SELECT read_file('/etc/passwd')",
    ] {
        let kind = world.refusal(sql).await.kind();
        assert_eq!(kind, Kind::Invalid, "{sql}");
    }
}

#[tokio::test]
async fn text_in_a_parameter_stays_a_text() {
    use analytics::Options;
    use datafusion::common::{ParamValues, ScalarValue};
    use futures_util::TryStreamExt as _;
    let world = plan().build().await;
    let evil = "x' OR '1'='1";
    let value = ScalarValue::Utf8(Some(evil.to_owned()));
    let options = Options {
        parameters: Some(ParamValues::from(vec![value])),
        micros_max: None,
    };
    let sql = "SELECT id FROM entity WHERE id = $1";
    let answer = world
        .analytics
        .query(&within(""), sql, options)
        .await
        .expect("an answer");
    let rows: Vec<_> = answer.stream.try_collect().await.expect("rows");
    assert!(rows.is_empty());
    let prepared = world
        .analytics
        .prepare(&within(""), sql, None)
        .await
        .expect("prepared");
    let names: Vec<_> = prepared
        .parameters
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["$1"]);
    assert_eq!(world.refusal(sql).await.kind(), Kind::Invalid);
}
