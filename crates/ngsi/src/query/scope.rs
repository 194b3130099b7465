//! The Scope Query Language [CIM-009 §4.19].

use base::Name;

use super::QueryError;
use super::choice;
use super::cursor::Cursor;

/// Which scopes an entity must have: for one of these conjunctions, every pattern matches some scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeExpr {
    /// Alternatives of conjunctions.
    pub any_of: Vec<Vec<ScopePattern>>,
}

/// `/Madrid/+/ParqueNorte` or, with everything beneath it, `/Madrid/Gardens/#`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopePattern {
    /// Level by level; `None` is `+`, any one level.
    pub levels: Vec<Option<Name>>,
    /// Whether it ends in `/#`: the scope itself and all beneath it.
    pub and_below: bool,
}

impl ScopeExpr {
    /// Reads `(/Madrid/Districts;/CompanyA)|/CompanyB`.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let mut cursor = Cursor::new("scopeQ", text)?;
        let any_of = choice::parse(&mut cursor, &mut ScopePattern::read)?;
        Ok(Self { any_of })
    }

    /// Whether an entity of these scopes is selected.
    pub fn matches(&self, scopes: &[Name]) -> bool {
        let holds = |pattern: &ScopePattern| scopes.iter().any(|scope| pattern.matches(scope));
        self.any_of.iter().any(|all_of| all_of.iter().all(holds))
    }
}

impl ScopePattern {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, QueryError> {
        let mut levels = Vec::new();
        // The standard's own example 5 leaves the first slash out.
        cursor.eat("/");
        loop {
            if cursor.eat("#") {
                return Ok(Self {
                    levels,
                    and_below: true,
                });
            }
            let level = cursor.take_while(|c| {
                !choice::is_separator(c) && !c.is_whitespace() && !"/#".contains(c)
            });
            match level {
                "" => return Err(cursor.wrong("expected a level of a scope")),
                "+" => levels.push(None),
                name => levels.push(Some(Name::from(name))),
            }
            if !cursor.eat("/") {
                return Ok(Self {
                    levels,
                    and_below: false,
                });
            }
        }
    }

    /// Whether the pattern covers this scope.
    pub fn matches(&self, scope: &str) -> bool {
        let scope = scope.strip_prefix('/').unwrap_or(scope);
        if scope.is_empty() {
            return false;
        }
        let mut found = scope.split('/');
        for wanted in &self.levels {
            match (wanted, found.next()) {
                (_, None) => return false,
                (Some(wanted), Some(level)) if **wanted != *level => return false,
                _ => {}
            }
        }
        self.and_below || found.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(query: &str, scopes: &[&str]) -> bool {
        let scopes: Vec<Name> = scopes.iter().map(|s| Name::from(*s)).collect();
        ScopeExpr::parse(query)
            .expect("a scope query")
            .matches(&scopes)
    }

    #[test]
    fn the_examples_of_the_standard_select_what_they_say() {
        assert!(selects("/Madrid", &["/Madrid"]) && !selects("/Madrid", &["/Madrid/Gardens"]));
        for scope in [
            "/Madrid/Gardens",
            "/Madrid/Gardens/ParqueNorte",
            "Madrid/Gardens/A/B",
        ] {
            assert!(selects("/Madrid/Gardens/#", &[scope]), "{scope}");
        }
        assert!(!selects("/Madrid/Gardens/#", &["/Madrid"]));
        assert!(selects(
            "/Madrid/+/ParqueNorte",
            &["/Madrid/Sights/ParqueNorte"]
        ));
        assert!(!selects("/Madrid/+/ParqueNorte", &["/Madrid/ParqueNorte"]));
        assert!(selects("/#", &["/x"]) && !selects("/#", &[]));
        let both = ["/Madrid/Districts", "/CompanyA"];
        assert!(selects("(/Madrid/Districts;/CompanyA)", &both));
        assert!(!selects(
            "(/Madrid/Districts;/CompanyA)|CompanyB",
            &["/CompanyA"]
        ));
        assert!(selects(
            "(/Madrid/Districts;/CompanyA),CompanyB",
            &["/CompanyB"]
        ));
        assert!(selects("/Madrid/Districts;/CompanyA", &both));
    }

    #[test]
    fn a_broken_scope_query_is_refused() {
        for text in ["", "/", "//A", "/A/", "/A;", "(/A", "/A b", "/#/A", "/A#B"] {
            assert!(ScopeExpr::parse(text).is_err(), "{text}");
        }
    }
}
