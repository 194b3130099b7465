//! The settings of a node: one table, read from flags, environment, file and defaults, in this
//! order of precedence.

mod lake;
mod markdown;
mod table;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context as _, bail};

pub(crate) use self::lake::LakeSettings;
pub(crate) use markdown::markdown;
pub(crate) use table::SETTINGS;

use crate::alias;

/// One setting. Its flag is `--name`, its variable `CHORSU_NAME`, its key in the file `name`.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Lower case, words joined by hyphens.
    pub(crate) name: &'static str,
    /// What stands for the value in help texts; empty for a switch.
    pub(crate) value: &'static str,
    /// The value when nobody says anything; empty: none.
    pub(crate) default: &'static str,
    /// What it does, in a sentence or two.
    pub(crate) help: &'static str,
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// The settings in force.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) data: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) mqtt: Option<SocketAddr>,
    pub(crate) flight: Option<SocketAddr>,
    pub(crate) sql_memory: usize,
    pub(crate) sql_seconds: u32,
    pub(crate) lake: LakeSettings,
    pub(crate) open: bool,
    pub(crate) alias: Option<String>,
    pub(crate) contexts: Option<PathBuf>,
    pub(crate) outbound: outbound::Allow,
    pub(crate) outbound_hosts: Vec<String>,
    pub(crate) outbound_roots: Option<PathBuf>,
    pub(crate) request_seconds: u32,
    pub(crate) shutdown_seconds: u32,
    pub(crate) connections: usize,
    pub(crate) temporal_instances: usize,
    pub(crate) workers: usize,
    pub(crate) log: String,
    pub(crate) log_format: LogFormat,
}

/// What each source says, by name of the setting; an earlier source wins.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    flags: BTreeMap<&'static str, String>,
    environment: BTreeMap<&'static str, String>,
    file: BTreeMap<&'static str, String>,
}

impl Setting {
    /// The environment variable. That of `data` is `CHORSU_DATA_DIR`: `CHORSU_DATA` is where tests
    /// look for open data to import, and no node shall take that for its own folder.
    pub(crate) fn variable(&self) -> String {
        match self.name {
            "data" => "CHORSU_DATA_DIR".to_owned(),
            name => format!("CHORSU_{}", name.to_uppercase().replace('-', "_")),
        }
    }

    /// Whether it is on or off and has no other value.
    pub(crate) fn is_switch(&self) -> bool {
        self.value.is_empty()
    }
}

impl Sources {
    /// What the flags say, the environment, and the file that the flags or `CHORSU_CONFIG` name.
    pub(crate) fn read(
        flags: BTreeMap<&'static str, String>,
        config: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let mut environment = BTreeMap::new();
        for setting in SETTINGS {
            let variable = setting.variable();
            if let Some(text) = environment_text(&variable)? {
                environment.insert(setting.name, text);
            }
        }
        let named = environment_text("CHORSU_CONFIG")?.map(PathBuf::from);
        let file = match config.or(named.as_deref()) {
            Some(path) => read_file(path)?,
            None => BTreeMap::new(),
        };
        Ok(Self {
            flags,
            environment,
            file,
        })
    }

    /// What a command means where nobody says anything else.
    pub(crate) fn otherwise(&mut self, name: &'static str, text: &str) {
        self.file.entry(name).or_insert_with(|| text.to_owned());
    }

    /// The text of a setting, and who said it.
    fn text(&self, name: &str) -> (&str, &'static str) {
        let said = |from: &'static str, texts: &'static str| (texts, from);
        let sources = [
            (&self.flags, "flag"),
            (&self.environment, "environment"),
            (&self.file, "file"),
        ];
        for (texts, from) in sources {
            if let Some(text) = texts.get(name) {
                return (text, from);
            }
        }
        let default = SETTINGS.iter().find(|setting| setting.name == name);
        said("default", default.map_or("", |setting| setting.default))
    }

    fn parsed<T: FromStr>(&self, name: &str, what: &str) -> anyhow::Result<T> {
        let (text, from) = self.text(name);
        text.parse().ok().with_context(|| {
            format!("the setting '{name}' is '{text}' (from {from}): it must be {what}")
        })
    }

    fn bounded(&self, name: &str, min: usize, max: usize) -> anyhow::Result<usize> {
        let what = format!("a number from {min} to {max}");
        let number: usize = self.parsed(name, &what)?;
        if (min..=max).contains(&number) {
            return Ok(number);
        }
        bail!("the setting '{name}' is {number}: it must be {what}")
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        let (text, _from) = self.text(name);
        (!text.is_empty()).then(|| PathBuf::from(text))
    }

    fn address(&self, name: &str, what: &str) -> anyhow::Result<Option<SocketAddr>> {
        match self.text(name).0 {
            "" => Ok(None),
            _ => self.parsed(name, what).map(Some),
        }
    }

    fn alias(&self) -> anyhow::Result<Option<String>> {
        match self.text("alias") {
            ("", _) => Ok(None),
            (text, _) if alias::is_alias(text) => Ok(Some(text.to_owned())),
            (text, from) => bail!(
                "the setting 'alias' is '{text}' (from {from}): it must be 1 to 64 letters, digits, \
                 '-', '_' or '.'"
            ),
        }
    }

    /// The settings in force, checked.
    pub(crate) fn settings(&self) -> anyhow::Result<Settings> {
        let seconds =
            |name| -> anyhow::Result<u32> { Ok(u32::try_from(self.bounded(name, 1, 86_400)?)?) };
        let (hosts, _from) = self.text("outbound-hosts");
        let (log_format, _from) = self.text("log-format");
        let data = self.path("data");
        let data = data.context("the setting 'data' must name a folder")?;
        let settings = Settings {
            lake: self.lake(&data)?,
            data,
            listen: self.parsed("listen", "an address and a port such as 127.0.0.1:7700")?,
            mqtt: self.address("mqtt", "an address and a port such as 127.0.0.1:1883")?,
            flight: self.address("flight", "an address and a port such as 127.0.0.1:7701")?,
            sql_memory: self.bounded("sql-memory", 16, 1 << 20)?,
            sql_seconds: seconds("sql-seconds")?,
            open: self.parsed("open", "true or false")?,
            alias: self.alias()?,
            contexts: self.path("contexts"),
            outbound: self.parsed("outbound", "public, loopback or any")?,
            outbound_hosts: hosts
                .split(',')
                .map(str::trim)
                .filter(|host| !host.is_empty())
                .map(str::to_owned)
                .collect(),
            outbound_roots: self.path("outbound-roots"),
            request_seconds: seconds("request-seconds")?,
            shutdown_seconds: seconds("shutdown-seconds")?,
            connections: self.bounded("connections", 1, 1_000_000)?,
            temporal_instances: self.bounded(
                "temporal-instances",
                1,
                base::limits::TEMPORAL_INSTANCES_MAX,
            )?,
            workers: self.bounded("workers", 0, 1_024)?,
            log: self.text("log").0.to_owned(),
            log_format: match log_format {
                "text" => LogFormat::Text,
                "json" => LogFormat::Json,
                other => bail!("the setting 'log-format' is '{other}': it must be text or json"),
            },
        };
        let addresses = [Some(settings.listen), settings.mqtt, settings.flight];
        for address in addresses.into_iter().flatten() {
            if settings.open && !address.ip().is_loopback() {
                bail!(
                    "an open node answers on a loopback address only, and {} is none: leave 'open' \
                     away, or listen on 127.0.0.1",
                    address.ip()
                );
            }
        }
        Ok(settings)
    }

    /// The settings in force as a table for people, with who said each.
    pub(crate) fn table(&self) -> String {
        let mut table = String::new();
        for setting in SETTINGS {
            let (text, from) = self.text(setting.name);
            let shown = if text.is_empty() { "-" } else { text };
            // Writing to a String cannot fail.
            let _infallible = writeln!(table, "{:<18} {shown:<28} {from}", setting.name);
        }
        table
    }
}

impl Default for Settings {
    fn default() -> Self {
        Sources::default()
            .settings()
            .expect("a test shows that the defaults are valid")
    }
}

fn environment_text(variable: &str) -> anyhow::Result<Option<String>> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where settings are read, once"
    )]
    let text = std::env::var(variable);
    match text {
        Ok(text) => Ok(Some(text)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(text)) => not_unicode(variable, &text),
    }
}

fn not_unicode(variable: &str, text: &OsString) -> anyhow::Result<Option<String>> {
    bail!(
        "the variable {variable} is no Unicode text: {}",
        text.display()
    )
}

fn read_file(path: &Path) -> anyhow::Result<BTreeMap<&'static str, String>> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("settings file {shown}"))?;
    let table: toml::Table = text
        .parse()
        .with_context(|| format!("settings file {shown}"))?;
    let mut said = BTreeMap::new();
    for (key, value) in table {
        let Some(setting) = SETTINGS.iter().find(|setting| setting.name == key) else {
            let known: Vec<_> = SETTINGS.iter().map(|setting| setting.name).collect();
            bail!(
                "settings file {shown}: there is no '{key}'; there are {}",
                known.join(", ")
            );
        };
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Boolean(is_on) => is_on.to_string(),
            other => bail!(
                "settings file {shown}: '{key}' is of type {}: write text, a number, true or false",
                other.type_str()
            ),
        };
        said.insert(setting.name, text);
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn sources(
        flags: &[(&'static str, &str)],
        file: &[(&'static str, &str)],
    ) -> Sources {
        let map = |pairs: &[(&'static str, &str)]| {
            pairs
                .iter()
                .map(|(name, text)| (*name, (*text).to_owned()))
                .collect()
        };
        Sources {
            flags: map(flags),
            environment: BTreeMap::new(),
            file: map(file),
        }
    }

    #[test]
    fn the_defaults_are_valid_and_as_documented() {
        let settings = sources(&[], &[]).settings().expect("settings");
        assert_eq!(settings.data, PathBuf::from("./chorsu-data"));
        assert_eq!(settings.listen.to_string(), "127.0.0.1:7700");
        assert!(!settings.open);
        let page = markdown();
        for setting in SETTINGS {
            assert!(page.contains(&format!("`{}`", setting.variable())));
        }
    }

    #[test]
    fn a_flag_wins_over_the_environment_that_over_the_file_that_over_the_default() {
        let mut all = sources(&[("workers", "1")], &[("workers", "3"), ("log", "warn")]);
        all.environment.insert("workers", "2".to_owned());
        all.environment.insert("request-seconds", "5".to_owned());
        let settings = all.settings().expect("settings");
        assert_eq!(settings.workers, 1);
        assert_eq!(settings.request_seconds, 5);
        assert_eq!(settings.log, "warn");
        assert_eq!(settings.shutdown_seconds, 20);
    }

    #[test]
    fn an_open_node_refuses_every_address_but_loopback() {
        let open = |listen| sources(&[("open", "true"), ("listen", listen)], &[]).settings();
        open("127.0.0.1:0").expect("settings");
        open("[::1]:7700").expect("settings");
        for listen in ["0.0.0.0:7700", "[::]:7700", "192.168.1.2:7700"] {
            let error = open(listen).expect_err("a refusal").to_string();
            assert!(error.contains("loopback"), "{error}");
        }
        let devices = [("open", "true"), ("mqtt", "0.0.0.0:1883")];
        sources(&devices, &[]).settings().expect_err("a refusal");
        let tools = [("open", "true"), ("flight", "0.0.0.0:7701")];
        sources(&tools, &[]).settings().expect_err("a refusal");
    }

    #[test]
    fn a_wrong_value_says_the_setting_the_value_and_what_it_must_be() {
        let error = |name, text| {
            sources(&[], &[(name, text)])
                .settings()
                .expect_err("a refusal")
                .to_string()
        };
        let text = error("listen", "localhost");
        assert!(
            text.contains("'listen' is 'localhost' (from file)"),
            "{text}"
        );
        assert!(error("connections", "0").contains("from 1 to"));
        assert!(error("log-format", "xml").contains("text or json"));
    }

    #[test]
    fn a_file_is_read_strictly() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("chorsu.toml");
        let read = |text: &str| {
            std::fs::write(&path, text).expect("written");
            read_file(&path)
        };
        let said = read("workers = 4\nopen = true\nlog = \"debug\"\n").expect("settings");
        assert_eq!(said["workers"], "4");
        assert_eq!(said["open"], "true");
        let unknown = read("lisen = \"x\"").expect_err("a refusal").to_string();
        assert!(
            unknown.contains("no 'lisen'") && unknown.contains("listen"),
            "{unknown}"
        );
        read("listen = [1]").expect_err("a refusal");
        read("listen").expect_err("a refusal");
    }
}
