//! What Robot Framework wrote: `output.xml`, read down to one line a case.

use anyhow::{Result, bail};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// How one case of a suite ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The `.robot` file, relative to the suite's folder of test procedures.
    pub file: String,
    /// Its name.
    pub name: String,
    /// What came of it.
    pub verdict: Verdict,
    /// Why it failed; empty otherwise.
    pub message: String,
}

/// What came of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As the suite wants it.
    Passed,
    /// Otherwise.
    Failed,
    /// The suite left it out itself.
    Skipped,
}

/// Characters of a message that are kept.
const MESSAGE_CHARS_MAX: usize = 300;

/// The folder below which the test procedures stand.
const PROCEDURES: &str = "TP/NGSI-LD/";

/// Reads the cases of an `output.xml`, in its order.
///
/// # Errors
/// It is not well-formed, as when Robot was stopped half-way.
pub fn read(xml: &str) -> Result<Vec<Case>> {
    let mut reader = Reader::from_str(xml);
    let mut walk = Walk::default();
    loop {
        match reader.read_event()? {
            Event::Start(element) => walk.open(&element)?,
            Event::Empty(element) => {
                walk.open(&element)?;
                walk.close();
            }
            Event::End(_) => walk.close(),
            Event::Text(text) if walk.in_status() => walk.message.push_str(&text.decode()?),
            Event::GeneralRef(_) if walk.in_status() => walk.message.push(' '),
            Event::Eof if walk.elements.is_empty() => return Ok(walk.cases),
            Event::Eof => bail!("the output ends half-way"),
            _ => {}
        }
    }
}

/// Where we are in the document, and what the case at hand has said so far.
#[derive(Default)]
struct Walk {
    elements: Vec<String>,
    /// The files of the suites that we are inside of.
    sources: Vec<String>,
    name: String,
    verdict: Option<Verdict>,
    message: String,
    cases: Vec<Case>,
}

impl Walk {
    fn open(&mut self, element: &BytesStart<'_>) -> Result<()> {
        let tag = String::from_utf8_lossy(element.name().as_ref()).into_owned();
        let parent = self.elements.last().map(String::as_str);
        match (tag.as_str(), parent) {
            ("suite", _) => self.sources.push(attribute(element, "source")?),
            ("test", _) => {
                self.name = attribute(element, "name")?;
                self.message.clear();
                self.verdict = None;
            }
            // Keywords have a status of their own, which is not the case's.
            ("status", Some("test")) => {
                self.verdict = match attribute(element, "status")?.as_str() {
                    "PASS" => Some(Verdict::Passed),
                    "FAIL" => Some(Verdict::Failed),
                    "SKIP" => Some(Verdict::Skipped),
                    other => bail!("'{other}' is no status"),
                };
            }
            _ => {}
        }
        self.elements.push(tag);
        Ok(())
    }

    fn close(&mut self) {
        match self.elements.pop().as_deref() {
            Some("suite") => drop(self.sources.pop()),
            Some("test") => self.finish_case(),
            _ => {}
        }
    }

    fn finish_case(&mut self) {
        let source = self.sources.last().map_or("", String::as_str);
        let file = source
            .split_once(PROCEDURES)
            .map_or(source, |(_, file)| file);
        let words: Vec<&str> = self.message.split_whitespace().collect();
        self.cases.push(Case {
            file: file.to_owned(),
            name: std::mem::take(&mut self.name),
            verdict: self.verdict.take().unwrap_or(Verdict::Failed),
            message: words.join(" ").chars().take(MESSAGE_CHARS_MAX).collect(),
        });
    }

    fn in_status(&self) -> bool {
        matches!(self.elements.as_slice(), [.., test, status] if test == "test" && status == "status")
    }
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Result<String> {
    match element.try_get_attribute(name)? {
        Some(attribute) => Ok(attribute.unescape_value()?.into_owned()),
        None => Ok(String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = r#"<robot><suite name="a" source="/x/TP/NGSI-LD/A"><suite name="b" source="/x/TP/NGSI-LD/A/1.robot">
<test name="1_01 One &amp; all"><kw name="k"><status status="FAIL">inner</status></kw><status status="PASS"/></test>
<test name="1_02"><status status="FAIL">200 != 201:
  more</status></test><status status="FAIL"/></suite></suite></robot>"#;

    #[test]
    fn a_case_has_its_own_status_and_not_that_of_its_keywords() {
        let cases = read(OUTPUT).unwrap();
        assert_eq!(cases.len(), 2);
        assert_eq!(
            cases[0],
            Case {
                file: "A/1.robot".to_owned(),
                name: "1_01 One & all".to_owned(),
                verdict: Verdict::Passed,
                message: String::new()
            }
        );
        assert_eq!(cases[1].message, "200 != 201: more");
    }

    #[test]
    fn an_output_cut_off_is_an_error_and_no_short_list() {
        let half = OUTPUT.split_at(OUTPUT.len() / 2).0;
        read(half).unwrap_err();
    }
}
