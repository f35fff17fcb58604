//! Publishing that there is nothing to pick from, and why.

use std::sync::Arc;

use carom_wire::Status;

use super::{Controller, FailPicker, Rejected};
use crate::client::connectivity::ConnectivityState;
use crate::client::error::SharedError;

/// Publishes TRANSIENT_FAILURE, with this message and its cause as the status of calls.
pub(super) fn publish(message: String, source: SharedError, controller: &mut dyn Controller) {
    let mut status = Status::unavailable(message);
    status.set_source(source);
    controller.publish(ConnectivityState::TransientFailure, Arc::new(FailPicker(status)));
}

/// Publishes that this error keeps a policy from having anything to pick from; `target` is the server's name as the
/// user gave it.
pub(super) fn publish_error(error: SharedError, target: &str, controller: &mut dyn Controller) {
    publish(format!("{error} (target: {target})"), error, controller);
}

/// Publishes that there are no addresses, and returns the rejection of the list.
pub(super) fn publish_no_addresses(target: &str, controller: &mut dyn Controller) -> Rejected {
    let rejected = Rejected::new("name resolution gave no addresses");
    let message = format!("name resolution gave no addresses (target: {target})");
    publish(message, Arc::new(rejected.clone()), controller);
    rejected
}
