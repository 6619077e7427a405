//! Every option has its own message, and all errors are reported at once.

#[kipod::test(clustr = "shared", keep = "maybe", timeout = 5, keep = "never")]
async fn several_errors() {}

#[kipod::test(cluster = "Shared_1")]
async fn cluster_name() {}

#[kipod::test(cluster)]
async fn no_value() {}

#[kipod::test(version = "latest")]
async fn version() {}

#[kipod::test(timeout = "5 minutes")]
async fn timeout() {}

#[kipod::test(flavor = "multi-thread")]
async fn flavor() {}

#[kipod::test(flavor = "multi_thread", worker_threads = 0)]
async fn no_threads() {}

#[kipod::test(exclusive = "yes")]
async fn flag() {}

#[kipod::test(manifests = "a.yaml")]
async fn not_a_list() {}

#[kipod::test(images())]
async fn empty_list() {}

#[kipod::test(fixtures("a.yaml", 5))]
async fn wrong_item() {}

#[kipod::test(crate = 5)]
async fn path() {}

#[kipod::test(colour = "red")]
async fn no_suggestion() {}

#[kipod::test(cluster = "a" version = "1.36")]
async fn syntax() {}

fn main() {}
