//! From the value of an `@context` to a [`Context`], by way of the remote documents it includes.
//!
//! Limit: `@import` is applied as a context before the map that holds it, not merged into it: the map's own terms win
//! all the same, but the imported terms cannot lean on them.

use std::sync::Arc;

use serde_json::Value;
use url::Url;

use crate::builtin::is_core;
use crate::context::Context;
use crate::define::Definer;
use crate::document::{ContextDocument, Part};
use crate::error::ContextError;
use crate::limits::{DEPTH_MAX, DOCUMENTS_MAX};

/// What came of resolving a context.
#[derive(Debug)]
pub enum Resolution {
    /// These documents must be loaded first, each an absolute http or https URL, in order and without repetition;
    /// then resolve again. Loading them may bring up further ones.
    Needs(Vec<String>),
    /// The finished context.
    Ready(Arc<Context>),
}

impl Context {
    /// Resolves a bare context value or a whole document `{"@context": …}`, given the remote documents loaded so far.
    /// References to core contexts need no loading.
    ///
    /// # Errors
    /// What is wrong with the value, or with one of the remote documents.
    pub fn resolve(
        value: &Value,
        loaded: &dyn Fn(&str) -> Option<Arc<Value>>,
    ) -> Result<Resolution, ContextError> {
        let core = Self::core();
        let mut walk = Walk {
            loaded,
            definer: Definer::new(Some(core.core_layer())),
            needs: Vec::new(),
            trail: Vec::new(),
            documents: 0,
        };
        walk.document(&ContextDocument::parse(value)?)?;
        if !walk.needs.is_empty() {
            return Ok(Resolution::Needs(walk.needs));
        }
        let (user, _) = walk.definer.finish();
        Ok(Resolution::Ready(Arc::new(Self::beneath_core(user))))
    }
}

struct Walk<'w> {
    loaded: &'w dyn Fn(&str) -> Option<Arc<Value>>,
    definer: Definer<'w>,
    needs: Vec<String>,
    /// The URLs of the documents that we are inside of.
    trail: Vec<String>,
    documents: usize,
}

impl Walk<'_> {
    fn document(&mut self, document: &ContextDocument<'_>) -> Result<(), ContextError> {
        for part in document.parts() {
            match part {
                Part::Remote(url) => self.remote(url)?,
                Part::Reset => self.definer.reset()?,
                Part::Local(terms) => {
                    if let Some(Value::String(url)) = terms.get("@import") {
                        self.remote(url)?;
                    }
                    // What is missing may define what these terms lean on, so they wait for it.
                    if self.needs.is_empty() {
                        self.definer.apply(terms)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn remote(&mut self, reference: &str) -> Result<(), ContextError> {
        let url = self.absolute(reference)?;
        if is_core(&url) {
            return Ok(());
        }
        if self.trail.contains(&url) {
            return Err(ContextError::Cycle(url));
        }
        if self.trail.len() >= DEPTH_MAX {
            return Err(ContextError::Depth);
        }
        self.documents += 1;
        if self.documents > DOCUMENTS_MAX {
            return Err(ContextError::Documents);
        }
        let Some(value) = (self.loaded)(&url) else {
            if !self.needs.contains(&url) {
                self.needs.push(url);
            }
            return Ok(());
        };
        self.trail.push(url);
        let done =
            ContextDocument::parse_remote(&value).and_then(|document| self.document(&document));
        let url = self.trail.pop().unwrap_or_default();
        done.map_err(|fault| match fault {
            fault @ (ContextError::Remote { .. } | ContextError::Cycle(_)) => fault,
            fault => ContextError::Remote {
                url,
                source: Box::new(fault),
            },
        })
    }

    /// A reference as an absolute URL. One that is absolute stays as it is written, so that it is its own key.
    fn absolute(&self, reference: &str) -> Result<String, ContextError> {
        let fault = || ContextError::Url(reference.to_owned());
        if reference.len() > base::limits::URI_BYTES_MAX {
            return Err(ContextError::Long);
        }
        let is_web = |url: &Url| matches!(url.scheme(), "http" | "https");
        if let Ok(url) = Url::parse(reference) {
            return is_web(&url).then(|| reference.to_owned()).ok_or_else(fault);
        }
        let within = self.trail.last().and_then(|url| Url::parse(url).ok());
        let url = within
            .and_then(|within| within.join(reference).ok())
            .filter(is_web);
        url.map(String::from).ok_or_else(fault)
    }
}
