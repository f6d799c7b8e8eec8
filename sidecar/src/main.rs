//! `stopgate-sidecar`: configuration, wiring, serving, draining.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Arg, Command, value_parser};
use stopgate_sidecar::config::{Config, Events, LogFormat, Overrides, Presence, SettingKey};
use stopgate_sidecar::exit;
use stopgate_sidecar::run::{Failed, Sidecar, StartError, check_owners};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Many small pieces live for one answer, on whichever thread: this costs a sixth less of the processor than glibc's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Whatever this process creates is its own.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let (file, overrides) = command_line();
    let config = match Config::load(&file, &overrides) {
        Ok(config) => config,
        Err(mistakes) => {
            eprint!("{mistakes}");
            return ExitCode::from(exit::USAGE);
        }
    };
    events(config.events);
    match serve(config) {
        Ok(ended) => {
            if let Err(failed) = &ended {
                let causes: Vec<_> = anyhow::Chain::new(failed)
                    .map(ToString::to_string)
                    .collect();
                tracing::error!(error = causes.join(": "), "failed");
            }
            exit::code(&ended)
        }
        Err(error) => {
            tracing::error!(error = %format!("{error:#}"), "not started");
            ExitCode::from(match error.downcast_ref() {
                // Where things lie, and whose they are, is configuration too.
                Some(StartError::MayBeReplaced(_)) => exit::USAGE,
                Some(_) | None => exit::FAILED,
            })
        }
    }
}

/// Reads the command line: returns the path of the file, and what the environment and the flags lay over it. Ends the
/// process when the command line is wrong.
fn command_line() -> (PathBuf, Overrides) {
    let file = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .required(true)
        .value_parser(value_parser!(PathBuf))
        .help("The configuration, sidecar.toml");
    let settings = SettingKey::ALL.iter().map(|key| {
        let default = match key.presence {
            Presence::Required | Presence::Optional => String::new(),
            Presence::Default(default) => format!(" [default: {default}]"),
        };
        Arg::new(key.path())
            .long(key.flag())
            .value_name("TEXT")
            .help(format!(
                "{} ({}){default} [env: {}]",
                key.about,
                key.form,
                key.variable()
            ))
    });
    let matches = Command::new("stopgate-sidecar")
        .version(version())
        .about("Decides every attempt of an agent, records it durably, and only then answers.")
        .arg(file)
        .args(settings)
        .get_matches();
    let flags = SettingKey::ALL.into_iter().filter_map(|key| {
        let value = matches.get_one::<String>(key.path())?;
        Some((key, value.clone()))
    });
    let flags = flags.collect();
    let file = matches
        .get_one::<PathBuf>("config")
        .cloned()
        .unwrap_or_default();
    (
        file,
        Overrides {
            environment: std::env::vars_os().collect(),
            flags,
        },
    )
}

/// Sends events to standard error: ours from `level` on, those of libraries from warnings on.
fn events(Events { format, level }: Events) {
    let ours = Targets::new()
        .with_default(tracing::Level::WARN)
        .with_target("stopgate_sidecar", level);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let subscriber = tracing_subscriber::registry().with(ours);
    match format {
        LogFormat::Text => subscriber
            .with(lines.with_ansi(std::io::stderr().is_terminal()))
            .init(),
        LogFormat::Json => subscriber.with(lines.json()).init(),
    }
}

/// Starts the sidecar and serves until SIGTERM or SIGINT. The outer error says why nothing was started, the inner one
/// why the sidecar failed.
fn serve(config: Config) -> anyhow::Result<Result<(), Failed>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no threads")?;
    let ended = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("no signals")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("no signals")?;
        check_owners(&config).await?;
        let sidecar = Sidecar::start(config).await?;
        let stop = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        anyhow::Ok(sidecar.run(stop).await)
    })?;
    // A failed log means now: nothing that still runs may answer anybody.
    runtime.shutdown_background();
    Ok(ended)
}

/// Returns what `--version` prints: the release, the commit, and the zone data that calendars are read with.
fn version() -> &'static str {
    static VERSION: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        let zone_data = stopgate_decide::calendar::zone_data();
        format!("{}, zone data {zone_data}", env!("BUILT_VERSION"))
    });
    &VERSION
}
