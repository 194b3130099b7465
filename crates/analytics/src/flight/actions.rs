//! Prepared statements, the values of their parameters, and what is cancelled.

use std::collections::HashMap;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_server::FlightService;
use arrow_flight::sql::server::PeekableFlightDataStream;
use arrow_flight::sql::{ActionCreatePreparedStatementResult, Any, TicketStatementQuery};
use arrow_flight::{
    Action, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, FlightInfo, IpcMessage,
    SchemaAsIpc,
};
use bytes::Bytes;
use datafusion::common::ParamValues;
use datafusion::scalar::ScalarValue;
use futures_util::stream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use prost::Message as _;
use tonic::{Response, Status};
use trust::Call;

use crate::flight::plans::Plan;
use crate::flight::service::Service;
use crate::flight::status;
use crate::formats::plain;
use crate::running::PARAMETER_BYTES_MAX;

/// Prepares a statement: what it answers and wants is known, nothing is run.
pub(super) async fn prepare(
    service: &Service,
    call: &Call,
    sql: String,
) -> Result<ActionCreatePreparedStatementResult, Status> {
    let prepared = service.desk.prepare(call, &sql, None).await?;
    let wanted = prepared.parameters.iter().map(|(name, data_type)| {
        // Null: any type will do.
        let data_type = data_type.clone().unwrap_or(DataType::Null);
        Field::new(name, data_type, true)
    });
    let wanted = plain::schema(&Schema::new(wanted.collect::<Vec<_>>()));
    let answer = plain::schema(&prepared.schema);
    let plan = Plan {
        sql: sql.into(),
        parameters: None,
    };
    Ok(ActionCreatePreparedStatementResult {
        dataset_schema: as_ipc(&answer)?,
        parameter_schema: as_ipc(&wanted)?,
        prepared_statement_handle: service.plans.keep(call, plan)?,
    })
}

fn as_ipc(schema: &Schema) -> Result<Bytes, Status> {
    let options = IpcWriteOptions::default();
    let IpcMessage(bytes) = SchemaAsIpc::new(schema, &options)
        .try_into()
        .map_err(status::arrow)?;
    Ok(bytes)
}

/// The values that are bound: one row, a column a parameter.
pub(super) async fn parameters(
    sent: PeekableFlightDataStream,
) -> Result<Option<ParamValues>, Status> {
    let mut bytes = 0;
    let sent = sent.map(move |data| {
        let data = data.map_err(|status| FlightError::Tonic(Box::new(status)))?;
        bytes += data.data_body.len() + data.data_header.len();
        if bytes > PARAMETER_BYTES_MAX {
            let reason = format!("the values have more than {PARAMETER_BYTES_MAX} bytes together");
            return Err(FlightError::Tonic(Box::new(Status::resource_exhausted(
                reason,
            ))));
        }
        Ok(data)
    });
    let batches = FlightRecordBatchStream::new_from_flight_data(sent);
    let batches: Vec<RecordBatch> = batches.try_collect().await.map_err(Status::from)?;
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let batch = batches.iter().find(|batch| batch.num_rows() > 0);
    let Some(batch) = batch else { return Ok(None) };
    if rows > 1 {
        // Limit: a statement is asked once for one row of values.
        let reason = format!("{rows} rows of values are bound: bind one, and ask again for each");
        return Err(Status::invalid_argument(reason));
    }
    values(batch).map(Some).map_err(status::arrow)
}

/// Columns that are all named `$name`, or by a word, are bound by name; else by place.
fn values(batch: &RecordBatch) -> datafusion::error::Result<ParamValues> {
    let schema = batch.schema();
    let mut named = HashMap::new();
    let mut placed = Vec::new();
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        let value = ScalarValue::try_from_array(column, 0)?;
        let name = field.name().trim_start_matches('$');
        if field.name().starts_with('$') && name.parse::<u32>().is_err() {
            named.insert(name.to_owned(), value.clone());
        }
        placed.push(value);
    }
    Ok(if named.len() == placed.len() {
        named.into()
    } else {
        placed.into()
    })
}

/// Ends what is being fetched by the tickets of an answer.
pub(super) fn cancel(
    service: &Service,
    call: &Call,
    info: &FlightInfo,
) -> Result<CancelStatus, Status> {
    let mut found = false;
    for endpoint in &info.endpoint {
        let Some(ticket) = &endpoint.ticket else {
            continue;
        };
        let any = Any::decode(&*ticket.ticket).map_err(status::arrow)?;
        let ticket: Option<TicketStatementQuery> = any.unpack().map_err(status::arrow)?;
        if let Some(ticket) = ticket {
            found |= service.desk.cancel_ticket(call, &ticket.statement_handle);
            service.plans.forget(call, &ticket.statement_handle);
        }
    }
    Ok(if found {
        CancelStatus::Cancelled
    } else {
        CancelStatus::NotCancellable
    })
}

/// Actions of Flight that are not those of Flight SQL.
pub(super) fn other(
    service: &Service,
    call: &Call,
    action: Action,
) -> Result<Response<<Service as FlightService>::DoActionStream>, Status> {
    if action.r#type != "CancelFlightInfo" {
        let reason = format!(
            "the action '{}' is not done here",
            printable(&action.r#type)
        );
        return Err(Status::unimplemented(reason));
    }
    let wish = CancelFlightInfoRequest::decode(action.body).map_err(status::arrow)?;
    let info = wish.info.unwrap_or_default();
    let result = CancelFlightInfoResult::new(cancel(service, call, &info)?);
    let result = arrow_flight::Result::new(result.encode_to_vec());
    Ok(Response::new(Box::pin(stream::iter([Ok(result)]))))
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}
