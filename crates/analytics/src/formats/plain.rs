//! Columns as every reader of Arrow and Parquet knows them: no views, dictionaries or run ends,
//! which are ways to hold a value and not other values.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;

/// The type in which every reader knows a value.
fn plain(data_type: &DataType) -> DataType {
    use DataType as D;
    match data_type {
        D::Utf8View => D::Utf8,
        D::BinaryView => D::Binary,
        D::Dictionary(_, values) => plain(values),
        D::RunEndEncoded(_, values) => plain(values.data_type()),
        D::List(field) | D::ListView(field) => D::List(plain_field(field)),
        D::LargeList(field) | D::LargeListView(field) => D::LargeList(plain_field(field)),
        D::FixedSizeList(field, size) => D::FixedSizeList(plain_field(field), *size),
        D::Struct(fields) => D::Struct(fields.iter().map(plain_field).collect()),
        D::Map(field, sorted) => D::Map(plain_field(field), *sorted),
        other => other.clone(),
    }
}

fn plain_field(field: &FieldRef) -> FieldRef {
    let field = Field::clone(field);
    let data_type = plain(field.data_type());
    Arc::new(field.with_data_type(data_type))
}

/// A schema in which every reader knows all columns; without the marks that the engine leaves.
pub fn schema(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(plain_field);
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The rows of a batch under the schema that [`schema`] made of theirs.
pub fn batch(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(batch.num_columns());
    for (column, field) in batch.columns().iter().zip(schema.fields()) {
        columns.push(if column.data_type() == field.data_type() {
            Arc::clone(column)
        } else {
            cast(column, field.data_type())?
        });
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}
