//! Files of NGSI-LD: an array of entities, one entity, or one entity a line.
//!
//! The text is cut into entities before it is parsed, so memory holds one entity at a time and a
//! bad one costs only itself.

mod cut;

use std::io::{BufRead as _, BufReader, Read as _};

use base::limits::{ENTITY_BYTES_MAX, URI_BYTES_MAX};
use serde_json::Value;

use crate::error::ImportError;
use crate::import::Options;
use crate::out::{Out, shown};
use crate::source::{Source, Stream};
use crate::vocabulary::CORE_CONTEXT;
use cut::{Cut, Cutter, Form};

/// Lines looked at to tell one entity over many lines from one entity a line.
const LINES_LOOKED_AT: usize = 20;
/// Bytes looked at for the same purpose.
const BYTES_LOOKED_AT: u64 = 4 * 1024 * 1024;

/// Imports a file of entities, or of temporal entities if the options say so.
pub(crate) fn import(
    source: &Source,
    options: &Options,
    out: &mut Out<'_>,
) -> Result<(), ImportError> {
    let file = source.name();
    let form = form(source)?;
    // The first pass only finds out whether the file as a whole is sound.
    let mut cutter = Cutter::new(BufReader::new(source.stream()?), form);
    while cutter
        .next(&mut Vec::new(), 0)
        .map_err(|reason| ImportError::broken(&file, &reason))?
        != Cut::End
    {}
    let stream = source.stream()?;
    let (done, total) = (stream.done(), stream.total);
    let mut cutter = Cutter::new(BufReader::new(stream), form);
    let mut text = Vec::new();
    let mut number: u64 = 0;
    loop {
        let cut = cutter
            .next(&mut text, ENTITY_BYTES_MAX)
            .map_err(|reason| ImportError::broken(&file, &reason))?;
        let line = match cut {
            Cut::End => break,
            Cut::Blank => continue,
            Cut::Element(line) | Cut::TooLong(line) => line,
        };
        number += 1;
        out.row();
        let entity = match cut {
            Cut::TooLong(_) => Err("longer than 4 MiB".to_owned()),
            _ => entity(&text, options),
        };
        match entity {
            Ok(entity) if options.temporal => {
                let values = values(&entity);
                out.history(entity, values)?;
            }
            Ok(entity) => out.entity(&file, entity)?,
            Err(reason) => {
                out.complain(
                    &file,
                    Some(line),
                    format!("entity {number}: {reason}; left out"),
                );
            }
        }
        if number.is_multiple_of(512) {
            out.at(&file, done.get(), total);
        }
    }
    out.at(&file, done.get(), total);
    Ok(())
}

/// How the entities stand in the file.
fn form(source: &Source) -> Result<Form, ImportError> {
    let file = source.name();
    let broken = |reason: std::io::Error| ImportError::broken(&file, &reason);
    let mut head = BufReader::new(source.stream()?.take(BYTES_LOOKED_AT));
    skip_mark(&mut head).map_err(broken)?;
    let mut line = Vec::new();
    let mut first = None;
    for _ in 0..LINES_LOOKED_AT {
        line.clear();
        if head.read_until(b'\n', &mut line).map_err(broken)? == 0 {
            break;
        }
        let text = line.trim_ascii();
        let Some(start) = text.first() else { continue };
        match *first.get_or_insert(*start) {
            b'[' => return Ok(Form::Array),
            b'{' => {}
            _ => break,
        }
        let whole = serde_json::from_slice::<Value>(text).ok();
        if whole.is_some_and(|value| value.get("id").is_some()) {
            return Ok(Form::Lines);
        }
    }
    match first {
        Some(b'{') => Ok(Form::One),
        Some(_) => Err(ImportError::broken(
            &file,
            &"this is neither an entity nor an array of entities",
        )),
        None => Err(ImportError::broken(&file, &"there is nothing in this file")),
    }
}

/// Passes over a byte-order mark.
fn skip_mark(input: &mut BufReader<std::io::Take<Stream>>) -> std::io::Result<()> {
    if input.fill_buf()?.starts_with(b"\xEF\xBB\xBF") {
        input.consume(3);
    }
    Ok(())
}

fn entity(text: &[u8], options: &Options) -> Result<Value, String> {
    let value: Value = serde_json::from_slice(text).map_err(|reason| reason.to_string())?;
    let Value::Object(mut map) = value else {
        return Err("this is no JSON object".to_owned());
    };
    match map.get("id").or_else(|| map.get("@id")) {
        Some(Value::String(id)) if is_uri(id) => {}
        Some(Value::String(id)) => return Err(format!("id {} is no URI", shown(id))),
        _ => return Err("there is no id".to_owned()),
    }
    let named = |value: &Value| value.as_str().is_some_and(|name| !name.is_empty());
    match map.get("type").or_else(|| map.get("@type")) {
        Some(Value::Array(types)) if !types.is_empty() && types.iter().all(named) => {}
        Some(name) if named(name) => {}
        _ => return Err("there is no type".to_owned()),
    }
    if !map.contains_key("@context") {
        let context = options.context.as_deref().unwrap_or(CORE_CONTEXT);
        map.insert("@context".to_owned(), Value::from(context));
    }
    Ok(Value::Object(map))
}

fn is_uri(id: &str) -> bool {
    let scheme = id.split(':').next().unwrap_or_default();
    id.len() <= URI_BYTES_MAX
        && scheme.len() < id.len()
        && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && !id.contains(|char: char| {
            char.is_whitespace() || char.is_control() || "<>\"{}|\\^`".contains(char)
        })
}

/// Values in a temporal entity.
fn values(entity: &Value) -> u64 {
    let attributes = entity.as_object().into_iter().flat_map(|map| map.iter());
    let lists =
        attributes.filter(|(name, _)| !["type", "@type", "@context"].contains(&name.as_str()));
    lists
        .map(|(_, value)| value.as_array().map_or(0, |list| list.len() as u64))
        .sum()
}

#[cfg(test)]
#[path = "documents/tests.rs"]
mod tests;
