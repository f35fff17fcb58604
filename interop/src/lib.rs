//! What the programs share: the generated code; of the crosswise rig the command line and the certificates; the official
//! interop cases of the gRPC project.

pub mod official;

use std::error::Error;
use std::path::PathBuf;

use carom::credentials::{Certificate, ClientTlsConfig, Identity, ServerTlsConfig};

/// The package `carom.interop`.
#[allow(missing_docs, reason = "generated code")]
pub mod proto {
    carom::include_proto!("carom.interop");
}

/// What the command line says: `[PORT] [--tls FOLDER [--mtls]]`.
#[derive(Default)]
pub struct Arguments {
    /// The server's port; only a client has one.
    pub port: Option<u16>,
    /// The folder of the certificates. Without it connections are plaintext.
    pub tls: Option<PathBuf>,
    /// Whether the client shows a certificate too.
    pub mtls: bool,
}

impl Arguments {
    /// Reads the command line.
    ///
    /// # Errors
    /// A word is not understood.
    pub fn parse() -> Result<Self, Box<dyn Error>> {
        let mut arguments = Self::default();
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--tls" => arguments.tls = Some(words.next().ok_or("--tls needs a folder")?.into()),
                "--mtls" => arguments.mtls = true,
                port => arguments.port = Some(port.parse().map_err(|_| format!("{port} is not a port"))?),
            }
        }
        Ok(arguments)
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Box<dyn Error>> {
        let Some(folder) = &self.tls else { return Ok(None) };
        let path = folder.join(name);
        let pem = std::fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        Ok(Some(pem))
    }

    fn identity(&self, name: &str) -> Result<Option<Identity>, Box<dyn Error>> {
        let chain = self.read(&format!("{name}.pem"))?;
        let key = self.read(&format!("{name}.key"))?;
        Ok(chain.zip(key).map(|(chain, key)| Identity::from_pem(chain, key)))
    }

    /// The server's side of TLS, if there shall be TLS.
    ///
    /// # Errors
    /// A certificate cannot be read.
    pub fn server_tls(&self) -> Result<Option<ServerTlsConfig>, Box<dyn Error>> {
        let Some(identity) = self.identity("server")? else { return Ok(None) };
        let config = ServerTlsConfig::new(identity);
        Ok(Some(match self.read("ca.pem")?.filter(|_| self.mtls) {
            Some(authority) => config.client_ca_root(Certificate::from_pem(authority)),
            None => config,
        }))
    }

    /// The client's side of TLS, if there shall be TLS.
    ///
    /// # Errors
    /// A certificate cannot be read.
    pub fn client_tls(&self) -> Result<Option<ClientTlsConfig>, Box<dyn Error>> {
        let Some(authority) = self.read("ca.pem")? else { return Ok(None) };
        let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority));
        Ok(Some(match self.identity("client")?.filter(|_| self.mtls) {
            Some(identity) => config.identity(identity),
            None => config,
        }))
    }
}
