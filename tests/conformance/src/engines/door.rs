//! The node's HTTP API, as one tenant.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::http::Request;

/// A node and the tenant to be there.
#[derive(Debug, Clone)]
pub struct Door {
    /// The node's port on this machine.
    pub port: u16,
    /// Empty: the default one.
    pub tenant: String,
}

impl Door {
    /// Asks, and wants a success; the answer's JSON, null when there is none.
    ///
    /// # Errors
    /// No success.
    pub fn must(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let (status, answer) = self.ask(method, path, body)?;
        ensure!(
            (200..300).contains(&status),
            "{method} {path}: {status} {answer}"
        );
        Ok(answer)
    }

    /// Asks; the status and the JSON of the answer.
    ///
    /// # Errors
    /// No HTTP answer.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value)> {
        let media = ("application/json", body.map(Value::to_string));
        self.send(method, path, media)
    }

    /// Sends a body of a media type.
    ///
    /// # Errors
    /// No HTTP answer.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        (media, body): (&str, Option<String>),
    ) -> Result<(u16, Value)> {
        let mut headers = vec![("Accept".to_owned(), "application/json".to_owned())];
        if body.is_some() {
            headers.push(("Content-Type".to_owned(), media.to_owned()));
        }
        if !self.tenant.is_empty() {
            headers.push(("NGSILD-Tenant".to_owned(), self.tenant.clone()));
        }
        let request = Request {
            method: method.to_owned(),
            target: path.to_owned(),
            headers,
            body,
        };
        let answer = request.send(self.port)?;
        if answer.body.is_empty() {
            return Ok((answer.status, Value::Null));
        }
        let json = serde_json::from_slice(&answer.body);
        let json = json.with_context(|| String::from_utf8_lossy(&answer.body).into_owned())?;
        Ok((answer.status, json))
    }
}
