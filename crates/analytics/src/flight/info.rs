//! What tools ask about the node before they ask anything else: schemas, tables, abilities, types.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow_flight::error::FlightError;
use arrow_flight::sql::metadata::{
    GetCatalogsBuilder, SqlInfoData, SqlInfoDataBuilder, XdbcTypeInfo, XdbcTypeInfoData,
    XdbcTypeInfoDataBuilder,
};
use arrow_flight::sql::{
    CommandGetCatalogs, CommandGetDbSchemas, CommandGetSqlInfo, CommandGetTableTypes,
    CommandGetTables, CommandGetXdbcTypeInfo, Nullable, Searchable, SqlInfo, SqlNullOrdering,
    SqlSupportedCaseSensitivity, SqlSupportedTransaction, XdbcDataType, XdbcDatetimeSubcode,
};

use crate::TableInfo;
use crate::formats::plain;

/// The one catalog.
pub(super) const CATALOG: &str = "city";
/// The one kind of table.
const TABLE: &str = "TABLE";

type Made = Result<RecordBatch, FlightError>;

pub(super) fn catalogs_schema(_query: CommandGetCatalogs) -> SchemaRef {
    GetCatalogsBuilder::new().schema()
}

pub(super) fn catalogs(query: CommandGetCatalogs) -> Made {
    let mut builder = query.into_builder();
    builder.append(CATALOG);
    builder.build()
}

pub(super) fn schemas_schema(query: CommandGetDbSchemas) -> SchemaRef {
    query.into_builder().schema()
}

pub(super) fn schemas(tables: &[TableInfo], query: CommandGetDbSchemas) -> Made {
    let names: BTreeSet<&str> = tables.iter().map(|table| table.schema.as_str()).collect();
    let mut builder = query.into_builder();
    for name in names {
        builder.append(CATALOG, name);
    }
    builder.build()
}

pub(super) fn tables_schema(query: CommandGetTables) -> SchemaRef {
    query.into_builder().schema()
}

pub(super) fn tables(tables: &[TableInfo], query: CommandGetTables) -> Made {
    let mut builder = query.into_builder();
    for table in tables {
        let fields = table.columns.iter().map(|column| {
            let field = Field::new(&column.name, column.data_type.clone(), column.nullable);
            let remarks = (
                "ARROW:FLIGHT:SQL:REMARKS".to_owned(),
                column.description.clone(),
            );
            field.with_metadata([remarks].into())
        });
        let schema = plain::schema(&Schema::new(fields.collect::<Vec<_>>()));
        builder.append(CATALOG, &table.schema, &table.name, TABLE, &schema)?;
    }
    builder.build()
}

pub(super) fn table_types_schema(query: CommandGetTableTypes) -> SchemaRef {
    query.into_builder().schema()
}

pub(super) fn table_types(query: CommandGetTableTypes) -> Made {
    let mut builder = query.into_builder();
    builder.append(TABLE);
    builder.build()
}

pub(super) fn sql_info_schema(query: CommandGetSqlInfo) -> SchemaRef {
    query.into_builder(&ABILITIES).schema()
}

pub(super) fn sql_info(query: CommandGetSqlInfo) -> Made {
    query.into_builder(&ABILITIES).build()
}

pub(super) fn types_schema(query: CommandGetXdbcTypeInfo) -> SchemaRef {
    query.into_builder(&TYPES).schema()
}

pub(super) fn types(query: CommandGetXdbcTypeInfo) -> Made {
    query.into_builder(&TYPES).build()
}

/// What this server is and can do.
static ABILITIES: LazyLock<SqlInfoData> = LazyLock::new(|| {
    let mut builder = SqlInfoDataBuilder::new();
    builder.append(SqlInfo::FlightSqlServerName, "Chorsu");
    builder.append(SqlInfo::FlightSqlServerVersion, env!("CARGO_PKG_VERSION"));
    builder.append(SqlInfo::FlightSqlServerArrowVersion, arrow::ARROW_VERSION);
    builder.append(SqlInfo::FlightSqlServerReadOnly, true);
    builder.append(SqlInfo::FlightSqlServerSql, true);
    builder.append(SqlInfo::FlightSqlServerSubstrait, false);
    builder.append(
        SqlInfo::FlightSqlServerTransaction,
        SqlSupportedTransaction::None as i32,
    );
    builder.append(SqlInfo::FlightSqlServerCancel, true);
    builder.append(SqlInfo::FlightSqlServerBulkIngestion, false);
    builder.append(SqlInfo::SqlDdlCatalog, false);
    builder.append(SqlInfo::SqlDdlSchema, false);
    builder.append(SqlInfo::SqlDdlTable, false);
    builder.append(SqlInfo::SqlAllTablesAreSelectable, true);
    builder.append(SqlInfo::SqlIdentifierQuoteChar, "\"");
    builder.append(
        SqlInfo::SqlIdentifierCase,
        SqlSupportedCaseSensitivity::SqlCaseSensitivityLowercase as i32,
    );
    builder.append(
        SqlInfo::SqlQuotedIdentifierCase,
        SqlSupportedCaseSensitivity::SqlCaseSensitivityCaseInsensitive as i32,
    );
    builder.append(
        SqlInfo::SqlNullOrdering,
        SqlNullOrdering::SqlNullsSortedHigh as i32,
    );
    builder.append(SqlInfo::SqlCatalogTerm, "catalog");
    builder.append(SqlInfo::SqlSchemaTerm, "schema");
    builder
        .build()
        .expect("texts, flags and numbers are what the schema of abilities holds")
});

/// The types of columns.
static TYPES: LazyLock<XdbcTypeInfoData> = LazyLock::new(|| {
    use XdbcDataType as X;
    let mut builder = XdbcTypeInfoDataBuilder::new();
    for (name, data_type, size, radix) in [
        ("BOOLEAN", X::XdbcBit, 1, None),
        ("BIGINT", X::XdbcBigint, 64, Some(2)),
        ("INTEGER", X::XdbcInteger, 32, Some(2)),
        ("REAL", X::XdbcReal, 24, Some(2)),
        ("DOUBLE", X::XdbcDouble, 53, Some(2)),
        ("DECIMAL", X::XdbcDecimal, 38, Some(10)),
        ("VARCHAR", X::XdbcVarchar, i32::MAX, None),
        ("VARBINARY", X::XdbcVarbinary, i32::MAX, None),
        ("DATE", X::XdbcDate, 10, None),
        ("TIME", X::XdbcTime, 15, None),
        ("TIMESTAMP", X::XdbcTimestamp, 26, None),
    ] {
        builder.append(type_of(name, data_type, size, radix));
    }
    builder
        .build()
        .expect("the rows are as the schema of types wants them")
});

fn type_of(name: &str, data_type: XdbcDataType, size: i32, radix: Option<i32>) -> XdbcTypeInfo {
    use XdbcDataType as X;
    let subcode = match data_type {
        // The same number as that of dates.
        X::XdbcDate => Some(XdbcDatetimeSubcode::XdbcSubcodeYear),
        X::XdbcTime => Some(XdbcDatetimeSubcode::XdbcSubcodeTime),
        X::XdbcTimestamp => Some(XdbcDatetimeSubcode::XdbcSubcodeTimestamp),
        _ => None,
    };
    let quote = matches!(data_type, X::XdbcVarchar) || subcode.is_some();
    let quote = quote.then(|| "'".to_owned());
    XdbcTypeInfo {
        type_name: name.to_owned(),
        data_type,
        column_size: Some(size),
        literal_prefix: quote.clone(),
        literal_suffix: quote,
        create_params: None,
        nullable: Nullable::NullabilityNullable,
        case_sensitive: matches!(data_type, X::XdbcVarchar),
        searchable: Searchable::Full,
        unsigned_attribute: radix.map(|_number| false),
        fixed_prec_scale: false,
        auto_increment: None,
        local_type_name: Some(name.to_owned()),
        minimum_scale: None,
        maximum_scale: None,
        sql_data_type: data_type,
        datetime_subcode: subcode,
        num_prec_radix: radix,
        interval_precision: None,
    }
}
