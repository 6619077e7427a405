//! inotify instances that are left to this user.

use rustix::fs::inotify::{CreateFlags, init};

/// Returns how many inotify instances this user can still create, at most `wanted`. The kernel counts those
/// of all containers of the user, and reports no number, so this creates them for a moment.
pub(crate) fn available_inotify_instances(wanted: usize) -> usize {
    let created: Vec<_> = (0..wanted).map_while(|_| init(CreateFlags::CLOEXEC).ok()).collect();
    created.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_the_wanted_instances_are_created() {
        assert_eq!(available_inotify_instances(0), 0);
        assert!(available_inotify_instances(2) <= 2);
        let limit = std::fs::read_to_string("/proc/sys/fs/inotify/max_user_instances").unwrap();
        let limit: usize = limit.trim().parse().unwrap();
        assert!(available_inotify_instances(limit.saturating_add(1)) <= limit);
    }
}
