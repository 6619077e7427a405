//! Registry credentials of the nodes.

use std::fmt;

use base64::Engine as _;
use serde_json::{Map, Value};

/// The content of a containers-auth.json(5) file, as `podman login` writes it. Only a file on the node
/// has the credentials: output, records and logs have at most the path of the file.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistryAuth(String);

/// The problems of a file with credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .problems.join("; "))]
pub struct RegistryAuthError {
    problems: Vec<String>,
}

impl RegistryAuthError {
    /// Returns all problems, such as "has no `auths`".
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

/// Hides the credentials.
impl fmt::Debug for RegistryAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegistryAuth({} bytes)", self.0.len())
    }
}

impl RegistryAuth {
    /// Validates the text of a file.
    ///
    /// ```
    /// use kipod_engine::spec::RegistryAuth;
    ///
    /// let text = r#"{"auths": {"registry.example.com": {"auth": "YWRhOnNlY3JldA=="}}}"#;
    /// RegistryAuth::new(text).unwrap();
    /// let error = RegistryAuth::new(r#"{"credsStore": "pass"}"#).unwrap_err();
    /// assert!(error.to_string().starts_with("has `credsStore`"), "{error}");
    /// ```
    ///
    /// # Errors
    ///
    /// [`RegistryAuthError`] with all problems of the file, without the credentials.
    pub fn new(text: impl Into<String>) -> Result<Self, RegistryAuthError> {
        let text = text.into();
        let invalid = |problems| RegistryAuthError { problems };
        // A typed parse would print the value of a field with the wrong type.
        let value: Value = serde_json::from_str(&text)
            .map_err(|error| invalid(vec![format!("is not valid JSON: {error}")]))?;
        let Value::Object(file) = &value else {
            return Err(invalid(vec!["is not a JSON object".to_owned()]));
        };
        let mut problems = helpers(file);
        match file.get("auths") {
            Some(Value::Object(auths)) => {
                problems.extend(auths.iter().filter_map(|(host, entry)| {
                    let problem = entry_problem(entry)?;
                    Some(format!("has an invalid entry for `{host}`: {problem}"))
                }));
            }
            Some(_) => problems.push("has an `auths` that is not an object".to_owned()),
            None if problems.is_empty() => problems.push("has no `auths`".to_owned()),
            None => {}
        }
        if problems.is_empty() { Ok(Self(text)) } else { Err(invalid(problems)) }
    }

    /// Returns the text of the file.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

/// Returns the problems of credential helpers, which are not available on nodes.
fn helpers(file: &Map<String, Value>) -> Vec<String> {
    let mut problems = Vec::new();
    if file.get("credsStore").is_some_and(|value| !value.is_null() && value != "") {
        problems
            .push("has `credsStore`: nodes cannot run credential helpers of the host".to_owned());
    }
    if let Some(Value::Object(hosts)) = file.get("credHelpers")
        && !hosts.is_empty()
    {
        let hosts: Vec<String> = hosts.keys().map(|host| format!("`{host}`")).collect();
        problems.push(format!(
            "has `credHelpers` for {}: nodes cannot run credential helpers of the host",
            hosts.join(", "),
        ));
    }
    problems
}

/// Returns the problem of the credentials of one registry; `None` if they are valid.
fn entry_problem(entry: &Value) -> Option<&'static str> {
    let Value::Object(entry) = entry else { return Some("it is not an object") };
    let given = |key: &str| entry.get(key).filter(|value| **value != "");
    if given("identitytoken").is_some_and(Value::is_string) {
        return None;
    }
    match given("auth") {
        Some(Value::String(auth)) => {
            let decoded = base64::engine::general_purpose::STANDARD.decode(auth);
            match decoded {
                Ok(pair) if pair.contains(&b':') => None,
                _ => Some("`auth` is not the base64 of `USER:PASSWORD`"),
            }
        }
        Some(_) => Some("`auth` is not text"),
        None => Some("it has no `auth`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn podman_files_are_valid() {
        for text in [
            r#"{"auths": {}}"#,
            r#"{"auths": {"a.example/team": {"auth": "YTpi"}, "https://index.docker.io/v1/": {"auth": "", "identitytoken": "t"}}}"#,
            r#"{"auths": {"a": {"auth": "YTpi"}}, "credsStore": "", "credHelpers": {}, "HttpHeaders": {}}"#,
        ] {
            RegistryAuth::new(text).unwrap();
        }
    }

    #[test]
    fn error_lists_all_problems_without_secrets() {
        let secret = "c2VjcmV0";
        for (text, expected) in [
            (
                format!("{{{secret}"),
                vec!["is not valid JSON: key must be a string at line 1 column 2"],
            ),
            (format!("\"{secret}\""), vec!["is not a JSON object"]),
            (format!("{{\"x\": \"{secret}\"}}"), vec!["has no `auths`"]),
            (format!("{{\"auths\": \"{secret}\"}}"), vec!["has an `auths` that is not an object"]),
            (
                format!(
                    "{{\"auths\": {{\"a\": \"{secret}\", \"b\": {{}}, \"c\": {{\"auth\": \"{secret}\"}}, \"d\": {{\"auth\": 1}}}}, \"credsStore\": \"pass\", \"credHelpers\": {{\"e\": \"{secret}\"}}}}"
                ),
                vec![
                    "has `credsStore`: nodes cannot run credential helpers of the host",
                    "has `credHelpers` for `e`: nodes cannot run credential helpers of the host",
                    "has an invalid entry for `a`: it is not an object",
                    "has an invalid entry for `b`: it has no `auth`",
                    "has an invalid entry for `c`: `auth` is not the base64 of `USER:PASSWORD`",
                    "has an invalid entry for `d`: `auth` is not text",
                ],
            ),
        ] {
            assert_eq!(RegistryAuth::new(text).unwrap_err().problems(), expected);
        }
    }

    #[test]
    fn debug_hides_the_secret() {
        let auth = RegistryAuth::new(r#"{"auths": {"a": {"auth": "YTpi"}}}"#).unwrap();
        assert_eq!(format!("{auth:?}"), "RegistryAuth(34 bytes)");
    }
}
