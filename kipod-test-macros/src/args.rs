//! The options of the attribute.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Error, LitInt, LitStr, Meta, Path, Token};

use crate::duration::milliseconds;
use crate::option::RawOption;
use crate::suggest::nearest;

/// All options, in the order of the documentation.
const NAMES: [&str; 16] = [
    "cluster",
    "version",
    "workers",
    "control_planes",
    "config",
    "exclusive",
    "namespace",
    "manifests",
    "fixtures",
    "images",
    "timeout",
    "keep",
    "flavor",
    "worker_threads",
    "start_paused",
    "crate",
];

/// Maximum length of a cluster name, as in the engine: `NAME-control-plane-0` is a host name, which
/// has at most 63 characters.
const MAX_CLUSTER_NAME_LENGTH: usize = 47;

/// The options of an attribute, each of them valid.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) cluster: Option<LitStr>,
    pub(crate) version: Option<LitStr>,
    pub(crate) workers: Option<LitInt>,
    pub(crate) control_planes: Option<LitInt>,
    pub(crate) config: Option<LitStr>,
    pub(crate) exclusive: bool,
    pub(crate) namespace: Option<bool>,
    pub(crate) manifests: Vec<LitStr>,
    pub(crate) fixtures: Vec<LitStr>,
    pub(crate) images: Vec<LitStr>,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) keep: Option<LitStr>,
    pub(crate) flavor: Option<LitStr>,
    pub(crate) worker_threads: Option<LitInt>,
    pub(crate) start_paused: bool,
    pub(crate) krate: Option<Path>,
}

impl Args {
    /// Parses the options, and returns all errors. Valid options are kept, so that the rest of the
    /// test is still checked.
    pub(crate) fn parse(tokens: TokenStream) -> (Self, Vec<Error>) {
        let mut args = Self::default();
        let parser = Punctuated::<Meta, Token![,]>::parse_terminated;
        let metas = match parser.parse2(tokens) {
            Ok(metas) => metas,
            Err(error) => return (args, vec![error]),
        };
        let mut errors = Vec::new();
        let mut seen: Vec<String> = Vec::new();
        for meta in &metas {
            let name = meta.path().to_token_stream().to_string();
            if seen.contains(&name) {
                errors.push(Error::new_spanned(meta.path(), format!("duplicate option `{name}`")));
                continue;
            }
            seen.push(name.clone());
            errors.extend(args.set(&RawOption { name, meta }).err());
        }
        errors.extend(args.conflicts(&metas));
        (args, errors)
    }

    fn set(&mut self, option: &RawOption<'_>) -> syn::Result<()> {
        match option.name.as_str() {
            "cluster" => self.cluster = Some(cluster_name(option)?),
            "version" => self.version = Some(version(option)?),
            "workers" => self.workers = Some(option.number(0)?),
            "control_planes" => self.control_planes = Some(control_planes(option)?),
            "config" => self.config = Some(option.string("cluster.yaml")?),
            "exclusive" => self.exclusive = option.flag()?,
            "namespace" => self.namespace = Some(option.flag()?),
            "manifests" => self.manifests = option.strings("crds/*.yaml")?,
            "fixtures" => self.fixtures = option.strings("tests/fixtures/app.yaml")?,
            "images" => self.images = option.strings("localhost/my-controller:dev")?,
            "timeout" => self.timeout_ms = Some(timeout(option)?),
            "keep" => self.keep = Some(option.choice(&["never", "on-failure", "always"])?),
            "flavor" => self.flavor = Some(option.choice(&["current_thread", "multi_thread"])?),
            "worker_threads" => self.worker_threads = Some(option.number(1)?),
            "start_paused" => self.start_paused = option.flag()?,
            "crate" => self.krate = Some(option.path()?),
            unknown => return Err(unknown_option(unknown, option.meta)),
        }
        Ok(())
    }

    /// Returns an error for each pair of options that cannot be combined.
    fn conflicts(&self, metas: &Punctuated<Meta, Token![,]>) -> Vec<Error> {
        let at = |name: &str, text: &str| {
            let meta = metas.iter().find(|meta| meta.path().is_ident(name));
            meta.map(|meta| Error::new_spanned(meta, text))
        };
        let mut errors = Vec::new();
        let multi = self.flavor.as_ref().is_some_and(|flavor| flavor.value() == "multi_thread");
        if self.worker_threads.is_some() && !multi {
            errors.extend(at(
                "worker_threads",
                "`worker_threads` requires `flavor = \"multi_thread\"`",
            ));
        }
        if self.start_paused && multi {
            errors.extend(at(
                "start_paused",
                "`start_paused` requires `flavor = \"current_thread\"`, the default",
            ));
        }
        if self.exclusive && self.cluster.is_some() {
            errors.extend(at(
                "cluster",
                "`cluster` cannot be combined with `exclusive`: an exclusive cluster is not shared by name",
            ));
        }
        for (name, given) in [
            ("workers", self.workers.is_some()),
            ("control_planes", self.control_planes.is_some()),
            ("version", self.version.is_some()),
        ] {
            if self.config.is_some() && given {
                let text = format!(
                    "`{name}` cannot be combined with `config`, which describes the complete cluster"
                );
                errors.extend(at(name, &text));
            }
        }
        if self.namespace == Some(false) && !self.fixtures.is_empty() {
            errors.extend(at(
                "fixtures",
                "`fixtures` require a namespace: remove `namespace = false`",
            ));
        }
        errors
    }
}

/// Checks the engine's rule for control planes, to report an error in the source file.
fn control_planes(option: &RawOption<'_>) -> syn::Result<LitInt> {
    let number = option.number(1)?;
    match number.base10_parse::<u32>() {
        Ok(count) if count % 2 == 1 => Ok(number),
        _ => Err(Error::new_spanned(
            &number,
            "the number of control planes must be odd: an even number tolerates no more failures \
             than one less",
        )),
    }
}

fn unknown_option(name: &str, meta: &Meta) -> Error {
    let listed = NAMES.map(|name| format!("`{name}`")).join(", ");
    let hint = match nearest(name, &NAMES) {
        Some(suggestion) => format!("; did you mean `{suggestion}`?"),
        None => String::new(),
    };
    let text = format!("unknown option `{name}`{hint}\navailable options: {listed}");
    Error::new_spanned(meta.path(), text)
}

/// Checks the engine's rules for cluster names, to report an error in the source file.
fn cluster_name(option: &RawOption<'_>) -> syn::Result<LitStr> {
    let name = option.string("shared")?;
    let text = name.value();
    let plain = text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    let edges = text.starts_with('-') || text.ends_with('-');
    if text.is_empty() || !plain || edges || text.len() > MAX_CLUSTER_NAME_LENGTH {
        return Err(Error::new_spanned(
            &name,
            format!(
                "a cluster name consists of 1 to {MAX_CLUSTER_NAME_LENGTH} characters of a-z, 0-9 and -, and does not start or end with -"
            ),
        ));
    }
    Ok(name)
}

fn version(option: &RawOption<'_>) -> syn::Result<LitStr> {
    let version = option.string("1.36")?;
    let text = version.value();
    let parts: Vec<&str> = text.strip_prefix('v').unwrap_or(&text).split('.').collect();
    let number = |part: &&str| part.parse::<u16>().is_ok() && !part.starts_with('+');
    if !(2..=3).contains(&parts.len()) || !parts.iter().all(number) {
        return Err(Error::new_spanned(
            &version,
            "expected a Kubernetes version, such as `\"1.36\"` or `\"1.36.2\"`",
        ));
    }
    Ok(version)
}

fn timeout(option: &RawOption<'_>) -> syn::Result<u64> {
    let text = option.string("5m")?;
    milliseconds(&text.value()).ok_or_else(|| {
        Error::new_spanned(&text, "expected a duration, such as `\"90s\"`, `\"5m\"` or `\"1h30m\"`")
    })
}
