//! `chorsu lake`: what is in the lake, for people and for other tools.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::ArgMatches;
use http::header::{AUTHORIZATION, HeaderValue};
use http::{HeaderMap, Method};
use lake::Objects;
use lake::publish::LIST;
use outbound::{Allow, Client};
use ports::{Clock as _, Outbound as _};
use serde_json::Value;

use crate::real::SystemClock;
use crate::settings::Settings;

/// How long the node may take to answer, in microseconds.
const REQUEST_MICROS_MAX: i64 = 60_000_000;
/// Bytes of a list: of about two million files.
const LIST_BYTES_MAX: usize = 512 * 1024 * 1024;

/// Does what the words ask for.
#[expect(clippy::print_stdout, reason = "the command answers its user")]
pub(crate) async fn run(
    settings: &Settings,
    wish: &str,
    matches: &ArgMatches,
) -> anyhow::Result<ExitCode> {
    let text = |name| matches.try_get_one::<String>(name).ok().flatten();
    let list = match text("node") {
        Some(url) => ask(url, text("token")).await?,
        None => read(settings).await?,
    };
    let chosen: Vec<&Value> = tables(&list)
        .filter(|table| is_wanted(table, text("table"), text("tenant")))
        .collect();
    let said = match wish {
        "files" => files(&list, &chosen),
        _ => status(&list, &chosen),
    };
    print!("{said}");
    Ok(ExitCode::SUCCESS)
}

/// The list at the root of the lake.
async fn read(settings: &Settings) -> anyhow::Result<Value> {
    let objects = Objects::open(&settings.lake.place)?;
    let bytes = objects.find(LIST).await?;
    let bytes = bytes.with_context(|| format!("there is nothing in {} yet", objects.root()))?;
    let mut list: Value = serde_json::from_slice(&bytes).context("the list of the lake")?;
    // The folder may have been moved since the list was written.
    if let Some(list) = list.as_object_mut() {
        list.insert("root".to_owned(), objects.root().into());
    }
    Ok(list)
}

async fn ask(url: &str, token: Option<&String>) -> anyhow::Result<Value> {
    let mut headers = HeaderMap::new();
    if let Some(token) = token {
        let bearer = HeaderValue::try_from(format!("Bearer {token}"))?;
        headers.insert(AUTHORIZATION, bearer);
    }
    let outbound = outbound::Settings {
        allow: Allow::Any,
        ..outbound::Settings::default()
    };
    let request = ports::Request {
        method: Method::GET,
        url: format!("{}/lake/files?tenant=*", url.trim_end_matches('/')),
        headers,
        body: bytes::Bytes::new(),
        deadline: SystemClock.now().plus_micros(REQUEST_MICROS_MAX),
        reply_bytes_max: LIST_BYTES_MAX,
    };
    let reply = Client::new(&outbound, Arc::new(SystemClock))?
        .send(request)
        .await?;
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    if !reply.status.is_success() {
        let detail = body.get("detail").and_then(Value::as_str);
        let detail = detail.unwrap_or("it does not say why");
        bail!("the node answered {}: {detail}", reply.status);
    }
    Ok(body)
}

fn tables(list: &Value) -> impl Iterator<Item = &Value> {
    let tables = list.get("tables").and_then(Value::as_array);
    tables.into_iter().flatten()
}

fn word<'a>(of: &'a Value, name: &str) -> &'a str {
    of.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn is_wanted(table: &Value, name: Option<&String>, tenant: Option<&String>) -> bool {
    let is_table = name.is_none_or(|wanted| {
        let kind = word(table, "table");
        wanted == kind || *wanted == format!("{kind}.{}", word(table, "name"))
    });
    is_table && tenant.is_none_or(|wanted| wanted == word(table, "tenant"))
}

fn files_of(table: &Value) -> impl Iterator<Item = &Value> {
    let files = table.get("files").and_then(Value::as_array);
    files.into_iter().flatten()
}

/// One path a line, as another tool opens it.
fn files(list: &Value, tables: &[&Value]) -> String {
    let root = word(list, "root");
    let mut said = String::new();
    for file in tables.iter().flat_map(|table| files_of(table)) {
        // Writing to a String cannot fail.
        let _infallible = writeln!(said, "{root}/{}", word(file, "path"));
    }
    said
}

/// One table a line: files, rows, bytes, days.
fn status(list: &Value, tables: &[&Value]) -> String {
    let mut said = format!("{} as of {}\n", word(list, "root"), word(list, "writtenAt"));
    for table in tables {
        let mut name = word(table, "table").to_owned();
        for more in ["period", "name"] {
            if let Some(more) = table.get(more).and_then(Value::as_str) {
                name = format!("{name}.{more}");
            }
        }
        let tenant = match word(table, "tenant") {
            "" => "",
            tenant => &format!(" of tenant {tenant}"),
        };
        let sum = |of: &str| -> u64 {
            let numbers = files_of(table).filter_map(|file| file.get(of)?.as_u64());
            numbers.sum()
        };
        let days = || files_of(table).map(|file| word(file, "day"));
        let (oldest, newest) = (days().min(), days().max());
        let (rows, bytes) = (sum("rows"), sum("bytes"));
        let tenths = bytes * 10 / rows.max(1);
        let _infallible = writeln!(
            said,
            "  {name}{tenant}: {} files, {rows} rows, {bytes} bytes ({}.{} a row), {} to {}",
            files_of(table).count(),
            tenths / 10,
            tenths % 10,
            oldest.unwrap_or("-"),
            newest.unwrap_or("-"),
        );
    }
    said
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_is_told_for_people_and_for_tools() {
        let list = json!({ "root": "/lake", "writtenAt": "now", "tables": [
            { "table": "history", "tenant": "", "files": [
                { "path": "history/a.parquet", "day": "2026-11-21", "rows": 10, "bytes": 105 },
                { "path": "history/b.parquet", "day": "2026-11-20", "rows": 10, "bytes": 95 },
            ] },
            { "table": "records", "name": "taps", "tenant": "x", "files": [
                { "path": "records/c.parquet", "day": "2026-11-20", "rows": 0, "bytes": 0 },
            ] },
        ] });
        let all: Vec<&Value> = tables(&list).collect();
        assert_eq!(
            status(&list, &all),
            "/lake as of now\n  \
             history: 2 files, 20 rows, 200 bytes (10.0 a row), 2026-11-20 to 2026-11-21\n  \
             records.taps of tenant x: 1 files, 0 rows, 0 bytes (0.0 a row), 2026-11-20 to 2026-11-20\n"
        );
        let name = "records.taps".to_owned();
        let taps: Vec<&Value> = all
            .iter()
            .copied()
            .filter(|table| is_wanted(table, Some(&name), None))
            .collect();
        assert_eq!(files(&list, &taps), "/lake/records/c.parquet\n");
        assert!(!is_wanted(all[0], None, Some(&"x".to_owned())));
    }
}
