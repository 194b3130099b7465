//! ETSI's suite against the built binary, where a checkout of it is named.
//!
//! `CHORSU_ETSI_SUITE` names the checkout; `CHORSU_ETSI_CONTEXTS` a folder with more contexts than
//! the checkout has (`index.json`, URL to file); `CHORSU_ETSI_GROUPS` other groups than the usual
//! ones, with commas; `CHORSU_ETSI_OUT` a folder that keeps what Robot wrote.

#[cfg(test)]
mod it {
    use std::io::Write as _;
    use std::path::PathBuf;

    use conformance::etsi::Suite;
    use conformance::known::Known;
    use conformance::report;

    const GROUPS: &str = "ContextInformation/Provision,ContextInformation/Consumption/Discovery,\
        ContextInformation/Consumption/Entity,ContextInformation/Consumption/TemporalEntity";

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
        let groups = std::env::var_os("CHORSU_ETSI_GROUPS").unwrap_or_else(|| GROUPS.into());
        let mut cases = Vec::new();
        for group in groups.to_string_lossy().split(',') {
            let place = out.join(group.replace('/', "."));
            // Whatever an earlier run left there would make the node anything but fresh.
            drop(std::fs::remove_dir_all(&place));
            cases.extend(suite.run(group, &contexts, &place).unwrap());
        }
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
