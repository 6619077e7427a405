//! HTTP proxies of nodes.

use std::fmt;
use std::net::IpAddr;

use http::Uri;
use serde::{Deserialize, Serialize};

/// The schemes of proxies that CRI-O, kubelet and kubeadm support.
/// Source: Go's `net/http`, `Transport.Proxy`.
const SCHEMES: [&str; 4] = ["http", "https", "socks5", "socks5h"];

/// The HTTP proxies of CRI-O, kubelet, kubeadm and the control plane in nodes. The `Debug` form does
/// not contain URLs, which can have a password.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Proxy {
    /// The proxy of `http` URLs: `HTTP_PROXY`. Default: none.
    pub http: Option<String>,
    /// The proxy of `https` URLs: `HTTPS_PROXY`. Default: none.
    pub https: Option<String>,
    /// Hosts, domains and subnets that are reached without a proxy: `NO_PROXY`. Destinations in the
    /// cluster are added. Default: none.
    pub no_proxy: Option<Vec<String>>,
}

/// Omits the URLs, which can have a password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("no_proxy", &self.no_proxy).finish_non_exhaustive()
    }
}

/// A text that nodes cannot use as a proxy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProxyError {
    /// The text is not the URL of a proxy. It is not shown, because it can have a password.
    #[error("not the URL of a proxy, such as `http://proxy.example:3128`")]
    Malformed,
    /// The proxy listens on the loopback interface of the host.
    #[error(
        "nodes cannot reach a proxy at `{host}`, which is an address of the loopback interface: let the proxy listen on all addresses, and use `{HOST_NAME}` or an address of this host"
    )]
    Loopback {
        /// The host of the URL.
        host: String,
    },
}

/// The name of the host in nodes and pods.
pub(crate) const HOST_NAME: &str = "host.kipod.internal";

/// Checks that a text is the URL of a proxy that nodes can reach. As in Go, the scheme is optional.
pub(crate) fn check_proxy(text: &str) -> Result<(), ProxyError> {
    let uri: Uri = text.parse().map_err(|_| ProxyError::Malformed)?;
    let is_known = uri.scheme_str().is_none_or(|scheme| SCHEMES.contains(&scheme));
    let has_path = !matches!(uri.path(), "" | "/") || uri.query().is_some();
    let Some(host) = uri.host().filter(|host| is_known && !has_path && !host.is_empty()) else {
        return Err(ProxyError::Malformed);
    };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let is_loopback = match address {
        Ok(address) => address.is_loopback() || address.is_unspecified(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    };
    match is_loopback {
        true => Err(ProxyError::Loopback { host: host.to_owned() }),
        false => Ok(()),
    }
}

impl Proxy {
    /// Reads the proxies from environment variables in upper or lower case; as in kind, upper case
    /// wins. Returns a warning for each proxy that nodes cannot use, which is then left out.
    pub(crate) fn from_environment(
        variable: impl Fn(&str) -> Option<String>,
    ) -> (Self, Vec<String>) {
        let value = |name: &str| {
            let names = [name.to_owned(), name.to_lowercase()];
            names.into_iter().find_map(|name| {
                let value = variable(&name).filter(|value| !value.trim().is_empty())?;
                Some((name, value.trim().to_owned()))
            })
        };
        let mut warnings = Vec::new();
        let mut proxy = |name| {
            let (name, value) = value(name)?;
            match check_proxy(&value) {
                Ok(()) => Some(value),
                Err(error) => {
                    warnings.push(format!("nodes do not use `{name}` of the environment: {error}"));
                    None
                }
            }
        };
        let (http, https) = (proxy("HTTP_PROXY"), proxy("HTTPS_PROXY"));
        let no_proxy = value("NO_PROXY").map(|(_, value)| {
            let parts = value.split(|c: char| c == ',' || c.is_whitespace());
            parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
        });
        (Self { http, https, no_proxy }, warnings)
    }

    /// Fills in the values that are not set.
    pub(crate) fn or(&self, other: &Self) -> Self {
        let or = |own: &Option<String>, other: &Option<String>| own.clone().or(other.clone());
        Self {
            http: or(&self.http, &other.http),
            https: or(&self.https, &other.https),
            no_proxy: self.no_proxy.clone().or(other.no_proxy.clone()),
        }
    }

    /// Returns the environment variables, in upper and lower case, because programs read either.
    /// Without a proxy, there are none.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        if self.http.is_none() && self.https.is_none() {
            return Vec::new();
        }
        let no_proxy = self.no_proxy.as_ref().map(|all| all.join(","));
        let all = [
            ("HTTP_PROXY", self.http.clone()),
            ("HTTPS_PROXY", self.https.clone()),
            ("NO_PROXY", no_proxy),
        ];
        let set = all.into_iter().filter_map(|(name, value)| Some((name, value?)));
        set.flat_map(|(name, value)| {
            [(name.to_owned(), value.clone()), (name.to_lowercase(), value)]
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::usual("http://proxy.example:3128", true)]
    #[case::password("https://me:p%40ss@proxy.example:3128/", true)]
    #[case::no_scheme("proxy.example:3128", true)]
    #[case::socks("socks5://10.0.0.1:1080", true)]
    #[case::ipv6("http://[fd00::1]:3128", true)]
    #[case::empty("", false)]
    #[case::space("http://a b", false)]
    #[case::scheme("ftp://proxy.example", false)]
    #[case::path("http://proxy.example/x", false)]
    #[case::only_path("/x", false)]
    #[case::newline("http://a\nb", false)]
    fn proxy_is_a_url(#[case] text: &str, #[case] valid: bool) {
        let expected = if valid { Ok(()) } else { Err(ProxyError::Malformed) };
        assert_eq!(check_proxy(text), expected);
    }

    #[rstest]
    #[case("http://localhost:3128", "localhost")]
    #[case("LOCALHOST:3128", "LOCALHOST")]
    #[case("http://u:p@127.1.2.3", "127.1.2.3")]
    #[case("http://[::1]:3128", "[::1]")]
    #[case("http://0.0.0.0:3128", "0.0.0.0")]
    fn loopback_proxy_is_refused(#[case] text: &str, #[case] host: &str) {
        assert_eq!(check_proxy(text), Err(ProxyError::Loopback { host: host.to_owned() }));
    }

    #[test]
    fn environment_has_both_cases() {
        let read = |all: &[(&str, &str)]| {
            let find = |name: &str| {
                let found = all.iter().find(|(other, _)| *other == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            Proxy::from_environment(find)
        };
        let (proxy, warnings) = read(&[
            ("HTTP_PROXY", "http://upper:1"),
            ("http_proxy", "http://lower:1"),
            ("HTTPS_PROXY", ""),
            ("https_proxy", " http://secure:1 "),
            ("no_proxy", "a.example, .b.example,10.0.0.0/8"),
        ]);
        assert_eq!(proxy.http.as_deref(), Some("http://upper:1"));
        assert_eq!(proxy.https.as_deref(), Some("http://secure:1"));
        assert_eq!(proxy.no_proxy.unwrap(), ["a.example", ".b.example", "10.0.0.0/8"]);
        assert_eq!(warnings, [""; 0]);

        let (proxy, warnings) =
            read(&[("https_proxy", "http://me:secret@localhost:1"), ("HTTP_PROXY", "u:secret@ x")]);
        assert_eq!(proxy, Proxy::default());
        insta::assert_snapshot!(warnings.join("\n"), @r"
        nodes do not use `HTTP_PROXY` of the environment: not the URL of a proxy, such as `http://proxy.example:3128`
        nodes do not use `https_proxy` of the environment: nodes cannot reach a proxy at `localhost`, which is an address of the loopback interface: let the proxy listen on all addresses, and use `host.kipod.internal` or an address of this host
        ");
    }

    #[test]
    fn debug_form_has_no_url() {
        let proxy = Proxy { http: Some("http://me:secret@a".to_owned()), ..Proxy::default() };
        assert_eq!(format!("{proxy:?}"), "Proxy { no_proxy: None, .. }");
    }

    #[test]
    fn no_proxy_alone_sets_no_variables() {
        let proxy = Proxy { no_proxy: Some(vec!["a".to_owned()]), ..Proxy::default() };
        assert_eq!(proxy.variables(), []);
        let proxy = Proxy { https: Some("http://b".to_owned()), ..proxy };
        let names: Vec<String> = proxy.variables().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"]);
    }
}
