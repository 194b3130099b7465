//! Why a query was not answered.

use base::Kind;
use broker::BrokerError;
use datafusion::common::{Diagnostic, SchemaError};
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;
use lake::LakeError;

/// Why a query was not answered, or its answer broke off.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// It is no SQL, or none that these tables can answer.
    #[error("{reason}")]
    Invalid {
        /// What is wrong and what to do.
        reason: String,
        /// Line and column of it, both from 1, if they are known.
        position: Option<(u64, u64)>,
    },
    /// It would change something, or reach beyond the tables.
    #[error("{0}: only SELECT, WITH, VALUES, SHOW TABLES, SHOW COLUMNS and EXPLAIN are answered")]
    NotAQuestion(String),
    /// No right to it, no such tenant, or the entities cannot be read.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// History or records cannot be read.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// It needed more than a query may have; the text says of what.
    #[error("{0}")]
    Limit(String),
    /// As many queries run as may run at once.
    #[error("{0} queries are running already, more are not begun; try again in some seconds")]
    Busy(usize),
    /// What was asked changed while it was read.
    #[error("{0}; ask again")]
    Changed(String),
    /// The node is shutting down.
    #[error("the node is shutting down; ask again when it is back")]
    Stopped,
    /// It is SQL, but no engine of this node does it.
    #[error("{0}")]
    Unsupported(String),
    /// A defect of the engine.
    #[error("the query engine failed: {0}")]
    Engine(String),
}

impl SqlError {
    /// What the caller can do.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Invalid { .. } => Kind::Invalid,
            Self::NotAQuestion(_) => Kind::Forbidden,
            Self::Broker(error) => error.kind(),
            Self::Lake(error) => error.kind(),
            Self::Limit(_) => Kind::Limit,
            Self::Busy(_) | Self::Changed(_) | Self::Stopped => Kind::Unavailable,
            Self::Unsupported(_) => Kind::Unsupported,
            Self::Engine(_) => Kind::Internal,
        }
    }

    /// Line and column, both from 1, where the text is wrong, if that is known.
    pub fn position(&self) -> Option<(u64, u64)> {
        match self {
            Self::Invalid { position, .. } => *position,
            _ => None,
        }
    }

    pub(crate) fn broke_off() -> Self {
        Self::Engine("it broke off: this is a defect, please report it".to_owned())
    }

    pub(crate) fn invalid(reason: impl Into<String>) -> Self {
        Self::Invalid {
            reason: reason.into(),
            position: None,
        }
    }
}

impl From<SqlError> for DataFusionError {
    fn from(error: SqlError) -> Self {
        Self::External(Box::new(error))
    }
}

impl From<DataFusionError> for SqlError {
    fn from(error: DataFusionError) -> Self {
        // Whoever passes it on wraps it as it likes.
        if let DataFusionError::ResourcesExhausted(reason) = error.find_root() {
            return Self::Limit(exhausted(reason));
        }
        let told = error.to_string();
        if told.contains("used disk space") {
            return Self::Limit(exhausted(&told));
        }
        match error {
            DataFusionError::External(source) => match source.downcast::<Self>() {
                Ok(own) => *own,
                Err(other) => Self::Engine(other.to_string()),
            },
            DataFusionError::Shared(shared) => shared_error(&shared),
            DataFusionError::Context(_, inner) => Self::from(*inner),
            DataFusionError::Diagnostic(diagnostic, inner) => located(&diagnostic, *inner),
            DataFusionError::Collection(mut errors) if !errors.is_empty() => {
                Self::from(errors.swap_remove(0))
            }
            DataFusionError::SQL(parser, _) => Self::from_parser(&parser),
            DataFusionError::Plan(reason) => Self::invalid(reason),
            DataFusionError::SchemaError(error, _) => Self::invalid(schema_error(&error)),
            DataFusionError::ArrowError(error, _) => Self::from_arrow(*error),
            DataFusionError::Execution(reason) | DataFusionError::Configuration(reason) => {
                Self::invalid(reason)
            }
            DataFusionError::NotImplemented(reason) => Self::Unsupported(reason),
            other => Self::Engine(other.strip_backtrace()),
        }
    }
}

impl SqlError {
    /// A parser says where in its text: ` at Line: 3, Column: 7`.
    pub(crate) fn from_parser(error: &ParserError) -> Self {
        let (ParserError::ParserError(text) | ParserError::TokenizerError(text)) = error else {
            return Self::Limit("the query is nested too deep".to_owned());
        };
        let Some((reason, place)) = text.rsplit_once(" at Line: ") else {
            return Self::invalid(text.clone());
        };
        let position = place.split_once(", Column: ").and_then(|(line, column)| {
            Some((line.trim().parse().ok()?, column.trim().parse().ok()?))
        });
        Self::Invalid {
            reason: reason.to_owned(),
            position,
        }
    }

    fn from_arrow(error: arrow::error::ArrowError) -> Self {
        use arrow::error::ArrowError;
        match error {
            ArrowError::ExternalError(source) => match source.downcast::<DataFusionError>() {
                Ok(inner) => Self::from(*inner),
                Err(source) => match source.downcast::<Self>() {
                    Ok(own) => *own,
                    Err(other) => Self::Engine(other.to_string()),
                },
            },
            // What a row says does not fit what the query wants of it.
            ArrowError::CastError(reason)
            | ArrowError::ParseError(reason)
            | ArrowError::ComputeError(reason)
            | ArrowError::ArithmeticOverflow(reason)
            | ArrowError::InvalidArgumentError(reason) => Self::invalid(reason),
            ArrowError::DivideByZero => Self::invalid("a division by zero: use NULLIF(divisor, 0)"),
            other => Self::Engine(other.to_string()),
        }
    }
}

/// An error that several readers of one plan were told: it can be told again, but not taken apart.
fn shared_error(error: &DataFusionError) -> SqlError {
    match error {
        DataFusionError::External(source) => match source.downcast_ref::<SqlError>() {
            Some(SqlError::Limit(reason)) => SqlError::Limit(reason.clone()),
            Some(SqlError::Changed(reason)) => SqlError::Changed(reason.clone()),
            Some(SqlError::Broker(error)) => SqlError::Broker(error.clone()),
            _ => SqlError::Engine(source.to_string()),
        },
        DataFusionError::Shared(inner) => shared_error(inner),
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            shared_error(inner)
        }
        DataFusionError::Plan(reason) | DataFusionError::Execution(reason) => {
            SqlError::invalid(reason.clone())
        }
        DataFusionError::ArrowError(error, _) => SqlError::invalid(error.to_string()),
        other => SqlError::Engine(other.strip_backtrace()),
    }
}

/// The names of memory pools and their consumers say nothing to who asked.
fn exhausted(reason: &str) -> String {
    let what = if reason.contains("disk") || reason.contains("temporary") {
        "space on disk for what does not fit into memory"
    } else {
        "memory"
    };
    format!("the query needs more {what} than queries may have: ask for less, or group by less")
}

fn located(diagnostic: &Diagnostic, inner: DataFusionError) -> SqlError {
    let span = diagnostic
        .span
        .map(|span| (span.start.line, span.start.column));
    match SqlError::from(inner) {
        SqlError::Invalid { reason, position } => SqlError::Invalid {
            reason,
            position: position.or(span),
        },
        other => other,
    }
}

/// What columns there are is said once, and not by their hundreds.
fn schema_error(error: &SchemaError) -> String {
    const NAMED_MAX: usize = 40;
    let SchemaError::FieldNotFound {
        field,
        valid_fields,
    } = error
    else {
        return error.to_string();
    };
    let mut names: Vec<_> = valid_fields
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    names.dedup();
    let more = if names.len() > NAMED_MAX { ", …" } else { "" };
    names.truncate(NAMED_MAX);
    let names = names.join(", ");
    format!(
        "there is no column '{}'; there are: {names}{more}",
        field.name
    )
}
