//! The `curl` of a tutorial as a request: words of the shell, options of curl.

use anyhow::{Result, bail};

use crate::http::Request;

/// A request and whom it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Curl {
    /// Host and port, as in `localhost:1026`.
    pub(super) host: String,
    pub(super) request: Request,
}

/// Reads a command as the shell and curl would.
pub(super) fn read(command: &str) -> Result<Curl> {
    let mut options = Options::default();
    let mut words = words(command).into_iter();
    if words.next().as_deref() != Some("curl") {
        bail!("no curl: {command}");
    }
    while let Some(word) = words.next() {
        options.take(&word, &mut words)?;
    }
    options.curl()
}

/// The words of a command: quotes hold together, a backslash takes the next sign as it is.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        match (sign, quote) {
            ('\'' | '"', None) => {
                quote = Some(sign);
                word.get_or_insert_default();
            }
            (_, Some(open)) if sign == open => quote = None,
            ('\\', None | Some('"')) => match signs.next() {
                Some('\n') | None => {}
                Some(next) => word.get_or_insert_default().push(next),
            },
            (_, None) if sign.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(sign),
        }
    }
    words.extend(word);
    words
}

#[derive(Debug, Default)]
struct Options {
    method: Option<String>,
    url: Option<String>,
    headers: Vec<(String, String)>,
    data: Vec<String>,
    data_in_query: bool,
    head: bool,
}

impl Options {
    fn take(&mut self, word: &str, rest: &mut impl Iterator<Item = String>) -> Result<()> {
        let mut value = || rest.next().unwrap_or_default();
        match word {
            "--request" => self.method = Some(value()),
            "--header" => self.header(&value()),
            "--data" | "--data-raw" => self.data.push(value()),
            "--data-urlencode" => self.data.push(encoded(&value())),
            "--url" => self.url = Some(value()),
            "--location" | "--silent" | "--fail" => {}
            _ => {
                let Some(letters) = word.strip_prefix('-') else {
                    self.url = Some(word.to_owned());
                    return Ok(());
                };
                for letter in letters.chars() {
                    match letter {
                        'X' => self.method = Some(value()),
                        'H' => self.header(&value()),
                        'd' => self.data.push(value()),
                        'o' => drop(value()),
                        'G' => self.data_in_query = true,
                        'I' => self.head = true,
                        'i' | 'L' | 's' => {}
                        _ => bail!("curl {word} is not known here"),
                    }
                }
            }
        }
        Ok(())
    }

    fn header(&mut self, line: &str) {
        if let Some((name, value)) = line.split_once(':') {
            self.headers
                .push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }

    fn curl(mut self) -> Result<Curl> {
        let url = self.url.take().unwrap_or_default();
        let Some(rest) = url.strip_prefix("http://") else {
            bail!("'{url}' is no address");
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let mut target = format!("/{path}");
        let data = (!self.data.is_empty()).then(|| self.data.join("&"));
        let mut body = None;
        if self.data_in_query {
            if let Some(data) = data {
                target.push(if target.contains('?') { '&' } else { '?' });
                target.push_str(&data);
            }
        } else {
            body = data;
        }
        if target.contains(char::is_control) {
            bail!("curl refuses an address with line breaks: '{host}'");
        }
        let given = |name: &str, headers: &[(String, String)]| {
            headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name))
        };
        if body.is_some() && !given("content-type", &self.headers) {
            let form = "application/x-www-form-urlencoded";
            self.headers
                .push(("Content-Type".to_owned(), form.to_owned()));
        }
        if !given("accept", &self.headers) {
            self.headers.push(("Accept".to_owned(), "*/*".to_owned()));
        }
        let implied = match (self.head, &body) {
            (true, _) => "HEAD",
            (false, Some(_)) => "POST",
            (false, None) => "GET",
        };
        let request = Request {
            method: self.method.unwrap_or_else(|| implied.to_owned()),
            // What no address may hold is sent by curl as it is, which no server has to read.
            target: target.replace(' ', "%20").replace('"', "%22"),
            headers: self.headers,
            body,
        };
        Ok(Curl {
            host: host.to_owned(),
            request,
        })
    }
}

/// `name=value` with the value encoded.
fn encoded(pair: &str) -> String {
    let (name, value) = pair.split_once('=').unwrap_or(("", pair));
    let sign = |byte: u8| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    format!("{name}={}", value.bytes().map(sign).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_of_several_lines_is_one_request() {
        let text = "curl -iX POST \\\n  'http://localhost:1026/ngsi-ld/v1/entities/' \\\n\
                    -H 'Content-Type: application/json' \\\n--data-raw '{\n \"a\": \"it''s\" }'";
        let curl = read(text).unwrap();
        assert_eq!(curl.host, "localhost:1026");
        assert_eq!(curl.request.method, "POST");
        assert_eq!(curl.request.target, "/ngsi-ld/v1/entities/");
        assert_eq!(curl.request.body.as_deref(), Some("{\n \"a\": \"its\" }"));
    }

    #[test]
    fn data_goes_into_the_query_when_asked_to() {
        let text =
            "curl -G -X GET 'http://localhost:1026/x?a=1' -d 'q=b>2' --data-urlencode 'c=d e'";
        let request = read(text).unwrap().request;
        assert_eq!(request.target, "/x?a=1&q=b>2&c=d%20e");
        assert_eq!(request.body, None);
        let form = read("curl 'http://localhost:1026/x' -d 'a=1'")
            .unwrap()
            .request;
        assert_eq!(form.method, "POST");
        assert_eq!(form.headers[0].1, "application/x-www-form-urlencoded");
    }

    #[test]
    fn what_is_not_known_is_refused() {
        read("curl -k 'http://localhost/'").unwrap_err();
        read("wget 'http://localhost/'").unwrap_err();
    }
}
