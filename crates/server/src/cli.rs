//! The command line: its words, from the table of settings and from here.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::city::ModelWish;
use crate::health::VERSION;
use crate::settings::{SETTINGS, Setting, Sources};

/// The settings of commands that open the store of a stopped node.
const OF_A_STOPPED_NODE: &[&str] = &[
    "data",
    "contexts",
    "outbound",
    "outbound-hosts",
    "outbound-roots",
    "lake",
    "lake-endpoint",
    "lake-region",
    "lake-key",
    "lake-secret",
    "log",
    "log-format",
];
/// The settings of commands that look at the folder alone, and where else its history is.
const OF_A_FOLDER: &[&str] = &[
    "data",
    "lake",
    "lake-endpoint",
    "lake-region",
    "lake-key",
    "lake-secret",
    "log",
    "log-format",
];

/// The formats of `import`: the word, and what it reads.
pub(crate) const FORMATS: &[(&str, &str)] = &[
    (
        "gtfs",
        "A zip of GTFS Schedule: agencies, stops, routes, shapes, calendars, trips",
    ),
    (
        "gtfs-rt",
        "A GTFS-Realtime message: vehicles, trip updates, alerts; a file or a URL",
    ),
    (
        "osm",
        "OpenStreetMap: .osm.pbf, .osm or .osm.gz: streets, buildings, places",
    ),
    (
        "csv",
        "Delimited text under a mapping: time series with their history",
    ),
    (
        "ngsi",
        "NGSI-LD entities: an array, one entity, or one a line",
    ),
];

/// The whole command line.
pub(crate) fn command() -> Command {
    Command::new("chorsu")
        .version(VERSION)
        .about("A city's node: it keeps what the city says of itself, and answers questions.")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(with_settings(
            Command::new("serve").about("Start the node"),
            |_name| true,
        ))
        .subcommand(demo())
        .subcommand(import())
        .subcommand(records())
        .subcommand(of_a_folder(
            "check",
            "Read everything in the folder and say if it is sound",
        ))
        .subcommand(backup())
        .subcommand(restore())
        .subcommand(repair())
        .subcommand(erase())
        .subcommand(lake())
        .subcommand(
            of_a_folder("token", "Make a token that may administer a stopped node").arg(
                text("name", "NAME", "What the token is called in lists")
                    .default_value("administrator"),
            ),
        )
        .subcommand(Command::new("version").about("Print the version"))
        .subcommand(
            with_settings(Command::new("settings"), |_name| true)
                .about("Print the settings in force and who said each")
                .arg(switch(
                    "markdown",
                    "Print the reference of all settings instead",
                )),
        )
        .subcommand(Command::new("openapi").about("Print the OpenAPI document of the HTTP API"))
}

fn demo() -> Command {
    let number = |name, default: &'static str, help| {
        let arg = text(name, "NUMBER", help).value_parser(value_parser!(u64));
        arg.default_value(default)
    };
    with_settings(
        Command::new("demo").about(
            "Start an open node in which the model city lives: simulated, and labelled as that",
        ),
        |_name| true,
    )
    .arg(number(
        "inhabitants",
        "30000",
        "How many live there, 1,000 to 10,000,000",
    ))
    .arg(number("seed", "1", "The same seed gives the same city"))
    .arg(number(
        "sensors",
        "2400",
        "How many devices speak; 0: one for five inhabitants",
    ))
    .arg(number(
        "speed",
        "1",
        "How many seconds of the city pass in one",
    ))
}

/// The model city that the arguments of `demo` ask for.
pub(crate) fn model_city(matches: &ArgMatches) -> anyhow::Result<ModelWish> {
    let number = |name| matches.get_one::<u64>(name).copied().unwrap_or_default();
    Ok(ModelWish {
        inhabitants: u32::try_from(number("inhabitants"))?,
        seed: number("seed"),
        sensors: Some(u32::try_from(number("sensors"))?).filter(|count| *count > 0),
        speed: u32::try_from(number("speed"))?,
    })
}

fn backup() -> Command {
    of_a_folder(
        "backup",
        "Copy the folder of a node, running or stopped, to another folder",
    )
    .arg(required_path("to", "The new folder"))
    .arg(text(
        "node",
        "URL",
        "The running node, which copies itself to its own machine",
    ))
    .arg(token("node"))
}

fn restore() -> Command {
    of_a_folder("restore", "Make a folder from a backup")
        .arg(required_path("from", "The backup"))
        .arg(text(
            "until",
            "TIME",
            "Leave out what was written later than, say, 2026-11-22T08:30:00Z",
        ))
}

fn erase() -> Command {
    of_a_folder(
        "erase",
        "Erase what a stopped node or a backup has of somebody, in every file",
    )
    .arg(
        text(
            "subject",
            "URI",
            "An entity's identifier; may be said again",
        )
        .required(true)
        .action(ArgAction::Append),
    )
    .arg(text("reason", "TEXT", "Why: the receipt keeps it").required(true))
    .arg(text(
        "tenant",
        "NAME",
        "Whose world; without it the default one",
    ))
}

fn repair() -> Command {
    of_a_folder(
        "repair",
        "Say what would be lost by a repair of a damaged folder",
    )
    .arg(switch(
        "cut",
        "Repair it; the damaged files are kept beside",
    ))
}

fn lake() -> Command {
    let asks = |name, about| {
        of_a_folder(name, about)
            .arg(text(
                "node",
                "URL",
                "The running node; without it the list in the lake itself is read",
            ))
            .arg(token("node"))
    };
    Command::new("lake")
        .about("Look at the files in which history and records are kept")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(asks("status", "Say what is in the lake"))
        .subcommand(
            asks(
                "files",
                "List the files that count, one a line, for other tools",
            )
            .arg(text(
                "table",
                "NAME",
                "Only of history, rolled, records, or records. and the name of a table",
            ))
            .arg(text(
                "tenant",
                "NAME",
                "Only of that tenant; an empty name is the default one",
            )),
        )
}

fn text(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .action(ArgAction::SetTrue)
        .help(help)
}

fn of_a_folder(name: &'static str, about: &'static str) -> Command {
    with_settings(Command::new(name).about(about), |name| {
        OF_A_FOLDER.contains(&name)
    })
}

fn required_path(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name("FOLDER")
        .required(true)
        .value_parser(value_parser!(PathBuf))
        .help(help)
}

/// The flag of the token for a running node that `beside` names.
fn token(beside: &'static str) -> Arg {
    Arg::new("token")
        .long("token")
        .value_name("TOKEN")
        .env("CHORSU_TOKEN")
        .hide_env_values(true)
        .help(format!("A token for a closed node that --{beside} names"))
}

fn import() -> Command {
    let mut import = Command::new("import")
        .about("Bring files of a city into a running or a stopped node")
        .subcommand_required(true)
        .arg_required_else_help(true);
    for &(format, about) in FORMATS {
        import = import.subcommand(import_format(format, about));
    }
    import
}

fn import_format(format: &'static str, about: &'static str) -> Command {
    let of_stopped = |name: &str| OF_A_STOPPED_NODE.contains(&name);
    let mut command = with_settings(Command::new(format).about(about), of_stopped)
        .arg(Arg::new("file").value_name("FILE").required(true).help("The file to read"))
        .arg(text("to", "URL", "The running node, as in http://127.0.0.1:7700; without it the folder of --data is written to").conflicts_with("data"))
        .arg(token("to"))
        .arg(text("tenant", "NAME", "The tenant to write to"))
        .arg(text("feed", "NAME", "What the ids carry; by default the name of the file"))
        .arg(
            Arg::new("dry-run")
                .long("dry-run")
                .action(ArgAction::SetTrue)
                .help("Read the file and say what would be imported, without writing"),
        );
    if format == "csv" {
        command = command.arg(
            text("mapping", "FILE", "What the columns mean")
                .required(true)
                .value_parser(value_parser!(PathBuf)),
        );
    }
    if format == "ngsi" {
        command = command
            .arg(text(
                "context",
                "URL",
                "The @context of entities that carry none",
            ))
            .arg(
                Arg::new("temporal")
                    .long("temporal")
                    .action(ArgAction::SetTrue)
                    .help("The file holds temporal entities: write them as history"),
            );
    }
    command
}

fn records() -> Command {
    let of_stopped = |name: &str| OF_A_STOPPED_NODE.contains(&name);
    let load = with_settings(
        Command::new("load").about("Bring files of rows into a table that is declared"),
        of_stopped,
    )
    .arg(Arg::new("table").value_name("TABLE").required(true).help("The table"))
    .arg(
        Arg::new("files")
            .value_name("FILE")
            .required(true)
            .num_args(1..)
            .value_parser(value_parser!(PathBuf))
            .help("CSV with a header line, lines of JSON, Arrow or Parquet"),
    )
    .arg(
        text("format", "FORMAT", "How the files are written; by default their names say it")
            .value_parser(PossibleValuesParser::new(crate::records::FORMATS)),
    )
    .arg(text("to", "URL", "The running node, as in http://127.0.0.1:7700; without it the folder of --data is written to").conflicts_with("data"))
    .arg(token("to"))
    .arg(text("tenant", "NAME", "The tenant to write to"));
    Command::new("records")
        .about("Work with tables of records")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(load)
}

/// The flags of the settings that are wanted, and `--config`.
fn with_settings(command: Command, is_wanted: impl Fn(&str) -> bool) -> Command {
    let flags = SETTINGS
        .iter()
        .filter(|setting| is_wanted(setting.name))
        .map(flag);
    command.args(flags).arg(
        Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("A TOML file with settings [env: CHORSU_CONFIG]"),
    )
}

fn flag(setting: &'static Setting) -> Arg {
    let Setting {
        name,
        value,
        default,
        help,
    } = setting;
    let arg = Arg::new(*name).long(*name);
    if setting.is_switch() {
        // `--open` and `--open=false` are both understood, so that a flag can undo a file.
        return arg
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_parser(PossibleValuesParser::new(["true", "false"]))
            .hide_possible_values(true)
            .help(format!("{help} [env: {}]", setting.variable()));
    }
    let default = if default.is_empty() {
        String::new()
    } else {
        format!(" [default: {default}]")
    };
    arg.value_name(*value)
        .help(format!("{help} [env: {}]{default}", setting.variable()))
}

/// The settings that the command line, the environment and the file say.
pub(crate) fn sources(matches: &ArgMatches) -> anyhow::Result<Sources> {
    let mut flags = BTreeMap::new();
    for setting in SETTINGS {
        if let Ok(Some(text)) = matches.try_get_one::<String>(setting.name) {
            flags.insert(setting.name, text.clone());
        }
    }
    let config = matches.try_get_one::<PathBuf>("config").ok().flatten();
    Sources::read(flags, config.map(PathBuf::as_path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn a_flag_becomes_a_setting() {
        let matches = command()
            .try_get_matches_from(["chorsu", "serve", "--open", "--listen", "127.0.0.1:0"])
            .expect("a command line");
        let (name, matches) = matches.subcommand().expect("a subcommand");
        assert_eq!(name, "serve");
        let settings = sources(matches)
            .expect("sources")
            .settings()
            .expect("settings");
        assert!(settings.open);
        assert_eq!(settings.listen.port(), 0);
    }

    #[test]
    fn an_import_goes_to_a_url_or_to_a_folder() {
        let parse = |arguments: &[&str]| command().try_get_matches_from(arguments).is_ok();
        assert!(parse(&[
            "chorsu",
            "import",
            "gtfs",
            "f.zip",
            "--to",
            "http://127.0.0.1:7700"
        ]));
        assert!(parse(&["chorsu", "import", "osm", "f.pbf", "--data", "d"]));
        assert!(!parse(&[
            "chorsu", "import", "osm", "f.pbf", "--data", "d", "--to", "http://a"
        ]));
        assert!(!parse(&["chorsu", "import", "csv", "f.csv"]));
        assert!(parse(&[
            "chorsu", "records", "load", "taps", "a.csv", "b.csv"
        ]));
        assert!(!parse(&["chorsu", "records", "load", "taps"]));
        assert!(!parse(&["chorsu", "import", "shp", "f.shp"]));
    }
}
