//! Options that are right each, but not together.

#[kipod::test(worker_threads = 2)]
async fn threads_of_one_thread() {}

#[kipod::test(flavor = "multi_thread", start_paused)]
async fn clock_of_many_threads() {}

#[kipod::test(exclusive, cluster = "shared")]
async fn shared_alone() {}

#[kipod::test(namespace = false, fixtures("a.yaml"))]
async fn fixtures_nowhere() {}

fn main() {}
