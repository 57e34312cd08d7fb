//! `mailjig serve`: starts a server, prints its endpoints and events, and stops at a signal.

use std::error::Error;
use std::io::{self, Write};
use std::process;

use super::file_limit::raise_file_limit;
use super::hangups::Hangups;
use super::options::Serve;
use super::start::{Started, write};
use super::stop::Stop;
use super::watch::{Format, Watch};
use crate::api::{Api, EndpointsJson};
use crate::drive::{runtime, spawn};

pub(super) fn serve(options: &Serve) -> Result<(), Box<dyn Error>> {
    raise_file_limit();
    let mut stop = Stop::listen()?;
    let parent = options.exit_with_parent.find()?;
    let hangups = options.server.has_certificate_files().then(Hangups::listen).transpose()?;
    let started = Started::new(&options.server)?;
    if let Some(hangups) = hangups {
        spawn(hangups.reload(started.host.clone()));
    }
    let endpoints = EndpointsJson::local(started.server(), started.api.as_ref().map(Api::address));
    let endpoints = serde_json::to_string(&endpoints)?;
    if let Some(path) = &options.ready_file {
        write(path, &format!("{endpoints}\n")).map_err(|why| format!("`--ready-file`: {why}"))?;
    }
    let mut out = io::stdout().lock();
    if options.json {
        writeln!(out, "{endpoints}")?;
    } else {
        introduce(&mut out, &started, options)?;
    }
    out.flush()?;
    drop(out);

    let format = if options.json { Format::Json } else { Format::Text };
    let watch = match options.quiet {
        true => None,
        false => Some(Watch::start(started.server(), options.server.color().stream(io::stdout()), format)?),
    };
    runtime().block_on(stop.next_or_without(parent));
    // A second signal ends the process without waiting for the sessions.
    spawn(async move {
        stop.next().await;
        process::exit(130);
    });
    let server = started.server().clone();
    started.stop();
    if let Some(watch) = watch {
        watch.finish(&server);
    }
    Ok(())
}

fn introduce(out: &mut impl Write, started: &Started, options: &Serve) -> io::Result<()> {
    let (server, api) = (started.server(), started.api.as_ref());
    writeln!(out, "mailjig {}", env!("CARGO_PKG_VERSION"))?;
    for endpoint in server.endpoints() {
        writeln!(out, "  {:<11} {}", endpoint.listener().name(), endpoint.url())?;
    }
    if let Some(api) = api {
        writeln!(out, "  {:<11} {}", "http", api.url())?;
    }
    match (options.server.ca_file(), api) {
        (Some(path), _) => writeln!(out, "CA certificate for TLS clients: {}", path.display())?,
        (None, Some(api)) => writeln!(out, "CA certificate for TLS clients: {}/v1/tls/ca.pem", api.url())?,
        (None, None) => {}
    }
    if let Some(api) = api {
        writeln!(out, "web page: {}", api.url())?;
    }
    if let Some(scenario) = &server.settings().scenario {
        writeln!(out, "scenario: {} — {}", scenario.name, scenario.about)?;
        scenario.warnings.iter().try_for_each(|warning| writeln!(out, "{warning}"))?;
    }
    if let Some(keep) = server.settings().keep {
        writeln!(out, "keeps the last {} messages, at most {} octets", keep.messages, keep.octets)?;
    }
    Ok(())
}
