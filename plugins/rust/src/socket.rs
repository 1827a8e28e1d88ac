//! A transport on a Unix socket: the listener, its connections, and the end of the session.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustix::fs::Mode;
use serde_json::json;
use tokio::{
    net::{UnixListener, UnixStream, unix::pipe},
    select,
    signal::unix::{SignalKind, signal},
    time::sleep,
};

use crate::{
    launch::{Failure, Launch},
    log,
};

/// What serves a connection until it is closed.
pub trait Serve: Send + Sync + 'static {
    fn connection(self: Arc<Self>, stream: UnixStream) -> impl Future<Output = ()> + Send;
}

/// Serves until stdin ends, or SIGTERM comes (P-STOP-2).
pub async fn serve(mut launch: Launch, server: impl Serve) -> Result<(), Failure> {
    let path = env::var("CRONIX_PLUGIN_SOCKET")?;
    let listener = listen(&path)?;
    let _socket = Socket(path.clone().into());
    let mut terminate = signal(SignalKind::terminate())?;
    launch.handshake(&path)?;
    let mut stdin = pipe::Receiver::from_file(launch.stdin)?;
    let mut nowhere = tokio::io::sink();
    select! {
        () = accept(listener, Arc::new(server)) => {}
        _ = tokio::io::copy(&mut stdin, &mut nowhere) => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// Makes the socket, which only this user can connect to (P-START-1).
fn listen(path: &str) -> io::Result<UnixListener> {
    let before = rustix::process::umask(Mode::from_raw_mode(0o177));
    let listener = UnixListener::bind(path);
    rustix::process::umask(before);
    listener
}

/// Removes the socket and its private directory at the end. The host does so as well (P-STOP-4).
struct Socket(PathBuf);

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
        let _ = self.0.parent().map(Path::new).map(fs::remove_dir);
    }
}

async fn accept<S: Serve>(listener: UnixListener, server: Arc<S>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(server.clone().connection(stream));
            }
            Err(error) => {
                log::write("warning", "no connection taken", json!({ "error": error.to_string() }));
                sleep(Duration::from_millis(100)).await; // for want of descriptors, most likely
            }
        }
    }
}
