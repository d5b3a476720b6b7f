//! The queries of docs/CONTAINERS.md, which join netmon's series with those of cAdvisor, kube-state-metrics and compose, asked of a
//! real Prometheus.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
    time::Duration,
};

use netmon_tests::{
    contained::{Contained, id},
    eventually::eventually,
    fake_daemon::FakeDaemon,
    found::ping,
    host_agent::HostAgent,
    island::Island,
    prometheus::{self, Prometheus, number},
    sandbox::sandbox,
    skip::skip,
};

const PATIENCE: Duration = Duration::from_secs(60);
const PAGE: &str = include_str!("../../docs/CONTAINERS.md");
const OTHERS: &str = "127.0.0.1:9479";
const DOCKER: &str = r#"{"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12"}"#;
/// What other exporters say of the same container and pod.
const OF_OTHERS: &str = "\
container_memory_working_set_bytes{id=\"/docker/aaaa\",name=\"shop-web-1\"} 5000000
kube_pod_info{namespace=\"prod\",pod=\"api-0\",node=\"n1\"} 1
kube_pod_info{namespace=\"prod\",pod=\"api-1\",node=\"n2\"} 1
";
/// How many packets are sent to each, whose size is 98 bytes.
const PACKETS: u32 = 10;

/// Serves the series of other exporters, for as long as the test runs.
fn serve_others() {
    let listener = TcpListener::bind(OTHERS).expect("a free port");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // The request is the same each time.
            let _ = stream.read(&mut [0; 4096]);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n";
            let _ = write!(stream, "{head}Content-Length: {}\r\n\r\n{OF_OTHERS}", OF_OTHERS.len());
        }
    });
}

/// A container of compose, `shop/web`, and a pod, `prod/api-0`: each with a link to root.
fn containers(island: &Island) -> [Contained; 2] {
    let container = format!("docker/{}", id('a'));
    let pod = format!("kubepods.slice/kubepods-pod0a1b.slice/cri-containerd-{}.scope", id('b'));
    island.sh(&format!(
        "d=/run/containerd/io.containerd.runtime.v2.task/k8s.io/{}; mkdir -p $d; cat > $d/config.json <<'END'
{{\"ociVersion\": \"1.0.2\", \"annotations\": {{\"io.kubernetes.cri.container-type\": \"sandbox\",
 \"io.kubernetes.cri.sandbox-name\": \"api-0\", \"io.kubernetes.cri.sandbox-namespace\": \"prod\",
 \"io.kubernetes.cri.sandbox-uid\": \"0a1b\"}}}}
END",
        id('b')
    ));
    [("one", 81, container), ("two", 82, pod)].map(|(name, net, cgroup)| {
        netmon_tests::found::add(island, name, &format!("veth{net}ab12c"), net);
        Contained::start(island, name, name, &cgroup, true)
    })
}

fn docker() -> FakeDaemon {
    let list = format!(
        r#"[{{"Id": "{}", "Names": ["/shop-web-1"], "Image": "nginx:1", "HostConfig": {{"NetworkMode": "bridge"}},
            "Labels": {{"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}}}}]"#,
        id('a')
    );
    FakeDaemon::start("/run/docker.sock", DOCKER, (1, 12), &list)
}

/// The queries of the page, in their order. `rate(X[5m])` is X here: the counts are known, and rates are not.
fn queries() -> Vec<String> {
    let blocks = PAGE.split("```promql\n").skip(1).map(|rest| rest.split("```").next().expect("an end"));
    let plain = |query: &str| {
        let (before, rest) = query.split_once("rate(")?;
        let (series, after) = rest.split_once("[5m])")?;
        Some(format!("{before}{series}{after}"))
    };
    blocks.map(|query| plain(query).unwrap_or_else(|| query.to_owned())).collect()
}

/// Starts a Prometheus that scrapes the agent and the other exporters.
fn start_prometheus() -> Prometheus {
    let configuration = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: netmon
    static_configs: [{{targets: [\"127.0.0.1:9477\"]}}]
  - job_name: others
    static_configs: [{{targets: [\"{OTHERS}\"]}}]
"
    );
    fs::write("/run/sandbox/joins.yml", configuration).expect("a tmpfs");
    Prometheus::start("root", "/run/sandbox/joins.yml")
}

#[test]
fn the_joins_of_the_page_give_what_they_say() {
    sandbox(|| {
        if let Some(missing) = prometheus::missing() {
            return skip(missing);
        }
        let [compose, memory, pods, devices] = &queries()[..] else { panic!("four queries") };
        let island = Island::open();
        let _docker = docker();
        let _containers = containers(&island);
        let agent = HostAgent::start(&island, "");
        assert_eq!(agent.links(), ["prod.api-0:eth0", "shop.web:eth0"]);
        island.sh("ip neigh show >/dev/null");
        for target in ["10.81.0.2", "10.82.0.2"] {
            ping(&island, target, PACKETS);
        }
        serve_others();
        let prometheus = start_prometheus();
        let label = |series: &serde_json::Value, name: &str| {
            series["metric"][name].as_str().unwrap_or_default().to_owned()
        };

        // Bytes of echo replies. ARP is beside them.
        let icmp = f64::from(PACKETS * 98);
        let services = eventually("compose", PATIENCE, || {
            let series = prometheus.query(compose);
            (!series.is_empty()).then_some(series)
        });
        let [service] = &services[..] else { panic!("{services:?}") };
        assert_eq!([label(service, "compose_project"), label(service, "compose_service")], ["shop", "web"]);
        let sent = number(service).expect("a number");
        assert!((icmp..icmp + 1_000.0).contains(&sent), "{sent}");

        let of_memory = eventually("cAdvisor", PATIENCE, || {
            let series = prometheus.query(memory);
            (series.len() == 1).then_some(series)
        });
        assert_eq!(label(&of_memory[0], "name"), "shop-web-1");
        let ratio = number(&of_memory[0]).expect("a number");
        assert!((5e6 / (icmp + 1_000.0)..=5e6 / icmp).contains(&ratio), "{ratio}");

        let of_pods = eventually("kube-state-metrics", PATIENCE, || {
            let series = prometheus.query(pods);
            (series.len() == 1).then_some(series)
        });
        assert_eq!([label(&of_pods[0], "k8s_pod_name"), label(&of_pods[0], "node")], ["api-0", "n1"]);
        let arrived = number(&of_pods[0]).expect("a number");
        assert!((f64::from(PACKETS)..f64::from(PACKETS + 20)).contains(&arrived), "{arrived}");

        let of_root = prometheus.query(devices);
        let names: Vec<String> = of_root.iter().map(|series| label(series, "device")).collect();
        assert_eq!((of_root.len(), names.contains(&"veth81ab12c".to_owned())), (2, true), "{names:?}");
    });
}
