//! Invalid nodes.

#[kipod::test(workers = -1)]
async fn negative_workers() {}

#[kipod::test(control_planes = 0)]
async fn no_control_plane() {}

#[kipod::test(control_planes = 2)]
async fn even_control_planes() {}

#[kipod::test(config)]
async fn no_file() {}

#[kipod::test(config = "cluster.yaml", workers = 1)]
async fn config_and_workers() {}

fn main() {}
