//! `import_vintage_press catalog.csv`: takes the catalog of Vintage Press in, with BULK priority.

use std::process::ExitCode;

use bookshelf::import;
use clap::Parser;

/// Import the catalog of Vintage Press into the bookstore of the current folder, with BULK priority
#[derive(Parser)]
#[command(version)]
struct Program {
    #[command(flatten)]
    import: import::Arguments,
}

fn main() -> ExitCode {
    import::run_program(&Program::parse().import)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        super::Program::command().debug_assert();
    }
}
