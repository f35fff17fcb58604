//! What callers prove themselves by: tokens that are signed by a service account's key (JWT, RFC 7519, by RS256), and
//! access tokens that were obtained elsewhere. Nothing here asks a network for anything.

use std::error::Error;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use carom::credentials::{CallContext, CallCredentials, MetadataFuture};
use carom::{MetadataMap, Status};
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};

/// How long a token is good for, in seconds.
const LIFETIME: u64 = 3600;

/// A service account's key file: JSON with `client_email`, `private_key_id` and `private_key` (PKCS #8, PEM).
pub struct ServiceAccount {
    /// Who the account is.
    pub email: String,
    key_id: String,
    key: KeyPair,
}

impl ServiceAccount {
    /// Reads a key file.
    ///
    /// # Errors
    /// It is not JSON, a field is missing, or the key is no RSA key.
    pub fn from_json(json: &[u8]) -> Result<Self, Box<dyn Error>> {
        let file: Value = serde_json::from_slice(json).map_err(|error| format!("no key file: {error}"))?;
        let field = |name: &str| {
            let value = file.get(name).and_then(Value::as_str);
            value.map(str::to_owned).ok_or_else(|| format!("the key file has no {name}"))
        };
        let pem = field("private_key")?;
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(body.trim()).map_err(|error| format!("private_key is no PEM: {error}"))?;
        let key = KeyPair::from_pkcs8(&der).map_err(|error| format!("private_key is no RSA key: {error}"))?;
        Ok(Self { email: field("client_email")?, key_id: field("private_key_id")?, key })
    }

    /// A token for this audience, signed.
    fn sign(&self, audience: &str) -> Result<String, Box<dyn Error>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.key_id });
        let claims = json!({
            "iss": self.email, "sub": self.email, "aud": audience, "iat": now, "exp": now + LIFETIME,
        });
        let text = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", text(&header), text(&claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| "the key cannot sign")?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// Whose token this is, if this account's key signed it and it has not expired.
    fn verify(&self, token: &str) -> Option<String> {
        // gRPC C++ pads its parts, which RFC 7515 section 2 does not have; other servers let it pass.
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok();
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = decode(signature)?;
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.key.public().as_ref());
        key.verify(signed.as_bytes(), &signature).ok()?;
        let (_, claims) = signed.split_once('.')?;
        let claims: Value = serde_json::from_slice(&decode(claims)?).ok()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        let good = claims.get("exp")?.as_u64()? >= now;
        claims.get("iss")?.as_str().filter(|_| good).map(str::to_owned)
    }
}

/// Signs a token for each call; its audience is the service (`https://host/package.Service`).
pub struct JwtCredentials(pub ServiceAccount);

impl CallCredentials for JwtCredentials {
    fn metadata<'a>(&'a self, call: CallContext<'a>) -> MetadataFuture<'a> {
        let token = self.0.sign(call.service_url).map_err(|error| Status::internal(error.to_string()));
        Box::pin(async move { bearer(&token?) })
    }
}

/// An access token that was obtained elsewhere.
#[derive(Clone)]
pub struct AccessToken {
    token: String,
    /// Whose it is.
    pub email: String,
    /// What it is good for.
    pub scope: String,
}

impl AccessToken {
    /// Reads JSON with `access_token`, `email` and `scope`.
    ///
    /// # Errors
    /// It is not JSON, or a field is missing.
    pub fn from_json(json: &[u8]) -> Result<Self, Box<dyn Error>> {
        let file: Value = serde_json::from_slice(json).map_err(|error| format!("no token file: {error}"))?;
        let field = |name: &str| {
            let value = file.get(name).and_then(Value::as_str);
            value.map(str::to_owned).ok_or_else(|| format!("the token file has no {name}"))
        };
        Ok(Self { token: field("access_token")?, email: field("email")?, scope: field("scope")? })
    }
}

impl CallCredentials for AccessToken {
    fn metadata<'a>(&'a self, _: CallContext<'a>) -> MetadataFuture<'a> {
        Box::pin(async move { bearer(&self.token) })
    }
}

fn bearer(token: &str) -> Result<MetadataMap, Status> {
    let mut metadata = MetadataMap::new();
    let value = format!("Bearer {token}");
    metadata.insert("authorization", value).map_err(|error| Status::internal(error.to_string()))?;
    Ok(metadata)
}

/// Who a server knows.
#[derive(Clone, Default)]
pub struct Accounts {
    /// Whose signature is good.
    pub service_account: Option<Arc<ServiceAccount>>,
    /// The access token that is good.
    pub access_token: Option<AccessToken>,
}

/// Who calls, and what the token is good for.
#[derive(Default)]
pub struct Caller {
    /// The account.
    pub email: String,
    /// Empty unless it came by an access token.
    pub scope: String,
}

impl Accounts {
    /// Whose call this is; `None`: it came without a token.
    ///
    /// # Errors
    /// UNAUTHENTICATED: the token is not one of those that are known here.
    pub fn caller(&self, metadata: &MetadataMap) -> Result<Option<Caller>, Status> {
        let Some(value) = metadata.get("authorization") else { return Ok(None) };
        let token =
            std::str::from_utf8(value.as_bytes()).ok().and_then(|value| value.strip_prefix("Bearer "));
        let token = token.ok_or_else(|| Status::unauthenticated("authorization is no bearer token"))?;
        if let Some(known) = self.access_token.as_ref().filter(|known| known.token == token) {
            return Ok(Some(Caller { email: known.email.clone(), scope: known.scope.clone() }));
        }
        let signer = self.service_account.as_ref().and_then(|account| account.verify(token));
        let email = signer.ok_or_else(|| Status::unauthenticated("the token is not known here"))?;
        Ok(Some(Caller { email, scope: String::new() }))
    }
}
