//! The download of one file: resumed, retried, verified.

use std::path::{Path, PathBuf};

use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, IF_RANGE, LAST_MODIFIED, RANGE};
use reqwest::{Client, Response, StatusCode, Url};
use tokio::fs;
use tokio::io::AsyncWriteExt;

use super::checksum::Sum;
use super::error::{DownloadCause, DownloadFailure};
use super::events::{DownloadEvent, OnEvent};
use super::http::{RetryPolicy, redacted};
use crate::util::text::root_cause;
use crate::util::{blocking, bounded};

/// The maximum size of a checksum or a version file.
const MAX_TEXT: usize = 64 * 1024;

/// Downloads files.
pub(super) struct Fetcher<'a> {
    client: &'a Client,
    retry: RetryPolicy,
    on_event: &'a OnEvent<'a>,
}

/// A file to download.
pub(super) struct RemoteFile<'a> {
    /// Its name, in events, in errors and in the local directory.
    pub(super) name: &'a str,
    /// Its URL.
    pub(super) url: Url,
    /// The suffix of its checksum's URL: `.sha256` or `.sha256sum`.
    pub(super) sum_suffix: &'a str,
}

/// The failure of one attempt.
enum AttemptError {
    /// Another attempt may succeed.
    Transient(DownloadCause),
    /// No attempt can succeed.
    Permanent(DownloadCause),
}

/// The numbers of failed attempts.
#[derive(Default)]
struct Attempts {
    all: u32,
    /// Since the last attempt that transferred something, including that one.
    idle: u32,
}

impl<'a> Fetcher<'a> {
    pub(super) fn new(client: &'a Client, retry: RetryPolicy, on_event: &'a OnEvent<'a>) -> Self {
        Self { client, retry, on_event }
    }

    /// Downloads a file to the directory `dir` and verifies it. Existing content, complete or partial
    /// (`NAME.part`), is not transferred again.
    pub(super) async fn file(
        &self,
        file: &RemoteFile<'_>,
        dir: &Path,
    ) -> Result<(), DownloadFailure> {
        self.verified_file(file, dir).await.map_err(|cause| DownloadFailure {
            file: file.name.to_owned(),
            url: redacted(&file.url),
            cause,
        })
    }

    async fn verified_file(&self, file: &RemoteFile<'_>, dir: &Path) -> Result<(), DownloadCause> {
        let RemoteFile { name, url, .. } = file;
        let expected = self.published_sum(file).await?;
        let (complete, part) = (dir.join(name), Part::new(dir, name));
        for path in [&complete, &part.path] {
            if fs::try_exists(path).await.is_ok_and(|exists| exists)
                && hash(path).await? == expected
            {
                return self.keep(name, path, &complete, &part).await;
            }
        }
        let mut can_restart = true;
        loop {
            let resumed = self.all_bytes(name, url, &part).await?;
            let found = hash(&part.path).await?;
            if found == expected {
                return self.keep(name, &part.path, &complete, &part).await;
            }
            part.remove().await?;
            // Without an ETag or a modification time, the part may be of another file, so the download
            // restarts once. A file that was transferred at once is corrupt.
            if !resumed || !std::mem::replace(&mut can_restart, false) {
                return Err(DownloadCause::Corrupt { expected, found });
            }
        }
    }

    /// Renames a verified file to its final name.
    async fn keep(
        &self,
        name: &str,
        from: &Path,
        to: &Path,
        part: &Part,
    ) -> Result<(), DownloadCause> {
        fs::rename(from, to).await.map_err(disk("rename", from))?;
        part.remove().await?;
        (self.on_event)(DownloadEvent::Verified { file: name });
        Ok(())
    }

    /// Downloads a small text.
    pub(super) async fn text(&self, name: &str, url: &Url) -> Result<String, DownloadCause> {
        let mut attempts = Attempts::default();
        loop {
            match self.text_once(url).await {
                Ok(text) => return Ok(text),
                Err(error) => self.back_off(name, &mut attempts, error, false).await?,
            }
        }
    }

    /// Downloads the published checksum.
    async fn published_sum(&self, file: &RemoteFile<'_>) -> Result<Sum, DownloadCause> {
        let mut url = file.url.clone();
        url.set_path(&format!("{}{}", file.url.path(), file.sum_suffix));
        let text = match self.text(file.name, &url).await {
            // Distinguishes a missing checksum from a missing file.
            Err(DownloadCause::NotFound) => {
                let head = self.client.head(file.url.clone()).send().await;
                let exists = head.is_ok_and(|response| response.status().is_success());
                let cause = DownloadCause::NoChecksum { url: redacted(&url) };
                return Err(if exists { cause } else { DownloadCause::NotFound });
            }
            other => other?,
        };
        Sum::published(&text, file.name).ok_or_else(|| DownloadCause::InvalidChecksum {
            url: redacted(&url),
            text: text.trim().chars().take(80).collect(),
        })
    }

    /// Completes the part in as many attempts as necessary. Returns whether the last one resumed existing
    /// content.
    async fn all_bytes(&self, name: &str, url: &Url, part: &Part) -> Result<bool, DownloadCause> {
        let mut attempts = Attempts::default();
        loop {
            let before = part.len().await;
            match self.bytes(name, url, part).await {
                Ok(resumed) => return Ok(resumed),
                Err(error) => {
                    let advanced = part.len().await > before;
                    self.back_off(name, &mut attempts, error, advanced).await?;
                }
            }
        }
    }

    /// Waits before the next attempt, or returns the cause if there is none.
    async fn back_off(
        &self,
        name: &str,
        attempts: &mut Attempts,
        error: AttemptError,
        advanced: bool,
    ) -> Result<(), DownloadCause> {
        let cause = match error {
            AttemptError::Permanent(cause) => return Err(cause),
            AttemptError::Transient(cause) => cause,
        };
        let RetryPolicy { max_idle_attempts, max_attempts, initial_backoff, max_backoff } =
            self.retry;
        attempts.all += 1;
        attempts.idle = if advanced { 1 } else { attempts.idle + 1 };
        if attempts.idle >= max_idle_attempts || attempts.all >= max_attempts {
            return Err(cause);
        }
        let factor = 1 << (attempts.idle - 1).min(16);
        let backoff = initial_backoff.saturating_mul(factor).min(max_backoff);
        (self.on_event)(DownloadEvent::Retrying { file: name, cause: &cause, backoff });
        tokio::time::sleep(backoff).await;
        Ok(())
    }

    async fn text_once(&self, url: &Url) -> Result<String, AttemptError> {
        let mut response = success(self.client.get(url.clone()).send().await)?;
        let mut text = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(attempt_error)? {
            text.extend_from_slice(&chunk);
            if text.len() > MAX_TEXT {
                break;
            }
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Makes one attempt to complete the part.
    async fn bytes(&self, name: &str, url: &Url, part: &Part) -> Result<bool, AttemptError> {
        let (mut response, offset) = self.resume(url, part).await?;
        let path = &part.path;
        let mut options = fs::File::options();
        options.create(true).write(true).truncate(offset == 0).append(offset > 0);
        let file = options.open(path).await;
        let mut file = file.map_err(disk("create", path)).map_err(AttemptError::Permanent)?;
        if offset == 0 {
            part.set_validator(response.headers()).await.map_err(AttemptError::Permanent)?;
        }
        let total = response.content_length().map(|rest| offset + rest);
        (self.on_event)(DownloadEvent::Started { file: name, resumed: offset, total });
        let mut done = offset;
        let ended = loop {
            match response.chunk().await {
                Ok(None) => break Ok(offset > 0),
                Ok(Some(chunk)) => {
                    let written = file.write_all(&chunk).await;
                    written.map_err(disk("write", path)).map_err(AttemptError::Permanent)?;
                    done += chunk.len() as u64;
                    (self.on_event)(DownloadEvent::Advanced { file: name, done });
                }
                Err(error) => break Err(attempt_error(error)),
            }
        };
        // Keeps the received bytes, even if the connection broke.
        file.flush().await.map_err(disk("write", path)).map_err(AttemptError::Permanent)?;
        ended
    }

    /// Requests the rest of the part, or the complete file if there is no part or the server cannot
    /// resume it. Returns the response and its offset.
    async fn resume(&self, url: &Url, part: &Part) -> Result<(Response, u64), AttemptError> {
        let offset = part.len().await;
        if offset > 0 {
            let mut request =
                self.client.get(url.clone()).header(RANGE, format!("bytes={offset}-"));
            if let Some(validator) = part.validator().await {
                request = request.header(IF_RANGE, validator);
            }
            let response = request.send().await.map_err(attempt_error)?;
            match response.status() {
                StatusCode::PARTIAL_CONTENT if range_start(response.headers()) == Some(offset) => {
                    return Ok((response, offset));
                }
                StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {}
                // The server ignores ranges, or the file has changed: this is the complete file.
                _ => return Ok((success(Ok(response))?, 0)),
            }
        }
        Ok((success(self.client.get(url.clone()).send().await)?, 0))
    }
}

/// A partial file, and next to it the validator of its content.
struct Part {
    path: PathBuf,
    validator: PathBuf,
}

impl Part {
    fn new(dir: &Path, name: &str) -> Self {
        let file = |end: &str| dir.join(format!("{name}{end}"));
        Self { path: file(".part"), validator: file(".part.validator") }
    }

    async fn len(&self) -> u64 {
        fs::metadata(&self.path).await.map_or(0, |meta| meta.len())
    }

    /// Returns the value for `If-Range`.
    async fn validator(&self) -> Option<String> {
        let path = self.validator.clone();
        let text = blocking(move || bounded::read_text(&path, MAX_TEXT as u64)).await;
        text.ok().filter(|text| !text.is_empty())
    }

    /// Saves the strong `ETag`, or else the modification time. Weak tags do not apply to ranges (RFC 9110,
    /// 13.1.5).
    async fn set_validator(&self, headers: &HeaderMap) -> Result<(), DownloadCause> {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let tag = header(ETAG).filter(|tag| !tag.starts_with("W/"));
        let validator = tag.or_else(|| header(LAST_MODIFIED)).unwrap_or_default();
        fs::write(&self.validator, validator).await.map_err(disk("write", &self.validator))
    }

    async fn remove(&self) -> Result<(), DownloadCause> {
        for path in [&self.path, &self.validator] {
            match fs::remove_file(path).await {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(disk("remove", path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Returns the start of a 206 response: 100 for `bytes 100-199/200`.
fn range_start(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    range.split_once('-')?.0.trim().parse().ok()
}

/// Returns the response if its status is a success.
fn success(result: reqwest::Result<Response>) -> Result<Response, AttemptError> {
    let response = result.map_err(attempt_error)?;
    match response.status() {
        status if status.is_success() => Ok(response),
        StatusCode::NOT_FOUND => Err(AttemptError::Permanent(DownloadCause::NotFound)),
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            Err(AttemptError::Transient(DownloadCause::Status(status.as_u16())))
        }
        status => Err(AttemptError::Permanent(DownloadCause::Status(status.as_u16()))),
    }
}

fn attempt_error(error: reqwest::Error) -> AttemptError {
    let message = root_cause(&error);
    let is_permanent = message.contains("certificate") || error.is_builder() || error.is_redirect();
    let cause = DownloadCause::Unreachable(message);
    if is_permanent { AttemptError::Permanent(cause) } else { AttemptError::Transient(cause) }
}

fn disk(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> DownloadCause {
    move |error| DownloadCause::Disk { action, path: path.to_owned(), message: error.to_string() }
}

async fn hash(path: &Path) -> Result<Sum, DownloadCause> {
    let owned = path.to_owned();
    blocking(move || Sum::of_file(&owned)).await.map_err(disk("read", path))
}
