//! Made-up machines on which something is wrong with networks and what the kernel has for them.

use serde_json::json;

use super::verdicts::{Case, assert_each};
use crate::host::Status;

#[tokio::test]
async fn machines_whose_networks_are_wrong() {
    use Status::{Fail, Warn};
    let cases: &[Case<'_>] = &[
        (
            "a small send buffer under nftables",
            |machine| {
                machine.sources.environment.insert("NETAVARK_FW".into(), "nftables".into());
                machine.file("/usr/bin/nft", "").file("/proc/sys/net/core/wmem_max", "212992\n");
            },
            &[("send_buffer", Warn, "net.core.wmem_max = 4194304")],
        ),
        (
            "a small send buffer under iptables",
            |machine| {
                machine.sources.environment.insert("NETAVARK_FW".into(), "iptables".into());
                machine.file("/proc/sys/net/core/wmem_max", "212992\n");
            },
            &[],
        ),
        (
            "no /dev/net/tun",
            |machine| {
                machine.gone("/dev/net/tun");
            },
            &[("dev_net_tun", Fail, "sudo modprobe tun")],
        ),
        (
            "cni",
            |machine| machine.info()["host"]["networkBackend"] = json!("cni"),
            &[("network_backend", Fail, "network_backend = \"netavark\"")],
        ),
        (
            "podman 5 without pasta",
            |machine| {
                machine.info()["host"]["pasta"] = json!({"executable": ""});
                machine.gone("/usr/bin/pasta");
            },
            &[("rootless_network", Fail, "sudo dnf install passt")],
        ),
        (
            "podman 6 told to use slirp4netns",
            |machine| {
                let info = machine.info();
                info["version"]["Version"] = json!("6.1.1");
                info["host"]["rootlessNetworkCmd"] = json!("slirp4netns");
                info["host"]["slirp4netns"] = json!({"executable": "/usr/bin/slirp4netns"});
            },
            &[("rootless_network", Warn, "take `default_rootless_network_cmd` out")],
        ),
        (
            "a bare network",
            |machine| {
                machine.info()["host"]["networkBackendInfo"] = json!({});
                machine.gone("/usr/bin/iptables");
            },
            &[
                ("name_server", Warn, "sudo dnf install aardvark-dns"),
                ("firewall", Fail, "sudo dnf install iptables-nft"),
            ],
        ),
        (
            "netavark of Debian 13 with iptables alone",
            |machine| {
                machine.sources.netavark =
                    Some(json!({"version": "1.14.0", "default_fw_driver": "nftables"}));
                machine.release("debian", "", "13");
            },
            &[("firewall", Fail, "sudo apt-get install nftables")],
        ),
        (
            "netavark 2 told to use iptables",
            |machine| {
                machine.sources.netavark =
                    Some(json!({"version": "2.0.0", "default_fw_driver": "nftables"}));
                machine.file(
                    "/etc/containers/containers.conf",
                    "[network]\nfirewall_driver = \"iptables\"\n",
                );
            },
            &[("firewall", Fail, "take `firewall_driver` out of containers.conf")],
        ),
        (
            "netavark told to use what is not there",
            |machine| {
                machine.sources.netavark = Some(json!({"default_fw_driver": "iptables"}));
                machine.file(
                    "/etc/containers/containers.conf",
                    "[network]\nfirewall_driver = \"nftables\" # newer\n",
                );
            },
            &[("firewall", Fail, "sudo dnf install nftables")],
        ),
        (
            "a kernel without IPv6",
            |machine| {
                machine.gone("/proc/sys/net/ipv6");
            },
            &[("ipv6", Warn, "take `ipv6.disable=1` off")],
        ),
        (
            "modules that are not installed",
            |machine| {
                let release = "6.8.0-1021-azure";
                machine.release("ubuntu", "debian", "24.04").kernel(release);
                machine.file(
                    &format!("/lib/modules/{release}/modules.dep"),
                    "kernel/veth.ko:\nkernel/bridge.ko:\n",
                );
            },
            &[("kernel_modules", Fail, "linux-modules-extra-6.8.0-1021-azure")],
        ),
        (
            "the old iptables alone",
            |machine| {
                let file = "/lib/modules/6.14.5-300.fc42.x86_64/modules.dep";
                let text = machine.sources.root.read(file).unwrap();
                machine.file(file, &text.replace("nft_compat", "other"));
            },
            &[],
        ),
        (
            "modules that must not be loaded",
            |machine| {
                machine.file("/proc/sys/kernel/modules_disabled", "1\n");
            },
            &[("kernel_modules", Fail, "kernel.modules_disabled")],
        ),
        (
            "a kernel that does not tell",
            |machine| {
                machine.gone("/lib/modules").gone("/proc/modules");
            },
            &[("kernel_modules", Warn, "does not tell")],
        ),
    ];
    assert_each(cases).await;
}
