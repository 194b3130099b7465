//! Builders and fakes for every test.
