//! HTML, safely: everything from outside is escaped on its way in.

use std::fmt::{self, Write as _};

/// Text on its way into HTML.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Appends to the page; writing to a String cannot fail.
macro_rules! put {
    ($page:expr, $($part:tt)*) => {{
        let _infallible = write!($page, $($part)*);
    }};
}
pub(super) use put;
