//! How to ask: the lines that the start page shows, ready to be run.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::city::Example;
use super::html::{Escaped, put};
use super::page::Look;
use super::words::Words;

/// The prefix of names that the core context gives to names that nobody defined.
const DEFAULT_CONTEXT: &str = "https://uri.etsi.org/ngsi-ld/default-context/";
const IN_URL: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b':')
    .remove(b'/');

/// The questions of the page and the lines that ask them.
pub(super) fn questions(look: &Look, example: &Example) -> Vec<(String, String)> {
    let words = look.language.words();
    // In a path a slash would end the id.
    let (kind, id) = (
        in_url(wire(&example.kind)),
        in_url(&example.id).replace('/', "%2F"),
    );
    let ask = |question: &str, options: &str, path: &str| {
        let question = question.replace("{type}", short(&example.kind));
        let token = if look.closed {
            " -H \"Authorization: Bearer $CHORSU_TOKEN\""
        } else {
            ""
        };
        (
            question,
            format!("curl {options}{token} '{}/ngsi-ld/v1/{path}'", look.base),
        )
    };
    let mut lines = vec![
        ask(words.ask_types, "-s", "types"),
        ask(
            words.ask_some,
            "-s",
            &format!("entities?type={kind}&limit=5&format=simplified"),
        ),
        ask(
            words.ask_count,
            "-si",
            &format!("entities?type={kind}&limit=0&count=true"),
        ),
        ask(words.ask_one, "-s", &format!("entities/{id}")),
    ];
    if let Some((lon, lat)) = example.place {
        let near = format!(
            "entities?type={kind}&georel=near;maxDistance==500&geometry=Point\
             &coordinates=%5B{lon},{lat}%5D&format=simplified"
        );
        lines.push(ask(words.ask_near, "-s", &near));
    }
    lines.push(ask(
        words.ask_history,
        "-s",
        &format!("temporal/entities/{id}?lastN=10"),
    ));
    lines
}

pub(super) fn bring(page: &mut String, look: &Look, words: &Words) {
    let base = &look.base;
    let import = |format: &str, file: &str, more: &str| {
        format!("chorsu import {format} {file}{more} --to {base}")
    };
    let token = if look.closed {
        "-H \"Authorization: Bearer $CHORSU_TOKEN\" "
    } else {
        ""
    };
    let one = format!(
        "curl -X POST '{base}/ngsi-ld/v1/entities' {token}-H 'Content-Type: application/json' -d \
         '{{\"id\": \"urn:ngsi-ld:Bench:1\", \"type\": \"Bench\", \"seats\": {{\"type\": \
         \"Property\", \"value\": 3}}}}'"
    );
    page.push_str("<section>\n");
    code(
        page,
        words,
        words.bring_gtfs,
        &import("gtfs", "city.gtfs.zip", ""),
    );
    code(
        page,
        words,
        words.bring_osm,
        &import("osm", "city.osm.pbf", ""),
    );
    code(
        page,
        words,
        words.bring_csv,
        &import("csv", "air.csv", " --mapping air.toml"),
    );
    code(page, words, words.bring_one, &one);
    page.push_str("</section>\n");
}

pub(super) fn code(page: &mut String, words: &Words, question: &str, line: &str) {
    put!(
        page,
        "<figure class=\"ask\"><figcaption>{}</figcaption><pre tabindex=\"0\"><code>{}</code></pre>\
         <button type=\"button\" class=\"copy\" data-copied=\"{}\" hidden>{}</button></figure>\n",
        Escaped(question),
        Escaped(line),
        words.copied,
        words.copy
    );
}

/// The last part of an expanded name, for people.
pub(super) fn short(name: &str) -> &str {
    name.rsplit(['/', '#', ':'])
        .find(|part| !part.is_empty())
        .unwrap_or(name)
}

/// The name by which the API knows a type without an @context.
pub(super) fn wire(name: &str) -> &str {
    name.strip_prefix(DEFAULT_CONTEXT).unwrap_or(name)
}

pub(super) fn in_url(text: &str) -> String {
    utf8_percent_encode(text, IN_URL).to_string()
}
