//! What clusters cannot have yet.

#[kipod::test(workers = 2)]
async fn workers() {}

#[kipod::test(control_planes = 3)]
async fn control_planes() {}

#[kipod::test(config = "cluster.yaml")]
async fn config() {}

fn main() {}
