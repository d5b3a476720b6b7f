//! The commands of the pages that no test runs as they stand there.

const NEEDS_SYSTEMD: &str =
    "needs systemd as the first process; tests/privileged/service_manager.rs plays its part";
const FULL_SCREEN: &str = "takes the whole terminal; tests/privileged/top.rs runs it in one";
const BUILDS: &str = "compiles for minutes; every check of a change does this first";
const NEEDS_GRAFANA: &str =
    "Grafana is in no registry of packages; tests/privileged/dashboards.rs checks the files";
const NEEDS_CONTAINERS: &str =
    "the containers of an example; docs/tutorials/containers.md runs the same on namespaces";
const MACHINES: &str = "boots virtual machines for minutes: cargo xtask ci does";
const BUSY: &str = "its bounds on times hold on a quiet machine only; tests/privileged/selftest.rs runs it";
const RECORDINGS: &str =
    "records a minute under a load; tests/privileged/record_compare.rs does the same in seconds";
const NEEDS_A_HOST: &str = "needs another host";

/// Stands for all commands of a page that are not marked.
pub(super) const ALL: &str = "*";

/// The page, the beginning of the command, and why.
pub(super) const NOT_RUN: &[(&str, &str, &str)] = &[
    ("README.md", "git clone", "the sources are here already"),
    ("README.md", "cargo xtask run", BUILDS),
    ("README.md", "sudo install", "writes outside of the sandbox, where netmon is on PATH already"),
    ("README.md", "sudo netmon top", FULL_SCREEN),
    ("README.md", "sudo netmon selftest", BUSY),
    ("dashboards/README.md", "docker compose", NEEDS_GRAFANA),
    (
        "dashboards/README.md",
        "sudo netmon run --listen",
        "the address is Docker's; tests/privileged/guards_http.rs has both options",
    ),
    (
        "dashboards/README.md",
        "prometheus --config.file",
        "does not end; tests/privileged/prometheus.rs runs this configuration",
    ),
    ("dashboards/README.md", "export NETMON_DASHBOARDS", NEEDS_GRAFANA),
    ("dashboards/README.md", "GF_PATHS_PROVISIONING", NEEDS_GRAFANA),
    ("docs/API.md", "curl -sN", "does not end; tests/privileged/live_stream.rs reads the stream"),
    ("docs/CONTAINERS.md", ALL, NEEDS_CONTAINERS),
    ("docs/KERNELS.md", "cargo xtask vm", MACHINES),
    (
        "docs/KUBERNETES.md",
        ALL,
        "needs a cluster; cargo xtask dist checks the manifests by the API's schemas",
    ),
    ("docs/PACKAGES.md", ALL, "cargo xtask dist makes the packages, and installs them in a clean Debian"),
    ("docs/PAGE.md", "ssh -L", NEEDS_A_HOST),
    ("docs/SYSTEMD.md", ALL, NEEDS_SYSTEMD),
    ("docs/HOWTO.md", "netmon record", RECORDINGS),
    ("docs/HOWTO.md", "netmon compare", RECORDINGS),
    ("docs/RECORD.md", ALL, RECORDINGS),
    ("docs/TOP.md", ALL, FULL_SCREEN),
    (
        "docs/TRACE.md",
        "netmon trace client server",
        "its router is slow by a program of the tests: tests/privileged/trace_known.rs",
    ),
];
