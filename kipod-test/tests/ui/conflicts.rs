//! Valid options that cannot be combined.

#[kipod::test(worker_threads = 2)]
async fn threads_without_multi_thread() {}

#[kipod::test(flavor = "multi_thread", start_paused)]
async fn paused_multi_thread() {}

#[kipod::test(exclusive, cluster = "shared")]
async fn exclusive_with_name() {}

#[kipod::test(namespace = false, fixtures("a.yaml"))]
async fn fixtures_without_namespace() {}

fn main() {}
