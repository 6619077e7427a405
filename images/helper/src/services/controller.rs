//! The loop of the controller.

use std::time::{Duration, Instant};

use super::api::{Api, ApiError, PortChange};
use super::backoff::Backoff;
use super::decision::{Decision, Warning, decide};
use super::service::{Metadata, Service};
use super::settings::Settings;
use super::watch::WatchEvent;

/// Duration of a watch. Its end finds connections that broke without notice.
const WATCH: Duration = Duration::from_secs(300);
/// A shorter watch without events is an error of the API server.
const SHORT_WATCH: Duration = Duration::from_millis(500);
/// Delays before a Service is tried again.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(64));
/// HTTP status of a resource version that the API server has forgotten.
const GONE: u16 = 410;

/// The controller of LoadBalancer Services.
pub(crate) struct Controller {
    settings: Settings,
    retry: Backoff,
}

impl Controller {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, retry: Backoff::new(RETRY.0, RETRY.1) }
    }

    /// Lists all Services and follows their changes. Returns when they have to be listed again.
    pub(crate) fn list_and_watch(&mut self, api: &Api) -> Result<(), ApiError> {
        let list = api.services()?;
        let mut version = list.metadata.resource_version;
        let mut failed = false;
        for service in &list.items {
            failed |= !self.serve(api, service);
        }
        loop {
            // After a failure the watch ends with the retry's delay. Others are served meanwhile.
            let duration = if failed { self.retry.delay(Instant::now()) } else { WATCH };
            let ended = self.watch(api, &mut version, duration, failed)?;
            match ended {
                End::Timeout if failed => return Ok(()),
                End::Timeout => {}
                End::Failure => failed = true,
                End::Gone => return Ok(()),
            }
        }
    }

    /// Follows changes from `version` on, which it updates. A failure ends the watch, unless the
    /// Services are listed again at its end anyway.
    fn watch(
        &self,
        api: &Api,
        version: &mut String,
        duration: Duration,
        retries: bool,
    ) -> Result<End, ApiError> {
        let start = Instant::now();
        let mut events = 0;
        let watch = match api.watch(version, duration) {
            Err(error) if error.code() == Some(GONE) => return Ok(End::Gone),
            other => other?,
        };
        for event in watch {
            events += 1;
            match event? {
                WatchEvent::Added(service) | WatchEvent::Modified(service) => {
                    version.clone_from(&service.metadata.resource_version);
                    if !self.serve(api, &service) && !retries {
                        return Ok(End::Failure);
                    }
                }
                WatchEvent::Deleted(service) => *version = service.metadata.resource_version,
                WatchEvent::Bookmark(bookmark) => *version = bookmark.metadata.resource_version,
                WatchEvent::Error(status) if status.code == GONE => return Ok(End::Gone),
                WatchEvent::Error(status) => return Err(status.into()),
            }
        }
        if events == 0 && start.elapsed() < SHORT_WATCH {
            return Err(ApiError::ShortWatch);
        }
        Ok(End::Timeout)
    }

    /// Handles one Service. Returns `false` if it has to be tried again.
    fn serve(&self, api: &Api, service: &Service) -> bool {
        let Metadata { name, namespace, .. } = &service.metadata;
        match self.try_serve(api, service) {
            Ok(()) => true,
            Err(error) => {
                eprintln!("{namespace}/{name}: {}", crate::with_causes(&error));
                false
            }
        }
    }

    fn try_serve(&self, api: &Api, service: &Service) -> Result<(), ApiError> {
        let several_nodes = service.is_local() && api.has_several_nodes()?;
        match decide(service, &self.settings, several_nodes) {
            Decision::Ignore => {}
            Decision::Refuse(warning) => warn(api, service, &warning),
            Decision::MoveUdpPort { index, node_port, otherwise } => {
                // A Service that is changed comes back as an event of the watch.
                if !self.move_udp_port(api, service, index, node_port)? {
                    warn(api, service, &otherwise);
                }
            }
            Decision::Serve { assign, warning } => {
                if let Some(warning) = warning {
                    warn(api, service, &warning);
                }
                if assign {
                    api.assign(&service.metadata, &self.settings.address.to_string())?;
                }
            }
        }
        Ok(())
    }

    /// Gives the Service an available UDP node port. Returns `false` if there is none.
    fn move_udp_port(
        &self,
        api: &Api,
        service: &Service,
        index: usize,
        from: u16,
    ) -> Result<bool, ApiError> {
        for to in self.settings.udp.reachable() {
            if api.change_node_port(&service.metadata, index, from, to)? == PortChange::Done {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Why a watch ended.
enum End {
    /// The API server ended it after the requested time.
    Timeout,
    /// A Service has to be tried again.
    Failure,
    /// The API server has forgotten the resource version.
    Gone,
}

/// Reports a warning as an event. A failure changes nothing about the Service.
fn warn(api: &Api, service: &Service, warning: &Warning) {
    if let Err(error) = api.create_event(&service.metadata, warning) {
        let Metadata { name, namespace, .. } = &service.metadata;
        eprintln!("{namespace}/{name}: failed to create an event: {}", crate::with_causes(&error));
    }
}
