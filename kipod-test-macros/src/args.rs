//! What stands between the attribute's parentheses.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Error, LitInt, LitStr, Meta, Path, Token};

use crate::duration::milliseconds;
use crate::option::Written;
use crate::suggest::nearest;

/// Every option there is, in the order of the documentation.
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

/// The longest cluster name, as the engine has it: `NAME-control-plane-0` is a host name, which has
/// at most 63 characters.
const LONGEST_CLUSTER_NAME: usize = 47;

/// The options that were given, each known to be well-formed.
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
    /// Reads the options, and everything that is wrong with them; what is right is kept, so that
    /// the rest of the test can still be checked.
    pub(crate) fn parse(tokens: TokenStream) -> (Self, Vec<Error>) {
        let mut args = Self::default();
        let parser = Punctuated::<Meta, Token![,]>::parse_terminated;
        let metas = match parser.parse2(tokens) {
            Ok(metas) => metas,
            Err(error) => return (args, vec![error]),
        };
        let mut faults = Vec::new();
        let mut seen: Vec<String> = Vec::new();
        for meta in &metas {
            let name = meta.path().to_token_stream().to_string();
            if seen.contains(&name) {
                faults.push(Error::new_spanned(meta.path(), format!("`{name}` is given twice")));
                continue;
            }
            seen.push(name.clone());
            faults.extend(args.set(&Written { name, meta }).err());
        }
        faults.extend(args.conflicts(&metas));
        (args, faults)
    }

    fn set(&mut self, written: &Written<'_>) -> syn::Result<()> {
        match written.name.as_str() {
            "cluster" => self.cluster = Some(cluster_name(written)?),
            "version" => self.version = Some(version(written)?),
            "workers" => self.workers = Some(written.number(0)?),
            "control_planes" => self.control_planes = Some(control_planes(written)?),
            "config" => self.config = Some(written.text("cluster.yaml")?),
            "exclusive" => self.exclusive = written.flag()?,
            "namespace" => self.namespace = Some(written.flag()?),
            "manifests" => self.manifests = written.texts("crds/*.yaml")?,
            "fixtures" => self.fixtures = written.texts("tests/fixtures/app.yaml")?,
            "images" => self.images = written.texts("localhost/my-controller:dev")?,
            "timeout" => self.timeout_ms = Some(timeout(written)?),
            "keep" => self.keep = Some(written.choice(&["never", "on-failure", "always"])?),
            "flavor" => self.flavor = Some(written.choice(&["current_thread", "multi_thread"])?),
            "worker_threads" => self.worker_threads = Some(written.number(1)?),
            "start_paused" => self.start_paused = written.flag()?,
            "crate" => self.krate = Some(written.path()?),
            unknown => return Err(unknown_option(unknown, written.meta)),
        }
        Ok(())
    }

    /// Options that are right each, but not together.
    fn conflicts(&self, metas: &Punctuated<Meta, Token![,]>) -> Vec<Error> {
        let at = |name: &str, text: &str| {
            let meta = metas.iter().find(|meta| meta.path().is_ident(name));
            meta.map(|meta| Error::new_spanned(meta, text))
        };
        let mut faults = Vec::new();
        let multi = self.flavor.as_ref().is_some_and(|flavor| flavor.value() == "multi_thread");
        if self.worker_threads.is_some() && !multi {
            faults
                .extend(at("worker_threads", "`worker_threads` needs `flavor = \"multi_thread\"`"));
        }
        if self.start_paused && multi {
            faults.extend(at(
                "start_paused",
                "`start_paused` needs `flavor = \"current_thread\"`, the default",
            ));
        }
        if self.exclusive && self.cluster.is_some() {
            faults.extend(at(
                "cluster",
                "an `exclusive` cluster belongs to one test and has no name to share it by",
            ));
        }
        for (name, given) in [
            ("workers", self.workers.is_some()),
            ("control_planes", self.control_planes.is_some()),
            ("version", self.version.is_some()),
        ] {
            if self.config.is_some() && given {
                faults.extend(at(name, &format!("`config` says all of the cluster, `{name}` too")));
            }
        }
        if self.namespace == Some(false) && !self.fixtures.is_empty() {
            faults.extend(at(
                "fixtures",
                "`fixtures` go into the test's namespace, which `namespace = false` leaves out",
            ));
        }
        faults
    }
}

/// The rule is the engine's, which checks again; here it has a place in the user's file.
fn control_planes(written: &Written<'_>) -> syn::Result<LitInt> {
    let number = written.number(1)?;
    match number.base10_parse::<u32>() {
        Ok(count) if count % 2 == 1 => Ok(number),
        _ => Err(Error::new_spanned(
            &number,
            "an even number of control planes survives no more failures than one less: \
             an odd number, please",
        )),
    }
}

fn unknown_option(name: &str, meta: &Meta) -> Error {
    let listed = NAMES.map(|name| format!("`{name}`")).join(", ");
    let hint = match nearest(name, &NAMES) {
        Some(meant) => format!("; did you mean `{meant}`?"),
        None => String::new(),
    };
    let text = format!("there is no option `{name}`{hint}\nthe options are {listed}");
    Error::new_spanned(meta.path(), text)
}

/// The rules are the engine's, which checks again; here they have a place in the user's file.
fn cluster_name(written: &Written<'_>) -> syn::Result<LitStr> {
    let name = written.text("shared")?;
    let text = name.value();
    let plain = text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    let edges = text.starts_with('-') || text.ends_with('-');
    if text.is_empty() || !plain || edges || text.len() > LONGEST_CLUSTER_NAME {
        return Err(Error::new_spanned(
            &name,
            format!(
                "a cluster name has 1 to {LONGEST_CLUSTER_NAME} characters out of a-z, 0-9 and -, and no - at its ends"
            ),
        ));
    }
    Ok(name)
}

fn version(written: &Written<'_>) -> syn::Result<LitStr> {
    let version = written.text("1.36")?;
    let text = version.value();
    let parts: Vec<&str> = text.strip_prefix('v').unwrap_or(&text).split('.').collect();
    let number = |part: &&str| part.parse::<u16>().is_ok() && !part.starts_with('+');
    if !(2..=3).contains(&parts.len()) || !parts.iter().all(number) {
        return Err(Error::new_spanned(
            &version,
            "a Kubernetes version is written `\"1.36\"` or `\"1.36.2\"`",
        ));
    }
    Ok(version)
}

fn timeout(written: &Written<'_>) -> syn::Result<u64> {
    let text = written.text("5m")?;
    milliseconds(&text.value()).ok_or_else(|| {
        Error::new_spanned(&text, "a timeout is written `\"90s\"`, `\"5m\"` or `\"1h30m\"`")
    })
}
