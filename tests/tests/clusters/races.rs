//! Two at once.

use kipod_e2e::{TestCluster, Traces, ensure_node_image};

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn of_two_creations_of_one_name_one_wins() {
    ensure_node_image();
    let cluster = TestCluster::named("same");
    let running = [cluster.create().spawn(), cluster.create().spawn()];
    let ids = running.each_ref().map(|one| one.id());
    let mut done = running.map(|one| one.wait());
    done.sort_by_key(|output| output.code());
    let [won, lost] = done;
    let won = won.ok();
    let lost = lost.failed(1);
    let told = ids.iter().any(|id| {
        let busy = format!("cluster `{}` is in use by another process ({id})", cluster.name);
        lost.stderr.contains(&busy)
    });
    assert!(told, "{lost}\n{won}");
    assert!(lost.stderr.contains("\nhint: "), "{lost}");
    assert_eq!(cluster.inside().nodes().unwrap(), [(cluster.node(), true)]);

    // Of two deletions one may be told that the other is at it, and in the end all is gone.
    let traces = cluster.traces();
    let deletions = [cluster.delete().spawn(), cluster.delete().spawn()].map(|one| one.wait());
    for output in &deletions {
        let busy = output.stderr.contains("is in use by another process");
        assert!(output.code() == Some(0) || busy, "{output}");
    }
    traces.assert_gone();
}

#[test]
#[ignore = "needs rootless Podman and a component bundle"]
fn two_of_different_names_both_work() {
    ensure_node_image();
    let clusters = ["one", "two"].map(TestCluster::named);
    // One kubeconfig for both, as a user has it.
    let kubeconfig = clusters[0].kubeconfig();
    let creations = clusters.each_ref().map(|one| one.create().env("KUBECONFIG", &kubeconfig));
    let outputs = creations.map(|one| one.spawn()).map(|one| one.wait());
    for output in outputs {
        output.ok();
    }
    let text = std::fs::read_to_string(&kubeconfig).unwrap();
    for cluster in &clusters {
        assert!(text.contains(&format!("name: kipod-{}", cluster.name)), "{text}");
        let own = cluster.kipod(&["get", "kubeconfig", &cluster.name]).run().ok().stdout;
        std::fs::write(cluster.kubeconfig().with_file_name("own"), &own).unwrap();
    }
    let ports = clusters.each_ref().map(|cluster| {
        let own = cluster.kubeconfig().with_file_name("own");
        let own = std::fs::read_to_string(own).unwrap();
        own.lines().find(|line| line.contains("server:")).unwrap().to_owned()
    });
    assert_ne!(ports[0], ports[1]);

    let traces = clusters.each_ref().map(TestCluster::traces);
    let names = clusters.each_ref().map(|cluster| cluster.name.as_str());
    let words = [&["delete", "clusters"], names.as_slice()].concat();
    let output = clusters[0].kipod(&words).run().ok();
    for name in names {
        assert!(output.stderr.contains(&format!("cluster `{name}` is deleted")), "{output}");
    }
    traces.iter().for_each(Traces::assert_gone);
    let text = std::fs::read_to_string(&kubeconfig).unwrap_or_default();
    assert!(names.iter().all(|name| !text.contains(name)), "{text}");
}
