//! Registering, and telling those who subscribed to registrations [CIM-009 §5.9, §5.11].

use std::sync::Arc;

use base::Tenant;
use jsonld::Context;
use serde_json::Value;

use crate::registration::{Registration, RegistrationError};
use crate::{Gateway, registry::RegistryChange};

impl Gateway {
    /// Registers a source [CIM-009 §5.9.2].
    pub async fn register(
        &self,
        tenant: &Tenant,
        document: &Value,
        context: &Context,
    ) -> Result<Arc<Registration>, RegistrationError> {
        let (made, change) = self.registry.create(tenant, document, context).await?;
        self.tell(tenant, &change);
        Ok(made)
    }

    /// Changes a registration by a fragment in an @context [CIM-009 §5.9.3].
    pub async fn change_registration(
        &self,
        tenant: &Tenant,
        id: &str,
        (fragment, context): (&Value, &Context),
    ) -> Result<(), RegistrationError> {
        let change = self.registry.update(tenant, id, fragment, context).await?;
        self.tell(tenant, &change);
        Ok(())
    }

    /// Takes a registration away [CIM-009 §5.9.4].
    pub async fn unregister(&self, tenant: &Tenant, id: &str) -> Result<(), RegistrationError> {
        let change = self.registry.delete(tenant, id).await?;
        self.tell(tenant, &change);
        Ok(())
    }

    fn tell(&self, _tenant: &Tenant, _change: &RegistryChange) {}
}
