//! The Entity Type Selection Language [CIM-009 §4.17].

use base::Name;
use jsonld::Context;

use super::QueryError;
use super::choice;
use super::cursor::Cursor;

/// Which types an entity must have: all of one of these. An empty conjunction, `*`, holds for every entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeExpr {
    /// Alternatives of conjunctions of expanded names.
    pub any_of: Vec<Vec<Name>>,
}

impl TypeExpr {
    /// Reads `(Home;Vehicle),Motorhome` or `*`, which selects every type [CIM-009 §5.7.2.4].
    pub fn parse(text: &str, context: &Context) -> Result<Self, QueryError> {
        if text == "*" {
            return Ok(Self {
                any_of: vec![Vec::new()],
            });
        }
        let mut cursor = Cursor::new("type", text)?;
        let any_of = choice::parse(&mut cursor, &mut |cursor| {
            let name = cursor.take_while(|c| !choice::is_separator(c) && !c.is_whitespace());
            if name.is_empty() {
                return Err(cursor.wrong("expected an entity type"));
            }
            cursor.expand(name, context)
        })?;
        Ok(Self { any_of })
    }

    /// Entities that have one of these types.
    pub fn any(types: impl IntoIterator<Item = Name>) -> Self {
        Self {
            any_of: types.into_iter().map(|name| vec![name]).collect(),
        }
    }

    /// Whether it holds for every entity, whatever its types.
    pub fn is_wildcard(&self) -> bool {
        self.any_of.iter().any(Vec::is_empty)
    }

    /// Whether an entity of these types is selected.
    pub fn matches(&self, types: &[Name]) -> bool {
        self.any_of
            .iter()
            .any(|all_of| all_of.iter().all(|name| types.contains(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(expression: &str, types: &[&str]) -> bool {
        let context = Context::core();
        let types: Vec<Name> = types
            .iter()
            .map(|t| context.expand_name(t).expect("a name"))
            .collect();
        TypeExpr::parse(expression, &context)
            .expect("a type expression")
            .matches(&types)
    }

    #[test]
    fn the_examples_of_the_standard_select_what_they_say() {
        assert!(selects("Building|House", &["House"]) && selects("Building,House", &["Building"]));
        assert!(!selects("(Home;Vehicle)", &["Home"]));
        assert!(selects("(Home;Vehicle)", &["Vehicle", "Red", "Home"]));
        assert!(selects("(Home;Vehicle),Motorhome", &["Motorhome"]));
        assert!(!selects("(Home;Vehicle)|Motorhome", &["Vehicle"]));
        assert!(selects("(Building|Tower)", &["Tower"]) && selects("(A|B);C", &["C", "B"]));
        assert!(!selects("(A|B);C", &["A", "B"]));
        assert!(selects("*", &["Anything"]) && selects("https://x.org/T", &["https://x.org/T"]));
    }

    #[test]
    fn a_broken_expression_is_refused_where_it_breaks() {
        for (text, said) in [
            (
                "",
                "'type' is wrong at character 1, its end: expected an entity type",
            ),
            (
                "A,,B",
                "'type' is wrong at character 3 (',B'): expected an entity type",
            ),
            (
                "(A;B",
                "'type' is wrong at character 5, its end: expected ';', ',', '|' or ')'",
            ),
            (
                "(A)B",
                "'type' is wrong at character 4 ('B'): expected ';', ',' or '|'",
            ),
        ] {
            let error = TypeExpr::parse(text, &Context::core()).expect_err("refused");
            assert_eq!(error.to_string(), said);
        }
    }
}
