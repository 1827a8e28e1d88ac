//! Fails on request, in the ways of the lab's echo plugin (docs/echo-faults.md), so that the conformance
//! suite can look at what the transports make of it. No plugin needs it for its work.

use std::{
    collections::BTreeMap,
    process::exit,
    sync::atomic::{AtomicI32, Ordering},
    thread,
    time::Duration,
};

use serde_json::json;
use tokio::{process::Command, task::spawn_blocking, time::sleep};

use crate::{
    log,
    memory::Store,
    session::{Context, Events},
    status::{Code, Error},
    wire::pb::{
        ApplyEvent, ApplyEventKind, Counts, Entry, ErrorDetails, PlanReply, ReadReply, ReadRequest,
    },
};

/// The faults that the configuration asks for.
pub struct Faults {
    by_method: BTreeMap<String, Vec<Fault>>,
    by_request: bool,
    cancelled: AtomicI32,
}

#[derive(Clone)]
pub enum Fault {
    Error(Code),
    Refuse(String),
    Panic(String),
    Sleep(Duration),
    Block(Duration),
    Die(String),
    Exit(i32),
    Print(String),
    Child(String),
    Log(String),
    Say(String),
    Size(usize),
    Echo,
    Cancelled,
    Events(usize, Duration),
    ExitAfter(usize),
}

const METHODS: [&str; 9] =
    ["OpenSession", "Read", "Plan", "Apply", "Drift", "Prune", "Adopt", "VerifyOwnership", "*"];

impl Faults {
    pub const fn none() -> Self {
        Faults { by_method: BTreeMap::new(), by_request: false, cancelled: AtomicI32::new(0) }
    }

    /// Reads the config value `faults`.
    pub fn parse(config: &str) -> Result<Self, Error> {
        const PATH: &str = "config/faults";
        let mut faults = Faults::none();
        for part in config.split(';').filter(|part| !part.is_empty()) {
            if part == "requests" {
                faults.by_request = true;
                continue;
            }
            let (method, text) = part.split_once('=').unwrap_or((part, ""));
            if !METHODS.contains(&method) {
                return Err(unknown(PATH, "method", method));
            }
            let fault = Fault::parse(text, method, PATH)?;
            faults.by_method.entry(method.into()).or_default().push(fault);
        }
        Ok(faults)
    }

    /// Does what strikes a call. Returns the faults, as some are left to the method.
    pub async fn strike(
        &self,
        context: &Context,
        method: &str,
        app: &str,
    ) -> Result<Vec<Fault>, Error> {
        let of = |name: &str| self.by_method.get(name).cloned().unwrap_or_default();
        let mut found = of(method);
        if method != "OpenSession" {
            let all = of("*").into_iter();
            found.extend(all.filter(|fault| fault.only().is_none_or(|only| only == method)));
        }
        if let Some(own) = app.strip_prefix('!')
            && self.by_request
        {
            found.push(Fault::parse(own, method, "app")?);
        }
        for fault in &found {
            self.count(fault.strike(context).await)?;
        }
        Ok(found)
    }

    /// Counts a call that was seen cancelled.
    fn count<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(Error { code: Code::Cancelled, .. }) = &result {
            self.cancelled.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    /// The reply of a fault, if one has a reply.
    pub async fn read(
        &self,
        context: &Context,
        request: &ReadRequest,
    ) -> Result<Option<ReadReply>, Error> {
        let found = self.strike(context, "Read", request.app()).await?;
        let reply = |entry| ReadReply { entries: vec![entry], malformed: Vec::new() };
        let command = |command| reply(Entry { command, ..Default::default() });
        Ok(found.into_iter().find_map(|fault| match fault {
            Fault::Size(count) => Some(command("x".repeat(count))),
            Fault::Say(text) => Some(command(text)),
            Fault::Echo => Some(command(request.app().into())),
            Fault::Cancelled => {
                let index = self.cancelled.load(Ordering::Relaxed);
                Some(reply(Entry { index, ..Default::default() }))
            }
            _ => None,
        }))
    }

    /// Lets a fault make the stream, or applies.
    pub async fn apply(
        &self,
        context: &Context,
        store: &Store,
        plan: PlanReply,
        events: &Events,
    ) -> Result<(), Error> {
        let found = self.strike(context, "Apply", &plan.app).await?;
        for fault in found {
            match fault {
                Fault::Events(count, pause) => {
                    return self.count(stream(context, count, pause, events).await);
                }
                Fault::ExitAfter(count) => {
                    return exit_after(context, store, plan, count, events).await;
                }
                _ => {}
            }
        }
        store.apply(context, plan, events).await
    }
}

impl Fault {
    fn parse(text: &str, method: &str, path: &str) -> Result<Self, Error> {
        let (action, argument) = text.split_once(':').unwrap_or((text, ""));
        let wrong = || unknown(path, "argument", argument);
        let number = |text: &str| text.parse().map_err(|_| wrong());
        let seconds = |text: &str| match text.parse().map(Duration::try_from_secs_f64) {
            Ok(Ok(duration)) => Ok(duration),
            _ => Err(wrong()),
        };
        let fault = match action {
            "error" => Fault::Error(Code::named(argument).ok_or_else(wrong)?),
            "refuse" => Fault::Refuse(argument.into()),
            "panic" => Fault::Panic(argument.into()),
            "sleep" => Fault::Sleep(seconds(argument)?),
            "block" => Fault::Block(seconds(argument)?),
            "die" => Fault::Die(argument.into()),
            "exit" => Fault::Exit(argument.parse().map_err(|_| wrong())?),
            "print" => Fault::Print(argument.into()),
            "child" => Fault::Child(argument.into()),
            "log" => Fault::Log(argument.into()),
            "say" => Fault::Say(argument.into()),
            "size" => Fault::Size(number(argument)?),
            "echo" => Fault::Echo,
            "cancelled" => Fault::Cancelled,
            "events" => match argument.split_once(':') {
                Some((count, pause)) => Fault::Events(number(count)?, seconds(pause)?),
                None => Fault::Events(number(argument)?, Duration::ZERO),
            },
            "exit_after" => Fault::ExitAfter(number(argument)?),
            _ => return Err(unknown(path, "action", action)),
        };
        match fault.only() {
            Some(only) if method != only && method != "*" => Err(unknown(path, "action", action)),
            _ => Ok(fault),
        }
    }

    /// The one method that has this fault, if not all have it.
    fn only(&self) -> Option<&'static str> {
        match self {
            Fault::Log(_) | Fault::Say(_) | Fault::Size(_) | Fault::Echo | Fault::Cancelled => {
                Some("Read")
            }
            Fault::Events(..) | Fault::ExitAfter(_) => Some("Apply"),
            _ => None,
        }
    }

    /// Does what a fault of every method does.
    async fn strike(&self, context: &Context) -> Result<(), Error> {
        match self {
            Fault::Error(code) => return Err(full_error(*code)),
            Fault::Refuse(text) => return Err(refusal(text)),
            Fault::Panic(text) => panic!("{text}"),
            Fault::Sleep(duration) => return context.wait(*duration).await,
            Fault::Block(duration) => {
                let duration = *duration;
                spawn_blocking(move || thread::sleep(duration)).await.expect("a sleep is no bug");
            }
            Fault::Die(text) => {
                eprintln!("{text}");
                exit(3);
            }
            Fault::Exit(status) => exit(*status),
            Fault::Print(text) => {
                println!("{text}");
                println!("{text}");
            }
            Fault::Child(text) => {
                let script = r#"echo "$1"; exec cat"#;
                let child = Command::new("/bin/sh").args(["-c", script, "child", text]).status();
                child.await.map_err(|error| refusal(&error.to_string()))?;
            }
            Fault::Log(text) => log::write("warning", text, json!({ "value": text })),
            _ => {}
        }
        Ok(())
    }
}

fn unknown(path: &str, what: &str, got: &str) -> Error {
    let details = ErrorDetails {
        reason: "UNKNOWN_FAULT".into(),
        path: path.into(),
        got: got.into(),
        ..Default::default()
    };
    Error::new(Code::InvalidArgument, format!("no {what} {got:?}"), details)
}

fn full_error(code: Code) -> Error {
    let details = ErrorDetails {
        reason: "FAULT".into(),
        path: "jobs/0".into(),
        expected: "e".into(),
        got: "g".into(),
        action: "a".into(),
        applied: vec!["a1".into(), "a2".into()],
        failed: vec!["f1".into()],
        unattempted: vec!["u1".into()],
    };
    let message = format!("fault {}: \"quoted\" <&> \u{e9} \u{2028} end", code.name());
    Error::new(code, message, details)
}

fn refusal(text: &str) -> Error {
    let details = ErrorDetails {
        reason: text.into(),
        path: text.into(),
        expected: text.into(),
        got: text.into(),
        action: text.into(),
        applied: vec![text.into()],
        failed: vec![text.into()],
        unattempted: vec![text.into()],
    };
    Error::new(Code::Aborted, text, details)
}

async fn stream(
    context: &Context,
    count: usize,
    pause: Duration,
    events: &Events,
) -> Result<(), Error> {
    for i in 0..count {
        if i > 0 {
            context.wait(pause).await?;
        }
        let kind = ApplyEventKind::Started.into();
        let event = ApplyEvent { kind, op_index: i as i32, ..Default::default() };
        events.send(context, event).await?;
    }
    let kind = ApplyEventKind::Finished.into();
    let counts = Some(Counts::default());
    events.send(context, ApplyEvent { kind, counts, ..Default::default() }).await
}

/// Ends the process once so many ops are done, and their events had time to leave.
async fn exit_after(
    context: &Context,
    store: &Store,
    plan: PlanReply,
    count: usize,
    events: &Events,
) -> Result<(), Error> {
    let (sender, mut own) = Events::channel();
    let counting = async move {
        let mut left = count;
        while let Some(event) = own.recv().await {
            let done = event.kind() == ApplyEventKind::Done;
            events.send(context, event).await?;
            left -= usize::from(done && left > 0);
            if left == 0 {
                sleep(Duration::from_millis(100)).await;
                exit(1);
            }
        }
        Ok(())
    };
    let applying = async move { store.apply(context, plan, &sender).await };
    tokio::try_join!(applying, counting).map(|_| ())
}
