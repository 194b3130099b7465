//! The table by group, as Markdown: what ETSI wrote and what the suite's keeper added, apart.

use std::collections::BTreeMap;

use crate::etsi::INTEROPERABILITY;
use crate::results::{Case, Verdict};

/// Passed and all, of one group and one origin.
#[derive(Debug, Default, Clone, Copy)]
struct Count {
    passed: usize,
    all: usize,
}

impl Count {
    fn add(&mut self, case: &Case) {
        self.all += 1;
        self.passed += usize::from(case.verdict == Verdict::Passed);
    }

    fn cell(self) -> String {
        if self.all == 0 {
            "–".to_owned()
        } else {
            format!("{} of {}", self.passed, self.all)
        }
    }

    /// In tenths of a percent, rounded down: 95 % is reached or it is not.
    fn percent(self) -> String {
        if self.all == 0 {
            return "–".to_owned();
        }
        let tenths = (self.passed * 1_000)
            .checked_div(self.all)
            .unwrap_or_default();
        format!("{}.{} %", tenths / 10, tenths % 10)
    }
}

/// One row a folder of test procedures, and the sum. `official` lists the files that ETSI wrote.
pub fn table(cases: &[Case], official: &str) -> String {
    let written_by_etsi: Vec<&str> = official.lines().collect();
    let mut rows: BTreeMap<String, [Count; 2]> = BTreeMap::new();
    let mut sum = [Count::default(); 2];
    for case in cases {
        let origin = usize::from(!written_by_etsi.contains(&case.file.as_str()));
        let row = rows.entry(group_of(&case.file)).or_default();
        for counts in [row, &mut sum] {
            if let Some(count) = counts.get_mut(origin) {
                count.add(case);
            }
        }
    }
    let mut lines = vec![
        "| group | ETSI's own | | added | together | |".to_owned(),
        "|---|---|---|---|---|---|".to_owned(),
    ];
    lines.extend(rows.iter().map(|(group, counts)| line(group, *counts)));
    lines.push(line("**together**", sum));
    lines.join("\n")
}

fn line(group: &str, [own, added]: [Count; 2]) -> String {
    let both = Count {
        passed: own.passed + added.passed,
        all: own.all + added.all,
    };
    format!(
        "| {group} | {} | {} | {} | {} | {} |",
        own.cell(),
        own.percent(),
        added.cell(),
        both.cell(),
        both.percent()
    )
}

/// `ContextInformation/Provision/Entities/CreateEntity/001_01.robot` is of
/// `ContextInformation/Provision`; what is below `CommonBehaviours` and the group of five nodes
/// are one each.
fn group_of(file: &str) -> String {
    let mut folders = file.split('/');
    let first = folders.next().unwrap_or_default();
    match (first, folders.next()) {
        ("Interoperability", _) => INTEROPERABILITY.to_owned(),
        ("CommonBehaviours", _) | (_, None) => first.to_owned(),
        (_, Some(second)) => format!("{first}/{second}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_counted_apart_and_groups_summed() {
        let case = |file: &str, verdict| Case {
            file: file.to_owned(),
            name: "n".to_owned(),
            verdict,
            message: String::new(),
        };
        let cases = [
            case(
                "ContextInformation/Provision/Entities/CreateEntity/001.robot",
                Verdict::Passed,
            ),
            case(
                "ContextInformation/Provision/Entities/Merge/009.robot",
                Verdict::Failed,
            ),
            case("Interoperability/Routing/IOP_1.robot", Verdict::Passed),
        ];
        let official = "ContextInformation/Provision/Entities/CreateEntity/001.robot\n";
        assert_eq!(
            table(&cases, official),
            "| group | ETSI's own | | added | together | |\n|---|---|---|---|---|---|\n\
             | ContextInformation/Provision | 1 of 1 | 100.0 % | 0 of 1 | 1 of 2 | 50.0 % |\n\
             | IOP_TP | – | – | 1 of 1 | 1 of 1 | 100.0 % |\n\
             | **together** | 1 of 1 | 100.0 % | 1 of 2 | 2 of 3 | 66.6 % |"
        );
    }
}
