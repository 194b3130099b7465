//! Engines of others read the lake and must find what the node finds, and what was written.
//!
//! [`dataset`] writes a history through the API and knows what is left of it; [`questions`] asks the
//! node and every engine the same. An engine reads `manifest.json` and the files that it names,
//! nothing else of the node.

pub mod dataset;
pub mod door;
pub mod questions;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use dataset::{Model, Says, id};
use door::Door;
use questions::{Answers, KINDS, QUESTIONS};

/// An engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// DuckDB of PyPI.
    DuckDb,
    /// pandas of PyPI with pyarrow.
    Pandas,
    /// Spark of PyPI; it needs Java 17.
    Spark,
    /// A Ballista scheduler and two executors of PyPI, which are compiled from source there.
    Ballista,
}

impl Engine {
    /// Its name, which is also that of its script.
    pub fn name(self) -> &'static str {
        match self {
            Self::DuckDb => "duckdb",
            Self::Pandas => "pandas",
            Self::Spark => "spark",
            Self::Ballista => "ballista",
        }
    }

    /// The engine of that name.
    pub fn of(name: &str) -> Option<Self> {
        let all = [Self::DuckDb, Self::Pandas, Self::Spark, Self::Ballista];
        all.into_iter().find(|engine| engine.name() == name)
    }

    /// The versions that were looked at.
    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::DuckDb => &["duckdb==2.0.0", "pyarrow==26.0.1"],
            Self::Pandas => &["pandas==3.1.1", "pyarrow==26.0.1"],
            Self::Spark => &["pyspark==4.3.0", "pyarrow==26.0.1", "pandas==3.1.1"],
            Self::Ballista => &["ballista==54.1.0", "pyarrow==26.0.1"],
        }
    }

    /// Fetches the engine into a Python environment, unless it is there; the answer is why it
    /// cannot be had.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn fetch(self, venv: &Path) -> Result<Option<String>> {
        let done = venv.join(format!("{}.fetched", self.name()));
        let packages = self.packages().join("\n");
        if std::fs::read_to_string(&done).is_ok_and(|text| text == packages) {
            return Ok(None);
        }
        std::fs::create_dir_all(venv)?;
        let python = venv.join("bin/python");
        if !python.exists() {
            let mut make = Command::new("python3");
            if let Err(error) = run(make.args(["-m", "venv"]).arg(venv)) {
                return Ok(Some(format!("{error:#}")));
            }
        }
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "-q"])
            .args(self.packages());
        if let Err(error) = run(&mut pip) {
            return Ok(Some(format!("{error:#}")));
        }
        std::fs::write(&done, packages)?;
        Ok(None)
    }

    /// Lets it answer the questions from the files of a lake.
    ///
    /// # Errors
    /// It cannot.
    pub fn answers(self, venv: &Path, lake: &Path, tenant: &str) -> Result<Answers> {
        let scripts = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("engines");
        let place = tempfile::tempdir()?;
        let questions = place.path().join("questions.json");
        std::fs::write(&questions, serde_json::to_vec(&all_questions())?)?;
        let mut command = Command::new(venv.join("bin/python"));
        command
            .arg(scripts.join(format!("{}_reads.py", self.name())))
            .arg(lake)
            .arg(tenant)
            .arg(&questions)
            .env("PYTHONDONTWRITEBYTECODE", "1");
        let printed = run(&mut command)?;
        // What a virtual machine says at its start may stand before the answer.
        let last = printed.lines().last().unwrap_or_default();
        serde_json::from_str(last).with_context(|| printed.clone())
    }
}

/// Name and text of every question.
fn all_questions() -> BTreeMap<&'static str, &'static str> {
    let kinds = [("kinds", KINDS)];
    QUESTIONS.into_iter().chain(kinds).collect()
}

/// Writes what is known, for the default tenant and for another that has less of the same names,
/// and has it sealed in between and at the end.
///
/// # Errors
/// The node refuses something.
pub fn fill(door: &Door) -> Result<Vec<(Door, Model)>> {
    let other = Door {
        port: door.port,
        tenant: "district".to_owned(),
    };
    let (mut model, mut others) = (Model::default(), Model::default());
    model.write_records(door, 0)?;
    others.write_records(&other, 5)?;
    model.write_first(door)?;
    seal(door)?;
    others.write_first(&other)?;
    model.write_second(door)?;
    seal(door)?;
    door.must("POST", "/lake/compact", None)?;
    Ok(vec![(door.clone(), model), (other, others)])
}

/// Has the node take over into the lake all that is committed.
fn seal(door: &Door) -> Result<()> {
    door.must("POST", "/lake/seal", None).map(drop)
}

/// Lets the node answer them itself, by `/sql`.
///
/// # Errors
/// It cannot.
pub fn node_answers(door: &Door) -> Result<Answers> {
    let mut answers = Answers::new();
    for (name, sql) in all_questions() {
        let body = json!({ "query": sql });
        let answer = door.must("POST", "/sql", Some(&body)).context(sql)?;
        let rows = serde_json::from_value(answer["rows"].clone())?;
        answers.insert(name.to_owned(), rows);
    }
    Ok(answers)
}

/// Asks the temporal interface for daily sums, counts, least and largest values of every entity of
/// the model; how many it compared.
///
/// # Errors
/// A value is another than the model's.
pub fn compare_aggregates(door: &Door, model: &Model) -> Result<usize> {
    let mut wanted: BTreeMap<(&str, i64, &str), BTreeMap<i64, Vec<i64>>> = BTreeMap::new();
    for (key, says) in &model.points {
        // A boolean counts as a number here, in the lake's column it is none.
        if ["status", "open"].contains(&key.attribute) {
            continue;
        }
        if let (Says::Eighths(eighths), None) = (says, key.dataset) {
            let day = key.at - key.at.rem_euclid(86_400);
            let series = wanted.entry((key.class, key.entity, key.attribute));
            series.or_default().entry(day).or_default().push(*eighths);
        }
    }
    let mut compared = 0;
    for ((class, entity, attribute), days) in &wanted {
        let path = format!(
            "/ngsi-ld/v1/temporal/entities/{}?attrs={attribute}&options=aggregatedValues\
             &aggrMethods=sum,totalCount,min,max&aggrPeriodDuration=P1D&timerel=between\
             &timeAt=2026-01-05T00:00:00Z&endTimeAt=2026-01-20T00:00:00Z",
            id(class, *entity)
        );
        let answer = door.must("GET", &path, None)?;
        for (method, of) in [
            ("sum", (|n: &[i64]| n.iter().sum()) as fn(&[i64]) -> i64),
            ("min", |n| n.iter().copied().min().unwrap_or(0)),
            ("max", |n| n.iter().copied().max().unwrap_or(0)),
            ("totalCount", |n| 8 * i64::try_from(n.len()).unwrap_or(0)),
        ] {
            let found = periods(&answer[*attribute], method);
            let wanted: BTreeMap<String, f64> = days
                .iter()
                .map(|(day, numbers)| (day_text(*day), dataset::to_float(of(numbers)) / 8.0))
                .collect();
            ensure!(
                found == wanted,
                "{path}: {method} is {found:?}, not {wanted:?}"
            );
            compared += wanted.len();
        }
    }
    Ok(compared)
}

fn day_text(seconds: i64) -> String {
    let text = base::Time::from_seconds(seconds).to_string();
    text.get(..10).unwrap_or_default().to_owned()
}

/// The values of a method by the first day of their period; without empty periods.
fn periods(attribute: &Value, method: &str) -> BTreeMap<String, f64> {
    let all = attribute.as_array().map_or_else(
        || vec![attribute],
        |several| {
            several
                .iter()
                .filter(|one| one.get("datasetId").is_none())
                .collect()
        },
    );
    let rows = all
        .into_iter()
        .filter_map(|one| one[method].as_array())
        .flatten();
    let rows = rows.filter_map(|row| {
        let day = row.get(1)?.as_str()?.get(..10)?.to_owned();
        let value = row.get(0)?.as_f64()?;
        (method != "totalCount" || value > 0.0).then_some((day, value))
    });
    rows.collect()
}

/// Runs a command to its end; what it printed, or an error with all it said.
fn run(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| program.clone())?;
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let err = String::from_utf8_lossy(&output.stderr);
        bail!("{program}: {}\n{out}{err}", output.status);
    }
    Ok(out)
}
