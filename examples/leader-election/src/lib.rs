//! Leader election with a `Lease`: of any number of replicas one works, and the others wait.

use std::future::Future;
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, ObjectMeta, PostParams};
use tokio::time::{sleep, timeout};

/// A replica that wants to lead.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Where the lease is.
    pub leases: Api<Lease>,
    /// The name of the lease, the same for all replicas.
    pub lease: String,
    /// The name of this replica, which no other has.
    pub identity: String,
    /// How long the leader may be silent before another one takes over, in whole seconds.
    pub duration: Duration,
    /// How often the leader renews the lease, and the others look at it: less than half of
    /// `duration`.
    pub retry: Duration,
}

/// Why a replica does not lead, or does not any more.
#[derive(Debug, thiserror::Error)]
pub enum LeadError {
    /// The API server did not answer for as long as the lease lasts, or does not let it.
    #[error("cannot use lease `{lease}`: {source}")]
    Unusable {
        /// The lease.
        lease: String,
        /// What the API server said last.
        source: kube::Error,
    },
    /// The lease could not be renewed in time, or somebody else has it.
    #[error("lost lease `{lease}`")]
    Lost {
        /// The lease.
        lease: String,
    },
}

impl Candidate {
    /// Waits until this replica leads, runs `work` to its end, and lets go of the lease. When the
    /// leadership is lost in between, `work` is dropped at once, before anybody else can lead.
    ///
    /// # Errors
    ///
    /// When the leadership is lost, or cannot be gained. A replica had better end then, and be
    /// started anew.
    pub async fn lead<T>(&self, work: impl Future<Output = T>) -> Result<T, LeadError> {
        let (mut held, since) = self.acquire().await?;
        let done = tokio::select! {
            done = work => done,
            lost = self.renew(&mut held, since) => return Err(lost),
        };
        // Whoever waits need not wait until it runs out. If this fails, they have to.
        held.spec.get_or_insert_default().holder_identity = None;
        let _ = self.leases.replace(&self.lease, &PostParams::default(), &held).await;
        Ok(done)
    }

    /// Waits for the lease; with it comes when it was asked for.
    ///
    /// How old it is nobody knows, since clocks differ: a lease is given up only when it has stayed
    /// the same, before these eyes, for as long as it lasts.
    async fn acquire(&self) -> Result<(Lease, Instant), LeadError> {
        let mut answered = Instant::now();
        let mut seen: Option<(String, Instant)> = None;
        loop {
            let asked = Instant::now();
            match self.attempt(&mut seen).await {
                Ok(Some(held)) => return Ok((held, asked)),
                Ok(None) => answered = Instant::now(),
                Err(source) if answered.elapsed() > self.duration => {
                    return Err(LeadError::Unusable { lease: self.lease.clone(), source });
                }
                Err(_) => {}
            }
            sleep(self.retry).await;
        }
    }

    async fn attempt(&self, seen: &mut Option<(String, Instant)>) -> kube::Result<Option<Lease>> {
        let taken = match self.leases.get_opt(&self.lease).await? {
            None => {
                let metadata =
                    ObjectMeta { name: Some(self.lease.clone()), ..ObjectMeta::default() };
                let lease = Lease { metadata, spec: Some(self.spec(0)) };
                self.leases.create(&PostParams::default(), &lease).await
            }
            Some(mut lease) => {
                let spec = lease.spec.take().unwrap_or_default();
                let version = lease.metadata.resource_version.clone().unwrap_or_default();
                let since = match seen {
                    Some((known, since)) if *known == version => *since,
                    _ => seen.insert((version, Instant::now())).1,
                };
                let lasts = Duration::from_secs(
                    spec.lease_duration_seconds.and_then(|it| it.try_into().ok()).unwrap_or(0),
                );
                let held = spec.holder_identity.is_some_and(|holder| !holder.is_empty());
                if held && since.elapsed() < lasts {
                    return Ok(None);
                }
                lease.spec = Some(self.spec(spec.lease_transitions.unwrap_or(0) + 1));
                // It carries the version that was read: of all who try, the first one succeeds.
                self.leases.replace(&self.lease, &PostParams::default(), &lease).await
            }
        };
        match taken {
            Ok(lease) => Ok(Some(lease)),
            Err(error) if is_conflict(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

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

    /// Renews the lease, which was asked for at `since`, until that does not work any more.
    ///
    /// Others count from when they see a renewal, and this one from before it was sent, and less:
    /// so it is the first to know.
    async fn renew(&self, held: &mut Lease, mut since: Instant) -> LeadError {
        let parameters = PostParams::default();
        loop {
            sleep(self.retry).await;
            let asked = Instant::now();
            held.spec.get_or_insert_default().renew_time = Some(MicroTime(Timestamp::now()));
            let left = (self.duration - self.retry).saturating_sub(since.elapsed());
            let replace = self.leases.replace(&self.lease, &parameters, held);
            match timeout(left, replace).await {
                Ok(Ok(lease)) => (*held, since) = (lease, asked),
                Ok(Err(error)) if !is_conflict(&error) => {}
                Ok(Err(_)) | Err(_) => return LeadError::Lost { lease: self.lease.clone() },
            }
        }
    }
}

fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}
