//! Arguments and exit statuses.

use std::process::Command;

use super::support::Home;

#[test]
fn no_arguments_print_help_and_fail() {
    let commands = [
        "check",
        "build",
        "config",
        "create",
        "delete",
        "get",
        "load",
        "export",
        "exec",
        "completion",
    ];
    let lines = commands.map(|command| format!("\n  {command} "));
    let mut texts: Vec<&str> = lines.iter().map(String::as_str).collect();
    texts.push("Usage: kipod");
    Home::new().test(&[]).stderr_contains(&texts).failure(2);
}

#[test]
fn help_is_printed_to_stdout() {
    let flags = ["--image", "--wait", "--retain", "--kubeconfig", "--config", "--components"];
    Home::new().test(&["create", "cluster", "--help"]).stdout_contains(&flags).success();
}

#[test]
fn invalid_arguments_exit_with_status_2() {
    let home = Home::new();
    for args in [
        ["creat", "cluster"].as_slice(),
        &["create", "cluster", "one", "two"],
        &["create", "cluster", "--nope"],
        &["delete", "clusters"],
        &["delete", "clusters", "--all", "one"],
        &["get", "clusters", "--output", "yaml"],
        &["load", "image", "--name", "kipod"],
        &["load", "image-archive"],
        &["exec", "--name", "kipod"],
        &["completion", "cmd.exe"],
        &["--quiet", "--verbose", "version"],
    ] {
        let output = home.test(args).stderr_contains(&[]).failure(2);
        assert!(output.stderr.starts_with("error: "), "{output}");
    }
}

#[test]
fn create_reports_all_invalid_options() {
    let name = format!("-{}_", "X".repeat(50));
    let output = Home::new()
        .test(&[
            "create",
            "cluster",
            "--image=Local Host",
            "--wait=soon",
            "--api-server-address=localhost",
            "--api-server-port=0",
            "--pod-subnet=10.0.0.0/30",
            "--service-subnet=127.0.0.0/16",
            // Not positional: the name starts with a dash.
            &format!("--name={name}"),
        ])
        .stderr_contains(&[])
        .failure(2);
    let errors = output.stderr.strip_prefix("error: invalid configuration: ").unwrap();
    let (count, errors) = errors.split_once(" errors\n").unwrap();
    let lines: Vec<&str> = errors.lines().collect();
    assert_eq!(count.parse::<usize>().unwrap(), lines.len(), "{output}");
    for (option, error) in [
        ("cluster name", "has 52 characters, the maximum is 47"),
        ("cluster name", "where only a-z, 0-9 and - are allowed"),
        ("cluster name", "starts with `-`"),
        ("image", ""),
        ("API server address", "`localhost` is not an IP address"),
        ("API server port", "`0` is not a port"),
        ("pod subnet", "is too small"),
        ("service subnet", "overlaps `127.0.0.0/8`, which is reserved for loopback"),
        ("wait", "soon"),
    ] {
        let matches =
            |line: &&str| line.starts_with(&format!("  {option}: ")) && line.contains(error);
        assert!(lines.iter().any(matches), "{option}: {error} in {output}");
    }
}

#[test]
fn create_refuses_overlapping_subnets() {
    let error = "service subnet: `10.244.128.0/20` overlaps the pod subnet `10.244.0.0/16`";
    Home::new()
        .test(&["create", "cluster", "--service-subnet", "10.244.128.0/20"])
        .stderr_contains(&[error])
        .failure(2);
}

#[test]
fn every_command_refuses_an_invalid_name() {
    let home = Home::new();
    for args in [
        ["create", "cluster", "Dev"].as_slice(),
        &["delete", "cluster", "Dev"],
        &["delete", "clusters", "good", "Dev", "a.b"],
        &["get", "nodes", "Dev"],
        &["get", "kubeconfig", "Dev"],
        &["export", "kubeconfig", "Dev"],
        &["export", "logs", "--name", "Dev"],
        &["exec", "--name", "Dev", "true"],
    ] {
        // Creation reports the name as one of several invalid options.
        let error = match args[0] {
            "create" => "cluster name: `Dev` has `D`, where only",
            _ => "error: invalid cluster name `Dev`: has `D`, where only",
        };
        home.test(args).stderr_contains(&[error]).failure(2);
    }
}

#[test]
fn delete_reports_all_invalid_names() {
    Home::new()
        .test(&["delete", "clusters", "a.b", "good", "Dev"])
        .stderr_contains(&[
            "error: invalid cluster name `a.b`: has `.`, ",
            "\nerror: invalid cluster name `Dev`: has `D`, ",
        ])
        .failure(2);
}

#[test]
fn missing_variables_are_reported_with_a_hint() {
    for (variable, hint) in [("HOME", "set HOME"), ("XDG_RUNTIME_DIR", "log in through systemd")] {
        Home::new()
            .test(&["get", "clusters"])
            .without_env(variable)
            .stderr_contains(&[&format!("`{variable}` is not set\nhint: {hint}")])
            .failure(1);
    }
}

#[test]
fn empty_variables_count_as_unset() {
    let home = Home::new();
    let missing = "error: cluster `kipod` not found\nhint: list clusters with";
    for args in [["get", "kubeconfig"].as_slice(), &["exec", "true"], &["node", "stop", "x"]] {
        let mut test = home.test(args);
        for variable in ["KIPOD_CLUSTER", "KIPOD_TIMEOUT_FACTOR", "KUBECONFIG"] {
            test = test.env(variable, "");
        }
        test.stderr_contains(&[missing]).failure(1);
    }
    home.test(&["create", "cluster"])
        .env("KIPOD_COMPONENTS", "")
        .env("KIPOD_MIRROR", "")
        .stderr_contains(&["podman", "\nhint: "])
        .failure(1);
    // An empty value on the command line is an error.
    home.test(&["get", "kubeconfig", "--name", ""])
        .stderr_contains(&["error: invalid cluster name ``: is empty"])
        .failure(2);
}

#[test]
fn version_prints_the_pinned_versions() {
    let home = Home::new();
    let json = home.test(&["version", "--output", "json"]).json();
    let (kipod, kubernetes) =
        (json["kipod"].as_str().unwrap(), json["kubernetes"].as_str().unwrap());
    assert_eq!(kipod, env!("CARGO_PKG_VERSION"));
    let pinned = format!("Kubernetes {kubernetes}, ");
    let text = home.test(&["version"]).stdout_contains(&[&pinned]).success();
    assert!(text.stdout.starts_with(&format!("kipod {kipod}\n")), "{text}");
}

#[test]
fn completion_prints_a_script_for_each_shell() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        home.test(&["completion", shell])
            .stdout_contains(&["kipod", "node-image", "kubeconfig"])
            .success();
    }
}

#[test]
fn completion_script_works_in_bash() {
    let home = Home::new();
    let script = home.test(&["completion", "bash"]).stdout_contains(&[]).success().stdout;
    let request =
        r#"COMP_WORDS=(kipod get "") COMP_CWORD=2; _kipod kipod "" get; echo "${COMPREPLY[*]}""#;
    let bash = Command::new("bash").args(["-c", &format!("{script}\n{request}")]).output();
    let is_missing = matches!(&bash, Err(error) if error.kind() == std::io::ErrorKind::NotFound);
    kipod_results::require!(!is_missing, "a bash");
    let words = String::from_utf8_lossy(&bash.unwrap().stdout).into_owned();
    for word in ["clusters", "nodes", "kubeconfig"] {
        assert!(words.split_whitespace().any(|one| one == word), "{word} in {words:?}");
    }
}

#[test]
fn closed_stdout_is_not_an_error() {
    let home = Home::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    home.test(&["version"]).redirect_stdout(writer.into()).success();
}
