//! Names: which tables and columns a text speaks of.
//!
//! Types and attributes are written as `AirQualityObserved` and `NO2`, and SQL is written in any
//! case. So a name without quotes is found whatever its case: as it is written if there is such a
//! one, else in the one spelling that differs only in case. Two such spellings are an error that
//! names both. A name in quotes is taken as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, Query, Select,
    SelectItem, SelectItemQualifiedWildcardKind, TableAlias, TableFactor, VisitMut as _,
    VisitorMut,
};

use crate::SqlError;

/// A relation as the text names it.
pub(crate) type Relation = Vec<Ident>;

/// What a relation of the text is.
#[derive(Debug, Clone)]
pub(crate) struct Meant {
    /// Its schema.
    pub(crate) schema: String,
    /// Its name.
    pub(crate) name: String,
    /// Its columns.
    pub(crate) columns: Vec<String>,
}

/// Spellings by their lower-case form.
#[derive(Debug, Default)]
struct Spellings(BTreeMap<String, BTreeSet<String>>);

impl Spellings {
    fn add(&mut self, name: &str) {
        let spellings = self.0.entry(name.to_lowercase()).or_default();
        spellings.insert(name.to_owned());
    }

    /// The spelling that is meant; `None`: there is none.
    fn find(&self, what: &str, ident: &Ident) -> Result<Option<String>, SqlError> {
        pick(what, ident, self.0.get(&ident.value.to_lowercase()))
    }
}

/// The spelling that an identifier means, of those that differ only in case.
pub(crate) fn pick(
    what: &str,
    ident: &Ident,
    spellings: Option<&BTreeSet<String>>,
) -> Result<Option<String>, SqlError> {
    let Some(spellings) = spellings else {
        return Ok(None);
    };
    if spellings.contains(&ident.value) {
        return Ok(Some(ident.value.clone()));
    }
    if ident.quote_style.is_some() {
        return Ok(None);
    }
    let mut several = spellings.iter();
    match (several.next(), several.next()) {
        (Some(only), None) => Ok(Some(only.clone())),
        (Some(one), Some(two)) => Err(SqlError::Invalid {
            reason: format!(
                "the {what} '{}' may be \"{one}\" or \"{two}\": write it in quotes",
                ident.value
            ),
            position: place(ident),
        }),
        _ => Ok(None),
    }
}

/// Where an identifier stands in the text.
pub(crate) fn place(ident: &Ident) -> Option<(u64, u64)> {
    let start = ident.span.start;
    (start.line > 0).then_some((start.line, start.column))
}

fn set(ident: &mut Ident, spelling: String) {
    ident.value = spelling;
    ident.quote_style = Some('"');
}

/// The identifiers of a name.
pub(crate) fn idents(name: &ObjectName) -> Relation {
    let parts = name.0.iter();
    parts.filter_map(|part| part.as_ident().cloned()).collect()
}

fn visit<V: VisitorMut>(statement: &mut Statement, visitor: &mut V) -> ControlFlow<V::Break> {
    match statement {
        Statement::Statement(statement) => statement.visit(visitor),
        Statement::Explain(explain) => visit(&mut explain.statement, visitor),
        _ => ControlFlow::Continue(()),
    }
}

/// What a text names and declares.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// The relations that it reads, each once, names of `WITH` included.
    pub(crate) relations: Vec<Relation>,
    /// The names of `WITH`.
    pub(crate) shared: BTreeSet<String>,
    /// Aliases.
    declared: Spellings,
    /// Whether the next relation is the name of a function.
    is_function: bool,
}

/// Reads what a text names and declares.
pub(crate) fn said(statement: &mut Statement) -> Said {
    let mut said = Said::default();
    let ControlFlow::Continue(()) = visit(statement, &mut said);
    said
}

impl Said {
    fn alias(&mut self, alias: Option<&TableAlias>) {
        let Some(alias) = alias else { return };
        self.declared.add(&alias.name.value);
        for column in &alias.columns {
            self.declared.add(&column.name.value);
        }
    }
}

impl VisitorMut for Said {
    type Break = std::convert::Infallible;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        for shared in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.shared.insert(shared.alias.name.value.clone());
            self.alias(Some(&shared.alias));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        for item in &select.projection {
            if let SelectItem::ExprWithAlias { alias, .. } = item {
                self.declared.add(&alias.value);
            }
        }
        for window in &select.named_window {
            self.declared.add(&window.0.value);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Self::Break> {
        match factor {
            TableFactor::Table { alias, args, .. } => {
                self.alias(alias.as_ref());
                self.is_function = args.is_some();
            }
            TableFactor::Derived { alias, .. }
            | TableFactor::Function { alias, .. }
            | TableFactor::TableFunction { alias, .. }
            | TableFactor::UNNEST { alias, .. }
            | TableFactor::NestedJoin { alias, .. } => self.alias(alias.as_ref()),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<Self::Break> {
        if !std::mem::take(&mut self.is_function) {
            let relation = idents(relation);
            if !self.relations.contains(&relation) {
                self.relations.push(relation);
            }
        }
        ControlFlow::Continue(())
    }
}

/// Writes the spellings that are meant into a text. `meant` has the tables among its relations.
pub(crate) fn spell(
    statement: &mut Statement,
    said: Said,
    meant: Vec<(Relation, Meant)>,
) -> Result<(), SqlError> {
    let mut columns = Spellings::default();
    for (_, table) in &meant {
        for column in &table.columns {
            columns.add(column);
        }
    }
    let mut speller = Speller {
        shared: said.shared,
        declared: said.declared,
        meant,
        columns,
        called: BTreeMap::new(),
        is_function: false,
    };
    // The relations first: what a column belongs to may stand behind it in the text.
    speller.call(statement);
    match visit(statement, &mut speller) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Speller {
    shared: BTreeSet<String>,
    declared: Spellings,
    meant: Vec<(Relation, Meant)>,
    /// Columns of all tables.
    columns: Spellings,
    /// What tables are called here, in lower case, and the columns of those called so.
    called: BTreeMap<String, (String, Spellings)>,
    is_function: bool,
}

/// Gathers what tables are called.
struct Calls<'a>(&'a mut Speller);

impl VisitorMut for Calls<'_> {
    type Break = std::convert::Infallible;

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Self::Break> {
        if let TableFactor::Table {
            name,
            alias,
            args: None,
            ..
        } = factor
            && let Some(table) = self.0.table(&idents(name))
        {
            let called = alias
                .as_ref()
                .map_or_else(|| table.name.clone(), |alias| alias.name.value.clone());
            let columns = table.columns.clone();
            let entry = self.0.called.entry(called.to_lowercase());
            let (_, spellings) = entry.or_insert_with(|| (called, Spellings::default()));
            for column in &columns {
                spellings.add(column);
            }
        }
        ControlFlow::Continue(())
    }
}

impl Speller {
    fn call(&mut self, statement: &mut Statement) {
        let ControlFlow::Continue(()) = visit(statement, &mut Calls(self));
    }

    fn table(&self, relation: &Relation) -> Option<&Meant> {
        let mut tables = self.meant.iter();
        let found = tables.find(|(named, _)| named == relation);
        found.map(|(_, table)| table)
    }

    /// A column that stands alone.
    fn column(&self, ident: &mut Ident) -> Result<(), SqlError> {
        if ident.quote_style.is_some() {
            return Ok(());
        }
        let declared = self.declared.0.get(&ident.value.to_lowercase());
        if declared.is_some_and(|spellings| spellings.contains(&ident.value)) {
            return Ok(());
        }
        let found = match self.columns.find("column", ident)? {
            Some(spelling) => Some(spelling),
            None => self.declared.find("name", ident)?,
        };
        if let Some(spelling) = found {
            set(ident, spelling);
        }
        Ok(())
    }

    /// What a table is called; returns the columns of tables called so, if they are known.
    fn qualifier(&self, ident: &mut Ident) -> Result<Option<&Spellings>, SqlError> {
        let lower = ident.value.to_lowercase();
        let declared = self.declared.find("name", ident)?;
        if let Some((called, columns)) = self.called.get(&lower) {
            if ident.quote_style.is_none() {
                set(ident, declared.unwrap_or_else(|| called.clone()));
            }
            Ok(Some(columns))
        } else {
            if let (Some(declared), None) = (declared, ident.quote_style) {
                set(ident, declared);
            }
            Ok(None)
        }
    }

    /// `table.column`, `schema.table.column`, or a column and what is in it.
    fn path(&self, parts: &mut [Ident]) -> Result<(), SqlError> {
        match parts {
            [only] => self.column(only),
            [schema, table, column, ..] if self.is_schema(schema, table) => {
                if let Some(schemas) = self.schema_of(table) {
                    set(schema, schemas);
                }
                let columns = self.qualifier(table)?;
                self.of(columns, column)
            }
            [table, column, ..] => {
                let is_table = self.called.contains_key(&table.value.to_lowercase())
                    || self.declared.find("name", table)?.is_some();
                if is_table {
                    let columns = self.qualifier(table)?;
                    self.of(columns, column)
                } else {
                    self.column(table)
                }
            }
            [] => Ok(()),
        }
    }

    fn of(&self, columns: Option<&Spellings>, column: &mut Ident) -> Result<(), SqlError> {
        let Some(columns) = columns else {
            return self.column(column);
        };
        if let (Some(spelling), None) = (columns.find("column", column)?, column.quote_style) {
            set(column, spelling);
        }
        Ok(())
    }

    fn is_schema(&self, schema: &Ident, table: &Ident) -> bool {
        let mut tables = self.meant.iter();
        tables.any(|(_, meant)| {
            meant.schema.eq_ignore_ascii_case(&schema.value)
                && meant.name.to_lowercase() == table.value.to_lowercase()
        })
    }

    fn schema_of(&self, table: &Ident) -> Option<String> {
        let mut tables = self.meant.iter();
        let found =
            tables.find(|(_, meant)| meant.name.to_lowercase() == table.value.to_lowercase());
        found.map(|(_, meant)| meant.schema.clone())
    }

    fn relation(&self, name: &mut ObjectName) -> Result<(), SqlError> {
        let relation = idents(name);
        if let [only] = relation.as_slice() {
            let lower = only.value.to_lowercase();
            let same = self
                .shared
                .iter()
                .filter(|name| name.to_lowercase() == lower);
            let same: BTreeSet<String> = same.cloned().collect();
            if let Some(spelling) = pick("name", only, (!same.is_empty()).then_some(&same))? {
                let mut ident = only.clone();
                set(&mut ident, spelling);
                *name = ObjectName(vec![ObjectNamePart::Identifier(ident)]);
                return Ok(());
            }
        }
        if let (Some(meant), Some(last)) = (self.table(&relation), relation.last()) {
            let parts = [&meant.schema, &meant.name];
            let parts = parts.map(|part| {
                let mut ident = last.clone();
                set(&mut ident, part.clone());
                ObjectNamePart::Identifier(ident)
            });
            *name = ObjectName(parts.to_vec());
        }
        Ok(())
    }

    fn joined(&self, select: &mut Select) -> Result<(), SqlError> {
        for join in select.from.iter_mut().flat_map(|from| &mut from.joins) {
            let (JoinOperator::Join(on)
            | JoinOperator::Inner(on)
            | JoinOperator::Left(on)
            | JoinOperator::LeftOuter(on)
            | JoinOperator::Right(on)
            | JoinOperator::RightOuter(on)
            | JoinOperator::FullOuter(on)) = &mut join.join_operator
            else {
                continue;
            };
            if let JoinConstraint::Using(names) = on {
                for part in names.iter_mut().flat_map(|name| &mut name.0) {
                    if let ObjectNamePart::Identifier(ident) = part {
                        self.column(ident)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn wildcards(&self, select: &mut Select) -> Result<(), SqlError> {
        for item in &mut select.projection {
            let SelectItem::QualifiedWildcard(kind, _) = item else {
                continue;
            };
            if let SelectItemQualifiedWildcardKind::ObjectName(name) = kind
                && let [ObjectNamePart::Identifier(table)] = name.0.as_mut_slice()
            {
                self.qualifier(table)?;
            }
        }
        Ok(())
    }
}

fn flow(done: Result<(), SqlError>) -> ControlFlow<SqlError> {
    match done {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    }
}

impl VisitorMut for Speller {
    type Break = SqlError;

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<SqlError> {
        flow(self.joined(select).and_then(|()| self.wildcards(select)))
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<SqlError> {
        if let TableFactor::Table { args, .. } = factor {
            self.is_function = args.is_some();
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<SqlError> {
        if std::mem::take(&mut self.is_function) {
            return ControlFlow::Continue(());
        }
        flow(self.relation(relation))
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<SqlError> {
        flow(match expr {
            Expr::Identifier(ident) => self.column(ident),
            Expr::CompoundIdentifier(parts) => self.path(parts),
            _ => Ok(()),
        })
    }
}
