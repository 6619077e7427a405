//! Waits for conditions in the cluster. They watch objects instead of polling.
//!
//! Every wait has a timeout, [`DEFAULT_TIMEOUT`] unless [`timeout`](Wait::timeout) sets another one.
//! Its error contains the condition and the last observed state. A test that reaches its own timeout
//! reports its pending waits, too.
//!
//! ```no_run
//! # mod tests {
//! use std::time::Duration;
//!
//! use kipod::k8s_openapi::api::apps::v1::Deployment;
//! use kipod::k8s_openapi::api::core::v1::Pod;
//! use kipod::wait;
//! use kube::{Api, Client};
//!
//! #[kipod::test]
//! async fn web_is_rolled_out(client: Client) -> Result<(), wait::WaitError> {
//!     let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
//!     let rolled_out = wait::object(&deployments, "web", wait::rolled_out());
//!     rolled_out.timeout(Duration::from_secs(30)).await?;
//!     let pods: Api<Pod> = Api::default_namespaced(client);
//!     wait::count(&pods, "app=web", 3).await?;
//!     wait::object(&pods, "migration", wait::gone()).await?;
//!     Ok(())
//! }
//! # }
//! ```

mod condition;
mod count;
mod object;
pub(crate) mod pending;
mod rollout;
mod tracker;

pub(crate) use condition::dynamic_crd_established;
pub use condition::{
    Condition, State, condition_true, crd_established, exists, gone, job_done, pod_ready,
};
pub use count::{Count, count};
pub(crate) use object::dynamic_object;
pub use object::{Wait, default_service_account, object};
pub(crate) use rollout::dynamic_rolled_out;
pub use rollout::{Rollout, RolloutStatus, rolled_out};
pub use tracker::{DEFAULT_TIMEOUT, WaitError};
