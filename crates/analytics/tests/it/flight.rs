//! Questions over Arrow Flight SQL, with the client of Arrow itself.

use std::sync::Arc;

use analytics::flight::{Parts, listen};
use arrow::array::{AsArray as _, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow_flight::FlightInfo;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::sql::{CommandGetDbSchemas, CommandGetTables, SqlInfo};
use futures_util::TryStreamExt as _;
use testkit::entity;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

use crate::doors::Words;
use crate::world::{Plan, World};

type Client = FlightSqlServiceClient<Channel>;

async fn world() -> World {
    let rooms = (0..50).map(|n| {
        entity(&format!("urn:{n:02}"))
            .of("Room")
            .property("t", n)
            .build()
    });
    let mut plan = Plan::of(rooms);
    plan.closed = true;
    plan.build().await
}

async fn address(world: &World) -> String {
    let parts = Parts {
        desk: Arc::clone(&world.desk),
        guard: Arc::new(Words),
        tasks: world.tasks.clone(),
    };
    let address = listen("127.0.0.1:0".parse().expect("an address"), parts);
    format!("http://{}", address.await.expect("a port"))
}

async fn client(address: &str, token: &str) -> Client {
    let channel = Endpoint::new(address.to_owned()).expect("an address");
    let channel = channel.connect().await.expect("a connection");
    let inner = FlightServiceClient::new(channel);
    let mut client = Client::new_from_inner(inner);
    if !token.is_empty() {
        client.set_token(token.to_owned());
    }
    client
}

async fn fetch(client: &mut Client, info: FlightInfo) -> Result<Vec<RecordBatch>, String> {
    let ticket = info.endpoint[0].ticket.clone().expect("a ticket");
    let stream = client
        .do_get(ticket)
        .await
        .map_err(|error| error.to_string())?;
    stream
        .try_collect()
        .await
        .map_err(|error| error.to_string())
}

async fn number(client: &mut Client, sql: &str) -> i64 {
    let info = client
        .execute(sql.to_owned(), None)
        .await
        .expect("a ticket");
    let batches = fetch(client, info).await.expect("rows");
    batches[0].column(0).as_primitive::<Int64Type>().value(0)
}

#[tokio::test]
async fn a_token_is_a_bearer_or_a_password() {
    let world = world().await;
    let address = address(&world).await;
    let sql = "SELECT count(*) FROM now.Room";
    let mut bearer = client(&address, "read").await;
    assert_eq!(number(&mut bearer, sql).await, 50);
    let mut user = client(&address, "").await;
    let token = user.handshake("anna", "read").await.expect("a greeting");
    assert_eq!(&token[..], b"read");
    assert_eq!(number(&mut user, sql).await, 50);
    let mut nobody = client(&address, "").await;
    let refused = nobody
        .execute(sql.to_owned(), None)
        .await
        .expect_err("a refusal");
    assert!(refused.to_string().contains("authenticat"), "{refused}");
    nobody
        .handshake("anna", "wrong")
        .await
        .expect_err("a refusal");
    let mut writer = client(&address, "write").await;
    writer
        .execute(sql.to_owned(), None)
        .await
        .expect_err("a refusal");
    let mut historian = client(&address, "history").await;
    historian
        .execute(sql.to_owned(), None)
        .await
        .expect_err("a refusal");
}

#[tokio::test]
async fn a_ticket_is_of_the_caller_who_got_it() {
    let world = world().await;
    let address = address(&world).await;
    let mut anna = client(&address, "anna:read").await;
    let mut ben = client(&address, "ben:read").await;
    let info = anna
        .execute("SELECT 1".to_owned(), None)
        .await
        .expect("a ticket");
    let refused = fetch(&mut ben, info.clone()).await.expect_err("a refusal");
    assert!(refused.contains("unknown, closed or expired"), "{refused}");
    assert_eq!(fetch(&mut anna, info.clone()).await.expect("rows").len(), 1);
    world.clock.advance_seconds(3_600);
    fetch(&mut anna, info).await.expect_err("an expired ticket");
}

#[tokio::test]
async fn statements_are_prepared_with_their_parameters() {
    let world = world().await;
    let address = address(&world).await;
    let mut client = client(&address, "read").await;
    let sql = "SELECT count(*) AS n FROM now.Room WHERE t >= $1 AND t < $2";
    let mut statement = client
        .prepare(sql.to_owned(), None)
        .await
        .expect("a statement");
    let names = |schema: &Schema| -> Vec<String> {
        schema
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect()
    };
    assert_eq!(names(statement.dataset_schema().expect("a schema")), ["n"]);
    assert_eq!(
        names(statement.parameter_schema().expect("a schema")),
        ["$1", "$2"]
    );
    let schema = Schema::new(vec![
        Field::new("a", DataType::Int64, false),
        Field::new("b", DataType::Int64, false),
    ]);
    for (low, high) in [(10, 20), (0, 3)] {
        let columns = [low, high].map(|n| Arc::new(Int64Array::from(vec![n])) as _);
        let values = RecordBatch::try_new(Arc::new(schema.clone()), columns.to_vec());
        statement
            .set_parameters(values.expect("values"))
            .expect("bound");
        let info = statement.execute().await.expect("a ticket");
        let batches = fetch(&mut client, info).await.expect("rows");
        let n = batches[0].column(0).as_primitive::<Int64Type>().value(0);
        assert_eq!(n, high - low);
    }
    statement.close().await.expect("closed");
}

#[tokio::test]
async fn tools_find_catalog_schemas_tables_and_abilities() {
    let world = world().await;
    let address = address(&world).await;
    let mut client = client(&address, "read").await;
    let texts = |batches: &[RecordBatch], column: usize| -> Vec<String> {
        let rows = batches.iter().flat_map(|batch| {
            batch
                .column(column)
                .as_any()
                .downcast_ref::<StringArray>()
                .expect("texts")
                .iter()
        });
        rows.map(|text| text.unwrap_or("").to_owned()).collect()
    };
    let info = client.get_catalogs().await.expect("a ticket");
    assert_eq!(
        texts(&fetch(&mut client, info).await.expect("rows"), 0),
        ["city"]
    );
    let wish = CommandGetDbSchemas {
        catalog: None,
        db_schema_filter_pattern: None,
    };
    let info = client.get_db_schemas(wish).await.expect("a ticket");
    let schemas = texts(&fetch(&mut client, info).await.expect("rows"), 1);
    assert!(schemas.contains(&"now".to_owned()), "{schemas:?}");
    let wish = CommandGetTables {
        catalog: None,
        db_schema_filter_pattern: Some("now".to_owned()),
        table_name_filter_pattern: Some("Ro%".to_owned()),
        table_types: vec!["TABLE".to_owned()],
        include_schema: true,
    };
    let info = client.get_tables(wish).await.expect("a ticket");
    assert_eq!(
        texts(&fetch(&mut client, info).await.expect("rows"), 2),
        ["Room"]
    );
    let info = client.get_table_types().await.expect("a ticket");
    assert_eq!(
        texts(&fetch(&mut client, info).await.expect("rows"), 0),
        ["TABLE"]
    );
    let info = client
        .get_sql_info(vec![SqlInfo::FlightSqlServerName])
        .await
        .expect("a ticket");
    assert_eq!(
        fetch(&mut client, info).await.expect("rows")[0].num_rows(),
        1
    );
}

#[tokio::test]
async fn what_is_wrong_has_its_status_and_writes_are_refused() {
    let world = world().await;
    let address = address(&world).await;
    let mut client = client(&address, "administer").await;
    let error = client
        .execute("SELECT\n FROM WHERE".to_owned(), None)
        .await
        .expect_err("a refusal");
    assert!(error.to_string().contains("line 2"), "{error}");
    let error = client
        .execute("DELETE FROM entity".to_owned(), None)
        .await
        .expect_err("a refusal");
    assert!(error.to_string().contains("only SELECT"), "{error}");
    let error = client
        .execute_update("DELETE FROM entity".to_owned(), None)
        .await;
    let error = error.expect_err("a refusal").to_string();
    assert!(error.contains("asking only"), "{error}");
    assert!(
        error.contains(&format!("{:?}", Code::PermissionDenied)) || error.contains("permission"),
        "{error}"
    );
}

#[tokio::test]
async fn a_query_ends_when_its_reader_goes_away() {
    let world = world().await;
    let address = address(&world).await;
    let mut client = client(&address, "anna:administer").await;
    let sql = "SELECT a.value FROM generate_series(1, 3000000) a, generate_series(1, 3000000) b";
    let info = client
        .execute(sql.to_owned(), None)
        .await
        .expect("a ticket");
    let ticket = info.endpoint[0].ticket.clone().expect("a ticket");
    let mut rows = client.do_get(ticket).await.expect("a stream");
    rows.try_next().await.expect("rows").expect("a batch");
    drop(rows);
    let call = crate::world::within("");
    let states = || -> Vec<&'static str> {
        world
            .desk
            .list(&call)
            .iter()
            .map(|query| query.state)
            .collect()
    };
    for _ in 0..1_000_000 {
        if states() == ["cancelled"] {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{:?}", states());
}
