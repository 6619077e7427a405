//! Leader election with a `Lease`: one replica works, the others are on standby.

use std::future::Future;
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, ObjectMeta, PostParams};
use tokio::time::{sleep, timeout};

/// A replica that takes part in the election.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The API for the namespace of the lease.
    pub leases: Api<Lease>,
    /// The name of the lease, the same for all replicas.
    pub lease: String,
    /// The unique name of this replica.
    pub identity: String,
    /// The duration of the lease in whole seconds. Another replica takes over if it is not renewed.
    pub duration: Duration,
    /// The interval between renewals by the leader and polls by the others: less than half of
    /// `duration`.
    pub retry: Duration,
}

/// An error of the election.
#[derive(Debug, thiserror::Error)]
pub enum LeadError {
    /// All requests failed for the duration of the lease.
    #[error("cannot use lease `{lease}`")]
    Unusable {
        /// The name of the lease.
        lease: String,
        /// The last error.
        source: kube::Error,
    },
    /// The lease was not renewed in time, or another replica holds it.
    #[error("lost lease `{lease}`")]
    Lost {
        /// The name of the lease.
        lease: String,
    },
}

impl Candidate {
    /// Waits until this replica is the leader, runs `work` to completion, and releases the lease.
    ///
    /// If the lease is lost in the meantime, `work` is dropped before another replica can become the
    /// leader.
    ///
    /// # Errors
    ///
    /// If the lease is lost or cannot be acquired. The process should exit then, and be restarted.
    pub async fn lead<T>(&self, work: impl Future<Output = T>) -> Result<T, LeadError> {
        let (mut held, since) = self.acquire().await?;
        let done = tokio::select! {
            done = work => done,
            lost = self.renew(&mut held, since) => return Err(lost),
        };
        // Release the lease. If this fails, the other replicas wait until it expires.
        held.spec.get_or_insert_default().holder_identity = None;
        let _ = self.leases.replace(&self.lease, &PostParams::default(), &held).await;
        Ok(done)
    }

    /// Waits until this replica holds the lease. Returns the lease and the time of the request.
    ///
    /// Clocks of replicas may differ, so the renewal time in the lease is not used. A lease has expired
    /// if this replica has observed the same version of it for the duration of the lease.
    async fn acquire(&self) -> Result<(Lease, Instant), LeadError> {
        let mut last_response = Instant::now();
        let mut observed: Option<(String, Instant)> = None;
        loop {
            let requested = Instant::now();
            match self.try_acquire(&mut observed).await {
                Ok(Some(held)) => return Ok((held, requested)),
                Ok(None) => last_response = Instant::now(),
                Err(source) if last_response.elapsed() > self.duration => {
                    return Err(LeadError::Unusable { lease: self.lease.clone(), source });
                }
                Err(_) => {}
            }
            sleep(self.retry).await;
        }
    }

    /// Creates the lease, or takes it over if it is free or has expired. Returns `None` if another
    /// replica holds it.
    async fn try_acquire(
        &self,
        observed: &mut Option<(String, Instant)>,
    ) -> kube::Result<Option<Lease>> {
        let acquired = match self.leases.get_opt(&self.lease).await? {
            None => {
                let metadata =
                    ObjectMeta { name: Some(self.lease.clone()), ..ObjectMeta::default() };
                let lease = Lease { metadata, spec: Some(self.spec(0)) };
                self.leases.create(&PostParams::default(), &lease).await
            }
            Some(mut lease) => {
                let spec = lease.spec.take().unwrap_or_default();
                let version = lease.metadata.resource_version.clone().unwrap_or_default();
                let since = match observed {
                    Some((known, since)) if *known == version => *since,
                    _ => observed.insert((version, Instant::now())).1,
                };
                let duration = Duration::from_secs(
                    spec.lease_duration_seconds.and_then(|it| it.try_into().ok()).unwrap_or(0),
                );
                let held = spec.holder_identity.is_some_and(|holder| !holder.is_empty());
                if held && since.elapsed() < duration {
                    return Ok(None);
                }
                lease.spec = Some(self.spec(spec.lease_transitions.unwrap_or(0) + 1));
                // The request contains the resource version, so only the first one succeeds.
                self.leases.replace(&self.lease, &PostParams::default(), &lease).await
            }
        };
        match acquired {
            Ok(lease) => Ok(Some(lease)),
            Err(error) if is_conflict(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the spec of a lease held by this replica.
    fn spec(&self, transitions: i32) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(self.duration.as_secs()).ok(),
            acquire_time: Some(now.clone()),
            renew_time: Some(now),
            lease_transitions: Some(transitions),
            ..LeaseSpec::default()
        }
    }

    /// Renews the lease, which was requested at `since`, until it is lost.
    ///
    /// This replica measures from before the request, minus one retry interval; others measure from when
    /// they observe the renewal. So this replica stops before another one can take over.
    async fn renew(&self, held: &mut Lease, mut since: Instant) -> LeadError {
        let parameters = PostParams::default();
        loop {
            sleep(self.retry).await;
            let requested = Instant::now();
            held.spec.get_or_insert_default().renew_time = Some(MicroTime(Timestamp::now()));
            let left = (self.duration - self.retry).saturating_sub(since.elapsed());
            let replace = self.leases.replace(&self.lease, &parameters, held);
            match timeout(left, replace).await {
                Ok(Ok(lease)) => (*held, since) = (lease, requested),
                Ok(Err(error)) if !is_conflict(&error) => {}
                Ok(Err(_)) | Err(_) => return LeadError::Lost { lease: self.lease.clone() },
            }
        }
    }
}

fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}
