//! Checks of the login session.

use super::finding::Finding;
use crate::host::facts::HostFacts;

pub(super) fn runtime_dir(facts: &HostFacts) -> Finding {
    const CHECK: &str = "runtime_dir";
    if let Some(path) = &facts.session.runtime_dir {
        return Finding::pass(CHECK, path.display().to_string());
    }
    let user = facts.user.label();
    let remedy = if facts.session.systemd {
        format!(
            "log in through ssh or `sudo machinectl shell {user}@` (`su` and `sudo` create no session)"
        )
    } else {
        let directory = format!("/run/user/{}", facts.user.uid);
        format!("sudo install -d -m 0700 -o {user} {directory}\nexport XDG_RUNTIME_DIR={directory}")
    };
    Finding::fail(CHECK, "XDG_RUNTIME_DIR is not a directory this user can write to", remedy)
}

pub(super) fn lingering(facts: &HostFacts) -> Finding {
    const CHECK: &str = "lingering";
    if !facts.session.systemd {
        return Finding::pass(
            CHECK,
            "systemd is not the init system, so nodes keep running after logout",
        );
    }
    if facts.session.lingering {
        let and_boot = match facts.session.starts_at_boot {
            true => ", and start at boot",
            false => "; run `systemctl --user enable podman-restart` to start them at boot",
        };
        return Finding::pass(CHECK, format!("nodes outlive the session{and_boot}"));
    }
    Finding::warn(
        CHECK,
        "nodes stop when the user's last session ends, and do not start at boot",
        format!("sudo loginctl enable-linger {}", facts.user.label()),
    )
}
