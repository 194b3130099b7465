//! One suite that every store runs: each clause of the contract of [`ports::Store`], and random histories in
//! which the store must answer as the model does.
//!
//! A store joins with a [`Setup`] and one line in its own tests: `store_suite::store_suite!(MySetup::new());`.

#![expect(
    clippy::panic,
    reason = "the suite is test code: it fails by panicking"
)]

mod act;
mod archive;
pub mod clauses;
pub mod histories;
mod same;
pub mod writers;

use std::sync::Arc;

use async_trait::async_trait;
use ports::Store;

pub use act::{batch, delete, doc, patch, put};
pub use archive::PlainArchive;

/// How the suite comes by a store. Each call of [`Setup::open`] gives an empty one.
#[async_trait]
pub trait Setup: Send + Sync {
    /// An empty store.
    async fn open(&self) -> Arc<dyn Store>;

    /// Called now and then between writes and questions, with a number by chance: for what a store
    /// does on the side, such as giving its history away.
    async fn meanwhile(&self, _store: &Arc<dyn Store>, _chance: u64) {}

    /// The same store closed in order and opened again; `None` if it does not outlive its closing.
    async fn reopen(&self, store: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
        drop(store);
        None
    }

    /// The same store after its process was killed; `None` if it does not outlive that.
    async fn crash(&self, store: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
        drop(store);
        None
    }
}

/// Makes a test of every clause and of random histories.
#[macro_export]
macro_rules! store_suite {
    ($setup:expr) => {
        #[cfg(test)]
        mod suite {
            use super::*;

            $crate::store_suite!(@tests $setup, clauses,
                a_new_store_is_empty,
                what_is_put_is_read_and_found,
                a_patch_leads_to_the_next_state,
                a_deleted_entity_is_gone_and_its_head_stays,
                a_conflicting_batch_leaves_nothing_behind,
                expectations_see_what_came_before_in_their_batch,
                the_changes_of_a_batch_stand_together_in_the_log,
                a_batch_without_acts_moves_only_its_cursor,
                whoever_waits_is_woken_by_the_next_change,
                pages_go_by_key_and_survive_changes,
                tenants_see_nothing_of_each_other,
                docs_are_kept_by_family_and_id,
                the_census_counts_types_and_attributes,
                what_has_expired_is_told_in_order,
                history_keeps_every_instance_and_deletion,
                of_instances_observed_at_once_the_last_stays,
                history_can_be_added_to_replaced_and_taken_out,
                what_was_committed_is_there_after_closing,
            );
            $crate::store_suite!(@tests $setup, histories,
                random_histories_are_answered_as_by_the_model,
                random_histories_outlive_closings,
                random_histories_outlive_crashes,
            );
            $crate::store_suite!(@tests $setup, writers,
                writers_at_once_lose_nothing,
                a_tail_meets_every_change_once_and_in_order,
            );
        }
    };
    (@tests $setup:expr, $module:ident, $($name:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $crate::$module::$name(&$setup).await;
            }
        )*
    };
}
