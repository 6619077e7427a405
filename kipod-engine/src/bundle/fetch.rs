//! One file from a server: resumed, tried again, verified.

use std::path::{Path, PathBuf};

use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, IF_RANGE, LAST_MODIFIED, RANGE};
use reqwest::{Client, Response, StatusCode, Url};
use tokio::fs;
use tokio::io::AsyncWriteExt;

use super::events::OnEvent;
use super::upstream::shown;
use super::{Cause, DownloadEvent, Failure, Retry, Sum, Upstream};
use crate::util::blocking;

/// A checksum or a version is never longer; what is longer is something else.
const LONGEST_TEXT: usize = 64 * 1024;

/// Downloads files.
pub(super) struct Fetcher<'a> {
    client: &'a Client,
    retry: Retry,
    on_event: &'a OnEvent<'a>,
}

/// A file to be had.
pub(super) struct Wanted<'a> {
    /// Its name, for events and errors, and in its folder.
    pub(super) name: &'a str,
    /// Where it is.
    pub(super) url: Url,
    /// What its checksum's URL has at the end: `.sha256` or `.sha256sum`.
    pub(super) sum_suffix: &'a str,
}

/// Why one try failed.
enum Broken {
    /// Another try may do.
    Passing(Cause),
    /// No other try will do.
    Lasting(Cause),
}

/// Tries that failed.
#[derive(Default)]
struct Tries {
    all: u32,
    /// Since the last one that brought something, that one included.
    idle: u32,
}

impl<'a> Fetcher<'a> {
    pub(super) fn new(upstream: &'a Upstream, on_event: &'a OnEvent<'a>) -> Self {
        Self { client: &upstream.client, retry: upstream.retry, on_event }
    }

    /// Puts a file into the folder `dir`, complete and verified. What is there already, whole or in
    /// part (`NAME.part`), is not sent again.
    pub(super) async fn file(&self, wanted: &Wanted<'_>, dir: &Path) -> Result<(), Failure> {
        self.verified_file(wanted, dir).await.map_err(|cause| Failure {
            file: wanted.name.to_owned(),
            url: shown(&wanted.url),
            cause,
        })
    }

    async fn verified_file(&self, wanted: &Wanted<'_>, dir: &Path) -> Result<(), Cause> {
        let Wanted { name, url, .. } = wanted;
        let expected = self.published_sum(wanted).await?;
        let (whole, part) = (dir.join(name), Part::new(dir, name));
        for left in [&whole, &part.path] {
            if fs::try_exists(left).await.is_ok_and(|there| there) && hash(left).await? == expected
            {
                return self.keep(name, left, &whole, &part).await;
            }
        }
        let mut again = true;
        loop {
            let resumed = self.all_bytes(name, url, &part).await?;
            let found = hash(&part.path).await?;
            if found == expected {
                return self.keep(name, &part.path, &whole, &part).await;
            }
            part.forget().await?;
            // Where a server says nothing to tell files apart, what was left may be a part of
            // another. A file that came in one piece, or the second one, is just wrong.
            if !resumed || !std::mem::replace(&mut again, false) {
                return Err(Cause::Corrupt { expected, found });
            }
        }
    }

    /// Gives a verified file its name.
    async fn keep(&self, name: &str, from: &Path, to: &Path, part: &Part) -> Result<(), Cause> {
        fs::rename(from, to).await.map_err(disk("rename", from))?;
        part.forget().await?;
        (self.on_event)(DownloadEvent::Verified { file: name });
        Ok(())
    }

    /// A small text.
    pub(super) async fn text(&self, name: &str, url: &Url) -> Result<String, Cause> {
        let mut tries = Tries::default();
        loop {
            match self.text_once(url).await {
                Ok(text) => return Ok(text),
                Err(broken) => self.before_next(name, &mut tries, broken, false).await?,
            }
        }
    }

    /// The checksum that the server publishes.
    async fn published_sum(&self, wanted: &Wanted<'_>) -> Result<Sum, Cause> {
        let mut url = wanted.url.clone();
        url.set_path(&format!("{}{}", wanted.url.path(), wanted.sum_suffix));
        let text = match self.text(wanted.name, &url).await {
            // Is it only the checksum that is not there?
            Err(Cause::NotFound) => {
                let head = self.client.head(wanted.url.clone()).send().await;
                let there = head.is_ok_and(|response| response.status().is_success());
                let cause = Cause::NoChecksum { url: shown(&url) };
                return Err(if there { cause } else { Cause::NotFound });
            }
            other => other?,
        };
        Sum::published(&text, wanted.name).ok_or_else(|| Cause::BadChecksum {
            url: shown(&url),
            text: text.trim().chars().take(80).collect(),
        })
    }

    /// Brings the part to its full length, in as many tries as it takes. Answers whether the last one
    /// built on what there was.
    async fn all_bytes(&self, name: &str, url: &Url, part: &Part) -> Result<bool, Cause> {
        let mut tries = Tries::default();
        loop {
            let before = part.len().await;
            match self.bytes(name, url, part).await {
                Ok(resumed) => return Ok(resumed),
                Err(broken) => {
                    let advanced = part.len().await > before;
                    self.before_next(name, &mut tries, broken, advanced).await?;
                }
            }
        }
    }

    /// Waits for the next try, or answers why there will be none.
    async fn before_next(
        &self,
        name: &str,
        tries: &mut Tries,
        broken: Broken,
        advanced: bool,
    ) -> Result<(), Cause> {
        let cause = match broken {
            Broken::Lasting(cause) => return Err(cause),
            Broken::Passing(cause) => cause,
        };
        let Retry { idle_tries, tries: most, pause, longest } = self.retry;
        tries.all += 1;
        tries.idle = if advanced { 1 } else { tries.idle + 1 };
        if tries.idle >= idle_tries || tries.all >= most {
            return Err(cause);
        }
        let pause = pause.saturating_mul(1 << (tries.idle - 1).min(16)).min(longest);
        (self.on_event)(DownloadEvent::Retrying { file: name, cause: &cause, pause });
        tokio::time::sleep(pause).await;
        Ok(())
    }

    async fn text_once(&self, url: &Url) -> Result<String, Broken> {
        let mut response = success(self.client.get(url.clone()).send().await)?;
        let mut text = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            text.extend_from_slice(&chunk);
            if text.len() > LONGEST_TEXT {
                break;
            }
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// One try at it.
    async fn bytes(&self, name: &str, url: &Url, part: &Part) -> Result<bool, Broken> {
        let (mut response, offset) = self.resume(url, part).await?;
        let path = &part.path;
        let mut options = fs::File::options();
        options.create(true).write(true).truncate(offset == 0).append(offset > 0);
        let file = options.open(path).await;
        let mut file = file.map_err(disk("create", path)).map_err(Broken::Lasting)?;
        if offset == 0 {
            part.set_validator(response.headers()).await.map_err(Broken::Lasting)?;
        }
        let total = response.content_length().map(|rest| offset + rest);
        (self.on_event)(DownloadEvent::Started { file: name, resumed: offset, total });
        let mut done = offset;
        let ended = loop {
            match response.chunk().await {
                Ok(None) => break Ok(offset > 0),
                Ok(Some(chunk)) => {
                    let written = file.write_all(&chunk).await;
                    written.map_err(disk("write", path)).map_err(Broken::Lasting)?;
                    done += chunk.len() as u64;
                    (self.on_event)(DownloadEvent::Advanced { file: name, done });
                }
                Err(error) => break Err(broken(error)),
            }
        };
        // Whatever has come is worth keeping, also when the connection broke.
        file.flush().await.map_err(disk("write", path)).map_err(Broken::Lasting)?;
        ended
    }

    /// Asks for the rest of the part, and for all where there is no part or the server does not
    /// go on where it ends. Answers what comes and where it goes.
    async fn resume(&self, url: &Url, part: &Part) -> Result<(Response, u64), Broken> {
        let offset = part.len().await;
        if offset > 0 {
            let mut request =
                self.client.get(url.clone()).header(RANGE, format!("bytes={offset}-"));
            if let Some(validator) = part.validator().await {
                request = request.header(IF_RANGE, validator);
            }
            let response = request.send().await.map_err(broken)?;
            match response.status() {
                StatusCode::PARTIAL_CONTENT if range_start(response.headers()) == Some(offset) => {
                    return Ok((response, offset));
                }
                StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {}
                // It ignores ranges, or has another file by now: this is all of it.
                _ => return Ok((success(Ok(response))?, 0)),
            }
        }
        Ok((success(self.client.get(url.clone()).send().await)?, 0))
    }
}

/// A file that is not complete, and beside it what the server said to know the file by.
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

    /// The value for `If-Range`.
    async fn validator(&self) -> Option<String> {
        fs::read_to_string(&self.validator).await.ok().filter(|text| !text.is_empty())
    }

    /// Keeps a strong `ETag`, or else the time of modification. Weak tags are no good for ranges
    /// (RFC 9110, 13.1.5).
    async fn set_validator(&self, headers: &HeaderMap) -> Result<(), Cause> {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let tag = header(ETAG).filter(|tag| !tag.starts_with("W/"));
        let validator = tag.or_else(|| header(LAST_MODIFIED)).unwrap_or_default();
        fs::write(&self.validator, validator).await.map_err(disk("write", &self.validator))
    }

    async fn forget(&self) -> Result<(), Cause> {
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

/// Where a 206 answer begins: `bytes 100-199/200` at 100.
fn range_start(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    range.split_once('-')?.0.trim().parse().ok()
}

/// The answer, if it is a success.
fn success(result: reqwest::Result<Response>) -> Result<Response, Broken> {
    let response = result.map_err(broken)?;
    match response.status() {
        status if status.is_success() => Ok(response),
        StatusCode::NOT_FOUND => Err(Broken::Lasting(Cause::NotFound)),
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            Err(Broken::Passing(Cause::Status(status.as_u16())))
        }
        status => Err(Broken::Lasting(Cause::Status(status.as_u16()))),
    }
}

fn broken(error: reqwest::Error) -> Broken {
    let message = root_cause(&error);
    let lasting = message.contains("certificate") || error.is_builder() || error.is_redirect();
    let cause = Cause::Unreachable(message);
    if lasting { Broken::Lasting(cause) } else { Broken::Passing(cause) }
}

/// What is at the bottom of an error: `Connection refused (os error 111)` and not that sending failed.
pub(super) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root.to_string()
}

fn disk(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Cause {
    move |error| Cause::Disk { action, path: path.to_owned(), message: error.to_string() }
}

async fn hash(path: &Path) -> Result<Sum, Cause> {
    let owned = path.to_owned();
    blocking(move || Sum::of_file(&owned)).await.map_err(disk("read", path))
}
