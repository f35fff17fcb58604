//! Two engines, a virtual clock and no sockets.

mod attacks;
mod flow;
mod goaway;
mod pair;
mod protocol;
mod scheduling;
mod simulation;
