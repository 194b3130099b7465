//! The operations that ask in SQL, of a node that was built with it.

use super::{Operation, operation};

const ANSWER: &[&str] = &["sql.format", "rowsMax", "bytesMax", "secondsMax"];

pub(super) const OPERATIONS: &[Operation] = &[
    operation("post", "/sql", "askSql")
        .says("Ask in SQL; the answer is streamed, and one that breaks off is not ended as HTTP wants it")
        .takes(&[ANSWER])
        .reads("SqlQuestion")
        .answers(&[(200, "SqlAnswer")]),
    operation("get", "/sql/tables", "sqlTables")
        .says("What can be asked: tables and their columns")
        .takes(&[&[]])
        .answers(&[(200, "SqlTables")]),
    operation("get", "/sql/queries", "sqlQueries")
        .says("Queries that run or ended lately: one's own, for an administrator all")
        .takes(&[&[]])
        .answers(&[(200, "SqlQueries")]),
    operation("get", "/sql/queries/{id}", "sqlQuery")
        .says("How it stands with a query, or how it ended")
        .takes(&[&[]])
        .answers(&[(200, "SqlQuery")]),
    operation("delete", "/sql/queries/{id}", "cancelSqlQuery")
        .says("End a query that runs")
        .takes(&[&[]]),
];
