//! The commands of Flight SQL. What is asked for and what is fetched go separate ways: the first
//! gives a ticket, the second the rows.

use std::pin::Pin;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_server::FlightService;
use arrow_flight::sql::server::{FlightSqlService, PeekableFlightDataStream};
use arrow_flight::sql::{
    ActionCancelQueryRequest, ActionCancelQueryResult, ActionClosePreparedStatementRequest,
    ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult, CommandGetCatalogs,
    CommandGetCrossReference, CommandGetDbSchemas, CommandGetExportedKeys, CommandGetImportedKeys,
    CommandGetPrimaryKeys, CommandGetSqlInfo, CommandGetTableTypes, CommandGetTables,
    CommandGetXdbcTypeInfo, CommandPreparedStatementQuery, CommandPreparedStatementUpdate,
    CommandStatementIngest, CommandStatementQuery, CommandStatementUpdate,
    DoPutPreparedStatementResult, ProstMessageExt, SqlInfo, TicketStatementQuery,
};
use arrow_flight::{
    Action, FlightData, FlightDescriptor, FlightEndpoint, FlightInfo, HandshakeRequest,
    HandshakeResponse, Ticket,
};
use futures_util::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use prost::Message as _;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};
use trust::Call;
use web::Guard;

use crate::flight::auth::Gate;
use crate::flight::plans::{Plan, Plans};
use crate::flight::{actions, info, keys, status};
use crate::formats::plain;
use crate::running::{Desk, QueryError, Wish};

/// The stream of an answer.
pub(super) type Rows = Pin<Box<dyn Stream<Item = Result<FlightData, Status>> + Send>>;
type Greeting = Pin<Box<dyn Stream<Item = Result<HandshakeResponse, Status>> + Send>>;

/// The service.
pub(super) struct Service {
    pub(super) desk: Arc<Desk>,
    pub(super) plans: Plans,
    gate: Gate,
}

impl Service {
    pub(super) fn new(desk: Arc<Desk>, guard: Arc<dyn Guard>) -> Self {
        let clock = Arc::clone(&desk.parts.clock);
        let entropy = Arc::clone(&desk.parts.entropy);
        Self {
            plans: Plans::new(Arc::clone(&clock), entropy),
            gate: Gate { guard, clock },
            desk,
        }
    }

    /// Who asks, once it is known that the caller may ask anything at all.
    pub(super) async fn call(&self, metadata: &MetadataMap) -> Result<Call, Status> {
        let call = self.gate.call(metadata)?;
        self.desk.admit(&call).await?;
        Ok(call)
    }

    /// A ticket for a question, and the columns that its answer will have.
    async fn ticket(
        &self,
        call: &Call,
        plan: Plan,
        descriptor: FlightDescriptor,
    ) -> Result<Response<FlightInfo>, Status> {
        let parameters = plan.parameters.clone();
        let prepared = self.desk.prepare(call, &plan.sql, parameters).await?;
        let statement_handle = self.plans.keep(call, plan)?;
        let ticket = TicketStatementQuery { statement_handle };
        let ticket = Ticket::new(ticket.as_any().encode_to_vec());
        let info = FlightInfo::new()
            .try_with_schema(&plain::schema(&prepared.schema))
            .map_err(status::arrow)?
            .with_endpoint(FlightEndpoint::new().with_ticket(ticket))
            .with_descriptor(descriptor);
        Ok(Response::new(info))
    }

    /// The answer to a question, as it is read.
    async fn rows(
        &self,
        call: &Call,
        plan: Plan,
        ticket: bytes::Bytes,
    ) -> Result<Response<Rows>, Status> {
        let wish = Wish {
            parameters: plan.parameters,
            ticket: Some(ticket),
            ..Wish::default()
        };
        let running = self.desk.begin(call, &plan.sql, wish).await?;
        let schema = plain::schema(running.schema());
        let as_plain = Arc::clone(&schema);
        let batches = running.map(move |batch| {
            let batch = batch.map_err(|error: QueryError| told(error.into()))?;
            plain::batch(&batch, &as_plain).map_err(|error| told(status::arrow(error)))
        });
        let rows = FlightDataEncoderBuilder::new()
            .with_schema(schema)
            .build(batches)
            .map_err(Status::from);
        Ok(Response::new(Box::pin(rows)))
    }
}

fn told(status: Status) -> FlightError {
    FlightError::Tonic(Box::new(status))
}

/// An answer that is there already.
fn table(batch: Result<RecordBatch, FlightError>) -> Result<Response<Rows>, Status> {
    let batch = batch?;
    let rows = FlightDataEncoderBuilder::new()
        .with_schema(batch.schema())
        .build(stream::iter([Ok(batch)]))
        .map_err(Status::from);
    Ok(Response::new(Box::pin(rows)))
}

/// What is asked about the node itself is its own ticket.
fn own_ticket(
    command: &impl ProstMessageExt,
    schema: &arrow::datatypes::Schema,
    request: Request<FlightDescriptor>,
) -> Result<Response<FlightInfo>, Status> {
    let ticket = Ticket::new(command.as_any().encode_to_vec());
    let info = FlightInfo::new()
        .try_with_schema(schema)
        .map_err(status::arrow)?
        .with_endpoint(FlightEndpoint::new().with_ticket(ticket))
        .with_descriptor(request.into_inner());
    Ok(Response::new(info))
}

#[tonic::async_trait]
impl FlightSqlService for Service {
    type FlightService = Self;

    async fn do_handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Greeting>, Status> {
        let token = self.gate.greet(request.metadata())?;
        self.call(request.metadata()).await?;
        // Whom an open node greets still wants something to send with the next question.
        let bearer = format!("Bearer {}", token.as_deref().unwrap_or("open"));
        let greeting = HandshakeResponse {
            protocol_version: 0,
            payload: token.unwrap_or_default().into(),
        };
        let greeting: Greeting = Box::pin(stream::iter([Ok(greeting)]));
        let mut response = Response::new(greeting);
        let bearer = bearer.parse().map_err(status::arrow)?;
        response.metadata_mut().insert("authorization", bearer);
        Ok(response)
    }

    async fn get_flight_info_statement(
        &self,
        query: CommandStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let call = self.call(request.metadata()).await?;
        let plan = Plan {
            sql: query.query.into(),
            parameters: None,
        };
        self.ticket(&call, plan, request.into_inner()).await
    }

    async fn do_get_statement(
        &self,
        ticket: TicketStatementQuery,
        request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        let call = self.call(request.metadata()).await?;
        let handle = ticket.statement_handle;
        let plan = self.plans.get(&call, &handle)?;
        self.rows(&call, plan, handle).await
    }

    async fn do_action_create_prepared_statement(
        &self,
        query: ActionCreatePreparedStatementRequest,
        request: Request<Action>,
    ) -> Result<ActionCreatePreparedStatementResult, Status> {
        let call = self.call(request.metadata()).await?;
        actions::prepare(self, &call, query.query).await
    }

    async fn do_put_prepared_statement_query(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<DoPutPreparedStatementResult, Status> {
        let call = self.call(request.metadata()).await?;
        let handle = query.prepared_statement_handle;
        let parameters = actions::parameters(request.into_inner()).await?;
        self.plans.bind(&call, &handle, parameters)?;
        Ok(DoPutPreparedStatementResult {
            prepared_statement_handle: Some(handle),
        })
    }

    async fn get_flight_info_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let call = self.call(request.metadata()).await?;
        // The ticket has the values of now: binding others later does not change what it gives.
        let plan = self.plans.get(&call, &query.prepared_statement_handle)?;
        self.ticket(&call, plan, request.into_inner()).await
    }

    async fn do_get_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        let call = self.call(request.metadata()).await?;
        let handle = query.prepared_statement_handle;
        let plan = self.plans.get(&call, &handle)?;
        self.rows(&call, plan, handle).await
    }

    async fn do_action_close_prepared_statement(
        &self,
        query: ActionClosePreparedStatementRequest,
        request: Request<Action>,
    ) -> Result<(), Status> {
        let call = self.call(request.metadata()).await?;
        self.plans.forget(&call, &query.prepared_statement_handle);
        Ok(())
    }

    async fn do_action_cancel_query(
        &self,
        query: ActionCancelQueryRequest,
        request: Request<Action>,
    ) -> Result<ActionCancelQueryResult, Status> {
        let call = self.call(request.metadata()).await?;
        let info = FlightInfo::decode(query.info).map_err(status::arrow)?;
        let cancelled = actions::cancel(self, &call, &info)?;
        Ok(ActionCancelQueryResult {
            result: cancelled as i32,
        })
    }

    async fn do_action_fallback(
        &self,
        request: Request<Action>,
    ) -> Result<Response<<Self as FlightService>::DoActionStream>, Status> {
        let call = self.call(request.metadata()).await?;
        actions::other(self, &call, request.into_inner())
    }

    async fn get_flight_info_catalogs(
        &self,
        query: CommandGetCatalogs,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.call(request.metadata()).await?;
        own_ticket(&query, &info::catalogs_schema(query), request)
    }

    async fn do_get_catalogs(
        &self,
        query: CommandGetCatalogs,
        request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        self.call(request.metadata()).await?;
        table(info::catalogs(query))
    }

    async fn get_flight_info_schemas(
        &self,
        query: CommandGetDbSchemas,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.call(request.metadata()).await?;
        own_ticket(&query, &info::schemas_schema(query.clone()), request)
    }

    async fn do_get_schemas(
        &self,
        query: CommandGetDbSchemas,
        request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        let call = self.call(request.metadata()).await?;
        let tables = self.desk.tables(&call).await?;
        table(info::schemas(&tables, query))
    }

    async fn get_flight_info_tables(
        &self,
        query: CommandGetTables,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.call(request.metadata()).await?;
        own_ticket(&query, &info::tables_schema(query.clone()), request)
    }

    async fn do_get_tables(
        &self,
        query: CommandGetTables,
        request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        let call = self.call(request.metadata()).await?;
        let tables = self.desk.tables(&call).await?;
        table(info::tables(&tables, query))
    }

    async fn get_flight_info_table_types(
        &self,
        query: CommandGetTableTypes,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.call(request.metadata()).await?;
        own_ticket(&query, &info::table_types_schema(query), request)
    }

    async fn do_get_table_types(
        &self,
        query: CommandGetTableTypes,
        request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        self.call(request.metadata()).await?;
        table(info::table_types(query))
    }

    async fn get_flight_info_sql_info(
        &self,
        query: CommandGetSqlInfo,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.call(request.metadata()).await?;
        own_ticket(&query, &info::sql_info_schema(query.clone()), request)
    }

    async fn do_get_sql_info(
        &self,
        query: CommandGetSqlInfo,
        request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        self.call(request.metadata()).await?;
        table(info::sql_info(query))
    }

    async fn get_flight_info_xdbc_type_info(
        &self,
        query: CommandGetXdbcTypeInfo,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.call(request.metadata()).await?;
        own_ticket(&query, &info::types_schema(query), request)
    }

    async fn do_get_xdbc_type_info(
        &self,
        query: CommandGetXdbcTypeInfo,
        request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        self.call(request.metadata()).await?;
        table(info::types(query))
    }

    async fn get_flight_info_primary_keys(
        &self,
        query: CommandGetPrimaryKeys,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.call(request.metadata()).await?;
        own_ticket(&query, &keys::primary_schema(), request)
    }

    async fn do_get_primary_keys(
        &self,
        _query: CommandGetPrimaryKeys,
        request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        self.call(request.metadata()).await?;
        table(Ok(RecordBatch::new_empty(keys::primary_schema())))
    }

    async fn get_flight_info_exported_keys(
        &self,
        query: CommandGetExportedKeys,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.call(request.metadata()).await?;
        own_ticket(&query, &keys::foreign_schema(), request)
    }

    async fn do_get_exported_keys(
        &self,
        _query: CommandGetExportedKeys,
        request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        self.call(request.metadata()).await?;
        table(Ok(RecordBatch::new_empty(keys::foreign_schema())))
    }

    async fn get_flight_info_imported_keys(
        &self,
        query: CommandGetImportedKeys,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.call(request.metadata()).await?;
        own_ticket(&query, &keys::foreign_schema(), request)
    }

    async fn do_get_imported_keys(
        &self,
        _query: CommandGetImportedKeys,
        request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        self.call(request.metadata()).await?;
        table(Ok(RecordBatch::new_empty(keys::foreign_schema())))
    }

    async fn get_flight_info_cross_reference(
        &self,
        query: CommandGetCrossReference,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.call(request.metadata()).await?;
        own_ticket(&query, &keys::foreign_schema(), request)
    }

    async fn do_get_cross_reference(
        &self,
        _query: CommandGetCrossReference,
        request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        self.call(request.metadata()).await?;
        table(Ok(RecordBatch::new_empty(keys::foreign_schema())))
    }

    async fn do_put_statement_update(
        &self,
        _query: CommandStatementUpdate,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        self.call(request.metadata()).await?;
        Err(status::read_only())
    }

    async fn do_put_prepared_statement_update(
        &self,
        _query: CommandPreparedStatementUpdate,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        self.call(request.metadata()).await?;
        Err(status::read_only())
    }

    async fn do_put_statement_ingest(
        &self,
        _query: CommandStatementIngest,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        self.call(request.metadata()).await?;
        Err(status::read_only())
    }

    async fn register_sql_info(&self, _id: i32, _result: &SqlInfo) {}
}
