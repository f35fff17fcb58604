//! The server of the official interop cases: `interop-server --port=PORT [--use_tls ...]`. Prints `listening on PORT`.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use carom::credentials::{Identity, ServerTlsConfig};
use carom::server::Server;

use carom_interop::official::auth::{AccessToken, Accounts, ServiceAccount};
use carom_interop::official::flags::Flags;
use carom_interop::official::proto::test_service_server::TestServiceServer;
use carom_interop::official::server::InteropService;

const FLAGS: [&str; 7] = [
    "host",
    "port",
    "use_tls",
    "tls_cert_file",
    "tls_key_file",
    "service_account_key_file",
    "oauth_token_file",
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let flags = Flags::parse(&FLAGS, std::env::args().skip(1))?;
    // The loopback interface, unless another is asked for: this is a program for tests.
    let host: IpAddr = flags.number("host", Ipv4Addr::LOCALHOST.into())?;
    let mut accounts = Accounts::default();
    if flags.text("service_account_key_file").is_some() {
        let account = ServiceAccount::from_json(&flags.file("service_account_key_file")?)?;
        accounts.service_account = Some(Arc::new(account));
    }
    if flags.text("oauth_token_file").is_some() {
        accounts.access_token = Some(AccessToken::from_json(&flags.file("oauth_token_file")?)?);
    }
    let mut builder = Server::builder()
        .add_service(TestServiceServer::new(InteropService { accounts }))
        .bind(SocketAddr::from((host, flags.number("port", 0)?)));
    if flags.on("use_tls")? {
        let identity = Identity::from_pem(flags.file("tls_cert_file")?, flags.file("tls_key_file")?);
        builder = builder.tls(ServerTlsConfig::new(identity));
    }
    let server = builder.start(tokio::runtime::Handle::current())?;
    let addresses = server.local_addrs();
    let address = addresses.first().ok_or("the server listens nowhere")?.to_string();
    println!("listening on {}", address.rsplit(':').next().unwrap_or_default());
    server.terminated().await;
    Ok(())
}
