//! Measures `kipod create cluster`, compared with serial creation. Both run in turn.
//!
//! Serial creation runs each step with `podman exec` after the previous one has finished: start the
//! container, wait for CRI-O, run `kubeadm init`, install the CNI configuration, wait for CoreDNS. Both
//! use the same node image and image store.
//!
//! ```text
//! cargo run --release -p kipod-e2e --bin bench_create -- [ROUNDS]
//! ```
//!
//! Results are seconds from the start of the command. The ratios are medians of the ratios of pairs.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use kipod_e2e::bench::{self, median_f64};
use kipod_engine::node_image::{DEFAULT_IMAGE, NodeImage, node_image};
use kipod_engine::podman::Service;
use kipod_engine::{Dirs, host, plan::Machine};

/// Seconds until each milestone of a creation.
#[derive(Debug, Clone, Copy, Default)]
struct Times {
    crio: f64,
    api: f64,
    kubeadm: f64,
    dns: f64,
    delete: f64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let rounds = bench::rounds(3)?;
    let kipod = bench::kipod_binary()?;
    let dirs = Dirs::from_env()?;
    let service = Service::connect(&dirs.runtime, None).await?;
    let machine = Machine::from_facts(&host::check(None).await.facts);
    let driver = machine.storage_driver;
    let image = node_image(&service, DEFAULT_IMAGE, &dirs.data, driver).await?;

    let (mut serial, mut ours) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        let one = Serial::new(&image, &machine)?.run().await?;
        println!("{round}  serial  {}", line(&one));
        serial.push(one);
        let one = measure_kipod(&kipod)?;
        println!("{round}  kipod   {}", line(&one));
        ours.push(one);
    }
    println!("\nmedian over {rounds} rounds");
    println!("   serial  {}", line(&median(&serial)));
    println!("   kipod   {}", line(&median(&ours)));
    let ratio = |pick: fn(&Times) -> f64| {
        median_f64(ours.iter().zip(&serial).map(|(our, other)| pick(our) / pick(other)).collect())
    };
    println!(
        "   ratio   API ready {:.2}   kubeadm {:.2}   CoreDNS ready {:.2}",
        ratio(|times| times.api),
        ratio(|times| times.kubeadm),
        ratio(|times| times.dns)
    );
    measure_list(&kipod)
}

fn line(times: &Times) -> String {
    format!(
        "CRI-O {:5.1}   API ready {:5.1}   kubeadm {:5.1}   CoreDNS ready {:5.1}   delete {:4.1}",
        times.crio, times.api, times.kubeadm, times.dns, times.delete
    )
}

fn median(all: &[Times]) -> Times {
    let of = |pick: fn(&Times) -> f64| median_f64(all.iter().map(pick).collect());
    Times {
        crio: of(|times| times.crio),
        api: of(|times| times.api),
        kubeadm: of(|times| times.kubeadm),
        dns: of(|times| times.dns),
        delete: of(|times| times.delete),
    }
}

/// Measures `kipod get clusters`.
fn measure_list(kipod: &Path) -> Result<()> {
    let times = (0..9).map(|_| {
        let start = Instant::now();
        let status = Command::new(kipod).args(["get", "clusters"]).output()?.status;
        if !status.success() {
            bail!("`kipod get clusters` failed");
        }
        Ok(start.elapsed().as_secs_f64() * 1000.0)
    });
    println!("   kipod get clusters {:.0} ms", median_f64(times.collect::<Result<_>>()?));
    Ok(())
}

/// Creates a cluster with kipod, and derives the milestones from its progress messages.
fn measure_kipod(kipod: &Path) -> Result<Times> {
    const NAME: &str = "bench-kipod";
    let dir = tempfile::tempdir()?;
    let start = Instant::now();
    let mut child = Command::new(kipod)
        .args(["create", "cluster", NAME, "--kubeconfig"])
        .arg(dir.path().join("kubeconfig"))
        .stderr(Stdio::piped())
        .spawn()?;
    let mut times = Times::default();
    let mut stderr = String::new();
    for line in BufReader::new(child.stderr.take().context("standard error is piped")?).lines() {
        let line = line?;
        let now = start.elapsed().as_secs_f64();
        match () {
            () if line.contains("starting the control plane") => times.api = now,
            () if line.contains("bootstrapping with kubeadm") => times.kubeadm = now,
            () if line.contains("waiting for nodes and DNS") => times.dns = now,
            () => {}
        }
        stderr.push_str(&line);
        stderr.push('\n');
    }
    let created = child.wait()?;
    let start = Instant::now();
    let deleted = Command::new(kipod).args(["delete", "cluster", NAME, "--quiet"]).status()?;
    times.delete = start.elapsed().as_secs_f64();
    if !created.success() || !deleted.success() || times.dns == 0.0 {
        bail!("`kipod create cluster` failed:\n{stderr}");
    }
    Ok(times)
}

/// Serial creation of a cluster.
struct Serial<'a> {
    image: &'a NodeImage,
    machine: &'a Machine,
    config: String,
    port: u16,
}

const NAME: &str = "bench-serial";

/// The storage configuration of a rootless node.
const STORAGE: &str = "[storage]\ndriver = \"overlay\"\ngraphroot = \"/var/lib/containers/storage\"\nrunroot = \"/run/containers/storage\"\n[storage.options]\nadditionalimagestores = [\"/kipod/images\"]\n";
const CNI: &str = r#"{"cniVersion":"1.0.0","name":"bench","plugins":[{"type":"ptp","ipMasq":true,"ipam":{"type":"host-local","routes":[{"dst":"0.0.0.0/0"}],"ranges":[[{"subnet":"10.244.0.0/24"}]]}},{"type":"portmap","capabilities":{"portMappings":true}}]}"#;

impl<'a> Serial<'a> {
    fn new(image: &'a NodeImage, machine: &'a Machine) -> Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let delegated = machine.cgroups == kipod_engine::node::CgroupMode::Delegated;
        // The defaults of kubeadm, except for what a rootless node requires.
        let kubelet = match delegated {
            true => "cgroupDriver: systemd",
            false => "cgroupDriver: cgroupfs\ncgroupsPerQOS: false\nenforceNodeAllocatable: [none]",
        };
        let config = format!(
            "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nnodeRegistration:\n  criSocket: unix:///run/crio/crio.sock\n---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: {}\nnetworking:\n  podSubnet: 10.244.0.0/16\napiServer:\n  certSANs: [127.0.0.1]\n---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nfailSwapOn: false\nfeatureGates:\n  KubeletInUserNamespace: true\n{kubelet}\n---\napiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nconntrack:\n  maxPerCore: 0\n  tcpEstablishedTimeout: 0s\n  tcpCloseWaitTimeout: 0s\n",
            image.kubernetes_version
        );
        let port = listener.local_addr()?.port();
        Ok(Self { image, machine, config, port })
    }

    async fn run(&self) -> Result<Times> {
        self.clear();
        let times = self.steps().await;
        let start = Instant::now();
        self.clear();
        Ok(Times { delete: start.elapsed().as_secs_f64(), ..times? })
    }

    /// Removes the container, the volume and the network. Ignores missing ones.
    fn clear(&self) {
        for args in [
            ["rm", "--force", "--time=0", NAME].as_slice(),
            &["volume", "rm", "--force", NAME],
            &["network", "rm", "--force", NAME],
        ] {
            let _ = Command::new("podman").args(args).output();
        }
    }

    async fn steps(&self) -> Result<Times> {
        let start = Instant::now();
        let at = || start.elapsed().as_secs_f64();
        let mut times = Times::default();
        podman(&["network", "create", NAME])?;
        podman(&["volume", "create", NAME])?;
        let mut run: Vec<String> = [
            "run",
            "--detach",
            "--name",
            NAME,
            "--hostname",
            NAME,
            "--privileged",
            "--systemd=always",
            "--tmpfs=/run",
            "--tmpfs=/tmp",
            "--device=/dev/fuse",
            "--volume=/dev/null:/dev/kmsg",
            "--network",
            NAME,
            "--pids-limit=-1",
            "--stop-signal=SIGRTMIN+3",
            "--cgroupns=private",
        ]
        .map(str::to_owned)
        .into();
        run.push(format!("--volume={NAME}:/var:exec,suid,dev"));
        run.push(format!("--volume={}:/kipod/images:ro", self.image.image_store.display()));
        run.push(format!("--publish=127.0.0.1:{}:6443", self.port));
        run.extend(self.machine.cgroup_parent.iter().map(|one| format!("--cgroup-parent={one}")));
        run.extend([self.image.id.clone(), "/sbin/init".to_owned()]);
        podman(&run.iter().map(String::as_str).collect::<Vec<_>>())?;

        wait(|| Ok(exec("systemctl is-system-running --wait >/dev/null; true").is_ok())).await?;
        let crio = match self.machine.cgroups {
            kipod_engine::node::CgroupMode::Delegated => "systemd",
            _ => "cgroupfs",
        };
        let conf = format!(
            "[crio.runtime]\ncgroup_manager = \"{crio}\"\nconmon_cgroup = \"pod\"\ndefault_sysctls = []\n[crio.image]\npause_image = \"{}\"\n[crio.runtime.runtimes.crun]\nruntime_path = \"/usr/local/bin/kipod-crun\"\nmonitor_path = \"/usr/local/bin/conmon\"\n[crio.network]\nplugin_dirs = [\"/opt/cni/bin\"]\n",
            self.image.pause_image
        );
        exec(
            "mount --make-rshared / && mkdir -p /etc/crio/ /etc/cni/net.d /etc/kubernetes /etc/containers 2>/dev/null; mkdir -p /var/lib/kipod/crio /var/lib/kipod/cni/net.d /var/lib/kipod/kubernetes /var/lib/kipod/containers",
        )?;
        // crio.conf is last: CRI-O does not start without it, even if the node is still booting.
        put("/etc/containers/storage.conf", STORAGE)?;
        put("/etc/crio/crio.conf", &conf)?;
        exec("systemctl start crio")?;
        wait(|| Ok(exec("crictl info >/dev/null").is_ok())).await?;
        times.crio = at();

        put("/root/kubeadm.yaml", &self.config)?;
        let port = self.port;
        let begin = start;
        let poll = tokio::spawn(async move { api_ready(port).await.map(|()| begin.elapsed()) });
        let init = tokio::task::spawn_blocking(|| {
            exec("kubeadm init --config /root/kubeadm.yaml --ignore-preflight-errors=all")
        });
        init.await??;
        times.kubeadm = at();
        times.api = poll.await??.as_secs_f64();
        put("/etc/cni/net.d/10-bench.conflist", CNI)?;
        exec(
            "kubectl --kubeconfig /etc/kubernetes/admin.conf taint nodes --all node-role.kubernetes.io/control-plane-",
        )?;
        exec(
            "kubectl --kubeconfig /etc/kubernetes/admin.conf -n kube-system rollout status deployment/coredns --timeout=5m",
        )?;
        times.dns = at();
        Ok(times)
    }
}

fn podman(args: &[&str]) -> Result<Vec<u8>> {
    let output = Command::new("podman").args(args).output()?;
    if !output.status.success() {
        bail!("`podman {}`: {}", args.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(output.stdout)
}

fn exec(script: &str) -> Result<Vec<u8>> {
    podman(&["exec", NAME, "sh", "-c", script])
}

fn put(path: &str, text: &str) -> Result<()> {
    exec(&format!("cat >{path} <<'KIPOD_END'\n{text}\nKIPOD_END\n")).map(drop)
}

/// Polls every 100 ms for up to two minutes.
async fn wait(mut ready: impl FnMut() -> Result<bool>) -> Result<()> {
    for _ in 0..1200 {
        if ready()? {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("timed out after 120s")
}

/// Polls the API server from the host until it is ready, as kipod does.
async fn api_ready(port: u16) -> Result<()> {
    let mut config = kube::Config::new(format!("https://127.0.0.1:{port}").parse()?);
    config.accept_invalid_certs = true;
    let client = kube::Client::try_from(config)?;
    for _ in 0..4800 {
        let request = http::Request::get("/readyz").body(Vec::new())?;
        let response = tokio::time::timeout(Duration::from_secs(2), client.request_text(request));
        if let Ok(Ok(_)) = response.await {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("timed out waiting for the API server")
}
