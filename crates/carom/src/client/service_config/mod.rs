//! Service configs, in which the owner of a service says how to call it (gRFC A2).
//!
//! A config comes with a resolution, or from the channel's builder. It chooses the load-balancing policy, and sets the
//! timeout, message size limits and wait-for-ready of methods. One that is invalid in any part is rejected as a whole;
//! the previous one stays in use (gRFC A21).

mod json;
mod method;
mod throttle;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use carom_wire::Status;

pub use self::json::{InvalidJson, Json};
pub use self::method::{MethodConfig, RetryPolicy};
pub use self::throttle::{RetryThrottle, RetryThrottling};
use super::balancer::{Chosen, Policies};

/// A config selector, which provides the configuration of each call's method. It is published together with the picker.
pub trait ConfigSelector: Send + Sync {
    /// Returns the configuration of a method, `/package.Service/Method`; `None` if there is none. This is on the path
    /// of every call and must not block.
    ///
    /// # Errors
    /// The status that the call ends with.
    fn select(&self, path: &[u8]) -> Result<Option<&MethodConfig>, Status>;

    /// The throttle of the channel's retries. Default: none, so that each call is tried again as its method's policy says.
    fn retry_throttle(&self) -> Option<&Arc<RetryThrottle>> {
        None
    }
}

/// A valid, parsed service config.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ServiceConfig {
    /// The configuration by `/service/method`, `/service/` or, for all others, the empty path.
    methods: HashMap<Box<[u8]>, Arc<MethodConfig>>,
    /// The load-balancing policy, if it names one.
    pub balancer: Option<Chosen>,
    /// The throttling of retries when too many calls fail.
    pub retry_throttling: Option<RetryThrottling>,
    throttle: Option<Arc<RetryThrottle>>,
    /// The service whose health each server is asked for; empty for the server as a whole.
    pub health_check_service: Option<Box<str>>,
}

/// The reason why a service config cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidServiceConfig {
    reason: String,
}

impl fmt::Display for InvalidServiceConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid service config: {}", self.reason)
    }
}

impl std::error::Error for InvalidServiceConfig {}

impl ServiceConfig {
    /// Parses the JSON form. `policies` are the load-balancing policies that it may name. Unknown fields are skipped.
    ///
    /// # Errors
    /// [`InvalidServiceConfig`] says what is wrong with it.
    pub fn parse(text: &str, policies: &Policies) -> Result<Self, InvalidServiceConfig> {
        let read = || {
            let json = Json::parse(text).map_err(|error| error.to_string())?;
            Self::read(&json, policies)
        };
        read().map_err(|reason: String| InvalidServiceConfig { reason })
    }

    fn read(json: &Json, policies: &Policies) -> Result<Self, String> {
        if json.as_object().is_none() {
            return Err("it is not an object".into());
        }
        let retry_throttling = json.get("retryThrottling").map(read_throttling).transpose()?;
        let mut config = Self {
            balancer: read_balancer(json, policies)?,
            retry_throttling,
            throttle: retry_throttling.map(RetryThrottle::new).map(Arc::new),
            ..Self::default()
        };
        if let Some(health) = json.get("healthCheckConfig") {
            let name = match (health.as_object(), health.get("serviceName")) {
                (Some(_), None) => "",
                (Some(_), Some(Json::String(name))) => name,
                _ => return Err("`healthCheckConfig` is not an object with a string `serviceName`".into()),
            };
            config.health_check_service = Some(name.into());
        }
        if let Some(entries) = json.get("methodConfig") {
            for entry in entries.as_array().ok_or("`methodConfig` is not an array")? {
                config.add_methods(entry)?;
            }
        }
        Ok(config)
    }

    fn add_methods(&mut self, entry: &Json) -> Result<(), String> {
        if entry.as_object().is_none() {
            return Err("an entry of `methodConfig` is not an object".into());
        }
        // An entry must be valid even if it names no method.
        let method = Arc::new(MethodConfig::read(entry)?);
        let Some(names) = entry.get("name") else { return Ok(()) };
        for name in names.as_array().ok_or("`name` of a method config is not an array")? {
            let path = read_name(name)?;
            if self.methods.insert(path.clone(), Arc::clone(&method)).is_some() {
                let path = path.escape_ascii();
                return Err(format!(
                    "`methodConfig` names `{path}` twice (empty: the default of all methods)"
                ));
            }
        }
        Ok(())
    }

    /// Whether it configures any method.
    pub fn has_methods(&self) -> bool {
        !self.methods.is_empty()
    }
}

impl ConfigSelector for ServiceConfig {
    fn select(&self, path: &[u8]) -> Result<Option<&MethodConfig>, Status> {
        let service = path.iter().rposition(|byte| *byte == b'/').map_or(&[][..], |slash| &path[..=slash]);
        let found = [path, service, &[]].into_iter().find_map(|path| self.methods.get(path));
        Ok(found.map(|method| &**method))
    }

    fn retry_throttle(&self) -> Option<&Arc<RetryThrottle>> {
        self.throttle.as_ref()
    }
}

/// Parses a name into its path: `/service/method`, `/service/`, or empty.
fn read_name(name: &Json) -> Result<Box<[u8]>, String> {
    if name.as_object().is_none() {
        return Err("a name of a method config is not an object".into());
    }
    let part = |key: &str| match name.get(key) {
        None => Ok(""),
        Some(value) => value.as_str().ok_or(format!("`{key}` of a method config's name is not a string")),
    };
    match (part("service")?, part("method")?) {
        ("", "") => Ok(Box::default()),
        ("", method) => Err(format!("a method config names the method `{method}` without a service")),
        (service, method) => Ok(format!("/{service}/{method}").into_bytes().into()),
    }
}

fn read_balancer(json: &Json, policies: &Policies) -> Result<Option<Chosen>, String> {
    if let Some(list) = json.get("loadBalancingConfig") {
        return policies.parse_list(list).map(Some);
    }
    let Some(name) = json.get("loadBalancingPolicy") else { return Ok(None) };
    let name = name.as_str().ok_or("`loadBalancingPolicy` is not a string")?.to_ascii_lowercase();
    let factory = policies.get(&name).ok_or(format!("the load-balancing policy `{name}` is unknown"))?;
    Ok(Some(Chosen { factory: Arc::clone(factory), config: None }))
}

fn read_throttling(json: &Json) -> Result<RetryThrottling, String> {
    let tokens = json.get("maxTokens").and_then(Json::as_u64).filter(|tokens| (1..=1000).contains(tokens));
    let max = tokens.ok_or("`maxTokens` of `retryThrottling` is not a whole number from 1 to 1000")?;
    // Decimals after the third are cut; a float just below the written thousandth counts as that thousandth.
    let ratio = json.get("tokenRatio").and_then(Json::as_f64).map(|ratio| (ratio * 1000.0 + 1e-6).floor());
    let ratio = ratio.filter(|ratio| (1.0..=f64::from(u32::MAX)).contains(ratio));
    let ratio = ratio.ok_or("`tokenRatio` of `retryThrottling` is not a number of at least 0.001")?;
    Ok(RetryThrottling { max_millitokens: max as u32 * 1000, millitoken_ratio: ratio as u32 })
}

#[cfg(test)]
mod tests;
