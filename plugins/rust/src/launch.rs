//! Starts the transport that the host asks for (P-START, P-HANDSHAKE) and ends it with the host (P-STOP).

use std::{
    env,
    fs::File,
    io::{self, Read, Write},
    os::fd::OwnedFd,
};

use rustix::stdio;
use subtle::ConstantTimeEq;
use tokio::runtime;

use crate::{
    grpc, http, jsonrpc,
    session::{NAME, VERSION},
    socket,
    wire::Codec,
};

/// What ends a start, in words for a person who reads stderr.
pub type Failure = Box<dyn std::error::Error>;

/// What the host asks for, and what it is answered on.
pub struct Launch {
    pub transport: String,
    pub codec: Codec,
    pub stdin: File,
    pub stdout: File,
}

/// Serves until the host ends the session.
pub fn run() -> Result<(), Failure> {
    let Ok(transport) = env::var("CRONIX_PLUGIN_TRANSPORT") else {
        return Err("this is a plugin of cronix: a host has to start it".into());
    };
    let codecs: &[Codec] = match transport.as_str() {
        "grpc" => &[Codec::Protobuf, Codec::Json],
        "http" => &[Codec::Json, Codec::Protobuf],
        "jsonrpc" => &[Codec::Json],
        _ => return Err(format!("no transport {transport:?}").into()),
    };
    let codec = match env::var("CRONIX_PLUGIN_CODEC") {
        Ok(name) => codecs.iter().find(|codec| codec.name() == name),
        Err(_) => codecs.first(),
    };
    let codec = *codec.ok_or(format!("{transport} has no such codec"))?;
    let (stdin, stdout) = move_streams()?;
    let mut launch = Launch { transport, codec, stdin, stdout };
    // One thread: an operation on memory takes less than a millisecond. A store that waits for files
    // belongs into tokio::task::spawn_blocking.
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let result = if launch.transport == "jsonrpc" {
        runtime.block_on(jsonrpc::serve(launch))
    } else {
        let secret = Secret::read(&mut launch.stdin)?;
        runtime.block_on(async {
            match launch.transport.as_str() {
                "grpc" => socket::serve(launch, grpc::Server::new(secret)).await,
                _ => socket::serve(launch, http::Server::new(secret)).await,
            }
        })
    };
    runtime.shutdown_background(); // P-STOP-2: calls that do not end are not waited for
    result
}

impl Launch {
    /// Tells the host that it can call (P-HANDSHAKE-1).
    pub fn handshake(&mut self, endpoint: &str) -> io::Result<()> {
        let (transport, codec) = (&self.transport, self.codec.name());
        let words = format!("transport={transport} codec={codec} name={NAME} version={VERSION}");
        self.stdout.write_all(format!("CRONIX-PLUGIN-V1 {endpoint} {words}\n").as_bytes())
    }
}

/// Takes the host's pipes away from descriptors 0 and 1, where a child, or code that prints, would read
/// and write them (P-HANDSHAKE-6).
fn move_streams() -> io::Result<(File, File)> {
    let away = |descriptor| -> io::Result<File> {
        let copy: OwnedFd = rustix::io::fcntl_dupfd_cloexec(descriptor, 3)?;
        Ok(copy.into())
    };
    let streams = (away(stdio::stdin())?, away(stdio::stdout())?);
    stdio::dup2_stdin(File::open("/dev/null")?)?;
    stdio::dup2_stdout(stdio::stderr())?;
    Ok(streams)
}

/// What each call has to carry (P-AUTH-1).
pub struct Secret([u8; 64]);

impl Secret {
    fn read(stdin: &mut impl Read) -> Result<Self, Failure> {
        let mut line = [0; 65];
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        match (stdin.read_exact(&mut line), line.split_last_chunk()) {
            (Ok(()), Some((_, b"\n"))) if line[..64].iter().all(is_digit) => {
                Ok(Secret(line[..64].try_into()?))
            }
            _ => {
                Err("stdin does not begin with a launch's secret: a host has to start this plugin"
                    .into())
            }
        }
    }

    /// Whether a call has shown the secret, once, in a time that does not depend on how much of it is
    /// right (P-AUTH-2).
    pub fn is_shown<'a>(&self, mut values: impl Iterator<Item = &'a [u8]>) -> bool {
        match (values.next(), values.next()) {
            (Some(only), None) => self.0.ct_eq(only).into(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn without_the_secret_there_is_no_start() {
        let digits = "5".repeat(64);
        for text in ["", "x\n", &"5".repeat(65), &format!("{}\n", "G".repeat(64)), &digits] {
            assert!(Secret::read(&mut text.as_bytes()).is_err(), "{text:?}");
        }
        let secret = Secret::read(&mut format!("{digits}\n").as_bytes()).unwrap();
        let shown = |values: &[&str]| secret.is_shown(values.iter().map(|value| value.as_bytes()));
        assert!(shown(&[&digits]));
        assert!(!shown(&[]));
        assert!(!shown(&[&digits[1..]]));
        assert!(!shown(&[&digits, &digits]));
    }
}
