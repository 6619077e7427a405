//! Memory and file descriptors of processes.

use anyhow::{Context, Result};

/// The memory and the open files of one or several processes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Resident memory in KiB.
    pub memory: u64,
    /// The number of open file descriptors.
    pub files: usize,
}

impl Usage {
    /// Measures a process.
    ///
    /// # Errors
    ///
    /// If there is no such process, or it belongs to another user.
    pub fn of(id: u32) -> Result<Self> {
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))
            .with_context(|| format!("no process {id}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let memory = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        let memory = memory.with_context(|| format!("process {id} has ended"))?;
        let files = std::fs::read_dir(format!("/proc/{id}/fd"))
            .with_context(|| format!("cannot read the open files of process {id}"))?;
        Ok(Self { memory, files: files.count() })
    }

    /// Measures a process together with its descendants whose command line fulfils `condition`.
    pub(crate) fn of_all(id: u32, condition: impl Fn(&str) -> bool) -> Result<Self> {
        let mut sum = Self::of(id)?;
        for (child, line) in crate::running::descendants(id) {
            if condition(&line)
                && let Ok(usage) = Self::of(child)
            {
                sum.memory += usage.memory;
                sum.files += usage.files;
            }
        }
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::Usage;

    #[test]
    fn usage_counts_open_files() {
        let count = || Usage::of(std::process::id()).unwrap().files;
        let files: Vec<_> = (0..20).map(|_| tempfile::tempfile().unwrap()).collect();
        assert!(count() >= files.len());
        assert!(Usage::of(std::process::id()).unwrap().memory > 100);
        assert!(Usage::of(u32::MAX >> 2).is_err());
    }
}
