//! The text of a query: read, and refused if it is more than a question.

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::dialect::GenericDialect;

use crate::SqlError;

/// Bytes of a query: what people and tools write stays far below.
const SQL_BYTES_MAX: usize = 256 * 1024;
/// Depth of brackets: bounds the recursion of whoever walks a query.
const DEPTH_MAX: usize = 50;

/// Reads one statement that asks and changes nothing.
pub(crate) fn read(sql: &str) -> Result<Statement, SqlError> {
    if sql.len() > SQL_BYTES_MAX {
        let reason = format!("a query may have {SQL_BYTES_MAX} bytes");
        return Err(SqlError::Limit(reason));
    }
    let mut parser = DFParserBuilder::new(sql)
        .with_dialect(&GenericDialect {})
        .with_recursion_limit(DEPTH_MAX)
        .build()?;
    let mut statements = parser.parse_statements()?;
    let Some(statement) = statements.pop_front() else {
        return Err(SqlError::invalid(
            "there is no query: write one, such as SELECT 1",
        ));
    };
    if !statements.is_empty() {
        return Err(SqlError::invalid(
            "there is more than one query: send them one by one",
        ));
    }
    asks(&statement)?;
    Ok(statement)
}

/// Refuses statements that are no questions.
fn asks(statement: &Statement) -> Result<(), SqlError> {
    match statement {
        Statement::Explain(explain) => asks(&explain.statement),
        Statement::Statement(statement) => match &**statement {
            ast::Statement::Query(_)
            | ast::Statement::ShowTables { .. }
            | ast::Statement::ExplainTable { .. } => Ok(()),
            ast::Statement::Explain { statement, .. } => {
                asks(&Statement::Statement(statement.clone()))
            }
            other => Err(refused(&other.to_string())),
        },
        Statement::CreateExternalTable(_) => Err(refused("CREATE EXTERNAL TABLE")),
        Statement::CopyTo(_) => Err(refused("COPY")),
        Statement::Reset(_) => Err(refused("RESET")),
    }
}

/// What begins so is not answered.
fn refused(statement: &str) -> SqlError {
    let words: Vec<_> = statement.split_whitespace().take(2).collect();
    SqlError::NotAQuestion(format!("'{}' is not answered", words.join(" ")))
}

/// Refuses a plan that would change anything: whatever the text was, nothing else runs.
pub(crate) fn only_reads(plan: &LogicalPlan) -> Result<(), SqlError> {
    let options = SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false);
    options
        .verify_plan(plan)
        .map_err(|error| SqlError::NotAQuestion(error.strip_backtrace()))?;
    let mut writes = None;
    plan.apply_with_subqueries(|node| {
        Ok(match node {
            LogicalPlan::Ddl(_)
            | LogicalPlan::Dml(_)
            | LogicalPlan::Copy(_)
            | LogicalPlan::Statement(_)
            | LogicalPlan::Extension(_) => {
                writes = Some(node.display().to_string());
                TreeNodeRecursion::Stop
            }
            _ => TreeNodeRecursion::Continue,
        })
    })?;
    match writes {
        None => Ok(()),
        Some(node) => Err(SqlError::NotAQuestion(format!("'{node}' is not answered"))),
    }
}

/// Whether all tables are asked for.
pub(crate) fn lists_tables(statement: &Statement) -> bool {
    match statement {
        Statement::Explain(explain) => lists_tables(&explain.statement),
        Statement::Statement(statement) => {
            matches!(**statement, ast::Statement::ShowTables { .. })
        }
        _ => false,
    }
}
