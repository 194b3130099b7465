//! The page of a tutorial: its requests in their order, each with the answer that is printed.

use serde_json::Value;

use super::curl::{self, Curl};

/// One request of a tutorial.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// Its place among the requests of the page, from 1.
    pub(super) number: usize,
    /// The request, or why the command that is printed is none.
    pub(super) curl: Result<Curl, String>,
    /// The answer as it is printed.
    pub(super) printed: Option<Value>,
}

/// Reads the requests of a page: blocks of code that begin with `curl`. What stands in the next
/// block of JSON below the heading `Response` is the printed answer.
pub(super) fn read(markdown: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut block: Option<String> = None;
    let mut is_response = false;
    for line in markdown.lines() {
        match (&mut block, line.trim_start().starts_with("```")) {
            (None, true) => block = Some(String::new()),
            (None, false) if line.starts_with('#') => is_response = line.contains("Response"),
            (None, false) => {}
            (Some(text), false) => {
                text.push_str(line);
                text.push('\n');
            }
            (Some(text), true) => {
                let text = std::mem::take(text);
                block = None;
                if text.trim_start().starts_with("curl ") {
                    is_response = false;
                    steps.push(Step {
                        number: steps.len() + 1,
                        curl: curl::read(text.trim()).map_err(|error| format!("{error:#}")),
                        printed: None,
                    });
                } else if is_response
                    && let Some(step) = steps.last_mut()
                    && step.printed.is_none()
                {
                    step.printed = serde_json::from_str(&text).ok();
                }
            }
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_answer_is_what_is_printed_below_its_heading() {
        let page = "# T\n```json\n{\"no\": 1}\n```\n#### 1 Request:\n```bash\ncurl 'http://a:1/b'\n```\n\
                    ```json\n{\"no\": 2}\n```\n#### Response:\n```json\n{\"yes\": 1}\n```\n\
                    ```json\n{\"no\": 3}\n```\n#### 2 Request:\n```bash\ncurl 'http://a:1/c'\n```\n";
        let steps = read(page);
        assert_eq!(steps.len(), 2);
        assert_eq!(steps[0].printed, Some(json!({"yes": 1})));
        assert_eq!((steps[1].number, &steps[1].printed), (2, &None));
    }
}
