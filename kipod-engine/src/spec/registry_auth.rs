//! Credentials for registries, which nodes pull images with.

use std::fmt;

use base64::Engine as _;
use serde_json::{Map, Value};

/// The credentials of a file as `podman login` writes it: containers-auth.json(5). They are in a
/// node's file and nowhere else: what is printed, recorded or logged has the file's path at most.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistryAuth(String);

/// They are secret.
impl fmt::Debug for RegistryAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegistryAuth({} bytes)", self.0.len())
    }
}

impl RegistryAuth {
    /// Checks the text of such a file.
    ///
    /// ```
    /// use kipod_engine::spec::RegistryAuth;
    ///
    /// let text = r#"{"auths": {"registry.example.com": {"auth": "YWRhOnNlY3JldA=="}}}"#;
    /// RegistryAuth::new(text).unwrap();
    /// let faults = RegistryAuth::new(r#"{"credsStore": "pass"}"#).unwrap_err();
    /// assert!(faults[0].starts_with("has `credsStore`"), "{faults:?}");
    /// ```
    ///
    /// # Errors
    ///
    /// With all that is wrong with it at once, each completing "the file ...". None of the
    /// credentials are in it.
    pub fn new(text: impl Into<String>) -> Result<Self, Vec<String>> {
        let text = text.into();
        // What serde says of a type that does not fit would show the value.
        let value: Value =
            serde_json::from_str(&text).map_err(|error| vec![format!("is no JSON: {error}")])?;
        let Value::Object(file) = &value else { return Err(vec!["is no JSON object".to_owned()]) };
        let mut faults = helpers(file);
        match file.get("auths") {
            Some(Value::Object(auths)) => {
                faults.extend(auths.iter().filter_map(|(host, entry)| {
                    let fault = entry_fault(entry)?;
                    Some(format!("has for `{host}` {fault}"))
                }));
            }
            Some(_) => faults.push("has an `auths` that is no object".to_owned()),
            None if faults.is_empty() => faults.push("has no `auths`".to_owned()),
            None => {}
        }
        if faults.is_empty() { Ok(Self(text)) } else { Err(faults) }
    }

    /// The text of the file.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

/// Credentials that are asked of programs, which nodes do not have.
fn helpers(file: &Map<String, Value>) -> Vec<String> {
    let mut faults = Vec::new();
    if file.get("credsStore").is_some_and(|value| !value.is_null() && value != "") {
        faults.push(
            "has `credsStore`: a credential helper is a program of this machine, and nodes cannot run it"
                .to_owned(),
        );
    }
    if let Some(Value::Object(hosts)) = file.get("credHelpers")
        && !hosts.is_empty()
    {
        let hosts: Vec<String> = hosts.keys().map(|host| format!("`{host}`")).collect();
        faults.push(format!(
            "has `credHelpers` for {}: a credential helper is a program of this machine, and nodes cannot run it",
            hosts.join(", "),
        ));
    }
    faults
}

/// What is wrong with the credentials of one registry.
fn entry_fault(entry: &Value) -> Option<&'static str> {
    let Value::Object(entry) = entry else { return Some("what is no object") };
    let given = |key: &str| entry.get(key).filter(|value| **value != "");
    if given("identitytoken").is_some_and(Value::is_string) {
        return None;
    }
    match given("auth") {
        Some(Value::String(auth)) => {
            let decoded = base64::engine::general_purpose::STANDARD.decode(auth);
            match decoded {
                Ok(pair) if pair.contains(&b':') => None,
                _ => Some("an `auth` that is not the base64 of `USER:PASSWORD`"),
            }
        }
        Some(_) => Some("an `auth` that is no text"),
        None => Some("no `auth`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_podman_writes_is_good() {
        for text in [
            r#"{"auths": {}}"#,
            r#"{"auths": {"a.example/team": {"auth": "YTpi"}, "https://index.docker.io/v1/": {"auth": "", "identitytoken": "t"}}}"#,
            r#"{"auths": {"a": {"auth": "YTpi"}}, "credsStore": "", "credHelpers": {}, "HttpHeaders": {}}"#,
        ] {
            RegistryAuth::new(text).unwrap();
        }
    }

    #[test]
    fn all_faults_are_told_and_no_secret() {
        let secret = "c2VjcmV0";
        for (text, expected) in [
            (format!("{{{secret}"), vec!["is no JSON: key must be a string at line 1 column 2"]),
            (format!("\"{secret}\""), vec!["is no JSON object"]),
            (format!("{{\"x\": \"{secret}\"}}"), vec!["has no `auths`"]),
            (format!("{{\"auths\": \"{secret}\"}}"), vec!["has an `auths` that is no object"]),
            (
                format!(
                    "{{\"auths\": {{\"a\": \"{secret}\", \"b\": {{}}, \"c\": {{\"auth\": \"{secret}\"}}, \"d\": {{\"auth\": 1}}}}, \"credsStore\": \"pass\", \"credHelpers\": {{\"e\": \"{secret}\"}}}}"
                ),
                vec![
                    "has `credsStore`: a credential helper is a program of this machine, and nodes cannot run it",
                    "has `credHelpers` for `e`: a credential helper is a program of this machine, and nodes cannot run it",
                    "has for `a` what is no object",
                    "has for `b` no `auth`",
                    "has for `c` an `auth` that is not the base64 of `USER:PASSWORD`",
                    "has for `d` an `auth` that is no text",
                ],
            ),
        ] {
            assert_eq!(RegistryAuth::new(text).unwrap_err(), expected);
        }
    }

    #[test]
    fn nothing_shows_the_secret() {
        let auth = RegistryAuth::new(r#"{"auths": {"a": {"auth": "YTpi"}}}"#).unwrap();
        assert_eq!(format!("{auth:?}"), "RegistryAuth(34 bytes)");
    }
}
