//! What is asked of the engine, and what it answers.

use std::fmt;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use base::Time;
use datafusion::common::ParamValues;
use futures_util::stream::BoxStream;
use trust::Call;

use crate::{Analytics, SqlError};

/// How a query is to be answered.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The values of `$1`, `$2` … or `$name`.
    pub parameters: Option<ParamValues>,
    /// How long it may take, in microseconds; the node's own limit stands above.
    pub micros_max: Option<i64>,
}

/// An answer that has begun.
pub struct Answer {
    /// Its columns.
    pub schema: SchemaRef,
    /// Its rows. Whoever drops it ends the query.
    pub stream: BoxStream<'static, Result<RecordBatch, SqlError>>,
    /// Up to when history is surely in it: what arrived later may be missing; `None`: it was not
    /// asked.
    pub history_until: Option<Time>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("schema", &self.schema)
            .field("history_until", &self.history_until)
            .finish_non_exhaustive()
    }
}

/// What a query would answer.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The columns of its answer.
    pub schema: SchemaRef,
    /// Its parameters, `$1` or `$name`, in order, with their type where it is known.
    pub parameters: Vec<(String, Option<DataType>)>,
}

/// A table that can be asked.
#[derive(Debug, Clone)]
pub struct TableInfo {
    /// `public`, `now` or `records`.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// What it is, in a sentence.
    pub description: String,
    /// How many rows it has, where that is known without counting.
    pub rows: Option<u64>,
    /// Its columns.
    pub columns: Vec<ColumnInfo>,
}

/// A column of a table.
#[derive(Debug, Clone)]
pub struct ColumnInfo {
    /// Its name.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
    /// Whether it can be null.
    pub nullable: bool,
    /// What it says; may be empty.
    pub description: String,
}

impl Analytics {
    /// Begins to answer a query. Limits are told by the stream, as is whatever goes wrong later.
    pub async fn query(
        &self,
        call: &Call,
        sql: &str,
        options: Options,
    ) -> Result<Answer, SqlError> {
        self.engine.begin(call, sql, options).await
    }

    /// What a query would answer; nothing is read but what the names need.
    pub async fn prepare(
        &self,
        call: &Call,
        sql: &str,
        parameters: Option<ParamValues>,
    ) -> Result<Prepared, SqlError> {
        self.engine.prepare(call, sql, parameters).await
    }

    /// The tables that this caller may ask.
    pub async fn tables(&self, call: &Call) -> Result<Vec<TableInfo>, SqlError> {
        self.engine.tables(call).await
    }
}
