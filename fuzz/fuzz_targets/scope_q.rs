//! Any text is a `scopeQ` or an error.

#![no_main]

use base::Name;
use ngsi::query::ScopeExpr;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(scopes) = ScopeExpr::parse(text) else {
        return;
    };
    assert!(!scopes.any_of.is_empty());
    assert!(!scopes.matches(&[]), "an entity without a scope is in none");
    let _answer = scopes.matches(&[Name::from("/Tashkent/Chorsu"), Name::from("/a/b/c")]);
});
