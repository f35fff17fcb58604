//! Two engines, a virtual clock and no sockets.

mod attacks;
mod flow;
mod goaway;
mod honest;
mod lifetime;
mod pair;
mod pings;
mod protocol;
mod resets;
mod scheduling;
mod simulation;
