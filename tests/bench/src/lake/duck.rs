//! DuckDB in a process of its own, for whoever has it: it answers beside the node.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

/// A process of Python with DuckDB in it.
#[derive(Debug)]
pub(super) struct Duck {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Its version.
    pub(super) version: String,
}

const SCRIPT: &str = include_str!("duck.py");

impl Duck {
    /// Starts it, on so many threads; an error when this Python has no DuckDB.
    pub(super) fn start(python: &Path, threads: usize) -> anyhow::Result<Self> {
        let mut child = Command::new(python)
            .args(["-c", SCRIPT, &threads.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| python.display().to_string())?;
        let questions = child.stdin.take().context("its input")?;
        let answers = BufReader::new(child.stdout.take().context("its output")?);
        let mut duck = Self {
            child,
            questions,
            answers,
            version: String::new(),
        };
        let hello = duck.line().context("Python without DuckDB")?;
        hello["version"]
            .as_str()
            .unwrap_or_default()
            .clone_into(&mut duck.version);
        Ok(duck)
    }

    /// Makes tables: `history` of these files, `sensor` of a file of CSV.
    pub(super) fn open(&mut self, files: &[PathBuf], sensors: &Path) -> anyhow::Result<()> {
        let opened = json!({ "files": files, "sensors": sensors });
        self.send(&opened).map(drop)
    }

    /// Seconds and rows of an answer.
    pub(super) fn ask(&mut self, sql: &str) -> anyhow::Result<(f64, Vec<Vec<Value>>)> {
        let answer = self.send(&json!({ "sql": sql }))?;
        let seconds = answer["seconds"].as_f64().context("seconds")?;
        Ok((seconds, serde_json::from_value(answer["rows"].clone())?))
    }

    fn send(&mut self, question: &Value) -> anyhow::Result<Value> {
        writeln!(self.questions, "{question}")?;
        self.questions.flush()?;
        self.line()
    }

    fn line(&mut self) -> anyhow::Result<Value> {
        let mut line = String::new();
        ensure!(self.answers.read_line(&mut line)? > 0, "DuckDB ended");
        let answer: Value = serde_json::from_str(&line)?;
        ensure!(answer.get("error").is_none(), "DuckDB: {}", answer["error"]);
        Ok(answer)
    }
}

impl Drop for Duck {
    fn drop(&mut self) {
        // It may be gone already, which is what is wanted.
        let _gone = self.child.kill();
        let _waited = self.child.wait();
    }
}
