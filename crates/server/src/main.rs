//! The binary `chorsu`: a city's node and the tools of its operator.
//!
//! Start reading at [`node::serve`]; `wire_up` is where the parts of a node are put together.

mod admin;
mod alias;
mod city;
mod cli;
mod console;
mod devices;
mod erase;
mod health;
mod import;
mod lakes;
mod listen;
mod log;
mod maintain;
mod node;
mod openapi;
mod real;
mod records;
mod settings;
mod sql;
mod start;
mod tokens;
mod wire_up;

use std::process::ExitCode;

use clap::ArgMatches;
use settings::Settings;

/// The allocator: it keeps a busy node small and quick where the system's grows.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let matches = cli::command().get_matches();
    match run(&matches) {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the last word of a command that failed is for its user"
)]
fn complain(error: &anyhow::Error) {
    eprintln!("chorsu: {error:#}");
}

#[expect(
    clippy::print_stdout,
    reason = "these commands answer their user on standard output"
)]
fn run(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let Some((name, matches)) = matches.subcommand() else {
        return Ok(ExitCode::FAILURE);
    };
    match name {
        "openapi" => print!("{}", openapi::text()),
        "version" => println!("chorsu {}", health::VERSION),
        "settings" if matches.get_flag("markdown") => print!("{}", settings::markdown()),
        "settings" => {
            let sources = cli::sources(matches)?;
            // What cannot work is said before what is in force.
            sources.settings()?;
            print!("{}", sources.table());
        }
        "serve" => {
            let settings = started(matches)?;
            return runtime(&settings)?.block_on(node::serve(settings, None));
        }
        "demo" => {
            let mut sources = cli::sources(matches)?;
            sources.otherwise("open", "true");
            sources.otherwise("data", "./chorsu-data/demo");
            let settings = sources.settings()?;
            log::start(&settings.log, settings.log_format)?;
            let city = cli::model_city(matches)?;
            return runtime(&settings)?.block_on(node::serve(settings, Some(city)));
        }
        "import" => {
            let Some((format, matches)) = matches.subcommand() else {
                return Ok(ExitCode::FAILURE);
            };
            let settings = started(matches)?;
            let wish = import::Wish::read(format, matches)?;
            return runtime(&settings)?.block_on(import::run(&settings, wish));
        }
        "records" => {
            let Some((_load, matches)) = matches.subcommand() else {
                return Ok(ExitCode::FAILURE);
            };
            let settings = started(matches)?;
            let wish = records::Wish::read(matches)?;
            return runtime(&settings)?.block_on(records::run(&settings, wish));
        }
        "check" => return maintain::check(&started(matches)?),
        "repair" => return maintain::repair(&started(matches)?, matches),
        "restore" => {
            let settings = started(matches)?;
            return runtime(&settings)?.block_on(maintain::restore(&settings, matches));
        }
        "backup" => {
            let settings = started(matches)?;
            return runtime(&settings)?.block_on(maintain::backup(&settings, matches));
        }
        "lake" => {
            let Some((wish, matches)) = matches.subcommand() else {
                return Ok(ExitCode::FAILURE);
            };
            let settings = started(matches)?;
            return runtime(&settings)?.block_on(lakes::run(&settings, wish, matches));
        }
        "erase" => {
            let settings = started(matches)?;
            let wish = erase::wish(matches)?;
            return runtime(&settings)?.block_on(erase::run(&settings, wish));
        }
        "token" => {
            let settings = started(matches)?;
            return runtime(&settings)?.block_on(maintain::token(&settings, matches));
        }
        other => anyhow::bail!("'{other}' is not a command"),
    }
    Ok(ExitCode::SUCCESS)
}

/// The settings of a command, its log started.
fn started(matches: &ArgMatches) -> anyhow::Result<Settings> {
    let settings = cli::sources(matches)?.settings()?;
    log::start(&settings.log, settings.log_format)?;
    Ok(settings)
}

fn runtime(settings: &Settings) -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if settings.workers > 0 {
        builder.worker_threads(settings.workers);
    }
    Ok(builder.thread_name("chorsu").enable_all().build()?)
}
