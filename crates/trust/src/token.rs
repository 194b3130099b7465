//! Bearer tokens: `chorsu_<id>_<secret>`, shown once, kept as a SHA-256 hash.
//!
//! The id (16 hex digits) finds the token and may stand in logs; the secret (64 hex digits, 32
//! random bytes) opens it. A secret of 256 random bits needs no slow hash.

use std::fmt;
use std::str::FromStr;

use base::{Name, Time};
use ports::Entropy;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::access::{Denied, Operation, Operations};
use crate::call::Principal;

/// The family of the docs in which tokens are kept.
pub const TOKEN_DOC_KIND: &str = "token";
/// Bytes of a token's name: it stands in lists and messages.
pub const TOKEN_NAME_BYTES_MAX: usize = 128;

const PREFIX: &str = "chorsu_";

/// What a holder sends: the id and the secret. Its `Debug` shows the id alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    id: [u8; 8],
    bytes: [u8; 32],
}

/// Why a text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token is written chorsu_<16 hex digits>_<64 hex digits>")]
pub struct SecretInvalid;

impl Secret {
    /// A new one.
    pub fn new(entropy: &dyn Entropy) -> Self {
        let mut secret = Self {
            id: [0; 8],
            bytes: [0; 32],
        };
        entropy.fill(&mut secret.id);
        entropy.fill(&mut secret.bytes);
        secret
    }

    /// The id, in hex.
    pub fn id(&self) -> Name {
        Name::from(hex::encode(self.id))
    }

    /// The whole text, to be shown once.
    pub fn reveal(&self) -> String {
        format!(
            "{PREFIX}{}_{}",
            hex::encode(self.id),
            hex::encode(self.bytes)
        )
    }

    /// What is kept of it, in hex.
    pub fn hash(&self) -> String {
        let mut digest = Sha256::new();
        digest.update(self.id);
        digest.update(self.bytes);
        hex::encode(digest.finalize())
    }
}

impl FromStr for Secret {
    type Err = SecretInvalid;
    fn from_str(text: &str) -> Result<Self, SecretInvalid> {
        let rest = text.strip_prefix(PREFIX).ok_or(SecretInvalid)?;
        let (id_text, secret_text) = rest.split_once('_').ok_or(SecretInvalid)?;
        let mut secret = Self {
            id: [0; 8],
            bytes: [0; 32],
        };
        hex::decode_to_slice(id_text, &mut secret.id).map_err(|_not_hex| SecretInvalid)?;
        hex::decode_to_slice(secret_text, &mut secret.bytes).map_err(|_not_hex| SecretInvalid)?;
        Ok(secret)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({}…)", hex::encode(self.id))
    }
}

/// A token as the node keeps it: everything but the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id, the first part of the secret's text.
    pub id: Name,
    /// What the administrator calls it.
    pub name: Name,
    /// SHA-256 of the secret, in hex.
    pub hash: String,
    /// What it allows.
    pub operations: Operations,
    /// When it was made.
    pub created_at: Time,
    /// When it ceases to open anything.
    pub expires_at: Option<Time>,
    /// When the administrator took it back.
    pub revoked_at: Option<Time>,
}

/// Why a doc is no token, or a token cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenInvalid {
    /// The name is empty or long.
    #[error("a token's name has 1 to {TOKEN_NAME_BYTES_MAX} bytes and no control characters")]
    Name,
    /// It would allow nothing.
    #[error(
        "a token allows at least one of read, history, subscribe, write, delete, share, administer"
    )]
    Operations,
    /// It would be over before it began.
    #[error("the token's expiresAt lies in the past")]
    Expired,
    /// What is kept is no token.
    #[error("the record of a token is damaged: {0}")]
    Damaged(String),
}

impl Token {
    /// A new token of this secret.
    pub fn new(
        secret: &Secret,
        name: &str,
        operations: Operations,
        created_at: Time,
        expires_at: Option<Time>,
    ) -> Result<Self, TokenInvalid> {
        if name.is_empty()
            || name.len() > TOKEN_NAME_BYTES_MAX
            || name.chars().any(char::is_control)
        {
            return Err(TokenInvalid::Name);
        }
        if operations.is_empty() {
            return Err(TokenInvalid::Operations);
        }
        if expires_at.is_some_and(|end| end <= created_at) {
            return Err(TokenInvalid::Expired);
        }
        Ok(Self {
            id: secret.id(),
            name: Name::from(name),
            hash: secret.hash(),
            operations,
            created_at,
            expires_at,
            revoked_at: None,
        })
    }

    /// Whether it opens anything at `now`.
    pub fn is_valid(&self, now: Time) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// Who holds the secret, if it is this token's and opens anything at `now`.
    /// The comparison takes the same time wherever the secrets differ.
    pub fn principal(&self, secret: &Secret, now: Time) -> Result<Principal, Denied> {
        let same: bool = self.hash.as_bytes().ct_eq(secret.hash().as_bytes()).into();
        if !same || !self.is_valid(now) {
            return Err(Denied::TokenRefused);
        }
        Ok(Principal::Token {
            id: self.id.clone(),
            name: self.name.clone(),
            operations: self.operations,
        })
    }

    /// The body of the doc in which it is kept.
    pub fn to_doc(&self) -> Value {
        let stored = Stored {
            name: self.name.to_string(),
            hash: self.hash.clone(),
            operations: self
                .operations
                .iter()
                .map(|o| o.word().to_owned())
                .collect(),
            created_at: self.created_at,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
        };
        // A struct of strings and numbers is always JSON.
        serde_json::to_value(stored).unwrap_or(Value::Null)
    }

    /// The token kept in the doc of this id.
    pub fn from_doc(id: &str, body: &Value) -> Result<Self, TokenInvalid> {
        let stored = Stored::deserialize(body).map_err(|e| TokenInvalid::Damaged(e.to_string()))?;
        let operations = stored
            .operations
            .iter()
            .map(|word| Operation::from_word(word))
            .collect::<Option<Operations>>()
            .ok_or_else(|| TokenInvalid::Damaged("it names an unknown operation".to_owned()))?;
        Ok(Self {
            id: Name::from(id),
            name: Name::from(stored.name),
            hash: stored.hash,
            operations,
            created_at: stored.created_at,
            expires_at: stored.expires_at,
            revoked_at: stored.revoked_at,
        })
    }
}

/// The stored form; times are microseconds since 1970.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    name: String,
    hash: String,
    operations: Vec<String>,
    created_at: Time,
    expires_at: Option<Time>,
    revoked_at: Option<Time>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts up: every fill differs.
    #[derive(Debug, Default)]
    struct Counting(std::sync::atomic::AtomicU8);

    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            for byte in bytes {
                *byte = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        }
    }

    fn pair() -> (Secret, Token) {
        let secret = Secret::new(&Counting::default());
        let operations = Operations::NONE | Operation::Read;
        let token =
            Token::new(&secret, "feed", operations, Time(10), Some(Time(20))).expect("a token");
        (secret, token)
    }

    #[test]
    fn the_text_of_a_secret_reads_back_to_it() {
        let (secret, _token) = pair();
        assert_eq!(secret.reveal().parse(), Ok(secret));
        for text in ["", "chorsu_", "chorsu_00_11", "Bearer x", "chorsu_é_é"] {
            assert_eq!(text.parse::<Secret>(), Err(SecretInvalid), "{text}");
        }
    }

    #[test]
    fn neither_the_debug_text_nor_the_doc_shows_the_secret() {
        let (secret, token) = pair();
        let hidden = hex::encode(secret.bytes);
        assert!(!format!("{secret:?}").contains(&hidden));
        assert!(!token.to_doc().to_string().contains(&hidden));
    }

    #[test]
    fn a_token_opens_with_its_secret_until_it_ends_or_is_revoked() {
        let (secret, mut token) = pair();
        token.principal(&secret, Time(19)).expect("a principal");
        assert_eq!(
            token.principal(&secret, Time(20)),
            Err(Denied::TokenRefused)
        );
        let other = Secret {
            bytes: [9; 32],
            ..secret.clone()
        };
        assert_eq!(token.principal(&other, Time(11)), Err(Denied::TokenRefused));
        token.revoked_at = Some(Time(12));
        assert_eq!(
            token.principal(&secret, Time(13)),
            Err(Denied::TokenRefused)
        );
    }

    #[test]
    fn a_token_reads_back_from_its_doc() {
        let (_secret, token) = pair();
        assert_eq!(Token::from_doc(&token.id, &token.to_doc()), Ok(token));
        assert!(matches!(
            Token::from_doc("x", &Value::Null),
            Err(TokenInvalid::Damaged(_))
        ));
    }

    #[test]
    fn a_token_that_opens_nothing_is_not_made() {
        let secret = Secret::new(&Counting::default());
        let make = |name: &str, operations, end| {
            Token::new(&secret, name, operations, Time(10), end).map(|token| token.id)
        };
        assert_eq!(make("", Operations::ALL, None), Err(TokenInvalid::Name));
        assert_eq!(make("a\nb", Operations::ALL, None), Err(TokenInvalid::Name));
        assert_eq!(
            make("a", Operations::NONE, None),
            Err(TokenInvalid::Operations)
        );
        assert_eq!(
            make("a", Operations::ALL, Some(Time(10))),
            Err(TokenInvalid::Expired)
        );
    }
}
