//! A cronix plugin that keeps its entries in memory. A host starts it; it speaks gRPC, JSON-RPC and HTTP.

mod faults;
mod grpc;
mod http;
mod jsonrpc;
mod launch;
mod log;
mod memory;
mod session;
mod socket;
mod status;
mod wire;

use std::process::ExitCode;

fn main() -> ExitCode {
    log::panics();
    match launch::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cronix-backend-{}: {error}", session::NAME);
            ExitCode::FAILURE
        }
    }
}
