//! Findings about networks and kernel modules.

use rstest::rstest;
use serde_json::json;

use super::findings::{Expected, assert_findings};
use super::test_host::TestHost;
use crate::host::Status::{Fail, Warn};

#[rstest]
#[case::small_send_buffer_with_nftables(
    |host: &mut TestHost| {
        host.sources.environment.insert("NETAVARK_FW".into(), "nftables".into());
        host.file("/usr/bin/nft", "").file("/proc/sys/net/core/wmem_max", "212992\n");
    },
    &[("send_buffer", Warn, "net.core.wmem_max = 4194304")]
)]
#[case::small_send_buffer_with_iptables(
    |host: &mut TestHost| {
        host.sources.environment.insert("NETAVARK_FW".into(), "iptables".into());
        host.file("/proc/sys/net/core/wmem_max", "212992\n");
    },
    &[]
)]
#[case::no_dev_net_tun(
    |host: &mut TestHost| {
        host.gone("/dev/net/tun");
    },
    &[("dev_net_tun", Fail, "sudo modprobe tun")]
)]
#[case::cni(
    |host: &mut TestHost| host.info()["host"]["networkBackend"] = json!("cni"),
    &[("network_backend", Fail, "network_backend = \"netavark\"")]
)]
#[case::podman_5_without_pasta(
    |host: &mut TestHost| {
        host.info()["host"]["pasta"] = json!({"executable": ""});
        host.gone("/usr/bin/pasta");
    },
    &[("rootless_network", Fail, "sudo dnf install passt")]
)]
#[case::podman_6_with_slirp4netns(
    |host: &mut TestHost| {
        let info = host.info();
        info["version"]["Version"] = json!("6.1.1");
        info["host"]["rootlessNetworkCmd"] = json!("slirp4netns");
        info["host"]["slirp4netns"] = json!({"executable": "/usr/bin/slirp4netns"});
    },
    &[("rootless_network", Warn, "remove `default_rootless_network_cmd` from")]
)]
#[case::no_aardvark_dns_and_no_iptables(
    |host: &mut TestHost| {
        host.info()["host"]["networkBackendInfo"] = json!({});
        host.gone("/usr/bin/iptables");
    },
    &[
        ("name_server", Warn, "sudo dnf install aardvark-dns"),
        ("firewall", Fail, "sudo dnf install iptables-nft"),
    ]
)]
#[case::nftables_netavark_without_nft(
    |host: &mut TestHost| {
        host.sources.netavark =
            Some(json!({"version": "1.14.0", "default_fw_driver": "nftables"}));
        host.release("debian", "", "13");
    },
    &[("firewall", Fail, "sudo apt-get install nftables")]
)]
#[case::netavark_2_with_iptables(
    |host: &mut TestHost| {
        host.sources.netavark =
            Some(json!({"version": "2.0.0", "default_fw_driver": "nftables"}));
        host.file(
            "/etc/containers/containers.conf",
            "[network]\nfirewall_driver = \"iptables\"\n",
        );
    },
    &[("firewall", Fail, "remove `firewall_driver` from containers.conf")]
)]
#[case::configured_nftables_without_nft(
    |host: &mut TestHost| {
        host.sources.netavark = Some(json!({"default_fw_driver": "iptables"}));
        host.file(
            "/etc/containers/containers.conf",
            "[network]\nfirewall_driver = \"nftables\" # newer\n",
        );
    },
    &[("firewall", Fail, "sudo dnf install nftables")]
)]
#[case::kernel_without_ipv6(
    |host: &mut TestHost| {
        host.gone("/proc/sys/net/ipv6");
    },
    &[("ipv6", Warn, "remove `ipv6.disable=1` from")]
)]
#[case::modules_not_installed(
    |host: &mut TestHost| {
        let release = "6.8.0-1021-azure";
        host.release("ubuntu", "debian", "24.04").kernel(release);
        host.file(
            &format!("/lib/modules/{release}/modules.dep"),
            "kernel/veth.ko:\nkernel/bridge.ko:\n",
        );
    },
    &[("kernel_modules", Fail, "linux-modules-extra-6.8.0-1021-azure")]
)]
#[case::legacy_iptables_only(
    |host: &mut TestHost| {
        let file = "/lib/modules/6.14.5-300.fc42.x86_64/modules.dep";
        let text = host.sources.root.read(file).unwrap();
        host.file(file, &text.replace("nft_compat", "other"));
    },
    &[]
)]
#[case::module_loading_disabled(
    |host: &mut TestHost| {
        host.file("/proc/sys/kernel/modules_disabled", "1\n");
    },
    &[("kernel_modules", Fail, "kernel.modules_disabled")]
)]
#[case::modules_unknown(
    |host: &mut TestHost| {
        host.gone("/lib/modules").gone("/proc/modules");
    },
    &[("kernel_modules", Warn, "cannot determine whether")]
)]
#[tokio::test]
async fn network_problems_are_found(
    #[case] change: fn(&mut TestHost),
    #[case] expected: &[Expected<'_>],
) {
    let mut host = TestHost::fedora();
    change(&mut host);
    assert_findings(&host.report().await.findings, expected);
}
