//! Validation of HTTP proxies.

use super::parse;
use crate::spec::problem::Problem;
use crate::spec::{Proxy, RawProxy, RawValue, ValidationError, check_proxy};

/// Validates the HTTP proxies of nodes.
pub(super) fn check(raw: &RawProxy, errors: &mut Vec<ValidationError>) -> Proxy {
    let mut url = |name, value: &Option<RawValue>| {
        parse(name, value.as_ref(), errors, |text| check_proxy(text).map(|()| text.to_owned()))
    };
    let (http, https) = (url("HTTP proxy", &raw.http), url("HTTPS proxy", &raw.https));
    let no_proxy = raw.no_proxy.as_ref().map(|all| {
        all.iter().filter_map(|one| parse("no proxy", Some(one), errors, destination)).collect()
    });
    Proxy { http, https, no_proxy }
}

fn destination(text: &str) -> Result<String, Problem> {
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, ',' | '"' | '\'' | '`');
    match !text.is_empty() && text.chars().all(is_plain) {
        true => Ok(text.to_owned()),
        false => Err(Problem(format!(
            "`{text}` is not a host, a domain or a subnet, such as `.example.com` or `10.0.0.0/8`"
        ))),
    }
}
