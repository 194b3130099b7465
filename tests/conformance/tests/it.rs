//! The suites, tutorials and libraries of others against the built binary, where they can be had.
//!
//! ETSI's suite:
//!
//! `CHORSU_ETSI_SUITE` names the checkout; `CHORSU_ETSI_CONTEXTS` a folder with more contexts than
//! the checkout has (`index.json`, URL to file); `CHORSU_ETSI_GROUPS` some groups in place of all,
//! with commas; `CHORSU_ETSI_AT_ONCE` how many run at once; `CHORSU_ETSI_OUT` a folder that keeps
//! what Robot and the nodes wrote.
//!
//! `CHORSU_FIWARE_TUTORIALS` names a folder with checkouts of FIWARE's tutorials, branch `NGSI-LD`.
//! The client libraries are fetched from PyPI and npm and left out where these cannot be reached.
//!
//! So are the engines that read the lake: DuckDB and pandas, and those that `CHORSU_ENGINES` names
//! with commas, `spark` and `ballista`.

#[cfg(test)]
mod it {
    use std::io::Write as _;
    use std::path::PathBuf;

    use conformance::clients::Client;
    use conformance::engines::door::Door;
    use conformance::engines::{self, Engine};
    use conformance::etsi::{self, Group, Suite};
    use conformance::known::Known;
    use conformance::node::Start;
    use conformance::results::{Case, Verdict};
    use conformance::{flight, report, tutorials};

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
        agree(&cases, include_str!("../known-failures.txt"));
    }

    #[test]
    fn fiwares_tutorials_work_as_printed_but_for_the_known_deviations() {
        let Some(folder) = std::env::var_os("CHORSU_FIWARE_TUTORIALS").map(PathBuf::from) else {
            say("left out: CHORSU_FIWARE_TUTORIALS names no folder of FIWARE's tutorials");
            return;
        };
        let mut checkouts: Vec<PathBuf> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.join("README.md").exists())
            .collect();
        checkouts.sort();
        let mut cases = Vec::new();
        for checkout in &checkouts {
            let scratch = tempfile::tempdir().unwrap();
            let found = tutorials::run(checkout, scratch.path()).unwrap();
            let all = |verdict| found.iter().filter(|case| case.verdict == verdict).count();
            say(&format!(
                "{}: {} as printed, {} otherwise, {} to other programs",
                checkout.file_name().unwrap().display(),
                all(Verdict::Passed),
                all(Verdict::Failed),
                all(Verdict::Skipped)
            ));
            cases.extend(found);
        }
        agree(&cases, include_str!("../tutorial-deviations.txt"));
    }

    #[test]
    fn ngsildclient_of_pypi_works_with_a_node() {
        let_work(Client::Ngsildclient);
    }

    #[test]
    fn ngsijs_of_npm_works_with_a_node() {
        let_work(Client::Ngsijs);
    }

    #[test]
    fn engines_of_others_find_in_the_lake_what_was_written_and_what_the_node_finds() {
        let scratch = tempfile::tempdir().unwrap();
        let contexts = scratch.path().join("contexts");
        std::fs::create_dir(&contexts).unwrap();
        std::fs::write(contexts.join("index.json"), "{}").unwrap();
        let mut start = Start::on(scratch.path(), &contexts);
        start.flags = Vec::new();
        let node = start.run().unwrap();
        let door = Door {
            port: node.port(),
            tenant: String::new(),
        };
        let models = engines::fill(&door).unwrap();
        for (door, model) in &models {
            let wanted = engines::questions::expected(model);
            let compared = engines::compare_aggregates(door, model).unwrap();
            let found = engines::node_answers(door).unwrap();
            let difference = engines::questions::differ(&found, &wanted);
            assert_eq!(difference, None, "the node, tenant '{}'", door.tenant);
            say(&format!(
                "the node: {} points, {compared} daily values, the sums by SQL",
                model.points.len()
            ));
        }
        let more = std::env::var_os("CHORSU_ENGINES").unwrap_or_default();
        let more = more.to_string_lossy();
        let more = more.split(',').filter(|name| !name.is_empty());
        let more = more.map(|name| Engine::of(name).unwrap_or_else(|| panic!("{name}?")));
        let venv = cache().join("chorsu-engines");
        for engine in [Engine::DuckDb, Engine::Pandas].into_iter().chain(more) {
            if let Some(reason) = engine.fetch(&venv).unwrap() {
                say(&format!(
                    "left out: {} cannot be had: {reason}",
                    engine.name()
                ));
                continue;
            }
            for (door, model) in &models {
                let wanted = engines::questions::expected(model);
                let lake = scratch.path().join("data/lake");
                let found = engine.answers(&venv, &lake, &door.tenant).unwrap();
                let difference = engines::questions::differ(&found, &wanted);
                assert_eq!(
                    difference,
                    None,
                    "{}, tenant '{}'",
                    engine.name(),
                    door.tenant
                );
            }
            say(&format!("{}: the same", engine.name()));
        }
        assert!(node.answers(), "{}", node.log());
    }

    #[test]
    fn the_driver_for_flight_sql_of_pypi_asks_a_node() {
        let folder = cache().join("chorsu-flight-sql");
        if let Some(reason) = flight::fetch(&folder).unwrap() {
            say(&format!("left out: the driver cannot be had: {reason}"));
            return;
        }
        let scratch = tempfile::tempdir().unwrap();
        let contexts = scratch.path().join("contexts");
        std::fs::create_dir(&contexts).unwrap();
        std::fs::write(contexts.join("index.json"), "{}").unwrap();
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut start = Start::on(scratch.path(), &contexts);
        start.flags = vec!["--flight".to_owned(), format!("127.0.0.1:{port}")];
        let node = start.run().unwrap();
        flight::work(&folder, (node.port(), port), None).unwrap();
        assert!(node.answers(), "{}", node.log());
    }

    fn let_work(client: Client) {
        let folder = cache().join("ngsi-ld-clients").join(client.name());
        if let Some(reason) = client.fetch(&folder).unwrap() {
            say(&format!(
                "left out: {} cannot be had: {reason}",
                client.name()
            ));
            return;
        }
        let scratch = tempfile::tempdir().unwrap();
        let contexts = scratch.path().join("contexts");
        std::fs::create_dir(&contexts).unwrap();
        std::fs::write(contexts.join("index.json"), "{}").unwrap();
        let node = Start::on(scratch.path(), &contexts).run().unwrap();
        client.work(&folder, node.port()).unwrap();
        assert!(node.answers(), "{}", node.log());
    }

    /// Holds a run against its list of what is known to fail.
    fn agree(cases: &[Case], list: &str) {
        let found = Known::parse(list).unwrap().compare(cases);
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

    fn venv() -> PathBuf {
        cache().join("etsi-ngsi-ld/venv")
    }

    /// Kept from run to run, outside the project.
    fn cache() -> PathBuf {
        let cache = std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| {
                let home = std::env::var_os("HOME")?;
                Some(PathBuf::from(home).join(".cache"))
            });
        cache.unwrap_or_else(std::env::temp_dir)
    }
}
