//! x
use crate::driver::Options;
use std::{ffi::OsString, io::Write};
pub(crate) fn run(_: Options, _: &[OsString], _: &mut dyn Write, _: &mut dyn Write) -> i32 {
    1
}
