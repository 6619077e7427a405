//! Events of a watch.

use std::io::Read;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::api::ApiError;
use super::service::Service;

/// An event of the API server's watch of Services.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", content = "object", rename_all = "UPPERCASE")]
pub(crate) enum WatchEvent {
    Added(Service),
    Modified(Service),
    Deleted(Service),
    /// Carries only a resource version, from which a later watch may start.
    Bookmark(Bookmark),
    Error(ApiStatus),
}

#[derive(Debug, Deserialize)]
pub(crate) struct Bookmark {
    pub(crate) metadata: ListMetadata,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListMetadata {
    pub(crate) resource_version: String,
}

/// A list of objects.
#[derive(Debug, Deserialize)]
pub(crate) struct List<T> {
    pub(crate) metadata: ListMetadata,
    pub(crate) items: Vec<T>,
}

/// The API server's description of an error.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ApiStatus {
    pub(crate) code: u16,
    pub(crate) message: String,
}

/// Reads the events of a watch as they arrive. Ends when the API server ends the watch.
pub(crate) fn events<T: DeserializeOwned>(
    body: impl Read,
) -> impl Iterator<Item = Result<T, ApiError>> {
    serde_json::Deserializer::from_reader(body)
        .into_iter()
        .map(|event| event.map_err(ApiError::Response))
}
