//! What a cluster cannot be made of.

#[kipod::test(workers = -1)]
async fn workers() {}

#[kipod::test(control_planes = 0)]
async fn no_control_plane() {}

#[kipod::test(control_planes = 2)]
async fn control_planes() {}

#[kipod::test(config)]
async fn no_file() {}

#[kipod::test(config = "cluster.yaml", workers = 1)]
async fn said_twice() {}

fn main() {}
