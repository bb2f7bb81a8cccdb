//! The launcher finds the program of a domain, and becomes it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const LAUNCHER: &str = env!("CARGO_BIN_EXE_protean");

fn launch(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(LAUNCHER);
    command
        .args(arguments)
        .current_dir(folder)
        .env_remove("PROTEAN_DOMAIN");
    command.envs(variables.iter().copied()).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A program that prints its arguments, and answers 7.
fn script(folder: &TempDir, name: &str) {
    let path = folder.path().join(name);
    std::fs::write(&path, "#!/bin/sh\necho \"$0: $*\"\nexit 7\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_program_on_the_path_gets_all_other_arguments() {
    let folder = tempfile::tempdir().unwrap();
    script(&folder, "shop");
    let path = format!("{}:/bin:/usr/bin", folder.path().display());
    let output = launch(
        folder.path(),
        &["dlq", "--domain", "shop", "inspect", "7", "--json"],
        &[("PATH", &path)],
    );
    assert_eq!(output.status.code(), Some(7));
    assert!(
        text(&output.stdout).ends_with("shop: dlq inspect 7 --json\n"),
        "{output:?}"
    );
    let output = launch(
        folder.path(),
        &["server"],
        &[("PATH", &path), ("PROTEAN_DOMAIN", "shop")],
    );
    assert!(
        text(&output.stdout).ends_with("shop: server\n"),
        "{output:?}"
    );
}

#[test]
fn a_program_of_the_workspace_is_built() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("src")).unwrap();
    let manifest = "[package]\nname = \"shop-of-books\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
        [[bin]]\nname = \"shop\"\npath = \"src/main.rs\"\n\n[workspace]\n";
    std::fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    let program = "fn main() { println!(\"{}\", std::env::args().nth(1).unwrap()); }\n";
    std::fs::write(folder.path().join("src/main.rs"), program).unwrap();
    let below = folder.path().join("src");
    let target = folder.path().join("built");
    let variables = [("CARGO_TARGET_DIR", target.to_str().unwrap())];
    let output = launch(&below, &["server", "--domain=shop"], &variables);
    assert_eq!(text(&output.stdout), "server\n", "{output:?}");
    let output = launch(&below, &["server", "--domain=library"], &variables);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        text(&output.stderr).starts_with("error: [PE0512] expected a program called `library`")
    );

    std::fs::write(
        folder.path().join("src/main.rs"),
        "fn main() { nonsense }\n",
    )
    .unwrap();
    let output = launch(&below, &["server", "--domain=shop"], &variables);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        text(&output.stderr).contains("[PE0515] `cargo build` of `shop` failed"),
        "{output:?}"
    );
}

#[test]
fn help_needs_no_domain_and_anything_else_does() {
    let folder = tempfile::tempdir().unwrap();
    let help = launch(folder.path(), &["--help"], &[]);
    assert!(help.status.success());
    assert!(text(&help.stdout).starts_with("Usage: protean COMMAND --domain NAME"));
    for arguments in [&["server"][..], &[], &["server", "--domain"]] {
        let output = launch(folder.path(), arguments, &[]);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).starts_with("error: expected `--domain NAME`"));
    }
}
