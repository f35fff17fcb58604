use std::fmt;

/// The status codes of gRPC.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The call succeeded.
    Ok = 0,
    /// The call was cancelled, typically by the caller.
    Cancelled = 1,
    /// An error about which nothing more is known.
    Unknown = 2,
    /// The client sent an argument that is invalid regardless of the state of the system.
    InvalidArgument = 3,
    /// The deadline passed before the call ended.
    DeadlineExceeded = 4,
    /// The requested entity does not exist.
    NotFound = 5,
    /// The entity to be created already exists.
    AlreadyExists = 6,
    /// The caller does not have permission to do this.
    PermissionDenied = 7,
    /// A quota, a limit or memory is exhausted.
    ResourceExhausted = 8,
    /// The system is not in the state that the call requires.
    FailedPrecondition = 9,
    /// The call was aborted, typically because of a conflict with another.
    Aborted = 10,
    /// The call went past the valid range.
    OutOfRange = 11,
    /// The server does not implement the method.
    Unimplemented = 12,
    /// An invariant of the system is broken.
    Internal = 13,
    /// The service cannot be reached now; a retry may succeed.
    Unavailable = 14,
    /// Data is lost or corrupt beyond repair.
    DataLoss = 15,
    /// The caller has no valid authentication credentials.
    Unauthenticated = 16,
}

/// Each code at the index of its number, with its value on the wire, its name and its meaning.
static CODES: [(Code, &str, &str, &str); 17] = [
    (Code::Ok, "0", "OK", "the call succeeded"),
    (Code::Cancelled, "1", "CANCELLED", "the call was cancelled"),
    (Code::Unknown, "2", "UNKNOWN", "unknown error"),
    (Code::InvalidArgument, "3", "INVALID_ARGUMENT", "the client sent an invalid argument"),
    (Code::DeadlineExceeded, "4", "DEADLINE_EXCEEDED", "the deadline passed before the call ended"),
    (Code::NotFound, "5", "NOT_FOUND", "the requested entity does not exist"),
    (Code::AlreadyExists, "6", "ALREADY_EXISTS", "the entity to be created already exists"),
    (Code::PermissionDenied, "7", "PERMISSION_DENIED", "the caller has no permission"),
    (Code::ResourceExhausted, "8", "RESOURCE_EXHAUSTED", "a resource is used up"),
    (Code::FailedPrecondition, "9", "FAILED_PRECONDITION", "the system is not in the state the call needs"),
    (Code::Aborted, "10", "ABORTED", "the call was aborted"),
    (Code::OutOfRange, "11", "OUT_OF_RANGE", "the call went past the valid range"),
    (Code::Unimplemented, "12", "UNIMPLEMENTED", "the method is not implemented"),
    (Code::Internal, "13", "INTERNAL", "internal error"),
    (Code::Unavailable, "14", "UNAVAILABLE", "the service is unavailable"),
    (Code::DataLoss, "15", "DATA_LOSS", "data is lost or corrupt"),
    (Code::Unauthenticated, "16", "UNAUTHENTICATED", "the caller is not authenticated"),
];

impl Code {
    /// Returns the code with this number; [`Code::Unknown`] if there is none.
    pub fn from_i32(number: i32) -> Self {
        let known = usize::try_from(number).ok().and_then(|number| CODES.get(number));
        known.map_or(Self::Unknown, |(code, ..)| *code)
    }

    /// Reads the value of `grpc-status`: decimal without leading zeros. Anything else is [`Code::Unknown`].
    pub fn from_bytes(text: &[u8]) -> Self {
        match *text {
            [digit @ b'0'..=b'9'] => Self::from_i32(i32::from(digit - b'0')),
            [b'1', digit @ b'0'..=b'9'] => Self::from_i32(10 + i32::from(digit - b'0')),
            _ => Self::Unknown,
        }
    }

    /// The value for `grpc-status`: `"0"` to `"16"`.
    pub fn as_str(self) -> &'static str {
        CODES[self as usize].1
    }

    /// The name as the specification writes it, such as `DEADLINE_EXCEEDED`.
    pub fn name(self) -> &'static str {
        CODES[self as usize].2
    }

    /// The meaning of the code, in a few words.
    pub fn description(self) -> &'static str {
        CODES[self as usize].3
    }
}

impl From<i32> for Code {
    fn from(number: i32) -> Self {
        Self::from_i32(number)
    }
}

impl From<Code> for i32 {
    fn from(code: Code) -> Self {
        code as Self
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
