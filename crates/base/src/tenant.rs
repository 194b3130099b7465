//! Tenants: worlds that never see each other [CIM-009 §4.14].

use std::fmt;
use std::sync::Arc;

use crate::limits;

/// The name of a tenant; the default tenant has the empty name.
/// Others are 1 to 64 characters of `a-z A-Z 0-9 _ - . :`, so that a name is safe in a log,
/// a header and a path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenant(Arc<str>);

/// What the names of the node's own tenants begin with.
const HIDDEN: &str = ".own.";

/// Why a tenant's name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the tenant name must be 1 to {max} characters of letters, digits, '_', '-', '.' or ':'",
    max = limits::TENANT_NAME_BYTES_MAX
)]
pub struct TenantNameInvalid;

impl Tenant {
    /// The tenant of requests that name none.
    pub fn default_tenant() -> Self {
        Self(Arc::from(""))
    }

    /// A tenant by its name; the empty name is the default tenant.
    pub fn new(name: &str) -> Result<Self, TenantNameInvalid> {
        let fits = name.len() <= limits::TENANT_NAME_BYTES_MAX
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':'));
        if fits {
            Ok(Self(Arc::from(name)))
        } else {
            Err(TenantNameInvalid)
        }
    }

    /// A tenant of the node's own, for something that lives beside the tenants: no request may name
    /// it. What the name is made of is safe already.
    pub fn hidden(name: &str) -> Self {
        Self(Arc::from(format!("{HIDDEN}{name}")))
    }

    /// Whether the tenant is one of the node's own.
    pub fn is_hidden(&self) -> bool {
        self.0.starts_with(HIDDEN)
    }

    /// The name; empty for the default tenant.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the default tenant.
    pub fn is_default(&self) -> bool {
        self.0.is_empty()
    }
}

impl Default for Tenant {
    fn default() -> Self {
        Self::default_tenant()
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_default() {
            "default"
        } else {
            &self.0
        })
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tenant({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_name_is_safe_in_logs_headers_and_paths() {
        let named = Tenant::new("urn:ngsi-ld:tenant:1");
        assert!(named.is_ok_and(|t| t.as_str() == "urn:ngsi-ld:tenant:1"));
        assert!(Tenant::new("").is_ok_and(|t| t.is_default()));
        assert_eq!(Tenant::new("a/b"), Err(TenantNameInvalid));
        assert_eq!(Tenant::new(&"a".repeat(65)), Err(TenantNameInvalid));
    }
}
