//! What can be wrong with an @context, or with a name that is read in one.

use base::Kind;

use crate::limits::{CHAIN_MAX, DEPTH_MAX, DOCUMENTS_MAX, PARTS_MAX, TERMS_MAX};

/// What is wrong, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// The value of `@context` is of a kind that JSON-LD does not allow.
    #[error("@context must be a URL, an object of terms, an array of these, or null; it holds {0}")]
    Shape(&'static str),
    /// A document that should hold a context has no `@context` member.
    #[error("the document is no JSON-LD context: give it an \"@context\" member at the top")]
    NoContext,
    /// A reference to a remote context that cannot be loaded over HTTP.
    #[error("@context names {0:?}: give the absolute http or https URL of a JSON-LD context")]
    Url(String),
    /// A remote context includes itself.
    #[error("the remote @context {0} includes itself: break the cycle")]
    Cycle(String),
    /// Too many remote documents.
    #[error("@context includes more than {DOCUMENTS_MAX} remote documents: merge some of them")]
    Documents,
    /// Documents or arrays nested too deeply.
    #[error("@context is nested more than {DEPTH_MAX} levels deep: flatten it")]
    Depth,
    /// An array with too many entries.
    #[error("@context has more than {PARTS_MAX} entries: merge some of them")]
    Parts,
    /// Too many terms.
    #[error("@context defines more than {TERMS_MAX} terms: send only those in use")]
    Terms,
    /// Terms that hang on one another in too long a row.
    #[error("the term {0:?} hangs on more than {CHAIN_MAX} other terms: write its full IRI")]
    Chain(String),
    /// A term or an IRI that is too long.
    #[error("a name or IRI is longer than {max} bytes: shorten it", max = base::limits::URI_BYTES_MAX)]
    Long,
    /// A term is defined by itself.
    #[error("the term {0:?} is defined by itself: write its full IRI")]
    CyclicTerm(String),
    /// A definition that JSON-LD does not allow.
    #[error("@context defines {term:?} wrongly: {why}")]
    Definition {
        /// The term or keyword.
        term: String,
        /// What to write instead.
        why: &'static str,
    },
    /// A protected term is defined anew, or cleared by `null`.
    #[error("@context defines the protected term {0:?} anew: leave that definition out")]
    Protected(String),
    /// An error inside a remote document.
    #[error("in the remote @context {url}: {source}")]
    Remote {
        /// Where the document came from.
        url: String,
        /// What is wrong with it.
        source: Box<Self>,
    },
    /// An empty name.
    #[error("a name must not be empty")]
    EmptyName,
    /// A JSON-LD keyword, or an alias of one, where a name is expected.
    #[error("{0:?} is a JSON-LD keyword or an alias of one: it cannot name an attribute or a type")]
    Keyword(String),
    /// A name that the context gives no meaning.
    #[error("@context gives {0:?} no meaning (null or @reverse): define it, or use another name")]
    Meaningless(String),
}

impl ContextError {
    /// What the caller can do about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Documents | Self::Depth | Self::Parts | Self::Terms | Self::Chain(_) => {
                Kind::Limit
            }
            Self::Remote { source, .. } => source.kind(),
            _ => Kind::Invalid,
        }
    }
}
