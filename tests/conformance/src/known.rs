//! The cases that are known to fail, each with its reason: a list that may only shrink.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};

use crate::results::{Case, Verdict};

/// The list, by file and name of the case.
#[derive(Debug, Default)]
pub struct Known {
    reasons: BTreeMap<(String, String), String>,
}

/// Where a run and the list do not agree.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Disagreement {
    /// Failed without being on the list.
    pub new_failures: Vec<String>,
    /// On the list, and passed: to be taken off.
    pub passed_after_all: Vec<String>,
}

impl Known {
    /// Reads lines of `file | name | reason`; empty lines and lines with `#` are left out.
    ///
    /// # Errors
    /// A line without three parts, without a reason, or one that is there twice.
    pub fn parse(text: &str) -> Result<Self> {
        let mut reasons = BTreeMap::new();
        for line in text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            let mut parts = line.splitn(3, " | ").map(str::trim);
            let mut part = || parts.next().filter(|part| !part.is_empty());
            let key = (
                part().unwrap_or_default().to_owned(),
                part().unwrap_or_default().to_owned(),
            );
            let reason = part().with_context(|| format!("no reason: {line}"))?;
            let before = reasons.insert(key, reason.to_owned());
            ensure!(before.is_none(), "there twice: {line}");
        }
        Ok(Self { reasons })
    }

    /// How many cases are on the list.
    pub fn len(&self) -> usize {
        self.reasons.len()
    }

    /// Whether everything passes.
    pub fn is_empty(&self) -> bool {
        self.reasons.is_empty()
    }

    /// Compares a run with the list. Cases that did not run say nothing.
    pub fn compare(&self, cases: &[Case]) -> Disagreement {
        let mut found = Disagreement::default();
        for case in cases {
            let listed = self
                .reasons
                .contains_key(&(case.file.clone(), case.name.clone()));
            match case.verdict {
                Verdict::Failed if !listed => {
                    found
                        .new_failures
                        .push(format!("{} | {} | {}", case.file, case.name, case.message));
                }
                Verdict::Passed if listed => {
                    found
                        .passed_after_all
                        .push(format!("{} | {}", case.file, case.name));
                }
                _ => {}
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(name: &str, verdict: Verdict) -> Case {
        Case {
            file: "A/1.robot".to_owned(),
            name: name.to_owned(),
            verdict,
            message: "200 != 201".to_owned(),
        }
    }

    #[test]
    fn a_new_failure_and_a_listed_case_that_passes_are_both_named() {
        let known =
            Known::parse("# why\n\nA/1.robot | 1_01 | open in the text\nA/1.robot | 1_02 | x\n");
        let found = known.unwrap().compare(&[
            case("1_01", Verdict::Failed),
            case("1_02", Verdict::Passed),
            case("1_03", Verdict::Failed),
            case("1_04", Verdict::Passed),
        ]);
        assert_eq!(found.new_failures, ["A/1.robot | 1_03 | 200 != 201"]);
        assert_eq!(found.passed_after_all, ["A/1.robot | 1_02"]);
    }

    #[test]
    fn a_line_without_a_reason_is_refused() {
        for bad in [
            "A/1.robot | 1_01",
            "A/1.robot | 1_01 | ",
            "a | b | c\na | b | d",
        ] {
            assert!(Known::parse(bad).is_err(), "{bad}");
        }
    }
}
