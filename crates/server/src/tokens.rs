//! The tokens of the node: kept in the store, looked up in memory, and the one-time setup token.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{Kind, Name, Tenant, Time};
use parking_lot::{Mutex, RwLock};
use ports::{Act, Batch, Clock, Entropy, Expect, Store, StoreError};
use trust::token::TOKEN_DOC_KIND;
use trust::{Access, Denied, Operation, Operations, Principal, Secret, Token, TokenInvalid};
use web::Guard;

/// Tokens of one node, revoked ones included: they are all held in memory.
const TOKENS_MAX: usize = 10_000;
/// Tokens read from the store at once.
const READ_AT_ONCE: usize = 500;

/// The tokens of a node and its setup token. It is the node's [`Guard`].
#[derive(Debug)]
pub(crate) struct Tokens {
    access: Access,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    known: RwLock<BTreeMap<Name, Token>>,
    /// Opens `/setup` once. It lives as long as the process and is kept nowhere.
    setup: Mutex<Option<Secret>>,
}

/// Why tokens could not be made, taken back or set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// The wish was wrong, or what is kept is damaged.
    #[error(transparent)]
    Invalid(#[from] TokenInvalid),
    /// The store did not keep it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such token.
    #[error("there is no token '{0}'")]
    Unknown(String),
    /// Nobody could administer the node any more.
    #[error("this is the last token that may administer the node: make another one first")]
    LastAdministrator,
    /// There are as many as there may be.
    #[error("there are {TOKENS_MAX} tokens already, which is the limit")]
    TooMany,
    /// The node is set up, or open.
    #[error("there is nothing to set up: the node is open, or has an administrator already")]
    NothingToSetUp,
    /// The setup token is another one.
    #[error("send the setup token that the node printed when it started, as a bearer token")]
    SetupRefused,
}

impl TokenError {
    /// What the caller can do.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Invalid(TokenInvalid::Damaged(_)) => Kind::Corrupt,
            Self::Invalid(_) => Kind::Invalid,
            Self::Store(error) => error.kind(),
            Self::Unknown(_) => Kind::NotFound,
            Self::LastAdministrator | Self::NothingToSetUp => Kind::Conflict,
            Self::TooMany => Kind::Limit,
            Self::SetupRefused => Kind::Unauthenticated,
        }
    }
}

impl Tokens {
    /// Reads the tokens from the store. A closed node that nobody can administer gets a setup
    /// token.
    pub(crate) async fn load(
        access: Access,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, TokenError> {
        let known = read_all(&*store).await?;
        let now = clock.now();
        let has_administrator = known.values().any(|token| administers(token, now));
        let setup =
            (access == Access::Closed && !has_administrator).then(|| Secret::new(&*entropy));
        let (known, setup) = (RwLock::new(known), Mutex::new(setup));
        Ok(Self {
            access,
            store,
            clock,
            entropy,
            known,
            setup,
        })
    }

    /// The setup token, if the node waits for it.
    pub(crate) fn setup_token(&self) -> Option<String> {
        self.setup.lock().as_ref().map(Secret::reveal)
    }

    /// Makes the administrator's token in exchange for the setup token, which is used up by it.
    pub(crate) async fn set_up(&self, bearer: &str) -> Result<(Secret, Token), TokenError> {
        let given = bearer
            .parse::<Secret>()
            .map_err(|_invalid| TokenError::SetupRefused)?;
        // Taken out first: of two who come at once with the right token, one finds none.
        let expected = self.setup.lock().take().ok_or(TokenError::NothingToSetUp)?;
        // The hash hides from the time of the comparison where the secrets differ.
        let made = if given.hash() == expected.hash() {
            self.make("administrator", Operations::ALL, None).await
        } else {
            Err(TokenError::SetupRefused)
        };
        if made.is_err() {
            *self.setup.lock() = Some(expected);
        }
        made
    }

    /// Makes a token; the secret is to be shown once.
    pub(crate) async fn make(
        &self,
        name: &str,
        operations: Operations,
        expires_at: Option<Time>,
    ) -> Result<(Secret, Token), TokenError> {
        if self.known.read().len() >= TOKENS_MAX {
            return Err(TokenError::TooMany);
        }
        let secret = Secret::new(&*self.entropy);
        let token = Token::new(&secret, name, operations, self.clock.now(), expires_at)?;
        self.keep(&token, Expect::Absent).await?;
        Ok((secret, token))
    }

    /// Takes a token back; one that was taken back already stays so.
    pub(crate) async fn revoke(&self, id: &str) -> Result<(), TokenError> {
        let now = self.clock.now();
        let mut token = {
            let known = self.known.read();
            let token = known
                .get(id)
                .ok_or_else(|| TokenError::Unknown(id.to_owned()))?;
            let others = known
                .values()
                .any(|t| t.id != token.id && administers(t, now));
            if self.access == Access::Closed && administers(token, now) && !others {
                return Err(TokenError::LastAdministrator);
            }
            token.clone()
        };
        if token.revoked_at.is_none() {
            token.revoked_at = Some(now);
            self.keep(&token, Expect::Any).await?;
        }
        Ok(())
    }

    /// All tokens, by id.
    pub(crate) fn list(&self) -> Vec<Token> {
        self.known.read().values().cloned().collect()
    }

    async fn keep(&self, token: &Token, expect: Expect) -> Result<(), TokenError> {
        let act = Act::Doc {
            kind: Name::from(TOKEN_DOC_KIND),
            id: token.id.clone(),
            expect,
            body: Some(Arc::new(token.to_doc())),
        };
        let batch = Batch {
            tenant: Tenant::default_tenant(),
            time: self.clock.now(),
            acts: vec![act],
            cursor: None,
        };
        self.store.commit(batch).await?;
        self.known.write().insert(token.id.clone(), token.clone());
        Ok(())
    }
}

fn administers(token: &Token, now: Time) -> bool {
    token.is_valid(now) && token.operations.allow(Operation::Administer)
}

async fn read_all(store: &dyn Store) -> Result<BTreeMap<Name, Token>, TokenError> {
    let tenant = Tenant::default_tenant();
    let mut known = BTreeMap::new();
    let mut after: Option<Name> = None;
    loop {
        let docs = store
            .docs(&tenant, TOKEN_DOC_KIND, after.as_deref(), READ_AT_ONCE)
            .await?;
        let Some(last) = docs.last() else {
            return Ok(known);
        };
        after = Some(last.id.clone());
        for doc in &docs {
            known.insert(doc.id.clone(), Token::from_doc(&doc.id, &doc.body)?);
        }
    }
}

impl Guard for Tokens {
    fn identify(&self, bearer: Option<&str>, now: Time) -> Result<Principal, Denied> {
        let (Access::Closed, Some(bearer)) = (self.access, bearer) else {
            return Ok(Principal::Public);
        };
        let secret: Secret = bearer.parse().map_err(|_invalid| Denied::TokenRefused)?;
        let known = self.known.read();
        known
            .get(&secret.id())
            .ok_or(Denied::TokenRefused)?
            .principal(&secret, now)
    }
}
