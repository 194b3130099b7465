//! The text of a query: read, and refused if it is more than a question.

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::SqlError;

/// Bytes of a query: what people and tools write stays far below.
const SQL_BYTES_MAX: usize = 256 * 1024;
/// Depth of brackets: bounds the recursion of whoever walks a query.
const DEPTH_MAX: usize = 50;

/// Operators of a query. Each can make the tree of it one deeper, and whoever walks or drops the
/// tree does it by recursion.
const OPERATORS_MAX: usize = 1_000;
/// Words and marks of a query that are no values; their number bounds the tree as well.
const WORDS_MAX: usize = 20_000;

/// Counts what makes a query deep, before anything is made of it.
fn measure(sql: &str) -> Result<(), SqlError> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize();
    let tokens = tokens.map_err(|error| SqlError::from_parser(&ParserError::from(error)))?;
    let (mut words, mut operators) = (0_usize, 0_usize);
    for token in &tokens {
        match token {
            Token::Whitespace(_)
            | Token::Comma
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::LParen
            | Token::RParen
            | Token::Period => {}
            Token::Word(word) => {
                words += 1;
                operators += usize::from(DEEPENS.contains(&word.keyword));
            }
            _ => {
                words += 1;
                operators += 1;
            }
        }
    }
    if operators > OPERATORS_MAX || words > WORDS_MAX {
        let reason = format!(
            "a query may have {OPERATORS_MAX} operators and {WORDS_MAX} words: use IN (…) or VALUES"
        );
        return Err(SqlError::Limit(reason));
    }
    Ok(())
}

/// Words that stand between two parts of a tree, or before one.
const DEEPENS: [Keyword; 20] = [
    Keyword::AND,
    Keyword::OR,
    Keyword::NOT,
    Keyword::IS,
    Keyword::IN,
    Keyword::LIKE,
    Keyword::ILIKE,
    Keyword::SIMILAR,
    Keyword::BETWEEN,
    Keyword::DIV,
    Keyword::XOR,
    Keyword::AT,
    Keyword::COLLATE,
    Keyword::UNION,
    Keyword::EXCEPT,
    Keyword::INTERSECT,
    Keyword::MINUS,
    Keyword::JOIN,
    Keyword::CASE,
    Keyword::WITH,
];

/// Reads one statement that asks and changes nothing.
pub(crate) fn read(sql: &str) -> Result<Statement, SqlError> {
    if sql.len() > SQL_BYTES_MAX {
        let reason = format!("a query may have {SQL_BYTES_MAX} bytes");
        return Err(SqlError::Limit(reason));
    }
    measure(sql)?;
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
