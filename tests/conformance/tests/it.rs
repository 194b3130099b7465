//! ETSI's suite against the built binary, where a checkout of it is named.
//!
//! `CHORSU_ETSI_SUITE` names the checkout; `CHORSU_ETSI_CONTEXTS` a folder with more contexts than
//! the checkout has (`index.json`, URL to file); `CHORSU_ETSI_GROUPS` some groups in place of all,
//! with commas; `CHORSU_ETSI_AT_ONCE` how many run at once; `CHORSU_ETSI_OUT` a folder that keeps
//! what Robot and the nodes wrote.

#[cfg(test)]
mod it {
    use std::io::Write as _;
    use std::path::PathBuf;

    use conformance::etsi::{self, Group, Suite};
    use conformance::known::Known;
    use conformance::report;

    /// Groups at once: most of their time they wait.
    const AT_ONCE: usize = 4;

    #[test]
    fn etsis_suite_passes_but_for_the_known_failures() {
        let Some(folder) = std::env::var_os("CHORSU_ETSI_SUITE").map(PathBuf::from) else {
            say("left out: CHORSU_ETSI_SUITE names no checkout of ETSI's suite");
            return;
        };
        let suite = Suite::prepare(&folder, &venv()).unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let out = std::env::var_os("CHORSU_ETSI_OUT")
            .map_or_else(|| scratch.path().to_path_buf(), PathBuf::from);
        let contexts = std::env::var_os("CHORSU_ETSI_CONTEXTS")
            .map_or_else(|| scratch.path().join("contexts"), PathBuf::from);
        if !contexts.exists() {
            suite.contexts(&contexts).unwrap();
        }
        if etsi::mosquitto().is_none() {
            say("left out: the twelve cases about MQTT, as mosquitto is not installed");
        }
        let groups = match std::env::var_os("CHORSU_ETSI_GROUPS") {
            Some(names) => Group::of(names.to_string_lossy().split(',')),
            None => Group::all(),
        };
        let at_once = std::env::var_os("CHORSU_ETSI_AT_ONCE")
            .and_then(|text| text.to_str()?.parse().ok())
            .unwrap_or(AT_ONCE);
        let cases = suite.run_all(&groups, &contexts, &out, at_once).unwrap();
        let table = report::table(&cases, include_str!("../etsi-own-files.txt"));
        say(&format!("ETSI suite {}\n\n{table}", suite.commit()));
        let known = Known::parse(include_str!("../known-failures.txt")).unwrap();
        let found = known.compare(&cases);
        let new = found.new_failures.join("\n");
        let passed = found.passed_after_all.join("\n");
        assert!(!cases.is_empty(), "no case was run");
        assert!(
            new.is_empty() && passed.is_empty(),
            "failed and not on the list:\n{new}\n\non the list and passed, take them off:\n{passed}"
        );
    }

    /// Says it even where the test passes, whose prints are kept back.
    fn say(text: &str) {
        writeln!(std::io::stdout(), "{text}").unwrap();
    }

    /// Kept from run to run, outside the project.
    fn venv() -> PathBuf {
        let cache = std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| {
                let home = std::env::var_os("HOME")?;
                Some(PathBuf::from(home).join(".cache"))
            });
        cache
            .unwrap_or_else(std::env::temp_dir)
            .join("etsi-ngsi-ld/venv")
    }
}
