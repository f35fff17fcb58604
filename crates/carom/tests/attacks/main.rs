//! The table of SECURITY.md, row by row: an attacker writes frames by hand to a server in a process of its own, over TCP.
//! That process must not grow past a bound or burn processor time, and another client on another connection must not
//! notice.
#![cfg(target_os = "linux")]

mod connections;
mod floods;
mod headers;
mod messages;
mod raw;
mod resets;
mod stalls;
mod victim;
