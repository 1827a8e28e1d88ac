//! The errors of the protocol (P-ERR): a code, a message and details.

use std::fmt;

use crate::wire::pb::{ErrorDetails, Status};

/// Bounds each text of an error, in bytes (P-ERR-3).
const MAX_TEXT: usize = 8192;

/// One of gRPC's canonical codes without OK (P-ERR-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    Cancelled = 1,
    Unknown,
    InvalidArgument,
    DeadlineExceeded,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    ResourceExhausted,
    FailedPrecondition,
    Aborted,
    OutOfRange,
    Unimplemented,
    Internal,
    Unavailable,
    DataLoss,
    Unauthenticated,
}

/// Each code with its name and its HTTP status (P-ERR-2).
const CODES: [(Code, &str, u16); 16] = [
    (Code::Cancelled, "CANCELLED", 499),
    (Code::Unknown, "UNKNOWN", 500),
    (Code::InvalidArgument, "INVALID_ARGUMENT", 400),
    (Code::DeadlineExceeded, "DEADLINE_EXCEEDED", 504),
    (Code::NotFound, "NOT_FOUND", 404),
    (Code::AlreadyExists, "ALREADY_EXISTS", 409),
    (Code::PermissionDenied, "PERMISSION_DENIED", 403),
    (Code::ResourceExhausted, "RESOURCE_EXHAUSTED", 429),
    (Code::FailedPrecondition, "FAILED_PRECONDITION", 400),
    (Code::Aborted, "ABORTED", 409),
    (Code::OutOfRange, "OUT_OF_RANGE", 400),
    (Code::Unimplemented, "UNIMPLEMENTED", 501),
    (Code::Internal, "INTERNAL", 500),
    (Code::Unavailable, "UNAVAILABLE", 503),
    (Code::DataLoss, "DATA_LOSS", 500),
    (Code::Unauthenticated, "UNAUTHENTICATED", 401),
];

impl Code {
    pub fn named(name: &str) -> Option<Self> {
        CODES.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    pub fn name(self) -> &'static str {
        CODES[self as usize - 1].1
    }

    pub fn http(self) -> u16 {
        CODES[self as usize - 1].2
    }
}

/// A failed call. Its texts are within their bounds once it is a [`Status`].
#[derive(Clone, Debug)]
pub struct Error {
    pub code: Code,
    pub message: String,
    pub details: Box<ErrorDetails>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.message)
    }
}

impl std::error::Error for Error {}

impl Error {
    pub fn new(code: Code, message: impl Into<String>, details: ErrorDetails) -> Self {
        Error { code, message: message.into(), details: Box::new(details) }
    }

    /// A request that is no such message (P-CODEC-3); the path may be empty.
    pub fn unreadable(path: &str, problem: &str) -> Self {
        let message = match path {
            "" => problem.to_owned(),
            _ => format!("{path}: {problem}"),
        };
        let details = ErrorDetails {
            reason: "UNREADABLE_REQUEST".into(),
            path: path.into(),
            ..Default::default()
        };
        Error::new(Code::InvalidArgument, message, details)
    }

    /// A message over the limit (P-LIMIT-1).
    pub fn too_large(what: &str, limit: usize) -> Self {
        let details = ErrorDetails {
            reason: "MESSAGE_TOO_LARGE".into(),
            expected: format!("at most {limit} bytes"),
            ..Default::default()
        };
        Error::new(
            Code::ResourceExhausted,
            format!("the {what} is over {limit} bytes long"),
            details,
        )
    }

    /// A call over the bound (P-LIMIT-2).
    pub fn too_many_calls(bound: usize) -> Self {
        let details = ErrorDetails {
            reason: "TOO_MANY_CALLS".into(),
            expected: format!("at most {bound}"),
            action: "wait for a call to end".into(),
            ..Default::default()
        };
        Error::new(Code::ResourceExhausted, format!("{bound} calls are under way"), details)
    }

    /// A call without the launch's secret (P-AUTH-2).
    pub fn unauthenticated() -> Self {
        let details = ErrorDetails { reason: "SECRET".into(), ..Default::default() };
        let message = "the call does not carry the launch's secret";
        Error::new(Code::Unauthenticated, message, details)
    }

    /// A call past its deadline (P-DEADLINE-2).
    pub fn late() -> Self {
        let message = "the deadline passed before the call was done";
        Error::new(Code::DeadlineExceeded, message, ErrorDetails::default())
    }

    /// A call that the host does not want any more (P-CANCEL-2).
    pub fn cancelled() -> Self {
        Error::new(Code::Cancelled, "the call was cancelled", ErrorDetails::default())
    }

    /// The error as a message of the protocol, each text within its bound.
    pub fn status(self) -> Status {
        let mut details = *self.details;
        for text in [
            &mut details.reason,
            &mut details.path,
            &mut details.expected,
            &mut details.got,
            &mut details.action,
        ] {
            cut(text);
        }
        let mut message = self.message;
        cut(&mut message);
        Status { code: self.code as i32, message, details: Some(details) }
    }
}

/// Shortens a text between two code points; its end says how long it was.
fn cut(text: &mut String) {
    if text.len() > MAX_TEXT {
        let end = format!("... ({} bytes in all)", text.len());
        text.truncate(text.floor_char_boundary(MAX_TEXT - end.len()));
        text.push_str(&end);
    }
}

#[cfg(test)]
mod tests {
    use super::{Code, Error, MAX_TEXT};

    #[test]
    fn a_long_text_says_how_long_it_was() {
        let long = "é".repeat(6000);
        let status = Error::unreadable(&long, "").status();
        let path = status.details.unwrap().path;
        assert!(path.len() <= MAX_TEXT && path.len() > MAX_TEXT - 4);
        assert!(path.ends_with("é... (12000 bytes in all)"));
        assert!(status.message.ends_with(" bytes in all)"));
    }

    #[test]
    fn codes_have_their_names() {
        assert_eq!(Code::named("UNAUTHENTICATED"), Some(Code::Unauthenticated));
        assert_eq!(Code::named("OK"), None);
        assert_eq!((Code::Aborted.name(), Code::Aborted.http()), ("ABORTED", 409));
    }
}
