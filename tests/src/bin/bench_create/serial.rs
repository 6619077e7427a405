//! Serial creation of a cluster, with a `podman exec` for each step.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use kipod_engine::node_image::NodeImage;
use kipod_engine::plan::Machine;

use super::{Times, api_ready};

/// Serial creation of a cluster.
pub(super) struct Serial<'a> {
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
    pub(super) fn new(image: &'a NodeImage, machine: &'a Machine) -> Result<Self> {
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

    pub(super) async fn run(&self) -> Result<Times> {
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

/// Runs `podman`, and returns its output.
pub(super) fn podman(args: &[&str]) -> Result<Vec<u8>> {
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
