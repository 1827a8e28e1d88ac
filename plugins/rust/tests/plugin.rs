//! The program as a host sees it: its start, what it refuses, its end.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_cronix-backend-memory");

fn secret() -> String {
    "5".repeat(64)
}

/// A plugin that runs. At the end of the test stdin ends, and nothing may be left.
struct Plugin {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    socket: PathBuf,
}

impl Plugin {
    fn start(transport: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder =
            std::env::temp_dir().join(format!("rust-plugin-{}-{count}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let socket = folder.join("s");
        let mut child = Command::new(PROGRAM)
            .env_clear()
            .env("CRONIX_PLUGIN_TRANSPORT", transport)
            .env("CRONIX_PLUGIN_SOCKET", &socket)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        if transport == "jsonrpc" {
            fs::remove_dir(&folder).unwrap();
        } else {
            writeln!(stdin.as_mut().unwrap(), "{}", secret()).unwrap();
        }
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert!(line.contains(&format!(" transport={transport} codec=")), "{line}");
        Plugin { child, stdin, stdout, socket }
    }

    /// Sends bytes on a connection of its own, and returns what comes until it is closed.
    fn exchange(&self, data: &str) -> String {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        stream.write_all(data.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn line(&mut self, line: &str) -> String {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
        self.answer()
    }

    fn answer(&mut self) -> String {
        let mut answer = String::new();
        self.stdout.read_line(&mut answer).unwrap();
        answer.trim_end().to_owned()
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let status = self.child.wait().unwrap();
        if !std::thread::panicking() {
            assert!(status.success(), "{status}");
            assert!(!self.socket.parent().unwrap().exists(), "the directory is left");
        }
    }
}

#[test]
fn a_host_has_to_start_it() {
    let done = Command::new(PROGRAM).env_clear().output().unwrap();
    assert!(!done.status.success());
    assert!(String::from_utf8_lossy(&done.stderr).contains("a host has to start it"));
    assert!(done.stdout.is_empty());
}

#[test]
fn only_its_own_user_can_connect() {
    for transport in ["grpc", "http"] {
        let plugin = Plugin::start(transport);
        let mode = fs::metadata(&plugin.socket).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn what_does_not_begin_with_http2_is_closed() {
    let plugin = Plugin::start("grpc");
    let mut stream = UnixStream::connect(&plugin.socket).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap_or_default(), 0); // or an error: the rest was not read
}

#[test]
fn what_is_no_call_is_refused_and_the_connection_closed() {
    let plugin = Plugin::start("http");
    let known = format!("Cronix-Secret: {}\r\n", secret());
    let post = "POST /cronix.backend.v1.Backend/Read HTTP/1.1\r\nHost: localhost\r\n";
    let json = "Content-Type: application/json\r\n";
    let length = "Content-Length: 2\r\n\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n";
    let long = "x".repeat(70_000);
    for (request, status, reason) in [
        ("hello\r\n\r\n".into(), 400, ""), // hyper's own refusals have no reason
        ("POST / HTTP/2.0\r\nHost: x\r\n\r\n".into(), 400, ""),
        (format!("POST /{long} HTTP/1.1\r\n\r\n"), 431, ""),
        (format!("{post}X: {long}\r\n\r\n"), 431, ""),
        (format!("{post}{}\r\n", "x: x\r\n".repeat(101)), 431, ""),
        (format!("{post}no colon\r\n\r\n"), 400, ""),
        (format!("{post}{known}{json}Content-Length: 1\r\n{length}{{}}"), 400, ""),
        (format!("POST / HTTP/1.0\r\n{known}\r\n"), 505, "MALFORMED_HTTP"),
        (format!("{post}{json}{length}{{}}"), 401, "SECRET"),
        (format!("{post}{known}{known}{json}{length}{{}}"), 401, "SECRET"),
        (format!("GET / HTTP/1.1\r\nHost: x\r\n{known}\r\n"), 405, "HTTP_METHOD"),
        (format!("{post}{known}Content-Type: text/plain\r\n{length}{{}}"), 415, "MEDIA_TYPE"),
        (format!("{post}{known}{json}\r\n"), 411, "MALFORMED_HTTP"),
        (format!("{post}{known}{json}Content-Length: 67108865\r\n\r\n"), 413, "MESSAGE_TOO_LARGE"),
        // hyper ignores the length, and closes the connection afterwards
        (format!("{post}{known}{json}{chunked}{length}2\r\n{{}}\r\n0\r\n\r\n"), 400, "NOT_OPEN"),
        (format!("{post}{known}{json}{chunked}\r\nzz\r\n"), 400, "MALFORMED_HTTP"),
    ] {
        let answer = plugin.exchange(&request);
        let short: String = request.chars().take(150).collect();
        let (version, rest) = answer.split_once(' ').unwrap_or_default();
        assert!(rest.starts_with(&status.to_string()), "{short}\n{answer}");
        assert!(answer.contains(reason), "{short}\n{answer}");
        assert!(version == "HTTP/1.0" || answer.contains("connection: close\r\n"), "{answer}");
    }
}

#[test]
fn a_connection_carries_many_calls() {
    let plugin = Plugin::start("http");
    let mut stream = UnixStream::connect(&plugin.socket).unwrap();
    for (method, timeout, request, status, answer) in [
        ("Read", 10_000_000, "{}", 400, "SESSION_NOT_OPEN"),
        ("OpenSession", 10_000_000, r#"{"protocol_versions":[1]}"#, 200, "memory"),
        ("Levitate", 10_000_000, "{}", 501, "UNKNOWN_METHOD"),
        ("Read", 10_000_000, r#"{"app":1}"#, 400, r#""path":"app""#),
        ("Read", 0, "{}", 504, "the deadline passed before the call was done"),
        ("Read", 1_000_000_000_000_000_000_u64, "{}", 200, "{}"),
        ("Apply", 10_000_000, "{}", 409, "STATE_CHANGED"),
        ("Read", 1_000_000_000_000_000_001, "{}", 400, "MALFORMED_HTTP"),
    ] {
        write!(
            stream,
            "POST /cronix.backend.v1.Backend/{method} HTTP/1.1\r\nHost: localhost\r\n\
             Cronix-Secret: {}\r\nCronix-Timeout-Us: {timeout}\r\nContent-Length: {}\r\n\
             Content-Type: application/json\r\n\r\n{request}",
            secret(),
            request.len()
        )
        .unwrap();
        let mut buffer = [0; 4096];
        let mut got = String::new();
        while !got.contains("\r\n\r\n") || !got.contains(answer) {
            let count = stream.read(&mut buffer).unwrap();
            assert!(count > 0, "{method}: {got}");
            got.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        assert!(got.starts_with(&format!("HTTP/1.1 {status} ")), "{method}: {got}");
    }
}

#[test]
fn of_too_many_strangers_the_oldest_ends() {
    let plugin = Plugin::start("http");
    let mut streams: Vec<UnixStream> =
        (0..65).map(|_| UnixStream::connect(&plugin.socket).unwrap()).collect();
    assert_eq!(streams[0].read(&mut [0]).unwrap_or_default(), 0);
    write!(streams[1], "GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    streams[1].read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
}

#[test]
fn lines_are_judged_as_json_rpc_has_it() {
    let mut plugin = Plugin::start("jsonrpc");
    let open = r#"{"jsonrpc":"2.0","method":"OpenSession","params":{"request":{"protocol_versions":[1]}},"id":1}"#;
    let read = r#"{"jsonrpc":"2.0","method":"Read","params":{"request":{}},"id":2}"#;
    for (line, answer) in [
        ("{", "-32700"),
        (r#"{"jsonrpc":"2.0","method":"Read","id":1,"\u0069d":2}"#, "-32700"),
        (
            r#"{"jsonrpc":"2.0","method":"Read","params":{"request":{"x":{"a":1,"a":1}}},"id":1}"#,
            "-32700",
        ),
        ("[]", "-32600"),
        ("1", "-32600"),
        (r#"{"jsonrpc":"2.0","method":"Read","id":true}"#, "-32600"),
        (r#"{"jsonrpc":"2.0","method":"Levitate","id":null}"#, "-32601"),
        (r#"{"jsonrpc":"2.0","method":"Read","params":[],"id":1}"#, "-32602"),
        (r#"{"jsonrpc":"2.0","method":"Read","params":{"request":[]},"id":1}"#, "-32602"),
        (read, "SESSION_NOT_OPEN"),
        (open, r#""plugin_name":"memory""#),
        (open, "SESSION_OPEN"),
        (read, r#"{"jsonrpc":"2.0","result":{},"id":2}"#),
        (
            r#"{"jsonrpc":"2.0","method":"Read","params":{"request":{"app":"\ud800"}},"id":3}"#,
            "-32602",
        ),
        (
            r#"{"jsonrpc":"2.0","method":"Read","params":{"request":{},"timeout_us":-1},"id":12345678901234567890123}"#,
            r#""id":12345678901234567890123}"#,
        ),
    ] {
        let got = plugin.line(line);
        assert!(got.contains(answer), "{line}\n{got}");
    }
    let got = plugin.line(&format!("[{read},1,{read}]"));
    assert!(got.starts_with(r#"[{"jsonrpc":"2.0","result":{},"id":2},{"#), "{got}");
    assert!(got.ends_with(r#"{"jsonrpc":"2.0","result":{},"id":2}]"#), "{got}");
    let got = plugin.line(&format!("[{}1]", "1,".repeat(128)));
    assert!(got.contains("TOO_MANY_CALLS") && got.ends_with(r#""id":null}"#), "{got}");
}

#[test]
fn a_cancel_finds_its_call_and_a_bug_ends_only_its_own() {
    let mut plugin = Plugin::start("jsonrpc");
    let faults = "Read=sleep:60;Plan=panic:oh dear";
    plugin.line(&format!(
        r#"{{"jsonrpc":"2.0","method":"OpenSession","params":{{"request":{{"protocol_versions":[1],"config":{{"faults":"{faults}"}}}}}},"id":1}}"#
    ));
    let got = plugin.line(r#"{"jsonrpc":"2.0","method":"Plan","params":{"request":{}},"id":2}"#);
    assert!(
        got.contains("-32013") && got.contains("PANIC") && got.contains("memory 0.1.0"),
        "{got}"
    );
    let read = r#"{"jsonrpc":"2.0","method":"Read","params":{"request":{}},"id":"a"}"#;
    let cancel = r#"{"jsonrpc":"2.0","method":"cancel","params":{"id":"\u0061"}}"#;
    let got = plugin.line(&format!("{read}\n{cancel}"));
    assert!(got.contains("-32001") && got.contains("the call was cancelled"), "{got}");
    writeln!(plugin.stdin.as_mut().unwrap(), "{read}").unwrap(); // it is not waited for
}
