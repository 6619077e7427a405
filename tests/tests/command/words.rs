//! What is typed.

use std::process::Command;

use super::home::Home;

#[test]
fn without_words_it_prints_its_help_and_fails() {
    let output = Home::new().kipod(&[]).run().failed(2);
    assert!(output.stderr.contains("Usage: kipod"), "{output}");
    for command in [
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
    ] {
        assert!(output.stderr.contains(&format!("\n  {command} ")), "{command} in {output}");
    }
}

#[test]
fn help_is_a_result() {
    let output = Home::new().kipod(&["create", "cluster", "--help"]).run().ok();
    for flag in ["--image", "--wait", "--retain", "--kubeconfig", "--config", "--components"] {
        assert!(output.stdout.contains(flag), "{flag} in {output}");
    }
    assert_eq!(output.stderr, "");
}

#[test]
fn words_that_are_none_end_with_status_2() {
    let home = Home::new();
    for words in [
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
        let output = home.kipod(words).run().failed(2);
        assert!(output.stderr.starts_with("error: "), "{output}");
        assert_eq!(output.stdout, "", "{output}");
    }
    assert_eq!(home.files(), [""; 0]);
}

#[test]
fn every_fault_of_what_was_asked_for_is_told_at_once() {
    let name = format!("-{}_", "X".repeat(50));
    let output = Home::new()
        .kipod(&[
            "create",
            "cluster",
            // After the flags: a name that begins with a dash is taken for one otherwise.
            "--image=Local Host",
            "--wait=soon",
            "--api-server-address=localhost",
            "--api-server-port=0",
            "--pod-subnet=10.0.0.0/30",
            "--service-subnet=127.0.0.0/16",
            &format!("--name={name}"),
        ])
        .run()
        .failed(2);
    let faults = output.stderr.strip_prefix("error: invalid configuration: ").unwrap();
    let (count, faults) = faults.split_once(" errors\n").unwrap();
    let lines: Vec<&str> = faults.lines().collect();
    assert_eq!(count.parse::<usize>().unwrap(), lines.len(), "{output}");
    for (place, what) in [
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
        let told = |line: &&str| line.starts_with(&format!("  {place}: ")) && line.contains(what);
        assert!(lines.iter().any(told), "{place}: {what} in {output}");
    }
}

#[test]
fn subnets_that_overlap_are_told_with_each_other() {
    let words = ["create", "cluster", "--service-subnet", "10.244.128.0/20"];
    Home::new()
        .kipod(&words)
        .run()
        .failed(2)
        .said(&["service subnet: `10.244.128.0/20` overlaps the pod subnet `10.244.0.0/16`"]);
}

#[test]
fn a_bad_name_is_a_bad_name_for_every_command() {
    let home = Home::new();
    for words in [
        ["create", "cluster", "Dev"].as_slice(),
        &["delete", "cluster", "Dev"],
        &["delete", "clusters", "good", "Dev", "a.b"],
        &["get", "nodes", "Dev"],
        &["get", "kubeconfig", "Dev"],
        &["export", "kubeconfig", "Dev"],
        &["export", "logs", "--name", "Dev"],
        &["exec", "--name", "Dev", "true"],
    ] {
        home.kipod(words).run().failed(2).said(&["`Dev` has `D`, where only"]);
    }
    assert_eq!(home.files(), [""; 0]);
}

#[test]
fn several_bad_names_are_all_told() {
    let output = Home::new().kipod(&["delete", "clusters", "a.b", "good", "Dev"]).run().failed(2);
    output.said(&["error: cluster name `a.b` has `.`, ", "\nerror: cluster name `Dev` has `D`, "]);
}

#[test]
fn a_missing_environment_is_told_with_a_remedy() {
    for (variable, hint) in [("HOME", "set HOME"), ("XDG_RUNTIME_DIR", "log in through systemd")] {
        let kipod = Home::new().kipod(&["get", "clusters"]).without_env(variable);
        kipod.run().failed(1).said(&[&format!("`{variable}` is not set\nhint: {hint}")]);
    }
}

#[test]
fn the_version_is_that_of_kipod_and_of_what_it_pins() {
    let home = Home::new();
    let text = home.kipod(&["version"]).run().ok();
    let json = home.kipod(&["version", "--output", "json"]).run().ok().json();
    let (kipod, kubernetes) =
        (json["kipod"].as_str().unwrap(), json["kubernetes"].as_str().unwrap());
    assert_eq!(kipod, env!("CARGO_PKG_VERSION"));
    assert!(text.stdout.starts_with(&format!("kipod {kipod}\n")), "{text}");
    assert!(text.stdout.contains(&format!("Kubernetes {kubernetes}, ")), "{text}");
}

#[test]
fn completion_is_a_script_that_its_shell_reads() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = home.kipod(&["completion", shell]).run().ok();
        for word in ["kipod", "node-image", "kubeconfig"] {
            assert!(output.stdout.contains(word), "{shell}: {word}");
        }
    }
    let script = home.kipod(&["completion", "bash"]).run().ok().stdout;
    let asked =
        r#"COMP_WORDS=(kipod get "") COMP_CWORD=2; _kipod kipod "" get; echo "${COMPREPLY[*]}""#;
    let bash = Command::new("bash").args(["-c", &format!("{script}\n{asked}")]).output();
    let is_missing = matches!(&bash, Err(error) if error.kind() == std::io::ErrorKind::NotFound);
    kipod_e2e::need!(!is_missing, "a bash");
    let answer = bash.unwrap();
    let words = String::from_utf8_lossy(&answer.stdout).into_owned();
    for word in ["clusters", "nodes", "kubeconfig"] {
        assert!(words.split_whitespace().any(|answer| answer == word), "{word} in {words:?}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let home = Home::new();
    let kipod = home.kipod(&["version"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    kipod.stdout(writer.into()).run().ok();
}
