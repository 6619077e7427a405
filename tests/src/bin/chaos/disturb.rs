//! Killing the process of a case.

use std::time::{Duration, Instant};

use kipod_e2e::Running;
use kipod_e2e::endurance::chaos::Victim;
use kipod_e2e::endurance::{kill, processes_with};

/// The poll interval for a process that does not exist at the instant.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// Waits until the instant, then kills the process of a case as soon as it exists. Returns whether it was
/// killed before the command exited.
pub(crate) fn disturb(command: &mut Running, victim: Victim, at: Duration, cluster: &str) -> bool {
    let start = Instant::now();
    while !command.has_exited() {
        if start.elapsed() < at {
            std::thread::sleep(POLL_INTERVAL.min(at - start.elapsed()));
            continue;
        }
        let mut killed = false;
        for id in find(command, victim, cluster) {
            killed |= kill(id);
        }
        if killed {
            return true;
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    false
}

/// Returns the processes to kill that exist now.
fn find(command: &Running, victim: Victim, cluster: &str) -> Vec<u32> {
    match victim {
        Victim::Kipod => vec![command.id()],
        Victim::Service => {
            let descendants = command.descendants();
            let services = descendants
                .into_iter()
                .filter(|(_, line)| line.starts_with("podman system service"));
            services.map(|(id, _)| id).collect()
        }
        Victim::Conmon => {
            let nodes = ["control-plane", "worker"].map(|role| format!(" -n {cluster}-{role}-"));
            processes_with(|line| {
                let program = line.split(' ').next().unwrap_or_default();
                program.ends_with("conmon") && nodes.iter().any(|node| line.contains(node.as_str()))
            })
        }
        Victim::Runner | Victim::Group => unreachable!("test runners are killed by `runner`"),
    }
}
