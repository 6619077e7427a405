//! The login session.

use crate::host::facts::HostFacts;
use crate::host::finding::Finding;

pub(super) fn runtime_dir(facts: &HostFacts) -> Finding {
    const CHECK: &str = "runtime_dir";
    if let Some(path) = &facts.session.runtime_dir {
        return Finding::pass(CHECK, path.display().to_string());
    }
    let user = facts.user.label();
    let remedy = if facts.session.systemd {
        format!(
            "log in through ssh or `sudo machinectl shell {user}@` (`su` and `sudo` make no session)"
        )
    } else {
        let folder = format!("/run/user/{}", facts.user.uid);
        format!("sudo install -d -m 0700 -o {user} {folder}\nexport XDG_RUNTIME_DIR={folder}")
    };
    Finding::fail(CHECK, "XDG_RUNTIME_DIR names no folder this user can write to", remedy)
}

pub(super) fn lingering(facts: &HostFacts) -> Finding {
    const CHECK: &str = "lingering";
    if !facts.session.systemd {
        return Finding::pass(CHECK, "systemd does not run here, so nothing ends nodes at logout");
    }
    if facts.session.lingering {
        let and_boot = match facts.session.starts_at_boot {
            true => ", and start with the machine",
            false => "; `systemctl --user enable podman-restart` lets them start with the machine",
        };
        return Finding::pass(CHECK, format!("nodes outlive the session{and_boot}"));
    }
    Finding::warn(
        CHECK,
        "nodes stop when the user's last session ends, and do not start with the machine",
        format!("sudo loginctl enable-linger {}", facts.user.label()),
    )
}
