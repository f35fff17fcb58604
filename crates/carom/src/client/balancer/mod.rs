//! Load balancing: from addresses to the connection that a call takes.
//!
//! A [`Policy`] lives in the channel's control task. It is told of addresses and of the connectivity of its
//! subchannels, acts through a [`Controller`], and publishes immutable [`Picker`]s, which are all that a call touches.
//! No policy sees a transport or a clock: subchannels pace their own attempts to connect.

mod pick_first;

use std::sync::Arc;
use std::time::Duration;

use carom_wire::Status;

pub(crate) use self::pick_first::PickFirst;
use super::connectivity::ConnectivityState;
use super::resolver::Address;
use super::subchannel::Subchannel;

/// What a policy hears of a subchannel.
#[derive(Debug, Clone)]
pub(crate) enum SubchannelState {
    Idle,
    Connecting,
    Ready,
    /// The attempt failed, for this cause. [`Idle`](Self::Idle) follows when the wait is over.
    TransientFailure(Arc<str>),
}

/// Decides which subchannels there are and what calls do meanwhile.
pub(crate) trait Policy: Send {
    /// The resolver found these addresses, best first.
    fn update(&mut self, addresses: &[Address], controller: &mut dyn Controller);
    /// The resolver failed. What it found before stays good.
    fn resolver_error(&mut self, message: &str, controller: &mut dyn Controller);
    /// A subchannel of this policy changed.
    fn subchannel_changed(
        &mut self,
        subchannel: &Arc<Subchannel>,
        state: &SubchannelState,
        controller: &mut dyn Controller,
    );
    /// Somebody wants a connection: a call came while the state was IDLE, or the user asked.
    fn exit_idle(&mut self, controller: &mut dyn Controller);
    /// The timer that the policy set is due.
    fn timer_expired(&mut self, controller: &mut dyn Controller);
}

/// What a policy may do.
pub(crate) trait Controller {
    /// Makes a subchannel, IDLE at first.
    fn create_subchannel(&mut self, address: Address) -> Arc<Subchannel>;
    /// Drops a subchannel. Calls on its connection go on; nothing more is heard of it.
    fn remove_subchannel(&mut self, subchannel: &Arc<Subchannel>);
    /// Asks an IDLE subchannel to connect. In any other state nothing happens.
    fn connect(&mut self, subchannel: &Arc<Subchannel>);
    /// Sets the state of the channel and what calls ask from now on.
    fn publish(&mut self, state: ConnectivityState, picker: Arc<dyn Picker>);
    /// Sets the policy's one timer, or stops it.
    fn set_timer(&mut self, after: Option<Duration>);
    /// Tells the resolver that the addresses may be out of date.
    fn request_resolution(&mut self);
}

/// Decides for a call. Immutable: a policy that thinks otherwise publishes another.
pub(crate) trait Picker: Send + Sync {
    fn pick(&self) -> Pick<'_>;
}

/// What becomes of a call.
pub(crate) enum Pick<'a> {
    /// It goes to this subchannel.
    Use(&'a Subchannel),
    /// It waits for another picker.
    Queue,
    /// It fails with this status, unless it waits for readiness.
    Fail(Status),
}

/// Lets calls wait.
pub(crate) struct QueuePicker;

impl Picker for QueuePicker {
    fn pick(&self) -> Pick<'_> {
        Pick::Queue
    }
}

/// Fails calls.
pub(crate) struct FailPicker(pub(crate) Status);

impl Picker for FailPicker {
    fn pick(&self) -> Pick<'_> {
        Pick::Fail(self.0.clone())
    }
}

/// Sends all calls to one subchannel.
pub(crate) struct SinglePicker(pub(crate) Arc<Subchannel>);

impl Picker for SinglePicker {
    fn pick(&self) -> Pick<'_> {
        Pick::Use(&self.0)
    }
}
