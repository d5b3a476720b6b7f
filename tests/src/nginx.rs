//! A real nginx as a service: its configuration, all of it in the sandbox.

use std::{fs, process::Command};

/// Where [`write_configuration`] writes.
pub const CONFIGURATION: &str = "/run/sandbox/nginx.conf";
/// The command of a service, as a list in a lab file.
pub const COMMAND: &str = "[\"nginx\", \"-e\", \"stderr\", \"-p\", \"/run/sandbox\", \
                           \"-c\", \"/run/sandbox/nginx.conf\", \"-g\", \"daemon off;\"]";

const TEXT: &str = "
pid /run/sandbox/nginx.pid;
worker_processes 1;
error_log stderr warn;
user root;
events {}
http {
    client_body_temp_path /run/sandbox/body;
    proxy_temp_path /run/sandbox/proxy;
    fastcgi_temp_path /run/sandbox/fastcgi;
    uwsgi_temp_path /run/sandbox/uwsgi;
    scgi_temp_path /run/sandbox/scgi;
    access_log off;
    server { listen 8080; location / { return 200 'nginx'; } }
}
";

/// Why a test with nginx cannot run here; `None` if it can.
#[must_use]
pub fn missing() -> Option<&'static str> {
    let runs = Command::new("nginx").arg("-v").output().is_ok();
    (!runs).then_some("nginx is not installed (Debian: nginx-core)")
}

/// Writes a configuration that answers `nginx` to every request on port 8080.
///
/// # Panics
///
/// If this is no sandbox.
pub fn write_configuration() {
    fs::write(CONFIGURATION, TEXT).expect("a tmpfs");
}
