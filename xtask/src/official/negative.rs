//! Servers that misbehave: the negative HTTP/2 cases.

use super::Trial;
use super::kit::Kit;
use super::peers::Peer;

pub(crate) fn run(_kit: &Kit, _present: &[Box<dyn Peer>]) -> Result<Vec<Trial>, String> {
    Ok(Vec::new())
}
