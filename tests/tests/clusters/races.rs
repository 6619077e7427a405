//! Concurrent commands.

use kipod_e2e::{Leftovers, TestCluster, ensure_node_image};

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn one_of_two_creates_with_the_same_name_wins() {
    ensure_node_image();
    let cluster = TestCluster::new("same");
    let running = [cluster.creation().spawn(), cluster.creation().spawn()];
    let ids = running.each_ref().map(|one| one.id());
    let mut done = running.map(|one| one.wait());
    done.sort_by_key(|output| output.code());
    let [won, lost] = done;
    let won = won.success();
    let lost = lost.failure(1);
    let reported = ids.iter().any(|id| {
        let busy = format!("cluster `{}` is in use by another process ({id})", cluster.name);
        lost.stderr.contains(&busy)
    });
    assert!(reported, "{lost}\n{won}");
    assert!(lost.stderr.contains("\nhint: "), "{lost}");
    assert_eq!(cluster.client().nodes().unwrap(), [(cluster.control_plane(), true)]);

    // One deletion may fail because the other one holds the lock. In the end, nothing is left.
    let leftovers = cluster.leftovers();
    let deletions = [cluster.deletion().spawn(), cluster.deletion().spawn()].map(|one| one.wait());
    for output in &deletions {
        let busy = output.stderr.contains("is in use by another process");
        assert!(output.code() == Some(0) || busy, "{output}");
    }
    leftovers.assert_none();
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn creates_with_different_names_both_succeed() {
    ensure_node_image();
    let clusters = ["one", "two"].map(TestCluster::new);
    // Both write the same kubeconfig, as for a user.
    let kubeconfig = clusters[0].kubeconfig();
    let creations = clusters.each_ref().map(|one| one.creation().env("KUBECONFIG", &kubeconfig));
    let outputs = creations.map(|one| one.spawn()).map(|one| one.wait());
    for output in outputs {
        output.success();
    }
    let text = std::fs::read_to_string(&kubeconfig).unwrap();
    for cluster in &clusters {
        assert!(text.contains(&format!("name: kipod-{}", cluster.name)), "{text}");
        let own = cluster.kipod(&["get", "kubeconfig", &cluster.name]).run().success().stdout;
        std::fs::write(cluster.kubeconfig().with_file_name("own"), &own).unwrap();
    }
    let ports = clusters.each_ref().map(|cluster| {
        let own = cluster.kubeconfig().with_file_name("own");
        let own = std::fs::read_to_string(own).unwrap();
        own.lines().find(|line| line.contains("server:")).unwrap().to_owned()
    });
    assert_ne!(ports[0], ports[1]);

    let leftovers = clusters.each_ref().map(TestCluster::leftovers);
    let names = clusters.each_ref().map(|cluster| cluster.name.as_str());
    let args = [&["delete", "clusters"], names.as_slice()].concat();
    let output = clusters[0].kipod(&args).run().success();
    for name in names {
        assert!(output.stderr.contains(&format!("cluster `{name}` deleted")), "{output}");
    }
    leftovers.iter().for_each(Leftovers::assert_none);
    let text = std::fs::read_to_string(&kubeconfig).unwrap_or_default();
    assert!(names.iter().all(|name| !text.contains(name)), "{text}");
}
