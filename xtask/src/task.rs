//! Which task the command line asks for.

/// What `cargo xtask help` prints.
pub(crate) const HELP: &str = "\
Usage: cargo xtask TASK

  test [FILTER…]         everything a change has to pass: packages, lint, Python, release build,
                         tests; with filters, only the tests whose name contains one of them
                         are run
  lint                   rustfmt, clippy and tidy
  tidy                   the project's own rules on its files
  bench NAME [-- ARG…]   one benchmark, in release mode
  simulate [OPTION…]     random schedules in simulated time, 10,000 of them, in release mode;
                         --schedules N for another number, --seed S for the first one, or for
                         that one alone
  fuzz [--seconds N] [--seed S]
                         files made at random against the readers of the import, for a minute,
                         in release mode
  help                   this text";

/// A task and its arguments.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Test {
        filters: Vec<String>,
    },
    Lint,
    Tidy,
    Bench {
        name: Option<String>,
        args: Vec<String>,
    },
    Simulate {
        args: Vec<String>,
    },
    Fuzz {
        seconds: u64,
        seed: u64,
    },
    Help,
}

/// Reads the arguments that follow `cargo xtask`.
///
/// # Errors
/// A sentence that says which argument was not expected.
pub(crate) fn parse(args: impl IntoIterator<Item = String>) -> Result<Task, String> {
    let mut args = args.into_iter();
    let Some(task) = args.next() else {
        return Err("expected the name of a task, found nothing".to_owned());
    };
    let rest: Vec<String> = args.collect();
    match task.as_str() {
        "test" => test(rest),
        "lint" => alone(&task, &rest, Task::Lint),
        "tidy" => alone(&task, &rest, Task::Tidy),
        "bench" => bench(rest),
        "simulate" => Ok(Task::Simulate { args: rest }),
        "fuzz" => fuzz(rest),
        "help" | "--help" | "-h" => Ok(Task::Help),
        unknown => Err(format!("expected the name of a task, found `{unknown}`")),
    }
}

fn test(rest: Vec<String>) -> Result<Task, String> {
    match rest.iter().find(|filter| filter.starts_with('-')) {
        Some(option) => Err(format!(
            "expected a part of a test's name, found `{option}`"
        )),
        None => Ok(Task::Test { filters: rest }),
    }
}

fn bench(mut rest: Vec<String>) -> Result<Task, String> {
    let args = match rest.iter().position(|arg| arg == "--") {
        Some(at) => rest.split_off(at).split_off(1),
        None => Vec::new(),
    };
    match rest.as_slice() {
        [] => Ok(Task::Bench { name: None, args }),
        [name] => Ok(Task::Bench {
            name: Some(name.clone()),
            args,
        }),
        [_, extra, ..] => Err(format!(
            "expected `--` before the benchmark's arguments, found `{extra}`"
        )),
    }
}

fn fuzz(rest: Vec<String>) -> Result<Task, String> {
    /// Long enough for some hundred thousand files.
    const SECONDS: u64 = 60;
    let (mut seconds, mut seed) = (SECONDS, 1);
    let mut rest = rest.into_iter();
    while let Some(option) = rest.next() {
        let value = rest.next().unwrap_or_default();
        let number = value
            .parse()
            .map_err(|_| format!("expected a number after `{option}`, found `{value}`"));
        match option.as_str() {
            "--seconds" => seconds = number?,
            "--seed" => seed = number?,
            _ => {
                return Err(format!(
                    "expected `--seconds` or `--seed`, found `{option}`"
                ));
            }
        }
    }
    Ok(Task::Fuzz { seconds, seed })
}

fn alone(name: &str, rest: &[String], task: Task) -> Result<Task, String> {
    match rest.first() {
        Some(extra) => Err(format!("expected nothing after `{name}`, found `{extra}`")),
        None => Ok(task),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Task, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn tests_take_filters_and_nothing_else() {
        let filters = vec!["lane".to_owned(), "outbox".to_owned()];
        assert_eq!(
            parsed("test"),
            Ok(Task::Test {
                filters: Vec::new()
            })
        );
        assert_eq!(parsed("test lane outbox"), Ok(Task::Test { filters }));
        assert!(
            parsed("test --release")
                .unwrap_err()
                .contains("`--release`")
        );
    }

    #[test]
    fn a_benchmark_gets_what_follows_the_two_dashes() {
        let name = Some("lanes".to_owned());
        let args = vec!["--rows".to_owned(), "--".to_owned(), "5".to_owned()];
        assert_eq!(
            parsed("bench lanes -- --rows -- 5"),
            Ok(Task::Bench { name, args })
        );
        assert_eq!(
            parsed("bench"),
            Ok(Task::Bench {
                name: None,
                args: Vec::new()
            })
        );
        assert!(parsed("bench lanes 5").unwrap_err().contains("found `5`"));
    }

    #[test]
    fn the_simulation_reads_its_own_options() {
        let args = vec!["--seed".to_owned(), "7".to_owned()];
        assert_eq!(parsed("simulate --seed 7"), Ok(Task::Simulate { args }));
    }

    #[test]
    fn files_are_made_at_random_for_a_minute_or_as_long_as_is_said() {
        let fuzz = |seconds, seed| Ok(Task::Fuzz { seconds, seed });
        assert_eq!(parsed("fuzz"), fuzz(60, 1));
        assert_eq!(parsed("fuzz --seed 7 --seconds 5"), fuzz(5, 7));
        assert!(parsed("fuzz --seconds").unwrap_err().contains("a number"));
        assert!(parsed("fuzz hard").unwrap_err().contains("`hard`"));
    }

    #[test]
    fn an_argument_that_is_not_known_is_named() {
        assert!(parsed("").unwrap_err().contains("found nothing"));
        assert!(parsed("deploy").unwrap_err().contains("`deploy`"));
        assert!(parsed("lint now").unwrap_err().contains("`now`"));
        assert_eq!(parsed("--help"), Ok(Task::Help));
    }
}
