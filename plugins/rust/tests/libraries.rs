//! What this plugin, and a host in Rust, relies on in the libraries: docs/languages.md says the same.

use std::{
    convert::Infallible,
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    pin::Pin,
    sync::atomic::{AtomicU32, Ordering},
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, BufMut, Bytes};
use http::uri::PathAndQuery;
use tokio::{net::UnixListener, sync::mpsc, time::sleep};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{
    Code, Request, Response, Status,
    body::Body,
    client,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::{MetadataMap, MetadataValue},
    server::{Grpc, UnaryService},
    transport::{Channel, Endpoint, Server},
};

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Answer = Result<Response<Bytes>, Status>;

/// What each call is answered with, after what was seen of it.
type Handle = fn(Request<Bytes>) -> Boxed<Answer>;

/// A service of one handler for all calls.
#[derive(Clone)]
struct Service {
    handle: Handle,
    seen: mpsc::UnboundedSender<http::Uri>,
    limit: usize,
}

impl tower_service::Service<http::Request<Body>> for Service {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Boxed<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            service.seen.send(request.uri().clone()).unwrap();
            let mut grpc = Grpc::new(Raw).max_decoding_message_size(service.limit);
            Ok(grpc.unary(service, request).await)
        })
    }
}

impl UnaryService<Bytes> for Service {
    type Response = Bytes;
    type Future = Boxed<Answer>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        (self.handle)(request)
    }
}

/// tonic's codec that leaves messages as bytes.
#[derive(Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, data: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(data.copy_to_bytes(data.remaining())))
    }
}

const AS_IT_IS: usize = 4 << 20; // tonic's own limit of a message

fn socket() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("rust-{}-{count}", std::process::id()));
    let _ = fs::remove_file(&path);
    path
}

/// Serves by tonic's own server, with its own bounds, and returns a client's endpoint.
fn serve(
    server: Server,
    limit: usize,
    handle: Handle,
) -> (Endpoint, mpsc::UnboundedReceiver<http::Uri>) {
    let path = socket();
    let incoming = UnixListenerStream::new(UnixListener::bind(&path).unwrap());
    let (seen, sightings) = mpsc::unbounded_channel();
    let service = Service { handle, seen, limit };
    tokio::spawn(async move { server.serve_with_incoming(service, incoming).await });
    (Endpoint::from_shared(format!("unix:{}", path.display())).unwrap(), sightings)
}

async fn call(channel: Channel, request: Request<Bytes>) -> Answer {
    let mut client = client::Grpc::new(channel);
    client.ready().await.unwrap();
    client.unary(request, PathAndQuery::from_static("/a.B/C"), Raw).await
}

fn refuse(_: Request<Bytes>) -> Boxed<Answer> {
    Box::pin(async { Err(Status::aborted("seen")) })
}

#[tokio::test]
async fn a_client_of_a_socket_says_tonic() {
    let (endpoint, mut seen) = serve(Server::builder(), AS_IT_IS, refuse);
    let answer = call(endpoint.connect().await.unwrap(), Request::new(Bytes::new())).await;
    assert_eq!(answer.unwrap_err().code(), Code::Aborted);
    let uri = seen.recv().await.unwrap();
    assert_eq!(uri.authority().map(|authority| authority.as_str()), Some("tonic"));
}

#[test]
fn a_path_is_no_authority() {
    for authority in ["/tmp/a.sock", "%2Ftmp%2Fa.sock"] {
        assert!(authority.parse::<http::uri::Authority>().is_err());
    }
}

/// A trailer of that many bytes, after a long message.
fn with_trailer<const BYTES: usize>(_: Request<Bytes>) -> Boxed<Answer> {
    let every: Vec<u8> = (0..BYTES).map(|i| i as u8).collect();
    let mut metadata = MetadataMap::new();
    metadata.insert_bin("x-bin", MetadataValue::from_bytes(&every));
    Box::pin(async { Err(Status::with_metadata(Code::Aborted, "é".repeat(500), metadata)) })
}

async fn trailer(endpoint: Endpoint) -> Result<Bytes, Code> {
    let status =
        call(endpoint.connect().await.unwrap(), Request::new(Bytes::new())).await.unwrap_err();
    let value = status.metadata().get_bin("x-bin").ok_or(status.code())?;
    assert_eq!(status.message(), "é".repeat(500));
    value.to_bytes().map_err(|_| status.code())
}

#[tokio::test]
async fn bytes_of_a_trailer_arrive_within_the_clients_bound() {
    let (endpoint, _seen) = serve(Server::builder(), AS_IT_IS, with_trailer::<8000>);
    assert_eq!(trailer(endpoint).await.unwrap().len(), 8000);
    let (endpoint, _seen) = serve(Server::builder(), AS_IT_IS, with_trailer::<500_000>);
    assert_eq!(trailer(endpoint.clone()).await, Err(Code::ResourceExhausted));
    let bounded = endpoint.http2_max_header_list_size(1 << 20);
    assert_eq!(trailer(bounded).await.unwrap().len(), 500_000);
}

#[tokio::test]
async fn metadata_over_the_bound_is_refused() {
    let with = |bytes: usize| {
        let mut request = Request::new(Bytes::new());
        request.metadata_mut().insert("x", "x".repeat(bytes).parse().unwrap());
        request
    };
    let (endpoint, _seen) = serve(Server::builder(), AS_IT_IS, refuse);
    let channel = endpoint.connect().await.unwrap();
    for (bytes, code) in [(15_000, Code::Aborted), (17_000, Code::Unknown), (10, Code::Aborted)] {
        let status = call(channel.clone(), with(bytes)).await.unwrap_err();
        assert_eq!(status.code(), code, "{bytes}: {}", status.message()); // UNKNOWN is HTTP's 431
    }
    let server = Server::builder().http2_max_header_list_size(64 << 10);
    let (endpoint, _seen) = serve(server, AS_IT_IS, refuse);
    let channel = endpoint.connect().await.unwrap();
    for (bytes, code) in [(60_000, Code::Aborted), (70_000, Code::Unknown)] {
        let status = call(channel.clone(), with(bytes)).await.unwrap_err();
        assert_eq!(status.code(), code, "{bytes}: {}", status.message());
    }
}

#[tokio::test]
async fn a_server_takes_4_mib_unless_it_is_told() {
    let large = || Request::new(Bytes::from(vec![b'x'; AS_IT_IS + 1]));
    let (endpoint, _seen) = serve(Server::builder(), AS_IT_IS, refuse);
    let answer = call(endpoint.connect().await.unwrap(), large()).await;
    assert_eq!(answer.unwrap_err().code(), Code::OutOfRange);
    let (endpoint, _seen) = serve(Server::builder(), AS_IT_IS + 1, refuse);
    let answer = call(endpoint.connect().await.unwrap(), large()).await;
    assert_eq!(answer.unwrap_err().code(), Code::Aborted);
}

#[tokio::test]
async fn the_server_ends_a_call_at_its_deadline_as_cancelled() {
    let (endpoint, _seen) = serve(Server::builder(), AS_IT_IS, |_| {
        Box::pin(async {
            sleep(Duration::from_secs(60)).await;
            Ok(Response::new(Bytes::new()))
        })
    });
    // Of the header alone, so that the client's own clock does not come first.
    let mut request = Request::new(Bytes::new());
    request.metadata_mut().insert("grpc-timeout", "50m".parse().unwrap());
    let status = call(endpoint.connect().await.unwrap(), request).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Cancelled, "Timeout expired"));
}

#[tokio::test]
async fn a_handler_is_dropped_when_its_call_is_cancelled() {
    static DROPPED: AtomicU32 = AtomicU32::new(0);
    struct Notes;
    impl Drop for Notes {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
    let (endpoint, mut seen) = serve(Server::builder(), AS_IT_IS, |_| {
        Box::pin(async {
            let _notes = Notes;
            sleep(Duration::from_secs(60)).await;
            Ok(Response::new(Bytes::new()))
        })
    });
    let channel = endpoint.connect().await.unwrap();
    let waiting = tokio::spawn(call(channel, Request::new(Bytes::new())));
    seen.recv().await.unwrap();
    sleep(Duration::from_millis(200)).await;
    waiting.abort();
    while DROPPED.load(Ordering::Relaxed) == 0 {
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_listener_has_the_umasks_mode_and_leaves_its_socket() {
    let path = socket();
    let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o027));
    let listener = UnixListener::bind(&path).unwrap();
    rustix::process::umask(before);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o750);
    drop(listener);
    assert!(path.exists());
    fs::remove_file(&path).unwrap();
    assert!(UnixListener::bind(std::env::temp_dir().join("x".repeat(108))).is_err());
}

#[test]
fn prost_keeps_unknown_numbers_and_refuses_wrong_text() {
    #[derive(Clone, PartialEq, prost::Message)]
    struct Op {
        #[prost(enumeration = "Kind", tag = "1")]
        kind: i32,
        #[prost(string, tag = "2")]
        job: String,
    }
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
    #[repr(i32)]
    enum Kind {
        None = 0,
    }
    let op = <Op as prost::Message>::decode(&b"\x08\x09"[..]).unwrap();
    assert_eq!(op.kind, 9);
    assert_eq!(op.kind(), Kind::None); // the accessor hides it
    assert!(<Op as prost::Message>::decode(&b"\x12\x01\xff"[..]).is_err());
}

#[test]
fn serde_json_takes_more_than_the_protocol() {
    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(default)]
    struct Message {
        app: String,
        count: i32,
    }
    let read = |text: &str| serde_json::from_str::<Message>(text);
    let app = |app: &str| Message { app: app.into(), count: 0 };
    assert_eq!(read(r#"["a",0]"#).unwrap(), app("a")); // an array for an object
    assert_eq!(read(r#"{"x":1,"x":2,"app":"a"}"#).unwrap(), app("a"));
    assert!(read(r#"{"app":"a","app":"b"}"#).is_err());
    let map: std::collections::BTreeMap<String, i32> =
        serde_json::from_str(r#"{"a":1,"a":2}"#).unwrap();
    assert_eq!(map["a"], 2);
    assert_eq!(read(r#"{"x":"\ud800"}"#).unwrap(), app("")); // where nobody looks
    for text in [r#"{"app":"\ud800"}"#, r#"{"count":1.0}"#, r#"{"count":1e0}"#, r#"{"app":null}"#] {
        assert!(read(text).is_err(), "{text}");
    }
    assert!(read(r#"{"count":-0}"#).is_err()); // it takes -0 for a float
    let id: &serde_json::value::RawValue = serde_json::from_str("123456789012345678901").unwrap();
    assert_eq!(id.get(), "123456789012345678901");
}
