//! `cargo xtask`: the commands of this workspace.

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use xtask::{cli::Cli, exit::Exit, interrupt, output};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let Some(verb) = cli.verb else {
        output::say(Cli::command().render_help());
        return Exit::Ok.into();
    };
    let result = interrupt::watch().and_then(|()| xtask::workspace::find(cli.root));
    match result.and_then(|workspace| verb.run(&workspace)) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            output::warn(format_args!("error: {failure}"));
            failure.exit.into()
        }
    }
}
